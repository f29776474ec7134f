//! `fokker population fit`.

use super::{chosen_text, read};
use crate::args::{Global, PopulationFitArguments};
use crate::commands::clouds::{digits, lines};
use crate::commands::with;
use crate::files::{Output, OutputFormat, named, write_bytes};
use crate::progress::Progress;
use crate::report::wrapped;
use anyhow::Result;
use fokker::population::{Fit, FitOptions, Snapshots, fit as fit_energy};
use serde_json::json;
use std::time::Instant;

/// Runs the command.
pub fn fit(arguments: &PopulationFitArguments, global: &Global) -> Result<String> {
    let progress = Progress::new(global.quiet);
    let options = FitOptions { seed: global.seed, ..arguments.options.0.clone() };
    options.validate()?;
    let inputs = arguments.snapshots.files();
    let output = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Safetensors], &inputs)?;
    let (snapshots, heading) = read(&arguments.snapshots, progress.task())?;
    if global.dry_run {
        drop(progress);
        let times = snapshots.times().len();
        return Ok(match global.json {
            true => {
                serde_json::to_string_pretty(&json!({ "snapshots": times, "d": snapshots.dim() }))? + "\n"
            }
            false => format!("would fit an energy to {heading}\n"),
        });
    }
    let start = Instant::now();
    let fitted = fit_energy(&snapshots, &options, progress.task());
    let fitted = fitted.map_err(|error| match error.is_input() {
        true => named(error.into(), &arguments.snapshots.snapshots),
        false => error.into(),
    })?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    output.as_ref().map_or(Ok(()), |output| write_bytes(output, &fitted.energy.to_bytes()))?;
    let name = output.as_ref().map(Output::name);
    if global.json {
        return with(&fitted, json!({ "seconds": seconds, "output": name }));
    }
    let mut text = vec![
        ("snapshots", heading),
        ("energy", chosen_text(&fitted.chosen)),
        ("unknowns", unknowns(&fitted)),
        ("residual", residuals(&snapshots, &fitted)),
    ];
    text.extend(fitted.energy.temperature.map(|theta| ("temperature", temperature(theta))));
    text.push(("seconds", format!("{seconds:.2}")));
    text.extend(name.map(|name| ("saved", name)));
    Ok(wrapped(&lines(&text)) + "\n")
}

fn unknowns(fit: &Fit) -> String {
    let known = match fit.rank == fit.unknowns {
        true => format!("condition {:.1e}", fit.condition),
        false => format!(
            "the data identify {} of them: the rest is set by the ridge, read the motion and not single terms",
            fit.rank
        ),
    };
    format!("{} from {} equations; {known}", fit.unknowns, fit.equations)
}

fn residuals(snapshots: &Snapshots, fit: &Fit) -> String {
    let each: Vec<String> = fit
        .residuals
        .iter()
        .zip(snapshots.times().windows(2))
        .map(|(residual, t)| format!("{} → {}: {:.1} %", t[0], t[1], 100.0 * residual))
        .collect();
    format!("of the motion, by interval: {}", each.join(", "))
}

fn temperature(theta: f64) -> String {
    match theta < 0.0 {
        true => format!(
            "{}: negative, so these data do not show diffusion; predict with --no-noise",
            digits(theta)
        ),
        false => digits(theta),
    }
}
