//! The fit against simpler laws, in nats on rows held out.

use super::fit::SpectralFit;
use super::moments::Design;
use super::report::Comparison;
use crate::{Monitor, Result};
use fokker_linalg::{Cholesky, matmul};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};

/// Mean log-densities of rows held out: of the fit, of a Gaussian.
pub(super) fn compare(
    fit: &SpectralFit,
    design: &Design,
    most: usize,
    monitor: &dyn Monitor,
) -> Result<Option<Comparison>> {
    let rows = design.held_out.x.nrows().min(most);
    if rows < 2 {
        return Ok(None);
    }
    let test = design.held_out.x.slice_axis(Axis(0), Slice::from(..rows));
    let weights = design.held_out.weights.slice_axis(Axis(0), Slice::from(..rows));
    let spectral = fit.log_density_monitored(test, monitor)?;
    let free = |x: ArrayView2<f64>| x.select(Axis(1), &fit.frame.free);
    let (train, test) = (free(design.kept.x.view()), free(test));
    let gaussian = gaussian_log_density(train.view(), design.kept.weights.view(), test.view());
    Ok(Some(Comparison::new(rows, weights, &spectral, gaussian, None)))
}

/// `log N(x; m, Σ)` of test rows, m and Σ from weighted rows; None when Σ is singular.
fn gaussian_log_density(
    x: ArrayView2<f64>,
    weights: ArrayView1<f64>,
    test: ArrayView2<f64>,
) -> Option<Array1<f64>> {
    let total = weights.sum();
    let mean: Array1<f64> = x.columns().into_iter().map(|c| c.dot(&weights) / total).collect();
    let centred = &x - &mean;
    let weighted = &centred * &weights.insert_axis(Axis(1));
    let covariance = matmul(weighted.t(), centred.view()) / total;
    let cholesky = Cholesky::new(covariance.view()).ok()?;
    let mut white: Array2<f64> = (&test - &mean).t().as_standard_layout().into_owned();
    cholesky.whiten_in_place(white.view_mut());
    let constant = cholesky.log_determinant() + x.ncols() as f64 * (2.0 * std::f64::consts::PI).ln();
    Some(white.columns().into_iter().map(|z| -0.5 * (z.dot(&z) + constant)).collect())
}
