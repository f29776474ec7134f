//! Pricing: the smallest reduced costs of every row, over all n·m arcs in blocks.

use super::bounds::Bounds;
use super::ground::Ground;
use super::single::Single;
use crate::{Result, Task};
use rayon::prelude::*;
use std::ops::Range;
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
    pub(crate) screen: Screen,
}

/// How arcs are screened before those that are kept are recomputed by direct differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// By matrix products in single precision, where there are matrix products of the squared cost.
    Single,
    /// By matrix products.
    Double,
    /// By direct differences.
    Direct,
}

/// For each queried row the arcs of smallest reduced cost, ascending.
pub(crate) struct Cheapest {
    pub(crate) rows: Vec<Vec<Priced>>,
    /// Bound on the error of the screening.
    pub(crate) noise: f64,
}

/// Looks for the cheapest arcs. Rows are handled on their own or in fixed blocks, so the answer
/// does not depend on the threads.
pub(crate) fn cheapest_arcs(ground: &Ground, query: &Query, task: Task) -> Result<Cheapest> {
    if let (Screen::Single, Some(points)) = (query.screen, Single::applies(ground)) {
        let single = Single::new(points, query.sources, (query.dual_source, query.dual_target));
        let write = |rows, tile: Tile, out: &mut [f32]| single.write(rows, tile, out);
        let rows = search(ground, query, Single::SHAPE, write, task)?;
        return Ok(Cheapest { rows, noise: single.noise });
    }
    let direct = query.screen == Screen::Direct;
    let tiles = ground.tiles(query.dual_target, direct);
    let write = |rows: Range<usize>, tile: Tile, out: &mut [f64]| {
        tiles.write(&query.sources[rows], query.dual_source, tile, out);
    };
    let rows = search(ground, query, tiles.shape(), write, task)?;
    Ok(Cheapest { rows, noise: if direct { 0.0 } else { ground.product_noise() } })
}

/// First target and number of targets.
type Tile = (usize, usize);

/// A precision of screening.
trait Number: Copy + PartialOrd + Default + Send + Sync {
    const HIGHEST: Self;
    const LOWEST: Self;
    fn double(self) -> f64;
}

impl Number for f64 {
    const HIGHEST: f64 = f64::INFINITY;
    const LOWEST: f64 = f64::NEG_INFINITY;
    fn double(self) -> f64 {
        self
    }
}

impl Number for f32 {
    const HIGHEST: f32 = f32::INFINITY;
    const LOWEST: f32 = f32::NEG_INFINITY;
    fn double(self) -> f64 {
        self.into()
    }
}

/// The same with tiles of reduced costs written by `write`, for places among the queried rows.
fn search<T: Number>(
    ground: &Ground,
    query: &Query,
    (height, width): (usize, usize),
    write: impl Fn(Range<usize>, Tile, &mut [T]) + Sync,
    task: Task,
) -> Result<Vec<Vec<Priced>>> {
    let bounds = Bounds::new(ground, width, query.dual_target);
    let done = AtomicUsize::new(0);
    let buffer = || vec![T::default(); height.min(query.sources.len()) * width.min(ground.targets())];
    let blocks = query.sources.par_chunks(ROWS).enumerate().map_init(buffer, |buffer, (block, sources)| {
        let done = done.fetch_add(sources.len(), Ordering::Relaxed);
        task.tick("pricing", done, query.sources.len())?;
        let mut rows = Vec::with_capacity(sources.len());
        for (part, sources) in sources.chunks(height).enumerate() {
            let first = block * ROWS + part * height;
            let write = |tile: Tile, out: &mut [T]| write(first..first + sources.len(), tile, out);
            let best = scan((width, write), &bounds, query, sources, buffer);
            rows.extend(sources.iter().zip(best).map(|(&i, best)| best.refined(ground, query, i)));
        }
        Ok(rows)
    });
    let blocks: Vec<Vec<Vec<Priced>>> = blocks.collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

/// The smallest values of rows that are priced together. The nearest tile comes first, so that
/// little of the others is below the threshold, and most of them need not be looked at.
fn scan<T: Number>(
    (width, write): (usize, impl Fn(Tile, &mut [T])),
    bounds: &Bounds,
    query: &Query,
    sources: &[usize],
    buffer: &mut [T],
) -> Vec<Smallest<T>> {
    let targets = query.dual_target.len();
    let highest = sources.iter().fold(f64::NEG_INFINITY, |most, &i| most.max(query.dual_source[i]));
    let least = bounds.of(sources);
    let mut best = vec![Smallest::<T>::new(query.keep); sources.len()];
    let nearest = (0..least.len()).fold(0, |near, tile| if least[tile] < least[near] { tile } else { near });
    for tile in [nearest].into_iter().chain((0..least.len()).filter(|tile| *tile != nearest)) {
        if best.iter().all(|best| best.below.double() < least[tile] - highest) {
            continue;
        }
        let start = tile * width;
        let width = width.min(targets - start);
        let values = &mut buffer[..sources.len() * width];
        write((start, width), values);
        for (row, best) in values.chunks_exact(width).zip(&mut best) {
            best.offer_all(row, start);
        }
    }
    best
}

/// The `keep` smallest values offered, in any order.
#[derive(Clone)]
struct Smallest<T> {
    arcs: Vec<(T, u32)>,
    keep: usize,
    /// The largest of them once there are enough, and where it is.
    below: T,
    worst: usize,
}

impl<T: Number> Smallest<T> {
    fn new(keep: usize) -> Self {
        Smallest { arcs: Vec::with_capacity(keep), keep, below: T::HIGHEST, worst: 0 }
    }

    fn offer_all(&mut self, row: &[T], start: usize) {
        // Nearly every value is above the threshold: look at a chunk at once, and closer on a hit.
        for (chunk, values) in row.chunks(CHUNK).enumerate() {
            let below = self.below;
            if !values.iter().fold(false, |any, value| any | (*value < below)) {
                continue;
            }
            for (k, &reduced) in values.iter().enumerate() {
                if reduced < self.below {
                    self.insert(reduced, (start + CHUNK * chunk + k) as u32);
                }
            }
        }
    }

    fn insert(&mut self, reduced: T, target: u32) {
        if self.arcs.len() < self.keep {
            self.arcs.push((reduced, target));
        } else {
            self.arcs[self.worst] = (reduced, target);
        }
        if self.arcs.len() == self.keep {
            self.below = T::LOWEST;
            for (place, &(reduced, _)) in self.arcs.iter().enumerate() {
                if reduced > self.below {
                    (self.below, self.worst) = (reduced, place);
                }
            }
        }
    }

    /// In ascending order, with exact values for the screened ones.
    fn refined(self, ground: &Ground, query: &Query, i: usize) -> Vec<Priced> {
        let exact = |(_, target): (T, u32)| {
            let j = target as usize;
            Priced { reduced: ground.pair(i, j) - query.dual_source[i] - query.dual_target[j], target }
        };
        let mut arcs: Vec<Priced> = self.arcs.into_iter().map(exact).collect();
        arcs.sort_unstable_by(|a, b| a.reduced.total_cmp(&b.reduced).then(a.target.cmp(&b.target)));
        arcs
    }
}
