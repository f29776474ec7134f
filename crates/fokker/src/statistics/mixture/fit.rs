//! Fitting mixtures of Gaussians by expectation and maximisation.

use super::density::{Kernel, shares};
use super::{Gaussian, GaussianMixture};
use crate::statistics::weights::normalised;
use crate::statistics::{KMeansOptions, kmeans};
use crate::{Error, Result, Task, in_parallel};
use fokker_linalg::{gram_accumulate_panel, matmul, mirror_lower};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

/// Rows per parallel task; fixed, so that sums have the same bits at any number of threads.
const BLOCK: usize = 2048;

/// Options of [`GaussianMixture::fit`].
#[derive(Clone, Copy)]
pub struct MixtureOptions<'a> {
    /// Number K of components.
    pub components: usize,
    /// Added to every component's variance of a column, in units of that column's total variance.
    pub ridge: f64,
    /// Most iterations.
    pub iterations: usize,
    /// Gain of the mean log-likelihood, in nats a row, below which the iteration ends.
    pub tolerance: f64,
    /// Seed of the start.
    pub seed: u64,
    /// Progress, in iterations, and cancellation.
    pub task: Task<'a>,
}

impl Default for MixtureOptions<'_> {
    fn default() -> Self {
        MixtureOptions {
            components: 10,
            ridge: 1e-6,
            iterations: 300,
            tolerance: 1e-4,
            seed: 0,
            task: Task::silent(),
        }
    }
}

impl MixtureOptions<'_> {
    /// Whether every option is in its domain.
    ///
    /// # Errors
    /// No component, no iteration, a ridge or a tolerance that is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        for (name, value) in [("components", self.components), ("iterations", self.iterations)] {
            if value == 0 {
                return Err(Error::Argument { name, requirement: "at least 1".into(), found: 0.0 });
            }
        }
        for (name, value) in [("ridge", self.ridge), ("tolerance", self.tolerance)] {
            if !(value >= 0.0 && value.is_finite()) {
                let requirement = "non-negative and finite".into();
                return Err(Error::Argument { name, requirement, found: value });
            }
        }
        Ok(())
    }
}

/// A fitted mixture and how the fit went.
#[derive(Debug, Clone)]
pub struct MixtureFit {
    /// The mixture, with as many components as were asked for.
    pub mixture: GaussianMixture,
    /// Mean log-likelihood of the rows under the mixture, Σ w_i log ρ(x_i) / Σ w_i, in nats.
    pub log_likelihood: f64,
    /// Iterations that were done.
    pub iterations: usize,
    /// Whether the last iteration gained no more than the tolerance.
    pub converged: bool,
    /// What the ridge added to the variance of each column of each component, `[d]`.
    pub ridge: Array1<f64>,
}

impl GaussianMixture {
    /// Fits K components with full covariances to the rows of `x` `[n, d]` with weights `[n]`
    /// (equal ones without).
    ///
    /// ```text
    /// start      clusters of the standardised rows (k-means++)
    /// E          r_ik = w_k N(x_i; m_k, Σ_k) / Σ_l w_l N(x_i; m_l, Σ_l)          in logarithms
    /// M          N_k = Σ_i ω_i r_ik,   w_k = N_k / Σ N,   m_k = Σ_i ω_i r_ik x_i / N_k
    ///            Σ_k = Σ_i ω_i r_ik (x_i − m_k)(x_i − m_k)ᵀ / N_k + η diag(s²)
    /// until      the mean log-likelihood gains at most the tolerance
    /// ```
    ///
    /// ω are the weights of the rows, s² the variances of the columns (divisor n) and η the ridge.
    /// Everything is invariant to shifts and scales of the columns. No component is ever dropped:
    /// the ridge keeps tight ones regular, and one that loses all its rows keeps its mean and
    /// covariance at weight zero. With η = 0 the likelihood never falls. O(n K d²) an iteration.
    ///
    /// # Errors
    /// Options out of their domain, no row, a non-finite entry, weights that do not fit, a
    /// constant column, fewer different rows than components, a component without density (a
    /// ridge of 0 or one that rounding swallows), or an interruption.
    ///
    /// # Source
    /// [dempster1977, §4.3].
    ///
    /// ```
    /// use fokker::statistics::{GaussianMixture, MixtureOptions};
    /// use ndarray::array;
    /// let x = array![[-11.0], [-9.0], [9.0], [11.0]];
    /// let options = MixtureOptions { components: 2, ridge: 0.0, ..Default::default() };
    /// let fit = GaussianMixture::fit(x.view(), None, &options)?;
    /// let mut means: Vec<f64> = fit.mixture.components().iter().map(|c| c.mean()[0]).collect();
    /// means.sort_by(f64::total_cmp);
    /// assert!((means[0] + 10.0).abs() < 1e-12 && (means[1] - 10.0).abs() < 1e-12);
    /// assert!(fit.mixture.components().iter().all(|c| (c.values()[0] - 1.0).abs() < 1e-12));
    /// // log ½ − ½ ln 2π − ½
    /// assert!((fit.log_likelihood + 2f64.ln() + 0.5 * std::f64::consts::TAU.ln() + 0.5).abs() < 1e-12);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn fit(
        x: ArrayView2<f64>,
        weights: Option<ArrayView1<f64>>,
        options: &MixtureOptions,
    ) -> Result<MixtureFit> {
        options.validate()?;
        let rows = Rows::new(x, weights)?;
        let mut mixture = rows.start(options)?;
        let (mut responsibilities, mut likelihood) = rows.expect(&mixture)?;
        let (mut iterations, mut converged) = (0, false);
        while iterations < options.iterations && !converged {
            options.task.tick("mixture", iterations, options.iterations)?;
            mixture = rows.maximise(&responsibilities, options.ridge, Some(&mixture))?;
            let before = likelihood;
            (responsibilities, likelihood) = rows.expect(&mixture)?;
            converged = likelihood - before <= options.tolerance;
            iterations += 1;
        }
        let ridge = rows.scale.mapv(|scale| options.ridge * scale * scale);
        let mixture = rows.restore(&mixture)?;
        let log_likelihood = likelihood - rows.scale.mapv(f64::ln).sum();
        Ok(MixtureFit { mixture, log_likelihood, iterations, converged, ridge })
    }
}

/// Standardised rows: z = (x − centre)/scale, so that the ridge is a multiple of the identity.
struct Rows {
    z: Array2<f64>,
    weights: Array1<f64>,
    centre: Array1<f64>,
    scale: Array1<f64>,
}

impl Rows {
    fn new(x: ArrayView2<f64>, weights: Option<ArrayView1<f64>>) -> Result<Self> {
        if x.is_empty() {
            return Err(Error::Empty { name: "data" });
        }
        if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "data", index: vec![row, column], value });
        }
        let weights = normalised(weights, x.nrows())?;
        let mut z = x.as_standard_layout().into_owned();
        let (mut centre, mut scale) = (Array1::zeros(x.ncols()), Array1::zeros(x.ncols()));
        for (j, mut column) in z.columns_mut().into_iter().enumerate() {
            let first = column[0];
            // Differences to the first entry: a constant column is recognised without rounding.
            let unit = column.iter().fold(0.0, |most: f64, x| most.max((0.5 * x - 0.5 * first).abs()));
            if unit == 0.0 {
                return Err(Error::Undefined {
                    what: "the density of the data",
                    reason: format!("column {j} is {first} in every row"),
                    remedy: "drop that column",
                });
            }
            column.mapv_inplace(|x| (0.5 * x - 0.5 * first) / unit);
            let mean = column.dot(&weights);
            column -= mean;
            let variance: f64 = column.iter().zip(&weights).map(|(z, w)| w * z * z).sum();
            if variance == 0.0 {
                return Err(Error::Undefined {
                    what: "the density of the data",
                    reason: format!("column {j} is the same in every row of positive weight"),
                    remedy: "drop that column",
                });
            }
            let deviation = variance.sqrt();
            column /= deviation;
            centre[j] = first + 2.0 * unit * mean;
            scale[j] = 2.0 * unit * deviation;
        }
        Ok(Rows { z, weights, centre, scale })
    }

    /// One component for each cluster.
    fn start(&self, options: &MixtureOptions) -> Result<GaussianMixture> {
        let settings = KMeansOptions {
            clusters: options.components,
            seed: options.seed,
            task: options.task,
            ..Default::default()
        };
        let clusters = kmeans(self.z.view(), Some(self.weights.view()), &settings)?;
        let found = clusters.centres.nrows();
        if found < options.components {
            return Err(Error::Argument {
                name: "components",
                requirement: format!("at most {found}, the number of different rows"),
                found: options.components as f64,
            });
        }
        let mut shares = Array2::zeros((self.z.nrows(), found));
        for (i, &label) in clusters.labels.iter().enumerate() {
            shares[[i, label]] = self.weights[i];
        }
        self.maximise(&shares, options.ridge, None)
    }

    /// Responsibilities times the weights of the rows, and the mean log-likelihood.
    fn expect(&self, mixture: &GaussianMixture) -> Result<(Array2<f64>, f64)> {
        let kernel = Kernel::new(mixture, 1.0, 0.0).map_err(|_| collapsed(mixture))?;
        let (mut responsibilities, logs) = shares(&kernel, self.z.view())?;
        for (mut row, &weight) in responsibilities.rows_mut().into_iter().zip(&self.weights) {
            row *= weight;
        }
        Ok((responsibilities, logs.dot(&self.weights)))
    }

    /// The mixture of the weighted moments; a component without rows stays as it was.
    fn maximise(
        &self,
        responsibilities: &Array2<f64>,
        ridge: f64,
        before: Option<&GaussianMixture>,
    ) -> Result<GaussianMixture> {
        let (masses, means) = self.means(responsibilities);
        let scatters = self.scatters(responsibilities, &means);
        let total = masses.sum();
        let mut components = Vec::with_capacity(masses.len());
        for (k, (scatter, &mass)) in scatters.into_iter().zip(&masses).enumerate() {
            if let (true, Some(before)) = (mass < f64::MIN_POSITIVE / f64::EPSILON, before) {
                components.push(before.components[k].clone());
                continue;
            }
            let mut covariance = scatter / mass;
            mirror_lower(&mut covariance);
            covariance.diag_mut().mapv_inplace(|variance| variance + ridge);
            components.push(Gaussian::from_covariance(means.row(k).to_owned(), covariance.view())?);
        }
        GaussianMixture::new(masses / total, components)
    }

    /// Masses N_k `[K]` and means `[K, d]`, from responsibilities times weights.
    fn means(&self, responsibilities: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
        let part = |(z, shares): (ArrayView2<f64>, ArrayView2<f64>)| {
            (shares.sum_axis(Axis(0)), matmul(shares.t(), z))
        };
        let parts: Vec<_> = self.blocks(responsibilities).map(part).collect();
        let mut masses = Array1::zeros(responsibilities.ncols());
        let mut means = Array2::zeros((responsibilities.ncols(), self.z.ncols()));
        for (part, sums) in parts {
            masses += &part;
            means += &sums;
        }
        for (mut mean, &mass) in means.rows_mut().into_iter().zip(&masses) {
            mean /= f64::max(mass, f64::MIN_POSITIVE);
        }
        (masses, means)
    }

    /// Lower triangles of Σ_i ω_i r_ik (z_i − m_k)(z_i − m_k)ᵀ.
    fn scatters(&self, responsibilities: &Array2<f64>, means: &Array2<f64>) -> Vec<Array2<f64>> {
        let parts: Vec<Vec<Array2<f64>>> = self
            .blocks(responsibilities)
            .map(|(z, shares)| {
                let pairs = means.rows().into_iter().zip(shares.columns());
                pairs.map(|(mean, shares)| scatter(z, mean, shares)).collect()
            })
            .collect();
        let (count, dim) = means.dim();
        let mut totals = vec![Array2::zeros((dim, dim)); count];
        for part in parts {
            totals.iter_mut().zip(part).for_each(|(total, scatter)| *total += &scatter);
        }
        totals
    }

    /// Fixed blocks of rows and of responsibilities.
    fn blocks<'a>(
        &'a self,
        responsibilities: &'a Array2<f64>,
    ) -> impl ParallelIterator<Item = (ArrayView2<'a, f64>, ArrayView2<'a, f64>)> {
        let z = self.z.axis_chunks_iter(Axis(0), BLOCK);
        in_parallel(z.zip(responsibilities.axis_chunks_iter(Axis(0), BLOCK)))
    }

    /// The mixture in the coordinates and units of the data.
    fn restore(&self, mixture: &GaussianMixture) -> Result<GaussianMixture> {
        let component = |law: &Gaussian| {
            let mut covariance = law.covariance();
            for ((i, j), value) in covariance.indexed_iter_mut() {
                *value *= self.scale[i] * self.scale[j];
            }
            Gaussian::from_covariance(law.mean() * &self.scale + &self.centre, covariance.view())
        };
        let components = mixture.components.iter().map(component).collect::<Result<Vec<_>>>()?;
        let mixture = GaussianMixture::new(mixture.weights.clone(), components)?;
        Kernel::new(&mixture, 1.0, 0.0).map_err(|_| Error::Undefined {
            what: "the density of a component",
            reason: "the scales of the columns differ by more than rounding allows".into(),
            remedy: "give the columns units in which they are of similar size",
        })?;
        Ok(mixture)
    }
}

/// Lower triangle of Σ_i r_i (z_i − m)(z_i − m)ᵀ over the rows of one block.
fn scatter(z: ArrayView2<f64>, mean: ArrayView1<f64>, shares: ArrayView1<f64>) -> Array2<f64> {
    let mut own = z.to_owned();
    let mean = mean.to_vec();
    let rows = own.as_slice_mut().expect("blocks of rows are contiguous");
    for (row, share) in rows.chunks_exact_mut(mean.len()).zip(shares) {
        let root = share.sqrt();
        row.iter_mut().zip(&mean).for_each(|(z, m)| *z = (*z - m) * root);
    }
    let mut scatter = Array2::zeros((mean.len(), mean.len()));
    gram_accumulate_panel(own.view(), 0, scatter.view_mut());
    scatter
}

/// Which component has no density, and what to do.
fn collapsed(mixture: &GaussianMixture) -> Error {
    let singular = |law: &Gaussian| law.values().iter().any(|&value| value == 0.0);
    let k = mixture.components.iter().position(singular).unwrap_or_default();
    Error::Undefined {
        what: "the density of a component",
        reason: format!("the covariance of component {k} is singular, its weight {:.3e}", mixture.weights[k]),
        remedy: "use a larger ridge or fewer components",
    }
}

#[cfg(test)]
mod tests;
