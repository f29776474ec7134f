//! The normalising constant of the energy, from draws of the flow and of the energy itself.

use super::corrector::Corrector;
use super::draw::DrawOptions;
use super::fit::SpectralFit;
use super::flow;
use super::score::EigenScore;
use crate::score::Score;
use crate::{Error, Monitor, Result};
use ndarray::{Array1, Array2, Zip};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Seed of the draws: a fit has one constant, the same at every run.
const SEED: u64 = 0x5eed;
/// Standard error beyond which a constant is none.
const LARGEST_ERROR: f64 = 0.1;
/// Share of effective draws from which the one-sided estimate needs no second side.
const ENOUGH: f64 = 0.5;
/// Steps uphill in search of wells.
const CLIMB: usize = 60;
/// By how much a well without draws must be higher, in nats, than all with draws.
const HIGHER: f64 = 1.0;
/// Standard errors by which the one-sided estimate may exceed the two-sided one.
const TRUSTED: f64 = 3.0;

/// The constant of the energy, `log Z = log ∫ π e^{g_ε}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// log Z, in the coordinates of the fit.
    pub log: f64,
    /// Its standard error.
    pub error: f64,
}

/// log Z from as many draws of the flow as of the energy.
///
/// ```text
/// w(x) = log π(x) + g_ε(x) − log q(x)           q: density of the flow from π, known for its draws
/// one-sided    Z = mean of e^w over x ~ q
/// two-sided    Σ_{x ~ q} 1/(1 + e^{c − w(x)}) = Σ_{y ~ π e^g} 1/(1 + e^{w(y) − c})     at c = log Z
/// ```
///
/// The one-sided mean is unbiased, but of heavy tails where the flow is thin; Bennett's acceptance ratio
/// \[bennett1976\] has none, but needs draws of the energy, here by the reverse SDE and
/// Metropolis-adjusted Langevin steps, and is too small where these do not mix. So the mean is
/// taken where half of its draws are effective, or where it is larger by three standard errors;
/// Bennett's ratio otherwise. None where the error exceeds 0.1, and where paths uphill from anywhere in
/// the box of the features end more than 1 nat higher than those from the flow's draws: there the
/// polynomials rise again where no data are, in a well whose mass no draw tells.
pub(super) fn partition(fit: &SpectralFit, draws: usize, monitor: &dyn Monitor) -> Result<Option<Partition>> {
    let (first, last) = fit.score.times();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut x = Array2::from_shape_simple_fn((draws, fit.frame.dim()), || StandardNormal.sample(&mut rng));
    fit.score.reference().stationary_from_normal(x.view_mut());
    let start: Array1<f64> = x.rows().into_iter().map(|x| flow::log_pi(&fit.score, x)).collect();
    let gained = flow::carry(&fit.score, x.view_mut(), (last, first), monitor)?;
    let from_flow = flow::energy(&fit.score, first, x.view()) - start - gained;

    let (low, high) = (&fit.frame.lower, &fit.frame.upper);
    let anywhere = Array2::from_shape_fn(x.dim(), |(_, i)| rng.random_range(low[i]..high[i]));
    if highest(&fit.score, x)? + HIGHER < highest(&fit.score, anywhere)? {
        return Ok(None);
    }

    let corrector = Corrector { metropolis: true, ..Default::default() };
    let options = DrawOptions { particles: draws, corrector, seed: SEED + 1, monitor, ..Default::default() };
    let mut y = match fit.draw(&options) {
        Ok((y, _)) => y,
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        // A score that throws particles out of range has no law to normalise.
        Err(_) => return Ok(None),
    };
    let energy = flow::energy(&fit.score, first, y.view());
    let gained = flow::carry(&fit.score, y.view_mut(), (first, last), monitor)?;
    let end: Array1<f64> = y.rows().into_iter().map(|y| flow::log_pi(&fit.score, y)).collect();
    Ok(bennett(from_flow, energy - end + gained))
}

/// The highest energy on paths uphill from points `[n, d]`, by steps of each coordinate that grow
/// while its slope keeps its sign and shrink when it turns \[riedmiller1993\].
fn highest(score: &EigenScore, mut y: Array2<f64>) -> Result<f64> {
    let first = score.times().0;
    let mut steps: Array2<f64> = Array2::from_elem(y.dim(), 0.05);
    let mut last = Array2::<f64>::zeros(y.dim());
    let mut slope = Array2::zeros(y.dim());
    for _ in 0..CLIMB {
        score.score_into(first, y.view(), slope.view_mut())?;
        Zip::from(&mut y).and(&mut steps).and(&slope).and(&mut last).for_each(|y, step, &slope, last| {
            *step = (*step * if slope * *last < 0.0 { 0.5 } else { 1.2 }).clamp(1e-6, 0.5);
            *y += *step * slope.signum();
            *last = slope;
        });
        score.reference().confine(y.view_mut());
    }
    Ok(flow::energy(score, first, y.view()).fold(f64::NEG_INFINITY, |most, e| most.max(*e)))
}

/// log Z from w of draws of q and w of draws of π e^g.
fn bennett(mut from_flow: Array1<f64>, mut from_energy: Array1<f64>) -> Option<Partition> {
    // A draw that went where q or the energy underflow says nothing about the other law.
    from_flow.mapv_inplace(|w| if w.is_nan() { f64::NEG_INFINITY } else { w });
    from_energy.mapv_inplace(|w| if w.is_nan() { f64::INFINITY } else { w });
    let acceptance = |c: f64| {
        let forward = from_flow.mapv(|w| 1.0 / (1.0 + (c - w).exp()));
        (forward, from_energy.mapv(|w| 1.0 / (1.0 + (w - c).exp())))
    };
    let finite = || from_flow.iter().chain(&from_energy).copied().filter(|w| w.is_finite());
    let (mut low, mut high) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return None;
    }
    // Bisection: what the flow's draws accept falls with c, what the others accept rises.
    for _ in 0..100 {
        let c = 0.5 * (low + high);
        let (forward, backward) = acceptance(c);
        *(if forward.sum() > backward.sum() { &mut low } else { &mut high }) = c;
    }
    let two_sided = {
        let (forward, backward) = acceptance(low);
        Partition { log: low, error: relative_error(&forward).hypot(relative_error(&backward)) }
    };
    let shifted = from_flow.mapv(|w| (w - low).exp());
    let one_sided = Partition { log: low + shifted.mean()?.ln(), error: relative_error(&shifted) };
    let effective = 1.0 / (1.0 + from_flow.len() as f64 * one_sided.error.powi(2));
    let beyond = one_sided.log - two_sided.log > TRUSTED * one_sided.error;
    let chosen = if effective >= ENOUGH || beyond { one_sided } else { two_sided };
    (chosen.error <= LARGEST_ERROR && chosen.log.is_finite()).then_some(chosen)
}

/// Standard error of the mean over the mean.
fn relative_error(x: &Array1<f64>) -> f64 {
    x.std(1.0) / x.sum().max(f64::MIN_POSITIVE) * (x.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normals of mean m: log π e^g − log q is linear in x, so both kinds of draws are of normals.
    fn weights(mean: f64, draws: usize, log_z: f64) -> (Array1<f64>, Array1<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut draw = |m: f64| -> Array1<f64> {
            Array1::from_shape_simple_fn(draws, || {
                let z: f64 = StandardNormal.sample(&mut rng);
                let x = m + z;
                // q = N(0, 1), π e^g = Z N(mean, 1).
                log_z + mean * x - 0.5 * mean * mean
            })
        };
        (draw(0.0), draw(mean))
    }

    #[test]
    fn normals_of_known_constant() {
        for mean in [0.0, 0.3, 1.0, 2.0] {
            let (forward, backward) = weights(mean, 2000, 5.0);
            let found = bennett(forward, backward).unwrap();
            assert!((found.log - 5.0).abs() < 4.0 * found.error + 1e-9, "{mean}: {found:?}");
            assert!(found.error < 0.1, "{mean}: {found:?}");
        }
    }

    #[test]
    fn draws_that_do_not_mix_are_caught() {
        // Two far wells with masses 0.9 and 0.1 by the energy; both kinds of draws find them half each.
        let w = |x: f64| if x < 0.0 { (0.9f64 / 0.5).ln() } else { (0.1f64 / 0.5).ln() };
        let half: Array1<f64> = (0..1000).map(|i| w(if i % 2 == 0 { -1.0 } else { 1.0 })).collect();
        let found = bennett(half.clone(), half).unwrap();
        assert!(found.log.abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn laws_without_overlap_have_no_estimate() {
        let (forward, backward) = weights(12.0, 200, 0.0);
        assert_eq!(bennett(forward, backward), None);
        assert_eq!(bennett(Array1::from_elem(3, f64::NAN), Array1::from_elem(3, f64::NAN)), None);
    }
}
