//! Coarse clouds: neighbouring points merged, their mass kept.
//!
//! A coarse cloud has the same mass in the same places up to the size of a cell, so its optimal
//! duals are right up to that size at every scale. A random subsample has not: its fluctuations
//! move mass over long distances, and the arcs chosen with its duals are the wrong ones.

use super::ground::row;
use ndarray::Array2;
use std::ops::Range;

/// Points merged by cell.
pub(crate) struct Coarse {
    /// Centre of mass of each cell, `[cells, d]`.
    pub(crate) points: Array2<f64>,
    /// Mass of each cell.
    pub(crate) mass: Vec<u64>,
    /// Points of each cell, ascending.
    pub(crate) members: Vec<Vec<usize>>,
}

/// Merges neighbours into cells of at most `leaf` points. The points are in the [`order`] of cells
/// of at most that size, so a cell is a run.
pub(crate) fn coarsen(points: &Array2<f64>, mass: &[u64], leaf: usize) -> Coarse {
    let members: Vec<Vec<usize>> = runs(points.nrows(), leaf).into_iter().map(Iterator::collect).collect();
    let cell_mass: Vec<u64> = members.iter().map(|cell| cell.iter().map(|&i| mass[i]).sum()).collect();
    let mut centres = Array2::zeros((members.len(), points.ncols()));
    for ((cell, &total), mut centre) in members.iter().zip(&cell_mass).zip(centres.rows_mut()) {
        for &i in cell {
            let share = mass[i] as f64 / total as f64;
            for (centre, value) in centre.iter_mut().zip(row(points, i)) {
                *centre += share * value;
            }
        }
    }
    Coarse { points: centres, mass: cell_mass, members }
}

/// Halves of halves of 0..n, all split equally often, until each has at most `leaf` entries: what
/// four runs of a list make is one run of the list of their merged points.
fn runs(n: usize, leaf: usize) -> Vec<Range<usize>> {
    if leaf == 1 {
        return (0..n).map(|i| i..i + 1).collect();
    }
    let mut runs = whole(n);
    while runs.iter().any(|run| run.len() > leaf) {
        runs = halved(&runs);
    }
    runs
}

fn whole(n: usize) -> Vec<Range<usize>> {
    std::iter::once(0..n).collect()
}

fn halved(runs: &[Range<usize>]) -> Vec<Range<usize>> {
    let halves = |run: &Range<usize>| {
        let middle = run.start + run.len() / 2;
        [run.start..middle, middle..run.end]
    };
    runs.iter().flat_map(halves).collect()
}

/// An order in which neighbours in the list are neighbours in space, O(n log n d): [`runs`] of the
/// list are split at the median of their widest coordinate.
pub(crate) fn order(points: &Array2<f64>, leaf: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.nrows()).collect();
    let mut open = whole(order.len());
    while open.iter().any(|run| run.len() > leaf) {
        for run in &open {
            let chosen = &mut order[run.clone()];
            let axis = widest(points, chosen);
            chosen.select_nth_unstable_by(run.len() / 2, |&i, &j| {
                points[[i, axis]].total_cmp(&points[[j, axis]]).then(i.cmp(&j))
            });
        }
        open = halved(&open);
    }
    order
}

/// The coordinate with the largest range, the first of equals.
fn widest(points: &Array2<f64>, chosen: &[usize]) -> usize {
    let d = points.ncols();
    let mut low = vec![f64::INFINITY; d];
    let mut high = vec![f64::NEG_INFINITY; d];
    for &i in chosen {
        for (k, &value) in row(points, i).iter().enumerate() {
            low[k] = low[k].min(value);
            high[k] = high[k].max(value);
        }
    }
    let mut axis = 0;
    for k in 1..d {
        if high[k] - low[k] > high[axis] - low[axis] {
            axis = k;
        }
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, array};

    #[test]
    fn neighbours_are_merged_at_their_centre_of_mass() {
        let points = array![[0.0, 0.0], [10.0, 1.0], [1.0, 0.0], [10.0, 3.0]];
        let order = order(&points, 2);
        assert_eq!(order, [0, 2, 1, 3]);
        let Coarse { points, mass, members } = coarsen(&points.select(Axis(0), &order), &[1, 3, 1, 1], 2);
        assert_eq!(members, vec![vec![0, 1], vec![2, 3]]);
        assert_eq!(mass, vec![4, 2]);
        assert_eq!(points, array![[0.75, 0.0], [10.0, 2.0]]);
    }

    #[test]
    fn runs_of_runs_are_runs() {
        for n in [1, 2, 65, 1000, 1025] {
            let (fine, coarse) = (runs(n, 4), runs(n, 16));
            let again =
                runs(fine.len(), 4).into_iter().map(|run| fine[run.start].start..fine[run.end - 1].end);
            assert_eq!(again.collect::<Vec<_>>(), coarse);
        }
    }

    #[test]
    fn identical_points_are_split_all_the_same() {
        let coarse = coarsen(&Array2::zeros((9, 2)), &[1; 9], 2);
        assert!(coarse.members.iter().all(|cell| cell.len() <= 2));
        assert_eq!(coarse.mass.iter().sum::<u64>(), 9);
    }
}
