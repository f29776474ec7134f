//! C of the quadratic form in features: as a dense matrix, or by its entries when they are few.

use super::score::LANES;
use fokker_linalg::matmul_accumulate;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

/// Multiples of a dense entry that a sparse one costs.
const SPARSE_COST: usize = 12;

/// How C is held: symmetric `[features, features]`, one coefficient for each pair of features.
#[derive(Debug, Clone)]
pub(super) enum Layout {
    /// Row, column and function of every pair.
    Dense { size: usize, pairs: Vec<(u32, u32, u32)> },
    /// Row pointers, columns, and the function whose coefficient each entry is.
    Sparse { pointers: Vec<usize>, entries: Vec<(u32, u32)> },
}

/// C at one time.
#[derive(Debug, Clone)]
pub(super) enum Coupling {
    Dense(Array2<f64>),
    /// Values of the entries of the layout.
    Sparse(Vec<f64>),
}

impl Layout {
    /// For pairs (function, row, column) of `size` features.
    pub fn new<I: Iterator<Item = (usize, usize, usize)>>(size: usize, pairs: impl Fn() -> I) -> Self {
        // Each pair is two entries.
        if 2 * SPARSE_COST * pairs().count() > size * size {
            return Layout::Dense {
                size,
                pairs: pairs().map(|(n, i, j)| (i as u32, j as u32, n as u32)).collect(),
            };
        }
        let mut entries: Vec<(usize, u32, u32)> =
            pairs().flat_map(|(n, i, j)| [(i, j as u32, n as u32), (j, i as u32, n as u32)]).collect();
        entries.sort_unstable();
        let mut pointers = vec![0; size + 1];
        entries.iter().for_each(|&(row, _, _)| pointers[row + 1] += 1);
        (0..size).for_each(|row| pointers[row + 1] += pointers[row]);
        Layout::Sparse { pointers, entries: entries.into_iter().map(|(_, c, n)| (c, n)).collect() }
    }

    /// C for the coefficients c of all functions.
    pub fn fill(&self, c: &[f64]) -> Coupling {
        match self {
            Layout::Dense { size, pairs } => {
                let mut dense = Array2::zeros((*size, *size));
                for &(i, j, n) in pairs {
                    dense[[i as usize, j as usize]] = c[n as usize];
                    dense[[j as usize, i as usize]] = c[n as usize];
                }
                Coupling::Dense(dense)
            }
            Layout::Sparse { entries, .. } => {
                Coupling::Sparse(entries.iter().map(|&(_, n)| c[n as usize]).collect())
            }
        }
    }

    /// `H = c₁ + CF` for the features `[size, LANES]` of a block of particles.
    pub fn couple(&self, linear: &[f64], c: &Coupling, features: &[f64], h: &mut [f64]) {
        match (self, c) {
            (Layout::Sparse { pointers, entries }, Coupling::Sparse(c)) => {
                for (row, h) in h.chunks_exact_mut(LANES).enumerate() {
                    let range = pointers[row]..pointers[row + 1];
                    sparse_row(linear[row], &entries[range.clone()], &c[range], features, h);
                }
            }
            (_, Coupling::Dense(dense)) => {
                for (h, &linear) in h.chunks_exact_mut(LANES).zip(linear) {
                    h.fill(linear);
                }
                let size = linear.len();
                let features = ArrayView2::from_shape((size, LANES), features).expect("rows of lanes");
                let h = ArrayViewMut2::from_shape((size, LANES), h).expect("rows of lanes");
                matmul_accumulate(dense.view(), features, h);
            }
            (Layout::Dense { .. }, Coupling::Sparse(_)) => unreachable!("filled by this layout"),
        }
    }
}

/// One row of H, eight lanes at a time so that the sums stay in registers.
fn sparse_row(linear: f64, entries: &[(u32, u32)], c: &[f64], values: &[f64], h: &mut [f64]) {
    for (group, h) in h.chunks_exact_mut(8).enumerate() {
        let mut sums = [linear; 8];
        for (&(column, _), &c) in entries.iter().zip(c) {
            let from = column as usize * LANES + group * 8;
            for (sum, value) in sums.iter_mut().zip(&values[from..from + 8]) {
                *sum += c * value;
            }
        }
        h.copy_from_slice(&sums);
    }
}
