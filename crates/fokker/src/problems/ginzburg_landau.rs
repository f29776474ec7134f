//! The Ginzburg–Landau energy of chains and lattices.

use super::rows::{self, PointEnergy};
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// λ of the energy.
const LAMBDA: f64 = 0.03;
/// The temperature that the energy is divided by.
const TEMPERATURE: f64 = 8.0;

/// The discretised Ginzburg–Landau energy V(x) of a field on a chain or a lattice, p ∝ e^{−V}.
///
/// ```text
/// V(x) = 1/8 ( Σ_bonds (λ/2) ((x_a − x_b)/h)² + Σ_sites (1 − x²)²/(4λ) )          λ = 0.03
/// ```
///
/// Bonds join neighbours, and the sites at the border to zeros outside. Along an axis of m sites
/// h = 1/(m + 1). Sites are numbered row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GinzburgLandau {
    rows: usize,
    columns: usize,
    /// Strength of a bond between rows: a term (x_a − x_b)² times this.
    pub(super) vertical: f64,
    /// Strength of a bond between columns.
    pub(super) horizontal: f64,
    /// Strength of the double well: a term (1 − x²)² times this.
    pub(super) well: f64,
}

impl GinzburgLandau {
    /// A chain of `sites`: the bonds of one row only.
    pub(super) fn chain(sites: usize) -> Result<Self> {
        Ok(GinzburgLandau { vertical: 0.0, ..GinzburgLandau::lattice(1, sites)? })
    }

    pub(super) fn lattice(rows: usize, columns: usize) -> Result<Self> {
        for (name, extent) in [("rows", rows), ("columns", columns)] {
            if extent == 0 || extent > 4096 {
                let requirement = "from 1 to 4096".into();
                return Err(Error::Argument { name, requirement, found: extent as f64 });
            }
        }
        let bond = |sites: usize| LAMBDA * ((sites + 1) as f64).powi(2) / (2.0 * TEMPERATURE);
        let well = 1.0 / (4.0 * LAMBDA * TEMPERATURE);
        Ok(GinzburgLandau { rows, columns, vertical: bond(rows), horizontal: bond(columns), well })
    }

    /// Number d of sites.
    pub fn dim(&self) -> usize {
        self.rows * self.columns
    }

    /// Writes V of every row of `x` `[n, d]` into `out` `[n]`, O(n d).
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn value_into(&self, x: ArrayView2<f64>, out: ArrayViewMut1<f64>) -> Result<()> {
        rows::value_into(self, x, out)
    }

    /// V of every row of `x` `[n, d]`, `[n]`.
    ///
    /// # Errors
    /// Another number of columns.
    pub fn values(&self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        rows::values(self, x)
    }

    /// Writes ∇V of every row of `x` `[n, d]` into `out` `[n, d]`, O(n d).
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn gradient_into(&self, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        rows::gradient_into(self, x, out)
    }

    /// ∇V of every row of `x` `[n, d]`, `[n, d]`.
    ///
    /// # Errors
    /// Another number of columns.
    pub fn gradients(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        rows::gradients(self, x)
    }
}

impl PointEnergy for GinzburgLandau {
    fn check_columns(&self, columns: usize) -> Result<()> {
        rows::check_size("columns", self.dim(), columns)
    }

    fn value(&self, x: &[f64]) -> f64 {
        let wells: f64 = x.iter().map(|x| (1.0 - x * x).powi(2)).sum();
        let mut across = 0.0;
        for row in x.chunks_exact(self.columns) {
            let inner: f64 = row.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum();
            across += inner + row[0].powi(2) + row[self.columns - 1].powi(2);
        }
        let last = x.len() - self.columns;
        let inner: f64 = x.iter().zip(&x[self.columns..]).map(|(a, b)| (b - a).powi(2)).sum();
        let border: f64 = x[..self.columns].iter().chain(&x[last..]).map(|x| x * x).sum();
        self.well * wells + self.horizontal * across + self.vertical * (inner + border)
    }

    fn gradient(&self, x: &[f64], out: &mut [f64]) {
        let bonds = 4.0 * (self.vertical + self.horizontal);
        for (x, out) in x.iter().zip(out.iter_mut()) {
            *out = (bonds - 4.0 * self.well * (1.0 - x * x)) * x;
        }
        for (x, out) in x.chunks_exact(self.columns).zip(out.chunks_exact_mut(self.columns)) {
            for j in 1..self.columns {
                out[j] -= 2.0 * self.horizontal * x[j - 1];
                out[j - 1] -= 2.0 * self.horizontal * x[j];
            }
        }
        for i in self.columns..x.len() {
            out[i] -= 2.0 * self.vertical * x[i - self.columns];
            out[i - self.columns] -= 2.0 * self.vertical * x[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_energy_by_hand() {
        // h = 1/3: 1/8 (0.135 (1 + 1 + 4) + (0 + 9)/0.12).
        let chain = GinzburgLandau::chain(2).unwrap();
        let value = chain.values(array![[1.0, 2.0]].view()).unwrap()[0];
        assert!((value - (0.135 * 6.0 + 75.0) / 8.0).abs() < 1e-12);
        // Two more bonds of each site to the border, with h = 1/2 across.
        let strip = GinzburgLandau::lattice(1, 2).unwrap();
        let more = strip.values(array![[1.0, 2.0]].view()).unwrap()[0] - value;
        assert!((more - 0.06 * 2.0 * 5.0 / 8.0).abs() < 1e-12);
        // [[1, 0], [0, 2]]: along each axis the squares 1 + 1 + 4 + 4 on bonds with h = 1/3.
        let square = GinzburgLandau::lattice(2, 2).unwrap();
        let value = square.values(array![[1.0, 0.0, 0.0, 2.0]].view()).unwrap()[0];
        assert!((value - (0.135 * 20.0 + (1.0 + 1.0 + 9.0) / 0.12) / 8.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        for (rows, columns) in [(1, 1), (1, 5), (4, 1), (3, 4)] {
            for energy in [GinzburgLandau::lattice(rows, columns), GinzburgLandau::chain(rows * columns)] {
                let energy = energy.unwrap();
                let d = rows * columns;
                let x = Array2::from_shape_fn((7, d), |(i, j)| ((i * 5 + j * 3) % 7) as f64 * 0.4 - 1.2);
                let gradient = energy.gradients(x.view()).unwrap();
                for j in 0..d {
                    let at = |h: f64| {
                        let mut moved = x.clone();
                        moved.column_mut(j).mapv_inplace(|value| value + h);
                        energy.values(moved.view()).unwrap()
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!((slope - gradient.column(j)).iter().all(|e| e.abs() < 1e-8));
                }
            }
        }
        assert!(GinzburgLandau::chain(0).is_err() && GinzburgLandau::lattice(3, 5000).is_err());
        assert!(GinzburgLandau::chain(3).unwrap().values(Array2::zeros((2, 4)).view()).is_err());
    }
}
