//! The noising process: its law, its clock, and the grids of times on which it is reversed.
//!
//! ```text
//! dX = −X dτ + √2 dW        in the clock τ = B(t) = ∫₀ᵗ β      (Ornstein–Uhlenbeck, stationary law N(0, I))
//! x_t = α_t x_0 + σ_t z      α_t = e^{−B(t)},  σ_t² = 1 − e^{−2B(t)}
//! ```
//!
//! A [`Schedule`] is only the clock, so changing it changes *when* noise is added and never the
//! laws that are passed through. Coordinates in which the signal keeps its size, x_t/α_t with
//! noise σ_t/α_t (EDM, "variance exploding"), are a change of variable of the same process:
//! grids and exports speak of that ratio as `sigmas`.

mod diffusers;
mod grid;
mod reference;
mod schedule;
mod spacing;

pub use diffusers::{
    BetaSchedule, Levels, Respacing, SchedulerClass, SchedulerConfig, StepVariance, TimestepSpacing,
    TrainingTable,
};
pub(crate) use grid::refuse_flow_matching;
pub use grid::{Grid, Step, is_flow_matching};
pub(crate) use reference::normal_distribution;
pub use reference::{OrnsteinUhlenbeck, Reference, ReflectedBrownian, Transition};
pub use schedule::{
    DiscreteBetas, Linear, SCHEDULE_NAMES, ScaledLinear, Schedule, SquaredCosine, VarianceExploding,
    parse_schedule,
};
pub use spacing::{SPACING_NAMES, Spacing};
