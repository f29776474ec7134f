//! Honest validation: held-out particles and held-out times, beside what needs no energy.

use super::baselines::{AffineMap, interpolate};
use super::{
    Chosen, Cloud, Energy, FitOptions, PredictOptions, Snapshots, fit, predict, split, split_snapshots,
};
use crate::transport::{ExactOptions, wasserstein1, wasserstein2};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};
use std::str::FromStr;

/// What is held out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HoldOut {
    /// This share of the particles of every snapshot.
    Cells(f64),
    /// Each inner snapshot in turn, whole.
    Time,
}

impl FromStr for HoldOut {
    type Err = Error;

    /// `cells:0.4` or `time`.
    fn from_str(text: &str) -> Result<Self> {
        let share = text.strip_prefix("cells:").and_then(|word| word.parse().ok());
        match (text, share.filter(|share: &f64| *share > 0.0 && *share < 1.0)) {
            ("time", _) => Ok(HoldOut::Time),
            (_, Some(share)) => Ok(HoldOut::Cells(share)),
            _ => Err(Error::Name {
                what: "what to hold out",
                found: text.to_owned(),
                known: "cells:SHARE (between 0 and 1), time".into(),
            }),
        }
    }
}

/// Distance that predictions are judged by, exact and not regularised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// W₁.
    W1,
    /// W₂.
    W2,
}

impl Metric {
    fn between(self, x: &Cloud, y: &Cloud) -> Result<f64> {
        let options = ExactOptions {
            source_weights: Some(x.weights.view()),
            target_weights: Some(y.weights.view()),
            ..Default::default()
        };
        match self {
            Metric::W1 => wasserstein1(x.x.view(), y.x.view(), &options),
            Metric::W2 => wasserstein2(x.x.view(), y.x.view(), &options),
        }
    }
}

/// Options of [`validate`].
#[derive(Clone)]
pub struct ValidateOptions<'a> {
    /// What is held out.
    pub hold_out: HoldOut,
    /// Number of repeats, each with a seed of its own from `fit.seed` on.
    pub seeds: usize,
    /// Distance.
    pub metric: Metric,
    /// How energies are fitted, on what is not held out.
    pub fit: FitOptions<'a>,
}

impl Default for ValidateOptions<'_> {
    fn default() -> Self {
        ValidateOptions {
            hold_out: HoldOut::Cells(0.4),
            seeds: 3,
            metric: Metric::W1,
            fit: FitOptions::default(),
        }
    }
}

/// Distances at one step, in the user's units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distances {
    /// Two samples of the truth against one another: no prediction can be expected below it.
    pub floor: f64,
    /// The particles stay where they were.
    pub persistence: f64,
    /// The affine map between Gaussians.
    pub affine: f64,
    /// McCann interpolation between the neighbouring snapshots; for held-out times only.
    pub ot_interpolation: Option<f64>,
    /// The fitted energy, from the snapshot before.
    pub fit: f64,
    /// The fitted energy, from the first snapshot.
    pub cumulative: f64,
}

impl Distances {
    fn each(all: &[Distances], combine: impl Fn(&[f64]) -> f64) -> Distances {
        let field = |f: &dyn Fn(&Distances) -> f64| combine(&all.iter().map(f).collect::<Vec<_>>());
        let interpolations: Option<Vec<f64>> = all.iter().map(|d| d.ot_interpolation).collect();
        Distances {
            floor: field(&|d| d.floor),
            persistence: field(&|d| d.persistence),
            affine: field(&|d| d.affine),
            ot_interpolation: interpolations.map(|values| combine(&values)),
            fit: field(&|d| d.fit),
            cumulative: field(&|d| d.cumulative),
        }
    }
}

/// One step that was predicted: the mean over all seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Time that particles start at.
    pub from: f64,
    /// Time that they are compared at.
    pub to: f64,
    /// Distances there.
    pub distances: Distances,
}

/// How well an energy predicts what it has not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Every step.
    pub steps: Vec<Step>,
    /// Mean over steps and seeds.
    pub mean: Distances,
    /// Standard deviation over seeds of the mean over steps; zero for one seed.
    pub sd: Distances,
    /// What was chosen in each fit, inside what it was given.
    pub chosen: Vec<Chosen>,
    /// In-sample, as papers print it: all particles of the first time moved to each later one by
    /// the energy fitted to everything, `(time, distance)`.
    pub roll_out: Vec<(f64, f64)>,
}

/// Validates fits by particles or times that they have not seen.
///
/// With F the particles that are fitted to and H those held out, at every interval t → t + 1:
///
/// ```text
///                      held-out particles                 held-out time t
/// fit                  H_t moved one step, to H_{t+1}      μ_{t−1} moved to t, to μ_t
/// cumulative           H_0 moved to t + 1, to H_{t+1}      μ_0 moved to t, to μ_t
/// floor                F_{t+1} to H_{t+1}                  halves of μ_t
/// persistence          H_t to H_{t+1}                      μ_{t−1} to μ_t
/// affine               Gaussian map F_t → F_{t+1} on H_t   Gaussian geodesic from t − 1 to t + 1 at t
/// ot_interpolation     none                                McCann along the coupling t − 1 → t + 1
/// ```
///
/// Everything learned from data is learned from F alone: centres, scales, couplings, and every
/// choice of scheme, features and ridge, by a further split inside F. H is read once.
///
/// # Errors
/// As [`fit`](super::fit()) and [`predict`]; no seed; a share that leaves no particle on a side;
/// fewer than three snapshots to hold a time out.
pub fn validate(snapshots: &Snapshots, options: &ValidateOptions) -> Result<Validation> {
    if options.seeds == 0 {
        return Err(Error::Argument { name: "seeds", requirement: "at least 1".into(), found: 0.0 });
    }
    let mut runs = Vec::with_capacity(options.seeds);
    for repeat in 0..options.seeds {
        if options.fit.monitor.progress("seeds", repeat, options.seeds).is_break() {
            return Err(Error::Interrupted);
        }
        let seed = options.fit.seed.wrapping_add(repeat as u64);
        let run = Run { snapshots, metric: options.metric, fit: FitOptions { seed, ..options.fit.clone() } };
        runs.push(match options.hold_out {
            HoldOut::Cells(share) => run.cells(share)?,
            HoldOut::Time => run.times()?,
        });
    }
    let by_step = |i: usize| runs.iter().map(|run| run.steps[i].distances).collect::<Vec<_>>();
    let steps: Vec<Step> = (0..runs[0].steps.len())
        .map(|i| Step { distances: Distances::each(&by_step(i), average), ..runs[0].steps[i] })
        .collect();
    let means: Vec<Distances> = runs
        .iter()
        .map(|run| Distances::each(&run.steps.iter().map(|step| step.distances).collect::<Vec<_>>(), average))
        .collect();
    Ok(Validation {
        mean: Distances::each(&means, average),
        sd: Distances::each(&means, deviation),
        roll_out: roll_out(snapshots, options, &runs[0].chosen[0])?,
        chosen: runs.into_iter().flat_map(|run| run.chosen).collect(),
        steps,
    })
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation with divisor n − 1; zero for one value.
fn deviation(values: &[f64]) -> f64 {
    let mean = average(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if values.len() > 1 { (squares / (values.len() - 1) as f64).sqrt() } else { 0.0 }
}

/// The steps and choices of one seed.
struct Outcome {
    steps: Vec<Step>,
    chosen: Vec<Chosen>,
}

struct Run<'a> {
    snapshots: &'a Snapshots,
    metric: Metric,
    fit: FitOptions<'a>,
}

impl Run<'_> {
    fn cells(&self, share: f64) -> Result<Outcome> {
        let (kept, held) = split_snapshots(self.snapshots, share, self.fit.seed)?;
        let fitted = fit(&kept, &self.fit)?;
        let times = self.snapshots.times();
        let rolled = move_to(&fitted.energy, &held.clouds()[0], times[0], &times[1..], self.fit.seed)?;
        let step = |i: usize| -> Result<Step> {
            let (from, to) = (&held.clouds()[i], &held.clouds()[i + 1]);
            let moved = move_to(&fitted.energy, from, times[i], &times[i + 1..i + 2], self.fit.seed)?;
            let map = AffineMap::between(&kept.clouds()[i], &kept.clouds()[i + 1])?;
            let distance = |cloud: &Cloud| self.metric.between(cloud, to);
            let distances = Distances {
                floor: distance(&kept.clouds()[i + 1])?,
                persistence: distance(from)?,
                affine: distance(&with_points(from, map.apply(&from.x, 1.0)))?,
                ot_interpolation: None,
                fit: distance(&moved[0])?,
                cumulative: distance(&rolled[i])?,
            };
            Ok(Step { from: times[i], to: times[i + 1], distances })
        };
        let steps = self.all(self.snapshots.intervals(), step)?;
        Ok(Outcome { steps, chosen: vec![fitted.chosen] })
    }

    fn times(&self) -> Result<Outcome> {
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
        let steps = self.all(count - 2, |i| {
            let (step, choice) = self.time(i + 1)?;
            chosen.push(choice);
            Ok(step)
        })?;
        Ok(Outcome { steps, chosen })
    }

    /// The snapshot at index `t` held out.
    fn time(&self, t: usize) -> Result<(Step, Chosen)> {
        let (times, clouds) = (self.snapshots.times(), self.snapshots.clouds());
        let fitted = fit(&self.snapshots.without(t)?, &self.fit)?;
        let (before, truth, after) = (&clouds[t - 1], &clouds[t], &clouds[t + 1]);
        let target = &times[t..t + 1];
        let moved = move_to(&fitted.energy, before, times[t - 1], target, self.fit.seed)?;
        let rolled = move_to(&fitted.energy, &clouds[0], times[0], target, self.fit.seed)?;
        let share = (times[t] - times[t - 1]) / (times[t + 1] - times[t - 1]);
        let map = AffineMap::between(before, after)?;
        let (first, second) = split(truth.len(), 0.5, self.fit.seed)?;
        let distance = |cloud: &Cloud| self.metric.between(cloud, truth);
        let distances = Distances {
            floor: self.metric.between(&truth.select(&first)?, &truth.select(&second)?)?,
            persistence: distance(before)?,
            affine: distance(&with_points(before, map.apply(&before.x, share)))?,
            ot_interpolation: Some(distance(&interpolate(before, after, share)?)?),
            fit: distance(&moved[0])?,
            cumulative: distance(&rolled[0])?,
        };
        Ok((Step { from: times[t - 1], to: times[t], distances }, fitted.chosen))
    }

    /// Steps one after the other, with progress.
    fn all(&self, count: usize, mut step: impl FnMut(usize) -> Result<Step>) -> Result<Vec<Step>> {
        let mut steps = Vec::with_capacity(count);
        for i in 0..count {
            steps.push(step(i)?);
            if self.fit.monitor.progress("validating", i + 1, count).is_break() {
                return Err(Error::Interrupted);
            }
        }
        Ok(steps)
    }
}

/// The cloud moved by the energy to later times. A negative temperature cannot be drawn from, so
/// its particles follow the drift alone.
fn move_to(energy: &Energy, cloud: &Cloud, from: f64, times: &[f64], seed: u64) -> Result<Vec<Cloud>> {
    let options = PredictOptions {
        noise: energy.temperature.is_some_and(|theta| theta > 0.0),
        weights: Some(cloud.weights.view()),
        seed,
        ..Default::default()
    };
    let points = predict(energy, ArrayView2::from(&cloud.x), from, times, &options)?;
    Ok(points.into_iter().map(|x| with_points(cloud, x)).collect())
}

/// The cloud at other places.
fn with_points(cloud: &Cloud, x: Array2<f64>) -> Cloud {
    Cloud { x, weights: cloud.weights.clone(), mass: cloud.mass }
}

/// All particles of the first time moved to each later one by an energy fitted to everything.
fn roll_out(snapshots: &Snapshots, options: &ValidateOptions, chosen: &Chosen) -> Result<Vec<(f64, f64)>> {
    let settled = chosen.settle(&options.fit);
    let energy = fit(snapshots, &settled)?.energy;
    let times = snapshots.times();
    let moved = move_to(&energy, &snapshots.clouds()[0], times[0], &times[1..], options.fit.seed)?;
    let truths = &snapshots.clouds()[1..];
    moved
        .iter()
        .zip(truths)
        .zip(&times[1..])
        .map(|((moved, truth), &time)| Ok((time, options.metric.between(moved, truth)?)))
        .collect()
}
