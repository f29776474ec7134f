//! Random Fourier features.

use super::Basis;
use crate::{Error, Result};
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, ArrayViewMut3, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Waves `cos(ω_k·x + p_k)`.
///
/// With ω ~ N(0, I/b²) and uniform phases their span approaches the functions of a Gaussian
/// kernel of bandwidth b in any dimension \[rahimi2007\]. Cost O(n K d).
///
/// ```
/// use fokker::basis::{Basis, Fourier};
/// use ndarray::{array, Array2};
/// let basis = Fourier::new(array![[2.0]], array![0.5]).unwrap();
/// let mut laplacian = Array2::zeros((1, 1));
/// basis.laplacians_into(array![[1.0]].view(), laplacian.view_mut());
/// assert_eq!(laplacian[[0, 0]], -4.0 * 2.5f64.cos());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fourier {
    frequencies: Array2<f64>,
    phases: Array1<f64>,
}

impl Fourier {
    /// Waves with frequencies `[K, d]` and phases `[K]`.
    ///
    /// # Errors
    /// No coordinate, numbers that differ, entries that are not finite.
    pub fn new(frequencies: Array2<f64>, phases: Array1<f64>) -> Result<Self> {
        if frequencies.ncols() == 0 {
            return Err(Error::Empty { name: "dimension" });
        }
        if phases.len() != frequencies.nrows() {
            let (expected, found) = (frequencies.nrows(), phases.len());
            return Err(Error::Size { name: "phases", expected, found });
        }
        if let Some(((row, column), &value)) = frequencies.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "frequencies", index: vec![row, column], value });
        }
        if let Some((i, &value)) = phases.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "phases", index: vec![i], value });
        }
        Ok(Fourier { frequencies, phases })
    }

    /// `count` waves for the bandwidth b: ω ~ N(0, I/b²), p uniform on [0, 2π).
    ///
    /// # Errors
    /// No coordinate, a bandwidth that is not positive and finite.
    pub fn random(count: usize, dim: usize, bandwidth: f64, seed: u64) -> Result<Self> {
        if !(bandwidth > 0.0 && bandwidth.recip().is_finite()) {
            let requirement = "positive and finite".into();
            return Err(Error::Argument { name: "bandwidth", requirement, found: bandwidth });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let frequencies = Array2::from_shape_simple_fn((count, dim), || {
            Distribution::<f64>::sample(&StandardNormal, &mut rng) / bandwidth
        });
        let phases = Array1::from_shape_simple_fn(count, || std::f64::consts::TAU * rng.random::<f64>());
        Fourier::new(frequencies, phases)
    }

    /// Frequencies ω, `[K, d]`.
    pub fn frequencies(&self) -> &Array2<f64> {
        &self.frequencies
    }

    /// Phases p, `[K]`.
    pub fn phases(&self) -> &Array1<f64> {
        &self.phases
    }

    /// ω_k·x_i + p_k, `[n, K]`.
    fn angles(&self, x: ArrayView2<f64>) -> Array2<f64> {
        matmul(x, self.frequencies.t()) + &self.phases
    }
}

impl Basis for Fourier {
    fn dim(&self) -> usize {
        self.frequencies.ncols()
    }

    fn len(&self) -> usize {
        self.frequencies.nrows()
    }

    fn values_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        out.assign(&self.angles(x).mapv_into(f64::cos));
    }

    fn gradients_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut3<f64>) {
        let slopes = self.angles(x).mapv_into(|angle| -angle.sin());
        for (mut point, slopes) in out.outer_iter_mut().zip(slopes.rows()) {
            for (mut row, frequency) in point.rows_mut().into_iter().zip(self.frequencies.columns()) {
                ndarray::Zip::from(&mut row).and(&slopes).and(&frequency).for_each(|g, s, w| *g = s * w);
            }
        }
    }

    fn laplacians_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        let squares = self.frequencies.map_axis(Axis(1), |w| w.dot(&w));
        out.assign(&(self.angles(x).mapv_into(|angle| -angle.cos()) * squares));
    }
}
