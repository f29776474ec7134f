//! The audit of any score: exact for its best affine part, a bound for the rest.

use super::matrix::{MatrixPropagation, propagate_matrix};
use super::report::{Audit, ErrorReport, Start};
use crate::process::{Grid, OrnsteinUhlenbeck as Ou, Schedule, Spacing};
use crate::sampling::{
    Limit, RelativeHeun, ReverseProcess, RungeKutta4, SampleOptions, Scheme, Start as Draw, sample,
};
use crate::score::Score;
use crate::statistics::{Gaussian, GaussianMixture};
use crate::transport::bures;
use crate::{Error, Result};
use fokker_linalg::{Cholesky, matmul};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, concatenate};

/// Draws of p_t that an affine part is regressed on.
const DRAWS: usize = 4096;
/// Particles of the Monte Carlo bound.
const PARTICLES: usize = 4096;
/// Steps that stand for a continuous process.
const FINE: usize = 400;

/// A score on the clock of a schedule, where its own times are those of the unit-rate clock.
#[derive(Clone, Copy)]
pub struct OnClock<'a> {
    /// Defined in the clock τ.
    pub score: &'a dyn Score,
    /// τ = B(t).
    pub schedule: &'a dyn Schedule,
}

impl Score for OnClock<'_> {
    fn dim(&self) -> usize {
        self.score.dim()
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        self.score.score_into(self.schedule.clock(t), x, out)
    }
}

/// The affine score `x ↦ A_t x + b_t` that is nearest to a score in L²(p_t), p_t the noised Gaussian
/// data; exact for a score that is affine, by regression on 4096 draws otherwise.
struct AffinePart<'a> {
    score: &'a dyn Score,
    schedule: &'a dyn Schedule,
    data: Array2<f64>,
    noise: Array2<f64>,
}

impl Score for AffinePart<'_> {
    fn dim(&self) -> usize {
        self.score.dim()
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        let clock = self.schedule.clock(t);
        let points = &self.data * Ou::alpha(clock) + &self.noise * Ou::variance(clock).sqrt();
        let mut values = Array2::zeros(points.dim());
        self.score.score_into(t, points.view(), values.view_mut())?;
        let centre = |a: &Array2<f64>| a.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(a.ncols()));
        let (mean, value) = (centre(&points), centre(&values));
        let (points, values) = (points - &mean, values - &value);
        let cholesky = Cholesky::new(matmul(points.t(), points.view()).view())?;
        let mut slope = matmul(points.t(), values.view());
        cholesky.solve_in_place(slope.view_mut());
        out.assign(&(matmul((&x - &mean).view(), slope.view()) + &value));
        Ok(())
    }
}

/// Errors of a sampler whose score is any, on Gaussian data.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreAudit {
    /// The five numbers for the score's best affine part; exact when the score is affine.
    pub errors: ErrorReport,
    /// Root mean square distance, with its standard error, between particles that use the score and
    /// its affine part with the same noise: W₂ is off `errors.w2` by at most this. None when the
    /// score is affine.
    pub remainder: Option<(f64, f64)>,
}

/// Audits a scheme with a score that is not the exact one of any law.
///
/// ```text
/// W₂(drawn, data) ≤ W₂(drawn with A_t x + b_t, data) + √(E |y − y'|²)       y, y' with the same noise
/// ```
///
/// The first term is exact, from the scheme's own code; the second is Monte Carlo over 4096
/// particles. `errors.score` compares the continuous process with that of the exact score, from
/// p_T, by 400 steps of `rk4` or `heun-sde`. Cost O((1 + h)³ d³ + 4096 score evaluations) a step.
///
/// # Errors
/// Singular data, dimensions that differ, a step for which scheme or score is not defined.
pub fn audit_score(
    data: &Gaussian,
    score: &dyn Score,
    schedule: &dyn Schedule,
    (scheme, grid): (&dyn Scheme, &Grid),
    (start, affine): (Start, bool),
) -> Result<ScoreAudit> {
    if data.dim() != score.dim() {
        return Err(Error::Size { name: "score", expected: data.dim(), found: score.dim() });
    }
    let law = GaussianMixture::new(Array1::ones(1), vec![data.clone()])?;
    let normal = Gaussian::from_eigenvalues(Array1::ones(data.dim()))?;
    let normal = GaussianMixture::new(Array1::ones(1), vec![normal])?;
    let part = AffinePart { score, schedule, data: law.sample(DRAWS, 1), noise: normal.sample(DRAWS, 2) };
    let used: &dyn Score = if affine { score } else { &part };
    let mut errors = Audit::new(data, schedule).errors(scheme, grid, start)?;
    let noised = |t: f64| Law::noised(data, schedule.clock(t));
    let from = match start {
        Start::Normal => Law { mean: Array1::zeros(data.dim()), factor: Array2::eye(data.dim()) },
        Start::Exact => noised(grid.start()),
    };
    let process = ReverseProcess::new(schedule, used);
    let drawn = from.after(&propagate_matrix(scheme, grid, &process)?)?;
    errors.w2 = drawn.distance(&noised(0.0))?;
    let stop = grid.stop().max(1e-6 * schedule.horizon());
    let fine = Grid::new(Spacing::LogSnr, FINE, stop, schedule)?;
    let continuous: &dyn Scheme = match scheme.limit() {
        Limit::Sde => &RelativeHeun,
        Limit::Ode => &RungeKutta4,
    };
    let limit = noised(fine.start()).after(&propagate_matrix(continuous, &fine, &process)?)?;
    errors.score = limit.distance(&noised(stop))?;
    let remainder = if affine {
        None
    } else {
        let start = from.draw(&normal.sample(PARTICLES, 3));
        let options =
            SampleOptions { particles: PARTICLES, start: Draw::From(start.view()), ..Default::default() };
        let whole = sample(&ReverseProcess::new(schedule, score), scheme, grid, &options)?;
        let apart = whole - sample(&process, scheme, grid, &options)?;
        let squares: Array1<f64> = apart.rows().into_iter().map(|row| row.dot(&row)).collect();
        let mean = squares.mean().unwrap_or(0.0);
        let error = squares.std(1.0) / (PARTICLES as f64).sqrt();
        let root = mean.sqrt();
        Some((root, if root > 0.0 { 0.5 * error / root } else { 0.0 }))
    };
    Ok(ScoreAudit { errors, remainder })
}

/// N(mean, FFᵀ).
struct Law {
    mean: Array1<f64>,
    factor: Array2<f64>,
}

impl Law {
    fn noised(data: &Gaussian, clock: f64) -> Law {
        let (alpha, variance) = (Ou::alpha(clock), Ou::variance(clock));
        let roots = data.values().mapv(|v| (alpha * alpha * v + variance).sqrt());
        let factor = data.vectors().map_or_else(|| Array2::from_diag(&roots), |v| v * &roots);
        Law { mean: data.mean() * alpha, factor }
    }

    fn after(&self, map: &MatrixPropagation) -> Result<Law> {
        let noise = Law::noised(&Gaussian::from_covariance(map.offset.clone(), map.covariance.view())?, 0.0);
        let gained = matmul(map.gain.view(), self.factor.view());
        let factor = concatenate(Axis(1), &[gained.view(), noise.factor.view()]).expect("both have d rows");
        Ok(Law { mean: map.gain.dot(&self.mean) + &map.offset, factor })
    }

    fn draw(&self, normals: &Array2<f64>) -> Array2<f64> {
        matmul(normals.view(), self.factor.t()) + &self.mean
    }

    fn distance(&self, other: &Law) -> Result<f64> {
        let shift = &self.mean - &other.mean;
        Ok(bures(self.factor.view(), other.factor.view())?.hypot(shift.dot(&shift).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Linear;
    use crate::sampling::parse_scheme;
    use crate::score::GaussianScore;
    use ndarray::array;

    #[test]
    fn the_score_of_another_law_gives_the_audit_of_that_law() {
        let law = |c: Array2<f64>| Gaussian::from_covariance(array![0.5, -0.2], c.view()).unwrap();
        let data = law(array![[1.5, 0.4], [0.4, 0.8]]);
        let other = law(array![[1.3, 0.5], [0.5, 0.9]]);
        let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
        let grid = Grid::new(Spacing::LogSnr, 20, 1e-3, &schedule).unwrap();
        let score = GaussianScore::new(&other, &schedule);
        for name in ["em", "heun", "dpmpp-2m", "heun-sde"] {
            let scheme = parse_scheme(name).unwrap();
            let expected = Audit::with_score(&data, &other, &schedule).unwrap();
            let expected = expected.errors(&*scheme, &grid, Start::Normal).unwrap();
            for affine in [true, false] {
                let found = audit_score(&data, &score, &schedule, (&*scheme, &grid), (Start::Normal, affine))
                    .unwrap();
                assert!((found.errors.w2 - expected.w2).abs() < 1e-8, "{name}: {found:?} {expected:?}");
                assert_eq!(found.errors.initialisation, expected.initialisation);
                // 400 steps of second order stand for the continuous process.
                assert!((found.errors.score - expected.score).abs() < 2e-3 * expected.score, "{name}");
                assert!(found.remainder.is_none_or(|(rms, _)| rms < 1e-9));
            }
        }
    }
}
