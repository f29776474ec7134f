//! Bures distance: W₂ between centred Gaussian laws, from factors of their covariances.

use crate::{Error, Result};
use fokker_linalg::{matmul, svd};
use ndarray::ArrayView2;

/// W₂ between N(0, A) and N(0, B) for A = L Lᵀ and B = M Mᵀ.
///
/// ```text
/// Mᵀ L = W S Zᵀ (singular values),     bures = ‖L Z − M W‖_F
/// bures² = tr A + tr B − 2 tr S = min over orthogonal Q of ‖L − M Q‖²_F
/// ```
///
/// The difference is taken between matrices, not between traces, so equal covariances give zero
/// to rounding and close ones keep their digits. Factors are `[d, r]` and `[d, s]` (Cholesky
/// factors, scaled eigenvectors or centred data over √n); the narrower one is padded with zero
/// columns. O(d r s + r s min(r, s)). For laws with means add the squared distance of the means.
///
/// # Errors
/// Different numbers of rows, a non-finite entry, no convergence of the singular values.
///
/// # Source
/// [peyre2019, remark 2.31]; the Procrustes form [bhatia2019, eq. 14].
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
    let columns = factor_a.ncols().max(factor_b.ncols());
    let (a, b) = (padded(factor_a, columns), padded(factor_b, columns));
    let decomposition = svd(matmul(b.t(), a.view()).view())?;
    let difference = matmul(a.view(), decomposition.v.view()) - matmul(b.view(), decomposition.u.view());
    let largest = difference.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Ok(0.0);
    }
    Ok(largest * difference.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt())
}

fn padded(factor: ArrayView2<f64>, columns: usize) -> ndarray::Array2<f64> {
    let mut padded = ndarray::Array2::zeros((factor.nrows(), columns));
    for (mut row, values) in padded.rows_mut().into_iter().zip(factor.rows()) {
        row.iter_mut().zip(values).for_each(|(out, value)| *out = *value);
    }
    padded
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
    fn narrow_factors_are_padded_and_shapes_checked() {
        // A point mass against N(0, diag(9, 16)).
        let point = Array2::zeros((2, 1));
        let wide = Array2::from_diag(&array![3.0, 4.0]);
        assert!((bures(point.view(), wide.view()).unwrap() - 5.0).abs() < 1e-14);
        assert!(bures(Array2::zeros((3, 1)).view(), wide.view()).is_err());
    }
}
