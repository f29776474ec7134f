//! The debiased entropic divergence.

use super::exact::ExactOptions;
use super::ground::Cost;
use super::sinkhorn::{SinkhornOptions, SinkhornStatus, Strength, sinkhorn};
use crate::{Error, Result};
use ndarray::ArrayView2;

/// Debiased entropic divergence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergence {
    /// The divergence, in units of the cost.
    pub value: f64,
    /// ε in units of the cost.
    pub epsilon: f64,
    /// Converged only when all three problems were.
    pub status: SinkhornStatus,
    /// Largest marginal error of the three.
    pub marginal_error: f64,
}

/// Debiased entropic divergence of two weighted clouds.
///
/// ```text
/// S = OT(x, y) − ½ OT(x, x) − ½ OT(y, y),      OT = value of [`sinkhorn`], the same ε in all three
/// ```
///
/// Zero for equal clouds; tends to the exact cost as ε → 0 and to an energy distance as ε → ∞.
/// Not a root: for the squared cost compare its root with W₂. Balanced problems only.
///
/// # Errors
/// As [`sinkhorn`]; relaxed marginals.
///
/// # Source
/// \[feydy2019\].
///
/// ```
/// use fokker::transport::{Cost, SinkhornOptions, sinkhorn_divergence};
/// use ndarray::array;
/// // A translation costs what it costs at any ε.
/// let x = array![[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]];
/// let shifted = &x + &array![3.0, 4.0];
/// let s = sinkhorn_divergence(x.view(), shifted.view(), Cost::SquaredEuclidean, &SinkhornOptions::default())?;
/// assert!((s.value - 25.0).abs() < 1e-4);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn sinkhorn_divergence(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    cost: Cost,
    options: &SinkhornOptions,
) -> Result<Divergence> {
    if !options.balanced() {
        return Err(Error::Undefined {
            what: "the debiased divergence",
            reason: "a marginal is relaxed".into(),
            remedy: "use exact marginals, or the value of sinkhorn",
        });
    }
    // Checks both sides against each other before one is solved against itself.
    let weights = ExactOptions {
        source_weights: options.source_weights,
        target_weights: options.target_weights,
        monitor: options.monitor,
    };
    weights.validate(x.nrows(), y.nrows())?;
    let between = sinkhorn(x, y, cost, options)?;
    let fixed = SinkhornOptions { epsilon: Strength::Absolute(between.epsilon), ..*options };
    let own = |cloud, weights| {
        sinkhorn(
            cloud,
            cloud,
            cost,
            &SinkhornOptions { source_weights: weights, target_weights: weights, ..fixed },
        )
    };
    let (within_x, within_y) = (own(x, options.source_weights)?, own(y, options.target_weights)?);
    let all = [&between, &within_x, &within_y];
    let converged = all.iter().all(|plan| plan.status == SinkhornStatus::Converged);
    Ok(Divergence {
        value: between.value - 0.5 * within_x.value - 0.5 * within_y.value,
        epsilon: between.epsilon,
        status: SinkhornStatus::of(converged),
        marginal_error: all.iter().map(|plan| plan.marginal_error).fold(0.0, f64::max),
    })
}
