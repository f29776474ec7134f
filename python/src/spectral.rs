//! Density, score and samples by linear systems.

use crate::convert::{matrix, optional};
use crate::errors::raise;
use crate::work::run;
use fokker::spectral::{
    CHUNK, Chosen, Coordinates, Corrector, Density, DrawOptions, FitOptions, Moments, Pairs, Reference,
    Ridge, Rows, Shape, SolveOptions, SpectralFit, Summary, choose,
};
use fokker::{ArrayBlocks, Merge, Result};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// What is fitted: as on the command line.
#[derive(FromPyObject)]
pub struct Options {
    #[pyo3(item)]
    reference: String,
    #[pyo3(item)]
    degree: usize,
    #[pyo3(item)]
    pairs: PairsOption,
    #[pyo3(item)]
    gaussian_pairs: bool,
    #[pyo3(item)]
    ridge: String,
    #[pyo3(item)]
    hold_out: f64,
}

/// Pairs by a word, or as a list.
#[derive(FromPyObject)]
enum PairsOption {
    Word(String),
    List(Vec<(usize, usize)>),
}

impl Options {
    fn shape(&self, dim: usize) -> Result<Shape> {
        let pairs = match &self.pairs {
            PairsOption::List(list) => Pairs::List(list.clone()),
            PairsOption::Word(word) if word == "auto" => Pairs::auto(dim),
            PairsOption::Word(word) => Pairs::parse(word)?,
        };
        Ok(Shape { degree: self.degree, pairs, gaussian_pairs: self.gaussian_pairs, ..Default::default() })
    }
}

/// What has been observed of the data, in fixed coordinates; merges.
#[pyclass(frozen, module = "fokker._fokker")]
pub struct SpectralMoments {
    moments: Moments,
    summary: Summary,
    coordinates: Coordinates,
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

/// Coordinates chosen, moments taken and systems solved: (fit, moments).
#[pyfunction]
#[pyo3(signature = (x, weights, options))]
pub fn spectral_fit<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    weights: Option<Object<'_, 'py>>,
    options: Options,
) -> PyResult<(PySpectralFit, SpectralMoments)> {
    let (x, weights) = (matrix(x, "X")?, optional(weights, "sample_weight")?);
    let x = x.as_array();
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let (fit, moments) = run(py, |watch| {
        let weights = weights.as_ref().map(|weights| weights.as_slice().expect("contiguous"));
        let mut blocks = ArrayBlocks::new(x);
        let rows = Rows { hold_out: options.hold_out, weights, task: watch.task(), ..Default::default() };
        let shape = options.shape(x.ncols())?;
        let reference = Reference::parse(&options.reference)?;
        let candidates = reference.candidates(x.ncols(), &shape, options.hold_out);
        let solve =
            SolveOptions { ridge: Ridge::parse(&options.ridge)?, task: watch.task(), ..Default::default() };
        let candidate = |coordinates| FitOptions { coordinates, shape: shape.clone(), rows, solve };
        let candidates: Vec<FitOptions> = candidates.into_iter().map(candidate).collect();
        let Chosen { fit, moments, summary, index, .. } = choose(&mut blocks, &candidates)?;
        let coordinates = candidates[index].coordinates;
        Ok((fit, SpectralMoments { moments, summary, coordinates, next: first(x.nrows()) }))
    })?;
    Ok((PySpectralFit { fit }, moments))
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
        options: Options,
        alone: bool,
    ) -> PyResult<SpectralMoments> {
        let (x, weights) = (matrix(x, "X")?, optional(weights, "sample_weight")?);
        let x = x.as_array();
        let weights = weights.as_ref().map(|weights| weights.as_array());
        run(py, |watch| {
            let weights = weights.as_ref().map(|weights| weights.as_slice().expect("contiguous"));
            let start = if alone { 0 } else { self.next };
            let rows = Rows { first: start, weights, hold_out: options.hold_out, task: watch.task() };
            let shape = options.shape(x.ncols())?;
            let basis = (self.coordinates, &shape);
            let seen = Moments::from_blocks(&mut ArrayBlocks::new(x), &self.summary, basis, &rows)?;
            let moments = if alone {
                seen
            } else {
                let mut all = self.moments.clone();
                all.merge(&seen)?;
                all
            };
            Ok(SpectralMoments { moments, next: first(start + x.nrows()), ..self.parts() })
        })
    }

    /// The moments of the rows of both.
    #[pyo3(signature = (other))]
    fn merged(&self, py: Python, other: &SpectralMoments) -> PyResult<SpectralMoments> {
        run(py, |_| {
            let mut moments = self.moments.clone();
            moments.merge(&other.moments)?;
            Ok(SpectralMoments { moments, next: self.next.max(other.next), ..self.parts() })
        })
    }

    /// The fit to what has been observed.
    #[pyo3(signature = (ridge))]
    fn solve(&self, py: Python, ridge: &str) -> PyResult<PySpectralFit> {
        run(py, |watch| {
            let options =
                SolveOptions { ridge: Ridge::parse(ridge)?, task: watch.task(), ..Default::default() };
            SpectralFit::from_moments(&self.moments, &options)
        })
        .map(|fit| PySpectralFit { fit })
    }
}

impl SpectralMoments {
    fn parts(&self) -> SpectralMoments {
        SpectralMoments {
            moments: self.moments.clone(),
            summary: self.summary.clone(),
            coordinates: self.coordinates,
            next: self.next,
        }
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

    /// What the fit is worth, as JSON.
    fn report(&self) -> String {
        serde_json::to_string(self.fit.report()).expect("a report is numbers and text")
    }

    /// Condition of the worst solve.
    #[getter]
    fn condition(&self) -> f64 {
        self.fit.report().condition()
    }

    /// One sentence about the comparison with simpler laws, when there was one.
    fn sentence(&self) -> Option<String> {
        self.fit.comparison().map(|comparison| comparison.sentence())
    }

    /// Rows drawn, and how they were drawn, as JSON.
    #[pyo3(signature = (n, seed, steps, stop, corrector, corrector_step, metropolis))]
    #[allow(clippy::too_many_arguments)]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        n: usize,
        seed: u64,
        steps: usize,
        stop: f64,
        corrector: Option<usize>,
        corrector_step: Option<f64>,
        metropolis: Option<bool>,
    ) -> PyResult<(Bound<'py, PyArray2<f64>>, String)> {
        let drawn = run(py, |watch| {
            let corrector = Corrector { steps: corrector, step: corrector_step, metropolis };
            let options = DrawOptions {
                particles: n,
                seed,
                steps,
                stop,
                corrector,
                task: watch.task(),
                ..Default::default()
            };
            self.fit.sample(&options)
        })?;
        let report = serde_json::to_string(&drawn.report).expect("a report is numbers and text");
        Ok((drawn.x.into_pyarray(py), report))
    }

    /// Log-density of rows, `[n]`: of the flow or of the energy.
    #[pyo3(signature = (x, density))]
    fn log_density<'py>(
        &self,
        py: Python<'py>,
        x: Object<'_, 'py>,
        density: &str,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let x = matrix(x, "X")?;
        let x = x.as_array();
        let log = run(py, |watch| self.fit.log_density_by(Density::parse(density)?, x, watch.task()))?;
        Ok(log.into_pyarray(py))
    }

    /// ∇ log p_t of rows, `[n, d]`.
    #[pyo3(signature = (t, x))]
    fn score_at<'py>(
        &self,
        py: Python<'py>,
        t: f64,
        x: Object<'_, 'py>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let x = matrix(x, "X")?;
        let x = x.as_array();
        Ok(run(py, |_| self.fit.score_at(t, x))?.into_pyarray(py))
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
