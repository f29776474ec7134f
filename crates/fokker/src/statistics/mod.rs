//! Statistics of samples and laws that the subjects share.

mod covariance;
mod gaussian;
mod mixture;
mod texture;

pub use covariance::Covariance;
pub use gaussian::Gaussian;
pub use mixture::GaussianMixture;
pub use texture::Texture;
