//! Samplers: a scheme, by its name or written in Python, and a grid.

use crate::callbacks::PythonScheme;
use crate::work::Watch;
use fokker::audit::Start;
use fokker::process::{Grid, Linear, Schedule, Spacing, Step};
use fokker::sampling::{ReverseProcess, Scheme, parse_scheme, steps_within};
use fokker::score::GaussianScore;
use fokker::statistics::Gaussian;
use fokker::{Error, Result};
use pyo3::prelude::*;

/// A sampler: a scheme and its grid.
#[derive(FromPyObject)]
pub struct Sampler {
    #[pyo3(item)]
    scheme: SchemeOption,
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
    /// The scheme; a step of Python is tried first.
    pub(super) fn scheme<'a>(&'a self, watch: &'a Watch) -> Result<Box<dyn Scheme + 'a>> {
        match &self.scheme {
            SchemeOption::Name(name) => parse_scheme(name),
            SchemeOption::Step(step) => {
                // Tried on a law whose columns differ, between times at which every score exists.
                let law = Gaussian::from_eigenvalues(ndarray::array![2.0, 0.5])?;
                let schedule = Linear::new(0.05, 10.0, 1.0)?;
                let score = GaussianScore::new(&law, &schedule);
                let process = ReverseProcess::new(&schedule, &score);
                let trial = Step { t: 0.6, s: 0.5, previous: Some(0.7), last: false, steps: 10 };
                Ok(Box::new(PythonScheme::new(step, watch, &process, &trial)?))
            }
        }
    }

    /// The grid of the scheme on a schedule.
    pub(super) fn grid(&self, scheme: &dyn Scheme, schedule: &dyn Schedule) -> Result<Grid> {
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
    match name {
        "normal" => Ok(Start::Normal),
        "exact" => Ok(Start::Exact),
        _ => Err(Error::Name { what: "start", found: name.to_owned(), known: "normal, exact".into() }),
    }
}
