//! Bures distance: W₂ between centred Gaussian laws, from factors of their covariances.

use crate::{Error, Result};
use fokker_linalg::{matmul, svd};
use ndarray::ArrayView2;

/// W₂ between N(0, A) and N(0, B) for A = L Lᵀ and B = M Mᵀ.
///
/// ```text
/// Mᵀ L = W S Zᵀ (thin singular value decomposition, L the wider factor),     bures = ‖L − M W Zᵀ‖_F
/// bures² = tr A + tr B − 2 tr S = min over isometries Q of ‖L − M Q‖²_F
/// ```
///
/// The difference is taken between matrices, not between traces, so equal covariances give zero
/// to rounding and close ones keep their digits, down to √ε for eigenvalues below ε of the largest.
/// Factors are `[d, r]` and `[d, s]` (Cholesky factors, scaled eigenvectors or centred data over
/// √n). O(d r s + r s min(r, s)). For laws with means add the squared distance of the means.
///
/// # Errors
/// Different numbers of rows, a non-finite entry, no convergence of the singular values.
///
/// # Source
/// [peyre2019, remark 2.31]; the Procrustes form \[bhatia2019\].
///
/// ```
/// use fokker::transport::bures;
/// use ndarray::array;
/// // N(0, diag(1, 9)) and N(0, diag(4, 25)): standard deviations differ by 1 and 2.
/// let distance = bures(array![[1.0, 0.0], [0.0, 3.0]].view(), array![[2.0, 0.0], [0.0, 5.0]].view())?;
/// assert!((distance - 5f64.sqrt()).abs() < 1e-14);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn bures(factor_a: ArrayView2<f64>, factor_b: ArrayView2<f64>) -> Result<f64> {
    if factor_a.nrows() != factor_b.nrows() {
        let (expected, found) = (factor_a.nrows(), factor_b.nrows());
        return Err(Error::Size { name: "the rows of factor_b", expected, found });
    }
    if factor_a.is_empty() || factor_b.is_empty() {
        return Err(Error::Empty { name: "a covariance factor" });
    }
    // The isometry maps the narrower factor's columns into those of the wider one.
    let (a, b) =
        if factor_a.ncols() >= factor_b.ncols() { (factor_a, factor_b) } else { (factor_b, factor_a) };
    let decomposition = svd(matmul(b.t(), a).view())?;
    let isometry = matmul(decomposition.u.view(), decomposition.v.t());
    let difference = &a - &matmul(b, isometry.view());
    let largest = difference.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Ok(0.0);
    }
    Ok(largest * difference.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn equal_covariances_with_different_factors_are_at_distance_zero() {
        let a = array![[3.0, 0.0], [1.0, 2.0]];
        let (sin, cos) = 0.7f64.sin_cos();
        let rotated = a.dot(&array![[cos, -sin], [sin, cos]]);
        assert!(bures(a.view(), rotated.view()).unwrap() < 1e-14);
    }

    #[test]
    fn close_covariances_keep_their_digits() {
        let a = Array2::from_diag(&array![1.0, 2.0, 3.0]);
        let b = Array2::from_diag(&array![1.0, 2.0 + 1e-9, 3.0]);
        assert!((bures(a.view(), b.view()).unwrap() / 1e-9 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn factors_of_different_width_are_compared_and_shapes_checked() {
        // A point mass against N(0, diag(9, 16)).
        let point = Array2::zeros((2, 1));
        let wide = Array2::from_diag(&array![3.0, 4.0]);
        assert!((bures(point.view(), wide.view()).unwrap() - 5.0).abs() < 1e-14);
        assert!(bures(Array2::zeros((3, 1)).view(), wide.view()).is_err());
    }
}
