//! Diffusion models in closed form.

mod error;
mod monitor;
pub mod transport;

pub use error::{Error, Result};
pub use monitor::Monitor;
