//! Statistics of samples and laws that the subjects share.

mod covariance;
mod gaussian;
mod kmeans;
mod mixture;
mod texture;
mod weights;

pub use covariance::Covariance;
pub use gaussian::Gaussian;
pub use kmeans::{KMeans, KMeansOptions, kmeans};
pub(crate) use mixture::Kernel;
pub use mixture::{GaussianMixture, MixtureFit, MixtureOptions};
pub use texture::{Texture, TextureOptions, TextureReport};
pub(crate) use weights::{NO_ROW, carrying, checked, normalised, sample_rows, shares};
