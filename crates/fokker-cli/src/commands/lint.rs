//! `fokker audit lint`: what is wrong with a configuration or a list of σ.

use super::{Outcome, law};
use crate::args::{Global, LawArguments, LintArguments, LintLaw};
use crate::files::read_text;
use crate::progress::Progress;
use crate::report::{number, wrapped};
use anyhow::Context;
use fokker::audit::{Finding, LINT_SPECTRUM, LintSubject, Severity};
use std::path::Path;

/// Runs the command.
pub fn run(arguments: &LintArguments, global: &Global) -> anyhow::Result<Outcome> {
    let options = &arguments.options.0;
    let subject = subject(&arguments.file)?;
    let law = law::read(&law_arguments(&arguments.law), Progress::new(global.quiet).task())?;
    let heading = format!(
        "{}: {}, audited as {}\n{}\n",
        arguments.file.display(),
        subject.describe(options),
        subject.scheme(options),
        law.description
    );
    if global.dry_run {
        return Ok(heading.into());
    }
    let findings = subject.lint(&law.data, options)?;
    let text = match global.json {
        true => serde_json::to_string_pretty(&serde_json::json!({ "findings": findings }))? + "\n",
        false => heading + "\n" + &render(&findings),
    };
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(Outcome { text, code: u8::from(failed) })
}

fn subject(file: &Path) -> anyhow::Result<LintSubject> {
    let name = file.display().to_string();
    if name.starts_with("preset:") {
        return Ok(LintSubject::read(&name)?);
    }
    LintSubject::read(&read_text(file)?).context(name)
}

fn law_arguments(law: &LintLaw) -> LawArguments {
    let LintLaw { eigenvalues, data, spectrum, texture } = law;
    let none = eigenvalues.is_none() && data.is_none() && texture.is_none();
    LawArguments {
        eigenvalues: eigenvalues.clone(),
        data: data.clone(),
        spectrum: spectrum.clone().or_else(|| none.then(|| LINT_SPECTRUM.to_owned())),
        texture: texture.clone(),
        score_eigenvalues: None,
        score_data: None,
        score: None,
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
