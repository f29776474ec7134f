//! Whitening: principal axes, each coordinate of variance one.

use crate::{Error, Result};
use fokker_linalg::{eigh, matmul};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Share of the largest eigenvalue below which an axis counts as constant: what rounding leaves of 0.
const SINGULAR: f64 = 1e-12;

/// The map from standardised columns z to whitened coordinates y and back.
///
/// ```text
/// Cov z = Q diag(ℓ) Qᵀ      y = ℓ^{−½} Qᵀ z      z = Q ℓ^{½} y      log |dy/dz| = −½ Σ log ℓ
/// ```
///
/// By eigenvectors and not by Cholesky's factor, so that isotropic noise stays diagonal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whitening {
    /// Q: orthonormal columns, `[d, d]`.
    axes: Array2<f64>,
    /// √ℓ, largest first.
    deviations: Array1<f64>,
}

impl Whitening {
    /// Of standardised rows `z` `[n, d]` with weights.
    pub fn new(z: ArrayView2<f64>, weights: ArrayView1<f64>) -> Result<Self> {
        let dim = z.ncols();
        let undefined = |reason: String| Error::Undefined {
            what: "whitening",
            reason,
            remedy: "take the hermite or the cosine reference, or more rows",
        };
        let rows = weights.iter().filter(|w| **w > 0.0).count();
        if rows <= dim {
            return Err(undefined(format!("{rows} rows in {dim} columns have a singular covariance")));
        }
        let eigen = eigh(covariance(z, weights).view())
            .map_err(|error| Error::Numerical { what: "whitening", reason: error.to_string() })?;
        let (mut values, mut axes) = (eigen.values, eigen.vectors);
        values.invert_axis(Axis(0));
        axes.invert_axis(Axis(1));
        let constant = values.iter().filter(|v| **v <= SINGULAR * values[0] || v.is_nan()).count();
        if constant > 0 {
            return Err(undefined(format!(
                "{constant} linear combinations of the {dim} columns are always the same"
            )));
        }
        // The sign of an eigenvector is arbitrary: its largest entry is positive.
        for mut axis in axes.columns_mut() {
            let largest = axis.iter().fold(0.0, |most: f64, x| if x.abs() > most.abs() { *x } else { most });
            axis.mapv_inplace(|x| x * largest.signum());
        }
        Ok(Whitening { axes: axes.as_standard_layout().into_owned(), deviations: values.mapv(f64::sqrt) })
    }

    /// Axes and deviations, to be saved.
    pub fn parts(&self) -> (ArrayView2<'_, f64>, ArrayView1<'_, f64>) {
        (self.axes.view(), self.deviations.view())
    }

    /// From what was saved; None when it is no whitening.
    pub fn from_parts(axes: Array2<f64>, deviations: Array1<f64>) -> Option<Self> {
        let gram = matmul(axes.t(), axes.view());
        let identity = |((i, j), g): ((usize, usize), &f64)| (g - f64::from(u8::from(i == j))).abs() < 1e-9;
        let valid = gram.indexed_iter().all(identity)
            && deviations.iter().all(|s| *s > 0.0 && s.is_finite())
            && axes.dim() == (deviations.len(), deviations.len());
        valid.then_some(Whitening { axes, deviations })
    }

    pub fn dim(&self) -> usize {
        self.deviations.len()
    }

    /// y of rows z. Row by row: a matrix product rounds a row by the number of others.
    pub fn forward(&self, z: ArrayView2<f64>) -> Array2<f64> {
        by_row(z, |row| self.axes.t().dot(&row) / &self.deviations)
    }

    /// z of rows y.
    pub fn backward(&self, y: ArrayView2<f64>) -> Array2<f64> {
        by_row(y, |row| self.axes.dot(&(&row * &self.deviations)))
    }

    /// `∂_z log p` from `∂_y log p`.
    pub fn pull_back(&self, score: ArrayView1<f64>) -> Array1<f64> {
        self.axes.dot(&(&score / &self.deviations))
    }

    /// A matrix of dy/dz, `[d, d]`: `ℓ^{−½} Qᵀ`.
    pub fn matrix(&self) -> Array2<f64> {
        (&self.axes / &self.deviations).reversed_axes()
    }

    /// `log |dy/dz|`.
    pub fn log_jacobian(&self) -> f64 {
        -self.deviations.mapv(f64::ln).sum()
    }
}

fn by_row(x: ArrayView2<f64>, map: impl Fn(ArrayView1<f64>) -> Array1<f64>) -> Array2<f64> {
    let mut out = Array2::zeros(x.dim());
    x.rows().into_iter().zip(out.rows_mut()).for_each(|(x, mut out)| out.assign(&map(x)));
    out
}

/// Weighted covariance of rows.
pub(super) fn covariance(x: ArrayView2<f64>, weights: ArrayView1<f64>) -> Array2<f64> {
    let total = weights.sum();
    let mean: Array1<f64> = x.columns().into_iter().map(|c| c.dot(&weights) / total).collect();
    let centred = &x - &mean;
    let weighted = &centred * &weights.insert_axis(Axis(1));
    matmul(weighted.t(), centred.view()) / total
}

/// Smallest and largest value of each coordinate.
pub(super) fn range(y: ArrayView2<f64>) -> (Vec<f64>, Vec<f64>) {
    let end = |pick: fn(f64, f64) -> f64, start: f64| {
        y.columns().into_iter().map(|column| column.iter().fold(start, |end, x| pick(end, *x))).collect()
    };
    (end(f64::min, f64::INFINITY), end(f64::max, f64::NEG_INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn coordinates_are_white_and_come_back() {
        // Two columns of correlation 0.8 by hand: ℓ = 1.8 and 0.2, so |dy/dz| = 1/√0.36.
        let z = array![[1.0, 0.8], [-1.0, -0.8], [0.0, 0.6], [0.0, -0.6]] * 2f64.sqrt();
        let weights = Array1::ones(4);
        let whitening = Whitening::new(z.view(), weights.view()).unwrap();
        let y = whitening.forward(z.view());
        let white = covariance(y.view(), weights.view());
        assert!((&white - &Array2::<f64>::eye(2)).iter().all(|e| e.abs() < 1e-14), "{white}");
        assert!((&whitening.backward(y.view()) - &z).iter().all(|e| e.abs() < 1e-14));
        assert!((whitening.log_jacobian() + 0.5 * 0.36f64.ln()).abs() < 1e-14);
        assert!((&y - &z.dot(&whitening.matrix().t())).iter().all(|e| e.abs() < 1e-14));
        let error =
            Whitening::new(array![[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0]].view(), Array1::ones(3).view());
        assert!(error.unwrap_err().to_string().contains("always the same"));
    }
}
