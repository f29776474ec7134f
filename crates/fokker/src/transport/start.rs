//! Where the exact solver starts: duals from a smaller problem, and the cheapest arcs by them.

use super::coarse::coarsen;
use super::ground::{Ground, Points};
use super::pricing::{Cheapest, Priced, Query, Screen, cheapest_arcs};
use super::solve::{keep, slack, solve_ordered};
use crate::{Monitor, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Clouds up to this size are not made coarser.
const SMALL: usize = 64;
/// Points merged into one cell, at most.
pub(crate) const LEAF: usize = 4;

/// Rows looked at to tell whether the points are nearly where they should be.
const SAMPLE: usize = 32;
/// A nearest target is clearly the nearest when the next one costs more than this many times as
/// much. Of points that have nothing to do with one another it is true of few in any dimension.
const CLEAR: f64 = 4.0;
/// Arcs listed per row where all have a clearly nearest target: the others are not needed.
const FEW: usize = 3;

/// (source, target) pairs.
pub(crate) type Arcs = Vec<(u32, u32)>;

/// Duals and arcs to start from.
pub(crate) struct Start {
    pub(crate) dual_source: Vec<f64>,
    pub(crate) dual_target: Vec<f64>,
    pub(crate) arcs: Arcs,
    /// Target of the cheapest arc of each source, over all arcs where u_i is at most `proven[i]`;
    /// none when clouds are so small that it was not looked for.
    pub(crate) cheapest: Option<Vec<u32>>,
    /// Row i is feasible by these target duals, on the arcs that are not listed, for every u_i up
    /// to `proven[i]`.
    pub(crate) proven: Vec<f64>,
}

impl Start {
    /// The flow on the cheapest arc of every source, if that places all mass and no arc is cheaper:
    /// then it is optimal as it stands.
    pub(crate) fn flow(&self, supply: &[u64], demand: &[u64]) -> Option<Vec<(usize, usize, u64)>> {
        let cheapest = self.cheapest.as_ref()?;
        let proven = self.dual_source.iter().zip(&self.proven).all(|(u, proven)| u <= proven);
        let mut left = demand.to_vec();
        let taken = cheapest.iter().zip(supply).all(|(&j, &units)| {
            let fits = left[j as usize] >= units;
            left[j as usize] -= if fits { units } else { 0 };
            fits
        });
        let flow = cheapest.iter().zip(supply).enumerate().map(|(i, (&j, &units))| (i, j as usize, units));
        (proven && taken).then(|| flow.collect())
    }
}

/// Duals from a smaller problem, extended to all points, and the cheapest arcs by those duals;
/// arcs of the smaller flow are among them, so that a feasible flow exists.
pub(crate) fn start(ground: &Ground, supply: &[u64], demand: &[u64], monitor: &dyn Monitor) -> Result<Start> {
    let (n, m) = (ground.sources(), ground.targets());
    if n <= SMALL && m <= SMALL {
        let arcs = (0..n as u32).flat_map(|i| (0..m as u32).map(move |j| (i, j))).collect();
        let rows = nearest(ground, &vec![0.0; m], 1, monitor)?.rows;
        let dual_source = rows.iter().map(|row| row[0].reduced).collect();
        let (dual_target, proven) = (vec![0.0; m], vec![f64::INFINITY; n]);
        return Ok(Start { dual_source, dual_target, arcs, cheapest: None, proven });
    }
    let mut keep = keep(ground);
    let (dual_target, mut arcs) = match ground {
        _ if clearly_paired(ground, supply, demand, monitor)? => {
            keep = FEW;
            (vec![0.0; m], staircase(supply, demand))
        }
        Ground::Points(points) => from_cells(points, supply, demand, monitor)?,
        Ground::Matrix(_) => (from_subsample(ground, monitor)?, staircase(supply, demand)),
    };
    let Cheapest { rows, noise } = nearest(ground, &dual_target, keep, monitor)?;
    let dual_source: Vec<f64> = rows.iter().map(|row| row[0].reduced).collect();
    let proven = rows.iter().map(|row| slack(row, keep, noise)).collect();
    arcs.extend(listed(&(0..n).collect::<Vec<_>>(), &rows));
    let cheapest = Some(rows.iter().map(|row| row[0].target).collect());
    Ok(Start { dual_source, dual_target, arcs, cheapest, proven })
}

/// Whether equal masses seem to have moved less than what is between them, as in a short step in
/// high dimension. Then v = 0 is nearly optimal, and nothing is to be learnt from coarser clouds.
fn clearly_paired(ground: &Ground, supply: &[u64], demand: &[u64], monitor: &dyn Monitor) -> Result<bool> {
    let n = ground.sources();
    let Ground::Points(_) = ground else { return Ok(false) };
    if supply.len() != demand.len() || supply.iter().chain(demand).any(|&units| units != supply[0]) {
        return Ok(false);
    }
    let sources: Vec<usize> = (0..n).step_by(n.div_ceil(SAMPLE)).collect();
    let (u, v) = (vec![0.0; n], vec![0.0; n]);
    let screen = Screen::Single;
    let query = Query { sources: &sources, dual_source: &u, dual_target: &v, keep: 2, screen };
    let rows = cheapest_arcs(ground, &query, monitor)?.rows;
    Ok(rows.iter().all(|row| CLEAR * row[0].reduced < row[1].reduced))
}

pub(crate) fn listed<'r>(
    sources: &'r [usize],
    rows: &'r [Vec<Priced>],
) -> impl Iterator<Item = (u32, u32)> + 'r {
    let arcs = sources.iter().zip(rows);
    arcs.flat_map(|(&i, row)| row.iter().map(move |arc| (i as u32, arc.target)))
}

/// The `keep` cheapest arcs of every source by `c_ij − v_j`; the first is the c-transform of v.
fn nearest(ground: &Ground, dual_target: &[f64], keep: usize, monitor: &dyn Monitor) -> Result<Cheapest> {
    let sources: Vec<usize> = (0..ground.sources()).collect();
    let zeros = vec![0.0; sources.len()];
    let query = Query { sources: &sources, dual_source: &zeros, dual_target, keep, screen: Screen::Single };
    cheapest_arcs(ground, &query, monitor)
}

/// Target duals from the problem between cells, and all arcs between cells that exchange mass.
fn from_cells(
    points: &Points,
    supply: &[u64],
    demand: &[u64],
    monitor: &dyn Monitor,
) -> Result<(Vec<f64>, Arcs)> {
    let leaf = |cloud: usize| if cloud > SMALL { LEAF } else { 1 };
    let sources = coarsen(&points.x, supply, leaf(supply.len()));
    let targets = coarsen(&points.y, demand, leaf(demand.len()));
    let cells = Ground::Points(Points::new(points.cost, sources.points.clone(), targets.points));
    let solution = solve_ordered(&cells, &sources.mass, &targets.mass, monitor)?;
    let extension = Ground::Points(Points::new(points.cost, points.y.clone(), sources.points));
    let extended = nearest(&extension, &solution.dual_source, 1, monitor)?.rows;
    let mut arcs = Vec::new();
    for (a, b, _) in solution.flow {
        for &i in &sources.members[a] {
            arcs.extend(targets.members[b].iter().map(|&j| (i as u32, j as u32)));
        }
    }
    Ok((extended.iter().map(|row| row[0].reduced).collect(), arcs))
}

/// Target duals from a random quarter of each side: a matrix says nothing of neighbours.
fn from_subsample(ground: &Ground, monitor: &dyn Monitor) -> Result<Vec<f64>> {
    let (n, m) = (ground.sources(), ground.targets());
    let size = n.min(m).div_ceil(LEAF);
    let sources = choose(size, n, 0);
    let targets = choose(size, m, 1);
    let units = vec![1; size];
    let chosen = ground.subset(&sources, &targets);
    let solution = solve_ordered(&chosen, &units, &units, monitor)?;
    let all: Vec<usize> = (0..m).collect();
    let extended = nearest(&ground.subset(&sources, &all).transposed(), &solution.dual_source, 1, monitor)?;
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

#[cfg(test)]
mod tests {
    use super::super::ground::Cost;
    use super::*;
    use ndarray::Array2;
    use rand::RngExt;

    /// A cloud and the same after a short step.
    fn step(n: usize, d: usize) -> (Array2<f64>, Array2<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let x = Array2::from_shape_simple_fn((n, d), || random.random_range(-1.0..1.0));
        let y = x.mapv(|value| value + 0.01 * value * value * value);
        (x, y)
    }

    fn cost(x: Array2<f64>, y: Array2<f64>) -> (bool, bool, f64, f64) {
        let n = x.nrows();
        let ground = Ground::points(Cost::SquaredEuclidean, x, y);
        let units = vec![1; n];
        let paired = clearly_paired(&ground, &units, &units, &()).unwrap();
        let at_once = start(&ground, &units, &units, &()).unwrap().flow(&units, &units).is_some();
        let solution = solve_ordered(&ground, &units, &units, &()).unwrap();
        let costs = (0..n * n).map(|k| ground.pair(k / n, k % n)).collect();
        let (rows, columns) = lsap::solve(n, n, &costs, false).unwrap();
        let oracle = rows.iter().zip(&columns).map(|(&i, &j)| ground.pair(i, j)).sum();
        (paired, at_once, solution.flow.iter().map(|&(i, j, _)| ground.pair(i, j)).sum(), oracle)
    }

    #[test]
    fn a_short_step_is_solved_by_nearest_targets() {
        let (x, y) = step(200, 8);
        let (paired, at_once, ours, oracle) = cost(x, y);
        assert!(paired && at_once && (ours - oracle).abs() < 1e-13 * oracle, "{ours} {oracle}");
    }

    #[test]
    fn two_sources_with_one_nearest_target_are_left_to_the_simplex() {
        let (mut x, mut y) = step(200, 8);
        for i in [0, 50, 120] {
            // Both this source and the next are nearest to the target of the first.
            let point = x.row(i).to_owned();
            x.row_mut(i + 1).assign(&point);
            x[[i + 1, 0]] += 0.01;
            y.row_mut(i).assign(&point);
            y.row_mut(i + 1).assign(&point);
            y[[i + 1, 1]] += 0.1;
        }
        let (paired, at_once, ours, oracle) = cost(x, y);
        assert!(paired && !at_once && (ours - oracle).abs() < 1e-13 * oracle, "{ours} {oracle}");
    }

    #[test]
    fn long_steps_and_unequal_masses_start_from_cells() {
        let (x, y) = step(200, 2);
        let (paired, _, ours, oracle) = cost(x.clone(), 0.7 * &y);
        assert!(!paired && (ours - oracle).abs() < 1e-13 * oracle, "{ours} {oracle}");
        let ground = Ground::points(Cost::SquaredEuclidean, x, y);
        let mut masses = vec![2; 200];
        (masses[0], masses[1]) = (1, 3);
        assert!(!clearly_paired(&ground, &masses, &[2; 200], &()).unwrap());
    }
}
