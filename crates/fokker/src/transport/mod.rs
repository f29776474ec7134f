//! proto
mod coarse;
mod coupling;
mod exact;
mod flow;
mod frame;
mod ground;
mod masses;
mod merge;
mod pricing;
mod solve;

pub use coupling::{Certificate, Coupling};
pub use exact::{ExactOptions, exact, exact_matrix};
pub use ground::Cost;
