//! The audit of any score: exact for its best affine part, a bound for the rest.

use super::matrix::{MatrixPropagation, propagate_matrix};
use super::report::affine_warning;
use super::report::{Audit, ErrorReport, OVERFLOW};
use super::sampler::{Sampler, Start};
use crate::process::{Grid, OrnsteinUhlenbeck as Ou, Schedule, Spacing};
use crate::sampling::{
    Limit, RelativeHeun, ReverseProcess, RungeKutta4, SampleOptions, Scheme, Start as Draw, sample,
};
use crate::score::Score;
use crate::statistics::{Gaussian, GaussianMixture};
use crate::transport::bures;
use crate::{Error, Result, all_finite, finite};
use fokker_linalg::{Cholesky, matmul};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice, concatenate};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Draws of p_t that an affine part is regressed on.
const DRAWS: usize = 4096;
/// Particles of the Monte Carlo bound.
const PARTICLES: usize = 4096;
/// Steps that stand for a continuous process.
const FINE: usize = 400;
/// Times whose affine part is remembered: those of one step, and the one it shares with the next.
const REMEMBERED: usize = 4;

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

/// The affine score nearest to a score in mean square over noised data, by least squares.
///
/// ```text
/// A_t, b_t = argmin Σ_i |score(t, x_i) − A x_i − b|²,      x_i = e^{−B(t)} data_i + √(1 − e^{−2B(t)}) noise_i
/// ```
///
/// The same rows serve every time, and a score that is affine is its own affine part. A new time
/// costs one call of the score with n rows and O(n d² + d³); the last few times are remembered,
/// since neighbouring steps share them.
///
/// ```
/// use fokker::audit::AffinePart;
/// use fokker::process::Linear;
/// use fokker::score::{GaussianScore, Score};
/// use fokker::statistics::Gaussian;
/// use ndarray::array;
/// let schedule = Linear::new(0.05, 10.0, 1.0)?;
/// let law = Gaussian::from_eigenvalues(array![4.0])?;
/// let score = GaussianScore::new(&law, &schedule);
/// // Any rows do for a score that is affine.
/// let (data, noise) = (array![[1.0], [-2.0], [0.5]], array![[0.3], [0.1], [-1.0]]);
/// let part = AffinePart::new(&score, &schedule, data, noise)?;
/// let (mut found, mut exact) = (array![[0.0]], array![[0.0]]);
/// part.score_into(0.5, array![[0.7]].view(), found.view_mut())?;
/// score.score_into(0.5, array![[0.7]].view(), exact.view_mut())?;
/// assert!((found - exact).iter().all(|e| e.abs() < 1e-12));
/// assert!((part.shares()[0].1 - 1.0).abs() < 1e-12);
/// # Ok::<(), fokker::Error>(())
/// ```
pub struct AffinePart<'a> {
    score: &'a dyn Score,
    schedule: &'a dyn Schedule,
    data: Array2<f64>,
    noise: Array2<f64>,
    fitted: Mutex<Fitted>,
}

/// What was fitted so far.
#[derive(Default)]
struct Fitted {
    /// The last few times, the latest first.
    recent: VecDeque<Arc<Part>>,
    /// (time, share) of every time.
    shares: Vec<(f64, f64)>,
}

/// `x ↦ (x − mean) slope + value` at one time.
struct Part {
    t: f64,
    mean: Array1<f64>,
    value: Array1<f64>,
    slope: Array2<f64>,
}

impl<'a> AffinePart<'a> {
    /// The affine part over rows `data` `[n, d]` and standard normals `noise` `[n, d]`, n > d.
    ///
    /// # Errors
    /// Sizes that do not fit, or too few rows.
    pub fn new(
        score: &'a dyn Score,
        schedule: &'a dyn Schedule,
        data: Array2<f64>,
        noise: Array2<f64>,
    ) -> Result<Self> {
        for (name, expected, found) in [
            ("columns of the data", score.dim(), data.ncols()),
            ("columns of the noise", score.dim(), noise.ncols()),
            ("rows of the noise", data.nrows(), noise.nrows()),
        ] {
            if expected != found {
                return Err(Error::Size { name, expected, found });
            }
        }
        if data.nrows() <= data.ncols() {
            let requirement = format!("more than the {} columns", data.ncols());
            return Err(Error::Argument {
                name: "rows of the data",
                requirement,
                found: data.nrows() as f64,
            });
        }
        Ok(AffinePart { score, schedule, data, noise, fitted: Mutex::default() })
    }

    /// (time, share of the score's mean square that its affine part has), in the order in which
    /// times were asked for.
    pub fn shares(&self) -> Vec<(f64, f64)> {
        self.fitted().shares.clone()
    }

    /// Nothing half done is ever left behind the lock, so a panic elsewhere does not matter.
    fn fitted(&self) -> MutexGuard<'_, Fitted> {
        self.fitted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self, t: f64) -> Result<Arc<Part>> {
        let known = self.fitted().recent.iter().find(|part| part.t == t).map(Arc::clone);
        if let Some(part) = known {
            return Ok(part);
        }
        let (part, share) = self.fit(t)?;
        let part = Arc::new(part);
        let mut fitted = self.fitted();
        fitted.recent.truncate(REMEMBERED - 1);
        fitted.recent.push_front(Arc::clone(&part));
        if fitted.shares.iter().all(|&(known, _)| known != t) {
            fitted.shares.push((t, share));
        }
        Ok(part)
    }

    /// The first rows of the noised data at a time, at most `most`.
    pub(super) fn points(&self, t: f64, most: usize) -> Array2<f64> {
        let clock = self.schedule.clock(t);
        let rows = Slice::from(..most.min(self.data.nrows()));
        let part = |a: &Array2<f64>| a.slice_axis(Axis(0), rows).to_owned();
        part(&self.data) * Ou::alpha(clock) + part(&self.noise) * Ou::variance(clock).sqrt()
    }

    /// The score itself.
    pub(super) fn score_at(&self, t: f64, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut values = Array2::zeros(x.dim());
        self.score.score_into(t, x, values.view_mut())?;
        Ok(values)
    }

    fn fit(&self, t: f64) -> Result<(Part, f64)> {
        let points = self.points(t, self.data.nrows());
        let values = self.score_at(t, points.view())?;
        if let Some(((row, column), &value)) = values.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::NonFinite { name: "score", index: vec![row, column], value });
        }
        let squares = |a: &Array2<f64>| a.iter().map(|x| x * x).sum::<f64>();
        let all = squares(&values);
        let centre = |a: &Array2<f64>| a.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(a.ncols()));
        let (mean, value) = (centre(&points), centre(&values));
        let (points, values) = (points - &mean, values - &value);
        let cholesky = Cholesky::new(matmul(points.t(), points.view()).view())?;
        let mut slope = matmul(points.t(), values.view());
        cholesky.solve_in_place(slope.view_mut());
        let left = squares(&(values - matmul(points.view(), slope.view())));
        // A score that is zero everywhere is affine.
        let share = 1.0 - left / all.max(f64::MIN_POSITIVE);
        Ok((Part { t, mean, value, slope }, share))
    }
}

impl Score for AffinePart<'_> {
    fn dim(&self) -> usize {
        self.score.dim()
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        let part = self.part(t)?;
        out.assign(&(matmul((&x - &part.mean).view(), part.slope.view()) + &part.value));
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
    /// What W₂ is for, where the score is far from its affine part ([`affine_warning`]).
    pub warning: Option<String>,
}

/// Audits a sampler with a score that is not the exact one of any law; `affine` says that it is affine.
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
/// Singular data, dimensions that differ, a step for which scheme or score is not defined, a score that is
/// no function of a row ([`AffinePart::check`]).
pub fn audit_score(
    data: &Gaussian,
    score: &dyn Score,
    schedule: &dyn Schedule,
    sampler: &Sampler,
    affine: bool,
) -> Result<ScoreAudit> {
    let &Sampler { scheme, grid, start } = sampler;
    if data.dim() != score.dim() {
        return Err(Error::Size { name: "score", expected: data.dim(), found: score.dim() });
    }
    let law = GaussianMixture::new(Array1::ones(1), vec![data.clone()])?;
    let normal = Gaussian::from_eigenvalues(Array1::ones(data.dim()))?;
    let normal = GaussianMixture::new(Array1::ones(1), vec![normal])?;
    let part = AffinePart::new(score, schedule, law.sample(DRAWS, 1), normal.sample(DRAWS, 2))?;
    part.check(grid)?;
    let used: &dyn Score = if affine { score } else { &part };
    let mut errors = Audit::new(data, schedule).errors(scheme, grid, start)?;
    errors.w2 = affine_w2(data, used, schedule, sampler)?;
    let noised = |t: f64| Law::noised(data, schedule.clock(t));
    let process = ReverseProcess::new(schedule, used);
    let stop = grid.stop().max(1e-6 * schedule.horizon());
    let fine = Grid::new(Spacing::LogSnr, FINE, stop, schedule)?;
    let continuous: &dyn Scheme = match scheme.limit() {
        Limit::Sde => &RelativeHeun,
        Limit::Ode => &RungeKutta4,
    };
    let limit = noised(fine.start()).after(&propagate_matrix(continuous, &fine, &process)?)?;
    errors.score = finite("the score error", limit.distance(&noised(stop))?, OVERFLOW)?;
    let remainder = if affine {
        None
    } else {
        let start = Law::start(data, schedule, grid, start).draw(&normal.sample(PARTICLES, 3));
        let options =
            SampleOptions { particles: PARTICLES, start: Draw::From(start.view()), ..Default::default() };
        let whole = sample(&ReverseProcess::new(schedule, score), scheme, grid, &options)?;
        let apart = whole - sample(&process, scheme, grid, &options)?;
        let squares: Array1<f64> = apart.rows().into_iter().map(|row| row.dot(&row)).collect();
        let mean = squares.mean().unwrap_or(0.0);
        let error = squares.std(1.0) / (PARTICLES as f64).sqrt();
        all_finite("the bound on what is not affine", &[mean, error], OVERFLOW)?;
        let root = mean.sqrt();
        Some((root, if root > 0.0 { 0.5 * error / root } else { 0.0 }))
    };
    let warning = remainder.and_then(|_| affine_warning(&part.shares()));
    Ok(ScoreAudit { errors, remainder, warning })
}

/// W₂ between Gaussian data and what a scheme draws with any affine score, exact.
///
/// ```text
/// y_N = G y_0 + o + N(0, C) from the scheme's own code;      W₂² = |o + G m_0 − m|² + Bures²
/// ```
///
/// Cost O((1 + h)³ d³) a step for h history arrays. A score that is not affine has an
/// [`AffinePart`].
///
/// # Errors
/// Dimensions that differ, a step for which scheme or score is not defined or not affine.
///
/// ```
/// use fokker::audit::{Audit, Sampler, Start, affine_w2};
/// use fokker::process::{Grid, Linear, Spacing};
/// use fokker::sampling::Heun;
/// use fokker::score::GaussianScore;
/// use fokker::statistics::Gaussian;
/// use ndarray::array;
/// let schedule = Linear::new(0.05, 10.0, 1.0)?;
/// let law = Gaussian::from_eigenvalues(array![4.0, 0.5])?;
/// let grid = Grid::new(Spacing::LogSnr, 20, 1e-3, &schedule)?;
/// // The exact score, as a score like any other.
/// let score = GaussianScore::new(&law, &schedule);
/// let sampler = Sampler { scheme: &Heun, grid: &grid, start: Start::Normal };
/// let w2 = affine_w2(&law, &score, &schedule, &sampler)?;
/// assert!((w2 - Audit::new(&law, &schedule).errors(&Heun, &grid, Start::Normal)?.w2).abs() < 1e-9);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn affine_w2(
    data: &Gaussian,
    score: &dyn Score,
    schedule: &dyn Schedule,
    &Sampler { scheme, grid, start }: &Sampler,
) -> Result<f64> {
    if data.dim() != score.dim() {
        return Err(Error::Size { name: "score", expected: data.dim(), found: score.dim() });
    }
    let map = propagate_matrix(scheme, grid, &ReverseProcess::new(schedule, score))?;
    let w2 = Law::start(data, schedule, grid, start).after(&map)?.distance(&Law::noised(data, 0.0))?;
    finite("W₂", w2, OVERFLOW)
}

/// N(mean, FFᵀ).
struct Law {
    mean: Array1<f64>,
    factor: Array2<f64>,
}

impl Law {
    /// What a sampler starts from.
    fn start(data: &Gaussian, schedule: &dyn Schedule, grid: &Grid, start: Start) -> Law {
        match start {
            Start::Normal => Law { mean: Array1::zeros(data.dim()), factor: Array2::eye(data.dim()) },
            Start::Exact => Law::noised(data, schedule.clock(grid.start())),
        }
    }

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
                let sampler = Sampler { scheme: &*scheme, grid: &grid, start: Start::Normal };
                let found = audit_score(&data, &score, &schedule, &sampler, affine).unwrap();
                assert!((found.errors.w2 - expected.w2).abs() < 1e-8, "{name}: {found:?} {expected:?}");
                assert_eq!(found.errors.initialisation, expected.initialisation);
                // 400 steps of second order stand for the continuous process.
                assert!((found.errors.score - expected.score).abs() < 2e-3 * expected.score, "{name}");
                assert!(found.remainder.is_none_or(|(rms, _)| rms < 1e-9));
            }
        }
    }
}
