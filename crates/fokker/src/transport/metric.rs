//! Any distance by its name, and what to read it against: what chance alone gives.

use super::{
    Cost, ExactOptions, Floor, PermutationOptions, SinkhornOptions, SinkhornStatus, SlicedOptions, Strength,
    energy_distance, exact_distance, kernel_discrepancy, median_distance, permutation_test,
    sinkhorn_divergence, sliced_wasserstein2, weighted_floor,
};
use crate::options::{Names, named, options, word};
use crate::{CloudView, Error, Limits, Result, Task, shortest};
use serde::Serialize;

/// A distance between clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// W₁, exact: [`wasserstein1`](super::wasserstein1).
    W1,
    /// W₂, exact: [`wasserstein2`](super::wasserstein2).
    W2,
    /// [`sliced_wasserstein2`].
    SlicedW2,
    /// [`energy_distance`].
    Energy,
    /// [`kernel_discrepancy`].
    Mmd,
    /// [`sinkhorn_divergence`] for the squared cost.
    Sinkhorn,
}

/// All of them.
pub const METRICS: Names<Metric> = Names {
    what: "the metric",
    rows: &[
        word!("w1", ["emd"], "exact, with the cost |x − y|", Metric::W1),
        word!("w2", [], "exact, with the cost |x − y|²", Metric::W2),
        word!("sliced-w2", ["sliced", "swd"], "a mean over random directions", Metric::SlicedW2),
        word!("energy", ["energy-distance"], "a sum over all pairs", Metric::Energy),
        word!("mmd", ["kernel"], "a sum over all pairs, with a Gaussian kernel", Metric::Mmd),
        word!(
            "sinkhorn",
            ["sinkhorn-divergence"],
            "the debiased divergence, in squared units",
            Metric::Sinkhorn
        ),
    ],
    absent: &[],
    beside: &[],
};

named!(Metric, METRICS);

options! {
    /// Options of [`distance`].
    "transport distance" => pub struct DistanceOptions {
        /// Distance: w1, w2, sliced-w2, energy, mmd or sinkhorn
        #[alias("p" => "w")]
        pub metric: Metric = Metric::W2,
        /// Entropic strength of sinkhorn, in units of the squared distance
        pub epsilon: Option<f64> = None,
        /// Entropic strength of sinkhorn, in multiples of the median squared distance; 0.05 unless given
        pub relative_epsilon: Option<f64> = None,
        /// Random directions of sliced-w2; 256 unless given
        pub directions: Option<usize> = None,
        /// Width of the Gaussian kernel of mmd; the median distance between the clouds unless given
        pub bandwidth: Option<f64> = None,
        /// Also the distance between two random halves of the first cloud, to read the number against
        pub floor: bool = false,
        /// Random splits for the floor; 10 unless given
        pub repeats: Option<usize> = None,
        /// With the floor, permutations for the p-value; each costs a distance, 0 leaves it out; 99 unless given
        pub permutations: Option<usize> = None,
        /// Seed of directions, splits and permutations
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

impl DistanceOptions {
    /// Whether the options go together.
    ///
    /// # Errors
    /// An option of another metric, a number out of its domain.
    pub fn validate(&self) -> Result<()> {
        let owned = [
            ("epsilon", Metric::Sinkhorn, self.epsilon),
            ("relative_epsilon", Metric::Sinkhorn, self.relative_epsilon),
            ("directions", Metric::SlicedW2, self.directions.map(|n| n as f64)),
            ("bandwidth", Metric::Mmd, self.bandwidth),
        ];
        for (name, owner, value) in owned {
            let Some(found) = value else { continue };
            if owner != self.metric {
                let requirement =
                    format!("left out: it is an option of the metric {owner}, not of {}", self.metric);
                return Err(Error::Argument { name, requirement, found });
            }
            if !(found > 0.0 && found.is_finite()) {
                return Err(Error::Argument { name, requirement: "positive and finite".into(), found });
            }
        }
        if self.epsilon.is_some() && self.relative_epsilon.is_some() {
            return Err(Error::Undefined {
                what: "the strength of sinkhorn",
                reason: "both epsilon and relative_epsilon are given".into(),
                remedy: "give one of them",
            });
        }
        Limits::count("directions", self.directions.unwrap_or(1), Limits::DIRECTIONS)?;
        for (name, count) in [("repeats", self.repeats), ("permutations", self.permutations)] {
            if let Some(found) = count.filter(|_| !self.floor) {
                let requirement = "left out: it is an option of the floor".into();
                return Err(Error::Argument { name, requirement, found: found as f64 });
            }
        }
        Limits::count("repeats", self.splits(), Limits::REPEATS)?;
        Limits::count("permutations", self.permuted().max(1), Limits::REPEATS)?;
        Ok(())
    }

    /// Random splits for the floor.
    fn splits(&self) -> usize {
        self.repeats.unwrap_or(10)
    }

    /// Permutations for the p-value.
    fn permuted(&self) -> usize {
        self.permutations.unwrap_or(99)
    }

    /// Distances beside the one: between halves of the first cloud, and of permutations of both.
    pub fn repetitions(&self) -> (usize, usize) {
        if self.floor { (self.splits(), self.permuted()) } else { (0, 0) }
    }
}

/// A distance, what is known of its error, and what chance gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distance {
    /// Which it is.
    pub metric: Metric,
    /// Its value.
    pub value: f64,
    /// The true value is in [value − gap, value]; of exact distances only.
    pub gap: Option<f64>,
    /// How far the value can be trusted, in words.
    pub certificate: String,
    /// Number of points of the first cloud.
    pub n: usize,
    /// Number of points of the second.
    pub m: usize,
    /// The same distance between random halves of the first cloud, when it was asked for.
    pub floor: Option<Floor>,
    /// Of the test that both are samples of one law, when it was asked for.
    pub p_value: Option<f64>,
    /// Permutations of that test.
    pub permutations: usize,
}

/// A metric with its scales settled: what measures the clouds measures their halves and permutations too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    metric: Metric,
    scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Exact(Cost),
    Sliced { directions: usize, seed: u64 },
    Energy,
    Bandwidth(f64),
    Strength(Strength),
}

/// A value with what is known of its error.
struct Measured {
    value: f64,
    gap: Option<f64>,
    certificate: String,
    /// For the same distance between other clouds.
    measure: Measure,
}

impl Measure {
    /// The metric of the options, its bandwidth settled by two clouds.
    ///
    /// # Errors
    /// Options that do not go together, a median distance that is no bandwidth, clouds that are none.
    pub fn new(options: &DistanceOptions, x: CloudView, y: CloudView) -> Result<Self> {
        options.validate()?;
        let scale = match options.metric {
            Metric::W1 => Scale::Exact(Cost::Euclidean),
            Metric::W2 => Scale::Exact(Cost::SquaredEuclidean),
            Metric::SlicedW2 => {
                Scale::Sliced { directions: options.directions.unwrap_or(256), seed: options.seed }
            }
            Metric::Energy => Scale::Energy,
            Metric::Mmd => Scale::Bandwidth(match options.bandwidth {
                Some(bandwidth) => bandwidth,
                None => bandwidth(x, y)?,
            }),
            Metric::Sinkhorn => {
                let relative = Strength::Relative(options.relative_epsilon.unwrap_or(0.05));
                Scale::Strength(options.epsilon.map_or(relative, Strength::Absolute))
            }
        };
        Ok(Measure { metric: options.metric, scale })
    }

    /// The value between two clouds.
    ///
    /// # Errors
    /// What the metric reports.
    pub fn value(&self, x: CloudView, y: CloudView, task: Task) -> Result<f64> {
        Ok(self.measured(x, y, task)?.value)
    }

    fn measured(&self, x: CloudView, y: CloudView, task: Task) -> Result<Measured> {
        let (x, y) = (x.reborrow(), y.reborrow());
        let weighted = weighted(x, y, task);
        let (source_weights, target_weights) = (x.weights, y.weights);
        let (x, y) = (x.x, y.x);
        let plain = |value, certificate| Measured { value, gap: None, certificate, measure: *self };
        Ok(match self.scale {
            Scale::Exact(cost) => {
                let found = exact_distance(x, y, cost, &weighted)?;
                let bound = if found.gap > 0.0 { format!("{:.1e}", found.gap) } else { "0".to_owned() };
                let certificate = format!("exact: by duality at most {bound} above the true value");
                Measured { gap: Some(found.gap), ..plain(found.value, certificate) }
            }
            Scale::Sliced { directions, seed } => {
                let options = SlicedOptions { directions, seed, source_weights, target_weights, task };
                let certificate = format!("none: a mean over {directions} random directions (seed {seed})");
                plain(sliced_wasserstein2(x, y, &options)?, certificate)
            }
            Scale::Energy => {
                plain(energy_distance(x, y, &weighted)?, "none needed: a sum over all pairs".into())
            }
            Scale::Bandwidth(h) => {
                let certificate = format!("none needed: a sum over all pairs (bandwidth {})", digits(h));
                plain(kernel_discrepancy(x, y, h, &weighted)?, certificate)
            }
            Scale::Strength(epsilon) => {
                let options =
                    SinkhornOptions { epsilon, source_weights, target_weights, task, ..Default::default() };
                let found = sinkhorn_divergence(x, y, Cost::SquaredEuclidean, &options)?;
                let (error, epsilon) = (found.marginal_error, digits(found.epsilon));
                if found.status != SinkhornStatus::Converged {
                    let reason = format!(
                        "no convergence, by rounding or after {} iterations: the marginal error is {error:.1e} \
                         of {:.0e}, use a larger epsilon than {epsilon}",
                        options.max_iterations, options.tolerance,
                    );
                    return Err(Error::Numerical { what: "sinkhorn", reason });
                }
                let certificate = format!("converged: marginal error {error:.1e} (epsilon {epsilon})");
                // The floor is of the same divergence, not of one for its own median cost.
                let scale = Scale::Strength(Strength::Absolute(found.epsilon));
                Measured { measure: Measure { scale, ..*self }, ..plain(found.value, certificate) }
            }
        })
    }
}

/// Any distance of two clouds, `[n, d]` and `[m, d]`, beside what chance alone gives.
///
/// The floor is the same distance between random halves of the first cloud ([`weighted_floor`]), the p-value
/// that of a permutation test of equal laws ([`permutation_test`]); both with the scales (bandwidth, ε) that
/// the two clouds settled. Costs `1 + repeats + permutations` distances with the floor, one without.
///
/// # Errors
/// Options that do not go together, and what the metric reports.
///
/// ```
/// use fokker::{Task, transport::{DistanceOptions, Metric, distance}};
/// let (x, y) = (ndarray::array![[0.0], [1.0]], ndarray::array![[3.0], [4.0]]);
/// let options = DistanceOptions { metric: Metric::W1, ..Default::default() };
/// let found = distance(x.view().into(), y.view().into(), &options, Task::silent())?;
/// assert!((found.value - 3.0).abs() < 1e-12 && found.gap.unwrap() < 1e-10);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn distance(x: CloudView, y: CloudView, options: &DistanceOptions, task: Task) -> Result<Distance> {
    let measure = Measure::new(options, x, y)?;
    let Measured { value, gap, certificate, measure } = measure.measured(x, y, task)?;
    let (floor, p_value) = match options.floor {
        false => (None, None),
        true => {
            let value = |x: CloudView, y: CloudView| measure.value(x, y, task);
            let tests = PermutationOptions { permutations: options.permuted(), seed: options.seed };
            let floor = weighted_floor(x, options.splits(), options.seed, value)?;
            let asked = tests.permutations > 0;
            (Some(floor), asked.then(|| permutation_test(x, y, &tests, task, value)).transpose()?)
        }
    };
    let (_, permutations) = options.repetitions();
    let (n, m) = (x.x.nrows(), y.x.nrows());
    Ok(Distance { metric: options.metric, value, gap, certificate, n, m, floor, p_value, permutations })
}

fn weighted<'a>(x: CloudView<'a>, y: CloudView<'a>, task: Task<'a>) -> ExactOptions<'a> {
    ExactOptions { source_weights: x.weights, target_weights: y.weights, task }
}

/// The median distance, where it can be a bandwidth.
fn bandwidth(x: CloudView, y: CloudView) -> Result<f64> {
    let (x, y) = (x.reborrow(), y.reborrow());
    let median = median_distance(x.x, y.x, &weighted(x, y, Task::silent()))?;
    match median > 0.0 {
        true => Ok(median),
        false => Err(Error::Undefined {
            what: "the kernel discrepancy",
            reason: format!("the median distance is {median}, which is no bandwidth"),
            remedy: "give a bandwidth",
        }),
    }
}

/// Six significant digits.
fn digits(value: f64) -> String {
    format!("{value:.5e}").parse().map_or_else(|_| value.to_string(), shortest)
}
