//! The grids in use today, to start from and to compare with.

use crate::process::{Grid, Schedule, Spacing};
use crate::sampling::{Scheme, steps_within};
use crate::{Error, Result};

/// Stopping times of the standard grids, as fractions of the horizon.
pub const STOPS: [f64; 6] = [0.0, 1e-5, 1e-4, 1e-3, 1e-2, 3e-2];

const SPACINGS: [(&str, Spacing); 4] = [
    ("uniform", Spacing::Uniform),
    ("quadratic", Spacing::Quadratic),
    ("karras", Spacing::KARRAS),
    ("log-snr", Spacing::LogSnr),
];

/// A standard grid and its error.
#[derive(Debug, Clone, PartialEq)]
pub struct Standard {
    /// Name of the spacing.
    pub spacing: &'static str,
    /// The grid.
    pub grid: Grid,
    /// W₂, combined over the laws.
    pub w2: f64,
}

/// All standard grids for a budget on which the scheme is defined, the best first: uniform,
/// quadratic, Karras (ρ = 7) and log-SNR, each with every stop of [`STOPS`] or the one given.
pub(super) fn evaluate(
    scheme: &dyn Scheme,
    nfe: usize,
    schedule: &dyn Schedule,
    stop: Option<f64>,
    w2: &(dyn Fn(&Grid) -> Result<f64> + Sync),
) -> Result<Vec<Standard>> {
    let stops = match stop {
        Some(stop) => vec![stop],
        None => STOPS.map(|fraction| fraction * schedule.horizon()).to_vec(),
    };
    let mut standards = Vec::new();
    let mut reason = None;
    for stop in stops {
        let steps = match steps_within(nfe, scheme, stop) {
            Ok(steps) => steps,
            Err(error) => {
                reason = reason.or(Some(error));
                continue;
            }
        };
        for (name, spacing) in SPACINGS {
            let grid = Grid::new(spacing, steps, stop, schedule)?;
            match w2(&grid) {
                Ok(w2) => standards.push(Standard { spacing: name, grid, w2 }),
                Err(error) if error.is_input() => reason = reason.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
    }
    standards.sort_by(|a, b| a.w2.total_cmp(&b.w2));
    match reason {
        Some(error) if standards.is_empty() => Err(error),
        _ if standards.is_empty() => Err(Error::Empty { name: "standard grids" }),
        _ => Ok(standards),
    }
}
