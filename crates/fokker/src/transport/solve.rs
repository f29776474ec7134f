//! The exact solver in integer masses: a flow on few arcs, pricing of all arcs, and again.

use super::coarse::order;
use super::ground::Ground;
use super::nearest::by_nearest;
use super::pricing::{Cheapest, Priced, Query, Screen, cheapest_arcs};
use super::simplex::Simplex;
use super::single::Single;
use super::start::{Arcs, LEAF, Start, listed, start};
use crate::{Error, Result, Task};
use std::cell::OnceCell;

/// Far beyond what was ever needed (about twenty); reached only if rounding defeats the method.
const ROUNDS: usize = 1000;
/// The duality gap aimed at, relative to the cost.
const GAP: f64 = 1e-11;

/// An optimal flow with duals that are feasible on all arcs.
pub(crate) struct Solution {
    /// (source, target, units), each pair at most once, sorted by source.
    pub(crate) flow: Vec<(usize, usize, u64)>,
    pub(crate) dual_source: Vec<f64>,
    pub(crate) dual_target: Vec<f64>,
    /// No reduced cost is smaller, up to rounding.
    pub(crate) smallest_reduced_cost: f64,
}

impl Solution {
    /// Arcs off the list are non-negative as proven; of the listed ones, those with flow are the
    /// tightest.
    pub(crate) fn new(
        ground: &Ground,
        flow: Vec<(usize, usize, u64)>,
        (dual_source, dual_target): (Vec<f64>, Vec<f64>),
    ) -> Self {
        let reduced = |&(i, j, _): &(usize, usize, u64)| ground.pair(i, j) - dual_source[i] - dual_target[j];
        let smallest_reduced_cost = flow.iter().map(reduced).fold(0.0, f64::min);
        Solution { flow, dual_source, dual_target, smallest_reduced_cost }
    }
}

/// Arcs listed per row: the more the better in high dimension, where many are nearly as cheap.
pub(crate) fn keep(ground: &Ground) -> usize {
    match ground {
        Ground::Points(points) => (8 + points.x.ncols() / 2).min(12),
        Ground::Matrix(_) => 16,
    }
}

/// How far the dual of a row may rise before an arc that is not listed can be violated.
pub(crate) fn slack(row: &[Priced], keep: usize, noise: f64) -> f64 {
    match row.last() {
        Some(last) if row.len() == keep => last.reduced - 2.0 * noise,
        _ => f64::INFINITY,
    }
}

/// What is known of the rows of a matrix of costs.
struct Rows<'g, 'p> {
    ground: &'g Ground<'p>,
    /// Row i is feasible, on the arcs that are not listed, for every dual up to `proven[i]`...
    proven: Vec<f64>,
    /// ...with these duals of the columns.
    columns: Vec<f64>,
}

/// Rows that were priced, and the arcs found.
struct Pricing {
    rows: Vec<usize>,
    found: Vec<Vec<Priced>>,
}

impl Rows<'_, '_> {
    /// Prices the rows that are not feasible for sure, and lowers their duals to feasibility.
    fn price(
        &mut self,
        (own, columns): (&mut [f64], &[f64]),
        (keep, target): (usize, f64),
        task: Task,
    ) -> Result<Pricing> {
        // Where column duals rose, so much less may the duals of the rows rise.
        let rise =
            columns.iter().zip(&self.columns).map(|(new, old)| new - old).fold(f64::NEG_INFINITY, f64::max);
        self.proven.iter_mut().for_each(|proven| *proven -= rise);
        self.columns = columns.to_vec();
        let mut open: Vec<usize> = (0..own.len()).filter(|&i| own[i] > self.proven[i]).collect();
        let exact = if self.ground.product_noise() > 0.5 * target { Screen::Direct } else { Screen::Double };
        let screens =
            if Single::applies(self.ground).is_some() { &[Screen::Single, exact][..] } else { &[exact] };
        let mut pricing = Pricing { rows: Vec::new(), found: Vec::new() };
        for &screen in screens {
            let query = Query { sources: &open, dual_source: own, dual_target: columns, keep, screen };
            let Cheapest { rows: found, noise } = cheapest_arcs(self.ground, &query, task)?;
            for (&i, row) in open.iter().zip(&found) {
                self.proven[i] = own[i] + slack(row, keep, noise);
                own[i] += row[0].reduced.min(0.0);
            }
            pricing.rows.extend_from_slice(&open);
            pricing.found.extend(found);
            // Few are left: the margins of a row are mostly wider than the noise.
            open.retain(|&i| own[i] > self.proven[i]);
        }
        Ok(pricing)
    }
}

/// Solves for positive masses of equal sum, to a duality gap of 1e-11·cost plus rounding.
pub(crate) fn solve(ground: &Ground, supply: &[u64], demand: &[u64], task: Task) -> Result<Solution> {
    let Ground::Points(points) = ground else { return solve_ordered(ground, supply, demand, task) };
    let (rows, columns) = (order(&points.x, LEAF), order(&points.y, LEAF));
    let chosen = |order: &[usize], units: &[u64]| order.iter().map(|&i| units[i]).collect::<Vec<_>>();
    let (supply, demand) = (chosen(&rows, supply), chosen(&columns, demand));
    let solution = solve_ordered(&ground.subset(&rows, &columns), &supply, &demand, task)?;
    let mut flow: Vec<_> = solution.flow.iter().map(|&(i, j, units)| (rows[i], columns[j], units)).collect();
    flow.sort_unstable();
    let back = |order: &[usize], duals: &[f64]| {
        let mut given = vec![0.0; duals.len()];
        order.iter().zip(duals).for_each(|(&i, dual)| given[i] = *dual);
        given
    };
    let dual_source = back(&rows, &solution.dual_source);
    let dual_target = back(&columns, &solution.dual_target);
    Ok(Solution { flow, dual_source, dual_target, ..solution })
}

/// The same for points of which neighbours in space are neighbours in memory.
pub(crate) fn solve_ordered(ground: &Ground, supply: &[u64], demand: &[u64], task: Task) -> Result<Solution> {
    if let Some(solution) = by_nearest(ground, (supply, demand), task)? {
        return Ok(solution);
    }
    let Start { dual_source, dual_target, arcs, proven } = start(ground, supply, demand, task)?;
    let mut simplex = Simplex::new(ground, (supply, demand), (&dual_source, &dual_target), arcs);
    let units = supply.iter().map(|&units| units as f64).sum::<f64>();
    let keep = keep(ground);
    let mut sources = Rows { ground, proven, columns: dual_target };
    let transposed = OnceCell::new();
    let unknown = vec![f64::NEG_INFINITY; demand.len()];
    let mut targets = None;
    for round in 0..ROUNDS {
        simplex.solve(task)?;
        let flow = simplex.support();
        let (mut u, mut v) = simplex.duals();
        let cost: f64 = flow.iter().map(|&(i, j, units)| units as f64 * ground.pair(i, j)).sum();
        let target = GAP * cost.abs() / units + simplex.rounding();
        // By sources and by targets in turn: many sources may be cheapest for the same few targets.
        let new: Arcs = if round % 2 == 0 {
            let Pricing { rows, found } = sources.price((&mut u, &v), (keep, target), task)?;
            listed(&rows, &found).collect()
        } else {
            let targets = targets.get_or_insert_with(|| Rows {
                ground: transposed.get_or_init(|| ground.transposed()),
                proven: unknown.clone(),
                columns: u.clone(),
            });
            let Pricing { rows, found } = targets.price((&mut v, &u), (keep, target), task)?;
            listed(&rows, &found).map(|(j, i)| (i, j)).collect()
        };
        let reduced = |i: usize, j: usize| ground.pair(i, j) - u[i] - v[j];
        let gap: f64 = flow.iter().map(|&(i, j, units)| units as f64 * reduced(i, j)).sum();
        if gap <= target * units {
            return Ok(Solution::new(ground, flow, (u, v)));
        }
        simplex.add(ground, new);
    }
    Err(Error::Numerical {
        what: "exact transport",
        reason: format!("the duality gap is still open after {ROUNDS} rounds of pricing"),
    })
}
