//! Linear least squares by normal equations that merge.
//!
//! ```text
//! minimise Σ_r w_r (X_r·c − y_r)²:     A c = b,   A = Σ w XᵀX,   b = Σ w Xᵀy
//! ridge, relative                      (A + η diag A) c = b
//! ridge, absolute                      (A + ρ I) c = b
//! ```
//!
//! Gram matrix and right-hand side are observed with the same weights, in one call. A solve
//! reports condition, rank and residual beside its coefficients.

mod normal;
mod path;

pub use normal::NormalEquations;
pub use path::{Fit, RidgePath};
