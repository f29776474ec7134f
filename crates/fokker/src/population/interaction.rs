//! Even radial functions of the difference of two particles, and their forces.

use crate::{Error, Result};
use fokker_linalg::matmul_into;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut3, Axis};
use rayon::prelude::*;
use std::fmt;
use std::str::FromStr;

/// Particles per task: its matrix of pairs stays small for any number of others.
const ROWS: usize = 64;

/// Most Gaussians: the narrowest is 2^14 times narrower than the widest.
const MOST: usize = 30;

/// Which functions of |x − y|: `radial:8`, `quadratic`, `quadratic+radial:8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairSpec {
    /// Number of Gaussians, each √2 narrower than the one before.
    pub gaussians: usize,
    /// Whether |z|²/2 is one of them.
    pub quadratic: bool,
}

impl PairSpec {
    /// The functions for distances of scale `scale`.
    ///
    /// # Errors
    /// A scale that is not positive and finite.
    pub fn build(&self, scale: f64) -> Result<PairFunctions> {
        PairFunctions::new(*self, scale)
    }
}

impl FromStr for PairSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::Name {
            what: "set of interactions",
            found: text.to_owned(),
            known: "radial:COUNT (1 to 30), quadratic, quadratic+radial:COUNT".to_owned(),
        };
        let mut spec = PairSpec { gaussians: 0, quadratic: false };
        for part in text.split('+') {
            match part.trim().split_once(':') {
                None if part.trim() == "quadratic" && !spec.quadratic => spec.quadratic = true,
                Some(("radial", count)) if spec.gaussians == 0 => {
                    let count = count.parse().ok().filter(|n| (1..=30).contains(n));
                    spec.gaussians = count.ok_or_else(unknown)?;
                }
                _ => return Err(unknown()),
            }
        }
        Ok(spec)
    }
}

impl fmt::Display for PairSpec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.quadratic, self.gaussians) {
            (true, 0) => f.write_str("quadratic"),
            (true, count) => write!(f, "quadratic+radial:{count}"),
            (false, count) => write!(f, "radial:{count}"),
        }
    }
}

/// Even functions of z = x − y, each a function of |z| alone.
///
/// ```text
/// ψ_0(z) = |z|²/2 (if asked for),    ψ_k(z) = exp(−2^k |z|²/(2b²)), k = 0, 1, …
/// forces F_k(x) = Σ_j w_j ∇ψ_k(x − y_j)
/// ```
///
/// Each Gaussian is the square of the one before: one exponential a pair serves them all. A force
/// on n particles by m others costs O(n m (d + 1) K) in matrix products and n m exponentials, in
/// blocks of 64 rows: memory O(m) a thread, never n m.
///
/// ```
/// use fokker::population::PairFunctions;
/// use ndarray::{array, Array3};
/// let functions = PairFunctions::new("quadratic".parse()?, 1.0)?;
/// let mut force = Array3::zeros((1, 1, 1));
/// let (y, w) = (array![[0.0], [4.0]], array![0.75, 0.25]);
/// functions.forces_into(array![[3.0]].view(), y.view(), w.view(), force.view_mut());
/// assert_eq!(force[[0, 0, 0]], 3.0 - 1.0); // x minus the mean
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairFunctions {
    spec: PairSpec,
    scale: f64,
}

impl PairFunctions {
    /// The functions with the widest Gaussian of bandwidth b = `scale`.
    ///
    /// # Errors
    /// No function, more than 30 Gaussians, or a scale that is not positive and finite.
    pub fn new(spec: PairSpec, scale: f64) -> Result<Self> {
        if spec.gaussians == 0 && !spec.quadratic {
            return Err(Error::Empty { name: "set of interactions" });
        }
        if spec.gaussians > MOST {
            let requirement = format!("at most {MOST}");
            let found = spec.gaussians as f64;
            return Err(Error::Argument { name: "number of radial interactions", requirement, found });
        }
        if !(scale > 0.0 && (scale * scale).is_normal()) {
            let requirement = "positive and finite".into();
            return Err(Error::Argument { name: "scale of the interaction", requirement, found: scale });
        }
        Ok(PairFunctions { spec, scale })
    }

    /// Which functions.
    pub fn spec(&self) -> PairSpec {
        self.spec
    }

    /// Bandwidth b of the widest Gaussian.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Number K of functions.
    pub fn len(&self) -> usize {
        self.spec.gaussians + usize::from(self.spec.quadratic)
    }

    /// Never: there is at least one function.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Values ψ_k at a distance r, `[K]`.
    pub fn values(&self, r: f64) -> Array1<f64> {
        let quadratic = self.spec.quadratic.then_some(0.5 * r * r);
        let gaussian = |k: usize| (-0.5 * (1u64 << k) as f64 * (r / self.scale).powi(2)).exp();
        quadratic.into_iter().chain((0..self.spec.gaussians).map(gaussian)).collect()
    }

    /// Forces on the particles `x` (`[n, d]`) by `y` (`[m, d]`, weights `[m]`), into `out`
    /// (`[n, d, K]`).
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn forces_into(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        weights: ArrayView1<f64>,
        mut out: ArrayViewMut3<f64>,
    ) {
        assert_eq!(out.dim(), (x.nrows(), x.ncols(), self.len()), "output shape differs");
        assert_eq!((y.nrows(), y.ncols()), (weights.len(), x.ncols()), "clouds do not fit");
        // About the centre of the others, so that x Σw − Σwy does not cancel far from the origin.
        let centre = weights.dot(&y) / weights.sum();
        let others = Others::new(&(&y - &centre), weights);
        let mut tasks: Vec<_> =
            out.axis_chunks_iter_mut(Axis(0), ROWS).zip(x.axis_chunks_iter(Axis(0), ROWS)).collect();
        tasks.par_iter_mut().for_each(|(out, x)| {
            let x = &*x - &centre;
            self.block(x.view(), &others, out);
        });
    }

    fn block(&self, x: ArrayView2<f64>, others: &Others, out: &mut ArrayViewMut3<f64>) {
        let (n, d) = x.dim();
        let first = usize::from(self.spec.quadratic);
        if self.spec.quadratic {
            let total: f64 = others.moments.column(d).sum();
            let mean = others.moments.sum_axis(Axis(0));
            for ((i, j), x) in x.indexed_iter() {
                out[[i, j, 0]] = total * x - mean[j];
            }
        }
        if self.spec.gaussians == 0 {
            return;
        }
        let mut pairs = Array2::zeros((n, others.columns.ncols()));
        for (x, row) in x.rows().into_iter().zip(pairs.rows_mut()) {
            others.gaussians_into(x, 1.0 / (self.scale * self.scale), row);
        }
        let mut sums = Array2::zeros((n, d + 1));
        for k in 0..self.spec.gaussians {
            if k > 0 {
                pairs.mapv_inplace(|e| e * e);
            }
            matmul_into(pairs.view(), others.moments.view(), sums.view_mut());
            // ∇ψ_k(z) = −(2^k/b²) ψ_k z
            let factor = -((1u64 << k) as f64) / (self.scale * self.scale);
            for ((i, j), x) in x.indexed_iter() {
                out[[i, j, first + k]] = factor * (sums[[i, d]] * x - sums[[i, j]]);
            }
        }
    }
}

/// The particles that exert a force.
struct Others {
    /// Their coordinates, `[d, m]`: loops run over particles.
    columns: Array2<f64>,
    /// w y and w side by side, `[m, d + 1]`.
    moments: Array2<f64>,
}

impl Others {
    fn new(y: &Array2<f64>, weights: ArrayView1<f64>) -> Self {
        let (m, d) = y.dim();
        let factor = |j: usize, k: usize| if k < d { y[[j, k]] } else { 1.0 };
        let moments = Array2::from_shape_fn((m, d + 1), |(j, k)| weights[j] * factor(j, k));
        Others { columns: y.t().as_standard_layout().into_owned(), moments }
    }

    /// exp(−|x − y_j|²/(2b²)) of one x and all others.
    fn gaussians_into(&self, x: ArrayView1<f64>, inverse_b2: f64, mut out: ArrayViewMut1<f64>) {
        out.fill(0.0);
        for (&x, y) in x.iter().zip(self.columns.rows()) {
            ndarray::Zip::from(&mut out).and(&y).for_each(|r2, y| *r2 += (x - y) * (x - y));
        }
        out.mapv_inplace(|r2| (-0.5 * inverse_b2 * r2).exp());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    #[test]
    fn forces_are_gradients_of_the_sums_of_values() {
        let functions = PairFunctions::new("quadratic+radial:5".parse().unwrap(), 1.3).unwrap();
        let y = Array2::from_shape_fn((150, 2), |(i, j)| ((7 * i + 3 * j) % 17) as f64 / 5.0 + 100.0);
        let w = Array1::from_shape_fn(150, |i| (1 + i % 3) as f64 / 300.0);
        let x = array![[100.3, 101.2], [102.0, 100.5], [101.0, 100.0]];
        let mut forces = Array3::zeros((3, 2, 6));
        functions.forces_into(x.view(), y.view(), w.view(), forces.view_mut());
        let value = |x: ArrayView1<f64>| {
            y.rows().into_iter().zip(&w).fold(Array1::zeros(6), |sum: Array1<f64>, (y, &w)| {
                sum + functions.values((&x - &y).mapv(|e| e * e).sum().sqrt()) * w
            })
        };
        let h = 1e-5;
        for i in 0..3 {
            for j in 0..2 {
                let moved = |h: f64| {
                    let mut x = x.row(i).to_owned();
                    x[j] += h;
                    value(x.view())
                };
                let slope = (moved(h) - moved(-h)) / (2.0 * h);
                for k in 0..6 {
                    assert!((slope[k] - forces[[i, j, k]]).abs() < 1e-8, "{i} {j} {k}");
                }
            }
        }
    }

    #[test]
    fn specifications_print_as_they_are_read() {
        for text in ["radial:8", "quadratic", "quadratic+radial:3"] {
            assert_eq!(text.parse::<PairSpec>().unwrap().to_string(), text);
        }
        for text in
            ["", "radial", "radial:0", "radial:31", "quadratic+quadratic", "radial:2+radial:3", "poly:2"]
        {
            assert!(text.parse::<PairSpec>().is_err(), "{text}");
        }
    }
}
