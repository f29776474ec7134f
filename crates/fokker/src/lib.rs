//! Diffusion models in closed form.

mod blocks;
mod error;
mod monitor;

pub use blocks::{ArrayBlocks, Blocks};
pub use error::{Error, Result};
pub use monitor::Monitor;
