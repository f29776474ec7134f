//! Tables of tuned grids: every budget, scheme and start, and what each grid is worth elsewhere.

use super::{Robust, Transfer, TuneOptions, Tuned, neighbours, transfer, tune, unseen_neighbours};
use crate::audit::table::as_text;
use crate::audit::{ErrorReport, ScheduleName, Schemes, Start};
use crate::options::options;
use crate::process::Schedule;
use crate::sampling::Scheme;
use crate::statistics::Gaussian;
use crate::{Error, Limits, Result, Task};
use rayon::prelude::*;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};

options! {
    /// Options of a [`TuneTable`]: lists of budgets, schemes and starts, whose product it holds.
    "audit tune" => pub struct TuneTableOptions {
        /// Budgets of score evaluations
        pub nfe: Vec<usize> = vec![10, 20, 50],
        /// Schemes, or all
        pub scheme: Schemes = Schemes::default(),
        /// Laws to start from: normal is N(0, I), exact is p_T
        pub start: Vec<Start> = vec![Start::Normal],
        /// Fix the stopping time, chosen with the grid otherwise
        pub stop: Option<f64> = None,
        /// Tune on 8 perturbed laws too, for the average or the worst W2
        pub robust: Option<Robust> = None,
        /// Noise schedule, as for audit errors
        pub schedule: ScheduleName = ScheduleName::default(),
        /// Seed of the perturbed laws
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

impl TuneTableOptions {
    /// Finds what makes no sense whatever the data, before any work is done.
    ///
    /// # Errors
    /// An empty list, a budget out of range.
    pub fn validate(&self) -> Result<()> {
        self.nfe
            .iter()
            .try_for_each(|&nfe| Limits::count("nfe", nfe, Limits::TUNED_EVALUATIONS).map(|_| ()))?;
        match (self.nfe.is_empty(), self.start.is_empty()) {
            (true, _) => Err(Error::Empty { name: "nfe" }),
            (_, true) => Err(Error::Empty { name: "start" }),
            _ => Ok(()),
        }
    }

    /// Number of grids to tune.
    pub fn grids(&self) -> usize {
        self.nfe.len() * self.scheme.0.len() * self.start.len()
    }
}

/// One budget and scheme.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TuneRow {
    /// The budget.
    pub nfe: usize,
    /// Steps of the grid.
    pub steps: Option<usize>,
    /// Score evaluations used.
    pub evaluations: Option<usize>,
    /// The scheme.
    pub scheme: String,
    /// What it starts from.
    pub start: Start,
    /// Stopping time.
    pub stop: Option<f64>,
    /// W₂, combined over the laws tuned on.
    pub w2: Option<f64>,
    /// That of the best standard grid.
    pub w2_best_standard: Option<f64>,
    /// The best standard grid and its stop, in words.
    pub standard_grid: Option<String>,
    /// The errors on the data law.
    pub report: Option<ErrorReport>,
    /// The best standard grid.
    pub standard: Option<StandardRow>,
    /// Times of the grid.
    pub t: Vec<f64>,
    /// σ/α at these times.
    pub sigmas: Vec<f64>,
    /// What the grid gives on laws it was not tuned on.
    pub transfer: Option<TransferRow>,
    /// Why there are no numbers.
    #[serde(serialize_with = "as_text")]
    pub reason: Option<Error>,
}

/// A standard grid: its spacing, its stop and W₂.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandardRow {
    /// The spacing.
    pub spacing: &'static str,
    /// The stop.
    pub stop: f64,
    /// W₂, combined over the laws tuned on.
    pub w2: f64,
}

/// What a grid gives on laws it was not tuned on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransferRow {
    /// On sixteen perturbed laws.
    pub perturbed: Transfer,
    /// Tuned on every other row, on the rest of them.
    pub other_half: Option<Transfer>,
}

/// The best scheme of a budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Best {
    /// The budget.
    pub nfe: usize,
    /// The scheme.
    pub scheme: String,
    /// Its W₂.
    pub w2: f64,
}

/// Everything that the tuning depends on.
pub struct TuneTable<'a> {
    /// The data law.
    pub data: &'a Gaussian,
    /// The laws of every other row and of the rest, when there are rows.
    pub halves: Option<[Gaussian; 2]>,
    /// The schedule.
    pub schedule: &'a dyn Schedule,
    /// The lists.
    pub options: &'a TuneTableOptions,
}

/// A grid to tune.
struct Case<'a> {
    nfe: usize,
    name: String,
    scheme: &'a dyn Scheme,
    start: Start,
}

impl TuneTable<'_> {
    /// All budgets, schemes and starts; a scheme that is nowhere defined has a reason.
    ///
    /// # Errors
    /// The first reason when nothing else is left, options out of range, an interruption.
    pub fn rows(&self, task: Task) -> Result<Vec<TuneRow>> {
        self.options.validate()?;
        let schemes: Vec<_> =
            self.options.scheme.0.iter().map(|name| (name.to_string(), name.scheme())).collect();
        let mut cases = Vec::new();
        for &nfe in &self.options.nfe {
            for (name, scheme) in &schemes {
                let case = |&start: &Start| Case { nfe, name: name.clone(), scheme: &**scheme, start };
                cases.extend(self.options.start.iter().map(case));
            }
        }
        let done = AtomicUsize::new(0);
        let run = |case: &Case| {
            let row = match self.tuned(case, task.within("tuning")) {
                Ok((tuned, transfer)) => filled(case, tuned, transfer),
                Err(error) if error.is_input() => TuneRow { reason: Some(error), ..empty(case) },
                Err(error) => return Err(error),
            };
            task.tick("tuning", done.fetch_add(1, Ordering::Relaxed) + 1, cases.len())?;
            Ok(row)
        };
        let rows: Vec<TuneRow> = cases.par_iter().map(run).collect::<Result<_>>()?;
        match rows.iter().find_map(|row| row.reason.clone()) {
            Some(reason) if rows.iter().all(|row| row.reason.is_some()) => Err(reason),
            _ => Ok(rows),
        }
    }

    fn tuned(&self, case: &Case, task: Task) -> Result<(Tuned, TransferRow)> {
        let &Case { nfe, scheme, start, .. } = case;
        let TuneTableOptions { stop, robust, seed, .. } = *self.options;
        let options = TuneOptions {
            nfe,
            start,
            stop,
            robust: robust.unwrap_or(Robust::Average),
            ..TuneOptions::default()
        };
        let tuned = |law| tune(&self.tuning_laws(law)?, scheme, self.schedule, &options, task);
        let on = |tuned: &Tuned, laws: &[Gaussian]| transfer(tuned, laws, scheme, self.schedule, start);
        let best = tuned(self.data)?;
        let perturbed = on(&best, &unseen_neighbours(self.data, seed)?)?;
        let other_half = match &self.halves {
            None => None,
            Some([tuned_on, rest]) => Some(on(&tuned(tuned_on)?, std::slice::from_ref(rest))?),
        };
        Ok((best, TransferRow { perturbed, other_half }))
    }

    fn tuning_laws(&self, law: &Gaussian) -> Result<Vec<Gaussian>> {
        match self.options.robust {
            None => Ok(vec![law.in_own_axes()]),
            Some(_) => neighbours(law, self.options.seed),
        }
    }
}

fn empty(case: &Case) -> TuneRow {
    TuneRow {
        nfe: case.nfe,
        steps: None,
        evaluations: None,
        scheme: case.name.clone(),
        start: case.start,
        stop: None,
        w2: None,
        w2_best_standard: None,
        standard_grid: None,
        report: None,
        standard: None,
        t: Vec::new(),
        sigmas: Vec::new(),
        transfer: None,
        reason: None,
    }
}

fn filled(case: &Case, tuned: Tuned, transfer: TransferRow) -> TuneRow {
    let (spacing, stop, w2) = (tuned.standard.spacing, tuned.standard.grid.stop(), tuned.standard.w2);
    let shown = if stop == 0.0 { "0".to_owned() } else { format!("{stop:e}") };
    TuneRow {
        steps: Some(tuned.grid.steps()),
        evaluations: Some(tuned.evaluations),
        stop: Some(tuned.grid.stop()),
        w2: Some(tuned.w2),
        w2_best_standard: Some(w2),
        standard_grid: Some(format!("{spacing} {shown}")),
        report: Some(tuned.report),
        standard: Some(StandardRow { spacing, stop, w2 }),
        t: tuned.grid.times().to_vec(),
        sigmas: tuned.grid.sigmas().to_vec(),
        transfer: Some(transfer),
        ..empty(case)
    }
}

/// The best scheme of each budget, over all starts.
pub fn best(rows: &[TuneRow]) -> Vec<Best> {
    let mut best: Vec<Best> = Vec::new();
    for row in rows {
        let Some(w2) = row.w2 else { continue };
        let found = Best { nfe: row.nfe, scheme: row.scheme.clone(), w2 };
        match best.iter_mut().find(|known| known.nfe == row.nfe) {
            Some(known) if known.w2 <= w2 => {}
            Some(known) => *known = found,
            None => best.push(found),
        }
    }
    best
}
