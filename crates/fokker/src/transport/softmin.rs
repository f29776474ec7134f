//! Soft minima over all rows of the costs, in tiles.

use super::entropic::Side;
use super::exponential::{smallest, sum_of_exponentials};
use super::ground::Ground;
use rayon::prelude::*;

/// Rows per parallel task and columns per tile.
pub(super) const ROWS: usize = 32;
pub(super) const COLUMNS: usize = 512;

/// −ε log Σ_j (w_j/M) exp((g_j − c_ij)/ε) for every row i, relative to the largest term.
pub(super) fn soft_minima(
    ground: &Ground,
    potentials: &[f64],
    side: &Side,
    mass: f64,
    epsilon: f64,
) -> Vec<f64> {
    // Points without mass have logarithm −∞, and their terms are zero.
    let shifted: Vec<f64> = potentials
        .iter()
        .zip(&side.weights)
        .map(|(potential, weight)| potential + epsilon * (weight / mass).ln())
        .collect();
    let tiles = ground.tiles(&shifted, false);
    let zeros = vec![0.0; ground.sources()];
    let rows: Vec<usize> = (0..ground.sources()).collect();
    let targets = ground.targets();
    rows.par_chunks(ROWS)
        .flat_map_iter(|rows| {
            let mut buffer = vec![0.0; rows.len() * COLUMNS.min(targets)];
            let mut least = vec![f64::INFINITY; rows.len()];
            let mut total = vec![0.0; rows.len()];
            for start in (0..targets).step_by(COLUMNS) {
                let width = COLUMNS.min(targets - start);
                let tile = &mut buffer[..rows.len() * width];
                tiles.write(rows, &zeros, (start, width), tile);
                for ((values, least), total) in tile.chunks_exact(width).zip(&mut least).zip(&mut total) {
                    let smallest = smallest(values);
                    if smallest < *least {
                        *total *= ((smallest - *least) / epsilon).exp();
                        *least = smallest;
                    }
                    if *least < f64::INFINITY {
                        *total += sum_of_exponentials(values, *least, epsilon);
                    }
                }
            }
            least.into_iter().zip(total).map(move |(least, total)| least - epsilon * total.ln())
        })
        .collect()
}
