//! Speed of the spectral fit: a fit and samples of the chain of 16 sites, and the moments of many rows.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use fokker::ArrayBlocks;
use fokker::problems::Chain;
use fokker::spectral::{
    Candidate, Coordinates, DrawOptions, Moments, Pairs, Ridge, Rows, Shape, SolveOptions, Summary, fit,
};
use ndarray::Array2;

fn main() {
    divan::main();
}

fn chain() -> Array2<f64> {
    Chain::new(16).expect("a valid chain").sample(20_000, 1)
}

fn options<'a>() -> Candidate<'a> {
    Candidate {
        shape: Shape { pairs: Pairs::Chain, gaussian_pairs: true, ..Default::default() },
        solve: SolveOptions { ridge: Ridge::Fixed(1e-3), compare: 0, ..Default::default() },
        ..Default::default()
    }
}

/// 259 functions, 20,000 rows, 16 times.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn fit_chain(bencher: Bencher) {
    let x = chain();
    bencher
        .bench(|| fit(&mut ArrayBlocks::new(x.view()), &options(), fokker::Task::silent()).expect("a fit"));
}

/// 10,000 samples, 25 steps, 100 Langevin steps.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn sample_chain(bencher: Bencher) {
    let x = chain();
    let fit = fit(&mut ArrayBlocks::new(x.view()), &options(), fokker::Task::silent()).expect("a fit");
    let draw = DrawOptions { particles: 10_000, ..Default::default() };
    bencher.bench(|| fit.sample(&draw, fokker::Task::silent()).expect("samples"));
}

/// Flops of the moments of a row at degree 4 on all pairs of ten columns: N(dK)² + N·triples·K₃³.
const ROW: usize = 80 * 80 + 120 * 216;

/// Moments of 200,000 rows of ten columns, degree 4, all pairs; items are flops.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn moments(bencher: Bencher) {
    let x = Array2::from_shape_fn((200_000, 10), |(i, j)| ((i * 7919 + j * 104_729) % 1009) as f64 / 300.0);
    let rows = Rows { hold_out: 0.0, ..Default::default() };
    let summary = Summary::from_blocks(&mut ArrayBlocks::new(x.view()), &rows, fokker::Task::silent())
        .expect("a summary");
    let shape = Shape::default();
    bencher
        .counter(ItemsCount::new(x.nrows() * ROW))
        .counter(BytesCount::of_slice(x.as_slice().unwrap_or(&[])))
        .bench(|| {
            let basis = (Coordinates::Standard, &shape);
            Moments::from_blocks(
                &mut ArrayBlocks::new(x.view()),
                &summary,
                basis,
                &rows,
                fokker::Task::silent(),
            )
            .expect("moments")
        });
}

/// A matrix product on both cores, for comparison; items are flops.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn matrix_product(bencher: Bencher) {
    use rayon::prelude::*;
    let a = Array2::from_shape_fn((256, 256), |(i, j)| (i + j) as f64);
    bencher.counter(ItemsCount::new(128usize * 2 * 256 * 256 * 256)).bench(|| {
        (0..128usize).into_par_iter().map(|_| fokker_linalg::matmul(a.view(), a.view())[[0, 0]]).sum::<f64>()
    });
}
