//! Held-out particles judge an energy: by where it moves them in one step, and whether it keeps them.

use super::{Cloud, Energy, FitOptions, PredictOptions, Snapshots, predict};
use crate::transport::{ExactOptions, wasserstein1};
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

/// Particles of a snapshot that are enough to judge by.
const ENOUGH: usize = 600;

/// Held-out particles.
pub(super) struct Judge {
    held: Snapshots,
    /// Where particles may go, `[d]`: the box of the held-out ones, wider by its size on each side.
    low: Array1<f64>,
    high: Array1<f64>,
}

impl Judge {
    /// Of each cloud the first few: rows are in no order that means anything but for pairs. Equal
    /// numbers of equal weights make the quickest distances.
    pub(super) fn new(held: &Snapshots) -> Result<Self> {
        let smallest = held.clouds().iter().map(Cloud::len).min().unwrap_or(0);
        let rows: Vec<usize> = (0..smallest.min(ENOUGH)).collect();
        let clouds = held.clouds().iter().map(|cloud| cloud.select(&rows)).collect::<Result<_>>()?;
        let pooled = held.pooled();
        let low = pooled.fold_axis(Axis(0), f64::INFINITY, |low, x| low.min(*x));
        let high = pooled.fold_axis(Axis(0), f64::NEG_INFINITY, |high, x| high.max(*x));
        let width = &high - &low;
        let held = Snapshots::new(held.times().to_vec(), clouds)?;
        Ok(Judge { held, low: low - &width, high: high + &width })
    }

    /// A fit that throws particles far out predicts nothing, however good its mean.
    fn holds(&self, cloud: &Array2<f64>) -> bool {
        cloud.rows().into_iter().all(|row| {
            row.iter().zip(&self.low).zip(&self.high).all(|((x, low), high)| low <= x && x <= high)
        })
    }

    /// Whether the particles of the first snapshot stay in place on their way to the last.
    fn holds_on_the_way(&self, energy: &Energy, options: &FitOptions) -> Result<bool> {
        let (first, times) = (&self.held.clouds()[0], self.held.times());
        let settings = settings(energy, times, options);
        match predict(energy, first, &settings, Task::silent()) {
            Err(Error::Numerical { .. }) => Ok(false),
            clouds => Ok(clouds?.iter().all(|cloud| self.holds(cloud))),
        }
    }

    /// Mean W₁ between held-out particles moved by one interval and those seen there; infinite
    /// when particles are lost or thrown far out, in one step or on the way through all.
    pub(super) fn error(&self, energy: &Energy, options: &FitOptions) -> Result<f64> {
        if !self.holds_on_the_way(energy, options)? {
            return Ok(f64::INFINITY);
        }
        let errors: Vec<Result<f64>> = (0..self.held.intervals())
            .into_par_iter()
            .map(|i| {
                let [from, to] = [i, i + 1].map(|k| &self.held.clouds()[k]);
                let times = self.held.times();
                let settings = settings(energy, &times[i..i + 2], options);
                let moved = predict(energy, from, &settings, Task::silent())?;
                if !self.holds(&moved[0]) {
                    return Ok(f64::INFINITY);
                }
                let weights = ExactOptions {
                    source_weights: Some(from.weights.view()),
                    target_weights: Some(to.weights.view()),
                    ..Default::default()
                };
                wasserstein1(moved[0].view(), to.x.view(), &weights)
            })
            .collect();
        let mut sum = 0.0;
        for error in errors {
            match error {
                // Particles that are lost: as bad as can be.
                Err(Error::Numerical { .. }) => return Ok(f64::INFINITY),
                other => sum += other?,
            }
        }
        Ok(sum / self.held.intervals() as f64)
    }
}

/// How a cloud is moved from the first of the times to the others to be judged: a negative temperature
/// cannot be drawn from.
fn settings(energy: &Energy, times: &[f64], options: &FitOptions) -> PredictOptions {
    PredictOptions {
        at: Some(times[0]),
        times: Some(times[1..].to_vec()),
        noise: energy.temperature.is_some_and(|theta| theta > 0.0),
        seed: options.seed,
        ..Default::default()
    }
}
