//! The law of weights of distances: integer weights are repeated rows, zeros and tiny weights are none,
//! and totals do not count: a distance is between the shares.

use fokker::Merge;
use fokker::statistics::{Covariance, Gaussian};
use fokker::transport::{
    Cost, ExactOptions, SinkhornOptions, SlicedOptions, Strength, bures, energy_distance, exact,
    exact_distance, kernel_discrepancy, median_distance, sinkhorn, sinkhorn_divergence, sliced_wasserstein2,
    wasserstein_line,
};
use ndarray::{Array1, Array2, ArrayView1, Axis, array, concatenate};

fn cloud(n: usize, shift: f64) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, j)| ((i * 7 + 3 * j) as f64 * 1.37).sin() + shift * j as f64)
}

type Weights<'a> = Option<ArrayView1<'a, f64>>;

/// F with FFᵀ the covariance of weighted rows.
fn factor(x: &Array2<f64>, weights: Weights) -> Array2<f64> {
    let law = estimated(x, weights).gaussian().unwrap();
    let roots = law.values().mapv(f64::sqrt);
    law.vectors().map_or_else(|| Array2::from_diag(&roots), |vectors| vectors * &roots)
}

fn estimated(x: &Array2<f64>, weights: Weights) -> Covariance {
    let mut covariance = Covariance::new(x.ncols());
    match weights {
        None => covariance.observe(x.view()),
        Some(weights) => covariance.observe_weighted(x.view(), weights),
    }
    .unwrap();
    covariance
}

/// Every distance between two weighted clouds, with its name and its tolerance.
fn all(x: &Array2<f64>, a: Weights, y: &Array2<f64>, b: Weights) -> Vec<(&'static str, f64, f64)> {
    let options = ExactOptions { source_weights: a, target_weights: b, ..Default::default() };
    let sliced = SlicedOptions { source_weights: a, target_weights: b, ..Default::default() };
    let sinkhorn_options = SinkhornOptions {
        epsilon: Strength::Absolute(0.1),
        source_weights: a,
        target_weights: b,
        tolerance: 1e-10,
        ..Default::default()
    };
    let of = |cost| exact_distance(x.view(), y.view(), cost, &options).unwrap().value;
    let divergence =
        sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &sinkhorn_options).unwrap().value;
    let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
    let relative = SinkhornOptions { epsilon: Strength::Relative(0.1), ..sinkhorn_options };
    let entropic = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &relative).unwrap();
    vec![
        ("W1", of(Cost::Euclidean), 1e-10),
        ("W2", of(Cost::SquaredEuclidean), 1e-10),
        ("line", wasserstein_line(x.column(0), y.column(1), Cost::Euclidean, &options).unwrap(), 1e-12),
        ("sliced", sliced_wasserstein2(x.view(), y.view(), &sliced).unwrap(), 1e-12),
        ("energy", energy_distance(x.view(), y.view(), &options).unwrap(), 1e-10),
        ("MMD", kernel_discrepancy(x.view(), y.view(), 0.7, &options).unwrap(), 1e-10),
        ("divergence", divergence, 1e-7),
        ("median", median_distance(x.view(), y.view(), &options).unwrap(), 1e-12),
        ("exact coupling", coupling.cost, 1e-10),
        ("masses", coupling.mass.iter().sum(), 1e-12),
        ("entropic coupling", entropic.cost, 1e-7),
        ("relative epsilon", entropic.epsilon, 1e-12),
        ("Bures", bures(factor(x, a).view(), factor(y, b).view()).unwrap(), 1e-12),
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

/// Beyond 65,536 pairs the median is of some of them, chosen by their weights.
#[test]
fn the_median_is_weighted_beyond_the_cap_on_pairs() {
    let (x, y) = (cloud(1200, 0.3), cloud(1500, -0.4));
    let (a, b): (Array1<f64>, Array1<f64>) =
        ((0..1200).map(|i| (i % 4) as f64).collect(), (0..1500).map(|i| (i % 3) as f64).collect());
    let repeated = |x: &Array2<f64>, k: usize| {
        x.select(Axis(0), &(0..x.nrows()).flat_map(|i| vec![i; i % k]).collect::<Vec<_>>())
    };
    let none = ExactOptions::default();
    let weighted = ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), ..none };
    let found = median_distance(x.view(), y.view(), &weighted).unwrap();
    // The same levels fall into the same rows, repeated or weighted.
    let expected = median_distance(repeated(&x, 4).view(), repeated(&y, 3).view(), &none).unwrap();
    assert!((found / expected - 1.0).abs() < 1e-14, "{found} {expected}");
    // All pairs: the least c with more than half of the weight at or below it. The levels of 65,536 pairs of
    // even spread are within 0.005 of those of all.
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (p, &u) in x.rows().into_iter().zip(&a) {
        all.extend(y.rows().into_iter().zip(&b).map(|(q, &v)| ((p[0] - q[0]).hypot(p[1] - q[1]), u * v)));
    }
    let total: f64 = all.iter().map(|pair| pair.1).sum();
    let below: f64 = all.iter().filter(|pair| pair.0 <= found).map(|pair| pair.1).sum();
    assert!((below / total - 0.5).abs() < 0.005, "{}", below / total);
    // One row of all the weight, among 100,000 targets in rising order: its distance to the middle one.
    let line = Array2::from_shape_fn((100_000, 1), |(i, _)| i as f64);
    let (two, one) = (array![[0.0], [1e9]], array![1.0, 1e-14]);
    let options = ExactOptions { source_weights: Some(one.view()), ..none };
    let middle = median_distance(two.view(), line.view(), &options).unwrap();
    assert!((middle - 50_000.0).abs() < 500.0, "{middle}");
}

/// Beyond the cap on pairs and every block: 700 rows against 800, 560,000 pairs.
#[test]
fn the_law_holds_for_large_clouds() {
    let (x, y) = (cloud(700, 0.3), cloud(800, -0.4));
    let (a, b): (Array1<f64>, Array1<f64>) =
        ((0..700).map(|i| (i % 3) as f64).collect(), (0..800).map(|i| (i % 3) as f64).collect());
    let repeated =
        |x: &Array2<f64>| x.select(Axis(0), &(0..x.nrows()).flat_map(|i| vec![i; i % 3]).collect::<Vec<_>>());
    alike(&all(&x, Some(a.view()), &y, Some(b.view())), &all(&repeated(&x), None, &repeated(&y), None));
}

/// Where rows of weight zero lie is of no concern: they set the scale, and all else was lost beside it.
#[test]
fn rows_without_weight_have_no_place() {
    let (x, y) = (cloud(60, 0.3), cloud(70, -0.4));
    let far = |x: &Array2<f64>| concatenate![Axis(0), *x, array![[1e300, -1e300]]];
    let ones = |n: usize| concatenate![Axis(0), Array1::<f64>::ones(n), array![0.0]];
    let (a, b) = (ones(60), ones(70));
    let (with, without) = (far(&x), far(&y));
    let options =
        ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), ..Default::default() };
    let plain = ExactOptions::default();
    type Between = fn(&Array2<f64>, &Array2<f64>, &ExactOptions) -> f64;
    let pairs: [Between; 5] = [
        |x, y, o| exact_distance(x.view(), y.view(), Cost::SquaredEuclidean, o).unwrap().value,
        |x, y, o| energy_distance(x.view(), y.view(), o).unwrap(),
        |x, y, o| kernel_discrepancy(x.view(), y.view(), 0.7, o).unwrap(),
        |x, y, o| median_distance(x.view(), y.view(), o).unwrap(),
        |x, y, o| {
            let (source_weights, target_weights) = (o.source_weights, o.target_weights);
            let options = SinkhornOptions { source_weights, target_weights, ..Default::default() };
            sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap().value
        },
    ];
    for (k, distance) in pairs.into_iter().enumerate() {
        let (found, expected) = (distance(&with, &without, &options), distance(&x, &y, &plain));
        assert!((found - expected).abs() < 1e-9 * expected, "{k}: {found} {expected}");
    }
}

#[test]
fn the_covariance_is_weighted_across_blocks_and_parts() {
    // 3000 rows at 1e6: beyond a block of 1024, and where raw moments would cancel.
    let x =
        Array2::from_shape_fn((3000, 3), |(i, j)| 1e6 + ((i * 7919 + j * 104_729) % 1009) as f64 / 1009.0);
    let weights: Array1<f64> = (0..3000).map(|i| (i % 4) as f64).collect();
    let rows: Vec<usize> = (0..3000).flat_map(|i| vec![i; i % 4]).collect();
    let expected = estimated(&x.select(Axis(0), &rows), None);
    let ((x1, x2), (w1, w2)) = (x.view().split_at(Axis(0), 1300), weights.view().split_at(Axis(0), 1300));
    let mut found = estimated(&x1.to_owned(), Some(w1));
    let other = estimated(&x2.to_owned(), Some(w2));
    found.merge(&other).unwrap();
    // Rounding of the data at 1e6 is 1e-10; the covariance is of order 0.1.
    let gap = found.covariance().unwrap() - expected.covariance().unwrap();
    assert!(gap.iter().all(|gap| gap.abs() < 1e-9), "{gap}");
    assert!((found.mean() - expected.mean()).iter().all(|gap| gap.abs() < 1e-9));
    let law: Gaussian = found.gaussian().unwrap();
    assert_eq!(law.dim(), 3);
    // One far row of weight 1e-16 moves nothing but by its weight; one row alone has no covariance.
    let mut tiny = estimated(&x, Some(weights.view()));
    tiny.observe_weighted(array![[0.0, 0.0, 0.0]].view(), array![1e-16].view()).unwrap();
    assert!((tiny.mean() - expected.mean()).iter().all(|gap| gap.abs() < 1e-9));
    assert!(
        estimated(&x, Some(Array1::from_shape_fn(3000, |i| f64::from(i == 7)).view())).covariance().is_err()
    );
    let mut refused = Covariance::new(3);
    for weights in [Array1::from_elem(3000, -1.0), Array1::from_elem(3000, f64::MAX), Array1::ones(5)] {
        assert!(refused.observe_weighted(x.view(), weights.view()).is_err() && refused.covariance().is_err());
    }
}
