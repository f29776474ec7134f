//! What is wrong with a grid or a configuration.

use super::Law;
use crate::options::result;
use crate::work::run;
use fokker::audit::{LintOptions, LintSubject};
use pyo3::prelude::*;

/// Findings about a list of σ (or its text), or a configuration (JSON or `preset:NAME`).
#[pyfunction]
#[pyo3(signature = (sigmas, text, steps, law, scheme))]
pub fn audit_lint<'py>(
    py: Python<'py>,
    sigmas: Option<Vec<f64>>,
    text: Option<&str>,
    steps: Option<usize>,
    law: &Law,
    scheme: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let findings = run(py, |_| {
        let options = LintOptions { steps, scheme: scheme.map(str::parse).transpose()? };
        let subject = match sigmas {
            Some(sigmas) => LintSubject::Sigmas(sigmas),
            None => LintSubject::read(text.unwrap_or_default())?,
        };
        subject.lint(&law.law, &options)
    })?;
    result(py, &findings)
}
