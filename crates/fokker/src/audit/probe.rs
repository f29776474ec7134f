//! Reading the exact error of a scheme off its own code.
//!
//! With an affine score a step maps (x, history, noise) affinely. Fed with unit vectors, one per
//! row, it returns its coefficients; eigenvalues are columns. What is known after some steps is
//! the law of the state given the start: gains, offsets and the covariance of the noise so far.
//! A scheme without noise needs no units: it is run on the particles 1 and 0 themselves.

use crate::process::{Grid, Schedule, Step};
use crate::sampling::{ReverseProcess, Scheme, State, Work};
use crate::score::GaussianScore;
use crate::statistics::Gaussian;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut1, Axis, Slice, Zip};
use rayon::prelude::*;

/// Eigenvalues per task: a few rows of them stay in the first-level cache over all steps.
const COLUMNS: usize = 1536;

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
        out.variance.slice_axis_mut(Axis(0), columns).assign(&moments.noise.row(0));
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
        let process = ReverseProcess::new(schedule, &exact);
        let has_offset = own.mean().iter().any(|&m| m != 0.0);
        let mut moments = Moments::new(scheme, own.dim());
        let mut collected = vec![observe(first, 0, &moments)];
        if scheme.noises() == 0 {
            let mut pair = StartPair::new(scheme, process, own.dim(), has_offset);
            for (i, step) in grid.iter().enumerate() {
                pair.run(&step)?;
                pair.write_to(&mut moments);
                collected.push(observe(first, i + 1, &moments));
            }
        } else {
            let mut probe = StepProbe::new(scheme, process, own.dim(), has_offset);
            for (i, step) in grid.iter().enumerate() {
                probe.run(&step)?;
                moments.advance(&probe)?;
                collected.push(observe(first, i + 1, &moments));
            }
        }
        Ok((moments, collected))
    };
    blocks.par_iter().map(run).collect()
}

/// A scheme without noise, run on particles that start at 1 and, when the score has an offset, 0.
struct StartPair<'a> {
    scheme: &'a dyn Scheme,
    process: ReverseProcess<'a>,
    state: State,
    work: Work,
}

impl<'a> StartPair<'a> {
    fn new(scheme: &'a dyn Scheme, process: ReverseProcess<'a>, columns: usize, has_offset: bool) -> Self {
        let rows = 1 + usize::from(has_offset);
        let mut x = Array2::zeros((rows, columns));
        x.row_mut(0).fill(1.0);
        StartPair { scheme, process, state: State::new(x, scheme), work: Work::new(rows, columns) }
    }

    fn run(&mut self, step: &Step) -> Result<()> {
        self.scheme.step(&self.process, step, &[], &mut self.state, &mut self.work)
    }

    fn write_to(&self, moments: &mut Moments) {
        let x = &self.state.x;
        let mut gain = moments.gain.row_mut(0);
        gain.assign(&x.row(0));
        if x.nrows() > 1 {
            gain -= &x.row(1);
            moments.offset.row_mut(0).assign(&x.row(1));
        }
    }
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
            for (i, mut values) in array.rows_mut().into_iter().enumerate() {
                values.fill(if i == row { 1.0 } else { 0.0 });
            }
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
    /// Covariance of the noise so far, entry (i, j) in row i (h + 1) + j.
    noise: Array2<f64>,
    /// Storage of the products with A; the last holds the covariance of the step before.
    vector: Array2<f64>,
    product: Array2<f64>,
    before: Array2<f64>,
}

impl Moments {
    fn new(scheme: &dyn Scheme, columns: usize) -> Self {
        let size = scheme.history() + 1;
        let vector = || Array2::zeros((size, columns));
        let matrix = || Array2::zeros((size * size, columns));
        let mut gain = vector();
        gain.row_mut(0).fill(1.0);
        Moments {
            gain,
            offset: vector(),
            noise: matrix(),
            vector: vector(),
            product: matrix(),
            before: matrix(),
        }
    }

    /// `gain ← A gain,  offset ← A offset + c,  noise ← A noise Aᵀ + B Bᵀ` for each column.
    fn advance(&mut self, probe: &StepProbe) -> Result<()> {
        if probe.has_offset {
            multiply(probe, &self.offset, &mut self.vector);
            let zero = probe.noise_row(probe.noise.len());
            for (i, mut row) in self.vector.rows_mut().into_iter().enumerate() {
                row += &probe.output(i).row(zero);
            }
            std::mem::swap(&mut self.offset, &mut self.vector);
        }
        if self.gain.nrows() == 1 {
            self.advance_alone(probe);
            return Ok(());
        }
        multiply(probe, &self.gain, &mut self.vector);
        std::mem::swap(&mut self.gain, &mut self.vector);
        self.advance_noise(probe)
    }

    /// A scheme without history: A and the covariance are one number a column.
    fn advance_alone(&mut self, probe: &StepProbe) {
        let output = probe.output(0);
        let (mut gain, mut noise) = (self.gain.row_mut(0), self.noise.row_mut(0));
        let first = output.row(probe.noise_row(0));
        Zip::from(&mut gain).and(&mut noise).and(output.row(0)).and(first).for_each(|gain, noise, &a, &b| {
            *gain *= a;
            *noise = a * a * *noise + b * b;
        });
        for k in 1..probe.noise.len() {
            Zip::from(&mut noise).and(output.row(probe.noise_row(k))).for_each(|noise, &b| *noise += b * b);
        }
    }

    /// The covariance of a scheme with history: A C, then the same map on its transposed entries.
    fn advance_noise(&mut self, probe: &StepProbe) -> Result<()> {
        let size = self.gain.nrows();
        multiply(probe, &self.noise, &mut self.product);
        std::mem::swap(&mut self.noise, &mut self.before);
        for (i, j) in (0..size).flat_map(|i| (0..size).map(move |j| (i, j))) {
            let mut entry = self.noise.row_mut(i * size + j);
            entry.fill(0.0);
            for l in 0..size {
                add_product(&mut entry, self.product.row(i * size + l), probe.output(j).row(l));
            }
            for k in (0..probe.noise.len()).map(|k| probe.noise_row(k)) {
                add_product(&mut entry, probe.output(i).row(k), probe.output(j).row(k));
            }
        }
        self.settle(probe)
    }

    /// The variance of x is a quadratic form that rounding can leave below zero, by a rounding
    /// error of its terms: such a variance is zero.
    fn settle(&mut self, probe: &StepProbe) -> Result<()> {
        let size = self.gain.nrows();
        let a = probe.output(0);
        for (column, variance) in self.noise.row_mut(0).iter_mut().enumerate().filter(|(_, v)| **v < 0.0) {
            let pairs = (0..size).flat_map(|j| (0..size).map(move |l| (j, l)));
            let term = |(j, l)| (a[[j, column]] * self.before[[j * size + l, column]] * a[[l, column]]).abs();
            if -*variance > 1e-12 * pairs.map(term).sum::<f64>() {
                return Err(Error::Numerical {
                    what: "the variance of a scheme's noise",
                    reason: format!("{} gave {variance:e}", probe.scheme.name()),
                });
            }
            *variance = 0.0;
        }
        Ok(())
    }
}

/// `out[i, l] = Σ_j A[i, j] x[j, l]` for each column, entry (i, l) in row i · width + l.
fn multiply(probe: &StepProbe, x: &Array2<f64>, out: &mut Array2<f64>) {
    let size = 1 + probe.state.history.len();
    let width = x.nrows() / size;
    for (row, mut entry) in out.rows_mut().into_iter().enumerate() {
        let (i, l) = (row / width, row % width);
        entry.fill(0.0);
        for j in 0..size {
            add_product(&mut entry, probe.output(i).row(j), x.row(j * width + l));
        }
    }
}

fn add_product(out: &mut ArrayViewMut1<f64>, x: ArrayView1<f64>, y: ArrayView1<f64>) {
    Zip::from(out).and(x).and(y).for_each(|out, &x, &y| *out += x * y);
}
