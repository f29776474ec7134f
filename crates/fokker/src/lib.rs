//! Diffusion models in closed form.
//!
//! Everything is about one equation, `dX = −∇V(X) dτ + √2 dW`, and its reversal. The crate computes
//! exactly how far a discretised sampler lands from Gaussian data ([`audit`]), estimates score,
//! density and samples of data by one linear solve per time ([`spectral`]), and recovers the energy of
//! a population from snapshots by one linear solve ([`population`]).
//!
//! ```text
//! audit   spectral   population  exact errors of samplers; scores from samples; energies from snapshots
//!   ↓
//! sampling → score → process     reverse process and schemes; ∇log p_t; schedules and grids
//!   ↓
//! basis   regression             functions with derivatives; least squares that merge
//! statistics   transport         laws, clusters and covariances; couplings and distances
//!
//! problems                       problems with known answers, for tests, docs and the demo
//! ```
//!
//! Arrows point to what is used. Arrays are `f64`, row-major `[n, d]`, a row a particle. The crate
//! opens no file, prints nothing and has no global state; whatever takes long takes a [`Task`].
//! Symbols are in `docs/conventions.md`, the map from equations to functions and tests in
//! `docs/equations.md`.

#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod blocks;
mod cloud;
mod error;
mod limits;
mod merge;
mod saved;
mod task;
mod text;
mod threads;

pub mod audit;
pub mod basis;
pub mod options;
pub mod population;
pub mod problems;
pub mod process;
pub mod regression;
pub mod sampling;
pub mod score;
pub mod spectral;
pub mod statistics;
pub mod transport;

pub(crate) use blocks::in_parallel;
pub use blocks::{ArrayBlocks, Blocks, pixel};
pub use cloud::{Cloud, CloudView};
pub use error::{Error, Result};
pub use limits::Limits;
pub(crate) use limits::{all_finite, finite};
pub use merge::Merge;
pub use saved::{Inspected, inspect};
pub use task::{Monitor, Task};
pub use text::shortest;
pub use threads::thread_count;

/// All commands and their options: what the command line and Python are made of.
pub fn commands() -> Vec<options::Described> {
    use options::Described;
    vec![
        Described::of::<population::FitOptions>(),
        Described::of::<population::PredictOptions>(),
        Described::of::<population::ValidateOptions>(),
        Described::of::<problems::SimulateOptions>(),
        Described::of::<transport::DistanceOptions>(),
        Described::of::<transport::CoupleOptions>(),
        Described::of::<spectral::FitOptions>(),
        Described::of::<spectral::SampleOptions>(),
        Described::of::<spectral::DensityOptions>(),
        Described::of::<spectral::ScoreOptions>(),
        Described::of::<spectral::ProblemOptions>(),
        Described::of::<audit::ErrorTableOptions>(),
        Described::of::<audit::tune::TuneTableOptions>(),
        Described::of::<audit::LintOptions>(),
        Described::of::<statistics::TextureOptions>(),
    ]
}

/// The Rust blocks of the README and the contributor's guide are run as doctests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../CONTRIBUTING.md")]
    struct Contributing;
}
