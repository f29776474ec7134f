//! Log-density by the probability-flow ODE.

use super::score::{EigenScore, Extra};
use crate::{Error, Monitor, Result};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Points carried along together.
const BLOCK: usize = 64;

/// `log p_ε` of points `[n, d]` in the coordinates of the score, `[n]`.
///
/// ```text
/// dx/dt = −∇g_t(x),     log p_ε(x) = log π(x_T) + g_T(x_T) − ∫_ε^T Δg_t(x_t) dt
/// ```
///
/// Runge–Kutta of fourth order in log t, `steps` steps from ε to T. The divergence is the
/// closed form of the score, so the density is that of a flow and integrates to one
/// [Song et al. 2021, §4.3].
pub(super) fn log_density(
    score: &EigenScore,
    y: ArrayView2<f64>,
    (stop, end, steps): (f64, f64, usize),
    monitor: &dyn Monitor,
) -> Result<Array1<f64>> {
    let mut out = Array1::zeros(y.nrows());
    let h = (end / stop).ln() / steps as f64;
    // One set of coefficients for each stage time, shared by all points.
    let frozen: Vec<_> =
        (0..=2 * steps).map(|i| stop * (0.5 * h * i as f64).exp()).map(|t| (t, score.freeze(t))).collect();
    let blocks = y.nrows().div_ceil(BLOCK);
    let done = AtomicUsize::new(0);
    let carry = |(y, mut out): (ArrayView2<f64>, ndarray::ArrayViewMut1<f64>)| {
        let mut scratch = score.scratch();
        let mut x = y.to_owned();
        let zeros = || Array2::<f64>::zeros(x.dim());
        let (mut stage, mut k, mut sum) = (x.clone(), zeros(), zeros());
        let (mut lap, mut lap_sum) = (Array1::<f64>::zeros(x.nrows()), Array1::<f64>::zeros(x.nrows()));
        for step in 0..steps {
            sum.fill(0.0);
            lap_sum.fill(0.0);
            stage.assign(&x);
            for (at, weight, ahead) in [(0, 1.0, 0.5), (1, 2.0, 0.5), (1, 2.0, 1.0), (2, 1.0, 0.0)] {
                let (t, frozen) = &frozen[2 * step + at];
                let extra = Extra { laplacian: Some(lap.view_mut()), value: None };
                score.gradient_into(frozen, stage.view(), k.view_mut(), extra, &mut scratch);
                // d/d(log t) = t d/dt.
                sum.scaled_add(-weight * t, &k);
                lap_sum.scaled_add(weight * t, &lap);
                Zip::from(&mut stage).and(&x).and(&k).for_each(|p, &x, &k| *p = x - ahead * h * t * k);
            }
            x.scaled_add(h / 6.0, &sum);
            score.reference().confine(x.view_mut());
            out.scaled_add(-h / 6.0, &lap_sum);
        }
        let extra = Extra { laplacian: None, value: Some(lap.view_mut()) };
        score.gradient_into(&frozen[2 * steps].1, x.view(), k.view_mut(), extra, &mut scratch);
        let reference = score.reference();
        for (i, x) in x.rows().into_iter().enumerate() {
            out[i] += lap[i] + x.iter().map(|&x| reference.log_density(x)).sum::<f64>();
        }
        let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
        match monitor.progress("density", finished, blocks).is_break() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    };
    let parts: Vec<_> =
        y.axis_chunks_iter(Axis(0), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)).collect();
    parts.into_par_iter().try_for_each(carry)?;
    Ok(out)
}
