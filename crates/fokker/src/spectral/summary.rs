//! The first pass over the data: what coordinates are made of.

use super::chunks::{Chunk, Pass, Sum, Tree, for_chunks, is_held_out};
use super::indices::FUNCTIONS;
use super::reservoir::{Kept, Reservoir, Sample};
use crate::statistics::NO_ROW;
use crate::{Blocks, Error, Limits, Merge, Result, Task};
use ndarray::{Array1, ArrayView2};
use std::collections::BTreeMap;

/// How rows are read: where they start among all rows, what they weigh, which are held out.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Index of the first row among the rows of all shards. Shards that start at multiples of
    /// [`CHUNK`](super::CHUNK) merge to the bits of a single pass.
    pub first: usize,
    /// Weight of every row of this source, non-negative, the largest from 1e-100 to 1e100; all 1
    /// when none.
    pub weights: Option<&'a [f64]>,
    /// Share of the rows that is held out, by a hash of their index.
    pub hold_out: f64,
}

impl Default for Rows<'_> {
    /// All rows, weighing 1, a tenth held out.
    fn default() -> Self {
        Rows { first: 0, weights: None, hold_out: 0.1 }
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
        if let Some(i) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            let requirement = "non-negative and finite";
            return Err(Error::Entry { name: "weights", requirement, index: vec![i], found: weights[i] });
        }
        // Squares of weights are summed.
        let largest = weights.iter().fold(0.0, |largest: f64, &w| largest.max(w));
        if largest != 0.0 && !(1e-100..=1e100).contains(&largest) {
            let requirement = "from 1e-100 to 1e100: divide all weights by it".into();
            return Err(Error::Argument { name: "largest of the weights", requirement, found: largest });
        }
        Ok(())
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
/// The kept rows are a priority sample with weights that make sums over them unbiased: the same rows
/// whatever the order of observation [Duffield, Lund, Thorup 2007]. Rows whose weight is below 1e-9 of a
/// typical one, Σ w²/Σ w, and a thousandth of every larger one, are no rows: they are in no mean, range or sample.
#[derive(Debug, Clone)]
pub struct Summary {
    dim: usize,
    hold_out: f64,
    count: usize,
    tree: Tree<Groups>,
    kept: Reservoir,
}

/// What is known of rows that are not held out.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Rows that weigh something.
    pub count: usize,
    pub weight: f64,
    /// Σ w².
    squares: f64,
    pub mean: Array1<f64>,
    /// Σ w (x − m)².
    pub scatter: Array1<f64>,
    pub low: Array1<f64>,
    pub high: Array1<f64>,
}

impl Part {
    fn empty(dim: usize) -> Self {
        let all = |x| Array1::from_elem(dim, x);
        let (low, high) = (all(f64::INFINITY), all(f64::NEG_INFINITY));
        Part { count: 0, weight: 0.0, squares: 0.0, mean: all(0.0), scatter: all(0.0), low, high }
    }

    /// Of rows of positive weight.
    fn of(x: ArrayView2<f64>, rows: &[usize], weight: impl Fn(usize) -> f64) -> Self {
        let total: f64 = rows.iter().map(|&i| weight(i)).sum();
        let mut part = Part::empty(x.ncols());
        for (j, column) in x.columns().into_iter().enumerate() {
            let mean = rows.iter().map(|&i| weight(i) / total * column[i]).sum::<f64>();
            part.mean[j] = mean;
            part.scatter[j] = rows.iter().map(|&i| weight(i) * (column[i] - mean).powi(2)).sum();
            part.low[j] = rows.iter().fold(f64::INFINITY, |low, &i| low.min(column[i]));
            part.high[j] = rows.iter().fold(f64::NEG_INFINITY, |high, &i| high.max(column[i]));
        }
        let squares = rows.iter().map(|&i| weight(i).powi(2)).sum();
        Part { count: rows.len(), weight: total, squares, ..part }
    }

    fn add(&mut self, other: &Self) {
        let total = self.weight + other.weight;
        let share = other.weight / total;
        for i in 0..self.mean.len() {
            let delta = other.mean[i] - self.mean[i];
            self.scatter[i] += other.scatter[i] + self.weight * share * delta * delta;
            self.mean[i] += share * delta;
            self.low[i] = self.low[i].min(other.low[i]);
            self.high[i] = self.high[i].max(other.high[i]);
        }
        self.count += other.count;
        self.weight = total;
        self.squares += other.squares;
    }
}

/// Rows by the magnitude of their weight: which are none is only known when all were seen.
#[derive(Debug, Clone)]
struct Groups(BTreeMap<i32, Part>);

/// Weights of the same magnitude differ by less than 2¹⁰.
fn magnitude(weight: f64) -> i32 {
    (weight.log2() / 10.0).floor() as i32
}

impl Groups {
    /// Magnitude from which a row is one: weights that fall off without a gap, as those of a quadrature
    /// do, are all of rows.
    fn least(&self) -> i32 {
        let sum = |term: fn(&Part) -> f64| self.0.values().map(term).sum::<f64>();
        let small = magnitude(NO_ROW * sum(|part| part.squares) / sum(|part| part.weight));
        let mut least = i32::MAX;
        for &magnitude in self.0.keys().rev() {
            if magnitude < small && least.saturating_sub(magnitude) > 1 {
                break;
            }
            least = magnitude;
        }
        least
    }
}

impl Sum for Groups {
    fn add(&mut self, other: &Self) {
        for (&magnitude, part) in &other.0 {
            match self.0.get_mut(&magnitude) {
                Some(own) => own.add(part),
                None => drop(self.0.insert(magnitude, part.clone())),
            }
        }
    }
}

impl Summary {
    /// Summarises the rows of a source, O(n d).
    ///
    /// # Errors
    /// What the source reports, a non-finite entry, weights that do not fit, an interruption.
    pub fn from_blocks(blocks: &mut dyn Blocks, rows: &Rows, task: Task) -> Result<Self> {
        rows.validate(blocks.rows())?;
        let dim = blocks.dim();
        if dim == 0 {
            return Err(Error::Empty { name: "data" });
        }
        // Every column has a function at least.
        Limits::count("columns of a spectral fit", dim, FUNCTIONS)?;
        let work = |chunk: Chunk| {
            let weights = rows.weights_of(chunk.first, chunk.rows.nrows())?;
            let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
            let carrying: Vec<usize> = (0..chunk.rows.nrows()).filter(|&i| weight(i) > 0.0).collect();
            let kept =
                carrying.iter().map(|&i| Kept::new(chunk.first + i, weight(i), chunk.rows.row(i).to_vec()));
            let kept: Vec<Kept> = kept.collect();
            let seen = |i: &usize| !is_held_out(chunk.first + i, rows.hold_out);
            let used = carrying.into_iter().filter(seen);
            let mut groups: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
            used.for_each(|i| groups.entry(magnitude(weight(i))).or_default().push(i));
            let parts = groups.iter().map(|(&k, rows)| (k, Part::of(chunk.rows, rows, weight)));
            Ok((Groups(parts.collect()), kept))
        };
        let mut summary =
            Summary { dim, hold_out: rows.hold_out, count: 0, tree: Tree::new(), kept: Reservoir::new(dim) };
        let pass = Pass { first: rows.first, stage: "coordinates", task };
        let (tree, reservoir) = (&mut summary.tree, &mut summary.kept);
        summary.count = for_chunks(blocks, &pass, work, |start, (groups, kept)| {
            tree.push(start, groups);
            reservoir.extend(kept);
        })?;
        summary.kept.trim();
        Ok(summary)
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn hold_out(&self) -> f64 {
        self.hold_out
    }

    pub(super) fn total(&self) -> Option<Part> {
        let groups = self.tree.total()?;
        let mut total = Part::empty(self.dim);
        groups.0.range(groups.least()..).for_each(|(_, part)| total.add(part));
        Some(total)
    }

    /// The kept rows: held-out ones or the others.
    pub(super) fn sample(&self, held_out: bool) -> Sample {
        let least = self.tree.total().map_or(i32::MIN, |groups| groups.least());
        self.kept.sample(self.dim, |index, weight| {
            magnitude(weight) >= least && is_held_out(index, self.hold_out) == held_out
        })
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
        self.kept.merge(&other.kept);
        Ok(())
    }
}
