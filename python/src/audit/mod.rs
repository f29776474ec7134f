//! Exact errors of samplers: a file here for each of the package's, and one for each thing they share.
//!
//! ```text
//! law  texture  schedule  sampler     what an audit is about
//! errors  scores  tune  lint          what is asked of it
//! ```

mod errors;
mod law;
mod lint;
mod sampler;
mod schedule;
mod scores;
mod texture;
mod tune;

pub use errors::{audit_errors, audit_table};
pub use law::Law;
pub use lint::audit_lint;
pub use schedule::PySchedule;
pub use scores::{audit_affine, audit_sample};
pub use texture::PyTexture;
pub use tune::audit_tune;

use pyo3::prelude::*;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;
