//! `fokker demo`: the audit on a spectrum that is built in, and what its numbers mean.

use super::errors::render;
use crate::args::{Format, Global};
use crate::report::{number, wrapped};
use fokker::ArrayBlocks;
use fokker::Task;
use fokker::audit::tune::{TuneOptions, Tuned, tune};
use fokker::audit::{Audit, Cell, ErrorTable, ErrorTableOptions, GridSource};
use fokker::options::Options;
use fokker::population::{self, Cloud, HoldOut, Snapshots, ValidateOptions, validate};
use fokker::problems::{BenchmarkEnergy, Chain, PopulationOptions, parse_spectrum, simulate_population};
use fokker::process::{Spacing, parse_schedule};
use fokker::sampling::DpmPlusPlus2M;
use fokker::spectral::{Candidate, DrawOptions, Pairs, Shape, fit};
use fokker::statistics::Gaussian;
use ndarray::{ArrayView2, ArrayViewMut2};

const SPECTRUM: &str = "natural:32x32x3";
const SCHEDULE: &str = "linear:0.05:10";
/// Score evaluations of the grid that is tuned.
const BUDGET: usize = 10;

/// Runs the command.
pub fn run(global: &Global) -> anyhow::Result<String> {
    if global.dry_run {
        return Ok("would audit 12 samplers, tune one grid, fit one score and one energy\n".to_owned());
    }
    let law = Gaussian::from_eigenvalues(parse_spectrum(SPECTRUM)?)?;
    let schedule = parse_schedule(SCHEDULE)?;
    let mut options = ErrorTableOptions { nfe: Some(vec![20, 100]), ..Default::default() };
    options.set_words("scheme", "em,ddpm-exact,heun,ddim,dpmpp-2m,edm-heun")?;
    let table = ErrorTable {
        audit: &Audit::new(&law, &*schedule),
        schedule: &*schedule,
        fitted: None,
        schemes: ErrorTable::schemes_of(&options.scheme),
        grids: vec![("log-snr".to_owned(), GridSource::Rule(Spacing::LogSnr))],
        options: &options,
    };
    let cells = table.cells(Task::silent())?;
    if global.json {
        return Ok(serde_json::to_string_pretty(&serde_json::json!({ "cells": cells }))? + "\n");
    }
    let size = law.values().sum().sqrt();
    let options = TuneOptions { nfe: BUDGET, ..TuneOptions::default() };
    let tuned = tune(&[law], &DpmPlusPlus2M, &*schedule, &options, Task::silent())?;
    Ok(format!(
        "How far do diffusion samplers land from the data?\n\
         Data: Gaussian with the spectrum of natural 32×32 colour images\n\
         ({SPECTRUM}), 3072 dimensions, size √E|x|² = {size:.1}.\n\
         Schedule {SCHEDULE}, grid log-snr, from N(0, I).\n\n\
         {}\n{}\n{}\n{}\n{}",
        render(&cells, false, Format::Table),
        meaning(&cells, size),
        advice(&tuned),
        fitted()?,
        population()?
    ))
}

/// A density from samples, on a chain whose law is known.
fn fitted() -> fokker::Result<String> {
    let chain = Chain::new(16)?;
    let x = chain.sample(4000, 1);
    let options = Candidate {
        shape: Shape { pairs: Pairs::Chain, gaussian_pairs: true, ..Default::default() },
        ..Default::default()
    };
    let fit = fit(&mut ArrayBlocks::new(x.view()), &options, Task::silent())?;
    let drawn = fit.sample(&DrawOptions { particles: 4000, ..Default::default() }, Task::silent())?.x;
    let exact = chain.second_moments();
    let error = drawn.t().dot(&drawn) / drawn.nrows() as f64 - &exact;
    let relative = (error.mapv(|e| e * e).sum() / exact.mapv(|e| e * e).sum()).sqrt();
    let sentence = fit.comparison().map_or_else(String::new, |comparison| comparison.sentence());
    Ok(format!(
        "A score from samples, without a network: 4000 rows of a bistable chain of 16 sites,\n\
         {} functions, one linear solve for each of {} times (`fokker spectral fit`).\n\
         {}\n\
         4000 new samples of the fit have second moments within {:.0} % of the exact ones.\n",
        fit.report().functions,
        fit.report().solves.len(),
        wrapped(&sentence),
        100.0 * relative
    ))
}

/// An energy from snapshots, on a population whose energy is known.
fn population() -> fokker::Result<String> {
    let truth = BenchmarkEnergy::parse("styblinski-tang")?;
    let gradient = |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| truth.gradient_into(x, out);
    let settings = PopulationOptions {
        potential: Some(&gradient),
        particles: 1000,
        sub_steps: 20,
        paired: true,
        ..Default::default()
    };
    let (times, clouds): (Vec<f64>, Vec<_>) = simulate_population(&settings)?.into_iter().unzip();
    let clouds = clouds.into_iter().map(|x| Cloud::new(x, None)).collect::<fokker::Result<_>>()?;
    let snapshots = Snapshots::new(times, clouds)?;
    let options = population::FitOptions {
        potential: "poly-tensor:4+rbf:10".parse()?,
        time_varying: Some(population::TimeBasis::Constant),
        scheme: Some(population::Scheme::Midpoint),
        ridge: population::Ridge::CrossValidation,
        ..Default::default()
    };
    let hold_out = HoldOut::Cells(0.5);
    let validation = validate(
        &snapshots,
        &ValidateOptions { hold_out, seeds: 1, fit: options, ..Default::default() },
        Task::silent(),
    )?;
    let mean = validation.mean;
    Ok(format!(
        "An energy from snapshots, without a network: 1000 particles in the potential of Styblinski\n\
         and Tang, seen six times; one linear solve on half of them. The others, one snapshot later,\n\
         are predicted to within W1 {} (nothing moves: {}, affine map: {});\n\
         `fokker population validate` does it for your cells.\n",
        mean.fit.map_or_else(|| "–".to_owned(), number),
        number(mean.persistence),
        number(mean.affine)
    ))
}

/// One sentence on the best and the worst of the largest budget.
fn meaning(cells: &[Cell], size: f64) -> String {
    let mut errors: Vec<(f64, &str)> = cells
        .iter()
        .filter(|c| c.nfe == Some(100))
        .filter_map(|c| Some((c.errors.w2?, c.scheme.as_str())))
        .collect();
    errors.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(best), Some(worst)) = (errors.first(), errors.last()) else {
        return String::new();
    };
    format!(
        "These are exact Wasserstein distances, computed, not sampled. At 100 score\n\
         evaluations {} lands {} from the data and {} {}:\n\
         {:.2} % and {:.0} % of the data's size. `init` is what starting from pure noise costs, `discr` what\n\
         finite steps cost; no network is to blame, the score is exact.\n",
        best.1,
        number(best.0),
        worst.1,
        number(worst.0),
        100.0 * best.0 / size,
        100.0 * worst.0 / size
    )
}

/// The tuned grid beside the best standard one, ready to paste.
fn advice(tuned: &Tuned) -> String {
    let sigmas: Vec<String> = tuned.grid.sigmas().iter().map(|sigma| format!("{sigma:.4}")).collect();
    let lines: Vec<String> = sigmas.chunks(8).map(|line| line.join(", ")).collect();
    format!(
        "The grid matters more than the scheme: with {BUDGET} evaluations dpmpp-2m lands {}\n\
         from the data on the best standard grid ({}, stop {}) and {} on this\n\
         one, tuned to the spectrum; `fokker audit tune` does it for yours:\n\
         sigmas = [{}]\n",
        number(tuned.standard.w2),
        tuned.standard.spacing,
        tuned.standard.grid.stop(),
        number(tuned.w2),
        lines.join(",\n          ")
    )
}
