//! Problems with known answers, shared by tests, benches, docs and the demo.

mod spectra;

pub use spectra::{natural_image_spectrum, parse_spectrum};
