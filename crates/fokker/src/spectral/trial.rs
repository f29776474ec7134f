//! Which Langevin steps suit a fit, and a trial of them.

use super::Family;
use super::chunks::uniform;
use super::corrector::{Corrector, Langevin};
use super::curvature::curvature;
use super::draw::{DrawOptions, Particles};
use super::evidence::raised;
use super::fit::SpectralFit;
use crate::{Result, Task};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

/// Number of steps, and their largest length.
const STEPS: usize = 100;
const STEP: f64 = 5e-3;
/// Largest product of step and curvature κ: a plain step is stable below 2 and widens a variance of 1/κ by
/// 1/(1 − hκ/2).
const STABLE: f64 = 0.5;
/// The same of plain steps.
const PLAIN: f64 = 0.25;
/// Points at which the curvature is taken.
const POINTS: usize = 128;
/// Particles and seed of the trial: a fit has one, the same at every run.
const PARTICLES: usize = 512;
const SEED: u64 = 0x7a1a;
/// Standard errors by which the energy distance must rise to be held against the steps.
const ERRORS: f64 = 2.0;
/// Share of particles that they may lead beyond what the data allow.
const BEYOND: f64 = 0.002;
/// Share of adjusted steps below which they do not move particles.
const ACCEPTED: f64 = 0.1;

/// What Langevin steps did to particles of a trial when the fit was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The steps that are taken by default: plain ones, adjusted ones, or none.
    pub corrector: Langevin,
    /// Largest |eigenvalue| of ∇² log p at rows of the data.
    pub curvature: f64,
    /// By how much the last steps tried raise the squared energy distance to the data, in the coordinates
    /// of the fit.
    pub raised: f64,
    /// Its standard error.
    pub error: f64,
    /// Share of the particles that they lead beyond what the data allow.
    pub beyond: f64,
    /// Share of accepted steps, when they were adjusted.
    pub acceptance: Option<f64>,
}

impl Trial {
    /// Whether the steps tried make samples no worse.
    fn passed(&self) -> bool {
        let moved = self.acceptance.is_none_or(|share| share >= ACCEPTED);
        self.raised <= ERRORS * self.error && self.beyond <= BEYOND && moved
    }
}

impl SpectralFit {
    /// The Langevin steps that a corrector asks for; what it leaves open is chosen here.
    ///
    /// ```text
    /// h            min(5e-3, 0.5/κ)        κ: largest |eigenvalue| of ∇² log p at the stop, at rows of the data
    /// adjusted     on cosines, where 5e-3 κ > 0.25, and where plain steps failed a trial
    /// steps        100; none where adjusted ones failed it as well
    /// ```
    ///
    /// The trial is of 512 particles when the fit is made. Steps fail it where they raise the energy distance to the data
    /// beyond two standard errors, lead a particle in 500 beyond twice the data, or are accepted less than once
    /// in ten.
    ///
    /// # Errors
    /// Options out of their domain.
    pub fn langevin(&self, corrector: &Corrector, stop: f64) -> Result<Langevin> {
        let tried = self.report.trial.map(|trial| trial.corrector);
        let steps = corrector.steps.unwrap_or(tried.map_or(STEPS, |tried| tried.steps));
        let mut langevin = Langevin { steps, step: STEP, metropolis: false };
        if steps > 0 && (corrector.step.is_none() || corrector.metropolis.is_none()) {
            langevin = self.suited(steps, self.curvature(stop)?);
            langevin.metropolis |= tried.is_some_and(|tried| tried.metropolis);
        }
        langevin.step = corrector.step.unwrap_or(langevin.step);
        langevin.metropolis = corrector.metropolis.unwrap_or(langevin.metropolis);
        langevin.validate()?;
        Ok(langevin)
    }

    fn suited(&self, steps: usize, curvature: f64) -> Langevin {
        let metropolis = self.score.family() == Family::Cosine || STEP * curvature > PLAIN;
        let step = (STABLE / curvature).clamp(1e-9, STEP);
        Langevin { steps, step, metropolis }
    }

    fn curvature(&self, stop: f64) -> Result<f64> {
        let (low, high) = (&self.frame.lower, &self.frame.upper);
        let mut points = match self.evidence.as_ref().filter(|evidence| evidence.x.nrows() > 0) {
            Some(evidence) => {
                let every = evidence.x.nrows().div_ceil(POINTS);
                let chosen: Vec<usize> = (0..evidence.x.nrows()).step_by(every).collect();
                self.frame.forward(evidence.x.select(Axis(0), &chosen).view())
            }
            // Fits of earlier versions hold no rows.
            None => Array2::from_shape_fn((POINTS, low.len()), |(k, i)| {
                low[i] + (high[i] - low[i]) * uniform((k * low.len() + i) as u64, SEED)
            }),
        };
        points.indexed_iter_mut().for_each(|((_, i), y)| *y = y.clamp(low[i], high[i]));
        curvature(&self.score, stop, points.view())
    }

    /// Tries plain steps, where these fail adjusted ones, and where these fail takes none.
    pub(super) fn try_corrector(&self, task: Task) -> Result<Option<Trial>> {
        let Some(evidence) = self.evidence.as_ref().filter(|evidence| evidence.x.nrows() > 1) else {
            return Ok(None);
        };
        let stop = self.score.times().0;
        let options = DrawOptions { particles: PARTICLES, stop, seed: SEED, ..Default::default() };
        let curvature = self.curvature(stop)?;
        let data = self.frame.forward(evidence.x.view());
        let attempt = |corrector: Langevin| -> Result<Trial> {
            let Particles { before, after, acceptance } = self.draw(&options, &corrector, task)?;
            let (raised, error) = raised((data.view(), evidence.weights.view()), before.view(), after.view());
            let allowed = |y: &Array2<f64>| -> Vec<bool> {
                self.frame.backward(y.view()).rows().into_iter().map(|row| evidence.allows(row)).collect()
            };
            let led = allowed(&before).into_iter().zip(allowed(&after)).filter(|(a, b)| *a && !*b).count();
            let beyond = led as f64 / PARTICLES as f64;
            Ok(Trial { corrector, curvature, raised, error, beyond, acceptance })
        };
        let corrector = self.suited(STEPS, curvature);
        let mut trial = attempt(corrector)?;
        if !trial.passed() && !corrector.metropolis {
            trial = attempt(Langevin { metropolis: true, ..corrector })?;
        }
        if !trial.passed() {
            trial.corrector.steps = 0;
        }
        Ok(Some(trial))
    }
}
