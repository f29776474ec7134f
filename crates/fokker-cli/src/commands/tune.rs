//! `fokker audit tune`: the best grid for each budget, and what it is worth elsewhere.

use super::law::{self, Laws};
use super::sampler;
use crate::args::{ExportName, Format, Global, RobustName, StartName, TuneArguments};
use crate::progress::Progress;
use crate::report::{Report, number};
use anyhow::bail;
use fokker::audit::tune::{
    Robust, Transfer, TuneOptions, Tuned, neighbours, transfer, tune, unseen_neighbours,
};
use fokker::audit::{Audit, Export, Sampler, sigma_list};
use fokker::process::{Grid, Schedule, TrainingTable};
use fokker::sampling::{Scheme, evaluations, parse_scheme};
use fokker::statistics::Gaussian;
use fokker::{Limits, Task};
use rayon::prelude::*;
use serde::Serialize;

/// One budget and scheme.
#[derive(Debug, Serialize)]
pub struct TuneResult {
    pub nfe: usize,
    pub steps: Option<usize>,
    pub evaluations: Option<usize>,
    pub scheme: String,
    pub start: &'static str,
    pub stop: Option<f64>,
    pub w2: Option<f64>,
    pub w2_best_standard: Option<f64>,
    pub standard_grid: Option<String>,
    pub initialisation: Option<f64>,
    pub truncation: Option<f64>,
    pub discretisation: Option<f64>,
    pub t: Vec<f64>,
    pub sigmas: Vec<f64>,
    pub transfer: Option<TransferResult>,
    /// Why there are no numbers.
    pub reason: Option<String>,
}

/// What the grid gives on laws it was not tuned on.
#[derive(Debug, Serialize)]
pub struct TransferResult {
    pub perturbed: Numbers,
    pub other_half: Option<Numbers>,
}

/// A [`Transfer`] as it is printed.
#[derive(Debug, Serialize)]
pub struct Numbers {
    pub average: f64,
    pub worst: f64,
    pub best_standard: f64,
}

impl From<Transfer> for Numbers {
    fn from(Transfer { average, worst, best_standard }: Transfer) -> Self {
        Numbers { average, worst, best_standard }
    }
}

/// The best scheme of a budget.
#[derive(Debug, Serialize)]
pub struct Best {
    pub nfe: usize,
    pub scheme: String,
    pub w2: f64,
}

/// Everything the tuning depends on but budget and scheme.
pub struct Problem<'a> {
    pub data: &'a Gaussian,
    pub halves: Option<[Gaussian; 2]>,
    pub schedule: &'a dyn Schedule,
    pub robust: Option<RobustName>,
    pub stop: Option<f64>,
    pub seed: u64,
}

/// Runs the command.
pub fn run(arguments: &TuneArguments, global: &Global) -> anyhow::Result<String> {
    let schedule = sampler::schedule(&arguments.schedule)?;
    let schemes = sampler::schemes(&arguments.scheme)?;
    arguments
        .nfe
        .iter()
        .try_for_each(|&nfe| Limits::count("--nfe", nfe, Limits::TUNED_EVALUATIONS).map(|_| ()))?;
    if arguments.law.score_eigenvalues.is_some() || arguments.law.score_data.is_some() {
        bail!("grids are tuned for the exact score: leave --score-eigenvalues and --score-data out");
    }
    let progress = Progress::new(global.quiet);
    let Laws { data, description, .. } = law::read(&arguments.law, progress.task())?;
    let heading = format!("{description}\nschedule: {}\n", arguments.schedule);
    if global.dry_run {
        let count = arguments.nfe.len() * schemes.len() * arguments.start.len();
        return Ok(format!("{heading}would tune {count} grids\n"));
    }
    let halves = law::read_halves(&arguments.law, progress.task())?;
    let problem = Problem {
        data: &data,
        halves,
        schedule: &*schedule,
        robust: arguments.robust,
        stop: arguments.stop,
        seed: global.seed,
    };
    let results = problem.results(&arguments.nfe, &schemes, &arguments.start, &progress)?;
    let best = best(&results);
    if global.json {
        let json = serde_json::json!({ "results": results, "best": best });
        return Ok(serde_json::to_string_pretty(&json)? + "\n");
    }
    let training = sampler::training_table(&arguments.schedule, &*schedule)?;
    if let Some(form) = arguments.export {
        return exported(&results, form.into(), &training, &problem);
    }
    let table = render(&results, arguments.format);
    Ok(match arguments.format {
        Format::Table => {
            let grids = grids(&results, &*schedule)?;
            format!("{heading}\n{table}\n{grids}")
        }
        _ => table,
    })
}

impl Problem<'_> {
    /// All budgets, schemes and starts; a scheme that is nowhere defined has a reason, which is
    /// an error when nothing else is left.
    pub fn results(
        &self,
        budgets: &[usize],
        schemes: &[(String, Box<dyn Scheme>)],
        starts: &[StartName],
        progress: &Progress,
    ) -> anyhow::Result<Vec<TuneResult>> {
        let mut cases = Vec::new();
        for &nfe in budgets {
            for (name, scheme) in schemes {
                cases.extend(starts.iter().map(|&start| (nfe, name, &**scheme, start)));
            }
        }
        let done = std::sync::atomic::AtomicUsize::new(0);
        let results = cases
            .par_iter()
            .map(|&(nfe, name, scheme, start)| {
                let result = self.tuned(nfe, scheme, start);
                let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                progress.task().tick("tuning", done, cases.len())?;
                let empty = empty_result(nfe, name, start);
                match result {
                    Ok((tuned, transfer)) => Ok(filled(empty, tuned, transfer)),
                    Err(error) if error.is_input() => {
                        Ok(TuneResult { reason: Some(error.to_string()), ..empty })
                    }
                    Err(error) => Err(error),
                }
            })
            .collect::<fokker::Result<Vec<_>>>()?;
        match results.iter().find_map(|result| result.reason.clone()) {
            Some(reason) if results.iter().all(|result| result.reason.is_some()) => bail!("{reason}"),
            _ => Ok(results),
        }
    }

    fn tuned(
        &self,
        nfe: usize,
        scheme: &dyn Scheme,
        start: StartName,
    ) -> fokker::Result<(Tuned, TransferResult)> {
        let options = TuneOptions {
            nfe,
            start: start.into(),
            stop: self.stop,
            robust: match self.robust {
                Some(RobustName::Worst) => Robust::Worst,
                _ => Robust::Average,
            },
            ..TuneOptions::default()
        };
        let tuned = tune(&self.tuning_laws(self.data)?, scheme, self.schedule, &options, Task::silent())?;
        let on =
            |tuned: &Tuned, laws: &[Gaussian]| transfer(tuned, laws, scheme, self.schedule, options.start);
        let perturbed = on(&tuned, &unseen_neighbours(self.data, self.seed)?)?.into();
        let other_half = match &self.halves {
            None => None,
            Some([tuned_on, rest]) => {
                let half =
                    tune(&self.tuning_laws(tuned_on)?, scheme, self.schedule, &options, Task::silent())?;
                Some(on(&half, std::slice::from_ref(rest))?.into())
            }
        };
        Ok((tuned, TransferResult { perturbed, other_half }))
    }

    fn tuning_laws(&self, law: &Gaussian) -> fokker::Result<Vec<Gaussian>> {
        match self.robust {
            None => Ok(vec![law.in_own_axes()]),
            Some(_) => neighbours(law, self.seed),
        }
    }
}

fn empty_result(nfe: usize, scheme: &str, start: StartName) -> TuneResult {
    TuneResult {
        nfe,
        steps: None,
        evaluations: None,
        scheme: scheme.to_owned(),
        start: start.name(),
        stop: None,
        w2: None,
        w2_best_standard: None,
        standard_grid: None,
        initialisation: None,
        truncation: None,
        discretisation: None,
        t: Vec::new(),
        sigmas: Vec::new(),
        transfer: None,
        reason: None,
    }
}

fn filled(empty: TuneResult, tuned: Tuned, transfer: TransferResult) -> TuneResult {
    let standard = &tuned.standard;
    TuneResult {
        steps: Some(tuned.grid.steps()),
        evaluations: Some(tuned.evaluations),
        stop: Some(tuned.grid.stop()),
        w2: Some(tuned.w2),
        w2_best_standard: Some(standard.w2),
        standard_grid: Some(format!("{} {}", standard.spacing, stop_text(standard.grid.stop()))),
        initialisation: Some(tuned.report.initialisation),
        truncation: Some(tuned.report.truncation),
        discretisation: Some(tuned.report.discretisation),
        t: tuned.grid.times().to_vec(),
        sigmas: tuned.grid.sigmas().to_vec(),
        transfer: Some(transfer),
        ..empty
    }
}

fn stop_text(stop: f64) -> String {
    if stop == 0.0 { "0".to_owned() } else { format!("{stop:e}") }
}

/// The best scheme of each budget, over all starts.
pub fn best(results: &[TuneResult]) -> Vec<Best> {
    let mut best: Vec<Best> = Vec::new();
    for result in results {
        let Some(w2) = result.w2 else { continue };
        let found = Best { nfe: result.nfe, scheme: result.scheme.clone(), w2 };
        match best.iter_mut().find(|known| known.nfe == result.nfe) {
            Some(known) if known.w2 <= w2 => {}
            Some(known) => *known = found,
            None => best.push(found),
        }
    }
    best
}

/// The results as a table of at most 80 columns, reasons below it.
pub fn render(results: &[TuneResult], format: Format) -> String {
    let starts: Vec<&str> = results.iter().map(|result| result.start).collect();
    let with_start = starts.windows(2).any(|pair| pair[0] != pair[1]);
    let with_half = results.iter().any(|r| r.transfer.as_ref().is_some_and(|t| t.other_half.is_some()));
    let mut header = vec!["nfe", "scheme"];
    header.extend(with_start.then_some("start"));
    let labels = header.len();
    header.extend(["steps", "stop", "W2", "perturbed"]);
    header.extend(with_half.then_some("half"));
    header.extend(["standard", "its grid and stop"]);
    let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
    let mut notes = String::new();
    let rows = results.iter().map(|r| {
        let transfer = r.transfer.as_ref();
        let mut row = vec![r.nfe.to_string(), r.scheme.clone()];
        row.extend(with_start.then(|| r.start.to_owned()));
        row.push(r.steps.map_or_else(|| "–".to_owned(), |n| n.to_string()));
        row.extend([r.stop, r.w2, transfer.map(|t| t.perturbed.average)].map(show));
        row.extend(
            with_half.then(|| show(transfer.and_then(|t| t.other_half.as_ref()).map(|half| half.average))),
        );
        row.push(show(r.w2_best_standard));
        row.push(r.standard_grid.clone().unwrap_or_default());
        if let Some(reason) = &r.reason {
            notes += &format!("\n– {} at {}: {reason}\n", r.scheme, r.nfe);
        }
        row
    });
    let rows = rows.collect();
    Report { header, rows, labels }.render(format) + if format == Format::Table { &notes } else { "" }
}

/// The best grid of each budget, in σ/α, with its error here.
fn grids(results: &[TuneResult], schedule: &dyn Schedule) -> anyhow::Result<String> {
    let mut text = String::new();
    for best in best(results) {
        if let Some(result) = results.iter().find(|r| r.nfe == best.nfe && r.w2 == Some(best.w2)) {
            let grid = Grid::from_times(result.t.clone(), schedule)?;
            text += &format!("# {}, {} evaluations, W2 {}\n", best.scheme, best.nfe, number(best.w2));
            text += &sigma_list(&grid);
        }
    }
    Ok(text)
}

/// The grid of each budget that is the best where it is pasted, with its error there.
fn exported(
    results: &[TuneResult],
    form: Export,
    training: &TrainingTable,
    problem: &Problem,
) -> anyhow::Result<String> {
    let audit = Audit::new(problem.data, problem.schedule);
    let export = |result: &TuneResult| -> fokker::Result<(f64, String)> {
        let (scheme, grid) =
            (parse_scheme(&result.scheme)?, Grid::from_times(result.t.clone(), problem.schedule)?);
        let start = result.start.parse()?;
        let sampler = Sampler { scheme: &*scheme, grid: &grid, start };
        let found = form.render(&sampler, problem.schedule, training)?;
        let w2 = found.w2(&audit, &sampler)?;
        let used = evaluations(&*scheme, &found.grid);
        let heading =
            format!("# {}, {used} evaluations, W2 {}: {}\n", result.scheme, number(w2), found.sampler);
        Ok((w2, heading + &found.text))
    };
    let mut text = String::new();
    for Best { nfe, .. } in best(results) {
        let tuned = results.iter().filter(|result| result.nfe == nfe && result.w2.is_some());
        let (found, refused): (Vec<_>, Vec<_>) = tuned.map(export).partition(Result::is_ok);
        let best = found.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
        match (best, refused.into_iter().find_map(Result::err)) {
            (Some((_, best)), _) => text += &best,
            (None, Some(reason)) => return Err(reason.into()),
            (None, None) => {}
        }
    }
    Ok(text)
}

impl From<ExportName> for Export {
    fn from(name: ExportName) -> Export {
        match name {
            ExportName::KDiffusion => Export::KDiffusion,
            ExportName::Diffusers => Export::Diffusers,
            ExportName::T => Export::Times,
        }
    }
}
