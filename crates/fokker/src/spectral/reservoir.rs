//! A random sample of weighted rows: mergeable, and the same whatever the order of observation.

use super::chunks::uniform;
use ndarray::{Array1, Array2, Axis};

/// Most numbers that the kept rows may take: 16 MB.
const KEPT: usize = 1 << 21;

/// The rows of the smallest keys, by priority sampling [Duffield, Lund, Thorup 2007, §2].
///
/// ```text
/// key q_i = u_i/w_i, u_i a hash of the row's index      kept: the k smallest, T: the key after them
/// weight of a kept row: max(w_i, 1/T)
/// ```
///
/// The expectation of a row's weight, 0 where it is not kept, is w_i: sums over the kept rows are
/// unbiased whatever the weights, and of variance near the least that k rows allow. With equal weights
/// it is a uniform sample, and all rows as they are when there are at most k.
#[derive(Debug, Clone)]
pub(super) struct Reservoir {
    capacity: usize,
    /// One row more than the capacity, for the threshold.
    rows: Vec<Kept>,
}

/// A row that was kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    key: f64,
    index: usize,
    weight: f64,
    row: Vec<f64>,
}

impl Kept {
    pub fn new(index: usize, weight: f64, row: Vec<f64>) -> Self {
        Kept { key: uniform(index as u64, 0x5eed) / weight, index, weight, row }
    }
}

impl Reservoir {
    pub fn new(dim: usize) -> Self {
        Reservoir { capacity: (KEPT / dim).clamp(1024, 16_384), rows: Vec::new() }
    }

    /// Takes rows of positive weight; trimmed once it has doubled, since a trim costs as much as what
    /// it drops.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = Kept>) {
        self.rows.extend(rows);
        if self.rows.len() > 2 * self.capacity {
            self.trim();
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.rows.extend(other.rows.iter().cloned());
        self.trim();
    }

    /// Keeps the rows of the smallest keys, in the order of the data.
    pub fn trim(&mut self) {
        smallest(&mut self.rows, self.capacity + 1);
        self.rows.sort_by_key(|kept| kept.index);
    }

    /// The kept rows that are chosen by their index and weight.
    pub fn sample(&self, dim: usize, chosen: impl Fn(usize, f64) -> bool) -> Sample {
        let mut rows = self.rows.clone();
        let threshold = smallest(&mut rows, self.capacity);
        rows.retain(|kept| chosen(kept.index, kept.weight));
        rows.sort_by_key(|kept| kept.index);
        let values: Vec<f64> = rows.iter().flat_map(|kept| kept.row.iter().copied()).collect();
        let sample = Sample {
            x: Array2::from_shape_vec((rows.len(), dim), values).expect("rows of d numbers"),
            weights: rows.iter().map(|kept| kept.weight).collect(),
            keys: rows.iter().map(|kept| kept.key).collect(),
        };
        sample.raised(threshold)
    }
}

/// Leaves the rows of the smallest keys; the smallest key of the others.
fn smallest(rows: &mut Vec<Kept>, count: usize) -> Option<f64> {
    if rows.len() <= count {
        return None;
    }
    let order = |a: &Kept, b: &Kept| a.key.total_cmp(&b.key).then(a.index.cmp(&b.index));
    let threshold = rows.select_nth_unstable_by(count, order).1.key;
    rows.truncate(count);
    Some(threshold)
}

/// A random sample of rows, of all when there are few.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// `[n, d]`, in the order of the data.
    pub x: Array2<f64>,
    /// What the rows stand for, up to a factor: mean values over them are those of the data.
    pub weights: Array1<f64>,
    keys: Vec<f64>,
}

impl Sample {
    /// A sample of this sample, of at most so many rows: never its first ones, which are special where
    /// the data are sorted.
    pub fn thinned(&self, most: usize) -> Sample {
        if self.keys.len() <= most {
            return self.clone();
        }
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_by(|&a, &b| self.keys[a].total_cmp(&self.keys[b]).then(a.cmp(&b)));
        let threshold = self.keys[order[most]];
        order.truncate(most);
        order.sort_unstable();
        let sample = Sample {
            x: self.x.select(Axis(0), &order),
            weights: self.weights.select(Axis(0), &order),
            keys: order.iter().map(|&i| self.keys[i]).collect(),
        };
        sample.raised(Some(threshold))
    }

    /// With the weights that a threshold makes of them, the largest being 1.
    fn raised(mut self, threshold: Option<f64>) -> Sample {
        if let Some(threshold) = threshold {
            self.weights.mapv_inplace(|w| w.max(1.0 / threshold));
            let largest = self.weights.iter().fold(0.0, |largest: f64, &w| largest.max(w));
            self.weights.mapv_inplace(|w| w / largest);
        }
        self
    }
}
