//! What a tuned grid gives on spectra it was not tuned on.

use super::{Robust, Tuned, errors_on};
use crate::audit::{Audit, Start};
use crate::process::Schedule;
use crate::sampling::Scheme;
use crate::statistics::Gaussian;
use crate::{Error, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// W₂ of a tuned grid on laws it was not tuned on, beside the standard grid it replaces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// Average of W₂ over the laws.
    pub average: f64,
    /// Largest W₂ of the laws.
    pub worst: f64,
    /// Average of W₂ of the standard grid that was the best for the laws tuned on.
    pub best_standard: f64,
}

/// The law with its eigenvalues times independent factors uniform in [1 − spread, 1 + spread].
///
/// # Errors
/// A spread outside [0, 1).
///
/// ```
/// use fokker::{audit::tune::perturbed, statistics::Gaussian};
/// let law = Gaussian::from_eigenvalues(ndarray::array![1.0, 0.0, 4.0]).unwrap();
/// let other = perturbed(&law, 0.1, 7).unwrap();
/// assert!(other.values()[1] == 0.0 && (other.values()[2] - 4.0).abs() <= 0.4);
/// ```
pub fn perturbed(law: &Gaussian, spread: f64, seed: u64) -> Result<Gaussian> {
    if !(0.0..1.0).contains(&spread) {
        return Err(Error::Argument {
            name: "spread",
            requirement: "at least 0 and below 1".into(),
            found: spread,
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values = law.values().mapv(|value| value * (1.0 + spread * (2.0 * rng.random::<f64>() - 1.0)));
    Gaussian::diagonal(law.own_mean(), values)
}

/// Audits a tuned grid on other laws, each sampled with its own exact score.
///
/// # Errors
/// No law, or a scheme that is not defined on the grid for one of them.
pub fn transfer(
    tuned: &Tuned,
    laws: &[Gaussian],
    scheme: &dyn Scheme,
    schedule: &dyn Schedule,
    start: Start,
) -> Result<Transfer> {
    if laws.is_empty() {
        return Err(Error::Empty { name: "laws" });
    }
    let audits: Vec<Audit> = laws.iter().map(|law| Audit::new(law, schedule)).collect();
    let w2 = errors_on(&audits, scheme, &tuned.grid, start)?;
    let standard = errors_on(&audits, scheme, &tuned.standard.grid, start)?;
    Ok(Transfer {
        average: Robust::Average.combine(&w2),
        worst: Robust::Worst.combine(&w2),
        best_standard: Robust::Average.combine(&standard),
    })
}
