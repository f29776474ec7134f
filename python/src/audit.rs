//! Exact errors of samplers.

use crate::callbacks::{PythonScheme, PythonScore};
use crate::convert::{matrix, raise, vector};
use crate::work::{Watch, run};
use fokker::audit::tune::{Robust, TuneOptions, tune};
use fokker::audit::{
    Audit, ErrorReport, Export, Finding, Start, lint_config, lint_sigmas, parse_sigmas, propagate_matrix,
};
use fokker::problems::parse_spectrum;
use fokker::process::{
    DiscreteBetas, Grid, Linear, OrnsteinUhlenbeck, Schedule, SchedulerConfig, Spacing, Step, TrainingTable,
    parse_schedule,
};
use fokker::sampling::{
    self, ReverseProcess, SampleOptions, Scheme, evaluations, parse_scheme, sample, steps_within,
};
use fokker::score::GaussianScore;
use fokker::statistics::{Covariance, Gaussian};
use fokker::transport::bures;
use fokker::{ArrayBlocks, Error, Result};
use ndarray::Array1;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// A Gaussian law.
#[pyclass(frozen, module = "fokker._fokker")]
pub struct Law {
    law: Gaussian,
}

#[pymethods]
impl Law {
    /// N(0, diag(eigenvalues)).
    #[classmethod]
    #[pyo3(signature = (eigenvalues))]
    fn from_eigenvalues<'py>(cls: &Bound<'py, PyType>, eigenvalues: Object<'_, 'py>) -> PyResult<Self> {
        let values = vector(eigenvalues, "eigenvalues")?.as_array().to_owned();
        wrap(cls.py(), Gaussian::from_eigenvalues(values))
    }

    /// N(mean, covariance).
    #[classmethod]
    #[pyo3(signature = (mean, covariance))]
    fn from_covariance<'py>(
        cls: &Bound<'py, PyType>,
        mean: Option<Object<'_, 'py>>,
        covariance: Object<'_, 'py>,
    ) -> PyResult<Self> {
        let py = cls.py();
        let covariance = matrix(covariance, "covariance")?;
        let covariance = covariance.as_array();
        let mean = match mean {
            Some(mean) => vector(mean, "mean")?.as_array().to_owned(),
            None => Array1::zeros(covariance.nrows()),
        };
        let law = run(py, |_| Gaussian::from_covariance(mean, covariance))?;
        Ok(Law { law })
    }

    /// The Gaussian of the mean and covariance of rows, in the axes of the covariance unless the
    /// columns must stay.
    #[classmethod]
    #[pyo3(signature = (x, keep_columns))]
    fn from_rows<'py>(cls: &Bound<'py, PyType>, x: Object<'_, 'py>, keep_columns: bool) -> PyResult<Self> {
        let x = matrix(x, "data")?;
        let x = x.as_array();
        let law = run(cls.py(), |monitor| {
            let law = if x.nrows() >= x.ncols() || keep_columns {
                Covariance::from_blocks(&mut ArrayBlocks::new(x), monitor)?.gaussian()?
            } else {
                Gaussian::from_few_rows(x)?
            };
            Ok(if keep_columns { law } else { law.in_own_axes() })
        })?;
        Ok(Law { law })
    }

    /// An embedded spectrum.
    #[classmethod]
    #[pyo3(signature = (name))]
    fn from_spectrum(cls: &Bound<PyType>, name: &str) -> PyResult<Self> {
        wrap(cls.py(), parse_spectrum(name).and_then(Gaussian::from_eigenvalues))
    }

    /// Dimension.
    #[getter]
    fn dim(&self) -> usize {
        self.law.dim()
    }

    /// Mean, `[d]`.
    #[getter]
    fn mean<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.law.mean().clone().into_pyarray(py)
    }

    /// Eigenvalues of the covariance, `[d]`.
    #[getter]
    fn eigenvalues<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.law.values().clone().into_pyarray(py)
    }

    /// A factor F of the covariance F Fᵀ, `[d, d]`.
    #[getter]
    fn factor<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        factor(&self.law).into_pyarray(py)
    }

    /// W₂ to another law of the same columns.
    #[pyo3(signature = (other))]
    fn distance(&self, py: Python, other: &Law) -> PyResult<f64> {
        run(py, |_| {
            if self.law.dim() != other.law.dim() {
                return Err(Error::Size { name: "law", expected: self.law.dim(), found: other.law.dim() });
            }
            let shift = (self.law.mean() - other.law.mean()).mapv(|x| x * x).sum();
            Ok((shift + bures(factor(&self.law).view(), factor(&other.law).view())?.powi(2)).sqrt())
        })
    }
}

fn factor(law: &Gaussian) -> ndarray::Array2<f64> {
    let deviation = law.values().mapv(f64::sqrt);
    match law.vectors() {
        Some(vectors) => vectors * &deviation,
        None => ndarray::Array2::from_diag(&deviation),
    }
}

fn wrap(py: Python, law: Result<Gaussian>) -> PyResult<Law> {
    law.map(|law| Law { law }).map_err(|error| raise(py, error))
}

/// A noise schedule: the clock of the process.
#[pyclass(frozen, module = "fokker._fokker", name = "Schedule")]
pub struct PySchedule {
    schedule: Box<dyn Schedule>,
    /// Training levels, when there are discrete ones.
    levels: Option<usize>,
}

#[pymethods]
impl PySchedule {
    /// By its name on the command line.
    #[classmethod]
    #[pyo3(signature = (text))]
    fn parse(cls: &Bound<PyType>, text: &str) -> PyResult<Self> {
        let schedule = parse_schedule(text).map_err(|error| raise(cls.py(), error))?;
        Ok(PySchedule { schedule, levels: None })
    }

    /// By the β of every training step.
    #[classmethod]
    #[pyo3(signature = (betas))]
    fn from_betas<'py>(cls: &Bound<'py, PyType>, betas: Object<'_, 'py>) -> PyResult<Self> {
        let betas = vector(betas, "betas")?.as_array().to_vec();
        let schedule = DiscreteBetas::new(&betas).map_err(|error| raise(cls.py(), error))?;
        Ok(PySchedule { schedule: Box::new(schedule), levels: Some(betas.len()) })
    }

    /// By the JSON of a diffusers scheduler, or `preset:NAME`.
    #[classmethod]
    #[pyo3(signature = (text))]
    fn from_config(cls: &Bound<PyType>, text: &str) -> PyResult<Self> {
        let schedule = config_of(text).and_then(|config| config.schedule());
        let schedule = schedule.map_err(|error| raise(cls.py(), error))?;
        let levels = Some(schedule.horizon() as usize);
        Ok(PySchedule { schedule: Box::new(schedule), levels })
    }

    /// T.
    #[getter]
    fn horizon(&self) -> f64 {
        self.schedule.horizon()
    }

    /// B(t).
    #[pyo3(signature = (t))]
    fn clock(&self, t: f64) -> f64 {
        self.schedule.clock(t)
    }

    /// e^{−B(t)}.
    #[pyo3(signature = (t))]
    fn alpha(&self, t: f64) -> f64 {
        OrnsteinUhlenbeck::alpha(self.schedule.clock(t))
    }

    /// √(1 − e^{−2B(t)}).
    #[pyo3(signature = (t))]
    fn sigma(&self, t: f64) -> f64 {
        OrnsteinUhlenbeck::variance(self.schedule.clock(t)).sqrt()
    }

    /// The grid of these times as text for another program.
    #[pyo3(signature = (times, program))]
    fn export(&self, py: Python, times: Vec<f64>, program: &str) -> PyResult<String> {
        let render = || {
            let export: Export = program.parse()?;
            let grid = Grid::from_times(times, &*self.schedule)?;
            let table = TrainingTable::from_schedule(&*self.schedule, self.levels.unwrap_or(1000))?;
            Ok(export.render(&grid, &table))
        };
        render().map_err(|error| raise(py, error))
    }
}

fn config_of(text: &str) -> Result<SchedulerConfig> {
    match text.strip_prefix("preset:") {
        Some(name) => SchedulerConfig::preset(name),
        None => SchedulerConfig::from_json(text),
    }
}

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
    fn scheme<'a>(&'a self, watch: &'a Watch) -> Result<Box<dyn Scheme + 'a>> {
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

fn start_of(name: &str) -> Result<Start> {
    match name {
        "normal" => Ok(Start::Normal),
        "exact" => Ok(Start::Exact),
        _ => Err(Error::Name { what: "start", found: name.to_owned(), known: "normal, exact".into() }),
    }
}

fn set_report(out: &Bound<PyDict>, report: &ErrorReport) -> PyResult<()> {
    out.set_item("w2", report.w2)?;
    out.set_item("initialisation", report.initialisation)?;
    out.set_item("truncation", report.truncation)?;
    out.set_item("discretisation", report.discretisation)?;
    out.set_item("score", report.score)
}

/// The four errors of a sampler and their total.
#[pyfunction]
#[pyo3(signature = (law, score, schedule, sampler, start, per_eigenvalue, along_time))]
#[allow(clippy::too_many_arguments)]
pub fn audit_errors<'py>(
    py: Python<'py>,
    law: &Law,
    score: Option<&Law>,
    schedule: &PySchedule,
    sampler: Sampler,
    start: &str,
    per_eigenvalue: bool,
    along_time: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (report, used, grid, vectors, along) = run(py, |watch| {
        let schedule = &*schedule.schedule;
        let (scheme, start) = (sampler.scheme(watch)?, start_of(start)?);
        let grid = sampler.grid(&*scheme, schedule)?;
        let audit = match score {
            None => Audit::new(&law.law, schedule),
            Some(score) => Audit::with_score(&law.law, &score.law, schedule)?,
        };
        let run = audit.run(&*scheme, &grid)?;
        let report = audit.report(&run, start)?;
        let vectors = per_eigenvalue.then(|| audit.per_eigenvalue(&run, start)).transpose()?;
        let along = along_time.then(|| audit.along_time(&*scheme, &grid, start)).transpose()?;
        Ok((report, evaluations(&*scheme, &grid), grid, vectors, along))
    })?;
    let out = PyDict::new(py);
    set_report(&out, &report)?;
    out.set_item("evaluations", used)?;
    out.set_item("times", grid.times().to_vec().into_pyarray(py))?;
    out.set_item("sigmas", grid.sigmas().to_vec().into_pyarray(py))?;
    let vectors = vectors.map(|v| {
        let each = PyDict::new(py);
        each.set_item("w2", v.w2.into_pyarray(py))?;
        each.set_item("initialisation", v.initialisation.into_pyarray(py))?;
        each.set_item("truncation", v.truncation.into_pyarray(py))?;
        each.set_item("discretisation", v.discretisation.into_pyarray(py))?;
        each.set_item("score", v.score.into_pyarray(py))?;
        Ok::<_, PyErr>(each)
    });
    out.set_item("per_eigenvalue", vectors.transpose()?)?;
    out.set_item("along_time", along.map(|along| along.into_pyarray(py)))?;
    Ok(out)
}

type Affine<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>, usize);

/// What a sampler with an affine score of Python does: (gain, offset, covariance, evaluations).
#[pyfunction]
#[pyo3(signature = (score, dim, schedule, sampler))]
pub fn audit_propagate<'py>(
    py: Python<'py>,
    score: Py<PyAny>,
    dim: usize,
    schedule: &PySchedule,
    sampler: Sampler,
) -> PyResult<Affine<'py>> {
    let (map, used) = run(py, |watch| {
        let schedule = &*schedule.schedule;
        let scheme = sampler.scheme(watch)?;
        let grid = sampler.grid(&*scheme, schedule)?;
        let score = PythonScore { call: &score, dim, watch };
        let map = propagate_matrix(&*scheme, &grid, &ReverseProcess::new(schedule, &score))?;
        Ok((map, evaluations(&*scheme, &grid)))
    })?;
    let (gain, offset) = (map.gain.into_pyarray(py), map.offset.into_pyarray(py));
    Ok((gain, offset, map.covariance.into_pyarray(py), used))
}

/// Particles drawn with a score of Python.
#[pyfunction]
#[pyo3(signature = (score, dim, schedule, sampler, particles, seed))]
pub fn audit_sample<'py>(
    py: Python<'py>,
    score: Py<PyAny>,
    dim: usize,
    schedule: &PySchedule,
    sampler: Sampler,
    particles: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let x = run(py, |watch| {
        let schedule = &*schedule.schedule;
        let scheme = sampler.scheme(watch)?;
        let grid = sampler.grid(&*scheme, schedule)?;
        let score = PythonScore { call: &score, dim, watch };
        let options =
            SampleOptions { particles, first: 0, start: sampling::Start::Normal, seed, monitor: watch };
        sample(&ReverseProcess::new(schedule, &score), &*scheme, &grid, &options)
    })?;
    Ok(x.into_pyarray(py))
}

/// The best grid for a budget.
#[pyfunction]
#[pyo3(signature = (law, scheme, nfe, schedule, start, stop))]
pub fn audit_tune<'py>(
    py: Python<'py>,
    law: &Law,
    scheme: &str,
    nfe: usize,
    schedule: &PySchedule,
    start: &str,
    stop: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let tuned = run(py, |monitor| {
        let options = TuneOptions {
            start: start_of(start)?,
            stop,
            robust: Robust::Average,
            monitor,
            ..Default::default()
        };
        tune(&[law.law.in_own_axes()], &*parse_scheme(scheme)?, nfe, &*schedule.schedule, &options)
    })?;
    let out = PyDict::new(py);
    out.set_item("times", tuned.grid.times().to_vec().into_pyarray(py))?;
    out.set_item("sigmas", tuned.grid.sigmas().to_vec().into_pyarray(py))?;
    out.set_item("stop", tuned.grid.stop())?;
    out.set_item("evaluations", tuned.evaluations)?;
    let report = PyDict::new(py);
    set_report(&report, &tuned.report)?;
    out.set_item("report", report)?;
    out.set_item("w2", tuned.w2)?;
    out.set_item("standard", (tuned.standard.spacing, tuned.standard.grid.stop(), tuned.standard.w2))?;
    Ok(out)
}

/// Findings about a list of σ (or its text), or a configuration (JSON or `preset:NAME`).
#[pyfunction]
#[pyo3(signature = (sigmas, text, steps, law, scheme))]
pub fn audit_lint<'py>(
    py: Python<'py>,
    sigmas: Option<Vec<f64>>,
    text: Option<&str>,
    steps: usize,
    law: &Law,
    scheme: Option<&str>,
) -> PyResult<Bound<'py, PyList>> {
    let findings = run(py, |_| {
        let text = text.unwrap_or_default();
        if let Some(sigmas) = sigmas {
            return lint_sigmas(&sigmas, &law.law, &*parse_scheme(scheme.unwrap_or("dpmpp-2m"))?);
        }
        if !text.starts_with("preset:") && !text.trim_start().starts_with('{') {
            let scheme = parse_scheme(scheme.unwrap_or("dpmpp-2m"))?;
            return lint_sigmas(&parse_sigmas(text)?, &law.law, &*scheme);
        }
        let config = config_of(text)?;
        lint_config(&config, steps, &law.law, &*parse_scheme(scheme.unwrap_or(config.scheme_name()))?)
    })?;
    let out = PyList::empty(py);
    for finding in &findings {
        out.append(described(py, finding)?)?;
    }
    Ok(out)
}

fn described<'py>(py: Python<'py>, finding: &Finding) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("code", finding.code.name())?;
    out.set_item("severity", format!("{:?}", finding.severity).to_lowercase())?;
    out.set_item("step", finding.step)?;
    out.set_item("message", &finding.message)?;
    out.set_item("remedy", &finding.remedy)?;
    out.set_item("w2_cost", finding.w2_cost)?;
    Ok(out)
}
