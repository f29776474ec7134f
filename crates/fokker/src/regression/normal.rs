//! Observing rows.

use super::{Fit, RidgePath};
use crate::{Error, Merge, Result};
use fokker_linalg::{Cholesky, gram_accumulate_panel, matmul, mirror_lower};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Rows of the Gram matrix per task; fixed, so the thread count cannot change a bit.
const PANEL: usize = 128;

/// Gram matrix, right-hand side and sums of a weighted least-squares problem.
///
/// Memory 8 K² bytes; observing n rows costs n K² flops.
///
/// ```
/// use fokker::regression::NormalEquations;
/// use ndarray::array;
/// let mut equations = NormalEquations::new(2);
/// let rows = array![[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]];
/// equations.observe(rows.view(), array![1.0, 3.0, 5.0].view(), array![1.0, 1.0, 1.0].view())?;
/// let fit = equations.solve(0.0)?;
/// assert!((fit.coefficients - array![1.0, 2.0]).iter().all(|e| e.abs() < 1e-14));
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NormalEquations {
    /// Lower triangle of A.
    pub(super) gram: Array2<f64>,
    pub(super) rhs: Array1<f64>,
    /// Σ w y².
    pub(super) square: f64,
    /// Number of rows with a positive weight.
    pub(super) count: usize,
    /// Σ w.
    pub(super) weight: f64,
}

impl NormalEquations {
    /// No rows of K unknowns yet.
    pub fn new(unknowns: usize) -> Self {
        let (gram, rhs) = (Array2::zeros((unknowns, unknowns)), Array1::zeros(unknowns));
        NormalEquations { gram, rhs, square: 0.0, count: 0, weight: 0.0 }
    }

    /// Number K of unknowns.
    pub fn unknowns(&self) -> usize {
        self.rhs.len()
    }

    /// Gram matrix A, `[K, K]`.
    pub fn gram(&self) -> Array2<f64> {
        let mut gram = self.gram.clone();
        mirror_lower(&mut gram);
        gram
    }

    /// Right-hand side b, `[K]`.
    pub fn rhs(&self) -> &Array1<f64> {
        &self.rhs
    }

    /// Σ w of all rows.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Adds rows `[r, K]` with targets `[r]` and weights `[r]`, non-negative.
    ///
    /// # Errors
    /// Sizes that differ; a row, target or weight that is not finite.
    pub fn observe(
        &mut self,
        rows: ArrayView2<f64>,
        targets: ArrayView1<f64>,
        weights: ArrayView1<f64>,
    ) -> Result<()> {
        let sizes = [
            ("columns", self.unknowns(), rows.ncols()),
            ("targets", rows.nrows(), targets.len()),
            ("weights", rows.nrows(), weights.len()),
        ];
        for (name, expected, found) in sizes {
            if expected != found {
                return Err(Error::Size { name, expected, found });
            }
        }
        if let Some((i, &found)) = weights.indexed_iter().find(|(_, w)| !(**w >= 0.0 && w.is_finite())) {
            let requirement = "non-negative and finite";
            return Err(Error::Entry { name: "weights", requirement, index: vec![i], found });
        }
        if let Some(((row, column), &value)) = rows.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "design", index: vec![row, column], value });
        }
        if let Some((i, &value)) = targets.indexed_iter().find(|(_, y)| !y.is_finite()) {
            return Err(Error::NonFinite { name: "targets", index: vec![i], value });
        }
        let roots = weights.mapv(f64::sqrt);
        let scaled = &rows * &roots.view().insert_axis(Axis(1));
        let targets = &targets * &roots;
        self.accumulate(scaled.view());
        self.rhs += &matmul(scaled.t(), targets.view().insert_axis(Axis(1))).column(0);
        self.square += targets.dot(&targets);
        self.count += weights.iter().filter(|&&w| w > 0.0).count();
        self.weight += weights.sum();
        Ok(())
    }

    fn accumulate(&mut self, rows: ArrayView2<f64>) {
        let unknowns = self.unknowns();
        let gram = self.gram.as_slice_mut().expect("owned and contiguous");
        gram.par_chunks_mut(PANEL * unknowns.max(1)).enumerate().for_each(|(i, panel)| {
            let height = panel.len() / unknowns;
            let panel = ArrayViewMut2::from_shape((height, unknowns), panel).expect("whole rows");
            gram_accumulate_panel(rows, i * PANEL, panel);
        });
    }

    /// Multiplies all weights observed so far by a factor.
    pub fn scale(&mut self, factor: f64) {
        self.gram *= factor;
        self.rhs *= factor;
        self.square *= factor;
        self.weight *= factor;
    }

    /// The equations for c where each old unknown is a combination of new ones that share its
    /// coefficient: old unknown k at position p is `Σ_l factors[l] · new[index(k, l)]`.
    ///
    /// With one factor list per call this is what a time basis does: `V = Σ_l b_l(t) V_l`.
    pub(crate) fn expanded_into(&self, map: &[Vec<(usize, f64)>], out: &mut NormalEquations) {
        for (k, targets) in map.iter().enumerate() {
            for &(to, factor) in targets {
                out.rhs[to] += factor * self.rhs[k];
            }
            for (m, others) in map.iter().enumerate().take(k + 1) {
                let entry = self.gram[[k, m]];
                for &(i, f) in targets {
                    for &(j, g) in others {
                        let value = f * g * entry;
                        // Only the lower triangle is kept; an off-diagonal pair stands for both.
                        if i >= j {
                            out.gram[[i, j]] += value;
                        }
                        if m != k && j >= i {
                            out.gram[[j, i]] += value;
                        }
                    }
                }
            }
        }
        out.square += self.square;
        out.count += self.count;
        out.weight += self.weight;
    }

    /// Σ w (X·c − y)², from the sums: exact to about ε Σ w y².
    pub fn residual_square(&self, coefficients: ArrayView1<f64>) -> f64 {
        let product = self.gram().dot(&coefficients);
        // Rounding may leave an exact fit slightly below zero.
        (self.square - 2.0 * coefficients.dot(&self.rhs) + coefficients.dot(&product)).max(0.0)
    }

    /// Σ w y²: the residual of c = 0.
    pub fn target_square(&self) -> f64 {
        self.square
    }

    /// Everything that solves for any relative ridge need, O(10 K³).
    ///
    /// # Errors
    /// No convergence of the eigendecomposition.
    pub fn path(&self) -> Result<RidgePath> {
        RidgePath::new(self)
    }

    /// Solves `(A + η diag A) c = b` for one relative ridge η ≥ 0.
    ///
    /// # Errors
    /// A ridge that is negative or not finite; no convergence of the eigendecomposition.
    pub fn solve(&self, ridge: f64) -> Result<Fit> {
        self.path()?.solve(ridge)
    }

    /// Solves `(A + ρ I) c = b` for one absolute ridge ρ ≥ 0, in the units of A.
    ///
    /// # Errors
    /// A ridge that is negative or not finite; a matrix that is singular in floating point.
    pub fn solve_absolute(&self, ridge: f64) -> Result<Fit> {
        check_ridge(ridge)?;
        let path = self.path()?;
        // Scaled to a unit diagonal first, which costs nothing and gains digits.
        let mut scaled = self.gram.clone();
        scaled.diag_mut().mapv_inplace(|a| a + ridge);
        let scale = scaled.diag().mapv(|a| if a > 0.0 { a.sqrt().recip() } else { 0.0 });
        scaled = &scaled * &scale * scale.view().insert_axis(Axis(1));
        // A function that vanishes on all data gets no coefficient.
        scaled.diag_mut().iter_mut().filter(|a| **a == 0.0).for_each(|a| *a = 1.0);
        let cholesky = Cholesky::new(scaled.view()).map_err(|error| Error::Numerical {
            what: "the solve for the coefficients",
            reason: format!("{error}; increase the ridge, or use fewer features"),
        })?;
        let mut solution = (&self.rhs * &scale).insert_axis(Axis(1));
        cholesky.solve_in_place(solution.view_mut());
        let coefficients = solution.column(0).to_owned() * &scale;
        let mut inverse = Array2::eye(self.unknowns());
        cholesky.solve_in_place(inverse.view_mut());
        // tr(A (A + ρ)⁻¹) = K − ρ tr (A + ρ)⁻¹
        let trace: f64 = inverse.diag().iter().zip(&scale).map(|(a, s)| a * s * s).sum();
        Ok(Fit {
            degrees_of_freedom: self.unknowns() as f64 - ridge * trace,
            ridge,
            ..path.describe(coefficients, 0.0)
        })
    }
}

pub(super) fn check_ridge(ridge: f64) -> Result<()> {
    if ridge >= 0.0 && ridge.is_finite() {
        return Ok(());
    }
    Err(Error::Argument { name: "ridge", requirement: "non-negative and finite".into(), found: ridge })
}

impl Merge for NormalEquations {
    fn count(&self) -> usize {
        self.count
    }

    /// A different number of unknowns is an error.
    fn merge(&mut self, other: &Self) -> Result<()> {
        if other.unknowns() != self.unknowns() {
            let (expected, found) = (self.unknowns(), other.unknowns());
            return Err(Error::Size { name: "unknowns", expected, found });
        }
        self.gram += &other.gram;
        self.rhs += &other.rhs;
        self.square += other.square;
        self.count += other.count;
        self.weight += other.weight;
        Ok(())
    }
}
