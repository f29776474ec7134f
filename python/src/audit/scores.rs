//! Scores written in Python, such as networks: their affine part, and particles drawn with them.

use super::sampler::Sampler;
use super::{Law, Object, PySchedule};
use crate::callbacks::PythonScore;
use crate::convert::{matrix, rows};
use crate::work::run;
use fokker::audit::{self, AffinePart, Start, affine_w2, affine_warning};
use fokker::sampling::{self, ReverseProcess, SampleOptions, evaluations, sample};
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a sampler does with the affine part of a score over rows of data and of normal noise.
#[pyfunction]
#[pyo3(signature = (score, law, data, noise, schedule, sampler))]
pub fn audit_affine<'py>(
    py: Python<'py>,
    score: Py<PyAny>,
    law: &Law,
    data: Object<'_, 'py>,
    noise: Object<'_, 'py>,
    schedule: &PySchedule,
    sampler: Sampler,
) -> PyResult<Bound<'py, PyDict>> {
    let (rows, noise) = (rows(data, "data")?, matrix(noise, "noise")?);
    let (rows, noise) = (rows.as_array(), noise.as_array());
    let (w2, used, mut shares) = run(py, |watch| {
        let schedule = &*schedule.schedule;
        let (scheme, grid) = sampler.on(schedule, watch)?;
        let score = PythonScore { call: &score, dim: law.law.dim(), watch };
        let part = AffinePart::new(&score, schedule, rows.to_owned(), noise.to_owned())?;
        part.check(&grid)?;
        let on = audit::Sampler { scheme: &*scheme, grid: &grid, start: Start::Normal };
        let w2 = affine_w2(&law.law, &part, schedule, &on)?;
        Ok((w2, evaluations(&*scheme, &grid), part.shares()))
    })?;
    let warning = affine_warning(&shares);
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (times, shares): (Vec<f64>, Vec<f64>) = shares.into_iter().unzip();
    let out = PyDict::new(py);
    out.set_item("w2", w2)?;
    out.set_item("warning", warning)?;
    out.set_item("evaluations", used)?;
    out.set_item("times", times.into_pyarray(py))?;
    out.set_item("shares", shares.into_pyarray(py))?;
    Ok(out)
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
        let (scheme, grid) = sampler.on(schedule, watch)?;
        let score = PythonScore { call: &score, dim, watch };
        let options =
            SampleOptions { particles, first: 0, start: sampling::Start::Normal, seed, task: watch.task() };
        sample(&ReverseProcess::new(schedule, &score), &*scheme, &grid, &options)
    })?;
    Ok(x.into_pyarray(py))
}
