//! The four errors of a sampler and their total.

use super::frame::{Frame, Law, squares};
use super::probe::Propagation;
use super::{Start, continuous, probe};
use crate::process::{Grid, OrnsteinUhlenbeck as Ou, Schedule};
use crate::sampling::{Limit, Scheme};
use crate::statistics::Gaussian;
use crate::{Error, Result, all_finite, finite};
use ndarray::{Array1, Axis, Slice};
use serde::{Serialize, Serializer};

/// What to do about errors beyond the range of numbers.
pub(super) const OVERFLOW: &str = "use more steps, a slower schedule, or data in a larger unit";

/// W₂ errors of a sampler, in the units of the data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorReport {
    /// Everything together: what is drawn against the data law p_0.
    pub w2: f64,
    /// The continuous process from the start, with the exact score, against p_ε.
    pub initialisation: f64,
    /// p_ε against p_0.
    pub truncation: f64,
    /// The scheme from p_T, with the exact score, against p_ε.
    pub discretisation: f64,
    /// The continuous process from p_T, with the score in use, against p_ε.
    pub score: f64,
}

/// The errors of each eigenvalue of the data covariance, `[d]` each; squares add up to those of
/// the [`ErrorReport`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerEigenvalue {
    /// Everything together.
    #[serde(serialize_with = "numbers")]
    pub w2: Array1<f64>,
    /// As in [`ErrorReport::initialisation`].
    #[serde(serialize_with = "numbers")]
    pub initialisation: Array1<f64>,
    /// As in [`ErrorReport::truncation`].
    #[serde(serialize_with = "numbers")]
    pub truncation: Array1<f64>,
    /// As in [`ErrorReport::discretisation`].
    #[serde(serialize_with = "numbers")]
    pub discretisation: Array1<f64>,
    /// As in [`ErrorReport::score`].
    #[serde(serialize_with = "numbers")]
    pub score: Array1<f64>,
}

fn numbers<S: Serializer>(values: &Array1<f64>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(values)
}

/// A sampler that has been run: what it does to any start.
#[derive(Debug, Clone)]
pub struct Run {
    start: f64,
    stop: f64,
    limit: Limit,
    /// With the exact score, in the frame of the data.
    exact: Propagation,
    /// With the score in use, in its frame; none when that is the exact one.
    used: Option<Propagation>,
}

/// A data law, a schedule and the score in use: everything the errors depend on but the sampler.
#[derive(Debug, Clone)]
pub struct Audit<'a> {
    schedule: &'a dyn Schedule,
    exact: Frame,
    used: Option<Frame>,
}

/// Pairs of laws whose distances are the five numbers of a report.
struct Pairs<'a> {
    frame: [&'a Frame; 5],
    laws: [(Law, Law); 5],
}

impl<'a> Audit<'a> {
    /// Audits samplers of `data` that use its exact score.
    pub fn new(data: &Gaussian, schedule: &'a dyn Schedule) -> Self {
        let own = data.in_own_axes();
        let exact = Frame::commuting(&own, &own).expect("a law is consistent with itself");
        Audit { schedule, exact, used: None }
    }

    /// Audits samplers of `data` that use the exact score of another law, `score`: one estimated
    /// from samples, shrunken or of low rank.
    ///
    /// Laws that are both given by eigenvalues share their axes, the i-th eigenvalues belonging
    /// together; otherwise full covariances are propagated and compared by Bures, O(d³) a run.
    ///
    /// # Errors
    /// Different dimensions.
    pub fn with_score(data: &Gaussian, score: &Gaussian, schedule: &'a dyn Schedule) -> Result<Self> {
        if data.dim() != score.dim() {
            return Err(Error::Size { name: "score law", expected: data.dim(), found: score.dim() });
        }
        let used = match (data.vectors(), score.vectors()) {
            (None, None) => Frame::commuting(data, score)?,
            _ => Frame::rotated(data, score),
        };
        Ok(Audit { used: Some(used), ..Audit::new(data, schedule) })
    }

    /// Runs a scheme down a grid, O(d · steps) score evaluations.
    ///
    /// # Errors
    /// A step for which the scheme or the score is not defined.
    pub fn run(&self, scheme: &dyn Scheme, grid: &Grid) -> Result<Run> {
        let propagate = |frame: &Frame| probe::propagate(scheme, grid, self.schedule, &frame.score);
        Ok(Run {
            start: grid.start(),
            stop: grid.stop(),
            limit: scheme.limit(),
            exact: propagate(&self.exact)?,
            used: self.used.as_ref().map(propagate).transpose()?,
        })
    }

    /// The continuous process itself from the horizon down to `stop`, in closed form.
    ///
    /// # Errors
    /// A stop outside [0, horizon).
    pub fn continuous(&self, limit: Limit, stop: f64) -> Result<Run> {
        let start = self.schedule.horizon();
        if !(stop >= 0.0 && stop < start) {
            let requirement = format!("at least 0 and below the horizon {start}");
            return Err(Error::Argument { name: "stop", requirement, found: stop });
        }
        Ok(Run {
            start,
            stop,
            limit,
            exact: self.solution(&self.exact, limit, start, stop),
            used: self.used.as_ref().map(|frame| self.solution(frame, limit, start, stop)),
        })
    }

    /// The errors of a run from the given start.
    ///
    /// # Errors
    /// Errors beyond the range of numbers; no convergence of a singular value decomposition, for
    /// axes that differ.
    pub fn report(&self, run: &Run, start: Start) -> Result<ErrorReport> {
        let Pairs { frame, laws } = self.pairs(run, start);
        let mut values = [0.0; 5];
        for (value, (frame, (a, b))) in values.iter_mut().zip(frame.into_iter().zip(&laws)) {
            *value = frame.wasserstein2(a, b)?;
        }
        all_finite("one of the five errors", &values, OVERFLOW)?;
        let [w2, initialisation, truncation, discretisation, score] = values;
        Ok(ErrorReport { w2, initialisation, truncation, discretisation, score })
    }

    /// The errors of each eigenvalue of the data, in the order they were given.
    ///
    /// # Errors
    /// A score whose axes differ from those of the data: its errors belong to no eigenvalue. Errors
    /// beyond the range of numbers.
    pub fn per_eigenvalue(&self, run: &Run, start: Start) -> Result<PerEigenvalue> {
        let Pairs { frame, laws } = self.pairs(run, start);
        let mut vectors = Vec::with_capacity(5);
        for (frame, (a, b)) in frame.into_iter().zip(&laws) {
            let squares = squares(a, b).ok_or_else(|| Error::Undefined {
                what: "the error of an eigenvalue",
                reason: "the score has other axes than the data".into(),
                remedy: "ask for the total",
            })?;
            all_finite("the error of an eigenvalue", &squares, OVERFLOW)?;
            vectors.push(squares.mapv(f64::sqrt).select(Axis(0), &frame.members));
        }
        let mut vectors = vectors.into_iter();
        let mut next = || vectors.next().expect("five pairs give five vectors");
        Ok(PerEigenvalue {
            w2: next(),
            initialisation: next(),
            truncation: next(),
            discretisation: next(),
            score: next(),
        })
    }

    /// W₂ of a run by programs that work on x = y/α: from σ_0 z instead of √(1 + σ_0²) z, and x at
    /// the stop is what they return.
    pub(super) fn w2_in_sigma(&self, run: &Run) -> Result<f64> {
        let used = self.used.as_ref().unwrap_or(&self.exact);
        let clock = |t| self.schedule.clock(t);
        let begin = used.normal().scaled(Ou::variance(clock(run.start)).sqrt());
        let drawn = begin.after(run.used.as_ref().unwrap_or(&run.exact)).scaled(clock(run.stop).exp());
        finite("W₂", used.wasserstein2(&drawn, &used.marginal(self.schedule, 0.0))?, OVERFLOW)
    }

    /// Runs a scheme and reports its errors: [`Audit::run`], then [`Audit::report`].
    ///
    /// # Errors
    /// As those.
    pub fn errors(&self, scheme: &dyn Scheme, grid: &Grid, start: Start) -> Result<ErrorReport> {
        self.report(&self.run(scheme, grid)?, start)
    }

    /// W₂ between the law of the particles and the marginal p_t at every time of the grid,
    /// `[steps + 1]`.
    ///
    /// # Errors
    /// As [`Audit::run`]; a score whose axes differ from those of the data; numbers beyond their range.
    pub fn along_time(&self, scheme: &dyn Scheme, grid: &Grid, start: Start) -> Result<Vec<f64>> {
        let frame = self.used.as_ref().unwrap_or(&self.exact);
        if !frame.is_diagonal() {
            return Err(Error::Undefined {
                what: "W₂ along time",
                reason: "the score has other axes than the data".into(),
                remedy: "give the score by eigenvalues, or audit shorter grids",
            });
        }
        let marginals: Vec<Law> = grid.times().iter().map(|&t| frame.marginal(self.schedule, t)).collect();
        let from = match start {
            Start::Normal => frame.normal(),
            Start::Exact => marginals[0].clone(),
        };
        let sums = probe::along_time(scheme, grid, self.schedule, &frame.score, |columns, index, map| {
            let part = |law: &Law| law.columns(columns.clone());
            let squares = squares(&part(&from).after(map), &part(&marginals[index]));
            let weights = frame.multiplicity().slice_axis(Axis(0), Slice::from(columns.clone()));
            squares.map_or(0.0, |squares| (&squares * &weights).sum())
        })?;
        all_finite("W₂ along time", &sums, OVERFLOW)?;
        Ok(sums.into_iter().map(f64::sqrt).collect())
    }

    fn solution(&self, frame: &Frame, limit: Limit, from: f64, to: f64) -> Propagation {
        continuous::propagate(limit, &frame.score, self.schedule, from, to)
    }

    fn pairs(&self, run: &Run, start: Start) -> Pairs<'_> {
        let exact = &self.exact;
        let used = self.used.as_ref().unwrap_or(exact);
        let marginal = |frame: &Frame, t| frame.marginal(self.schedule, t);
        let begin = |frame: &Frame| match start {
            Start::Normal => frame.normal(),
            Start::Exact => marginal(frame, run.start),
        };
        let solution = |frame: &Frame| self.solution(frame, run.limit, run.start, run.stop);
        let stopped = marginal(exact, run.stop);
        Pairs {
            frame: [used, exact, exact, exact, used],
            laws: [
                (begin(used).after(run.used.as_ref().unwrap_or(&run.exact)), marginal(used, 0.0)),
                (begin(exact).after(&solution(exact)), stopped.clone()),
                (stopped.clone(), marginal(exact, 0.0)),
                (marginal(exact, run.start).after(&run.exact), stopped),
                (marginal(used, run.start).after(&solution(used)), marginal(used, run.stop)),
            ],
        }
    }
}

/// Share of the score's mean square below which its affine part is said not to be the score.
const AFFINE: f64 = 0.95;

/// What W₂ of an affine part is for, where the score is far from it: a sentence when less than 95 % of its
/// mean square is affine at some time, of (time, share) as [`AffinePart::shares`](super::AffinePart::shares) has them.
///
/// ```
/// use fokker::audit::affine_warning;
/// assert_eq!(affine_warning(&[(1.0, 1.0), (0.5, 0.96)]), None);
/// let words = affine_warning(&[(1.0, 1.0), (0.5, 0.41)]).unwrap();
/// assert!(words.starts_with("41 % of the score's mean square is affine at t = 0.5"));
/// ```
pub fn affine_warning(shares: &[(f64, f64)]) -> Option<String> {
    let (t, share) = shares.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))?;
    (share < AFFINE).then(|| {
        format!(
            "{:.0} % of the score's mean square is affine at t = {t}: W2 of the affine part is exact for a \
             sampler with the linearised score, and says of the score itself no more than its second moments",
            100.0 * share
        )
    })
}
