//! Where the exact solver starts: duals from a smaller problem, and the cheapest arcs by them.

use super::coarse::coarsen;
use super::ground::{Ground, Points};
use super::pricing::{Cheapest, Priced, Query, Screen, cheapest_arcs};
use super::solve::{keep, slack, solve_ordered};
use crate::{Result, Task};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Clouds up to this size are not made coarser.
const SMALL: usize = 64;
/// Points merged into one cell, at most.
pub(crate) const LEAF: usize = 4;

/// (source, target) pairs.
pub(crate) type Arcs = Vec<(u32, u32)>;

/// Duals and arcs to start from.
pub(crate) struct Start {
    pub(crate) dual_source: Vec<f64>,
    pub(crate) dual_target: Vec<f64>,
    pub(crate) arcs: Arcs,
    /// Row i is feasible by these target duals, on the arcs that are not listed, for every u_i up
    /// to `proven[i]`.
    pub(crate) proven: Vec<f64>,
}

/// Duals from a smaller problem, extended to all points, and the cheapest arcs by those duals;
/// arcs of the smaller flow are among them, so that a feasible flow exists.
pub(crate) fn start(ground: &Ground, supply: &[u64], demand: &[u64], task: Task) -> Result<Start> {
    let (n, m) = (ground.sources(), ground.targets());
    if n <= SMALL && m <= SMALL {
        let arcs = (0..n as u32).flat_map(|i| (0..m as u32).map(move |j| (i, j))).collect();
        let rows = nearest(ground, &vec![0.0; m], 1, task)?.rows;
        let dual_source = rows.iter().map(|row| row[0].reduced).collect();
        return Ok(Start { dual_source, dual_target: vec![0.0; m], arcs, proven: vec![f64::INFINITY; n] });
    }
    let (dual_target, mut arcs) = match ground {
        Ground::Points(points) => from_cells(points, supply, demand, task)?,
        Ground::Matrix(_) => (from_subsample(ground, task)?, staircase(supply, demand)),
    };
    let Cheapest { rows, noise } = nearest(ground, &dual_target, keep(ground), task)?;
    let dual_source: Vec<f64> = rows.iter().map(|row| row[0].reduced).collect();
    let proven = rows.iter().map(|row| slack(row, keep(ground), noise)).collect();
    arcs.extend(listed(&(0..n).collect::<Vec<_>>(), &rows));
    Ok(Start { dual_source, dual_target, arcs, proven })
}

pub(crate) fn listed<'r>(
    sources: &'r [usize],
    rows: &'r [Vec<Priced>],
) -> impl Iterator<Item = (u32, u32)> + 'r {
    let arcs = sources.iter().zip(rows);
    arcs.flat_map(|(&i, row)| row.iter().map(move |arc| (i as u32, arc.target)))
}

/// The `keep` cheapest arcs of every source by `c_ij − v_j`; the first is the c-transform of v.
fn nearest(ground: &Ground, dual_target: &[f64], keep: usize, task: Task) -> Result<Cheapest> {
    let sources: Vec<usize> = (0..ground.sources()).collect();
    let zeros = vec![0.0; sources.len()];
    let query = Query { sources: &sources, dual_source: &zeros, dual_target, keep, screen: Screen::Single };
    cheapest_arcs(ground, &query, task)
}

/// Target duals from the problem between cells, and all arcs between cells that exchange mass.
fn from_cells(points: &Points, supply: &[u64], demand: &[u64], task: Task) -> Result<(Vec<f64>, Arcs)> {
    let leaf = |cloud: usize| if cloud > SMALL { LEAF } else { 1 };
    let sources = coarsen(&points.x, supply, leaf(supply.len()));
    let targets = coarsen(&points.y, demand, leaf(demand.len()));
    let cells = Ground::Points(Points::new(points.cost, sources.points.clone(), targets.points));
    let solution = solve_ordered(&cells, &sources.mass, &targets.mass, task)?;
    let extension = Ground::Points(Points::new(points.cost, points.y.clone(), sources.points));
    let extended = nearest(&extension, &solution.dual_source, 1, task)?.rows;
    let mut arcs = Vec::new();
    for (a, b, _) in solution.flow {
        for &i in &sources.members[a] {
            arcs.extend(targets.members[b].iter().map(|&j| (i as u32, j as u32)));
        }
    }
    Ok((extended.iter().map(|row| row[0].reduced).collect(), arcs))
}

/// Target duals from a random quarter of each side: a matrix says nothing of neighbours.
fn from_subsample(ground: &Ground, task: Task) -> Result<Vec<f64>> {
    let (n, m) = (ground.sources(), ground.targets());
    let size = n.min(m).div_ceil(LEAF);
    let sources = choose(size, n, 0);
    let targets = choose(size, m, 1);
    let units = vec![1; size];
    let chosen = ground.subset(&sources, &targets);
    let solution = solve_ordered(&chosen, &units, &units, task)?;
    let all: Vec<usize> = (0..m).collect();
    let extended = nearest(&ground.subset(&sources, &all).transposed(), &solution.dual_source, 1, task)?;
    Ok(extended.rows.iter().map(|row| row[0].reduced).collect())
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
fn staircase(supply: &[u64], demand: &[u64]) -> Arcs {
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
