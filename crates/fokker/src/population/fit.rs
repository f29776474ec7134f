//! Fitting energies: one linear solve.

use super::choose::{Chosen, choose};
use super::coupling::{Coupled, couple, sites};
use super::equations::Terms;
use super::weak::weak_equations;
use super::{Energy, FitOptions, InteractionTerm, PotentialTerm, Ridge, Scheme, Snapshots, TimeBasis};
use crate::options::Receipt;
use crate::regression::{self, NormalEquations, RidgePath};
use crate::{Error, Merge, Result, Task};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rayon::prelude::*;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::json;

/// Relative ridges that are tried, ascending.
pub(super) const RIDGES: [f64; 8] = [1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1];

/// A fitted energy and what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The energy.
    pub energy: Energy,
    /// What was chosen, by the caller or by inner hold-out.
    pub chosen: Chosen,
    /// Number of unknowns.
    pub unknowns: usize,
    /// Number of scalar equations.
    pub equations: usize,
    /// Number of unknowns that the data identify, see [`regression::Fit::rank`].
    pub rank: usize,
    /// Condition number of the scaled Gram matrix; the worst where intervals are solved apart.
    pub condition: f64,
    /// Root mean square residual of each interval, relative to its root mean square target.
    pub residuals: Vec<f64>,
}

/// Everything but the terms of the energy; JSON has no infinity, so an infinite condition is null.
impl Serialize for Fit {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let intervals = self.residuals.iter().zip(self.energy.times.windows(2));
        let residuals: Vec<_> = intervals
            .map(|(relative, t)| json!({ "from": t[0], "to": t[1], "relative": relative }))
            .collect();
        let mut out = serializer.serialize_struct("Fit", 8)?;
        out.serialize_field("chosen", &self.chosen)?;
        out.serialize_field("unknowns", &self.unknowns)?;
        out.serialize_field("equations", &self.equations)?;
        out.serialize_field("rank", &self.rank)?;
        out.serialize_field("condition", &Some(self.condition).filter(|condition| condition.is_finite()))?;
        out.serialize_field("residuals", &residuals)?;
        out.serialize_field("temperature", &self.energy.temperature)?;
        out.serialize_field("receipt", &self.energy.receipt)?;
        out.end()
    }
}

/// Fits an energy to snapshots of a population.
///
/// ```text
/// Σ_k a_k ∇φ_k + Σ_k ω_k ∇ψ_k∗μ + θ ∇log ρ = −(y − x)/τ      for (x, y) coupled, by least squares
/// weights: the coupling, and the length of the interval over the mean length
/// ```
///
/// The interval enters once, here: V, W and θ come in the user's units of time and space. Costs
/// one optimal coupling per interval, O(n d K²) for the equations and O(K³) for the solution.
///
/// # Errors
/// Options that do not go together, a constant column, more unknowns than equations, a coupling or
/// a density that fails, an interruption.
///
/// # Source
/// \[terpin2024\]; the JKO step \[jordan1998\].
///
/// ```
/// use fokker::{Task, population::*};
/// use ndarray::{Array2, array};
/// // x' = −2x, so V = x², seen at two times through the exact flow e^{−2t}.
/// let x = Array2::from_shape_fn((40, 1), |(i, _)| i as f64 / 10.0 - 2.0);
/// let cloud = |x: Array2<f64>| Cloud::new(x, None);
/// let later = &x * (-0.2f64).exp();
/// let snapshots = Snapshots::new(vec![0.0, 0.1], vec![cloud(x)?, cloud(later)?])?;
/// let options = FitOptions {
///     potential: Potential::Features("poly:2".parse()?),
///     scheme: Some(Scheme::Midpoint),
///     ridge: Ridge::Relative(0.0),
///     ..Default::default()
/// };
/// let energy = fit(&snapshots, &options, Task::silent())?.energy;
/// let values = energy.potential(0.0, array![[0.0], [1.0]].view())?;
/// // The midpoint scheme errs by (2τ)²/12 of the force: 2 tanh(0.1)/0.1 = 1.9934 instead of 2.
/// assert!((values[1] - values[0] - 10.0 * 0.1f64.tanh()).abs() < 1e-12);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn fit(snapshots: &Snapshots, options: &FitOptions, task: Task) -> Result<Fit> {
    options.validate()?;
    let carrying = snapshots.carrying()?;
    check_columns(&carrying)?;
    // With every row: which are held out must not depend on weights, for pairs.
    let chosen = choose(snapshots, options, task)?;
    let problem = Problem::new(&carrying, &chosen, options, task)?;
    let mut fit = problem.solve(chosen)?;
    fit.energy.receipt = Some(Receipt::new(options, &fit.chosen, snapshots.digest()));
    Ok(fit)
}

/// A coordinate that never changes cannot tell anything, and would make any energy along it fit.
fn check_columns(snapshots: &Snapshots) -> Result<()> {
    for j in 0..snapshots.dim() {
        let first = snapshots.clouds()[0].x[[0, j]];
        if snapshots.clouds().iter().all(|cloud| cloud.x.column(j).iter().all(|&x| x == first)) {
            return Err(Error::Undefined {
                what: "a fit",
                reason: format!("column {j} (counted from 0) is {first} in every row"),
                remedy: "remove constant columns",
            });
        }
    }
    Ok(())
}

/// Couplings of all intervals.
pub(super) fn couple_all(snapshots: &Snapshots, options: &FitOptions, task: Task) -> Result<Vec<Coupled>> {
    let done = std::sync::atomic::AtomicUsize::new(0);
    (0..snapshots.intervals())
        .into_par_iter()
        .map(|i| {
            let [x, y] = [i, i + 1].map(|k| &snapshots.clouds()[k]);
            // Its own progress would jump between intervals; only the wish to stop passes.
            let quiet = task.within("couplings");
            let coupled = couple(x, y, options.coupling, options.seed, quiet)?;
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            task.tick("couplings", done, snapshots.intervals()).map(|()| coupled)
        })
        .collect()
}

/// Where rows are evaluated on couplings of all intervals; the weak scheme needs none.
#[derive(Clone, Copy)]
pub(super) struct Couplings<'a> {
    pub scheme: Scheme,
    pub all: &'a [Coupled],
}

/// The linear problem of a fit: the equations of every interval, before the time basis.
pub(super) struct Problem<'a> {
    snapshots: &'a Snapshots,
    terms: Terms,
    scheme: Scheme,
    time: TimeBasis,
    intervals: Vec<NormalEquations>,
}

impl<'a> Problem<'a> {
    fn new(snapshots: &'a Snapshots, chosen: &Chosen, options: &FitOptions, task: Task) -> Result<Self> {
        let coupled = match chosen.scheme {
            Scheme::Weak => Vec::new(),
            _ => couple_all(snapshots, options, task)?,
        };
        let terms = Terms::build(snapshots, chosen.potential.as_ref(), options, task)?;
        let coupled = Couplings { scheme: chosen.scheme, all: &coupled };
        Problem::with_couplings(snapshots, coupled, terms, chosen.time, task)
    }

    /// With couplings made before: they do not depend on features, scheme and ridge.
    pub fn with_couplings(
        snapshots: &'a Snapshots,
        coupled: Couplings,
        terms: Terms,
        time: TimeBasis,
        task: Task,
    ) -> Result<Self> {
        let Couplings { scheme, all } = coupled;
        let quiet = task.within("couplings");
        let mut intervals = match scheme {
            Scheme::Weak => weak_equations(&terms, snapshots, task)?,
            _ => (0..snapshots.intervals())
                .into_par_iter()
                .map(|i| {
                    let [x, y] = [i, i + 1].map(|k| &snapshots.clouds()[k]);
                    let sites = sites(scheme, &all[i], x, y)?;
                    terms.coupled(&sites, snapshots.interval(i), quiet)
                })
                .collect::<Result<Vec<_>>>()?,
        };
        if scheme != Scheme::Weak {
            let mean = (snapshots.times()[snapshots.intervals()] - snapshots.times()[0])
                / snapshots.intervals() as f64;
            for (i, equations) in intervals.iter_mut().enumerate() {
                equations.scale(snapshots.interval(i) / mean);
            }
        }
        Ok(Problem { snapshots, terms, scheme, time, intervals })
    }

    /// Time at which the time basis counts for an interval.
    fn when(&self, interval: usize) -> f64 {
        let (start, end) = (self.snapshots.times()[interval], self.snapshots.times()[interval + 1]);
        match self.scheme {
            Scheme::Explicit => start,
            // A potential per interval is that of the interval before its end.
            Scheme::Implicit if self.time != TimeBasis::Interval => end,
            _ => 0.5 * (start + end),
        }
    }

    /// Number of functions of time.
    fn time_len(&self) -> usize {
        self.time.len(self.snapshots.intervals())
    }

    /// Whether each interval has unknowns of its own and no others.
    fn separate(&self) -> bool {
        self.time == TimeBasis::Interval && self.terms.potential_len() == self.terms.len()
    }

    /// The linear problems to solve: one, or one per interval where they share no unknown.
    ///
    /// More unknowns than equations would be a fit of noise.
    fn determined(&self) -> Result<Vec<NormalEquations>> {
        let systems = self.assembled();
        match systems.iter().find(|system| system.unknowns() > system.count()) {
            Some(system) => Err(Error::Undefined {
                what: "a fit",
                reason: format!(
                    "there are more unknowns ({}) than equations ({})",
                    system.unknowns(),
                    system.count()
                ),
                remedy: "use fewer features, or data with more particles",
            }),
            None => Ok(systems),
        }
    }

    fn assembled(&self) -> Vec<NormalEquations> {
        if self.separate() {
            return self.intervals.clone();
        }
        let (potential, length) = (self.terms.potential_len(), self.time_len());
        let others = self.terms.len() - potential;
        let mut all = NormalEquations::new(potential * length + others);
        for (i, equations) in self.intervals.iter().enumerate() {
            let time = self.time.values(self.when(i), self.snapshots.times());
            let of_potential = (0..potential).map(|k| {
                let columns = time.iter().enumerate().map(|(l, &b)| (l * potential + k, b));
                columns.filter(|(_, b)| *b != 0.0).collect()
            });
            let shared = (0..others).map(|k| vec![(potential * length + k, 1.0)]);
            let map: Vec<Vec<(usize, f64)>> = of_potential.chain(shared).collect();
            equations.expanded_into(&map, &mut all);
        }
        vec![all]
    }

    /// Everything that solves for any relative ridge need.
    pub fn paths(&self) -> Result<Vec<RidgePath>> {
        self.determined()?.par_iter().map(NormalEquations::path).collect()
    }

    /// The energy for one relative ridge.
    pub fn energy(&self, paths: &[RidgePath], ridge: f64) -> Result<Energy> {
        let fits = paths.iter().map(|path| path.solve(ridge)).collect::<Result<Vec<_>>>()?;
        Ok(self.assemble(&fits))
    }

    /// The energy for an absolute ridge.
    pub fn absolute(&self, ridge: f64) -> Result<Energy> {
        let systems = self.determined()?;
        let fits =
            systems.par_iter().map(|system| system.solve_absolute(ridge)).collect::<Result<Vec<_>>>()?;
        Ok(self.assemble(&fits))
    }

    /// The relative ridge that minimises generalised cross-validation over all systems together.
    pub fn cross_validated(&self, paths: &[RidgePath]) -> Result<f64> {
        let mut best = (f64::INFINITY, RIDGES[RIDGES.len() - 1]);
        for ridge in RIDGES {
            let mut sums = (0.0, 0.0, 0.0);
            for path in paths {
                let (square, freedom, count) = path.cross_validation(ridge)?;
                sums = (sums.0 + square, sums.1 + freedom, sums.2 + count);
            }
            // With as many degrees of freedom as equations nothing is left to judge by.
            let left = 1.0 - sums.1 / sums.2;
            let score = sums.0 / (left * left);
            if left > 1e-6 && score < best.0 {
                best = (score, ridge);
            }
        }
        Ok(best.1)
    }

    fn solve(&self, mut chosen: Chosen) -> Result<Fit> {
        let systems = self.determined()?;
        let fits: Vec<regression::Fit> = match chosen.ridge {
            Ridge::Absolute(ridge) => {
                systems.par_iter().map(|system| system.solve_absolute(ridge)).collect::<Result<_>>()?
            }
            Ridge::Relative(_) | Ridge::CrossValidation | Ridge::HoldOut => {
                let paths = systems.par_iter().map(NormalEquations::path).collect::<Result<Vec<_>>>()?;
                let ridge = match chosen.ridge {
                    Ridge::Relative(ridge) => ridge,
                    _ => self.cross_validated(&paths)?,
                };
                chosen.ridge = Ridge::Relative(ridge);
                paths.iter().map(|path| path.solve(ridge)).collect::<Result<_>>()?
            }
        };
        let energy = self.assemble(&fits);
        Ok(Fit {
            residuals: self.residuals(&energy),
            unknowns: fits.iter().map(|fit| fit.coefficients.len()).sum(),
            equations: systems.iter().map(Merge::count).sum(),
            rank: fits.iter().map(|fit| fit.rank).sum(),
            condition: fits.iter().fold(1.0, |worst: f64, fit| worst.max(fit.condition)),
            energy,
            chosen,
        })
    }

    fn assemble(&self, fits: &[regression::Fit]) -> Energy {
        let views: Vec<ArrayView1<f64>> = fits.iter().map(|fit| fit.coefficients.view()).collect();
        let all = ndarray::concatenate(Axis(0), &views).expect("vectors");
        let (potential, length) = (self.terms.potential_len(), self.time_len());
        let (first, rest) = all.view().split_at(Axis(0), potential * length);
        let (pairs, temperature) = rest.split_at(Axis(0), self.terms.interaction_len());
        Energy {
            times: self.snapshots.times().to_vec(),
            scheme: self.scheme,
            potential: self.terms.potential.as_ref().map(|features| PotentialTerm {
                features: features.clone(),
                time: self.time,
                coefficients: Array2::from_shape_vec((length, potential), first.to_vec()).expect("as many"),
            }),
            interaction: self
                .terms
                .interaction
                .map(|functions| InteractionTerm { functions, coefficients: pairs.to_owned() }),
            temperature: temperature.first().copied(),
            receipt: None,
            dim: self.snapshots.dim(),
        }
    }

    /// √(Σ w r² / Σ w y²) of every interval.
    fn residuals(&self, energy: &Energy) -> Vec<f64> {
        let residual = |i: usize| {
            let time = Array1::from(self.time.values(self.when(i), self.snapshots.times()));
            let mut local =
                energy.potential.as_ref().map_or(Vec::new(), |term| time.dot(&term.coefficients).to_vec());
            local.extend(energy.interaction.iter().flat_map(|term| term.coefficients.iter()));
            local.extend(energy.temperature);
            let equations = &self.intervals[i];
            let target = equations.target_square();
            let square = equations.residual_square(Array1::from(local).view());
            if target > 0.0 { (square / target).sqrt() } else { 0.0 }
        };
        (0..self.intervals.len()).map(residual).collect()
    }
}
