//! Mixtures of Gaussians.

mod density;
mod fit;

pub(crate) use density::Kernel;
pub use fit::{MixtureFit, MixtureOptions};

use super::Gaussian;
use crate::{Error, Result};
use fokker_linalg::matmul;
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A law `Σ_k w_k N(m_k, Σ_k)`.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    weights: Array1<f64>,
    components: Vec<Gaussian>,
}

impl GaussianMixture {
    /// The mixture of components `[K]` with weights `[K]` that add up to 1.
    ///
    /// # Errors
    /// No component, numbers or dimensions that differ, weights that are negative, not finite or
    /// off 1 in sum by more than 1e-9.
    pub fn new(weights: Array1<f64>, components: Vec<Gaussian>) -> Result<Self> {
        let Some(first) = components.first() else {
            return Err(Error::Empty { name: "components" });
        };
        if weights.len() != components.len() {
            return Err(Error::Size { name: "weights", expected: components.len(), found: weights.len() });
        }
        for (i, &weight) in weights.iter().enumerate() {
            if !(weight >= 0.0 && weight.is_finite()) {
                let requirement = "non-negative and finite";
                return Err(Error::Entry { name: "weights", requirement, index: vec![i], found: weight });
            }
        }
        if let Some(other) = components.iter().find(|c| c.dim() != first.dim()) {
            return Err(Error::Size { name: "component", expected: first.dim(), found: other.dim() });
        }
        let sum = weights.sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(Error::Argument { name: "sum of the weights", requirement: "1".into(), found: sum });
        }
        Ok(GaussianMixture { weights, components })
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.components[0].dim()
    }

    /// Weights, `[K]`.
    pub fn weights(&self) -> &Array1<f64> {
        &self.weights
    }

    /// Components.
    pub fn components(&self) -> &[Gaussian] {
        &self.components
    }

    /// The Gaussian with the same mean and covariance.
    ///
    /// ```text
    /// m = Σ w_k m_k,     Σ = Σ_k w_k (Σ_k + (m_k − m)(m_k − m)ᵀ)
    /// ```
    ///
    /// # Errors
    /// No convergence of the eigendecomposition.
    ///
    /// ```
    /// use fokker::statistics::{Gaussian, GaussianMixture};
    /// use ndarray::array;
    /// let at = |m| Gaussian::diagonal(array![m], array![1.0]).unwrap();
    /// let mixture = GaussianMixture::new(array![0.5, 0.5], vec![at(-2.0), at(2.0)]).unwrap();
    /// let law = mixture.moments().unwrap();
    /// assert!(law.mean()[0] == 0.0 && (law.values()[0] - 5.0).abs() < 1e-14);
    /// ```
    pub fn moments(&self) -> Result<Gaussian> {
        let pairs = || self.weights.iter().zip(&self.components);
        let mut mean = Array1::zeros(self.dim());
        for (&weight, component) in pairs() {
            mean.scaled_add(weight, component.mean());
        }
        let mut covariance = Array2::zeros((self.dim(), self.dim()));
        for (&weight, component) in pairs() {
            covariance.scaled_add(weight, &component.covariance());
            let shift = component.mean() - &mean;
            for (mut row, &s) in covariance.rows_mut().into_iter().zip(&shift) {
                row.scaled_add(weight * s, &shift);
            }
        }
        Gaussian::from_covariance(mean, covariance.view())
    }

    /// Independent draws `[n, d]`; the same seed gives the same rows, and more rows begin with
    /// the same ones.
    pub fn sample(&self, n: usize, seed: u64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut out = Array2::zeros((n, self.dim()));
        for mut row in out.rows_mut() {
            let mut rest: f64 = rng.random();
            let mut k = 0;
            while k + 1 < self.components.len() && rest >= self.weights[k] {
                rest -= self.weights[k];
                k += 1;
            }
            let component = &self.components[k];
            let scaled: Array1<f64> = component
                .values()
                .iter()
                .map(|value| value.sqrt() * Distribution::<f64>::sample(&StandardNormal, &mut rng))
                .collect();
            row.assign(component.mean());
            row += &component.vectors().map_or_else(|| scaled.clone(), |vectors| vectors.dot(&scaled));
        }
        out
    }

    /// A test problem: `count` components in `dim` dimensions, means of scale `spread`, random
    /// full covariances of unit scale, equal weights.
    ///
    /// # Errors
    /// A count or dimension of zero.
    pub fn random(count: usize, dim: usize, spread: f64, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normals = |rows, columns| {
            Array2::from_shape_simple_fn((rows, columns), || {
                Distribution::<f64>::sample(&StandardNormal, &mut rng)
            })
        };
        let component = |_| {
            let mean = normals(1, dim).row(0).mapv(|x| spread * x);
            let factor = normals(dim, dim);
            let covariance = matmul(factor.view(), factor.t()) / dim.max(1) as f64;
            Gaussian::from_covariance(mean, covariance.view())
        };
        let components = (0..count).map(component).collect::<Result<Vec<_>>>()?;
        GaussianMixture::new(Array1::from_elem(count, 1.0 / count.max(1) as f64), components)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Covariance;
    use ndarray::array;

    #[test]
    fn draws_have_the_moments_of_the_mixture() {
        let mixture = GaussianMixture::random(3, 4, 2.0, 5).unwrap();
        let n = 40_000;
        let mut drawn = Covariance::new(4);
        drawn.observe(mixture.sample(n, 1).view()).unwrap();
        let law = mixture.moments().unwrap();
        // Standard errors are at most 5/√n = 0.025 for means and 30/√n = 0.15 for covariances of
        // this law (fourth moments below 900); five of them fail once in a million.
        assert!((drawn.mean() - law.mean()).iter().all(|e| e.abs() < 0.125));
        assert!((drawn.covariance().unwrap() - law.covariance()).iter().all(|e| e.abs() < 0.75));
        assert_eq!(mixture.sample(10, 3).row(9), mixture.sample(20, 3).row(9));
    }

    #[test]
    fn bad_mixtures_are_refused() {
        let unit = |d: usize| Gaussian::from_eigenvalues(Array1::ones(d)).unwrap();
        assert!(GaussianMixture::new(array![], vec![]).is_err());
        assert!(GaussianMixture::new(array![0.5, 0.4], vec![unit(1), unit(1)]).is_err());
        assert!(GaussianMixture::new(array![1.5, -0.5], vec![unit(1), unit(1)]).is_err());
        assert!(GaussianMixture::new(array![0.5, 0.5], vec![unit(1), unit(2)]).is_err());
        assert!(GaussianMixture::new(array![1.0], vec![unit(1), unit(1)]).is_err());
    }
}
