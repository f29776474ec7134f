//! `fokker population`: fits, predicts, validates and simulates.

mod fit;
mod predict;
mod simulate;
mod validate;

pub use fit::fit;
pub use predict::predict;
pub use simulate::simulate;
pub use validate::validate;

use crate::args::SnapshotArguments;
use crate::files::{SnapshotOptions, TimedRows, named, read_snapshots};
use anyhow::Result;
use fokker::Task;
use fokker::population::{Chosen, Ridge, Snapshots, TimeBasis};

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

/// What was chosen, for people.
fn chosen_text(chosen: &Chosen) -> String {
    let ridge = match chosen.ridge {
        Ridge::Relative(ridge) => format!("ridge {ridge:.0e}"),
        Ridge::Absolute(ridge) => format!("ridge absolute {ridge:.0e}"),
        Ridge::CrossValidation | Ridge::HoldOut => "ridge by cross-validation".to_owned(),
    };
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
    format!("{potential}{time}, scheme {}, {ridge}{by}", chosen.scheme)
}
