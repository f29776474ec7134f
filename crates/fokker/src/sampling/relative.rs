//! A second-order step of the reference process on the relative score.

use super::{Limit, ReverseProcess, Scheme, State, Work};
use crate::Result;
use crate::process::{Step, Transition};
use ndarray::{Array2, Zip};

/// Heun's step on the score relative to the law π of the reference, ∇g = s + κy, the reference exact.
///
/// ```text
/// p = e^{−κh} y + 2G ∇g(t, y) + √v z               G = (1 − e^{−κh})/κ,  v = (1 − e^{−2κh})/κ,  h = B_t − B_s
/// y ← e^{−κh} y + G (∇g(t, y) + ∇g(s, p)) + √v z   the same z
/// ```
///
/// Noise is additive, so the trapezium is of second order in law. Exact when the data law is π.
/// Any reference, reflected domains included; evaluates the score at the end of every step, so it
/// needs a data law with a density to stop at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelativeHeun;

impl Scheme for RelativeHeun {
    fn name(&self) -> &'static str {
        "heun-sde"
    }

    fn order(&self) -> u32 {
        2
    }

    fn limit(&self) -> Limit {
        Limit::Sde
    }

    fn evaluations(&self, _step: &Step) -> usize {
        2
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> Result<()> {
        let h = process.schedule.clock(step.t) - process.schedule.clock(step.s);
        let Transition { decay, gain, variance } = process.reference.transition(h);
        let (pull, deviation) = (process.reference.pull(), variance.sqrt());
        process.score.score_into(step.t, state.x.view(), work.sum.view_mut())?;
        Zip::from(&mut work.stage).and(&mut work.sum).and(&state.x).and(&noise[0]).for_each(
            |p, sum, &y, &z| {
                let force = gain * (*sum + pull * y);
                let rest = decay * y + deviation * z;
                *p = rest + 2.0 * force;
                *sum = rest + force;
            },
        );
        process.reference.confine(work.stage.view_mut());
        process.score.score_into(step.s, work.stage.view(), work.score.view_mut())?;
        Zip::from(&mut state.x)
            .and(&work.sum)
            .and(&work.score)
            .and(&work.stage)
            .for_each(|y, &sum, &s, &p| *y = sum + gain * (s + pull * p));
        Ok(())
    }
}
