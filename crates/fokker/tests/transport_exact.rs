//! Exact transport: certificates recomputed by brute force, hostile clouds, known answers.

use fokker::transport::{Cost, Coupling, ExactOptions, exact, exact_matrix};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn cloud(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || random.random_range(-1.0..1.0))
}

fn pair(x: &ArrayView2<f64>, y: &ArrayView2<f64>, cost: Cost, i: usize, j: usize) -> f64 {
    let square: f64 = x.row(i).iter().zip(y.row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
    match cost {
        Cost::SquaredEuclidean => square,
        Cost::Euclidean => square.sqrt(),
    }
}

fn options<'a>(a: &'a Array1<f64>, b: &'a Array1<f64>) -> ExactOptions<'a> {
    ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), ..Default::default() }
}

/// Recomputes marginals, cost, dual feasibility and gap from the definition, and compares.
fn verify(
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

fn uniform(n: usize) -> Array1<f64> {
    Array1::from_elem(n, 1.0 / n as f64)
}

/// Solves and verifies to rounding relative to the squared or plain diameter.
fn check(x: &Array2<f64>, y: &Array2<f64>, cost: Cost) -> Coupling {
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

const COSTS: [Cost; 2] = [Cost::SquaredEuclidean, Cost::Euclidean];

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
fn identical_clouds_cost_nothing() {
    for d in [1, 2, 10] {
        for cost in COSTS {
            let x = cloud(500, d, 12);
            let y = x.select(Axis(0), &(0..500).map(|i| (i * 7) % 500).collect::<Vec<_>>());
            let coupling = exact(x.view(), y.view(), cost, &ExactOptions::default()).unwrap();
            assert_eq!(coupling.cost, 0.0);
        }
    }
}

#[test]
fn all_points_in_one_place() {
    let (x, y) = (Array2::from_elem((300, 2), 5.0), Array2::from_elem((200, 2), 5.0));
    for cost in COSTS {
        assert_eq!(check(&x, &y, cost).cost, 0.0);
        let shifted = &y + 3.0;
        let expected = if cost == Cost::Euclidean { 18f64.sqrt() } else { 18.0 };
        assert!((check(&x, &shifted, cost).cost - expected).abs() < 1e-13 * expected);
    }
}

#[test]
fn duplicates() {
    // 40 distinct places, each ten times.
    let places = cloud(40, 2, 13);
    let x = Array2::from_shape_fn((400, 2), |(i, k)| places[[i % 40, k]]);
    let others = cloud(25, 2, 14);
    let y = Array2::from_shape_fn((400, 2), |(j, k)| others[[j % 25, k]]);
    let few_a = Array1::from_elem(40, 1.0 / 40.0);
    let few_b = Array1::from_elem(25, 1.0 / 25.0);
    for cost in COSTS {
        let many = check(&x, &y, cost).cost;
        let few = exact(places.view(), others.view(), cost, &options(&few_a, &few_b)).unwrap().cost;
        assert!((many - few).abs() < 1e-12 * few, "{many} {few}");
    }
}

#[test]
fn integer_lattices() {
    let side = 24;
    let lattice =
        Array2::from_shape_fn((side * side, 2), |(i, k)| (if k == 0 { i / side } else { i % side }) as f64);
    // A shifted lattice: the translation is optimal for both costs.
    let shifted = &lattice + &array![3.0, -2.0];
    assert!((check(&lattice, &shifted, Cost::SquaredEuclidean).cost - 13.0).abs() < 1e-11);
    check(&lattice, &shifted, Cost::Euclidean);
    // A lattice onto itself with a hole filled: everything else is tied.
    let mut holed = lattice.clone();
    holed.row_mut(0).assign(&array![side as f64, side as f64]);
    for cost in COSTS {
        check(&lattice, &holed, cost);
    }
    // Two lattices of different step.
    check(&lattice, &(&lattice * 2.0), Cost::Euclidean);
}

#[test]
fn collinear_points_follow_the_order() {
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let direction = array![0.6, 0.8, 0.0];
    let mut s: Vec<f64> = (0..350).map(|_| random.random_range(-1.0..1.0)).collect();
    let mut t: Vec<f64> = (0..350).map(|_| random.random_range(-1.0f64..1.0).powi(3) + 0.5).collect();
    let on_line =
        |values: &[f64]| Array2::from_shape_fn((values.len(), 3), |(i, k)| values[i] * direction[k]);
    let (x, y) = (on_line(&s), on_line(&t));
    let square = check(&x, &y, Cost::SquaredEuclidean).cost;
    let plain = check(&x, &y, Cost::Euclidean).cost;
    s.sort_by(f64::total_cmp);
    t.sort_by(f64::total_cmp);
    let mean = |power: i32| s.iter().zip(&t).map(|(a, b)| (a - b).abs().powi(power)).sum::<f64>() / 350.0;
    assert!((square - mean(2)).abs() < 1e-12 && (plain - mean(1)).abs() < 1e-12);
}

#[test]
fn scales_from_the_ends_of_the_range() {
    let (x, y) = (cloud(200, 3, 16), cloud(200, 3, 17));
    for (cost, power) in [(Cost::SquaredEuclidean, 2), (Cost::Euclidean, 1)] {
        let reference = exact(x.view(), y.view(), cost, &ExactOptions::default()).unwrap();
        for scale in [1e-150, 1e150] {
            let coupling =
                exact((&x * scale).view(), (&y * scale).view(), cost, &ExactOptions::default()).unwrap();
            assert_eq!(coupling.target, reference.target);
            let expected = reference.cost * scale * if power == 2 { scale } else { 1.0 };
            assert!((coupling.cost / expected - 1.0).abs() < 1e-12);
            assert!(coupling.dual_source.iter().chain(&coupling.dual_target).all(|value| value.is_finite()));
        }
    }
    let error = exact((&x * 1e160).view(), (&y * -1e160).view(), Cost::SquaredEuclidean, &Default::default());
    assert!(error.unwrap_err().to_string().contains("divide both clouds"));
}

#[test]
fn clouds_far_from_the_origin_and_from_each_other() {
    let (x, y) = (cloud(300, 2, 18), cloud(300, 2, 19));
    // Coordinates on a grid, so that adding 1e8 is exact.
    let grid = |cloud: &Array2<f64>| cloud.mapv(|value| (value * 1024.0).round() / 1024.0);
    let (x, y) = (grid(&x), grid(&y));
    for cost in COSTS {
        let near = check(&x, &y, cost);
        let far = exact((&x + 1e8).view(), (&y + 1e8).view(), cost, &ExactOptions::default()).unwrap();
        assert!((near.cost - far.cost).abs() < 1e-12 * near.cost);
        assert_eq!(near.target, far.target);
    }
    for distance in [1e4, 1e8] {
        let apart = &y + &array![distance, 0.0];
        let coupling = check(&x, &apart, Cost::Euclidean);
        assert!(coupling.certificate.gap <= 1e-11 * coupling.cost);
        // Squared: the plan is that of the centred clouds, whatever the distance.
        let square = exact(x.view(), apart.view(), Cost::SquaredEuclidean, &ExactOptions::default()).unwrap();
        let near = check(&x, &y, Cost::SquaredEuclidean);
        assert_eq!(square.target, near.target);
    }
}

#[test]
fn a_lattice_with_a_hole_and_clusters_far_apart() {
    // Nearly all costs tie, in one way or the other; both took minutes once.
    let hole = |at: usize| {
        let inside = |i: usize, j: usize| i.abs_diff(at) < 5 && j.abs_diff(18) < 5;
        let places = (0..36 * 36).map(|k| (k / 36, k % 36)).filter(|&(i, j)| !inside(i, j));
        let values: Vec<f64> = places.flat_map(|(i, j)| [i as f64, j as f64]).collect();
        Array2::from_shape_vec((values.len() / 2, 2), values).unwrap()
    };
    let coupling = check(&hole(10), &hole(25), Cost::Euclidean);
    // The points of one hole go to the other along rows: by a triangle inequality nothing is cheaper.
    assert!((coupling.cost * 1215.0 - 81.0 * 15.0).abs() < 1e-9, "{}", coupling.cost * 1215.0);
    check(&cloud(1200, 2, 22), &(&cloud(1200, 2, 23) + &array![3e3, 0.0]), Cost::Euclidean);
}

#[test]
fn small_displacements_are_resolved() {
    // The gradient of a convex function: the identity pairing is optimal at every size of step.
    for d in [2, 12] {
        let x = cloud(400, d, 20);
        for step in [1e-2, 1e-5, 1e-7] {
            let y = x.mapv(|value| value + step * (value * value * value + 0.3 * value));
            let order: Vec<usize> = (0..400).map(|i| (i * 61) % 400).collect();
            let coupling = exact(
                x.view(),
                y.select(Axis(0), &order).view(),
                Cost::SquaredEuclidean,
                &Default::default(),
            );
            let coupling = coupling.unwrap();
            assert!(coupling.target.iter().enumerate().all(|(i, &j)| order[j] == i), "step {step}");
            // The gap is a difference of duals: it is known up to their rounding.
            let duals = coupling.dual_source.iter().chain(&coupling.dual_target);
            let largest = duals.fold(0.0f64, |largest, dual| largest.max(dual.abs()));
            let gap = coupling.certificate.gap;
            assert!(gap <= 1.1e-11 * coupling.cost + 1e-15 * largest, "step {step}: {gap:e} {largest:e}");
        }
    }
}

#[test]
fn clusters_finer_than_single_precision() {
    // Squared distances in a cluster are 1e-9 of those between clusters: single precision tells
    // none from another, and each row must be screened again.
    for d in [6, 20] {
        let spread = |seed| {
            let mut points = 3e-5 * cloud(300, d, seed);
            points.rows_mut().into_iter().enumerate().for_each(|(i, mut row)| row[0] += [1.0, -1.0][i % 2]);
            points
        };
        let (x, y) = (spread(70), spread(71));
        let costs = Array2::from_shape_fn((300, 300), |(i, j)| {
            pair(&x.view(), &y.view(), Cost::SquaredEuclidean, i, j)
        });
        let (rows, columns) = lsap::solve(300, 300, &costs.iter().copied().collect(), false).unwrap();
        let oracle: f64 = rows.iter().zip(&columns).map(|(&i, &j)| costs[[i, j]]).sum::<f64>() / 300.0;
        let coupling = check(&x, &y, Cost::SquaredEuclidean);
        assert!((coupling.cost - oracle).abs() < 1e-5 * oracle, "{} {oracle}", coupling.cost);
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
    assert!(fails(&x, &y, &options(&array![1.0, 0.5, 0.5], &b)).contains("total mass 2"));
    assert!(fails(&x, &y, &options(&array![0.0, 0.0, 0.0], &b)).contains("positive and finite sum"));
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
    let options = ExactOptions { monitor: &Stop, ..Default::default() };
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
