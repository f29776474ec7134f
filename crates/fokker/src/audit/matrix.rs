//! The probe with full matrices: any affine score, whatever its axes.

use crate::process::Grid;
use crate::sampling::{ReverseProcess, Scheme, State, Work};
use crate::{Error, Result};
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, ArrayViewMut2, Axis, Slice};

/// What a sampler with an affine score does: `y_N = G y_0 + o + N(0, C)`.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixPropagation {
    /// G, `[d, d]`.
    pub gain: Array2<f64>,
    /// o, `[d]`.
    pub offset: Array1<f64>,
    /// C, `[d, d]`.
    pub covariance: Array2<f64>,
}

/// Runs a scheme down a grid with any affine score, from its code alone.
///
/// ```text
/// each step   (x, history) ← (x, history) A + c + z B          rows are particles
/// so          gain ← gain A,   offset ← offset A + c,   C ← Aᵀ C A + BᵀB
/// ```
///
/// A, B and c are the step's answers to unit vectors, d of each kind, and to zero. Cost
/// O((1 + h)³ d³) a step for h history arrays. Scores that are Gaussian are cheaper by
/// [`Audit::with_score`](super::Audit::with_score).
///
/// # Errors
/// A step for which the scheme or the score is not defined, or that is not affine: each step is
/// also tried on a vector that is none of the units and must agree to 1e-8.
pub fn propagate_matrix(
    scheme: &dyn Scheme,
    grid: &Grid,
    process: &ReverseProcess,
) -> Result<MatrixPropagation> {
    let dim = process.score.dim();
    let size = (1 + scheme.history()) * dim;
    let inputs = size + scheme.noises() * dim;
    // Rows: the unit states, the unit noises, zero, and the vector that checks.
    let rows = inputs + 2;
    let mut noise = vec![Array2::zeros((rows, dim)); scheme.noises()];
    for (k, array) in noise.iter_mut().enumerate() {
        set_units(array.view_mut(), size + k * dim);
    }
    let check = Array1::from_shape_fn(dim, |i| 1.0 + (1.7 * i as f64).sin());
    let mut state = State::new(Array2::zeros((rows, dim)), scheme);
    let mut work = Work::new(rows, dim);
    let mut gain = Array2::zeros((dim, size));
    set_units(gain.view_mut(), 0);
    let mut offset = Array2::zeros((1, size));
    let mut covariance = Array2::zeros((size, size));
    for step in grid.iter() {
        for (k, array) in std::iter::once(&mut state.x).chain(&mut state.history).enumerate() {
            array.fill(0.0);
            set_units(array.view_mut(), k * dim);
        }
        state.x.row_mut(rows - 1).assign(&check);
        scheme.step(process, &step, &noise, &mut state, &mut work)?;

        let outputs: Vec<_> = std::iter::once(&state.x).chain(&state.history).map(|a| a.view()).collect();
        let all = ndarray::concatenate(Axis(1), &outputs).expect("arrays of one shape");
        let part = |from: usize, to: usize| all.slice_axis(Axis(0), Slice::from(from..to));
        let zero = part(inputs, inputs + 1).to_owned();
        let states = &part(0, size) - &zero;
        let noises = &part(size, inputs) - &zero;
        check_affine(&states, &(&part(rows - 1, rows) - &zero), &check)?;

        gain = matmul(gain.view(), states.view());
        offset = matmul(offset.view(), states.view()) + &zero;
        let carried = matmul(covariance.view(), states.view());
        covariance = matmul(states.t(), carried.view()) + &matmul(noises.t(), noises.view());
    }
    let first = Slice::from(0..dim);
    Ok(MatrixPropagation {
        gain: gain.slice_axis(Axis(1), first).t().to_owned(),
        offset: offset.row(0).slice_axis(Axis(0), first).to_owned(),
        covariance: covariance.slice_axis(Axis(0), first).slice_axis(Axis(1), first).to_owned(),
    })
}

/// Writes the identity into the rows from `first` on.
fn set_units(mut array: ArrayViewMut2<f64>, first: usize) {
    for i in 0..array.ncols().min(array.nrows()) {
        array[[first + i, i]] = 1.0;
    }
}

/// The answer to the check vector must be the combination of the answers to the units.
fn check_affine(states: &Array2<f64>, answer: &Array2<f64>, check: &Array1<f64>) -> Result<()> {
    let units = states.slice_axis(Axis(0), Slice::from(0..check.len()));
    let combined = check.dot(&units);
    let size = units.iter().chain(answer).fold(0.0, |m: f64, x| m.max(x.abs()));
    let gap = (&answer.row(0) - &combined).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    if gap <= 1e-8 * size * check.len() as f64 {
        return Ok(());
    }
    Err(Error::Undefined {
        what: "the exact law of the sampler",
        reason: format!("the score or the scheme is not affine (a step is off by {gap:.2e})"),
        remedy: "audit its best affine part",
    })
}
