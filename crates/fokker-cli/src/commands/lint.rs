//! `fokker audit lint`: what is wrong with a configuration or a list of σ.

use super::law;
use crate::args::{Global, LawArguments, LintArguments, LintLaw};
use crate::files::read_text;
use crate::progress::Progress;
use crate::report::{number, wrapped};
use anyhow::{Context, bail};
use fokker::audit::{Finding, Severity, lint_config, lint_sigmas, parse_sigmas};
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
pub fn run(arguments: &LintArguments, global: &Global) -> anyhow::Result<String> {
    let subject = subject(arguments)?;
    let default = match &subject {
        Subject::Config { config, .. } => config.scheme_name(),
        Subject::Sigmas(_) => "dpmpp-2m",
    };
    let scheme = parse_scheme(arguments.scheme.as_deref().unwrap_or(default))?;
    let law = law::read(&law_arguments(&arguments.law), &Progress::new(global.quiet))?;
    let heading = format!(
        "{}: {}, audited as {}\n{}\n",
        arguments.file.display(),
        subject.describe(),
        scheme.name(),
        law.description
    );
    if global.dry_run {
        return Ok(heading);
    }
    let findings = match &subject {
        Subject::Config { config, steps } => lint_config(config, *steps, &law.data, &*scheme)?,
        Subject::Sigmas(sigmas) => lint_sigmas(sigmas, &law.data, &*scheme)?,
    };
    if global.json {
        return Ok(serde_json::to_string_pretty(&serde_json::json!({ "findings": findings }))? + "\n");
    }
    Ok(heading + "\n" + &render(&findings))
}

fn subject(arguments: &LintArguments) -> anyhow::Result<Subject> {
    let steps = arguments.steps.unwrap_or(30);
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
        // Flaws can cancel other errors on a given law: a cost below zero.
        let cost = finding.w2_cost.map_or_else(String::new, |cost| match cost < 0.0 {
            true => format!(" (happens to hide W2 {} here)", number(-cost)),
            false => format!(" (costs W2 {})", number(cost)),
        });
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
