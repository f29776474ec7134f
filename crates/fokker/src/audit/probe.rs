//! Reading the exact error of a scheme off its own code.
//!
//! With an affine score a step maps (x, history, noise) affinely. Fed with unit vectors, one per
//! row, it returns its coefficients; eigenvalues are columns. What is known after some steps is
//! the law of the state given the start: gains, offsets and the covariance of the noise so far.

use crate::process::{Grid, Schedule, Step};
use crate::sampling::{ReverseProcess, Scheme, State, Work};
use crate::score::GaussianScore;
use crate::statistics::Gaussian;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice, Zip};
use rayon::prelude::*;

/// Eigenvalues per task: a few rows of them stay in the first-level cache over all steps.
const COLUMNS: usize = 512;

/// What a sampler does to each coordinate: `y_N = gain · y_0 + offset + N(0, variance)`, each `[d]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Propagation {
    pub gain: Array1<f64>,
    pub offset: Array1<f64>,
    pub variance: Array1<f64>,
}

impl Propagation {
    pub fn identity(dim: usize) -> Self {
        Propagation { gain: Array1::ones(dim), offset: Array1::zeros(dim), variance: Array1::zeros(dim) }
    }
}

/// Runs a scheme down a grid with the exact score of the diagonal law `score`. O(d · steps).
pub(super) fn propagate(
    scheme: &dyn Scheme,
    grid: &Grid,
    schedule: &dyn Schedule,
    score: &Gaussian,
) -> Result<Propagation> {
    let blocks = visit(scheme, grid, schedule, score, |_, _, _| ())?;
    let mut out = Propagation::identity(score.dim());
    for (i, (moments, _)) in blocks.into_iter().enumerate() {
        let columns = Slice::from(i * COLUMNS..i * COLUMNS + moments.gain.ncols());
        out.gain.slice_axis_mut(Axis(0), columns).assign(&moments.gain.row(0));
        out.offset.slice_axis_mut(Axis(0), columns).assign(&moments.offset.row(0));
        out.variance.slice_axis_mut(Axis(0), columns).assign(&moments.variance(scheme.name())?);
    }
    Ok(out)
}

/// As [`propagate`], summing `observe(columns, step, law so far)` over blocks of columns after
/// each step; step 0 is the start. Returns `[steps + 1]` sums.
pub(super) fn along_time(
    scheme: &dyn Scheme,
    grid: &Grid,
    schedule: &dyn Schedule,
    score: &Gaussian,
    observe: impl Fn(std::ops::Range<usize>, usize, &Propagation) -> f64 + Sync,
) -> Result<Vec<f64>> {
    let blocks = visit(scheme, grid, schedule, score, |first, index, moments: &Moments| {
        let law = Propagation {
            gain: moments.gain.row(0).to_owned(),
            offset: moments.offset.row(0).to_owned(),
            variance: moments.noise.row(0).to_owned(),
        };
        observe(first..first + law.gain.len(), index, &law)
    })?;
    let mut sums = vec![0.0; grid.steps() + 1];
    for (_, terms) in &blocks {
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
    Ok(sums)
}

/// Runs each block of columns through all steps, in parallel, keeping what `observe` returns.
fn visit<T: Send>(
    scheme: &dyn Scheme,
    grid: &Grid,
    schedule: &dyn Schedule,
    score: &Gaussian,
    observe: impl Fn(usize, usize, &Moments) -> T + Sync,
) -> Result<Vec<(Moments, Vec<T>)>> {
    let dim = score.dim();
    let blocks: Vec<usize> = (0..dim).step_by(COLUMNS).collect();
    let run = |&first: &usize| {
        let columns = Slice::from(first..dim.min(first + COLUMNS));
        let own = Gaussian::diagonal(
            score.mean().slice_axis(Axis(0), columns).to_owned(),
            score.values().slice_axis(Axis(0), columns).to_owned(),
        )?;
        let exact = GaussianScore::new(&own, schedule);
        let process = ReverseProcess { schedule, score: &exact };
        let has_offset = own.mean().iter().any(|&m| m != 0.0);
        let mut probe = StepProbe::new(scheme, process, own.dim(), has_offset);
        let mut moments = Moments::new(scheme, own.dim());
        let mut collected = vec![observe(first, 0, &moments)];
        for (i, step) in grid.iter().enumerate() {
            probe.run(&step)?;
            moments.advance(&probe);
            collected.push(observe(first, i + 1, &moments));
        }
        Ok((moments, collected))
    };
    blocks.par_iter().map(run).collect()
}

/// One step of a scheme, called on unit states and unit noises.
///
/// Rows: x = 1; each history array = 1; each noise = 1; all zero, when the score has an offset.
pub(super) struct StepProbe<'a> {
    scheme: &'a dyn Scheme,
    process: ReverseProcess<'a>,
    state: State,
    noise: Vec<Array2<f64>>,
    work: Work,
    has_offset: bool,
}

impl<'a> StepProbe<'a> {
    pub fn new(
        scheme: &'a dyn Scheme,
        process: ReverseProcess<'a>,
        columns: usize,
        has_offset: bool,
    ) -> Self {
        let (history, noises) = (scheme.history(), scheme.noises());
        let rows = 1 + history + noises + usize::from(has_offset);
        let mut noise = vec![Array2::zeros((rows, columns)); noises];
        for (k, array) in noise.iter_mut().enumerate() {
            array.row_mut(1 + history + k).fill(1.0);
        }
        let state = State::new(Array2::zeros((rows, columns)), scheme);
        StepProbe { scheme, process, state, noise, work: Work::new(rows, columns), has_offset }
    }

    /// Calls the step; its coefficients are in [`StepProbe::output`] then.
    pub fn run(&mut self, step: &Step) -> Result<()> {
        let arrays = std::iter::once(&mut self.state.x).chain(&mut self.state.history);
        for (row, array) in arrays.enumerate() {
            array.fill(0.0);
            array.row_mut(row).fill(1.0);
        }
        self.scheme.step(&self.process, step, &self.noise, &mut self.state, &mut self.work)?;
        if self.has_offset {
            let last = self.noise_row(self.noise.len());
            for array in std::iter::once(&mut self.state.x).chain(&mut self.state.history) {
                let (mut units, zero) = array.view_mut().split_at(Axis(0), last);
                units -= &zero;
            }
        }
        Ok(())
    }

    /// Coefficients of x (0) or of a history array (1, …): a row for each unit input.
    pub fn output(&self, i: usize) -> &Array2<f64> {
        if i == 0 { &self.state.x } else { &self.state.history[i - 1] }
    }

    /// Number of arrays of noise.
    pub fn noises(&self) -> usize {
        self.noise.len()
    }

    /// Answer of output `i` to noise `k`.
    pub fn on_noise(&self, i: usize, k: usize) -> ArrayView1<'_, f64> {
        self.output(i).row(self.noise_row(k))
    }

    /// Answer of output `i` to zero; only when the score has an offset.
    pub fn constant(&self, i: usize) -> ArrayView1<'_, f64> {
        self.output(i).row(self.noise_row(self.noise.len()))
    }

    fn noise_row(&self, k: usize) -> usize {
        1 + self.state.history.len() + k
    }
}

/// Law of (x, history) given the start, for a block of columns.
struct Moments {
    /// Of x and each history array on the start, `[h + 1, columns]`.
    gain: Array2<f64>,
    offset: Array2<f64>,
    /// Covariance of the noise so far, entry (i, j) in row i (h + 1) + j; no rows are used
    /// when the scheme has no noise.
    noise: Array2<f64>,
}

impl Moments {
    fn new(scheme: &dyn Scheme, columns: usize) -> Self {
        let size = scheme.history() + 1;
        let mut gain = Array2::zeros((size, columns));
        gain.row_mut(0).fill(1.0);
        Moments { gain, offset: Array2::zeros((size, columns)), noise: Array2::zeros((size * size, columns)) }
    }

    /// `gain ← A gain,  offset ← A offset + c,  noise ← A noise Aᵀ + B Bᵀ` for each column.
    fn advance(&mut self, probe: &StepProbe) {
        let size = self.gain.nrows();
        self.gain = self.transformed(&self.gain, probe, size, 1);
        if probe.has_offset {
            self.offset = self.transformed(&self.offset, probe, size, 1);
            for i in 0..size {
                let zero = probe.output(i).row(probe.noise_row(probe.noise.len()));
                self.offset.row_mut(i).zip_mut_with(&zero, |o, &c| *o += c);
            }
        }
        if probe.noise.is_empty() {
            return;
        }
        // A C, then (A C) Aᵀ as the same map on the transposed entries, C being symmetric.
        let left = self.transformed(&self.noise, probe, size, size);
        let mut noise = Array2::zeros(self.noise.dim());
        for i in 0..size {
            for j in 0..size {
                let mut entry = noise.row_mut(i * size + j);
                for l in 0..size {
                    Zip::from(&mut entry)
                        .and(left.row(i * size + l))
                        .and(probe.output(j).row(l))
                        .for_each(|e, &x, &a| *e += x * a);
                }
                for k in (0..probe.noise.len()).map(|k| probe.noise_row(k)) {
                    Zip::from(&mut entry)
                        .and(probe.output(i).row(k))
                        .and(probe.output(j).row(k))
                        .for_each(|e, &x, &y| *e += x * y);
                }
            }
        }
        self.noise = noise;
    }

    /// `out[i, l] = Σ_j A[i, j] x[j, l]` for each column, entry (i, l) in row i · width + l.
    fn transformed(&self, x: &Array2<f64>, probe: &StepProbe, size: usize, width: usize) -> Array2<f64> {
        let mut out = Array2::zeros(x.dim());
        for i in 0..size {
            for l in 0..width {
                let mut row = out.row_mut(i * width + l);
                for j in 0..size {
                    Zip::from(&mut row)
                        .and(probe.output(i).row(j))
                        .and(x.row(j * width + l))
                        .for_each(|o, &a, &x| *o += a * x);
                }
            }
        }
        out
    }

    /// Variance of the noise in x. A sum of squares for one-step schemes; with history and noise
    /// both, a quadratic form that rounding can leave below zero by a rounding error of its terms.
    fn variance(&self, scheme: &str) -> Result<Array1<f64>> {
        let diagonal = self.noise.row(0);
        let rounding = 1e-12 * self.noise.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        match diagonal.iter().find(|&&v| v < -rounding) {
            Some(v) => Err(Error::Numerical {
                what: "the variance of a scheme's noise",
                reason: format!("{scheme} gave {v:e}: its steps are not a stable linear map"),
            }),
            None => Ok(diagonal.mapv(|v| v.max(0.0))),
        }
    }
}
