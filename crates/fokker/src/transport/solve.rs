//! The exact solver in integer masses: starting duals, a flow on few arcs, pricing of all arcs.

use super::coarse::coarsen;
use super::flow::Flow;
use super::ground::{Ground, Points};
use super::pricing::{Query, cheapest_arcs};
use crate::{Error, Monitor, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Clouds up to this size are not made coarser.
const SMALL: usize = 64;
/// Points merged into one cell, at most.
const LEAF: usize = 4;
/// Arcs kept per source and per target at the start, and per source at each pricing.
const KEEP_SOURCE: usize = 8;
const KEEP_TARGET: usize = 6;
const KEEP_PRICED: usize = 6;
/// Far beyond what was ever needed (about twelve); reached only if rounding defeats the method.
const ROUNDS: usize = 1000;
/// The duality gap aimed at, relative to the cost.
pub(crate) const GAP: f64 = 1e-11;

/// An optimal flow with duals that are feasible on all arcs.
pub(crate) struct Solution {
    /// (source, target, units), each pair at most once, sorted by source.
    pub(crate) flow: Vec<(usize, usize, u64)>,
    pub(crate) dual_source: Vec<f64>,
    pub(crate) dual_target: Vec<f64>,
}

/// Duals and arcs to start from.
struct Start {
    dual_source: Vec<f64>,
    dual_target: Vec<f64>,
    arcs: Vec<(u32, u32)>,
}

/// Solves for positive masses of equal sum.
pub(crate) fn solve(
    ground: &Ground,
    supply: &[u64],
    demand: &[u64],
    monitor: &dyn Monitor,
) -> Result<Solution> {
    let Start { dual_source, dual_target, arcs } = start(ground, supply, demand, monitor)?;
    let mut flow = Flow::new(supply, demand, dual_source, dual_target);
    flow.add(ground, arcs);
    let sources: Vec<usize> = (0..ground.sources()).collect();
    let units = supply.iter().map(|&units| units as f64).sum::<f64>();
    for _ in 0..ROUNDS {
        flow.solve(monitor)?;
        let cost: f64 = flow.support().map(|(i, j, units)| units as f64 * ground.pair(i, j)).sum();
        let target = GAP * cost.abs() + flow.rounding() * units;
        let found = cheapest_arcs(
            ground,
            &Query {
                sources: &sources,
                dual_source: &flow.dual_source,
                dual_target: &flow.dual_target,
                keep: KEEP_PRICED,
                below: 0.0,
                direct: ground.product_noise() * units > 0.5 * target,
            },
            monitor,
        )?;
        // With the duals lowered to feasibility, the gap is what the flow then pays in excess.
        let least = |i: usize| found[i].first().map_or(0.0, |arc| arc.reduced.min(0.0));
        let gap: f64 = supply.iter().enumerate().map(|(i, &units)| -least(i) * units as f64).sum::<f64>()
            + flow.support().map(|(i, j, units)| flow.reduced_cost(ground, i, j) * units as f64).sum::<f64>();
        if gap <= target {
            let dual_source = flow.dual_source.iter().enumerate().map(|(i, u)| u + least(i)).collect();
            let dual_target = std::mem::take(&mut flow.dual_target);
            return Ok(Solution { flow: flow.support().collect(), dual_source, dual_target });
        }
        let below = -flow.rounding();
        let violated = found.iter().enumerate().flat_map(|(i, row)| {
            row.iter().filter(|arc| arc.reduced < below).map(move |arc| (i as u32, arc.target))
        });
        flow.add(ground, violated.collect());
    }
    Err(Error::Numerical {
        what: "exact transport",
        reason: format!("the duality gap is still open after {ROUNDS} rounds of pricing"),
    })
}

/// Duals from a smaller problem, extended to all points, and the cheapest arcs by those duals;
/// arcs of the smaller flow are among them, so that a feasible flow exists.
fn start(ground: &Ground, supply: &[u64], demand: &[u64], monitor: &dyn Monitor) -> Result<Start> {
    let (n, m) = (ground.sources(), ground.targets());
    if n <= SMALL && m <= SMALL {
        let (dual_source, dual_target) = (vec![0.0; n], vec![0.0; m]);
        let arcs = (0..n as u32).flat_map(|i| (0..m as u32).map(move |j| (i, j))).collect();
        return Ok(Start { dual_source, dual_target, arcs });
    }
    let (dual_source, mut arcs) = match ground {
        Ground::Points(points) => from_cells(points, supply, demand, monitor)?,
        Ground::Matrix(_) => (from_subsample(ground, monitor)?, staircase(supply, demand)),
    };
    let transposed = ground.transposed();
    let columns = nearest(&transposed, &dual_source, KEEP_TARGET, monitor)?;
    let dual_target: Vec<f64> = columns.iter().map(|column| column[0].reduced).collect();
    for (j, column) in columns.iter().enumerate() {
        arcs.extend(column.iter().map(|arc| (arc.target, j as u32)));
    }
    let rows = nearest(ground, &dual_target, KEEP_SOURCE, monitor)?;
    let dual_source: Vec<f64> = rows.iter().map(|row| row[0].reduced).collect();
    for (i, row) in rows.iter().enumerate() {
        arcs.extend(row.iter().map(|arc| (i as u32, arc.target)));
    }
    Ok(Start { dual_source, dual_target, arcs })
}

/// The `keep` cheapest arcs of every source by `c_ij − v_j`; the first is the c-transform of v.
fn nearest(
    ground: &Ground,
    dual_target: &[f64],
    keep: usize,
    monitor: &dyn Monitor,
) -> Result<Vec<Vec<super::pricing::Priced>>> {
    let sources: Vec<usize> = (0..ground.sources()).collect();
    let zeros = vec![0.0; sources.len()];
    let query = Query {
        sources: &sources,
        dual_source: &zeros,
        dual_target,
        keep,
        below: f64::INFINITY,
        direct: false,
    };
    cheapest_arcs(ground, &query, monitor)
}

/// Source duals from the problem between cells, and all arcs between cells that exchange mass.
fn from_cells(
    points: &Points,
    supply: &[u64],
    demand: &[u64],
    monitor: &dyn Monitor,
) -> Result<(Vec<f64>, Vec<(u32, u32)>)> {
    let leaf = |cloud: usize| if cloud > SMALL { LEAF } else { 1 };
    let sources = coarsen(&points.x, supply, leaf(supply.len()));
    let targets = coarsen(&points.y, demand, leaf(demand.len()));
    let cells = Ground::Points(Points::new(points.cost, sources.points, targets.points.clone()));
    let solution = solve(&cells, &sources.mass, &targets.mass, monitor)?;
    let extension = Ground::Points(Points::new(points.cost, points.x.clone(), targets.points));
    let extended = nearest(&extension, &solution.dual_target, 1, monitor)?;
    let mut arcs = Vec::new();
    for (a, b, _) in solution.flow {
        for &i in &sources.members[a] {
            arcs.extend(targets.members[b].iter().map(|&j| (i as u32, j as u32)));
        }
    }
    Ok((extended.iter().map(|row| row[0].reduced).collect(), arcs))
}

/// Source duals from a random quarter of each side: a matrix says nothing of neighbours.
fn from_subsample(ground: &Ground, monitor: &dyn Monitor) -> Result<Vec<f64>> {
    let (n, m) = (ground.sources(), ground.targets());
    let size = n.min(m).div_ceil(LEAF);
    let sources = choose(size, n, 0);
    let targets = choose(size, m, 1);
    let units = vec![1; size];
    let solution = solve(&ground.subset(&sources, &targets), &units, &units, monitor)?;
    let all: Vec<usize> = (0..n).collect();
    let extended = nearest(&ground.subset(&all, &targets), &solution.dual_target, 1, monitor)?;
    Ok(extended.iter().map(|row| row[0].reduced).collect())
}

/// `size` of `len` indices without repetition, ascending; the same ones each time.
fn choose(size: usize, len: usize, stream: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    random.set_stream(stream);
    let mut all: Vec<usize> = (0..len).collect();
    all.shuffle(&mut random);
    all.truncate(size);
    all.sort_unstable();
    all
}

/// The north-west corner rule: arcs of some feasible flow.
fn staircase(supply: &[u64], demand: &[u64]) -> Vec<(u32, u32)> {
    let mut arcs = Vec::with_capacity(supply.len() + demand.len());
    let (mut i, mut j) = (0, 0);
    let (mut left, mut open) = (supply[0], demand[0]);
    loop {
        arcs.push((i as u32, j as u32));
        let units = left.min(open);
        (left, open) = (left - units, open - units);
        if left == 0 {
            i += 1;
            if i == supply.len() {
                return arcs;
            }
            left = supply[i];
        }
        if open == 0 {
            j += 1;
            if j == demand.len() {
                return arcs;
            }
            open = demand[j];
        }
    }
}
