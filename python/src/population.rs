//! Energies from snapshots of a population.

use crate::convert::{matrix, optional, vector};
use crate::errors::raise;
use crate::options::{given, result};
use crate::work::run;
use fokker::population::{
    Cloud, Energy, FitOptions, Labels, PredictOptions, Snapshots, ValidateOptions, fit, predict, validate,
};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyType};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

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
    options: &Bound<'py, PyDict>,
) -> PyResult<(PopulationFit, Bound<'py, PyAny>)> {
    let options: FitOptions = given(options)?;
    let (x, times, weights) = (matrix(x, "X")?, vector(times, "times")?, optional(weights, "sample_weight")?);
    let (x, times) = (x.as_array(), times.as_array());
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let fitted = run(py, |watch| fit(&Snapshots::from_rows(x, times, weights)?, &options, watch.task()))?;
    let report = result(py, &fitted)?;
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
#[pyo3(signature = (x, times, weights, options))]
pub fn population_validate<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    times: Object<'_, 'py>,
    weights: Option<Object<'_, 'py>>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let options: ValidateOptions = given(options)?;
    let (x, times, weights) = (matrix(x, "X")?, vector(times, "times")?, optional(weights, "sample_weight")?);
    let (x, times) = (x.as_array(), times.as_array());
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let found = run(py, |watch| validate(&Snapshots::from_rows(x, times, weights)?, &options, watch.task()))?;
    result(py, &found)
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

    /// How it was made, when that is known.
    #[getter]
    fn receipt<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        result(py, &self.energy.receipt)
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

    /// The options of a prediction with its times settled, as a dictionary.
    #[pyo3(signature = (options))]
    fn settled<'py>(&self, py: Python<'py>, options: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        result(py, &given::<PredictOptions>(options)?.settle(&self.energy))
    }

    /// Particles at each of the times.
    #[pyo3(signature = (x, weights, options))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: Object<'_, 'py>,
        weights: Option<Object<'_, 'py>>,
        options: &Bound<'py, PyDict>,
    ) -> PyResult<Vec<Bound<'py, PyArray2<f64>>>> {
        let options: PredictOptions = given(options)?;
        let (x, weights) = (matrix(x, "X")?, optional(weights, "weights")?);
        let x = x.as_array();
        let weights = weights.as_ref().map(|weights| weights.as_array());
        let clouds = run(py, |watch| {
            predict(&self.energy, &Cloud::new(x.to_owned(), weights)?, &options, watch.task())
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
