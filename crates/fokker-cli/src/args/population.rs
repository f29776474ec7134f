//! What can be typed after `fokker population`.

use super::Given;
use clap::{Args, Subcommand};
use fokker::basis::FEATURES;
use fokker::population::{FitOptions, PredictOptions, SCHEMES, ValidateOptions};
use fokker::problems::SimulateOptions;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum PopulationCommand {
    /// Fit an energy to snapshots of a population
    ///
    /// Potential, interaction and temperature by one linear solve, in the units of the file's
    /// times and coordinates. What is left open is chosen by held-out particles.
    #[command(after_help = fit_help())]
    Fit(Box<PopulationFitArguments>),
    /// Where particles are at later times, by a fitted energy
    #[command(after_help = PREDICT_HELP)]
    Predict(PredictArguments),
    /// How well an energy predicts what it has not seen, beside what needs no energy
    ///
    /// Everything learned from data is learned from the particles that are not held out: centres,
    /// scales, couplings, and every choice of scheme, features and ridge.
    #[command(after_help = VALIDATE_HELP)]
    Validate(Box<ValidateArguments>),
    /// Snapshots of a population that moves by a known energy
    #[command(after_help = SIMULATE_HELP)]
    Simulate(SimulateArguments),
}

/// The names are those of the library's tables.
fn fit_help() -> String {
    format!(
        "\
Examples:
  fokker population fit cells.csv -o e.safetensors
  fokker population fit cells.csv --potential poly:2 --scheme midpoint

Snapshots: .csv with a column of times (time or samples, or --time), .npz with x, time and perhaps
  mass, .h5ad with --rep and --time, or any rows with --labels; labels such as E7.5, d3 or day 3
  are their numbers
Potential: auto, none, or these, joined by +:
{}
Interaction: radial:COUNT, quadratic, quadratic+radial:COUNT
Schemes:
{}
JSON: chosen, unknowns, equations, rank, condition, residuals [from, to, relative], temperature,
  receipt, seconds, output",
        FEATURES.help(),
        SCHEMES.help()
    )
}

const PREDICT_HELP: &str = "\
Example:
  fokker population predict e.safetensors --from x.csv --at 0 --times 1 -o p.csv

Where --from has times, its rows of time --at are moved; otherwise all of its rows
Times beyond the snapshots that were fitted to are extrapolations: the report and JSON say so
JSON: n, d, times, extrapolated (those beyond the snapshots), output";

const VALIDATE_HELP: &str = "\
Examples:
  fokker population validate cells.csv
  fokker population validate cells.csv --hold-out time --seeds 1 --json

floor: two samples of the truth, as large as the others, persistence: nothing moves, affine: the map
  between Gaussians, ot_interpolation: between the neighbouring snapshots (held-out times only),
  fit: the energy from the snapshot before, cumulative: from the first one, cumulative affine: by
  affine maps one after the other
Verdict: by the debiased energy distance; fit − it beside its standard error (for cumulative affine:
  cumulative − it), better where below −1.645 of them for every baseline. spread: of the moved
  particles, in that of those seen
JSON: verdict, against [baseline, difference, standard_error, verdict], rolled_out (the same for
  cumulative), steps [from, to, distances by name, energy_distance, spread], mean, sd (over seeds, of
  the mean; null for one), energy_distance, spread, chosen, roll_out (in-sample), lost
  [prediction, seed, from, to, particles, reason]: those without a number (null)";

const SIMULATE_HELP: &str = "\
Example:
  fokker population simulate --potential styblinski-tang --seed 0 -o cells.csv

Energies: styblinski-tang, holder-table, zigzag-ridge, oakley-ohagan, watershed, ishigami, sphere,
  friedman, bohachevsky, flowers, wavy-plateau, double-exp, relu, rotational, flat";

/// A file of snapshots, and how its times are read.
#[derive(Debug, Args)]
pub struct SnapshotArguments {
    /// Snapshots (.csv, .npz, .h5ad; .npy and others with --labels)
    #[arg(value_name = "SNAPSHOTS")]
    pub snapshots: PathBuf,
    /// Column of times (in obs for .h5ad) [default: time or samples]
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// Rows of an .h5ad: a name in obsm, or X
    #[arg(long, value_name = "NAME")]
    pub rep: Option<String>,
    /// A file with the label of every row
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Times of the different labels, in their order
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true)]
    pub times: Option<Vec<f64>>,
}

impl SnapshotArguments {
    /// All files that are read.
    pub fn files(&self) -> Vec<&Path> {
        std::iter::once(&self.snapshots).chain(&self.labels).map(PathBuf::as_path).collect()
    }
}

#[derive(Debug, Args)]
pub struct PopulationFitArguments {
    #[command(flatten)]
    pub snapshots: SnapshotArguments,
    #[command(flatten)]
    pub options: Given<FitOptions>,
    /// Save the energy here (.safetensors), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct PredictArguments {
    /// A fitted energy
    #[arg(value_name = "ENERGY")]
    pub energy: PathBuf,
    /// Particles, one per row
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    #[command(flatten)]
    pub options: Given<PredictOptions>,
    /// Save snapshots here (.npz, .csv), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ValidateArguments {
    #[command(flatten)]
    pub snapshots: SnapshotArguments,
    #[command(flatten)]
    pub options: Given<ValidateOptions>,
}

#[derive(Debug, Args)]
pub struct SimulateArguments {
    #[command(flatten)]
    pub options: Given<SimulateOptions>,
    /// Save snapshots here (.npz, .csv), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}
