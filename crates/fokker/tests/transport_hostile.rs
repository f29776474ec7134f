//! Clouds that break exact solvers: ties, duplicates, scales from the ends of the range, clouds far away.

use fokker::transport::{Cost, ExactOptions, exact};
use ndarray::{Array1, Array2, Axis, array};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "common/transport.rs"]
mod common;

use common::{COSTS, check, cloud, options, pair};

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
