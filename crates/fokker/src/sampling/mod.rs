//! Sampling by reversing the noising process, one grid step at a time.
//!
//! ```text
//! reverse SDE            dy = β (y + 2 s(t, y)) dτ + √(2β) dw̄       τ = T − t
//! probability-flow ODE   dy = β (y + s(t, y)) dτ                     s(t, ·) = ∇log p_t
//! ```
//!
//! A [`Scheme`] turns one [`Step`](crate::process::Step) into an update of the particles. It is
//! pure in its state and its noise, so the same code draws samples ([`sample`]) and is probed
//! for its exact error ([`audit`](crate::audit)).

mod edm;
mod multi_step;
mod names;
mod noise;
mod one_evaluation;
mod relative;
mod runge_kutta;
mod sample;
mod scheme;

pub use edm::{EdmChurn, EdmHeun};
pub use multi_step::DpmPlusPlus2M;
pub use names::{SCHEME_NAMES, SCHEMES, parse_scheme};
pub use noise::{BLOCK, Noise};
pub use one_evaluation::{
    Ancestral, Ddim, Ddpm, DdpmExact, Euler, EulerMaruyama, ExponentialIntegrator,
    RelativeExponentialIntegrator,
};
pub use relative::RelativeHeun;
pub use runge_kutta::{Heun, RungeKutta4};
pub use sample::{SampleOptions, Start, sample};
pub use scheme::{Limit, ReverseProcess, Scheme, State, Work, evaluations, steps_within};
