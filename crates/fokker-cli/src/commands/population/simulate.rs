//! `fokker population simulate`.

use crate::args::{Global, SimulateArguments};
use crate::commands::clouds::lines;
use crate::files::{Output, OutputFormat, TimedRows, write_snapshots};
use crate::progress::Progress;
use anyhow::Result;
use fokker::problems::{SimulateOptions, simulate_benchmark};
use ndarray::{Axis, concatenate};
use serde_json::json;

/// Runs the command.
pub fn simulate(arguments: &SimulateArguments, global: &Global) -> Result<String> {
    let progress = Progress::new(global.quiet);
    let options = SimulateOptions { seed: global.seed, ..arguments.options.0.clone() };
    options.validate()?;
    let output = Output::new(&arguments.output, OutputFormat::SNAPSHOTS, &[])?;
    if !global.dry_run {
        let snapshots = simulate_benchmark(&options, progress.task())?;
        drop(progress);
        let views: Vec<_> = snapshots.iter().map(|(_, x)| x.view()).collect();
        let rows = TimedRows {
            times: snapshots.iter().flat_map(|(t, x)| std::iter::repeat_n(*t, x.nrows())).collect(),
            x: concatenate(Axis(0), &views)?,
            mass: None,
            description: String::new(),
        };
        write_snapshots(&output, &rows)?;
    }
    let (n, d, snapshots) = (options.particles, options.dim, options.snapshots);
    if global.json {
        let summary = json!({ "n": n, "d": d, "snapshots": snapshots, "output": output.name() });
        return Ok(serde_json::to_string_pretty(&summary)? + "\n");
    }
    let kind = if options.paired { "the same particles in each" } else { "other particles in each" };
    let done = if global.dry_run { "would be saved" } else { "saved" };
    Ok(lines(&[
        ("snapshots", format!("{snapshots} of {n} particles in {d} dimensions, {kind}")),
        (done, output.name()),
    ]))
}
