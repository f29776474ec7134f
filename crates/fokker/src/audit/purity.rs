//! Whether a scheme is what the probe takes it for, tried on every step of a grid.

use crate::process::{Grid, Schedule, Step};
use crate::sampling::{ReverseProcess, Scheme, State, Work};
use crate::score::GaussianScore;
use crate::statistics::Gaussian;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView1, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Rows of a trial: zero; a; b; a + b; −a/2; a with its first and last column swapped; the first
/// column of a alone; the noise of a alone.
const ROWS: usize = 8;

/// Eigenvalues of the trial law: the first and the last column are alike.
const VALUES: [f64; 3] = [2.0, 0.5, 2.0];

/// Size of b beside a, so that what is clipped far out is seen.
const FAR: f64 = 1e3;

/// Relative error that double precision may leave.
const TOLERANCE: f64 = 1e-9;

/// What a scheme was found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whether noise moves particles in any step.
    pub uses_noise: bool,
}

/// Tries a scheme on every step of a grid, on a law of three columns: whether [`Audit`](super::Audit)
/// can read its exact error off its code.
///
/// ```text
/// same input twice, another one between       same bits: nothing is remembered but the history, no noise is its own
/// f(0) = 0,  f(a + b) = f(a) + f(b),  f(−a/2) = −f(a)/2      in (x, history, noise), b a thousand times a
/// columns alike are moved alike, none moves another; rows in another order and number move as before
/// ```
///
/// Cost: four calls a step, of eight rows of three columns.
///
/// # Errors
/// The first of these that a step violates, by its number; what the step itself reports.
///
/// ```
/// use fokker::{audit::check_scheme, process::*, sampling::DpmPlusPlus2M};
/// let schedule = Linear::new(0.05, 10.0, 1.0)?;
/// let grid = Grid::new(Spacing::LogSnr, 20, 0.0, &schedule)?;
/// assert!(!check_scheme(&DpmPlusPlus2M, &grid, &schedule)?.uses_noise);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn check_scheme(scheme: &dyn Scheme, grid: &Grid, schedule: &dyn Schedule) -> Result<Checked> {
    let law = Gaussian::from_eigenvalues(VALUES.to_vec().into())?;
    let alone = Gaussian::from_eigenvalues(vec![VALUES[0]].into())?;
    let (score, alone) = (GaussianScore::new(&law, schedule), GaussianScore::new(&alone, schedule));
    let process = ReverseProcess::new(schedule, &score);
    let mut first = Vec::new();
    let mut checked = Checked { uses_noise: false };
    for (index, step) in grid.iter().enumerate() {
        let trial = Trial { scheme, step, index };
        let (inputs, others) = (trial.inputs(0), trial.inputs(1));
        let outputs = trial.call(&process, &inputs)?;
        trial.call(&process, &others)?;
        trial.same_bits(&outputs, &trial.call(&process, &inputs)?)?;
        for output in &outputs {
            trial.linear(output)?;
            checked.uses_noise |= trial.row(output, 7).iter().any(|&x| x != 0.0);
        }
        first.push(outputs);
    }
    // Last, since other shapes would be errors of their own in a step that remembers rows.
    let process = ReverseProcess::new(schedule, &alone);
    for ((index, step), outputs) in grid.iter().enumerate().zip(&first) {
        let trial = Trial { scheme, step, index };
        trial.by_itself(&process, outputs)?;
    }
    Ok(checked)
}

/// One step on trial.
struct Trial<'a> {
    scheme: &'a dyn Scheme,
    step: Step,
    index: usize,
}

impl Trial<'_> {
    /// Where a row of [`ROWS`] stands: elsewhere in every step, so that what rows remember of the
    /// step before does not add up.
    fn place(&self, row: usize) -> usize {
        (row + 3 * self.index) % ROWS
    }

    fn row<'b>(&self, array: &'b Array2<f64>, row: usize) -> ArrayView1<'b, f64> {
        array.row(self.place(row))
    }

    /// x, each history array and each noise.
    fn inputs(&self, set: u64) -> Vec<Array2<f64>> {
        let mut random = ChaCha8Rng::seed_from_u64(2 * self.index as u64 + set);
        let (history, noises) = (self.scheme.history(), self.scheme.noises());
        let mut draw = |far: f64| -> [f64; 3] {
            std::array::from_fn(|_| far * Distribution::<f64>::sample(&StandardNormal, &mut random))
        };
        let array = |kind: usize| {
            let is_noise = kind > history;
            // Nothing is remembered in the first step.
            let size = if (1..=history).contains(&kind) && self.step.previous.is_none() { 0.0 } else { 1.0 };
            let (a, b) = (draw(size), draw(FAR * size));
            let rows = [
                [0.0; 3],
                a,
                b,
                std::array::from_fn(|i| a[i] + b[i]),
                a.map(|a| -0.5 * a),
                [a[2], a[1], a[0]],
                [a[0], 0.0, 0.0],
                if is_noise { a } else { [0.0; 3] },
            ];
            let mut out = Array2::zeros((ROWS, 3));
            for (row, values) in rows.iter().enumerate() {
                out.row_mut(self.place(row)).assign(&ArrayView1::from(values));
            }
            out
        };
        (0..1 + history + noises).map(array).collect()
    }

    /// x and each history array after the step.
    fn call(&self, process: &ReverseProcess, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>> {
        let (history, (rows, dim)) = (self.scheme.history(), inputs[0].dim());
        let mut state = State { x: inputs[0].clone(), history: inputs[1..=history].to_vec() };
        let noise = &inputs[1 + history..];
        self.scheme.step(process, &self.step, noise, &mut state, &mut Work::new(rows, dim))?;
        let outputs: Vec<_> = std::iter::once(state.x).chain(state.history).collect();
        match outputs.iter().flatten().find(|x| !x.is_finite()) {
            Some(bad) => Err(self.refused(&format!("it returns {bad}"))),
            None => Ok(outputs),
        }
    }

    fn same_bits(&self, once: &[Array2<f64>], again: &[Array2<f64>]) -> Result<()> {
        if once == again {
            return Ok(());
        }
        Err(self.refused(
            "the same rows were moved otherwise after other rows: it remembers what it does not \
             declare, counts its calls, or draws noise of its own",
        ))
    }

    /// Linear, column by column.
    fn linear(&self, output: &Array2<f64>) -> Result<()> {
        let row = |i| self.row(output, i);
        // Of a row and of what adds up to it.
        let size =
            |rows: &[usize]| rows.iter().flat_map(|&i| row(i).to_vec()).fold(1.0, |m: f64, x| m.max(x.abs()));
        let gap = |values: Vec<f64>| values.into_iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let off = |gap: f64, rows: &[usize]| gap > TOLERANCE * size(rows);
        let zero = gap(row(0).to_vec());
        if off(zero, &[0, 1]) {
            return Err(self.refused(&format!(
                "a row of zeros moves by {zero:.2e}: it adds a constant, or moves rows by one another"
            )));
        }
        let beside = gap(row(6).to_vec()[1..].to_vec()).max((row(6)[0] - row(1)[0]).abs());
        if off(beside, &[1]) {
            return Err(self.refused(&format!("one column of x moves another one, by {beside:.2e}")));
        }
        let swapped = gap((0..3).map(|i| row(5)[i] - row(1)[2 - i]).collect());
        if off(swapped, &[1]) {
            return Err(self.refused(&format!("columns of one law are moved apart, by {swapped:.2e}")));
        }
        let added = gap((&row(1) + &row(2) - row(3)).to_vec());
        let halved = gap((&row(4) + &(&row(1) * 0.5)).to_vec());
        if off(added, &[1, 2, 3]) || off(halved, &[1]) {
            let relative = (added / size(&[1, 2, 3])).max(halved / size(&[1]));
            let single = if relative < 1e-5 { "; is it computed in single precision?" } else { "" };
            return Err(self.refused(&format!("it is not affine in x and z, by {relative:.2e}{single}")));
        }
        Ok(())
    }

    /// Three rows in another order, of the first column alone, move as they did among all.
    fn by_itself(&self, process: &ReverseProcess, outputs: &[Array2<f64>]) -> Result<()> {
        let kept = [6, 3, 1].map(|row| self.place(row));
        let part = |array: &Array2<f64>| array.select(Axis(0), &kept).select(Axis(1), &[0]);
        let inputs: Vec<_> = self.inputs(0).iter().map(part).collect();
        for (found, all) in self.call(process, &inputs)?.iter().zip(outputs) {
            let expected = part(all);
            let size = expected.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            let gap = (found - &expected).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            if gap > TOLERANCE * size {
                return Err(self.refused(&format!(
                    "a row moves otherwise without the others, or without other columns, by {gap:.2e}"
                )));
            }
        }
        Ok(())
    }

    fn refused(&self, reason: &str) -> Error {
        Error::Undefined {
            what: "the exact error of this step",
            reason: format!("in step {} (t = {:.6} to {:.6}) {reason}", self.index, self.step.t, self.step.s),
            remedy: "a step must be a function of x, z and the history it declares alone, affine when the \
                     score is, and move each row and each column by itself",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Linear, Spacing};
    use crate::sampling::{Limit, SCHEMES, parse_scheme};
    use std::sync::Mutex;

    #[test]
    fn every_scheme_that_is_built_in_passes() {
        let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
        for name in SCHEMES {
            let scheme = parse_scheme(name).unwrap();
            for (spacing, stop) in [(Spacing::Uniform, 0.0), (Spacing::LogSnr, 1e-3)] {
                let grid = Grid::new(spacing, 40, stop, &schedule).unwrap();
                let found = check_scheme(&*scheme, &grid, &schedule);
                assert_eq!(found.unwrap().uses_noise, scheme.noises() > 0, "{name}");
            }
        }
    }

    type Rule = fn(&mut Array2<f64>, &Array2<f64>, &mut Option<Array2<f64>>, f64);

    /// A step by a rule on (x, noise, memory, t).
    struct Rogue(Rule, Mutex<Option<Array2<f64>>>);

    impl Scheme for Rogue {
        fn name(&self) -> &'static str {
            "rogue"
        }
        fn order(&self) -> u32 {
            1
        }
        fn limit(&self) -> Limit {
            Limit::Sde
        }
        fn step(
            &self,
            _: &ReverseProcess,
            step: &Step,
            noise: &[Array2<f64>],
            state: &mut State,
            _: &mut Work,
        ) -> Result<()> {
            self.0(&mut state.x, &noise[0], &mut self.1.lock().unwrap(), step.t);
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_probed_is_refused() {
        let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
        let grid = Grid::new(Spacing::Uniform, 10, 0.0, &schedule).unwrap();
        let remembering: Rule = |x, _, memory, t| {
            let before = memory.replace(x.clone());
            // As a sampler forgets when it starts.
            if let Some(before) = before.filter(|_| t < 1.0) {
                x.zip_mut_with(&before, |x, b| *x += 0.5 * (*x - b));
            }
        };
        let cases: [(Rule, &str); 7] = [
            (remembering, "remembers"),
            (
                |x, _, _, t| {
                    if t < 0.25 {
                        x.mapv_inplace(|x| x.clamp(-100.0, 100.0))
                    }
                },
                "not affine",
            ),
            (|x, _, _, _| x.mapv_inplace(|x| x + 0.1), "constant"),
            (|x, _, _, _| x.swap_axes(0, 0), ""),
            (|x, _, _, _| x.row_mut(2).mapv_inplace(|x| 2.0 * x), "not affine"),
            (|x, _, _, _| x.column_mut(0).mapv_inplace(|x| 2.0 * x), "apart"),
            (|x, _, _, _| *x *= 1.0 / x.ncols() as f64, "without the others"),
        ];
        for (rule, words) in cases {
            let found = check_scheme(&Rogue(rule, Mutex::new(None)), &grid, &schedule);
            match words {
                "" => assert!(!found.unwrap().uses_noise),
                words => assert!(found.as_ref().unwrap_err().to_string().contains(words), "{found:?}"),
            }
        }
        // Noise in a few steps is noise.
        let late: Rule = |x, z, _, t| {
            if t < 0.35 {
                *x += z
            }
        };
        assert!(check_scheme(&Rogue(late, Mutex::new(None)), &grid, &schedule).unwrap().uses_noise);
    }
}
