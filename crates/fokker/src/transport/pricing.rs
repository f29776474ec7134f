//! Pricing: the smallest reduced costs of every row, over all n·m arcs in blocks.

use super::bounds::Bounds;
use super::ground::{Ground, Tiles};
use crate::{Error, Monitor, Result};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows handed to a thread at once.
const ROWS: usize = 128;
/// Values compared with a threshold at once.
const CHUNK: usize = 32;

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
/// differences; rows are handled on their own or in fixed blocks, so the answer does not depend
/// on the threads.
pub(crate) fn cheapest_arcs(
    ground: &Ground,
    query: &Query,
    monitor: &dyn Monitor,
) -> Result<Vec<Vec<Priced>>> {
    let tiles = ground.tiles(query.dual_target, query.direct);
    let bounds = Bounds::new(ground, tiles.shape().1, query.dual_target);
    let done = AtomicUsize::new(0);
    let (height, width) = tiles.shape();
    let buffer = || vec![0.0; height.min(query.sources.len()) * width.min(ground.targets())];
    let blocks = query.sources.par_chunks(ROWS).map_init(buffer, |buffer, sources| {
        let done = done.fetch_add(sources.len(), Ordering::Relaxed);
        if monitor.progress("pricing", done, query.sources.len()).is_break() {
            return Err(Error::Interrupted);
        }
        let mut rows = Vec::with_capacity(sources.len());
        for sources in sources.chunks(height) {
            let best = scan(&tiles, &bounds, query, sources, buffer);
            rows.extend(sources.iter().zip(best).map(|(&i, best)| best.refined(ground, query, i)));
        }
        Ok(rows)
    });
    let blocks: Vec<Vec<Vec<Priced>>> = blocks.collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

/// The smallest values of rows that are priced together. The nearest tile comes first, so that
/// little of the others is below the threshold, and most of them need not be looked at.
fn scan(
    tiles: &Tiles,
    bounds: &Bounds,
    query: &Query,
    sources: &[usize],
    buffer: &mut [f64],
) -> Vec<Smallest> {
    let (_, width) = tiles.shape();
    let targets = query.dual_target.len();
    let highest = sources.iter().fold(f64::NEG_INFINITY, |most, &i| most.max(query.dual_source[i]));
    let least = bounds.of(sources);
    let mut best = vec![Smallest::new(query.keep); sources.len()];
    let nearest = (0..least.len()).fold(0, |near, tile| if least[tile] < least[near] { tile } else { near });
    for tile in [nearest].into_iter().chain((0..least.len()).filter(|tile| *tile != nearest)) {
        if best.iter().all(|best| best.below < least[tile] - highest) {
            continue;
        }
        let start = tile * width;
        let width = width.min(targets - start);
        let values = &mut buffer[..sources.len() * width];
        tiles.write(sources, query.dual_source, (start, width), values);
        for (row, best) in values.chunks_exact(width).zip(&mut best) {
            best.offer_all(row, start);
        }
    }
    best
}

/// The `keep` smallest values offered, in any order.
#[derive(Clone)]
struct Smallest {
    arcs: Vec<Priced>,
    keep: usize,
    /// The largest of them once there are enough, and where it is.
    below: f64,
    worst: usize,
}

impl Smallest {
    fn new(keep: usize) -> Self {
        Smallest { arcs: Vec::with_capacity(keep), keep, below: f64::INFINITY, worst: 0 }
    }

    fn offer_all(&mut self, row: &[f64], start: usize) {
        // Nearly every value is above the threshold: look at a chunk at once, and closer on a hit.
        for (chunk, values) in row.chunks(CHUNK).enumerate() {
            let below = self.below;
            if !values.iter().fold(false, |any, value| any | (*value < below)) {
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
        if self.arcs.len() < self.keep {
            self.arcs.push(arc);
        } else {
            self.arcs[self.worst] = arc;
        }
        if self.arcs.len() == self.keep {
            self.below = f64::NEG_INFINITY;
            for (place, arc) in self.arcs.iter().enumerate() {
                if arc.reduced > self.below {
                    (self.below, self.worst) = (arc.reduced, place);
                }
            }
        }
    }

    /// In ascending order, with exact values for the screened ones.
    fn refined(mut self, ground: &Ground, query: &Query, i: usize) -> Vec<Priced> {
        for arc in &mut self.arcs {
            let j = arc.target as usize;
            arc.reduced = ground.pair(i, j) - query.dual_source[i] - query.dual_target[j];
        }
        self.arcs.sort_by(|a, b| a.reduced.total_cmp(&b.reduced).then(a.target.cmp(&b.target)));
        self.arcs
    }
}
