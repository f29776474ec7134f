//! The median of the distances between two weighted clouds: a bandwidth, and the unit of relative strengths.

use super::exact::{ExactOptions, check_clouds};
use super::frame::{Frame, scaled};
use super::ground::Cost;
use super::masses::Weights;
use crate::Result;
use crate::limits::finite;
use ndarray::ArrayView2;

/// Pairs of which the median is taken at most.
const PAIRS: usize = 1 << 16;

/// The golden ratio less one, whose multiples are spread evenly over [0, 1).
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Cumulative weight over the total that counts as no more than a half: rounding must not decide a tie.
const HALF: f64 = 0.5 + 1e-10;

/// Median of the distances |x_i − y_j| of two weighted clouds, a usual bandwidth.
///
/// ```text
/// least c with Σ { a_i b_j : |x_i − y_j| ≤ c } > ½        (weights normalised to one)
/// ```
///
/// Of n·m above 65,536 pairs of positive weight, as many are taken by their weights: the k-th has x at the
/// level (k + ½)/65,536 of the cumulative a, and y at the fraction of kφ of the cumulative b, φ the golden
/// ratio. The mean of the middle two is not taken: the answer is one of the distances. Integer weights are
/// repeated rows. O(65,536 d + n + m).
///
/// # Errors
/// As [`exact`](super::exact); a distance beyond the range of numbers.
///
/// ```
/// use fokker::transport::{ExactOptions, median_distance};
/// use ndarray::array;
/// let (x, y) = (array![[0.0], [10.0]], array![[1.0]]);
/// assert_eq!(median_distance(x.view(), y.view(), &ExactOptions::default())?, 9.0);
/// let weights = array![3.0, 1.0];
/// let weighted = ExactOptions { source_weights: Some(weights.view()), ..Default::default() };
/// assert_eq!(median_distance(x.view(), y.view(), &weighted)?, 1.0);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn median_distance(x: ArrayView2<f64>, y: ArrayView2<f64>, options: &ExactOptions) -> Result<f64> {
    check_clouds(&x, &y)?;
    let (a, b) = options.laws(x.nrows(), y.nrows())?;
    let ((x, a), (y, b)) = (a.weighed(x), b.weighed(y));
    let frame = Frame::new(x.view(), y.view(), Cost::Euclidean);
    let unit = scaled(frame.difference(1.0), frame.cost_exponent());
    let median = median_cost((&a, &b), |i, j| frame.ground.pair(i, j)) * unit;
    finite("the median distance", median, super::kernel::TOO_FAR)
}

/// Weighted median of the costs of pairs, of a fixed selection where there are many.
pub(crate) fn median_cost((a, b): (&Weights, &Weights), pair: impl Fn(usize, usize) -> f64) -> f64 {
    let (rows, columns) = (&a.positive, &b.positive);
    let mut costs: Vec<(f64, f64)> = if rows.len().saturating_mul(columns.len()) <= PAIRS {
        let of_row = |&i: &usize| columns.iter().map(move |&j| (i, j));
        let pairs = rows.iter().flat_map(of_row);
        pairs.map(|(i, j)| (pair(i, j), a.values[i] / a.total * (b.values[j] / b.total))).collect()
    } else {
        let (of_a, of_b) = (Levels::new(a), Levels::new(b));
        let level = |k: usize| ((k as f64 + 0.5) / PAIRS as f64, (k as f64 * GOLDEN).fract());
        let pairs = (0..PAIRS).map(level).map(|(u, v)| (of_a.row(u), of_b.row(v)));
        pairs.map(|(i, j)| (pair(i, j), 1.0 / PAIRS as f64)).collect()
    };
    costs.sort_unstable_by(|p, q| p.0.total_cmp(&q.0));
    let mut level = 0.0;
    let above = costs.iter().position(|(_, weight)| {
        level += weight;
        level > HALF
    });
    costs[above.unwrap_or(costs.len() - 1)].0
}

/// Cumulative weights of the rows that have any.
struct Levels<'a> {
    rows: &'a [usize],
    levels: Vec<f64>,
}

impl<'a> Levels<'a> {
    fn new(weights: &'a Weights) -> Self {
        let mut level = 0.0;
        let mut up_to = |&i: &usize| {
            level += weights.values[i];
            level
        };
        Levels { rows: &weights.positive, levels: weights.positive.iter().map(&mut up_to).collect() }
    }

    /// The row that holds a level between 0 and 1.
    fn row(&self, level: f64) -> usize {
        let last = self.rows.len() - 1;
        let level = level * self.levels[last];
        self.rows[self.levels.partition_point(|&up_to| up_to <= level).min(last)]
    }
}
