//! Clusters of weighted rows: k-means++ and Lloyd's iteration.

use super::weights::normalised;
use crate::{Error, Result, Task, in_parallel};
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rows per parallel task; fixed, so that sums have the same bits at any number of threads.
const BLOCK: usize = 1024;

/// Options of [`kmeans`].
#[derive(Clone, Copy)]
pub struct KMeansOptions<'a> {
    /// Number k of clusters.
    pub clusters: usize,
    /// Most iterations of Lloyd.
    pub iterations: usize,
    /// Relative decrease of the distortion below which the iteration ends.
    pub tolerance: f64,
    /// Seed of the choice of the first centres.
    pub seed: u64,
    /// Progress, in centres and then in iterations, and cancellation.
    pub task: Task<'a>,
}

impl Default for KMeansOptions<'_> {
    fn default() -> Self {
        KMeansOptions { clusters: 10, iterations: 100, tolerance: 1e-6, seed: 0, task: Task::silent() }
    }
}

impl KMeansOptions<'_> {
    /// Whether every option is in its domain.
    ///
    /// # Errors
    /// No cluster, no iteration, a tolerance that is negative or not a number.
    pub fn validate(&self) -> Result<()> {
        for (name, value) in [("clusters", self.clusters), ("iterations", self.iterations)] {
            if value == 0 {
                return Err(Error::Argument { name, requirement: "at least 1".into(), found: 0.0 });
            }
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            let requirement = "non-negative".into();
            return Err(Error::Argument { name: "tolerance", requirement, found: self.tolerance });
        }
        Ok(())
    }
}

/// Clusters of rows, as [`kmeans`] finds them.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Centres, `[k, d]`; fewer than asked for exactly when there are fewer different rows.
    pub centres: Array2<f64>,
    /// Cluster of every row, `[n]`.
    pub labels: Vec<usize>,
    /// Share of the weight in every cluster, `[k]`.
    pub shares: Array1<f64>,
    /// Σ w_i |x_i − c_{l(i)}|² / Σ w_i.
    pub distortion: f64,
    /// Iterations of Lloyd that were done.
    pub iterations: usize,
    /// Whether the iteration ended by itself: the last one moved no row, or gained too little.
    pub converged: bool,
}

/// Clusters the rows of `x` `[n, d]` with weights `[n]` (equal ones without).
///
/// ```text
/// minimise Σ w_i |x_i − c_{l(i)}|²      over centres c and labels l
/// start    c_1 ∝ w_i,  c_j ∝ w_i min_{m<j} |x_i − c_m|², the best of 2 + ln k draws each
/// repeat   l(i) = argmin_j |x_i − c_j|²,   c_j = mean of the rows of cluster j
/// ```
///
/// A cluster that loses its rows moves to the row that contributes most to the distortion. When
/// there are fewer than k different rows (of positive weight), they are the centres. Distances
/// to all centres are matrix products of centred rows; the one to the own centre is a sum of
/// squared differences. O(n k d) per iteration and O(n k d ln k) for the start.
///
/// # Errors
/// Options out of their domain, no row or column, a non-finite entry, weights that do not fit, or
/// an interruption.
///
/// # Source
/// [arthur2007, §2.2], greedy as [arthur2007, §5]; [lloyd1982, method I].
///
/// ```
/// use fokker::statistics::{KMeansOptions, kmeans};
/// use ndarray::array;
/// let x = array![[0.0], [9.0], [1.0], [11.0], [10.0]];
/// let fit = kmeans(x.view(), None, &KMeansOptions { clusters: 2, ..Default::default() })?;
/// let of = |row: usize| fit.centres[[fit.labels[row], 0]];
/// assert_eq!((of(0), of(1)), (0.5, 10.0));
/// assert!((fit.distortion - (2.0 * 0.25 + 2.0) / 5.0).abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn kmeans(
    x: ArrayView2<f64>,
    weights: Option<ArrayView1<f64>>,
    options: &KMeansOptions,
) -> Result<KMeans> {
    options.validate()?;
    if x.is_empty() {
        return Err(Error::Empty { name: "data" });
    }
    if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
        return Err(Error::NonFinite { name: "data", index: vec![row, column], value });
    }
    let weights = normalised(weights, x.nrows())?;
    let frame = Frame::new(x, &weights);
    let centres = start(&frame.rows, &weights, options)?;
    let mut fit = lloyd(&frame.rows, &weights, centres, options)?;
    frame.restore(&mut fit);
    Ok(fit)
}

/// Rows centred and of size one up to a power of two: squares neither cancel nor leave the range.
struct Frame {
    rows: Array2<f64>,
    centre: Array1<f64>,
    unit: f64,
}

impl Frame {
    fn new(x: ArrayView2<f64>, weights: &Array1<f64>) -> Self {
        let largest = x.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let exponent = if largest > 0.0 { largest.log2().ceil().clamp(-1000.0, 1000.0) as i32 } else { 0 };
        let unit = 2f64.powi(exponent);
        let mut rows = x.mapv(|x| x / unit);
        let centre = rows.t().dot(weights);
        rows -= &centre;
        Frame { rows, centre, unit }
    }

    fn restore(&self, fit: &mut KMeans) {
        fit.centres += &self.centre;
        fit.centres *= self.unit;
        fit.distortion = fit.distortion * self.unit * self.unit;
    }
}

/// k-means++, each centre the best of a few draws.
fn start(rows: &Array2<f64>, weights: &Array1<f64>, options: &KMeansOptions) -> Result<Array2<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let draws = 2 + (options.clusters as f64).ln() as usize;
    let first = at_share(weights.iter().copied(), rng.random());
    let mut chosen = vec![first];
    let mut nearest = distances(rows, rows.row(first), None);
    while chosen.len() < options.clusters {
        options.task.tick("first centres", chosen.len(), options.clusters)?;
        let masses = || nearest.iter().zip(weights).map(|(square, weight)| square * weight);
        // Every row of positive weight is a centre already.
        if masses().all(|mass| mass == 0.0) {
            break;
        }
        let candidates: Vec<usize> = (0..draws).map(|_| at_share(masses(), rng.random())).collect();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for candidate in candidates {
            let squares = distances(rows, rows.row(candidate), Some(&nearest));
            let distortion = squares.iter().zip(weights).map(|(square, weight)| square * weight).sum();
            if best.as_ref().is_none_or(|(least, ..)| distortion < *least) {
                best = Some((distortion, candidate, squares));
            }
        }
        if let Some((_, candidate, squares)) = best {
            chosen.push(candidate);
            nearest = squares;
        }
    }
    Ok(rows.select(Axis(0), &chosen))
}

/// Index at which the running sum of the masses reaches the given share of their total.
fn at_share(masses: impl Iterator<Item = f64> + Clone, share: f64) -> usize {
    let mut rest = share * masses.clone().sum::<f64>();
    let mut last = 0;
    for (i, mass) in masses.enumerate().filter(|(_, mass)| *mass > 0.0) {
        last = i;
        rest -= mass;
        if rest < 0.0 {
            break;
        }
    }
    last
}

/// Squared distances to a centre, or to the nearest of it and those before.
fn distances(rows: &Array2<f64>, centre: ArrayView1<f64>, before: Option<&Vec<f64>>) -> Vec<f64> {
    let mut out = before.cloned().unwrap_or_else(|| vec![f64::INFINITY; rows.nrows()]);
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| {
        for (i, least) in out.iter_mut().enumerate() {
            *least = least.min(square(rows.row(block * BLOCK + i), centre));
        }
    });
    out
}

fn square(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    Zip::from(&a).and(&b).fold(0.0, |sum, a, b| sum + (a - b) * (a - b))
}

/// Lloyd's iteration from given centres.
fn lloyd(
    rows: &Array2<f64>,
    weights: &Array1<f64>,
    centres: Array2<f64>,
    options: &KMeansOptions,
) -> Result<KMeans> {
    let mut fit = assign(rows, weights, centres);
    while fit.iterations < options.iterations {
        options.task.tick("k-means", fit.iterations, options.iterations)?;
        let centres = moved(rows, weights, &fit);
        let next = assign(rows, weights, centres);
        let unchanged = next.labels == fit.labels;
        let gain = fit.distortion - next.distortion;
        let emptied = next.shares.iter().any(|&share| share == 0.0);
        let converged = !emptied && (unchanged || gain <= options.tolerance * fit.distortion);
        fit = KMeans { iterations: fit.iterations + 1, converged, ..next };
        if converged {
            break;
        }
    }
    Ok(fit)
}

/// Labels and what follows from them, for given centres.
fn assign(rows: &Array2<f64>, weights: &Array1<f64>, centres: Array2<f64>) -> KMeans {
    let halves: Array1<f64> = centres.rows().into_iter().map(|c| 0.5 * c.dot(&c)).collect();
    let mut labels = vec![0; rows.nrows()];
    labels.par_chunks_mut(BLOCK).zip(in_parallel(rows.axis_chunks_iter(Axis(0), BLOCK))).for_each(
        |(labels, rows)| {
            // |x − c|²/2 − |x|²/2 = |c|²/2 − x·c
            let products = matmul(rows, centres.t());
            for (label, products) in labels.iter_mut().zip(products.rows()) {
                let mut least = f64::INFINITY;
                for (j, (product, half)) in products.iter().zip(&halves).enumerate() {
                    if half - product < least {
                        (least, *label) = (half - product, j);
                    }
                }
            }
        },
    );
    let mut shares = Array1::zeros(centres.nrows());
    let mut distortion = 0.0;
    for ((row, &label), &weight) in rows.rows().into_iter().zip(&labels).zip(weights) {
        shares[label] += weight;
        distortion += weight * square(row, centres.row(label));
    }
    KMeans { centres, labels, shares, distortion, iterations: 0, converged: false }
}

/// Means of the clusters; those without weight move to the rows that cost most.
fn moved(rows: &Array2<f64>, weights: &Array1<f64>, fit: &KMeans) -> Array2<f64> {
    let mut centres = Array2::zeros(fit.centres.dim());
    for ((row, &label), &weight) in rows.rows().into_iter().zip(&fit.labels).zip(weights) {
        centres.row_mut(label).scaled_add(weight / fit.shares[label].max(f64::MIN_POSITIVE), &row);
    }
    let mut taken = Vec::new();
    for j in (0..fit.shares.len()).filter(|&j| fit.shares[j] == 0.0) {
        let cost = |i: usize| weights[i] * square(rows.row(i), fit.centres.row(fit.labels[i]));
        let free = (0..rows.nrows()).filter(|i| !taken.contains(i));
        let dearest = free.max_by(|&a, &b| cost(a).total_cmp(&cost(b)).then(b.cmp(&a)));
        centres.row_mut(j).assign(&dearest.map_or(fit.centres.row(j), |i| rows.row(i)));
        taken.extend(dearest);
    }
    centres
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{Gaussian, GaussianMixture};
    use ndarray::{array, concatenate};

    fn blobs(n: usize) -> Array2<f64> {
        GaussianMixture::random(4, 3, 8.0, 3).unwrap().sample(n, 1)
    }

    #[test]
    fn the_result_is_a_fixed_point_with_the_stated_distortion() {
        let x = blobs(3000) + 1e4;
        let options = KMeansOptions { clusters: 7, tolerance: 0.0, ..Default::default() };
        let fit = kmeans(x.view(), None, &options).unwrap();
        assert!(fit.converged && fit.iterations > 1);
        let mut distortion = 0.0;
        for (row, &label) in x.rows().into_iter().zip(&fit.labels) {
            let own = square(row, fit.centres.row(label));
            assert!(fit.centres.rows().into_iter().all(|c| square(row, c) >= own - 1e-6));
            distortion += own / 3000.0;
        }
        assert!((distortion - fit.distortion).abs() < 1e-8 * distortion);
        for (j, centre) in fit.centres.rows().into_iter().enumerate() {
            let own: Vec<usize> = (0..3000).filter(|&i| fit.labels[i] == j).collect();
            let mean = x.select(Axis(0), &own).mean_axis(Axis(0)).unwrap();
            assert!((&mean - &centre).iter().all(|e| e.abs() < 1e-8));
            assert!((fit.shares[j] - own.len() as f64 / 3000.0).abs() < 1e-12);
        }
    }

    #[test]
    fn separated_clusters_are_found_from_every_seed() {
        let at = |x: f64, y: f64| Gaussian::diagonal(array![x, y], array![1.0, 1.0]).unwrap();
        let laws = vec![at(-20.0, 0.0), at(20.0, 0.0), at(0.0, 30.0), at(0.0, -30.0)];
        let mixture = GaussianMixture::new(Array1::from_elem(4, 0.25), laws).unwrap();
        let x = mixture.sample(4000, 9);
        for seed in 0..10 {
            let options = KMeansOptions { clusters: 4, seed, ..Default::default() };
            let fit = kmeans(x.view(), None, &options).unwrap();
            // The distortion is that of the noise, 2, with standard error 2/√4000 = 0.03.
            assert!((fit.distortion - 2.0).abs() < 0.16, "seed {seed}: {}", fit.distortion);
        }
    }

    #[test]
    fn weights_are_repeated_rows() {
        let x = blobs(400);
        let weights: Array1<f64> = (0..400).map(|i| (i % 3) as f64).collect();
        let repeated: Vec<usize> = (0..400).flat_map(|i| vec![i; i % 3]).collect();
        let options = KMeansOptions { clusters: 5, ..Default::default() };
        let weighted = kmeans(x.view(), Some(weights.view()), &options).unwrap();
        let twice = kmeans(x.select(Axis(0), &repeated).view(), None, &options).unwrap();
        assert!((&weighted.centres - &twice.centres).iter().all(|e| e.abs() < 1e-12));
        assert!((weighted.distortion - twice.distortion).abs() < 1e-12);
    }

    #[test]
    fn the_thread_count_changes_no_bit() {
        let x = blobs(5000);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kmeans(x.view(), None, &KMeansOptions::default()).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn fewer_different_rows_than_clusters_are_the_centres() {
        let x = concatenate(Axis(0), &[array![[1.0, 2.0], [3.0, 4.0]].view(); 5]).unwrap();
        let fit = kmeans(x.view(), None, &KMeansOptions::default()).unwrap();
        assert!(fit.centres.nrows() == 2 && fit.distortion < 1e-30);
        assert!(fit.converged && fit.shares == array![0.5, 0.5]);
        let x = Array2::from_elem((9, 1), 7.7);
        let constant = kmeans(x.view(), None, &KMeansOptions::default()).unwrap();
        assert!(constant.centres.nrows() == 1 && (constant.centres[[0, 0]] - 7.7).abs() < 1e-14);
        // Rows without weight are labelled, and no centres.
        let weights = array![1.0, 0.0, 1.0];
        let three = array![[0.0], [5.0], [9.0]];
        let fit = kmeans(three.view(), Some(weights.view()), &KMeansOptions::default()).unwrap();
        assert_eq!((fit.centres.nrows(), fit.labels[1] == fit.labels[2]), (2, true));
    }

    #[test]
    fn an_empty_cluster_moves_to_the_dearest_row() {
        let x = array![[0.0], [0.1], [5.0], [5.1]];
        let weights = Array1::from_elem(4, 0.25);
        let options = KMeansOptions { clusters: 3, ..Default::default() };
        let fit = lloyd(&x, &weights, array![[0.05], [1.0], [900.0]], &options).unwrap();
        assert!(fit.converged && fit.shares.iter().all(|&share| share > 0.0), "{fit:?}");
        assert!(fit.distortion < 0.002);
    }

    #[test]
    fn bad_input_is_refused() {
        let fails = |x: &Array2<f64>, options: KMeansOptions| kmeans(x.view(), None, &options).unwrap_err();
        let x = array![[0.0, 1.0], [f64::NAN, 0.0]];
        assert!(fails(&x, KMeansOptions::default()).to_string().contains("row 1, column 0"));
        let one = array![[0.0]];
        assert!(fails(&one, KMeansOptions { clusters: 0, ..Default::default() }).is_input());
        assert!(fails(&one, KMeansOptions { tolerance: f64::NAN, ..Default::default() }).is_input());
        assert!(fails(&Array2::zeros((0, 2)), KMeansOptions::default()).is_input());
    }
}
