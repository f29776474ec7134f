//! `fokker audit lint`: what is wrong with a configuration or a list of σ.

use super::{Outcome, law};
use crate::args::{Global, LawArguments, LintArguments, LintLaw};
use crate::files::read_text;
use crate::progress::Progress;
use crate::report::{number, wrapped};
use anyhow::{Context, bail};
use fokker::audit::{Finding, LINT_SCHEME, LINT_STEPS, Severity, lint_config, lint_sigmas, parse_sigmas};
use fokker::process::SchedulerConfig;
use fokker::sampling::parse_scheme;
use std::path::Path;

/// The law that costs are computed on unless another is given.
const SPECTRUM: &str = "natural:32x32x3";

/// What is linted.
enum Subject {
    Config { config: Box<SchedulerConfig>, steps: usize },
    Sigmas(Vec<f64>),
}

/// Runs the command.
pub fn run(arguments: &LintArguments, global: &Global) -> anyhow::Result<Outcome> {
    let subject = subject(arguments)?;
    let default = match &subject {
        Subject::Config { config, .. } => config.scheme_name(),
        Subject::Sigmas(_) => LINT_SCHEME,
    };
    let scheme = parse_scheme(arguments.scheme.as_deref().unwrap_or(default))?;
    let law = law::read(&law_arguments(&arguments.law), Progress::new(global.quiet).task())?;
    let heading = format!(
        "{}: {}, audited as {}\n{}\n",
        arguments.file.display(),
        subject.describe(),
        scheme.name(),
        law.description
    );
    if global.dry_run {
        return Ok(heading.into());
    }
    let findings = match &subject {
        Subject::Config { config, steps } => lint_config(config, *steps, &law.data, &*scheme)?,
        Subject::Sigmas(sigmas) => lint_sigmas(sigmas, &law.data, &*scheme)?,
    };
    let text = match global.json {
        true => serde_json::to_string_pretty(&serde_json::json!({ "findings": findings }))? + "\n",
        false => heading + "\n" + &render(&findings),
    };
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(Outcome { text, code: u8::from(failed) })
}

fn subject(arguments: &LintArguments) -> anyhow::Result<Subject> {
    let steps = arguments.steps.unwrap_or(LINT_STEPS);
    let config = |config| Ok(Subject::Config { config: Box::new(config), steps });
    let name = arguments.file.display().to_string();
    if let Some(preset) = name.strip_prefix("preset:") {
        return config(SchedulerConfig::preset(preset)?);
    }
    let text = read_text(Path::new(&arguments.file))?;
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return config(SchedulerConfig::from_json(&text).context(name)?);
    }
    if arguments.steps.is_some() {
        bail!("{name}: a list of σ has its own steps: leave --steps out");
    }
    Ok(Subject::Sigmas(parse_sigmas(&text).context(name)?))
}

fn law_arguments(law: &LintLaw) -> LawArguments {
    let LintLaw { eigenvalues, data, spectrum, texture } = law;
    let none = eigenvalues.is_none() && data.is_none() && texture.is_none();
    LawArguments {
        eigenvalues: eigenvalues.clone(),
        data: data.clone(),
        spectrum: spectrum.clone().or_else(|| none.then(|| SPECTRUM.to_owned())),
        texture: texture.clone(),
        score_eigenvalues: None,
        score_data: None,
        score: None,
    }
}

impl Subject {
    fn describe(&self) -> String {
        match self {
            Subject::Config { config, steps } => format!("{}, {steps} steps", config.class.name()),
            Subject::Sigmas(sigmas) => format!("{} steps", sigmas.len() - 1),
        }
    }
}

/// One paragraph a finding, and a line that counts them.
fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let step = finding.step.map_or_else(String::new, |step| format!(" at step {step}"));
        let cost = finding.w2_cost.map_or_else(String::new, |cost| format!(" (costs W2 {})", number(cost)));
        text += &format!("{severity}: {}{step}{cost}\n", finding.code.name());
        let lines = format!("  {}\n  remedy: {}", finding.message, finding.remedy);
        text += &format!("{}\n\n", wrapped(&lines));
    }
    let count = |severity, word: &str| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        format!("{count} {word}{}", if count == 1 { "" } else { "s" })
    };
    text + &match findings.len() {
        0 => "no findings\n".to_owned(),
        _ => format!(
            "{}, {}, {}\n",
            count(Severity::Error, "error"),
            count(Severity::Warning, "warning"),
            count(Severity::Info, "note")
        ),
    }
}
