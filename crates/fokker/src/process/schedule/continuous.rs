//! Schedules whose rate is a formula.

use super::{Schedule, argument};
use crate::Result;
use crate::process::OrnsteinUhlenbeck;
use std::f64::consts::FRAC_PI_2;

/// Linear rate, `β(t) = β₀ + (β₁ − β₀) t/T`, so `B(t) = β₀ t + (β₁ − β₀) t²/(2T)`.
///
/// ```
/// use fokker::process::{Linear, Schedule};
/// let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
/// assert!((schedule.clock(1.0) - 5.025).abs() < 1e-15);
/// assert!((schedule.time_at(schedule.clock(0.3)) - 0.3).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    start: f64,
    end: f64,
    horizon: f64,
}

impl Linear {
    /// Rates at 0 and at the horizon, in this crate's convention.
    ///
    /// # Errors
    /// A rate that is negative or not finite, both rates zero, a horizon that is not positive.
    pub fn new(start: f64, end: f64, horizon: f64) -> Result<Self> {
        check_rates(start, end, horizon)?;
        Ok(Linear { start, end, horizon })
    }

    /// Song's convention: `β_min` and `β_max` of `dx = −½β x dt + √β dw`, twice our rates.
    ///
    /// # Errors
    /// As [`Linear::new`].
    pub fn song(beta_min: f64, beta_max: f64, horizon: f64) -> Result<Self> {
        Linear::new(0.5 * beta_min, 0.5 * beta_max, horizon)
    }

    /// The same rate at all times.
    ///
    /// # Errors
    /// As [`Linear::new`].
    pub fn constant(rate: f64, horizon: f64) -> Result<Self> {
        Linear::new(rate, rate, horizon)
    }
}

impl Schedule for Linear {
    fn rate(&self, t: f64) -> f64 {
        self.start + (self.end - self.start) * t / self.horizon
    }

    fn clock(&self, t: f64) -> f64 {
        t * (self.start + 0.5 * (self.end - self.start) * t / self.horizon)
    }

    fn horizon(&self) -> f64 {
        self.horizon
    }

    fn time_at(&self, clock: f64) -> f64 {
        // The root of the quadratic in the form that does not cancel when the slope is small.
        let slope = (self.end - self.start) / self.horizon;
        let root = (self.start * self.start + 2.0 * slope * clock).max(0.0).sqrt();
        if clock <= 0.0 { 0.0 } else { (2.0 * clock / (self.start + root)).min(self.horizon) }
    }
}

/// Rate linear in its square root, `β(t) = (√β₀ + (√β₁ − √β₀) t/T)²`, as in latent diffusion.
///
/// The discrete Stable Diffusion schedule with 1000 betas from 0.00085 to 0.012 is close to
/// `ScaledLinear::new(0.425, 6.0, 1.0)`: 1000 betas, halved by the convention.
///
/// ```
/// use fokker::process::{ScaledLinear, Schedule};
/// let schedule = ScaledLinear::new(1.0, 4.0, 1.0).unwrap();
/// assert!((schedule.clock(1.0) - 7.0 / 3.0).abs() < 1e-15); // ∫(1 + t)² = 7/3
/// assert!((schedule.time_at(schedule.clock(0.3)) - 0.3).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledLinear {
    root_start: f64,
    root_end: f64,
    horizon: f64,
}

impl ScaledLinear {
    /// Rates at 0 and at the horizon, in this crate's convention.
    ///
    /// # Errors
    /// A rate that is negative or not finite, both rates zero, a horizon that is not positive.
    pub fn new(start: f64, end: f64, horizon: f64) -> Result<Self> {
        check_rates(start, end, horizon)?;
        Ok(ScaledLinear { root_start: start.sqrt(), root_end: end.sqrt(), horizon })
    }
}

impl Schedule for ScaledLinear {
    fn rate(&self, t: f64) -> f64 {
        (self.root_start + (self.root_end - self.root_start) * t / self.horizon).powi(2)
    }

    fn clock(&self, t: f64) -> f64 {
        let root = self.root_start + (self.root_end - self.root_start) * t / self.horizon;
        // (b³ − a³)/(b − a) = a² + ab + b², which holds for b = a too.
        t * (self.root_start.powi(2) + self.root_start * root + root * root) / 3.0
    }

    fn horizon(&self) -> f64 {
        self.horizon
    }

    fn time_at(&self, clock: f64) -> f64 {
        if clock <= 0.0 {
            return 0.0;
        }
        let slope = (self.root_end - self.root_start) / self.horizon;
        let root = (self.root_start.powi(3) + 3.0 * slope * clock).max(0.0).cbrt();
        let mean_square = (self.root_start.powi(2) + self.root_start * root + root * root) / 3.0;
        (clock / mean_square).min(self.horizon)
    }
}

/// Squared cosine, `α_t² = cos²φ(t)/cos²φ(0)` with `φ(t) = (t + s)/(1 + s) · π/2`, s = 0.008
/// [Nichol and Dhariwal 2021, eq. 17].
///
/// All signal is gone at t = 1, where the clock is infinite, so the horizon must stay below 1;
/// the usual 0.9946 leaves a noise-over-signal ratio of 120 [DPM-Solver, appendix D].
///
/// ```
/// use fokker::process::{Schedule, SquaredCosine};
/// let schedule = SquaredCosine::new(0.9946).unwrap();
/// assert!(schedule.clock(0.0) == 0.0);
/// assert!((schedule.time_at(schedule.clock(0.3)) - 0.3).abs() < 1e-14);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredCosine {
    horizon: f64,
}

impl SquaredCosine {
    pub(crate) const OFFSET: f64 = 0.008;
    /// The horizon used when none is given.
    pub const HORIZON: f64 = 0.9946;

    /// The schedule up to `horizon` < 1.
    ///
    /// # Errors
    /// A horizon outside (0, 1).
    pub fn new(horizon: f64) -> Result<Self> {
        if horizon > 0.0 && horizon < 1.0 {
            Ok(SquaredCosine { horizon })
        } else {
            Err(argument("horizon", "between 0 and 1 for the squared-cosine schedule", horizon))
        }
    }

    fn phase(t: f64) -> f64 {
        (t + Self::OFFSET) / (1.0 + Self::OFFSET) * FRAC_PI_2
    }
}

impl Schedule for SquaredCosine {
    fn rate(&self, t: f64) -> f64 {
        Self::phase(t).tan() * FRAC_PI_2 / (1.0 + Self::OFFSET)
    }

    fn clock(&self, t: f64) -> f64 {
        // −log(cos φ/cos φ₀) with the difference of cosines as a product of sines: exact near 0.
        let (first, phase) = (Self::phase(0.0), Self::phase(t));
        let difference = -2.0 * (0.5 * (phase + first)).sin() * (0.5 * (phase - first)).sin();
        -(difference / first.cos()).ln_1p()
    }

    fn horizon(&self) -> f64 {
        self.horizon
    }

    fn time_at(&self, clock: f64) -> f64 {
        if clock <= 0.0 {
            return 0.0;
        }
        // 2 sin²(φ/2) = 1 − cos φ = (1 − cos φ₀) + cos φ₀ (1 − e^{−B})
        let first = Self::phase(0.0);
        let versine = 2.0 * (0.5 * first).sin().powi(2) - first.cos() * (-clock).exp_m1();
        let phase = 2.0 * (0.5 * versine).sqrt().min(1.0).asin();
        ((phase - first) * (1.0 + Self::OFFSET) / FRAC_PI_2).clamp(0.0, self.horizon)
    }
}

/// The clock in which noise over signal is the time itself, σ/α = t: EDM's parametrisation.
///
/// `B(t) = ½ log(1 + t²)`, `β(t) = t/(1 + t²)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceExploding {
    horizon: f64,
}

impl VarianceExploding {
    /// Noise up to `sigma_max`, which is the horizon.
    ///
    /// # Errors
    /// `sigma_max` not positive and finite.
    pub fn new(sigma_max: f64) -> Result<Self> {
        if sigma_max > 0.0 && sigma_max.is_finite() {
            Ok(VarianceExploding { horizon: sigma_max })
        } else {
            Err(argument("sigma_max", "positive and finite", sigma_max))
        }
    }
}

impl Schedule for VarianceExploding {
    fn rate(&self, t: f64) -> f64 {
        t / (1.0 + t * t)
    }

    fn clock(&self, t: f64) -> f64 {
        OrnsteinUhlenbeck::clock_at_noise_ratio(t)
    }

    fn horizon(&self) -> f64 {
        self.horizon
    }

    fn time_at(&self, clock: f64) -> f64 {
        if clock <= 0.0 { 0.0 } else { OrnsteinUhlenbeck::noise_ratio(clock).min(self.horizon) }
    }
}

fn check_rates(start: f64, end: f64, horizon: f64) -> Result<()> {
    for (name, rate) in [("rate at time 0", start), ("rate at the horizon", end)] {
        if !(rate >= 0.0 && rate.is_finite()) {
            return Err(argument(name, "non-negative and finite", rate));
        }
    }
    if start == 0.0 && end == 0.0 {
        return Err(argument("rate", "positive somewhere", 0.0));
    }
    if !(horizon > 0.0 && horizon.is_finite()) {
        return Err(argument("horizon", "positive and finite", horizon));
    }
    Ok(())
}
