//! Samples of a fit: the reverse SDE from π, then Langevin steps.

use super::coefficients::log_spaced;
use super::corrector::{Addresses, Corrector};
use super::fit::SpectralFit;
use crate::process::{Grid, Linear};
use crate::sampling::{RelativeHeun, ReverseProcess, SampleOptions, Scheme, Start, sample};
use crate::{Error, Limits, Monitor, Result};
use ndarray::Array2;

/// Options of [`SpectralFit::sample`].
#[derive(Clone, Copy)]
pub struct DrawOptions<'a> {
    /// Number of rows.
    pub particles: usize,
    /// Index of the first one: drawing 0..100 and 100..200 gives the rows of drawing 0..200.
    pub first: usize,
    /// Log-spaced steps of the reverse SDE.
    pub steps: usize,
    /// Time at which it stops, on the unit-rate clock.
    pub stop: f64,
    /// Scheme of a step; any that does not need signal and noise scales on cosines.
    pub scheme: &'a dyn Scheme,
    /// Langevin steps at the stop.
    pub corrector: Corrector,
    /// The seed of all noise.
    pub seed: u64,
    /// Hears of progress.
    pub monitor: &'a dyn Monitor,
}

impl Default for DrawOptions<'_> {
    fn default() -> Self {
        DrawOptions {
            particles: 1000,
            first: 0,
            steps: 25,
            stop: 1e-3,
            scheme: &RelativeHeun,
            corrector: Corrector::default(),
            seed: 0,
            monitor: &(),
        }
    }
}

/// Rows drawn from a fit.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// `[n, d]`, in the columns of the data.
    pub x: Array2<f64>,
    /// Share of accepted corrector steps, when they were adjusted.
    pub acceptance: Option<f64>,
}

impl SpectralFit {
    /// Draws rows: from π down log-spaced times to the stop, then Langevin steps there.
    ///
    /// The same seed gives the same bits at any number of threads and in any batches.
    ///
    /// # Errors
    /// Options out of their domain, a scheme that is not defined on the reference, an
    /// interruption, a particle that left the range of numbers.
    pub fn sample(&self, options: &DrawOptions) -> Result<Drawn> {
        let (y, acceptance) = self.draw(options)?;
        Ok(Drawn { x: self.frame.backward(y.view()), acceptance })
    }

    /// The same in the coordinates of the fit: particles `[n, d']` and the share of accepted steps.
    pub(super) fn draw(&self, options: &DrawOptions) -> Result<(Array2<f64>, Option<f64>)> {
        let DrawOptions { particles, first, steps, stop, scheme, corrector, seed, monitor } = *options;
        corrector.validate()?;
        let (begin, end) = self.score.times();
        if !(stop > 0.0 && stop < end) {
            let requirement =
                format!("positive and below the last time of the fit, {end} (its first is {begin})");
            return Err(Error::Argument { name: "stop", requirement, found: stop });
        }
        Limits::steps("steps", steps)?;
        Limits::rows("particles", particles, self.dim())?;
        let schedule = Linear::constant(1.0, end)?;
        let times: Vec<f64> = log_spaced(stop, end, steps + 1).into_iter().rev().collect();
        let grid = Grid::from_times(times, &schedule)?;
        let process =
            ReverseProcess { schedule: &schedule, score: &self.score, reference: self.score.reference() };
        let start = SampleOptions { particles, first, start: Start::Normal, seed, monitor };
        let mut y = sample(&process, scheme, &grid, &start)?;
        let addresses = Addresses { first, seed, noise: grid.steps() as u32 + 1, monitor };
        let acceptance = corrector.run(&self.score, stop, &mut y, &addresses)?;
        if let Some(((row, _), value)) = y.indexed_iter().find(|(_, y)| !y.is_finite()) {
            return Err(Error::Numerical {
                what: "sampling",
                reason: format!("particle {row} became {value}; use more steps or a larger ridge"),
            });
        }
        Ok((y, acceptance))
    }
}
