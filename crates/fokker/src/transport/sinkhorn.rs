//! Entropic optimal transport by Sinkhorn's iteration on logarithms.

use super::coupling::Coupling;
use super::entropic::{Outcome, Problem, Side, iterate};
use super::exact::{Solved, check_clouds, sum};
use super::frame::{Frame, scaled};
use super::ground::Cost;
use super::masses::Weights;
use super::median::median_cost;
use crate::{Error, Result, Task, all_finite, finite};
use ndarray::{Array1, ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::Serializer;

/// A strength in units of the cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strength {
    /// In the units of the cost itself.
    Absolute(f64),
    /// In multiples of the median cost between the two weighted clouds, as [`median_distance`](super::median_distance)
    /// takes it.
    Relative(f64),
}

/// Multiple of the median cost below which ε is lost in the rounding of the cost.
const ROUNDING: f64 = 1e-15;

/// Options of entropic transport.
#[derive(Clone, Copy)]
pub struct SinkhornOptions<'a> {
    /// Entropic strength ε.
    pub epsilon: Strength,
    /// Kullback–Leibler penalty ρ on the source marginal; exact when absent.
    pub source_relaxation: Option<Strength>,
    /// The same for the target marginal.
    pub target_relaxation: Option<Strength>,
    /// Masses of the sources, `[n]`; 1/n each by default. When both marginals are exact only the shares
    /// count, masses over their sum.
    pub source_weights: Option<ArrayView1<'a, f64>>,
    /// The same of the targets, `[m]`.
    pub target_weights: Option<ArrayView1<'a, f64>>,
    /// Stop when the marginal error is at most this fraction of the mass.
    pub tolerance: f64,
    /// Stop after this many iterations all the same, and say so.
    pub max_iterations: usize,
    /// Progress, stage "sinkhorn", in iterations of the limit, and cancellation.
    pub task: Task<'a>,
}

impl Default for SinkhornOptions<'_> {
    fn default() -> Self {
        SinkhornOptions {
            epsilon: Strength::Relative(0.05),
            source_relaxation: None,
            target_relaxation: None,
            source_weights: None,
            target_weights: None,
            tolerance: 1e-6,
            max_iterations: 10_000,
            task: Task::silent(),
        }
    }
}

impl SinkhornOptions<'_> {
    /// Checks strengths, tolerance and iterations.
    ///
    /// # Errors
    /// A strength or a tolerance that is not positive and finite, or no iteration.
    pub fn validate(&self) -> Result<()> {
        let strengths = [
            ("epsilon", Some(self.epsilon)),
            ("source_relaxation", self.source_relaxation),
            ("target_relaxation", self.target_relaxation),
            ("tolerance", Some(Strength::Absolute(self.tolerance))),
            ("max_iterations", Some(Strength::Absolute(self.max_iterations as f64))),
        ];
        for (name, strength) in strengths {
            if let Some(Strength::Absolute(value) | Strength::Relative(value)) = strength
                && !(value > 0.0 && value.is_finite())
            {
                let requirement = "positive and finite".to_string();
                return Err(Error::Argument { name, requirement, found: value });
            }
        }
        Ok(())
    }

    pub(crate) fn balanced(&self) -> bool {
        self.source_relaxation.is_none() && self.target_relaxation.is_none()
    }
}

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkhornStatus {
    /// The marginal error is within the tolerance.
    Converged,
    /// The iterations ran out first, or rounding hides a smaller error (ε below about 1e-10 of the
    /// cost) and the iteration gave up: steps were refused, and in 50 iterations neither did the
    /// error fall by a hundredth nor the dual rise beyond rounding. The result is what was reached.
    IterationLimit,
}

impl SinkhornStatus {
    /// Whether it converged, for reports.
    pub(super) fn as_flag<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == SinkhornStatus::Converged)
    }

    pub(crate) fn of(converged: bool) -> Self {
        if converged { SinkhornStatus::Converged } else { SinkhornStatus::IterationLimit }
    }
}

/// An entropic coupling, by its potentials.
///
/// ```text
/// γ_ij = a_i b_j / M · exp((f_i + g_j − c_ij) / ε),      M = √(Σ a · Σ b)
/// ```
pub struct Entropic {
    /// Whether the stopping rule was met.
    pub status: SinkhornStatus,
    /// Iterations used, those at larger ε and Newton's steps included, refused ones too.
    pub iterations: usize,
    /// ε in units of the cost.
    pub epsilon: f64,
    /// Σ γ_ij c_ij.
    pub cost: f64,
    /// The entropic objective (see [`sinkhorn`]), by its dual; by its primal where ε is above 1e4 times
    /// the median cost, and the dual a difference of large terms.
    pub value: f64,
    /// f, `[n]`; −∞ never occurs, points without mass included.
    pub potential_source: Array1<f64>,
    /// g, `[m]`.
    pub potential_target: Array1<f64>,
    /// Mass leaving each source, `[n]`.
    pub source_marginal: Array1<f64>,
    /// Mass reaching each target, `[m]`.
    pub target_marginal: Array1<f64>,
    /// Σ |Σ_j γ_ij − a_i| + Σ |Σ_i γ_ij − b_j|; on a relaxed side against a_i exp(−f_i / ρ),
    /// which is what an optimal plan has there.
    pub marginal_error: f64,
    frame: Frame,
    problem: Problem,
    /// ε in multiples of the median cost between the centred clouds.
    pub(super) relative_epsilon: f64,
    f: Vec<f64>,
    g: Vec<f64>,
    prune_sources: bool,
}

/// Strengths in the frame, where costs are near one, are numbers of which multiples and inverses
/// are numbers too.
const STRENGTHS: std::ops::RangeInclusive<f64> = 1e-300..=1e300;

/// ε over the median cost from which the value is that of the primal: the dual is a difference of
/// terms of size ε, of which rounding leaves nothing.
const LARGE: f64 = 1e4;
/// ε over the median cost from which ε KL(γ | a⊗b/M), below the cost over this, is less than rounding.
const NEGLIGIBLE: f64 = 1e15;

/// Entropic coupling of two weighted clouds, balanced, semi-relaxed or unbalanced.
///
/// ```text
/// min Σ γ_ij c_ij + ε KL(γ | a⊗b / M) + ρ_a KL(γ1 | a) + ρ_b KL(γᵀ1 | b)
/// f_i ← −ρ_a/(ρ_a + ε) · ε log Σ_j (b_j/M) exp((g_j − c_ij)/ε),      g alike;  ρ/(ρ + ε) = 1 where exact
/// value = Σ a f + Σ b g − ε (Σγ − ΣaΣb/M)      (−ρ Σ a (exp(−f/ρ) − 1) in place of Σ a f where relaxed)
/// ```
///
/// `x` is `[n, d]`, `y` is `[m, d]`. ε falls by halves from the median cost to its value (a few
/// iterations each), then the iteration runs until the marginal error is at most `tolerance` of
/// the mass; the exact side is updated last, so its marginal is exact to rounding. When
/// `max_iterations` come first the status says so. Sums of exponentials are taken relative to
/// their largest term: any ε gives numbers. The reported marginals are sums of the entries of the
/// plan, and decide the status.
///
/// Once an iteration leaves more than half of the error, Newton's steps for the same equations
/// take over, by conjugate gradients on a sparse plan, whatever marginals are relaxed:
///
/// ```text
/// (diag r − κ P diag(1/c) Pᵀ) δ = diag(r) (f⁺ − f),      P = γ, r = γ1, c = γᵀ1, κ = ρ_a/(ρ_a + ε) · ρ_b/(ρ_b + ε)
/// ```
///
/// A step that lowers the dual (beyond rounding, or without a smaller error) is refused, and a
/// plain iteration and a shorter step follow. So ε of a thousandth of the cost takes about as many
/// iterations as one of a tenth. Only penalties ρ above a million ε can still take thousands.
///
/// Memory O(n + m), of which the sums of Newton's steps over columns take 128 bytes for each, and at
/// most 50 MB for the plan of these steps, which has 2²² entries at most (rows keep their largest),
/// with 8 MB per thread while it is built; O(n m) exponentials per iteration; same bits at any number of
/// threads.
///
/// # Errors
/// As [`exact`](super::exact); strengths out of range, also in units of the cost: below 1e-300 or
/// above 1e300 of it, or a cost that is beyond the range of numbers. Masses count when a side is relaxed, and may then differ.
///
/// # Source
/// [peyre2019, ch. 4 and 10]; ε-scaling \[schmitzer2019\]; the level of relaxed potentials is set in
/// closed form \[sejourne2022\]; Newton's steps [brauer2017, tang2024], cut short as in
/// \[steihaug1983\].
///
/// ```
/// use fokker::transport::{Cost, SinkhornOptions, SinkhornStatus, Strength, sinkhorn};
/// use ndarray::array;
/// // Two points against two, by symmetry: γ = [[p, q], [q, p]], q/p = exp(−2·1/(2ε))² for c = 0, 1.
/// let x = array![[0.0], [1.0]];
/// let options = SinkhornOptions { epsilon: Strength::Absolute(0.5), tolerance: 1e-12, ..Default::default() };
/// let plan = sinkhorn(x.view(), x.view(), Cost::SquaredEuclidean, &options)?;
/// let q = 0.5 / (1.0 + 2f64.exp());
/// assert_eq!(plan.status, SinkhornStatus::Converged);
/// assert!((plan.cost - 2.0 * q).abs() < 1e-11);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn sinkhorn(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    cost: Cost,
    options: &SinkhornOptions,
) -> Result<Entropic> {
    options.validate()?;
    check_clouds(&x, &y)?;
    // Separate centres move the potentials only, which a relaxed marginal would feel; and so it feels masses.
    let (frame, of): (_, fn(_, _, _) -> _) = if options.balanced() {
        (Frame::new(x, y, cost), Weights::shares)
    } else {
        (Frame::with_common_centre(x, y, cost), Weights::masses)
    };
    let a = of("source_weights", options.source_weights, x.nrows())?;
    let b = of("target_weights", options.target_weights, y.nrows())?;
    let unit = frame.difference(1.0);
    let median = median_cost((&a, &b), |i, j| frame.pair(i, j)) / unit;
    let strength = |name: &'static str, strength: Strength| {
        let (value, framed) = match strength {
            Strength::Absolute(value) => (value, scaled(value, -frame.cost_exponent()) / unit),
            Strength::Relative(value) if median > 0.0 => (value, value * median),
            // All points in one place: any strength gives the same plan.
            Strength::Relative(value) => (value, value),
        };
        if STRENGTHS.contains(&framed) {
            return Ok(framed);
        }
        let (least, most) = (STRENGTHS.start(), STRENGTHS.end());
        let requirement = match strength {
            // The scale itself may be out of the range of numbers: its power of ten is not.
            Strength::Absolute(_) => format!(
                "between {least:e} and {most:e} of the cost, which is of the scale 1e{:.0}",
                (f64::from(frame.cost_exponent()) * 2f64.log10()) + unit.log10()
            ),
            Strength::Relative(_) => format!("between about {least:e} and {most:e}"),
        };
        Err(Error::Argument { name, requirement, found: value })
    };
    let relaxation = |name, given: Option<Strength>| given.map(|given| strength(name, given)).transpose();
    // The centred clouds may be much nearer to each other than the given ones.
    let start = median_cost((&a, &b), |i, j| frame.ground.pair(i, j));
    let problem = Problem {
        mass: (a.total * b.total).sqrt(),
        source: Side {
            weights: a.values,
            relaxation: relaxation("source_relaxation", options.source_relaxation)?,
        },
        target: Side {
            weights: b.values,
            relaxation: relaxation("target_relaxation", options.target_relaxation)?,
        },
        epsilon: strength("epsilon", options.epsilon)?,
    };
    let outcome = iterate(&frame.ground, &problem, start, options)?;
    let relative_epsilon = if start > 0.0 { problem.epsilon / start } else { problem.epsilon };
    finish(frame, problem, relative_epsilon, outcome).checked()
}

fn finish(frame: Frame, problem: Problem, relative_epsilon: f64, outcome: Outcome) -> Entropic {
    let (mut u, mut v) = (outcome.f.clone(), outcome.g.clone());
    frame.duals(&mut u, &mut v);
    let exponent = frame.cost_exponent();
    let moved = problem.moved(&frame.ground, (&outcome.f, &outcome.g), |i, j| frame.pair(i, j));
    let epsilon = frame.difference(problem.epsilon);
    let term = |side: &Side, duals: &[f64]| {
        let terms = side.weights.iter().zip(duals).filter(|(weight, _)| **weight > 0.0);
        sum(terms.map(|(weight, dual)| match side.relaxation {
            None => weight * dual,
            Some(rho) => -weight * frame.difference(rho) * (-dual / frame.difference(rho)).exp_m1(),
        }))
    };
    let mass = sum(moved.source_marginal.iter().copied());
    let value = if relative_epsilon > LARGE {
        let divergence = match relative_epsilon > NEGLIGIBLE {
            true => 0.0,
            false => problem.divergence(&frame.ground, &outcome.f, &outcome.g),
        };
        let penalties =
            problem.source.penalty(&moved.source_marginal) + problem.target.penalty(&moved.target_marginal);
        moved.cost + epsilon * divergence + frame.difference(penalties)
    } else {
        term(&problem.source, &u) + term(&problem.target, &v) - epsilon * (mass - problem.mass)
    };
    let prune_sources = problem.source.relaxation.is_none() && problem.target.relaxation.is_some();
    let rescale =
        |values: Vec<f64>| Array1::from_iter(values.into_iter().map(|value| scaled(value, exponent)));
    Entropic {
        // Twice the limit leaves room for the rounding of the side that is exact.
        status: SinkhornStatus::of(moved.marginal_error <= 2.0 * outcome.limit),
        iterations: outcome.iterations,
        epsilon: scaled(epsilon, exponent),
        cost: scaled(moved.cost, exponent),
        value: scaled(value, exponent),
        potential_source: rescale(u),
        potential_target: rescale(v),
        source_marginal: Array1::from(moved.source_marginal),
        target_marginal: Array1::from(moved.target_marginal),
        marginal_error: moved.marginal_error,
        frame,
        problem,
        relative_epsilon,
        f: outcome.f,
        g: outcome.g,
        prune_sources,
    }
}

impl Entropic {
    /// The coupling, if its numbers are.
    fn checked(self) -> Result<Self> {
        let remedy = match self.relative_epsilon < ROUNDING {
            true => "take a larger epsilon: at this one rounding is all there is",
            false => {
                "divide both clouds by a common factor (an absolute epsilon by its square, for the squared \
                 cost), or look for slips: some points are too far apart to be squared"
            }
        };
        finite("the cost of the entropic coupling", self.cost, remedy)?;
        finite("the value of the entropic coupling", self.value, remedy)?;
        all_finite("the potentials of the sources", &self.potential_source, remedy)?;
        all_finite("the potentials of the targets", &self.potential_target, remedy)?;
        finite("epsilon in units of the cost", self.epsilon, remedy)?;
        Ok(self)
    }

    /// Bound on the rounding of the value at large ε: potentials hold ε log a_i, and the mass is
    /// multiplied by ε.
    pub(super) fn rounding(&self) -> f64 {
        let points = self.f.len().max(self.g.len()) as f64;
        2.0 * f64::EPSILON * self.epsilon * self.problem.mass * (1.0 + points.ln())
    }

    /// One entry of the plan, γ_ij.
    ///
    /// # Panics
    /// When i or j is out of range.
    pub fn entry(&self, i: usize, j: usize) -> f64 {
        self.problem.entry(&self.frame.ground, &self.f, &self.g, i, j)
    }

    /// The plan as a sparse coupling, without its smallest entries.
    ///
    /// ```text
    /// per target: keep the largest entries that hold 1 − tail of its mass, scaled to all of it
    /// ```
    ///
    /// Target marginals are those of the plan (source marginals where only the source is exact);
    /// those of the other side move by at most 2·`tail` of the mass, which `marginal_error`
    /// reports against the plan's. The certificate bounds how far the coupling is from optimal
    /// between its own marginals, entropy included in the distance. O(n m log(n + m)).
    ///
    /// # Errors
    /// `tail` outside [0, 1); an interruption.
    pub fn coupling(&self, tail: f64, task: Task) -> Result<Coupling> {
        if !(0.0..1.0).contains(&tail) {
            return Err(Error::Argument { name: "tail", requirement: "in [0, 1)".into(), found: tail });
        }
        let (n, m) = (self.f.len(), self.g.len());
        let (lines, length) = if self.prune_sources { (n, m) } else { (m, n) };
        let pair = |line: usize, k: usize| if self.prune_sources { (line, k) } else { (k, line) };
        let kept: Vec<Vec<(usize, usize, f64)>> = (0..lines)
            .into_par_iter()
            .map(|line| {
                task.tick("pruning", line, lines)?;
                let entries = (0..length).map(|k| pair(line, k)).map(|(i, j)| (i, j, self.entry(i, j)));
                Ok(largest_entries(entries.filter(|entry| entry.2 > 0.0).collect(), tail))
            })
            .collect::<Result<_>>()?;
        let flow = kept.into_iter().flatten().collect();
        let solved = Solved::certified(&self.frame.ground, flow, &self.g, task)?;
        let marginals = (self.source_marginal.to_vec(), self.target_marginal.to_vec());
        solved.coupling(&self.frame, (&marginals.0, &marginals.1)).unscaled(self.frame.cost_exponent())
    }
}

/// The largest entries that hold 1 − tail of the sum, scaled to all of it.
fn largest_entries(mut entries: Vec<(usize, usize, f64)>, tail: f64) -> Vec<(usize, usize, f64)> {
    let total = sum(entries.iter().map(|entry| entry.2));
    entries.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let mut held = 0.0;
    let mut count = 0;
    while count < entries.len() && (tail == 0.0 || held < (1.0 - tail) * total) {
        held += entries[count].2;
        count += 1;
    }
    entries.truncate(count);
    let kept = sum(entries.iter().map(|entry| entry.2));
    entries.iter_mut().for_each(|entry| entry.2 *= total / kept);
    entries
}
