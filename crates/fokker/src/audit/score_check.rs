//! Whether a score is a function of its rows, tried before it is audited.

use super::affine::AffinePart;
use crate::process::Grid;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};

/// Rows of a trial.
const ROWS: usize = 64;

/// Largest difference beside the largest entry that another batch may make: a network in single precision
/// gives 1e-5 with another shape, in half precision or TF32 up to 1e-3; a batch-norm in training, whose
/// statistics are of 32 rows instead of 64, about 0.1.
const TOLERANCE: f64 = 2e-3;

impl AffinePart<'_> {
    /// Tries the score at the first, middle and last step of a grid: whether it is a function of x and t, row
    /// by row, as an audit takes it to be.
    ///
    /// ```text
    /// score(x, t) twice                        same bits: no dropout, nothing is remembered
    /// every other row of x, in reverse order   same rows, up to 2e-3 of the largest entry: no row moves another
    /// ```
    ///
    /// Nine calls of at most 64 rows.
    ///
    /// # Errors
    /// The first that is violated, with the call and the remedy; what the score itself reports.
    pub fn check(&self, grid: &Grid) -> Result<()> {
        let steps = grid.steps();
        let mut times = [0, steps / 2, steps - 1].map(|i| grid.times()[i]).to_vec();
        times.dedup();
        times.into_iter().try_for_each(|t| self.check_at(t))
    }

    fn check_at(&self, t: f64) -> Result<()> {
        let x = self.points(t, ROWS);
        let first = self.tried(t, x.view())?;
        let second = self.tried(t, x.view())?;
        if first != second {
            let gap = largest(&(&first - &second));
            return Err(refused(
                t,
                x.nrows(),
                &format!("two calls with the same rows give different answers, by up to {gap:.1e}"),
                "call model.eval(), which ends dropout, draw nothing inside score, and where a device sums in \
                 any order, as torch.use_deterministic_algorithms(True) forbids, use that",
            ));
        }
        let part: Vec<usize> = (0..x.nrows()).step_by(2).rev().collect();
        let expected = first.select(Axis(0), &part);
        let gap = largest(&(self.tried(t, x.select(Axis(0), &part).view())? - &expected));
        let size = largest(&first);
        if gap > TOLERANCE * size {
            return Err(refused(
                t,
                part.len(),
                &format!(
                    "rows have another score among other rows, by up to {gap:.1e} where the largest is {size:.1e}"
                ),
                "call model.eval(), which ends batch statistics, and let no row depend on another",
            ));
        }
        Ok(())
    }

    fn tried(&self, t: f64, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let found = self.score_at(t, x)?;
        match found.indexed_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(found),
            Some(((row, column), value)) => {
                let reason = format!("row {row}, column {column} of the answer is {value}");
                Err(refused(
                    t,
                    x.nrows(),
                    &reason,
                    "a score is a number at every x and t > 0: see what divides by σ or α",
                ))
            }
        }
    }
}

fn largest(values: &Array2<f64>) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

fn refused(t: f64, rows: usize, reason: &str, remedy: &'static str) -> Error {
    let reason = format!("score(x, t) of {rows} rows at t = {t:.6}: {reason}");
    Error::Undefined { what: "the audit of this score", reason, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Linear, Spacing};
    use crate::score::Score;
    use ndarray::{ArrayViewMut2, Zip};
    use std::sync::atomic::{AtomicUsize, Ordering};

    type Rule = fn(ArrayView2<f64>, usize) -> Array2<f64>;

    /// A score by a rule on the rows and the number of calls before.
    struct Rogue(Rule, AtomicUsize);

    impl Score for Rogue {
        fn dim(&self) -> usize {
            2
        }
        fn score_into(&self, _: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
            out.assign(&self.0(x, self.1.fetch_add(1, Ordering::Relaxed)));
            Ok(())
        }
    }

    #[test]
    fn what_is_no_function_of_a_row_is_refused() {
        let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
        let grid = Grid::new(Spacing::LogSnr, 20, 1e-3, &schedule).unwrap();
        let rows = |seed: u64| {
            Array2::from_shape_fn((100, 2), |(i, j)| ((i * 31 + j * 17 + seed as usize) as f64).sin())
        };
        let found = |rule: Rule| {
            let score = Rogue(rule, AtomicUsize::new(0));
            AffinePart::new(&score, &schedule, rows(1), rows(2)).unwrap().check(&grid)
        };
        // Single precision, and half precision's unit of 2⁻¹¹ by the shape of the batch, are functions.
        assert_eq!(found(|x, _| x.mapv(|x| f64::from(-x.tanh() as f32))), Ok(()));
        assert_eq!(found(|x, _| x.mapv(|v| -v * (1.0 + 4.9e-4 * (x.nrows() as f64).sin()))), Ok(()));
        let cases: [(Rule, &str, &str); 5] = [
            // Dropout of one entry in ten, by the call.
            (
                |x, call| {
                    Array2::from_shape_fn(x.dim(), |(i, j)| {
                        if (i + j + call).is_multiple_of(10) { 0.0 } else { -x[[i, j]] }
                    })
                },
                "two calls with the same rows",
                "model.eval()",
            ),
            (|x, call| -(&x * (1.0 + 1e-9 * call as f64)), "two calls with the same rows", "draw nothing"),
            // Batch-norm in training.
            (
                |x, _| -(&x - &x.mean_axis(Axis(0)).unwrap()) / &x.std_axis(Axis(0), 0.0),
                "score(x, t) of 32 rows",
                "batch statistics",
            ),
            (
                |x, _| {
                    let mut out = -x.to_owned();
                    Zip::indexed(&mut out).for_each(|(i, _), out| *out *= 1.0 + 0.01 * i as f64);
                    out
                },
                "among other rows",
                "no row depend on another",
            ),
            (|x, _| x.mapv(|x| if x > 1.2 { f64::NAN } else { -x }), "column", "divides by"),
        ];
        for (rule, words, remedy) in cases {
            let error = found(rule).unwrap_err();
            let text = error.to_string();
            assert!(error.is_input() && text.contains(words) && text.contains(remedy), "{text}");
        }
    }
}
