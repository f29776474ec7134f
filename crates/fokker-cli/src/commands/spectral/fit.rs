//! `fokker spectral fit`: candidates, the best of them, and what it is worth.

use super::render;
use crate::args::{FitArguments, Format, Global};
use crate::commands::clouds::{digits, lines};
use crate::files::{Output, OutputFormat, named, open_rows, read_rows, write_bytes};
use crate::progress::Progress;
use crate::report::{Report, number, wrapped};
use anyhow::{Context, Result, bail};
use fokker::spectral::{
    Chosen, FitOptions, Pairs, Reference, Ridge, Rows, Shape, SolveOptions, SpectralFit, choose,
};
use fokker::{Blocks, Task};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// `fokker spectral fit`.
pub fn fit(arguments: &FitArguments, global: &Global) -> Result<String> {
    let ridge = Ridge::parse(&arguments.ridge).context("--ridge")?;
    // A name of pairs that is no file is none of the inputs.
    let inputs: Vec<&Path> =
        std::iter::once(arguments.data.as_path()).chain(arguments.pairs.iter().map(Path::new)).collect();
    let file = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Safetensors], &inputs)?;
    let mut rows = open_rows(&arguments.data)?;
    let progress = Progress::new(global.quiet);
    let reference = Reference::parse(&arguments.reference).context("--reference")?;
    let reading = Rows { hold_out: arguments.hold_out, task: progress.task(), ..Default::default() };
    let solve = SolveOptions { ridge, task: progress.task(), ..Default::default() };
    let mut candidates = Vec::new();
    let mut names = Vec::new();
    for (name, pairs) in all_pairs(&arguments.pairs, rows.dim(), progress.task())? {
        for &degree in &arguments.degree {
            let gaussian_pairs = arguments.gaussian_pairs;
            let shape = Shape { degree, pairs: pairs.clone(), gaussian_pairs, ..Default::default() };
            for coordinates in reference.candidates(rows.dim(), &shape, arguments.hold_out) {
                names.push((coordinates.name(), degree, name.clone()));
                candidates.push(FitOptions { coordinates, shape: shape.clone(), rows: reading, solve });
            }
        }
    }
    let count = |candidate: &FitOptions| Ok(candidate.shape.functions(rows.dim())?.len());
    let functions = candidates.iter().map(count).collect::<Result<Vec<usize>>>()?;
    let heading = format!("{} ({})", arguments.data.display(), rows.description());
    let output = file.as_ref().map(Output::name);
    if global.dry_run {
        let plan = json!({ "data": heading, "functions": functions, "output": output });
        return render(global, &plan, || {
            let functions: Vec<String> = functions.iter().map(usize::to_string).collect();
            Ok(wrapped(&format!("would fit {} functions to {heading}", functions.join(", "))) + "\n")
        });
    }
    let start = Instant::now();
    let chosen = choose(&mut rows, &candidates).map_err(|error| named(error.into(), &arguments.data))?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    let fit = &chosen.fit;
    file.as_ref().map_or(Ok(()), |file| write_bytes(file, &fit.to_bytes()))?;
    let tried: Vec<_> = names
        .iter()
        .zip(&chosen.criteria)
        .map(|((reference, degree, pairs), criterion)| {
            json!({ "reference": reference, "degree": degree, "pairs": pairs, "criterion": criterion })
        })
        .collect();
    let (reference, degree, pairs) = &names[chosen.index];
    let summary = json!({
        "data": heading,
        "reference": reference,
        "degree": degree,
        "pairs": pairs,
        "functions": fit.report().functions,
        "ridge": fit.report().ridge,
        "candidates": tried,
        "seconds": seconds,
        "report": fit.report(),
        "output": output,
    });
    render(global, &summary, || {
        let mut text = fit_report(fit, &heading, (seconds, output.as_deref()), &names[chosen.index]);
        if names.len() > 1 {
            text += "\n";
            text += &candidates_table(&names, &chosen);
        }
        Ok(text)
    })
}

/// Reference, degree and pairs of a candidate.
type Named = (&'static str, usize, String);

/// What was tried, the smaller the criterion the better.
fn candidates_table(names: &[Named], chosen: &Chosen) -> String {
    let row = |(i, ((reference, degree, pairs), criterion)): (usize, (&Named, &f64))| {
        let mark = if i == chosen.index { "chosen" } else { "" };
        vec![
            (*reference).to_owned(),
            pairs.clone(),
            degree.to_string(),
            if criterion.is_finite() { format!("{criterion:.4}") } else { "–".to_owned() },
            mark.to_owned(),
        ]
    };
    let rows = names.iter().zip(&chosen.criteria).enumerate().map(row).collect();
    let header = vec!["reference", "pairs", "degree", "criterion", ""];
    Report { header, rows, labels: 2 }.render(Format::Table)
}

/// The sets of pairs asked for, with their names.
fn all_pairs(texts: &[String], dim: usize, task: Task) -> Result<Vec<(String, Pairs)>> {
    if texts.is_empty() {
        let pairs = Pairs::auto(dim);
        let name = if pairs == Pairs::All { "all" } else { "none" };
        return Ok(vec![(name.to_owned(), pairs)]);
    }
    texts.iter().map(|text| Ok((text.clone(), pairs(text, task)?))).collect()
}

fn pairs(text: &str, task: Task) -> Result<Pairs> {
    if text.is_empty() {
        bail!("--pairs: an empty name in the list");
    }
    let path = Path::new(text);
    match Pairs::parse(text) {
        Ok(pairs) => Ok(pairs),
        Err(_) if path.exists() => Ok(Pairs::List(read_pairs(path, task)?)),
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

fn fit_report(
    fit: &SpectralFit,
    heading: &str,
    (seconds, output): (f64, Option<&str>),
    (reference, degree, pairs): &Named,
) -> String {
    let report = fit.report();
    let rank = report.rank.map_or_else(String::new, |rank| format!(", rank {rank}"));
    let mut entries = vec![
        ("data", heading.to_owned()),
        ("rows", format!("{} used, {} held out", report.used, report.held_out)),
        ("reference", (*reference).to_owned()),
        ("basis", format!("degree {degree}, pairs: {pairs}")),
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
