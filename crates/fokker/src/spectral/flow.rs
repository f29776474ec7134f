//! The probability-flow ODE: the law of the noised data, carried from time to time.

use super::score::{EigenScore, Extra};
use crate::{Result, Task};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Points carried along together.
const BLOCK: usize = 64;
/// Step of u: at 0.17 the density of a mixture at degree 6 integrated to 1.03.
const STEP: f64 = 0.08;
/// Below, scores of low degree hardly change with time.
const EARLY: f64 = 0.002;
/// Beyond, p_t is nearly π.
const LATE: f64 = 2.0;

/// `log p_ε` of points `[n, d]` in the coordinates of the score, `[n]`, ε its first time.
///
/// ```text
/// log p_ε(x) = log π(x_T) + g_T(x_T) − ∫_ε^T Δg_t(x_t) dt
/// ```
///
/// The divergence is the closed form of the score, so the density is that of a flow and integrates
/// to one [Song et al. 2021, §4.3].
pub(super) fn log_density(score: &EigenScore, y: ArrayView2<f64>, task: Task) -> Result<Array1<f64>> {
    let (first, last) = score.times();
    let mut x = y.to_owned();
    let gained = carry(score, x.view_mut(), (first, last), task)?;
    Ok(energy(score, last, x.view()) - gained)
}

/// `log π + g_t` of points `[n, d]`, `[n]`: the log-density at clock t up to its constant.
pub(super) fn energy(score: &EigenScore, t: f64, x: ArrayView2<f64>) -> Array1<f64> {
    let frozen = score.freeze(t);
    let mut out = Array1::zeros(x.nrows());
    let block = |(x, mut out): (ArrayView2<f64>, ArrayViewMut1<f64>)| {
        let mut gradient = Array2::zeros(x.dim());
        let extra = Extra { laplacian: None, value: Some(out.view_mut()) };
        score.gradient_into(&frozen, x, gradient.view_mut(), extra, &mut score.scratch());
        Zip::from(&mut out).and(x.rows()).for_each(|out, x| *out += log_pi(score, x));
    };
    let blocks = x.axis_chunks_iter(Axis(0), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK));
    blocks.collect::<Vec<_>>().into_par_iter().for_each(block);
    out
}

/// `log π` of one point.
pub(super) fn log_pi(score: &EigenScore, x: ndarray::ArrayView1<f64>) -> f64 {
    x.iter().map(|&x| score.reference().log_density(x)).sum()
}

/// Carries points `[n, d]` from clock s to clock t in place; by how much their log-density grows.
///
/// ```text
/// dx/dt = −∇g_t(x),     log p_t(x_t) − log p_s(x_s) = ∫_s^t Δg_r(x_r) dr
/// ```
///
/// Runge–Kutta of fourth order in u = log((t + 0.002)/(1 + t/2)): log t where the flow is busy, t before, and
/// no finer than needed near π.
pub(super) fn carry(
    score: &EigenScore,
    mut x: ArrayViewMut2<f64>,
    (from, to): (f64, f64),
    task: Task,
) -> Result<Array1<f64>> {
    let clock = |t: f64| ((t + EARLY) / (1.0 + t / LATE)).ln();
    let steps = ((clock(to) - clock(from)).abs() / STEP).ceil() as usize;
    let h = (clock(to) - clock(from)) / steps as f64;
    // dt/du and one set of coefficients for each stage time, shared by all points.
    let frozen: Vec<_> = (0..=2 * steps)
        .map(|i| (clock(from) + 0.5 * h * i as f64).exp())
        .map(|ratio| (ratio - EARLY) / (1.0 - ratio / LATE))
        .map(|t| ((t + EARLY) * (1.0 + t / LATE) / (1.0 - EARLY / LATE), score.freeze(t.max(0.0))))
        .collect();
    let mut gained = Array1::zeros(x.nrows());
    let blocks = x.nrows().div_ceil(BLOCK);
    let done = AtomicUsize::new(0);
    let block = |(mut x, mut gained): (ArrayViewMut2<f64>, ArrayViewMut1<f64>)| {
        let mut scratch = score.scratch();
        let zeros = || Array2::<f64>::zeros(x.dim());
        let (mut stage, mut k, mut sum) = (zeros(), zeros(), zeros());
        let (mut lap, mut lap_sum) = (Array1::<f64>::zeros(x.nrows()), Array1::<f64>::zeros(x.nrows()));
        for step in 0..steps {
            sum.fill(0.0);
            lap_sum.fill(0.0);
            stage.assign(&x);
            for (at, weight, ahead) in [(0, 1.0, 0.5), (1, 2.0, 0.5), (1, 2.0, 1.0), (2, 1.0, 0.0)] {
                let (rate, frozen) = &frozen[2 * step + at];
                let extra = Extra { laplacian: Some(lap.view_mut()), value: None };
                score.gradient_into(frozen, stage.view(), k.view_mut(), extra, &mut scratch);
                sum.scaled_add(-weight * rate, &k);
                lap_sum.scaled_add(weight * rate, &lap);
                Zip::from(&mut stage).and(&x).and(&k).for_each(|p, &x, &k| *p = x - ahead * h * rate * k);
            }
            x.scaled_add(h / 6.0, &sum);
            score.reference().confine(x.view_mut());
            gained.scaled_add(h / 6.0, &lap_sum);
        }
        let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
        task.tick("density", finished, blocks)
    };
    let parts: Vec<_> =
        x.axis_chunks_iter_mut(Axis(0), BLOCK).zip(gained.axis_chunks_iter_mut(Axis(0), BLOCK)).collect();
    parts.into_par_iter().try_for_each(block)?;
    Ok(gained)
}

#[cfg(test)]
mod tests {
    use crate::ArrayBlocks;
    use crate::spectral::{Candidate, SolveOptions, fit};
    use crate::statistics::GaussianMixture;
    use ndarray::Array2;

    /// The density grows as the map of the flow shrinks volumes, det by differences: so it integrates
    /// to one, however thin the sheets that a poor score squeezes it into.
    #[test]
    fn the_density_grows_as_volumes_shrink() {
        let x = GaussianMixture::random(3, 2, 1.0, 9).unwrap().sample(5000, 4);
        let solve = SolveOptions { compare: 0, partition: 0, ..Default::default() };
        let fit = fit(
            &mut ArrayBlocks::new(x.view()),
            &Candidate { solve, ..Default::default() },
            crate::Task::silent(),
        )
        .unwrap();
        let (first, last) = fit.score.times();
        // A grid where π is, each point with its neighbours on four sides.
        let (n, h) = (20, 1e-6);
        let at = |i: usize| -4.0 + 8.0 * (i as f64 + 0.5) / n as f64;
        let offsets = [[0.0, 0.0], [h, 0.0], [-h, 0.0], [0.0, h], [0.0, -h]];
        let mut y = Array2::from_shape_fn((5 * n * n, 2), |(k, j)| {
            [at(k / 5 / n), at(k / 5 % n)][j] + offsets[k % 5][j]
        });
        let gained = super::carry(&fit.score, y.view_mut(), (last, first), crate::Task::silent()).unwrap();
        for k in (0..y.nrows()).step_by(5) {
            let side = |a: usize, j: usize| (y[[k + a, j]] - y[[k + a + 1, j]]) / (2.0 * h);
            let volume = (side(1, 0) * side(3, 1) - side(1, 1) * side(3, 0)).abs();
            // The differences see the steps' map, whose volumes are those of the flow up to their order: at
            // the worst of these points, on the corner of the grid, 3.0e-3, and 6.1e-5 with half the step.
            assert!((volume.ln() + gained[k]).abs() < 5e-3, "point {}: {volume} {}", k / 5, gained[k]);
        }
    }
}
