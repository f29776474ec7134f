//! Diffusion models in closed form.

mod blocks;
mod error;
mod monitor;

pub mod audit;
pub mod problems;
pub mod process;
pub mod sampling;
pub mod score;
pub mod statistics;
pub mod transport;

pub use blocks::{ArrayBlocks, Blocks};
pub use error::{Error, Result};
pub use monitor::Monitor;
