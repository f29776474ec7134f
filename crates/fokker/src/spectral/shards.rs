//! Which rows moments were taken of.

use crate::options::{Digest, Digester};
use serde::Serialize;
use serde::ser::Serializer;

/// Rows that were read in one pass.
#[derive(Debug, Clone)]
struct Shard {
    /// Index of the first one among all rows: it decides which of them are held out.
    first: usize,
    seen: Digester,
}

/// What was read, in the order of its first rows; of shards that start at the same row, in the order in
/// which they were merged.
#[derive(Debug, Clone)]
pub(super) struct Shards(Vec<Shard>);

impl Shards {
    pub fn of(first: usize, seen: Digester) -> Self {
        Shards(vec![Shard { first, seen }])
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
        self.0.sort_by_key(|shard| shard.first);
    }

    pub fn rows(&self) -> usize {
        self.0.iter().map(|shard| shard.seen.rows()).sum()
    }

    /// The digest of all rows in their order: that of a single pass over them.
    pub fn digest(&self) -> Digest {
        let mut all = Digester::default();
        self.0.iter().for_each(|shard| all.append(&shard.seen));
        all.finish()
    }
}

impl Serialize for Shards {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Rows {
            first: usize,
            rows: usize,
        }
        let shards = self.0.iter().map(|shard| Rows { first: shard.first, rows: shard.seen.rows() });
        serializer.collect_seq(shards)
    }
}
