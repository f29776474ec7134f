//! How grids spread their steps, by name.

use super::{OrnsteinUhlenbeck, Schedule};
use crate::options::{Absent, Named, Names, word};
use crate::{Error, Result};
use std::str::FromStr;

/// How a grid spreads its steps between the start and the stopping time.
///
/// With stop = 0, spacings in σ/α take N − 1 intervals down to a smallest positive ratio (at
/// t = 10⁻³ T unless given) and one interval from there to 0; with stop > 0, N intervals to the
/// ratio at the stop. Spacings in t go straight to the stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spacing {
    /// Uniform in t.
    Uniform,
    /// Uniform in √t.
    Quadratic,
    /// Uniform in log-SNR, that is in log(σ/α).
    LogSnr,
    /// Uniform in (σ/α)^{1/ρ} [Karras et al. 2022, eq. 5].
    Karras {
        /// The exponent ρ, 7 unless given.
        rho: f64,
        /// Smallest positive σ/α of a grid that stops at 0.
        sigma_min: Option<f64>,
        /// σ/α at the start; the horizon's unless given.
        sigma_max: Option<f64>,
    },
}

impl Spacing {
    /// Karras' spacing with ρ = 7 over the whole schedule.
    pub const KARRAS: Spacing = Spacing::Karras { rho: 7.0, sigma_min: None, sigma_max: None };

    /// The times of `steps` intervals down to `stop`; the formulas round, also at the ends.
    pub(super) fn times(self, steps: usize, stop: f64, schedule: &dyn Schedule) -> Result<Vec<f64>> {
        let (n, horizon) = (steps as f64, schedule.horizon());
        Ok(match self {
            Spacing::Uniform => (0..=steps).map(|i| horizon + (stop - horizon) * (i as f64 / n)).collect(),
            Spacing::Quadratic => {
                let (first, last) = (horizon.sqrt(), stop.sqrt());
                (0..=steps).map(|i| (first + (last - first) * (i as f64 / n)).powi(2)).collect()
            }
            Spacing::LogSnr => {
                ratio_spaced(&Ratios::new(None, None, stop, schedule)?, steps, f64::ln, f64::exp)
            }
            Spacing::Karras { rho, sigma_min, sigma_max } => {
                if !(rho > 0.0 && rho.is_finite()) {
                    let requirement = "positive and finite".into();
                    return Err(Error::Argument { name: "rho", requirement, found: rho });
                }
                let ratios = Ratios::new(sigma_min, sigma_max, stop, schedule)?;
                ratio_spaced(&ratios, steps, |x| x.powf(1.0 / rho), |y| y.powf(rho))
            }
        })
    }
}

const fn karras(rho: f64, sigma_min: Option<f64>, sigma_max: Option<f64>) -> Spacing {
    Spacing::Karras { rho, sigma_min, sigma_max }
}

/// Karras' spacing of an exponent, which is checked here: a slip in `karras:0:…` is found before any work.
fn karras_of(values: &[f64]) -> Option<Result<Spacing>> {
    let spacing = match *values {
        [] => Spacing::KARRAS,
        [rho] => karras(rho, None, None),
        [rho, min, max] => karras(rho, Some(min), Some(max)),
        _ => return None,
    };
    Some(match spacing {
        Spacing::Karras { rho, .. } if !(rho > 0.0 && rho.is_finite()) => Err(Error::Parse {
            what: "the grid",
            reason: format!(
                "in karras:{rho} the exponent ρ must be positive and finite, found {rho}; 7 is usual"
            ),
        }),
        spacing => Ok(spacing),
    })
}

/// The names of the spacings.
pub const SPACING_NAMES: Names<Spacing> = Names {
    what: "the grid",
    rows: &[
        word!("uniform", [], "uniform in t", Spacing::Uniform),
        word!("quadratic", [], "uniform in √t", Spacing::Quadratic),
        word!("log-snr", ["exponential"], "uniform in log σ/α", Spacing::LogSnr),
        Named {
            name: "karras",
            aliases: &[],
            grammar: "[:ρ[:σmin:σmax]]",
            help: "uniform in (σ/α)^(1/ρ), ρ = 7",
            make: karras_of,
        },
    ],
    absent: &[
        Absent {
            names: &["leading", "trailing", "linspace"],
            about: "spacings of diffusers' timesteps: give the σ that a scheduler has as sigmas:FILE",
            nearest: "uniform",
        },
        Absent {
            names: &["normal", "simple", "sgm_uniform", "ddim_uniform", "beta", "linear_quadratic"],
            about: "a spacing of ComfyUI's timesteps",
            nearest: "uniform",
        },
        Absent {
            names: &["kl_optimal", "polyexponential"],
            about: "a spacing of ComfyUI's σ",
            nearest: "karras",
        },
    ],
    beside: &["sigmas:FILE", "t:FILE"],
};

impl FromStr for Spacing {
    type Err = Error;

    /// A name of [`SPACING_NAMES`] with its values: `uniform`, `karras:7`.
    fn from_str(text: &str) -> Result<Self> {
        SPACING_NAMES.make(text)
    }
}

/// Ends of a grid spaced in σ/α.
struct Ratios<'a> {
    first: f64,
    last: f64,
    to_zero: bool,
    schedule: &'a dyn Schedule,
}

impl<'a> Ratios<'a> {
    fn new(min: Option<f64>, max: Option<f64>, stop: f64, schedule: &'a dyn Schedule) -> Result<Self> {
        let ratio = |t| OrnsteinUhlenbeck::noise_ratio(schedule.clock(t));
        let horizon = schedule.horizon();
        let to_zero = stop == 0.0;
        if !to_zero && min.is_some() {
            return Err(Error::Undefined {
                what: "a grid with both σ_min and a positive stop",
                reason: format!("it would end at σ_min and at the stop {stop}"),
                remedy: "use stop 0 or leave σ_min out",
            });
        }
        let last = min.unwrap_or_else(|| ratio(if to_zero { 1e-3 * horizon } else { stop }));
        let first = max.unwrap_or_else(|| ratio(horizon));
        if !(last > 0.0 && last < first) {
            let requirement = format!("positive and below the largest σ/α of the grid, {first}");
            return Err(Error::Argument { name: "smallest σ/α of the grid", requirement, found: last });
        }
        if first > ratio(horizon) * (1.0 + 1e-12) {
            let requirement = format!("at most σ/α at the schedule's horizon, {}", ratio(horizon));
            return Err(Error::Argument { name: "σ_max", requirement, found: first });
        }
        Ok(Ratios { first, last, to_zero, schedule })
    }
}

/// Times whose ratios are uniform after the map `to`, whose inverse is `from`.
fn ratio_spaced(ends: &Ratios, steps: usize, to: impl Fn(f64) -> f64, from: impl Fn(f64) -> f64) -> Vec<f64> {
    let intervals = if ends.to_zero { steps - 1 } else { steps };
    let (first, last) = (to(ends.first), to(ends.last));
    let mut times: Vec<f64> = (0..=intervals)
        .map(|i| {
            let fraction = if intervals == 0 { 0.0 } else { i as f64 / intervals as f64 };
            time_at_ratio(from(first + (last - first) * fraction), ends.schedule)
        })
        .collect();
    if ends.to_zero {
        times.push(0.0);
    }
    times
}

pub(super) fn time_at_ratio(ratio: f64, schedule: &dyn Schedule) -> f64 {
    schedule.time_at(OrnsteinUhlenbeck::clock_at_noise_ratio(ratio))
}
