//! Tables of errors: the product of lists of samplers, cell by cell.

use super::choices::{GridName, GridSource, ScheduleName, SchemeName, Schemes};
use super::{Audit, ErrorReport, OnClock, PerEigenvalue, Run, Sampler, Start, audit_score};
use crate::options::options;
use crate::process::{Grid, Schedule};
use crate::sampling::{Limit, Scheme, steps_within};
use crate::spectral::SpectralFit;
use crate::statistics::Gaussian;
use crate::{Error, Limits, Result, Task};
use rayon::prelude::*;
use serde::{Serialize, Serializer};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps of a sampler unless steps or a budget are given.
pub const STEPS: usize = 50;

options! {
    /// Options of an [`ErrorTable`]: lists of samplers, whose product it holds.
    "audit errors" => pub struct ErrorTableOptions {
        /// Schemes, or all
        pub scheme: Schemes = Schemes::default(),
        /// Numbers of steps, 50 unless budgets are given
        pub steps: Option<Vec<usize>> = None,
        /// Budgets of score evaluations: the most steps that fit
        pub nfe: Option<Vec<usize>> = None,
        /// Stopping times
        pub stop: Vec<f64> = vec![0.0],
        /// Laws to start from: normal is N(0, I), exact is p_T
        pub start: Vec<Start> = vec![Start::Normal],
        /// Time grids
        pub grid: Vec<GridName> = vec![GridName::default()],
        /// Noise schedule
        pub schedule: ScheduleName = ScheduleName::default(),
        /// Add W2 to the marginal p_t at every time of the grid
        pub along_time: bool = false,
        /// Add the errors of every eigenvalue
        pub per_eigenvalue: bool = false,
        /// Add the times of the grid and its σ/α
        pub levels: bool = false,
    }
}

impl ErrorTableOptions {
    /// Finds numbers that make no sense whatever the data, before any work is done.
    ///
    /// # Errors
    /// An empty list, a number out of range, steps and budgets, or either with a given grid.
    pub fn validate(&self, horizon: f64) -> Result<()> {
        for (name, list, most) in
            [("steps", &self.steps, Limits::STEPS), ("nfe", &self.nfe, Limits::EVALUATIONS)]
        {
            let list = list.as_deref().unwrap_or(&[1]);
            list.iter().try_for_each(|&n| Limits::count(name, n, most).map(|_| ()))?;
            not_empty(name, list)?;
        }
        if self.steps.is_some() && self.nfe.is_some() {
            return Err(Error::Undefined {
                what: "a number of steps",
                reason: "steps and nfe were both given".into(),
                remedy: "give steps or nfe, not both",
            });
        }
        if let Some(&bad) = self.stop.iter().find(|&&stop| !(stop >= 0.0 && stop < horizon)) {
            let requirement = format!("at least 0 and below the schedule's horizon {horizon}");
            return Err(Error::Argument { name: "stop", requirement, found: bad });
        }
        not_empty("stop", &self.stop)?;
        not_empty("start", &self.start)?;
        not_empty("grid", &self.grid)?;
        let own = self.steps.is_none() && self.nfe.is_none() && self.stop == [0.0];
        match self.grid.iter().find(|grid| grid.spacing.is_none() && !own) {
            Some(grid) => Err(Error::Undefined {
                what: "this grid",
                reason: format!("the grid {grid} has its own steps and stop"),
                remedy: "leave steps, nfe and stop out",
            }),
            None => Ok(()),
        }
    }
}

fn not_empty<T>(name: &'static str, list: &[T]) -> Result<()> {
    if list.is_empty() { Err(Error::Empty { name }) } else { Ok(()) }
}

/// One row of a table: a sampler, or a continuous limit (no steps, no grid).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// Its scheme, or `sde` and `ode`.
    pub scheme: String,
    /// Steps; none when no step fits into the budget.
    pub steps: Option<usize>,
    /// The budget, when one was given.
    pub nfe: Option<usize>,
    /// Score evaluations used.
    pub evaluations: Option<usize>,
    /// Name of the grid.
    pub grid: Option<String>,
    /// Stopping time.
    pub stop: f64,
    /// What it starts from.
    pub start: Start,
    /// The errors, as in [`ErrorReport`].
    #[serde(flatten)]
    pub errors: Errors,
    /// Why there are no numbers.
    #[serde(serialize_with = "as_text")]
    pub reason: Option<Error>,
    /// Of a fitted score that is not affine: a bound on what its rest adds, and its standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remainder: Option<(f64, f64)>,
    /// What W₂ is for, where the score is far from affine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// W₂ to the marginal at every time of the grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub w2_along_time: Option<Vec<f64>>,
    /// The errors of every eigenvalue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_eigenvalue: Option<PerEigenvalue>,
    /// Times of the grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Vec<f64>>,
    /// σ/α at these times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigmas: Option<Vec<f64>>,
}

/// The numbers of an [`ErrorReport`], where there are any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Errors {
    /// Everything together.
    pub w2: Option<f64>,
    /// That of the start.
    pub initialisation: Option<f64>,
    /// That of the stop.
    pub truncation: Option<f64>,
    /// That of the steps.
    pub discretisation: Option<f64>,
    /// That of the score.
    pub score: Option<f64>,
}

impl From<ErrorReport> for Errors {
    fn from(report: ErrorReport) -> Self {
        Errors {
            w2: Some(report.w2),
            initialisation: Some(report.initialisation),
            truncation: Some(report.truncation),
            discretisation: Some(report.discretisation),
            score: Some(report.score),
        }
    }
}

pub(super) fn as_text<S: Serializer>(
    reason: &Option<Error>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    reason.as_ref().map(Error::to_string).serialize(serializer)
}

/// A sampler to run, which may turn out not to exist.
struct Row<'a> {
    name: &'a str,
    scheme: &'a dyn Scheme,
    grid_name: &'a str,
    grid: Result<Grid>,
    stop: f64,
    /// None when no step fits into the budget.
    steps: Option<usize>,
    nfe: Option<usize>,
}

/// A table of errors to compute: the product of the lists.
pub struct ErrorTable<'a> {
    /// The data law and the score.
    pub audit: &'a Audit<'a>,
    /// The schedule.
    pub schedule: &'a dyn Schedule,
    /// The data law and a fitted score that is used instead of the exact one.
    pub fitted: Option<(&'a Gaussian, &'a SpectralFit)>,
    /// The schemes with their names: [`ErrorTable::schemes_of`].
    pub schemes: Vec<(String, Box<dyn Scheme + 'a>)>,
    /// The grids with their names.
    pub grids: Vec<(String, GridSource)>,
    /// The other lists.
    pub options: &'a ErrorTableOptions,
}

impl<'a> ErrorTable<'a> {
    /// The schemes of options.
    pub fn schemes_of(schemes: &Schemes) -> Vec<(String, Box<dyn Scheme + 'a>)> {
        let named = |scheme: &SchemeName| (scheme.to_string(), scheme.scheme() as Box<dyn Scheme + 'a>);
        schemes.0.iter().map(named).collect()
    }

    /// Number of samplers.
    pub fn samplers(&self) -> usize {
        self.rows().len()
    }

    /// All cells: the continuous limits, then the samplers.
    ///
    /// A sampler that is not defined is a cell with a reason; it is an error when none is defined.
    ///
    /// # Errors
    /// The first reason when no sampler is defined, numerics that fail, an interruption.
    pub fn cells(&self, task: Task) -> Result<Vec<Cell>> {
        let rows = self.rows();
        let done = AtomicUsize::new(0);
        let run = |row: &Row| {
            let cells = self.row_cells(row)?;
            task.tick("auditing", done.fetch_add(1, Ordering::Relaxed) + 1, rows.len())?;
            Ok(cells)
        };
        let discretised: Vec<Vec<Cell>> = rows.par_iter().map(run).collect::<Result<_>>()?;
        let mut cells = self.limit_cells(&rows)?;
        cells.extend(discretised.into_iter().flatten());
        let defined = cells.iter().any(|cell| cell.grid.is_some() && cell.reason.is_none());
        match cells.iter().find_map(|cell| cell.reason.clone()) {
            Some(reason) if !defined => Err(reason),
            _ => Ok(cells),
        }
    }

    /// All samplers, whether they exist or not.
    fn rows(&self) -> Vec<Row<'_>> {
        let (steps, nfe) = (self.options.steps.as_deref(), self.options.nfe.as_deref().unwrap_or(&[]));
        let steps = steps.unwrap_or(if nfe.is_empty() { &[STEPS] } else { &[] });
        let mut out = Vec::new();
        for (name, scheme) in &self.schemes {
            let scheme = &**scheme;
            for (grid_name, source) in &self.grids {
                let row = |grid, stop, steps, nfe| Row { name, scheme, grid_name, grid, stop, steps, nfe };
                let spacing = match source {
                    GridSource::Rule(spacing) => *spacing,
                    GridSource::Given(grid) => {
                        out.push(row(Ok(grid.clone()), grid.stop(), Some(grid.steps()), None));
                        continue;
                    }
                };
                for &stop in &self.options.stop {
                    let new = |steps| Grid::new(spacing, steps, stop, self.schedule);
                    out.extend(steps.iter().map(|&steps| row(new(steps), stop, Some(steps), None)));
                    out.extend(nfe.iter().map(|&nfe| {
                        let steps = steps_within(nfe, scheme, stop);
                        let grid = steps.clone().and_then(new);
                        row(grid, stop, steps.ok(), Some(nfe))
                    }));
                }
            }
        }
        out
    }

    /// One run, reported from every start.
    fn row_cells(&self, row: &Row) -> Result<Vec<Cell>> {
        let grid = row.grid.as_ref();
        let run = match self.fitted {
            None => grid.map_err(Clone::clone).and_then(|grid| self.audit.run(row.scheme, grid)).map(Some),
            Some(_) => grid.map_err(Clone::clone).map(|_| None),
        };
        let mut cells = Vec::new();
        for &start in &self.options.start {
            let on = grid.ok().map(|grid| Sampler { scheme: row.scheme, grid, start });
            let mut cell = Cell {
                steps: row.steps,
                nfe: row.nfe,
                evaluations: on.map(|sampler| sampler.evaluations()),
                grid: Some(row.grid_name.to_owned()),
                ..empty_cell(row.name, row.stop, start)
            };
            let filled = match (&run, on) {
                (Ok(Some(run)), _) => self.fill_errors(&mut cell, run),
                (Ok(None), Some(sampler)) => self.fill_fitted(&mut cell, &sampler),
                (Ok(None), None) => Ok(()),
                (Err(error), _) => Err(error.clone()),
            };
            settle(&mut cell, filled)?;
            if let (None, Ok(run), Some(sampler)) = (&cell.reason, &run, on) {
                self.fill_extras(&mut cell, run.as_ref(), &sampler)?;
            }
            cells.push(cell);
        }
        Ok(cells)
    }

    fn fill_errors(&self, cell: &mut Cell, run: &Run) -> Result<()> {
        cell.errors = self.audit.report(run, cell.start)?.into();
        Ok(())
    }

    /// What was asked for beside the errors: in vain it is an error, whatever else there is.
    fn fill_extras(&self, cell: &mut Cell, run: Option<&Run>, sampler: &Sampler) -> Result<()> {
        if let Some(run) = run {
            self.fill_eigenvalues(cell, run)?;
            if self.options.along_time {
                let along = self.audit.along_time(sampler.scheme, sampler.grid, sampler.start)?;
                cell.w2_along_time = Some(along);
            }
        }
        if self.options.levels {
            cell.times = Some(sampler.grid.times().to_vec());
            cell.sigmas = Some(sampler.grid.sigmas().to_vec());
        }
        Ok(())
    }

    fn fill_eigenvalues(&self, cell: &mut Cell, run: &Run) -> Result<()> {
        if self.options.per_eigenvalue {
            cell.per_eigenvalue = Some(self.audit.per_eigenvalue(run, cell.start)?);
        }
        Ok(())
    }

    fn fill_fitted(&self, cell: &mut Cell, sampler: &Sampler) -> Result<()> {
        let Some((data, fit)) = self.fitted else { return Ok(()) };
        let score = OnClock { score: fit.score(), schedule: self.schedule };
        let audit = audit_score(data, &score, self.schedule, sampler, fit.score().is_affine())?;
        cell.errors = audit.errors.into();
        cell.remainder = audit.remainder;
        cell.warning = audit.warning;
        Ok(())
    }

    /// The limits of the schemes that are listed, for every stop and start.
    fn limit_cells(&self, rows: &[Row]) -> Result<Vec<Cell>> {
        let mut stops: Vec<f64> = rows.iter().map(|row| row.stop).collect();
        stops.sort_by(f64::total_cmp);
        stops.dedup();
        let stochastic = self.schemes.iter().any(|(_, scheme)| scheme.noises() > 0);
        let deterministic = self.schemes.iter().any(|(_, scheme)| scheme.limit() == Limit::Ode);
        let mut cells = Vec::new();
        for (name, limit, listed) in [("sde", Limit::Sde, stochastic), ("ode", Limit::Ode, deterministic)] {
            for &stop in if listed { stops.as_slice() } else { &[] } {
                let run = self.audit.continuous(limit, stop)?;
                for &start in &self.options.start {
                    let mut cell = empty_cell(name, stop, start);
                    let filled = self.fill_errors(&mut cell, &run);
                    settle(&mut cell, filled)?;
                    if cell.reason.is_none() {
                        self.fill_eigenvalues(&mut cell, &run)?;
                    }
                    cells.push(cell);
                }
            }
        }
        Ok(cells)
    }
}

/// What is to blame on the input is the reason of the cell.
fn settle(cell: &mut Cell, filled: Result<()>) -> Result<()> {
    match filled {
        Err(error) if error.is_input() => cell.reason = Some(error),
        filled => return filled,
    }
    Ok(())
}

fn empty_cell(scheme: &str, stop: f64, start: Start) -> Cell {
    Cell {
        scheme: scheme.to_owned(),
        steps: None,
        nfe: None,
        evaluations: None,
        grid: None,
        stop,
        start,
        errors: Errors::default(),
        reason: None,
        remainder: None,
        warning: None,
        w2_along_time: None,
        per_eigenvalue: None,
        times: None,
        sigmas: None,
    }
}
