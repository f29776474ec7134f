//! What a fit is worth, in numbers and sentences.

use super::choice::{Criterion, Tried};
use super::moments::Means;
use super::partition::Partition;
use super::system::Solve;
use super::trial::Trial;
use ndarray::{Array1, ArrayView1};
use serde::{Deserialize, Serialize};

/// Mean log-density of rows held out, in nats a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Number of rows.
    pub rows: usize,
    /// Of the spectral fit, by its flow.
    pub spectral: f64,
    /// Of the spectral fit, by its energy, when log Z is known.
    pub energy: Option<f64>,
    /// Standard error of the difference between the two, that of log Z included.
    pub energy_error: Option<f64>,
    /// Of the Gaussian with the data's mean and covariance; none when that is singular.
    pub gaussian: Option<f64>,
    /// Standard error of the difference to it.
    pub gaussian_error: Option<f64>,
    /// Of a mixture of Gaussians.
    pub mixture: Option<f64>,
    /// Standard error of the difference to it.
    pub mixture_error: Option<f64>,
    /// Number of its components.
    pub components: Option<usize>,
}

impl Comparison {
    pub(super) fn new(
        weights: ArrayView1<f64>,
        spectral: &Array1<f64>,
        energy: Option<(Array1<f64>, Partition)>,
        gaussian: Option<Array1<f64>>,
        mixture: Option<(usize, Array1<f64>)>,
    ) -> Self {
        let total = weights.sum();
        // Rows without weight may have no density: 0 · ∞ is nothing here.
        let mean = |x: &Array1<f64>| {
            let weighted = x.iter().zip(weights).filter(|(_, w)| **w > 0.0);
            weighted.map(|(x, w)| x * w).sum::<f64>() / total
        };
        let error = |other: &Array1<f64>| {
            let difference = spectral - other;
            let centre = mean(&difference);
            // Var Σ w d/Σ w = Σ w² (d − d̄)²/(Σ w)²: repeated rows tell nothing twice.
            let terms = difference.iter().zip(weights).filter(|(_, w)| **w > 0.0);
            terms.map(|(d, w)| (w * (d - centre)).powi(2)).sum::<f64>().sqrt() / total
        };
        Comparison {
            rows: weights.iter().filter(|w| **w > 0.0).count(),
            spectral: mean(spectral),
            energy: energy.as_ref().map(|(log, _)| mean(log)),
            energy_error: energy.as_ref().map(|(log, partition)| error(log).hypot(partition.error)),
            gaussian: gaussian.as_ref().map(mean),
            gaussian_error: gaussian.as_ref().map(error),
            mixture: mixture.as_ref().map(|(_, log)| mean(log)),
            mixture_error: mixture.as_ref().map(|(_, log)| error(log)),
            components: mixture.as_ref().map(|(k, _)| *k),
        }
    }

    /// A sentence or two: whether the fit is worth its while, and which density is the better one.
    ///
    /// A difference counts when it is beyond two standard errors.
    pub fn sentence(&self) -> String {
        match (self.energy, self.energy_error) {
            (Some(energy), Some(error)) if energy - self.spectral > 2.0 * error => format!(
                "{} The density of its energy gains {:.3} ± {error:.3} nats more.",
                self.against_simpler(),
                energy - self.spectral
            ),
            _ => self.against_simpler(),
        }
    }

    fn against_simpler(&self) -> String {
        let mixture = format!("a mixture of {} Gaussians", self.components.unwrap_or(0));
        let mut others: Vec<(String, f64, f64)> = Vec::new();
        let simple = [
            ("a Gaussian".to_owned(), self.gaussian, self.gaussian_error),
            (mixture, self.mixture, self.mixture_error),
        ];
        others.extend(simple.into_iter().filter_map(|(name, mean, error)| Some((name, mean?, error?))));
        let best = others.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((name, mean, error)) = best else {
            return "No Gaussian has a density on these rows to compare with.".to_owned();
        };
        let gain = self.spectral - mean;
        let rows = self.rows;
        if gain < -2.0 * error || gain.is_nan() {
            format!(
                "On {rows} rows held out {name} is better, by {:.3} ± {error:.3} nats a row: use it, or another degree, pairs or reference.",
                -gain
            )
        } else if gain <= 2.0 * error {
            format!(
                "On {rows} rows held out {name} does as well (the fit gains {gain:.3} ± {error:.3} nats a row): prefer the simpler law."
            )
        } else {
            format!("On {rows} rows held out the fit gains {gain:.3} ± {error:.3} nats a row over {name}.")
        }
    }
}

/// What a fit is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows read, and of these held out.
    pub rows: usize,
    /// Rows the fit used.
    pub used: usize,
    /// Rows held out.
    pub held_out: usize,
    /// Functions in the basis.
    pub functions: usize,
    /// Moments taken.
    pub moments: usize,
    /// Nonzero entries of A.
    pub nonzeros: usize,
    /// Relative ridge.
    pub ridge: f64,
    /// What it was chosen from.
    pub tried: Vec<Tried>,
    /// Rank of A at the first time, to rounding; none for bases too large to factor.
    pub rank: Option<usize>,
    /// Perturbation scale `(Σ m_n²)^½`: size of p_0/π − 1 in the basis. Far above 1, the fit is a
    /// perturbation theory far from its reference.
    pub perturbation: f64,
    /// Every time that was solved.
    pub solves: Vec<Solve>,
    /// log Z of the energy at the first time; none when it was not asked for or did not come out.
    pub partition: Option<Partition>,
    /// What Langevin steps did to a few particles; none in fits that keep no rows.
    #[serde(default)]
    pub trial: Option<Trial>,
    /// Simpler laws.
    pub comparison: Option<Comparison>,
    /// Sentences for people.
    pub warnings: Vec<String>,
}

impl Report {
    pub(super) fn new(criterion: &Criterion, ridge: f64, tried: Vec<Tried>, solves: Vec<Solve>) -> Self {
        let Criterion { design, used, held_out, .. } = *criterion;
        let square: f64 = design.terms.own.iter().map(|&k| used.values[k as usize].powi(2)).sum();
        Report {
            rows: 0,
            used: used.count,
            held_out: held_out.map_or(0, |held| held.count),
            functions: design.terms.len(),
            moments: design.keys.len(),
            nonzeros: design.terms.nonzeros(),
            ridge,
            tried,
            rank: None,
            perturbation: square.sqrt(),
            solves,
            partition: None,
            trial: None,
            comparison: None,
            warnings: Vec::new(),
        }
    }

    /// Adds the warnings that numbers ask for.
    pub(super) fn judge(&mut self, from_columns: &[String], used: &Means) {
        self.warnings.extend(from_columns.iter().cloned());
        let functions = self.functions;
        if used.effective < functions as f64 {
            self.warnings.push(format!(
                "{:.0} rows for {functions} functions: the ridge decides much of the fit; a lower degree or fewer pairs would need fewer",
                used.effective
            ));
        }
        if let Some(rank) = self.rank.filter(|&rank| rank < functions) {
            self.warnings.push(format!(
                "the functions are dependent on this data (rank {rank} of {functions} at the first time): the ridge decides between them"
            ));
        }
        let worst = self.solves.iter().map(|s| s.condition).fold(0.0, f64::max);
        if worst > 1e12 {
            self.warnings.push(format!(
                "the system is ill conditioned (up to {worst:.0e}): a larger ridge or a lower degree keeps more digits"
            ));
        }
    }

    /// `Σ t J(t) / Σ t` over the solved times, J the objective on the rows held out: for fits in
    /// the same coordinates the smaller, the closer in nats.
    pub fn held_out_objective(&self) -> Option<f64> {
        self.over_times(|solve| solve.held_out)
    }

    /// The same of Takeuchi's criterion, the objective on the rows used plus its penalty.
    pub fn takeuchi_objective(&self) -> Option<f64> {
        self.over_times(|solve| Some(solve.objective + 2.0 * solve.statistical?))
    }

    fn over_times(&self, value: impl Fn(&Solve) -> Option<f64>) -> Option<f64> {
        let weight: f64 = self.solves.iter().map(|s| s.time).sum();
        let sum: Option<f64> = self.solves.iter().map(|s| Some(s.time * value(s)?)).sum();
        sum.map(|sum| sum / weight)
    }

    /// Largest condition number of the solves.
    pub fn condition(&self) -> f64 {
        self.solves.iter().map(|solve| solve.condition).fold(0.0, f64::max)
    }
}
