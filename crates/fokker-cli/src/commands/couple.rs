//! `fokker transport couple`: the optimal coupling of two clouds.

use super::clouds::{self, announce, bound, digits, estimate, lines};
use super::with;
use crate::args::{CoupleArguments, Global};
use crate::files::{Output, OutputFormat, Values, write_npz};
use crate::progress::Progress;
use anyhow::Result;
use fokker::transport::{Coupling, ExactOptions, exact};
use fokker::{CloudView, Task};
use serde_json::json;
use std::time::Instant;

/// Runs the command.
pub fn run(arguments: &CoupleArguments, global: &Global) -> Result<String> {
    let inputs = arguments.clouds.files();
    let output = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Npz], &inputs)?;
    let [a, b] = &clouds::read(&arguments.clouds, Progress::new(global.quiet).task())?;
    let (x, y) = (a.view(), b.view());
    let name = output.as_ref().map(Output::name);
    if global.dry_run {
        let plan = json!({ "n": x.x.nrows(), "m": y.x.nrows(), "output": name });
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&plan)? + "\n",
            false => format!("would couple {} with {}\n", a.heading(), b.heading()),
        });
    }
    let cost = arguments.options.0.cost;
    let solve = |x: CloudView, y: CloudView, task: Task| {
        let (x, y) = (x.reborrow(), y.reborrow());
        exact(x.x, y.x, cost, &ExactOptions { source_weights: x.weights, target_weights: y.weights, task })
    };
    if !global.quiet {
        announce(estimate(x, y, 0, 0, |x, y| solve(x, y, Task::silent()).map(|_| ())));
    }
    let start = Instant::now();
    let coupling = solve(x, y, Progress::new(global.quiet).task())?;
    let seconds = start.elapsed().as_secs_f64();
    output.as_ref().map_or(Ok(()), |output| save(output, &coupling))?;
    if global.json {
        return with(&coupling, json!({ "seconds": seconds, "output": name }));
    }
    let (cost, gap, entries) = (coupling.cost, coupling.certificate.gap, coupling.mass.len());
    let mut report = vec![
        ("clouds", format!("{} → {}", a.heading(), b.heading())),
        ("cost", digits(cost)),
        ("gap", format!("{}: by duality no coupling costs less than cost − gap", bound(gap))),
        ("entries", entries.to_string()),
        ("seconds", format!("{seconds:.3}")),
    ];
    report.extend(name.map(|name| ("saved", name)));
    Ok(lines(&report))
}

fn save(output: &Output, coupling: &Coupling) -> Result<()> {
    let (u, v) = (coupling.dual_source.to_vec(), coupling.dual_target.to_vec());
    let arrays = [
        ("source", &Values::Indices(&coupling.source)),
        ("target", &Values::Indices(&coupling.target)),
        ("mass", &Values::Numbers(&coupling.mass)),
        ("dual_source", &Values::Numbers(&u)),
        ("dual_target", &Values::Numbers(&v)),
    ];
    write_npz(output, &arrays)
}
