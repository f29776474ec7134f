//! Two coupled double wells in the plane, and a mixture on the line.

use super::rows::{self, PointEnergy};
use crate::sampling::BLOCK;
use crate::statistics::{Gaussian, GaussianMixture};
use crate::{Result, in_parallel};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, array};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Grid points over [−3, 3] on each axis.
const POINTS: usize = 1201;
/// Their distance.
const SPACING: f64 = 0.005;

/// The law p ∝ e^{−V} of two coupled double wells.
///
/// ```text
/// V(x, y) = 2.5 (x² − 1)² + 2.5 (y² − 1)² − 1.2 x y
/// ```
///
/// ```
/// use fokker::problems::CoupledDoubleWell;
/// use ndarray::array;
/// let law = CoupledDoubleWell::new();
/// assert_eq!(law.values(array![[1.0, 1.0], [1.0, -1.0]].view())?, array![-1.2, 1.2]);
/// // e^{−V − log Z} integrates to one: equidistant sums are exact for such functions.
/// let grid = ndarray::Array2::from_shape_fn((90_000, 2), |(i, k)| {
///     [i % 300, i / 300][k] as f64 * 0.02 - 2.99
/// });
/// let total = law.values(grid.view())?.mapv(|v| (-v - law.log_partition()).exp()).sum() * 0.02 * 0.02;
/// assert!((total - 1.0).abs() < 1e-12);
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CoupledDoubleWell {
    /// e^{−2.5 (x² − 1)²} on the grid.
    well: Vec<f64>,
    /// Density of x on the grid, up to a factor.
    marginal: Vec<f64>,
    log_partition: f64,
}

impl Default for CoupledDoubleWell {
    fn default() -> Self {
        CoupledDoubleWell::new()
    }
}

impl CoupledDoubleWell {
    /// The law, with its marginal on a grid; O(1201²).
    pub fn new() -> Self {
        let well: Vec<f64> = (0..POINTS).map(|i| (-2.5 * (point(i).powi(2) - 1.0).powi(2)).exp()).collect();
        let marginal: Vec<f64> =
            (0..POINTS).map(|i| well[i] * conditional(&well, point(i)).sum::<f64>()).collect();
        let log_partition = (marginal.iter().sum::<f64>() * SPACING * SPACING).ln();
        CoupledDoubleWell { well, marginal, log_partition }
    }

    /// log Z = log ∫ e^{−V}, so that log p = −V − log Z.
    pub fn log_partition(&self) -> f64 {
        self.log_partition
    }

    /// Writes V of every row of `x` `[n, 2]` into `out` `[n]`.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn value_into(&self, x: ArrayView2<f64>, out: ArrayViewMut1<f64>) -> Result<()> {
        rows::value_into(self, x, out)
    }

    /// V of every row of `x` `[n, 2]`, `[n]`.
    ///
    /// # Errors
    /// Another number of columns than 2.
    pub fn values(&self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        rows::values(self, x)
    }

    /// Writes ∇V of every row of `x` `[n, 2]` into `out` `[n, 2]`.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn gradient_into(&self, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        rows::gradient_into(self, x, out)
    }

    /// ∇V of every row of `x` `[n, 2]`, `[n, 2]`.
    ///
    /// # Errors
    /// Another number of columns than 2.
    pub fn gradients(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        rows::gradients(self, x)
    }

    /// Independent draws `[n, 2]`: x from its marginal, y given x, both by inverting the integral
    /// of the density, which is taken to be linear between 1201 points (error below 1e-4 of it).
    ///
    /// The same seed gives the same rows at any number of threads, and more rows begin with the
    /// same ones. O(n · 1201).
    pub fn sample(&self, n: usize, seed: u64) -> Array2<f64> {
        let mut out = Array2::zeros((n, 2));
        let marginal = integral(self.marginal.iter().copied());
        in_parallel(out.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate()).for_each(|(block, mut rows)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(block as u64);
            for mut row in rows.rows_mut() {
                let x = invert(&marginal, |i| self.marginal[i], rng.random());
                let density: Vec<f64> = conditional(&self.well, x).collect();
                row[0] = x;
                row[1] = invert(&integral(density.iter().copied()), |i| density[i], rng.random());
            }
        });
        out
    }
}

impl PointEnergy for CoupledDoubleWell {
    fn check_columns(&self, columns: usize) -> Result<()> {
        rows::check_size("columns", 2, columns)
    }

    fn value(&self, point: &[f64]) -> f64 {
        let (x, y) = (point[0], point[1]);
        2.5 * ((x * x - 1.0).powi(2) + (y * y - 1.0).powi(2)) - 1.2 * x * y
    }

    fn gradient(&self, point: &[f64], out: &mut [f64]) {
        let (x, y) = (point[0], point[1]);
        out[0] = 10.0 * x * (x * x - 1.0) - 1.2 * y;
        out[1] = 10.0 * y * (y * y - 1.0) - 1.2 * x;
    }
}

/// The mixture 0.4 N(−1.5, 0.25) + 0.6 N(1.5, 0.16) (variances) on the line.
///
/// # Errors
/// None in fact: the numbers are constants.
///
/// ```
/// let mixture = fokker::problems::line_mixture()?;
/// assert!((mixture.moments()?.mean()[0] - 0.3).abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn line_mixture() -> Result<GaussianMixture> {
    let law = |mean: f64, variance: f64| Gaussian::diagonal(array![mean], array![variance]);
    GaussianMixture::new(array![0.4, 0.6], vec![law(-1.5, 0.25)?, law(1.5, 0.16)?])
}

fn point(index: usize) -> f64 {
    (index as f64 - (POINTS / 2) as f64) * SPACING
}

/// Density of y given x on the grid, up to a factor.
fn conditional(well: &[f64], x: f64) -> impl Iterator<Item = f64> {
    well.iter().enumerate().map(move |(j, well)| well * (1.2 * x * point(j)).exp())
}

/// Integral up to each point of a density that is linear between them, in units of half a cell.
fn integral(density: impl Iterator<Item = f64>) -> Vec<f64> {
    let (mut before, mut total) = (0.0, 0.0);
    density
        .enumerate()
        .map(|(i, value)| {
            total += if i == 0 { 0.0 } else { before + value };
            before = value;
            total
        })
        .collect()
}

/// Where the integral reaches the given share of its total.
fn invert(integral: &[f64], density: impl Fn(usize) -> f64, share: f64) -> f64 {
    let wanted = share * integral[POINTS - 1];
    let cell = integral.partition_point(|&sum| sum <= wanted).clamp(1, POINTS - 1) - 1;
    // (a + (b − a) t/2) 2t = rest for t in [0, 1], in the form that does not cancel.
    let (a, b, rest) = (density(cell), density(cell + 1), wanted - integral[cell]);
    let root = (a * a + (b - a) * rest).max(0.0).sqrt();
    let t = if a + root > 0.0 { rest / (a + root) } else { 0.5 };
    point(cell) + SPACING * t.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_quadrature() {
        let law = CoupledDoubleWell::new();
        let side: Vec<f64> = (0..301).map(|i| -3.0 + 0.02 * i as f64).collect();
        let powers = |x: f64, y: f64| [x * x, x * y, x.powi(4), x * x * y * y, y * y];
        let mut expected = [0.0; 5];
        for &x in &side {
            for &y in &side {
                let value = law.values(array![[x, y]].view()).unwrap()[0];
                let density = (-value - law.log_partition()).exp() * 4e-4;
                expected.iter_mut().zip(powers(x, y)).for_each(|(e, p)| *e += density * p);
            }
        }
        let n = 40_000;
        let x = law.sample(n, 2);
        for (k, expected) in expected.iter().enumerate() {
            let values: Array1<f64> = x.rows().into_iter().map(|row| powers(row[0], row[1])[k]).collect();
            // Five standard errors, five numbers: once in 300,000 seeds.
            let error = (values.mean().unwrap() - expected).abs();
            assert!(error < 5.0 * values.std(1.0) / (n as f64).sqrt(), "{k}: {error}");
        }
        assert!(x.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 5.0 / (n as f64).sqrt()));
    }

    #[test]
    fn draws_fill_the_cells() {
        let x = CoupledDoubleWell::new().sample(20_000, 3);
        // Positions inside the cells are uniform up to the slope of the density across one.
        let inside = x.mapv(|x| (x / SPACING).rem_euclid(1.0));
        assert!((inside.mean().unwrap() - 0.5).abs() < 5.0 * (1.0 / 12.0 / 40_000f64).sqrt());
        let triangle =
            invert(&integral([0.0, 1.0].into_iter().chain([0.0; 1199])), |i| f64::from(i == 1), 0.125);
        assert!((triangle - (-3.0 + 0.5 * SPACING)).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        let law = CoupledDoubleWell::default();
        let x = array![[0.3, -1.1], [1.5, 0.9], [-0.2, 0.0]];
        let gradient = law.gradients(x.view()).unwrap();
        for j in 0..2 {
            let at = |h: f64| {
                let mut moved = x.clone();
                moved.column_mut(j).mapv_inplace(|value| value + h);
                law.values(moved.view()).unwrap()
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - gradient.column(j)).iter().all(|e| e.abs() < 1e-7));
        }
        assert!(law.values(array![[1.0]].view()).is_err());
    }

    #[test]
    fn the_thread_count_changes_no_bit() {
        let law = CoupledDoubleWell::new();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| law.sample(1000, 3))
        };
        assert_eq!(with(1), with(3));
        assert_eq!(with(2).row(5), law.sample(6, 3).row(5));
    }
}
