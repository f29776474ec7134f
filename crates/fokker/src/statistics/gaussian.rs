//! Gaussian laws N(m, Σ), held by the eigendecomposition of Σ.

use super::covariance::too_few_rows;
use crate::{Error, Result};
use fokker_linalg::{eigh, gram_accumulate_panel, matmul, mirror_lower};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// A Gaussian law N(m, V diag(λ) Vᵀ), λ ≥ 0, possibly singular.
///
/// Without eigenvectors the coordinates are those of the eigenvectors themselves: all that
/// matters when nothing else has a direction of its own, and the only form of a law that is
/// given by eigenvalues alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: Array1<f64>,
    values: Array1<f64>,
    vectors: Option<Array2<f64>>,
}

impl Gaussian {
    /// Centred law of the given variances in its own coordinates.
    ///
    /// # Errors
    /// No eigenvalue, or one that is negative or not finite.
    ///
    /// ```
    /// use fokker::statistics::Gaussian;
    /// use ndarray::array;
    /// assert_eq!(Gaussian::from_eigenvalues(array![4.0, 0.0]).unwrap().dim(), 2);
    /// assert!(Gaussian::from_eigenvalues(array![4.0, -1.0]).is_err());
    /// ```
    pub fn from_eigenvalues(values: Array1<f64>) -> Result<Self> {
        let mean = Array1::zeros(values.len());
        Gaussian::diagonal(mean, values)
    }

    /// Law of the given mean and variances in its own coordinates.
    ///
    /// # Errors
    /// As [`Gaussian::from_eigenvalues`]; a mean that is not finite or of another length.
    pub fn diagonal(mean: Array1<f64>, values: Array1<f64>) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::Empty { name: "eigenvalues" });
        }
        for (i, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                return Err(Error::NonFinite { name: "eigenvalues", index: vec![i], value });
            }
            if value < 0.0 {
                let requirement = "non-negative (a covariance has no negative eigenvalue)";
                return Err(Error::Entry { name: "eigenvalues", requirement, index: vec![i], found: value });
            }
        }
        check_mean(&mean, values.len())?;
        Ok(Gaussian { mean, values, vectors: None })
    }

    /// Law of the given mean `[d]` and covariance `[d, d]` (its lower triangle is read), O(d³).
    ///
    /// Eigenvalues within rounding of zero, |λ| ≤ d ε max λ with ε = 2⁻⁵², are zero: the
    /// decomposition knows them no better, and a law is singular or not.
    ///
    /// # Errors
    /// Shapes that do not fit, a non-finite entry, asymmetry or a negative eigenvalue beyond
    /// rounding, no convergence.
    pub fn from_covariance(mean: Array1<f64>, covariance: ArrayView2<f64>) -> Result<Self> {
        let dim = covariance.nrows();
        if dim == 0 {
            return Err(Error::Empty { name: "covariance" });
        }
        if covariance.ncols() != dim {
            let found = covariance.ncols();
            return Err(Error::Size { name: "columns of the covariance", expected: dim, found });
        }
        check_mean(&mean, dim)?;
        check_symmetric(covariance)?;
        let decomposition = eigh(covariance)?;
        let values = without_rounding(decomposition.values)?;
        Ok(Gaussian { mean, values, vectors: Some(decomposition.vectors) })
    }

    /// Law of the rows of `x` `[n, d]` in its own coordinates, through their `[n, n]` products:
    /// for fewer rows than columns, O(n² d + n³) and no `[d, d]` matrix.
    ///
    /// The part of the mean outside the span of the centred rows is one further coordinate of
    /// variance zero.
    ///
    /// # Errors
    /// Fewer than two rows, a non-finite entry, no convergence.
    ///
    /// ```
    /// use fokker::statistics::Gaussian;
    /// use ndarray::array;
    /// let law = Gaussian::from_few_rows(array![[1.0, 5.0, 0.0], [-1.0, 5.0, 0.0]].view()).unwrap();
    /// assert!((law.values()[0] - 1.0).abs() < 1e-15 && law.values()[1] == 0.0);
    /// assert!((law.mean()[1] - 5.0).abs() < 1e-14);
    /// ```
    pub fn from_few_rows(x: ArrayView2<f64>) -> Result<Self> {
        let (n, d) = x.dim();
        if d == 0 {
            return Err(Error::Empty { name: "data" });
        }
        if n < 2 {
            return Err(too_few_rows(n));
        }
        if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "data", index: vec![row, column], value });
        }
        let mean = x.mean_axis(Axis(0)).expect("there are rows");
        let centred = &x - &mean;
        let mut products = Array2::zeros((n, n));
        gram_accumulate_panel(centred.t(), 0, products.view_mut());
        mirror_lower(&mut products);
        products /= n as f64;
        let decomposition = eigh(products.view())?;
        let nonzero = without_rounding(decomposition.values)?;

        // Eigenvectors of the covariance are v = Xᵀu/√(nλ): only their products with the mean matter.
        let projected = decomposition.vectors.t().dot(&centred.dot(&mean));
        let mut values = Array1::zeros(d);
        let mut own_mean = Array1::zeros(d);
        let mut rank = 0;
        for k in (0..n).rev().filter(|&k| nonzero[k] > 0.0).take(d) {
            values[rank] = nonzero[k];
            own_mean[rank] = projected[k] / (n as f64 * nonzero[k]).sqrt();
            rank += 1;
        }
        if rank < d {
            let outside = mean.dot(&mean) - own_mean.dot(&own_mean);
            own_mean[rank] = outside.max(0.0).sqrt();
        }
        Gaussian::diagonal(own_mean, values)
    }

    /// The same law in the coordinates of its eigenvectors.
    pub fn in_own_axes(&self) -> Gaussian {
        Gaussian { mean: self.own_mean(), values: self.values.clone(), vectors: None }
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.values.len()
    }

    /// Mean m, `[d]`.
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// Eigenvalues λ of the covariance, `[d]`.
    pub fn values(&self) -> &Array1<f64> {
        &self.values
    }

    /// Eigenvectors V (columns), `[d, d]`; none when the coordinates are theirs.
    pub fn vectors(&self) -> Option<&Array2<f64>> {
        self.vectors.as_ref()
    }

    /// Mean in the coordinates of the eigenvectors, Vᵀm.
    pub fn own_mean(&self) -> Array1<f64> {
        self.vectors.as_ref().map_or_else(|| self.mean.clone(), |v| v.t().dot(&self.mean))
    }

    /// Covariance matrix V diag(λ) Vᵀ, `[d, d]`.
    pub fn covariance(&self) -> Array2<f64> {
        match &self.vectors {
            None => Array2::from_diag(&self.values),
            Some(v) => matmul((v * &self.values).view(), v.t()),
        }
    }
}

fn check_mean(mean: &Array1<f64>, dim: usize) -> Result<()> {
    if mean.len() != dim {
        return Err(Error::Size { name: "mean", expected: dim, found: mean.len() });
    }
    match mean.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        Some((i, &value)) => Err(Error::NonFinite { name: "mean", index: vec![i], value }),
        None => Ok(()),
    }
}

fn check_symmetric(covariance: ArrayView2<f64>) -> Result<()> {
    let largest = covariance.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for ((i, j), &value) in covariance.indexed_iter() {
        if !value.is_finite() {
            return Err(Error::NonFinite { name: "covariance", index: vec![i, j], value });
        }
        // A covariance computed in single precision and stored is symmetric to about 1e-6.
        if (value - covariance[[j, i]]).abs() > 1e-6 * largest {
            let requirement = "symmetric";
            return Err(Error::Entry { name: "covariance", requirement, index: vec![i, j], found: value });
        }
    }
    Ok(())
}

/// Sets eigenvalues within rounding of zero to zero; a clearly negative one is an error.
fn without_rounding(mut values: Array1<f64>) -> Result<Array1<f64>> {
    let largest = values.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    let rounding = values.len() as f64 * f64::EPSILON * largest;
    for (i, value) in values.iter_mut().enumerate() {
        if *value < -rounding {
            let requirement = "positive semidefinite (no negative eigenvalue)";
            return Err(Error::Entry { name: "covariance", requirement, index: vec![i], found: *value });
        }
        if *value <= rounding {
            *value = 0.0;
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Covariance;
    use ndarray::array;

    #[test]
    fn few_rows_give_the_spectrum_and_the_mean_of_the_full_covariance() {
        let x = Array2::from_shape_fn((6, 15), |(i, j)| ((i * 37 + j * 11 + i * j) % 23) as f64);
        let few = Gaussian::from_few_rows(x.view()).unwrap();
        let mut covariance = Covariance::new(15);
        covariance.observe(x.view()).unwrap();
        let full = covariance.gaussian().unwrap().in_own_axes();
        let rank = few.values().iter().filter(|&&v| v > 0.0).count();
        assert_eq!(rank, 5);
        assert_eq!(full.values().iter().filter(|&&v| v > 0.0).count(), 5);
        for k in 0..5 {
            assert!((few.values()[k] - full.values()[14 - k]).abs() < 1e-11 * few.values()[0]);
            assert!((few.mean()[k].abs() - full.mean()[14 - k].abs()).abs() < 1e-10);
        }
        assert!((few.mean().dot(few.mean()) - full.mean().dot(full.mean())).abs() < 1e-9);
    }

    #[test]
    fn a_covariance_is_rebuilt_and_its_rounding_removed() {
        let factor = array![[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]];
        let covariance = factor.dot(&factor.t()); // rank 2 of 3
        let law = Gaussian::from_covariance(Array1::zeros(3), covariance.view()).unwrap();
        assert_eq!(law.values()[0], 0.0);
        assert!((law.covariance() - &covariance).iter().all(|e| e.abs() < 1e-14));
    }

    #[test]
    fn bad_laws_are_refused() {
        let zeros = || Array1::zeros(2);
        for covariance in [
            array![[1.0, 0.5], [0.0, 1.0]],
            array![[1.0, 2.0], [2.0, 1.0]],
            array![[1.0, 0.0], [0.0, f64::NAN]],
        ] {
            assert!(Gaussian::from_covariance(zeros(), covariance.view()).is_err());
        }
        assert!(Gaussian::from_covariance(zeros(), Array2::<f64>::zeros((2, 3)).view()).is_err());
        assert!(Gaussian::from_eigenvalues(array![]).is_err());
        assert!(Gaussian::diagonal(array![f64::INFINITY], array![1.0]).is_err());
        assert!(Gaussian::from_few_rows(array![[1.0, 2.0]].view()).is_err());
    }
}
