//! The Ginzburg–Landau chain: exact samples and an exact partition function.

use super::GinzburgLandau;
use crate::sampling::BLOCK;
use crate::{Result, in_parallel};
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Grid points over [−3, 3] for every site.
const POINTS: usize = 1201;
/// Their distance.
const SPACING: f64 = 0.005;

/// The law p ∝ e^{−V} of a Ginzburg–Landau chain with ends held at 0, by transfer matrices.
///
/// ```text
/// V(x) = 1/8 ( Σ_{i=0}^{d} (λ/2) ((x_{i+1} − x_i)/h)² + Σ_{i=1}^{d} (1 − x_i²)²/(4λ) )
///        x_0 = x_{d+1} = 0,  h = 1/(d + 1),  λ = 0.03
/// filter     f_1(x) = φ(x) k(x, 0),   f_{i+1}(x) = φ(x) Σ_y k(x, y) f_i(y)
/// sampling   x_d ∝ f_d(x) k(x, 0),    x_i ∝ f_i(x) k(x, x_{i+1})   backwards
/// ```
///
/// with φ and k the factors of a site and a bond on the 1201 points −3, −2.995, …, 3. Sums over
/// such points are exact to rounding for this law, whose density is smooth and below 1e-28 of
/// its maximum at the ends.
///
/// # Source
/// [khoo2025, experiments].
///
/// ```
/// use fokker::problems::Chain;
/// let chain = Chain::new(16)?;
/// assert!((chain.log_partition() - 1.84218).abs() < 5e-6);
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Chain {
    energy: GinzburgLandau,
    /// Normalised f_i, `[d, POINTS]`.
    filtered: Array2<f64>,
    /// Factor k of a bond by the difference of two grid points, from 1 − POINTS to POINTS − 1.
    bond: Vec<f64>,
    log_partition: f64,
}

impl Chain {
    /// The chain of `sites` sites, O(sites · 1201²).
    ///
    /// # Errors
    /// No site, or more than 4096.
    pub fn new(sites: usize) -> Result<Self> {
        let energy = GinzburgLandau::chain(sites)?;
        let factor =
            |i: usize| (-energy.horizontal * (SPACING * i.abs_diff(POINTS - 1) as f64).powi(2)).exp();
        let bond: Vec<f64> = (0..2 * POINTS - 1).map(factor).collect();
        let mut filtered = Array2::zeros((sites, POINTS));
        let mut log_partition = 0.0;
        let mut message = end_message(&bond);
        for mut row in filtered.rows_mut() {
            let product = &message * &site_factor(&energy);
            let total = product.sum();
            log_partition += (total * SPACING).ln();
            row.assign(&(product / total));
            message = through_bond(&bond, &row.to_owned());
        }
        // The last message at the point 0, where the far end is held.
        log_partition += message[POINTS / 2].ln();
        Ok(Chain { energy, filtered, bond, log_partition })
    }

    /// The energy V.
    pub fn energy(&self) -> &GinzburgLandau {
        &self.energy
    }

    /// log Z = log ∫ e^{−V}, so that log p = −V − log Z.
    pub fn log_partition(&self) -> f64 {
        self.log_partition
    }

    /// Second moments E x_i x_j `[d, d]` (the mean is zero by symmetry), O(d² · 1201²).
    ///
    /// ```
    /// use fokker::problems::Chain;
    /// let moments = Chain::new(16)?.second_moments();
    /// assert!((moments[[8, 8]] - 0.66978).abs() < 5e-6);
    /// let correlation = moments[[7, 8]] / (moments[[7, 7]] * moments[[8, 8]]).sqrt();
    /// assert!((correlation - 0.5533).abs() < 5e-5);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn second_moments(&self) -> Array2<f64> {
        let sites = self.energy.dim();
        let site = site_factor(&self.energy);
        let points = Array1::from_shape_fn(POINTS, point);
        let transfer =
            Array2::from_shape_fn((POINTS, POINTS), |(i, j)| site[j] * self.bond[POINTS - 1 - i + j]);
        // Backward messages, each up to a factor.
        let mut backward = Array2::zeros((sites, POINTS));
        backward.row_mut(sites - 1).assign(&end_message(&self.bond));
        for i in (1..sites).rev() {
            let message = through_bond(&self.bond, &(&backward.row(i) * &site));
            backward.row_mut(i - 1).assign(&(&message / message.sum()));
        }
        // Row i carries x_i f_i on through the sites after i.
        let mut carried = Array2::zeros((sites, POINTS));
        let mut moments = Array2::zeros((sites, sites));
        for j in 0..sites {
            let filtered = self.filtered.row(j);
            if j > 0 {
                let before = carried.slice_axis(Axis(0), Slice::from(..j));
                let scale = (&through_bond(&self.bond, &self.filtered.row(j - 1).to_owned()) * &site).sum();
                let after = matmul(before, transfer.view()) / scale;
                carried.slice_axis_mut(Axis(0), Slice::from(..j)).assign(&after);
            }
            carried.row_mut(j).assign(&(&filtered * &points));
            let total = filtered.dot(&backward.row(j));
            let right = &backward.row(j) * &points / total;
            for i in 0..=j {
                moments[[i, j]] = carried.row(i).dot(&right);
                moments[[j, i]] = moments[[i, j]];
            }
        }
        moments
    }

    /// Independent draws `[n, d]`: exact on the grid, then spread evenly over the cell of each
    /// point, which adds 2e-6 to variances.
    ///
    /// The same seed gives the same rows at any number of threads, and more rows begin with the
    /// same ones. O(n d · 1201).
    ///
    /// ```
    /// use fokker::problems::Chain;
    /// let x = Chain::new(8)?.sample(300, 1);
    /// assert_eq!(x.dim(), (300, 8));
    /// assert_eq!(x.row(5), Chain::new(8)?.sample(6, 1).row(5));
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn sample(&self, n: usize, seed: u64) -> Array2<f64> {
        let mut out = Array2::zeros((n, self.energy.dim()));
        in_parallel(out.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate()).for_each(|(block, mut rows)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(block as u64);
            for mut row in rows.rows_mut() {
                // The far end is held at the point 0.
                let mut next = POINTS / 2;
                for (x, filtered) in row.iter_mut().zip(self.filtered.rows()).rev() {
                    let filtered = filtered.to_slice().expect("rows of an owned array");
                    // Values of k(x, x_{i+1}) along x.
                    let bond = &self.bond[POINTS - 1 - next..][..POINTS];
                    next = draw(filtered, bond, rng.random());
                    *x = point(next) + SPACING * (rng.random::<f64>() - 0.5);
                }
            }
        });
        out
    }
}

/// Grid point of an index; 0 is exactly one of them.
fn point(index: usize) -> f64 {
    (index as f64 - (POINTS / 2) as f64) * SPACING
}

/// e^{−V} of a site.
fn site_factor(energy: &GinzburgLandau) -> Array1<f64> {
    Array1::from_shape_fn(POINTS, |i| (-energy.well * (1.0 - point(i).powi(2)).powi(2)).exp())
}

/// The bond to an end held at 0.
fn end_message(bond: &[f64]) -> Array1<f64> {
    Array1::from(bond[POINTS - 1 - POINTS / 2..][..POINTS].to_vec())
}

/// Σ_y k(x, y) m(y) for every x.
fn through_bond(bond: &[f64], message: &Array1<f64>) -> Array1<f64> {
    let row = |i: usize| ArrayView1::from(&bond[POINTS - 1 - i..][..POINTS]);
    Array1::from_shape_fn(POINTS, |i| row(i).dot(message))
}

/// Index drawn in proportion to the products of two factors.
fn draw(a: &[f64], b: &[f64], share: f64) -> usize {
    // Sums of short runs do not wait for one another, which a running sum would.
    const RUN: usize = 16;
    let mut sums = [0.0; POINTS.div_ceil(RUN)];
    let mut total = 0.0;
    for ((a, b), sum) in a.chunks(RUN).zip(b.chunks(RUN)).zip(&mut sums) {
        total += a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        *sum = total;
    }
    let run = sums.partition_point(|&sum| sum <= share * total).min(sums.len() - 1);
    let mut rest = share * total - if run > 0 { sums[run - 1] } else { 0.0 };
    let mut last = run * RUN;
    for i in run * RUN..POINTS.min((run + 1) * RUN) {
        let product = a[i] * b[i];
        if product > 0.0 {
            last = i;
        }
        rest -= product;
        if rest < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::rows::PointEnergy;
    use super::*;

    #[test]
    fn partition_functions_and_moments_are_the_known_ones() {
        for (sites, log_partition, square, correlation) in [
            (16, 1.84218, 0.66978, 0.5533),
            (32, -11.95399, 0.73724, 0.8837),
            (64, -55.84047, 0.90243, 0.9754),
        ] {
            let chain = Chain::new(sites).unwrap();
            assert!((chain.log_partition() - log_partition).abs() < 6e-6, "{}", chain.log_partition());
            let m = chain.second_moments();
            let (a, b) = (sites / 2 - 1, sites / 2);
            assert!((m[[b, b]] - square).abs() < 6e-6, "{}", m[[b, b]]);
            assert!((m[[a, b]] / (m[[a, a]] * m[[b, b]]).sqrt() - correlation).abs() < 6e-5);
            // The chain is the same from both ends.
            assert!((m[[0, sites / 3]] - m[[sites - 1, sites - 1 - sites / 3]]).abs() < 1e-12);
        }
    }

    #[test]
    fn two_sites_agree_with_quadrature() {
        let chain = Chain::new(2).unwrap();
        let side: Vec<f64> = (0..601).map(|i| -3.0 + 0.01 * i as f64).collect();
        let (mut total, mut square, mut product) = (0.0, 0.0, 0.0);
        for &x in &side {
            for &y in &side {
                let density = (-chain.energy().value(&[x, y])).exp();
                total += density;
                square += density * x * x;
                product += density * x * y;
            }
        }
        assert!((chain.log_partition() - (total * 1e-4).ln()).abs() < 1e-12);
        let moments = chain.second_moments();
        assert!((moments[[0, 0]] - square / total).abs() < 1e-12);
        assert!((moments[[0, 1]] - product / total).abs() < 1e-12);
    }

    #[test]
    fn draws_have_the_exact_moments() {
        let chain = Chain::new(16).unwrap();
        let n = 20_000;
        let x = chain.sample(n, 1);
        let error = matmul(x.t(), x.view()) / n as f64 - chain.second_moments();
        // Variances of x_i x_j are at most E x⁴ < 1.2 (|x| rarely exceeds 1.5): standard errors
        // 0.008; five of them in 136 places, a false alarm in 10,000.
        assert!(error.iter().all(|e| e.abs() < 0.04));
        assert!(x.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 5.0 * (1.0 / n as f64).sqrt()));
        // The cells are filled evenly: positions inside them are uniform.
        let inside = x.mapv(|x| (x / SPACING).round() - x / SPACING);
        let count = inside.len() as f64;
        assert!(inside.mean().unwrap().abs() < 5.0 * (1.0 / 12.0 / count).sqrt());
        assert!(
            (inside.mapv(|u| u * u).mean().unwrap() - 1.0 / 12.0).abs() < 5.0 * (1.0 / 180.0 / count).sqrt()
        );
    }

    #[test]
    fn the_thread_count_changes_no_bit() {
        let chain = Chain::new(5).unwrap();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| chain.sample(1000, 3))
        };
        assert_eq!(with(1), with(3));
        assert!(Chain::new(0).is_err());
    }
}
