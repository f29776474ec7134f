//! What is computed: the product of the lists of samplers, cell by cell.

use crate::args::StartName;
use crate::commands::sampler::GridSource;
use anyhow::bail;
use fokker::audit::{Audit, ErrorReport, OnClock, PerEigenvalue, Run, audit_score};
use fokker::process::{Grid, Schedule};
use fokker::sampling::{Limit, Scheme, evaluations, steps_within};
use fokker::spectral::SpectralFit;
use fokker::statistics::Gaussian;
use rayon::prelude::*;
use serde::Serialize;

/// One line of the table: a sampler, or a continuous limit (no steps, no grid).
#[derive(Debug, Serialize)]
pub struct Cell {
    pub scheme: String,
    pub steps: Option<usize>,
    pub nfe: Option<usize>,
    pub evaluations: Option<usize>,
    pub grid: Option<String>,
    pub stop: f64,
    pub start: &'static str,
    pub w2: Option<f64>,
    pub initialisation: Option<f64>,
    pub truncation: Option<f64>,
    pub discretisation: Option<f64>,
    pub score: Option<f64>,
    /// Why there are no numbers.
    pub reason: Option<String>,
    /// Of a fitted score that is not affine: a bound on what its rest adds, and its standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remainder: Option<(f64, f64)>,
    /// What W₂ is for, where the score is far from affine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub w2_along_time: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_eigenvalue: Option<Vectors>,
}

/// The errors of each eigenvalue.
#[derive(Debug, Serialize)]
pub struct Vectors {
    w2: Vec<f64>,
    initialisation: Vec<f64>,
    truncation: Vec<f64>,
    discretisation: Vec<f64>,
    score: Vec<f64>,
}

impl From<PerEigenvalue> for Vectors {
    fn from(errors: PerEigenvalue) -> Self {
        Vectors {
            w2: errors.w2.to_vec(),
            initialisation: errors.initialisation.to_vec(),
            truncation: errors.truncation.to_vec(),
            discretisation: errors.discretisation.to_vec(),
            score: errors.score.to_vec(),
        }
    }
}

/// What to add to the cells beyond the five numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    pub along_time: bool,
    pub per_eigenvalue: bool,
}

/// A sampler to run: one scheme on one grid, which may turn out not to exist.
pub(super) struct Sampler<'a> {
    name: &'a str,
    scheme: &'a dyn Scheme,
    grid_name: &'a str,
    grid: fokker::Result<Grid>,
    stop: f64,
    /// None when no step fits into the budget.
    steps: Option<usize>,
    nfe: Option<usize>,
}

/// A table of errors to compute: the product of the lists.
pub struct Table<'a> {
    pub audit: &'a Audit<'a>,
    pub schedule: &'a dyn Schedule,
    /// The data law and a fitted score that is used instead of the exact one.
    pub fitted: Option<(&'a Gaussian, &'a SpectralFit)>,
    pub schemes: &'a [(String, Box<dyn Scheme>)],
    pub grids: &'a [(String, GridSource)],
    pub steps: &'a [usize],
    pub nfe: &'a [usize],
    pub stops: &'a [f64],
    pub starts: &'a [StartName],
    pub extras: Extras,
}

impl Table<'_> {
    /// All cells: the continuous limits, then the samplers.
    ///
    /// A sampler that is not defined is a cell with a reason; it is an error when none is defined.
    pub fn cells(&self) -> anyhow::Result<Vec<Cell>> {
        let samplers = self.samplers();
        let run = |sampler: &Sampler| self.sampler_cells(sampler);
        let discretised: Vec<Vec<Cell>> = samplers.par_iter().map(run).collect::<fokker::Result<_>>()?;
        let mut cells = self.limit_cells(&samplers)?;
        cells.extend(discretised.into_iter().flatten());
        let defined = cells.iter().any(|cell| cell.grid.is_some() && cell.reason.is_none());
        match cells.iter().find_map(|cell| cell.reason.clone()) {
            Some(reason) if !defined => bail!("{reason}"),
            _ => Ok(cells),
        }
    }

    /// All samplers, whether they exist or not.
    pub(super) fn samplers(&self) -> Vec<Sampler<'_>> {
        let mut out = Vec::new();
        for (name, scheme) in self.schemes {
            let scheme = &**scheme;
            for (grid_name, source) in self.grids {
                let sampler = |grid: fokker::Result<Grid>, stop, steps, nfe| Sampler {
                    name,
                    scheme,
                    grid_name,
                    grid,
                    stop,
                    steps,
                    nfe,
                };
                let GridSource::Rule(spacing) = source else {
                    let GridSource::Given(grid) = source else { continue };
                    out.push(sampler(Ok(grid.clone()), grid.stop(), Some(grid.steps()), None));
                    continue;
                };
                for &stop in self.stops {
                    let new = |steps| Grid::new(*spacing, steps, stop, self.schedule);
                    for &steps in if self.nfe.is_empty() { self.steps } else { &[] } {
                        out.push(sampler(new(steps), stop, Some(steps), None));
                    }
                    for &nfe in self.nfe {
                        let steps = steps_within(nfe, scheme, stop);
                        let grid = steps.clone().and_then(new);
                        out.push(sampler(grid, stop, steps.ok(), Some(nfe)));
                    }
                }
            }
        }
        out
    }

    /// One run, reported from every start.
    fn sampler_cells(&self, sampler: &Sampler) -> fokker::Result<Vec<Cell>> {
        if let (Some((data, fit)), Ok(grid)) = (self.fitted, &sampler.grid) {
            return self.fitted_cells(sampler, grid, data, fit);
        }
        let run =
            sampler.grid.as_ref().map_err(Clone::clone).and_then(|grid| self.audit.run(sampler.scheme, grid));
        let evaluations = sampler.grid.as_ref().ok().map(|grid| evaluations(sampler.scheme, grid));
        let mut cells = Vec::new();
        for &start in self.starts {
            let mut cell = Cell {
                steps: sampler.steps,
                nfe: sampler.nfe,
                evaluations,
                grid: Some(sampler.grid_name.to_owned()),
                ..empty_cell(sampler.name, sampler.stop, start)
            };
            match (&run, &sampler.grid) {
                (Ok(run), Ok(grid)) => {
                    self.fill(&mut cell, run, start)?;
                    if self.extras.along_time && cell.reason.is_none() {
                        let along = self.audit.along_time(sampler.scheme, grid, start.into())?;
                        cell.w2_along_time = Some(along);
                    }
                }
                (Err(error), _) | (_, Err(error)) if error.is_input() => {
                    cell.reason = Some(error.to_string())
                }
                (Err(error), _) | (_, Err(error)) => return Err(error.clone()),
            }
            cells.push(cell);
        }
        Ok(cells)
    }

    /// The cells of a fitted score.
    fn fitted_cells(
        &self,
        sampler: &Sampler,
        grid: &Grid,
        data: &Gaussian,
        fit: &SpectralFit,
    ) -> fokker::Result<Vec<Cell>> {
        let score = OnClock { score: fit.score(), schedule: self.schedule };
        let affine = fit.score().is_affine();
        let cell = |&start: &StartName| {
            let mut cell = Cell {
                steps: sampler.steps,
                nfe: sampler.nfe,
                evaluations: Some(evaluations(sampler.scheme, grid)),
                grid: Some(sampler.grid_name.to_owned()),
                ..empty_cell(sampler.name, sampler.stop, start)
            };
            let on = fokker::audit::Sampler { scheme: sampler.scheme, grid, start: start.into() };
            match audit_score(data, &score, self.schedule, &on, affine) {
                Ok(audit) => {
                    fill_cell(&mut cell, &audit.errors);
                    cell.remainder = audit.remainder;
                    cell.warning = audit.warning;
                }
                Err(error) if error.is_input() => cell.reason = Some(error.to_string()),
                Err(error) => return Err(error),
            }
            Ok(cell)
        };
        self.starts.iter().map(cell).collect()
    }

    /// The limits of the schemes that are listed, for every stop and start.
    fn limit_cells(&self, samplers: &[Sampler]) -> fokker::Result<Vec<Cell>> {
        let mut stops: Vec<f64> = samplers.iter().map(|sampler| sampler.stop).collect();
        stops.sort_by(f64::total_cmp);
        stops.dedup();
        let stochastic = self.schemes.iter().any(|(_, scheme)| scheme.noises() > 0);
        let deterministic = self.schemes.iter().any(|(_, scheme)| scheme.limit() == Limit::Ode);
        let mut cells = Vec::new();
        for (name, limit, listed) in [("sde", Limit::Sde, stochastic), ("ode", Limit::Ode, deterministic)] {
            for &stop in if listed { stops.as_slice() } else { &[] } {
                let run = self.audit.continuous(limit, stop)?;
                for &start in self.starts {
                    let mut cell = empty_cell(name, stop, start);
                    self.fill(&mut cell, &run, start)?;
                    cells.push(cell);
                }
            }
        }
        Ok(cells)
    }

    fn fill(&self, cell: &mut Cell, run: &Run, start: StartName) -> fokker::Result<()> {
        match self.audit.report(run, start.into()) {
            Ok(errors) => fill_cell(cell, &errors),
            Err(error) if error.is_input() => {
                cell.reason = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        if self.extras.per_eigenvalue {
            cell.per_eigenvalue = Some(self.audit.per_eigenvalue(run, start.into())?.into());
        }
        Ok(())
    }
}

fn fill_cell(cell: &mut Cell, errors: &ErrorReport) {
    cell.w2 = Some(errors.w2);
    cell.initialisation = Some(errors.initialisation);
    cell.truncation = Some(errors.truncation);
    cell.discretisation = Some(errors.discretisation);
    cell.score = Some(errors.score);
}

fn empty_cell(scheme: &str, stop: f64, start: StartName) -> Cell {
    Cell {
        scheme: scheme.to_owned(),
        steps: None,
        nfe: None,
        evaluations: None,
        grid: None,
        stop,
        start: start.name(),
        w2: None,
        initialisation: None,
        truncation: None,
        discretisation: None,
        score: None,
        reason: None,
        remainder: None,
        warning: None,
        w2_along_time: None,
        per_eigenvalue: None,
    }
}
