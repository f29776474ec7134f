//! Coarse clouds: neighbouring points merged, their mass kept.
//!
//! A coarse cloud has the same mass in the same places up to the size of a cell, so its optimal
//! duals are right up to that size at every scale. A random subsample has not: its fluctuations
//! move mass over long distances, and the arcs chosen with its duals are the wrong ones.

use super::ground::row;
use ndarray::Array2;

/// Points merged by cell.
pub(crate) struct Coarse {
    /// Centre of mass of each cell, `[cells, d]`.
    pub(crate) points: Array2<f64>,
    /// Mass of each cell.
    pub(crate) mass: Vec<u64>,
    /// Points of each cell, ascending.
    pub(crate) members: Vec<Vec<usize>>,
}

/// Merges neighbours into cells of at most `leaf` points.
pub(crate) fn coarsen(points: &Array2<f64>, mass: &[u64], leaf: usize) -> Coarse {
    let members = cells(points, leaf);
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

/// Splits at the median of the widest coordinate until a cell has at most `leaf` points, O(n log n d).
/// Cells that are near in the list are near in space.
pub(crate) fn cells(points: &Array2<f64>, leaf: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..points.nrows()).collect();
    let mut ranges = Vec::new();
    ranges.push(0..order.len());
    let mut cells = Vec::new();
    while let Some(range) = ranges.pop() {
        if range.len() <= leaf {
            let mut cell = order[range].to_vec();
            cell.sort_unstable();
            cells.push(cell);
            continue;
        }
        let axis = widest(points, &order[range.clone()]);
        let middle = range.start + range.len() / 2;
        order[range.clone()].select_nth_unstable_by(range.len() / 2, |&i, &j| {
            points[[i, axis]].total_cmp(&points[[j, axis]]).then(i.cmp(&j))
        });
        ranges.push(middle..range.end);
        ranges.push(range.start..middle);
    }
    cells
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
    use ndarray::array;

    #[test]
    fn neighbours_are_merged_at_their_centre_of_mass() {
        let points = array![[0.0, 0.0], [10.0, 1.0], [1.0, 0.0], [10.0, 3.0]];
        let Coarse { points, mass, members } = coarsen(&points, &[1, 1, 3, 1], 2);
        assert_eq!(members, vec![vec![0, 2], vec![1, 3]]);
        assert_eq!(mass, vec![4, 2]);
        assert_eq!(points, array![[0.75, 0.0], [10.0, 2.0]]);
    }

    #[test]
    fn identical_points_are_split_all_the_same() {
        let coarse = coarsen(&Array2::zeros((9, 2)), &[1; 9], 2);
        assert!(coarse.members.iter().all(|cell| cell.len() <= 2));
        assert_eq!(coarse.mass.iter().sum::<u64>(), 9);
    }
}
