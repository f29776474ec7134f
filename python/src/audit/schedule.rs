//! Noise schedules: by name, by training steps, by the configuration of a diffusers scheduler.

use super::sampler::start_of;
use super::{Law, Object};
use crate::convert::vector;
use crate::errors::raise;
use crate::work::run;
use fokker::Result;
use fokker::audit::{Audit, Export, Exported, Sampler, Start};
use fokker::process::{
    DiscreteBetas, Grid, OrnsteinUhlenbeck, Schedule, SchedulerConfig, TrainingTable, parse_schedule,
};
use fokker::sampling::parse_scheme;
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// A noise schedule: the clock of the process.
#[pyclass(frozen, module = "fokker._fokker", name = "Schedule")]
pub struct PySchedule {
    pub(super) schedule: Box<dyn Schedule>,
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
    #[pyo3(signature = (times, program, scheme))]
    fn export(&self, py: Python, times: Vec<f64>, program: &str, scheme: &str) -> PyResult<String> {
        let text = self.render(times, program, scheme).map(|(text, _)| text);
        text.map_err(|error| raise(py, error))
    }

    /// The same with the sampler that runs it, its grid, and its W₂ to a law.
    #[pyo3(signature = (law, times, program, scheme, start))]
    fn exported<'py>(
        &self,
        py: Python<'py>,
        law: &Law,
        times: Vec<f64>,
        program: &str,
        scheme: &str,
        start: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (text, found, w2) = run(py, |_| {
            let (text, found) = self.render(times.clone(), program, scheme)?;
            let audit = Audit::new(&law.law, &*self.schedule);
            let scheme = parse_scheme(scheme)?;
            let grid = Grid::from_times(times, &*self.schedule)?;
            let w2 = found.w2(&audit, &Sampler { scheme: &*scheme, grid: &grid, start: start_of(start)? })?;
            Ok((text, found, w2))
        })?;
        let out = PyDict::new(py);
        out.set_item("text", text)?;
        out.set_item("w2", w2)?;
        out.set_item("sampler", found.sampler)?;
        out.set_item("times", found.grid.times().to_vec().into_pyarray(py))?;
        out.set_item("sigmas", found.grid.sigmas().to_vec().into_pyarray(py))?;
        Ok(out)
    }
}

impl PySchedule {
    fn render(&self, times: Vec<f64>, program: &str, scheme: &str) -> Result<(String, Exported)> {
        let export: Export = program.parse()?;
        let grid = Grid::from_times(times, &*self.schedule)?;
        let table = TrainingTable::from_schedule(&*self.schedule, self.levels.unwrap_or(1000))?;
        let step = parse_scheme(scheme)?;
        let sampler = Sampler { scheme: &*step, grid: &grid, start: Start::Normal };
        let found = export.render(&sampler, &*self.schedule, &table)?;
        let text = match export {
            Export::Times => found.text.clone(),
            _ => format!("# {scheme}: {}\n{}", found.sampler, found.text),
        };
        Ok((text, found))
    }
}

/// The configuration in the JSON of a diffusers scheduler, or of `preset:NAME`.
fn config_of(text: &str) -> Result<SchedulerConfig> {
    match text.strip_prefix("preset:") {
        Some(name) => SchedulerConfig::preset(name),
        None => SchedulerConfig::from_json(text),
    }
}
