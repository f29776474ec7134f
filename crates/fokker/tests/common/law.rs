//! Random laws and matrices for tests, from addressed noise.

use fokker::sampling::Noise;
use fokker_linalg::eigh;
use ndarray::{Array1, Array2, Axis, Slice};

/// Standard normals `[n, d]`, n at most 256.
pub fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut out = vec![Array2::zeros((fokker::sampling::BLOCK, d))];
    Noise { seed }.fill(0, 0, &mut out);
    out[0].slice_axis(Axis(0), Slice::from(..n)).to_owned()
}

/// A rotation `[d, d]`: the eigenvectors of a random symmetric matrix.
pub fn rotation(d: usize, seed: u64) -> Array2<f64> {
    let x = normals(d, d, seed);
    eigh((&x + &x.t()).view()).unwrap().vectors
}

/// `Q diag(values) Qᵀ`.
pub fn covariance(rotation: &Array2<f64>, values: &Array1<f64>) -> Array2<f64> {
    (rotation * values).dot(&rotation.t())
}
