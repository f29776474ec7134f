//! Density, responsibilities and score of mixtures of Gaussians, noised or not.

use super::GaussianMixture;
use crate::{Error, Result, in_parallel};
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip};
use rayon::prelude::*;
use std::f64::consts::TAU;

/// Rows per parallel task; fixed, so the thread count cannot change a bit.
const BLOCK: usize = 256;

/// The density of αX + √v Z for X of a mixture and Z ~ N(0, I).
///
/// Every logarithm stays one: no dimension and no small determinant underflows.
pub(crate) struct Kernel<'a> {
    components: Vec<Component<'a>>,
}

struct Component<'a> {
    centre: Array1<f64>,
    vectors: Option<&'a Array2<f64>>,
    /// 1/(α² λ + v)
    precision: Array1<f64>,
    /// ln w − ½ Σ ln(α² λ + v) − ½ d ln 2π
    constant: f64,
}

impl<'a> Kernel<'a> {
    /// # Errors
    /// A component without density: v = 0 and a singular covariance.
    pub(crate) fn new(mixture: &'a GaussianMixture, alpha: f64, variance: f64) -> Result<Self> {
        let build = |(k, (&weight, law)): (usize, (&f64, &'a super::Gaussian))| {
            let noised = law.values().mapv(|value| alpha * alpha * value + variance);
            if noised.iter().any(|&value| value == 0.0) {
                return Err(Error::Undefined {
                    what: "the density",
                    reason: format!("the covariance of component {k} is singular"),
                    remedy: "drop columns that depend on others, or fit with a larger ridge",
                });
            }
            let logs: f64 = noised.iter().map(|value| (value * TAU).ln()).sum();
            Ok(Component {
                centre: law.mean() * alpha,
                vectors: law.vectors(),
                precision: noised.mapv_into(f64::recip),
                constant: weight.ln() - 0.5 * logs,
            })
        };
        let pairs = mixture.weights.iter().zip(&mixture.components);
        Ok(Kernel { components: pairs.enumerate().map(build).collect::<Result<_>>()? })
    }

    /// Log-densities of rows `[b, d]`; `shares` `[b, K]` receives the responsibilities.
    ///
    /// # Errors
    /// A row (counted from `first`) so far away that no component has a density there.
    pub(crate) fn log_density_into(
        &self,
        x: ArrayView2<f64>,
        first: usize,
        mut shares: ArrayViewMut2<f64>,
        mut out: ArrayViewMut1<f64>,
    ) -> Result<()> {
        for (component, logs) in self.components.iter().zip(shares.columns_mut()) {
            component.logs_into(x, logs);
        }
        for (i, (mut row, out)) in shares.rows_mut().into_iter().zip(&mut out).enumerate() {
            let largest = row.iter().fold(f64::NEG_INFINITY, |m: f64, &l| m.max(l));
            if !largest.is_finite() || row.iter().any(|log| log.is_nan()) {
                return Err(Error::Undefined {
                    what: "the density of the mixture",
                    reason: format!("row {} is not finite or too far from every component", first + i),
                    remedy: "remove that row",
                });
            }
            // Subnormal results take fifty times as long, and are nothing beside 1.
            row.mapv_inplace(|log| if log - largest < -700.0 { 0.0 } else { (log - largest).exp() });
            let total = row.sum();
            row /= total;
            *out = largest + total.ln();
        }
        Ok(())
    }

    /// Scores of rows `[b, d]` with the given responsibilities `[b, K]`.
    pub(crate) fn score_into(
        &self,
        x: ArrayView2<f64>,
        shares: ArrayView2<f64>,
        mut out: ArrayViewMut2<f64>,
    ) {
        out.fill(0.0);
        for (component, shares) in self.components.iter().zip(shares.columns()) {
            let mut own = component.own(x);
            for (mut row, share) in own.rows_mut().into_iter().zip(shares) {
                Zip::from(&mut row).and(&component.precision).for_each(|y, p| *y *= -share * p);
            }
            match component.vectors {
                None => out += &own,
                Some(vectors) => out += &matmul(own.view(), vectors.t()),
            }
        }
    }
}

impl Component<'_> {
    /// Rows relative to the centre, in the axes of the component, row-major.
    fn own(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let mut centred = x.as_standard_layout().into_owned();
        let centre = self.centre.as_slice().expect("a new array is contiguous");
        for row in centred.as_slice_mut().expect("row-major").chunks_exact_mut(centre.len()) {
            row.iter_mut().zip(centre).for_each(|(x, m)| *x -= m);
        }
        match self.vectors {
            None => centred,
            Some(vectors) => matmul(centred.view(), vectors.view()),
        }
    }

    fn logs_into(&self, x: ArrayView2<f64>, mut logs: ArrayViewMut1<f64>) {
        // Slices, not views of rows: with few columns the views would take most of the time.
        let own = self.own(x);
        let own = own.as_slice().expect("a new array is contiguous");
        let precision = self.precision.as_slice().expect("a new array is contiguous");
        for (row, log) in own.chunks_exact(precision.len()).zip(&mut logs) {
            let quadratic: f64 = row.iter().zip(precision).map(|(y, p)| y * y * p).sum();
            *log = self.constant - 0.5 * quadratic;
        }
    }
}

impl GaussianMixture {
    /// Writes the log-density of every row of `x` `[n, d]` into `out` `[n]`.
    ///
    /// ```text
    /// log ρ(x) = log Σ_k exp(ln w_k − ½ Σ_j (ln 2πλ_kj + (v_kj·(x − m_k))²/λ_kj))
    /// ```
    ///
    /// with the largest exponent taken out of the sum, so that nothing underflows in any
    /// dimension. O(n K d²), O(n K d) for components in their own coordinates.
    ///
    /// # Errors
    /// Sizes that do not fit, a singular component, or a row that is not finite or beyond 1e150
    /// standard deviations of every component.
    pub fn log_density_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut1<f64>) -> Result<()> {
        self.check(&x, out.len())?;
        let kernel = Kernel::new(self, 1.0, 0.0)?;
        let rows = in_parallel(x.axis_chunks_iter(Axis(0), BLOCK));
        let blocks = in_parallel(out.axis_chunks_iter_mut(Axis(0), BLOCK));
        blocks.zip(rows).enumerate().try_for_each(|(block, (out, x))| {
            let mut shares = Array2::zeros((x.nrows(), self.components.len()));
            kernel.log_density_into(x, block * BLOCK, shares.view_mut(), out)
        })
    }

    /// The log-density of every row of `x` `[n, d]`, see [`GaussianMixture::log_density_into`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use fokker::statistics::{Gaussian, GaussianMixture};
    /// use ndarray::{Array1, Array2, array};
    /// // 200 variances of 1e-6: the density is 10^520 at the mean.
    /// let law = Gaussian::from_eigenvalues(Array1::from_elem(200, 1e-6))?;
    /// let mixture = GaussianMixture::new(array![1.0], vec![law])?;
    /// let log = mixture.log_density(Array2::zeros((1, 200)).view())?;
    /// assert!((log[0] + 100.0 * (1e-6 * std::f64::consts::TAU).ln()).abs() < 1e-10);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn log_density(&self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        let mut out = Array1::zeros(x.nrows());
        self.log_density_into(x, out.view_mut())?;
        Ok(out)
    }

    /// Responsibilities r_k(x) = w_k N(x; m_k, Σ_k)/ρ(x) of every row of `x` `[n, d]`, `[n, K]`.
    ///
    /// # Errors
    /// As [`GaussianMixture::log_density_into`].
    ///
    /// ```
    /// use fokker::statistics::{Gaussian, GaussianMixture};
    /// use ndarray::array;
    /// let at = |m| Gaussian::diagonal(array![m], array![1.0]).unwrap();
    /// let mixture = GaussianMixture::new(array![0.5, 0.5], vec![at(-1.0), at(1.0)])?;
    /// let shares = mixture.responsibilities(array![[0.0], [3.0]].view())?;
    /// assert_eq!(shares[[0, 0]], 0.5);
    /// assert!((shares[[1, 1]] - 1.0 / (1.0 + (-6f64).exp())).abs() < 1e-15);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn responsibilities(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.check(&x, x.nrows())?;
        let kernel = Kernel::new(self, 1.0, 0.0)?;
        Ok(shares(&kernel, x)?.0)
    }

    /// Writes the score of every row of `x` `[n, d]` into `out` `[n, d]`.
    ///
    /// ```text
    /// ∇log ρ(x) = −Σ_k r_k(x) Σ_k⁻¹ (x − m_k)
    /// ```
    ///
    /// The same as [`MixtureScore`](crate::score::MixtureScore) at time 0. O(n K d²).
    ///
    /// # Errors
    /// As [`GaussianMixture::log_density_into`].
    pub fn score_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        self.check(&x, out.nrows())?;
        if out.ncols() != self.dim() {
            return Err(Error::Size { name: "columns of out", expected: self.dim(), found: out.ncols() });
        }
        let kernel = Kernel::new(self, 1.0, 0.0)?;
        let rows = in_parallel(x.axis_chunks_iter(Axis(0), BLOCK));
        let blocks = in_parallel(out.axis_chunks_iter_mut(Axis(0), BLOCK));
        blocks.zip(rows).enumerate().try_for_each(|(block, (out, x))| {
            let mut shares = Array2::zeros((x.nrows(), self.components.len()));
            let mut logs = Array1::zeros(x.nrows());
            kernel.log_density_into(x, block * BLOCK, shares.view_mut(), logs.view_mut())?;
            kernel.score_into(x, shares.view(), out);
            Ok(())
        })
    }

    /// The score ∇log ρ of every row of `x` `[n, d]`, see [`GaussianMixture::score_into`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use fokker::statistics::{Gaussian, GaussianMixture};
    /// use ndarray::array;
    /// let at = |m| Gaussian::diagonal(array![m], array![1.0]).unwrap();
    /// let mixture = GaussianMixture::new(array![0.5, 0.5], vec![at(-2.0), at(2.0)])?;
    /// // ∇log ρ(x) = −x + 2 tanh(2x)
    /// let score = mixture.score(array![[1.0]].view())?;
    /// assert!((score[[0, 0]] - (2.0 * 2f64.tanh() - 1.0)).abs() < 1e-15);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn score(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut out = Array2::zeros(x.dim());
        self.score_into(x, out.view_mut())?;
        Ok(out)
    }

    fn check(&self, x: &ArrayView2<f64>, outputs: usize) -> Result<()> {
        if x.ncols() != self.dim() {
            return Err(Error::Size { name: "columns", expected: self.dim(), found: x.ncols() });
        }
        if outputs != x.nrows() {
            return Err(Error::Size { name: "out", expected: x.nrows(), found: outputs });
        }
        Ok(())
    }
}

/// Responsibilities `[n, K]` and log-densities `[n]` of all rows.
pub(super) fn shares(kernel: &Kernel, x: ArrayView2<f64>) -> Result<(Array2<f64>, Array1<f64>)> {
    let mut shares = Array2::zeros((x.nrows(), kernel.components.len()));
    let mut logs = Array1::zeros(x.nrows());
    let rows = in_parallel(x.axis_chunks_iter(Axis(0), BLOCK));
    let share_blocks = in_parallel(shares.axis_chunks_iter_mut(Axis(0), BLOCK));
    let log_blocks = in_parallel(logs.axis_chunks_iter_mut(Axis(0), BLOCK));
    rows.zip(share_blocks.zip(log_blocks)).enumerate().try_for_each(|(block, (x, (shares, logs)))| {
        kernel.log_density_into(x, block * BLOCK, shares, logs)
    })?;
    Ok((shares, logs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Gaussian;

    #[test]
    fn scores_and_responsibilities_are_gradients_of_the_log_density() {
        let mixture = GaussianMixture::random(4, 3, 1.5, 11).unwrap();
        let x = mixture.sample(600, 2);
        let score = mixture.score(x.view()).unwrap();
        for j in 0..3 {
            let at = |h: f64| {
                let mut moved = x.clone();
                moved.column_mut(j).mapv_inplace(|value| value + h);
                mixture.log_density(moved.view()).unwrap()
            };
            let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
            for (slope, score) in slope.iter().zip(score.column(j)) {
                // Step² times the third derivative, which small eigenvalues make large.
                assert!((slope - score).abs() < 1e-4 * (1.0 + score.abs()), "{slope} {score}");
            }
        }
        // Of a change of the weights, w ∂log ρ/∂w_k = r_k.
        let shares = mixture.responsibilities(x.view()).unwrap();
        assert!(shares.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-14));
        let more = Array1::from(vec![0.25 + 3e-5, 0.25 - 1e-5, 0.25 - 1e-5, 0.25 - 1e-5]);
        let other = GaussianMixture::new(more, mixture.components().to_vec()).unwrap();
        let change = other.log_density(x.view()).unwrap() - mixture.log_density(x.view()).unwrap();
        for (change, share) in change.iter().zip(shares.column(0)) {
            // Σ r_k Δw_k/w_k = (3 r_0 − (1 − r_0))·4e-5, to second order 1e-8.
            assert!((change - (4.0 * share - 1.0) * 4e-5).abs() < 2e-8);
        }
    }

    #[test]
    fn the_density_integrates_to_one() {
        let at = |m: f64, v: f64| Gaussian::diagonal(Array1::from(vec![m]), Array1::from(vec![v])).unwrap();
        let weights = Array1::from(vec![0.4, 0.6, 0.0]);
        let mixture =
            GaussianMixture::new(weights, vec![at(-1.5, 0.25), at(1.5, 0.16), at(0.0, 1.0)]).unwrap();
        let x = Array2::from_shape_fn((4001, 1), |(i, _)| (i as f64 - 2000.0) * 0.005);
        // Equidistant sums of smooth functions that vanish at both ends are exact.
        let total: f64 = mixture.log_density(x.view()).unwrap().iter().map(|log| log.exp() * 0.005).sum();
        assert!((total - 1.0).abs() < 1e-13, "{total}");
    }

    #[test]
    fn far_rows_have_finite_logarithms_and_infinite_ones_are_named() {
        let mixture = GaussianMixture::random(3, 2, 1.0, 4).unwrap();
        let mut x = Array2::from_elem((300, 2), 1e100);
        assert!(mixture.score(x.view()).unwrap().iter().all(|s| s.is_finite()));
        assert!(mixture.log_density(x.view()).unwrap().iter().all(|log| *log < -1e190));
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            x[[270, 1]] = bad;
            let error = mixture.log_density(x.view()).unwrap_err().to_string();
            assert!(error.contains("row 270"), "{error}");
            assert!(mixture.responsibilities(x.view()).is_err() && mixture.score(x.view()).is_err());
        }
        assert!(mixture.score(Array2::zeros((2, 3)).view()).is_err());
        let flat = Gaussian::from_eigenvalues(Array1::from(vec![1.0, 0.0])).unwrap();
        let flat = GaussianMixture::new(Array1::ones(1), vec![flat]).unwrap();
        assert!(flat.log_density(Array2::zeros((1, 2)).view()).unwrap_err().to_string().contains("singular"));
    }
}
