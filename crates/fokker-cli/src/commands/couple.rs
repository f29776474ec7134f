//! `fokker transport couple`: the optimal coupling of two clouds.

use super::clouds::{self, Pair, announce, bound, digits, lines};
use crate::args::{CostName, CoupleArguments, Global};
use crate::files::{Output, OutputFormat, Values, write_npz};
use crate::progress::Progress;
use anyhow::Result;
use fokker::Task;
use fokker::transport::{Cost, Coupling, ExactOptions, exact};
use std::time::Instant;

/// Runs the command.
pub fn run(arguments: &CoupleArguments, global: &Global) -> Result<String> {
    let inputs = arguments.clouds.files();
    let output = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Npz], &inputs)?;
    let both = clouds::read(&arguments.clouds, Progress::new(global.quiet).task())?;
    let pair = Pair::new(&both);
    let (n, m) = (pair.x.nrows(), pair.y.nrows());
    let name = output.as_ref().map(Output::name);
    if global.dry_run {
        let plan = serde_json::json!({ "n": n, "m": m, "output": name });
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&plan)? + "\n",
            false => format!("would couple {} with {}\n", both[0].heading(), both[1].heading()),
        });
    }
    let solve = |pair: &Pair, task: Task| {
        let options = ExactOptions { source_weights: pair.a, target_weights: pair.b, task };
        exact(pair.x, pair.y, arguments.cost.into(), &options)
    };
    if !global.quiet {
        announce(pair.estimate(0, 0, |pair| solve(pair, Task::silent()).map(|_| ())));
    }
    let start = Instant::now();
    let coupling = solve(&pair, Progress::new(global.quiet).task())?;
    let seconds = start.elapsed().as_secs_f64();
    output.as_ref().map_or(Ok(()), |output| save(output, &coupling))?;
    let (cost, gap, entries) = (coupling.cost, coupling.certificate.gap, coupling.mass.len());
    if global.json {
        let report = serde_json::json!({
            "cost": cost,
            "gap": gap,
            "marginal_error": coupling.marginal_error,
            "n": n,
            "m": m,
            "entries": entries,
            "seconds": seconds,
            "output": name,
        });
        return Ok(serde_json::to_string_pretty(&report)? + "\n");
    }
    let mut report = vec![
        ("clouds", format!("{} → {}", both[0].heading(), both[1].heading())),
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

impl From<CostName> for Cost {
    fn from(name: CostName) -> Self {
        match name {
            CostName::SquaredEuclidean => Cost::SquaredEuclidean,
            CostName::Euclidean => Cost::Euclidean,
        }
    }
}
