//! Rows that need not fit in memory, block by block.

use crate::Result;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// A source of rows `[n, d]` read from front to back: an array, or a file larger than memory.
pub trait Blocks {
    /// Number of columns d.
    fn dim(&self) -> usize;

    /// Number of rows when it is known before reading.
    fn rows(&self) -> Option<usize>;

    /// Overwrites the first rows of `block` (`[b, d]`) with the next ones and returns how many;
    /// fewer than b only at the end, and 0 when nothing is left.
    ///
    /// # Errors
    /// [`Error::Source`](crate::Error::Source) when a row cannot be read, naming it.
    fn next(&mut self, block: &mut Array2<f64>) -> Result<usize>;

    /// Goes back to the first row, for methods that pass over the rows more than once.
    ///
    /// # Errors
    /// [`Error::Source`](crate::Error::Source) when the rows are gone, as those of a pipe.
    fn rewind(&mut self) -> Result<()>;
}

/// A pixel of 8 bits in [−1, 1], as rows of bytes are read wherever they come from: x/127.5 − 1.
///
/// ```
/// assert_eq!([0, 255].map(fokker::pixel), [-1.0, 1.0]);
/// ```
pub fn pixel(value: u8) -> f64 {
    f64::from(value) / 127.5 - 1.0
}

/// The blocks of an array in memory.
#[derive(Debug, Clone)]
pub struct ArrayBlocks<'a> {
    all: ArrayView2<'a, f64>,
    rest: ArrayView2<'a, f64>,
}

impl<'a> ArrayBlocks<'a> {
    /// All rows of `x`.
    pub fn new(x: ArrayView2<'a, f64>) -> Self {
        ArrayBlocks { all: x, rest: x }
    }
}

impl Blocks for ArrayBlocks<'_> {
    fn dim(&self) -> usize {
        self.rest.ncols()
    }

    fn rows(&self) -> Option<usize> {
        Some(self.all.nrows())
    }

    fn next(&mut self, block: &mut Array2<f64>) -> Result<usize> {
        let count = block.nrows().min(self.rest.nrows());
        let (head, rest) = self.rest.split_at(Axis(0), count);
        block.slice_axis_mut(Axis(0), Slice::from(..count)).assign(&head);
        self.rest = rest;
        Ok(count)
    }

    fn rewind(&mut self) -> Result<()> {
        self.rest = self.all;
        Ok(())
    }
}

/// The items, such as the fixed blocks of an array, shared out among threads in their order.
pub(crate) fn in_parallel<I: Send>(items: impl Iterator<Item = I>) -> rayon::vec::IntoIter<I> {
    items.collect::<Vec<_>>().into_par_iter()
}
