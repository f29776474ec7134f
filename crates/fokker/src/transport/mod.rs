//! Exact optimal transport, and distances that can be trusted.
//!
//! Two clouds with weights a and b and a cost c. The transport problem and its dual:
//!
//! ```text
//! min Σ γ_ij c_ij over γ ≥ 0 with marginals a, b      =      max Σ a_i u_i + Σ b_j v_j over u_i + v_j ≤ c_ij
//! ```
//!
//! Any feasible duals prove how far a coupling is from optimal: the gap Σ γ_ij (c_ij − u_i − v_j).
//! Every coupling here carries that certificate.
//!
//! # Method
//!
//! [`exact`] never holds the n×m matrix of costs. It
//!
//! 1. centres the clouds (each, for the squared cost) and scales them by a power of two;
//! 2. merges neighbours into cells, four to one, couples the cells in the same way, and extends
//!    their duals to all points: good starting duals are the whole game (after a short step in high
//!    dimension nearest targets may be the optimum as they stand, which is tried before);
//! 3. lists the few cheapest arcs of every source by those duals, and finds the cheapest flow of
//!    the masses, which are integers, on the listed arcs by the network simplex;
//! 4. prices all n·m arcs in tiles, by sources and by targets in turn, lists more where an arc is
//!    violated, and repeats until the gap is below 1e-11 of the cost plus rounding. Arcs are
//!    screened in single precision, and again in double where its rounding leaves a doubt.
//!
//! | task | function |
//! |---|---|
//! | optimal coupling | [`exact`], [`exact_matrix`], [`exact_in_batches`] |
//! | entropic, unbalanced and semi-relaxed coupling | [`sinkhorn`], [`sinkhorn_divergence`] |
//! | any distance by its name, beside what chance gives | [`distance()`] |
//! | distance | [`wasserstein1`], [`wasserstein2`], [`wasserstein_line`], [`sliced_wasserstein2`], [`bures`] |
//! | distance without coupling | [`energy_distance`], [`kernel_discrepancy`], [`median_distance`] |
//! | how to read a distance | [`floor()`], [`weighted_floor`], [`permutation_test`] |
//! | clouds in between | [`displacement`] |
//!
//! # Limits
//!
//! Time is about n·m·d per pricing and the pivots beside it, of O(√n) each and a few per point:
//! some seconds for 10,000 points.
//!
//! # Weights
//!
//! Of every distance and balanced coupling only the shares count, weights over their sum: integer weights are
//! repeated rows, tiny weights and zeros are none. Where masses may differ a marginal is relaxed ([`sinkhorn`]),
//! and there they are taken as they are.
//!
//! # Example
//!
//! ```
//! use fokker::transport::{Cost, ExactOptions, exact, floor, wasserstein2};
//! use ndarray::{Array2, array};
//! let x = Array2::from_shape_fn((50, 2), |(i, k)| ((i * (7 + k)) % 50) as f64);
//! let y = &x + &array![3.0, 4.0];
//! let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default())?;
//! assert!((coupling.cost - 25.0).abs() < 1e-12 && coupling.certificate.gap < 1e-12);
//! // Is a distance of 5 much? Two halves of x are this far apart by chance:
//! let w2 = |a: ndarray::ArrayView2<f64>, b: ndarray::ArrayView2<f64>| wasserstein2(a, b, &ExactOptions::default());
//! let chance = floor(x.view(), 10, 0, w2)?;
//! assert!(chance.mean > 5.0);
//! # Ok::<(), fokker::Error>(())
//! ```

mod batches;
mod bounds;
mod bures;
mod coarse;
mod coupling;
mod distance;
mod divergence;
mod entropic;
mod exact;
mod exponential;
mod floor;
mod frame;
mod ground;
mod interpolation;
mod kernel;
mod line;
mod masses;
mod median;
mod merge;
mod metric;
mod nearest;
mod newton;
mod permutation;
mod pricing;
mod simplex;
mod single;
mod sinkhorn;
mod sliced;
mod softmin;
mod solve;
mod start;
mod tour;
mod tree;

pub use batches::{BatchOptions, exact_in_batches};
pub use bures::bures;
pub use coupling::{Certificate, Coupling};
pub use distance::{ExactDistance, exact_distance, wasserstein1, wasserstein2};
pub use divergence::{Divergence, sinkhorn_divergence};
pub use exact::{CoupleOptions, ExactOptions, exact, exact_matrix};
pub use floor::{Floor, floor, weighted_floor};
pub use ground::{COSTS, Cost};
pub use interpolation::displacement;
pub(crate) use kernel::mean_distances;
pub use kernel::{energy_distance, kernel_discrepancy};
pub use line::wasserstein_line;
pub use median::median_distance;
pub use metric::{Distance, DistanceOptions, METRICS, Measure, Metric, distance};
pub use permutation::{PermutationOptions, permutation_test};
pub use sinkhorn::{Entropic, SinkhornOptions, SinkhornStatus, Strength, sinkhorn};
pub use sliced::{SlicedOptions, sliced_wasserstein2};
