//! `fokker transport distance`: how far apart two clouds are, and how to read the number.

use super::clouds::{self, announce, digits, estimate, lines};
use super::with;
use crate::args::{DistanceArguments, Global};
use crate::progress::Progress;
use crate::report::{number, wrapped};
use anyhow::{Result, bail};
use fokker::Task;
use fokker::transport::{DistanceOptions, Floor, Measure, Metric, distance};
use serde_json::json;
use std::time::Instant;

/// Runs the command.
pub fn run(arguments: &DistanceArguments, global: &Global) -> Result<String> {
    let options = DistanceOptions { seed: global.seed, ..arguments.options.0.clone() };
    options.validate()?;
    let [a, b] = &clouds::read(&arguments.clouds, Progress::new(global.quiet).task())?;
    let (x, y) = (a.view(), b.view());
    let (n, m, name) = (x.x.nrows(), y.x.nrows(), options.metric.to_string());
    if options.floor && n < 2 {
        bail!("{}: has one row, the floor needs two or more", a.name);
    }
    if global.dry_run {
        let plan = json!({ "metric": name, "n": n, "m": m });
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&plan)? + "\n",
            false => format!("would measure {name} between {} and {}\n", a.heading(), b.heading()),
        });
    }
    if !global.quiet && options.metric != Metric::SlicedW2 {
        let measure = Measure::new(&options, x, y)?;
        let (repeats, permutations) = options.repetitions();
        announce(estimate(x, y, repeats, permutations, |x, y| {
            measure.value(x, y, Task::silent()).map(|_| ())
        }));
    }
    let progress = Progress::new(global.quiet);
    let start = Instant::now();
    let found = distance(x, y, &options, progress.task())?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    if global.json {
        return with(&found, json!({ "seconds": seconds }));
    }
    let mut report = vec![
        ("clouds", format!("{} and {}", a.heading(), b.heading())),
        (name.as_str(), digits(found.value)),
        ("certificate", found.certificate),
        ("seconds", format!("{seconds:.3}")),
    ];
    let mut reading = String::new();
    if let Some(floor) = found.floor {
        let sd = floor.sd.map_or_else(String::new, |sd| format!(" ± {}", digits(sd)));
        report.push(("floor", format!("{}{sd} ({} splits)", digits(floor.mean), floor.repeats)));
        let sentence = read_against(&floor, found.p_value, found.value, &a.name);
        reading = format!("\n{}\n", wrapped(&sentence));
    }
    if let Some(p) = found.p_value {
        report.push(("p-value", format!("{} ({} permutations)", digits(p), found.permutations)));
    }
    Ok(lines(&report) + &reading)
}

/// Largest p-value at which two clouds are called different.
const SIGNIFICANT: f64 = 0.05;

/// One sentence on what a distance means: by the permutation test, or beside the floor where none was made.
fn read_against(floor: &Floor, p_value: Option<f64>, value: f64, cloud: &str) -> String {
    let ratio = Some(value / floor.mean).filter(|ratio| ratio.is_finite());
    let times = ratio.map_or_else(
        || format!("chance puts nothing between two halves of {cloud}"),
        |ratio| format!("{} times the floor of {cloud}", number(ratio)),
    );
    match (p_value, floor.sd) {
        (Some(p), _) if p <= SIGNIFICANT => {
            format!("More than chance puts between two such clouds; {times}.")
        }
        (Some(_), _) => format!("Chance puts two such clouds as far apart; {times}."),
        (None, Some(sd)) if value > floor.mean + 2.0 * sd => format!("More than chance; {times}."),
        (None, Some(_)) => format!(
            "About what chance gives between two halves of {cloud}, which are half as large, so \
             that a small difference could hide below the floor."
        ),
        (None, None) => format!("One split says nothing of its spread; {times}."),
    }
}
