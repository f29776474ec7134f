//! The best time grid for a budget of score evaluations.
//!
//! The exact W₂ of a sampler is a smooth function of its grid, so the grid can be chosen by
//! minimising it:
//!
//! ```text
//! minimise    log W₂(t_1, …, t_N)      over θ_i = log(δ_i − δ_min),  δ_i = log r_{i−1} − log r_i,  r = σ/α
//! endings     r_N = 0 with δ_1, …, δ_{N−1} free;   r_N > 0 free;   or the stopping time fixed (Σ δ_i fixed)
//! gradient    of the law after N steps by the adjoint recursion; of each step's gains in its own
//!             end points by central differences: about five sweeps, whatever N
//! ```
//!
//! L-BFGS starts from the best standard grids of each ending, on the spectrum gathered into at
//! most 256 eigenvalues; every number that is returned is computed on the whole spectrum, and
//! the result is never worse than the best standard grid.
//!
//! An optimum that starts from N(0, I) may lie below the initialisation error of the continuous
//! process: it cancels that error rather than removing it. It is also tuned to its spectrum:
//! give several laws ([`Robust`]) and look at [`transfer`] before trusting the last digit.

mod adjoint;
mod lbfgs;
mod objective;
mod standard;
mod table;
mod transfer;

pub use standard::{STOPS, Standard};
pub use table::{Best, StandardRow, TransferRow, TuneRow, TuneTable, TuneTableOptions, best};
pub use transfer::{Transfer, neighbours, perturbed, transfer, unseen_neighbours};

use super::{Audit, ErrorReport, Start};
use crate::options::{Names, named, word};
use crate::process::{Grid, Schedule};
use crate::sampling::{Scheme, evaluations};
use crate::statistics::Gaussian;
use crate::{Error, Limits, Result, Task};
use objective::{Ending, Objective};
use rayon::prelude::*;

/// What is minimised when there are several laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Robust {
    /// The average of W₂ over the laws.
    Average,
    /// The largest W₂ of the laws.
    Worst,
}

/// The names of what is minimised.
pub const ROBUST_NAMES: Names<Robust> = Names {
    what: "robust",
    rows: &[
        word!("average", [], "the average of W₂ over the laws", Robust::Average),
        word!("worst", [], "the largest W₂ of the laws", Robust::Worst),
    ],
    absent: &[],
    beside: &[],
};

named!(Robust, ROBUST_NAMES);

impl Robust {
    /// The combination of the W₂ of the laws.
    pub fn combine(self, values: &[f64]) -> f64 {
        match self {
            Robust::Average => values.iter().sum::<f64>() / values.len() as f64,
            Robust::Worst => values.iter().fold(0.0, |worst: f64, &w2| worst.max(w2)),
        }
    }
}

/// Options of [`tune`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TuneOptions {
    /// The budget: score evaluations of a sample.
    pub nfe: usize,
    /// The law the sampler starts from.
    pub start: Start,
    /// The stopping time when it is fixed; chosen with the grid otherwise.
    pub stop: Option<f64>,
    /// How several laws are combined.
    pub robust: Robust,
    /// Iterations of L-BFGS from each start.
    pub iterations: usize,
}

impl Default for TuneOptions {
    fn default() -> Self {
        TuneOptions { nfe: 10, start: Start::Normal, stop: None, robust: Robust::Average, iterations: 300 }
    }
}

/// A tuned grid and what it gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The grid; its stop was chosen with it unless it was fixed.
    pub grid: Grid,
    /// Score evaluations that it uses.
    pub evaluations: usize,
    /// W₂, combined over the laws.
    pub w2: f64,
    /// The errors on the first law.
    pub report: ErrorReport,
    /// The best standard grid for the same budget.
    pub standard: Standard,
}

/// The grid of at most [`TuneOptions::nfe`] score evaluations that minimises the exact W₂ on the given laws.
///
/// Several laws are combined as [`TuneOptions::robust`] says; one law is the usual case. Cost: a
/// few thousand sweeps of N steps over at most 256 eigenvalues a law, well under a second for
/// N = 20. The same inputs give the same bits.
///
/// # Errors
/// No law, a budget below one step or above [`Limits::TUNED_EVALUATIONS`], a stop outside [0, T), a scheme that is defined on none of
/// the standard grids, or an interruption.
///
/// ```
/// use fokker::{Task, audit::tune::{TuneOptions, tune}, problems, process::Linear, sampling::DpmPlusPlus2M, statistics::Gaussian};
/// let law = Gaussian::from_eigenvalues(problems::natural_image_spectrum(8, 8, 1).unwrap()).unwrap();
/// let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
/// let tuned = tune(&[law], &DpmPlusPlus2M, &schedule, &TuneOptions::default(), Task::silent()).unwrap();
/// assert!(tuned.evaluations == 10 && tuned.w2 < 0.2 * tuned.standard.w2);
/// ```
pub fn tune(
    laws: &[Gaussian],
    scheme: &dyn Scheme,
    schedule: &dyn Schedule,
    options: &TuneOptions,
    task: Task,
) -> Result<Tuned> {
    if laws.is_empty() {
        return Err(Error::Empty { name: "laws" });
    }
    Limits::count("nfe", options.nfe, Limits::TUNED_EVALUATIONS)?;
    let audits: Vec<Audit> = laws.iter().map(|law| Audit::new(law, schedule)).collect();
    let exact = |grid: &Grid| Ok(options.robust.combine(&errors_on(&audits, scheme, grid, options.start)?));
    let standards = standard::evaluate(scheme, options.nfe, schedule, options.stop, &exact)?;
    let objective = Objective::new(laws, scheme, schedule, options);

    // All starts go some way; the most promising ones go all the way.
    let mut candidates = starting_points(&standards, options.stop);
    for (phase, iterations) in [(0, options.iterations / 5), (1, options.iterations)] {
        candidates.truncate(if phase == 0 { candidates.len() } else { FINALISTS });
        candidates = candidates
            .par_iter()
            .map(|(ending, grid, _)| {
                let tuned = objective.minimise(*ending, grid, iterations);
                let scored = tuned.and_then(|grid| exact(&grid).ok().map(|w2| (*ending, grid, w2)));
                task.tick("tuning", phase, 2).map(|()| scored)
            })
            .filter_map(Result::transpose)
            .collect::<Result<_>>()?;
        candidates.sort_by(|a, b| a.2.total_cmp(&b.2));
    }
    let standard = standards[0].clone();
    let (grid, w2) = candidates
        .into_iter()
        .map(|(_, grid, w2)| (grid, w2))
        .chain(std::iter::once((standard.grid.clone(), standard.w2)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .expect("the standard grid is a candidate");
    let report = audits[0].errors(scheme, &grid, options.start)?;
    Ok(Tuned { evaluations: evaluations(scheme, &grid), grid, w2, report, standard })
}

/// W₂ of a grid on each law.
fn errors_on(audits: &[Audit], scheme: &dyn Scheme, grid: &Grid, start: Start) -> Result<Vec<f64>> {
    audits.iter().map(|audit| Ok(audit.errors(scheme, grid, start)?.w2)).collect()
}

/// Starts per ending, and how many of all are minimised to the end: more have not found a better
/// optimum in the cases of the tests.
const STARTS: usize = 4;
const FINALISTS: usize = 3;

/// The best standard grids of each ending that the stop allows.
fn starting_points(standards: &[Standard], stop: Option<f64>) -> Vec<(Ending, Grid, f64)> {
    let endings: &[Ending] = match stop {
        None => &[Ending::Zero, Ending::Free],
        Some(0.0) => &[Ending::Zero],
        Some(_) => &[Ending::Fixed],
    };
    let mut out = Vec::new();
    for &ending in endings {
        let fits = |standard: &&Standard| (standard.grid.stop() == 0.0) == (ending == Ending::Zero);
        let best = standards.iter().filter(fits).take(STARTS);
        out.extend(best.map(|standard| (ending, standard.grid.clone(), standard.w2)));
    }
    out
}
