//! Energies of one point, evaluated at every row of an array.

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// An energy by its value and gradient at one point, as slices: views of short rows would take most
/// of the time.
pub(super) trait PointEnergy {
    /// Refuses a number of coordinates for which the energy is not defined; zero always is one.
    fn check_columns(&self, columns: usize) -> Result<()>;

    /// V(x).
    fn value(&self, x: &[f64]) -> f64;

    /// Writes ∇V(x) into `out`, as long as `x`.
    fn gradient(&self, x: &[f64], out: &mut [f64]);
}

/// Writes V of every row of `x` `[n, d]` into `out` `[n]`.
pub(super) fn value_into(
    energy: &impl PointEnergy,
    x: ArrayView2<f64>,
    mut out: ArrayViewMut1<f64>,
) -> Result<()> {
    energy.check_columns(x.ncols())?;
    check_size("rows of out", x.nrows(), out.len())?;
    let x = x.as_standard_layout();
    let rows = x.as_slice().expect("standard layout").chunks_exact(x.ncols());
    rows.zip(&mut out).for_each(|(row, out)| *out = energy.value(row));
    Ok(())
}

/// V of every row of `x` `[n, d]`, `[n]`.
pub(super) fn values(energy: &impl PointEnergy, x: ArrayView2<f64>) -> Result<Array1<f64>> {
    let mut out = Array1::zeros(x.nrows());
    value_into(energy, x, out.view_mut())?;
    Ok(out)
}

/// Writes ∇V of every row of `x` `[n, d]` into `out` `[n, d]`.
pub(super) fn gradient_into(
    energy: &impl PointEnergy,
    x: ArrayView2<f64>,
    mut out: ArrayViewMut2<f64>,
) -> Result<()> {
    energy.check_columns(x.ncols())?;
    check_size("rows of out", x.nrows(), out.nrows())?;
    check_size("columns of out", x.ncols(), out.ncols())?;
    let x = x.as_standard_layout();
    let rows = x.as_slice().expect("standard layout").chunks_exact(x.ncols());
    if let Some(out) = out.as_slice_mut() {
        rows.zip(out.chunks_exact_mut(x.ncols())).for_each(|(row, out)| energy.gradient(row, out));
        return Ok(());
    }
    let mut gradient = vec![0.0; x.ncols()];
    for (row, mut out) in rows.zip(out.rows_mut()) {
        energy.gradient(row, &mut gradient);
        out.iter_mut().zip(&gradient).for_each(|(out, &g)| *out = g);
    }
    Ok(())
}

/// ∇V of every row of `x` `[n, d]`, `[n, d]`.
pub(super) fn gradients(energy: &impl PointEnergy, x: ArrayView2<f64>) -> Result<Array2<f64>> {
    let mut out = Array2::zeros(x.dim());
    gradient_into(energy, x, out.view_mut())?;
    Ok(out)
}

/// Refuses a size that is not the expected one.
pub(super) fn check_size(name: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Size { name, expected, found }) }
}
