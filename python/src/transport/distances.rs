//! Distances between clouds, and the floor that chance puts under them.

use super::{Clouds, Object, Pair};
use crate::convert::{optional, rows, vector};
use crate::errors::raise;
use crate::options::{given, result};
use crate::work::run;
use fokker::transport::{
    self, Cost, DistanceOptions, PermutationOptions, SinkhornOptions, SlicedOptions, Strength,
};
use fokker::{CloudView, Error, Limits, Result, Task};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::cell::RefCell;

/// The cost whose root W_p is.
fn cost_of_power(p: usize) -> Result<Cost> {
    match p {
        1 => Ok(Cost::Euclidean),
        2 => Ok(Cost::SquaredEuclidean),
        _ => Err(Error::Argument { name: "p", requirement: "1 or 2".into(), found: p as f64 }),
    }
}

/// Any distance by its name, beside what chance gives, as a dictionary.
#[pyfunction]
#[pyo3(signature = (x, y, source_weights, target_weights, options))]
pub fn distance<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let options: DistanceOptions = given(options)?;
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let (source, target) = clouds.pair().views();
    let found = run(py, |watch| transport::distance(source, target, &options, watch.task()))?;
    result(py, &found)
}

/// W₁ or W₂ between two clouds, and its gap.
#[pyfunction]
#[pyo3(signature = (x, y, p, source_weights, target_weights))]
pub fn exact_distance<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    p: usize,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<(f64, f64)> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let pair = clouds.pair();
    let found = run(py, |watch| {
        transport::exact_distance(pair.x, pair.y, cost_of_power(p)?, &pair.options(watch.task()))
    })?;
    Ok((found.value, found.gap))
}

/// W₁ or W₂ between two samples on the line.
#[pyfunction]
#[pyo3(signature = (x, y, p, source_weights, target_weights))]
pub fn wasserstein_line<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    p: usize,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let (x, y) = (vector(x, "x")?, vector(y, "y")?);
    let (a, b) = (optional(source_weights, "source_weights")?, optional(target_weights, "target_weights")?);
    let (x, y) = (x.as_array(), y.as_array());
    let (source_weights, target_weights) =
        (a.as_ref().map(|a| a.as_array()), b.as_ref().map(|b| b.as_array()));
    run(py, |watch| {
        let options = transport::ExactOptions { source_weights, target_weights, task: watch.task() };
        transport::wasserstein_line(x, y, cost_of_power(p)?, &options)
    })
}

/// W₂ averaged over random directions.
#[pyfunction]
#[pyo3(signature = (x, y, directions, seed, source_weights, target_weights))]
pub fn sliced_wasserstein2<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    directions: usize,
    seed: u64,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let Pair { x, y, source_weights, target_weights } = clouds.pair();
    run(py, |watch| {
        Limits::count("directions", directions, Limits::DIRECTIONS)?;
        let options = SlicedOptions { directions, seed, source_weights, target_weights, task: watch.task() };
        transport::sliced_wasserstein2(x, y, &options)
    })
}

/// Energy distance.
#[pyfunction]
#[pyo3(signature = (x, y, source_weights, target_weights))]
pub fn energy_distance<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let pair = clouds.pair();
    run(py, |watch| transport::energy_distance(pair.x, pair.y, &pair.options(watch.task())))
}

/// Kernel discrepancy with a Gaussian kernel.
#[pyfunction]
#[pyo3(signature = (x, y, bandwidth, source_weights, target_weights))]
pub fn kernel_discrepancy<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    bandwidth: f64,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let pair = clouds.pair();
    run(py, |watch| transport::kernel_discrepancy(pair.x, pair.y, bandwidth, &pair.options(watch.task())))
}

/// Median of the distances between two clouds.
#[pyfunction]
#[pyo3(signature = (x, y, source_weights, target_weights))]
pub fn median_distance<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let pair = clouds.pair();
    run(py, |watch| transport::median_distance(pair.x, pair.y, &pair.options(watch.task())))
}

/// Debiased entropic divergence, as a dictionary.
#[pyfunction]
#[pyo3(signature = (x, y, epsilon, relative, source_weights, target_weights, tolerance, max_iterations))]
#[allow(clippy::too_many_arguments)]
pub fn sinkhorn_divergence<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    epsilon: f64,
    relative: bool,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
    tolerance: f64,
    max_iterations: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let Pair { x, y, source_weights, target_weights } = clouds.pair();
    let epsilon = if relative { Strength::Relative(epsilon) } else { Strength::Absolute(epsilon) };
    let found = run(py, |watch| {
        let options = SinkhornOptions {
            epsilon,
            source_weights,
            target_weights,
            tolerance,
            max_iterations,
            task: watch.task(),
            ..Default::default()
        };
        transport::sinkhorn_divergence(x, y, Cost::SquaredEuclidean, &options)
    })?;
    result(py, &found)
}

/// A distance of Python between random halves of a sample: (mean, sd, repeats).
///
/// On the thread that called: the distance is a function of Python, and those of this package let go
/// of the lock and hear of Ctrl-C by themselves.
#[pyfunction]
#[pyo3(signature = (sample, distance, repeats, seed, weights))]
pub fn floor<'py>(
    py: Python<'py>,
    sample: Object<'_, 'py>,
    distance: Object<'_, 'py>,
    repeats: usize,
    seed: u64,
    weights: Option<Object<'_, 'py>>,
) -> PyResult<(f64, Option<f64>, usize)> {
    let (rows, weights) = (rows(sample, "sample")?, optional(weights, "weights")?);
    let weights = weights.as_ref().map(|weights| weights.as_array());
    let sample = CloudView { x: rows.as_array(), weights };
    let failed = RefCell::new(None);
    let measure = |first: CloudView, second: CloudView| {
        sampled(distance, first, second).map_err(|error| {
            failed.replace(Some(error));
            Error::Interrupted
        })
    };
    let found = Limits::count("repeats", repeats, Limits::REPEATS)
        .and_then(|repeats| transport::weighted_floor(sample, repeats, seed, measure));
    match (failed.take(), found) {
        (Some(error), _) => Err(error),
        (None, Ok(floor)) => Ok((floor.mean, floor.sd, floor.repeats)),
        (None, Err(error)) => Err(raise(py, error)),
    }
}

/// The p-value of a distance of Python between two clouds, by permutations.
///
/// On the thread that called, as the floor.
#[pyfunction]
#[pyo3(signature = (x, y, distance, permutations, seed, source_weights, target_weights))]
#[allow(clippy::too_many_arguments)]
pub fn permutation_test<'py>(
    py: Python<'py>,
    x: Object<'_, 'py>,
    y: Object<'_, 'py>,
    distance: Object<'_, 'py>,
    permutations: usize,
    seed: u64,
    source_weights: Option<Object<'_, 'py>>,
    target_weights: Option<Object<'_, 'py>>,
) -> PyResult<f64> {
    let clouds = Clouds::new(x, y, source_weights, target_weights)?;
    let (source, target) = clouds.pair().views();
    let failed = RefCell::new(None);
    let measure = |first: CloudView, second: CloudView| {
        sampled(distance, first, second).map_err(|error| {
            failed.replace(Some(error));
            Error::Interrupted
        })
    };
    let found = Limits::count("permutations", permutations, Limits::REPEATS).and_then(|permutations| {
        let options = PermutationOptions { permutations, seed };
        transport::permutation_test(source, target, &options, Task::silent(), measure)
    });
    match (failed.take(), found) {
        (Some(error), _) => Err(error),
        (None, found) => found.map_err(|error| raise(py, error)),
    }
}

/// `distance(x, y)` of Python, with weights as keywords where there are any.
fn sampled(distance: Object, x: CloudView, y: CloudView) -> PyResult<f64> {
    let py = distance.py();
    let keywords = PyDict::new(py);
    for (name, weights) in [("source_weights", x.weights), ("target_weights", y.weights)] {
        if let Some(weights) = weights {
            keywords.set_item(name, weights.to_owned().into_pyarray(py))?;
        }
    }
    let points = (x.x.to_owned().into_pyarray(py), y.x.to_owned().into_pyarray(py));
    distance.call(points, Some(&keywords))?.extract()
}
