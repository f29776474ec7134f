//! The fit: two passes over the data, one linear solve per time.

use super::choice::{Criterion, choose_ridge, statistical_error};
use super::coefficients::{Path, log_spaced};
use super::compare::compare;
use super::coordinates::{Coordinates, Frame};
use super::evidence::Evidence;
use super::moments::{Means, Moments};
use super::partition::partition;
use super::report::{Comparison, Report};
use super::score::EigenScore;
use super::system::{DIRECT, Solve, System, norm, rank};
use super::{Family, Rows, Shape, Summary};
use crate::options::Receipt;
use crate::statistics::Gaussian;
use crate::{Blocks, Error, Merge, Result, Task, shortest};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use std::fmt;
use std::str::FromStr;

/// The relative ridge η of `(A + η Λ) c = b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ridge {
    /// Chosen on the rows held out, or by Takeuchi's criterion when there are none.
    Auto,
    /// This one.
    Fixed(f64),
}

impl FromStr for Ridge {
    type Err = Error;

    /// `auto` or a number.
    fn from_str(text: &str) -> Result<Self> {
        match (text, text.parse::<f64>()) {
            ("auto", _) => Ok(Ridge::Auto),
            (_, Ok(ridge)) if ridge >= 0.0 && ridge.is_finite() => Ok(Ridge::Fixed(ridge)),
            _ => Err(Error::Name {
                what: "ridge",
                found: text.to_owned(),
                known: "auto, or a number of at least 0 such as 1e-3".into(),
            }),
        }
    }
}

impl fmt::Display for Ridge {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Ridge::Auto => f.write_str("auto"),
            Ridge::Fixed(ridge) => f.write_str(&shortest(*ridge)),
        }
    }
}

/// Options of the solves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SolveOptions {
    /// Relative ridge.
    pub ridge: Ridge,
    /// First time of the fit, on the unit-rate clock.
    pub first: f64,
    /// Last one; beyond, coefficients decay as eigenfunctions do.
    pub last: f64,
    /// Number of log-spaced times that are solved.
    pub times: usize,
    /// Rows held out that the fit is compared on with a Gaussian and a mixture; 0 for none.
    pub compare: usize,
    /// Draws, of either kind, that log Z of the [`Density::Energy`] is computed from; 0 leaves the
    /// density of the flow alone.
    ///
    /// [`Density::Energy`]: super::Density::Energy
    pub partition: usize,
    /// Rows of the data, at most 512, that the fit keeps and saves so that samples can be checked
    /// against them; 0 for none.
    pub check: usize,
}

impl Default for SolveOptions {
    fn default() -> Self {
        SolveOptions {
            ridge: Ridge::Auto,
            first: 1e-3,
            last: 5.0,
            times: 16,
            compare: 1000,
            partition: 512,
            check: 512,
        }
    }
}

impl SolveOptions {
    fn validate(&self) -> Result<()> {
        if let Ridge::Fixed(ridge) = self.ridge
            && !(ridge >= 0.0 && ridge.is_finite())
        {
            let requirement = "non-negative and finite".into();
            return Err(Error::Argument { name: "ridge", requirement, found: ridge });
        }
        if !(self.first > 0.0 && self.first < self.last && self.last.is_finite()) {
            let requirement = format!("positive and below the last time {}", self.last);
            return Err(Error::Argument { name: "first time", requirement, found: self.first });
        }
        if !(2..=1000).contains(&self.times) {
            let requirement = "from 2 to 1000".into();
            return Err(Error::Argument { name: "times", requirement, found: self.times as f64 });
        }
        Ok(())
    }
}

/// What [`fit`] makes: a candidate of those that [`FitOptions`](super::FitOptions) name.
#[derive(Debug, Clone, Default)]
pub struct Candidate<'a> {
    /// Coordinates, and with them the reference process.
    pub coordinates: Coordinates,
    /// What spans the fit.
    pub shape: Shape,
    /// How rows are read.
    pub rows: Rows<'a>,
    /// How the systems are solved.
    pub solve: SolveOptions,
}

/// A fitted law: its score at every time, its density and its samples, in the columns of the data.
#[derive(Debug, Clone)]
pub struct SpectralFit {
    pub(super) frame: Frame,
    pub(super) shape: Shape,
    pub(super) score: EigenScore,
    pub(super) report: Report,
    /// What samples are checked against; fits of earlier versions hold none.
    pub(super) evidence: Option<Evidence>,
    /// How it was made; none unless by the options of a command.
    pub(super) receipt: Option<Receipt>,
}

/// Fits the score of the noised data: coordinates in a first pass, moments in a second one, then
/// one linear solve per time.
///
/// # Errors
/// Rows that cannot be read or are not finite, fewer than two, columns that are all constant, a
/// basis that does not fit, an interruption.
///
/// ```
/// use fokker::spectral::{Candidate, fit};
/// use fokker::{ArrayBlocks, Task, statistics::{Gaussian, GaussianMixture}};
/// let law = Gaussian::diagonal(ndarray::array![3.0], ndarray::array![4.0]).unwrap();
/// let x = GaussianMixture::new(ndarray::array![1.0], vec![law]).unwrap().sample(4000, 1);
/// let fit = fit(&mut ArrayBlocks::new(x.view()), &Candidate::default(), Task::silent()).unwrap();
/// // N(3, 4): log p(3) = −log √(8π); the fit errs by about √(functions/2N).
/// let log = fit.log_density(ndarray::array![[3.0]].view()).unwrap()[0];
/// assert!((log + 0.5 * (8.0 * std::f64::consts::PI).ln()).abs() < 0.1);
/// ```
pub fn fit(blocks: &mut dyn Blocks, options: &Candidate, task: Task) -> Result<SpectralFit> {
    options.shape.check_size(blocks.dim())?;
    let summary = Summary::from_blocks(blocks, &options.rows, task)?;
    blocks.rewind()?;
    let basis = (options.coordinates, &options.shape);
    let moments = Moments::from_blocks(blocks, &summary, basis, &options.rows, task)?;
    SpectralFit::from_moments(&moments, &options.solve, task)
}

impl SpectralFit {
    /// Solves for the score from moments (of all shards, merged).
    ///
    /// # Errors
    /// Options out of their domain, a system that cannot be solved, an interruption.
    pub fn from_moments(moments: &Moments, options: &SolveOptions, task: Task) -> Result<Self> {
        let mut fit = Self::solve(moments, options, task)?;
        fit.assess(moments, options, task)?;
        Ok(fit)
    }

    /// The fit without its densities on rows held out.
    pub(super) fn solve(moments: &Moments, options: &SolveOptions, task: Task) -> Result<Self> {
        options.validate()?;
        let design = &moments.design;
        let (used, held_out) = moments.means()?;
        let times = log_spaced(options.first, options.last, options.times);
        let criterion = Criterion { design, used: &used, held_out: held_out.as_ref(), times: &times };
        let (ridge, choice) = match options.ridge {
            Ridge::Fixed(ridge) => (ridge, Vec::new()),
            Ridge::Auto => choose_ridge(&criterion)?,
        };
        let solved = solve_all(&criterion, ridge, task)?;
        let roots: Vec<f64> = design.terms.eigenvalues.iter().map(|l| l.sqrt()).collect();
        let n = design.terms.len();
        let values = Array2::from_shape_fn((times.len(), n), |(i, k)| solved[i].0[k] / roots[k]);
        let path = Path::new(times.clone(), values, design.terms.eigenvalues.clone());
        let family = design.frame.kind.family();
        let bounds = (design.frame.lower.clone(), design.frame.upper.clone());
        let score = EigenScore::new(family, design.frame.dim(), design.functions.clone(), path, bounds);
        let mut report = Report::new(&criterion, ridge, choice, solved.into_iter().map(|s| s.1).collect());
        report.rows = moments.count();
        if n <= DIRECT {
            report.rank = Some(rank(&System::new(&design.terms, &used.values, times[0]))?);
        }
        report.judge(&design.warnings, &used);
        let evidence = design.evidence.as_ref().map(|evidence| evidence.first(options.check));
        let (frame, shape) = (design.frame.clone(), design.shape.clone());
        Ok(SpectralFit { frame, shape, score, report, evidence, receipt: None })
    }

    /// Adds what takes the densities of the fit: log Z, and the comparison with simpler laws.
    pub(super) fn assess(&mut self, moments: &Moments, options: &SolveOptions, task: Task) -> Result<()> {
        if options.partition > 0 {
            self.report.partition = partition(self, options.partition, task)?;
        }
        self.report.trial = self.try_corrector(task)?;
        if options.compare > 0 {
            self.report.comparison = compare(self, &moments.design, options.compare, task)?;
        }
        Ok(())
    }

    /// The score, density and Laplacian in the coordinates of the fit.
    pub fn score(&self) -> &EigenScore {
        &self.score
    }

    /// What the fit is worth.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How it was made: by [`fit_best`](super::fit_best()) or [`fit_moments`](super::fit_moments()); none
    /// otherwise, and in files of earlier versions.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Its coordinates.
    pub fn coordinates(&self) -> Coordinates {
        self.frame.kind
    }

    /// Dimension of the data.
    pub fn dim(&self) -> usize {
        self.frame.data_dim()
    }

    /// What spans the fit, on its coordinates.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Coordinates `[n, d']` of rows `[n, d]`: free columns only.
    ///
    /// # Errors
    /// Rows of another dimension.
    pub fn to_coordinates(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.check_rows(x)?;
        Ok(self.frame.forward(x))
    }

    /// Rows `[n, d]` of coordinates `[n, d']`; constant columns and copies are put back.
    ///
    /// # Errors
    /// Coordinates of another dimension.
    pub fn from_coordinates(&self, y: ArrayView2<f64>) -> Result<Array2<f64>> {
        if y.ncols() != self.frame.dim() {
            return Err(Error::Size { name: "coordinates", expected: self.frame.dim(), found: y.ncols() });
        }
        Ok(self.frame.backward(y))
    }

    /// A Gaussian law of the data `[d]` in the coordinates of the fit `[d']`.
    ///
    /// # Errors
    /// Coordinates that are not affine (cosines through distribution functions), another dimension.
    pub fn gaussian_to_coordinates(&self, law: &Gaussian) -> Result<Gaussian> {
        if law.dim() != self.dim() {
            return Err(Error::Size { name: "data law", expected: self.dim(), found: law.dim() });
        }
        let affine = self.frame.affine().filter(|_| self.frame.kind.family() == Family::Hermite);
        let Some((slope, offset)) = affine else {
            return Err(Error::Undefined {
                what: "the audit of this score",
                reason: "its reference is reflected Brownian motion, audits are of Ornstein-Uhlenbeck".into(),
                remedy: "fit with the hermite reference",
            });
        };
        let mean = slope.dot(&law.mean().select(Axis(0), &self.frame.free)) + offset;
        let covariance = law.covariance().select(Axis(0), &self.frame.free).select(Axis(1), &self.frame.free);
        Gaussian::from_covariance(mean, slope.dot(&covariance).dot(&slope.t()).view())
    }

    /// `∇ log p_t` of rows `[n, d]` in the columns of the data at clock `time`, `[n, d]`; 0 in
    /// columns that are constant or copies.
    ///
    /// The noise is that of the reference process in the coordinates of the fit.
    ///
    /// # Errors
    /// Rows of another dimension, not finite, or so far away that the score is no number; a negative time.
    pub fn score_at(&self, time: f64, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        use crate::score::Score;
        self.check_rows(x)?;
        let y = self.frame.forward(x);
        let mut own = Array2::zeros(y.dim());
        self.score.score_into(time, y.view(), own.view_mut())?;
        let mut out = Array2::zeros(x.dim());
        for ((x, own), out) in x.rows().into_iter().zip(own.rows()).zip(out.rows_mut()) {
            self.frame.pull_back(x, own, out);
        }
        match out.rows().into_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
            None => Ok(out),
            Some(row) => Err(super::density::too_far(x, row)),
        }
    }

    pub(super) fn check_rows(&self, x: ArrayView2<f64>) -> Result<()> {
        if x.ncols() != self.dim() {
            return Err(Error::Size { name: "columns", expected: self.dim(), found: x.ncols() });
        }
        match x.indexed_iter().find(|(_, x)| !x.is_finite()) {
            None => Ok(()),
            Some(((row, column), &value)) => {
                Err(Error::NonFinite { name: "data", index: vec![row, column], value })
            }
        }
    }

    /// How the fit compares with simpler laws on rows held out, when it was asked.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.report.comparison.as_ref()
    }
}

/// Scaled coefficients and what they are worth, at every time.
fn solve_all(criterion: &Criterion, ridge: f64, task: Task) -> Result<Vec<(Vec<f64>, Solve)>> {
    let Criterion { design, used, held_out, times } = *criterion;
    let total = times.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let solve = |&time: &f64| {
        let system = System::new(&design.terms, &used.values, time);
        let (scaled, mut solve) = system.solve(ridge, time)?;
        solve.held_out =
            held_out.map(|held: &Means| System::new(&design.terms, &held.values, time).objective(&scaled));
        solve.statistical = statistical_error(criterion, &system, &scaled, ridge, time)?;
        let finished = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        task.tick("solving", finished, total)?;
        debug_assert!(norm(&scaled).is_finite());
        Ok((scaled, solve))
    };
    times.par_iter().map(solve).collect()
}
