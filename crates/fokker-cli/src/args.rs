//! What can be typed.

mod population;

pub use population::{
    EnergyArguments, PopulationCommand, PopulationFitArguments, PredictArguments, SimulateArguments,
    SnapshotArguments, ValidateArguments, ValidationMetric,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
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

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Threads to use [default: all cores]; results do not depend on it
    #[arg(long, global = true, value_name = "N", help_heading = "Options of every command")]
    pub threads: Option<NonZeroUsize>,
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
    /// Optimal transport between two clouds of points: distances and couplings
    #[command(subcommand, after_help = "Example:\n  fokker transport distance a.csv b.csv")]
    Transport(TransportCommand),
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The exact W2 error of samplers on Gaussian data, split into its four sources
    ///
    /// Everything is exact for data N(m, Σ): the law of what a sampler draws is computed, not
    /// sampled. initialisation: starting from N(0, I) instead of p_T. truncation: stopping
    /// before 0. discretisation: finite steps. score: a score that is not exact. w2: all
    /// together. The continuous limits are the rows `sde` and `ode`.
    #[command(after_help = ERRORS_HELP)]
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
Presets: stable-diffusion (1.5), stable-diffusion-xl, ddpm-cifar10";

#[derive(Debug, Args)]
pub struct LintArguments {
    /// Scheduler configuration or list of σ, or preset:NAME
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Inference steps of a configuration [default: 30]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Scheme [default: that of the scheduler's class; dpmpp-2m for a list]
    #[arg(long)]
    pub scheme: Option<String>,
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
    /// Write samples side by side as a PNG, values clipped to [0, 255]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Number of samples to write
    #[arg(long, default_value_t = 1, value_name = "N", requires = "output")]
    pub samples: usize,
}

const ERRORS_HELP: &str = "\
Examples:
  fokker audit errors --spectrum natural:16x16x3 --nfe 20,50 --grid log-snr
  fokker audit errors --spectrum natural:8x8x1 --scheme all --format markdown

Schemes: em, ei, relative-ei, heun-sde, ddpm, ddpm-exact (reverse SDE); euler, heun, rk4
  (flow ODE in t); ddim, edm-heun (in σ/α); dpmpp-2m (multi-step); edm-churn[:S] (stochastic,
  total churn S = 30)
Schedules: linear:β0:β1[:T], song:βmin:βmax[:T] (Song's β is twice ours), scaled-linear:β0:β1[:T],
  constant:β[:T], cosine[:T], edm[:σmax], betas:FILE (discrete betas of a DDPM),
  config:FILE (a diffusers scheduler_config.json), config:preset:stable-diffusion
Grids: uniform, quadratic (in t); log-snr, karras[:ρ[:σmin:σmax]] (in σ/α); sigmas:FILE, t:FILE;
  a bare FILE starts at the horizon (times) or above it (σ/α)";

#[derive(Debug, Args)]
pub struct ErrorsArguments {
    #[command(flatten)]
    pub law: LawArguments,
    /// Schemes, or `all`
    #[arg(long, value_delimiter = ',', default_value = "em,ei,euler,heun,dpmpp-2m", value_name = "LIST")]
    pub scheme: Vec<String>,
    /// Numbers of steps [default: 50]
    #[arg(long, value_delimiter = ',', value_name = "LIST", conflicts_with = "nfe")]
    pub steps: Vec<usize>,
    /// Budgets of score evaluations: the most steps that fit
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub nfe: Vec<usize>,
    /// Stopping times [default: 0]
    #[arg(long, value_delimiter = ',', value_name = "LIST", allow_negative_numbers = true)]
    pub stop: Vec<f64>,
    /// Laws to start from: normal is N(0, I), exact is p_T
    #[arg(long, value_delimiter = ',', default_value = "normal", value_name = "LIST")]
    pub start: Vec<StartName>,
    /// Time grids
    #[arg(long, value_delimiter = ',', default_value = "uniform", value_name = "LIST")]
    pub grid: Vec<String>,
    /// Noise schedule
    #[arg(long, default_value = "linear:0.05:10")]
    pub schedule: String,
    /// Form of the table
    #[arg(long, default_value = "table", conflicts_with = "json")]
    pub format: Format,
    /// Add W2 to the marginal p_t at every time of the grid (with --json)
    #[arg(long, requires = "json")]
    pub along_time: bool,
    /// Add the errors of every eigenvalue (with --json)
    #[arg(long, requires = "json")]
    pub per_eigenvalue: bool,
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
    /// Budgets of score evaluations
    #[arg(long, value_delimiter = ',', default_value = "10,20,50", value_name = "LIST")]
    pub nfe: Vec<usize>,
    /// Schemes, or `all`
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "em,heun,ddim,dpmpp-2m,edm-heun",
        value_name = "LIST"
    )]
    pub scheme: Vec<String>,
    /// Laws to start from: normal is N(0, I), exact is p_T
    #[arg(long, value_delimiter = ',', default_value = "normal", value_name = "LIST")]
    pub start: Vec<StartName>,
    /// Fix the stopping time [default: chosen with the grid]
    #[arg(long, allow_negative_numbers = true)]
    pub stop: Option<f64>,
    /// Tune on 8 perturbed laws too, for the average or the worst W2
    #[arg(long)]
    pub robust: Option<RobustName>,
    /// Noise schedule, as for `audit errors`
    #[arg(long, default_value = "linear:0.05:10")]
    pub schedule: String,
    /// Print only the best grid of each budget, ready to paste
    #[arg(long, conflicts_with = "json")]
    pub export: Option<ExportName>,
    /// Form of the table
    #[arg(long, default_value = "table", conflicts_with_all = ["json", "export"])]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
pub enum TransportCommand {
    /// How far apart two clouds are, with proof, and what chance alone would give
    ///
    /// w1 and w2 are exact, whatever the weights and the numbers of points: `gap` bounds how far
    /// the number can be above the true one, in its own units. sliced-w2 is a mean over random
    /// directions, energy and mmd are sums over all pairs; sinkhorn is the debiased divergence
    /// for the squared cost, in squared units: compare its root with w2.
    #[command(after_help = DISTANCE_HELP)]
    Distance(Box<DistanceArguments>),
    /// The optimal coupling of two clouds: who goes where, with dual potentials and proof
    #[command(after_help = COUPLE_HELP)]
    Couple(Box<CoupleArguments>),
}

const DISTANCE_HELP: &str = "\
Examples:
  fokker transport distance a.csv b.csv
  fokker transport distance a.csv b.csv --metric energy --floor --json

Clouds: one point per row, as 0.5,1.2 (see A and B for the formats)
Floor: the distance between two random halves of A; distances about as large say nothing
JSON: metric, value, gap (null but for w1 and w2), n, m, seconds (of the value alone),
  floor: null, or mean, sd (of one split), repeats";

const COUPLE_HELP: &str = "\
Examples:
  fokker transport couple a.csv b.csv -o plan.npz
  fokker transport couple a.csv b.csv --cost euclidean

plan.npz: source, target (rows of A and B, from 0), mass (sum 1) of every entry of the plan;
  dual_source, dual_target: one potential per point, dual_source[i] + dual_target[j] <= cost[i, j]
JSON: cost, gap, marginal_error, n, m, entries, seconds, output";

/// Two clouds and their weights.
#[derive(Debug, Args)]
pub struct CloudArguments {
    /// Points, one per row (.npy, .npz, .csv, IDX; also .gz)
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// Points to compare them with, of the same dimension
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Weights of the points of A, divided by their sum [default: all equal]
    #[arg(long, value_name = "FILE")]
    pub weights_a: Option<PathBuf>,
    /// Weights of the points of B, divided by their sum [default: all equal]
    #[arg(long, value_name = "FILE")]
    pub weights_b: Option<PathBuf>,
    /// Both: --weights FA,FB is --weights-a FA --weights-b FB
    #[arg(long, value_name = "FA,FB", value_delimiter = ',', conflicts_with_all = ["weights_a", "weights_b"])]
    pub weights: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DistanceArguments {
    #[command(flatten)]
    pub clouds: CloudArguments,
    /// Distance
    #[arg(long, default_value = "w2", value_name = "NAME")]
    pub metric: MetricName,
    /// Entropic strength of sinkhorn, in units of the squared distance
    #[arg(long, value_name = "X", allow_negative_numbers = true, conflicts_with = "relative_epsilon")]
    pub epsilon: Option<f64>,
    /// Entropic strength of sinkhorn, in multiples of the median squared distance [default: 0.05]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub relative_epsilon: Option<f64>,
    /// Random directions of sliced-w2 [default: 256]
    #[arg(long, value_name = "N")]
    pub directions: Option<usize>,
    /// Width of the Gaussian kernel of mmd [default: the median distance between A and B]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub bandwidth: Option<f64>,
    /// Also the distance between two random halves of A, to read the number against
    #[arg(long)]
    pub floor: bool,
    /// Random splits for the floor
    #[arg(long, default_value_t = 10, value_name = "N", requires = "floor")]
    pub repeats: usize,
}

#[derive(Debug, Args)]
pub struct CoupleArguments {
    #[command(flatten)]
    pub clouds: CloudArguments,
    /// Cost of moving a unit of mass from x to y: |x − y|² or |x − y|
    #[arg(long, default_value = "squared-euclidean", value_name = "NAME")]
    pub cost: CostName,
    /// Save the plan here (.npz), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum SpectralCommand {
    /// Fit the score of noised data at every time
    ///
    /// The logarithm of the noised density over that of the reference is a sum of eigenfunctions of
    /// few columns each; its coefficients solve one linear system per time. Two passes over the data.
    #[command(after_help = FIT_HELP)]
    Fit(FitArguments),
    /// Draw samples from a fit: the reverse SDE, then Langevin steps
    #[command(after_help = "Example:\n  fokker spectral sample score.safetensors -n 100 -o samples.npy")]
    Sample(DrawArguments),
    /// The log-density of rows under a fit
    #[command(after_help = "Example:\n  fokker spectral density score.safetensors x.csv -o logp.npy")]
    Density(DensityArguments),
    /// The score of the noised data at rows, in their units
    #[command(after_help = "Example:\n  fokker spectral score score.safetensors x.csv --at 0.1 -o s.npy")]
    Score(ScoreArguments),
    /// Samples of a problem whose law is known
    #[command(after_help = "Example:\n  fokker spectral problem gl:16 -n 200 --seed 1 -o gl.npy")]
    Problem(ProblemArguments),
}

const FIT_HELP: &str = "\
Examples:
  fokker spectral fit x.csv --pairs all -o score.safetensors
  fokker spectral fit x.csv --reference cosine --degree 6

References: hermite: columns standardised, Hermite polynomials (chains, lattices, energies); cosine:
  every column through its distribution function, cosines (few columns, any marginals, heavy
  tails); cosine-box: columns scaled to their range (bounded data); auto: the better of hermite and
  cosine on the rows held out
Pairs: columns with products of their own; a FILE has two column numbers per row, counted from 0
JSON: reference, functions, ridge, seconds, report (see docs/conventions.md), output";

/// References.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReferenceName {
    Hermite,
    Cosine,
    CosineBox,
    Auto,
}

#[derive(Debug, Args)]
pub struct FitArguments {
    /// Data rows (.npy, .npz, .csv, IDX; also .gz)
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// Reference process and its eigenfunctions
    #[arg(long, default_value = "auto", value_name = "NAME")]
    pub reference: ReferenceName,
    /// Largest total degree of a function
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub degree: usize,
    /// Pairs of columns: none, chain, lattice:ROWSxCOLUMNS, all or a file [default: all up to 20
    /// columns, none beyond]
    #[arg(long, value_name = "NAME")]
    pub pairs: Option<String>,
    /// Add the product of first degrees of every pair of columns
    #[arg(long)]
    pub gaussian_pairs: bool,
    /// Relative ridge, or auto: chosen on the rows held out
    #[arg(long, default_value = "auto", value_name = "X", allow_negative_numbers = true)]
    pub ridge: String,
    /// Share of the rows held out to choose and to judge
    #[arg(long, default_value_t = 0.1, value_name = "X", allow_negative_numbers = true)]
    pub hold_out: f64,
    /// Save the fit here (.safetensors), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DrawArguments {
    /// A fit
    #[arg(value_name = "SCORE")]
    pub score: PathBuf,
    /// Number of samples
    #[arg(short, default_value_t = 10_000, value_name = "N")]
    pub n: usize,
    /// Log-spaced steps of the reverse SDE
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub steps: usize,
    /// Time at which it stops, on the unit-rate clock
    #[arg(long, default_value_t = 1e-3, value_name = "T", allow_negative_numbers = true)]
    pub stop: f64,
    /// Langevin steps at the stop
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub corrector: usize,
    /// Length of a Langevin step
    #[arg(long, default_value_t = 5e-3, value_name = "H", allow_negative_numbers = true)]
    pub corrector_step: f64,
    /// Accept or reject Langevin steps by Metropolis and Hastings' rule (always with cosines)
    #[arg(long)]
    pub metropolis: bool,
    /// Save the samples here (.npy), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct DensityArguments {
    /// A fit
    #[arg(value_name = "SCORE")]
    pub score: PathBuf,
    /// Rows (.npy, .npz, .csv, IDX; also .gz)
    #[arg(value_name = "X")]
    pub x: PathBuf,
    /// Save the log-densities here (.npy), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ScoreArguments {
    /// A fit
    #[arg(value_name = "SCORE")]
    pub score: PathBuf,
    /// Rows (.npy, .npz, .csv, IDX; also .gz)
    #[arg(value_name = "X")]
    pub x: PathBuf,
    /// Time of the noised data, on the unit-rate clock
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub at: f64,
    /// Save the scores here (.npy), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ProblemArguments {
    /// gl:SITES, lattice:ROWSxCOLUMNS, double-well or mixture-1d
    #[arg(value_name = "PROBLEM")]
    pub problem: String,
    /// Number of samples
    #[arg(short, default_value_t = 20_000, value_name = "N")]
    pub n: usize,
    /// Save the samples here (.npy), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// Distances between clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MetricName {
    W1,
    W2,
    SlicedW2,
    Energy,
    Mmd,
    Sinkhorn,
}

/// Ground costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CostName {
    SquaredEuclidean,
    Euclidean,
}

/// What is minimised over several laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RobustName {
    Average,
    Worst,
}

/// Forms of an exported grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportName {
    /// σ/α, decreasing (also ComfyUI)
    KDiffusion,
    /// timesteps and sigmas for `set_timesteps`
    Diffusers,
    /// times of the schedule
    T,
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

/// The law a sampler starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StartName {
    Normal,
    Exact,
}

/// Forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Markdown,
    Csv,
    Latex,
}
