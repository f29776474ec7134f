//! The best grid for a budget.

use super::sampler::start_of;
use super::{Law, PySchedule};
use crate::options::result;
use crate::work::run;
use fokker::audit::tune::{Robust, TuneOptions, neighbours, tune};
use fokker::sampling::parse_scheme;
use fokker::{Error, Result};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The best grid for a budget.
#[pyfunction]
#[pyo3(signature = (law, scheme, nfe, schedule, start, stop, robust, seed))]
#[allow(clippy::too_many_arguments)]
pub fn audit_tune<'py>(
    py: Python<'py>,
    law: &Law,
    scheme: &str,
    nfe: usize,
    schedule: &PySchedule,
    start: &str,
    stop: Option<f64>,
    robust: Option<&str>,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let tuned = run(py, |watch| {
        let laws = match robust {
            None => vec![law.law.in_own_axes()],
            Some(_) => neighbours(&law.law, seed)?,
        };
        let options = TuneOptions {
            start: start_of(start)?,
            stop,
            robust: robust_of(robust)?,
            nfe,
            ..Default::default()
        };
        tune(&laws, &*parse_scheme(scheme)?, &*schedule.schedule, &options, watch.task())
    })?;
    let out = PyDict::new(py);
    out.set_item("times", tuned.grid.times().to_vec().into_pyarray(py))?;
    out.set_item("sigmas", tuned.grid.sigmas().to_vec().into_pyarray(py))?;
    out.set_item("stop", tuned.grid.stop())?;
    out.set_item("evaluations", tuned.evaluations)?;
    out.set_item("report", result(py, &tuned.report)?)?;
    out.set_item("w2", tuned.w2)?;
    out.set_item("standard", (tuned.standard.spacing, tuned.standard.grid.stop(), tuned.standard.w2))?;
    Ok(out)
}

/// How several laws are combined, by its name; one law needs none.
fn robust_of(name: Option<&str>) -> Result<Robust> {
    match name {
        None | Some("average") => Ok(Robust::Average),
        Some("worst") => Ok(Robust::Worst),
        Some(other) => {
            Err(Error::Name { what: "robust", found: other.to_owned(), known: "average, worst".into() })
        }
    }
}
