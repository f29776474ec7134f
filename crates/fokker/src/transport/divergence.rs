//! The debiased entropic divergence.

use super::exact::check_clouds;
use super::ground::Cost;
use super::masses::Weights;
use super::sinkhorn::{SinkhornOptions, SinkhornStatus, Strength, sinkhorn};
use crate::{Error, Result};
use ndarray::{ArrayView2, aview1};
use serde::Serialize;

/// Beyond this multiple of the median cost a value below its rounding is an error. Up to here the
/// rounding is small next to the cost, and a value below it is that of equal clouds.
const LARGE: f64 = 1e7;

/// Debiased entropic divergence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Divergence {
    /// The divergence, in units of the cost.
    pub value: f64,
    /// ε in units of the cost.
    pub epsilon: f64,
    /// Converged only when all three problems were.
    #[serde(rename = "converged", serialize_with = "SinkhornStatus::as_flag")]
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
/// Zero for equal clouds; tends to the exact cost as ε → 0 and to an energy distance as ε → ∞: for
/// the Euclidean cost to half the square of [`energy_distance`](super::energy_distance), for the
/// squared cost to the squared distance of the means. Not a root: for the squared cost compare its
/// root with W₂. Balanced problems only.
///
/// Rounding is about 1e-15 ε (times the mass), so with ε of 1e14 times the cost a value near the
/// cost would be lost in it: that is an error, not a number.
///
/// # Errors
/// As [`sinkhorn`]; relaxed marginals; ε above 1e7 times the median cost and so large that rounding
/// could be all there is of the value; clouds whose cost is out of the range of numbers.
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
    check_clouds(&x, &y)?;
    let a = Weights::shares("source_weights", options.source_weights, x.nrows())?;
    let b = Weights::shares("target_weights", options.target_weights, y.nrows())?;
    let ((x, a), (y, b)) = (a.weighed(x), b.weighed(y));
    let (x, y) = (x.view(), y.view());
    let (source, target) = (aview1(&a.values), aview1(&b.values));
    let options = &SinkhornOptions { source_weights: Some(source), target_weights: Some(target), ..*options };
    let between = sinkhorn(x, y, cost, options)?;
    if !between.epsilon.is_normal() {
        // Only a relative ε comes here: its multiple of the cost is no number.
        return Err(Error::Undefined {
            what: "the debiased divergence",
            reason: format!("epsilon would be {:e} in units of the cost", between.epsilon),
            remedy: "rescale the clouds, whose costs are near an end of the range of numbers",
        });
    }
    let fixed = SinkhornOptions { epsilon: Strength::Absolute(between.epsilon), ..*options };
    let own = |cloud, weights| {
        sinkhorn(
            cloud,
            cloud,
            cost,
            &SinkhornOptions { source_weights: weights, target_weights: weights, ..fixed },
        )
    };
    let (within_x, within_y) = (own(x, Some(source))?, own(y, Some(target))?);
    let all = [&between, &within_x, &within_y];
    let converged = all.iter().all(|plan| plan.status == SinkhornStatus::Converged);
    let value = between.value - 0.5 * within_x.value - 0.5 * within_y.value;
    let rounding = between.rounding() + 0.5 * within_x.rounding() + 0.5 * within_y.rounding();
    if between.relative_epsilon > LARGE && value.abs() <= rounding {
        return Err(Error::Undefined {
            what: "the debiased divergence",
            reason: format!(
                "epsilon is {:e}, {:.1e} times the median cost of the centred clouds, and rounding \
                 of up to {rounding:.1e} hides the value",
                between.epsilon, between.relative_epsilon
            ),
            remedy: "use a smaller epsilon, or the energy distance, which is the limit",
        });
    }
    Ok(Divergence {
        value,
        epsilon: between.epsilon,
        status: SinkhornStatus::of(converged),
        marginal_error: all.iter().map(|plan| plan.marginal_error).fold(0.0, f64::max),
    })
}
