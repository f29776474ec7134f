//! Predictions of a step, and the figures they are measured by.

use super::Cloud;
use crate::transport::{ExactOptions, Metric, wasserstein1, wasserstein2};
use crate::{Result, Task};
use serde::Serialize;

/// The distance that is printed beside the verdict, exact and not regularised.
pub(super) fn between(metric: Metric, x: &Cloud, y: &Cloud, task: Task) -> Result<f64> {
    let options =
        ExactOptions { source_weights: Some(x.weights.view()), target_weights: Some(y.weights.view()), task };
    match metric {
        Metric::W1 => wasserstein1(x.x.view(), y.x.view(), &options),
        _ => wasserstein2(x.x.view(), y.x.view(), &options),
    }
}

/// One figure for every prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Predictions<T = f64> {
    /// Another sample of the truth: no prediction can be expected below it.
    pub floor: T,
    /// The particles stay where they were.
    pub persistence: T,
    /// The affine map between Gaussians.
    pub affine: T,
    /// McCann interpolation between the neighbouring snapshots; for held-out times only.
    pub ot_interpolation: Option<T>,
    /// The fitted energy, from the snapshot before; none where particles are lost.
    pub fit: Option<T>,
    /// The fitted energy, from the first snapshot; none where particles are lost.
    pub cumulative: Option<T>,
    /// The affine maps one after the other, from the first snapshot.
    pub cumulative_affine: T,
}

impl<T> Predictions<T> {
    pub(super) fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> Predictions<U> {
        Predictions {
            floor: f(&self.floor),
            persistence: f(&self.persistence),
            affine: f(&self.affine),
            ot_interpolation: self.ot_interpolation.as_ref().map(&mut f),
            fit: self.fit.as_ref().map(&mut f),
            cumulative: self.cumulative.as_ref().map(&mut f),
            cumulative_affine: f(&self.cumulative_affine),
        }
    }
}

impl Predictions<Option<f64>> {
    /// All of them, or none.
    pub(super) fn known(&self) -> Option<Predictions> {
        let mut all = true;
        let values = self.map(|value| {
            value.unwrap_or_else(|| {
                all = false;
                0.0
            })
        });
        all.then_some(values)
    }
}

impl Predictions {
    pub(super) fn each(all: &[Predictions], combine: impl Fn(&[f64]) -> f64) -> Predictions {
        let field = |f: &dyn Fn(&Predictions) -> f64| combine(&all.iter().map(f).collect::<Vec<_>>());
        let known = |f: &dyn Fn(&Predictions) -> Option<f64>| {
            let values: Option<Vec<f64>> = all.iter().map(f).collect();
            values.map(|values| combine(&values))
        };
        Predictions {
            floor: field(&|d| d.floor),
            persistence: field(&|d| d.persistence),
            affine: field(&|d| d.affine),
            ot_interpolation: known(&|d| d.ot_interpolation),
            fit: known(&|d| d.fit),
            cumulative: known(&|d| d.cumulative),
            cumulative_affine: field(&|d| d.cumulative_affine),
        }
    }

    pub(super) fn mean<'a>(all: impl Iterator<Item = &'a Predictions>) -> Predictions {
        Predictions::each(&all.copied().collect::<Vec<_>>(), average)
    }

    pub(super) fn mean_known(all: impl Iterator<Item = Option<Predictions>>) -> Option<Predictions> {
        let all: Option<Vec<Predictions>> = all.collect();
        all.map(|all| Predictions::each(&all, average))
    }
}

/// One step that was predicted: means over all seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Time that particles start at.
    pub from: f64,
    /// Time that they are compared at.
    pub to: f64,
    /// Distances there, by the metric.
    #[serde(flatten)]
    pub distances: Predictions,
    /// Debiased energy distances U there, in the units of the data; none where a snapshot has fewer than
    /// three held-out particles.
    pub energy_distance: Option<Predictions>,
    /// Spread of the moved particles, in that of those seen; none where these have none.
    pub spread: Option<Predictions>,
}

/// The roll-out of all particles of the first time, in-sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RollOut {
    /// Time that they are moved to.
    pub to: f64,
    /// Distance there of the particles moved by the energy; none where some are lost.
    pub fit: Option<f64>,
    /// Distance of those moved by affine maps one after the other.
    pub affine: f64,
}

/// A prediction by the fit that has no number, because particles are lost on their way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lost {
    /// `fit`, `cumulative` or `roll_out`.
    pub prediction: &'static str,
    /// Seed of the split.
    pub seed: u64,
    /// Time that particles start at.
    pub from: f64,
    /// Time that they do not reach.
    pub to: f64,
    /// How many do not.
    pub particles: usize,
    /// In words.
    pub reason: String,
}

pub(super) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
