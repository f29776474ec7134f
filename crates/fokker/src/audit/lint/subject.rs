//! What is linted, as people have it.

use super::{Finding, LINT_SCHEME, LINT_STEPS, lint_config, lint_sigmas};
use crate::audit::{SchemeName, parse_sigmas};
use crate::options::options;
use crate::process::SchedulerConfig;
use crate::statistics::Gaussian;
use crate::{Error, Result};

options! {
    /// Options of [`LintSubject::lint`].
    "audit lint" => pub struct LintOptions {
        /// Inference steps of a configuration, 30 unless told otherwise
        pub steps: Option<usize> = None,
        /// Scheme: that of the scheduler's class, dpmpp-2m for a list, unless told otherwise
        pub scheme: Option<SchemeName> = None,
    }
}

/// A scheduler configuration, or a list of σ.
#[derive(Debug, Clone, PartialEq)]
pub enum LintSubject {
    /// A configuration.
    Config(Box<SchedulerConfig>),
    /// A list of σ.
    Sigmas(Vec<f64>),
}

impl LintSubject {
    /// The subject of a text: `preset:NAME`, the JSON of a `scheduler_config.json`, or a list of σ.
    ///
    /// # Errors
    /// As [`SchedulerConfig::preset`], [`SchedulerConfig::from_json`] and [`parse_sigmas`].
    pub fn read(text: &str) -> Result<Self> {
        let config = |config| LintSubject::Config(Box::new(config));
        match text.strip_prefix("preset:") {
            Some(preset) => SchedulerConfig::preset(preset).map(config),
            None if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') => {
                SchedulerConfig::from_json(text).map(config)
            }
            None => parse_sigmas(text).map(LintSubject::Sigmas),
        }
    }

    /// What it is, in words.
    pub fn describe(&self, options: &LintOptions) -> String {
        match self {
            LintSubject::Config(config) => {
                format!("{}, {} steps", config.class.name(), options.steps.unwrap_or(LINT_STEPS))
            }
            LintSubject::Sigmas(sigmas) => format!("{} steps", sigmas.len().saturating_sub(1)),
        }
    }

    /// The scheme by which it is audited.
    pub fn scheme(&self, options: &LintOptions) -> SchemeName {
        let own = match self {
            LintSubject::Config(config) => config.scheme_name(),
            LintSubject::Sigmas(_) => LINT_SCHEME,
        };
        options.scheme.clone().unwrap_or_else(|| own.parse().expect("a name of a built-in scheme"))
    }

    /// What is wrong with it, as sampled on a law: [`lint_config`] or [`lint_sigmas`].
    ///
    /// # Errors
    /// As those; steps for a list of σ, which has its own.
    pub fn lint(&self, law: &Gaussian, options: &LintOptions) -> Result<Vec<Finding>> {
        let scheme = self.scheme(options).scheme();
        match (self, options.steps) {
            (LintSubject::Config(config), steps) => {
                lint_config(config, steps.unwrap_or(LINT_STEPS), law, &*scheme)
            }
            (LintSubject::Sigmas(sigmas), None) => lint_sigmas(sigmas, law, &*scheme),
            (LintSubject::Sigmas(_), Some(_)) => Err(Error::Undefined {
                what: "the lint of this list",
                reason: "a list of σ has its own steps".into(),
                remedy: "leave steps out",
            }),
        }
    }
}
