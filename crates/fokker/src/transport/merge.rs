//! Points in the same place are one point: merged before solving, told apart afterwards.
//!
//! Copies are perfect ties, and a list of the cheapest arcs that is full of copies of one arc
//! says nothing about the others.

use super::ground::{Ground, Points, row};
use ndarray::{Array2, Axis};

/// Groups of indices that share a place.
pub(crate) struct Places {
    /// Members of each place, ascending; places in the order of their first members.
    members: Vec<Vec<usize>>,
}

impl Places {
    /// Sorts the points by their coordinates, O(n log n d).
    fn of(points: &Array2<f64>) -> Self {
        // Adding zero turns −0 into 0.
        let key = |i: usize| row(points, i).iter().map(|value| value + 0.0);
        let compare = |&i: &usize, &j: &usize| {
            key(i).zip(key(j)).map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne())
        };
        let mut order: Vec<usize> = (0..points.nrows()).collect();
        order.sort_by(|i, j| compare(i, j).unwrap_or(std::cmp::Ordering::Equal));
        let mut members: Vec<Vec<usize>> =
            order.chunk_by(|i, j| compare(i, j).is_none()).map(<[usize]>::to_vec).collect();
        members.sort_unstable_by_key(|place| place[0]);
        Places { members }
    }

    fn each(n: usize) -> Self {
        Places { members: (0..n).map(|i| vec![i]).collect() }
    }

    /// Mass of each place.
    pub(crate) fn mass(&self, units: &[u64]) -> Vec<u64> {
        self.members.iter().map(|place| place.iter().map(|&i| units[i]).sum()).collect()
    }

    /// Values of the places, as values of the points.
    pub(crate) fn expand(&self, values: &[f64]) -> Vec<f64> {
        let mut expanded = vec![0.0; self.members.iter().map(Vec::len).sum()];
        for (place, value) in self.members.iter().zip(values) {
            for &i in place {
                expanded[i] = *value;
            }
        }
        expanded
    }

    fn first(&self) -> Vec<usize> {
        self.members.iter().map(|place| place[0]).collect()
    }
}

/// The places of both clouds, and the costs between places where there are fewer of them.
pub(crate) fn merge<'s>(ground: &Ground) -> (Places, Places, Option<Ground<'s>>) {
    match ground {
        Ground::Points(Points { cost, x, y, .. }) => {
            let (sources, targets) = (Places::of(x), Places::of(y));
            let fewer = sources.members.len() < x.nrows() || targets.members.len() < y.nrows();
            let merged = fewer.then(|| {
                let (x, y) = (x.select(Axis(0), &sources.first()), y.select(Axis(0), &targets.first()));
                Ground::Points(Points::new(*cost, x, y))
            });
            (sources, targets, merged)
        }
        Ground::Matrix(costs) => (Places::each(costs.nrows()), Places::each(costs.ncols()), None),
    }
}

/// Hands the flow between places to their members, in order; integers stay integers.
pub(crate) fn split(
    flow: &[(usize, usize, u64)],
    (sources, targets): (&Places, &Places),
    supply: &[u64],
    demand: &[u64],
) -> Vec<(usize, usize, u64)> {
    let (mut supply, mut demand) = (supply.to_vec(), demand.to_vec());
    // Members of a place are served one after the other: remember where each place stands.
    let (mut next_source, mut next_target) = (vec![0; sources.members.len()], vec![0; targets.members.len()]);
    let mut entries = Vec::with_capacity(flow.len());
    for &(a, b, units) in flow {
        let mut left = units;
        while left > 0 {
            let (i, j) = (sources.members[a][next_source[a]], targets.members[b][next_target[b]]);
            let sent = left.min(supply[i]).min(demand[j]);
            if sent > 0 {
                entries.push((i, j, sent));
            }
            (left, supply[i], demand[j]) = (left - sent, supply[i] - sent, demand[j] - sent);
            next_source[a] += usize::from(supply[i] == 0);
            next_target[b] += usize::from(demand[j] == 0);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_points_are_found_and_served_in_order() {
        let places = Places::of(&array![[1.0, 0.0], [2.0, 0.0], [1.0, -0.0], [0.0, 0.0]]);
        assert_eq!(places.members, vec![vec![0, 2], vec![1], vec![3]]);
        assert_eq!(places.mass(&[1, 2, 3, 4]), [4, 2, 4]);
        assert_eq!(places.expand(&[5.0, 6.0, 7.0]), [5.0, 6.0, 5.0, 7.0]);
        let targets = Places::each(3);
        let flow = [(0, 0, 2), (0, 1, 2), (1, 1, 2), (2, 2, 4)];
        let entries = split(&flow, (&places, &targets), &[1, 2, 3, 4], &[2, 4, 4]);
        assert_eq!(entries, [(0, 0, 1), (2, 0, 1), (2, 1, 2), (1, 1, 2), (3, 2, 4)]);
    }
}
