//! Transport between clouds: couplings, and distances.

mod couplings;
mod distances;

pub use couplings::{displacement, exact, exact_in_batches, exact_matrix, sinkhorn};
pub use distances::{
    distance, energy_distance, exact_distance, floor, kernel_discrepancy, median_distance, permutation_test,
    sinkhorn_divergence, sliced_wasserstein2, wasserstein_line,
};

use crate::convert::{optional, rows};
use fokker::transport::ExactOptions;
use fokker::{CloudView, Task};
use ndarray::{ArrayView1, ArrayView2};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// Two clouds and their weights, as Python holds them.
struct Clouds<'py> {
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray2<'py, f64>,
    source_weights: Option<PyReadonlyArray1<'py, f64>>,
    target_weights: Option<PyReadonlyArray1<'py, f64>>,
}

/// The same, as the library takes them.
#[derive(Clone, Copy)]
struct Pair<'a> {
    x: ArrayView2<'a, f64>,
    y: ArrayView2<'a, f64>,
    source_weights: Option<ArrayView1<'a, f64>>,
    target_weights: Option<ArrayView1<'a, f64>>,
}

impl<'py> Clouds<'py> {
    fn new(
        x: Object<'_, 'py>,
        y: Object<'_, 'py>,
        source_weights: Option<Object<'_, 'py>>,
        target_weights: Option<Object<'_, 'py>>,
    ) -> PyResult<Self> {
        Ok(Clouds {
            x: rows(x, "x")?,
            y: rows(y, "y")?,
            source_weights: optional(source_weights, "source_weights")?,
            target_weights: optional(target_weights, "target_weights")?,
        })
    }

    fn pair(&self) -> Pair<'_> {
        Pair {
            x: self.x.as_array(),
            y: self.y.as_array(),
            source_weights: self.source_weights.as_ref().map(|weights| weights.as_array()),
            target_weights: self.target_weights.as_ref().map(|weights| weights.as_array()),
        }
    }
}

impl<'a> Pair<'a> {
    /// Both as the library takes them.
    fn views(&self) -> (CloudView<'a>, CloudView<'a>) {
        let source = CloudView { x: self.x, weights: self.source_weights };
        (source, CloudView { x: self.y, weights: self.target_weights })
    }

    fn options<'b>(&'b self, task: Task<'b>) -> ExactOptions<'b> {
        ExactOptions {
            source_weights: self.source_weights.map(|weights| weights.reborrow()),
            target_weights: self.target_weights.map(|weights| weights.reborrow()),
            task,
        }
    }
}
