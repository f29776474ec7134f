//! The reference process that adds noise: Ornstein–Uhlenbeck at unit rate.

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
