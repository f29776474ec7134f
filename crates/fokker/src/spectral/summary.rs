//! The first pass over the data: what coordinates are made of.

use super::chunks::{Chunk, Pass, Sum, Tree, for_chunks, is_held_out, uniform};
use crate::{Blocks, Error, Merge, Monitor, Result};
use ndarray::{Array1, Array2, ArrayView1};

/// Most numbers that the kept rows may take: 16 MB.
const KEPT: usize = 1 << 21;

/// How rows are read: where they start among all rows, what they weigh, which are held out.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Index of the first row among the rows of all shards. Shards that start at multiples of
    /// [`CHUNK`](super::CHUNK) merge to the bits of a single pass.
    pub first: usize,
    /// Weight of every row of this source, non-negative; all 1 when none.
    pub weights: Option<&'a [f64]>,
    /// Share of the rows that is held out, by a hash of their index.
    pub hold_out: f64,
    /// Hears of progress, in rows.
    pub monitor: &'a dyn Monitor,
}

impl Default for Rows<'_> {
    /// All rows, weighing 1, a tenth held out.
    fn default() -> Self {
        Rows { first: 0, weights: None, hold_out: 0.1, monitor: &() }
    }
}

impl Rows<'_> {
    pub(super) fn validate(&self, rows: Option<usize>) -> Result<()> {
        if !(0.0..=0.9).contains(&self.hold_out) {
            let requirement = "from 0 to 0.9".into();
            return Err(Error::Argument { name: "hold-out", requirement, found: self.hold_out });
        }
        let Some(weights) = self.weights else { return Ok(()) };
        if let Some(rows) = rows.filter(|&rows| rows != weights.len()) {
            return Err(Error::Size { name: "weights", expected: rows, found: weights.len() });
        }
        match weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            None => Ok(()),
            Some(i) => {
                let requirement = "non-negative and finite";
                Err(Error::Entry { name: "weights", requirement, index: vec![i], found: weights[i] })
            }
        }
    }

    /// Weights of `count` rows from global row `start` on.
    pub(super) fn weights_of(&self, start: usize, count: usize) -> Result<Option<&[f64]>> {
        let Some(weights) = self.weights else { return Ok(None) };
        let from = start - self.first;
        let found = weights.len();
        let part = weights.get(from..from + count);
        part.map(Some).ok_or(Error::Size { name: "weights", expected: from + count, found })
    }
}

/// Mean, variance and range of every column, and a random sample of rows, mergeable.
///
/// ```text
/// m = Σ w x/Σ w      s² = Σ w (x − m)²/Σ w      min, max      over the rows that are not held out
/// ```
///
/// The kept rows are those of the smallest random keys −log(u)/w, u a hash of the row's index:
/// the same rows whatever the order of observation [Efraimidis and Spirakis 2006].
#[derive(Debug, Clone)]
pub struct Summary {
    dim: usize,
    hold_out: f64,
    count: usize,
    tree: Tree<Part>,
    kept: Vec<Kept>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub count: usize,
    pub weight: f64,
    pub mean: Array1<f64>,
    /// Σ w (x − m)².
    pub scatter: Array1<f64>,
    pub low: Array1<f64>,
    pub high: Array1<f64>,
}

impl Sum for Part {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        if other.weight == 0.0 {
            return;
        }
        let total = self.weight + other.weight;
        let share = other.weight / total;
        for i in 0..self.mean.len() {
            let delta = other.mean[i] - self.mean[i];
            self.scatter[i] += other.scatter[i] + self.weight * share * delta * delta;
            self.mean[i] += share * delta;
            self.low[i] = self.low[i].min(other.low[i]);
            self.high[i] = self.high[i].max(other.high[i]);
        }
        self.weight = total;
    }
}

/// A row that was kept.
#[derive(Debug, Clone)]
struct Kept {
    key: f64,
    index: usize,
    weight: f64,
    row: Vec<f64>,
}

/// A random sample of rows, of all when there are few.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// `[n, d]`, in the order of the data.
    pub x: Array2<f64>,
    pub weights: Array1<f64>,
}

impl Summary {
    /// Summarises the rows of a source, O(n d).
    ///
    /// # Errors
    /// What the source reports, a non-finite entry, weights that do not fit, an interruption.
    pub fn from_blocks(blocks: &mut dyn Blocks, rows: &Rows) -> Result<Self> {
        rows.validate(blocks.rows())?;
        let dim = blocks.dim();
        if dim == 0 {
            return Err(Error::Empty { name: "data" });
        }
        let capacity = capacity(dim);
        let work = |chunk: Chunk| {
            let weights = rows.weights_of(chunk.first, chunk.rows.nrows())?;
            let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
            let mut kept = Vec::with_capacity(chunk.rows.nrows());
            for (i, row) in chunk.rows.rows().into_iter().enumerate() {
                let index = chunk.first + i;
                let key = -(1.0 - uniform(index as u64, 0x5eed)).ln() / weight(i);
                if weight(i) > 0.0 {
                    kept.push(Kept { key, index, weight: weight(i), row: row.to_vec() });
                }
            }
            let seen = |i: &usize| weight(*i) > 0.0 && !is_held_out(chunk.first + i, rows.hold_out);
            let used: Vec<usize> = (0..chunk.rows.nrows()).filter(seen).collect();
            let columns = chunk.rows.columns().into_iter();
            let statistics: Vec<[f64; 4]> = columns.map(|column| describe(column, &used, weight)).collect();
            let pick = |k: usize| statistics.iter().map(|s| s[k]).collect::<Array1<f64>>();
            let part = Part {
                count: used.len(),
                weight: used.iter().map(|&i| weight(i)).sum(),
                mean: pick(0),
                scatter: pick(1),
                low: pick(2),
                high: pick(3),
            };
            Ok((part, kept))
        };
        let mut summary =
            Summary { dim, hold_out: rows.hold_out, count: 0, tree: Tree::new(), kept: Vec::new() };
        let pass = Pass { first: rows.first, stage: "coordinates", monitor: rows.monitor };
        let (tree, sample) = (&mut summary.tree, &mut summary.kept);
        summary.count = for_chunks(blocks, &pass, work, |start, (part, kept)| {
            tree.push(start, part);
            // Trimmed once it has doubled: a trim costs as much as what it drops.
            sample.extend(kept);
            if sample.len() > 2 * capacity {
                trim(sample, capacity);
            }
        })?;
        trim(&mut summary.kept, capacity);
        Ok(summary)
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn hold_out(&self) -> f64 {
        self.hold_out
    }

    pub(super) fn total(&self) -> Option<Part> {
        self.tree.total()
    }

    /// The kept rows: held-out ones or the others.
    pub(super) fn sample(&self, held_out: bool) -> Sample {
        let everything = self.kept.len() < capacity(self.dim);
        let chosen = || self.kept.iter().filter(|kept| is_held_out(kept.index, self.hold_out) == held_out);
        let values: Vec<f64> = chosen().flat_map(|kept| kept.row.iter().copied()).collect();
        Sample {
            x: Array2::from_shape_vec((values.len() / self.dim, self.dim), values)
                .expect("rows of d numbers"),
            // Rows that were chosen by their weight count alike.
            weights: chosen().map(|kept| if everything { kept.weight } else { 1.0 }).collect(),
        }
    }
}

impl Merge for Summary {
    fn count(&self) -> usize {
        self.count
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if self.dim != other.dim {
            return Err(Error::Size { name: "columns", expected: self.dim, found: other.dim });
        }
        if self.hold_out != other.hold_out {
            let requirement = format!("{} as in the other shards", self.hold_out);
            return Err(Error::Argument { name: "hold-out", requirement, found: other.hold_out });
        }
        self.count += other.count;
        self.tree.merge(&other.tree);
        self.kept.extend(other.kept.iter().cloned());
        trim(&mut self.kept, capacity(self.dim));
        Ok(())
    }
}

/// Number of rows kept.
fn capacity(dim: usize) -> usize {
    (KEPT / dim).clamp(1024, 16_384)
}

/// Keeps the rows of the smallest keys, in the order of the data.
fn trim(kept: &mut Vec<Kept>, capacity: usize) {
    if kept.len() > capacity {
        kept.select_nth_unstable_by(capacity, |a, b| a.key.total_cmp(&b.key).then(a.index.cmp(&b.index)));
        kept.truncate(capacity);
    }
    kept.sort_by_key(|kept| kept.index);
}

/// Weighted mean, scatter about it, smallest and largest value of the rows `used`.
fn describe(column: ArrayView1<f64>, used: &[usize], weight: impl Fn(usize) -> f64) -> [f64; 4] {
    let total: f64 = used.iter().map(|&i| weight(i)).sum();
    if total == 0.0 {
        return [0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY];
    }
    let mean = used.iter().map(|&i| weight(i) / total * column[i]).sum::<f64>();
    let scatter = used.iter().map(|&i| weight(i) * (column[i] - mean).powi(2)).sum();
    let low = used.iter().fold(f64::INFINITY, |low, &i| low.min(column[i]));
    let high = used.iter().fold(f64::NEG_INFINITY, |high, &i| high.max(column[i]));
    [mean, scatter, low, high]
}
