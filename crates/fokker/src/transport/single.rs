//! Tiles of reduced costs in single precision: half the work, with a bound on their error.
//!
//! The arcs that are kept are recomputed, so all that the screening must do is to tell them from
//! the others. In high dimension those are dearer by far more than the rounding, and it proves
//! that; rows that it does not prove are screened again in double precision.

use super::ground::{Cost, DIRECT_DIMENSION, Ground, Points, row, square};
use ndarray::{Array2, ArrayViewMut2, Axis, Slice};
use std::ops::Range;

/// Factors of the product `−2x·y + (|x|² − u) + (|y|² − v)` for chosen rows and all columns.
pub(crate) struct Single {
    /// `[−2x, 1, |x|² − u]`
    left: Array2<f32>,
    /// `[y, |y|² − v, 1]`
    right: Array2<f32>,
    /// Bound on the error of an entry.
    pub(crate) noise: f64,
}

impl Single {
    /// Rows and columns of a tile.
    pub(crate) const SHAPE: (usize, usize) = (128, 256);

    /// The points, where costs are matrix products.
    pub(crate) fn applies<'g>(ground: &'g Ground) -> Option<&'g Points> {
        match ground {
            Ground::Points(points) => {
                let products = points.x.ncols() > DIRECT_DIMENSION;
                (products && points.cost == Cost::SquaredEuclidean).then_some(points)
            }
            Ground::Matrix(_) => None,
        }
    }

    pub(crate) fn new(points: &Points, sources: &[usize], (u, v): (&[f64], &[f64])) -> Self {
        let d = points.x.ncols();
        let targets: Vec<usize> = (0..points.y.nrows()).collect();
        let (left, largest_x) = factor(&points.x, (sources, u), -2.0, d + 1);
        let (right, largest_y) = factor(&points.y, (&targets, v), 1.0, d);
        // Rounded factors, products and sums: at most (d + 4)·2⁻²⁴ of the sum of absolute values,
        // in any order of summation, and what is lost below the range of numbers.
        let relative = 0.5 * f64::from(f32::EPSILON) * (largest_x + largest_y);
        let noise = (d + 8) as f64 * (relative + f64::from(f32::MIN_POSITIVE));
        Single { left, right, noise }
    }

    /// Writes `c_ij − u_i − v_j` for some of the chosen rows, by their place among them, and the
    /// targets `start..start + width` into `out`, row-major.
    pub(crate) fn write(&self, rows: Range<usize>, (start, width): (usize, usize), out: &mut [f32]) {
        let left = self.left.slice_axis(Axis(0), Slice::from(rows));
        let right = self.right.slice_axis(Axis(0), Slice::from(start..start + width));
        let out = ArrayViewMut2::from_shape((left.nrows(), width), out).expect("out has the tile's size");
        fokker_linalg::matmul_single_into(left, right.t(), out);
    }
}

/// Rows `[scale·p, …]` of chosen points, with `|p|²` less the dual at `place` and one in the other
/// of the last two columns; and the largest part of a row in the sum of absolute values.
fn factor(
    points: &Array2<f64>,
    (chosen, duals): (&[usize], &[f64]),
    scale: f64,
    place: usize,
) -> (Array2<f32>, f64) {
    let mut factor = Array2::ones((chosen.len(), points.ncols() + 2));
    let mut largest = 0.0f64;
    for (&i, mut out) in chosen.iter().zip(factor.rows_mut()) {
        let point = row(points, i);
        let out = out.as_slice_mut().expect("rows of a row-major matrix");
        for (out, value) in out.iter_mut().zip(point) {
            *out = (scale * value) as f32;
        }
        let (own, rest) = (square(point), square(point) - duals[i]);
        out[place] = rest as f32;
        // 2|x·y| ≤ |x|² + |y|².
        largest = largest.max(own + rest.abs());
    }
    (factor, largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn no_entry_is_further_off_than_the_bound() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        // The last scale has squares below the range of single precision.
        for (d, scale, dual) in [(5, 1.0, 0.1), (50, 1.0, 30.0), (12, 1e-3, 1.0), (8, 1e-25, 1e-50)] {
            let mut cloud =
                |n| Array2::from_shape_simple_fn((n, d), || scale * random.random_range(-1.0..1.0));
            let points = Points::new(Cost::SquaredEuclidean, cloud(40), cloud(30));
            let mut duals =
                |n: usize| (0..n).map(|_| dual * random.random_range(-1.0..1.0)).collect::<Vec<f64>>();
            let (u, v) = (duals(40), duals(30));
            let chosen = [3, 7, 8, 39];
            let single = Single::new(&points, &chosen, (&u, &v));
            let mut out = [0.0f32; 2 * 20];
            single.write(2..4, (10, 20), &mut out);
            let mut worst = 0.0f64;
            for (k, &value) in out.iter().enumerate() {
                let (i, j) = (chosen[2 + k / 20], 10 + k % 20);
                let (a, b) = (row(&points.x, i), row(&points.y, j));
                let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                worst = worst.max((f64::from(value) - (square - u[i] - v[j])).abs());
            }
            assert!(worst <= single.noise, "{worst:e} {:e}", single.noise);
            assert!(scale < 1e-20 || worst > 1e-3 * single.noise, "the bound means something");
        }
    }
}
