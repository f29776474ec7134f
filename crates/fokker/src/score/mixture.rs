//! The exact score of a noised mixture of Gaussians.

use super::Score;
use super::gaussian::check_regular;
use crate::Result;
use crate::process::{OrnsteinUhlenbeck, Schedule};
use crate::statistics::{GaussianMixture, Kernel};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};

/// The score of `Σ_k w_k N(m_k, Σ_k)` noised by a schedule: mixtures stay mixtures.
///
/// ```text
/// ∇log p_t(x) = Σ_k r_k(x) s_k(x)          s_k = −Σ_{k,t}^{-1}(x − α_t m_k)
/// r_k ∝ w_k exp(½ (x − α_t m_k)·s_k − ½ log det Σ_{k,t})
/// ```
///
/// Cost O(n K d) for diagonal components, O(n K d²) otherwise.
///
/// ```
/// use fokker::{process::Linear, score::{MixtureScore, Score}, statistics::{Gaussian, GaussianMixture}};
/// use ndarray::{Array2, array};
/// let at = |m| Gaussian::diagonal(array![m], array![1.0]).unwrap();
/// let mixture = GaussianMixture::new(array![0.5, 0.5], vec![at(-2.0), at(2.0)]).unwrap();
/// let schedule = Linear::constant(1.0, 1.0).unwrap();
/// let mut out = Array2::zeros((2, 1));
/// MixtureScore::new(&mixture, &schedule).score_into(0.0, array![[0.0], [1.0]].view(), out.view_mut()).unwrap();
/// // ∇log p(x) = −x + 2 tanh(2x)
/// assert!(out[[0, 0]].abs() < 1e-15 && (out[[1, 0]] - (2.0 * 2f64.tanh() - 1.0)).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct MixtureScore<'a> {
    mixture: &'a GaussianMixture,
    schedule: &'a dyn Schedule,
}

impl<'a> MixtureScore<'a> {
    /// The exact score of `mixture` under `schedule`.
    pub fn new(mixture: &'a GaussianMixture, schedule: &'a dyn Schedule) -> Self {
        MixtureScore { mixture, schedule }
    }
}

impl Score for MixtureScore<'_> {
    fn dim(&self) -> usize {
        self.mixture.dim()
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        let clock = self.schedule.clock(t);
        let (alpha, variance) = (OrnsteinUhlenbeck::alpha(clock), OrnsteinUhlenbeck::variance(clock));
        if variance == 0.0 {
            self.mixture.components().iter().try_for_each(|law| check_regular(law, t))?;
        }
        let kernel = Kernel::new(self.mixture, alpha, variance)?;
        let mut shares = Array2::zeros((x.nrows(), self.mixture.weights().len()));
        let mut logs = Array1::zeros(x.nrows());
        kernel.log_density_into(x, 0, shares.view_mut(), logs.view_mut())?;
        kernel.score_into(x, shares.view(), out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Linear;
    use crate::statistics::Gaussian;

    /// log p_t by the density of each component, from its covariance matrix.
    fn log_density(mixture: &GaussianMixture, schedule: &dyn Schedule, t: f64, x: &Array2<f64>) -> f64 {
        let clock = schedule.clock(t);
        let (alpha, variance) = (OrnsteinUhlenbeck::alpha(clock), OrnsteinUhlenbeck::variance(clock));
        let terms = mixture.components().iter().zip(mixture.weights()).map(|(component, &weight)| {
            let noised =
                component.covariance() * alpha * alpha + Array2::<f64>::eye(mixture.dim()) * variance;
            let law = Gaussian::from_covariance(component.mean() * alpha, noised.view()).unwrap();
            let own = (x - law.mean()).dot(law.vectors().unwrap());
            let exponent: f64 = own.iter().zip(law.values()).map(|(y, v)| y * y / v + v.ln()).sum();
            weight * (-0.5 * exponent).exp()
        });
        terms.sum::<f64>().ln()
    }

    #[test]
    fn it_is_the_gradient_of_the_log_density() {
        let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
        let mixture = GaussianMixture::random(3, 3, 1.5, 11).unwrap();
        let score = MixtureScore::new(&mixture, &schedule);
        let x = mixture.sample(4, 2);
        let mut out = Array2::zeros(x.dim());
        for t in [0.0, 0.1, 0.7] {
            score.score_into(t, x.view(), out.view_mut()).unwrap();
            for i in 0..4 {
                for j in 0..3 {
                    let at = |h: f64| {
                        let mut moved =
                            x.slice_axis(ndarray::Axis(0), ndarray::Slice::from(i..i + 1)).to_owned();
                        moved[[0, j]] += h;
                        log_density(&mixture, &schedule, t, &moved)
                    };
                    // Central differences of step 1e-4: error about 1e-8 times the third derivative.
                    let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
                    assert!((slope - out[[i, j]]).abs() < 1e-5 * (1.0 + slope.abs()), "t = {t}: {slope}");
                }
            }
        }
    }
}
