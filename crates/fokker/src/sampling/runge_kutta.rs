//! Runge–Kutta schemes for the probability-flow ODE in t.

use super::{Limit, ReverseProcess, Scheme, State, Work};
use crate::Result;
use crate::process::Step;
use ndarray::{Array2, Zip};

/// Heun's second-order scheme for the probability-flow ODE in t.
///
/// ```text
/// k₁ = v(t, y),  k₂ = v(s, y + Δk₁),  y ← y + Δ(k₁ + k₂)/2          v(t, y) = β_t (κy + s(t, y)),  Δ = t − s
/// ```
/// Evaluates the score at the end of every step, so it needs a data law with a density to stop
/// at 0 [Pierret and Galerne 2025, table 1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heun;

impl Scheme for Heun {
    fn name(&self) -> &'static str {
        "heun"
    }

    fn order(&self) -> u32 {
        2
    }

    fn limit(&self) -> Limit {
        Limit::Ode
    }

    fn evaluations(&self, _step: &Step) -> usize {
        2
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        _noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> Result<()> {
        let h = step.length();
        // The two velocities β (κy + s(t, y)), each formed where it is used.
        let pull = process.reference.pull();
        let (rate, end_rate) = (process.schedule.rate(step.t), process.schedule.rate(step.s));
        process.score.score_into(step.t, state.x.view(), work.sum.view_mut())?;
        Zip::from(&mut work.stage).and(&mut work.sum).and(&state.x).for_each(|p, k1, &y| {
            *k1 = rate * (pull * y + *k1);
            *p = y + h * *k1;
        });
        process.score.score_into(step.s, work.stage.view(), work.score.view_mut())?;
        Zip::from(&mut state.x).and(&work.sum).and(&work.stage).and(&work.score).for_each(
            |y, &k1, &p, &s| {
                *y += 0.5 * h * (k1 + end_rate * (pull * p + s));
            },
        );
        Ok(())
    }
}

/// The classical fourth-order Runge–Kutta scheme for the probability-flow ODE in t.
///
/// ```text
/// k₁ = v(t, y),  k₂ = v(m, y + Δk₁/2),  k₃ = v(m, y + Δk₂/2),  k₄ = v(s, y + Δk₃)          m = (t + s)/2
/// y ← y + Δ(k₁ + 2k₂ + 2k₃ + k₄)/6
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RungeKutta4;

impl Scheme for RungeKutta4 {
    fn name(&self) -> &'static str {
        "rk4"
    }

    fn order(&self) -> u32 {
        4
    }

    fn limit(&self) -> Limit {
        Limit::Ode
    }

    fn evaluations(&self, _step: &Step) -> usize {
        4
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        _noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> Result<()> {
        let h = step.length();
        let middle = 0.5 * (step.t + step.s);
        process.flow_into(step.t, state.x.view(), work.sum.view_mut())?;
        Zip::from(&mut work.stage).and(&state.x).and(&work.sum).for_each(|p, &y, &k| *p = y + 0.5 * h * k);
        // Each further stage: its velocity, its weight in the sum, the point of the next stage.
        for (time, weight, ahead) in [(middle, 2.0, 0.5 * h), (middle, 2.0, h), (step.s, 1.0, 0.0)] {
            process.flow_into(time, work.stage.view(), work.score.view_mut())?;
            Zip::from(&mut work.sum).and(&mut work.stage).and(&work.score).and(&state.x).for_each(
                |sum, p, &k, &y| {
                    *sum += weight * k;
                    *p = y + ahead * k;
                },
            );
        }
        Zip::from(&mut state.x).and(&work.sum).for_each(|y, &sum| *y += h / 6.0 * sum);
        Ok(())
    }
}
