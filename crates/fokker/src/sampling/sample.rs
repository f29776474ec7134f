//! Drawing samples: the schemes on blocks of particles, in parallel, reproducibly.

use super::{BLOCK, Noise, ReverseProcess, Scheme, State, Work};
use crate::process::Grid;
use crate::{Error, Limits, Result, Task};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the particles start, at the first time of the grid.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// The stationary law of the reference, N(0, I) for Ornstein–Uhlenbeck, as samplers do in practice.
    Normal,
    /// The given particles `[n, d]`, such as exact draws from p_T.
    From(ArrayView2<'a, f64>),
}

/// Options of [`sample`].
#[derive(Clone, Copy)]
pub struct SampleOptions<'a> {
    /// Number n of particles.
    pub particles: usize,
    /// Index of the first one: drawing 0..100 and 100..200 gives the rows of drawing 0..200.
    pub first: usize,
    /// Where they start.
    pub start: Start<'a>,
    /// The seed of all noise.
    pub seed: u64,
    /// Hears of progress, in steps of particle blocks.
    pub task: Task<'a>,
}

impl Default for SampleOptions<'_> {
    fn default() -> Self {
        SampleOptions { particles: 1000, first: 0, start: Start::Normal, seed: 0, task: Task::silent() }
    }
}

impl SampleOptions<'_> {
    fn validate(&self, dim: usize) -> Result<()> {
        if self.particles == 0 {
            return Err(Error::Argument { name: "particles", requirement: "at least 1".into(), found: 0.0 });
        }
        // Whole blocks are drawn, the last one padded.
        Limits::rows("particles", self.particles.saturating_add(2 * BLOCK), dim)?;
        // Streams count blocks in 32 bits.
        let last = self.first.checked_add(self.particles).filter(|&last| last.div_ceil(BLOCK) <= 1 << 32);
        if last.is_none() {
            let requirement = format!("at most {} particles in all", BLOCK << 32);
            return Err(Error::Argument { name: "first", requirement, found: self.first as f64 });
        }
        if let Start::From(x) = self.start {
            if x.nrows() != self.particles {
                return Err(Error::Size {
                    name: "rows of the start",
                    expected: self.particles,
                    found: x.nrows(),
                });
            }
            if x.ncols() != dim {
                return Err(Error::Size { name: "columns of the start", expected: dim, found: x.ncols() });
            }
            if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
                return Err(Error::NonFinite { name: "start", index: vec![row, column], value });
            }
        }
        Ok(())
    }
}

/// Draws particles `[n, d]` by running a scheme down a grid.
///
/// Work runs in blocks of 256 particles, the last one padded, with noise addressed by step and
/// block: the same seed gives the same bits at any number of particles and threads. Cost
/// O(n · steps) score evaluations' worth of work, memory 8 n d bytes and a few blocks a thread.
///
/// # Errors
/// Options out of their domain, a step that the scheme or the score is not defined for, or an
/// interruption.
///
/// ```
/// use fokker::{process::*, sampling::*, score::GaussianScore, statistics::Gaussian};
/// let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
/// let law = Gaussian::from_eigenvalues(ndarray::array![4.0]).unwrap();
/// let score = GaussianScore::new(&law, &schedule);
/// let process = ReverseProcess::new(&schedule, &score);
/// let grid = Grid::new(Spacing::LogSnr, 20, 0.0, &schedule).unwrap();
/// let x = sample(&process, &DpmPlusPlus2M, &grid, &SampleOptions::default()).unwrap();
/// let variance = x.iter().map(|x| x * x).sum::<f64>() / 1000.0;
/// assert!((variance - 4.0).abs() < 1.0); // standard deviation 4√(2/1000) = 0.18
/// ```
pub fn sample(
    process: &ReverseProcess,
    scheme: &dyn Scheme,
    grid: &Grid,
    options: &SampleOptions,
) -> Result<Array2<f64>> {
    let dim = process.score.dim();
    options.validate(dim)?;
    let first_block = options.first / BLOCK;
    let blocks = (options.first + options.particles).div_ceil(BLOCK) - first_block;
    let skipped = options.first - first_block * BLOCK;
    let done = AtomicUsize::new(0);
    let report = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        options.task.tick("sampling", done, blocks * grid.steps())
    };

    let mut out = Array2::zeros((blocks * BLOCK, dim));
    let slice = out.as_slice_mut().expect("new arrays are contiguous");
    slice.par_chunks_mut(BLOCK * dim).enumerate().try_for_each(|(i, chunk)| {
        let chunk = ArrayViewMut2::from_shape((BLOCK, dim), chunk).expect("whole rows");
        let block =
            Block { index: (first_block + i) as u32, offset: (i * BLOCK) as isize - skipped as isize };
        block.run(process, scheme, grid, options, &report).map(|state| state.x.assign_to(chunk))
    })?;
    out.slice_axis_inplace(Axis(0), Slice::from(skipped..skipped + options.particles));
    Ok(if blocks * BLOCK == options.particles { out } else { out.as_standard_layout().into_owned() })
}

/// 256 particles with consecutive indices.
struct Block {
    index: u32,
    /// Row of the requested particles that the block's first particle is; may be negative.
    offset: isize,
}

impl Block {
    fn run(
        &self,
        process: &ReverseProcess,
        scheme: &dyn Scheme,
        grid: &Grid,
        options: &SampleOptions,
        report: &(dyn Fn() -> Result<()> + Sync),
    ) -> Result<State> {
        let dim = process.score.dim();
        let noise = Noise { seed: options.seed };
        let mut x = vec![Array2::zeros((BLOCK, dim))];
        match options.start {
            Start::Normal => {
                noise.fill(0, self.index, &mut x);
                process.reference.stationary_from_normal(x[0].view_mut());
            }
            Start::From(given) => self.copy_start(given, &mut x[0]),
        }
        let mut state = State::new(x.remove(0), scheme);
        let mut work = Work::new(BLOCK, dim);
        let mut normals = vec![Array2::zeros((BLOCK, dim)); scheme.noises()];
        for (i, step) in grid.iter().enumerate() {
            noise.fill(i as u32 + 1, self.index, &mut normals);
            scheme.step(process, &step, &normals, &mut state, &mut work)?;
            process.reference.confine(state.x.view_mut());
            report()?;
        }
        Ok(state)
    }

    /// Particles outside the requested rows stay zero: padding.
    fn copy_start(&self, given: ArrayView2<f64>, x: &mut Array2<f64>) {
        for (i, mut row) in x.rows_mut().into_iter().enumerate() {
            let source = usize::try_from(self.offset + i as isize).ok().filter(|&r| r < given.nrows());
            if let Some(source) = source {
                row.assign(&given.row(source));
            }
        }
    }
}
