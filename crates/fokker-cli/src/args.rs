//! What can be typed.

mod given;
mod population;
mod spectral;
mod transport;

pub use given::{Given, sentence};
pub use population::{
    PopulationCommand, PopulationFitArguments, PredictArguments, SimulateArguments, SnapshotArguments,
    ValidateArguments,
};
pub use spectral::{
    DensityArguments, DrawArguments, FitArguments, FitWords, ProblemArguments, ScoreArguments,
    SpectralCommand,
};
pub use transport::{CloudArguments, CoupleArguments, DistanceArguments, TransportCommand};

use clap::{Args, Parser, Subcommand, ValueEnum};
use fokker::audit::tune::TuneTableOptions;
use fokker::audit::{ErrorTableOptions, Export, LintOptions};
use fokker::process::{SCHEDULE_NAMES, SPACING_NAMES};
use fokker::sampling::SCHEME_NAMES;
use fokker::statistics::TextureOptions;
use std::path::PathBuf;

/// Diffusion models in closed form.
#[derive(Debug, Parser)]
#[command(name = "fokker", version, max_term_width = 100, after_help = "Example:\n  fokker demo")]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// A number of threads.
fn threads(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("give a whole number from 1, or leave it out to use all cores"),
        Ok(count) => Ok(count),
    }
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Threads to use, at most 4 a core or 64 [default: all cores]; results do not depend on it
    #[arg(
        long,
        global = true,
        value_parser = threads,
        value_name = "N",
        help_heading = "Options of every command"
    )]
    pub threads: Option<usize>,
    /// Seed of everything random
    #[arg(
        long,
        global = true,
        default_value_t = 0,
        value_name = "N",
        help_heading = "Options of every command"
    )]
    pub seed: u64,
    /// No progress bars
    #[arg(long, short, global = true, help_heading = "Options of every command")]
    pub quiet: bool,
    /// Print JSON for programs instead of a table for people
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub json: bool,
    /// Check the arguments and say what would be computed, but compute nothing
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Audit an embedded spectrum and say what the numbers mean
    #[command(after_help = "Example:\n  fokker demo")]
    Demo,
    /// Exact Wasserstein errors of diffusion samplers
    #[command(subcommand, after_help = "Example:\n  fokker audit errors --spectrum natural:8x8x1 --steps 20")]
    Audit(AuditCommand),
    /// Density, score and samples of data, from one linear solve per time
    #[command(subcommand, after_help = "Example:\n  fokker spectral fit x.csv")]
    Spectral(SpectralCommand),
    /// Energies of populations from snapshots at several times: fit, predict, validate
    #[command(subcommand, after_help = "Example:\n  fokker population validate cells.csv")]
    Population(PopulationCommand),
    /// How a saved result was made: its options, what was chosen, its data
    #[command(after_help = SHOW_HELP)]
    Show(ShowArguments),
    /// Optimal transport between two clouds of points: distances and couplings
    #[command(subcommand, after_help = "Example:\n  fokker transport distance a.csv b.csv")]
    Transport(TransportCommand),
}

const SHOW_HELP: &str = "\
Example:
  fokker show e.safetensors

The same options and data give the same file again, to the bit
JSON: kind, layout, receipt: null, or command, version, options, chosen, data [rows, columns, crc32]";

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// A result that was saved by a fit (.safetensors)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The exact W2 error of samplers on Gaussian data, split into its four sources
    ///
    /// Everything is exact for data N(m, Σ): the law of what a sampler draws is computed, not
    /// sampled. initialisation: starting from N(0, I) instead of p_T. truncation: stopping
    /// before 0. discretisation: finite steps. score: a score that is not exact. w2: all
    /// together. The continuous limits are the rows `sde` and `ode`.
    #[command(after_help = errors_help())]
    Errors(Box<ErrorsArguments>),
    /// The best sampler for a budget: the time grid that minimises the exact W2
    ///
    /// For each budget of score evaluations and each scheme the grid, stopping time included, is
    /// optimised on the data law, compared with the best standard grid, and audited on spectra
    /// it was not tuned on.
    #[command(after_help = TUNE_HELP)]
    Tune(Box<TuneArguments>),
    /// What is wrong with a scheduler configuration or a list of σ, and what it costs
    ///
    /// Each finding has a stable code, a remedy, and the W2 it costs on the data law: the exact
    /// error as it is minus the exact error repaired, from N(0, I), with as many steps.
    #[command(after_help = LINT_HELP)]
    Lint(Box<LintArguments>),
    /// The Gaussian texture (ADSN) of an image: its spectrum, and samples as PNG
    ///
    /// X_c = mean_c + h_c * W with one white noise W for all channels, h_c the centred image over
    /// the root of its number of pixels, convolution periodic.
    #[command(after_help = "Example:\n  fokker audit texture --pattern 64x64")]
    Texture(TextureArguments),
}

const LINT_HELP: &str = "\
Example:
  fokker audit lint preset:stable-diffusion-xl --steps 30

FILE is the scheduler_config.json of a diffusers model, or a list of σ as k-diffusion and ComfyUI
use it: JSON, a Python list, tensor(...), or plain numbers.
Presets: stable-diffusion (1.5), stable-diffusion-xl, ddpm-cifar10

Exit code: 0 without a finding of severity error, 1 with one, 2 for wrong usage or input.";

#[derive(Debug, Args)]
pub struct LintArguments {
    /// Scheduler configuration or list of σ, or preset:NAME
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub options: Given<LintOptions>,
    #[command(flatten)]
    pub law: LintLaw,
}

/// The law that costs are computed on.
#[derive(Debug, Args)]
pub struct LintLaw {
    /// Eigenvalues of the data covariance (.npy, .npz, text, JSON)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "spectrum", "texture"])]
    pub eigenvalues: Option<PathBuf>,
    /// Data rows (.npy, .npz, .csv, IDX; also .gz), or a folder of PNG and JPEG images
    #[arg(long, value_name = "FILE", conflicts_with_all = ["spectrum", "texture"])]
    pub data: Option<PathBuf>,
    /// An embedded spectrum [default: natural:32x32x3]
    #[arg(long, value_name = "NAME", conflicts_with = "texture")]
    pub spectrum: Option<String>,
    /// An image whose Gaussian texture (ADSN) is the data
    #[arg(long, value_name = "IMG")]
    pub texture: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct TextureArguments {
    /// The image (PNG, JPEG)
    #[arg(value_name = "IMG", required_unless_present = "pattern", conflicts_with = "pattern")]
    pub image: Option<PathBuf>,
    /// Use a built-in woven pattern of HEIGHTxWIDTH pixels instead
    #[arg(long, value_name = "HxW")]
    pub pattern: Option<String>,
    /// Write samples side by side here (.png), values clipped to [0, 255]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub options: Given<TextureOptions>,
}

/// The names are those of the library's tables.
fn errors_help() -> String {
    format!(
        "\
Examples:
  fokker audit errors --spectrum natural:16x16x3 --nfe 20,50 --grid log-snr
  fokker audit errors --spectrum natural:8x8x1 --scheme all --format markdown

Schemes, or all (names of k-diffusion and diffusers too: dpmpp_2m, EulerDiscreteScheduler):
{}
Schedules:
{}  betas:FILE  discrete betas of a DDPM
  config:FILE, config:preset:NAME  a diffusers scheduler_config.json

Grids:
{}  sigmas:FILE, t:FILE  as given; a bare FILE starts at the horizon (times) or above it (σ/α)",
        SCHEME_NAMES.help(),
        SCHEDULE_NAMES.help(),
        SPACING_NAMES.help()
    )
}

#[derive(Debug, Args)]
pub struct ErrorsArguments {
    #[command(flatten)]
    pub law: LawArguments,
    #[command(flatten)]
    pub options: Given<ErrorTableOptions>,
    /// Form of the table
    #[arg(long, default_value = "table", conflicts_with = "json")]
    pub format: Format,
}

const TUNE_HELP: &str = "\
Examples:
  fokker audit tune --spectrum natural:16x16x3 --nfe 10
  fokker audit tune --spectrum natural:8x8x1 --nfe 10 --export k-diffusion

Standard grids: uniform, quadratic, karras, log-snr; each with stop 0, 1e-5, 1e-4, 1e-3, 0.01 and
  0.03 of the horizon, or with the stop that is given
W2: on the law tuned on; perturbed: average over 16 laws whose eigenvalues are multiplied by
  factors in [0.9, 1.1]; half: tuned on every other row, audited on the rest (with --data);
  standard: W2 of the best standard grid";

#[derive(Debug, Args)]
pub struct TuneArguments {
    #[command(flatten)]
    pub law: LawArguments,
    #[command(flatten)]
    pub options: Given<TuneTableOptions>,
    /// Print only the best grid of each budget, ready to paste, for: k-diffusion (also comfyui),
    /// diffusers, t
    #[arg(long, conflicts_with = "json", value_name = "NAME")]
    pub export: Option<Export>,
    /// Form of the table
    #[arg(long, default_value = "table", conflicts_with_all = ["json", "export"])]
    pub format: Format,
}

/// The data law and the law whose score is used.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("data-law").required(true))]
pub struct LawArguments {
    /// Eigenvalues of the data covariance (.npy, .npz, text, JSON)
    #[arg(long, value_name = "FILE", group = "data-law")]
    pub eigenvalues: Option<PathBuf>,
    /// Data rows, whose mean and covariance are taken (.npy, .npz, .csv, IDX; also .gz), or a
    /// folder of PNG and JPEG images of one size
    #[arg(long, value_name = "FILE", group = "data-law")]
    pub data: Option<PathBuf>,
    /// An embedded spectrum: natural:HEIGHTxWIDTHxCHANNELS
    #[arg(long, value_name = "NAME", group = "data-law")]
    pub spectrum: Option<String>,
    /// An image whose Gaussian texture (ADSN), centred, is the data
    #[arg(long, value_name = "IMG", group = "data-law")]
    pub texture: Option<PathBuf>,
    /// Use the score of these eigenvalues, in the same axes and order, instead of the exact one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "score_data"])]
    pub score_eigenvalues: Option<PathBuf>,
    /// Use the score estimated from these rows instead of the exact one
    #[arg(long, value_name = "FILE", requires = "data", conflicts_with_all = ["eigenvalues", "spectrum"])]
    pub score_data: Option<PathBuf>,
    /// Use a fitted score (`fokker spectral fit`, hermite) instead of the exact one; errors are in its
    /// coordinates, standard deviations of the columns
    #[arg(long, value_name = "FILE", requires = "data", conflicts_with_all = ["score_eigenvalues", "score_data", "eigenvalues", "spectrum"])]
    pub score: Option<PathBuf>,
}

/// Forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Markdown,
    Csv,
    Latex,
}
