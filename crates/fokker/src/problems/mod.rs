//! Problems with known answers, shared by tests, benches, docs and the demo.

mod pattern;
mod spectra;

pub use pattern::woven_pattern;
pub use spectra::{natural_image_spectrum, parse_spectrum};
