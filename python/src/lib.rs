//! The extension module `fokker._fokker`: arrays and options in, library calls, arrays out.
//!
//! ```text
//! convert     arrays in, without copies where possible
//! recognise   what is no array, and what to pass instead
//! errors      errors out as exceptions with attributes
//! options     keyword arguments in, results out, by the library's own tables
//! work        off the interpreter's lock; Ctrl-C; threads
//! callbacks   scores and samplers written in Python
//! audit  transport  spectral  population     one function here for one of the library
//! ```
//!
//! What users see is the Python package beside it, which has the defaults, names and documentation.

#![deny(unsafe_code)]

mod audit;
mod callbacks;
mod convert;
mod errors;
mod options;
mod population;
mod recognise;
mod spectral;
mod transport;
mod work;

use pyo3::prelude::*;

/// The Rust half of fokker; use the package, not this module.
#[pymodule]
mod _fokker {
    #[pymodule_export]
    use super::audit::{
        Law, PySchedule, PyTexture, audit_affine, audit_errors, audit_lint, audit_sample, audit_table,
        audit_tune,
    };
    #[pymodule_export]
    use super::convert::{as_image, as_matrix, as_vector};
    #[pymodule_export]
    use super::errors::{InputError, NumericalError};
    #[pymodule_export]
    use super::options::{check_options, option_fields};
    #[pymodule_export]
    use super::population::{PopulationFit, label_times, population_fit, population_validate};
    #[pymodule_export]
    use super::spectral::{PySpectralFit, SpectralMoments, spectral_fit};
    #[pymodule_export]
    use super::transport::{
        displacement, distance, energy_distance, exact, exact_distance, exact_in_batches, exact_matrix,
        floor, kernel_discrepancy, median_distance, permutation_test, sinkhorn, sinkhorn_divergence,
        sliced_wasserstein2, wasserstein_line,
    };
    #[pymodule_export]
    use super::work::work_as;
}
