//! Functions of a point with their values, gradients and Laplacians.
//!
//! ```text
//! Monomials    Π x_j^{e_j}, by total or tensor degree
//! Radial       φ(|x − c_k|) of six shapes, around the points of a grid or the centres of clusters
//! Fourier      cos(ω_k·x + p_k), random waves for higher dimension
//! Features     several of these side by side, in scaled coordinates
//! FeatureSpec  Features by name (`poly:2+rbf-kmeans:200`), fitted to where the data are
//! ```

mod features;
mod fourier;
mod monomial;
mod radial;
mod spec;

pub use features::{Features, Part};
pub use fourier::Fourier;
pub use monomial::Monomials;
pub use radial::{KERNELS, Kernel, Radial};
pub use spec::{FEATURES, FeatureSpec, Kind};

use crate::{Error, Result};
use ndarray::{ArrayView2, ArrayViewMut2, ArrayViewMut3};

/// Most functions of a set: its Gram matrix takes 3.2 GB.
pub const MOST_FUNCTIONS: usize = 20_000;

/// Whether a number of functions, which may be beyond any integer, is one we can work with.
fn check_count(name: &'static str, count: f64) -> Result<()> {
    if count >= 1.0 && count <= MOST_FUNCTIONS as f64 {
        return Ok(());
    }
    let requirement = format!("1 to {MOST_FUNCTIONS}; take a smaller degree, or rbf-kmeans or fourier");
    Err(Error::Argument { name, requirement, found: count })
}

/// K functions of a point in d dimensions.
///
/// Gradients come as `[n, d, K]`, which reshapes for free to the `(n·d) × K` design matrix of a
/// least-squares fit of a gradient field.
pub trait Basis: Send + Sync {
    /// Dimension d of the points.
    fn dim(&self) -> usize;

    /// Number K of functions.
    fn len(&self) -> usize;

    /// Whether there is no function at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values at the points `x` (`[n, d]`) into `out` (`[n, K]`).
    fn values_into(&self, x: ArrayView2<f64>, out: ArrayViewMut2<f64>);

    /// Gradients at the points `x` (`[n, d]`) into `out` (`[n, d, K]`).
    fn gradients_into(&self, x: ArrayView2<f64>, out: ArrayViewMut3<f64>);

    /// Laplacians at the points `x` (`[n, d]`) into `out` (`[n, K]`).
    fn laplacians_into(&self, x: ArrayView2<f64>, out: ArrayViewMut2<f64>);
}

#[cfg(test)]
mod tests;
