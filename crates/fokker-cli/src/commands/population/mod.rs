//! `fokker population`: fits, predicts, validates and simulates.

mod fit;
mod predict;
mod simulate;
mod validate;

pub use fit::fit;
pub use predict::predict;
pub use simulate::simulate;
pub use validate::validate;

use crate::args::{EnergyArguments, Global, SnapshotArguments};
use crate::files::{SnapshotOptions, TimedRows, named, read_snapshots};
use anyhow::{Context, Result, bail};
use fokker::Task;
use fokker::population::{Chosen, FitOptions, Ridge, Scheme, Snapshots, TimeBasis};
use serde_json::json;

/// Snapshots, the rows they are made of, and a heading for people.
fn read(arguments: &SnapshotArguments, task: Task) -> Result<(Snapshots, String)> {
    let options = SnapshotOptions {
        time: arguments.time.as_deref(),
        rep: arguments.rep.as_deref(),
        labels: arguments.labels.as_deref(),
        times: arguments.times.as_deref(),
    };
    let TimedRows { times, x, mass, description } = read_snapshots(&arguments.snapshots, &options, task)?;
    let weights = mass.as_ref().map(|mass| mass.view());
    let snapshots = Snapshots::from_rows(x.view(), times.view(), weights);
    let snapshots = snapshots.map_err(|error| named(error.into(), &arguments.snapshots))?;
    let sizes: Vec<String> = snapshots.clouds().iter().map(|cloud| cloud.len().to_string()).collect();
    let times: Vec<String> = snapshots.times().iter().map(f64::to_string).collect();
    let name = arguments.snapshots.display();
    let heading =
        format!("{name} ({description})\n  times {}\n  particles {}", times.join(", "), sizes.join(", "));
    Ok((snapshots, heading))
}

/// The options of a fit.
fn options<'a>(arguments: &EnergyArguments, global: &Global, task: Task<'a>) -> Result<FitOptions<'a>> {
    let internal = arguments.internal.as_deref().filter(|text| *text != "none").map(|text| {
        let count = text.strip_prefix("gmm:").and_then(|count| count.parse().ok());
        match count.filter(|&count: &usize| count > 0) {
            Some(count) => Ok(count),
            None => bail!("--internal: unknown density {text:?}; known: none, gmm:COUNT"),
        }
    });
    let interaction = arguments.interaction.as_deref().filter(|text| *text != "none");
    let options = FitOptions {
        potential: arguments.potential.parse().context("--potential")?,
        interaction: interaction.map(str::parse).transpose().context("--interaction")?,
        internal: internal.transpose()?,
        time: match arguments.time_varying.as_str() {
            "auto" => None,
            basis => Some(basis.parse().context("--time-varying")?),
        },
        scheme: match arguments.scheme.as_str() {
            "auto" => None,
            name => Some(name.parse::<Scheme>().context("--scheme")?),
        },
        coupling: arguments.coupling.parse().context("--coupling")?,
        ridge: match arguments.ridge_absolute {
            Some(ridge) => Ridge::Absolute(ridge),
            None => arguments.ridge.parse().context("--ridge")?,
        },
        raw_features: arguments.raw_features,
        seed: global.seed,
        task,
    };
    options.validate()?;
    Ok(options)
}

/// What was chosen, for programs.
fn chosen_json(chosen: &Chosen) -> serde_json::Value {
    let (kind, ridge) = ridge(chosen.ridge);
    json!({
        "scheme": chosen.scheme.to_string(),
        "potential": chosen.potential.as_ref().map(ToString::to_string),
        "time": chosen.time.to_string(),
        kind: ridge,
        "held_out": chosen.held_out,
        "compared": chosen.compared,
    })
}

/// What was chosen, for people.
fn chosen_text(chosen: &Chosen) -> String {
    let (kind, ridge) = ridge(chosen.ridge);
    let ridge = ridge.map_or("by cross-validation".to_owned(), |ridge| format!("{ridge:.0e}"));
    let potential = chosen.potential.as_ref().map_or("no potential".to_owned(), ToString::to_string);
    let by = match chosen.compared {
        1 => String::new(),
        count => format!(" (best of {count} on held-out particles)"),
    };
    let time = match (&chosen.potential, chosen.time) {
        (None, _) | (_, TimeBasis::Constant) => String::new(),
        (_, TimeBasis::Interval) => " per interval".to_owned(),
        (_, basis) => format!(" varying by {basis}"),
    };
    format!("{potential}{time}, scheme {}, {} {ridge}{by}", chosen.scheme, kind.replace('_', " "))
}

fn ridge(ridge: Ridge) -> (&'static str, Option<f64>) {
    match ridge {
        Ridge::Relative(ridge) => ("ridge", Some(ridge)),
        Ridge::Absolute(ridge) => ("ridge_absolute", Some(ridge)),
        Ridge::CrossValidation | Ridge::HoldOut => ("ridge", None),
    }
}
