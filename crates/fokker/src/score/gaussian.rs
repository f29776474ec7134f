//! The exact score of noised Gaussian data.

use super::Score;
use crate::process::{OrnsteinUhlenbeck, Schedule};
use crate::statistics::Gaussian;
use crate::{Error, Result};
use fokker_linalg::{matmul, matmul_into};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Zip};

/// The score of N(m, Σ) noised by a schedule.
///
/// ```text
/// ∇log p_t(x) = −Σ_t^{-1}(x − α_t m),     Σ_t = α_t² Σ + σ_t² I
/// ```
///
/// Cost O(n d) when the law is in its own coordinates, O(n d²) otherwise
/// [Pierret and Galerne 2025, prop. 1].
///
/// ```
/// use fokker::{process::Linear, score::{GaussianScore, Score}, statistics::Gaussian};
/// use ndarray::{Array2, array};
/// let schedule = Linear::constant(1.0, 1.0).unwrap();
/// let law = Gaussian::from_eigenvalues(array![4.0, 1.0]).unwrap();
/// let mut out = Array2::zeros((1, 2));
/// GaussianScore::new(&law, &schedule).score_into(0.0, array![[2.0, 3.0]].view(), out.view_mut()).unwrap();
/// assert_eq!(out, array![[-0.5, -3.0]]);
/// ```
#[derive(Debug, Clone)]
pub struct GaussianScore<'a> {
    law: &'a Gaussian,
    own_mean: Option<Array1<f64>>,
    schedule: &'a dyn Schedule,
}

impl<'a> GaussianScore<'a> {
    /// The exact score of `law` under `schedule`.
    pub fn new(law: &'a Gaussian, schedule: &'a dyn Schedule) -> Self {
        let own_mean = law.mean().iter().any(|&m| m != 0.0).then(|| law.own_mean());
        GaussianScore { law, own_mean, schedule }
    }

    /// Score in the coordinates of the eigenvectors.
    fn own_score_into(&self, t: f64, y: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        let clock = self.schedule.clock(t);
        let (alpha, variance) = (OrnsteinUhlenbeck::alpha(clock), OrnsteinUhlenbeck::variance(clock));
        if variance == 0.0 {
            check_regular(self.law, t)?;
        }
        // The last row carries the factors for all others: one division an eigenvalue, however
        // many rows, and no storage.
        let Some(others) = y.nrows().checked_sub(1) else { return Ok(()) };
        let (mut rows, mut last) = out.split_at(Axis(0), others);
        let mut factors = last.row_mut(0);
        Zip::from(&mut factors)
            .and(self.law.values())
            .for_each(|factor, &value| *factor = -1.0 / (alpha * alpha * value + variance));
        for (y, mut out) in y.rows().into_iter().zip(rows.rows_mut()) {
            match &self.own_mean {
                None => Zip::from(&mut out).and(&y).and(&factors).for_each(|o, &y, &f| *o = f * y),
                Some(mean) => Zip::from(&mut out)
                    .and(&y)
                    .and(&factors)
                    .and(mean)
                    .for_each(|o, &y, &f, &m| *o = f * (y - alpha * m)),
            }
        }
        let y = y.row(others);
        match &self.own_mean {
            None => Zip::from(&mut factors).and(y).for_each(|o, &y| *o *= y),
            Some(mean) => Zip::from(&mut factors).and(y).and(mean).for_each(|o, &y, &m| *o *= y - alpha * m),
        }
        Ok(())
    }
}

impl Score for GaussianScore<'_> {
    fn dim(&self) -> usize {
        self.law.dim()
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        match self.law.vectors() {
            None => self.own_score_into(t, x, out),
            Some(vectors) => {
                let own = matmul(x, vectors.view());
                let mut own_score = Array2::zeros(own.dim());
                self.own_score_into(t, own.view(), own_score.view_mut())?;
                matmul_into(own_score.view(), vectors.t(), out);
                Ok(())
            }
        }
    }
}

/// At time 0 the law itself needs a density.
pub(super) fn check_regular(law: &Gaussian, t: f64) -> Result<()> {
    if law.values().iter().all(|&value| value > 0.0) {
        return Ok(());
    }
    Err(Error::Undefined {
        what: "the score",
        reason: format!("the covariance is singular and the score is evaluated at t = {t}"),
        remedy: "use a positive stop, or a scheme that ends without evaluating there, such as euler or dpmpp-2m",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Linear;
    use ndarray::array;

    #[test]
    fn rotated_and_diagonal_laws_agree() {
        let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
        let covariance = array![[2.0, 0.7, 0.1], [0.7, 1.0, -0.2], [0.1, -0.2, 0.5]];
        let mean = array![1.0, -2.0, 0.5];
        let law = Gaussian::from_covariance(mean.clone(), covariance.view()).unwrap();
        let score = GaussianScore::new(&law, &schedule);
        let x = Array2::from_shape_fn((5, 3), |(i, j)| (i as f64 - 2.0) * 0.3 + j as f64);
        let mut out = Array2::zeros((5, 3));
        for t in [0.0, 0.2, 1.0] {
            score.score_into(t, x.view(), out.view_mut()).unwrap();
            let clock = schedule.clock(t);
            let (alpha, variance) = (OrnsteinUhlenbeck::alpha(clock), OrnsteinUhlenbeck::variance(clock));
            let noised = &covariance * (alpha * alpha) + &(Array2::<f64>::eye(3) * variance);
            // Σ_t times the score is α_t m − x.
            let residual = out.dot(&noised) + &x - &(alpha * &mean);
            assert!(residual.iter().all(|e| e.abs() < 1e-13), "t = {t}: {residual}");
        }
    }

    #[test]
    fn a_singular_law_has_no_score_at_time_zero() {
        let schedule = Linear::constant(1.0, 1.0).unwrap();
        let law = Gaussian::from_eigenvalues(array![1.0, 0.0]).unwrap();
        let score = GaussianScore::new(&law, &schedule);
        let x = Array2::ones((2, 2));
        let mut out = Array2::zeros((2, 2));
        let error = score.score_into(0.0, x.view(), out.view_mut()).unwrap_err();
        assert!(error.to_string().contains("positive stop"), "{error}");
        score.score_into(0.1, x.view(), out.view_mut()).unwrap();
        assert!(out.iter().all(|s| s.is_finite()));
    }
}
