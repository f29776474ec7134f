//! Moving particles by a fitted energy.

use super::energy::BLOCK;
use super::{Cloud, Energy, Scheme};
use crate::options::options;
use crate::sampling::Noise;
use crate::{Error, Limits, Result, Task};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

/// Iterations that an implicit step may take.
const ITERATIONS: usize = 500;

options! {
    /// Options of [`predict`].
    "population predict" => pub struct PredictOptions {
        /// Time of the particles; that of the first snapshot unless given
        #[alias("start" => "")]
        pub at: Option<f64> = None,
        /// Increasing times to move them to; that of the snapshot after their time unless given
        pub times: Option<Vec<f64>> = None,
        /// Steps per interval between snapshots; unless given 1 for explicit and implicit, which step
        /// from snapshot to snapshot, and 10 for midpoint and weak
        pub steps_per_interval: Option<usize> = None,
        /// The temperature moves particles at random; without it they follow the drift alone
        pub noise: bool = true,
        /// Seed of the noise
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

impl PredictOptions {
    /// The options with every time settled by those of an energy.
    pub fn settle(&self, energy: &Energy) -> PredictOptions {
        let at = self.at.unwrap_or(energy.times[0]);
        let next = energy.times.iter().copied().find(|&t| t > at);
        let times = self.times.clone().or(next.map(|next| vec![next]));
        PredictOptions { at: Some(at), times, ..self.clone() }
    }
}

/// Where a cloud of particles seen at time `at` is at later times: its points `[n, d]` at each of them.
///
/// ```text
/// explicit         x ← x + h v(t, x)                          one step per interval
/// implicit         y = x + h v(t + h, y), by fixed point      one step per interval
/// midpoint, weak   Runge–Kutta of fourth order in x' = v      ten steps per interval
/// temperature      x ← x + √(2θh) z after each step
/// ```
///
/// The population that interacts is the moving one. Steps end at snapshot times, so that a
/// potential per interval is not crossed. Same bits at any number of threads.
///
/// # Errors
/// Times that do not increase from `from`, that the energy does not cover or that are more than
/// [`Limits::STEPS`] steps away, clouds beyond [`Limits::MEMORY`], bad points or weights,
/// a negative temperature with noise, a step that does not converge or leaves the range of numbers,
/// an interruption.
///
/// ```
/// use fokker::basis::{Features, Monomials, Part};
/// use fokker::{Task, population::*};
/// use ndarray::array;
/// // V = x²: x' = −2x.
/// let square = vec![Part::Monomials(Monomials::new(1, &[vec![2]])?)];
/// let potential = PotentialTerm {
///     features: Features::new(array![0.0], 1.0, square)?,
///     time: TimeBasis::Constant,
///     coefficients: array![[1.0]],
/// };
/// let energy = Energy {
///     times: vec![0.0, 0.25],
///     scheme: Scheme::Explicit,
///     potential: Some(potential),
///     interaction: None,
///     temperature: None,
///     dim: 1,
///     receipt: None,
/// };
/// let options = PredictOptions { times: Some(vec![0.25, 0.5]), ..Default::default() };
/// let clouds = predict(&energy, &Cloud::new(array![[8.0]], None)?, &options, Task::silent())?;
/// assert_eq!(clouds, [array![[4.0]], array![[2.0]]]);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn predict(
    energy: &Energy,
    cloud: &Cloud,
    options: &PredictOptions,
    task: Task,
) -> Result<Vec<Array2<f64>>> {
    match follow(energy, cloud, options, task)? {
        (clouds, None) => Ok(clouds),
        (_, Some(loss)) => Err(Error::Numerical { what: "the prediction", reason: loss.reason }),
    }
}

/// Particles that do not arrive, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Loss {
    pub particles: usize,
    pub reason: String,
}

/// [`predict`], with the clouds of the times that are reached before particles are lost.
pub(super) fn follow(
    energy: &Energy,
    cloud: &Cloud,
    options: &PredictOptions,
    task: Task,
) -> Result<(Vec<Array2<f64>>, Option<Loss>)> {
    let options = &options.settle(energy);
    let (from, times) = (options.at.unwrap_or(energy.times[0]), options.times.as_deref().unwrap_or(&[]));
    check(energy, cloud.x.view(), from, times, options)?;
    let steps = plan(energy, from, times, options.steps_per_interval)?;
    let mut walk = Walk { energy, weights: &cloud.weights, x: cloud.x.clone(), step: 0, options };
    let mut clouds = Vec::with_capacity(times.len());
    for (done, &(t, h, arrives)) in steps.iter().enumerate() {
        if let Err(loss) = walk.advance(t, h) {
            return Ok((clouds, Some(loss)));
        }
        task.tick("predicting", done + 1, steps.len())?;
        if arrives {
            clouds.push(walk.x.clone());
        }
    }
    Ok((clouds, None))
}

fn check(
    energy: &Energy,
    x: ArrayView2<f64>,
    from: f64,
    times: &[f64],
    options: &PredictOptions,
) -> Result<()> {
    if x.is_empty() {
        return Err(Error::Empty { name: "points" });
    }
    energy.check_points(x)?;
    energy.check_time(from)?;
    if times.is_empty() {
        return Err(Error::Empty { name: "times" });
    }
    Limits::rows("particles at all times", x.nrows().saturating_mul(times.len()), x.ncols())?;
    let mut before = from;
    for (i, &t) in times.iter().enumerate() {
        energy.check_time(t)?;
        if t <= before {
            let requirement = "increasing, and after the time of the particles";
            return Err(Error::Entry { name: "times", requirement, index: vec![i], found: t });
        }
        before = t;
    }
    if options.steps_per_interval == Some(0) {
        return Err(Error::Argument {
            name: "steps_per_interval",
            requirement: "at least 1".into(),
            found: 0.0,
        });
    }
    match energy.temperature {
        Some(theta) if theta < 0.0 && options.noise => Err(Error::Undefined {
            what: "the prediction",
            reason: format!("the fitted temperature is {theta:.4}, and no noise has a negative variance"),
            remedy: "predict without noise, or fit without an internal energy",
        }),
        _ => Ok(()),
    }
}

/// Starts and lengths of all steps, and whether one ends at a time that was asked for.
fn plan(energy: &Energy, from: f64, times: &[f64], steps: Option<usize>) -> Result<Vec<(f64, f64, bool)>> {
    let per_interval = steps.unwrap_or(match energy.scheme {
        Scheme::Explicit | Scheme::Implicit => 1,
        Scheme::Midpoint | Scheme::Weak => 10,
    });
    let last = times[times.len() - 1];
    let mut stops: Vec<f64> = energy.times.iter().copied().filter(|&t| from < t && t < last).collect();
    stops.extend_from_slice(times);
    stops.sort_by(f64::total_cmp);
    stops.dedup();
    let mut planned = Vec::new();
    let mut t = from;
    for stop in stops {
        // A part of an interval takes its share of the steps, rounded up.
        let i = energy.times.partition_point(|&start| start <= t).clamp(1, energy.times.len() - 1);
        let interval = energy.times[i] - energy.times[i - 1];
        let share = (stop - t) / interval * per_interval as f64;
        // Rounding must not make 1.0000000000000002 intervals two steps.
        let count = (share * (1.0 - 1e-12)).ceil().max(1.0);
        // More would be a mistaken time or unit.
        if planned.len() as f64 + count > Limits::STEPS as f64 {
            let reason =
                format!("to time {stop} it takes {count:.1e} steps, and {} are the most", Limits::STEPS);
            let remedy = "predict to earlier times, or take fewer steps per interval";
            return Err(Error::Undefined { what: "the prediction", reason, remedy });
        }
        let h = (stop - t) / count;
        for k in 0..count as usize {
            planned.push((t + k as f64 * h, h, k + 1 == count as usize && times.contains(&stop)));
        }
        t = stop;
    }
    Ok(planned)
}

/// Particles on their way.
struct Walk<'a> {
    energy: &'a Energy,
    weights: &'a Array1<f64>,
    x: Array2<f64>,
    step: u32,
    options: &'a PredictOptions,
}

impl Walk<'_> {
    fn velocity(&self, t: f64, x: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(x.dim());
        self.energy.velocity_into(t, x.view(), x.view(), self.weights.view(), out.view_mut());
        out
    }

    fn advance(&mut self, t: f64, h: f64) -> std::result::Result<(), Loss> {
        // A potential per interval is that of the interval stepped over, at its end too.
        let inside = t + 0.5 * h;
        let at = |time: f64| match self.energy.potential.as_ref().map(|term| term.time) {
            Some(super::TimeBasis::Interval) => inside,
            _ => time,
        };
        self.x = match self.energy.scheme {
            Scheme::Explicit => &self.x + &(self.velocity(at(t), &self.x) * h),
            Scheme::Implicit => self.implicit(at(t + h), h)?,
            Scheme::Midpoint | Scheme::Weak => {
                let k1 = self.velocity(at(t), &self.x);
                let k2 = self.velocity(at(inside), &(&self.x + &(&k1 * (0.5 * h))));
                let k3 = self.velocity(at(inside), &(&self.x + &(&k2 * (0.5 * h))));
                let k4 = self.velocity(at(t + h), &(&self.x + &(&k3 * h)));
                &self.x + &((k1 + 2.0 * k2 + 2.0 * k3 + k4) * (h / 6.0))
            }
        };
        self.step += 1;
        if let Some(theta) = self.energy.temperature.filter(|_| self.options.noise) {
            self.diffuse((2.0 * theta * h).sqrt());
        }
        let particles = rows(&self.x, |x| !x.is_finite());
        if particles == 0 {
            return Ok(());
        }
        let reason = format!(
            "{particles} of {} particles leave the range of numbers after time {t}; take more steps per interval",
            self.x.nrows()
        );
        Err(Loss { particles, reason })
    }

    /// y = x + h v(y), by fixed-point iteration.
    fn implicit(&self, t: f64, h: f64) -> std::result::Result<Array2<f64>, Loss> {
        let mut y = &self.x + &(self.velocity(t, &self.x) * h);
        let scale = self.x.iter().fold(1e-300, |scale: f64, x| scale.max(x.abs()));
        let mut moved = Array2::zeros(y.dim());
        let mut change = f64::INFINITY;
        for _ in 0..ITERATIONS {
            let next = &self.x + &(self.velocity(t, &y) * h);
            moved = &next - &y;
            change = moved.iter().fold(0.0, |most: f64, moved| most.max(moved.abs()));
            y = next;
            if !(change > 1e-12 * scale && change.is_finite()) {
                break;
            }
        }
        if change <= 1e-12 * scale {
            return Ok(y);
        }
        let particles = rows(&moved, |moved| moved.is_nan() || moved.abs() > 1e-12 * scale);
        let how = match change.is_finite() {
            true => format!("still move by up to {change:.1e} after {ITERATIONS} iterations"),
            false => "leave the range of numbers in iterations".to_owned(),
        };
        let reason = format!(
            "{particles} of {} particles {how} of an implicit step of {h}; take more steps per interval",
            y.nrows()
        );
        Err(Loss { particles, reason })
    }

    fn diffuse(&mut self, scale: f64) {
        let noise = Noise { seed: self.options.seed };
        let dim = self.x.ncols();
        let mut normals = vec![Array2::zeros((BLOCK, dim))];
        for (i, mut block) in self.x.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
            noise.fill(self.step, i as u32, &mut normals);
            let rows = Slice::from(..block.nrows());
            block.scaled_add(scale, &normals[0].slice_axis(Axis(0), rows));
        }
    }
}

/// How many rows have such an entry.
pub(super) fn rows(x: &Array2<f64>, such: impl Fn(f64) -> bool) -> usize {
    x.rows().into_iter().filter(|row| row.iter().any(|&x| such(x))).count()
}
