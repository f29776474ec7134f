//! Passing over rows in fixed chunks, in parallel, with sums whose bits do not depend on it.

use crate::{Blocks, Error, Result, Task};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Rows whose statistics are summed on one thread. Shards that are cut at multiples of it merge
/// to the bits of a single pass.
pub const CHUNK: usize = 2048;

/// Most numbers held at a time while a source is read.
const BUFFER: usize = 1 << 22;

/// Consecutive rows with the index of the first one among all rows.
pub(super) struct Chunk<'a> {
    pub rows: ArrayView2<'a, f64>,
    pub first: usize,
}

/// Where a pass starts, how it is called and who hears of it.
pub(super) struct Pass<'a> {
    /// Global index of the first row of the source.
    pub first: usize,
    pub stage: &'static str,
    pub task: Task<'a>,
}

/// Calls `work` on every chunk of a source, in parallel, and `absorb` on the results in order.
/// Returns the number of rows.
pub(super) fn for_chunks<T: Send>(
    blocks: &mut dyn Blocks,
    pass: &Pass,
    work: impl Fn(Chunk) -> Result<T> + Sync,
    mut absorb: impl FnMut(usize, T),
) -> Result<usize> {
    let dim = blocks.dim();
    let chunks = (BUFFER / (CHUNK * dim.max(1))).clamp(1, 32);
    let mut buffer = Array2::zeros((chunks * CHUNK, dim));
    let mut seen = 0;
    loop {
        let count = blocks.next(&mut buffer)?;
        let rows = buffer.slice_axis(Axis(0), Slice::from(..count));
        check_finite(rows, pass.first + seen)?;
        let starts: Vec<usize> = (0..count).step_by(CHUNK).collect();
        let results = starts.par_iter().map(|&start| {
            let part = rows.slice_axis(Axis(0), Slice::from(start..(start + CHUNK).min(count)));
            work(Chunk { rows: part, first: pass.first + seen + start })
        });
        for (&start, result) in starts.iter().zip(results.collect::<Vec<_>>()) {
            absorb((pass.first + seen + start) / CHUNK, result?);
        }
        seen += count;
        pass.task.tick(pass.stage, seen, blocks.rows().unwrap_or(0))?;
        if count < buffer.nrows() {
            return Ok(seen);
        }
    }
}

fn check_finite(rows: ArrayView2<f64>, first: usize) -> Result<()> {
    let finite = |row: &ndarray::ArrayView1<f64>| row.iter().fold(0.0, |sum: f64, x| sum + 0.0 * x) == 0.0;
    match rows.rows().into_iter().enumerate().find(|(_, row)| !finite(row)) {
        None => Ok(()),
        Some((i, row)) => {
            let column = row.iter().position(|x| !x.is_finite()).unwrap_or(0);
            Err(Error::NonFinite { name: "data", index: vec![first + i, column], value: row[column] })
        }
    }
}

/// What is summed over chunks.
pub(super) trait Sum: Clone {
    fn add(&mut self, other: &Self);
}

/// Sums over chunks, added in a tree that depends on the indices of the chunks alone.
///
/// Chunks 2k and 2k + 1 are added first, then pairs of pairs, whatever pass or shard they were
/// seen in: floating-point sums of the same chunks have the same bits.
#[derive(Debug, Clone)]
pub(super) struct Tree<T> {
    /// Sums over `start..start + 2^level`, sorted by start.
    segments: Vec<Segment<T>>,
}

#[derive(Debug, Clone)]
struct Segment<T> {
    start: usize,
    level: u32,
    value: T,
}

impl<T: Sum> Tree<T> {
    pub fn new() -> Self {
        Tree { segments: Vec::new() }
    }

    /// Adds the sum over one chunk.
    pub fn push(&mut self, start: usize, value: T) {
        self.segments.push(Segment { start, level: 0, value });
        while self.segments.len() > 1 && self.join(self.segments.len() - 2) {}
    }

    /// Adds another tree, over other chunks.
    pub fn merge(&mut self, other: &Self) {
        self.segments.extend(other.segments.iter().cloned());
        self.segments.sort_by_key(|segment| segment.start);
        while (0..self.segments.len().saturating_sub(1)).any(|i| self.join(i)) {}
    }

    /// Joins segments i and i + 1 when they are two halves of one.
    fn join(&mut self, i: usize) -> bool {
        let (a, b) = (&self.segments[i], &self.segments[i + 1]);
        let halves =
            a.level == b.level && a.start % (2 << a.level) == 0 && b.start == a.start + (1 << a.level);
        if halves {
            let b = self.segments.remove(i + 1);
            self.segments[i].value.add(&b.value);
            self.segments[i].level += 1;
        }
        halves
    }

    /// The sum of everything, none before the first chunk.
    pub fn total(&self) -> Option<T> {
        let mut segments = self.segments.iter();
        let mut total = segments.next()?.value.clone();
        segments.for_each(|segment| total.add(&segment.value));
        Some(total)
    }
}

/// Whether a row is held out: by a hash of its index, so that any order of rows is split fairly
/// and every pass splits alike.
pub(super) fn is_held_out(row: usize, fraction: f64) -> bool {
    uniform(row as u64, 0x9e37_79b9) < fraction
}

/// A number in [0, 1) that depends on the two arguments alone.
pub(super) fn uniform(index: u64, salt: u64) -> f64 {
    // The finaliser of SplitMix64.
    let mut z = index.wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sum for f64 {
        fn add(&mut self, other: &f64) {
            *self += other;
        }
    }

    #[test]
    fn any_cut_gives_the_same_bits() {
        let value = |i: usize| 1.0 / (3.0 + i as f64);
        let whole = |range: std::ops::Range<usize>| {
            let mut tree = Tree::new();
            range.for_each(|i| tree.push(i, value(i)));
            tree
        };
        let expected = whole(0..37).total().unwrap();
        for cuts in [vec![0, 1, 37], vec![0, 5, 16, 17, 30, 37], vec![0, 36, 37]] {
            let mut shards: Vec<_> = cuts.windows(2).map(|w| whole(w[0]..w[1])).collect();
            shards.reverse(); // the order of merging does not matter either
            let mut tree = Tree::new();
            shards.iter().for_each(|shard| tree.merge(shard));
            assert_eq!(tree.total(), Some(expected), "{cuts:?}");
        }
        assert_eq!(Tree::<f64>::new().total(), None);
    }

    #[test]
    fn a_tenth_is_held_out() {
        // Binomial with standard deviation 95: five of those are exceeded once in two million.
        let held = (0..100_000).filter(|&row| is_held_out(row, 0.1)).count();
        assert!(held.abs_diff(10_000) < 475, "{held}");
    }
}
