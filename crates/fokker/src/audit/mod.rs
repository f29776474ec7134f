//! Exact Wasserstein errors of samplers on Gaussian data [Pierret and Galerne 2025].
//!
//! **Problem.** A sampler starts from N(0, I) instead of p_T, stops at ε instead of 0, takes
//! finite steps, and uses a score that is not exact. How far, in W₂, is what it draws from the
//! data, and which of the four is to blame?
//!
//! **Method.** For data N(m, Σ) and an affine score everything stays Gaussian. In the axes of
//! the score's covariance each eigenvalue is a problem of its own:
//!
//! ```text
//! marginals      p_t = N(α_t m, λ_t),                    λ_t = α_t² λ + σ_t²
//! scheme         y_N = g y_0 + o + N(0, v)               g, o, v from probing its own code
//! reverse SDE    y_ε = g y_T + o + N(0, v)               g = e^{−D} λ_ε/λ_T,  v = λ_ε (1 − e^{−2D})/λ_T,  D = B_T − B_ε
//! flow ODE       y_ε = g y_T + o                         g = √(λ_ε/λ_T)
//! W₂²            Σ_i (m_i − m'_i)² + (√v_i − √v'_i)²      the same axes; Bures otherwise
//! ```
//!
//! **The probe.** A scheme's step is pure and affine here, so calling it with unit states and
//! unit noises reads off its gains, one eigenvalue per column: no scheme is derived twice, and
//! one that is written tomorrow is audited the same way ([`Audit::run`]).
//!
//! **Limits.** Exact for Gaussian data and affine scores only; on other data it is the error of
//! the second moments.
//!
//! ```
//! use fokker::{audit::{Audit, Start}, process::*, sampling::EulerMaruyama, statistics::Gaussian};
//! let law = Gaussian::from_eigenvalues(ndarray::array![1.0, 1.0, 1.0]).unwrap();
//! let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
//! let grid = Grid::new(Spacing::Uniform, 100, 0.0, &schedule).unwrap();
//! let audit = Audit::new(&law, &schedule);
//! let report = audit.errors(&EulerMaruyama, &grid, Start::Normal).unwrap();
//! // Data that already is N(0, I): nothing is lost by the start or the stop.
//! assert!(report.initialisation < 1e-14 && report.truncation == 0.0);
//! assert!(report.w2 > 0.0 && (report.w2 - report.discretisation).abs() < 1e-14);
//! ```

mod affine;
mod choices;
mod continuous;
mod export;
mod frame;
mod lint;
mod matrix;
mod probe;
mod purity;
mod report;
mod sampler;
mod score_check;
mod table;
pub mod tune;

pub use affine::{AffinePart, OnClock, ScoreAudit, affine_w2, audit_score};
pub use choices::{GridName, GridSource, ScheduleName, SchemeName, Schemes};
pub use export::{EXPORT_NAMES, Export, Exported, integer_timesteps, parse_sigmas, sigma_list, timesteps};
pub use lint::{
    Code, Finding, LINT_SCHEME, LINT_SPECTRUM, LINT_STEPS, LintOptions, LintSubject, Severity, lint_config,
    lint_sigmas,
};
pub use matrix::{MatrixPropagation, propagate_matrix};
pub use purity::{Checked, check_scheme};
pub use report::{Audit, ErrorReport, PerEigenvalue, Run, affine_warning};
pub use sampler::{START_NAMES, Sampler, Start};
pub use table::{Cell, ErrorTable, ErrorTableOptions, Errors, STEPS};
