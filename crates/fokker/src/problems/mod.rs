//! Problems with known answers, shared by tests, benches, docs and the demo.

mod energies;
mod pattern;
mod population;
mod spectra;

pub use energies::BenchmarkEnergy;
pub use pattern::woven_pattern;
pub use population::{Gradient, PopulationOptions, simulate_population};
pub use spectra::{natural_image_spectrum, parse_spectrum};
