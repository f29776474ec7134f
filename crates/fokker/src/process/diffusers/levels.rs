//! The timesteps and σ of inference: what `set_timesteps(steps)` makes of a configuration.

use super::table::linspace;
use super::{
    BetaSchedule, MAX_STEPS, Respacing, SchedulerClass, SchedulerConfig, TimestepSpacing, TrainingTable,
};
use crate::{Error, Result};

/// Timesteps and σ of inference, as they are: nothing is sorted, merged or repaired.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// What the network is told at each step, `[steps]`; −1 is possible (see `extra-timestep` of
    /// [`lint_config`](crate::audit::lint_config)).
    pub timesteps: Vec<f64>,
    /// σ at the start of each step and at the end of the last one, `[steps + 1]`.
    pub sigmas: Vec<f64>,
}

pub(super) fn levels(config: &SchedulerConfig, steps: usize) -> Result<Levels> {
    if steps == 0 || steps > MAX_STEPS {
        let requirement = format!("from 1 to {MAX_STEPS}");
        return Err(Error::Argument { name: "steps", requirement, found: steps as f64 });
    }
    if config.class.steps_by_index() && steps > config.train_timesteps {
        let requirement = format!("at most num_train_timesteps {}", config.train_timesteps);
        return Err(Error::Argument { name: "steps", requirement, found: steps as f64 });
    }
    let table = config.table()?;
    let mut timesteps = timesteps(config, steps, &table)?;
    if config.class.steps_by_index() {
        for (i, &t) in timesteps.iter().enumerate() {
            if t >= table.sigmas().len() as f64 {
                let requirement = "below num_train_timesteps: lower steps_offset";
                return Err(Error::Entry { name: "timesteps", requirement, index: vec![i], found: t });
            }
        }
    }
    let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| table.sigma_at(t)).collect();
    if config.respacing != Respacing::None {
        sigmas = respaced(config, &sigmas, steps, &table)?;
        timesteps = sigmas.iter().map(|&sigma| table.timestep_at(sigma)).collect();
        if config.class == SchedulerClass::DpmSolverMultistep {
            // An integer type in the end: rounded before in one case, cut off in the others.
            let rounded =
                config.respacing == Respacing::Karras && config.beta_schedule != BetaSchedule::SquaredCosine;
            timesteps.iter_mut().for_each(|t| *t = if rounded { t.round_ties_even() } else { t.trunc() });
        }
    }
    sigmas.push(final_sigma(config, &timesteps, steps, &table));
    Ok(Levels { timesteps, sigmas })
}

fn timesteps(config: &SchedulerConfig, steps: usize, table: &TrainingTable) -> Result<Vec<f64>> {
    let dpm = config.class == SchedulerClass::DpmSolverMultistep;
    // DPM-Solver divides the range into one part more and leaves the last point out.
    let (last, count) =
        if dpm { (unclipped(config, table)?, steps + 1) } else { (config.train_timesteps, steps) };
    let mut ascending = match config.spacing {
        TimestepSpacing::Trailing => return Ok(trailing(last, config.train_timesteps, steps)),
        TimestepSpacing::Linspace => linspace(0.0, (last - 1) as f64, count),
        TimestepSpacing::Leading => {
            let ratio = last / count;
            (0..count).map(|i| (i * ratio + config.steps_offset) as f64).collect()
        }
    };
    if dpm || config.class.steps_by_index() {
        ascending.iter_mut().for_each(|t| *t = t.round_ties_even());
    }
    ascending.reverse();
    ascending.truncate(steps);
    Ok(ascending)
}

/// `round(arange(last, 0, −K/N)) − 1` with numpy's length and rounding: for some N it has one
/// entry too many, −1.
fn trailing(last: usize, train_timesteps: usize, steps: usize) -> Vec<f64> {
    let (last, ratio) = (last as f64, train_timesteps as f64 / steps as f64);
    let length = (last / ratio).ceil() as usize;
    let difference = (last - ratio) - last;
    (0..length).map(|i| (last + i as f64 * difference).round_ties_even() - 1.0).collect()
}

/// Number of training steps whose half log-SNR is not below the clip.
fn unclipped(config: &SchedulerConfig, table: &TrainingTable) -> Result<usize> {
    let kept = table.sigmas().partition_point(|sigma| -sigma.ln() >= config.lambda_min_clipped);
    if kept == 0 {
        let requirement = "low enough to keep a training step".into();
        let found = config.lambda_min_clipped;
        return Err(Error::Argument { name: "lambda_min_clipped", requirement, found });
    }
    Ok(kept.min(config.train_timesteps))
}

/// Levels between the ends of `replaced`, or for DPM-Solver of the whole table.
fn respaced(
    config: &SchedulerConfig,
    replaced: &[f64],
    steps: usize,
    table: &TrainingTable,
) -> Result<Vec<f64>> {
    let all = table.sigmas();
    let (max, min) = match config.class {
        SchedulerClass::DpmSolverMultistep => (all[all.len() - 1], all[0]),
        _ => (replaced[0], replaced[replaced.len() - 1]),
    };
    let (max, min) = (config.sigma_max.unwrap_or(max), config.sigma_min.unwrap_or(min));
    if min > max {
        let requirement = format!("at most the largest σ, {max}");
        return Err(Error::Argument { name: "sigma_min", requirement, found: min });
    }
    let rho = 7.0;
    Ok(match config.respacing {
        Respacing::Exponential => linspace(max.ln(), min.ln(), steps).into_iter().map(f64::exp).collect(),
        _ => linspace(max.powf(1.0 / rho), min.powf(1.0 / rho), steps)
            .into_iter()
            .map(|root| root.powf(rho))
            .collect(),
    })
}

fn final_sigma(config: &SchedulerConfig, timesteps: &[f64], steps: usize, table: &TrainingTable) -> f64 {
    match config.class {
        SchedulerClass::Ddim | SchedulerClass::Pndm => {
            // These go from t to t − ⌊K/N⌋, whatever the next timestep of the list is.
            let last = timesteps.last().copied().unwrap_or(0.0);
            let end = last - (config.train_timesteps / steps) as f64;
            match config.set_alpha_to_one {
                _ if end >= 0.0 => table.sigma_at(end),
                true => 0.0,
                false => table.sigmas()[0],
            }
        }
        _ if config.ends_at_sigma_min => table.sigmas()[0],
        _ => 0.0,
    }
}
