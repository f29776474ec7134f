//! Entropic transport on hard problems: the equations themselves, computed by brute force.

use fokker::transport::*;
use ndarray::{Array1, Array2, Axis, array, concatenate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn cloud(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || random.random_range(-1.0..1.0))
}

fn costs(x: &Array2<f64>, y: &Array2<f64>, cost: Cost) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), y.nrows()), |(i, j)| {
        let square = (&x.row(i) - &y.row(j)).mapv(|value| value * value).sum();
        if cost == Cost::SquaredEuclidean { square } else { square.sqrt() }
    })
}

fn uniform(n: usize) -> Array1<f64> {
    Array1::from_elem(n, 1.0 / n as f64)
}

/// Marginal error of the plan that the returned potentials define, from costs computed here.
fn error_by_hand(plan: &Entropic, costs: &Array2<f64>, options: &SinkhornOptions, unit: f64) -> f64 {
    let a = options.source_weights.map_or(uniform(costs.nrows()), |weights| weights.to_owned());
    let b = options.target_weights.map_or(uniform(costs.ncols()), |weights| weights.to_owned());
    let mass = (a.sum() * b.sum()).sqrt();
    let (f, g) = (&plan.potential_source, &plan.potential_target);
    let entries = Array2::from_shape_fn(costs.dim(), |(i, j)| {
        a[i] * b[j] / mass * ((f[i] + g[j] - costs[[i, j]]) / plan.epsilon).exp()
    });
    let deviation =
        |found: Array1<f64>, weights: &Array1<f64>, duals: &Array1<f64>, rho: Option<Strength>| {
            let wanted = match rho {
                None => weights.clone(),
                Some(Strength::Absolute(rho)) => weights * &duals.mapv(|dual| (-dual / rho).exp()),
                Some(Strength::Relative(rho)) => weights * &duals.mapv(|dual| (-dual / (rho * unit)).exp()),
            };
            (found - wanted).mapv(f64::abs).sum()
        };
    deviation(entries.sum_axis(Axis(1)), &a, f, options.source_relaxation)
        + deviation(entries.sum_axis(Axis(0)), &b, g, options.target_relaxation)
}

fn median(costs: &Array2<f64>) -> f64 {
    let mut values: Vec<f64> = costs.iter().copied().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Clouds on which plain iterations need from thousands to forever.
fn hard_clouds() -> Vec<(&'static str, Array2<f64>, Array2<f64>)> {
    let (x, y) = (cloud(60, 2, 1), cloud(45, 2, 2));
    let grid = |points: &Array2<f64>| points.mapv(|value| (2.0 * value).round());
    // Three islands with 20, 20, 20 points against 10, 15, 20: mass has to cross the sea.
    let islands = |points: &Array2<f64>, first: usize, second: usize| {
        let mut points = points * 0.05;
        for (i, mut point) in points.rows_mut().into_iter().enumerate() {
            point[0] += if i < first {
                0.0
            } else if i < first + second {
                3.0
            } else {
                7.0
            };
        }
        points
    };
    vec![
        ("plain", x.clone(), y.clone()),
        ("duplicates", grid(&x), grid(&y)),
        ("islands", islands(&x, 20, 20), islands(&y, 10, 15)),
        ("far", &x + 1e3, &y - 1e3),
        ("one against many", array![[0.3, 0.1]], y.clone()),
        ("the same", x.clone(), x.clone()),
        ("a point far away", concatenate![Axis(0), x, array![[50.0, 0.0]]], y),
        ("dimension 8", cloud(50, 8, 3), cloud(40, 8, 4)),
    ]
}

#[test]
fn potentials_solve_the_equations_on_hard_clouds() {
    for (name, x, y) in hard_clouds() {
        let costs = costs(&x, &y, Cost::SquaredEuclidean);
        // Separate centres make far clouds near: their own spread is the scale.
        let unit = if name == "far" { 1.0 } else { median(&costs) };
        for power in [0, -1, -2, -3, -4, -6] {
            let epsilon = Strength::Absolute(unit * 10f64.powi(power));
            let options = SinkhornOptions { epsilon, max_iterations: 500, ..Default::default() };
            let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
            assert_eq!(
                plan.status,
                SinkhornStatus::Converged,
                "{name}, 1e{power}: {:e}",
                plan.marginal_error
            );
            // Potentials of far clouds are large, and rounded so: their plan is that of `entry`.
            if name != "far" {
                let error = error_by_hand(&plan, &costs, &options, unit);
                assert!(error <= 2e-6, "{name}, 1e{power}: {error:e} {:e}", plan.marginal_error);
            }
            let rows = Array1::from_shape_fn(x.nrows(), |i| (0..y.nrows()).map(|j| plan.entry(i, j)).sum());
            let rows: Array1<f64> = rows;
            assert!((rows - uniform(x.nrows())).mapv(f64::abs).sum() <= 2e-6, "{name}, 1e{power}");
        }
    }
}

#[test]
fn relaxed_potentials_solve_their_equations() {
    for (name, x, y) in hard_clouds() {
        let costs = costs(&x, &y, Cost::SquaredEuclidean);
        let unit = median(&costs);
        for power in [0, -2, -3, -4] {
            for (source, target) in
                [(Some(0.1), Some(1.0)), (Some(10.0), None), (None, Some(1.0)), (Some(1e3), Some(1e3))]
            {
                let relaxed = |rho: Option<f64>| rho.map(Strength::Relative);
                let b = uniform(y.nrows()) * 1.5;
                let options = SinkhornOptions {
                    epsilon: Strength::Relative(10f64.powi(power)),
                    source_relaxation: relaxed(source),
                    target_relaxation: relaxed(target),
                    target_weights: Some(b.view()),
                    max_iterations: 2000,
                    ..Default::default()
                };
                let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
                let case = format!("{name}, 1e{power}, {source:?} {target:?}: {:e}", plan.marginal_error);
                assert_eq!(plan.status, SinkhornStatus::Converged, "{case}");
                if name != "far" {
                    let error = error_by_hand(&plan, &costs, &options, unit);
                    assert!(error <= 4e-6, "{case} by hand {error:e}");
                }
            }
        }
    }
}

#[test]
fn no_convergence_is_claimed_below_the_rounding_of_the_costs() {
    for d in [2, 8] {
        let (x, y) = (cloud(40, d, 14), cloud(37, d, 15));
        for power in [-12, -14, -17] {
            let epsilon = Strength::Absolute(10f64.powi(power));
            let options = SinkhornOptions { epsilon, max_iterations: 300, ..Default::default() };
            let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
            let entries = Array2::from_shape_fn((40, 37), |(i, j)| plan.entry(i, j));
            let error = (entries.sum_axis(Axis(1)) - uniform(40)).mapv(f64::abs).sum()
                + (entries.sum_axis(Axis(0)) - uniform(37)).mapv(f64::abs).sum();
            let case = format!("{d} 1e{power}: {error:e} {:e}", plan.marginal_error);
            assert!((error - plan.marginal_error).abs() <= 1e-12 * (1.0 + error), "{case}");
            assert_eq!(plan.status == SinkhornStatus::Converged, error <= 2e-6, "{case}");
            assert!(power > -14 || plan.status == SinkhornStatus::IterationLimit);
        }
    }
}

/// Plain Sinkhorn on logarithms at one ε, as in any textbook.
fn plain(costs: &Array2<f64>, epsilon: f64, iterations: usize) -> (Array1<f64>, Array1<f64>) {
    let (n, m) = costs.dim();
    let soft = |costs: &Array2<f64>, duals: &Array1<f64>| {
        Array1::from_iter(costs.rows().into_iter().map(|row| {
            let least = row.iter().zip(duals).map(|(c, v)| c - v).fold(f64::INFINITY, f64::min);
            let terms = row.iter().zip(duals).map(|(c, v)| ((least - (c - v)) / epsilon).exp());
            least - epsilon * (terms.sum::<f64>() / duals.len() as f64).ln()
        }))
    };
    let transposed = costs.t().to_owned();
    let (mut f, mut g) = (Array1::zeros(n), Array1::zeros(m));
    for _ in 0..iterations {
        f = soft(costs, &g);
        g = soft(&transposed, &f);
    }
    (f, g)
}

#[test]
fn the_plan_is_that_of_plain_iterations_in_far_fewer() {
    let (x, y) = (cloud(40, 2, 5), cloud(30, 2, 6));
    let costs = costs(&x, &y, Cost::Euclidean);
    let epsilon = 0.01;
    let options =
        SinkhornOptions { epsilon: Strength::Absolute(epsilon), tolerance: 1e-11, ..Default::default() };
    let plan = sinkhorn(x.view(), y.view(), Cost::Euclidean, &options).unwrap();
    assert_eq!(plan.status, SinkhornStatus::Converged);
    assert!(plan.iterations < 100, "{}", plan.iterations);
    let (f, g) = plain(&costs, epsilon, 20_000);
    for i in 0..40 {
        for j in 0..30 {
            let expected = ((f[i] + g[j] - costs[[i, j]]) / epsilon).exp() / 1200.0;
            assert!((plan.entry(i, j) - expected).abs() < 1e-9, "{i} {j}");
        }
    }
    // Of the plain ones 2,000 are not enough.
    let (f, g) = plain(&costs, epsilon, 2000);
    let entries =
        Array2::from_shape_fn((40, 30), |(i, j)| ((f[i] + g[j] - costs[[i, j]]) / epsilon).exp() / 1200.0);
    assert!((entries.sum_axis(Axis(1)) - uniform(40)).mapv(f64::abs).sum() > 1e-11);
}

#[test]
fn points_without_mass_change_nothing() {
    let (x, y) = (cloud(50, 2, 7), cloud(40, 2, 8));
    let extended = concatenate![Axis(0), x, cloud(5, 2, 9) * 3.0];
    let a = Array1::from_shape_fn(55, |i| if i < 50 { 1.0 / 50.0 } else { 0.0 });
    for relaxed in [None, Some(Strength::Absolute(1e-3)), Some(Strength::Absolute(1.0))] {
        for epsilon in [1e-5, 1e-3, 0.1, 1e6] {
            let few = SinkhornOptions {
                epsilon: Strength::Absolute(epsilon),
                source_relaxation: relaxed,
                target_relaxation: relaxed,
                tolerance: 1e-8,
                ..Default::default()
            };
            let more = SinkhornOptions { source_weights: Some(a.view()), ..few };
            let few = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &few).unwrap();
            let more = sinkhorn(extended.view(), y.view(), Cost::SquaredEuclidean, &more).unwrap();
            assert_eq!((few.status, more.status), (SinkhornStatus::Converged, SinkhornStatus::Converged));
            assert!((few.value - more.value).abs() < 1e-7, "{} {}", few.value, more.value);
            assert!((50..55).all(|i| more.source_marginal[i] == 0.0 && more.potential_source[i].is_finite()));
        }
    }
}

#[test]
fn newton_steps_have_the_same_bits_at_any_number_of_threads() {
    let run = |threads: usize, d: usize, relaxed: Option<Strength>| {
        let (x, y) = (cloud(210, d, 10), cloud(170, d, 11));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = SinkhornOptions {
            epsilon: Strength::Relative(1e-3),
            source_relaxation: relaxed,
            ..Default::default()
        };
        let plan = pool.install(|| sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options)).unwrap();
        assert_eq!(plan.status, SinkhornStatus::Converged);
        (plan.iterations, plan.value, plan.potential_source, plan.potential_target)
    };
    for d in [2, 6] {
        for relaxed in [None, Some(Strength::Relative(1.0))] {
            assert_eq!(run(1, d, relaxed), run(3, d, relaxed));
        }
    }
}

#[test]
fn no_iteration_lowers_the_dual() {
    // Most points are close together, so ε begins at its last value; but some are far away, with
    // more mass on one side than on the other, so plain iterations hardly move.
    let heap = |n: usize, near: usize, seed| {
        let mut points = cloud(n, 2, seed) * 0.05;
        points.rows_mut().into_iter().skip(near).for_each(|mut point| point[0] += 3.0);
        points
    };
    let (x, y) = (heap(60, 54, 12), heap(45, 39, 13));
    for relaxed in [None, Some(Strength::Absolute(10.0))] {
        let run = |max_iterations| {
            let options = SinkhornOptions {
                epsilon: Strength::Relative(4.0),
                source_relaxation: relaxed,
                max_iterations,
                ..Default::default()
            };
            sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap()
        };
        let end = run(10_000);
        assert_eq!(end.status, SinkhornStatus::Converged);
        assert!(end.iterations > 5 && end.iterations < 100, "{}", end.iterations);
        let values: Vec<f64> = (1..=end.iterations).map(|limit| run(limit).value).collect();
        assert!(values.windows(2).all(|pair| pair[1] >= pair[0] - 1e-13), "{values:?}");
        assert!(values[0] < end.value - 1e-3);
    }
}

#[test]
fn below_rounding_the_iteration_gives_up_early() {
    let (x, y) = (cloud(150, 2, 16), cloud(150, 2, 17));
    for power in [-13, -14, -16, -100] {
        let options =
            SinkhornOptions { epsilon: Strength::Relative(10f64.powi(power)), ..Default::default() };
        let plan = match sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options) {
            Ok(plan) => plan,
            // Far below rounding sums may leave the numbers: that is said, and nothing else comes out.
            Err(error) => {
                assert!(power <= -16 && error.to_string().contains("a larger epsilon"), "1e{power}: {error}");
                continue;
            }
        };
        assert_eq!(plan.status, SinkhornStatus::IterationLimit, "1e{power}");
        // Some 50 halvings of ε with ten iterations each, and what it takes to see no progress.
        assert!(plan.iterations < 1500, "1e{power}: {}", plan.iterations);
    }
}

#[test]
fn strengths_out_of_range_of_the_cost_are_named_as_they_were_given() {
    let (x, y) = (cloud(12, 2, 18), cloud(10, 2, 19));
    let cases = [(1e150, 1e-300, "1e300"), (1e-160, 1.0, "1e-320"), (1e-160, 1e-6, "1e-320")];
    for (scale, value, power) in cases {
        let (x, y) = (&x * scale, &y * scale);
        let bad = Some(Strength::Absolute(value));
        let good = SinkhornOptions { epsilon: Strength::Relative(1.0), ..Default::default() };
        let options = [
            ("epsilon", SinkhornOptions { epsilon: Strength::Absolute(value), ..good }),
            ("source_relaxation", SinkhornOptions { source_relaxation: bad, ..good }),
            ("target_relaxation", SinkhornOptions { target_relaxation: bad, ..good }),
        ];
        for (name, options) in options {
            let error = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).err().unwrap();
            let message = error.to_string();
            assert!(matches!(error, fokker::Error::Argument { found, .. } if found == value), "{message}");
            assert!(message.starts_with(name) && message.contains(&format!("scale {power},")), "{message}");
        }
        let divergence = sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &options_of(value));
        assert!(matches!(divergence, Err(fokker::Error::Argument { found, .. }) if found == value));
    }
    // An ε that is a number only in the frame.
    let (x, y) = (&x * 1e-170, &y * 1e-170);
    let error = sinkhorn_divergence(x.view(), y.view(), Cost::SquaredEuclidean, &Default::default());
    assert!(matches!(error, Err(fokker::Error::Undefined { .. })), "{error:?}");
}

fn options_of(epsilon: f64) -> SinkhornOptions<'static> {
    SinkhornOptions { epsilon: Strength::Absolute(epsilon), ..Default::default() }
}

#[test]
fn a_divergence_at_large_epsilon_is_right_or_an_error() {
    let (x, y) = (cloud(70, 3, 20), cloud(50, 3, 21) + 0.1);
    for cost in [Cost::SquaredEuclidean, Cost::Euclidean] {
        let limit = if cost == Cost::SquaredEuclidean {
            let means = x.mean_axis(Axis(0)).unwrap() - y.mean_axis(Axis(0)).unwrap();
            means.mapv(|value| value * value).sum()
        } else {
            0.5 * energy_distance(x.view(), y.view(), &Default::default()).unwrap().powi(2)
        };
        for power in [4, 5, 6, 8, 10, 12, 13, 14, 15, 16, 20, 100, 200] {
            let epsilon = 10f64.powi(power);
            match sinkhorn_divergence(x.view(), y.view(), cost, &options_of(epsilon)) {
                Ok(found) => {
                    let error = (found.value - limit).abs();
                    assert!(power < 15, "1e{power}: {} for {limit}", found.value);
                    assert!(error < 1e-14 * epsilon + 20.0 / epsilon, "1e{power}: {error:e} of {limit}");
                }
                Err(error) => {
                    assert!(power > 10, "1e{power}: {error}");
                    let message = error.to_string();
                    assert!(message.contains("smaller epsilon, or the energy distance"), "{message}");
                }
            }
        }
        // Equal clouds have the value zero, not an error, where rounding is small next to the cost.
        let turned = x.select(Axis(0), &(0..70).rev().collect::<Vec<_>>());
        for epsilon in [0.01, 1.0, 1e3, 1e6] {
            let found = sinkhorn_divergence(x.view(), turned.view(), cost, &options_of(epsilon)).unwrap();
            assert!(found.value.abs() < 1e-14 * epsilon.max(1e8), "{epsilon}: {}", found.value);
        }
    }
}

/// As ε grows the plan becomes a ⊗ b and the value its cost, from below: 0 ≤ ⟨a⊗b, c⟩ − value ≤ C²/2ε
/// for costs up to C. Relaxed marginals keep their mass as well.
#[test]
fn values_at_any_large_epsilon_are_those_of_the_product_plan() {
    let x = Array2::from_shape_fn((40, 2), |(i, j)| ((i * 7 + j * 3) as f64).sin());
    let y = Array2::from_shape_fn((30, 2), |(i, j)| ((i * 5 + j) as f64).cos() + 0.5);
    let cost = |i: usize, j: usize| (&x.row(i) - &y.row(j)).mapv(|e| e * e).sum();
    let pairs = || (0..40).flat_map(|i| (0..30).map(move |j| (i, j)));
    let product = pairs().map(|(i, j)| cost(i, j)).sum::<f64>() / 1200.0;
    let largest = pairs().map(|(i, j)| cost(i, j)).fold(0.0, f64::max);
    for exponent in [5, 8, 11, 12, 14, 16, 20, 100, 290] {
        let epsilon = 10f64.powi(exponent);
        for relaxation in [None, Some(Strength::Absolute(10.0))] {
            let options = SinkhornOptions {
                epsilon: Strength::Absolute(epsilon),
                source_relaxation: relaxation,
                target_relaxation: relaxation,
                ..Default::default()
            };
            let plan = sinkhorn(x.view(), y.view(), Cost::SquaredEuclidean, &options).unwrap();
            let below = product - plan.value;
            let allowed = largest * largest / epsilon + 1e-12 * product;
            assert!(below.abs() <= allowed, "{epsilon:e}, {relaxation:?}: {} {product}", plan.value);
        }
    }
}
