//! What is wrong with a list of noise levels or a scheduler configuration, and what it costs.
//!
//! Every finding has a stable code ([`Code`]), the step it is about, a remedy, and where it can
//! be computed the W₂ it costs on a given law: the exact error as it is minus the exact error
//! repaired by the remedy, with the same number of steps ([`Finding::w2_cost`]). A cost is positive:
//! where a flaw happens to cancel another error on that law and with that scheme, so that its remedy
//! would raise W₂, the finding is a note that says so.
//!
//! ```
//! use fokker::{audit::{Code, lint_sigmas}, problems::parse_spectrum, sampling::Ddim, statistics::Gaussian};
//! let law = Gaussian::from_eigenvalues(parse_spectrum("natural:8x8x1").unwrap()).unwrap();
//! let findings = lint_sigmas(&[14.6, 5.0, 5.0, 1.0, 0.2, 0.0], &law, &Ddim).unwrap();
//! assert_eq!((findings[0].code, findings[0].step), (Code::RepeatedSigma, Some(1)));
//! assert!(findings[0].w2_cost.unwrap() > 0.0);
//! ```

mod bench;
mod config;
mod levels;
mod subject;

pub use subject::{LintOptions, LintSubject};

use crate::process::{SchedulerConfig, refuse_flow_matching};
use crate::sampling::Scheme;
use crate::statistics::Gaussian;
use crate::{Error, Limits, Result};
use bench::Bench;
use serde::Serialize;

/// Inference steps of a configuration, unless others are asked for.
pub const LINT_STEPS: usize = 30;

/// Scheme by which a list of σ is audited, unless another is asked for.
pub const LINT_SCHEME: &str = "dpmpp-2m";

/// Law that costs are computed on, unless another is given.
pub const LINT_SPECTRUM: &str = "natural:32x32x3";

/// Most steps that are linted: each finding takes a few audits of all of them.
const MAX_STEPS: usize = 10_000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Steps are wasted or the sampler does not do what was meant.
    Error,
    /// It works, and a better choice is known.
    Warning,
    /// Good to know.
    Info,
}

/// What can be found; in JSON and on the command line in kebab case, `repeated-sigma`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Two neighbouring σ are equal: a step that changes nothing. Error; the cost is what the
    /// wasted steps would gain if they split the longest ones, as for `DeadLastStep`.
    RepeatedSigma,
    /// A σ is above the one before it: a step back towards noise. Error.
    NonMonotoneSigma,
    /// The last step changes nothing: its two σ are equal. Error.
    DeadLastStep,
    /// The β are no β of single training steps (error), or their clock is about half or twice
    /// what it should be (warning).
    BetaConvention,
    /// Sampling starts well below the last training timestep: the flaw of `leading` spacing.
    /// Error below half the largest training σ; otherwise warning from 1 % of the size of the data
    /// on, info below.
    StartBelowTraining,
    /// A σ above the largest one the network was trained on. Error.
    AboveTraining,
    /// `steps_offset` pushes timesteps out of the training range (error), or is not used (info).
    StepsOffset,
    /// More steps than training timesteps. Error.
    TooManySteps,
    /// `trailing` spacing gives one timestep more than asked, −1, for this number of steps
    /// (rounding in `numpy.arange`). Error.
    ExtraTimestep,
    /// DDIM and PNDM step by ⌊K/N⌋, which is not the distance of their timesteps: the network is
    /// told another noise level than the sample has. Warning.
    MismatchedLevels,
    /// A step in log σ less than a twentieth of both neighbours. Warning.
    TinyStep,
    /// A step in log σ more than five times both neighbours. Warning.
    GiantStep,
    /// Most of the exact error arises in one step, and moving one level there lowers it by at
    /// least 5 %. Warning.
    ErrorJump,
    /// The largest σ is finite but sampling starts from N(0, I). Warning where the initialisation
    /// error is from 1 % of the size √E|x|² of the data on, info from 0.01 %.
    TerminalSnr,
    /// The list ends above 0: noise is left in the samples. The cost is against the same list
    /// with its end replaced by 0. Warning from 1 % of the size of the data on, info below.
    ResidualNoise,
    /// The solver of the class is not built in: costs are those of another scheme. Info.
    OtherSolver,
}

impl Code {
    /// The code as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Code::RepeatedSigma => "repeated-sigma",
            Code::NonMonotoneSigma => "non-monotone-sigma",
            Code::DeadLastStep => "dead-last-step",
            Code::BetaConvention => "beta-convention",
            Code::StartBelowTraining => "start-below-training",
            Code::AboveTraining => "above-training",
            Code::StepsOffset => "steps-offset",
            Code::TooManySteps => "too-many-steps",
            Code::ExtraTimestep => "extra-timestep",
            Code::MismatchedLevels => "mismatched-levels",
            Code::TinyStep => "tiny-step",
            Code::GiantStep => "giant-step",
            Code::ErrorJump => "error-jump",
            Code::TerminalSnr => "terminal-snr",
            Code::ResidualNoise => "residual-noise",
            Code::OtherSolver => "other-solver",
        }
    }
}

/// One thing that is wrong, all its occurrences together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// First step it is about, from 0; none when it is about the whole.
    pub step: Option<usize>,
    /// What was found, with numbers.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// W₂ as it is minus W₂ repaired, where both are defined and the remedy lowers W₂.
    pub w2_cost: Option<f64>,
}

impl Finding {
    /// Of a choice that is a flaw only if its remedy lowers W₂: a note that it does not, otherwise.
    fn if_it_helps(self) -> Finding {
        if self.w2_cost.is_some() {
            return self;
        }
        let remedy = format!("leave it: W2 on this law is not lower otherwise ({})", self.remedy);
        Finding { severity: Severity::Info, remedy, ..self }
    }
}

/// Lints a list of σ, such as [`parse_sigmas`](super::parse_sigmas) or
/// [`Grid::sigmas`](crate::process::Grid::sigmas) give, as sampled by `scheme` on `law`.
///
/// The scheme acts in σ itself (the clock of [`VarianceExploding`]), from N(0, I). Findings come
/// by severity, then step. Cost: some ten audits, O(d · steps) score evaluations each.
///
/// # Errors
/// Fewer than two σ or more than 10⁴ + 1, one that is negative or not finite, all of them 0, a list
/// of flow matching.
///
/// [`VarianceExploding`]: crate::process::VarianceExploding
pub fn lint_sigmas(sigmas: &[f64], law: &Gaussian, scheme: &dyn Scheme) -> Result<Vec<Finding>> {
    check(sigmas)?;
    let bench = Bench::in_sigma(sigmas, law, scheme)?;
    let mut findings = levels::lint(sigmas, &bench);
    findings.extend(levels::terminal_snr(sigmas, &bench, levels::larger_start(sigmas, law, scheme)));
    sort(&mut findings);
    Ok(findings)
}

/// Lints what a scheduler configuration does in `steps` inference steps, as sampled by `scheme`
/// on `law`; [`SchedulerConfig::scheme_name`] names the scheme of its class.
///
/// # Errors
/// A number of steps outside [1, 10⁴] or that diffusers refuses.
///
/// ```
/// use fokker::{audit::{Code, lint_config}, problems::parse_spectrum, process::SchedulerConfig};
/// use fokker::{sampling::Ddim, statistics::Gaussian};
/// let law = Gaussian::from_eigenvalues(parse_spectrum("natural:8x8x1").unwrap()).unwrap();
/// let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
/// let findings = lint_config(&config, 30, &law, &Ddim).unwrap();
/// assert!(findings.iter().any(|f| f.code == Code::StartBelowTraining)); // leading spacing
/// ```
pub fn lint_config(
    config: &SchedulerConfig,
    steps: usize,
    law: &Gaussian,
    scheme: &dyn Scheme,
) -> Result<Vec<Finding>> {
    Limits::count("steps", steps, MAX_STEPS)?;
    let mut findings = config::lint(config, steps, law, scheme)?;
    sort(&mut findings);
    Ok(findings)
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|f| (f.severity, f.step.map_or(0, |step| step + 1), f.code));
}

fn check(sigmas: &[f64]) -> Result<()> {
    if sigmas.len() < 2 || sigmas.len() > MAX_STEPS + 1 {
        let requirement = format!("from 2 to {} numbers long", MAX_STEPS + 1);
        return Err(Error::Argument { name: "the list of σ", requirement, found: sigmas.len() as f64 });
    }
    for (i, &value) in sigmas.iter().enumerate() {
        if !value.is_finite() {
            return Err(Error::NonFinite { name: "sigmas", index: vec![i], value });
        }
        if value < 0.0 {
            let requirement = "non-negative";
            return Err(Error::Entry { name: "sigmas", requirement, index: vec![i], found: value });
        }
    }
    refuse_flow_matching(sigmas)?;
    match sigmas.iter().all(|&sigma| sigma == 0.0) {
        true => Err(Error::Argument { name: "largest σ", requirement: "positive".into(), found: 0.0 }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
