//! Schemes that evaluate the score once a step: each is three numbers.
//!
//! ```text
//! y ← a y + b s(t, y) + c z
//! ```

use super::{Limit, ReverseProcess, Scheme, State, Work};
use crate::process::{OrnsteinUhlenbeck as Ou, Step, Transition};
use crate::{Error, Result};
use ndarray::{Array2, Zip};

/// The factors a, b, c of the particle, its score and the noise.
struct Factors {
    particle: f64,
    score: f64,
    noise: f64,
}

fn apply(
    factors: Factors,
    process: &ReverseProcess,
    t: f64,
    noise: &[Array2<f64>],
    state: &mut State,
    work: &mut Work,
) -> Result<()> {
    let Factors { particle: a, score: b, noise: c } = factors;
    process.score.score_into(t, state.x.view(), work.score.view_mut())?;
    match noise {
        [] => Zip::from(&mut state.x).and(&work.score).for_each(|y, &s| *y = a * *y + b * s),
        [z, ..] => {
            Zip::from(&mut state.x).and(&work.score).and(z).for_each(|y, &s, &z| *y = a * *y + b * s + c * z)
        }
    }
    Ok(())
}

/// Clock that passes in a step, B_t − B_s.
fn clock_step(process: &ReverseProcess, step: &Step) -> f64 {
    process.schedule.clock(step.t) - process.schedule.clock(step.s)
}

/// Implements [`Scheme`] for a scheme given by its factors.
macro_rules! one_evaluation {
    ($(#[$doc:meta])* $type:ident, $name:literal, $limit:expr, $factors:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $type;

        impl Scheme for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn order(&self) -> u32 {
                1
            }

            fn limit(&self) -> Limit {
                $limit
            }

            fn step(
                &self,
                process: &ReverseProcess,
                step: &Step,
                noise: &[Array2<f64>],
                state: &mut State,
                work: &mut Work,
            ) -> Result<()> {
                let factors: fn(&ReverseProcess, &Step) -> Result<Factors> = $factors;
                apply(factors(process, step)?, process, step.t, noise, state, work)
            }
        }
    };
}

one_evaluation! {
    /// Euler–Maruyama for the reverse SDE in t.
    ///
    /// ```text
    /// y ← y + Δβ_t (κy + 2 s(t, y)) + √(2Δβ_t) z          Δ = t − s,  κ = 1 for Ornstein–Uhlenbeck
    /// ```
    /// [Pierret and Galerne 2025, table 1]
    EulerMaruyama, "em", Limit::Sde, |process, step| {
        let b = step.length() * process.schedule.rate(step.t);
        Ok(Factors { particle: 1.0 + process.reference.pull() * b, score: 2.0 * b, noise: (2.0 * b).sqrt() })
    }
}

one_evaluation! {
    /// Exponential integrator for the reverse SDE, the score frozen over the step.
    ///
    /// ```text
    /// y ← y + γ₁ (y + 2 s(t, y)) + √(2γ₂) z      γ₁ = e^{B_t − B_s} − 1,  γ₂ = (e^{2(B_t − B_s)} − 1)/2
    /// ```
    /// [Pierret and Galerne 2025, table 1]
    ExponentialIntegrator, "ei", Limit::Sde, |process, step| {
        process.require_ornstein_uhlenbeck("ei")?;
        let h = clock_step(process, step);
        let growth = h.exp_m1();
        Ok(Factors { particle: 1.0 + growth, score: 2.0 * growth, noise: (2.0 * h).exp_m1().sqrt() })
    }
}

one_evaluation! {
    /// Step of the reference on the score relative to its law π, ∇g = s + κy, frozen over the step.
    ///
    /// ```text
    /// y ← e^{−κh} y + 2(1 − e^{−κh})/κ ∇g(t, y) + √((1 − e^{−2κh})/κ) z          h = B_t − B_s
    /// ```
    /// Exact when the data law is π, where g = 0.
    RelativeExponentialIntegrator, "relative-ei", Limit::Sde, |process, step| {
        let Transition { decay, gain, variance } = process.reference.transition(clock_step(process, step));
        let particle = decay + process.reference.pull() * (2.0 * gain);
        Ok(Factors { particle, score: 2.0 * gain, noise: variance.sqrt() })
    }
}

one_evaluation! {
    /// Ancestral sampling of DDPM with β_k = 2Δβ_t, noise in the last step too.
    ///
    /// ```text
    /// y ← (y + b s(t, y))/√a + √b z          b = 2Δβ_t,  a = 1 − b
    /// ```
    /// Not defined for b ≥ 1, a step that would destroy more than all signal
    /// [Ho, Jain, Abbeel 2020, algorithm 2].
    Ddpm, "ddpm", Limit::Sde, |process, step| {
        process.require_ornstein_uhlenbeck("ddpm")?;
        let b = 2.0 * step.length() * process.schedule.rate(step.t);
        if b >= 1.0 {
            return Err(Error::Undefined {
                what: "a step",
                reason: format!("2Δβ = {b:.3} ≥ 1 from t = {:.4} to {:.4}", step.t, step.s),
                remedy: "use more steps where β is large, or ddpm-exact",
            });
        }
        Ok(ancestral(b))
    }
}

one_evaluation! {
    /// Ancestral sampling of DDPM with the exact signal loss of the step.
    ///
    /// ```text
    /// y ← (y + b s(t, y))/√a + √b z          a = e^{−2(B_t − B_s)},  b = 1 − a
    /// ```
    DdpmExact, "ddpm-exact", Limit::Sde, |process, step| {
        process.require_ornstein_uhlenbeck("ddpm-exact")?;
        Ok(ancestral(Ou::variance(clock_step(process, step))))
    }
}

one_evaluation! {
    /// Ancestral sampling with the variance of the posterior q(x_s | x_t, x_0), D in the place of x_0.
    ///
    /// ```text
    /// x ← D + (r_s²/r_t²) (x − D) + √(r_s² (r_t² − r_s²)/r_t²) z     x = y/α,  r = σ/α,  D = (y + σ_t² s(t, y))/α_t
    /// y ← (y + b s(t, y))/√a + √(b σ_s²/σ_t²) z                      the same: a = e^{−2(B_t − B_s)},  b = 1 − a
    /// ```
    /// No noise in a step to σ = 0. This is what `DDPMScheduler` (`fixed_small`), k-diffusion's
    /// Euler ancestral and DDIM with η = 1 do; [`DdpmExact`] has the larger variance b
    /// [Ho, Jain, Abbeel 2020, eq. 7; Song, Meng, Ermon 2021, eq. 16].
    Ancestral, "ancestral", Limit::Sde, |process, step| {
        process.require_ornstein_uhlenbeck("ancestral")?;
        let (from, to) = (process.schedule.clock(step.t), process.schedule.clock(step.s));
        let b = Ou::variance(from - to);
        Ok(Factors { noise: (b * (Ou::variance(to) / Ou::variance(from))).sqrt(), ..ancestral(b) })
    }
}

one_evaluation! {
    /// Euler for the probability-flow ODE in t.
    ///
    /// ```text
    /// y ← y + Δβ_t (κy + s(t, y))          Δ = t − s,  κ = 1 for Ornstein–Uhlenbeck
    /// ```
    /// [Pierret and Galerne 2025, table 1]
    Euler, "euler", Limit::Ode, |process, step| {
        let b = step.length() * process.schedule.rate(step.t);
        Ok(Factors { particle: 1.0 + process.reference.pull() * b, score: b, noise: 0.0 })
    }
}

one_evaluation! {
    /// DDIM without noise: Euler for the probability-flow ODE in σ/α, on y/α.
    ///
    /// ```text
    /// y ← α_s (y/α_t + (r_s − r_t) ε),     ε = −σ_t s(t, y),  r = σ/α
    /// ```
    /// [Song, Meng, Ermon 2021, eq. 12]
    Ddim, "ddim", Limit::Ode, |process, step| {
        process.require_ornstein_uhlenbeck("ddim")?;
        let (from, to) = (process.schedule.clock(step.t), process.schedule.clock(step.s));
        let score = Ou::alpha(to) * Ou::variance(from).sqrt() * (Ou::noise_ratio(from) - Ou::noise_ratio(to));
        Ok(Factors { particle: (from - to).exp(), score, noise: 0.0 })
    }
}

fn ancestral(b: f64) -> Factors {
    let root = (1.0 - b).sqrt();
    Factors { particle: 1.0 / root, score: b / root, noise: b.sqrt() }
}
