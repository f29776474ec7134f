//! How sharply the fitted law bends: what bounds the length of a Langevin step.

use super::chunks::uniform;
use super::score::EigenScore;
use crate::Result;
use crate::score::Score;
use ndarray::{Array2, ArrayView2, Axis, Zip};

/// Steps of the power iteration.
const ITERATIONS: usize = 12;
/// Length of the difference that stands for a derivative.
const DIFFERENCE: f64 = 1e-4;

/// Largest |eigenvalue| of ∇² log p_t at any of the points `[n, d]`, O(n) scores.
///
/// By power iteration on differences of the score, at all points side by side. It bounds the smallest variance too:
/// E(−∇² log p) is at least the inverse covariance (Cramér and Rao).
pub(super) fn curvature(score: &EigenScore, time: f64, points: ArrayView2<f64>) -> Result<f64> {
    let salt = |i: usize, j: usize| uniform((i * points.ncols() + j) as u64, 0xc0de) - 0.5;
    let mut directions = Array2::from_shape_fn(points.dim(), |(i, j)| salt(i, j));
    let (mut up, mut down) = (Array2::zeros(points.dim()), Array2::zeros(points.dim()));
    for _ in 0..ITERATIONS {
        for mut direction in directions.rows_mut() {
            let norm = direction.dot(&direction).sqrt();
            direction.mapv_inplace(|v| if norm > 0.0 { v / norm } else { 0.0 });
        }
        let moved = |sign: f64| &points + &(&directions * (sign * DIFFERENCE));
        score.score_into(time, moved(1.0).view(), up.view_mut())?;
        score.score_into(time, moved(-1.0).view(), down.view_mut())?;
        Zip::from(&mut directions).and(&up).and(&down).for_each(|v, up, down| {
            *v = (up - down) / (2.0 * DIFFERENCE);
        });
    }
    let norms = directions.axis_iter(Axis(0)).map(|direction| direction.dot(&direction).sqrt());
    Ok(norms.fold(0.0, f64::max))
}
