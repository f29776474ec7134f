//! Times of the exact and entropic solvers on Gaussian clouds.

use divan::{Bencher, black_box};
use fokker::transport::{Cost, ExactOptions, SinkhornOptions, Strength, exact, sinkhorn};
use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn main() {
    divan::main();
}

fn clouds(n: usize, d: usize) -> (Array2<f64>, Array2<f64>) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut cloud = || Array2::from_shape_simple_fn((n, d), || StandardNormal.sample(&mut random));
    (cloud(), cloud())
}

#[divan::bench(args = [(1000, 2), (1000, 50), (4000, 2)], sample_count = 5, sample_size = 1)]
fn exact_squared(bencher: Bencher, (n, d): (usize, usize)) {
    let (x, y) = clouds(n, d);
    let options = ExactOptions::default();
    bencher.bench(|| exact(black_box(x.view()), y.view(), Cost::SquaredEuclidean, &options).unwrap());
}

#[divan::bench(args = [(1000, 2), (1000, 10)], sample_count = 5, sample_size = 1)]
fn exact_plain(bencher: Bencher, (n, d): (usize, usize)) {
    let (x, y) = clouds(n, d);
    let options = ExactOptions::default();
    bencher.bench(|| exact(black_box(x.view()), y.view(), Cost::Euclidean, &options).unwrap());
}

#[divan::bench(args = [(500, 1.0), (500, 0.05), (500, 0.005), (500, 1e-4)], sample_count = 5, sample_size = 1)]
fn entropic(bencher: Bencher, (n, epsilon): (usize, f64)) {
    let (x, y) = clouds(n, 2);
    let options = SinkhornOptions { epsilon: Strength::Relative(epsilon), ..Default::default() };
    bencher.bench(|| sinkhorn(black_box(x.view()), y.view(), Cost::SquaredEuclidean, &options).unwrap());
}
