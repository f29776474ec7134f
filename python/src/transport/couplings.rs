//! Couplings of two clouds, and the clouds between them.

use super::{Clouds, Object, Pair};
use crate::convert::{matrix, optional};
use crate::work::run;
use fokker::transport::{
    self, BatchOptions, Certificate, Coupling, ExactOptions, SinkhornOptions, SinkhornStatus, Strength,
};
use fokker::{Error, Result};
use ndarray::{Array1, Array2};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

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
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let pair = clouds.pair();
    let coupling =
        run(py, |watch| transport::exact(pair.x, pair.y, cost.parse()?, &pair.options(watch.task())))?;
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
    let coupling = run(py, |watch| {
        transport::exact_matrix(costs, &ExactOptions { source_weights, target_weights, task: watch.task() })
    })?;
    described(py, coupling)
}

/// Coupling of two clouds of one size by optimal couplings of random batches.
#[pyfunction]
#[pyo3(signature = (x, y, cost, batch, seed))]
pub fn exact_in_batches<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    cost: &str,
    batch: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let clouds = Clouds::new(x, y, None, None)?;
    let Pair { x, y, .. } = clouds.pair();
    let coupling = run(py, |watch| {
        transport::exact_in_batches(x, y, cost.parse()?, &BatchOptions { batch, seed, task: watch.task() })
    })?;
    described(py, coupling)
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
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let Pair { x, y, source_weights, target_weights } = clouds.pair();
    let strength = |value| if relative { Strength::Relative(value) } else { Strength::Absolute(value) };
    let (found, plan) = run(py, |watch| {
        let options = SinkhornOptions {
            epsilon: strength(epsilon),
            source_relaxation: relaxation.0.map(Strength::Absolute),
            target_relaxation: relaxation.1.map(Strength::Absolute),
            source_weights,
            target_weights,
            tolerance,
            max_iterations,
            task: watch.task(),
        };
        let found = transport::sinkhorn(x, y, cost.parse()?, &options)?;
        let shape = (x.nrows(), y.nrows());
        let plan = plan.then(|| Array2::from_shape_fn(shape, |(i, j)| found.entry(i, j)));
        Ok((found, plan))
    })?;
    let out = PyDict::new(py);
    out.set_item("converged", found.status == SinkhornStatus::Converged)?;
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

/// Entries of a coupling that was handed back: (shape, sources, targets, masses).
type Entries<'py> =
    ((usize, usize), PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, f64>);

type Cloud<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>);

/// Points and masses between two clouds, along a coupling of them.
#[pyfunction]
#[pyo3(signature = (x, y, coupling, t))]
pub fn displacement<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    coupling: Entries<'py>,
    t: f64,
) -> PyResult<Cloud<'py>> {
    let clouds = Clouds::new(x, y, None, None)?;
    let Pair { x, y, .. } = clouds.pair();
    let (shape, source, target, mass) = &coupling;
    let (source, target, mass) = (source.as_array(), target.as_array(), mass.as_array());
    let (points, mass) = run(py, |_| {
        let entries = mass.len();
        // Only what a displacement reads; costs and duals are of no concern to it.
        let coupling = Coupling {
            shape: *shape,
            source: indices("source", source.iter(), entries, shape.0)?,
            target: indices("target", target.iter(), entries, shape.1)?,
            mass: mass.to_vec(),
            cost: f64::NAN,
            dual_source: Array1::zeros(0),
            dual_target: Array1::zeros(0),
            marginal_error: f64::NAN,
            certificate: Certificate { gap: f64::NAN, smallest_reduced_cost: f64::NAN },
        };
        transport::displacement(x, y, &coupling, t)
    })?;
    Ok((points.into_pyarray(py), mass.into_pyarray(py)))
}

/// Rows of a cloud of n, as many as there are masses.
fn indices<'a>(
    name: &'static str,
    list: impl ExactSizeIterator<Item = &'a i64>,
    entries: usize,
    n: usize,
) -> Result<Vec<usize>> {
    if list.len() != entries {
        return Err(Error::Size { name, expected: entries, found: list.len() });
    }
    let row = |(k, &i): (usize, &i64)| {
        let known = usize::try_from(i).ok().filter(|&i| i < n);
        known.ok_or(Error::Entry { name, requirement: "a row of its cloud", index: vec![k], found: i as f64 })
    };
    list.enumerate().map(row).collect()
}
