//! Wasserstein distance between Gaussians (Bures), without cancellation.

use crate::Result;
use fokker_linalg::{matmul, svd};
use ndarray::ArrayView2;

/// W₂ between the centred Gaussians N(0, AAᵀ) and N(0, BBᵀ), given factors A `[d, r]`, B `[d, q]`.
///
/// ```text
/// W₂² = tr AAᵀ + tr BBᵀ − 2 tr (BᵀAAᵀB)^{1/2} = |A − B W Zᵀ|²,     BᵀA = W S Zᵀ
/// ```
///
/// The textbook trace formula loses half of the digits when the laws are close, because W₂² is
/// a small difference of large traces; the norm of a difference of factors loses none. No
/// square root of a matrix is taken, so no rounding can make it NaN. Cost O(d r q + r q²).
///
/// # Errors
/// A non-finite entry.
///
/// ```
/// use ndarray::array;
/// let a = array![[3.0, 0.0], [0.0, 1.0]];
/// let b = array![[1.0, 0.0], [0.0, 1.0]];
/// assert!((fokker::transport::bures(a.view(), b.view()).unwrap() - 2.0).abs() < 1e-14);
/// ```
pub fn bures(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Result<f64> {
    // The isometry maps the narrower factor into the wider one's columns.
    let (a, b) = if a.ncols() >= b.ncols() { (a, b) } else { (b, a) };
    let overlap = svd(matmul(b.t(), a).view())?;
    let isometry = matmul(overlap.u.view(), overlap.v.t());
    let difference = &a - &matmul(b, isometry.view());
    Ok(difference.iter().map(|x| x * x).sum::<f64>().sqrt())
}
