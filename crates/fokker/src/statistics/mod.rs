//! Statistics of samples and laws that the subjects share.

mod covariance;
mod gaussian;
mod mixture;

pub use covariance::Covariance;
pub use gaussian::Gaussian;
pub use mixture::GaussianMixture;
