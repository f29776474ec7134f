//! Exact Wasserstein distances between clouds.

use super::exact::{ExactOptions, check_clouds, scaled_coupling};
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
    Ok(exact_distance(x, y, Cost::Euclidean, options)?.value)
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
    Ok(exact_distance(x, y, Cost::SquaredEuclidean, options)?.value)
}

/// W₁ or W₂ with what proves it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExactDistance {
    /// The distance.
    pub value: f64,
    /// How far above the true distance it can be at most, by duality.
    pub gap: f64,
}

/// W₁ (Euclidean cost) or W₂ (squared cost) between two weighted clouds, with its gap.
///
/// ```text
/// W₁: value = c, gap = g            W₂: value = √c, gap = √c − √(c − g)
/// ```
///
/// c is the optimal cost and g its duality gap, weights normalised to one. [`wasserstein1`] and
/// [`wasserstein2`] are its value.
///
/// # Errors
/// As [`exact`](super::exact).
///
/// ```
/// use fokker::transport::{Cost, ExactOptions, exact_distance};
/// use ndarray::array;
/// let (x, y) = (array![[0.0], [1.0]], array![[3.0], [4.0]]);
/// let found = exact_distance(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default())?;
/// assert!((found.value - 3.0).abs() < 1e-15 && found.gap < 1e-10);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn exact_distance(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    cost: Cost,
    options: &ExactOptions,
) -> Result<ExactDistance> {
    check_clouds(&x, &y)?;
    let (source, target) = options.laws(x.nrows(), y.nrows())?;
    let ((x, source), (y, target)) = (source.weighed(x), target.weighed(y));
    let solved = scaled_coupling((x.view(), source), (y.view(), target), cost, options.task)?;
    let mean = solved.coupling.cost / solved.total;
    // Rounding may leave a sum of zeros below zero, and a gap is never more than the cost.
    let gap = (solved.coupling.certificate.gap / solved.total).max(0.0).min(mean);
    let (value, gap, exponent) = match cost {
        Cost::Euclidean => (mean, gap, solved.exponent),
        // √c − √(c − g) without cancellation; the exponent of a squared cost is even.
        Cost::SquaredEuclidean if mean > 0.0 => {
            let root = mean.sqrt();
            (root, gap / (root + (mean - gap).sqrt()), solved.exponent / 2)
        }
        Cost::SquaredEuclidean => (0.0, 0.0, 0),
    };
    Ok(ExactDistance { value: scaled(value, exponent), gap: scaled(gap, exponent) })
}
