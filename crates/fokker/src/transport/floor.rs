//! The floor: how far apart two samples of one law are, so that a distance can be read.

use crate::limits::finite;
use crate::statistics::shares;
use crate::{CloudView, Error, Result};
use ndarray::{Array1, ArrayView2, Axis};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Distance between two halves of one sample, repeated.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Floor {
    /// Mean over the repeats.
    pub mean: f64,
    /// Standard deviation over the repeats (divisor repeats − 1); none for one repeat.
    pub sd: Option<f64>,
    /// Number of random splits.
    pub repeats: usize,
}

/// Mean and spread of a distance between two random halves of one sample.
///
/// ```text
/// shuffle the rows; halves of ⌊n/2⌋ rows each; D_r = distance(first, second);  mean and sd of D_r
/// ```
///
/// A distance between two clouds of this law cannot be expected below the floor for clouds of
/// that size. The halves are half as large as the sample: the floor of exact W₂ falls as n^(−1/d)
/// for d > 4, so the number is an upper bound of what the whole sample could reach. `sample` is
/// `[n, d]`; repeat r uses stream r of `seed`; the repeats overlap, so `sd` is the spread of one
/// repeat, not the error of the mean.
///
/// # Errors
/// Fewer than two rows, no repeat, an error of `distance`, or a mean or spread beyond all numbers.
///
/// ```
/// use fokker::transport::{ExactOptions, floor, wasserstein1};
/// use ndarray::array;
/// // Four points in one place: nothing is ever apart.
/// let sample = array![[1.0], [1.0], [1.0], [1.0]];
/// let floor = floor(sample.view(), 5, 0, |a, b| wasserstein1(a, b, &ExactOptions::default()))?;
/// assert_eq!((floor.mean, floor.sd, floor.repeats), (0.0, Some(0.0), 5));
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn floor(
    sample: ArrayView2<f64>,
    repeats: usize,
    seed: u64,
    distance: impl Fn(ArrayView2<f64>, ArrayView2<f64>) -> Result<f64>,
) -> Result<Floor> {
    weighted_floor(sample.into(), repeats, seed, |first, second| distance(first.x, second.x))
}

/// [`floor()`] of a weighted sample: weights stay with their points, and are divided by their sum in each half.
///
/// # Errors
/// As [`floor()`]; weights that do not fit, and what `distance` says of a half of weight zero.
///
/// ```
/// use fokker::{CloudView, transport::{ExactOptions, weighted_floor, wasserstein1}};
/// use ndarray::{array, aview1};
/// let (sample, weights) = (array![[0.0], [1.0]], array![3.0, 1.0]);
/// let weighted = CloudView { x: sample.view(), weights: Some(weights.view()) };
/// let floor = weighted_floor(weighted, 5, 0, |a, b| {
///     assert_eq!((a.weights, b.weights), (Some(aview1(&[1.0])), Some(aview1(&[1.0]))));
///     wasserstein1(a.x, b.x, &ExactOptions::default())
/// })?;
/// assert_eq!(floor.mean, 1.0);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn weighted_floor(
    sample: CloudView,
    repeats: usize,
    seed: u64,
    distance: impl Fn(CloudView, CloudView) -> Result<f64>,
) -> Result<Floor> {
    let CloudView { x: sample, weights } = sample;
    let n = sample.nrows();
    if n < 2 {
        let requirement = "a sample of at least two rows".to_string();
        return Err(Error::Argument { name: "sample", requirement, found: n as f64 });
    }
    if repeats == 0 {
        return Err(Error::Argument { name: "repeats", requirement: "positive".into(), found: 0.0 });
    }
    let weights = weights.map(|given| shares("weights", Some(given), n)).transpose()?;
    let part = |rows: &[usize]| -> (_, Option<Array1<f64>>) {
        let share = |weights: &Array1<f64>| {
            let weights = weights.select(Axis(0), rows);
            let total = weights.sum();
            if total > 0.0 { weights / total } else { weights }
        };
        (sample.select(Axis(0), rows), weights.as_ref().map(share))
    };
    let mut distances = Vec::with_capacity(repeats);
    for repeat in 0..repeats {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(repeat as u64);
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut random);
        let half = n / 2;
        let ((x, a), (y, b)) = (part(&order[..half]), part(&order[half..2 * half]));
        let (a, b) = (a.as_ref().map(|a| a.view()), b.as_ref().map(|b| b.view()));
        distances
            .push(distance(CloudView { x: x.view(), weights: a }, CloudView { x: y.view(), weights: b })?);
    }
    let mean = distances.iter().sum::<f64>() / repeats as f64;
    let squares: f64 = distances.iter().map(|distance| (distance - mean).powi(2)).sum();
    let sd = (repeats > 1).then(|| (squares / (repeats - 1) as f64).sqrt());
    let remedy = "scale the columns, or look for slips: some points are too far apart to be squared";
    Ok(Floor {
        mean: finite("the mean of the floor", mean, remedy)?,
        sd: sd.map(|sd| finite("the spread of the floor", sd, remedy)).transpose()?,
        repeats,
    })
}
