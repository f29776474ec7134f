//! One dimension: the optimal coupling is monotone, so the distance is an integral of quantiles.

use super::exact::{ExactOptions, sum};
use super::frame::{exponent, scaled};
use super::ground::Cost;
use crate::{Error, Result};
use ndarray::ArrayView1;

/// W₁ or W₂ between two weighted samples on the line, in closed form.
///
/// ```text
/// W_p^p = ∫₀¹ |F⁻¹(q) − G⁻¹(q)|^p dq,      p = 1 for Euclidean, 2 for SquaredEuclidean
/// ```
///
/// `x` is `[n]`, `y` is `[m]`; weights as in [`exact`](super::exact), normalised to one.
/// O(n log n + m log m).
///
/// # Errors
/// Empty or non-finite samples, invalid weights.
///
/// # Source
/// [peyre2019, remark 2.30].
///
/// ```
/// use fokker::transport::{Cost, ExactOptions, wasserstein_line};
/// use ndarray::array;
/// let (x, y) = (array![2.0, 0.0], array![1.0, 4.0]);
/// let w2 = wasserstein_line(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default())?;
/// assert!((w2 - 2.5f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn wasserstein_line(
    x: ArrayView1<f64>,
    y: ArrayView1<f64>,
    cost: Cost,
    options: &ExactOptions,
) -> Result<f64> {
    for (name, sample) in [("x", &x), ("y", &y)] {
        if sample.is_empty() {
            return Err(Error::Empty { name });
        }
        if let Some((i, &value)) = sample.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::NonFinite { name, index: vec![i], value });
        }
    }
    let (source, target) = options.laws(x.len(), y.len())?;
    let a = Quantiles::new(x, &source.values, source.total);
    let b = Quantiles::new(y, &target.values, target.total);
    Ok(quantile_distance(&a, &b, cost))
}

/// A sorted sample with its cumulative weights.
pub(crate) struct Quantiles {
    values: Vec<f64>,
    /// Cumulative weight up to and including each value; the last is 1.
    levels: Vec<f64>,
}

impl Quantiles {
    pub(crate) fn new(sample: ArrayView1<f64>, weights: &[f64], total: f64) -> Self {
        let mut order: Vec<usize> = (0..sample.len()).filter(|&i| weights[i] > 0.0).collect();
        order.sort_unstable_by(|&i, &j| sample[i].total_cmp(&sample[j]).then(i.cmp(&j)));
        let equal = order.iter().all(|&i| weights[i] == weights[order[0]]);
        let count = order.len() as f64;
        let mut level = 0.0;
        let mut levels: Vec<f64> = order
            .iter()
            .enumerate()
            .map(|(k, &i)| {
                level += weights[i] / total;
                // Equal weights have exact levels, so that equal samples match exactly.
                if equal { (k + 1) as f64 / count } else { level }
            })
            .collect();
        if let Some(last) = levels.last_mut() {
            *last = 1.0;
        }
        Quantiles { values: order.iter().map(|&i| sample[i]).collect(), levels }
    }

    fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()))
    }
}

/// W_p of two quantile functions, O(n + m).
pub(crate) fn quantile_distance(a: &Quantiles, b: &Quantiles, cost: Cost) -> f64 {
    // A power of two keeps squares in range and changes no digit.
    let k = exponent(a.largest().max(b.largest()));
    let (mut i, mut j, mut level) = (0, 0, 0.0);
    let terms = std::iter::from_fn(|| {
        if i == a.values.len() || j == b.values.len() {
            return None;
        }
        let next = a.levels[i].min(b.levels[j]);
        let difference = (scaled(a.values[i], -k) - scaled(b.values[j], -k)).abs();
        let term = (next - level).max(0.0)
            * match cost {
                Cost::SquaredEuclidean => difference * difference,
                Cost::Euclidean => difference,
            };
        level = next;
        // Compared before either moves: equal levels advance both.
        let (step_a, step_b) = (a.levels[i] <= next, b.levels[j] <= next);
        i += usize::from(step_a);
        j += usize::from(step_b);
        Some(term)
    });
    let total = sum(terms);
    scaled(
        match cost {
            Cost::SquaredEuclidean => total.sqrt(),
            Cost::Euclidean => total,
        },
        k,
    )
}
