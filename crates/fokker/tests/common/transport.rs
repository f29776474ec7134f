//! Clouds, and couplings checked against the definition of an optimum.

use fokker::transport::{Cost, Coupling, ExactOptions, exact};
use ndarray::{Array1, Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn cloud(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || random.random_range(-1.0..1.0))
}

pub fn pair(x: &ArrayView2<f64>, y: &ArrayView2<f64>, cost: Cost, i: usize, j: usize) -> f64 {
    let square: f64 = x.row(i).iter().zip(y.row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
    match cost {
        Cost::SquaredEuclidean => square,
        Cost::Euclidean => square.sqrt(),
    }
}

pub fn options<'a>(a: &'a Array1<f64>, b: &'a Array1<f64>) -> ExactOptions<'a> {
    ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), ..Default::default() }
}

/// Recomputes marginals, cost, dual feasibility and gap from the definition, and compares.
pub fn verify(
    coupling: &Coupling,
    (a, b): (&Array1<f64>, &Array1<f64>),
    cost: impl Fn(usize, usize) -> f64,
    tolerance: f64,
) {
    let mass = a.sum();
    let marginals = (coupling.source_marginal() - a).mapv(f64::abs).sum()
        + (coupling.target_marginal() - b).mapv(f64::abs).sum();
    assert!((marginals - coupling.marginal_error).abs() <= 1e-14 * mass, "{marginals:e}");
    assert!(marginals <= 1e-13 * mass, "marginal error {marginals:e}");
    assert!(coupling.mass.iter().all(|mass| *mass > 0.0));
    let entries = coupling.source.iter().zip(&coupling.target).zip(&coupling.mass);
    let primal: f64 = entries.map(|((&i, &j), mass)| mass * cost(i, j)).sum();
    assert!((primal - coupling.cost).abs() <= tolerance * mass, "{primal} {}", coupling.cost);
    let (u, v) = (&coupling.dual_source, &coupling.dual_target);
    let dual = a.dot(u) + b.dot(v);
    let mut smallest = f64::INFINITY;
    for i in 0..u.len() {
        for j in 0..v.len() {
            smallest = smallest.min(cost(i, j) - u[i] - v[j]);
        }
    }
    assert!(smallest >= coupling.certificate.smallest_reduced_cost - tolerance, "reduced cost {smallest:e}");
    assert!(smallest >= -tolerance, "reduced cost {smallest:e}");
    let gap = primal - dual;
    assert!((gap - coupling.certificate.gap).abs() <= tolerance * mass, "gap {gap:e}");
    assert!(gap <= 1e-11 * primal.abs() + tolerance * mass, "gap {gap:e} of {primal:e}");
}

pub fn uniform(n: usize) -> Array1<f64> {
    Array1::from_elem(n, 1.0 / n as f64)
}

/// Solves and verifies to rounding relative to the squared or plain diameter.
pub fn check(x: &Array2<f64>, y: &Array2<f64>, cost: Cost) -> Coupling {
    let (a, b) = (uniform(x.nrows()), uniform(y.nrows()));
    let coupling = exact(x.view(), y.view(), cost, &ExactOptions::default()).unwrap();
    let of = |i, j| pair(&x.view(), &y.view(), cost, i, j);
    let mut largest: f64 = 0.0;
    for i in 0..x.nrows() {
        for j in 0..y.nrows() {
            largest = largest.max(of(i, j));
        }
    }
    verify(&coupling, (&a, &b), of, 1e-13 * largest);
    coupling
}

pub const COSTS: [Cost; 2] = [Cost::SquaredEuclidean, Cost::Euclidean];
