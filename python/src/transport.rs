//! Transport between clouds.

use crate::convert::{matrix, optional};
use crate::work::run;
use fokker::transport::{self, Cost, Coupling, ExactOptions, SinkhornOptions, Strength};
use fokker::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

fn cost_of(name: &str) -> Result<Cost> {
    match name {
        "squared-euclidean" => Ok(Cost::SquaredEuclidean),
        "euclidean" => Ok(Cost::Euclidean),
        _ => Err(Error::Name {
            what: "cost",
            found: name.to_owned(),
            known: "squared-euclidean, euclidean".into(),
        }),
    }
}

fn described<'py>(py: Python<'py>, coupling: Coupling) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let indices = |list: Vec<usize>| list.into_iter().map(|i| i as i64).collect::<Vec<_>>().into_pyarray(py);
    out.set_item("shape", coupling.shape)?;
    out.set_item("source", indices(coupling.source))?;
    out.set_item("target", indices(coupling.target))?;
    out.set_item("mass", coupling.mass.into_pyarray(py))?;
    out.set_item("cost", coupling.cost)?;
    out.set_item("dual_source", coupling.dual_source.into_pyarray(py))?;
    out.set_item("dual_target", coupling.dual_target.into_pyarray(py))?;
    out.set_item("marginal_error", coupling.marginal_error)?;
    out.set_item("gap", coupling.certificate.gap)?;
    out.set_item("smallest_reduced_cost", coupling.certificate.smallest_reduced_cost)?;
    Ok(out)
}

/// Optimal coupling of two clouds.
#[pyfunction]
#[pyo3(signature = (x, y, cost, source_weights, target_weights))]
pub fn exact<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    cost: &str,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y) = (matrix(x, "x")?, matrix(y, "y")?);
    let (a, b) = (optional(source_weights, "source_weights")?, optional(target_weights, "target_weights")?);
    let (x, y) = (x.as_array(), y.as_array());
    let (source_weights, target_weights) =
        (a.as_ref().map(|a| a.as_array()), b.as_ref().map(|b| b.as_array()));
    let coupling = run(py, |monitor| {
        transport::exact(x, y, cost_of(cost)?, &ExactOptions { source_weights, target_weights, monitor })
    })?;
    described(py, coupling)
}

/// Optimal coupling for a matrix of costs.
#[pyfunction]
#[pyo3(signature = (costs, source_weights, target_weights))]
pub fn exact_matrix<'py>(
    py: Python<'py>,
    costs: Object<'_, 'py>,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<Bound<'py, PyDict>> {
    let costs = matrix(costs, "costs")?;
    let (a, b) = (optional(source_weights, "source_weights")?, optional(target_weights, "target_weights")?);
    let costs = costs.as_array();
    let (source_weights, target_weights) =
        (a.as_ref().map(|a| a.as_array()), b.as_ref().map(|b| b.as_array()));
    let coupling = run(py, |monitor| {
        transport::exact_matrix(costs, &ExactOptions { source_weights, target_weights, monitor })
    })?;
    described(py, coupling)
}

/// W₁ or W₂ between two clouds.
#[pyfunction]
#[pyo3(signature = (x, y, p, source_weights, target_weights))]
pub fn wasserstein<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    p: usize,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let (x, y) = (matrix(x, "x")?, matrix(y, "y")?);
    let (a, b) = (optional(source_weights, "source_weights")?, optional(target_weights, "target_weights")?);
    let (x, y) = (x.as_array(), y.as_array());
    let (source_weights, target_weights) =
        (a.as_ref().map(|a| a.as_array()), b.as_ref().map(|b| b.as_array()));
    run(py, |monitor| {
        let options = ExactOptions { source_weights, target_weights, monitor };
        match p {
            1 => transport::wasserstein1(x, y, &options),
            2 => transport::wasserstein2(x, y, &options),
            _ => Err(Error::Argument { name: "p", requirement: "1 or 2".into(), found: p as f64 }),
        }
    })
}

/// Entropic coupling: (dictionary, dense plan when asked).
#[pyfunction]
#[pyo3(signature = (x, y, cost, epsilon, relative, relaxation, source_weights, target_weights, tolerance, max_iterations, plan))]
#[allow(clippy::too_many_arguments)]
pub fn sinkhorn<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    cost: &str,
    epsilon: f64,
    relative: bool,
    relaxation: (Option<f64>, Option<f64>),
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
    tolerance: f64,
    max_iterations: usize,
    plan: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y) = (matrix(x, "x")?, matrix(y, "y")?);
    let (a, b) = (optional(source_weights, "source_weights")?, optional(target_weights, "target_weights")?);
    let (x, y) = (x.as_array(), y.as_array());
    let (source_weights, target_weights) =
        (a.as_ref().map(|a| a.as_array()), b.as_ref().map(|b| b.as_array()));
    let strength = |value| if relative { Strength::Relative(value) } else { Strength::Absolute(value) };
    let (found, plan) = run(py, |monitor| {
        let options = SinkhornOptions {
            epsilon: strength(epsilon),
            source_relaxation: relaxation.0.map(Strength::Absolute),
            target_relaxation: relaxation.1.map(Strength::Absolute),
            source_weights,
            target_weights,
            tolerance,
            max_iterations,
            monitor,
        };
        let found = transport::sinkhorn(x, y, cost_of(cost)?, &options)?;
        let shape = (x.nrows(), y.nrows());
        let plan = plan.then(|| ndarray::Array2::from_shape_fn(shape, |(i, j)| found.entry(i, j)));
        Ok((found, plan))
    })?;
    let out = PyDict::new(py);
    out.set_item("converged", found.status == transport::SinkhornStatus::Converged)?;
    out.set_item("iterations", found.iterations)?;
    out.set_item("epsilon", found.epsilon)?;
    out.set_item("cost", found.cost)?;
    out.set_item("value", found.value)?;
    out.set_item("potential_source", found.potential_source.into_pyarray(py))?;
    out.set_item("potential_target", found.potential_target.into_pyarray(py))?;
    out.set_item("source_marginal", found.source_marginal.into_pyarray(py))?;
    out.set_item("target_marginal", found.target_marginal.into_pyarray(py))?;
    out.set_item("marginal_error", found.marginal_error)?;
    out.set_item("plan", plan.map(|plan| plan.into_pyarray(py)))?;
    Ok(out)
}

type Cloud<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>);

/// Points and masses between two clouds, along their optimal coupling.
#[pyfunction]
#[pyo3(signature = (x, y, t, source_weights, target_weights))]
pub fn interpolate<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    t: f64,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<Cloud<'py>> {
    let (x, y) = (matrix(x, "x")?, matrix(y, "y")?);
    let (a, b) = (optional(source_weights, "source_weights")?, optional(target_weights, "target_weights")?);
    let (x, y) = (x.as_array(), y.as_array());
    let (source_weights, target_weights) =
        (a.as_ref().map(|a| a.as_array()), b.as_ref().map(|b| b.as_array()));
    let (points, mass) = run(py, |monitor| {
        let options = ExactOptions { source_weights, target_weights, monitor };
        let coupling = transport::exact(x, y, Cost::SquaredEuclidean, &options)?;
        transport::displacement(x, y, &coupling, t)
    })?;
    Ok((points.into_pyarray(py), mass.into_pyarray(py)))
}
