//! Speed of the exact audit: the discretised part of a published table, and one large spectrum.
//!
//! The table's spectrum is read from the folder in `FOKKER_DATA`; without it the embedded
//! spectrum of natural images of the same size takes its place.

use divan::Bencher;
use fokker::Task;
use fokker::audit::tune::{TuneOptions, tune};
use fokker::audit::{Audit, Start};
use fokker::problems::natural_image_spectrum;
use fokker::process::{Grid, Linear, Spacing};
use fokker::sampling::{SCHEMES, parse_scheme};
use fokker::statistics::Gaussian;
use ndarray::Array1;
use rayon::prelude::*;

#[path = "../tests/common/mod.rs"]
mod common;

fn main() {
    divan::main();
}

fn schedule() -> Linear {
    Linear::new(0.05, 10.0, 1.0).expect("valid rates")
}

/// 128 cells: four schemes, four stopping times, four grids; both starts share a run.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn table2(bencher: Bencher) {
    let spectrum = common::cifar10_spectrum()
        .unwrap_or_else(|| natural_image_spectrum(32, 32, 3).expect("valid extents"));
    let schedule = schedule();
    let law = Gaussian::from_eigenvalues(spectrum).expect("valid eigenvalues");
    let audit = Audit::new(&law, &schedule);
    let mut cases = Vec::new();
    for name in ["em", "ei", "euler", "heun"] {
        for stop in [0.0, 1e-5, 1e-3, 1e-2] {
            cases.extend([50, 250, 500, 1000].map(|points| (name, stop, points - 1)));
        }
    }
    let cell = |&(name, stop, steps): &(&str, f64, usize)| {
        let scheme = parse_scheme(name).expect("a known name");
        let grid = Grid::new(Spacing::Uniform, steps, stop, &schedule).expect("valid grid");
        let run = audit.run(&*scheme, &grid).expect("a scheme defined on this grid");
        let w2 = |start| audit.report(&run, start).expect("independent coordinates").w2;
        w2(Start::Exact) + w2(Start::Normal)
    };
    // Runs in parallel, as the command line does.
    bencher.bench(|| cases.par_iter().map(cell).sum::<f64>());
}

/// The spectrum of 256 × 256 colour images, every eigenvalue distinct, 1,000 steps.
#[divan::bench(args = ["em", "heun", "dpmpp-2m"], sample_count = 5, sample_size = 1)]
fn large_spectrum(bencher: Bencher, name: &str) {
    let schedule = schedule();
    let spectrum = Array1::from_shape_fn(196_608, |i| (1.0 + i as f64).powf(-1.1) * 50.0);
    let law = Gaussian::from_eigenvalues(spectrum).expect("valid eigenvalues");
    let audit = Audit::new(&law, &schedule);
    let scheme = parse_scheme(name).expect("a known name");
    let grid = Grid::new(Spacing::Uniform, 1000, 1e-3, &schedule).expect("valid grid");
    bencher
        .counter(divan::counter::ItemsCount::new(196_608usize * 1000))
        .bench(|| audit.errors(&*scheme, &grid, Start::Normal).expect("independent coordinates").w2);
}

/// The grid of 20 score evaluations that is best for the spectrum of the table.
#[divan::bench(args = ["dpmpp-2m", "heun", "em", "edm-heun"], sample_count = 3, sample_size = 1)]
fn tune_20(bencher: Bencher, name: &str) {
    let spectrum = common::cifar10_spectrum()
        .unwrap_or_else(|| natural_image_spectrum(32, 32, 3).expect("valid extents"));
    let laws = [Gaussian::from_eigenvalues(spectrum).expect("valid eigenvalues")];
    let scheme = parse_scheme(name).expect("a known name");
    let options = TuneOptions { nfe: 20, ..TuneOptions::default() };
    bencher.bench(|| {
        tune(&laws, &*scheme, &schedule(), &options, Task::silent())
            .expect("a scheme defined on standard grids")
            .w2
    });
}

/// The best grids of all schemes for three budgets.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn tune_all_schemes_and_three_budgets(bencher: Bencher) {
    let spectrum = common::cifar10_spectrum()
        .unwrap_or_else(|| natural_image_spectrum(32, 32, 3).expect("valid extents"));
    let laws = [Gaussian::from_eigenvalues(spectrum).expect("valid eigenvalues")];
    let cases: Vec<(&str, usize)> =
        SCHEMES.iter().flat_map(|&name| [10, 20, 50].map(|nfe| (name, nfe))).collect();
    bencher.bench(|| {
        let w2 = |&(name, nfe): &(&str, usize)| {
            let scheme = parse_scheme(name).expect("a known name");
            // DDPM is defined on no standard grid of 10 steps.
            let options = TuneOptions { nfe, ..TuneOptions::default() };
            tune(&laws, &*scheme, &schedule(), &options, Task::silent()).map_or(0.0, |tuned| tuned.w2)
        };
        cases.par_iter().map(w2).sum::<f64>()
    });
}
