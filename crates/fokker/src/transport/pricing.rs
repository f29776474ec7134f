//! Pricing: the smallest reduced costs of every row, over all n·m arcs in blocks.

use super::ground::Ground;
use crate::{Error, Monitor, Result};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows and columns of a tile: small enough to stay in the second-level cache.
const ROWS: usize = 128;
const COLUMNS: usize = 256;
/// Values compared with a threshold at once.
const CHUNK: usize = 16;

/// An arc with its reduced cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Priced {
    pub(crate) reduced: f64,
    pub(crate) target: u32,
}

/// What to look for: the `keep` cheapest arcs of some rows, by these duals.
pub(crate) struct Query<'q> {
    pub(crate) sources: &'q [usize],
    pub(crate) dual_source: &'q [f64],
    pub(crate) dual_target: &'q [f64],
    pub(crate) keep: usize,
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
        let mut best = vec![Smallest::new(query.keep); sources.len()];
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
    fn new(keep: usize) -> Self {
        Smallest { arcs: Vec::with_capacity(keep + 1), keep, below: f64::INFINITY }
    }

    fn offer_all(&mut self, row: &[f64], start: usize) {
        // Nearly every value is above the threshold: count a chunk at once, look closer on a hit.
        for (chunk, values) in row.chunks(CHUNK).enumerate() {
            let below = self.below;
            if values.iter().map(|value| u64::from(*value < below)).sum::<u64>() == 0 {
                continue;
            }
            for (k, &reduced) in values.iter().enumerate() {
                if reduced < self.below {
                    self.insert(Priced { reduced, target: (start + CHUNK * chunk + k) as u32 });
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
