//! Displacement interpolation: clouds between two clouds, along a coupling.

use super::coupling::Coupling;
use super::exact::check_clouds;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2};

/// McCann's interpolation: every entry of the coupling moves in a straight line.
///
/// ```text
/// z_k = (1 − t) x_{source[k]} + t y_{target[k]},      mass_k,      k over the entries
/// ```
///
/// `x` is `[n, d]`, `y` is `[m, d]`; returns the points `[entries, d]` and their masses. At t = 0
/// and t = 1 they are the two clouds, bit for bit. Along an optimal coupling for the squared cost
/// W₂(z_s, z_t) = |t − s| W₂(x, y). O(entries · d).
///
/// # Errors
/// Clouds that do not fit the coupling, t outside [0, 1].
///
/// # Source
/// [peyre2019, ch. 7].
///
/// ```
/// use fokker::transport::{Cost, ExactOptions, displacement, exact};
/// use ndarray::array;
/// let (x, y) = (array![[0.0], [1.0]], array![[5.0], [4.0]]);
/// let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default())?;
/// let (z, mass) = displacement(x.view(), y.view(), &coupling, 0.25)?;
/// assert_eq!((z, mass), (array![[1.0], [2.0]], array![0.5, 0.5]));
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn displacement(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    coupling: &Coupling,
    t: f64,
) -> Result<(Array2<f64>, Array1<f64>)> {
    check_clouds(&x, &y)?;
    for (name, cloud, expected) in [("x", &x, coupling.shape.0), ("y", &y, coupling.shape.1)] {
        if cloud.nrows() != expected {
            return Err(Error::Size { name, expected, found: cloud.nrows() });
        }
    }
    if !(0.0..=1.0).contains(&t) {
        return Err(Error::Argument { name: "t", requirement: "in [0, 1]".into(), found: t });
    }
    let mut points = Array2::zeros((coupling.mass.len(), x.ncols()));
    let entries = coupling.source.iter().zip(&coupling.target);
    for (mut point, (&i, &j)) in points.rows_mut().into_iter().zip(entries) {
        for ((z, a), b) in point.iter_mut().zip(x.row(i)).zip(y.row(j)) {
            *z = (1.0 - t) * a + t * b;
        }
    }
    Ok((points, Array1::from(coupling.mass.clone())))
}
