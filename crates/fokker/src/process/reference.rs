//! The reference processes that add noise, at unit rate.

use ndarray::ArrayViewMut2;
use std::f64::consts::{PI, SQRT_2};
use std::fmt::Debug;

/// A process `dX = −∇V(X) dτ + √2 dW` whose stationary law π ∝ e^{−V} is what sampling starts from.
///
/// Coordinates are independent and alike, so a reference has no dimension of its own. Its drift is
/// linear, −∇V(x) = −κx: κ = 1 for Ornstein–Uhlenbeck, 0 for reflected Brownian motion.
///
/// ```
/// use fokker::process::{OrnsteinUhlenbeck, Reference, ReflectedBrownian};
/// assert_eq!((OrnsteinUhlenbeck.pull(), ReflectedBrownian.pull()), (1.0, 0.0));
/// let mut x = ndarray::array![[-0.5, 4.0]];
/// ReflectedBrownian.confine(x.view_mut());
/// assert!((x[[0, 0]] - 0.5).abs() < 1e-15 && (x[[0, 1]] - (2.0 * std::f64::consts::PI - 4.0)).abs() < 1e-15);
/// ```
pub trait Reference: Debug + Send + Sync {
    /// Name in reports.
    fn name(&self) -> &'static str;

    /// κ of the drift −∇V(x) = −κx.
    fn pull(&self) -> f64;

    /// `log π(x)` of one coordinate.
    fn log_density(&self, x: f64) -> f64;

    /// Turns standard normals into draws from π.
    fn stationary_from_normal(&self, z: ArrayViewMut2<f64>);

    /// Brings points that left the domain back into it, by reflection.
    fn confine(&self, x: ArrayViewMut2<f64>);

    /// What the process does in a clock interval `h`, away from walls.
    fn transition(&self, h: f64) -> Transition {
        let pull = self.pull();
        if pull == 0.0 {
            return Transition { decay: 1.0, gain: h, variance: 2.0 * h };
        }
        Transition {
            decay: (-pull * h).exp(),
            gain: -(-pull * h).exp_m1() / pull,
            variance: -(-2.0 * pull * h).exp_m1() / pull,
        }
    }

    /// Whether signal and noise scales α, σ are defined: only for Ornstein–Uhlenbeck.
    fn is_ornstein_uhlenbeck(&self) -> bool {
        false
    }
}

/// The law of `X_h` given `X_0 = x` and a constant force f: `N(decay x + gain f, variance)`.
///
/// ```text
/// decay = e^{−κh},   gain = (1 − e^{−κh})/κ,   variance = (1 − e^{−2κh})/κ          limits 1, h, 2h at κ = 0
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Factor of the start.
    pub decay: f64,
    /// Factor of a constant force.
    pub gain: f64,
    /// Variance of the noise.
    pub variance: f64,
}

impl Reference for OrnsteinUhlenbeck {
    fn name(&self) -> &'static str {
        "Ornstein-Uhlenbeck"
    }

    fn pull(&self) -> f64 {
        1.0
    }

    fn log_density(&self, x: f64) -> f64 {
        -0.5 * (x * x + (2.0 * PI).ln())
    }

    fn stationary_from_normal(&self, _z: ArrayViewMut2<f64>) {}

    fn confine(&self, _x: ArrayViewMut2<f64>) {}

    fn is_ornstein_uhlenbeck(&self) -> bool {
        true
    }
}

/// Brownian motion `dX = √2 dW` reflected at the walls of [0, π]^d, stationary law uniform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReflectedBrownian;

impl Reference for ReflectedBrownian {
    fn name(&self) -> &'static str {
        "reflected Brownian motion"
    }

    fn pull(&self) -> f64 {
        0.0
    }

    fn log_density(&self, x: f64) -> f64 {
        if (0.0..=PI).contains(&x) { -PI.ln() } else { f64::NEG_INFINITY }
    }

    fn stationary_from_normal(&self, mut z: ArrayViewMut2<f64>) {
        z.mapv_inplace(|z| PI * normal_distribution(z));
    }

    fn confine(&self, mut x: ArrayViewMut2<f64>) {
        x.mapv_inplace(|x| {
            if (0.0..=PI).contains(&x) {
                return x;
            }
            let turn = x.rem_euclid(2.0 * PI);
            if turn > PI { 2.0 * PI - turn } else { turn }
        });
    }
}

/// Distribution function of N(0, 1).
///
/// ```text
/// |x| < 3.5    ½ + φ(x) (x + x³/3 + x⁵/15 + …)          beyond    φ(x)/(x + 1/(x + 2/(x + 3/…)))
/// ```
/// Errors below 1e-14.
pub(crate) fn normal_distribution(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (SQRT_2 * PI.sqrt());
    let size = x.abs();
    let upper = if size < 3.5 {
        let (mut term, mut sum, mut k) = (size, size, 1.0);
        while term > 1e-17 * sum {
            k += 2.0;
            term *= size * size / k;
            sum += term;
        }
        0.5 - density * sum
    } else {
        let fraction = (1..=40).rev().fold(0.0, |tail, k| k as f64 / (size + tail));
        density / (size + fraction)
    };
    if x < 0.0 { upper } else { 1.0 - upper }
}

/// The Ornstein–Uhlenbeck process `dX = −X dτ + √2 dW`, stationary law N(0, I).
///
/// Its functions take the clock τ = B(t), not the time t. Each is computed without cancellation
/// at small τ, where the last steps of a sampler live.
///
/// ```
/// use fokker::process::OrnsteinUhlenbeck as Ou;
/// let clock = 0.5 * 2f64.ln(); // e^{−2τ} = 1/2: as much signal as noise
/// assert!((Ou::alpha(clock).powi(2) - 0.5).abs() < 1e-15);
/// assert!((Ou::noise_ratio(clock) - 1.0).abs() < 1e-15);
/// assert!(Ou::log_snr(clock).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrnsteinUhlenbeck;

impl OrnsteinUhlenbeck {
    /// Scale of the signal, `α = e^{−τ}`.
    pub fn alpha(clock: f64) -> f64 {
        (-clock).exp()
    }

    /// Variance of the noise, `σ² = 1 − e^{−2τ}`.
    pub fn variance(clock: f64) -> f64 {
        -(-2.0 * clock).exp_m1()
    }

    /// Noise over signal, `σ/α = √(e^{2τ} − 1)`: EDM's σ, the `sigmas` of grids and exports.
    pub fn noise_ratio(clock: f64) -> f64 {
        (2.0 * clock).exp_m1().sqrt()
    }

    /// Clock at which noise over signal is `ratio`, `τ = ½ log(1 + ratio²)`.
    pub fn clock_at_noise_ratio(ratio: f64) -> f64 {
        // The square overflows from 1e154 on, where the 1 has long been lost.
        if ratio > 1e150 { ratio.ln() } else { 0.5 * (ratio * ratio).ln_1p() }
    }

    /// Logarithm of the signal-to-noise ratio, `log(α²/σ²) = −log(e^{2τ} − 1)`.
    pub fn log_snr(clock: f64) -> f64 {
        -(2.0 * clock).exp_m1().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_function() {
        for (x, value) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-2.0, 0.022_750_131_948_179_2),
            (3.6, 0.999_840_891_409_842_4),
            (-5.0, 2.866_515_718_791_939e-7),
        ] {
            assert!((normal_distribution(x) - value).abs() < 2e-15, "{x}: {}", normal_distribution(x));
        }
    }
}
