//! Cholesky factors of symmetric positive definite matrices.

use crate::registers::leaving_registers_clear;
use crate::{LinalgError, as_mat, as_mat_mut, check_finite, contiguous, sequential};
use faer::linalg::solvers::{Llt, Solve};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Par, Side};
use ndarray::{ArrayView2, ArrayViewMut2};

/// The factor L of a symmetric positive definite matrix `A = L Lᵀ`.
///
/// ```
/// use ndarray::array;
/// let a = array![[4.0, 2.0], [2.0, 5.0]];
/// let cholesky = fokker_linalg::Cholesky::new(a.view()).unwrap();
/// let mut x = array![[8.0], [12.0]];
/// cholesky.solve_in_place(x.view_mut());
/// assert!((x - array![[1.0], [2.0]]).iter().all(|e| e.abs() < 1e-15));
/// assert!((cholesky.log_determinant() - 16f64.ln()).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct Cholesky {
    factor: Llt<f64>,
}

impl Cholesky {
    /// Factors `a`, whose lower triangle is read, O(n³/3).
    ///
    /// # Errors
    /// A non-finite entry, or a matrix that is not positive definite in floating point.
    pub fn new(a: ArrayView2<f64>) -> Result<Self, LinalgError> {
        assert_eq!(a.nrows(), a.ncols(), "a symmetric matrix is square");
        check_finite(&a)?;
        sequential();
        let a = contiguous(&a);
        match leaving_registers_clear(|| as_mat(&a).llt(Side::Lower)) {
            Ok(factor) => Ok(Cholesky { factor }),
            Err(faer::linalg::cholesky::llt::factor::LltError::NonPositivePivot { index }) => {
                Err(LinalgError::NotPositiveDefinite { order: a.nrows(), pivot: index })
            }
        }
    }

    /// Order n of the matrix.
    pub fn order(&self) -> usize {
        self.factor.L().nrows()
    }

    /// Overwrites the columns of `b` (`[n, k]`, row-major contiguous) with `A⁻¹ b`, O(n² k).
    pub fn solve_in_place(&self, mut b: ArrayViewMut2<f64>) {
        sequential();
        leaving_registers_clear(|| self.factor.solve_in_place(as_mat_mut(&mut b)));
    }

    /// Overwrites the columns of `b` (`[n, k]`, row-major contiguous) with `L⁻¹ b`, O(n² k/2).
    pub fn whiten_in_place(&self, mut b: ArrayViewMut2<f64>) {
        let b = as_mat_mut(&mut b);
        leaving_registers_clear(|| solve_lower_triangular_in_place(self.factor.L(), b, Par::Seq));
    }

    /// `log det A = 2 Σ log L_ii`.
    pub fn log_determinant(&self) -> f64 {
        self.factor.L().diagonal().column_vector().iter().map(|pivot| 2.0 * pivot.ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn solves_and_whitens_what_it_factored() {
        let x = Array2::from_shape_fn((9, 5), |(i, j)| ((3 * i + 7 * j + i * j) % 11) as f64 - 4.5);
        let a = x.t().dot(&x);
        let cholesky = Cholesky::new(a.view()).unwrap();
        assert_eq!(cholesky.order(), 5);
        let mut b = Array2::eye(5);
        cholesky.solve_in_place(b.view_mut());
        assert!((a.dot(&b) - Array2::<f64>::eye(5)).iter().all(|e| e.abs() < 1e-11));
        let mut white = a.clone();
        cholesky.whiten_in_place(white.view_mut());
        // L⁻¹ A = Lᵀ, whose Gram matrix is A.
        assert!((white.t().dot(&white) - &a).iter().all(|e| e.abs() < 1e-10));
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        let a = array![[1.0, 2.0], [2.0, 1.0]];
        let error = Cholesky::new(a.view()).unwrap_err();
        assert_eq!(error, LinalgError::NotPositiveDefinite { order: 2, pivot: 1 });
    }
}
