//! Minimum-cost flow on a sparse set of arcs by the primal network simplex.
//!
//! A spanning tree carries the flow; its arcs have zero reduced cost `c − u_i − v_j`, which gives
//! the duals. An arc of negative reduced cost enters, flow is sent around the cycle it closes, and
//! an arc that runs empty leaves.
//!
//! Masses are integers and bases strongly feasible (every tree arc without flow points to the
//! root), so ties cannot cycle [ahuja1993, ch. 11].

use super::ground::Ground;
use super::tree::{ARTIFICIAL, Hung, Tree};
use crate::{Error, Result, Task};

/// Pivots between two reports of progress.
const REPORT: usize = 1024;
/// Pivots per node, at most: a few are usual.
const PIVOTS: usize = 10_000;
/// Times the penalty is raised or rounding is removed, at most.
const STAGES: usize = 60;
/// Factor by which the penalty rises while mass is not placed.
const DEARER: f64 = 4.0;

/// A flow with its dual potentials.
pub(crate) struct Simplex {
    sources: usize,
    listed: Listed,
    /// Where the search for the next entering arc goes on.
    cursor: usize,
    tree: Tree,
    /// Potentials at the start. The price of leaving a unit unplaced is measured from them, so
    /// that what they say about costs is not lost behind a large number.
    first: Vec<f64>,
    penalty: f64,
}

#[derive(Clone, Copy)]
struct Arc {
    source: u32,
    /// Target, as a node.
    target: u32,
    cost: f64,
}

/// The arcs to choose from.
struct Listed {
    arcs: Vec<Arc>,
    /// Targets that each source has an arc to.
    targets: Vec<Vec<u32>>,
}

impl Listed {
    /// Adds arcs that are not listed yet.
    fn add(&mut self, ground: &Ground, pairs: Vec<(u32, u32)>) {
        for (i, j) in pairs {
            let targets = &mut self.targets[i as usize];
            if !targets.contains(&j) {
                targets.push(j);
                let cost = ground.pair(i as usize, j as usize);
                self.arcs.push(Arc { source: i, target: ground.sources() as u32 + j, cost });
            }
        }
    }
}

impl Simplex {
    /// A flow on the given arcs, of which those that are cheapest by the given duals take what
    /// they can.
    pub(crate) fn new(
        ground: &Ground,
        (supply, demand): (&[u64], &[u64]),
        (dual_source, dual_target): (&[f64], &[f64]),
        arcs: Vec<(u32, u32)>,
    ) -> Self {
        let mut listed = Listed { arcs: Vec::new(), targets: vec![Vec::new(); supply.len()] };
        listed.add(ground, arcs);
        let first: Vec<f64> = dual_source.iter().copied().chain(dual_target.iter().map(|v| -v)).collect();
        let reduced: Vec<f64> = listed
            .arcs
            .iter()
            .map(|arc| arc.cost - first[arc.source as usize] + first[arc.target as usize])
            .collect();
        let mean = reduced.iter().map(|value| value.abs()).sum::<f64>() / reduced.len() as f64;
        let tree = plant(&listed.arcs, &reduced, (supply, demand));
        let penalty = if mean > 0.0 { mean } else { 1.0 };
        let mut simplex = Simplex { sources: supply.len(), listed, cursor: 0, tree, first, penalty };
        simplex.settle();
        simplex
    }

    /// Adds arcs that are not listed yet.
    pub(crate) fn add(&mut self, ground: &Ground, pairs: Vec<(u32, u32)>) {
        self.listed.add(ground, pairs);
    }

    fn reduced(&self, arc: &Arc) -> f64 {
        arc.cost - self.tree.potential(arc.source) + self.tree.potential(arc.target)
    }

    /// Potentials of the whole tree, free of what rounding has piled up.
    fn settle(&mut self) {
        let Simplex { sources, listed, first, penalty, .. } = self;
        self.tree.settle(|k, arc| {
            let sign = if (k as usize) < *sources { 1.0 } else { -1.0 };
            match arc {
                ARTIFICIAL => first[k as usize] + sign * *penalty,
                arc => sign * listed.arcs[arc as usize].cost,
            }
        });
    }

    /// Places all mass at the least cost on the listed arcs.
    ///
    /// # Errors
    /// An interruption, mass that cannot be placed because the arcs are too few, or pivots
    /// without end.
    pub(crate) fn solve(&mut self, task: Task) -> Result<()> {
        let limit = PIVOTS * self.first.len();
        let mut pivots = 0;
        for _ in 0..STAGES {
            let tolerance = self.rounding();
            let before = pivots;
            while let Some(arc) = self.entering(tolerance) {
                if pivots % REPORT == 0 {
                    self.report(task)?;
                }
                if pivots == limit {
                    return Err(failure(format!("no end after {limit} pivots")));
                }
                self.pivot(arc);
                pivots += 1;
            }
            if self.unplaced() > 0 {
                self.penalty *= DEARER;
            } else if pivots == before && self.penalty == 0.0 {
                return Ok(());
            } else {
                // All trees hang on sources without excess: this shifts them together.
                self.penalty = 0.0;
            }
            self.settle();
        }
        match self.unplaced() {
            0 => Ok(()),
            units => Err(failure(format!("{units} units have no way to a target"))),
        }
    }

    fn report(&self, task: Task) -> Result<()> {
        let placed =
            self.tree.nodes()[..self.sources].iter().filter(|node| node.arc != ARTIFICIAL || node.flow == 0);
        task.tick("placing", placed.count(), self.sources)
    }

    fn unplaced(&self) -> u64 {
        self.tree.nodes()[..self.sources]
            .iter()
            .filter(|node| node.arc == ARTIFICIAL)
            .map(|node| node.flow)
            .sum()
    }

    /// The most negative arc of the first block that has one.
    fn entering(&mut self, tolerance: f64) -> Option<u32> {
        let block = (self.listed.arcs.len() as f64).sqrt() as usize + 1;
        let mut start = self.cursor;
        let mut scanned = 0;
        while scanned < self.listed.arcs.len() {
            if start >= self.listed.arcs.len() {
                start = 0;
            }
            let end = (start + block).min(self.listed.arcs.len());
            let mut best = (-tolerance, ARTIFICIAL);
            for (k, arc) in self.listed.arcs[start..end].iter().enumerate() {
                let reduced = self.reduced(arc);
                if reduced < best.0 {
                    best = (reduced, (start + k) as u32);
                }
            }
            scanned += end - start;
            start = end;
            if best.1 != ARTIFICIAL {
                self.cursor = start;
                return Some(best.1);
            }
        }
        None
    }

    fn pivot(&mut self, entering: u32) {
        let arc = self.listed.arcs[entering as usize];
        let cycle = self.tree.cycle(arc.source, arc.target);
        let reduced = self.reduced(&arc);
        self.tree.pivot(cycle, (entering, arc.source, arc.target), reduced);
    }

    /// Arcs that carry flow, as (source, target, units), by source.
    pub(crate) fn support(&self) -> Vec<(usize, usize, u64)> {
        let carrying = self.tree.nodes().iter().filter(|node| node.arc != ARTIFICIAL && node.flow > 0);
        let mut flow: Vec<_> = carrying
            .map(|node| {
                let arc = self.listed.arcs[node.arc as usize];
                (arc.source as usize, arc.target as usize - self.sources, node.flow)
            })
            .collect();
        flow.sort_unstable();
        flow
    }

    /// The duals u and v.
    pub(crate) fn duals(&self) -> (Vec<f64>, Vec<f64>) {
        let potentials: Vec<f64> = (0..self.first.len() as u32).map(|k| self.tree.potential(k)).collect();
        let (u, v) = potentials.split_at(self.sources);
        (u.to_vec(), v.iter().map(|potential| -potential).collect())
    }

    /// Reduced costs below this are zero up to the rounding of the duals.
    pub(crate) fn rounding(&self) -> f64 {
        let (u, v) = self.duals();
        let largest = |duals: &[f64]| duals.iter().fold(0.0f64, |max, value| max.max(value.abs()));
        4.0 * f64::EPSILON * (largest(&u) + largest(&v))
    }
}

/// The first tree: arcs by rising reduced cost take what they can. Each empties one of its ends,
/// which becomes the child of the other; what is left hangs on the root.
fn plant(arcs: &[Arc], reduced: &[f64], (supply, demand): (&[u64], &[u64])) -> Tree {
    let mut left: Vec<u64> = supply.iter().chain(demand).copied().collect();
    let root = left.len() as u32;
    let mut hung: Vec<Option<Hung>> = vec![None; left.len()];
    let mut order: Vec<u32> = (0..arcs.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| reduced[a as usize].total_cmp(&reduced[b as usize]).then(a.cmp(&b)));
    for a in order {
        let Arc { source, target, .. } = arcs[a as usize];
        let flow = left[source as usize].min(left[target as usize]);
        if flow == 0 {
            continue;
        }
        left[source as usize] -= flow;
        left[target as usize] -= flow;
        let (child, parent) = if left[target as usize] == 0 { (target, source) } else { (source, target) };
        hung[child as usize] = Some(Hung { flow, arc: a, parent });
    }
    let unplaced = left.into_iter().map(|flow| Hung { flow, arc: ARTIFICIAL, parent: root });
    let hung: Vec<Hung> = hung.into_iter().zip(unplaced).map(|(hung, rest)| hung.unwrap_or(rest)).collect();
    Tree::new(supply.len(), &hung)
}

fn failure(reason: String) -> Error {
    Error::Numerical { what: "exact transport", reason }
}
