//! Statistics of samples and laws that the subjects share.

mod covariance;
mod gaussian;
mod texture;

pub use covariance::Covariance;
pub use gaussian::Gaussian;
pub use texture::Texture;
