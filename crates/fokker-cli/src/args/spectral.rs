//! What can be typed after `fokker spectral`.

use super::Given;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use fokker::spectral::{DensityOptions, FitOptions, ProblemOptions, SampleOptions, ScoreOptions};
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
Pairs: a name may be that of a file with two column numbers per row, counted from 0
Choice: by the objective on the rows held out, with --hold-out 0 by Takeuchi's criterion; between
  references by log-density held out
JSON: reference, degree, pairs, functions, ridge, candidates (each with its criterion, smaller is
  better), report (see docs/conventions.md), receipt (what makes the same fit again), data, seconds,
  output";

/// The options of a fit, and the words of `--pairs`, one of which may be a file.
#[derive(Debug, Clone)]
pub struct FitWords {
    /// All options but `pairs`.
    pub options: FitOptions,
    /// The words of `--pairs`; none when it was not given.
    pub pairs: Vec<String>,
}

impl Args for FitWords {
    fn augment_args(command: Command) -> Command {
        Given::<FitOptions>::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FitWords {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = FitWords { options: FitOptions::default(), pairs: Vec::new() };
        words.update_from_arg_matches(matches)?;
        Ok(words)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let mut given = Given(self.options.clone());
        given.update_but(matches, Some("pairs"))?;
        self.options = given.0;
        if matches.value_source("pairs") == Some(ValueSource::CommandLine) {
            let typed = matches.get_many::<String>("pairs").into_iter().flatten();
            self.pairs = typed.flat_map(|words| words.split(',')).map(str::to_owned).collect();
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub struct FitArguments {
    /// Data rows (.npy, .npz, .csv, IDX; also .gz)
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    #[command(flatten)]
    pub options: FitWords,
    /// Save the fit here (.safetensors), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DrawArguments {
    /// A fit
    #[arg(value_name = "SCORE")]
    pub score: PathBuf,
    #[command(flatten)]
    pub options: Given<SampleOptions>,
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
    #[command(flatten)]
    pub options: Given<DensityOptions>,
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
    #[command(flatten)]
    pub options: Given<ScoreOptions>,
    /// Save the scores here (.npy, .npz, .csv), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ProblemArguments {
    /// gl:SITES, lattice:ROWSxCOLUMNS, double-well or mixture-1d
    #[arg(value_name = "PROBLEM")]
    pub problem: String,
    #[command(flatten)]
    pub options: Given<ProblemOptions>,
    /// Save the samples here (.npy, .npz, .csv), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}
