//! `fokker spectral fit`: candidates, the best of them, and what it is worth.

use super::render;
use crate::args::{FitArguments, FitWords, Format, Global};
use crate::commands::clouds::{digits, lines};
use crate::commands::with;
use crate::files::{Output, OutputFormat, named, open_rows, read_rows, write_bytes};
use crate::progress::Progress;
use crate::report::{Report, number, wrapped};
use anyhow::{Context, Result, bail};
use fokker::spectral::{Candidate, Compared, Fitted, Pairs, fit_best};
use fokker::{Blocks, Task};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// `fokker spectral fit`.
pub fn fit(arguments: &FitArguments, global: &Global) -> Result<String> {
    let FitWords { options, pairs } = &arguments.options;
    // A name of pairs that is no file is none of the inputs.
    let inputs: Vec<&Path> =
        std::iter::once(arguments.data.as_path()).chain(pairs.iter().map(Path::new)).collect();
    let file = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Safetensors], &inputs)?;
    let mut rows = open_rows(&arguments.data)?;
    let progress = Progress::new(global.quiet);
    let mut options = options.clone();
    if !pairs.is_empty() {
        options.pairs = pairs.iter().map(|word| read_word(word, progress.task())).collect::<Result<_>>()?;
    }
    let candidates = options.candidates(rows.dim(), None)?;
    let heading = format!("{} ({})", arguments.data.display(), rows.description());
    let output = file.as_ref().map(Output::name);
    if global.dry_run {
        let count = |candidate: &Candidate| Ok(candidate.shape.functions(rows.dim())?.len());
        let functions = candidates.iter().map(count).collect::<Result<Vec<usize>>>()?;
        let plan = json!({ "data": heading, "functions": functions, "output": output });
        return render(global, &plan, || {
            let functions: Vec<String> = functions.iter().map(usize::to_string).collect();
            Ok(format!("would fit {} functions to {heading}\n", functions.join(", ")))
        });
    }
    let start = Instant::now();
    let fitted = fit_best(&mut rows, &options, None, progress.task())
        .map_err(|error| named(error.into(), &arguments.data))?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    file.as_ref().map_or(Ok(()), |file| write_bytes(file, &fitted.fit.to_bytes()))?;
    if global.json {
        return with(&fitted, json!({ "data": heading, "seconds": seconds, "output": output }));
    }
    let mut text = fit_report(&fitted, &heading, (seconds, output.as_deref()));
    if fitted.candidates.len() > 1 {
        text += "\n";
        text += &candidates_table(&fitted);
    }
    Ok(text)
}

/// What was tried, the smaller the criterion the better.
fn candidates_table(fitted: &Fitted) -> String {
    let row = |(i, candidate): (usize, &Compared)| {
        let mark = if i == fitted.index { "chosen" } else { "" };
        let criterion = candidate.criterion;
        vec![
            candidate.reference.name().to_owned(),
            candidate.pairs.to_string(),
            candidate.degree.to_string(),
            if criterion.is_finite() { format!("{criterion:.4}") } else { "–".to_owned() },
            mark.to_owned(),
        ]
    };
    let rows = fitted.candidates.iter().enumerate().map(row).collect();
    let header = vec!["reference", "pairs", "degree", "criterion", ""];
    Report { header, rows, labels: 2 }.render(Format::Table)
}

/// What a word of `--pairs` says: the library's, or a file of pairs.
fn read_word(word: &str, task: Task) -> Result<Option<Pairs>> {
    if word.is_empty() {
        bail!("--pairs: an empty name in the list");
    }
    if word.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let path = Path::new(word);
    match word.parse() {
        Ok(pairs) => Ok(Some(pairs)),
        Err(_) if path.exists() => Ok(Some(Pairs::List(read_pairs(path, task)?))),
        Err(error) => Err(error).context("--pairs names no file either"),
    }
}

fn read_pairs(path: &Path, task: Task) -> Result<Vec<(usize, usize)>> {
    let (list, _) = read_rows(path, task)?;
    if list.ncols() != 2 {
        bail!("{}: has {} columns, expected two column numbers a row", path.display(), list.ncols());
    }
    let index = |((row, column), &value): ((usize, usize), &f64)| {
        if !(value >= 0.0 && value.fract() == 0.0 && value < 1e9) {
            bail!("{}: row {row}, column {column} is {value}, expected a column number", path.display());
        }
        Ok(value as usize)
    };
    let flat: Vec<usize> = list.indexed_iter().map(index).collect::<Result<_>>()?;
    Ok(flat.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn fit_report(fitted: &Fitted, heading: &str, (seconds, output): (f64, Option<&str>)) -> String {
    let (fit, chosen) = (&fitted.fit, &fitted.candidates[fitted.index]);
    let report = fit.report();
    let rank = report.rank.map_or_else(String::new, |rank| format!(", rank {rank}"));
    let mut entries = vec![
        ("data", heading.to_owned()),
        ("rows", format!("{} used, {} held out", report.used, report.held_out)),
        ("reference", chosen.reference.name().to_owned()),
        ("basis", format!("degree {}, pairs: {}", chosen.degree, chosen.pairs)),
        ("functions", format!("{}, from {} moments", report.functions, report.moments)),
        ("ridge", format!("{}{}", report.ridge, if report.tried.is_empty() { "" } else { " (chosen)" })),
        ("condition", format!("{}{rank}", number(report.condition()))),
    ];
    if let Some(comparison) = fit.comparison() {
        let gaussian = comparison.gaussian.map_or_else(|| "–".to_owned(), digits);
        let mixture = comparison.mixture.map_or_else(|| "–".to_owned(), digits);
        entries.push(("log-density", digits(comparison.spectral)));
        entries.extend(comparison.energy.map(|energy| ("  by energy", digits(energy))));
        entries.push(("  Gaussian", gaussian));
        entries.push(("  mixture", mixture));
    }
    entries.push(("seconds", format!("{seconds:.3}")));
    entries.extend(output.map(|name| ("saved", name.to_owned())));
    let mut text = lines(&entries);
    if let Some(comparison) = fit.comparison() {
        text += &format!("\n{}\n", wrapped(&comparison.sentence()));
    }
    for warning in &report.warnings {
        text += &format!("\n{}\n", wrapped(&format!("warning: {warning}")));
    }
    text
}
