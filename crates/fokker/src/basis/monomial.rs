//! Monomials of several variables.

use super::Basis;
use crate::{Error, Result};
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, ArrayViewMut3};

/// Monomials `Π_j x_j^{e_j}` given by their exponents.
///
/// Values, gradients and Laplacians cost O(n K m d), m the number of variables of a monomial.
///
/// ```
/// use fokker::basis::{Basis, Monomials};
/// use ndarray::{array, Array2};
/// let basis = Monomials::total_degree(2, 2).unwrap();
/// let mut values = Array2::zeros((1, basis.len()));
/// basis.values_into(array![[2.0, 3.0]].view(), values.view_mut());
/// assert_eq!(values, array![[2.0, 3.0, 4.0, 6.0, 9.0]]); // x, y, x², xy, y²
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Monomials {
    dim: usize,
    /// Of every monomial, its variables with positive exponents.
    factors: Vec<Vec<(usize, u32)>>,
    highest: u32,
}

impl Monomials {
    /// Monomials with the given exponents, one list of d exponents each.
    ///
    /// # Errors
    /// No variable, or lists of another length than d.
    pub fn new(dim: usize, exponents: &[Vec<u32>]) -> Result<Self> {
        if dim == 0 {
            return Err(Error::Empty { name: "dimension" });
        }
        if let Some(wrong) = exponents.iter().find(|e| e.len() != dim) {
            return Err(Error::Size { name: "exponents", expected: dim, found: wrong.len() });
        }
        let sparse = |e: &Vec<u32>| e.iter().copied().enumerate().filter(|&(_, e)| e > 0).collect();
        let highest = exponents.iter().flatten().copied().max().unwrap_or(0);
        Ok(Monomials { dim, factors: exponents.iter().map(sparse).collect(), highest })
    }

    /// All monomials of total degree 1 to `degree`, by degree.
    ///
    /// # Errors
    /// No variable, or more than [`MOST_FUNCTIONS`](super::MOST_FUNCTIONS) monomials.
    pub fn total_degree(dim: usize, degree: u32) -> Result<Self> {
        // C(dim + degree, degree) − 1, in floating point because it may be huge.
        let count = (1..=degree).fold(1.0, |c, k| c * (dim as f64 + f64::from(k)) / f64::from(k)) - 1.0;
        super::check_count("monomials", count)?;
        let mut exponents = Vec::new();
        for total in 1..=degree {
            append_degree(&mut vec![0; dim], 0, total, &mut exponents);
        }
        Monomials::new(dim, &exponents)
    }

    /// All monomials whose every exponent is at most `degree`, without the constant.
    ///
    /// # Errors
    /// No variable, or more than [`MOST_FUNCTIONS`](super::MOST_FUNCTIONS) monomials.
    pub fn tensor_degree(dim: usize, degree: u32) -> Result<Self> {
        super::check_count("monomials", (f64::from(degree) + 1.0).powi(dim as i32) - 1.0)?;
        let base = degree as usize + 1;
        let digits = |k: usize| (0..dim).rev().map(|j| (k / base.pow(j as u32) % base) as u32).collect();
        let exponents: Vec<Vec<u32>> = (1..base.pow(dim as u32)).map(digits).collect();
        Monomials::new(dim, &exponents)
    }

    /// Exponents, one list of d each.
    pub fn exponents(&self) -> Vec<Vec<u32>> {
        let dense = |factors: &Vec<(usize, u32)>| {
            let mut exponents = vec![0; self.dim];
            factors.iter().for_each(|&(j, e)| exponents[j] = e);
            exponents
        };
        self.factors.iter().map(dense).collect()
    }

    /// Powers x_j^e at `[j · (highest + 1) + e]`.
    fn powers_into(&self, x: ArrayView1<f64>, powers: &mut [f64]) {
        let stride = self.highest as usize + 1;
        for (row, &x) in powers.chunks_exact_mut(stride).zip(x) {
            let mut power = 1.0;
            for slot in row {
                *slot = power;
                power *= x;
            }
        }
    }

    /// Calls `each` with every row of x, its index and its powers.
    fn for_rows(&self, x: ArrayView2<f64>, mut each: impl FnMut(usize, &dyn Fn(usize, u32) -> f64)) {
        let stride = self.highest as usize + 1;
        let mut powers = vec![0.0; self.dim * stride];
        for (i, row) in x.rows().into_iter().enumerate() {
            self.powers_into(row, &mut powers);
            each(i, &|j, e| powers[j * stride + e as usize]);
        }
    }
}

/// Product of the powers of all factors but the one at `skip`.
fn others(factors: &[(usize, u32)], skip: usize, power: &dyn Fn(usize, u32) -> f64) -> f64 {
    let rest = factors.iter().enumerate().filter(|&(i, _)| i != skip);
    rest.map(|(_, &(j, e))| power(j, e)).product()
}

fn append_degree(exponents: &mut Vec<u32>, j: usize, rest: u32, out: &mut Vec<Vec<u32>>) {
    if j + 1 == exponents.len() {
        exponents[j] = rest;
        out.push(exponents.clone());
        exponents[j] = 0;
        return;
    }
    for e in (0..=rest).rev() {
        exponents[j] = e;
        append_degree(exponents, j + 1, rest - e, out);
    }
    exponents[j] = 0;
}

impl Basis for Monomials {
    fn dim(&self) -> usize {
        self.dim
    }

    fn len(&self) -> usize {
        self.factors.len()
    }

    fn values_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        self.for_rows(x, |i, power| {
            for (slot, factors) in out.row_mut(i).iter_mut().zip(&self.factors) {
                *slot = factors.iter().map(|&(j, e)| power(j, e)).product();
            }
        });
    }

    fn gradients_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut3<f64>) {
        out.fill(0.0);
        self.for_rows(x, |i, power| {
            for (k, factors) in self.factors.iter().enumerate() {
                for (position, &(j, e)) in factors.iter().enumerate() {
                    out[[i, j, k]] = f64::from(e) * power(j, e - 1) * others(factors, position, power);
                }
            }
        });
    }

    fn laplacians_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        self.for_rows(x, |i, power| {
            for (slot, factors) in out.row_mut(i).iter_mut().zip(&self.factors) {
                let curved = factors.iter().enumerate().filter(|(_, (_, e))| *e > 1);
                *slot = curved
                    .map(|(position, &(j, e))| {
                        f64::from(e * (e - 1)) * power(j, e - 2) * others(factors, position, power)
                    })
                    .sum();
            }
        });
    }
}
