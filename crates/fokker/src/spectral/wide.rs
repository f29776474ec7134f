//! The normal law that stands for rows beyond the walls of cosines.

use super::coordinates::Frame;
use ndarray::ArrayView1;
use std::f64::consts::PI;

/// A normal law of independent columns.
pub(super) struct Wide {
    /// Column, mean, deviation.
    columns: Vec<(usize, f64, f64)>,
}

impl Wide {
    /// `log N(x)` of a row over its free columns.
    pub fn log_density(&self, x: ArrayView1<f64>) -> f64 {
        let term = |&(column, mean, deviation): &(usize, f64, f64)| {
            let z = (x[column] - mean) / deviation;
            -0.5 * (z * z + (2.0 * PI).ln()) - deviation.ln()
        };
        self.columns.iter().map(term).sum()
    }
}

impl Frame {
    /// The normal law that stands for rows beyond the walls of cosines.
    pub fn wide(&self) -> Wide {
        let ends = |i: usize| [0.01, 0.99].map(|level| self.map(i).inverse(PI * level));
        let of = |i: usize| {
            let [low, high] = ends(i);
            (self.free[i], low + 0.5 * (high - low), 0.5 * (high - low))
        };
        Wide { columns: (0..self.dim()).map(of).collect() }
    }
}
