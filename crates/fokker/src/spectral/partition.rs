//! The normalising constant of the energy, from draws of the flow and of the energy itself.

use super::corrector::Corrector;
use super::draw::DrawOptions;
use super::fit::SpectralFit;
use super::flow;
use super::score::EigenScore;
use crate::score::Score;
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, ArrayView1, Axis, Zip, concatenate};
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
/// By how much an energy must be higher than any draw can explain, in nats.
const HIGHER: f64 = 1.0;
/// Times further below the mode that the highest draw may be than a Gaussian's: 2.6 on the chain of 16 sites.
const NARROWER: f64 = 3.0;
/// Nats below the highest draw at which a well outside the box is too shallow to matter.
const SHALLOW: f64 = 10.0;
/// Distance from the box beyond which a point is outside of it.
const OUTSIDE: f64 = 0.1;
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
/// Bennett's ratio otherwise. None where the error exceeds 0.1, or the energy has mass where no draw is: wells
/// without data ([`has_empty_wells`]), or more of it in the box of the features.
pub(super) fn partition(fit: &SpectralFit, draws: usize, task: Task) -> Result<Option<Partition>> {
    let (first, last) = fit.score.times();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut x = Array2::from_shape_simple_fn((draws, fit.frame.dim()), || StandardNormal.sample(&mut rng));
    fit.score.reference().stationary_from_normal(x.view_mut());
    let start: Array1<f64> = x.rows().into_iter().map(|x| flow::log_pi(&fit.score, x)).collect();
    let gained = flow::carry(&fit.score, x.view_mut(), (last, first), task)?;
    let from_flow = flow::energy(&fit.score, first, x.view()) - start - gained;

    let (low, high) = (&fit.frame.lower, &fit.frame.upper);
    let anywhere = Array2::from_shape_fn(x.dim(), |(_, i)| rng.random_range(low[i]..high[i]));
    if has_empty_wells(fit, &x, &anywhere)? {
        return Ok(None);
    }
    let volume: f64 = low.iter().zip(high).map(|(low, high)| (high - low).ln()).sum();
    let in_box = mean_of_exponentials(&(flow::energy(&fit.score, first, anywhere.view()) + volume));

    let corrector = Corrector { metropolis: Some(true), ..Default::default() };
    let (stop, seed) = (first, SEED + 1);
    let options = DrawOptions { particles: draws, stop, corrector, seed, ..Default::default() };
    let mut y = match fit.draw(&options, &fit.langevin(&corrector, stop)?, task) {
        Ok(particles) if particles.after.iter().all(|y| y.is_finite()) => particles.after,
        Ok(_) => return Ok(None),
        // A score that throws particles out of range has no law to normalise.
        Err(Error::Numerical { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let energy = flow::energy(&fit.score, first, y.view());
    let gained = flow::carry(&fit.score, y.view_mut(), (first, last), task)?;
    let end: Array1<f64> = y.rows().into_iter().map(|y| flow::log_pi(&fit.score, y)).collect();
    let found = bennett(from_flow, energy - end + gained);
    // In few dimensions points anywhere in the box see all mass; in many they see too little to object.
    Ok(found.filter(|z| in_box.log - z.log <= TRUSTED * in_box.error.hypot(z.error)))
}

/// Whether paths uphill, from the flow's draws `x` and from `anywhere` in the box of the features, lead to
/// energies that no data account for: there the polynomials rise again where no data are, in wells
/// whose mass no draw tells.
///
/// The mode of a law lies within the range of its data, and above the highest of 512 draws by half the square of
/// the closest, for a Gaussian about d/2 (1 − 2/(9d) − 2.9 √(2/(9d)))³ (Wilson and Hilferty's quantile).
fn has_empty_wells(fit: &SpectralFit, x: &Array2<f64>, anywhere: &Array2<f64>) -> Result<bool> {
    let first = fit.score.times().0;
    let drawn = flow::energy(&fit.score, first, x.view()).fold(f64::NEG_INFINITY, |most, e| most.max(*e));
    let mut ends = concatenate![Axis(0), *x, *anywhere];
    climb(&fit.score, &mut ends)?;
    let energies = flow::energy(&fit.score, first, ends.view());
    let beyond = |y: ArrayView1<f64>| {
        let mut box_ends = y.iter().zip(fit.frame.lower.iter().zip(&fit.frame.upper));
        box_ends.any(|(y, (low, high))| *y < low - OUTSIDE || *y > high + OUTSIDE)
    };
    let d = x.ncols() as f64;
    let spread = 2.0 / (9.0 * d);
    let closest = 0.5 * d * (1.0 - spread - 2.9 * spread.sqrt()).max(0.0).powi(3);
    Ok(ends.rows().into_iter().zip(&energies).any(|(y, &energy)| {
        energy > drawn + NARROWER * closest + HIGHER || energy > drawn - SHALLOW && beyond(y)
    }))
}

/// Leads points `[n, d]` uphill, by steps of each coordinate that grow while its slope keeps its sign
/// and shrink when it turns \[riedmiller1993\].
fn climb(score: &EigenScore, y: &mut Array2<f64>) -> Result<()> {
    let first = score.times().0;
    let mut steps: Array2<f64> = Array2::from_elem(y.dim(), 0.05);
    let mut last = Array2::<f64>::zeros(y.dim());
    let mut slope = Array2::zeros(y.dim());
    for _ in 0..CLIMB {
        score.score_into(first, y.view(), slope.view_mut())?;
        Zip::from(&mut *y).and(&mut steps).and(&slope).and(&mut last).for_each(|y, step, &slope, last| {
            *step = (*step * if slope * *last < 0.0 { 0.5 } else { 1.2 }).clamp(1e-6, 0.5);
            *y += *step * slope.signum();
            *last = slope;
        });
        score.reference().confine(y.view_mut());
    }
    Ok(())
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
    let one_sided = mean_of_exponentials(&from_flow);
    let effective = 1.0 / (1.0 + from_flow.len() as f64 * one_sided.error.powi(2));
    let beyond = one_sided.log - two_sided.log > TRUSTED * one_sided.error;
    let chosen = if effective >= ENOUGH || beyond { one_sided } else { two_sided };
    (chosen.error <= LARGEST_ERROR && chosen.log.is_finite()).then_some(chosen)
}

/// The logarithm of the mean of e^w, with its error.
fn mean_of_exponentials(w: &Array1<f64>) -> Partition {
    let largest = w.fold(f64::NEG_INFINITY, |most, w| most.max(*w));
    let shifted = w.mapv(|w| (w - largest).exp());
    Partition { log: largest + (shifted.sum() / w.len() as f64).ln(), error: relative_error(&shifted) }
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
        // By Bennett's equation alone: Σ f(c − w) = Σ f(w − c), here with the same w on both sides.
        let balance = |c: f64| half.iter().map(|w| 1.0 / (1.0 + (c - w).exp()) - 0.5).sum::<f64>();
        assert!(balance(-0.6) > 0.0 && balance(-0.4) < 0.0, "its root is half a nat too low");
        let found = bennett(half.clone(), half.clone()).unwrap();
        assert!(found.log.abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn laws_without_overlap_have_no_estimate() {
        let (forward, backward) = weights(12.0, 200, 0.0);
        assert_eq!(bennett(forward, backward), None);
        assert_eq!(bennett(Array1::from_elem(3, f64::NAN), Array1::from_elem(3, f64::NAN)), None);
    }
}
