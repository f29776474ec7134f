//! Diffusion models in closed form.

mod error;
mod monitor;

pub use error::{Error, Result};
pub use monitor::Monitor;
