//! The spanning tree of the network simplex: the flow on its arcs and the potentials they give.
//!
//! Arcs go from sources to targets, so a source in the tree always sends up to its parent and a
//! target always receives from it. The root is neither: what hangs on it is not placed.

use super::tour::{Edge, Tour};

const NONE: u32 = u32::MAX;
/// Arc of a node that hangs on the root without an arc of its own: mass that is not placed.
pub(crate) const ARTIFICIAL: u32 = u32::MAX;

/// What hangs a node on its parent.
#[derive(Clone, Copy)]
pub(crate) struct Hung {
    pub(crate) flow: u64,
    pub(crate) arc: u32,
    pub(crate) parent: u32,
}

/// A node of the tree with the arc to its parent.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) flow: u64,
    /// The last cycle that passed here.
    mark: u64,
    pub(crate) arc: u32,
    pub(crate) parent: u32,
    /// Number of the edge to the parent in the walk around the tree.
    edge: u32,
}

/// Sources, then targets, then the root.
pub(crate) struct Tree {
    sources: usize,
    nodes: Vec<Node>,
    tour: Tour,
    /// Marks given so far.
    marks: u64,
}

/// What happens when an arc enters.
pub(crate) struct Cycle {
    /// The node whose arc to its parent leaves.
    leaving: u32,
    units: u64,
    /// Whether it lies between the entering source and the join.
    source_side: bool,
    join: u32,
}

impl Tree {
    /// The tree in which all nodes but the root, which is the last, are hung like this.
    pub(crate) fn new(sources: usize, hung: &[Hung]) -> Self {
        let node = |(k, &Hung { flow, arc, parent })| Node { flow, mark: 0, arc, parent, edge: k as u32 };
        let mut nodes: Vec<Node> = hung.iter().enumerate().map(node).collect();
        nodes.push(Node { flow: 0, mark: 0, arc: ARTIFICIAL, parent: NONE, edge: NONE });
        let mut tree = Tree { sources, nodes, tour: Tour::default(), marks: 0 };
        tree.tour = Tour::new(&tree.walk(), tree.nodes.len());
        tree
    }

    /// Passes all nodes and, twice, all edges.
    fn walk(&self) -> Vec<u32> {
        let root = self.root();
        let mut child = vec![NONE; self.nodes.len()];
        let mut sibling = child.clone();
        for k in 0..root {
            let parent = self.nodes[k as usize].parent as usize;
            (sibling[k as usize], child[parent]) = (child[parent], k);
        }
        let mut walk = Vec::with_capacity(3 * self.nodes.len());
        walk.push(root);
        let mut k = root;
        loop {
            let next = child[k as usize];
            if next != NONE {
                child[k as usize] = sibling[next as usize];
                walk.extend([self.edge(next).down, next]);
                k = next;
            } else if k == root {
                return walk;
            } else {
                walk.push(self.edge(k).up);
                k = self.nodes[k as usize].parent;
            }
        }
    }

    /// The passages of the edge between a node and its parent: towards the target has an even
    /// number, whichever end is the parent.
    fn edge(&self, k: u32) -> Edge {
        let passages = (self.nodes.len() as u32) + 2 * self.nodes[k as usize].edge;
        let source = u32::from(self.is_source(k));
        Edge { down: passages + source, up: passages + 1 - source }
    }

    fn root(&self) -> u32 {
        (self.nodes.len() - 1) as u32
    }

    pub(crate) fn is_source(&self, k: u32) -> bool {
        (k as usize) < self.sources
    }

    /// All nodes but the root.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes[..self.nodes.len() - 1]
    }

    /// u of a source, −v of a target: along a path both change by the same amount. The root has 0.
    #[inline]
    pub(crate) fn potential(&self, k: u32) -> f64 {
        self.tour.potential(k)
    }

    /// Computes all potentials anew: that of a node with this arc is so much above its parent's.
    pub(crate) fn settle(&mut self, rise: impl Fn(u32, u32) -> f64) {
        let mut potentials = vec![f64::NAN; self.nodes.len()];
        potentials[self.nodes.len() - 1] = 0.0;
        let mut path = Vec::new();
        for mut k in 0..self.root() {
            while potentials[k as usize].is_nan() {
                path.push(k);
                k = self.nodes[k as usize].parent;
            }
            let mut potential = potentials[k as usize];
            while let Some(k) = path.pop() {
                potential += rise(k, self.nodes[k as usize].arc);
                potentials[k as usize] = potential;
            }
        }
        self.tour.set(potentials);
    }

    /// The cycle that an arc closes, with the last arc to block on it, seen from its join in the
    /// direction of the entering arc.
    pub(crate) fn cycle(&mut self, source: u32, target: u32) -> Cycle {
        let join = self.join(source, target);
        let mut first = (u64::MAX, NONE);
        let mut k = source;
        while k != join {
            let Node { flow, parent, .. } = self.nodes[k as usize];
            if self.is_source(k) && flow < first.0 {
                first = (flow, k);
            }
            k = parent;
        }
        let mut second = (u64::MAX, NONE);
        k = target;
        while k != join {
            let Node { flow, parent, .. } = self.nodes[k as usize];
            if !self.is_source(k) && flow <= second.0 {
                second = (flow, k);
            }
            k = parent;
        }
        let source_side = first.0 < second.0;
        let (units, leaving) = if source_side { first } else { second };
        Cycle { leaving, units, source_side, join }
    }

    /// Where the ways of two nodes to the root meet, found by going up both in turn.
    fn join(&mut self, source: u32, target: u32) -> u32 {
        self.marks += 2;
        let (below_source, below_target) = (self.marks - 1, self.marks);
        let (mut i, mut j) = (source, target);
        loop {
            let node = &mut self.nodes[i as usize];
            if node.mark == below_target {
                return i;
            }
            node.mark = below_source;
            i = if node.parent == NONE { i } else { node.parent };
            let node = &mut self.nodes[j as usize];
            if node.mark == below_source {
                return j;
            }
            node.mark = below_target;
            j = if node.parent == NONE { j } else { node.parent };
        }
    }

    /// Sends what a cycle can carry around it, and puts the entering arc in the place of the
    /// leaving one; `reduced` is its cost by the potentials so far.
    pub(crate) fn pivot(&mut self, cycle: Cycle, (arc, source, target): (u32, u32, u32), reduced: f64) {
        let Cycle { leaving, units, source_side, join } = cycle;
        if units > 0 {
            self.send(source, join, units, false);
            self.send(target, join, units, true);
        }
        let (top, parent, by) =
            if source_side { (source, target, reduced) } else { (target, source, -reduced) };
        let cut = self.edge(leaving);
        self.reroot((top, parent), (arc, units), leaving);
        self.tour.hang(cut, (top, parent, self.edge(top)), by);
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
    fn reroot(&mut self, (top, parent): (u32, u32), (arc, flow): (u32, u64), leaving: u32) {
        let edge = self.nodes[leaving as usize].edge;
        let mut k = top;
        let mut new = Node { flow, mark: 0, arc, parent, edge };
        loop {
            let old = std::mem::replace(&mut self.nodes[k as usize], new);
            if k == leaving {
                return;
            }
            new = Node { parent: k, ..old };
            k = old.parent;
        }
    }
}
