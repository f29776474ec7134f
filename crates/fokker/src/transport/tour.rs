//! A walk around a tree, in blocks: parts of the tree are moved and shifted as a whole.
//!
//! The walk passes each node, and each edge twice. What hangs on an edge lies between the two, and
//! as a walk that is closed it may begin at any of its nodes. So to hang a part elsewhere, by
//! another of its nodes, the walk is cut in four places and joined again; to shift the potentials
//! of the part, a number is added to the offset of each of its blocks. Both take O(√n), however
//! large the part. Searching, of which there is more, takes one addition to read a potential.

const NONE: u32 = u32::MAX;

/// The walk with the potentials of the nodes. Entries 0..nodes are nodes, the others passages of
/// edges.
#[derive(Default)]
pub(crate) struct Tour {
    /// Potentials of the nodes without the offsets of their blocks.
    values: Vec<f64>,
    /// Block of each entry.
    place: Vec<u32>,
    offsets: Vec<f64>,
    blocks: Vec<Block>,
    unused: Vec<u32>,
    /// Neighbouring blocks that have no more entries together are merged.
    full: usize,
}

#[derive(Default)]
struct Block {
    entries: Vec<u32>,
    previous: u32,
    next: u32,
}

/// The two passages of an edge, in the order of the walk.
#[derive(Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) down: u32,
    pub(crate) up: u32,
}

/// Blocks taken out of the walk.
struct Part {
    first: u32,
    last: u32,
}

impl Tour {
    /// The walk with these entries, all potentials zero.
    pub(crate) fn new(entries: &[u32], nodes: usize) -> Self {
        let full = (entries.len() as f64).sqrt() as usize / 2 + 8;
        let chunks = entries.chunks(full);
        let last = chunks.len() as u32 - 1;
        let mut tour = Tour {
            values: vec![0.0; nodes],
            place: vec![NONE; entries.len()],
            offsets: vec![0.0; chunks.len()],
            blocks: Vec::new(),
            unused: Vec::new(),
            full,
        };
        for (b, chunk) in (0..).zip(chunks) {
            chunk.iter().for_each(|&entry| tour.place[entry as usize] = b);
            let next = if b == last { NONE } else { b + 1 };
            tour.blocks.push(Block { entries: chunk.to_vec(), previous: b.wrapping_sub(1), next });
        }
        tour
    }

    #[inline]
    pub(crate) fn potential(&self, node: u32) -> f64 {
        self.values[node as usize] + self.offsets[self.place[node as usize] as usize]
    }

    /// Replaces the potentials of all nodes.
    pub(crate) fn set(&mut self, potentials: Vec<f64>) {
        self.values = potentials;
        self.offsets.fill(0.0);
    }

    /// Hangs the part of the tree below the edge `cut` on `parent`, by its node `top` and the edge
    /// `joined`, and shifts its potentials.
    pub(crate) fn hang(&mut self, cut: Edge, (top, parent, joined): (u32, u32, Edge), by: f64) {
        let (part, seam) = self.take(cut);
        let (part, turn) = self.turned(part, top);
        let mut block = part.first;
        while block != NONE {
            self.offsets[block as usize] += by;
            block = self.blocks[block as usize].next;
        }
        let before = self.end_at(parent);
        let after = self.blocks[before as usize].next;
        self.push(before, joined.down);
        self.push(part.last, joined.up);
        self.link(before, part.first);
        self.link(part.last, after);
        for entry in [seam, turn, joined.down, joined.up] {
            self.merge_after(entry);
        }
    }

    /// Takes what lies between two passages out of the walk, and the passages too. The second
    /// value is the entry before them.
    fn take(&mut self, cut: Edge) -> (Part, u32) {
        let mut before = self.end_at(cut.down);
        let mut last = self.end_at(cut.up);
        self.blocks[before as usize].entries.pop();
        self.blocks[last as usize].entries.pop();
        let first = self.blocks[before as usize].next;
        let after = self.blocks[last as usize].next;
        if self.blocks[last as usize].entries.is_empty() {
            self.unused.push(last);
            last = self.blocks[last as usize].previous;
        }
        if self.blocks[before as usize].entries.is_empty() {
            self.unused.push(before);
            before = self.blocks[before as usize].previous;
        }
        self.link(before, after);
        self.link(NONE, first);
        self.link(last, NONE);
        (Part { first, last }, self.last_entry(before))
    }

    /// The closed walk through a part such that it begins and ends at `top`. The second value is
    /// the entry where it began before.
    fn turned(&mut self, Part { mut first, mut last }: Part, top: u32) -> (Part, u32) {
        let end = self.end_at(top);
        // The cut may have left a new block at either end.
        if self.blocks[first as usize].previous != NONE {
            first = self.blocks[first as usize].previous;
        }
        if self.blocks[last as usize].next != NONE {
            last = self.blocks[last as usize].next;
        }
        let seam = self.last_entry(last);
        if end != last {
            let start = self.blocks[end as usize].next;
            self.link(last, first);
            self.link(NONE, start);
            self.link(end, NONE);
            (first, last) = (start, end);
        }
        (Part { first, last }, seam)
    }

    /// Cuts the walk behind an entry; returns the block of which it is the last one.
    fn end_at(&mut self, entry: u32) -> u32 {
        let block = self.place[entry as usize];
        let entries = &mut self.blocks[block as usize].entries;
        let end = 1 + entries.iter().position(|&other| other == entry).expect("an entry is where it is");
        if end == entries.len() {
            return block;
        }
        let mut entries = std::mem::take(entries);
        let other = self.unused.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            self.offsets.push(0.0);
            (self.blocks.len() - 1) as u32
        });
        self.offsets[other as usize] = self.offsets[block as usize];
        let Block { previous, next, .. } = self.blocks[block as usize];
        let mut moved = std::mem::take(&mut self.blocks[other as usize].entries);
        moved.clear();
        let tail = entries.len() - end < end;
        if tail {
            moved.extend(entries.drain(end..));
            self.link(other, next);
            self.link(block, other);
        } else {
            moved.extend(entries.drain(..end));
            self.link(previous, other);
            self.link(other, block);
        }
        moved.iter().for_each(|&entry| self.place[entry as usize] = other);
        self.blocks[block as usize].entries = entries;
        self.blocks[other as usize].entries = moved;
        if tail { block } else { other }
    }

    /// Merges the block of an entry with the next one if both are short.
    fn merge_after(&mut self, entry: u32) {
        let block = self.place[entry as usize];
        let next = self.blocks[block as usize].next;
        if next == NONE {
            return;
        }
        let [one, two] = [block, next].map(|b| self.blocks[b as usize].entries.len());
        if one + two > self.full {
            return;
        }
        let (kept, gone) = if one < two { (next, block) } else { (block, next) };
        let mut moved = std::mem::take(&mut self.blocks[gone as usize].entries);
        let change = self.offsets[gone as usize] - self.offsets[kept as usize];
        for &entry in &moved {
            self.place[entry as usize] = kept;
            if let Some(value) = self.values.get_mut(entry as usize) {
                *value += change;
            }
        }
        let entries = &mut self.blocks[kept as usize].entries;
        if kept == block {
            entries.append(&mut moved);
            self.link(kept, self.blocks[gone as usize].next);
        } else {
            entries.splice(..0, moved.drain(..));
            self.link(self.blocks[gone as usize].previous, kept);
        }
        self.blocks[gone as usize].entries = moved;
        self.unused.push(gone);
    }

    fn push(&mut self, block: u32, entry: u32) {
        self.blocks[block as usize].entries.push(entry);
        self.place[entry as usize] = block;
    }

    fn last_entry(&self, block: u32) -> u32 {
        *self.blocks[block as usize].entries.last().expect("blocks in the walk are not empty")
    }

    fn link(&mut self, block: u32, next: u32) {
        if block != NONE {
            self.blocks[block as usize].next = next;
        }
        if next != NONE {
            self.blocks[next as usize].previous = block;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A tree of node 0, with every part shifted node by node.
    struct Plain {
        parents: Vec<usize>,
        edges: Vec<Edge>,
        potentials: Vec<f64>,
    }

    impl Plain {
        /// From a node to the root.
        fn way(&self, k: usize) -> Vec<usize> {
            std::iter::successors(Some(k), |&k| (k > 0).then(|| self.parents[k])).collect()
        }

        fn hang(&mut self, cut: usize, (top, parent): (usize, usize), by: f64) -> Edge {
            for k in 0..self.parents.len() {
                if self.way(k).contains(&cut) {
                    self.potentials[k] += by;
                }
            }
            let mut stem = self.way(top);
            stem.truncate(1 + stem.iter().position(|&k| k == cut).unwrap());
            let joined = self.edges[cut];
            for pair in stem.windows(2).rev() {
                let Edge { down, up } = self.edges[pair[0]];
                (self.parents[pair[1]], self.edges[pair[1]]) = (pair[0], Edge { down: up, up: down });
            }
            (self.parents[top], self.edges[top]) = (parent, joined);
            joined
        }

        /// Follows the walk of a tour from its first entry.
        fn check(&self, tour: &Tour) {
            let n = self.parents.len();
            let begins = |b: &u32| tour.blocks[*b as usize].previous == NONE && !tour.unused.contains(b);
            let mut block = (0..tour.blocks.len() as u32).find(begins).unwrap();
            let (mut here, mut entries) = (0, 0);
            while block != NONE {
                for &entry in &tour.blocks[block as usize].entries {
                    assert_eq!(tour.place[entry as usize], block);
                    let passes = |k: &usize| self.edges[*k].down == entry || self.edges[*k].up == entry;
                    match (1..n).find(passes) {
                        None => assert_eq!(entry as usize, here),
                        Some(k) if self.edges[k].down == entry => {
                            assert_eq!(self.parents[k], here);
                            here = k;
                        }
                        Some(k) => {
                            assert_eq!(k, here);
                            here = self.parents[k];
                        }
                    }
                    entries += 1;
                }
                block = tour.blocks[block as usize].next;
            }
            assert_eq!((here, entries), (0, 3 * n - 2));
        }
    }

    #[test]
    fn parts_move_and_shift_as_they_do_node_by_node() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        // A path: the longest walk that hangs on one edge.
        let n = 150usize;
        let edge = |k: usize| Edge { down: (n + 2 * k) as u32 - 2, up: (n + 2 * k) as u32 - 1 };
        let mut plain = Plain {
            parents: (0..n).map(|k| k.saturating_sub(1)).collect(),
            edges: (0..n).map(|k| if k == 0 { Edge { down: NONE, up: NONE } } else { edge(k) }).collect(),
            potentials: vec![0.0; n],
        };
        let down = (0..n).flat_map(|k| [plain.edges[k].down, k as u32]).skip(1);
        let walk: Vec<u32> = down.chain((1..n).rev().map(|k| plain.edges[k].up)).collect();
        let mut tour = Tour::new(&walk, n);
        let mut fewest = usize::MAX;
        for _ in 0..3000 {
            let cut = random.random_range(1..n);
            let below: Vec<bool> = (0..n).map(|k| plain.way(k).contains(&cut)).collect();
            let mut some = |side: bool| loop {
                let k = random.random_range(0..n);
                if below[k] == side {
                    return k;
                }
            };
            let (top, parent, by) = (some(true), some(false), random.random_range(0..64) as f64);
            let edge = plain.edges[cut];
            let joined = plain.hang(cut, (top, parent), by);
            tour.hang(edge, (top as u32, parent as u32, joined), by);
            plain.check(&tour);
            assert!((0..n).all(|k| tour.potential(k as u32) == plain.potentials[k]));
            fewest = fewest.min(tour.blocks.len() - tour.unused.len());
            assert!(tour.blocks.len() < 100, "blocks are merged");
        }
        assert!(fewest > 5, "there was something to split");
    }
}
