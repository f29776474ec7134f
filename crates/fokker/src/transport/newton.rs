//! Newton's step for the equations of Sinkhorn's iteration: one replaces hundreds of plain ones
//! where ε is small.
//!
//! A plain iteration adds the residual R(f) to the potentials f of one side, those of the other
//! side always following from f. With the plan P of masses r and c on the two sides, and
//! κ = ρ_a/(ρ_a + ε) · ρ_b/(ρ_b + ε) (1 for exact marginals), the equations R = 0 linearise to
//!
//! ```text
//! (diag r − κ P diag(1/c) Pᵀ) δ = diag(r) R
//! ```
//!
//! (symmetric and semi-definite), which conjugate gradients preconditioned by r solve in about the
//! root of the number of plain iterations. A constant in f moves no mass and is left out of the
//! right side. Most of P is as good as zero where ε is small, so P is kept as a sparse matrix;
//! what is left out remains in r, which only shortens the step.
//!
//! \[brauer2017\] has Newton's method for this dual, \[tang2024\] its sparse matrix, \[steihaug1983\]
//! conjugate gradients that stop at a radius.

use super::entropic::{Equations, State};
use super::exponential::exponentials;
use super::softmin::{COLUMNS, ROWS};
use rayon::prelude::*;

/// Parts of the plan, each with its own sums over rows: fixed, so that results have the same bits
/// at any number of threads.
const PARTS: usize = 16;
/// Entries of the plan that are kept: 12 bytes each, 50 MB in all, reserved exactly. Beyond, rows
/// keep their largest. A step holds two things more: per thread a block of rows of 16 bytes an
/// entry while it is built (8 MB at most), and the sums of all parts over columns, 128 bytes for
/// each.
const ENTRIES: usize = 1 << 22;
/// Entries below this fraction of both marginals are left out.
const NEGLIGIBLE: f64 = 1e-10;
/// Conjugate gradients stop at this fraction of the residual, or a smaller one near the solution.
const FORCING: f64 = 0.1;
const LEAST_FORCING: f64 = 1e-3;
const STEPS: usize = 200;

/// Newton's step, with no entry above `radius`, and whether the radius cut it short.
pub(super) fn step(equations: &Equations, state: &State, radius: f64) -> (Vec<f64>, bool) {
    let linearised = Linearised::new(equations, state);
    let (r, residual) = (linearised.r, &state.residual);
    let total: f64 = r.iter().sum();
    let constant = dot(r, residual) / total;
    let mut left: Vec<f64> = r.iter().zip(residual).map(|(r, residual)| r * (residual - constant)).collect();
    let mut found = vec![0.0; r.len()];
    let mut scaled = linearised.preconditioned(&left);
    let mut direction = scaled.clone();
    let mut square = dot(&left, &scaled);
    let goal = square * (state.error / total).clamp(LEAST_FORCING, FORCING).powi(2);
    let mut cut = false;
    for _ in 0..STEPS {
        if square.is_nan() || square <= goal {
            break;
        }
        let image = linearised.apply(&direction);
        let curvature = dot(&direction, &image);
        // Where parts of the clouds hardly exchange mass, full steps go further than any number.
        let room = found.iter().zip(&direction).fold(f64::INFINITY, |room, (found, direction)| {
            let ahead = radius - direction.signum() * found;
            if *direction == 0.0 { room } else { room.min(ahead / direction.abs()) }
        });
        let whole = curvature > 0.0 && square / curvature < room;
        let length = if whole { square / curvature } else { room };
        add(&mut found, length, &direction);
        if !whole {
            cut = true;
            break;
        }
        add(&mut left, -length, &image);
        scaled = linearised.preconditioned(&left);
        let next = dot(&left, &scaled);
        let ratio = next / square;
        direction
            .iter_mut()
            .zip(&scaled)
            .for_each(|(direction, scaled)| *direction = scaled + ratio * *direction);
        square = next;
    }
    // Points without mass are in no equation: they follow as in a plain iteration.
    for ((found, r), residual) in found.iter_mut().zip(r).zip(residual) {
        if *r == 0.0 {
            *found = *residual;
        }
    }
    (found, cut)
}

/// The matrix of the linearised equations.
struct Linearised<'s> {
    parts: Vec<Part>,
    r: &'s [f64],
    /// κ/c, zero where c is.
    weights: Vec<f64>,
}

/// Some rows of the plan.
struct Part {
    /// Where each row ends in what follows.
    ends: Vec<usize>,
    columns: Vec<u32>,
    masses: Vec<f64>,
}

impl<'s> Linearised<'s> {
    fn new(equations: &Equations, state: &'s State) -> Self {
        let damping = equations.damping();
        let weight = |c: &f64| if *c > 0.0 { damping / c } else { 0.0 };
        let rows: Vec<usize> = (0..state.f.len()).collect();
        let parts = rows.par_chunks(rows.len().div_ceil(PARTS));
        Linearised {
            parts: parts.map(|rows| Part::new(equations, state, rows)).collect(),
            r: &state.first_marginal,
            weights: state.last_marginal.iter().map(weight).collect(),
        }
    }

    /// (diag r − κ P diag(1/c) Pᵀ) δ.
    fn apply(&self, vector: &[f64]) -> Vec<f64> {
        let chunk = vector.len().div_ceil(PARTS);
        let sums: Vec<Vec<f64>> = self
            .parts
            .par_iter()
            .zip(vector.par_chunks(chunk))
            .map(|(part, vector)| part.transposed_product(vector, self.weights.len()))
            .collect();
        let mut columns = vec![0.0; self.weights.len()];
        sums.iter().for_each(|sums| add(&mut columns, 1.0, sums));
        columns.iter_mut().zip(&self.weights).for_each(|(column, weight)| *column *= weight);
        let products = self.parts.par_iter().flat_map_iter(|part| part.product(&columns)).collect::<Vec<_>>();
        let diagonal = self.r.iter().zip(vector).map(|(r, value)| r * value);
        diagonal.zip(products).map(|(diagonal, product)| diagonal - product).collect()
    }

    fn preconditioned(&self, vector: &[f64]) -> Vec<f64> {
        vector.iter().zip(self.r).map(|(value, r)| if *r > 0.0 { value / r } else { 0.0 }).collect()
    }
}

impl Part {
    fn new(equations: &Equations, state: &State, rows: &[usize]) -> Self {
        let (ground, first) = equations.first;
        let last = &equations.last.1.weights;
        let tiles = ground.tiles(&state.g, false);
        let (targets, most) = (ground.targets(), (ENTRIES / ground.sources()).max(1));
        // All room at once: growth by doubling could take twice as much, and what is not written
        // is not held.
        let room = rows.len() * most.min(targets);
        let mut part = Part {
            ends: Vec::with_capacity(rows.len()),
            columns: Vec::with_capacity(room),
            masses: Vec::with_capacity(room),
        };
        let mut buffer = vec![0.0; ROWS.min(rows.len()) * COLUMNS.min(targets)];
        for rows in rows.chunks(ROWS) {
            let mut kept: Vec<Vec<(u32, f64)>> = vec![Vec::new(); rows.len()];
            for start in (0..targets).step_by(COLUMNS) {
                let width = COLUMNS.min(targets - start);
                let tile = &mut buffer[..rows.len() * width];
                tiles.write(rows, &state.f, (start, width), tile);
                exponentials(tile, equations.epsilon);
                for ((&i, values), kept) in rows.iter().zip(tile.chunks_exact(width)).zip(&mut kept) {
                    let (weight, r) = (first.weights[i] / equations.mass, state.first_marginal[i]);
                    let others = last[start..].iter().zip(&state.last_marginal[start..]);
                    for (k, (value, (other, c))) in values.iter().zip(others).enumerate() {
                        let mass = weight * other * value;
                        if mass > NEGLIGIBLE * r.min(*c) {
                            kept.push(((start + k) as u32, mass));
                        }
                    }
                    // After every tile, so that no row is ever held whole.
                    if kept.len() > most {
                        kept.select_nth_unstable_by(most, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                        kept.truncate(most);
                    }
                }
            }
            for row in kept {
                part.columns.extend(row.iter().map(|entry| entry.0));
                part.masses.extend(row.iter().map(|entry| entry.1));
                part.ends.push(part.masses.len());
            }
        }
        part
    }

    /// Columns and masses of every row.
    fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = (usize, f64)>> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| {
            let columns = self.columns[start..end].iter().map(|column| *column as usize);
            columns.zip(self.masses[start..end].iter().copied())
        })
    }

    fn product(&self, columns: &[f64]) -> impl Iterator<Item = f64> {
        self.rows().map(|row| row.map(|(j, mass)| mass * columns[j]).sum())
    }

    fn transposed_product(&self, rows: &[f64], columns: usize) -> Vec<f64> {
        let mut sums = vec![0.0; columns];
        for (row, value) in self.rows().zip(rows) {
            row.for_each(|(j, mass)| sums[j] += mass * value);
        }
        sums
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, vector: &[f64]) {
    to.iter_mut().zip(vector).for_each(|(to, value)| *to += factor * value);
}

#[cfg(test)]
mod tests {
    use super::super::entropic::Side;
    use super::super::ground::{Cost, Ground};
    use super::*;
    use ndarray::Array2;

    #[test]
    fn the_plan_takes_the_stated_room_and_rows_keep_their_largest() {
        let (n, m) = (40, 150_000);
        let line = |n: usize| Array2::from_shape_fn((n, 1), |(i, _)| i as f64 / n as f64);
        let ground = Ground::points(Cost::SquaredEuclidean, line(n), line(m));
        let back = Ground::points(Cost::SquaredEuclidean, line(m), line(n));
        let side = |n: usize| Side { weights: vec![1.0 / n as f64; n], relaxation: None };
        let (first, last) = (side(n), side(m));
        let equations = Equations { first: (&ground, &first), last: (&back, &last), mass: 1.0, epsilon: 1.0 };
        let state = State {
            f: vec![0.0; n],
            g: vec![0.0; m],
            residual: vec![0.0; n],
            first_marginal: first.weights.clone(),
            last_marginal: last.weights.clone(),
            error: 0.0,
        };
        let linearised = Linearised::new(&equations, &state);
        let held = |part: &Part| part.masses.capacity().max(part.columns.capacity());
        assert!(linearised.parts.iter().map(held).sum::<usize>() <= ENTRIES);
        // More entries than there is room for, largest near the first source, at zero.
        let most = ENTRIES / n;
        assert!(linearised.parts.iter().flat_map(|part| part.rows()).all(|row| row.count() == most));
        let mut columns = linearised.parts[0].columns[..most].to_vec();
        columns.sort_unstable();
        assert!(columns.iter().enumerate().all(|(k, column)| k as u32 == *column));
    }
}
