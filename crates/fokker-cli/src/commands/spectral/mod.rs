//! `fokker spectral`: fits, samples, densities and scores.

mod fit;

pub use fit::fit;

use super::clouds::{digits, lines};
use super::with;
use crate::args::{DensityArguments, DrawArguments, Global, ProblemArguments, ScoreArguments};
use crate::files::{Output, OutputFormat, Values, read_bytes, read_rows, write_values};
use crate::progress::Progress;
use crate::report::number;
use anyhow::{Context, Result, bail};
use fokker::problems::{Chain, CoupledDoubleWell, Lattice, LatticeOptions, line_mixture};
use fokker::spectral::{Density, DrawOptions, Langevin, SampleOptions, SpectralFit};
use fokker::statistics::GaussianMixture;
use fokker::{Limits, Task};
use ndarray::Array2;
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Reads a fit.
pub fn read_fit(path: &Path) -> Result<SpectralFit> {
    SpectralFit::from_bytes(&read_bytes(path)?).with_context(|| path.display().to_string())
}

/// `fokker spectral sample`.
pub fn sample(arguments: &DrawArguments, global: &Global) -> Result<String> {
    let file = Output::new(&arguments.output, OutputFormat::NUMBERS, &[&arguments.score])?;
    let fit = read_fit(&arguments.score)?;
    let options = SampleOptions { seed: global.seed, ..arguments.options.0.clone() };
    let options = DrawOptions::from(&options);
    options.validate(&fit)?;
    let output = file.name();
    let n = options.particles;
    if global.dry_run {
        let plan = json!({ "n": n, "d": fit.dim(), "output": output });
        return render(global, &plan, || Ok(format!("would draw {n} samples of dimension {}\n", fit.dim())));
    }
    let progress = Progress::new(global.quiet);
    let start = Instant::now();
    let drawn = fit.sample(&options, progress.task())?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    write_values(&file, "x", &Values::Rows(drawn.x.view()))?;
    let report = &drawn.report;
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
    if global.json {
        return with(&drawn, json!({ "seconds": seconds, "output": output }));
    }
    let Langevin { steps, step, metropolis } = report.corrector;
    let kind = if metropolis { "adjusted" } else { "plain" };
    let mut entries = vec![("samples", format!("{} × {}", n, fit.dim()))];
    entries.push((
        "corrector",
        match steps {
            0 => "none".to_owned(),
            _ => format!("{steps} {kind} steps of {}", number(step)),
        },
    ));
    entries
        .extend(report.acceptance.map(|share| ("accepted", format!("{:.1} % of the steps", 100.0 * share))));
    let repaired = report.undone + report.redrawn;
    entries.extend(
        (repaired > 0)
            .then(|| ("beyond", format!("{} rows put back, {} drawn again", report.undone, report.redrawn))),
    );
    entries.extend(report.check.as_ref().map(|check| {
        let energy = &check.energy;
        let verdict = if check.passed() { "as the data" } else { "not as the data" };
        let text = format!("{verdict}: energy coefficient {:.4} ± {:.4}", energy.value, energy.error);
        ("check", text)
    }));
    entries.extend([("seconds", format!("{seconds:.3}")), ("saved", output.clone())]);
    Ok(lines(&entries))
}

/// Rows to evaluate a fit at.
fn points(path: &Path, fit: &SpectralFit, task: Task) -> Result<Array2<f64>> {
    let (x, _) = read_rows(path, task)?;
    if x.ncols() != fit.dim() {
        bail!("{}: has {} columns, the fit {}", path.display(), x.ncols(), fit.dim());
    }
    Ok(x)
}

/// `fokker spectral density`.
pub fn density(arguments: &DensityArguments, global: &Global) -> Result<String> {
    let file = Output::new(&arguments.output, OutputFormat::NUMBERS, &[&arguments.score, &arguments.x])?;
    let fit = read_fit(&arguments.score)?;
    let density = arguments.options.0.density;
    if density == Density::Energy && fit.report().partition.is_none() {
        bail!(
            "{}: log Z of the energy is not known: the energy has mass where no data are, or draws say too \
             little about it; take --density flow",
            arguments.score.display()
        );
    }
    let progress = Progress::new(global.quiet);
    let x = points(&arguments.x, &fit, progress.task())?;
    let output = file.name();
    if global.dry_run {
        let plan = json!({ "n": x.nrows(), "output": output });
        return render(global, &plan, || Ok(format!("would evaluate {} log-densities\n", x.nrows())));
    }
    let start = Instant::now();
    let log = fit.log_density_by(density, x.view(), progress.task());
    let log = log.with_context(|| arguments.x.display().to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    write_values(&file, "log_density", &Values::Numbers(&log.to_vec()))?;
    let mean = log.mean().unwrap_or(f64::NAN);
    let summary = json!({
        "n": log.len(), "density": density, "mean": mean, "seconds": seconds, "output": output,
    });
    render(global, &summary, || {
        Ok(lines(&[
            ("rows", log.len().to_string()),
            ("density", density.name().to_owned()),
            ("mean", format!("{} nats", digits(mean))),
            ("seconds", format!("{seconds:.3}")),
            ("saved", output.clone()),
        ]))
    })
}

/// `fokker spectral score`.
pub fn score(arguments: &ScoreArguments, global: &Global) -> Result<String> {
    let file = Output::new(&arguments.output, OutputFormat::NUMBERS, &[&arguments.score, &arguments.x])?;
    arguments.options.0.validate()?;
    let fit = read_fit(&arguments.score)?;
    let at = arguments.options.0.time(&fit)?;
    let x = points(&arguments.x, &fit, Progress::new(global.quiet).task())?;
    let output = file.name();
    if global.dry_run {
        let plan = json!({ "n": x.nrows(), "output": output });
        return render(global, &plan, || Ok(format!("would evaluate {} scores\n", x.nrows())));
    }
    let start = Instant::now();
    let score = fit.score_at(at, x.view()).with_context(|| arguments.x.display().to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    write_values(&file, "x", &Values::Rows(score.view()))?;
    let summary = json!({ "n": x.nrows(), "d": x.ncols(), "at": at, "seconds": seconds, "output": output });
    render(global, &summary, || {
        Ok(lines(&[
            ("scores", format!("{} × {} at time {}", x.nrows(), x.ncols(), at)),
            ("seconds", format!("{seconds:.3}")),
            ("saved", output.clone()),
        ]))
    })
}

/// `fokker spectral problem`.
pub fn problem(arguments: &ProblemArguments, global: &Global) -> Result<String> {
    let file = Output::new(&arguments.output, OutputFormat::NUMBERS, &[])?;
    let problem = Problem::parse(&arguments.problem)?;
    let n = Limits::count("samples", arguments.options.0.samples, Limits::most_rows(problem.dim()))?;
    let output = file.name();
    if global.dry_run {
        let plan = json!({ "n": n, "d": problem.dim(), "output": output });
        return render(global, &plan, || Ok(format!("would draw {} samples of {}\n", n, arguments.problem)));
    }
    let progress = Progress::new(global.quiet);
    let (x, facts) = problem.sample(n, global.seed, progress.task())?;
    drop(progress);
    write_values(&file, "x", &Values::Rows(x.view()))?;
    let mut summary = json!({ "problem": arguments.problem, "n": x.nrows(), "d": x.ncols() });
    for (name, value) in &facts {
        summary[name.replace(' ', "_")] = json!(value);
    }
    summary["output"] = json!(output);
    render(global, &summary, || {
        let mut entries =
            vec![("samples", format!("{} × {} of {}", x.nrows(), x.ncols(), arguments.problem))];
        entries.extend(facts.iter().map(|(name, value)| (*name, digits(*value))));
        entries.push(("saved", output.clone()));
        Ok(lines(&entries))
    })
}

/// Numbers with their names.
type Facts = Vec<(&'static str, f64)>;

enum Problem {
    Chain(Chain),
    Lattice(Lattice),
    DoubleWell(Box<CoupledDoubleWell>),
    Mixture(GaussianMixture),
}

impl Problem {
    fn parse(text: &str) -> Result<Self> {
        let extents = |text: &str| {
            let (rows, columns) = text.split_once('x')?;
            Some((rows.parse().ok()?, columns.parse().ok()?))
        };
        Ok(match (text, text.split_once(':')) {
            ("double-well", _) => Problem::DoubleWell(Box::new(CoupledDoubleWell::new())),
            ("mixture-1d", _) => Problem::Mixture(line_mixture()?),
            (_, Some(("gl", sites))) if sites.parse::<usize>().is_ok() => {
                Problem::Chain(Chain::new(sites.parse()?)?)
            }
            (_, Some(("lattice", text))) if extents(text).is_some() => {
                let (rows, columns) = extents(text).unwrap_or((0, 0));
                Problem::Lattice(Lattice::new(rows, columns)?)
            }
            _ => {
                let known = "gl:SITES, lattice:ROWSxCOLUMNS, double-well, mixture-1d".to_owned();
                return Err(fokker::Error::Name { what: "problem", found: text.to_owned(), known }.into());
            }
        })
    }

    fn dim(&self) -> usize {
        match self {
            Problem::Chain(chain) => chain.energy().dim(),
            Problem::Lattice(lattice) => lattice.energy().dim(),
            Problem::DoubleWell(_) => 2,
            Problem::Mixture(mixture) => mixture.dim(),
        }
    }

    /// Samples, and numbers that are known of the law or of the sampling.
    fn sample(&self, n: usize, seed: u64, task: Task) -> Result<(Array2<f64>, Facts)> {
        Ok(match self {
            Problem::Chain(chain) => (chain.sample(n, seed), vec![("log Z", chain.log_partition())]),
            Problem::DoubleWell(well) => (well.sample(n, seed), vec![("log Z", well.log_partition())]),
            Problem::Mixture(mixture) => (mixture.sample(n, seed), vec![]),
            Problem::Lattice(lattice) => {
                let options = LatticeOptions { draws: n, seed, task, ..Default::default() };
                let sample = lattice.sample(&options)?;
                let facts = vec![
                    ("accepted", sample.acceptance),
                    ("effective", sample.effective),
                    ("R hat", sample.r_hat),
                ];
                (sample.x, facts)
            }
        })
    }
}

/// JSON for programs, text for people.
fn render(
    global: &Global,
    summary: &serde_json::Value,
    text: impl FnOnce() -> Result<String>,
) -> Result<String> {
    if global.json { Ok(serde_json::to_string_pretty(summary)? + "\n") } else { text() }
}
