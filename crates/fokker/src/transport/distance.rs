//! Exact Wasserstein distances between clouds.

use super::exact::{ExactOptions, exact_scaled};
use super::frame::scaled;
use super::ground::Cost;
use crate::Result;
use ndarray::ArrayView2;

/// W₁ between two weighted clouds, exact.
///
/// ```text
/// W₁ = min over couplings γ of Σ γ_ij |x_i − y_j|        (weights normalised to one)
/// ```
///
/// `x` is `[n, d]`, `y` is `[m, d]`; cost and errors as [`exact`](super::exact), but for the
/// range: the distance is found wherever it is a number. Source: [peyre2019, ch. 2].
///
/// ```
/// use fokker::transport::{ExactOptions, wasserstein1};
/// use ndarray::array;
/// let (x, y) = (array![[0.0, 0.0], [1.0, 0.0]], array![[0.0, 3.0], [1.0, 1.0]]);
/// assert!((wasserstein1(x.view(), y.view(), &ExactOptions::default())? - 2.0).abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
///
/// # Errors
/// As [`exact`](super::exact).
pub fn wasserstein1(x: ArrayView2<f64>, y: ArrayView2<f64>, options: &ExactOptions) -> Result<f64> {
    let solved = exact_scaled(x, y, Cost::Euclidean, options)?;
    Ok(scaled(solved.coupling.cost / solved.total, solved.exponent))
}

/// W₂ between two weighted clouds, exact.
///
/// ```text
/// W₂² = min over couplings γ of Σ γ_ij |x_i − y_j|²      (weights normalised to one)
/// ```
///
/// `x` is `[n, d]`, `y` is `[m, d]`; cost and errors as [`exact`](super::exact), but for the
/// range: the distance is found even where its square is no number. Source: [peyre2019, ch. 2].
///
/// ```
/// use fokker::transport::{ExactOptions, wasserstein2};
/// use ndarray::array;
/// let x = array![[0.0, 0.0], [1.0, 0.0], [5.0, 2.0]];
/// let shifted = &x + &array![3e200, 4e200];
/// let w2 = wasserstein2(x.view(), shifted.view(), &ExactOptions::default())?;
/// assert!((w2 / 5e200 - 1.0).abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
///
/// # Errors
/// As [`exact`](super::exact).
pub fn wasserstein2(x: ArrayView2<f64>, y: ArrayView2<f64>, options: &ExactOptions) -> Result<f64> {
    let solved = exact_scaled(x, y, Cost::SquaredEuclidean, options)?;
    // The exponent of a squared cost is even.
    Ok(scaled((solved.coupling.cost / solved.total).sqrt(), solved.exponent / 2))
}
