//! Langevin steps at a fixed time, plain or Metropolis-adjusted: they draw particles that are
//! nearly right to the law whose score is given.

use super::score::{EigenScore, Extra, Frozen, Scratch};
use crate::process::{Transition, normal_distribution};
use crate::sampling::{BLOCK, Noise};
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut2, Axis, Slice, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Langevin steps at the stopping time.
///
/// ```text
/// y' = e^{−κh} y + (1 − e^{−κh})/κ ∇g(y) + √((1 − e^{−2κh})/κ) z          exact where g = 0
/// adjusted: y ← y' with probability min(1, p(y') q(y | y')/(p(y) q(y' | y))),   p ∝ π e^g,  q the law of y' above
/// ```
///
/// Plain steps are off by O(h) in law; adjusted ones leave p itself invariant.
///
/// What is not given is chosen by the fit, see [`SpectralFit::langevin`](super::SpectralFit::langevin).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Corrector {
    /// Number of steps.
    pub steps: Option<usize>,
    /// Step h on the unit-rate clock.
    pub step: Option<f64>,
    /// Whether steps are accepted or rejected by Metropolis and Hastings' rule.
    pub metropolis: Option<bool>,
}

/// The Langevin steps that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Langevin {
    /// Number of steps.
    pub steps: usize,
    /// Step h on the unit-rate clock.
    pub step: f64,
    /// Whether steps are accepted or rejected by Metropolis and Hastings' rule.
    pub metropolis: bool,
}

/// Which particles, and where their noise begins.
pub(super) struct Addresses<'a> {
    /// Index of the first particle.
    pub first: usize,
    pub seed: u64,
    /// Step of the noise that is free.
    pub noise: u32,
    pub task: Task<'a>,
}

impl Langevin {
    pub(super) fn validate(&self) -> Result<()> {
        if self.steps > 0 && !(self.step > 0.0 && self.step <= 1.0) {
            let requirement = "positive and at most 1".into();
            return Err(Error::Argument { name: "corrector step", requirement, found: self.step });
        }
        if self.steps > 1 << 24 {
            let requirement = "at most 16777216".into();
            return Err(Error::Argument { name: "corrector steps", requirement, found: self.steps as f64 });
        }
        Ok(())
    }

    /// Moves the particles `[n, d]` at clock `time`; the share of accepted steps when adjusted.
    pub(super) fn run(
        &self,
        score: &EigenScore,
        time: f64,
        particles: &mut Array2<f64>,
        addresses: &Addresses,
    ) -> Result<Option<f64>> {
        self.validate()?;
        let (n, dim) = particles.dim();
        let frozen = score.freeze(time);
        let (first_block, skipped) = (addresses.first / BLOCK, addresses.first % BLOCK);
        let blocks = (addresses.first + n).div_ceil(BLOCK) - first_block;
        let done = AtomicUsize::new(0);
        let run = |b: usize| {
            // A particle keeps its place in its block whatever the batch: so does its rounding.
            let from = (b * BLOCK).saturating_sub(skipped);
            let to = ((b + 1) * BLOCK - skipped).min(n);
            let place = if b == 0 { skipped } else { 0 };
            let mut y = Array2::zeros((BLOCK, dim));
            let rows = Slice::from(place..place + to - from);
            y.slice_axis_mut(Axis(0), rows).assign(&particles.slice_axis(Axis(0), (from..to).into()));
            let mut chain = Chain::new(self, score, &frozen, y);
            for k in 0..self.steps {
                chain.advance(
                    Noise { seed: addresses.seed },
                    addresses.noise + k as u32,
                    (first_block + b) as u32,
                );
            }
            let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
            addresses.task.tick("corrector", finished, blocks)?;
            let accepted: f64 = chain.accepted.slice_axis(Axis(0), rows).sum();
            Ok((from, chain.y.slice_axis_move(Axis(0), rows), accepted))
        };
        let results: Vec<_> = (0..blocks).into_par_iter().map(run).collect::<Result<_>>()?;
        let mut accepted = 0.0;
        for (from, y, part) in results {
            particles.slice_axis_mut(Axis(0), (from..from + y.nrows()).into()).assign(&y);
            accepted += part;
        }
        Ok((self.metropolis && self.steps > 0).then(|| accepted / (n * self.steps) as f64))
    }
}

/// A block of particles with the force on them.
struct Chain<'a> {
    langevin: &'a Langevin,
    score: &'a EigenScore,
    frozen: &'a Frozen,
    scratch: Scratch,
    transition: Transition,
    y: Array2<f64>,
    force: Array2<f64>,
    value: Array1<f64>,
    /// Standard normals: for the move, and one each for the decision.
    normals: Vec<Array2<f64>>,
    proposal: Array2<f64>,
    proposal_force: Array2<f64>,
    proposal_value: Array1<f64>,
    accepted: Array1<f64>,
}

impl<'a> Chain<'a> {
    fn new(langevin: &'a Langevin, score: &'a EigenScore, frozen: &'a Frozen, y: Array2<f64>) -> Self {
        let shape = y.dim();
        let mut chain = Chain {
            langevin,
            score,
            frozen,
            scratch: score.scratch(),
            transition: score.reference().transition(langevin.step),
            force: Array2::zeros(shape),
            value: Array1::zeros(shape.0),
            normals: vec![Array2::zeros(shape)],
            proposal: Array2::zeros(shape),
            proposal_force: Array2::zeros(shape),
            proposal_value: Array1::zeros(shape.0),
            accepted: Array1::zeros(shape.0),
            y,
        };
        if langevin.metropolis {
            chain.normals.push(Array2::zeros((shape.0, 1)));
            chain.evaluate_proposal_at_start();
        }
        chain
    }

    fn evaluate_proposal_at_start(&mut self) {
        let extra = Extra { laplacian: None, value: Some(self.value.view_mut()) };
        self.score.gradient_into(self.frozen, self.y.view(), self.force.view_mut(), extra, &mut self.scratch);
    }

    fn advance(&mut self, noise: Noise, step: u32, block: u32) {
        noise.fill(step, block, &mut self.normals);
        if self.langevin.metropolis {
            self.adjusted();
        } else {
            self.plain();
        }
    }

    fn plain(&mut self) {
        let Transition { decay, gain, variance } = self.transition;
        let deviation = variance.sqrt();
        let none = Extra { laplacian: None, value: None };
        self.score.gradient_into(self.frozen, self.y.view(), self.force.view_mut(), none, &mut self.scratch);
        Zip::from(&mut self.y)
            .and(&self.force)
            .and(&self.normals[0])
            .for_each(|y, &f, &z| *y = decay * *y + gain * f + deviation * z);
        self.score.reference().confine(self.y.view_mut());
    }

    fn adjusted(&mut self) {
        let Transition { decay, gain, variance } = self.transition;
        let deviation = variance.sqrt();
        Zip::from(&mut self.proposal)
            .and(&self.y)
            .and(&self.force)
            .and(&self.normals[0])
            .for_each(|p, &y, &f, &z| *p = decay * y + gain * f + deviation * z);
        let extra = Extra { laplacian: None, value: Some(self.proposal_value.view_mut()) };
        let out: ArrayViewMut2<f64> = self.proposal_force.view_mut();
        self.score.gradient_into(self.frozen, self.proposal.view(), out, extra, &mut self.scratch);
        let reference = self.score.reference();
        // −|to − mean|²/(2v), the mean from a particle and its force.
        let log_move = |to: ArrayView1<f64>, from: ArrayView1<f64>, force: ArrayView1<f64>| {
            let square =
                |sum: f64, (to, (y, f)): (&f64, (&f64, &f64))| sum + (to - decay * y - gain * f).powi(2);
            -0.5 / variance * to.iter().zip(from.iter().zip(&force)).fold(0.0, square)
        };
        let log_pi = |y: ArrayView1<f64>| y.iter().map(|&y| reference.log_density(y)).sum::<f64>();
        for i in 0..self.y.nrows() {
            let (y, p) = (self.y.row(i), self.proposal.row(i));
            let gained = self.proposal_value[i] + log_pi(p) - self.value[i] - log_pi(y);
            let back = log_move(y, p, self.proposal_force.row(i)) - log_move(p, y, self.force.row(i));
            // NaN, as from −∞ − (−∞), rejects.
            if normal_distribution(self.normals[1][[i, 0]]).ln() < gained + back {
                self.y.row_mut(i).assign(&self.proposal.row(i));
                self.force.row_mut(i).assign(&self.proposal_force.row(i));
                self.value[i] = self.proposal_value[i];
                self.accepted[i] += 1.0;
            }
        }
    }
}
