//! Schedules given by a list of betas.

use super::Schedule;
use crate::{Error, Result};

/// Discrete betas of a DDPM, `B(k) = −½ Σ_{j<k} log(1 − β_j)` at t = k and linear between.
///
/// Time counts betas: t = k is after the first k of them, so a sampler's "timestep" k, whose
/// ᾱ has k + 1 factors, is t = k + 1 here. The horizon is their number.
///
/// ```
/// use fokker::process::{DiscreteBetas, OrnsteinUhlenbeck, Schedule};
/// let schedule = DiscreteBetas::new(&[0.1, 0.2]).unwrap();
/// let alpha_bar = OrnsteinUhlenbeck::alpha(schedule.clock(2.0)).powi(2);
/// assert!((alpha_bar - 0.9 * 0.8).abs() < 1e-15);
/// assert!((schedule.time_at(schedule.clock(1.3)) - 1.3).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteBetas {
    /// B(0), …, B(K).
    clocks: Vec<f64>,
}

impl DiscreteBetas {
    /// The schedule of the given betas, each in (0, 1).
    ///
    /// # Errors
    /// No betas, or one outside (0, 1): a beta of 1 destroys all signal and its clock is infinite.
    pub fn new(betas: &[f64]) -> Result<Self> {
        if betas.is_empty() {
            return Err(Error::Empty { name: "betas" });
        }
        let mut clocks = vec![0.0];
        let mut clock = 0.0;
        for (i, &beta) in betas.iter().enumerate() {
            if !(beta > 0.0 && beta < 1.0) {
                let requirement = "between 0 and 1, both excluded";
                return Err(Error::Entry { name: "betas", requirement, index: vec![i], found: beta });
            }
            clock -= 0.5 * (-beta).ln_1p();
            clocks.push(clock);
        }
        Ok(DiscreteBetas { clocks })
    }

    /// The interval (k, k + 1] of a time, its end belonging to it: a step down from t = k + 1
    /// goes through that interval.
    fn interval(&self, t: f64) -> usize {
        (t.ceil() as usize).clamp(1, self.clocks.len() - 1) - 1
    }
}

impl Schedule for DiscreteBetas {
    fn rate(&self, t: f64) -> f64 {
        let k = self.interval(t);
        self.clocks[k + 1] - self.clocks[k]
    }

    fn clock(&self, t: f64) -> f64 {
        let k = self.interval(t);
        self.clocks[k] + (t - k as f64) * (self.clocks[k + 1] - self.clocks[k])
    }

    fn horizon(&self) -> f64 {
        (self.clocks.len() - 1) as f64
    }

    fn time_at(&self, clock: f64) -> f64 {
        let last = self.clocks.len() - 1;
        let k = self.clocks.partition_point(|&c| c < clock).clamp(1, last) - 1;
        let within = (clock - self.clocks[k]) / (self.clocks[k + 1] - self.clocks[k]);
        k as f64 + within.clamp(0.0, 1.0)
    }
}
