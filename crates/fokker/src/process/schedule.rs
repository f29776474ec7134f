//! Noise schedules: clocks `τ = B(t) = ∫₀ᵗ β` of the reference process.

use super::OrnsteinUhlenbeck;
use crate::{Error, Result};
use std::f64::consts::FRAC_PI_2;
use std::fmt::Debug;

/// A noise schedule: the rate β(t) and its integral, the clock B(t), on `[0, horizon]`.
///
/// The process is `dx = −β x dt + √(2β) dw`. Song et al. write `−½β x dt + √β dw`, so their β is
/// twice ours: see [`Linear::song`].
pub trait Schedule: Debug + Send + Sync {
    /// Rate β(t) > 0.
    fn rate(&self, t: f64) -> f64;

    /// Clock B(t) = ∫₀ᵗ β, increasing from B(0) = 0.
    fn clock(&self, t: f64) -> f64;

    /// Last time T.
    fn horizon(&self) -> f64;

    /// Time at which the clock reads `clock`: the inverse of [`Schedule::clock`].
    ///
    /// Provided by Newton's method kept inside a shrinking bracket, to a few units in the last
    /// place; schedules with a closed form override it. Values outside `[0, B(T)]` give the
    /// nearest end.
    fn time_at(&self, clock: f64) -> f64 {
        invert_clock(self, clock)
    }
}

/// Newton's method for B(t) = clock, falling back to bisection when a step leaves the bracket.
fn invert_clock<S: Schedule + ?Sized>(schedule: &S, clock: f64) -> f64 {
    let (mut low, mut high) = (0.0, schedule.horizon());
    if clock <= 0.0 {
        return low;
    }
    if clock >= schedule.clock(high) {
        return high;
    }
    let mut t = 0.5 * (low + high);
    // Bisection alone would need about 1100 halvings to reach the smallest number; Newton
    // converges quadratically once it is close, so the bound is never reached in practice.
    for _ in 0..2000 {
        let excess = schedule.clock(t) - clock;
        if excess > 0.0 {
            high = t
        } else {
            low = t
        }
        let newton = t - excess / schedule.rate(t);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - t).abs() <= 2.0 * f64::EPSILON * t {
            return next;
        }
        t = next;
    }
    t
}

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

/// Discrete betas of a DDPM, `B(k) = −½ Σ_{j<k} log(1 − β_j)` at t = k and linear between.
///
/// Time counts betas: t = k is after the first k of them, so a sampler's "timestep" k, whose
/// ᾱ has k + 1 factors, is t = k + 1 here. The horizon is their number.
///
/// ```
/// use fokker::process::{DiscreteBetas, OrnsteinUhlenbeck, Schedule};
/// let schedule = DiscreteBetas::new(&[0.1, 0.2]).unwrap();
/// let alpha_bar = OrnsteinUhlenbeck::alpha(schedule.clock(2.0)).powi(2);
/// assert!((alpha_bar - 0.9 * 0.8).abs() < 1e-15);
/// assert!((schedule.time_at(schedule.clock(1.3)) - 1.3).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteBetas {
    /// B(0), …, B(K).
    clocks: Vec<f64>,
}

impl DiscreteBetas {
    /// The schedule of the given betas, each in (0, 1).
    ///
    /// # Errors
    /// No betas, or one outside (0, 1): a beta of 1 destroys all signal and its clock is infinite.
    pub fn new(betas: &[f64]) -> Result<Self> {
        if betas.is_empty() {
            return Err(Error::Empty { name: "betas" });
        }
        let mut clocks = vec![0.0];
        let mut clock = 0.0;
        for (i, &beta) in betas.iter().enumerate() {
            if !(beta > 0.0 && beta < 1.0) {
                let requirement = "between 0 and 1, both excluded";
                return Err(Error::Entry { name: "betas", requirement, index: vec![i], found: beta });
            }
            clock -= 0.5 * (-beta).ln_1p();
            clocks.push(clock);
        }
        Ok(DiscreteBetas { clocks })
    }

    /// The interval (k, k + 1] of a time, its end belonging to it: a step down from t = k + 1
    /// goes through that interval.
    fn interval(&self, t: f64) -> usize {
        (t.ceil() as usize).clamp(1, self.clocks.len() - 1) - 1
    }
}

impl Schedule for DiscreteBetas {
    fn rate(&self, t: f64) -> f64 {
        let k = self.interval(t);
        self.clocks[k + 1] - self.clocks[k]
    }

    fn clock(&self, t: f64) -> f64 {
        let k = self.interval(t);
        self.clocks[k] + (t - k as f64) * (self.clocks[k + 1] - self.clocks[k])
    }

    fn horizon(&self) -> f64 {
        (self.clocks.len() - 1) as f64
    }

    fn time_at(&self, clock: f64) -> f64 {
        let last = self.clocks.len() - 1;
        let k = self.clocks.partition_point(|&c| c < clock).clamp(1, last) - 1;
        let within = (clock - self.clocks[k]) / (self.clocks[k + 1] - self.clocks[k]);
        k as f64 + within.clamp(0.0, 1.0)
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

/// Reads a schedule as it is written on the command line and in Python.
///
/// ```text
/// linear:β₀:β₁[:T]   song:β_min:β_max[:T]   scaled-linear:β₀:β₁[:T]   constant:β[:T]   (T = 1)
/// cosine[:T]  (T = 0.9946)                  edm[:σ_max]  (σ_max = 80)
/// ```
///
/// # Errors
/// An unknown name, a wrong number of values, a value that is no number or out of its domain.
///
/// ```
/// let schedule = fokker::process::parse_schedule("song:0.1:20").unwrap();
/// assert!((schedule.rate(1.0) - 10.0).abs() < 1e-15);
/// ```
pub fn parse_schedule(text: &str) -> Result<Box<dyn Schedule>> {
    let mut parts = text.split(':');
    let name = parts.next().unwrap_or_default();
    let values = parts.map(str::parse).collect::<std::result::Result<Vec<f64>, _>>();
    let values = values.map_err(|_| unknown_schedule(text))?;
    Ok(match (name, values.as_slice()) {
        ("linear", &[start, end]) => Box::new(Linear::new(start, end, 1.0)?),
        ("linear", &[start, end, horizon]) => Box::new(Linear::new(start, end, horizon)?),
        ("song", &[min, max]) => Box::new(Linear::song(min, max, 1.0)?),
        ("song", &[min, max, horizon]) => Box::new(Linear::song(min, max, horizon)?),
        ("scaled-linear", &[start, end]) => Box::new(ScaledLinear::new(start, end, 1.0)?),
        ("scaled-linear", &[start, end, horizon]) => Box::new(ScaledLinear::new(start, end, horizon)?),
        ("constant", &[rate]) => Box::new(Linear::constant(rate, 1.0)?),
        ("constant", &[rate, horizon]) => Box::new(Linear::constant(rate, horizon)?),
        ("cosine", &[]) => Box::new(SquaredCosine::new(SquaredCosine::HORIZON)?),
        ("cosine", &[horizon]) => Box::new(SquaredCosine::new(horizon)?),
        ("edm", &[]) => Box::new(VarianceExploding::new(80.0)?),
        ("edm", &[sigma_max]) => Box::new(VarianceExploding::new(sigma_max)?),
        _ => return Err(unknown_schedule(text)),
    })
}

fn unknown_schedule(text: &str) -> Error {
    Error::Name {
        what: "schedule",
        found: text.to_owned(),
        known: "linear:β0:β1[:T], song:βmin:βmax[:T], scaled-linear:β0:β1[:T], constant:β[:T], cosine[:T], edm[:σmax]"
            .to_owned(),
    }
}

fn argument(name: &'static str, requirement: &str, found: f64) -> Error {
    Error::Argument { name, requirement: requirement.to_owned(), found }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn schedules() -> Vec<Box<dyn Schedule>> {
        let betas: Vec<f64> = (0..50).map(|k| 1e-4 + 4e-4 * k as f64).collect();
        let mut all: Vec<Box<dyn Schedule>> = vec![Box::new(DiscreteBetas::new(&betas).unwrap())];
        for text in [
            "linear:0.05:10",
            "linear:0:3:2",
            "linear:5:0.1",
            "song:0.1:20",
            "scaled-linear:0.4:6",
            "constant:2:3",
        ] {
            all.push(parse_schedule(text).unwrap());
        }
        all.push(parse_schedule("cosine").unwrap());
        all.push(parse_schedule("edm").unwrap());
        all
    }

    #[test]
    fn the_clock_is_the_integral_of_the_rate() {
        for schedule in schedules() {
            // Midpoint rule on each unit interval of discrete betas, on 4000 intervals otherwise:
            // its error is h² max|β''| T/24 < 1e-5 of the clock for all of these.
            let horizon = schedule.horizon();
            let n = if horizon == 50.0 { 50 } else { 4000 };
            let h = horizon / n as f64;
            let integral: f64 = (0..n).map(|i| h * schedule.rate((i as f64 + 0.5) * h)).sum();
            let clock = schedule.clock(horizon);
            assert!((integral - clock).abs() < 2e-3 * clock, "{schedule:?}: {integral} and {clock}");
            assert_eq!(schedule.clock(0.0), 0.0);
        }
    }

    #[test]
    fn time_at_inverts_the_clock_in_closed_form_and_by_newton() {
        for schedule in schedules() {
            for i in 0..=60 {
                let t = schedule.horizon() * 10f64.powf(-0.1 * i as f64);
                for inverse in
                    [schedule.time_at(schedule.clock(t)), invert_clock(&*schedule, schedule.clock(t))]
                {
                    // The phase of the cosine is known to 1e-16, which is 1e-16/t of a small time.
                    assert!(
                        (inverse - t).abs() < 1e-14 * t + 1e-15 * schedule.horizon(),
                        "{schedule:?} at {t}: {inverse}"
                    );
                }
            }
            assert_eq!(schedule.time_at(0.0), 0.0);
            assert_eq!(invert_clock(&*schedule, 0.0), 0.0);
        }
    }

    #[test]
    fn bad_schedules_are_refused() {
        for text in [
            "linear:-1:2",
            "linear:0:0",
            "linear:1:2:0",
            "linear:1",
            "cosine:1",
            "cosine:x",
            "fast",
            "edm:0",
            "",
        ] {
            let error = parse_schedule(text).unwrap_err();
            assert!(error.is_input(), "{text}: {error}");
        }
        assert!(DiscreteBetas::new(&[0.1, 1.0]).unwrap_err().to_string().contains("index 1"));
        assert!(DiscreteBetas::new(&[]).is_err());
    }
}
