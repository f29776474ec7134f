//! Minimum-cost flow on a sparse set of arcs by the primal network simplex.
//!
//! A spanning tree carries the flow; its arcs have zero reduced cost `c − u_i − v_j`, which gives
//! the duals. An arc of negative reduced cost enters, flow is sent around the cycle it closes, and
//! an arc that runs empty leaves. Arcs go from sources to targets, so a source in the tree always
//! sends up to its parent and a target always receives from it.
//!
//! Masses are integers and bases strongly feasible (every tree arc without flow points to the
//! root), so ties cannot cycle [ahuja1993, ch. 11].

use super::ground::Ground;
use crate::{Error, Monitor, Result};
use std::ops::ControlFlow;

const NONE: u32 = u32::MAX;
/// Arc of a node that hangs on the root without an arc of its own: mass that is not placed.
const ARTIFICIAL: u32 = u32::MAX;
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
    arcs: Vec<Arc>,
    /// Targets that each source has an arc to.
    listed: Vec<Vec<u32>>,
    /// Where the search for the next entering arc goes on.
    cursor: usize,
    nodes: Vec<Node>,
    /// u of sources, −v of targets: along a path both change by the same amount. The root has 0.
    potential: Vec<f64>,
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

/// A node of the tree with the arc to its parent.
#[derive(Clone, Copy)]
struct Node {
    flow: u64,
    arc: u32,
    parent: u32,
    depth: u32,
    child: u32,
    next: u32,
    previous: u32,
}

/// The arc that leaves when another enters.
struct Leaving {
    /// The node whose arc to its parent leaves.
    node: u32,
    units: u64,
    /// Whether it lies between the entering source and the join.
    source_side: bool,
    join: u32,
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
        let blank = Node {
            flow: 0,
            arc: ARTIFICIAL,
            parent: NONE,
            depth: 0,
            child: NONE,
            next: NONE,
            previous: NONE,
        };
        let first: Vec<f64> = dual_source.iter().copied().chain(dual_target.iter().map(|v| -v)).collect();
        let mut simplex = Simplex {
            sources: supply.len(),
            arcs: Vec::new(),
            listed: vec![Vec::new(); supply.len()],
            cursor: 0,
            nodes: vec![blank; supply.len() + demand.len() + 1],
            potential: first.iter().copied().chain([0.0]).collect(),
            first,
            penalty: 1.0,
        };
        simplex.add(ground, arcs);
        let mean = simplex.arcs.iter().map(|arc| simplex.reduced(arc).abs()).sum::<f64>()
            / simplex.arcs.len() as f64;
        if mean > 0.0 {
            simplex.penalty = mean;
        }
        simplex.plant(supply, demand);
        simplex
    }

    /// Adds arcs that are not listed yet.
    pub(crate) fn add(&mut self, ground: &Ground, pairs: Vec<(u32, u32)>) {
        for (i, j) in pairs {
            let listed = &mut self.listed[i as usize];
            if !listed.contains(&j) {
                listed.push(j);
                let cost = ground.pair(i as usize, j as usize);
                self.arcs.push(Arc { source: i, target: self.sources as u32 + j, cost });
            }
        }
    }

    fn root(&self) -> u32 {
        (self.nodes.len() - 1) as u32
    }

    /// The first tree: arcs by rising reduced cost take what they can. Each empties one of its
    /// ends, which becomes the child of the other; what is left hangs on the root.
    fn plant(&mut self, supply: &[u64], demand: &[u64]) {
        let mut left: Vec<u64> = supply.iter().chain(demand).copied().collect();
        let mut order: Vec<(f64, u32)> =
            (0..self.arcs.len()).map(|a| (self.reduced(&self.arcs[a]), a as u32)).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut placed = vec![false; left.len()];
        for (_, a) in order {
            let Arc { source, target, .. } = self.arcs[a as usize];
            let units = left[source as usize].min(left[target as usize]);
            if units == 0 {
                continue;
            }
            left[source as usize] -= units;
            left[target as usize] -= units;
            let (child, parent) =
                if left[target as usize] == 0 { (target, source) } else { (source, target) };
            placed[child as usize] = true;
            let node = &mut self.nodes[child as usize];
            (node.flow, node.arc) = (units, a);
            self.attach(child, parent);
        }
        let root = self.root();
        for k in 0..left.len() {
            if !placed[k] {
                self.nodes[k].flow = left[k];
                self.attach(k as u32, root);
            }
        }
        self.settle();
    }

    fn reduced(&self, arc: &Arc) -> f64 {
        arc.cost - self.potential[arc.source as usize] + self.potential[arc.target as usize]
    }

    fn attach(&mut self, child: u32, parent: u32) {
        let head = self.nodes[parent as usize].child;
        let node = &mut self.nodes[child as usize];
        (node.parent, node.next, node.previous) = (parent, head, NONE);
        if head != NONE {
            self.nodes[head as usize].previous = child;
        }
        self.nodes[parent as usize].child = child;
    }

    fn detach(&mut self, child: u32) {
        let Node { parent, next, previous, .. } = self.nodes[child as usize];
        if previous == NONE {
            self.nodes[parent as usize].child = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
    }

    /// The node after `k` in the order of the tree below `top`, parents first.
    fn following(&self, mut k: u32, top: u32) -> Option<u32> {
        let mut next = self.nodes[k as usize].child;
        while next == NONE {
            if k == top {
                return None;
            }
            next = self.nodes[k as usize].next;
            k = self.nodes[k as usize].parent;
        }
        Some(next)
    }

    /// Depths and potentials of the whole tree, free of what rounding has piled up.
    fn settle(&mut self) {
        let root = self.root();
        let mut k = root;
        while let Some(next) = self.following(k, root) {
            self.update(next);
            k = next;
        }
    }

    /// Depth and potential of one node from its parent.
    fn update(&mut self, k: u32) {
        let Node { arc, parent, .. } = self.nodes[k as usize];
        self.nodes[k as usize].depth = self.nodes[parent as usize].depth + 1;
        let sign = if self.is_source(k) { 1.0 } else { -1.0 };
        self.potential[k as usize] = match arc {
            ARTIFICIAL => self.first[k as usize] + sign * self.penalty,
            arc => self.potential[parent as usize] + sign * self.arcs[arc as usize].cost,
        };
    }

    /// Places all mass at the least cost on the listed arcs.
    ///
    /// # Errors
    /// An interruption, mass that cannot be placed because the arcs are too few, or pivots
    /// without end.
    pub(crate) fn solve(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let limit = PIVOTS * self.nodes.len();
        let mut pivots = 0;
        for _ in 0..STAGES {
            let tolerance = self.rounding();
            let before = pivots;
            while let Some(arc) = self.entering(tolerance) {
                if pivots % REPORT == 0 {
                    self.report(monitor)?;
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

    fn report(&self, monitor: &dyn Monitor) -> Result<()> {
        let placed =
            self.nodes[..self.sources].iter().filter(|node| node.arc != ARTIFICIAL || node.flow == 0);
        match monitor.progress("placing", placed.count(), self.sources) {
            ControlFlow::Break(()) => Err(Error::Interrupted),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn unplaced(&self) -> u64 {
        self.nodes[..self.sources].iter().filter(|node| node.arc == ARTIFICIAL).map(|node| node.flow).sum()
    }

    /// The most negative arc of the first block that has one.
    fn entering(&mut self, tolerance: f64) -> Option<u32> {
        let block = (2.0 * (self.arcs.len() as f64).sqrt()) as usize + 1;
        let mut start = self.cursor;
        let mut scanned = 0;
        while scanned < self.arcs.len() {
            if start >= self.arcs.len() {
                start = 0;
            }
            let end = (start + block).min(self.arcs.len());
            let mut best = (-tolerance, ARTIFICIAL);
            for (k, arc) in self.arcs[start..end].iter().enumerate() {
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

    fn is_source(&self, k: u32) -> bool {
        (k as usize) < self.sources
    }

    /// The last arc to block on the cycle, seen from its join in the direction of the entering arc.
    fn leaving(&self, arc: Arc) -> Leaving {
        let (mut i, mut j) = (arc.source, arc.target);
        let mut first = (u64::MAX, NONE);
        let mut second = (u64::MAX, NONE);
        while i != j {
            if self.nodes[i as usize].depth >= self.nodes[j as usize].depth {
                if self.is_source(i) && self.nodes[i as usize].flow < first.0 {
                    first = (self.nodes[i as usize].flow, i);
                }
                i = self.nodes[i as usize].parent;
            } else {
                if !self.is_source(j) && self.nodes[j as usize].flow <= second.0 {
                    second = (self.nodes[j as usize].flow, j);
                }
                j = self.nodes[j as usize].parent;
            }
        }
        let source_side = first.0 < second.0;
        let (units, node) = if source_side { first } else { second };
        Leaving { node, units, source_side, join: i }
    }

    fn pivot(&mut self, entering: u32) {
        let arc = self.arcs[entering as usize];
        let Leaving { node: leaving, units, source_side, join } = self.leaving(arc);
        if units > 0 {
            self.send(arc.source, join, units, false);
            self.send(arc.target, join, units, true);
        }
        let reduced = self.reduced(&arc);
        let (top, parent, by) =
            if source_side { (arc.source, arc.target, reduced) } else { (arc.target, arc.source, -reduced) };
        self.reroot(top, parent, entering, units, leaving);
        self.shift(top, by);
    }

    /// Changes the flows from a node up to the join; upward ones rise when `up`.
    fn send(&mut self, from: u32, join: u32, units: u64, up: bool) {
        let mut k = from;
        while k != join {
            let rises = self.is_source(k) == up;
            let node = &mut self.nodes[k as usize];
            node.flow = if rises { node.flow + units } else { node.flow - units };
            k = node.parent;
        }
    }

    /// Hangs the part of the tree below `leaving` on `parent` by `top` instead: parents between
    /// the two are reversed.
    fn reroot(&mut self, top: u32, parent: u32, arc: u32, flow: u64, leaving: u32) {
        let (mut k, mut parent, mut arc, mut flow) = (top, parent, arc, flow);
        loop {
            let old = self.nodes[k as usize];
            self.detach(k);
            let node = &mut self.nodes[k as usize];
            (node.arc, node.flow) = (arc, flow);
            self.attach(k, parent);
            if k == leaving {
                return;
            }
            (parent, k, arc, flow) = (k, old.parent, old.arc, old.flow);
        }
    }

    /// Shifts the potentials of the tree below `top` and renews its depths.
    fn shift(&mut self, top: u32, by: f64) {
        let mut node = Some(top);
        while let Some(k) = node {
            self.potential[k as usize] += by;
            self.nodes[k as usize].depth = self.nodes[self.nodes[k as usize].parent as usize].depth + 1;
            node = self.following(k, top);
        }
    }

    /// Arcs that carry flow, as (source, target, units), by source.
    pub(crate) fn support(&self) -> Vec<(usize, usize, u64)> {
        let carrying = self.nodes.iter().filter(|node| node.arc != ARTIFICIAL && node.flow > 0);
        let mut flow: Vec<_> = carrying
            .map(|node| {
                let arc = self.arcs[node.arc as usize];
                (arc.source as usize, arc.target as usize - self.sources, node.flow)
            })
            .collect();
        flow.sort_unstable();
        flow
    }

    /// The duals u and v.
    pub(crate) fn duals(&self) -> (Vec<f64>, Vec<f64>) {
        let (u, rest) = self.potential.split_at(self.sources);
        (u.to_vec(), rest[..rest.len() - 1].iter().map(|potential| -potential).collect())
    }

    /// Reduced costs below this are zero up to the rounding of the duals.
    pub(crate) fn rounding(&self) -> f64 {
        let largest = |potential: &[f64]| potential.iter().fold(0.0f64, |max, value| max.max(value.abs()));
        let (u, v) = self.potential.split_at(self.sources);
        4.0 * f64::EPSILON * (largest(u) + largest(v))
    }
}

fn failure(reason: String) -> Error {
    Error::Numerical { what: "exact transport", reason }
}
