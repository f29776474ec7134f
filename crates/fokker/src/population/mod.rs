//! Energies from snapshots of a population.
mod choose;
mod coupling;
mod energy;
mod equations;
mod fit;
mod interaction;
mod options;
mod predict;
mod snapshots;
mod weak;

pub use choose::{Chosen, split, split_snapshots};
pub use energy::{Energy, InteractionTerm, PotentialTerm};
pub use fit::{Fit, fit};
pub use interaction::{PairFunctions, PairSpec};
pub use options::{CouplingMethod, FitOptions, Potential, Ridge, SCHEMES, Scheme, TimeBasis};
pub use predict::{PredictOptions, predict};
pub use snapshots::{Cloud, Snapshots};
pub use weak::WeakSums;
