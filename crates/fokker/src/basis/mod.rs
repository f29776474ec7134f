//! Functions of a point with their values, gradients and Laplacians.

use ndarray::{ArrayView2, ArrayViewMut2, ArrayViewMut3};

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
