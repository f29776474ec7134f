//! What can be typed after `fokker transport`.

use super::Given;
use clap::{Args, Subcommand};
use fokker::transport::{CoupleOptions, DistanceOptions};
use std::path::{Path, PathBuf};

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
Floor: the distance between two random halves of A; distances about as large say nothing;
  with it the p-value of A and B being samples of one law, by permutations (as many distances)
JSON: metric, value, gap (null but for w1 and w2), certificate, n, m, floor: null, or mean, sd (of
  one split), repeats; p_value: null, or its number; permutations, seconds";

const COUPLE_HELP: &str = "\
Examples:
  fokker transport couple a.csv b.csv -o plan.npz
  fokker transport couple a.csv b.csv --cost euclidean

plan.npz: source, target (rows of A and B, from 0), mass (sum 1) of every entry of the plan;
  dual_source, dual_target: one potential per point, dual_source[i] + dual_target[j] <= cost[i, j]
JSON: cost, gap, smallest_reduced_cost, marginal_error, n, m, entries, seconds, output";

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

impl CloudArguments {
    /// All files that are read.
    pub fn files(&self) -> Vec<&Path> {
        let named = [Some(&self.a), Some(&self.b), self.weights_a.as_ref(), self.weights_b.as_ref()];
        named.into_iter().flatten().chain(&self.weights).map(PathBuf::as_path).collect()
    }
}

#[derive(Debug, Args)]
pub struct DistanceArguments {
    #[command(flatten)]
    pub clouds: CloudArguments,
    #[command(flatten)]
    pub options: Given<DistanceOptions>,
}

#[derive(Debug, Args)]
pub struct CoupleArguments {
    #[command(flatten)]
    pub clouds: CloudArguments,
    #[command(flatten)]
    pub options: Given<CoupleOptions>,
    /// Save the plan here (.npz), in place of what is there
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
