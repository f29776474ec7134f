//! Samplers: a scheme, by its name or written in Python, and a grid.

use crate::callbacks::{Declared, PythonScheme};
use crate::work::Watch;
use fokker::Result;
use fokker::audit::Start;
use fokker::process::{Grid, Schedule, Spacing};
use fokker::sampling::{Scheme, parse_scheme, steps_within};
use pyo3::prelude::*;

/// A sampler: a scheme and its grid.
#[derive(FromPyObject)]
pub struct Sampler {
    #[pyo3(item)]
    scheme: SchemeOption,
    #[pyo3(item)]
    history: usize,
    #[pyo3(item)]
    noises: usize,
    #[pyo3(item)]
    grid: String,
    #[pyo3(item)]
    times: Option<Vec<f64>>,
    #[pyo3(item)]
    sigmas: Option<Vec<f64>>,
    #[pyo3(item)]
    steps: Option<usize>,
    #[pyo3(item)]
    nfe: Option<usize>,
    #[pyo3(item)]
    stop: f64,
}

/// A scheme by its name, or a step of Python.
#[derive(FromPyObject)]
enum SchemeOption {
    Name(String),
    Step(Py<PyAny>),
}

impl Sampler {
    /// The scheme and its grid on a schedule; a step of Python is tried on all of it.
    pub(super) fn on<'a>(
        &'a self,
        schedule: &dyn Schedule,
        watch: &'a Watch,
    ) -> Result<(Box<dyn Scheme + 'a>, Grid)> {
        let step = match &self.scheme {
            SchemeOption::Name(name) => {
                let scheme = parse_scheme(name)?;
                let grid = self.grid(&*scheme, schedule)?;
                return Ok((scheme, grid));
            }
            SchemeOption::Step(step) => step,
        };
        let mut scheme =
            PythonScheme::new(step, Declared { history: self.history, noises: self.noises }, watch);
        if self.nfe.is_some() {
            // How many steps the budget allows is known once a step was called: two, for the first
            // one may ask less.
            let inner = |share: f64| share * schedule.horizon();
            let trial = Grid::from_times(vec![inner(0.6), inner(0.5), inner(0.4)], schedule)?;
            scheme.check(&trial, schedule)?;
        }
        let grid = self.grid(&scheme, schedule)?;
        scheme.check(&grid, schedule)?;
        Ok((Box::new(scheme), grid))
    }

    /// The grid of the scheme on a schedule.
    fn grid(&self, scheme: &dyn Scheme, schedule: &dyn Schedule) -> Result<Grid> {
        match (&self.times, &self.sigmas) {
            (Some(times), _) => Grid::from_times(times.clone(), schedule),
            (_, Some(sigmas)) => Grid::from_sigmas(sigmas.clone(), schedule),
            _ => {
                let spacing: Spacing = self.grid.parse()?;
                let steps = match self.nfe {
                    Some(nfe) => steps_within(nfe, scheme, self.stop)?,
                    None => self.steps.unwrap_or(50),
                };
                Grid::new(spacing, steps, self.stop, schedule)
            }
        }
    }
}

/// What a sampler starts from, by its name.
pub(super) fn start_of(name: &str) -> Result<Start> {
    name.parse()
}
