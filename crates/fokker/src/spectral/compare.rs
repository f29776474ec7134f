//! The fit against simpler laws, in nats on rows held out.

use super::density::Density;
use super::fit::SpectralFit;
use super::moments::Design;
use super::report::Comparison;
use crate::statistics::{GaussianMixture, MixtureFit, MixtureOptions};
use crate::{Error, Result, Task};
use fokker_linalg::{Cholesky, matmul};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Mean log-densities of rows held out: of the fit, of a Gaussian.
pub(super) fn compare(
    fit: &SpectralFit,
    design: &Design,
    most: usize,
    task: Task,
) -> Result<Option<Comparison>> {
    let held_out = design.held_out.thinned(most);
    if held_out.x.nrows() < 2 {
        return Ok(None);
    }
    let test = held_out.x.view();
    let spectral = fit.log_densities(Density::Flow, test, task)?;
    let energy = match fit.report.partition {
        Some(partition) => Some((fit.log_densities(Density::Energy, test, task)?, partition)),
        None => None,
    };
    let free = |x: ArrayView2<f64>| x.select(Axis(1), &fit.frame.free);
    let (train, test) = (free(design.kept.x.view()), free(test));
    let gaussian = gaussian_log_density(train.view(), design.kept.weights.view(), test.view());
    let few = design.kept.thinned(ROWS);
    let mixture = mixture_log_density(free(few.x.view()).view(), few.weights.view(), test.view(), task)?;
    Ok(Some(Comparison::new(held_out.weights.view(), &spectral, energy, gaussian, mixture)))
}

/// Mean log-density of rows held out by the flow; None when there are too few.
pub(super) fn held_out_nats(
    fit: &SpectralFit,
    design: &Design,
    most: usize,
    task: Task,
) -> Result<Option<f64>> {
    let rows = design.held_out.thinned(most.max(2));
    if rows.x.nrows() < 2 {
        return Ok(None);
    }
    let log = fit.log_densities(Density::Flow, rows.x.view(), task)?;
    let weighted = log.iter().zip(&rows.weights).filter(|(_, w)| **w > 0.0);
    let (sum, total) = weighted.fold((0.0, 0.0), |(sum, total), (log, w)| (sum + w * log, total + w));
    Ok((total > 0.0).then(|| sum / total))
}

/// Most components of the mixture, and most rows and iterations that its fit may take: it is a
/// yardstick, not the subject.
const COMPONENTS: usize = 10;
const ROWS: usize = 4096;
const ITERATIONS: usize = 50;

/// Number of components and log-densities of a mixture of Gaussians with full covariances; None
/// where none can be fitted.
fn mixture_log_density(
    x: ArrayView2<f64>,
    weights: ArrayView1<f64>,
    test: ArrayView2<f64>,
    task: Task,
) -> Result<Option<(usize, Array1<f64>)>> {
    let (n, d) = x.dim();
    // At least ten rows for each dimension of a component's covariance factor.
    let components = (n / (10 * d)).min(COMPONENTS);
    if components < 2 {
        return Ok(None);
    }
    let options =
        MixtureOptions { components, ridge: 1e-3, iterations: ITERATIONS, tolerance: 1e-3, seed: 0, task };
    let density = |fit: MixtureFit| fit.mixture.log_density(test).map(|log| (components, log));
    match GaussianMixture::fit(x, Some(weights), &options).and_then(density) {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        // Data that no mixture fits, such as few different rows, has no such yardstick.
        other => Ok(other.ok()),
    }
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
