//! The predictions of one validation, and what each is measured by.

use super::baselines::{AffineMap, interpolate};
use super::predict::{Loss, follow, rows};
use super::predictions::{Lost, Predictions, RollOut, Step, between};
use super::split::sample;
use super::verdict::{Comparison, Difference, Moved, Score, Seen};
use super::{Chosen, Cloud, Energy, FitOptions, PredictOptions, Snapshots, fit, split, split_snapshots};
use crate::transport::Metric;
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, Axis};

/// Coordinates beyond it have distances whose squares are no numbers.
const FARTHEST: f64 = 1e100;

/// Snapshots, how energies are fitted to a part of them, and how the rest is measured.
pub(super) struct Run<'a> {
    pub snapshots: &'a Snapshots,
    pub metric: Metric,
    pub fit: FitOptions,
    pub task: Task<'a>,
}

/// The steps, comparisons and choices of one seed.
pub(super) struct Outcome {
    pub steps: Vec<Step>,
    pub against: Vec<Comparison>,
    pub rolled_out: Comparison,
    pub chosen: Vec<Chosen>,
    pub lost: Vec<Lost>,
}

/// Particles at the time that they were moved to, if none is lost before.
type Arrived = std::result::Result<Array2<f64>, Loss>;

/// Everything measured of one prediction of a step.
struct Measured {
    distance: f64,
    score: Option<Score>,
    spread: Option<f64>,
}

/// One step: indices of the snapshots that it starts and ends at, and all predictions of it.
struct Trial {
    from: usize,
    to: usize,
    measured: Predictions<Measured>,
    lost: Vec<Lost>,
}

/// Picks one of the predictions, where there is it.
type Of = fn(&Predictions<Measured>) -> Option<&Measured>;

impl Trial {
    fn score(&self, of: Of) -> Option<&Score> {
        of(&self.measured).and_then(|one| one.score.as_ref())
    }
}

/// The particles seen at the end of a step.
struct Truth<'a> {
    cloud: &'a Cloud,
    seen: Option<Seen<'a>>,
}

impl Run<'_> {
    /// A share of the particles of every snapshot held out.
    pub(super) fn cells(&self, share: f64) -> Result<Outcome> {
        let (kept, held) = split_snapshots(self.snapshots, share, self.fit.seed)?;
        let fitted = fit(&kept, &self.fit, self.task)?;
        let (times, clouds) = (self.snapshots.times(), held.clouds());
        let first = &clouds[0];
        let rolled = self.moved(&fitted.energy, first, times[0], &times[1..])?;
        let mut chained = first.x.clone();
        let trials = self.all(self.snapshots.intervals(), |i| {
            let (from, to) = (&clouds[i], self.truth(&clouds[i + 1])?);
            let map = AffineMap::between(&kept.clouds()[i], &kept.clouds()[i + 1])?;
            chained = map.apply(&chained, 1.0);
            let step = self.moved(&fitted.energy, from, times[i], &times[i + 1..i + 2])?;
            let other = &kept.clouds()[i + 1];
            let other = other.select(&sample(other.len(), from.len(), self.fit.seed))?;
            let one = |x: &Array2<f64>| self.measure(&Moved::each(with_points(from, x.clone())), from, &to);
            let roll =
                |x: &Array2<f64>| self.measure(&Moved::each(with_points(first, x.clone())), first, &to);
            let mut lost = Vec::new();
            let fit = self.arrived("fit", (i, i + 1), &step[0], &mut lost);
            let cumulative = self.arrived("cumulative", (0, i + 1), &rolled[i], &mut lost);
            let measured = Predictions {
                floor: self.measure(&Moved::each(other.clone()), &other, &to)?,
                persistence: one(&from.x)?,
                affine: one(&map.apply(&from.x, 1.0))?,
                ot_interpolation: None,
                fit: fit.map(one).transpose()?,
                cumulative: cumulative.map(roll).transpose()?,
                cumulative_affine: roll(&chained)?,
            };
            Ok(Trial { from: i, to: i + 1, measured, lost })
        })?;
        Ok(self.outcome(trials, clouds, vec![fitted.chosen]))
    }

    /// Each inner snapshot held out in turn.
    pub(super) fn times(&self) -> Result<Outcome> {
        let count = self.snapshots.times().len();
        if count < 3 {
            let requirement = "at least 3 to hold a time out between two others".into();
            return Err(Error::Argument {
                name: "the number of snapshots",
                requirement,
                found: count as f64,
            });
        }
        let mut chosen = Vec::new();
        let trials = self.all(count - 2, |i| {
            let (trial, choice) = self.time(i + 1)?;
            chosen.push(choice);
            Ok(trial)
        })?;
        Ok(self.outcome(trials, self.snapshots.clouds(), chosen))
    }

    /// The snapshot at index `t` held out.
    fn time(&self, t: usize) -> Result<(Trial, Chosen)> {
        let (times, clouds) = (self.snapshots.times(), self.snapshots.clouds());
        let fitted = fit(&self.snapshots.without(t)?, &self.fit, self.task)?;
        let (first, before, after) = (&clouds[0], &clouds[t - 1], &clouds[t + 1]);
        let to = self.truth(&clouds[t])?;
        let target = &times[t..t + 1];
        let step = self.moved(&fitted.energy, before, times[t - 1], target)?;
        let rolled = self.moved(&fitted.energy, first, times[0], target)?;
        let mut lost = Vec::new();
        let fit = self.arrived("fit", (t - 1, t), &step[0], &mut lost);
        let cumulative = self.arrived("cumulative", (0, t), &rolled[0], &mut lost);
        let share = (times[t] - times[t - 1]) / (times[t + 1] - times[t - 1]);
        let map = AffineMap::between(before, after)?;
        let chained = map.apply(&chain(&clouds[..t])?, share);
        let one = |x: &Array2<f64>| self.measure(&Moved::each(with_points(before, x.clone())), before, &to);
        let roll = |x: &Array2<f64>| self.measure(&Moved::each(with_points(first, x.clone())), first, &to);
        let (between, origins) = interpolate(before, after, share, self.quiet())?;
        let (half, other) = split(to.cloud.len(), 0.5, self.fit.seed)?;
        let (half, other) = (to.cloud.select(&half)?, to.cloud.select(&other)?);
        let measured = Predictions {
            floor: self.measure(&Moved::each(half.clone()), &half, &self.truth(&other)?)?,
            persistence: one(&before.x)?,
            affine: one(&map.apply(&before.x, share))?,
            ot_interpolation: Some(self.measure(
                &Moved { cloud: between, origins: Some(origins) },
                before,
                &to,
            )?),
            fit: fit.map(one).transpose()?,
            cumulative: cumulative.map(roll).transpose()?,
            cumulative_affine: roll(&chained)?,
        };
        Ok((Trial { from: t - 1, to: t, measured, lost }, fitted.chosen))
    }

    /// Steps one after the other, with progress.
    fn all(&self, count: usize, mut trial: impl FnMut(usize) -> Result<Trial>) -> Result<Vec<Trial>> {
        let mut trials = Vec::with_capacity(count);
        for i in 0..count {
            trials.push(trial(i)?);
            self.task.tick("validating", i + 1, count)?;
        }
        Ok(trials)
    }

    fn quiet(&self) -> Task<'_> {
        self.task.within("validating")
    }

    fn truth<'c>(&self, cloud: &'c Cloud) -> Result<Truth<'c>> {
        Ok(Truth { cloud, seen: Seen::new(cloud, self.quiet())? })
    }

    fn measure(&self, moved: &Moved, from: &Cloud, to: &Truth) -> Result<Measured> {
        let quiet = self.quiet();
        let score = to.seen.as_ref().map(|seen| Score::new(moved, &from.weights, seen, quiet));
        let ratio = spread(&moved.cloud) / spread(to.cloud);
        Ok(Measured {
            distance: between(self.metric, &moved.cloud, to.cloud, quiet)?,
            score: score.transpose()?.flatten(),
            spread: Some(ratio).filter(|ratio| ratio.is_finite()),
        })
    }

    /// The cloud's particles moved by the energy to later times. A negative temperature cannot be drawn
    /// from, so its particles follow the drift alone.
    fn moved(&self, energy: &Energy, cloud: &Cloud, from: f64, times: &[f64]) -> Result<Vec<Arrived>> {
        let options = PredictOptions {
            at: Some(from),
            times: Some(times.to_vec()),
            noise: energy.temperature.is_some_and(|theta| theta > 0.0),
            seed: self.fit.seed,
            ..Default::default()
        };
        let (clouds, loss) = follow(energy, cloud, &options, self.quiet())?;
        let mut arrived: Vec<Arrived> = clouds.into_iter().map(within).collect();
        // Who is lost stays lost.
        if let Some(first) = arrived.iter().position(|one| one.is_err()) {
            let loss = arrived[first].clone();
            arrived[first..].fill(loss);
        }
        if let Some(loss) = loss {
            let last = arrived.last().filter(|one| one.is_err()).cloned();
            arrived.resize(times.len(), last.unwrap_or(Err(loss)));
        }
        Ok(arrived)
    }

    /// The particles that the energy moves from one snapshot to another; a row of `lost` where some are.
    fn arrived<'a>(
        &self,
        prediction: &'static str,
        (from, to): (usize, usize),
        arrived: &'a Arrived,
        lost: &mut Vec<Lost>,
    ) -> Option<&'a Array2<f64>> {
        let times = self.snapshots.times();
        let (seed, from, to) = (self.fit.seed, times[from], times[to]);
        let Loss { particles, reason } = match arrived {
            Ok(x) => return Some(x),
            Err(loss) => loss.clone(),
        };
        lost.push(Lost { prediction, seed, from, to, particles, reason });
        None
    }

    fn outcome(&self, trials: Vec<Trial>, clouds: &[Cloud], chosen: Vec<Chosen>) -> Outcome {
        let times = self.snapshots.times();
        let steps = trials.iter().map(|Trial { from, to, measured, .. }| Step {
            from: times[*from],
            to: times[*to],
            distances: measured.map(|one| one.distance),
            energy_distance: measured.map(|one| one.score.as_ref().map(|score| score.value)).known(),
            spread: measured.map(|one| one.spread).known(),
        });
        let baselines: [(&str, Of); 3] = [
            ("persistence", |all| Some(&all.persistence)),
            ("affine", |all| Some(&all.affine)),
            ("ot_interpolation", |all| all.ot_interpolation.as_ref()),
        ];
        let share = 1.0 / trials.len() as f64;
        let compared = |name, fit: Of, baseline: Of, first: Option<usize>| {
            let mut difference = Difference::new(clouds);
            for trial in &trials {
                let roles = (first.unwrap_or(trial.from), trial.to);
                difference.add(roles, share, trial.score(fit), trial.score(baseline));
            }
            let lost = trials.iter().any(|trial| fit(&trial.measured).is_none());
            Comparison { lost, ..difference.compared_with(name, clouds) }
        };
        let there = baselines.into_iter().filter(|(_, of)| of(&trials[0].measured).is_some());
        Outcome {
            steps: steps.collect(),
            against: there.map(|(name, of)| compared(name, |all| all.fit.as_ref(), of, None)).collect(),
            rolled_out: compared(
                "cumulative_affine",
                |all| all.cumulative.as_ref(),
                |all| Some(&all.cumulative_affine),
                Some(0),
            ),
            chosen,
            lost: trials.into_iter().flat_map(|trial| trial.lost).collect(),
        }
    }
}

/// The cloud if distances to it are numbers.
fn within(x: Array2<f64>) -> Arrived {
    let particles = rows(&x, |x| x.abs() > FARTHEST);
    if particles == 0 {
        return Ok(x);
    }
    let reason = format!(
        "{particles} of {} particles are beyond {FARTHEST:e}, where no distance is measured",
        x.nrows()
    );
    Err(Loss { particles, reason })
}

/// The first cloud moved by affine maps to the last, one after the other.
fn chain(clouds: &[Cloud]) -> Result<Array2<f64>> {
    clouds
        .windows(2)
        .try_fold(clouds[0].x.clone(), |x, pair| Ok(AffineMap::between(&pair[0], &pair[1])?.apply(&x, 1.0)))
}

/// The cloud at other places.
fn with_points(cloud: &Cloud, x: Array2<f64>) -> Cloud {
    Cloud { x, weights: cloud.weights.clone(), mass: cloud.mass }
}

/// Root mean square distance from the mean.
fn spread(cloud: &Cloud) -> f64 {
    let mean = cloud.weights.dot(&cloud.x);
    let squares: Array1<f64> = (&cloud.x - &mean).mapv(|e| e * e).sum_axis(Axis(1));
    cloud.weights.dot(&squares).sqrt()
}

/// All particles of the first time moved to each later one by an energy fitted to everything.
pub(super) fn roll_out(run: &Run) -> Result<(Vec<RollOut>, Vec<Lost>)> {
    let energy = fit(run.snapshots, &run.fit, run.task)?.energy;
    let (times, clouds) = (run.snapshots.times(), run.snapshots.clouds());
    let moved = run.moved(&energy, &clouds[0], times[0], &times[1..])?;
    let to_truth = |x: &Array2<f64>, t: usize| {
        between(run.metric, &with_points(&clouds[0], x.clone()), &clouds[t], run.quiet())
    };
    let mut lost = Vec::new();
    let each = moved.iter().zip(1..).map(|(moved, t)| {
        let fit = run.arrived("roll_out", (0, t), moved, &mut lost).map(|x| to_truth(x, t)).transpose()?;
        Ok(RollOut { to: times[t], fit, affine: to_truth(&chain(&clouds[..=t])?, t)? })
    });
    let each = each.collect::<Result<_>>()?;
    Ok((each, lost))
}
