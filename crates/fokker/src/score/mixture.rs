//! The exact score of a noised mixture of Gaussians.

use super::{GaussianScore, Score};
use crate::Result;
use crate::process::{OrnsteinUhlenbeck, Schedule};
use crate::statistics::GaussianMixture;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Zip};

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
    components: Vec<GaussianScore<'a>>,
    schedule: &'a dyn Schedule,
}

impl<'a> MixtureScore<'a> {
    /// The exact score of `mixture` under `schedule`.
    pub fn new(mixture: &'a GaussianMixture, schedule: &'a dyn Schedule) -> Self {
        let components = mixture.components().iter().map(|law| GaussianScore::new(law, schedule)).collect();
        MixtureScore { mixture, components, schedule }
    }
}

impl Score for MixtureScore<'_> {
    fn dim(&self) -> usize {
        self.mixture.dim()
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        let clock = self.schedule.clock(t);
        let (alpha, variance) = (OrnsteinUhlenbeck::alpha(clock), OrnsteinUhlenbeck::variance(clock));
        let count = self.components.len();
        let mut scores = Vec::with_capacity(count);
        let mut logs = Array2::zeros((x.nrows(), count));
        for (k, component) in self.components.iter().enumerate() {
            let mut score = Array2::zeros(x.dim());
            component.score_into(t, x, score.view_mut())?;
            let law = &self.mixture.components()[k];
            let centre = law.mean() * alpha;
            let log_det: f64 = law.values().iter().map(|v| (alpha * alpha * v + variance).ln()).sum();
            let constant = self.mixture.weights()[k].ln() - 0.5 * log_det;
            for ((x, s), log) in x.rows().into_iter().zip(score.rows()).zip(logs.column_mut(k)) {
                let quadratic =
                    Zip::from(&x).and(&s).and(&centre).fold(0.0, |sum, x, s, m| sum + (x - m) * s);
                *log = constant + 0.5 * quadratic;
            }
            scores.push(score);
        }
        out.fill(0.0);
        for (i, mut row) in logs.rows_mut().into_iter().enumerate() {
            let largest = row.iter().fold(f64::NEG_INFINITY, |m: f64, &l| m.max(l));
            row.mapv_inplace(|log| (log - largest).exp());
            row /= row.sum();
            for (score, &responsibility) in scores.iter().zip(&row) {
                out.index_axis_mut(Axis(0), i).scaled_add(responsibility, &score.row(i));
            }
        }
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
                        let mut moved = x.slice_axis(Axis(0), ndarray::Slice::from(i..i + 1)).to_owned();
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
