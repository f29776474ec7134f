//! Could two clouds be samples of one law? A test by permutations.

use super::exact::check_clouds;
use crate::statistics::shares;
use crate::{CloudView, Error, Result, Task};
use ndarray::{Array1, Axis, concatenate};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Relative difference of two distances that counts as rounding.
const ROUNDING: f64 = 1e-12;

/// Options of [`permutation_test`].
#[derive(Clone, Copy)]
pub struct PermutationOptions {
    /// Number B of permutations: the p-value is at least 1/(B + 1).
    pub permutations: usize,
    /// Permutation k is drawn from stream k of this seed.
    pub seed: u64,
}

impl Default for PermutationOptions {
    fn default() -> Self {
        PermutationOptions { permutations: 99, seed: 0 }
    }
}

/// The p-value of a permutation test of equal laws by a distance.
///
/// ```text
/// p = (1 + #{k : D_k ≥ D}) / (1 + B)       D of the clouds, D_k of n and m rows of both, shuffled
/// ```
///
/// If both are samples of one law, p ≤ α happens with probability at most α. The source is `[n, d]`, the target `[m, d]`; both may have weights.
/// Weights stay with their points and are divided by their sum in each cloud; where only one cloud has any,
/// the points of the other weigh 1/m each, in the same unit as weights of sum 1. A permutation of no weight on
/// a side is as far as D. Distances that differ by rounding (1e-12) are equal. Costs B + 1 distances.
///
/// # Errors
/// No permutation, clouds that are no clouds, weights that do not fit, an error of `distance`, an interruption.
///
/// ```
/// use fokker::{Task, transport::{ExactOptions, PermutationOptions, permutation_test, wasserstein1}};
/// use ndarray::Array2;
/// let x = Array2::from_shape_fn((20, 1), |(i, _)| i as f64);
/// let far = &x + 100.0;
/// let options = PermutationOptions::default();
/// let p = permutation_test(x.view().into(), far.view().into(), &options, Task::silent(), |a, b| {
///     wasserstein1(a.x, b.x, &ExactOptions::default())
/// })?;
/// assert_eq!(p, 0.01);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn permutation_test(
    source: CloudView,
    target: CloudView,
    options: &PermutationOptions,
    task: Task,
    distance: impl Fn(CloudView, CloudView) -> Result<f64>,
) -> Result<f64> {
    let (x, y) = (source.x, target.x);
    if options.permutations == 0 {
        return Err(Error::Argument { name: "permutations", requirement: "positive".into(), found: 0.0 });
    }
    check_clouds(&x, &y)?;
    let (n, total) = (x.nrows(), x.nrows() + y.nrows());
    let weighted = source.weights.is_some() || target.weights.is_some();
    let weights = concatenate(
        Axis(0),
        &[
            shares("source_weights", source.weights, n)?.view(),
            shares("target_weights", target.weights, y.nrows())?.view(),
        ],
    )
    .expect("vectors");
    let rows = concatenate(Axis(0), &[x, y]).expect("checked");
    // None where a side has no weight.
    let measure = |order: &[usize]| -> Result<Option<f64>> {
        let part = |rows: &[usize]| {
            let weights: Array1<f64> = weights.select(Axis(0), rows);
            let sum = weights.sum();
            (sum > 0.0).then(|| weights / sum)
        };
        let (first, second) = order.split_at(n);
        let (Some(a), Some(b)) = (part(first), part(second)) else { return Ok(None) };
        let (x, y) = (rows.select(Axis(0), first), rows.select(Axis(0), second));
        let part = |x, weights| CloudView { x, weights: weighted.then_some(weights) };
        distance(part(x.view(), a.view()), part(y.view(), b.view())).map(Some)
    };
    let mut order: Vec<usize> = (0..total).collect();
    let observed = measure(&order)?.unwrap_or(0.0);
    let mut at_least = 0;
    for k in 0..options.permutations {
        task.tick("permutations", k, options.permutations)?;
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        random.set_stream(k as u64);
        order.sort_unstable();
        order.shuffle(&mut random);
        let found = measure(&order)?;
        at_least += usize::from(found.is_none_or(|found| found >= observed * (1.0 - ROUNDING)));
    }
    Ok((1 + at_least) as f64 / (1 + options.permutations) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{ExactOptions, energy_distance};
    use ndarray::Array2;
    use rand_distr::{Distribution, StandardNormal};

    fn normals(n: usize, seed: u64) -> Array2<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Array2::from_shape_simple_fn((n, 2), || StandardNormal.sample(&mut random))
    }

    fn p_value(x: &Array2<f64>, y: CloudView, options: &PermutationOptions) -> f64 {
        permutation_test(x.view().into(), y, options, Task::silent(), |x, y| {
            let (x, y) = (x.reborrow(), y.reborrow());
            let (source_weights, target_weights) = (x.weights, y.weights);
            energy_distance(x.x, y.x, &ExactOptions { source_weights, target_weights, task: Task::silent() })
        })
        .unwrap()
    }

    #[test]
    fn p_values_of_one_law_are_uniform() {
        let options = PermutationOptions { permutations: 19, seed: 0 };
        let small = (0..400)
            .filter(|&k| p_value(&normals(12, 2 * k), normals(9, 2 * k + 1).view().into(), &options) <= 0.1);
        // Binomial of 400 and 0.1: 40 ± 6; outside 22 to 58 with probability 0.2 %, the seed is fixed.
        let count = small.count();
        assert!((22..=58).contains(&count), "{count}");
    }

    #[test]
    fn equal_clouds_tell_nothing_and_weightless_rows_are_none() {
        let (x, y) = (normals(15, 1), normals(10, 2));
        let options = PermutationOptions::default();
        assert_eq!(p_value(&x, x.view().into(), &options), 1.0);
        // Far rows of weight zero: only the others tell.
        let mut with = y.clone();
        with.row_mut(0).fill(1e3);
        let weights = Array1::from_shape_fn(10, |i| if i == 0 { 0.0 } else { 1.0 });
        let weighted = |x| CloudView { x, weights: Some(weights.view()) };
        assert!(p_value(&x, weighted(with.view()), &options) > 0.05);
        assert_eq!(p_value(&x, weighted((&y + 9.0).view()), &options), 0.01);
    }
}
