//! Statistics of samples and laws that the subjects share.

mod covariance;
mod gaussian;

pub use covariance::Covariance;
pub use gaussian::Gaussian;
