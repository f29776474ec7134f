//! `fokker population validate`.

use super::{chosen_text, read};
use crate::args::{Format, Global, ValidateArguments};
use crate::commands::with;
use crate::files::named;
use crate::progress::Progress;
use crate::report::{Report, number, wrapped};
use anyhow::Result;
use fokker::population::{Comparison, HoldOut, Predictions, Step, Validation, Verdict, validate as run};
use serde_json::json;
use std::time::Instant;

/// Runs the command.
pub fn validate(arguments: &ValidateArguments, global: &Global) -> Result<String> {
    let progress = Progress::new(global.quiet);
    let (snapshots, heading) = read(&arguments.snapshots, progress.task())?;
    let mut options = arguments.options.0.clone();
    options.fit.seed = global.seed;
    if global.dry_run {
        drop(progress);
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&json!({ "snapshots": snapshots.times().len() }))? + "\n",
            false => format!("would validate energies of {heading}\n"),
        });
    }
    let start = Instant::now();
    let validation = run(&snapshots, &options, progress.task()).map_err(|error| match error.is_input() {
        true => named(error.into(), &arguments.snapshots.snapshots),
        false => error.into(),
    })?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    if global.json {
        return with(&validation, json!({ "seconds": seconds }));
    }
    let what = match options.hold_out {
        HoldOut::Cells(share) => {
            format!("{:.0} % of the particles of every snapshot held out", 100.0 * share)
        }
        HoldOut::Time => "each inner snapshot held out in turn".to_owned(),
    };
    let metric = options.metric.to_string().to_uppercase();
    let mut text = format!("{heading}\n{what}, {} seeds; exact {metric}\n\n", options.seeds);
    text += &format!("{}\n{}\n", distances(&validation), judged(&validation));
    text += &format!("{}\n", wrapped(&sentences(&validation, &metric, options.hold_out)));
    let chosen: Vec<String> = validation.chosen.iter().map(chosen_text).collect();
    let mut different = chosen.clone();
    different.dedup();
    for choice in different {
        text += &(wrapped(&format!("fitted: {choice}")) + "\n");
    }
    let rolled = validation.roll_out.iter();
    let rolled: Vec<String> =
        rolled.map(|at| format!("{}: {} ({})", at.to, reached(at.fit), number(at.affine))).collect();
    text += &wrapped(&format!(
        "roll-out from the first snapshot, in-sample (affine maps one after the other): {}",
        rolled.join(", ")
    ));
    text += "\n";
    for (lost, reason) in losses(&validation) {
        text += &(wrapped(&format!("lost, and without a number: {lost}: {reason}")) + "\n");
    }
    Ok(text + &format!("{seconds:.1} s\n"))
}

/// The predictions by name, as in JSON; without a number where particles are lost.
fn named_figures(all: &Predictions) -> Vec<(&'static str, Option<f64>)> {
    let mut figures = vec![
        ("floor", Some(all.floor)),
        ("persistence", Some(all.persistence)),
        ("affine", Some(all.affine)),
    ];
    figures.extend(all.ot_interpolation.map(|value| ("ot_interpolation", Some(value))));
    figures.extend([
        ("fit", all.fit),
        ("cumulative", all.cumulative),
        ("cumulative_affine", Some(all.cumulative_affine)),
    ]);
    figures
}

/// A figure of a prediction, if particles reached it.
fn reached(figure: Option<f64>) -> String {
    figure.map_or_else(|| "lost".to_owned(), number)
}

/// What was lost, and why: once for each reason.
fn losses(validation: &Validation) -> Vec<(String, &str)> {
    let mut all: Vec<(String, &str)> = Vec::new();
    for one in &validation.lost {
        if all.iter().all(|(_, reason)| *reason != one.reason) {
            let name = match one.prediction {
                "roll_out" => "roll-out",
                name => shown(name),
            };
            all.push((format!("{name} from {} to {} (seed {})", one.from, one.to, one.seed), &one.reason));
        }
    }
    all
}

/// As tables call a prediction.
fn shown(name: &'static str) -> &'static str {
    match name {
        "ot_interpolation" => "OT interpolation",
        "cumulative_affine" => "cumulative affine",
        name => name,
    }
}

fn distances(validation: &Validation) -> String {
    let row = |label: String, figures: Vec<(&str, Option<f64>)>| {
        std::iter::once(label).chain(figures.into_iter().map(|(_, value)| reached(value))).collect()
    };
    let label = |step: &Step| format!("{} → {}", step.from, step.to);
    let steps = validation.steps.iter();
    let mut rows: Vec<Vec<String>> =
        steps.map(|step| row(label(step), named_figures(&step.distances))).collect();
    let mean = named_figures(&validation.mean);
    let mut header = vec!["step"];
    header.extend(mean.iter().map(|(name, _)| shown(name)));
    rows.push(row("mean".into(), mean));
    rows.push(match &validation.sd {
        Some(sd) => row("sd".into(), named_figures(sd)),
        None => std::iter::once("sd").chain(header[1..].iter().map(|_| "–")).map(String::from).collect(),
    });
    Report { header, rows, labels: 1 }.render(Format::Table)
}

/// What the verdict goes by.
fn judged(validation: &Validation) -> String {
    let figure = |of: Option<Predictions>, name: &str| {
        let named = of.and_then(|all| named_figures(&all).into_iter().find(|(other, _)| *other == name));
        named.and_then(|(_, value)| value).map_or("–".to_owned(), number)
    };
    let row = |(name, _): (&'static str, Option<f64>)| {
        let compared = validation.against.iter().chain([&validation.rolled_out]);
        let compared = compared.into_iter().find(|one| one.baseline == name);
        let number = |value: Option<f64>| value.map_or("–".to_owned(), number);
        vec![
            shown(name).to_owned(),
            figure(validation.energy_distance, name),
            number(compared.and_then(|one| one.difference)),
            number(compared.and_then(|one| one.standard_error)),
            figure(validation.spread, name),
        ]
    };
    let rows = named_figures(&validation.mean).into_iter().map(row).collect();
    let header = vec!["mean of all", "energy distance", "fit − it", "standard error", "spread"];
    Report { header, rows, labels: 1 }.render(Format::Table)
}

/// What the numbers say.
fn sentences(validation: &Validation, metric: &str, hold_out: HoldOut) -> String {
    let of_verdict = |wanted| validation.against.iter().filter(move |one| one.verdict() == wanted);
    let listed = |verdict| of_verdict(verdict).map(in_words).collect::<Vec<_>>().join(" and ");
    let verdict = match validation.verdict {
        Verdict::Better => "The energy predicts better than every baseline".to_owned(),
        Verdict::Worse => format!("The energy predicts worse than {}", listed(Verdict::Worse)),
        Verdict::Undecided => {
            format!("The energy is not distinguishable from {}", listed(Verdict::Undecided))
        }
    };
    let rolled = match validation.rolled_out.verdict() {
        Verdict::Better => "better than",
        Verdict::Worse => "worse than",
        Verdict::Undecided => "not distinguishable from",
    };
    let floor = match hold_out {
        HoldOut::Cells(_) => "two samples of the truth",
        HoldOut::Time => "two halves of the truth",
    };
    let spread = validation.spread.and_then(|spread| spread.fit).map_or(String::new(), |spread| {
        format!(", with {} of the true spread ({metric} favours less)", number(spread))
    });
    let landing = validation.mean.fit.map_or(String::new(), |fit| {
        let off = fit - validation.mean.floor;
        let above = if off < 0.0 { "below" } else { "above" };
        format!(" In {metric} it lands {} {above} what {floor} are apart{spread}.", number(off.abs()))
    });
    format!(
        "{verdict}, by the debiased energy distance. From the first snapshot on it is {rolled} affine maps \
         one after the other.{landing}"
    )
}

/// A baseline and how far the fit is from it.
fn in_words(one: &Comparison) -> String {
    let name = match one.baseline {
        "persistence" => "persistence (nothing moves)",
        "affine" => "the affine map",
        "ot_interpolation" => "OT interpolation, which sees both neighbours",
        other => other,
    };
    match (one.difference, one.standard_error) {
        (Some(difference), Some(error)) => format!("{name} ({} ± {})", number(difference), number(error)),
        _ if one.lost => format!("{name} (particles are lost on their way)"),
        _ => format!("{name} (fewer than three particles held out)"),
    }
}
