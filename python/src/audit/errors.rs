//! How far a sampler lands from a law, and why.

use super::sampler::{Sampler, start_of};
use super::{Law, PySchedule};
use crate::work::run;
use fokker::audit::{Audit, ErrorReport};
use fokker::sampling::evaluations;
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;

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
        let start = start_of(start)?;
        let (scheme, grid) = sampler.on(schedule, watch)?;
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

/// Writes the errors into a dictionary.
pub(super) fn set_report(out: &Bound<PyDict>, report: &ErrorReport) -> PyResult<()> {
    out.set_item("w2", report.w2)?;
    out.set_item("initialisation", report.initialisation)?;
    out.set_item("truncation", report.truncation)?;
    out.set_item("discretisation", report.discretisation)?;
    out.set_item("score", report.score)
}
