//! Samples of a fit: the reverse SDE from π, then Langevin steps.

use super::SampleOptions;
use super::coefficients::log_spaced;
use super::corrector::{Addresses, Corrector, Langevin};
use super::evidence::Check;
use super::fit::SpectralFit;
use crate::process::{Grid, Linear};
use crate::sampling::{self, BLOCK, RelativeHeun, ReverseProcess, Scheme, Start, sample};
use crate::{Error, Limits, Result, Task};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// How often a row is drawn again.
const ATTEMPTS: u64 = 12;
/// Share of rows drawn again that asks for a warning.
const REDRAWN: f64 = 0.01;

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
}

impl Default for DrawOptions<'_> {
    fn default() -> Self {
        DrawOptions::from(&SampleOptions::default())
    }
}

impl From<&SampleOptions> for DrawOptions<'_> {
    fn from(options: &SampleOptions) -> Self {
        let &SampleOptions { samples, steps, stop, corrector, corrector_step, metropolis, seed } = options;
        let corrector = Corrector { steps: corrector, step: corrector_step, metropolis };
        DrawOptions { particles: samples, first: 0, steps, stop, scheme: &RelativeHeun, corrector, seed }
    }
}

/// Rows drawn from a fit. Serialised: their number `n` and dimension `d`, the `acceptance` and the `report`.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// `[n, d]`, in the columns of the data.
    pub x: Array2<f64>,
    /// How they were drawn, and how they compare with the data.
    pub report: DrawReport,
}

impl Serialize for Drawn {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Drawn", 4)?;
        out.serialize_field("n", &self.x.nrows())?;
        out.serialize_field("d", &self.x.ncols())?;
        out.serialize_field("acceptance", &self.report.acceptance)?;
        out.serialize_field("report", &self.report)?;
        out.end()
    }
}

/// How rows were drawn, and how they compare with the data.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DrawReport {
    /// Number of rows.
    pub rows: usize,
    /// The Langevin steps that were taken.
    pub corrector: Langevin,
    /// Share of accepted ones, when they were adjusted.
    pub acceptance: Option<f64>,
    /// Rows that Langevin steps led beyond what the data allow, put back to where they were before.
    pub undone: usize,
    /// Rows that were beyond before, drawn again.
    pub redrawn: usize,
    /// The sample beside rows of the data; none when the fit holds none, or for fewer than two rows.
    pub check: Option<Check>,
    /// Sentences for people.
    pub warnings: Vec<String>,
}

/// Particles `[n, d']` in the coordinates of the fit.
pub(super) struct Particles {
    /// Where the reverse SDE ended.
    pub before: Array2<f64>,
    /// After the Langevin steps.
    pub after: Array2<f64>,
    pub acceptance: Option<f64>,
}

impl DrawOptions<'_> {
    /// Whether a fit can be drawn from so.
    ///
    /// # Errors
    /// No row or more than memory holds, a stop beyond the times of the fit, steps out of their domain.
    pub fn validate(&self, fit: &SpectralFit) -> Result<()> {
        let (begin, end) = fit.score.times();
        if self.particles == 0 {
            return Err(Error::Argument { name: "samples", requirement: "at least 1".into(), found: 0.0 });
        }
        if !(self.stop > 0.0 && self.stop < end) {
            let requirement =
                format!("positive and below the last time of the fit, {end} (its first is {begin})");
            return Err(Error::Argument { name: "stop", requirement, found: self.stop });
        }
        Limits::steps("steps", self.steps)?;
        Limits::rows("samples", self.particles, fit.dim())?;
        Ok(())
    }
}

impl SpectralFit {
    /// Draws rows: from π down log-spaced times to the stop, then Langevin steps there; and checks them.
    ///
    /// No row is in any column further from the mean of the data than twice the furthest row of the
    /// data. Rows beyond are put back to where they were before the Langevin steps, or drawn again
    /// with other noise, both counted in the report. Moments and the energy distance to rows of the data that the fit
    /// keeps are in the report as well, with a warning where they differ by more than their errors explain.
    ///
    /// The same seed gives the same bits at any number of threads and in any batches.
    ///
    /// # Errors
    /// Options out of their domain, a scheme that is not defined on the reference, an
    /// interruption, rows that are beyond what the data allow however often they are drawn.
    pub fn sample(&self, options: &DrawOptions, task: Task) -> Result<Drawn> {
        options.validate(self)?;
        let corrector = self.langevin(&options.corrector, options.stop)?;
        let particles = self.draw(options, &corrector, task)?;
        let mut x = self.frame.backward(particles.after.view());
        let (undone, redrawn) = self.mend(&mut x, particles.before.view(), (options, &corrector), task)?;
        let check = self.evidence.as_ref().and_then(|evidence| evidence.check(x.view()));
        let rows = x.nrows();
        let mut warnings = Vec::new();
        if redrawn as f64 > REDRAWN * rows as f64 {
            warnings.push(format!(
                "{redrawn} of {rows} rows were further out than twice the data and were drawn again: take a \
                 larger ridge, a lower degree or another reference"
            ));
        }
        let failures = check.as_ref().map(Check::failures).unwrap_or_default();
        if !failures.is_empty() {
            warnings.push(format!(
                "the sample is not distributed as the data: {}; take another reference, degree or pairs \
                 (`gaussian_pairs` for correlations), or a mixture of Gaussians",
                failures.join(", ")
            ));
        }
        let acceptance = particles.acceptance;
        let report = DrawReport { rows, corrector, acceptance, undone, redrawn, check, warnings };
        Ok(Drawn { x, report })
    }

    /// Rows `[n, d]`, of whatever sampler, beside the rows of the data that the fit keeps; None when it keeps none, or for fewer
    /// than two rows.
    ///
    /// # Errors
    /// Rows of another dimension or not finite.
    pub fn check(&self, x: ArrayView2<f64>) -> Result<Option<Check>> {
        self.check_rows(x)?;
        Ok(self.evidence.as_ref().and_then(|evidence| evidence.check(x)))
    }

    /// Rows beyond what the data allow: put back to where they were before the Langevin steps, or drawn
    /// again. The number of each.
    fn mend(
        &self,
        x: &mut Array2<f64>,
        before: ArrayView2<f64>,
        (options, corrector): (&DrawOptions, &Langevin),
        task: Task,
    ) -> Result<(usize, usize)> {
        let allows = |row: ArrayView1<f64>| match &self.evidence {
            Some(evidence) => evidence.allows(row),
            None => row.iter().all(|x| x.is_finite()),
        };
        let (mut undone, mut again) = (0, Vec::new());
        for (i, mut row) in x.rows_mut().into_iter().enumerate().filter(|(_, row)| !allows(row.view())) {
            let earlier = self.frame.backward(before.slice_axis(Axis(0), (i..i + 1).into()));
            if allows(earlier.row(0)) {
                row.assign(&earlier.row(0));
                undone += 1;
            } else {
                again.push(i);
            }
        }
        let redrawn = again.len();
        for attempt in 1..=ATTEMPTS {
            // Whole blocks, whose noise depends on their place among all rows and not on this batch.
            let blocks: Vec<&[usize]> =
                again.chunk_by(|i, j| (options.first + i) / BLOCK == (options.first + j) / BLOCK).collect();
            let seed = options.seed.wrapping_add(attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let draw = |rows: &&[usize]| {
                let first = (options.first + rows[0]) / BLOCK * BLOCK;
                let block = DrawOptions { particles: BLOCK, first, seed, ..*options };
                let Particles { before, after, .. } = self.draw(&block, corrector, task)?;
                let place = rows.iter().map(|i| options.first + i - first).collect::<Vec<_>>();
                let at = |y: Array2<f64>| self.frame.backward(y.select(Axis(0), &place).view());
                Ok((at(before), at(after)))
            };
            let drawn: Vec<_> = blocks.par_iter().map(draw).collect::<Result<_>>()?;
            let mut left = Vec::new();
            for (rows, (before, after)) in blocks.into_iter().zip(&drawn) {
                for (&i, (before, after)) in rows.iter().zip(before.rows().into_iter().zip(after.rows())) {
                    match [after, before].into_iter().find(|row| allows(*row)) {
                        Some(row) => x.row_mut(i).assign(&row),
                        None => left.push(i),
                    }
                }
            }
            again = left;
        }
        match again.first() {
            None => Ok((undone, redrawn)),
            Some(row) => Err(Error::Numerical {
                what: "sampling",
                reason: format!(
                    "{} of {} rows, the first of them {row}, were drawn {} times and each time further out than \
                     twice the data; take a larger ridge, a lower degree, more steps or another reference",
                    again.len(),
                    x.nrows(),
                    ATTEMPTS + 1
                ),
            }),
        }
    }

    /// Particles in the coordinates of the fit, as they come.
    pub(super) fn draw(&self, options: &DrawOptions, corrector: &Langevin, task: Task) -> Result<Particles> {
        let DrawOptions { particles, first, steps, stop, scheme, seed, .. } = *options;
        options.validate(self)?;
        corrector.validate()?;
        let end = self.score.times().1;
        let schedule = Linear::constant(1.0, end)?;
        let times: Vec<f64> = log_spaced(stop, end, steps + 1).into_iter().rev().collect();
        let grid = Grid::from_times(times, &schedule)?;
        let process =
            ReverseProcess { schedule: &schedule, score: &self.score, reference: self.score.reference() };
        let start = sampling::SampleOptions { particles, first, start: Start::Normal, seed, task };
        let before = sample(&process, scheme, &grid, &start)?;
        let mut after = before.clone();
        let addresses = Addresses { first, seed, noise: grid.steps() as u32 + 1, task };
        let acceptance = corrector.run(&self.score, stop, &mut after, &addresses)?;
        Ok(Particles { before, after, acceptance })
    }
}
