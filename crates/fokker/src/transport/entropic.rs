//! The iteration behind [`sinkhorn`](super::sinkhorn), in the frame of the clouds.

use super::exact::sum;
use super::ground::Ground;
use super::newton;
use super::sinkhorn::SinkhornOptions;
use super::softmin::soft_minima;
use crate::Result;
use rayon::prelude::*;

/// Iterations at each ε on the way down, at most, and the relative error that ends them early.
const ITERATIONS_ON_THE_WAY: usize = 10;
const ERROR_ON_THE_WAY: f64 = 1e-2;
/// Newton's steps begin once a plain iteration leaves more than this of the error.
const SLOW: f64 = 0.5;
/// Newton's steps are at most this times ε at first: within a few ε the equations are near linear.
const RADIUS: f64 = 4.0;
/// Refused steps shorten the next ones down to this times ε, where the equations are linear to all
/// purposes: whatever is refused there is refused by rounding, and shorter steps would only be slow.
const LEAST_RADIUS: f64 = 1.0 / 256.0;
/// The iteration gives up when in so many iterations the error has not fallen by the fraction
/// `PROGRESS`, the dual has not risen by the rounding of them all, and some step was
/// refused. (The error alone may stand still for long while potentials travel by many ε.)
const PATIENCE: usize = 50;
const PROGRESS: f64 = 0.01;
/// Parts of the rows, each with its own sums over columns: fixed, for the same bits at any number of
/// threads.
const PARTS: usize = 16;
/// Relative rounding of the dual.
const ROUNDING: f64 = 1e-15;

/// Weights of one side, and the strength of its penalty where it is relaxed.
pub(crate) struct Side {
    pub(crate) weights: Vec<f64>,
    pub(crate) relaxation: Option<f64>,
}

/// An entropic problem in the units of the frame.
pub(crate) struct Problem {
    pub(crate) source: Side,
    pub(crate) target: Side,
    pub(crate) epsilon: f64,
    /// √(Σ a · Σ b).
    pub(crate) mass: f64,
}

/// Potentials in the frame.
pub(crate) struct Outcome {
    pub(crate) iterations: usize,
    pub(crate) f: Vec<f64>,
    pub(crate) g: Vec<f64>,
    /// The marginal error at which the iteration stops.
    pub(crate) limit: f64,
}

/// What a plan moves, entry by entry.
pub(crate) struct Moved {
    pub(crate) source_marginal: Vec<f64>,
    pub(crate) target_marginal: Vec<f64>,
    pub(crate) marginal_error: f64,
    /// Σ γ_ij c_ij.
    pub(crate) cost: f64,
}

impl Problem {
    /// γ_ij.
    pub(crate) fn entry(&self, ground: &Ground, f: &[f64], g: &[f64], i: usize, j: usize) -> f64 {
        let (a, b) = (self.source.weights[i], self.target.weights[j]);
        if a == 0.0 || b == 0.0 {
            return 0.0;
        }
        a / self.mass * b * ((f[i] + g[j] - ground.pair(i, j)) / self.epsilon).exp()
    }

    /// KL(γ | a⊗b / M) = Σ a_i b_j/M (x eˣ − eˣ + 1) for x = (f_i + g_j − c_ij)/ε, near 0 without cancellation.
    pub(crate) fn divergence(&self, ground: &Ground, f: &[f64], g: &[f64]) -> f64 {
        let row = |i: usize| {
            let a = self.source.weights[i] / self.mass;
            let terms = self.target.weights.iter().enumerate().filter(|(_, b)| a * **b > 0.0);
            sum(terms.map(|(j, b)| a * b * excess((f[i] + g[j] - ground.pair(i, j)) / self.epsilon)))
        };
        let rows: Vec<f64> = (0..f.len()).into_par_iter().map(row).collect();
        sum(rows.into_iter())
    }

    /// Sums over all entries. The iteration may find its own rounded equations solved where ε is
    /// below the rounding of the costs; the entries tell.
    pub(crate) fn moved(
        &self,
        ground: &Ground,
        (f, g): (&[f64], &[f64]),
        cost: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Moved {
        let rows: Vec<usize> = (0..f.len()).collect();
        let parts: Vec<(Vec<f64>, Vec<f64>, Vec<f64>)> = rows
            .par_chunks(rows.len().div_ceil(PARTS))
            .map(|rows| {
                let (mut masses, mut costs) =
                    (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
                let mut columns = vec![0.0; g.len()];
                for &i in rows {
                    let row: Vec<f64> = (0..g.len()).map(|j| self.entry(ground, f, g, i, j)).collect();
                    columns.iter_mut().zip(&row).for_each(|(column, mass)| *column += mass);
                    costs.push(sum(row.iter().enumerate().map(|(j, mass)| mass * cost(i, j))));
                    masses.push(sum(row.into_iter()));
                }
                (masses, costs, columns)
            })
            .collect();
        let source_marginal: Vec<f64> = parts.iter().flat_map(|part| part.0.iter().copied()).collect();
        let target_marginal: Vec<f64> =
            (0..g.len()).map(|j| sum(parts.iter().map(|part| part.2[j]))).collect();
        Moved {
            marginal_error: self.source.error(f, &source_marginal) + self.target.error(g, &target_marginal),
            source_marginal,
            target_marginal,
            cost: sum(parts.iter().flat_map(|part| part.1.iter().copied())),
        }
    }
}

/// x eˣ − eˣ + 1 = x²/2 + x³/3 + …
fn excess(x: f64) -> f64 {
    if x.abs() < 1e-5 { x * x * (0.5 + x / 3.0) } else { x * x.exp() - x.exp_m1() }
}

/// weight · eˣ, zero for a point without mass, whose potential may be beyond the range of eˣ.
fn grown(weight: f64, x: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * x.exp() }
}

impl Side {
    /// ρ/(ρ + ε), 1 where exact.
    fn damping(&self, epsilon: f64) -> f64 {
        self.relaxation.map_or(1.0, |rho| 1.0 / (1.0 + epsilon / rho))
    }

    /// Masses given by potentials and the soft minima they face.
    fn marginal(&self, potentials: &[f64], minima: &[f64], epsilon: f64) -> Vec<f64> {
        let pairs = potentials.iter().zip(minima);
        self.weights.iter().zip(pairs).map(|(w, (f, s))| grown(*w, (f - s) / epsilon)).collect()
    }

    /// By how much the term of the dual rises from one set of potentials to another.
    fn rise(&self, from: &[f64], to: &[f64]) -> f64 {
        let terms = self.weights.iter().zip(from.iter().zip(to)).filter(|(weight, _)| **weight > 0.0);
        sum(terms.map(|(weight, (from, to))| match self.relaxation {
            None => weight * (to - from),
            Some(rho) => -rho * grown(*weight, -from / rho) * ((from - to) / rho).exp_m1(),
        }))
    }

    /// ρ KL(r | a) of the masses r that a plan moves, 0 where exact.
    pub(crate) fn penalty(&self, moved: &[f64]) -> f64 {
        let Some(rho) = self.relaxation else { return 0.0 };
        let terms = self.weights.iter().zip(moved).filter(|(a, _)| **a > 0.0);
        rho * sum(terms.map(|(a, r)| if *r > 0.0 { a * excess((r / a).ln()) } else { *a }))
    }

    /// Distance of masses from what they should be.
    fn error(&self, potentials: &[f64], marginal: &[f64]) -> f64 {
        sum(self.weights.iter().zip(potentials).zip(marginal).map(|((weight, f), mass)| {
            (mass - self.relaxation.map_or(*weight, |rho| grown(*weight, -f / rho))).abs()
        }))
    }
}

/// The equations at one ε. Potentials of the first side are iterated; those of the last side
/// follow from them, so its marginal is exact to rounding where it is not relaxed.
pub(super) struct Equations<'p> {
    pub(super) first: (&'p Ground<'static>, &'p Side),
    pub(super) last: (&'p Ground<'static>, &'p Side),
    pub(super) mass: f64,
    pub(super) epsilon: f64,
}

/// Potentials, and what follows from those of the first side.
pub(super) struct State {
    pub(super) f: Vec<f64>,
    pub(super) g: Vec<f64>,
    /// What a plain iteration adds to f: zero at the solution.
    pub(super) residual: Vec<f64>,
    pub(super) first_marginal: Vec<f64>,
    pub(super) last_marginal: Vec<f64>,
    /// Marginal error of both sides.
    pub(super) error: f64,
}

impl Equations<'_> {
    /// Product of the factors by which relaxed marginals damp an iteration.
    pub(super) fn damping(&self) -> f64 {
        self.first.1.damping(self.epsilon) * self.last.1.damping(self.epsilon)
    }

    fn state(&self, mut f: Vec<f64>) -> State {
        let ((first_ground, first), (last_ground, last)) = (self.first, self.last);
        let minima = soft_minima(last_ground, &f, first, self.mass, self.epsilon);
        let damping = last.damping(self.epsilon);
        let mut g: Vec<f64> = minima.iter().map(|minimum| damping * minimum).collect();
        let last_marginal = last.marginal(&g, &minima, self.epsilon);
        translate(first, last, &mut f, &mut g);
        let minima = soft_minima(first_ground, &g, last, self.mass, self.epsilon);
        let first_marginal = first.marginal(&f, &minima, self.epsilon);
        let damping = first.damping(self.epsilon);
        State {
            error: first.error(&f, &first_marginal) + last.error(&g, &last_marginal),
            residual: minima.iter().zip(&f).map(|(minimum, f)| damping * minimum - f).collect(),
            f,
            g,
            first_marginal,
            last_marginal,
        }
    }

    /// By how much the dual rises from `here` to `there`, and the rounding of that.
    fn rise(&self, here: &State, there: &State) -> (f64, f64) {
        let (first, last) = (self.first.1, self.last.1);
        let masses = there.first_marginal.iter().zip(&here.first_marginal);
        let rise = first.rise(&here.f, &there.f) + last.rise(&here.g, &there.g)
            - self.epsilon * sum(masses.map(|(there, here)| there - here));
        let size = |side: &Side, potentials: &[f64]| {
            sum(side.weights.iter().zip(potentials).map(|(weight, dual)| weight * dual.abs()))
        };
        (rise, ROUNDING * (size(first, &there.f) + size(last, &there.g)))
    }
}

/// Iterates to the stopping rule, ε falling by halves on the way. The side updated last keeps its
/// marginal to rounding, so it is the exact one where only one is.
pub(crate) fn iterate(
    ground: &Ground<'static>,
    problem: &Problem,
    start: f64,
    options: &SinkhornOptions,
) -> Result<Outcome> {
    let (sources, targets): (Vec<usize>, Vec<usize>) =
        ((0..ground.sources()).collect(), (0..ground.targets()).collect());
    let transposed = ground.transposed().subset(&targets, &sources);
    let source_last = problem.source.relaxation.is_none() && problem.target.relaxation.is_some();
    let (first, last) = if source_last {
        ((&transposed, &problem.target), (ground, &problem.source))
    } else {
        ((ground, &problem.source), (&transposed, &problem.target))
    };
    let total = sum(last.1.weights.iter().copied());
    let mut equations = Equations { first, last, mass: problem.mass, epsilon: start.max(problem.epsilon) };
    let mut progress = Progress { options, iterations: 0, accelerated: false };
    let mut f = vec![0.0; first.1.weights.len()];
    // Below the rounding of the costs all ε are alike, and halving them leads nowhere.
    let least = problem.epsilon.max(ROUNDING * start);
    while equations.epsilon > least && !progress.nearly_spent() {
        f = progress.solve(&equations, f, ERROR_ON_THE_WAY * total, ITERATIONS_ON_THE_WAY)?.f;
        equations.epsilon = (0.5 * equations.epsilon).max(problem.epsilon);
    }
    // The last iteration is always one at the ε that was asked for.
    equations.epsilon = problem.epsilon;
    let state = progress.solve(&equations, f, options.tolerance * total, usize::MAX)?;
    let (f, g) = if source_last { (state.g, state.f) } else { (state.f, state.g) };
    Ok(Outcome { iterations: progress.iterations, f, g, limit: options.tolerance * total })
}

/// Iterations so far.
struct Progress<'o, 'a> {
    options: &'o SinkhornOptions<'a>,
    iterations: usize,
    /// Whether Newton's steps have begun: smaller ε are only slower.
    accelerated: bool,
}

impl Progress<'_, '_> {
    fn nearly_spent(&self) -> bool {
        self.iterations + 1 >= self.options.max_iterations
    }

    fn state(&mut self, equations: &Equations, f: Vec<f64>) -> Result<State> {
        let limit = self.options.max_iterations;
        self.options.task.tick("sinkhorn", self.iterations, limit)?;
        self.iterations += 1;
        Ok(equations.state(f))
    }

    /// Iterates at one ε until the error is within `limit` or rounding lets it fall no further, at
    /// most `most` times.
    fn solve(&mut self, equations: &Equations, f: Vec<f64>, limit: f64, most: usize) -> Result<State> {
        let mut here = self.state(equations, f)?;
        let (mut radius, mut refused, mut before) = (RADIUS, false, f64::INFINITY);
        let end = self.iterations.saturating_add(most);
        // On the way an iteration is left for the ε that was asked for.
        let end = end.min(self.options.max_iterations - usize::from(most < usize::MAX));
        let mut pace = Pace { error: here.error, since: self.iterations, refusals: 0, risen: 0.0 };
        while here.error > limit && self.iterations < end && !pace.stalled(self.iterations) {
            self.accelerated |= here.error > SLOW * before;
            before = here.error;
            // A plain iteration always raises the dual, and follows a refused step.
            let newton = self.accelerated && !refused;
            let (step, cut) = if newton {
                newton::step(equations, &here, radius * equations.epsilon)
            } else {
                (here.residual.clone(), false)
            };
            let moved = here.f.iter().zip(step).map(|(f, step)| f + step).collect();
            let there = self.state(equations, moved)?;
            let (rise, rounding) = equations.rise(&here, &there);
            // Newton's steps may do anything where the equations are far from linear: the dual has to
            // rise, or stay the same to rounding with a smaller error.
            let better = rise > rounding || rise >= -rounding && there.error < here.error;
            refused = newton && !better;
            if refused {
                radius = (0.25 * radius).max(LEAST_RADIUS);
                pace.refusals += 1;
            } else {
                here = there;
                radius *= if cut { 2.0 } else { 1.0 };
                pace.note(here.error, self.iterations, rise / rounding);
            }
        }
        Ok(here)
    }
}

/// When the error last fell or the dual last rose by an amount worth the name, and what came since:
/// refused steps, and rises of the dual in units of its rounding.
struct Pace {
    error: f64,
    since: usize,
    refusals: usize,
    risen: f64,
}

impl Pace {
    fn note(&mut self, error: f64, iteration: usize, rise: f64) {
        self.risen += rise;
        if error < (1.0 - PROGRESS) * self.error || self.risen > PATIENCE as f64 {
            *self = Pace { error: error.min(self.error), since: iteration, refusals: 0, risen: 0.0 };
        }
    }

    fn stalled(&self, iteration: usize) -> bool {
        iteration >= self.since + PATIENCE && self.refusals > 0
    }
}

/// Moves to the best of all potentials f + c, g − c, which give the same plan: plain iterations
/// find the level under a strong penalty ρ only after about ρ/ε steps.
fn translate(first: &Side, last: &Side, f: &mut [f64], g: &mut [f64]) {
    let Some(rho) = first.relaxation else { return };
    let level = |side: &Side, potentials: &[f64]| {
        let rho = side.relaxation.unwrap_or(f64::INFINITY);
        let terms = side.weights.iter().zip(potentials).filter(|(weight, _)| **weight > 0.0);
        let least = terms.clone().map(|(_, dual)| *dual).fold(f64::INFINITY, f64::min);
        let total = sum(terms.map(|(weight, dual)| weight * ((least - dual) / rho).exp()));
        (total.ln(), least / rho)
    };
    let ((a, shift_a), (b, shift_b)) = (level(first, f), level(last, g));
    let difference = (a - shift_a) - (b - shift_b);
    let shift = difference * last.relaxation.map_or(rho, |other| 1.0 / (1.0 / rho + 1.0 / other));
    f.iter_mut().for_each(|f| *f += shift);
    g.iter_mut().for_each(|g| *g -= shift);
}
