//! What is wrong with a grid or a configuration.

use super::Law;
use super::schedule::config_of;
use crate::work::run;
use fokker::audit::{Finding, LINT_SCHEME, LINT_STEPS, lint_config, lint_sigmas, parse_sigmas};
use fokker::sampling::parse_scheme;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

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
) -> PyResult<Bound<'py, PyList>> {
    let findings = run(py, |_| {
        let text = text.unwrap_or_default();
        if let Some(sigmas) = sigmas {
            return lint_sigmas(&sigmas, &law.law, &*parse_scheme(scheme.unwrap_or(LINT_SCHEME))?);
        }
        if !text.starts_with("preset:") && !text.trim_start().starts_with('{') {
            let scheme = parse_scheme(scheme.unwrap_or(LINT_SCHEME))?;
            return lint_sigmas(&parse_sigmas(text)?, &law.law, &*scheme);
        }
        let config = config_of(text)?;
        let steps = steps.unwrap_or(LINT_STEPS);
        lint_config(&config, steps, &law.law, &*parse_scheme(scheme.unwrap_or(config.scheme_name()))?)
    })?;
    let out = PyList::empty(py);
    for finding in &findings {
        out.append(described(py, finding)?)?;
    }
    Ok(out)
}

fn described<'py>(py: Python<'py>, finding: &Finding) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("code", finding.code.name())?;
    out.set_item("severity", format!("{:?}", finding.severity).to_lowercase())?;
    out.set_item("step", finding.step)?;
    out.set_item("message", &finding.message)?;
    out.set_item("remedy", &finding.remedy)?;
    out.set_item("w2_cost", finding.w2_cost)?;
    Ok(out)
}
