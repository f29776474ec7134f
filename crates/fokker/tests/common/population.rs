//! Populations whose energies are known, shared by the tests of the subject.

#![allow(dead_code)] // No one file needs all of it.

use fokker::basis::FeatureSpec;
use fokker::population::{
    Cloud, Energy, FitOptions, Potential, PredictOptions, Ridge, Scheme, Snapshots, TimeBasis, predict,
};
use fokker::problems::{BenchmarkEnergy, Gradient, PopulationOptions, simulate_population};
use fokker_linalg::eigh;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Clouds of equal weights at the given times.
pub fn snapshots(times: &[f64], clouds: Vec<Array2<f64>>) -> Snapshots {
    let clouds = clouds.into_iter().map(|x| Cloud::new(x, None).unwrap()).collect();
    Snapshots::new(times.to_vec(), clouds).unwrap()
}

/// A potential of the given functions and nothing else, unregularised.
pub fn options(features: &str, scheme: Scheme) -> FitOptions {
    FitOptions {
        potential: Potential::Features(features.parse::<FeatureSpec>().unwrap()),
        time_varying: Some(TimeBasis::Constant),
        scheme: Some(scheme),
        ridge: Ridge::Relative(0.0),
        ..Default::default()
    }
}

/// Where particles of equal weights seen at time `at` are at the given times.
pub fn moved_to(
    energy: &Energy,
    x: ArrayView2<f64>,
    at: f64,
    times: &[f64],
    options: &PredictOptions,
) -> fokker::Result<Vec<Array2<f64>>> {
    let options = PredictOptions { at: Some(at), times: Some(times.to_vec()), ..options.clone() };
    predict(energy, &Cloud::new(x.to_owned(), None)?, &options, fokker::Task::silent())
}

pub fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || StandardNormal.sample(&mut random))
}

/// ∇V at the rows of x at the first time.
pub fn gradient(energy: &Energy, x: ArrayView2<f64>) -> Array2<f64> {
    let alone = Energy { interaction: None, ..energy.clone() };
    let weights = Array1::from_elem(x.nrows(), 1.0 / x.nrows() as f64);
    -alone.velocity(energy.times[0], x, x, weights.view()).unwrap()
}

/// The Hessian of a quadratic V, `[d, d]`, and ∇V(0), `[d]`.
pub fn quadratic(energy: &Energy) -> (Array2<f64>, Array1<f64>) {
    let d = energy.dim;
    let points = Array2::from_shape_fn((d + 1, d), |(i, j)| f64::from(u8::from(i == j)));
    let at = gradient(energy, points.view());
    let origin = at.row(d).to_owned();
    (Array2::from_shape_fn((d, d), |(i, j)| at[[i, j]] - origin[j]), origin)
}

/// W″ of a quadratic W.
pub fn curvature(energy: &Energy) -> f64 {
    let values = energy.interaction(ndarray::array![0.0, 1.0].view());
    2.0 * (values[1] - values[0])
}

/// √(Σ|a − b|² / Σ|b|²).
pub fn relative(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    ((a - b).mapv(|e| e * e).sum() / b.mapv(|e| e * e).sum()).sqrt()
}

/// Nodes `[n²]` rows of the plane and weights of the standard normal law, exact for polynomials
/// of degree 2n − 1 in each variable.
pub fn normal_quadrature(n: usize) -> (Array2<f64>, Array1<f64>) {
    let jacobi =
        Array2::from_shape_fn(
            (n, n),
            |(i, j)| if i.abs_diff(j) == 1 { (i.max(j) as f64).sqrt() } else { 0.0 },
        );
    let eigen = eigh(jacobi.view()).unwrap();
    let weight = |i: usize| eigen.vectors[[0, i]].powi(2);
    let nodes = Array2::from_shape_fn((n * n, 2), |(k, j)| eigen.values[if j == 0 { k / n } else { k % n }]);
    (nodes, Array1::from_shape_fn(n * n, |k| weight(k / n) * weight(k % n)))
}

/// Particles that follow a benchmark energy in the plane, all snapshots `[6]` by 20 sub-steps.
pub fn flow(
    energy: BenchmarkEnergy,
    tau: f64,
    particles: usize,
    paired: bool,
    seed: u64,
) -> Vec<Array2<f64>> {
    let potential = move |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| energy.gradient_into(x, out);
    let potential: &Gradient = &potential;
    let settings = PopulationOptions {
        potential: Some(potential),
        particles,
        interval: tau,
        sub_steps: 20,
        paired,
        seed,
        ..Default::default()
    };
    simulate_population(&settings).unwrap().into_iter().map(|(_, x)| x).collect()
}
