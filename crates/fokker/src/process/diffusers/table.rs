//! The noise levels a network was trained on.

use super::{BetaSchedule, SchedulerConfig, TERMINAL_ALPHA_BAR};
use crate::process::{OrnsteinUhlenbeck as Ou, Schedule, SquaredCosine};
use crate::{Error, Result};
use std::f64::consts::FRAC_PI_2;

/// σ = √((1 − ᾱ)/ᾱ) of the training timesteps 0 … K − 1, increasing.
///
/// ```
/// use fokker::process::{Linear, TrainingTable};
/// // σ of timestep k of a network trained at t = (k + 1)/1000 of a continuous schedule.
/// let table = TrainingTable::from_schedule(&Linear::new(0.05, 10.0, 1.0).unwrap(), 1000).unwrap();
/// let sigma = table.sigma_at(431.0);
/// assert!((table.timestep_at(sigma) - 431.0).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingTable {
    sigmas: Vec<f64>,
}

impl TrainingTable {
    /// Timestep k at t = (k + 1) T/K of a schedule.
    ///
    /// # Errors
    /// No timestep.
    pub fn from_schedule(schedule: &dyn Schedule, timesteps: usize) -> Result<Self> {
        if timesteps == 0 {
            return Err(Error::Empty { name: "training table" });
        }
        let time = |k: usize| schedule.horizon() * ((k + 1) as f64 / timesteps as f64);
        let sigmas = (0..timesteps).map(|k| Ou::noise_ratio(schedule.clock(time(k)))).collect();
        Ok(TrainingTable { sigmas })
    }

    /// σ of each timestep, `[K]`.
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// σ at a timestep, linear between the integers and constant outside, as `numpy.interp`.
    pub fn sigma_at(&self, timestep: f64) -> f64 {
        let last = self.sigmas.len() - 1;
        if timestep <= 0.0 {
            return self.sigmas[0];
        }
        if timestep >= last as f64 {
            return self.sigmas[last];
        }
        let k = timestep as usize;
        (self.sigmas[k + 1] - self.sigmas[k]) * (timestep - k as f64) + self.sigmas[k]
    }

    /// Timestep at which log σ, linear between the integers, is that of `sigma`: what diffusers
    /// gives the network for a σ of its user's; the nearest end outside the table.
    pub fn timestep_at(&self, sigma: f64) -> f64 {
        let above = self.sigmas.partition_point(|&s| s <= sigma);
        if above == 0 || self.sigmas.len() == 1 {
            return 0.0;
        }
        let low = (above - 1).min(self.sigmas.len() - 2);
        let (below, next) = (self.sigmas[low].ln(), self.sigmas[low + 1].ln());
        let weight = (below - sigma.ln()) / (below - next);
        low as f64 + weight.clamp(0.0, 1.0)
    }
}

pub(super) fn betas(config: &SchedulerConfig) -> Result<Vec<f64>> {
    let mut betas = match &config.trained_betas {
        Some(betas) => betas.clone(),
        None => by_rule(config),
    };
    for (i, &beta) in betas.iter().enumerate() {
        if !(beta > 0.0 && beta < 1.0) {
            let requirement = "between 0 and 1, both excluded (the β of one training step)";
            return Err(Error::Entry { name: "betas", requirement, index: vec![i], found: beta });
        }
    }
    if config.zero_terminal_snr {
        rescale_to_zero_snr(&mut betas)?;
    }
    Ok(betas)
}

fn by_rule(config: &SchedulerConfig) -> Vec<f64> {
    let (count, start, end) = (config.train_timesteps, config.beta_start, config.beta_end);
    match config.beta_schedule {
        BetaSchedule::Linear => linspace(start, end, count),
        BetaSchedule::ScaledLinear => {
            linspace(start.sqrt(), end.sqrt(), count).into_iter().map(|root| root * root).collect()
        }
        BetaSchedule::SquaredCosine => {
            let offset = SquaredCosine::OFFSET;
            let alpha_bar = |t: f64| ((t + offset) / (1.0 + offset) * FRAC_PI_2).cos().powi(2);
            let at = |k: usize| k as f64 / count as f64;
            (0..count).map(|k| (1.0 - alpha_bar(at(k + 1)) / alpha_bar(at(k))).min(0.999)).collect()
        }
    }
}

/// `count` numbers with both ends, the last one exact.
pub(super) fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = (end - start) / count.saturating_sub(1).max(1) as f64;
    let mut values: Vec<f64> = (0..count).map(|i| start + i as f64 * step).collect();
    if count > 1 {
        values[count - 1] = end;
    }
    values
}

/// Shifts and scales √ᾱ so that its last value is 0 and its first stays [Lin et al. 2023,
/// algorithm 1]; the last ᾱ then is [`TERMINAL_ALPHA_BAR`], without which its σ is infinite.
fn rescale_to_zero_snr(betas: &mut [f64]) -> Result<()> {
    let mut roots: Vec<f64> = betas
        .iter()
        .scan(1.0, |product: &mut f64, beta| {
            *product *= 1.0 - beta;
            Some(product.sqrt())
        })
        .collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    if first <= last {
        return Err(Error::Undefined {
            what: "rescale_betas_zero_snr",
            reason: format!("there is {} training step", betas.len()),
            remedy: "train with more steps or leave it out",
        });
    }
    roots.iter_mut().for_each(|root| *root = (*root - last) * (first / (first - last)));
    let mut before = 1.0;
    for (beta, root) in betas.iter_mut().zip(&roots) {
        let alpha_bar = (root * root).max(TERMINAL_ALPHA_BAR);
        *beta = 1.0 - alpha_bar / before;
        before = alpha_bar;
    }
    match betas.iter().position(|&beta| beta <= 0.0) {
        Some(i) => {
            let requirement = "larger: ᾱ falls below 2⁻²⁴ before the last step";
            Err(Error::Entry { name: "betas", requirement, index: vec![i], found: betas[i] })
        }
        None => Ok(()),
    }
}
