//! Sliced distance: one-dimensional distances averaged over random directions.

use super::exact::{ExactOptions, check_clouds, sum};
use super::ground::Cost;
use super::line::{Quantiles, quantile_distance};
use crate::{Error, Result, Task};
use ndarray::{Array1, ArrayView1, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Directions, weights and task of a sliced distance.
#[derive(Clone, Copy)]
pub struct SlicedOptions<'a> {
    /// Number of random directions; the standard error falls as its square root.
    pub directions: usize,
    /// Direction k is drawn from stream k of this seed.
    pub seed: u64,
    /// Weights as in [`ExactOptions`].
    pub source_weights: Option<ArrayView1<'a, f64>>,
    /// Weights as in [`ExactOptions`].
    pub target_weights: Option<ArrayView1<'a, f64>>,
    /// Progress, stage "slicing", and cancellation.
    pub task: Task<'a>,
}

impl Default for SlicedOptions<'_> {
    fn default() -> Self {
        SlicedOptions {
            directions: 256,
            seed: 0,
            source_weights: None,
            target_weights: None,
            task: Task::silent(),
        }
    }
}

impl SlicedOptions<'_> {
    /// Checks the number of directions.
    ///
    /// # Errors
    /// No direction.
    pub fn validate(&self) -> Result<()> {
        if self.directions == 0 {
            return Err(Error::Argument { name: "directions", requirement: "positive".into(), found: 0.0 });
        }
        Ok(())
    }
}

/// Sliced W₂ of two weighted clouds.
///
/// ```text
/// SW₂² = (1/K) Σ_k W₂²(θ_k·x, θ_k·y),      θ_k uniform on the unit sphere
/// ```
///
/// `x` is `[n, d]`, `y` is `[m, d]`. It is at most W₂ / √d in the mean over directions. O(K (n + m)
/// (d + log(n + m))); same bits at any number of threads.
///
/// # Errors
/// As [`exact`](super::exact); no direction.
///
/// # Source
/// [peyre2019, ch. 10].
///
/// ```
/// use fokker::transport::{SlicedOptions, sliced_wasserstein2};
/// use ndarray::array;
/// // On the line every direction is ±1: the distance itself.
/// let (x, y) = (array![[0.0], [1.0]], array![[2.0], [3.0]]);
/// assert_eq!(sliced_wasserstein2(x.view(), y.view(), &SlicedOptions::default())?, 2.0);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn sliced_wasserstein2(x: ArrayView2<f64>, y: ArrayView2<f64>, options: &SlicedOptions) -> Result<f64> {
    options.validate()?;
    check_clouds(&x, &y)?;
    let exact = ExactOptions {
        source_weights: options.source_weights,
        target_weights: options.target_weights,
        task: options.task,
    };
    let (source, target) = exact.laws(x.nrows(), y.nrows())?;
    let distance = |k: usize| -> Result<f64> {
        options.task.tick("slicing", k, options.directions)?;
        let direction = unit_vector(x.ncols(), options.seed, k as u64);
        let a = Quantiles::new(x.dot(&direction).view(), &source.values, source.total);
        let b = Quantiles::new(y.dot(&direction).view(), &target.values, target.total);
        Ok(quantile_distance(&a, &b, Cost::SquaredEuclidean))
    };
    let distances: Vec<f64> = (0..options.directions).into_par_iter().map(distance).collect::<Result<_>>()?;
    let largest = distances.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Ok(0.0);
    }
    let mean = sum(distances.iter().map(|value| (value / largest).powi(2))) / options.directions as f64;
    Ok(largest * mean.sqrt())
}

/// A uniform direction from its own stream of random numbers.
fn unit_vector(d: usize, seed: u64, stream: u64) -> Array1<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    loop {
        let vector: Array1<f64> = Array1::from_shape_simple_fn(d, || StandardNormal.sample(&mut random));
        let norm = vector.dot(&vector).sqrt();
        if norm > 0.0 {
            return vector / norm;
        }
    }
}
