//! Distances between laws.

mod bures;

pub use bures::bures;
