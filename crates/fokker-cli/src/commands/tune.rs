//! `fokker audit tune`: the best grid for each budget, and what it is worth elsewhere.

use super::law::{self, Laws};
use super::sampler;
use crate::args::{Format, Global, TuneArguments};
use crate::progress::Progress;
use crate::report::{Report, number};
use anyhow::bail;
use fokker::audit::tune::{Best, TuneRow, TuneTable, TuneTableOptions, best};
use fokker::audit::{Audit, Export, Sampler, Start, sigma_list};
use fokker::process::{Grid, Schedule, TrainingTable};
use fokker::sampling::{evaluations, parse_scheme};

/// Runs the command.
pub fn run(arguments: &TuneArguments, global: &Global) -> anyhow::Result<String> {
    let options = TuneTableOptions { seed: global.seed, ..arguments.options.0.clone() };
    let schedule = sampler::schedule(&options.schedule)?;
    options.validate()?;
    if arguments.law.score_eigenvalues.is_some() || arguments.law.score_data.is_some() {
        bail!("grids are tuned for the exact score: leave --score-eigenvalues and --score-data out");
    }
    let progress = Progress::new(global.quiet);
    let Laws { data, description, .. } = law::read(&arguments.law, progress.task())?;
    let heading = format!("{description}\nschedule: {}\n", options.schedule);
    if global.dry_run {
        return Ok(format!("{heading}would tune {} grids\n", options.grids()));
    }
    let halves = law::read_halves(&arguments.law, progress.task())?;
    let table = TuneTable { data: &data, halves, schedule: &*schedule, options: &options };
    let rows = table.rows(progress.task())?;
    drop(progress);
    if global.json {
        let json = serde_json::json!({ "results": rows, "best": best(&rows) });
        return Ok(serde_json::to_string_pretty(&json)? + "\n");
    }
    if let Some(program) = arguments.export {
        let training = sampler::training_table(&options.schedule, &*schedule)?;
        return exported(&rows, program, &training, &table);
    }
    let text = render(&rows, arguments.format);
    Ok(match arguments.format {
        Format::Table => {
            let grids = grids(&rows, &*schedule)?;
            format!("{heading}\n{text}\n{grids}")
        }
        _ => text,
    })
}

/// The results as a table of at most 80 columns, reasons below it.
fn render(results: &[TuneRow], format: Format) -> String {
    let starts: Vec<Start> = results.iter().map(|result| result.start).collect();
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
        row.extend(with_start.then(|| r.start.to_string()));
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
fn grids(results: &[TuneRow], schedule: &dyn Schedule) -> anyhow::Result<String> {
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
    results: &[TuneRow],
    program: Export,
    training: &TrainingTable,
    table: &TuneTable,
) -> anyhow::Result<String> {
    let audit = Audit::new(table.data, table.schedule);
    let export = |result: &TuneRow| -> fokker::Result<(f64, String)> {
        let (scheme, grid) =
            (parse_scheme(&result.scheme)?, Grid::from_times(result.t.clone(), table.schedule)?);
        let sampler = Sampler { scheme: &*scheme, grid: &grid, start: result.start };
        let found = program.render(&sampler, table.schedule, training)?;
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
