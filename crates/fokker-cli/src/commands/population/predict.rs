//! `fokker population predict`.

use crate::args::{Global, PredictArguments};
use crate::commands::clouds::lines;
use crate::files::{
    Output, OutputFormat, SnapshotOptions, TimedRows, named, read_bytes, read_rows, read_snapshots,
    write_snapshots,
};
use crate::progress::Progress;
use crate::report::wrapped;
use anyhow::{Result, bail};
use fokker::Task;
use fokker::population::{Cloud, Energy, PredictOptions, predict as move_particles};
use ndarray::{Array1, Array2, Axis, concatenate};
use serde_json::json;
use std::path::Path;

/// Runs the command.
pub fn predict(arguments: &PredictArguments, global: &Global) -> Result<String> {
    let progress = Progress::new(global.quiet);
    let inputs = [arguments.energy.as_path(), &arguments.from];
    let output = Output::new(&arguments.output, OutputFormat::SNAPSHOTS, &inputs)?;
    let bytes = read_bytes(&arguments.energy)?;
    let energy = Energy::from_bytes(&bytes).map_err(|error| named(error.into(), &arguments.energy))?;
    let options = PredictOptions { seed: global.seed, ..arguments.options.0.settle(&energy) };
    let at = options.at.unwrap_or(energy.times[0]);
    let (x, mass) = particles(&arguments.from, at, progress.task())?;
    if x.ncols() != energy.dim {
        bail!(
            "{}: has {} columns, the energy in {} is of {}",
            arguments.from.display(),
            x.ncols(),
            arguments.energy.display(),
            energy.dim
        );
    }
    let times = options.times.clone().unwrap_or_default();
    let (n, count) = (x.nrows(), times.len());
    let cloud = Cloud::new(x, mass.as_ref().map(|mass| mass.view()))
        .map_err(|error| named(error.into(), &arguments.from))?;
    if !global.dry_run {
        let clouds = move_particles(&energy, &cloud, &options, progress.task())?;
        drop(progress);
        let views: Vec<_> = clouds.iter().map(|cloud| cloud.view()).collect();
        let rows = TimedRows {
            times: times.iter().flat_map(|&t| std::iter::repeat_n(t, n)).collect(),
            x: concatenate(Axis(0), &views)?,
            mass: mass.map(|mass| concatenate(Axis(0), &vec![mass.view(); count])).transpose()?,
            description: String::new(),
        };
        write_snapshots(&output, &rows)?;
    }
    if global.json {
        let extrapolated = energy.extrapolated(&times);
        let summary = json!({
            "n": n,
            "d": energy.dim,
            "times": times,
            "extrapolated": extrapolated,
            "output": output.name(),
        });
        return Ok(serde_json::to_string_pretty(&summary)? + "\n");
    }
    let shown: Vec<String> = times.iter().map(f64::to_string).collect();
    let done = if global.dry_run { "would be saved" } else { "saved" };
    let mut text = vec![
        ("particles", format!("{n} of time {at}, moved to {}", shown.join(", "))),
        (done, output.name()),
    ];
    text.extend(energy.warning(&times).map(|words| ("warning", words)));
    Ok(wrapped(&lines(&text)) + "\n")
}

/// The rows of time `at` where the file has times, and all of its rows where it has none.
fn particles(path: &Path, at: f64, task: Task) -> Result<(Array2<f64>, Option<Array1<f64>>)> {
    let Ok(rows) = read_snapshots(path, &SnapshotOptions::default(), task) else {
        let (x, _) = read_rows(path, task)?;
        return Ok((x, None));
    };
    let chosen: Vec<usize> = (0..rows.times.len()).filter(|&i| rows.times[i] == at).collect();
    if chosen.is_empty() {
        let mut times = rows.times.to_vec();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let times: Vec<String> = times.iter().map(f64::to_string).collect();
        bail!("{}: has no rows of time {at}, it has {}", path.display(), times.join(", "));
    }
    let mass = rows.mass.as_ref().map(|mass| mass.select(Axis(0), &chosen));
    Ok((rows.x.select(Axis(0), &chosen), mass))
}
