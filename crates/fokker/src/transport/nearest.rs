//! Nearest targets: the optimum itself after a short step in high dimension.

use super::ground::Ground;
use super::pricing::{Cheapest, Query, Screen, cheapest_arcs};
use super::solve::{Solution, slack};
use crate::{Result, Task};

/// Rows looked at to tell whether the points are nearly where they should be.
const SAMPLE: usize = 32;
/// A nearest target is clearly the nearest when the next one costs more than this many times as
/// much. Of points that have nothing to do with one another it is true of a share of 2^−d.
const CLEAR: f64 = 4.0;
/// The nearest target, and what bounds the others from below.
const KEEP: usize = 2;

/// Every source with its nearest target and v = 0, if that is a coupling: then it is optimal as it
/// stands. Most of a sample of the rows must be clear before all are looked at.
pub(crate) fn by_nearest(
    ground: &Ground,
    (supply, demand): (&[u64], &[u64]),
    task: Task,
) -> Result<Option<Solution>> {
    let n = ground.sources();
    let zeros = vec![0.0; n];
    let cheapest = |sources: &[usize]| {
        let screen = Screen::Single;
        let query = Query { sources, dual_source: &zeros, dual_target: &zeros, keep: KEEP, screen };
        cheapest_arcs(ground, &query, task)
    };
    let (Ground::Points(_), true) = (ground, n > 1 && equal(supply, demand)) else { return Ok(None) };
    let sample = cheapest(&(0..n).step_by(n.div_ceil(SAMPLE)).collect::<Vec<_>>())?.rows;
    let clear = sample.iter().filter(|row| CLEAR * row[0].reduced < row[1].reduced).count();
    if 8 * clear < 7 * sample.len() {
        return Ok(None);
    }
    let Cheapest { rows, noise } = cheapest(&(0..n).collect::<Vec<_>>())?;
    let mut taken = vec![false; n];
    let coupled = rows.iter().all(|row| {
        let proven = row[0].reduced <= slack(row, KEEP, noise);
        proven && !std::mem::replace(&mut taken[row[0].target as usize], true)
    });
    let dual_source = rows.iter().map(|row| row[0].reduced).collect();
    let flow = rows.iter().enumerate().map(|(i, row)| (i, row[0].target as usize, supply[i])).collect();
    Ok(coupled.then(|| Solution::new(ground, flow, (dual_source, zeros))))
}

/// Whether all masses of both clouds are the same.
fn equal(supply: &[u64], demand: &[u64]) -> bool {
    supply.len() == demand.len() && supply.iter().chain(demand).all(|&units| units == supply[0])
}

#[cfg(test)]
mod tests {
    use super::super::ground::Cost;
    use super::super::solve::solve_ordered;
    use super::*;
    use ndarray::Array2;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A cloud and the same after a short step.
    fn step(n: usize, d: usize) -> (Array2<f64>, Array2<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let x = Array2::from_shape_simple_fn((n, d), || random.random_range(-1.0..1.0));
        let y = x.mapv(|value| value + 0.01 * value * value * value);
        (x, y)
    }

    /// Whether nearest targets are the optimum; the cost is that of an assignment solver either way.
    fn nearest(x: Array2<f64>, y: Array2<f64>) -> bool {
        let n = x.nrows();
        let ground = Ground::points(Cost::SquaredEuclidean, x, y);
        let units = vec![1; n];
        let costs = (0..n * n).map(|k| ground.pair(k / n, k % n)).collect();
        let (rows, columns) = lsap::solve(n, n, &costs, false).unwrap();
        let oracle: f64 = rows.iter().zip(&columns).map(|(&i, &j)| ground.pair(i, j)).sum();
        let solution = solve_ordered(&ground, &units, &units, Task::silent()).unwrap();
        let ours: f64 = solution.flow.iter().map(|&(i, j, _)| ground.pair(i, j)).sum();
        assert!((ours - oracle).abs() < 1e-13 * oracle, "{ours} {oracle}");
        by_nearest(&ground, (&units, &units), Task::silent()).unwrap().is_some()
    }

    #[test]
    fn a_short_step_is_solved_by_nearest_targets() {
        let (x, y) = step(200, 8);
        assert!(nearest(x, y));
    }

    #[test]
    fn two_sources_with_one_nearest_target_are_no_coupling() {
        let (mut x, mut y) = step(200, 8);
        // Not in the sample: both this source and the next are nearest to the target of the first.
        for i in [1, 51, 120] {
            let point = x.row(i).to_owned();
            x.row_mut(i + 1).assign(&point);
            x[[i + 1, 0]] += 0.01;
            y.row_mut(i).assign(&point);
            y.row_mut(i + 1).assign(&point);
            y[[i + 1, 1]] += 0.1;
        }
        assert!(!nearest(x, y));
    }

    #[test]
    fn margins_below_the_noise_prove_nothing() {
        // The last row has two targets as near as each other in single precision.
        let (mut x, mut y) = step(200, 8);
        let point = x.row(198).to_owned();
        x.row_mut(199).assign(&(&point + 1e-5));
        y.row_mut(198).assign(&(&point + 1e-6));
        y.row_mut(199).assign(&(&point + 9e-6));
        assert!(!nearest(x, y));
    }

    #[test]
    fn long_steps_and_unequal_masses_are_not_looked_at() {
        let (x, y) = step(200, 2);
        assert!(!nearest(x.clone(), 0.7 * &y));
        let ground = Ground::points(Cost::SquaredEuclidean, x, y);
        let mut masses = vec![2; 200];
        (masses[0], masses[1]) = (1, 3);
        assert!(by_nearest(&ground, (&masses, &[2; 200]), Task::silent()).unwrap().is_none());
    }
}
