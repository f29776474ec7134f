//! What has been observed in parts can be put together.

use crate::Result;

/// Statistics of rows that merge: after `a.merge(&b)`, `a` is what it would be had it observed
/// the rows of both.
///
/// Shards of data are observed anywhere and merged in the order of their index, so that the same
/// shards give the same bits.
pub trait Merge: Sized {
    /// Number of rows observed.
    fn count(&self) -> usize;

    /// Adds what another one has observed.
    ///
    /// # Errors
    /// Statistics of something else: another dimension, other functions. Nothing is changed then.
    fn merge(&mut self, other: &Self) -> Result<()>;
}
