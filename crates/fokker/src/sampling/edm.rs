//! The schemes of EDM: Heun in σ/α on y/α, without and with churn.

use super::{Limit, ReverseProcess, Scheme, State, Work};
use crate::process::{OrnsteinUhlenbeck as Ou, Step};
use crate::{Error, Result};
use ndarray::{Array2, Zip};

/// Heun for the probability-flow ODE in r = σ/α, on x = y/α, with Euler for a step to r = 0.
///
/// ```text
/// k(r, x) = −r ∇log p_r(x) = −r_t α_t s(t, y)
/// x' = x + (r_s − r_t) k(r_t, x),     x ← x + (r_s − r_t) (k(r_t, x) + k(r_s, x'))/2
/// ```
/// [Karras et al. 2022, algorithm 1]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdmHeun;

impl Scheme for EdmHeun {
    fn name(&self) -> &'static str {
        "edm-heun"
    }

    fn order(&self) -> u32 {
        2
    }

    fn limit(&self) -> Limit {
        Limit::Ode
    }

    fn evaluations(&self, step: &Step) -> usize {
        if step.s > 0.0 { 2 } else { 1 }
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        _noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> Result<()> {
        process.require_ornstein_uhlenbeck(self.name())?;
        heun_in_ratio(process, step.t, step.s, state, work)
    }
}

/// EDM's stochastic sampler: each step first adds noise, then does Heun from the raised level.
///
/// ```text
/// γ = min(S/N, √2 − 1),  r̂ = min((1 + γ) r_t, r_T),  x ← x + √(r̂² − r_t²) z,  then Heun from r̂ to r_s
/// ```
///
/// S is the total churn, shared out over the N steps of the grid; noise of unit scale is added
/// at all levels, but never beyond the horizon r_T, where the process ends. Small steps approach
/// the probability-flow ODE with a finite amount of churn, which only damps the error of the
/// start: the initialisation error reported for the ODE is an upper bound
/// [Karras et al. 2022, algorithm 2, with S_noise = 1, S_min = 0, S_max = ∞].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdmChurn {
    churn: f64,
}

impl EdmChurn {
    /// Total churn S ≥ 0.
    ///
    /// # Errors
    /// A churn that is negative or not finite.
    pub fn new(churn: f64) -> Result<Self> {
        if churn >= 0.0 && churn.is_finite() {
            Ok(EdmChurn { churn })
        } else {
            Err(Error::Argument {
                name: "churn",
                requirement: "non-negative and finite".into(),
                found: churn,
            })
        }
    }
}

impl Default for EdmChurn {
    /// S = 30, EDM's setting for CIFAR-10 with the variance-preserving network.
    fn default() -> Self {
        EdmChurn { churn: 30.0 }
    }
}

impl Scheme for EdmChurn {
    fn name(&self) -> &'static str {
        "edm-churn"
    }

    fn order(&self) -> u32 {
        2
    }

    fn limit(&self) -> Limit {
        Limit::Ode
    }

    fn noises(&self) -> usize {
        1
    }

    fn evaluations(&self, step: &Step) -> usize {
        EdmHeun.evaluations(step)
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> Result<()> {
        process.require_ornstein_uhlenbeck(self.name())?;
        let schedule = process.schedule;
        let clock = schedule.clock(step.t);
        let ratio = Ou::noise_ratio(clock);
        let gamma = (self.churn / step.steps as f64).min(2f64.sqrt() - 1.0);
        let raised = schedule.time_at(Ou::clock_at_noise_ratio((1.0 + gamma) * ratio)).max(step.t);
        let raised_clock = schedule.clock(raised);
        let added = (Ou::noise_ratio(raised_clock).powi(2) - ratio * ratio).max(0.0).sqrt();
        // On y = α x the signal shrinks with the clock and the noise is scaled by the new α.
        let (shrink, scale) = ((clock - raised_clock).exp(), Ou::alpha(raised_clock) * added);
        Zip::from(&mut state.x).and(&noise[0]).for_each(|y, &z| *y = shrink * *y + scale * z);
        heun_in_ratio(process, raised, step.s, state, work)
    }
}

/// One step of Heun in r = σ/α from time `t` to `s`.
fn heun_in_ratio(process: &ReverseProcess, t: f64, s: f64, state: &mut State, work: &mut Work) -> Result<()> {
    let (from, to) = (process.schedule.clock(t), process.schedule.clock(s));
    let (r_from, r_to) = (Ou::noise_ratio(from), Ou::noise_ratio(to));
    let (a_from, a_to) = (Ou::alpha(from), Ou::alpha(to));
    // On y = α x: x' = x − (r_s − r_t) r_t α_t s(t, y), and the factor a_to/a_from keeps its digits.
    let keep = (from - to).exp();
    let slope = a_to * (r_from - r_to) * r_from * a_from;
    process.score.score_into(t, state.x.view(), work.score.view_mut())?;
    if r_to == 0.0 {
        Zip::from(&mut state.x).and(&work.score).for_each(|y, &k| *y = keep * *y + slope * k);
        return Ok(());
    }
    Zip::from(&mut work.stage).and(&mut work.sum).and(&state.x).and(&work.score).for_each(
        |p, sum, &y, &k| {
            *p = keep * y + slope * k;
            *sum = slope * k;
        },
    );
    process.score.score_into(s, work.stage.view(), work.score.view_mut())?;
    let end_slope = a_to * (r_from - r_to) * r_to * a_to;
    Zip::from(&mut state.x)
        .and(&work.sum)
        .and(&work.score)
        .for_each(|y, &first, &k| *y = keep * *y + 0.5 * (first + end_slope * k));
    Ok(())
}
