//! Solving for every ridge at the price of one.

use super::NormalEquations;
use super::normal::check_ridge;
use crate::Result;
use fokker_linalg::eigh;
use ndarray::{Array1, Array2, Axis};

/// Coefficients and what they are worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Coefficients c, `[K]`.
    pub coefficients: Array1<f64>,
    /// Ridge they were solved with.
    pub ridge: f64,
    /// Condition number of A scaled to a unit diagonal, without ridge; infinite when singular.
    pub condition: f64,
    /// Number of its eigenvalues above K ε times the largest: fewer than K unknowns are
    /// identifiable when it is smaller.
    pub rank: usize,
    /// √(Σ w (X·c − y)² / Σ w).
    pub residual: f64,
    /// tr A (A + ridge)⁻¹.
    pub degrees_of_freedom: f64,
}

/// Eigendecomposition of the Gram matrix scaled to a unit diagonal.
///
/// ```text
/// D = diag A,   Ã = D^{-1/2} A D^{-1/2} = U Λ Uᵀ,   c(η) = D^{-1/2} U (Λ + η)⁻¹ Uᵀ D^{-1/2} b
/// ```
#[derive(Debug, Clone)]
pub struct RidgePath {
    equations: NormalEquations,
    /// D^{-1/2}, zero where a function vanishes on all data.
    scale: Array1<f64>,
    values: Array1<f64>,
    vectors: Array2<f64>,
    /// Uᵀ D^{-1/2} b.
    rotated: Array1<f64>,
}

impl RidgePath {
    pub(super) fn new(equations: &NormalEquations) -> Result<Self> {
        let scale = equations.gram.diag().mapv(|a| if a > 0.0 { a.sqrt().recip() } else { 0.0 });
        let scaled = &equations.gram * &scale * scale.view().insert_axis(Axis(1));
        let eigen = eigh(scaled.view())?;
        let rotated = eigen.vectors.t().dot(&(&equations.rhs * &scale));
        Ok(RidgePath {
            equations: equations.clone(),
            scale,
            values: eigen.values,
            vectors: eigen.vectors,
            rotated,
        })
    }

    /// Eigenvalues below this are rounding.
    fn floor(&self) -> f64 {
        let largest = self.values.last().copied().unwrap_or(0.0);
        largest * f64::EPSILON * self.values.len() as f64
    }

    /// Solves `(A + η diag A) c = b`; directions that rounding alone gives are left out.
    ///
    /// # Errors
    /// A ridge that is negative or not finite.
    pub fn solve(&self, ridge: f64) -> Result<Fit> {
        check_ridge(ridge)?;
        let floor = self.floor();
        let damped = ndarray::Zip::from(&self.rotated)
            .and(&self.values)
            .map_collect(|&b, &value| if value > floor { b / (value + ridge) } else { 0.0 });
        let coefficients = self.vectors.dot(&damped) * &self.scale;
        Ok(self.describe(coefficients, ridge))
    }

    pub(super) fn describe(&self, coefficients: Array1<f64>, ridge: f64) -> Fit {
        let floor = self.floor();
        let (smallest, largest) =
            (self.values.first().copied().unwrap_or(1.0), self.values.last().copied().unwrap_or(1.0));
        let square = self.equations.residual_square(coefficients.view());
        Fit {
            coefficients,
            ridge,
            condition: if smallest > floor { largest / smallest } else { f64::INFINITY },
            rank: self.values.iter().filter(|&&value| value > floor).count(),
            residual: (square / self.equations.weight).sqrt(),
            degrees_of_freedom: self.degrees_of_freedom(ridge),
        }
    }

    fn degrees_of_freedom(&self, ridge: f64) -> f64 {
        let floor = self.floor();
        self.values.iter().filter(|&&value| value > floor).map(|value| value / (value + ridge)).sum()
    }

    /// Parts of generalised cross-validation, which add up over independent problems.
    ///
    /// ```text
    /// GCV(η) = (RSS/W) / (1 − dof/n)²
    /// ```
    ///
    /// Returns RSS, dof and n, the number of rows observed.
    ///
    /// # Errors
    /// A ridge that is negative or not finite.
    pub fn cross_validation(&self, ridge: f64) -> Result<(f64, f64, f64)> {
        let fit = self.solve(ridge)?;
        let square = fit.residual * fit.residual * self.equations.weight;
        Ok((square, fit.degrees_of_freedom, self.equations.count as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Merge;
    use ndarray::{Axis, Slice, array};

    fn problem() -> (Array2<f64>, Array1<f64>, Array1<f64>) {
        let x = Array2::from_shape_fn((12, 3), |(i, j)| ((5 * i + 3 * j * j + i * j) % 13) as f64 - 6.0);
        let y = Array1::from_shape_fn(12, |i| ((7 * i) % 11) as f64);
        (x, y, Array1::from_shape_fn(12, |i| 0.5 + (i % 3) as f64))
    }

    #[test]
    fn both_ridges_solve_their_equations_and_shards_merge() {
        let (x, y, w) = problem();
        let mut whole = NormalEquations::new(3);
        whole.observe(x.view(), y.view(), w.view()).unwrap();
        let part = |range: std::ops::Range<usize>| {
            let mut part = NormalEquations::new(3);
            let cut = |a: &Array1<f64>| a.slice_axis(Axis(0), Slice::from(range.clone())).to_owned();
            let rows = x.slice_axis(Axis(0), Slice::from(range.clone()));
            part.observe(rows, cut(&y).view(), cut(&w).view()).unwrap();
            part
        };
        let mut merged = part(0..5);
        merged.merge(&part(5..12)).unwrap();
        assert!((merged.gram() - whole.gram()).iter().all(|e| e.abs() < 1e-12));
        assert_eq!((merged.count(), merged.weight()), (12, whole.weight()));

        let (a, b) = (whole.gram(), whole.rhs().clone());
        for ridge in [0.0, 1e-3, 2.0] {
            let c = whole.solve(ridge).unwrap().coefficients;
            let left = a.dot(&c) + &(a.diag().mapv(|d| d * ridge) * &c);
            assert!((left - &b).iter().all(|e| e.abs() < 1e-10));
            let fit = whole.solve_absolute(ridge).unwrap();
            let left = a.dot(&fit.coefficients) + &fit.coefficients * ridge;
            assert!((left - &b).iter().all(|e| e.abs() < 1e-10));
            let direct: f64 = (x.dot(&fit.coefficients) - &y).mapv(|e| e * e).dot(&w);
            assert!((fit.residual - (direct / w.sum()).sqrt()).abs() < 1e-12);
        }
        // tr A (A + ρ)⁻¹ by the eigenvalues of A
        let values = eigh(a.view()).unwrap().values;
        let expected: f64 = values.iter().map(|v| v / (v + 2.0)).sum();
        assert!((whole.solve_absolute(2.0).unwrap().degrees_of_freedom - expected).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_identifiable_is_seen() {
        let (mut x, y, w) = problem();
        let twice = x.column(0).mapv(|v| 2.0 * v);
        x.column_mut(1).assign(&twice);
        x.column_mut(2).fill(0.0);
        let mut equations = NormalEquations::new(3);
        equations.observe(x.view(), y.view(), w.view()).unwrap();
        let fit = equations.solve(0.0).unwrap();
        assert_eq!((fit.rank, fit.condition, fit.coefficients[2]), (1, f64::INFINITY, 0.0));
        // The direction that is seen is fitted, equally by the two copies of one function.
        let expected = (&x.column(0) * &y).dot(&w) / (&x.column(0) * &x.column(0)).dot(&w);
        assert!((fit.coefficients[0] + 2.0 * fit.coefficients[1] - expected).abs() < 1e-12);
        assert!(equations.solve_absolute(0.0).is_err());
    }

    #[test]
    fn bad_rows_are_refused() {
        let mut equations = NormalEquations::new(2);
        let rows = array![[1.0, f64::NAN]];
        let one = array![1.0];
        assert!(equations.observe(rows.view(), one.view(), one.view()).is_err());
        let rows = array![[1.0, 2.0]];
        assert!(equations.observe(rows.view(), array![f64::INFINITY].view(), one.view()).is_err());
        assert!(equations.observe(rows.view(), one.view(), array![-1.0].view()).is_err());
        assert!(equations.observe(rows.view(), array![1.0, 2.0].view(), one.view()).is_err());
        assert!(equations.solve(f64::NAN).is_err() && equations.solve(-1.0).is_err());
    }
}
