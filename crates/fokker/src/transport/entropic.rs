//! The iteration behind [`sinkhorn`](super::sinkhorn), in the frame of the clouds.

use super::exact::sum;
use super::ground::Ground;
use super::sinkhorn::{SinkhornOptions, SinkhornStatus};
use crate::{Error, Result};
use rayon::prelude::*;

/// Rows per parallel task and columns per tile.
const ROWS: usize = 32;
const COLUMNS: usize = 512;
/// Iterations at each ε on the way down, at most, and the relative error that ends them early.
const ITERATIONS_ON_THE_WAY: usize = 10;
const ERROR_ON_THE_WAY: f64 = 1e-2;

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

/// Potentials in the frame, with what they give.
pub(crate) struct Outcome {
    pub(crate) status: SinkhornStatus,
    pub(crate) iterations: usize,
    pub(crate) f: Vec<f64>,
    pub(crate) g: Vec<f64>,
    pub(crate) source_marginal: Vec<f64>,
    pub(crate) target_marginal: Vec<f64>,
    pub(crate) marginal_error: f64,
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
}

impl Side {
    /// ρ/(ρ + ε), 1 where exact.
    fn damping(&self, epsilon: f64) -> f64 {
        self.relaxation.map_or(1.0, |rho| 1.0 / (1.0 + epsilon / rho))
    }

    /// Masses given by potentials and the soft minima they face.
    fn marginal(&self, potentials: &[f64], minima: &[f64], epsilon: f64) -> Vec<f64> {
        let pairs = potentials.iter().zip(minima);
        self.weights.iter().zip(pairs).map(|(w, (f, s))| w * ((f - s) / epsilon).exp()).collect()
    }

    /// Distance of masses from what they should be.
    fn error(&self, potentials: &[f64], marginal: &[f64]) -> f64 {
        sum(self.weights.iter().zip(potentials).zip(marginal).map(|((weight, f), mass)| {
            (mass - weight * self.relaxation.map_or(1.0, |rho| (-f / rho).exp())).abs()
        }))
    }
}

/// Iterates to the stopping rule. The side updated last keeps its marginal to rounding, so it is
/// the exact one where only one is.
pub(crate) fn iterate(
    ground: &Ground,
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
    let mut epsilon = start.max(problem.epsilon);
    let mut potentials = (vec![0.0; first.1.weights.len()], vec![0.0; last.1.weights.len()]);
    let (mut iterations, mut here) = (0, 0);
    let total = sum(last.1.weights.iter().copied());
    loop {
        if options.monitor.progress("sinkhorn", iterations, options.max_iterations).is_break() {
            return Err(Error::Interrupted);
        }
        let minima = soft_minima(first.0, &potentials.1, last.1, problem.mass, epsilon);
        let marginal = first.1.marginal(&potentials.0, &minima, epsilon);
        let error = first.1.error(&potentials.0, &marginal);
        let at_last = epsilon <= problem.epsilon;
        let good = here > 0 && error <= options.tolerance * total;
        if at_last && (good || iterations >= options.max_iterations) {
            let minima = soft_minima(last.0, &potentials.0, first.1, problem.mass, epsilon);
            let other = last.1.marginal(&potentials.1, &minima, epsilon);
            let marginal_error = error + last.1.error(&potentials.1, &other);
            let converged = marginal_error <= 2.0 * options.tolerance * total;
            let sides = ((potentials.0, marginal), (potentials.1, other));
            let ((f, source_marginal), (g, target_marginal)) =
                if source_last { (sides.1, sides.0) } else { sides };
            return Ok(Outcome {
                status: SinkhornStatus::of(converged),
                iterations,
                f,
                g,
                source_marginal,
                target_marginal,
                marginal_error,
            });
        }
        let enough = here >= ITERATIONS_ON_THE_WAY || here > 0 && error <= ERROR_ON_THE_WAY * total;
        if !at_last && (enough || iterations + 1 >= options.max_iterations) {
            // The last iteration is always one at the ε that was asked for.
            let spent = iterations + 1 >= options.max_iterations;
            epsilon = if spent { problem.epsilon } else { (0.5 * epsilon).max(problem.epsilon) };
            here = 0;
            continue;
        }
        let damping = first.1.damping(epsilon);
        potentials.0 = minima.iter().map(|minimum| damping * minimum).collect();
        let minima = soft_minima(last.0, &potentials.0, first.1, problem.mass, epsilon);
        let damping = last.1.damping(epsilon);
        potentials.1 = minima.iter().map(|minimum| damping * minimum).collect();
        translate(first.1, last.1, &mut potentials);
        iterations += 1;
        here += 1;
    }
}

/// Moves to the best of all potentials f + c, g − c, which give the same plan: plain iterations
/// find the level under a strong penalty ρ only after about ρ/ε steps.
fn translate(first: &Side, last: &Side, (f, g): &mut (Vec<f64>, Vec<f64>)) {
    let Some(rho) = first.relaxation else { return };
    let level = |side: &Side, potentials: &[f64]| {
        let rho = side.relaxation.unwrap_or(f64::INFINITY);
        let least = potentials.iter().copied().fold(f64::INFINITY, f64::min);
        let terms = side.weights.iter().zip(potentials);
        let total = sum(terms.map(|(weight, dual)| weight * ((least - dual) / rho).exp()));
        (total.ln(), least / rho)
    };
    let ((a, shift_a), (b, shift_b)) = (level(first, f), level(last, g));
    let difference = (a - shift_a) - (b - shift_b);
    let shift = difference * last.relaxation.map_or(rho, |other| 1.0 / (1.0 / rho + 1.0 / other));
    f.iter_mut().for_each(|f| *f += shift);
    g.iter_mut().for_each(|g| *g -= shift);
}

/// −ε log Σ_j (w_j/M) exp((g_j − c_ij)/ε) for every row i, relative to the largest term.
fn soft_minima(ground: &Ground, potentials: &[f64], side: &Side, mass: f64, epsilon: f64) -> Vec<f64> {
    // Points without mass have logarithm −∞, and their terms are zero.
    let shifted: Vec<f64> = potentials
        .iter()
        .zip(&side.weights)
        .map(|(potential, weight)| potential + epsilon * (weight / mass).ln())
        .collect();
    let tiles = ground.tiles(&shifted, false);
    let zeros = vec![0.0; ground.sources()];
    let rows: Vec<usize> = (0..ground.sources()).collect();
    let targets = ground.targets();
    rows.par_chunks(ROWS)
        .flat_map_iter(|rows| {
            let mut buffer = vec![0.0; rows.len() * COLUMNS.min(targets)];
            let mut least = vec![f64::INFINITY; rows.len()];
            let mut total = vec![0.0; rows.len()];
            for start in (0..targets).step_by(COLUMNS) {
                let width = COLUMNS.min(targets - start);
                let tile = &mut buffer[..rows.len() * width];
                tiles.write(rows, &zeros, (start, width), tile);
                for ((values, least), total) in tile.chunks_exact(width).zip(&mut least).zip(&mut total) {
                    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
                    if smallest < *least {
                        *total *= ((smallest - *least) / epsilon).exp();
                        *least = smallest;
                    }
                    if *least < f64::INFINITY {
                        *total += values.iter().map(|value| ((*least - value) / epsilon).exp()).sum::<f64>();
                    }
                }
            }
            least.into_iter().zip(total).map(move |(least, total)| least - epsilon * total.ln())
        })
        .collect()
}
