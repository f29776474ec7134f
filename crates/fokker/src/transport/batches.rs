//! Exact couplings of random mini-batches.

use super::coupling::Coupling;
use super::exact::{Solved, check_clouds};
use super::frame::Frame;
use super::ground::Cost;
use super::solve::solve;
use crate::{Error, Result, Task};
use ndarray::ArrayView2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Size, seed and task of mini-batches.
#[derive(Clone, Copy)]
pub struct BatchOptions<'a> {
    /// Points per batch, at most.
    pub batch: usize,
    /// Seed of the random disjoint batches.
    pub seed: u64,
    /// Progress and cancellation, as in [`ExactOptions`](super::ExactOptions).
    pub task: Task<'a>,
}

impl Default for BatchOptions<'_> {
    fn default() -> Self {
        BatchOptions { batch: 1000, seed: 0, task: Task::silent() }
    }
}

impl BatchOptions<'_> {
    /// Checks the size of a batch.
    ///
    /// # Errors
    /// A batch of no points.
    pub fn validate(&self) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::Argument { name: "batch", requirement: "positive".into(), found: 0.0 });
        }
        Ok(())
    }
}

/// Coupling of two uniform clouds of one size by exact couplings of random disjoint batches.
///
/// ```text
/// σ, τ random permutations;  batch k couples x_σ(i) with y_τ(i), i in [k B, (k + 1) B), optimally
/// ```
///
/// Both clouds are shuffled: row order means nothing. `x` and `y` are `[n, d]`; the coupling is a
/// permutation, not the optimal one, and its cost is biased upwards; the certificate says by how
/// much at most (duals made feasible by one pricing, O(n² d)). The rest is O(n B) per pricing.
///
/// # Errors
/// As [`exact`](super::exact); different numbers of rows; a batch of no points.
///
/// # Source
/// \[fatras2021\].
///
/// ```
/// use fokker::transport::{BatchOptions, Cost, exact_in_batches};
/// use ndarray::array;
/// // One batch holds everything: the optimal coupling.
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[3.0], [1.0], [2.0]]);
/// let coupling = exact_in_batches(x.view(), y.view(), Cost::SquaredEuclidean, &BatchOptions::default())?;
/// assert_eq!(coupling.target, [1, 2, 0]);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn exact_in_batches(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    cost: Cost,
    options: &BatchOptions,
) -> Result<Coupling> {
    options.validate()?;
    check_clouds(&x, &y)?;
    let n = x.nrows();
    if y.nrows() != n {
        return Err(Error::Size { name: "the rows of y", expected: n, found: y.nrows() });
    }
    let frame = Frame::new(x, y, cost);
    let shuffled = |stream: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        random.set_stream(stream);
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut random);
        order
    };
    let (sources, targets) = (shuffled(0), shuffled(1));
    let mut flow = Vec::with_capacity(n);
    let mut dual_target = vec![0.0; n];
    for (rows, columns) in sources.chunks(options.batch).zip(targets.chunks(options.batch)) {
        let ones = vec![1; rows.len()];
        let solution = solve(&frame.ground.subset(rows, columns), &ones, &ones, options.task)?;
        flow.extend(solution.flow.iter().map(|&(i, j, _)| (rows[i], columns[j], 1.0 / n as f64)));
        for (&j, value) in columns.iter().zip(solution.dual_target) {
            dual_target[j] = value;
        }
    }
    let solved = Solved::certified(&frame.ground, flow, &dual_target, options.task)?;
    let uniform = vec![1.0 / n as f64; n];
    solved.coupling(&frame, (&uniform, &uniform)).unscaled(frame.cost_exponent())
}
