//! The law of weights of distances: integer weights are repeated rows, zeros and tiny weights are none,
//! and totals do not count: a distance is between the shares.

use fokker::transport::{
    Cost, ExactOptions, SinkhornOptions, SlicedOptions, Strength, energy_distance, exact_distance,
    kernel_discrepancy, sinkhorn_divergence, sliced_wasserstein2, wasserstein_line,
};
use ndarray::{Array1, Array2, ArrayView1, Axis, array, concatenate};

fn cloud(n: usize, shift: f64) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, j)| ((i * 7 + 3 * j) as f64 * 1.37).sin() + shift * j as f64)
}

type Weights<'a> = Option<ArrayView1<'a, f64>>;

/// Every distance between two weighted clouds, with its name and its tolerance.
fn all(x: &Array2<f64>, a: Weights, y: &Array2<f64>, b: Weights) -> Vec<(&'static str, f64, f64)> {
    let exact = ExactOptions { source_weights: a, target_weights: b, ..Default::default() };
    let sliced = SlicedOptions { source_weights: a, target_weights: b, ..Default::default() };
    let shares = |w: Weights| w.map(|w| &w / w.sum());
    let (of_x, of_y) = (shares(a), shares(b));
    let sinkhorn = SinkhornOptions {
        epsilon: Strength::Absolute(0.1),
        source_weights: of_x.as_ref().map(|a| a.view()),
        target_weights: of_y.as_ref().map(|b| b.view()),
        tolerance: 1e-10,
        ..Default::default()
    };
    let of = |cost| exact_distance(x.view(), y.view(), cost, &exact).unwrap().value;
    let divergence =
        sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &sinkhorn).unwrap().value;
    vec![
        ("W1", of(Cost::Euclidean), 1e-10),
        ("W2", of(Cost::SquaredEuclidean), 1e-10),
        ("line", wasserstein_line(x.column(0), y.column(1), Cost::Euclidean, &exact).unwrap(), 1e-12),
        ("sliced", sliced_wasserstein2(x.view(), y.view(), &sliced).unwrap(), 1e-12),
        ("energy", energy_distance(x.view(), y.view(), &exact).unwrap(), 1e-10),
        ("MMD", kernel_discrepancy(x.view(), y.view(), 0.7, &exact).unwrap(), 1e-10),
        ("divergence", divergence, 1e-7),
    ]
}

fn alike(found: &[(&str, f64, f64)], expected: &[(&str, f64, f64)]) {
    for ((name, found, tolerance), (_, expected, _)) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance * expected.abs().max(1.0), "{name}: {found} {expected}");
    }
}

#[test]
fn integer_weights_are_repeated_rows_and_totals_do_not_count() {
    let (x, y) = (cloud(120, 0.3), cloud(150, -0.4));
    let weights = |n: usize| -> Array1<f64> { (0..n).map(|i| (i % 3) as f64).collect() };
    let repeated =
        |x: &Array2<f64>| x.select(Axis(0), &(0..x.nrows()).flat_map(|i| vec![i; i % 3]).collect::<Vec<_>>());
    let (a, b) = (weights(120), weights(150));
    let expected = all(&repeated(&x), None, &repeated(&y), None);
    // Σ a = 120, Σ b = 150: the command line took their shares, and the library refused them.
    alike(&all(&x, Some(a.view()), &y, Some(b.view())), &expected);
    let (a, b) = (a * 1e-200, b * 1e200);
    alike(&all(&x, Some(a.view()), &y, Some(b.view())), &expected);
}

#[test]
fn tiny_weights_are_no_rows() {
    let (x, y) = (cloud(120, 0.3), cloud(150, -0.4));
    let expected = all(&x, None, &y, None);
    let far = array![[1e2, -1e2], [1e2, 1e2]];
    let with = |x: &Array2<f64>| concatenate(Axis(0), &[x.view(), far.view()]).unwrap();
    let weights = |n: usize| concatenate![Axis(0), Array1::<f64>::ones(n), array![1e-16, 0.0]];
    let (a, b) = (weights(120), weights(150));
    // What 1e-16 of mass does at a distance of 1e2: at most √(1e-16 · 1e4 / 120) = 1e-7 to a W₂ of a half.
    let found = all(&with(&x), Some(a.view()), &with(&y), Some(b.view()));
    for ((name, found, _), (_, expected, _)) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 2e-7, "{name}: {found} {expected}");
    }
}
