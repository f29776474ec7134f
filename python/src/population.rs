//! Energies from snapshots of a population.

use crate::convert::{matrix, optional, vector};
use crate::errors::raise;
use crate::work::run;
use fokker::population::{
    Chosen, Comparison, Energy, FitOptions, Labels, Metric, PredictOptions, Predictions, Ridge, Snapshots,
    ValidateOptions, fit, predict, validate,
};
use fokker::{Result, Task};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyType};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// What is fitted, in the words of the command line.
#[derive(FromPyObject)]
pub struct Options {
    #[pyo3(item)]
    potential: String,
    #[pyo3(item)]
    interaction: Option<String>,
    #[pyo3(item)]
    internal: Option<usize>,
    #[pyo3(item)]
    time: String,
    #[pyo3(item)]
    scheme: String,
    #[pyo3(item)]
    coupling: String,
    #[pyo3(item)]
    ridge: String,
    #[pyo3(item)]
    ridge_absolute: Option<f64>,
    #[pyo3(item)]
    raw_features: bool,
    #[pyo3(item)]
    seed: u64,
}

impl Options {
    fn parsed<'a>(&self, task: Task<'a>) -> Result<FitOptions<'a>> {
        Ok(FitOptions {
            potential: self.potential.parse()?,
            interaction: self.interaction.as_deref().map(str::parse).transpose()?,
            internal: self.internal,
            time: if self.time == "auto" { None } else { Some(self.time.parse()?) },
            scheme: if self.scheme == "auto" { None } else { Some(self.scheme.parse()?) },
            coupling: self.coupling.parse()?,
            ridge: match self.ridge_absolute {
                Some(ridge) => Ridge::Absolute(ridge),
                None => self.ridge.parse()?,
            },
            raw_features: self.raw_features,
            seed: self.seed,
            task,
        })
    }
}

/// A fitted energy: immutable, safe to share between threads.
#[pyclass(frozen, module = "fokker._fokker")]
pub struct PopulationFit {
    energy: Energy,
}

/// (energy, what was chosen and what the solve is worth).
#[pyfunction]
#[pyo3(signature = (x, times, weights, options))]
pub fn population_fit<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    times: Object<'_, 'py>,
    weights: Option<Object<'_, 'py>>,
    options: Options,
) -> PyResult<(PopulationFit, Bound<'py, PyDict>)> {
    let (x, times, weights) = (matrix(x, "X")?, vector(times, "times")?, optional(weights, "sample_weight")?);
    let (x, times) = (x.as_array(), times.as_array());
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let fitted =
        run(py, |watch| fit(&Snapshots::from_rows(x, times, weights)?, &options.parsed(watch.task())?))?;
    let report = chosen(py, &fitted.chosen)?;
    report.set_item("unknowns", fitted.unknowns)?;
    report.set_item("equations", fitted.equations)?;
    report.set_item("rank", fitted.rank)?;
    report.set_item("condition", fitted.condition)?;
    report.set_item("residuals", fitted.residuals.into_pyarray(py))?;
    Ok((PopulationFit { energy: fitted.energy }, report))
}

/// The times of labels, and in words how they became times; `order` is that of their categories.
#[pyfunction]
#[pyo3(signature = (labels, order))]
pub fn label_times<'py>(
    py: Python<'py>,
    labels: Vec<String>,
    order: Option<Vec<String>>,
) -> PyResult<(Bound<'py, PyArray1<f64>>, Option<String>)> {
    let labels = Labels::of_rows(labels).map_err(|error| raise(py, error))?;
    let labels = match order {
        Some(order) => labels.in_order(&order),
        None => labels,
    };
    let (times, words) = labels.times(None).map_err(|error| raise(py, error))?;
    Ok((times.into_pyarray(py), words))
}

/// Honest validation, as a dictionary.
#[pyfunction]
#[pyo3(signature = (x, times, weights, options, hold_out, seeds, p))]
#[allow(clippy::too_many_arguments)]
pub fn population_validate<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    times: Object<'_, 'py>,
    weights: Option<Object<'_, 'py>>,
    options: Options,
    hold_out: &str,
    seeds: usize,
    p: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, times, weights) = (matrix(x, "X")?, vector(times, "times")?, optional(weights, "sample_weight")?);
    let (x, times) = (x.as_array(), times.as_array());
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let found = run(py, |watch| {
        let metric = match p {
            1 => Metric::W1,
            2 => Metric::W2,
            _ => {
                let requirement = "1 or 2".into();
                return Err(fokker::Error::Argument { name: "p", requirement, found: p as f64 });
            }
        };
        let options = ValidateOptions {
            hold_out: hold_out.parse()?,
            seeds,
            metric,
            fit: options.parsed(watch.task())?,
        };
        validate(&Snapshots::from_rows(x, times, weights)?, &options)
    })?;
    let figures = |all: &Predictions| figures(py, all);
    let known = |all: &Option<Predictions>| all.as_ref().map(figures).transpose();
    let compared = |one: &Comparison| compared(py, one);
    let out = PyDict::new(py);
    out.set_item("verdict", found.verdict.to_string())?;
    out.set_item("against", found.against.iter().map(compared).collect::<PyResult<Vec<_>>>()?)?;
    out.set_item("rolled_out", compared(&found.rolled_out)?)?;
    out.set_item("mean", figures(&found.mean)?)?;
    out.set_item("sd", known(&found.sd)?)?;
    out.set_item("energy_distance", known(&found.energy_distance)?)?;
    out.set_item("spread", known(&found.spread)?)?;
    let steps = PyList::empty(py);
    for step in &found.steps {
        let entry = figures(&step.distances)?;
        entry.set_item("from", step.from)?;
        entry.set_item("to", step.to)?;
        entry.set_item("energy_distance", known(&step.energy_distance)?)?;
        entry.set_item("spread", known(&step.spread)?)?;
        steps.append(entry)?;
    }
    out.set_item("steps", steps)?;
    let chosen = found.chosen.iter().map(|one| chosen(py, one)).collect::<PyResult<Vec<_>>>()?;
    out.set_item("chosen", chosen)?;
    let roll_out = PyList::empty(py);
    for at in &found.roll_out {
        let entry = PyDict::new(py);
        entry.set_item("to", at.to)?;
        entry.set_item("fit", at.fit)?;
        entry.set_item("affine", at.affine)?;
        roll_out.append(entry)?;
    }
    out.set_item("roll_out", roll_out)?;
    let lost = PyList::empty(py);
    for one in &found.lost {
        let entry = PyDict::new(py);
        entry.set_item("prediction", one.prediction)?;
        entry.set_item("seed", one.seed)?;
        entry.set_item("from", one.from)?;
        entry.set_item("to", one.to)?;
        entry.set_item("particles", one.particles)?;
        entry.set_item("reason", &one.reason)?;
        lost.append(entry)?;
    }
    out.set_item("lost", lost)?;
    Ok(out)
}

fn figures<'py>(py: Python<'py>, all: &Predictions) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("floor", all.floor)?;
    out.set_item("persistence", all.persistence)?;
    out.set_item("affine", all.affine)?;
    out.set_item("ot_interpolation", all.ot_interpolation)?;
    out.set_item("fit", all.fit)?;
    out.set_item("cumulative", all.cumulative)?;
    out.set_item("cumulative_affine", all.cumulative_affine)?;
    Ok(out)
}

fn compared<'py>(py: Python<'py>, one: &Comparison) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("baseline", one.baseline)?;
    out.set_item("difference", one.difference)?;
    out.set_item("standard_error", one.standard_error)?;
    out.set_item("verdict", one.verdict().to_string())?;
    Ok(out)
}

/// What was chosen, as the command line prints it.
fn chosen<'py>(py: Python<'py>, chosen: &Chosen) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("scheme", chosen.scheme.to_string())?;
    out.set_item("potential", chosen.potential.as_ref().map(ToString::to_string))?;
    out.set_item("time", chosen.time.to_string())?;
    let ridge = match chosen.ridge {
        Ridge::Relative(ridge) | Ridge::Absolute(ridge) => Some(ridge),
        Ridge::HoldOut | Ridge::CrossValidation => None,
    };
    out.set_item("ridge", ridge)?;
    out.set_item("held_out", chosen.held_out)?;
    out.set_item("compared", chosen.compared)?;
    Ok(out)
}

#[pymethods]
impl PopulationFit {
    /// Dimension of the particles.
    #[getter]
    fn dim(&self) -> usize {
        self.energy.dim
    }

    /// Times of the snapshots.
    #[getter]
    fn times<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.energy.times.clone().into_pyarray(py)
    }

    /// θ, when it was fitted.
    #[getter]
    fn temperature(&self) -> Option<f64> {
        self.energy.temperature
    }

    /// Coefficients of the potential, `[L, K]`, when there is one.
    #[getter]
    fn potential_coefficients<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray2<f64>>> {
        self.energy.potential.as_ref().map(|term| term.coefficients.clone().into_pyarray(py))
    }

    /// Coefficients of the interaction, `[K]`, when there is one.
    #[getter]
    fn interaction_coefficients<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.energy.interaction.as_ref().map(|term| term.coefficients.clone().into_pyarray(py))
    }

    /// V at points, `[n]`.
    #[pyo3(signature = (t, x))]
    fn potential<'py>(
        &self,
        py: Python<'py>,
        t: f64,
        x: Object<'_, 'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let x = matrix(x, "X")?;
        let x = x.as_array();
        Ok(run(py, |_| self.energy.potential(t, x))?.into_pyarray(py))
    }

    /// W at distances, `[n]`.
    #[pyo3(signature = (r))]
    fn interaction<'py>(&self, py: Python<'py>, r: Object<'_, 'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let r = vector(r, "r")?;
        Ok(self.energy.interaction(r.as_array()).into_pyarray(py))
    }

    /// Velocity of particles in a population, `[n, d]`.
    #[pyo3(signature = (t, x, population, weights))]
    fn velocity<'py>(
        &self,
        py: Python<'py>,
        t: f64,
        x: Object<'_, 'py>,
        population: Object<'_, 'py>,
        weights: Object<'_, 'py>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (x, y, weights) =
            (matrix(x, "X")?, matrix(population, "population")?, vector(weights, "weights")?);
        let (x, y, weights) = (x.as_array(), y.as_array(), weights.as_array());
        Ok(run(py, |_| self.energy.velocity(t, x, y, weights))?.into_pyarray(py))
    }

    /// What is to be said of predictions at these times, if some are beyond the snapshots.
    #[pyo3(signature = (times))]
    fn warning(&self, times: Vec<f64>) -> Option<String> {
        self.energy.warning(&times)
    }

    /// Particles at each of the times.
    #[pyo3(signature = (x, start, times, weights, steps_per_interval, noise, seed))]
    #[allow(clippy::too_many_arguments)]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: Object<'_, 'py>,
        start: f64,
        times: Vec<f64>,
        weights: Option<Object<'_, 'py>>,
        steps_per_interval: Option<usize>,
        noise: bool,
        seed: u64,
    ) -> PyResult<Vec<Bound<'py, PyArray2<f64>>>> {
        let (x, weights) = (matrix(x, "X")?, optional(weights, "weights")?);
        let x = x.as_array();
        let weights = weights.as_ref().map(|weights| weights.as_array());
        let clouds = run(py, |watch| {
            let options = PredictOptions { steps_per_interval, noise, weights, seed, task: watch.task() };
            predict(&self.energy, x, start, &times, &options)
        })?;
        Ok(clouds.into_iter().map(|cloud| cloud.into_pyarray(py)).collect())
    }

    /// The energy as bytes, as the command line saves it.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.energy.to_bytes())
    }

    /// The energy that was saved.
    #[classmethod]
    #[pyo3(signature = (data))]
    fn from_bytes(cls: &Bound<PyType>, data: &[u8]) -> PyResult<Self> {
        Energy::from_bytes(data)
            .map(|energy| PopulationFit { energy })
            .map_err(|error| raise(cls.py(), error))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let read = slf.get_type().getattr("from_bytes")?;
        Ok((read, (slf.get().to_bytes(slf.py()),)))
    }
}
