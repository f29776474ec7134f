//! Speed of the exact audit: the discretised part of a published table, and one large spectrum.
//!
//! The table's spectrum is read from the folder in `FOKKER_DATA`; without it the embedded
//! spectrum of natural images of the same size takes its place.

use divan::Bencher;
use fokker::audit::{Audit, Start};
use fokker::problems::natural_image_spectrum;
use fokker::process::{Grid, Linear, Spacing};
use fokker::sampling::parse_scheme;
use fokker::statistics::Gaussian;
use ndarray::Array1;

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
    bencher.bench(|| {
        let mut sum = 0.0;
        for name in ["em", "ei", "euler", "heun"] {
            let scheme = parse_scheme(name).expect("a known name");
            for stop in [0.0, 1e-5, 1e-3, 1e-2] {
                for points in [50, 250, 500, 1000] {
                    let grid = Grid::new(Spacing::Uniform, points - 1, stop, &schedule).expect("valid grid");
                    let run = audit.run(&*scheme, &grid).expect("a scheme defined on this grid");
                    for start in [Start::Exact, Start::Normal] {
                        sum += audit.report(&run, start).expect("independent coordinates").w2;
                    }
                }
            }
        }
        sum
    });
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
