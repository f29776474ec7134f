//! Scores ∇log p_t of the noised data, known exactly or estimated.

mod gaussian;
mod mixture;

pub use gaussian::GaussianScore;
pub use mixture::MixtureScore;

use crate::Result;
use ndarray::{ArrayView2, ArrayViewMut2};

/// The score ∇log p_t of the noised data at every time t of a schedule.
pub trait Score: Send + Sync {
    /// Dimension d.
    fn dim(&self) -> usize;

    /// Writes the score at time `t` of each row of `x` `[n, d]` into `out` `[n, d]`.
    ///
    /// # Errors
    /// A time at which the score is not defined, such as 0 when the data law has no density.
    fn score_into(&self, t: f64, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()>;
}
