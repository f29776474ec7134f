//! Dense linear algebra on `ndarray` views: the only crate that names the backend.
//!
//! Every function runs on the calling thread. Parallelism belongs to the callers, who split
//! their work into fixed blocks and merge in a fixed order, so that results have the same bits
//! at any thread count; the backend's own threads would spin at barriers beside them.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef, Par, Side};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, CowArray, Ix2};
use std::sync::Once;

mod cholesky;
mod registers;

pub use cholesky::Cholesky;

use registers::leaving_registers_clear;

/// What can go wrong in a factorisation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinalgError {
    /// An input entry is NaN or infinite.
    #[error("the matrix has a non-finite entry at row {row}, column {column}")]
    NonFinite {
        /// Row of the first such entry.
        row: usize,
        /// Column of the first such entry.
        column: usize,
    },
    /// A matrix that must be positive definite is not.
    #[error("the {order}×{order} matrix is not positive definite: pivot {pivot} is not positive")]
    NotPositiveDefinite {
        /// Rows and columns of the matrix.
        order: usize,
        /// Index of the first pivot that is not positive.
        pivot: usize,
    },
    /// The iteration of the factorisation did not converge.
    #[error("the {factorisation} of a {rows}×{columns} matrix did not converge")]
    NoConvergence {
        /// Name of the factorisation.
        factorisation: &'static str,
        /// Rows of the input.
        rows: usize,
        /// Columns of the input.
        columns: usize,
    },
}

/// Eigenvalues in ascending order and orthonormal eigenvectors (columns) of a symmetric matrix.
#[derive(Debug, Clone)]
pub struct Eigh {
    /// Eigenvalues, ascending, `[d]`.
    pub values: Array1<f64>,
    /// Eigenvectors as columns, `[d, d]`.
    pub vectors: Array2<f64>,
}

/// Thin singular value decomposition `A = U diag(s) Vᵀ`, singular values descending.
#[derive(Debug, Clone)]
pub struct Svd {
    /// Left singular vectors, `[m, k]`, k = min(m, n).
    pub u: Array2<f64>,
    /// Singular values, descending, `[k]`.
    pub s: Array1<f64>,
    /// Right singular vectors, `[n, k]`.
    pub v: Array2<f64>,
}

/// Product `A B`, O(m k n).
///
/// # Panics
/// When the inner dimensions differ.
///
/// ```
/// use ndarray::array;
/// let a = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(fokker_linalg::matmul(a.view(), a.view()), array![[7.0, 10.0], [15.0, 22.0]]);
/// ```
pub fn matmul(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    matmul_into(a, b, out.view_mut());
    out
}

/// Product `out ← A B`, without allocation when all three are contiguous.
///
/// # Panics
/// When the shapes do not fit or `out` is not row-major contiguous.
pub fn matmul_into(a: ArrayView2<f64>, b: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    assert_eq!(a.ncols(), b.nrows(), "inner dimensions differ");
    assert_eq!(out.dim(), (a.nrows(), b.ncols()), "output shape differs");
    let (a, b) = (contiguous(&a), contiguous(&b));
    let (a, b) = (as_mat(&a), as_mat(&b));
    leaving_registers_clear(|| faer_matmul(as_mat_mut(&mut out), Accum::Replace, a, b, 1.0, Par::Seq));
}

/// [`matmul_into`] in single precision: each entry of A B is off by at most about
/// k·2⁻²⁴·Σ |a_ik b_kj|, in half the time.
///
/// # Panics
/// When the shapes do not fit or `out` is not row-major contiguous.
///
/// ```
/// use ndarray::array;
/// let mut out = array![[0.0f32]];
/// fokker_linalg::matmul_single_into(array![[2.0, 3.0]].view(), array![[4.0], [5.0]].view(), out.view_mut());
/// assert_eq!(out, array![[23.0]]);
/// ```
pub fn matmul_single_into(a: ArrayView2<f32>, b: ArrayView2<f32>, mut out: ArrayViewMut2<f32>) {
    assert_eq!(a.ncols(), b.nrows(), "inner dimensions differ");
    assert_eq!(out.dim(), (a.nrows(), b.ncols()), "output shape differs");
    let (a, b) = (contiguous(&a), contiguous(&b));
    let (a, b) = (as_mat(&a), as_mat(&b));
    leaving_registers_clear(|| faer_matmul(as_mat_mut(&mut out), Accum::Replace, a, b, 1.0, Par::Seq));
}

/// Product added to what is there, `out ← out + A B`, without allocation when all are contiguous.
///
/// # Panics
/// When the shapes do not fit or `out` is not row-major contiguous.
///
/// ```
/// use ndarray::array;
/// let mut out = array![[1.0]];
/// fokker_linalg::matmul_accumulate(array![[2.0, 3.0]].view(), array![[4.0], [5.0]].view(), out.view_mut());
/// assert_eq!(out, array![[24.0]]);
/// ```
pub fn matmul_accumulate(a: ArrayView2<f64>, b: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    assert_eq!(a.ncols(), b.nrows(), "inner dimensions differ");
    assert_eq!(out.dim(), (a.nrows(), b.ncols()), "output shape differs");
    let (a, b) = (contiguous(&a), contiguous(&b));
    let (a, b) = (as_mat(&a), as_mat(&b));
    leaving_registers_clear(|| faer_matmul(as_mat_mut(&mut out), Accum::Add, a, b, 1.0, Par::Seq));
}

/// Accumulates some rows of the lower triangle of a Gram matrix, `out ← out + XᵀX`.
///
/// `panel` holds the rows `start..start + p` of the `[d, d]` matrix; entries right of the
/// diagonal block stay as they are. Panels are independent, so callers share them out among
/// threads; all panels together cost O(n d²/2).
///
/// # Panics
/// When `panel` is not `[p, d]` row-major contiguous or reaches beyond row d.
pub fn gram_accumulate_panel(x: ArrayView2<f64>, start: usize, mut panel: ArrayViewMut2<f64>) {
    let (p, d) = panel.dim();
    assert!(d == x.ncols() && start + p <= d, "the panel is no part of the Gram matrix");
    let x = contiguous(&x);
    let x = as_mat(&x);
    let out = as_mat_mut(&mut panel).subcols_mut(0, start + p);
    let own = x.subcols(start, p);
    leaving_registers_clear(|| {
        faer_matmul(out, Accum::Add, own.transpose(), x.subcols(0, start + p), 1.0, Par::Seq)
    });
}

/// Copies the lower triangle onto the upper one, after [`gram_accumulate_panel`].
pub fn mirror_lower(a: &mut Array2<f64>) {
    for i in 0..a.nrows() {
        for j in 0..i {
            a[[j, i]] = a[[i, j]];
        }
    }
}

/// Eigendecomposition of a symmetric matrix (its lower triangle is read), O(d³).
///
/// # Errors
/// A non-finite entry, or no convergence.
///
/// ```
/// use ndarray::array;
/// let eigh = fokker_linalg::eigh(array![[2.0, 1.0], [1.0, 2.0]].view()).unwrap();
/// assert!((eigh.values[0] - 1.0).abs() < 1e-14 && (eigh.values[1] - 3.0).abs() < 1e-14);
/// ```
pub fn eigh(a: ArrayView2<f64>) -> Result<Eigh, LinalgError> {
    assert_eq!(a.nrows(), a.ncols(), "a symmetric matrix is square");
    check_finite(&a)?;
    sequential();
    let a = contiguous(&a);
    let eigen = leaving_registers_clear(|| as_mat(&a).self_adjoint_eigen(Side::Lower))
        .map_err(|_| no_convergence("eigendecomposition", &a))?;
    Ok(Eigh { values: eigen.S().column_vector().iter().copied().collect(), vectors: to_array(eigen.U()) })
}

/// Thin singular value decomposition, O(m n min(m, n)).
///
/// # Errors
/// A non-finite entry, or no convergence.
pub fn svd(a: ArrayView2<f64>) -> Result<Svd, LinalgError> {
    check_finite(&a)?;
    sequential();
    let a = contiguous(&a);
    let svd = leaving_registers_clear(|| as_mat(&a).thin_svd())
        .map_err(|_| no_convergence("singular value decomposition", &a))?;
    Ok(Svd {
        u: to_array(svd.U()),
        s: svd.S().column_vector().iter().copied().collect(),
        v: to_array(svd.V()),
    })
}

/// The backend reads a process-wide setting in its high-level factorisations.
fn sequential() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| faer::set_global_parallelism(Par::Seq));
}

fn no_convergence(factorisation: &'static str, a: &CowArray<f64, Ix2>) -> LinalgError {
    LinalgError::NoConvergence { factorisation, rows: a.nrows(), columns: a.ncols() }
}

fn check_finite(a: &ArrayView2<f64>) -> Result<(), LinalgError> {
    match a.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), _)) => Err(LinalgError::NonFinite { row, column }),
        None => Ok(()),
    }
}

/// The view itself when it is contiguous in either order, a row-major copy otherwise.
fn contiguous<'a, T: Clone>(a: &'a ArrayView2<T>) -> CowArray<'a, T, Ix2> {
    if a.is_standard_layout() || a.t().is_standard_layout() {
        CowArray::from(a.view())
    } else {
        CowArray::from(a.as_standard_layout().into_owned())
    }
}

fn as_mat<'a, T>(a: &'a CowArray<T, Ix2>) -> MatRef<'a, T> {
    let (rows, columns) = a.dim();
    if let Some(slice) = a.as_slice() {
        MatRef::from_row_major_slice(slice, rows, columns)
    } else {
        let slice = a.as_slice_memory_order().expect("contiguous in column-major order");
        MatRef::from_column_major_slice(slice, rows, columns)
    }
}

fn as_mat_mut<'a, T>(a: &'a mut ArrayViewMut2<T>) -> MatMut<'a, T> {
    let (rows, columns) = a.dim();
    let slice = a.as_slice_mut().expect("the output is row-major contiguous");
    MatMut::from_row_major_slice_mut(slice, rows, columns)
}

fn to_array(a: MatRef<f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), a.ncols()), |(i, j)| a[(i, j)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, Slice, array};

    fn example(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| ((3 * i + 7 * j + i * j) % 11) as f64 - 4.5)
    }

    #[test]
    fn products_agree_with_ndarray_for_every_layout() {
        let wide = example(6, 10);
        let mut strided = wide.view();
        strided.slice_axis_inplace(Axis(0), Slice::new(0, None, 2));
        strided.slice_axis_inplace(Axis(1), Slice::new(0, None, 3));
        for a in [wide.view(), strided.view(), wide.slice_axis(Axis(1), Slice::from(1..5))] {
            for b in [a.t(), a.t().as_standard_layout().view()] {
                let difference = matmul(a, b) - a.dot(&b);
                assert!(difference.iter().all(|x| x.abs() < 1e-12));
            }
        }
    }

    #[test]
    fn gram_accumulates_the_lower_triangle_over_blocks() {
        let x = example(9, 5);
        let mut gram = Array2::zeros((5, 5));
        for block in x.axis_chunks_iter(Axis(0), 4) {
            for (i, panel) in gram.axis_chunks_iter_mut(Axis(0), 2).enumerate() {
                gram_accumulate_panel(block, 2 * i, panel);
            }
        }
        mirror_lower(&mut gram);
        assert!((gram - x.t().dot(&x)).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn eigh_and_svd_reconstruct() {
        let x = example(7, 4);
        let a = x.t().dot(&x);
        let Eigh { values, vectors } = eigh(a.view()).unwrap();
        let rebuilt = (&vectors * &values).dot(&vectors.t());
        assert!((rebuilt - &a).iter().all(|x| x.abs() < 1e-11));
        assert!(values.windows(2).into_iter().all(|w| w[0] <= w[1]));

        let Svd { u, s, v } = svd(x.view()).unwrap();
        assert_eq!((u.dim(), v.dim()), ((7, 4), (4, 4)));
        assert!(((&u * &s).dot(&v.t()) - &x).iter().all(|x| x.abs() < 1e-12));
        assert!(s.windows(2).into_iter().all(|w| w[0] >= w[1]));
    }

    #[test]
    fn non_finite_entries_are_named() {
        let a = array![[1.0, 0.0], [f64::NAN, 1.0]];
        let expected = LinalgError::NonFinite { row: 1, column: 0 };
        assert_eq!(eigh(a.view()).unwrap_err(), expected);
        assert_eq!(svd(a.view()).unwrap_err(), expected);
    }
}
