//! Exact solutions of the reverse SDE and the probability-flow ODE [Pierret and Galerne 2025, prop. 2, 3].

use super::probe::Propagation;
use crate::process::{OrnsteinUhlenbeck as Ou, Schedule};
use crate::sampling::Limit;
use crate::statistics::Gaussian;
use ndarray::Zip;

/// The continuous process with the score of the diagonal law, from time `from` down to `to`.
///
/// ```text
/// SDE   g = e^{−D} λ_s/λ_t    o = α_s m (1 − e^{−2D})/λ_t     v = λ_s (1 − e^{−2D})/λ_t     D = B_t − B_s
/// ODE   g = √(λ_s/λ_t)        o = (α_s − g α_t) m             v = 0
/// ```
///
/// The forms follow from λ_t = e^{−2D} λ_s + 1 − e^{−2D}; they do not cancel.
pub(super) fn propagate(
    limit: Limit,
    score: &Gaussian,
    schedule: &dyn Schedule,
    from: f64,
    to: f64,
) -> Propagation {
    let (start, end) = (schedule.clock(from), schedule.clock(to));
    let passed = start - end;
    let (fresh, decay) = (Ou::variance(passed), (-passed).exp());
    let mut out = Propagation::identity(score.dim());
    Zip::from(&mut out.gain)
        .and(&mut out.offset)
        .and(&mut out.variance)
        .and(score.values())
        .and(score.mean())
        .for_each(|gain, offset, variance, &value, &mean| {
            let before = marginal_variance(value, start);
            let after = marginal_variance(value, end);
            match limit {
                Limit::Sde => {
                    *gain = decay * after / before;
                    *offset = Ou::alpha(end) * mean * fresh / before;
                    *variance = after * fresh / before;
                }
                Limit::Ode => {
                    *gain = (after / before).sqrt();
                    *offset = (Ou::alpha(end) - *gain * Ou::alpha(start)) * mean;
                }
            }
        });
    out
}

/// Eigenvalue of Σ_t, `λ_t = e^{−2τ} λ + 1 − e^{−2τ}`.
pub(super) fn marginal_variance(value: f64, clock: f64) -> f64 {
    (-2.0 * clock).exp() * value + Ou::variance(clock)
}
