//! Choosing scheme, features and ridge by what held-out particles say.

use super::coupling::Coupled;
use super::equations::Terms;
use super::fit::{Couplings, Problem, RIDGES, couple_all};
use super::judge::Judge;
use super::{FitOptions, Potential, Ridge, Scheme, Snapshots, TimeBasis, split_snapshots};
use crate::basis::{FeatureSpec, Kernel, Kind};
use crate::options::as_words;
use crate::regression::RidgePath;
use crate::{Error, Result, Task};
use serde::{Serialize, Serializer};

/// Share of the particles of every snapshot that choices are judged on.
const SHARE: f64 = 0.25;

/// Particles that every snapshot needs to be split.
const LEAST: usize = 8;

/// What was chosen for a fit, by the caller or by inner hold-out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chosen {
    /// Where rows are evaluated.
    pub scheme: Scheme,
    /// Functions of the potential, if there is one.
    #[serde(serialize_with = "features")]
    pub potential: Option<FeatureSpec>,
    /// How the potential depends on time.
    #[serde(rename = "time_varying", serialize_with = "as_words")]
    pub time: TimeBasis,
    /// Relative or absolute ridge.
    #[serde(serialize_with = "as_words")]
    pub ridge: Ridge,
    /// Mean one-step W₁ of held-out particles with these choices; none when there was no choice.
    pub held_out: Option<f64>,
    /// Number of combinations compared.
    pub compared: usize,
}

fn features<S: Serializer>(
    potential: &Option<FeatureSpec>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    potential.as_ref().map(ToString::to_string).serialize(serializer)
}

impl Chosen {
    /// The options with everything settled as it was chosen.
    pub fn settle(&self, options: &FitOptions) -> FitOptions {
        FitOptions {
            potential: self.potential.clone().map_or(Potential::None, Potential::Features),
            scheme: Some(self.scheme),
            time_varying: Some(self.time),
            ridge: self.ridge,
            ..options.clone()
        }
    }
}

/// Settles everything that the options leave open.
pub(super) fn choose(snapshots: &Snapshots, options: &FitOptions, task: Task) -> Result<Chosen> {
    let specs = candidates(snapshots, options);
    let schemes = options.scheme.map_or_else(
        || vec![Scheme::Explicit, Scheme::Midpoint, Scheme::Implicit, Scheme::Weak],
        |scheme| vec![scheme],
    );
    if specs.len() == 1 && schemes.len() == 1 && options.ridge != Ridge::HoldOut {
        let potential = specs.into_iter().next().flatten();
        return Ok(Chosen {
            scheme: schemes[0],
            potential,
            time: options.time_basis(snapshots.intervals()),
            ridge: options.ridge,
            held_out: None,
            compared: 1,
        });
    }
    if let Some(cloud) = snapshots.clouds().iter().find(|cloud| cloud.len() < LEAST) {
        return Err(Error::Undefined {
            what: "a choice by held-out particles",
            reason: format!("a snapshot has {} of them, {LEAST} are needed", cloud.len()),
            remedy: "give potential, scheme and ridge",
        });
    }
    // Its own stream of choices: a caller's split with the same seed must not be the same split.
    let (kept, held) = split_snapshots(snapshots, SHARE, options.seed.wrapping_add(0x9e37_79b9_7f4a_7c15))?;
    let (kept, held) = (kept.carrying()?, held.carrying()?);
    let coupled = match schemes.as_slice() {
        [Scheme::Weak] => Vec::new(),
        _ => couple_all(&kept, options, task)?,
    };
    Search { kept: &kept, coupled, judge: Judge::new(&held)?, options, task }.run(&specs, &schemes)
}

/// Sets of features to compare; a larger one only where the data can carry it.
fn candidates(snapshots: &Snapshots, options: &FitOptions) -> Vec<Option<FeatureSpec>> {
    match &options.potential {
        Potential::None => vec![None],
        Potential::Features(spec) => vec![Some(spec.clone())],
        Potential::Auto => {
            let sizes = snapshots.clouds().iter().take(snapshots.intervals()).map(|cloud| cloud.len());
            let rows = match options.time_basis(snapshots.intervals()) {
                TimeBasis::Interval => sizes.min().unwrap_or(0),
                _ => sizes.sum(),
            };
            let dim = snapshots.dim();
            let most = ((1.0 - SHARE) * (rows * dim) as f64 / 4.0) as usize;
            automatic(dim, most).into_iter().map(Some).collect()
        }
    }
}

/// Sets of at most `most` features in `dim` dimensions.
fn automatic(dim: usize, most: usize) -> Vec<FeatureSpec> {
    let clusters = |count| Kind::Clusters { count, bandwidth: None, kernel: Kernel::Gaussian };
    let (base, size) = match dim {
        1..=2 => (Kind::TensorDegree(4), 5usize.pow(dim as u32) - 1),
        3..=30 => (Kind::TotalDegree(2), dim * (dim + 3) / 2),
        _ => (Kind::TotalDegree(1), dim),
    };
    let with = |count: usize| FeatureSpec(vec![base.clone(), clusters(count)]);
    // The simplest that could do comes first: it is what few or unruly particles are left with.
    let plain = match dim {
        1..=30 if dim * (dim + 3) / 2 <= most => Kind::TotalDegree(2),
        _ => Kind::TotalDegree(1),
    };
    let counts = [50, 150, 400].into_iter().filter(|count| count + size <= most);
    std::iter::once(FeatureSpec(vec![plain])).chain(counts.map(with)).collect()
}

/// The search for the best combination.
struct Search<'a> {
    kept: &'a Snapshots,
    coupled: Vec<Coupled>,
    judge: Judge,
    options: &'a FitOptions,
    task: Task<'a>,
}

impl Search<'_> {
    /// Schemes are compared with features of middling number, then features with the best scheme,
    /// both at the ridge of generalised cross-validation, then ridges: a sum of the numbers of
    /// choices, not their product.
    fn run(&self, specs: &[Option<FeatureSpec>], schemes: &[Scheme]) -> Result<Chosen> {
        let middle = specs.len() / 2;
        let combinations = schemes.len() + specs.len() - 1;
        let mut best = Best { score: f64::INFINITY, candidate: None, reason: None };
        let terms = self.terms(&specs[middle]);
        for (done, &scheme) in schemes.iter().enumerate() {
            self.progress(done, combinations)?;
            best.compare(terms.clone().and_then(|terms| self.candidate(scheme, &specs[middle], terms)))?;
        }
        let scheme = best.candidate.as_ref().map_or(schemes[0], |candidate| candidate.scheme);
        let others = specs.iter().enumerate().filter(|(i, _)| *i != middle);
        for (done, (_, spec)) in others.enumerate() {
            self.progress(schemes.len() + done, combinations)?;
            best.compare(self.terms(spec).and_then(|terms| self.candidate(scheme, spec, terms)))?;
        }
        let mut score = best.score;
        let candidate = match (best.candidate, best.reason) {
            (Some(candidate), _) => candidate,
            (None, Some(error)) => return Err(error),
            (None, None) => {
                let reason =
                    "no combination of features, scheme and ridge predicts them; give your own".into();
                return Err(Error::Numerical { what: "the choice by held-out particles", reason });
            }
        };
        let mut ridge = candidate.ridge;
        let mut compared = combinations;
        if self.options.ridge == Ridge::HoldOut {
            let first = ridge;
            for other in RIDGES.into_iter().filter(|&other| first != Ridge::Relative(other)) {
                compared += 1;
                // A ridge that fails on these data is not the best.
                let energy = match candidate.problem.energy(&candidate.paths, other) {
                    Err(Error::Numerical { .. } | Error::Linalg(_)) => continue,
                    energy => energy?,
                };
                let found = self.judge.error(&energy, self.options)?;
                if found < score {
                    (score, ridge) = (found, Ridge::Relative(other));
                }
            }
        }
        let (scheme, potential) = (candidate.scheme, candidate.potential);
        let time = self.options.time_basis(self.kept.intervals());
        Ok(Chosen { scheme, potential, time, ridge, held_out: Some(score), compared })
    }

    fn progress(&self, done: usize, combinations: usize) -> Result<()> {
        self.task.tick("comparing", done, combinations)
    }

    fn terms(&self, spec: &Option<FeatureSpec>) -> Result<Terms> {
        Terms::build(self.kept, spec.as_ref(), self.options, self.task)
    }

    /// One combination at the ridge that was given, or that of cross-validation.
    fn candidate(
        &self,
        scheme: Scheme,
        spec: &Option<FeatureSpec>,
        terms: Terms,
    ) -> Result<(f64, Candidate<'_>)> {
        let coupled = Couplings { scheme, all: &self.coupled };
        let time = self.options.time_basis(self.kept.intervals());
        let problem = Problem::with_couplings(self.kept, coupled, terms, time, self.task)?;
        let (paths, ridge, energy) = match self.options.ridge {
            Ridge::Absolute(ridge) => (Vec::new(), Ridge::Absolute(ridge), problem.absolute(ridge)?),
            given => {
                let paths = problem.paths()?;
                let ridge = match given {
                    Ridge::Relative(ridge) => ridge,
                    _ => problem.cross_validated(&paths)?,
                };
                let energy = problem.energy(&paths, ridge)?;
                (paths, Ridge::Relative(ridge), energy)
            }
        };
        let score = self.judge.error(&energy, self.options)?;
        Ok((score, Candidate { scheme, potential: spec.clone(), ridge, problem, paths }))
    }
}

/// The best combination so far, and why the first that failed did.
struct Best<'a> {
    score: f64,
    candidate: Option<Candidate<'a>>,
    reason: Option<Error>,
}

impl<'a> Best<'a> {
    /// Keeps a combination if it is the best so far. One that fails on these data is not.
    fn compare(&mut self, found: Result<(f64, Candidate<'a>)>) -> Result<()> {
        match found {
            Err(error @ (Error::Numerical { .. } | Error::Linalg(_) | Error::Undefined { .. })) => {
                self.reason.get_or_insert(error);
            }
            found => {
                let (score, candidate) = found?;
                if score < self.score {
                    (self.score, self.candidate) = (score, Some(candidate));
                }
            }
        }
        Ok(())
    }
}

/// A combination with its equations, so that other ridges cost little.
struct Candidate<'a> {
    scheme: Scheme,
    potential: Option<FeatureSpec>,
    ridge: Ridge,
    problem: Problem<'a>,
    paths: Vec<RidgePath>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn automatic_features_fit_the_data() {
        for (dim, most) in [(1, 20), (2, 5000), (5, 300), (5, 10), (50, 400), (200, 10_000), (3, 1)] {
            for spec in automatic(dim, most) {
                let x = Array2::from_shape_fn((900, dim), |(i, j)| ((i * (j + 2)) % 31) as f64);
                let features = spec.build(x.view(), None, false, 0, Task::silent()).unwrap();
                let count = crate::basis::Basis::len(&features);
                assert!(count <= most.max(dim), "{dim} {most} {spec}");
            }
        }
    }
}
