//! Density, score and samples by linear systems.

use crate::convert::{matrix, optional};
use crate::errors::raise;
use crate::options::{given, result};
use crate::work::run;
use fokker::spectral::{
    CHUNK, DensityOptions, DrawOptions, FitOptions, Fitted, Moments, SampleOptions, ScoreOptions,
    SpectralFit, fit_best, fit_moments,
};
use fokker::{ArrayBlocks, Merge};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyType};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// What has been observed of the data, in fixed coordinates; merges.
#[pyclass(frozen, module = "fokker._fokker")]
pub struct SpectralMoments {
    moments: Moments,
    /// Rows that the next shard's index starts after.
    next: usize,
}

/// A fitted density: immutable, safe to share between threads.
#[pyclass(frozen, module = "fokker._fokker", name = "SpectralFit")]
pub struct PySpectralFit {
    fit: SpectralFit,
}

/// The first row of a shard after `seen` rows: shards start at whole chunks.
fn first(seen: usize) -> usize {
    seen.div_ceil(CHUNK) * CHUNK
}

/// (fit, moments, what it was chosen from and what it is worth).
#[pyfunction]
#[pyo3(signature = (x, weights, options))]
pub fn spectral_fit<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    weights: Option<Object<'_, 'py>>,
    options: &Bound<'py, PyDict>,
) -> PyResult<(PySpectralFit, SpectralMoments, Bound<'py, PyAny>)> {
    let options: FitOptions = given(options)?;
    let (x, weights) = (matrix(x, "X")?, optional(weights, "sample_weight")?);
    let x = x.as_array();
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let fitted = run(py, |watch| {
        let weights = weights.as_ref().map(|weights| weights.as_slice().expect("contiguous"));
        fit_best(&mut ArrayBlocks::new(x), &options, weights, watch.task())
    })?;
    let found = result(py, &fitted)?;
    let Fitted { fit, moments, .. } = fitted;
    Ok((PySpectralFit { fit }, SpectralMoments { moments, next: first(x.nrows()) }, found))
}

#[pymethods]
impl SpectralMoments {
    /// Number of rows observed.
    #[getter]
    fn count(&self) -> usize {
        self.moments.count()
    }

    /// These moments and those of more rows, in the same coordinates; those rows alone when `alone`.
    #[pyo3(signature = (x, weights, options, alone))]
    fn observe<'py>(
        &self,
        py: Python<'py>,
        x: Object<'_, 'py>,
        weights: Option<Object<'_, 'py>>,
        options: &Bound<'py, PyDict>,
        alone: bool,
    ) -> PyResult<SpectralMoments> {
        let options: FitOptions = given(options)?;
        let (x, weights) = (matrix(x, "X")?, optional(weights, "sample_weight")?);
        let x = x.as_array();
        let weights = weights.as_ref().map(|weights| weights.as_array());
        run(py, |watch| {
            options.admits(&self.moments)?;
            let weights = weights.as_ref().map(|weights| weights.as_slice().expect("contiguous"));
            let start = if alone { 0 } else { self.next };
            let mut moments = self.moments.observe(&mut ArrayBlocks::new(x), start, weights, watch.task())?;
            if !alone {
                let seen = std::mem::replace(&mut moments, self.moments.clone());
                moments.merge(&seen)?;
            }
            Ok(SpectralMoments { moments, next: first(start + x.nrows()) })
        })
    }

    /// The moments of the rows of both.
    #[pyo3(signature = (other))]
    fn merged(&self, py: Python, other: &SpectralMoments) -> PyResult<SpectralMoments> {
        run(py, |_| {
            let mut moments = self.moments.clone();
            moments.merge(&other.moments)?;
            Ok(SpectralMoments { moments, next: self.next.max(other.next) })
        })
    }

    /// The fit to what has been observed.
    #[pyo3(signature = (options))]
    fn solve(&self, py: Python, options: &Bound<PyDict>) -> PyResult<PySpectralFit> {
        let options: FitOptions = given(options)?;
        run(py, |watch| fit_moments(&self.moments, &options, watch.task())).map(|fit| PySpectralFit { fit })
    }
}

#[pymethods]
impl PySpectralFit {
    /// Dimension of the data.
    #[getter]
    fn dim(&self) -> usize {
        self.fit.dim()
    }

    /// hermite, hermite-whitened, cosine or cosine-box.
    #[getter]
    fn reference(&self) -> &'static str {
        self.fit.coordinates().name()
    }

    /// First and last time that were solved.
    #[getter]
    fn times(&self) -> (f64, f64) {
        self.fit.score().times()
    }

    /// What the fit is worth.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        result(py, self.fit.report())
    }

    /// How it was made, when that is known.
    #[getter]
    fn receipt<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        result(py, &self.fit.receipt())
    }

    /// Condition of the worst solve.
    #[getter]
    fn condition(&self) -> f64 {
        self.fit.report().condition()
    }

    /// One sentence about the comparison with simpler laws, when there was one.
    #[getter]
    fn sentence(&self) -> Option<String> {
        self.fit.comparison().map(|comparison| comparison.sentence())
    }

    /// Rows drawn, and how they were drawn.
    #[pyo3(signature = (options))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        options: &Bound<'py, PyDict>,
    ) -> PyResult<(Bound<'py, PyArray2<f64>>, Bound<'py, PyAny>)> {
        let options: SampleOptions = given(options)?;
        let drawn = run(py, |watch| self.fit.sample(&DrawOptions::from(&options), watch.task()))?;
        let report = result(py, &drawn.report)?;
        Ok((drawn.x.into_pyarray(py), report))
    }

    /// Log-density of rows, `[n]`.
    #[pyo3(signature = (x, options))]
    fn log_density<'py>(
        &self,
        py: Python<'py>,
        x: Object<'_, 'py>,
        options: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let DensityOptions { density } = given(options)?;
        let x = matrix(x, "X")?;
        let x = x.as_array();
        Ok(run(py, |watch| self.fit.log_density_by(density, x, watch.task()))?.into_pyarray(py))
    }

    /// ∇ log p_t of rows, `[n, d]`.
    #[pyo3(signature = (x, options))]
    fn score_at<'py>(
        &self,
        py: Python<'py>,
        x: Object<'_, 'py>,
        options: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let options: ScoreOptions = given(options)?;
        let x = matrix(x, "X")?;
        let x = x.as_array();
        Ok(run(py, |_| self.fit.score_at(options.time(&self.fit)?, x))?.into_pyarray(py))
    }

    /// The fit as bytes, as the command line saves it.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.fit.to_bytes())
    }

    /// The fit that was saved.
    #[classmethod]
    #[pyo3(signature = (data))]
    fn from_bytes(cls: &Bound<PyType>, data: &[u8]) -> PyResult<Self> {
        SpectralFit::from_bytes(data).map(|fit| PySpectralFit { fit }).map_err(|error| raise(cls.py(), error))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let read = slf.get_type().getattr("from_bytes")?;
        Ok((read, (slf.get().to_bytes(slf.py()),)))
    }
}
