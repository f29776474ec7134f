//! Density, score and samples from one linear solve per time [Khoo, Oster, Peng 2025].
//!
//! **Problem.** From samples of p_0 alone, estimate the score ∇log p_t of the noised data at every
//! time, draw new samples, and evaluate the density. No network, no descent.
//!
//! **Method.** The reference process `dX = −∇V dτ + √2 dW` has generator L, eigenfunctions
//! `Lφ_n = −λ_n φ_n` orthonormal in L²(π), π ∝ e^{−V}. Noising only damps their means, so p_t is known
//! through them without simulating anything, and the relative log-density is sought in their span:
//!
//! ```text
//! moments     m_n = E φ_n(x_0),         E φ_n(x_t) = e^{−λ_n t} m_n
//! ansatz      g_t = log p_t/π ≈ Σ c_n(t) φ_n                            score ∇log p_t = −∇V + ∇g_t
//! system      A(t) c(t) = b(t)          minimises E_{p_t} |∇g − ∇log(p_t/π)|²
//!             A_nm = E_{p_t} ∇φ_n·∇φ_m = ½ Σ_k (λ_n + λ_m − λ_k) C_nm^k e^{−λ_k t} m_k
//!             b_n  = λ_n e^{−λ_n t} m_n                                  φ_n φ_m = Σ_k C_nm^k φ_k
//! samples     reverse SDE  dY = (−∇V + 2∇g) dτ + √2 dW  from π, then Langevin steps at the stop
//! density     energy  log p_ε(x) = log π(x) + g_ε(x) − log Z
//!             flow    along dx/dt = −∇g_t(x):   log p_ε(x) = log π(x_T) + g_T(x_T) − ∫ Δg_t dt
//! ```
//!
//! Eigenfunctions are products of Hermite polynomials (Ornstein–Uhlenbeck) or cosines (reflected
//! Brownian motion) of few coordinates. Both have finite product tables, so A is an exact Gram matrix
//! of the smoothed data, positive semidefinite at every t > 0; and a model of pairs is a quadratic form
//! in one-dimensional features, so that score and divergence cost one matrix product.
//!
//! **Limits.** A perturbation theory about π: good for unimodal or weakly bimodal laws in the right
//! coordinates, poor for well separated clusters, whose p_0/π no low degree resolves. The
//! [`Report`] compares every fit with a Gaussian on rows held out, and says when that wins.
//!
//! ```
//! use fokker::spectral::{Candidate, DrawOptions, Pairs, Shape, fit};
//! use fokker::{ArrayBlocks, Task};
//! // Two coordinates with correlation 0.8, by a rotation of independent normals.
//! let z = fokker::statistics::GaussianMixture::random(1, 2, 0.0, 3).unwrap().sample(5000, 7);
//! let options = Candidate {
//!     shape: Shape { degree: 2, pairs: Pairs::All, ..Default::default() },
//!     ..Default::default()
//! };
//! let fit = fit(&mut ArrayBlocks::new(z.view()), &options, Task::silent()).unwrap();
//! let options = DrawOptions { particles: 4000, seed: 1, ..Default::default() };
//! let drawn = fit.sample(&options, Task::silent()).unwrap();
//! let second = |x: &ndarray::Array2<f64>| x.t().dot(x) / x.nrows() as f64;
//! let error = &second(&drawn.x) - &second(&z);
//! // Standard deviations of second moments are 0.02 of their scale here.
//! assert!(error.iter().all(|e| e.abs() < 0.1 * second(&z).diag().sum()));
//! ```

mod best;
mod choice;
mod chunks;
mod coefficients;
mod compare;
mod coordinates;
mod corrector;
mod cosine;
mod coupling;
mod curvature;
mod density;
mod draw;
mod evidence;
mod family;
mod fit;
mod flow;
mod hermite;
mod indices;
mod marginal;
mod moments;
mod notes;
mod options;
mod partition;
mod pchip;
mod plan;
mod quartiles;
mod reference;
mod report;
mod reservoir;
mod saved;
mod score;
mod shards;
mod summary;
mod system;
mod terms;
mod trial;
mod whitening;
mod wide;

pub use best::{Compared, Fitted, fit_best, fit_moments};
pub use choice::{Chosen, Tried, choose};
pub use chunks::CHUNK;
pub use coordinates::Coordinates;
pub use corrector::{Corrector, Langevin};
pub use density::Density;
pub use draw::{DrawOptions, DrawReport, Drawn};
pub use evidence::{Check, Difference};
pub use family::Family;
pub use fit::{Candidate, Ridge, SolveOptions, SpectralFit, fit};
pub use indices::{Bound, Index, Pairs, Shape};
pub use moments::Moments;
pub use options::{DensityOptions, FitOptions, ProblemOptions, SampleOptions, ScoreOptions};
pub use partition::Partition;
pub use reference::Reference;
pub use report::{Comparison, Report};
pub use score::EigenScore;
pub use summary::{Rows, Summary};
pub use system::Solve;
pub use trial::Trial;

/// Most factors of a product of two basis functions: three-body ones that share one coordinate.
const MAX_FACTORS: usize = 5;
