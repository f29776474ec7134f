//! Distances from mean pairwise quantities: energy distance and kernel discrepancy.

use super::exact::{ExactOptions, check_clouds, sum};
use super::frame::Frame;
use super::ground::{Cost, Ground};
use super::masses::Weights;
use crate::limits::finite;
use crate::{Error, Result, Task};
use ndarray::{Array1, ArrayView1, ArrayView2};
use rayon::prelude::*;

/// Rows per parallel task; fixed, so that sums have the same bits at any number of threads.
const BLOCK: usize = 64;

/// What to do where a distance leaves the range of numbers.
pub(super) const TOO_FAR: &str = "scale the columns, or look for slips: some points are about 1e308 apart";

/// Energy distance of two weighted clouds.
///
/// ```text
/// D² = 2 E|X − Y| − E|X − X'| − E|Y − Y'|      over all pairs, i = j included
/// ```
///
/// Returns D, which is zero for equal laws only. `x` is `[n, d]`, `y` is `[m, d]`; O((n + m)² d).
/// A D² below zero by rounding counts as zero.
///
/// # Errors
/// As [`exact`](super::exact).
///
/// # Source
/// \[szekely2013\].
///
/// ```
/// use fokker::transport::{ExactOptions, energy_distance};
/// use ndarray::array;
/// // Two point masses at distance 2: D² = 4.
/// let distance = energy_distance(array![[0.0]].view(), array![[2.0]].view(), &ExactOptions::default())?;
/// assert_eq!(distance, 2.0);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn energy_distance(x: ArrayView2<f64>, y: ArrayView2<f64>, options: &ExactOptions) -> Result<f64> {
    let means = PairMeans::new(x, y, Cost::Euclidean, options, |distance, _| distance)?;
    let unit = means.frame.difference(1.0);
    let square = 2.0 * means.between - means.within_x - means.within_y;
    // D scales as the root of a length: take the root before the scale leaves the range.
    let scale = super::frame::scaled(unit, means.frame.cost_exponent());
    finite("the energy distance", square.max(0.0).sqrt() * scale.sqrt(), TOO_FAR)
}

/// Kernel discrepancy (MMD) of two weighted clouds with a Gaussian kernel.
///
/// ```text
/// MMD² = E k(X, X') + E k(Y, Y') − 2 E k(X, Y),      k(x, y) = exp(−|x − y|² / (2 h²))
/// ```
///
/// over all pairs, i = j included; returns MMD. `x` is `[n, d]`, `y` is `[m, d]`, h = `bandwidth`;
/// O((n + m)² d). An MMD² below zero by rounding counts as zero.
///
/// # Errors
/// As [`exact`](super::exact); a bandwidth that is not positive and finite.
///
/// # Source
/// \[gretton2012\].
///
/// ```
/// use fokker::transport::{ExactOptions, kernel_discrepancy};
/// use ndarray::array;
/// let (x, y) = (array![[0.0]], array![[1.0]]);
/// let mmd = kernel_discrepancy(x.view(), y.view(), 1.0, &ExactOptions::default())?;
/// assert!((mmd - (2.0 - 2.0 * (-0.5f64).exp()).sqrt()).abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn kernel_discrepancy(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    bandwidth: f64,
    options: &ExactOptions,
) -> Result<f64> {
    if !(bandwidth > 0.0 && bandwidth.is_finite()) {
        let requirement = "positive and finite".to_string();
        return Err(Error::Argument { name: "bandwidth", requirement, found: bandwidth });
    }
    check_clouds(&x, &y)?;
    let (x, y) = (x.mapv(|value| value / bandwidth), y.mapv(|value| value / bandwidth));
    let kernel = |distance: f64, unit: f64| (-0.5 * (distance * unit).powi(2)).exp();
    let means = PairMeans::new(x.view(), y.view(), Cost::Euclidean, options, kernel)?;
    let square = means.within_x + means.within_y - 2.0 * means.between;
    finite("the kernel discrepancy", square.max(0.0).sqrt(), TOO_FAR)
}

/// Mean distance to a weighted cloud, Σ_j b_j |x_i − y_j| for each i, `[n]`; weights of sum 1. O(n m d);
/// same bits at any number of threads.
pub(crate) fn mean_distances(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    weights: ArrayView1<f64>,
    task: Task,
) -> Result<Array1<f64>> {
    check_clouds(&x, &y)?;
    let frame = Frame::new(x, y, Cost::Euclidean);
    let mut means = Array1::zeros(x.nrows());
    means.as_slice_mut().expect("contiguous").par_chunks_mut(BLOCK).enumerate().try_for_each(
        |(block, means)| {
            task.tick("pairs", block * BLOCK, x.nrows())?;
            for (k, mean) in means.iter_mut().enumerate() {
                let terms = weights.indexed_iter().filter(|(_, w)| **w > 0.0);
                let distance = sum(terms.map(|(j, w)| w * frame.ground.pair(block * BLOCK + k, j)));
                *mean = super::frame::scaled(frame.difference(distance), frame.cost_exponent());
            }
            Ok::<_, Error>(())
        },
    )?;
    Ok(means)
}

/// Weighted means over all pairs of a function of the distance in the frame of the clouds and its unit.
struct PairMeans {
    frame: Frame,
    between: f64,
    within_x: f64,
    within_y: f64,
}

impl PairMeans {
    fn new(
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        cost: Cost,
        options: &ExactOptions,
        value: impl Fn(f64, f64) -> f64 + Sync,
    ) -> Result<Self> {
        check_clouds(&x, &y)?;
        let (a, b) = options.laws(x.nrows(), y.nrows())?;
        let ((x, a), (y, b)) = (a.weighed(x), b.weighed(y));
        let frame = Frame::new(x.view(), y.view(), cost);
        let unit = super::frame::scaled(frame.difference(1.0), frame.cost_exponent());
        let value = |distance| value(distance, unit);
        let Ground::Points(points) = &frame.ground else {
            return Err(Error::Empty { name: "the clouds" });
        };
        let within_x = Ground::points(cost, points.x.clone(), points.x.clone());
        let within_y = Ground::points(cost, points.y.clone(), points.y.clone());
        let between = pair_mean(&frame.ground, &a, &b, &value, options.task)?;
        let within_x = pair_mean(&within_x, &a, &a, &value, options.task)?;
        let within_y = pair_mean(&within_y, &b, &b, &value, options.task)?;
        Ok(PairMeans { frame, between, within_x, within_y })
    }
}

fn pair_mean(
    ground: &Ground,
    a: &Weights,
    b: &Weights,
    value: &(impl Fn(f64) -> f64 + Sync),
    task: Task,
) -> Result<f64> {
    let blocks: Vec<f64> = a
        .positive
        .par_chunks(BLOCK)
        .enumerate()
        .map(|(block, sources)| {
            task.tick("pairs", block * BLOCK, a.positive.len())?;
            let row = |i: usize| {
                let targets = b.positive.iter();
                sum(targets.map(|&j| b.values[j] / b.total * value(ground.pair(i, j))))
            };
            Ok(sum(sources.iter().map(|&i| a.values[i] / a.total * row(i))))
        })
        .collect::<Result<_>>()?;
    Ok(sum(blocks.into_iter()))
}
