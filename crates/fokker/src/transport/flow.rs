//! Minimum-cost flow on a sparse set of arcs by successive shortest paths.
//!
//! Invariants, kept by every method: reduced costs `c − u_i − v_j` are non-negative up to
//! rounding; flow is carried by arcs of zero reduced cost only. What has not been placed yet is
//! the excess of sources and the deficit of targets. When both vanish the flow is optimal.
//! Masses are integers, so nothing drifts and ties cannot cycle: every augmentation places at
//! least one unit.

use super::ground::Ground;
use crate::{Error, Monitor, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const NONE: u32 = u32::MAX;
/// Marks targets without deficit in the order of the heap; indices are smaller.
const FULL: u32 = 1 << 31;

/// A flow with its dual potentials.
pub(crate) struct Flow {
    /// Arcs of source i are `start[i]..start[i + 1]`.
    start: Vec<usize>,
    arcs: Vec<Arc>,
    mass: Vec<u64>,
    /// Doubly linked lists of the arcs that carry flow into each target.
    first: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    pub(crate) dual_source: Vec<f64>,
    pub(crate) dual_target: Vec<f64>,
    excess: Vec<u64>,
    deficit: Vec<u64>,
    /// Every source has one unit.
    single: bool,
    search: Search,
}

#[derive(Clone, Copy)]
struct Arc {
    source: u32,
    target: u32,
    cost: f64,
}

/// Labels of one shortest-path search; a label is valid when its stamp is the current one.
struct Search {
    stamp: u32,
    target_stamp: Vec<u32>,
    target_distance: Vec<f64>,
    target_via: Vec<u32>,
    target_done: Vec<u32>,
    source_stamp: Vec<u32>,
    source_via: Vec<u32>,
    scanned: Vec<(u32, f64)>,
    settled: Vec<u32>,
    ends: Vec<u32>,
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Flow {
    /// No arcs and no flow yet.
    pub(crate) fn new(supply: &[u64], demand: &[u64], dual_source: Vec<f64>, dual_target: Vec<f64>) -> Self {
        let (n, m) = (supply.len(), demand.len());
        Flow {
            start: vec![0; n + 1],
            arcs: Vec::new(),
            mass: Vec::new(),
            first: vec![NONE; m],
            next: Vec::new(),
            previous: Vec::new(),
            dual_source,
            dual_target,
            excess: supply.to_vec(),
            deficit: demand.to_vec(),
            single: supply.iter().all(|&units| units == 1),
            search: Search {
                stamp: 0,
                target_stamp: vec![0; m],
                target_distance: vec![0.0; m],
                target_via: vec![NONE; m],
                target_done: vec![0; m],
                source_stamp: vec![0; n],
                source_via: vec![NONE; n],
                scanned: Vec::new(),
                settled: Vec::new(),
                ends: Vec::new(),
                heap: BinaryHeap::new(),
            },
        }
    }

    /// Arcs that carry flow, as (source, target, units), by source and then by arc order.
    pub(crate) fn support(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        self.arcs
            .iter()
            .zip(&self.mass)
            .filter(|(_, mass)| **mass > 0)
            .map(|(arc, &mass)| (arc.source as usize, arc.target as usize, mass))
    }

    /// Adds arcs (sorted, unique pairs; those present already are skipped) and restores the
    /// invariants: a source with a cheaper arc lowers its dual and takes back its flow.
    pub(crate) fn add(&mut self, ground: &Ground, mut pairs: Vec<(u32, u32)>) {
        pairs.sort_unstable();
        pairs.dedup();
        let n = self.start.len() - 1;
        let mut arcs = Vec::with_capacity(self.arcs.len() + pairs.len());
        let mut mass = Vec::with_capacity(arcs.capacity());
        let mut start = Vec::with_capacity(n + 1);
        let mut new = pairs.into_iter().peekable();
        for i in 0..n {
            start.push(arcs.len());
            let old = self.start[i]..self.start[i + 1];
            for a in old.clone() {
                arcs.push(self.arcs[a]);
                mass.push(self.mass[a]);
            }
            while let Some((source, target)) = new.next_if(|pair| pair.0 as usize == i) {
                if self.arcs[old.clone()].iter().all(|arc| arc.target != target) {
                    arcs.push(Arc { source, target, cost: ground.pair(i, target as usize) });
                    mass.push(0);
                }
            }
        }
        start.push(arcs.len());
        (self.start, self.arcs, self.mass) = (start, arcs, mass);
        self.relink();
        self.restore();
    }

    fn relink(&mut self) {
        self.first.fill(NONE);
        self.next = vec![NONE; self.arcs.len()];
        self.previous = vec![NONE; self.arcs.len()];
        for a in 0..self.arcs.len() {
            if self.mass[a] > 0 {
                self.link(a as u32);
            }
        }
    }

    fn link(&mut self, a: u32) {
        let j = self.arcs[a as usize].target as usize;
        let head = self.first[j];
        self.next[a as usize] = head;
        self.previous[a as usize] = NONE;
        if head != NONE {
            self.previous[head as usize] = a;
        }
        self.first[j] = a;
    }

    fn unlink(&mut self, a: u32) {
        let (next, previous) = (self.next[a as usize], self.previous[a as usize]);
        if previous == NONE {
            self.first[self.arcs[a as usize].target as usize] = next;
        } else {
            self.next[previous as usize] = next;
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    fn reduced(&self, a: usize) -> f64 {
        let arc = self.arcs[a];
        arc.cost - self.dual_source[arc.source as usize] - self.dual_target[arc.target as usize]
    }

    /// Makes duals feasible on all arcs and takes back flow from arcs that are no longer tight.
    fn restore(&mut self) {
        let tolerance = self.rounding();
        for i in 0..self.dual_source.len() {
            let arcs = self.start[i]..self.start[i + 1];
            let least = arcs.clone().map(|a| self.reduced(a)).fold(f64::INFINITY, f64::min);
            if least.abs() <= tolerance || least == f64::INFINITY {
                continue;
            }
            self.dual_source[i] += least;
            for a in arcs {
                if self.mass[a] > 0 && self.reduced(a) > tolerance {
                    self.excess[i] += self.mass[a];
                    self.deficit[self.arcs[a].target as usize] += self.mass[a];
                    self.mass[a] = 0;
                    self.unlink(a as u32);
                }
            }
        }
    }

    /// Reduced costs below this are zero up to the rounding of the duals.
    pub(crate) fn rounding(&self) -> f64 {
        let largest = |duals: &[f64]| duals.iter().fold(0.0f64, |max, dual| max.max(dual.abs()));
        4.0 * f64::EPSILON * (largest(&self.dual_source) + largest(&self.dual_target))
    }

    fn push(&mut self, a: usize, units: u64) {
        if self.mass[a] == 0 {
            self.link(a as u32);
        }
        self.mass[a] += units;
    }

    /// Places all remaining excess.
    ///
    /// Of sources of one unit each search serves one and ends at the first deficit: it stays
    /// small. Larger masses are sent in pieces, so all sources search at once and each search
    /// serves as many as it can.
    ///
    /// # Errors
    /// An interruption, or sources from which no deficit can be reached: the arcs are too few.
    pub(crate) fn solve(&mut self, monitor: &dyn Monitor) -> Result<()> {
        self.greedy();
        let sources = self.excess.len();
        let mut next = 0;
        while next < sources {
            let roots = if self.single { next..next + 1 } else { 0..sources };
            let left: u64 = self.excess[roots.clone()].iter().sum();
            if left == 0 {
                next = roots.end;
                continue;
            }
            if !self.single || next % 256 == 0 {
                let done = self.excess.iter().filter(|units| **units == 0).count();
                if monitor.progress("placing", done, sources).is_break() {
                    return Err(Error::Interrupted);
                }
            }
            if !self.search(roots, left - left / 8) {
                let reason = format!("no path from sources that have {left} units left");
                return Err(Error::Numerical { what: "exact transport", reason });
            }
            self.raise();
            for k in 0..self.search.ends.len() {
                self.send(self.search.ends[k]);
            }
        }
        Ok(())
    }

    /// Fills arcs that are tight as they stand.
    fn greedy(&mut self) {
        for a in 0..self.arcs.len() {
            let (i, j) = (self.arcs[a].source as usize, self.arcs[a].target as usize);
            let units = self.excess[i].min(self.deficit[j]);
            if units > 0 && self.reduced(a) <= 0.0 {
                self.push(a, units);
                self.excess[i] -= units;
                self.deficit[j] -= units;
            }
        }
    }

    /// Shortest paths from all roots with excess at once (Dijkstra over targets), until targets
    /// that lack `enough` are reached. Returns whether any was.
    fn search(&mut self, roots: std::ops::Range<usize>, enough: u64) -> bool {
        self.search.begin();
        for i in roots {
            if self.excess[i] > 0 {
                self.reach(i as u32, NONE, 0.0);
            }
        }
        let mut found = 0;
        while found < enough {
            let Some((j, distance)) = self.search.settle() else { break };
            if self.deficit[j as usize] > 0 {
                found += self.deficit[j as usize];
                self.search.ends.push(j);
            }
            // Back along the flow into j, at no further distance.
            let mut a = self.first[j as usize];
            while a != NONE {
                self.reach(self.arcs[a as usize].source, a, distance);
                a = self.next[a as usize];
            }
        }
        found > 0
    }

    /// Labels a source and relaxes its arcs.
    fn reach(&mut self, i: u32, via: u32, distance: f64) {
        let source = i as usize;
        if self.search.source_stamp[source] == self.search.stamp {
            return;
        }
        self.search.source_stamp[source] = self.search.stamp;
        self.search.source_via[source] = via;
        self.search.scanned.push((i, distance));
        let base = distance - self.dual_source[source];
        for a in self.start[source]..self.start[source + 1] {
            let Arc { target, cost, .. } = self.arcs[a];
            let j = target as usize;
            // Rounding may leave a tight arc just below zero: a distance never decreases.
            let candidate = (base + (cost - self.dual_target[j])).max(distance);
            let fresh = self.search.target_stamp[j] != self.search.stamp;
            if fresh || candidate < self.search.target_distance[j] {
                self.search.target_stamp[j] = self.search.stamp;
                self.search.target_distance[j] = candidate;
                self.search.target_via[j] = a as u32;
                // Of equally near targets those with a deficit come first.
                let full = if self.deficit[j] > 0 { 0 } else { FULL };
                self.search.heap.push(Reverse((candidate.to_bits(), full | target)));
            }
        }
    }

    /// Moves the duals so that all paths found become tight.
    fn raise(&mut self) {
        let Some(&last) = self.search.settled.last() else { return };
        let total = self.search.target_distance[last as usize];
        for &(i, distance) in &self.search.scanned {
            self.dual_source[i as usize] += total - distance;
        }
        for &j in &self.search.settled {
            self.dual_target[j as usize] -= total - self.search.target_distance[j as usize];
        }
    }

    /// Sends as much as the path to target `end` can still take.
    fn send(&mut self, end: u32) {
        let mut units = self.deficit[end as usize];
        let mut j = end;
        let root = loop {
            let source = self.arcs[self.search.target_via[j as usize] as usize].source as usize;
            let back = self.search.source_via[source];
            if back == NONE {
                break source;
            }
            units = units.min(self.mass[back as usize]);
            j = self.arcs[back as usize].target;
        };
        units = units.min(self.excess[root]);
        if units == 0 {
            return;
        }
        self.excess[root] -= units;
        self.deficit[end as usize] -= units;
        let mut j = end;
        loop {
            let forward = self.search.target_via[j as usize] as usize;
            self.push(forward, units);
            let back = self.search.source_via[self.arcs[forward].source as usize];
            if back == NONE {
                return;
            }
            self.mass[back as usize] -= units;
            if self.mass[back as usize] == 0 {
                self.unlink(back);
            }
            j = self.arcs[back as usize].target;
        }
    }
}

impl Search {
    fn begin(&mut self) {
        if self.stamp == u32::MAX {
            self.target_stamp.fill(0);
            self.target_done.fill(0);
            self.source_stamp.fill(0);
            self.stamp = 0;
        }
        self.stamp += 1;
        self.heap.clear();
        self.scanned.clear();
        self.settled.clear();
        self.ends.clear();
    }

    /// Settles the nearest open target.
    fn settle(&mut self) -> Option<(u32, f64)> {
        while let Some(Reverse((bits, key))) = self.heap.pop() {
            let j = key & !FULL;
            if self.target_done[j as usize] != self.stamp {
                self.target_done[j as usize] = self.stamp;
                self.settled.push(j);
                return Some((j, f64::from_bits(bits)));
            }
        }
        None
    }
}
