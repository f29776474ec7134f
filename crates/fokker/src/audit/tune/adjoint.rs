//! W₂² of a scheme on one law and its derivative in every time of the grid.
//!
//! ```text
//! forward    g ← A g        μ ← A μ + c                  C ← A C Aᵀ + B Bᵀ      one step, for each eigenvalue
//! end        W₂² = Σ w [(μ − m)² + (√(g² v₀ + C) − √λ)²]
//! backward   ḡ ← Aᵀ ḡ      μ̄ ← Aᵀ μ̄                    C̄ ← Aᵀ C̄ A
//! step       dW₂² = ⟨ḡ gᵀ + μ̄ μᵀ + 2 C̄ A C, dA⟩ + ⟨2 C̄ B, dB⟩ + ⟨μ̄, dc⟩
//! ```
//!
//! g, μ and C are the gain on the start, the mean and the noise covariance of (x, history). dA,
//! dB and dc are central differences of the step's own answers in its end points.

use super::super::continuous::marginal_variance;
use super::super::probe::StepProbe;
use crate::Result;
use crate::audit::Start;
use crate::process::{OrnsteinUhlenbeck as Ou, Schedule, Step};
use crate::sampling::{ReverseProcess, Scheme};
use crate::score::GaussianScore;
use crate::statistics::Gaussian;
use ndarray::{Array1, Array2, ArrayView1, Zip};

/// Half the distance of the central differences, in log σ/α: their error is about 1e-10.
const NUDGE: f64 = 1e-5;

/// A diagonal law whose eigenvalues stand for `weight` equal ones each.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub law: Gaussian,
    pub weight: Array1<f64>,
}

/// A grid as the optimiser sees it: times and which of them may move.
pub(super) struct Path<'a> {
    pub times: &'a [f64],
    /// log σ/α of the times that move, none of those that do not.
    pub positions: &'a [Option<f64>],
}

impl Path<'_> {
    fn step(&self, i: usize) -> Step {
        let steps = self.times.len() - 1;
        Step {
            t: self.times[i],
            s: self.times[i + 1],
            previous: i.checked_sub(1).map(|before| self.times[before]),
            last: i + 1 == steps,
            steps,
        }
    }
}

/// One law, one scheme: what a sweep needs.
pub(super) struct Sweep<'a> {
    pub scheme: &'a dyn Scheme,
    pub schedule: &'a dyn Schedule,
    pub start: Start,
    pub columns: &'a Columns,
}

/// g, μ and C of (x, history): rows are components, columns eigenvalues. μ has no rows when all
/// means are zero, C none when there is no noise.
#[derive(Clone)]
struct State {
    gain: Array2<f64>,
    mean: Array2<f64>,
    noise: Array2<f64>,
}

impl Sweep<'_> {
    /// W₂² after all steps.
    pub fn value(&self, path: &Path) -> Result<f64> {
        let score = GaussianScore::new(&self.columns.law, self.schedule);
        let mut probe = self.probe(&score);
        let start_variance = self.start_variance(path.times[0]);
        let mut state = self.begin(path.times[0]);
        for i in 0..path.times.len() - 1 {
            probe.run(&path.step(i))?;
            state = self.advance(&state, &probe);
        }
        Ok(self.end(&state, &start_variance).0)
    }

    /// W₂² and its derivative in log σ/α of every time that may move (0 for the others).
    pub fn gradient(&self, path: &Path) -> Result<(f64, Vec<f64>)> {
        let score = GaussianScore::new(&self.columns.law, self.schedule);
        let mut probe = self.probe(&score);
        let start_variance = self.start_variance(path.times[0]);
        let mut states = vec![self.begin(path.times[0])];
        for i in 0..path.times.len() - 1 {
            probe.run(&path.step(i))?;
            let next = self.advance(&states[i], &probe);
            states.push(next);
        }
        let (value, mut adjoint) = self.end(&states[states.len() - 1], &start_variance);
        let mut gradient = vec![0.0; path.times.len()];
        for i in (0..path.times.len() - 1).rev() {
            probe.run(&path.step(i))?;
            let weights = self.weights(&adjoint, &states[i], &probe);
            adjoint = self.pull_back(&adjoint, &probe);
            // The step sees its two ends and, with a history, where the step before began.
            let reach = if self.scheme.history() > 0 && i > 0 { i - 1..=i + 1 } else { i..=i + 1 };
            for node in reach {
                if let Some(position) = path.positions[node] {
                    let mut at = |position: f64| {
                        probe.run(&self.moved(path.step(i), node + 1 - i, position))?;
                        Ok::<f64, crate::Error>(weights.dot(&probe))
                    };
                    gradient[node] += (at(position + NUDGE)? - at(position - NUDGE)?) / (2.0 * NUDGE);
                }
            }
        }
        Ok((value, gradient))
    }

    fn probe<'b>(&'b self, score: &'b GaussianScore<'b>) -> StepProbe<'b> {
        let process = ReverseProcess::new(self.schedule, score);
        StepProbe::new(self.scheme, process, self.columns.law.dim(), self.has_mean())
    }

    fn has_mean(&self) -> bool {
        self.columns.law.mean().iter().any(|&m| m != 0.0)
    }

    /// The step with its previous (0), first (1) or last (2) time at another log σ/α.
    fn moved(&self, mut step: Step, which: usize, position: f64) -> Step {
        let time = self.schedule.time_at(Ou::clock_at_noise_ratio(position.exp()));
        match which {
            0 => step.previous = Some(time),
            1 => step.t = time,
            _ => step.s = time,
        }
        step
    }

    fn start_variance(&self, t: f64) -> Array1<f64> {
        match self.start {
            Start::Normal => Array1::ones(self.columns.law.dim()),
            Start::Exact => {
                let clock = self.schedule.clock(t);
                self.columns.law.values().mapv(|value| marginal_variance(value, clock))
            }
        }
    }

    fn zeros(&self) -> State {
        let size = 1 + self.scheme.history();
        let zeros = |used: bool, rows| Array2::zeros((if used { rows } else { 0 }, self.columns.law.dim()));
        State {
            gain: zeros(true, size),
            mean: zeros(self.has_mean(), size),
            noise: zeros(self.scheme.noises() > 0, size * size),
        }
    }

    fn begin(&self, t: f64) -> State {
        let mut state = self.zeros();
        state.gain.row_mut(0).fill(1.0);
        if self.start == Start::Exact && self.has_mean() {
            let alpha = Ou::alpha(self.schedule.clock(t));
            state.mean.row_mut(0).assign(&(self.columns.law.mean() * alpha));
        }
        state
    }

    fn advance(&self, state: &State, probe: &StepProbe) -> State {
        let size = state.gain.nrows();
        let a = |i: usize, j: usize| probe.output(i).row(j);
        let mut next = State {
            gain: product(size, 1, state.gain.ncols(), |i, j, _| (a(i, j), state.gain.row(j))),
            mean: state.mean.clone(),
            noise: state.noise.clone(),
        };
        if self.has_mean() {
            next.mean = product(size, 1, state.gain.ncols(), |i, j, _| (a(i, j), state.mean.row(j)));
            for i in 0..size {
                next.mean.row_mut(i).zip_mut_with(&probe.constant(i), |m, &c| *m += c);
            }
        }
        if probe.noises() > 0 {
            let columns = state.gain.ncols();
            let half = product(size, size, columns, |i, j, l| (a(i, j), state.noise.row(j * size + l)));
            next.noise = product(size, size, columns, |i, j, l| (half.row(i * size + j), a(l, j)));
            for i in 0..size {
                for l in 0..size {
                    for k in 0..probe.noises() {
                        add_product(
                            &mut next.noise,
                            i * size + l,
                            probe.on_noise(i, k),
                            probe.on_noise(l, k),
                        );
                    }
                }
            }
        }
        next
    }

    /// W₂² and its derivatives in g, μ and C.
    fn end(&self, state: &State, start_variance: &Array1<f64>) -> (f64, State) {
        let mut adjoint = self.zeros();
        let mut total = 0.0;
        let law = &self.columns.law;
        let (noisy, has_mean) = (self.scheme.noises() > 0, self.has_mean());
        for k in 0..law.dim() {
            let (gain, weight) = (state.gain[[0, k]], self.columns.weight[k]);
            let noise = if noisy { state.noise[[0, k]] } else { 0.0 };
            let deviation = (gain * gain * start_variance[k] + noise).max(0.0).sqrt();
            let target = law.values()[k].sqrt();
            let shift = if has_mean { state.mean[[0, k]] - law.mean()[k] } else { 0.0 };
            total += weight * (shift * shift + (deviation - target).powi(2));
            // d(√v − √λ)²/dv = 1 − √λ/√v; a deviation of exactly 0 belongs to an eigenvalue 0.
            let slope = if deviation > 0.0 { weight * (1.0 - target / deviation) } else { weight };
            adjoint.gain[[0, k]] = 2.0 * slope * gain * start_variance[k];
            if has_mean {
                adjoint.mean[[0, k]] = 2.0 * weight * shift;
            }
            if noisy {
                adjoint.noise[[0, k]] = slope;
            }
        }
        (total, adjoint)
    }

    fn pull_back(&self, adjoint: &State, probe: &StepProbe) -> State {
        let size = adjoint.gain.nrows();
        let columns = adjoint.gain.ncols();
        let a = |i: usize, j: usize| probe.output(i).row(j);
        let mut out = State {
            gain: product(size, 1, columns, |i, j, _| (a(j, i), adjoint.gain.row(j))),
            mean: adjoint.mean.clone(),
            noise: adjoint.noise.clone(),
        };
        if self.has_mean() {
            out.mean = product(size, 1, columns, |i, j, _| (a(j, i), adjoint.mean.row(j)));
        }
        if probe.noises() > 0 {
            let half = product(size, size, columns, |i, j, l| (a(j, i), adjoint.noise.row(j * size + l)));
            out.noise = product(size, size, columns, |i, j, l| (half.row(i * size + j), a(j, l)));
        }
        out
    }

    /// The linear form of dA, dB and dc that is dW₂² of this step.
    fn weights(&self, adjoint: &State, before: &State, probe: &StepProbe) -> Weights {
        let size = before.gain.nrows();
        let columns = before.gain.ncols();
        let mut on_state = Array2::zeros((size * size, columns));
        for i in 0..size {
            for j in 0..size {
                let row = i * size + j;
                add_product(&mut on_state, row, adjoint.gain.row(i), before.gain.row(j));
                if self.has_mean() {
                    add_product(&mut on_state, row, adjoint.mean.row(i), before.mean.row(j));
                }
            }
        }
        let mut on_noise = Array2::zeros((size * probe.noises(), columns));
        if probe.noises() > 0 {
            let a = |i: usize, j: usize| probe.output(i).row(j);
            let carried = product(size, size, columns, |i, j, l| (a(i, j), before.noise.row(j * size + l)));
            let pulled = product(size, size, columns, |i, j, l| {
                (adjoint.noise.row(i * size + j), carried.row(j * size + l))
            });
            on_state.scaled_add(2.0, &pulled);
            let noises = probe.noises();
            for i in 0..size {
                for k in 0..noises {
                    for j in 0..size {
                        add_product(
                            &mut on_noise,
                            i * noises + k,
                            adjoint.noise.row(i * size + j),
                            probe.on_noise(j, k),
                        );
                    }
                }
            }
            on_noise *= 2.0;
        }
        Weights { on_state, on_noise, on_constant: self.has_mean().then(|| adjoint.mean.clone()) }
    }
}

/// Coefficients of a linear form in a step's answers.
struct Weights {
    on_state: Array2<f64>,
    on_noise: Array2<f64>,
    on_constant: Option<Array2<f64>>,
}

impl Weights {
    fn dot(&self, probe: &StepProbe) -> f64 {
        let size = (self.on_state.nrows() as f64).sqrt() as usize;
        let mut total = 0.0;
        for i in 0..size {
            for j in 0..size {
                total += self.on_state.row(i * size + j).dot(&probe.output(i).row(j));
            }
            for k in 0..probe.noises() {
                total += self.on_noise.row(i * probe.noises() + k).dot(&probe.on_noise(i, k));
            }
            if let Some(weights) = &self.on_constant {
                total += weights.row(i).dot(&probe.constant(i));
            }
        }
        total
    }
}

/// `out[i, l] = Σ_j x y` for each column, with (x, y) = factors(i, j, l); entry (i, l) in row i · width + l.
fn product<'a>(
    size: usize,
    width: usize,
    columns: usize,
    factors: impl Fn(usize, usize, usize) -> (ArrayView1<'a, f64>, ArrayView1<'a, f64>),
) -> Array2<f64> {
    let mut out = Array2::zeros((size * width, columns));
    for i in 0..size {
        for l in 0..width {
            for j in 0..size {
                let (x, y) = factors(i, j, l);
                add_product(&mut out, i * width + l, x, y);
            }
        }
    }
    out
}

fn add_product(out: &mut Array2<f64>, row: usize, x: ArrayView1<f64>, y: ArrayView1<f64>) {
    Zip::from(out.row_mut(row)).and(x).and(y).for_each(|o, &x, &y| *o += x * y);
}
