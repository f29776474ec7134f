//! Energies from snapshots of a population: learning diffusion in closed form.
//!
//! # Problem
//!
//! Clouds μ_0, …, μ_T of particles are seen at known times: not the same particles, and not as
//! many, because a cell is measured once. They move by an unknown energy:
//!
//! ```text
//! J(μ) = ∫V dμ + ½∬W(x − y) dμ(x)dμ(y) + θ∫ρ log ρ        W even
//! dX = −(∇V + ∇W∗μ) dt + √(2θ) dB
//! ```
//!
//! # Method
//!
//! Over an interval τ the population takes about one step of steepest descent in W₂, the JKO step.
//! Its condition of optimality holds for almost every pair (x, y) of an optimal coupling γ of
//! neighbouring snapshots, and is linear in the energy when V and W are linear in their
//! coefficients:
//!
//! ```text
//! Σ_k a_k ∇φ_k(z) + Σ_k ω_k (∇ψ_k∗μ)(z) + θ ∇log ρ(z) = −(y − x)/τ         weight γ(x, y)
//! explicit  z = x            implicit  z = y            midpoint  z = (x + y)/2
//! ```
//!
//! One least-squares solve gives the energy. The weak form needs neither coupling nor density:
//! tested with φ_k, by the trapezoidal rule in time,
//!
//! ```text
//! ⟨φ_k⟩_{t+1} − ⟨φ_k⟩_t = −τ avg(Σ a_m ⟨∇φ_k·∇φ_m⟩ + Σ ω_m ⟨∇φ_k·∇ψ_m∗μ⟩) + τθ avg⟨Δφ_k⟩
//! ```
//!
//! | equation | home |
//! |---|---|
//! | functions φ of a point, ψ of a difference | [`FeatureSpec`](crate::basis::FeatureSpec), [`PairFunctions`] |
//! | coupling γ, rows and targets | `coupling`, `equations` |
//! | weak equations, whose sums merge over shards | [`WeakSums`] |
//! | the solve, by relative or absolute ridge | [`fit()`], [`regression`](crate::regression) |
//! | what is left open: scheme, features, ridge | [`Chosen`], by inner hold-out |
//! | the energy, and particles moved by it | [`Energy`], [`predict`] |
//! | how well it predicts what it has not seen | [`validate()`] |
//!
//! # Conventions
//!
//! Against JKOnet*: W = U and θ = β as numbers, so coefficients carry over unchanged. The interval
//! enters once: V, W and θ are in the user's units of time and space. A negative θ is reported as
//! it is, a finding about the data. Gram matrix and right-hand side carry the same weights.
//!
//! # Limits
//!
//! Where rows are evaluated matters most where noise is small: midpoint is of second order in τ,
//! explicit and implicit of first; explicit is exact for data made by Euler steps. Potential and
//! interaction with the same functions trade off, drift and temperature are not separable in
//! equilibrium: `condition` and `rank` of a [`Fit`] say so. Rotation is invisible to any gradient.
//!
//! # Example
//!
//! ```
//! use fokker::population::*;
//! use fokker::problems::{PopulationOptions, simulate_population};
//! use ndarray::{Zip, array};
//! // Particles relax in V = |x|², seen at six times; every snapshot has its own 4000 particles.
//! let gradient = |x: ndarray::ArrayView2<f64>, out: ndarray::ArrayViewMut2<f64>| {
//!     Zip::from(out).and(x).for_each(|g, x| *g = 2.0 * x);
//!     Ok(())
//! };
//! let settings = PopulationOptions {
//!     potential: Some(&gradient),
//!     particles: 4000,
//!     interval: 0.1,
//!     sub_steps: 20,
//!     ..Default::default()
//! };
//! let (times, clouds): (Vec<f64>, Vec<_>) = simulate_population(&settings)?.into_iter().unzip();
//! let clouds = clouds.into_iter().map(|x| Cloud::new(x, None)).collect::<fokker::Result<_>>()?;
//! let snapshots = Snapshots::new(times, clouds)?;
//! let options = FitOptions {
//!     potential: Potential::Features("poly:2".parse()?),
//!     scheme: Some(Scheme::Weak),
//!     ridge: Ridge::Relative(0.0),
//!     ..Default::default()
//! };
//! let energy = fit(&snapshots, &options, fokker::Task::silent())?.energy;
//! let (x, y) = (array![[1.0, 0.0], [-1.0, 0.0]], array![[0.0, 0.0]]);
//! let velocity = energy.velocity(0.0, x.view(), y.view(), array![1.0].view())?;
//! // v(1) − v(−1) = −4, known to 0.08 from the spreads of such clouds; five times that.
//! assert!((velocity[[0, 0]] - velocity[[1, 0]] + 4.0).abs() < 0.4);
//! # Ok::<(), fokker::Error>(())
//! ```
//!
//! Sources: \[terpin2024\], the JKO step \[jordan1998\].

mod baselines;
mod choose;
mod coupling;
mod energy;
mod equations;
mod fit;
mod interaction;
mod judge;
mod labels;
mod options;
mod predict;
mod predictions;
mod saved;
mod snapshots;
mod split;
mod trials;
mod validate;
mod verdict;
mod weak;

pub use crate::Cloud;
pub use crate::transport::Metric;
pub use choose::Chosen;
pub use energy::{Energy, InteractionTerm, PotentialTerm};
pub use fit::{Fit, fit};
pub use interaction::{PairFunctions, PairSpec};
pub use labels::Labels;
pub use options::{Components, CouplingMethod, FitOptions, Potential, Ridge, SCHEMES, Scheme, TimeBasis};
pub use predict::{PredictOptions, predict};
pub use predictions::{Lost, Predictions, RollOut, Step};
pub use snapshots::Snapshots;
pub use split::{split, split_snapshots};
pub use validate::{HoldOut, ValidateOptions, Validation, validate};
pub use verdict::{Comparison, Verdict};
pub use weak::WeakSums;
