//! What a tuned grid gives on spectra it was not tuned on.

use super::{Robust, Tuned, errors_on};
use crate::audit::{Audit, Start};
use crate::process::Schedule;
use crate::sampling::Scheme;
use crate::statistics::Gaussian;
use crate::{Error, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// Relative spread of the eigenvalues of neighbours.
const SPREAD: f64 = 0.1;
/// Neighbours to tune on, and others to audit on.
const TUNED_ON: u64 = 8;
const UNSEEN: u64 = 16;

/// W₂ of a tuned grid on laws it was not tuned on, beside the standard grid it replaces.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
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

/// The law in its own axes and eight [`perturbed`] by a tenth: what a grid is tuned on to be robust.
///
/// # Errors
/// None for a law that exists; the type is that of [`perturbed`].
///
/// ```
/// use fokker::{audit::tune::{neighbours, unseen_neighbours}, statistics::Gaussian};
/// let law = Gaussian::from_eigenvalues(ndarray::array![4.0]).unwrap();
/// let laws = neighbours(&law, 0).unwrap();
/// assert!(laws.len() == 9 && laws[0] == law && (laws[1].values()[0] - 4.0).abs() <= 0.4);
/// assert!(unseen_neighbours(&law, 0).unwrap().iter().all(|other| !laws.contains(other)));
/// ```
pub fn neighbours(law: &Gaussian, seed: u64) -> Result<Vec<Gaussian>> {
    let mut laws = vec![law.in_own_axes()];
    laws.extend(numbered(law, 0..TUNED_ON, seed)?);
    Ok(laws)
}

/// Sixteen [`perturbed`] laws that are none of the [`neighbours`] with this seed, to audit a grid on.
///
/// # Errors
/// None for a law that exists; the type is that of [`perturbed`].
pub fn unseen_neighbours(law: &Gaussian, seed: u64) -> Result<Vec<Gaussian>> {
    numbered(law, TUNED_ON..TUNED_ON + UNSEEN, seed)
}

/// Perturbed laws by their numbers, which have seeds of their own.
fn numbered(law: &Gaussian, numbers: Range<u64>, seed: u64) -> Result<Vec<Gaussian>> {
    numbers.map(|i| perturbed(law, SPREAD, seed.wrapping_mul(1 << 16).wrapping_add(i))).collect()
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
