//! `fokker population simulate`.

use crate::args::{Global, SimulateArguments};
use crate::commands::clouds::lines;
use crate::files::{Output, OutputFormat, TimedRows, write_snapshots};
use crate::progress::Progress;
use anyhow::{Context, Result};
use fokker::problems::{BenchmarkEnergy, PopulationOptions, simulate_population};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, concatenate};
use serde_json::json;

/// Runs the command.
pub fn simulate(arguments: &SimulateArguments, global: &Global) -> Result<String> {
    let progress = Progress::new(global.quiet);
    let potential = BenchmarkEnergy::parse(&arguments.potential).context("--potential")?;
    let interaction = arguments.interaction.as_deref().filter(|name| *name != "none");
    let interaction = interaction.map(BenchmarkEnergy::parse).transpose().context("--interaction")?;
    let output = Output::new(&arguments.output, OutputFormat::SNAPSHOTS, &[])?;
    let pull = move |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| potential.gradient_into(x, out);
    let pair = interaction
        .map(|energy| move |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| energy.gradient_into(x, out));
    let options = PopulationOptions {
        potential: Some(&pull),
        interaction: pair.as_ref().map(|pair| pair as _),
        temperature: arguments.temperature,
        particles: arguments.particles,
        dim: arguments.dim,
        snapshots: arguments.snapshots,
        interval: arguments.interval,
        sub_steps: arguments.sub_steps,
        paired: arguments.paired,
        start: None,
        seed: global.seed,
        task: progress.task(),
    };
    options.validate()?;
    if !global.dry_run {
        let snapshots = simulate_population(&options)?;
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
    let (n, d, snapshots) = (arguments.particles, arguments.dim, arguments.snapshots);
    if global.json {
        let summary = json!({ "n": n, "d": d, "snapshots": snapshots, "output": output.name() });
        return Ok(serde_json::to_string_pretty(&summary)? + "\n");
    }
    let kind = if arguments.paired { "the same particles in each" } else { "other particles in each" };
    let done = if global.dry_run { "would be saved" } else { "saved" };
    Ok(lines(&[
        ("snapshots", format!("{snapshots} of {n} particles in {d} dimensions, {kind}")),
        (done, output.name()),
    ]))
}
