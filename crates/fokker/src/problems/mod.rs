//! Problems with known answers, shared by tests, benches, docs and the demo.

mod chain;
mod double_well;
mod energies;
mod ginzburg_landau;
mod lattice;
mod pattern;
mod population;
mod rows;
mod spectra;

pub use chain::Chain;
pub use double_well::{CoupledDoubleWell, line_mixture};
pub use energies::BenchmarkEnergy;
pub use ginzburg_landau::GinzburgLandau;
pub use lattice::{Lattice, LatticeOptions, LatticeSample};
pub use pattern::woven_pattern;
pub use population::{Gradient, PopulationOptions, SimulateOptions, simulate_benchmark, simulate_population};
pub use spectra::{natural_image_spectrum, parse_spectrum};
