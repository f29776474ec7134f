//! `fokker transport distance`: how far apart two clouds are, and how to read the number.

use super::clouds::{self, Cloud, Pair, announce, bound, digits, lines};
use crate::args::{DistanceArguments, Global, MetricName};
use crate::progress::Progress;
use crate::report::{number, wrapped};
use anyhow::{Result, bail};
use clap::ValueEnum;
use fokker::transport::{
    Cost, ExactDistance, ExactOptions, Floor, PermutationOptions, SinkhornOptions, SinkhornStatus,
    SlicedOptions, Strength, energy_distance, exact_distance, kernel_discrepancy, median_distance,
    permutation_test, sinkhorn_divergence, sliced_wasserstein2, weighted_floor,
};
use fokker::{Error, Task};
use serde::Serialize;
use std::time::Instant;

/// What is computed, with everything it needs beside the clouds.
#[derive(Clone, Copy)]
enum Metric {
    /// W₁ or W₂, by the cost.
    Exact(Cost),
    Sliced {
        directions: usize,
        seed: u64,
    },
    Energy,
    Mmd {
        bandwidth: f64,
    },
    Sinkhorn {
        epsilon: Strength,
    },
}

/// A distance with what is known of its error.
struct Measured {
    value: f64,
    /// The true value is in [value − gap, value].
    gap: Option<f64>,
    /// How far the value can be trusted, in words.
    certificate: String,
    /// The metric with scales that were chosen by the clouds, for the floor.
    metric: Metric,
}

/// The result as programs read it.
#[derive(Serialize)]
struct Output {
    metric: String,
    value: f64,
    gap: Option<f64>,
    n: usize,
    m: usize,
    seconds: f64,
    floor: Option<FloorOutput>,
    /// Of the test that both are samples of one law.
    p_value: Option<f64>,
    permutations: usize,
}

#[derive(Serialize)]
struct FloorOutput {
    mean: f64,
    sd: Option<f64>,
    repeats: usize,
}

/// Runs the command.
pub fn run(arguments: &DistanceArguments, global: &Global) -> Result<String> {
    check(arguments)?;
    let both = clouds::read(&arguments.clouds, Progress::new(global.quiet).task())?;
    let pair = Pair::new(&both);
    let (n, m) = (pair.x.nrows(), pair.y.nrows());
    let (repeats, permutations) =
        if arguments.floor { (arguments.repeats, arguments.permutations) } else { (0, 0) };
    if repeats > 0 && n < 2 {
        bail!("{}: has one row, the floor needs two or more", both[0].name);
    }
    let name = name(arguments.metric);
    let metric = Metric::new(arguments, global.seed, &pair)?;
    if global.dry_run {
        let plan = serde_json::json!({ "metric": name, "n": n, "m": m });
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&plan)? + "\n",
            false => {
                format!("would measure {name} between {} and {}\n", both[0].heading(), both[1].heading())
            }
        });
    }
    if !global.quiet && !matches!(metric, Metric::Sliced { .. }) {
        announce(
            pair.estimate(repeats, permutations, |pair| metric.measure(pair, Task::silent()).map(|_| ())),
        );
    }
    let progress = Progress::new(global.quiet);
    let start = Instant::now();
    let measured = metric.measure(&pair, progress.task())?;
    let seconds = start.elapsed().as_secs_f64();
    let floor = match repeats {
        0 => None,
        _ => Some(halves(&both[0], measured.metric, repeats, global.seed, progress.task())?),
    };
    let p_value = match permutations {
        0 => None,
        _ => Some(permuted(&pair, measured.metric, permutations, global.seed, progress.task())?),
    };
    drop(progress);
    if global.json {
        let Measured { value, gap, .. } = measured;
        let floor = floor.map(|Floor { mean, sd, repeats }| FloorOutput { mean, sd, repeats });
        let output = Output { metric: name, value, gap, n, m, seconds, floor, p_value, permutations };
        return Ok(serde_json::to_string_pretty(&output)? + "\n");
    }
    let mut report = vec![
        ("clouds", format!("{} and {}", both[0].heading(), both[1].heading())),
        (name.as_str(), digits(measured.value)),
        ("certificate", measured.certificate),
        ("seconds", format!("{seconds:.3}")),
    ];
    let mut reading = String::new();
    if let Some(floor) = floor {
        let sd = floor.sd.map_or_else(String::new, |sd| format!(" ± {}", digits(sd)));
        report.push(("floor", format!("{}{sd} ({repeats} splits)", digits(floor.mean))));
        let sentence = read_against(&floor, p_value, measured.value, &both[0].name);
        reading = format!("\n{}\n", wrapped(&sentence));
    }
    if let Some(p) = p_value {
        report.push(("p-value", format!("{} ({permutations} permutations)", digits(p))));
    }
    Ok(lines(&report) + &reading)
}

fn name(metric: MetricName) -> String {
    metric.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Options that the metric does not have, and numbers that make no sense whatever the clouds.
fn check(arguments: &DistanceArguments) -> Result<()> {
    let options = [
        ("--epsilon", MetricName::Sinkhorn, arguments.epsilon),
        ("--relative-epsilon", MetricName::Sinkhorn, arguments.relative_epsilon),
        ("--directions", MetricName::SlicedW2, arguments.directions.map(|n| n as f64)),
        ("--bandwidth", MetricName::Mmd, arguments.bandwidth),
    ];
    for (option, metric, value) in options {
        let Some(value) = value else { continue };
        if metric != arguments.metric {
            let (owner, given) = (name(metric), name(arguments.metric));
            bail!("{option} is an option of --metric {owner}, not of {given}");
        }
        if !(value > 0.0 && value.is_finite()) {
            bail!("{option} must be positive and finite, found {value}");
        }
    }
    if !(1..=100_000).contains(&arguments.repeats) {
        bail!("--repeats must be from 1 to 100000, found {}", arguments.repeats);
    }
    if arguments.permutations > 100_000 {
        bail!("--permutations must be at most 100000, found {}", arguments.permutations);
    }
    Ok(())
}

impl Metric {
    fn new(arguments: &DistanceArguments, seed: u64, pair: &Pair) -> Result<Self> {
        Ok(match arguments.metric {
            MetricName::W1 => Metric::Exact(Cost::Euclidean),
            MetricName::W2 => Metric::Exact(Cost::SquaredEuclidean),
            MetricName::SlicedW2 => Metric::Sliced { directions: arguments.directions.unwrap_or(256), seed },
            MetricName::Energy => Metric::Energy,
            MetricName::Mmd => {
                let bandwidth = match arguments.bandwidth {
                    Some(bandwidth) => bandwidth,
                    None => {
                        let (source_weights, target_weights) = (pair.a, pair.b);
                        let weighted = ExactOptions { source_weights, target_weights, task: Task::silent() };
                        median_distance(pair.x, pair.y, &weighted)?
                    }
                };
                if !(bandwidth > 0.0 && bandwidth.is_finite()) {
                    bail!("the median distance is {bandwidth}, which is no bandwidth: give --bandwidth");
                }
                Metric::Mmd { bandwidth }
            }
            MetricName::Sinkhorn => {
                let relative = Strength::Relative(arguments.relative_epsilon.unwrap_or(0.05));
                Metric::Sinkhorn { epsilon: arguments.epsilon.map_or(relative, Strength::Absolute) }
            }
        })
    }

    fn measure(self, pair: &Pair, task: Task) -> fokker::Result<Measured> {
        let &Pair { x, y, a, b } = pair;
        let options = ExactOptions { source_weights: a, target_weights: b, task };
        let plain = |value, certificate| Measured { value, gap: None, certificate, metric: self };
        Ok(match self {
            Metric::Exact(cost) => {
                let ExactDistance { value, gap } = exact_distance(pair.x, pair.y, cost, &options)?;
                let certificate = format!("exact: by duality at most {} above the true value", bound(gap));
                Measured { value, gap: Some(gap), certificate, metric: self }
            }
            Metric::Sliced { directions, seed } => {
                let (source_weights, target_weights) = (a, b);
                let options = SlicedOptions { directions, seed, source_weights, target_weights, task };
                let certificate = format!("none: a mean over {directions} random directions (seed {seed})");
                plain(sliced_wasserstein2(x, y, &options)?, certificate)
            }
            Metric::Energy => {
                plain(energy_distance(x, y, &options)?, "none needed: a sum over all pairs".into())
            }
            Metric::Mmd { bandwidth } => {
                let certificate =
                    format!("none needed: a sum over all pairs (bandwidth {})", digits(bandwidth));
                plain(kernel_discrepancy(x, y, bandwidth, &options)?, certificate)
            }
            Metric::Sinkhorn { epsilon } => {
                let (source_weights, target_weights) = (a, b);
                let options =
                    SinkhornOptions { epsilon, source_weights, target_weights, task, ..Default::default() };
                let found = sinkhorn_divergence(x, y, Cost::SquaredEuclidean, &options)?;
                let error = found.marginal_error;
                if found.status != SinkhornStatus::Converged {
                    let reason = format!(
                        "no convergence, by rounding or after {} iterations: the marginal error is {error:.1e} of {:.0e}, use a larger epsilon than {}",
                        options.max_iterations,
                        options.tolerance,
                        digits(found.epsilon)
                    );
                    return Err(Error::Numerical { what: "sinkhorn", reason });
                }
                let certificate =
                    format!("converged: marginal error {error:.1e} (epsilon {})", digits(found.epsilon));
                // The floor is of the same divergence, not of one for its own median cost.
                let metric = Metric::Sinkhorn { epsilon: Strength::Absolute(found.epsilon) };
                Measured { metric, ..plain(found.value, certificate) }
            }
        })
    }
}

/// The same distance between random halves of a cloud, weights included.
fn halves(cloud: &Cloud, metric: Metric, repeats: usize, seed: u64, task: Task) -> Result<Floor> {
    let sample = (cloud.x.view(), cloud.weights.as_ref().map(|weights| weights.view()));
    Ok(weighted_floor(sample, repeats, seed, |(x, a), (y, b)| {
        Ok(metric.measure(&Pair { x, y, a, b }, task)?.value)
    })?)
}

/// The p-value of the same distance, weights included.
fn permuted(pair: &Pair, metric: Metric, permutations: usize, seed: u64, task: Task) -> Result<f64> {
    let &Pair { x, y, a, b } = pair;
    let options = PermutationOptions { permutations, seed, source_weights: a, target_weights: b, task };
    Ok(permutation_test(x, y, &options, |(x, a), (y, b)| {
        Ok(metric.measure(&Pair { x, y, a, b }, task)?.value)
    })?)
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
