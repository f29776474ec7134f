//! Schemes that remember earlier steps.

use super::{Limit, ReverseProcess, Scheme, State, Work};
use crate::Result;
use crate::process::{OrnsteinUhlenbeck as Ou, Step};
use ndarray::{Array2, Zip};

/// DPM-Solver++(2M): second-order multi-step in log-SNR on the predicted data D.
///
/// ```text
/// D_t = (y + σ_t² s(t, y))/α_t,     ℓ = log(α/σ),  h = ℓ_s − ℓ_t,  r = (ℓ_t − ℓ_previous)/h
/// y ← (σ_s/σ_t) y + α_s (1 − e^{−h}) (D_t + (D_t − D_previous)/(2r))
/// ```
///
/// The first step and a step to σ = 0, where r vanishes, use D_t alone and are first order
/// [Lu et al. 2022, algorithm 2].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DpmPlusPlus2M;

impl Scheme for DpmPlusPlus2M {
    fn name(&self) -> &'static str {
        "dpmpp-2m"
    }

    fn order(&self) -> u32 {
        2
    }

    fn limit(&self) -> Limit {
        Limit::Ode
    }

    fn history(&self) -> usize {
        1
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
        let (from, to) = (process.schedule.clock(step.t), process.schedule.clock(step.s));
        let (growth, variance) = (from.exp(), Ou::variance(from)); // 1/α_t, σ_t²
        let ratio = |clock: f64| Ou::noise_ratio(clock);
        let before = step.previous.map(|previous| process.schedule.clock(previous));
        // 1/(2r) with ℓ = −log(σ/α); a step to σ = 0 has h = ∞ and no correction.
        let correction = match before {
            Some(before) if ratio(to) > 0.0 => {
                (ratio(from) / ratio(to)).ln() / (ratio(before) / ratio(from)).ln() / 2.0
            }
            _ => 0.0,
        };
        let kept = (Ou::variance(to) / variance).sqrt();
        // 1 − e^{−h} = 1 − (σ_s/α_s)/(σ_t/α_t)
        let gained = Ou::alpha(to) * (1.0 - ratio(to) / ratio(from));

        process.score.score_into(step.t, state.x.view(), work.score.view_mut())?;
        Zip::from(&mut state.x).and(&work.score).and(&mut state.history[0]).for_each(|y, &s, previous| {
            let data = growth * (*y + variance * s);
            let extrapolated = data + correction * (data - *previous);
            *y = kept * *y + gained * extrapolated;
            *previous = data;
        });
        Ok(())
    }
}
