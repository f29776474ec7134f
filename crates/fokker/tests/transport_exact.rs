//! Exact transport: certificates recomputed by brute force, known answers, invalid input.

use fokker::transport::{Cost, ExactOptions, exact, exact_matrix};
use ndarray::{Array1, Array2, Axis, array};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "common/transport.rs"]
mod common;

use common::{COSTS, check, cloud, options, pair, uniform, verify};

#[test]
fn certificates_hold_in_all_dimensions_and_sizes() {
    for cost in COSTS {
        for (n, m, d) in [(1, 1, 1), (1, 7, 3), (300, 300, 1), (300, 300, 2), (500, 333, 2), (3, 400, 5)] {
            check(&cloud(n, d, 1), &cloud(m, d, 2), cost);
        }
        for (n, m, d) in [(400, 400, 10), (257, 301, 50)] {
            check(&cloud(n, d, 3), &cloud(m, d, 4), cost);
        }
    }
}

#[test]
fn uniform_clouds_of_one_size_give_a_permutation() {
    let coupling = check(&cloud(700, 2, 5), &cloud(700, 2, 6), Cost::SquaredEuclidean);
    assert_eq!(coupling.source, (0..700).collect::<Vec<_>>());
    let mut targets = coupling.target.clone();
    targets.sort_unstable();
    assert_eq!(targets, coupling.source);
    assert!(coupling.mass.iter().all(|mass| *mass == 1.0 / 700.0));
}

#[test]
fn general_weights_and_zero_weights() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for cost in COSTS {
        for (n, m) in [(200, 200), (150, 380), (40, 40)] {
            let (x, y) = (cloud(n, 2, 8), cloud(m, 2, 9));
            let weight = |i: usize, value: f64| if i % 5 == 3 { 0.0 } else { value };
            let mut a = Array1::from_shape_fn(n, |i| weight(i, random.random_range(0.0..1.0)));
            let mut b = Array1::from_shape_fn(m, |j| weight(j, random.random_range(0.0..1.0f64).powi(8)));
            a *= 3.0 / a.sum();
            b *= 3.0 / b.sum();
            let coupling = exact(x.view(), y.view(), cost, &options(&a, &b)).unwrap();
            // Couplings are between shares.
            let (a, b) = (&a / 3.0, &b / 3.0);
            verify(&coupling, (&a, &b), |i, j| pair(&x.view(), &y.view(), cost, i, j), 1e-13);
        }
    }
}

#[test]
fn a_split_point_costs_what_the_whole_costs() {
    // Duplicating each source with half its weight does not change the problem.
    let (x, y) = (cloud(120, 3, 10), cloud(90, 3, 11));
    let doubled = ndarray::concatenate(Axis(0), &[x.view(), x.view()]).unwrap();
    for cost in COSTS {
        let once = check(&x, &y, cost).cost;
        let twice = check(&doubled, &y, cost).cost;
        assert!((once - twice).abs() < 1e-13 * once);
    }
}

#[test]
fn matrices_of_costs() {
    let mut random = ChaCha8Rng::seed_from_u64(21);
    for (n, m) in [(1, 1), (30, 50), (300, 300), (400, 90)] {
        let costs = Array2::from_shape_simple_fn((n, m), || random.random_range(-3.0..5.0));
        let coupling = exact_matrix(costs.view(), &ExactOptions::default()).unwrap();
        verify(&coupling, (&uniform(n), &uniform(m)), |i, j| costs[[i, j]], 1e-13);
    }
    // Integers with many ties, against the assignment solver of another crate.
    let n = 150;
    let costs = Array2::from_shape_simple_fn((n, n), || f64::from(random.random_range(0..6)));
    let coupling = exact_matrix(costs.view(), &ExactOptions::default()).unwrap();
    let (rows, columns) = lsap::solve(n, n, &costs.iter().copied().collect(), false).unwrap();
    let oracle: f64 = rows.iter().zip(&columns).map(|(&i, &j)| costs[[i, j]]).sum();
    assert!((coupling.cost * n as f64 - oracle).abs() < 1e-9);
}

#[test]
fn agrees_with_an_assignment_solver() {
    for (n, d, seed) in [(60, 1, 30), (150, 2, 31), (300, 5, 32)] {
        let (x, y) = (cloud(n, d, seed), cloud(n, d, seed + 100));
        for cost in COSTS {
            let costs = Array2::from_shape_fn((n, n), |(i, j)| pair(&x.view(), &y.view(), cost, i, j));
            let (rows, columns) = lsap::solve(n, n, &costs.iter().copied().collect(), false).unwrap();
            let oracle: f64 = rows.iter().zip(&columns).map(|(&i, &j)| costs[[i, j]]).sum::<f64>() / n as f64;
            let coupling = exact(x.view(), y.view(), cost, &ExactOptions::default()).unwrap();
            assert!((coupling.cost - oracle).abs() < 1e-12 * oracle);
        }
    }
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let (x, y) = (cloud(900, 6, 40), cloud(700, 6, 41));
    let solve = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default()).unwrap())
    };
    assert_eq!(solve(1), solve(2));
}

#[test]
fn invalid_input_is_named() {
    let (x, y) = (cloud(3, 2, 50), cloud(4, 2, 51));
    let fails = |x: &Array2<f64>, y: &Array2<f64>, options: &ExactOptions| {
        exact(x.view(), y.view(), Cost::Euclidean, options).unwrap_err().to_string()
    };
    let plain = ExactOptions::default();
    assert_eq!(fails(&Array2::zeros((0, 2)), &y, &plain), "x is empty");
    assert!(fails(&x, &cloud(4, 3, 1), &plain).contains("expected 2, found 3"));
    let mut broken = y.clone();
    broken[[2, 1]] = f64::NAN;
    assert!(fails(&x, &broken, &plain).contains("y has the non-finite value NaN at row 2, column 1"));
    let (a, b) = (array![0.5, 0.5, 0.0], array![0.25, 0.25, 0.25, 0.25]);
    assert!(exact(x.view(), y.view(), Cost::Euclidean, &options(&a, &b)).is_ok());
    assert!(fails(&x, &y, &options(&b, &b)).contains("expected 3, found 4"));
    assert!(
        fails(&x, &y, &options(&array![1.0, -0.5, 0.5], &b)).contains("non-negative, found -0.5 at index 1")
    );
    assert!(fails(&x, &y, &options(&array![1.0, f64::INFINITY, 0.5], &b)).contains("index 1"));
    assert!(fails(&x, &y, &options(&array![0.0, 0.0, 0.0], &b)).contains("positive for at least one row"));
}

#[test]
fn a_monitor_can_stop_the_work() {
    struct Stop;
    impl fokker::Monitor for Stop {
        fn progress(&self, _: &str, _: usize, _: usize) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Break(())
        }
    }
    let (x, y) = (cloud(300, 2, 60), cloud(300, 2, 61));
    let options = ExactOptions { task: fokker::Task::watched(&Stop), ..Default::default() };
    let error = exact(x.view(), y.view(), Cost::Euclidean, &options).unwrap_err();
    assert_eq!(error, fokker::Error::Interrupted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_problems_are_solved_exactly(
        n in 1usize..90, m in 1usize..90, d in 1usize..4, seed in 0u64..1000, levels in 1u32..6, plain: bool,
    ) {
        // Coordinates and weights on coarse grids: ties everywhere.
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut grid = |n| Array2::from_shape_simple_fn((n, d), || f64::from(random.random_range(0..=levels)));
        let (x, y) = (grid(n), grid(m));
        let mut weights = |n| {
            let mut weights = Array1::from_shape_simple_fn(n, || f64::from(random.random_range(0..4u32)));
            weights[0] += 1.0;
            weights
        };
        let (mut a, mut b) = (weights(n), weights(m));
        a /= a.sum();
        b /= b.sum();
        let cost = if plain { Cost::Euclidean } else { Cost::SquaredEuclidean };
        let coupling = exact(x.view(), y.view(), cost, &options(&a, &b)).unwrap();
        verify(&coupling, (&a, &b), |i, j| pair(&x.view(), &y.view(), cost, i, j), 1e-12);
    }

    #[test]
    fn the_order_of_the_points_does_not_matter(n in 2usize..120, seed in 0u64..1000) {
        let (x, y) = (cloud(n, 2, seed), cloud(n, 2, seed + 1));
        let shuffled = x.select(Axis(0), &(0..n).map(|i| (i * 7919 + 3) % n).collect::<Vec<_>>());
        prop_assume!(n % 7919 != 0);
        let one = exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default()).unwrap();
        let other = exact(shuffled.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default()).unwrap();
        prop_assert!((one.cost - other.cost).abs() < 1e-12);
    }
}
