//! Honest validation: held-out particles and held-out times, beside what needs no energy.

use super::predictions::{Lost, Predictions, RollOut, Step, average};
use super::trials::{Outcome, Run, roll_out};
use super::verdict::{Comparison, Verdict, overall};
use super::{Chosen, FitOptions, Snapshots};
use crate::options::{options, text_option};
use crate::transport::Metric;
use crate::{Error, Result, Task};
use serde::Serialize;
use std::fmt;
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

impl fmt::Display for HoldOut {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            HoldOut::Cells(share) => write!(f, "cells:{share}"),
            HoldOut::Time => f.write_str("time"),
        }
    }
}

text_option!(HoldOut);

options! {
    /// Options of [`validate`].
    "population validate" => pub struct ValidateOptions {
        /// What is held out: cells:SHARE of every snapshot, or time, each inner snapshot in turn
        pub hold_out: HoldOut = HoldOut::Cells(0.4),
        /// Repeats, each with a seed of its own, from the seed of the fit on
        pub seeds: usize = 3,
        /// Distance that is printed beside the verdict: w1 or w2
        #[alias("p" => "w")]
        pub metric: Metric = Metric::W1,
        ..fit: FitOptions,
    }
}

/// How well an energy predicts what it has not seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Validation {
    /// Every step.
    pub steps: Vec<Step>,
    /// Mean distances over steps and seeds.
    pub mean: Predictions,
    /// Standard deviation over seeds of the mean over steps; none for one seed.
    pub sd: Option<Predictions>,
    /// Mean debiased energy distances.
    pub energy_distance: Option<Predictions>,
    /// Mean ratios of spreads: below 1 the particles are drawn together, which W₁ rewards.
    pub spread: Option<Predictions>,
    /// Whether the fit predicts one step better than every baseline.
    pub verdict: Verdict,
    /// The fit beside each baseline.
    pub against: Vec<Comparison>,
    /// The energy from the first snapshot on, beside affine maps one after the other.
    pub rolled_out: Comparison,
    /// What was chosen in each fit, inside what it was given.
    pub chosen: Vec<Chosen>,
    /// In-sample, as papers print it: all particles of the first time moved to each later one by
    /// the energy fitted to everything.
    pub roll_out: Vec<RollOut>,
    /// Predictions by the fit that have no number, because particles are lost on their way; means over them
    /// have none either.
    pub lost: Vec<Lost>,
}

/// Validates fits by particles or times that they have not seen.
///
/// With F the particles that are fitted to and H those held out, at every interval t → t + 1:
///
/// ```text
///                      held-out particles                 held-out time t
/// fit                  H_t moved one step, to H_{t+1}      μ_{t−1} moved to t, to μ_t
/// cumulative           H_0 moved to t + 1, to H_{t+1}      μ_0 moved to t, to μ_t
/// floor                as many of F_{t+1} as of H_t,       halves of μ_t
///                      to H_{t+1}
/// persistence          H_t to H_{t+1}                      μ_{t−1} to μ_t
/// affine               Gaussian map F_t → F_{t+1} on H_t   Gaussian geodesic from t − 1 to t + 1 at t
/// cumulative_affine    these maps from H_0 on              the maps from μ_0 on, then the geodesic
/// ot_interpolation     none                                McCann along the coupling t − 1 → t + 1
/// ```
///
/// Everything learned from data is learned from F alone: centres, scales, couplings, and every
/// choice of scheme, features and ridge, by a further split inside F. H is read once.
///
/// The verdict goes by the debiased energy distance, whose mean over samples is zero where the laws are
/// equal (W₁ of samples is smallest for clouds that are drawn together):
///
/// ```text
/// U = 2 mean|p − y| − mean_{i≠j}|p_i − p_j| − mean_{i≠j}|y_i − y_j|         p moved, y seen
/// Δ = U(fit) − U(baseline), mean over steps; its error by leaving out each particle in both its roles
/// several seeds: mean Δ, with the mean of their errors
/// better: Δ + 1.645 se < 0 for every baseline; worse: Δ − 1.645 se > 0 for one, or particles are lost
/// ```
///
/// Weights enter as Σ_{i≠j} w_i w_j |·| / (1 − Σw²). O(n² d) for each prediction beside the distances.
///
/// Particles that leave the range of numbers on their way, or of an implicit step that does not settle, end
/// the prediction they are of: it has a row in `lost` and no number, and the rest of the table stays.
///
/// # Errors
/// As [`fit`](super::fit()) and [`predict`](super::predict); no seed; a share that leaves no particle on
/// a side; fewer than three snapshots to hold a time out.
///
/// # Source
/// \[szekely2013\] for the energy distance.
pub fn validate(snapshots: &Snapshots, options: &ValidateOptions, task: Task) -> Result<Validation> {
    if !matches!(options.metric, Metric::W1 | Metric::W2) {
        return Err(Error::Undefined {
            what: "a validation",
            reason: format!("its table is of exact distances, and the metric is {}", options.metric),
            remedy: "take w1 or w2; the verdict goes by the energy distance in any case",
        });
    }
    if options.seeds == 0 {
        return Err(Error::Argument { name: "seeds", requirement: "at least 1".into(), found: 0.0 });
    }
    // That of all snapshots: one less, where a time is held out, must not be another model.
    let time_varying = Some(options.fit.time_basis(snapshots.intervals()));
    let mut runs = Vec::with_capacity(options.seeds);
    for repeat in 0..options.seeds {
        task.tick("seeds", repeat, options.seeds)?;
        let seed = options.fit.seed.wrapping_add(repeat as u64);
        let fit = FitOptions { seed, time_varying, ..options.fit.clone() };
        let run = Run { snapshots, metric: options.metric, fit, task };
        runs.push(match options.hold_out {
            HoldOut::Cells(share) => run.cells(share)?,
            HoldOut::Time => run.times()?,
        });
    }
    let settled = runs[0].chosen[0].settle(&options.fit);
    let roll_out = roll_out(&Run { snapshots, metric: options.metric, fit: settled, task })?;
    Ok(summary(runs, roll_out))
}

fn summary(runs: Vec<Outcome>, (roll_out, rolled_lost): (Vec<RollOut>, Vec<Lost>)) -> Validation {
    let steps: Vec<Step> = (0..runs[0].steps.len())
        .map(|i| {
            let of_runs = || runs.iter().map(|run| &run.steps[i]);
            Step {
                distances: Predictions::mean(of_runs().map(|step| &step.distances)),
                energy_distance: Predictions::mean_known(of_runs().map(|step| step.energy_distance)),
                spread: Predictions::mean_known(of_runs().map(|step| step.spread)),
                ..runs[0].steps[i]
            }
        })
        .collect();
    let means: Vec<Predictions> =
        runs.iter().map(|run| Predictions::mean(run.steps.iter().map(|step| &step.distances))).collect();
    let against: Vec<Comparison> = (0..runs[0].against.len())
        .map(|i| Comparison::mean(&runs.iter().map(|run| run.against[i]).collect::<Vec<_>>()))
        .collect();
    Validation {
        mean: Predictions::mean(means.iter()),
        sd: (runs.len() > 1).then(|| Predictions::each(&means, deviation)),
        energy_distance: Predictions::mean_known(steps.iter().map(|step| step.energy_distance)),
        spread: Predictions::mean_known(steps.iter().map(|step| step.spread)),
        verdict: overall(&against),
        against,
        rolled_out: Comparison::mean(&runs.iter().map(|run| run.rolled_out).collect::<Vec<_>>()),
        lost: runs.iter().flat_map(|run| run.lost.clone()).chain(rolled_lost).collect(),
        chosen: runs.into_iter().flat_map(|run| run.chosen).collect(),
        roll_out,
        steps,
    }
}

/// Standard deviation of several values, with divisor n − 1.
fn deviation(values: &[f64]) -> f64 {
    let mean = average(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}
