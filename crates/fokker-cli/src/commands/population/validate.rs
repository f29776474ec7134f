//! `fokker population validate`.

use super::{chosen_json, chosen_text, options, read};
use crate::args::{Format, Global, ValidateArguments, ValidationMetric};
use crate::files::named;
use crate::progress::Progress;
use crate::report::{Report, number, wrapped};
use anyhow::{Context, Result};
use fokker::population::{Distances, HoldOut, Metric, ValidateOptions, Validation, validate as run};
use serde_json::json;
use std::time::Instant;

/// Intervals up to which the potential has one function for each unless told otherwise.
const FEW: usize = 20;

/// Runs the command.
pub fn validate(arguments: &ValidateArguments, global: &Global) -> Result<String> {
    let monitor = Progress::new(global.quiet);
    let hold_out: HoldOut = arguments.hold_out.parse().context("--hold-out")?;
    let (snapshots, heading) = read(&arguments.snapshots, &monitor)?;
    let by_default = if snapshots.intervals() <= FEW { "interval" } else { "none" };
    let settings = ValidateOptions {
        hold_out,
        seeds: arguments.seeds,
        metric: match arguments.metric {
            ValidationMetric::W1 => Metric::W1,
            ValidationMetric::W2 => Metric::W2,
        },
        fit: options(&arguments.energy, by_default, global, &monitor)?,
    };
    if global.dry_run {
        drop(monitor);
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&json!({ "snapshots": snapshots.times().len() }))? + "\n",
            false => format!("would validate energies of {heading}\n"),
        });
    }
    let start = Instant::now();
    let validation = run(&snapshots, &settings).map_err(|error| match error.is_input() {
        true => named(error.into(), &arguments.snapshots.snapshots),
        false => error.into(),
    })?;
    let seconds = start.elapsed().as_secs_f64();
    drop(monitor);
    if global.json {
        return Ok(serde_json::to_string_pretty(&report(&validation, seconds))? + "\n");
    }
    let what = match hold_out {
        HoldOut::Cells(share) => {
            format!("{:.0} % of the particles of every snapshot held out", 100.0 * share)
        }
        HoldOut::Time => "each inner snapshot held out in turn".to_owned(),
    };
    let metric = match arguments.metric {
        ValidationMetric::W1 => "W1",
        ValidationMetric::W2 => "W2",
    };
    let mut text = format!("{heading}\n{what}, {} seeds; exact {metric}\n\n", arguments.seeds);
    text += &table(&validation);
    text += &format!("\n{}\n", wrapped(&verdict(&validation.mean, hold_out)));
    let chosen: Vec<String> = validation.chosen.iter().map(chosen_text).collect();
    let mut different = chosen.clone();
    different.dedup();
    for choice in different {
        text += &(wrapped(&format!("fitted: {choice}")) + "\n");
    }
    let rolled: Vec<String> =
        validation.roll_out.iter().map(|(time, w)| format!("{time}: {}", number(*w))).collect();
    text += &(wrapped(&format!("roll-out from the first snapshot, in-sample: {}", rolled.join(", "))) + "\n");
    Ok(text + &format!("{seconds:.1} s\n"))
}

fn table(validation: &Validation) -> String {
    let interpolated = validation.mean.ot_interpolation.is_some();
    let row = |label: String, d: &Distances| {
        let mut row = vec![label, number(d.floor), number(d.persistence), number(d.affine)];
        row.extend(d.ot_interpolation.map(number));
        row.extend([number(d.fit), number(d.cumulative)]);
        row
    };
    let mut rows: Vec<Vec<String>> = validation
        .steps
        .iter()
        .map(|step| row(format!("{} → {}", step.from, step.to), &step.distances))
        .collect();
    rows.push(row("mean".into(), &validation.mean));
    rows.push(row("sd".into(), &validation.sd));
    let mut header = vec!["step", "floor", "persistence", "affine"];
    header.extend(interpolated.then_some("OT interpolation"));
    header.extend(["fit", "cumulative"]);
    Report { header, rows, labels: 1 }.render(Format::Table)
}

/// What the numbers say.
fn verdict(mean: &Distances, hold_out: HoldOut) -> String {
    let mut baselines =
        vec![("persistence (nothing moves)", mean.persistence), ("the affine map", mean.affine)];
    baselines
        .extend(mean.ot_interpolation.map(|value| ("OT interpolation, which sees both neighbours", value)));
    let beaten_by: Vec<&str> =
        baselines.iter().filter(|(_, value)| *value <= mean.fit).map(|(name, _)| *name).collect();
    let above = mean.fit - mean.floor;
    let floor = match hold_out {
        HoldOut::Cells(_) => "two samples of the truth",
        HoldOut::Time => "two halves of the truth",
    };
    let distance = format!("{} above what {floor} are apart", number(above.max(0.0)));
    match beaten_by.is_empty() {
        true => format!("The energy predicts better than every baseline; it lands {distance}."),
        false => format!(
            "The energy predicts no better than {}; it lands {distance}. Do not read more into it than they say.",
            beaten_by.join(" and ")
        ),
    }
}

fn report(validation: &Validation, seconds: f64) -> serde_json::Value {
    let distances = |d: &Distances| {
        json!({
            "floor": d.floor,
            "persistence": d.persistence,
            "affine": d.affine,
            "ot_interpolation": d.ot_interpolation,
            "fit": d.fit,
            "cumulative": d.cumulative,
        })
    };
    let steps: Vec<_> = validation
        .steps
        .iter()
        .map(|step| {
            let mut entry = json!({ "from": step.from, "to": step.to });
            if let (Some(entry), serde_json::Value::Object(more)) =
                (entry.as_object_mut(), distances(&step.distances))
            {
                entry.extend(more);
            }
            entry
        })
        .collect();
    let rolled: Vec<_> =
        validation.roll_out.iter().map(|(to, fit)| json!({ "to": to, "fit": fit })).collect();
    json!({
        "steps": steps,
        "mean": distances(&validation.mean),
        "sd": distances(&validation.sd),
        "chosen": validation.chosen.iter().map(chosen_json).collect::<Vec<_>>(),
        "roll_out": rolled,
        "seconds": seconds,
    })
}
