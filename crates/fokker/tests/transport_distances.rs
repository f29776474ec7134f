//! Distances, entropic couplings, mini-batches and interpolation, against laws and definitions.

use fokker::transport::*;
use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn cloud(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || random.random_range(-1.0..1.0))
}

fn w2(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    wasserstein2(x.view(), y.view(), &ExactOptions::default()).unwrap()
}

fn w1(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    wasserstein1(x.view(), y.view(), &ExactOptions::default()).unwrap()
}

/// Marginals of an entropic plan by summing all its entries.
fn marginals(plan: &Entropic, n: usize, m: usize) -> (Array1<f64>, Array1<f64>) {
    let entries = Array2::from_shape_fn((n, m), |(i, j)| plan.entry(i, j));
    (entries.sum_axis(Axis(1)), entries.sum_axis(Axis(0)))
}

fn deviation(found: &Array1<f64>, expected: &Array1<f64>) -> f64 {
    (found - expected).mapv(f64::abs).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn exact_distances_are_metrics(n in 1usize..40, d in 1usize..4, seed in 0u64..1000) {
        let (x, y, z) = (cloud(n, d, seed), cloud(n + 3, d, seed + 1), cloud(n + 1, d, seed + 2));
        for distance in [w1, w2] {
            prop_assert!(distance(&x, &x) == 0.0);
            let (xy, yx) = (distance(&x, &y), distance(&y, &x));
            prop_assert!(xy > 0.0 && (xy - yx).abs() < 1e-12);
            prop_assert!(xy <= distance(&x, &z) + distance(&z, &y) + 1e-12);
        }
        prop_assert!(w1(&x, &y) <= w2(&x, &y) + 1e-12);
    }

    #[test]
    fn the_line_has_a_closed_form(n in 1usize..60, m in 1usize..60, seed in 0u64..1000) {
        let (x, y) = (cloud(n, 1, seed), cloud(m, 1, seed + 1));
        let weights = |k, stream| cloud(k, 1, stream).column(0).mapv(|value| value + 1.0);
        let (mut a, mut b) = (weights(n, seed + 2), weights(m, seed + 3));
        a /= a.sum();
        b /= b.sum();
        let options = ExactOptions {
            source_weights: Some(a.view()), target_weights: Some(b.view()), ..Default::default()
        };
        let line = |cost| wasserstein_line(x.column(0), y.column(0), cost, &options).unwrap();
        let w1 = wasserstein1(x.view(), y.view(), &options).unwrap();
        let w2 = wasserstein2(x.view(), y.view(), &options).unwrap();
        prop_assert!((line(Cost::Euclidean) - w1).abs() < 1e-12);
        prop_assert!((line(Cost::SquaredEuclidean) - w2).abs() < 1e-12);
    }

    #[test]
    fn interpolation_is_a_geodesic(n in 1usize..40, m in 1usize..40, seed in 0u64..1000) {
        let (x, y) = (cloud(n, 2, seed), cloud(m, 2, seed + 1));
        let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default()).unwrap();
        let at = |t| displacement(x.view(), y.view(), &coupling, t).unwrap();
        let (start, mass) = at(0.0);
        let (end, _) = at(1.0);
        for (k, (&i, &j)) in coupling.source.iter().zip(&coupling.target).enumerate() {
            prop_assert!(start.row(k) == x.row(i) && end.row(k) == y.row(j));
        }
        let (third, _) = at(0.3);
        let options = ExactOptions {
            source_weights: Some(mass.view()), target_weights: Some(mass.view()), ..Default::default()
        };
        let moved = wasserstein2(start.view(), third.view(), &options).unwrap();
        prop_assert!((moved - 0.3 * coupling.cost.sqrt()).abs() < 1e-9);
    }
}

#[test]
fn distances_beyond_the_range_of_their_squares() {
    let (x, y) = (cloud(30, 2, 1), cloud(30, 2, 2));
    let reference = [w1(&x, &y), w2(&x, &y)];
    for scale in [1e-200, 1e200] {
        let (x, y) = (&x * scale, &y * scale);
        for (value, reference) in [w1(&x, &y), w2(&x, &y)].into_iter().zip(reference) {
            assert!((value / scale / reference - 1.0).abs() < 1e-12, "{value:e}");
        }
    }
}

#[test]
fn sliced_distance_of_a_translation() {
    // W₂² along θ is (θ·s)², of mean |s|²/d: 25/2 here, with standard error 25/(2√2)/√K.
    let x = cloud(40, 2, 3);
    let options = SlicedOptions { directions: 4000, seed: 1, ..Default::default() };
    let shifted = &x + &array![3.0, 4.0];
    let value = sliced_wasserstein2(x.view(), shifted.view(), &options).unwrap();
    let tolerance = 4.0 * 25.0 / 8f64.sqrt() / 4000f64.sqrt();
    assert!((value * value - 12.5).abs() < tolerance, "{value}");
    // Equal clouds in another order are at distance zero, and seeds matter.
    let turned = x.select(Axis(0), &(0..40).rev().collect::<Vec<_>>());
    assert_eq!(sliced_wasserstein2(x.view(), turned.view(), &options).unwrap(), 0.0);
    let other = SlicedOptions { seed: 2, ..options };
    assert_ne!(sliced_wasserstein2(x.view(), shifted.view(), &other).unwrap(), value);
}

#[test]
fn energy_and_kernel_distances_by_definition() {
    let (x, y) = (cloud(70, 3, 4), cloud(90, 3, 5));
    let mean = |x: &Array2<f64>, y: &Array2<f64>, value: &dyn Fn(f64) -> f64| {
        let mut total = 0.0;
        for a in x.rows() {
            for b in y.rows() {
                total += value((&a - &b).mapv(|value| value * value).sum().sqrt());
            }
        }
        total / (x.nrows() * y.nrows()) as f64
    };
    let contrast =
        |value: &dyn Fn(f64) -> f64| 2.0 * mean(&x, &y, value) - mean(&x, &x, value) - mean(&y, &y, value);
    let energy = energy_distance(x.view(), y.view(), &ExactOptions::default()).unwrap();
    assert!((energy * energy - contrast(&|distance| distance)).abs() < 1e-13);
    let mmd = kernel_discrepancy(x.view(), y.view(), 0.7, &ExactOptions::default()).unwrap();
    let kernel = |distance: f64| (-distance * distance / (2.0 * 0.49)).exp();
    assert!((mmd * mmd + contrast(&kernel)).abs() < 1e-13);
    assert_eq!(energy_distance(x.view(), x.view(), &ExactOptions::default()).unwrap(), 0.0);
    let huge = energy_distance((&x * 1e200).view(), (&y * 1e200).view(), &ExactOptions::default()).unwrap();
    assert!((huge / 1e100 / energy - 1.0).abs() < 1e-12);
    assert!(kernel_discrepancy(x.view(), y.view(), 0.0, &ExactOptions::default()).is_err());
}

#[test]
fn the_floor_is_the_distance_of_halves() {
    // On the line the floor is of order n^(−1/2); for far-away outliers it shows.
    let sample = cloud(400, 1, 6);
    let distance = |a: ArrayView2<f64>, b: ArrayView2<f64>| wasserstein1(a, b, &ExactOptions::default());
    let first = floor(sample.view(), 20, 7, distance).unwrap();
    assert_eq!(first, floor(sample.view(), 20, 7, distance).unwrap());
    // E W₁ of two samples of 200 of the uniform law on [−1, 1] is about 2·0.0443, sd about half.
    let sd = first.sd.unwrap();
    assert!(first.mean > 0.04 && first.mean < 0.14 && sd > 0.005 && sd < 0.06, "{first:?}");
    assert_eq!(floor(sample.view(), 1, 7, distance).unwrap().sd, None);
    assert!(floor(sample.view(), 0, 7, distance).is_err());
    assert!(floor(cloud(1, 1, 1).view(), 3, 7, distance).is_err());
}

#[test]
fn batches_are_random_permutations_above_the_optimum() {
    let (x, y) = (cloud(300, 2, 8), cloud(300, 2, 9));
    let best = exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default()).unwrap();
    for batch in [1, 7, 50, 300, 1000] {
        let options = BatchOptions { batch, seed: 3, ..Default::default() };
        let coupling = exact_in_batches(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
        assert!(coupling.marginal_error < 1e-14);
        assert!(coupling.cost >= best.cost - 1e-14);
        // The certificate is true: it never promises more than the optimum.
        assert!(coupling.cost - coupling.certificate.gap <= best.cost + 1e-13, "batch {batch}");
        if batch >= 300 {
            assert!((coupling.cost - best.cost).abs() < 1e-13);
        }
    }
    // Row order leaks nothing: single-point batches do not pair row i with row i.
    let options = BatchOptions { batch: 1, seed: 3, ..Default::default() };
    let coupling = exact_in_batches(x.view(), x.view(), Cost::Euclidean, &options).unwrap();
    let fixed = coupling.source.iter().zip(&coupling.target).filter(|(i, j)| i == j).count();
    assert!(fixed < 10, "{fixed} of 300 rows are paired with themselves");
}

#[test]
fn barycentric_projection_of_a_split_point() {
    let (x, y) = (array![[0.0], [9.0]], array![[-1.0], [3.0], [9.0]]);
    let (a, b) = (array![0.5, 0.5], array![0.25, 0.25, 0.5]);
    let options =
        ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), ..Default::default() };
    let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
    assert_eq!(coupling.barycentric(y.view()).unwrap(), array![[1.0], [9.0]]);
    assert!(coupling.barycentric(x.view()).is_err());
    // A source without mass goes nowhere: 0/0 was its image.
    let a = array![1.0, 0.0];
    let options = ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), ..options };
    let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
    let error = coupling.barycentric(y.view()).unwrap_err();
    assert!(error.to_string().contains("source 1 sends nothing"), "{error}");
}

#[test]
fn sinkhorn_reports_its_true_marginal_error() {
    let (x, y) = (cloud(80, 2, 10), cloud(60, 2, 11));
    for (epsilon, max_iterations) in [(0.5, 10_000), (0.01, 10_000), (0.001, 30), (1e-5, 3)] {
        let epsilon = Strength::Relative(epsilon);
        let options = SinkhornOptions { epsilon, max_iterations, ..Default::default() };
        let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
        let (rows, columns) = marginals(&plan, 80, 60);
        assert!(deviation(&rows, &plan.source_marginal) < 1e-9);
        assert!(deviation(&columns, &plan.target_marginal) < 1e-9);
        let error = deviation(&rows, &Array1::from_elem(80, 1.0 / 80.0))
            + deviation(&columns, &Array1::from_elem(60, 1.0 / 60.0));
        assert!((error - plan.marginal_error).abs() < 1e-9, "{error:e} {:e}", plan.marginal_error);
        assert!(plan.iterations <= max_iterations);
        let converged = plan.status == SinkhornStatus::Converged;
        assert_eq!(converged, max_iterations == 10_000, "error {error:e}");
        assert_eq!(converged, error <= 2e-6);
    }
}

#[test]
fn sinkhorn_tends_to_the_exact_cost() {
    let (x, y) = (cloud(30, 2, 12), cloud(30, 2, 13));
    for cost in [Cost::SquaredEuclidean, Cost::Euclidean] {
        let best = exact(x.view(), y.view(), cost, &ExactOptions::default()).unwrap().cost;
        let mut last = f64::INFINITY;
        for epsilon in [1.0, 0.3, 0.1, 0.05] {
            let options = SinkhornOptions {
                epsilon: Strength::Absolute(epsilon),
                max_iterations: 100_000,
                ..Default::default()
            };
            let plan = sinkhorn(x.view(), y.view(), cost, &options).unwrap();
            assert_eq!(plan.status, SinkhornStatus::Converged);
            // ⟨γ, c⟩ falls towards the optimum, and by entropy it is within ε log n of it.
            assert!(plan.cost >= best - 1e-5 && plan.cost <= last + 1e-5);
            assert!(plan.cost - best <= epsilon * 30f64.ln());
            last = plan.cost;
            // The dual value and the plan tell the same objective.
            let entropy: f64 = (0..30)
                .flat_map(|i| (0..30).map(move |j| (i, j)))
                .map(|(i, j)| plan.entry(i, j))
                .map(|mass| if mass > 0.0 { mass * (mass * 900.0).ln() } else { 0.0 })
                .sum();
            assert!((plan.value - plan.cost - epsilon * entropy).abs() < 1e-5);
        }
        assert!(last - best < 0.05);
    }
}

#[test]
fn sinkhorn_gives_numbers_at_any_strength() {
    let (x, y) = (cloud(40, 3, 14), cloud(30, 3, 15));
    let mut a = Array1::from_elem(40, 1.0);
    a[7] = 0.0;
    for cost in [Cost::SquaredEuclidean, Cost::Euclidean] {
        for power in [-6, -3, 0, 3, 6] {
            for relaxed in [None, Some(Strength::Relative(1e-3)), Some(Strength::Relative(1e3))] {
                let weights = &a / 39.0;
                let options = SinkhornOptions {
                    source_weights: Some(weights.view()),
                    epsilon: Strength::Relative(10f64.powi(power)),
                    source_relaxation: relaxed,
                    target_relaxation: relaxed,
                    max_iterations: 200,
                    ..Default::default()
                };
                let plan = sinkhorn(x.view(), y.view(), cost, &options).unwrap();
                let numbers = [plan.cost, plan.value, plan.marginal_error, plan.epsilon];
                assert!(numbers.iter().all(|value| value.is_finite()), "{power} {relaxed:?} {numbers:?}");
                let potentials = plan.potential_source.iter().chain(&plan.potential_target);
                assert!(potentials.chain(&plan.source_marginal).all(|value| value.is_finite()));
                assert_eq!(plan.source_marginal[7], 0.0);
            }
        }
    }
}

#[test]
fn far_and_scaled_clouds_are_the_same_entropic_problem() {
    let grid = |cloud: Array2<f64>| cloud.mapv(|value| (value * 1024.0).round() / 1024.0);
    let (x, y) = (grid(cloud(40, 2, 16)), grid(cloud(40, 2, 17)));
    let plan = |x: &Array2<f64>, y: &Array2<f64>| {
        let options =
            SinkhornOptions { epsilon: Strength::Relative(0.5), tolerance: 1e-12, ..Default::default() };
        sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap()
    };
    let near = plan(&x, &y);
    for (x, y) in [(&x + 1e8, &y + 1e8), (&x * 1e-100, &y * 1e-100), (&x * 1e100, &y * 1e100)] {
        let other = plan(&x, &y);
        for i in 0..40 {
            assert!((near.entry(i, i) - other.entry(i, i)).abs() < 1e-11);
        }
        assert_eq!(other.status, SinkhornStatus::Converged);
    }
}

#[test]
fn a_semi_relaxed_marginal_is_exact_on_the_exact_side() {
    // The target has twice the mass of the source: growth.
    let (x, y) = (cloud(60, 2, 18), cloud(90, 2, 19));
    let b = Array1::from_elem(90, 2.0 / 90.0);
    let a = Array1::from_elem(60, 1.0 / 60.0);
    for source_side in [true, false] {
        let relaxed = Some(Strength::Relative(1.0));
        let options = SinkhornOptions {
            source_relaxation: relaxed.filter(|_| source_side),
            target_relaxation: relaxed.filter(|_| !source_side),
            target_weights: Some(b.view()),
            tolerance: 1e-10,
            ..Default::default()
        };
        let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
        assert_eq!(plan.status, SinkhornStatus::Converged);
        let (rows, columns) = marginals(&plan, 60, 90);
        let (exact, mass) = if source_side {
            (deviation(&columns, &b), rows.sum())
        } else {
            (deviation(&rows, &a), columns.sum())
        };
        assert!(exact < 1e-12, "{exact:e}");
        assert!((mass - if source_side { 2.0 } else { 1.0 }).abs() < 1e-12);
        // As a sparse coupling too, and a small tail is all that moves.
        let coupling = plan.coupling(1e-3, fokker::Task::silent()).unwrap();
        let (kept, wanted) =
            if source_side { (coupling.target_marginal(), &b) } else { (coupling.source_marginal(), &a) };
        assert!(deviation(&kept, wanted) < 1e-12);
        assert!(coupling.marginal_error < 4e-3 && coupling.mass.len() < 60 * 90);
    }
}

#[test]
fn a_relaxed_optimum_in_closed_form() {
    // One point against one: minimise m c + (ε + ρ_a + ρ_b) (m log m − m): m = exp(−c/(ε + ρ_a + ρ_b)).
    let (x, y) = (array![[0.0]], array![[2.0]]);
    let options = SinkhornOptions {
        epsilon: Strength::Absolute(0.5),
        source_relaxation: Some(Strength::Absolute(1.0)),
        target_relaxation: Some(Strength::Absolute(2.5)),
        tolerance: 1e-14,
        ..Default::default()
    };
    let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
    assert!((plan.entry(0, 0) - (-1f64).exp()).abs() < 1e-12);
    // Objective: c m + 4 (m log m − m + 1) = 4 m − 4 m − 4 m + 4.
    assert!((plan.value - 4.0 * (1.0 - (-1f64).exp())).abs() < 1e-12, "{}", plan.value);
}

#[test]
fn strong_penalties_tend_to_exact_marginals() {
    let (x, y) = (cloud(30, 2, 20), cloud(30, 2, 21));
    let epsilon = Strength::Relative(0.5);
    let plain = SinkhornOptions { epsilon, tolerance: 1e-9, ..Default::default() };
    let balanced = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &plain).unwrap();
    for strength in [1e3, 1e5] {
        let strong = Some(Strength::Relative(strength));
        let options = SinkhornOptions { source_relaxation: strong, target_relaxation: strong, ..plain };
        let relaxed = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
        assert_eq!(relaxed.status, SinkhornStatus::Converged);
        let difference = (balanced.cost - relaxed.cost).abs();
        assert!(difference < 5.0 / strength, "{difference:e} at {strength}");
    }
}

#[test]
fn the_divergence_is_zero_for_equal_clouds_and_near_exact_for_small_strength() {
    let (x, y) = (cloud(30, 2, 22), cloud(30, 2, 23));
    let epsilon = Strength::Relative(0.5);
    let options = SinkhornOptions { epsilon, tolerance: 1e-9, ..Default::default() };
    let turned = x.select(Axis(0), &(0..30).rev().collect::<Vec<_>>());
    let zero = sinkhorn_divergence(x.view(), turned.view(), Cost::SquaredEuclidean, &options).unwrap();
    assert!(zero.value.abs() < 1e-8 && zero.status == SinkhornStatus::Converged);
    let best = w2(&x, &y).powi(2);
    let options = SinkhornOptions { epsilon: Strength::Absolute(0.05), tolerance: 1e-5, ..options };
    let close = sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
    assert!((close.value - best).abs() < 0.02, "{} {best}", close.value);
    let relaxed = SinkhornOptions { source_relaxation: Some(Strength::Absolute(1.0)), ..options };
    let error = sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &relaxed).unwrap_err();
    assert!(error.to_string().contains("relaxed"));
}

#[test]
fn entropic_results_have_the_same_bits_at_any_number_of_threads() {
    let (x, y) = (cloud(150, 6, 24), cloud(130, 6, 25));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let options = SinkhornOptions::default();
            let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
            let energy = energy_distance(x.view(), y.view(), &ExactOptions::default()).unwrap();
            let sliced = sliced_wasserstein2(x.view(), y.view(), &SlicedOptions::default()).unwrap();
            (plan.potential_source, plan.value, energy, sliced)
        })
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn invalid_options_are_named() {
    let x = cloud(5, 2, 26);
    let fails = |options: SinkhornOptions| {
        sinkhorn(x.view(), x.view(), Cost::Euclidean, &options).err().unwrap().to_string()
    };
    let plain = SinkhornOptions::default();
    assert!(fails(SinkhornOptions { epsilon: Strength::Absolute(0.0), ..plain }).contains("epsilon"));
    assert!(fails(SinkhornOptions { tolerance: f64::NAN, ..plain }).contains("tolerance"));
    assert!(fails(SinkhornOptions { max_iterations: 0, ..plain }).contains("max_iterations"));
    let negative = Array1::from_elem(5, -1.0);
    assert!(
        fails(SinkhornOptions { source_weights: Some(negative.view()), ..plain }).contains("non-negative")
    );
    let none = SlicedOptions { directions: 0, ..Default::default() };
    assert!(sliced_wasserstein2(x.view(), x.view(), &none).is_err());
    let coupling = exact(x.view(), x.view(), Cost::Euclidean, &ExactOptions::default()).unwrap();
    assert!(displacement(x.view(), x.view(), &coupling, 1.5).is_err());
    assert!(displacement(x.view(), cloud(4, 2, 1).view(), &coupling, 0.5).is_err());
    let none = BatchOptions { batch: 0, ..Default::default() };
    assert!(exact_in_batches(x.view(), x.view(), Cost::Euclidean, &none).is_err());
}
