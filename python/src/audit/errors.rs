//! How far a sampler lands from a law, and why.

use super::sampler::{Sampler, start_of};
use super::{Law, PySchedule};
use crate::options::{given, result};
use crate::work::run;
use fokker::audit::{Audit, ErrorTable, ErrorTableOptions, GridName, GridSource};
use fokker::sampling::evaluations;
use fokker::{Error, Result};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A table of errors, the product of the lists of the options: a dictionary for each cell.
#[pyfunction]
#[pyo3(signature = (law, score, schedule, options))]
pub fn audit_table<'py>(
    py: Python<'py>,
    law: &Law,
    score: Option<&Law>,
    schedule: &PySchedule,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let options: ErrorTableOptions = given(options)?;
    let cells = run(py, |watch| {
        let schedule = &*schedule.schedule;
        options.validate(schedule.horizon())?;
        let audit = match score {
            None => Audit::new(&law.law, schedule),
            Some(score) => Audit::with_score(&law.law, &score.law, schedule)?,
        };
        let source = |grid: &GridName| match grid.spacing {
            Some(spacing) => Ok((grid.to_string(), GridSource::Rule(spacing))),
            None => Err(Error::Undefined {
                what: "this grid",
                reason: format!("{grid} is a file, which Python does not read here"),
                remedy: "read it, and give its times or sigmas",
            }),
        };
        let grids = options.grid.iter().map(source).collect::<Result<_>>()?;
        let schemes = ErrorTable::schemes_of(&options.scheme);
        let table = ErrorTable { audit: &audit, schedule, fitted: None, schemes, grids, options: &options };
        table.cells(watch.task())
    })?;
    result(py, &cells)
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
    let out = result(py, &report)?.cast_into::<PyDict>()?;
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
