//! What can be typed after `fokker spectral`.

use clap::{Args, Subcommand};
use fokker::spectral::Reference;
use std::path::PathBuf;

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
  fokker spectral fit x.csv --reference cosine --degree 4,6 --pairs none,all

References: hermite: columns standardised, Hermite polynomials (chains, lattices, energies);
  hermite-whitened: the same along the principal axes (correlated columns); cosine: every column
  through its distribution function, cosines (few columns, any marginals, heavy tails); cosine-box:
  columns scaled to their range (bounded data); auto: the best of hermite, cosine and
  hermite-whitened on the rows held out
Pairs: columns with products of their own; a FILE has two column numbers per row, counted from 0
Choice: by the objective on the rows held out, with --hold-out 0 by Takeuchi's criterion; between
  references by log-density held out
JSON: reference, degree, pairs, functions, ridge, candidates (each with its criterion, smaller is
  better), seconds, report (see docs/conventions.md), output";

#[derive(Debug, Args)]
pub struct FitArguments {
    /// Data rows (.npy, .npz, .csv, IDX; also .gz)
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// Reference process and its eigenfunctions
    #[arg(long, default_value = "auto", value_name = "NAME", value_parser = Reference::NAMES)]
    pub reference: String,
    /// Largest total degree of a function; of several, such as 2,4, the best is chosen
    #[arg(value_parser = super::count, long, default_value = "4", value_name = "N", value_delimiter = ',')]
    pub degree: Vec<usize>,
    /// Pairs of columns: none, chain, lattice:ROWSxCOLUMNS, all or a file; of several the best is
    /// chosen [default: all up to 20 columns, none beyond]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub pairs: Vec<String>,
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
    #[arg(value_parser = super::count, short, default_value_t = 10_000, value_name = "N")]
    pub n: usize,
    /// Log-spaced steps of the reverse SDE
    #[arg(value_parser = super::count, long, default_value_t = 25, value_name = "N")]
    pub steps: usize,
    /// Time at which it stops, on the unit-rate clock
    #[arg(long, default_value_t = 1e-3, value_name = "T", allow_negative_numbers = true)]
    pub stop: f64,
    /// Langevin steps at the stop [default: 100, none where a trial at the fit made samples worse]
    #[arg(value_parser = super::count, long, value_name = "N")]
    pub corrector: Option<usize>,
    /// Length of a Langevin step [default: 0.005, less where the fit bends sharply]
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub corrector_step: Option<f64>,
    /// Accept or reject Langevin steps by Metropolis and Hastings' rule [default: on cosines, and
    /// where the fit bends sharply]
    #[arg(long)]
    pub metropolis: bool,
    /// Save the samples here (.npy, .npz, .csv), in place of what is there
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
    /// The density of the probability flow, or of the energy log π + g − log Z
    #[arg(long, default_value = "flow", value_parser = ["flow", "energy"])]
    pub density: String,
    /// Save the log-densities here (.npy, .npz, .csv), in place of what is there
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
    /// Save the scores here (.npy, .npz, .csv), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ProblemArguments {
    /// gl:SITES, lattice:ROWSxCOLUMNS, double-well or mixture-1d
    #[arg(value_name = "PROBLEM")]
    pub problem: String,
    /// Number of samples
    #[arg(value_parser = super::count, short, default_value_t = 20_000, value_name = "N")]
    pub n: usize,
    /// Save the samples here (.npy, .npz, .csv), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}
