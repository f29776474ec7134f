//! Pricing: the smallest reduced costs of every row, over all n·m arcs in blocks.

use super::ground::Ground;
use crate::{Error, Monitor, Result};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows and columns of a tile: small enough to stay in the second-level cache.
const ROWS: usize = 32;
const COLUMNS: usize = 512;

/// An arc with its reduced cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Priced {
    pub(crate) reduced: f64,
    pub(crate) target: u32,
}

/// What to look for: at most `keep` arcs per row with reduced cost below `below`.
pub(crate) struct Query<'q> {
    pub(crate) sources: &'q [usize],
    pub(crate) dual_source: &'q [f64],
    pub(crate) dual_target: &'q [f64],
    pub(crate) keep: usize,
    pub(crate) below: f64,
    /// Screen by direct differences rather than matrix products.
    pub(crate) direct: bool,
}

/// For each queried row the arcs of smallest reduced cost, ascending, recomputed by direct
/// differences; ties go to the smaller index, so the answer does not depend on the threads.
pub(crate) fn cheapest_arcs(
    ground: &Ground,
    query: &Query,
    monitor: &dyn Monitor,
) -> Result<Vec<Vec<Priced>>> {
    let tiles = ground.tiles(query.dual_target, query.direct);
    let targets = ground.targets();
    let done = AtomicUsize::new(0);
    let blocks = query.sources.par_chunks(ROWS).map(|sources| {
            let done = done.fetch_add(sources.len(), Ordering::Relaxed);
            if monitor.progress("pricing", done, query.sources.len()).is_break() {
                return Err(Error::Interrupted);
            }
            let mut buffer = vec![0.0; sources.len() * COLUMNS.min(targets)];
            let mut best = vec![Smallest::new(query.keep, query.below); sources.len()];
            for start in (0..targets).step_by(COLUMNS) {
                let width = COLUMNS.min(targets - start);
                let tile = &mut buffer[..sources.len() * width];
                tiles.write(sources, query.dual_source, (start, width), tile);
                for (row, best) in tile.chunks_exact(width).zip(&mut best) {
                    best.offer_all(row, start);
                }
            }
            Ok(sources.iter().zip(best).map(|(&i, best)| best.refined(ground, query, i)).collect::<Vec<_>>())
        });
    let blocks: Vec<Vec<Vec<Priced>>> = blocks.collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

/// The `keep` smallest values offered, ascending.
#[derive(Clone)]
struct Smallest {
    arcs: Vec<Priced>,
    keep: usize,
    below: f64,
}

impl Smallest {
    fn new(keep: usize, below: f64) -> Self {
        Smallest { arcs: Vec::with_capacity(keep + 1), keep, below }
    }

    fn offer_all(&mut self, row: &[f64], start: usize) {
        // Nearly every value is above the threshold: test eight at once, look closer on a hit.
        for (chunk, values) in row.chunks(8).enumerate() {
            let below = self.below;
            if values.iter().fold(false, |any, value| any | (*value < below)) {
                for (k, &reduced) in values.iter().enumerate() {
                    if reduced < self.below {
                        self.insert(Priced { reduced, target: (start + 8 * chunk + k) as u32 });
                    }
                }
            }
        }
    }

    fn insert(&mut self, arc: Priced) {
        let place = self.arcs.partition_point(|other| other.reduced <= arc.reduced);
        self.arcs.insert(place, arc);
        if self.arcs.len() > self.keep {
            self.arcs.pop();
        }
        if self.arcs.len() == self.keep {
            self.below = self.arcs[self.keep - 1].reduced;
        }
    }

    /// Replaces the screened values by exact ones.
    fn refined(mut self, ground: &Ground, query: &Query, i: usize) -> Vec<Priced> {
        for arc in &mut self.arcs {
            let j = arc.target as usize;
            arc.reduced = ground.pair(i, j) - query.dual_source[i] - query.dual_target[j];
        }
        self.arcs.sort_by(|a, b| a.reduced.total_cmp(&b.reduced).then(a.target.cmp(&b.target)));
        self.arcs
    }
}
