//! Wasserstein distances between Gaussians that the textbook formula gets wrong.

#[path = "common/law.rs"]
mod law;

use fokker::audit::{Audit, Start};
use fokker::process::{Grid, Linear, Spacing};
use fokker::sampling::{DpmPlusPlus2M, EulerMaruyama, Heun, Scheme};
use fokker::statistics::{Covariance, Gaussian};
use fokker::transport::bures;
use fokker_linalg::{eigh, svd};
use law::{covariance, normals, rotation};
use ndarray::{Array1, Array2};
use proptest::prelude::*;

/// Q diag(√values): a factor of Q diag(values) Qᵀ.
fn factor(axes: &Array2<f64>, values: &Array1<f64>) -> Array2<f64> {
    axes * &values.mapv(f64::sqrt)
}

/// tr A + tr B − 2 tr (A^{1/2} B A^{1/2})^{1/2}, as in textbooks: right when the laws are far apart.
fn textbook(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let root = |m: &Array2<f64>| {
        let e = eigh(m.view()).unwrap();
        (&e.vectors * &e.values.mapv(|v| v.max(0.0).sqrt())).dot(&e.vectors.t())
    };
    let half = root(a);
    let trace = |m: &Array2<f64>| m.diag().sum();
    (trace(a) + trace(b) - 2.0 * trace(&root(&half.dot(b).dot(&half)))).sqrt()
}

#[test]
fn laws_far_apart_agree_with_the_textbook() {
    let (first, second) = (normals(6, 6, 1), normals(6, 6, 2));
    let expected = textbook(&first.dot(&first.t()), &second.dot(&second.t()));
    let found = bures(first.view(), second.view()).unwrap();
    assert!(expected > 1.0 && (found - expected).abs() < 1e-10 * expected, "{found} {expected}");
}

#[test]
fn laws_close_together_keep_their_digits() {
    for (seed, smallest) in [(1, 1.0), (2, 1e-2), (3, 1e-4)] {
        let axes = rotation(8, seed);
        let values = Array1::from_shape_fn(8, |i| f64::powf(smallest, i as f64 / 7.0));
        // Deviations 1e-10 apart, relatively: W₂ = 1e-10 √(tr Σ).
        let moved = values.mapv(|v| v * (1.0f64 + 1e-10).powi(2));
        let expected = 1e-10 * values.sum().sqrt();
        // Any factor of the same law will do: another rotation on the right.
        let first = factor(&axes, &values);
        let second = factor(&axes, &moved).dot(&rotation(8, seed + 100));
        let found = bures(first.view(), second.view()).unwrap();
        assert!((found - expected).abs() < 1e-3 * expected, "{smallest}: {found:e} {expected:e}");
        // What the difference of traces would have made of it: √ε, or NaN.
        let lost = textbook(&covariance(&axes, &values), &covariance(&axes, &moved));
        assert!(lost.is_nan() || (lost - expected).abs() > 0.1 * expected);
    }
}

#[test]
fn singular_laws_and_laws_of_different_ranks() {
    let axes = rotation(5, 3);
    let column = |i: usize| axes.column(i).to_owned().insert_axis(ndarray::Axis(1));
    // On two lines at an angle: |a|² + |b|² − 2 |a·b|.
    let a = &column(0) * 3.0;
    let b = &column(0) * 0.6 + &(&column(1) * 0.8);
    let expected = (9.0f64 + 1.0 - 2.0 * 1.8).sqrt();
    assert!((bures(a.view(), b.view()).unwrap() - expected).abs() < 1e-14);
    // A line against a law with a density: |a|² + tr Σ − 2 √(aᵀΣa), in either order.
    let sigma = normals(5, 5, 4);
    let spread = sigma.t().dot(&a);
    let expected = 9.0 + (&sigma * &sigma).sum() - 2.0 * (&spread * &spread).sum().sqrt();
    for found in [bures(a.view(), sigma.view()), bures(sigma.view(), a.view())] {
        assert!((found.unwrap() - expected.sqrt()).abs() < 1e-13);
    }
    // A point, and a law against itself through a wider factor.
    let point = Array2::zeros((5, 1));
    assert!((bures(point.view(), a.view()).unwrap() - 3.0).abs() < 1e-14);
    let wide = ndarray::concatenate(ndarray::Axis(1), &[(&a * 0.6).view(), point.view(), (&a * 0.8).view()]);
    assert!(bures(wide.unwrap().view(), a.view()).unwrap() < 1e-14);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A metric on laws whose eigenvalues span up to 30 orders of magnitude, zeros included: finite,
    /// symmetric, unchanged by rotations, and with the triangle inequality.
    #[test]
    fn bures_is_a_metric_on_nearly_singular_laws(
        seed in 0u64..1_000_000,
        exponents in prop::collection::vec(prop::collection::vec(-30.0f64..0.0, 4), 3),
        ranks in prop::collection::vec(1usize..5, 3),
    ) {
        let factors: Vec<Array2<f64>> = (0..3)
            .map(|k| {
                let alive = |i: usize| if i < ranks[k] { 10f64.powf(exponents[k][i]) } else { 0.0 };
                factor(&rotation(4, seed + k as u64), &Array1::from_shape_fn(4, alive))
            })
            .collect();
        let distance = |i: usize, j: usize| bures(factors[i].view(), factors[j].view()).unwrap();
        let turn = rotation(4, seed + 7);
        // W₂² is stationary in the isometry. Rounding turns the isometry by at most ε/s in a plane
        // whose singular value is s ≥ ε, and that changes W₂² by s (ε/s)² ≤ ε: W₂ by √ε at worst,
        // for eigenvalues as small as ε, and by ε/W₂ for laws that are apart.
        let rounding = 4.0 * f64::EPSILON.sqrt();
        for (i, j, k) in [(0, 1, 2), (1, 2, 0), (2, 0, 1)] {
            let direct = distance(i, j);
            prop_assert!(direct.is_finite() && direct >= 0.0);
            prop_assert!((direct - distance(j, i)).abs() <= rounding);
            let (a, b) = (turn.dot(&factors[i]), turn.dot(&factors[j]));
            prop_assert!((direct - bures(a.view(), b.view()).unwrap()).abs() <= rounding);
            prop_assert!(direct <= distance(i, k) + distance(k, j) + rounding);
            prop_assert!(distance(i, i) <= rounding);
            // Never below the gap of the total deviations, ||A| − |B||.
            let norm = |a: &Array2<f64>| svd(a.view()).unwrap().s.mapv(|s| s * s).sum().sqrt();
            prop_assert!(direct >= (norm(&factors[i]) - norm(&factors[j])).abs() - rounding);
        }
    }
}

#[test]
fn a_score_from_fewer_samples_than_dimensions_has_finite_errors() {
    let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
    let values = Array1::from_shape_fn(8, |i| 10f64.powi(-2 * i as i32));
    let axes = rotation(8, 5);
    let data = Gaussian::from_covariance(Array1::zeros(8), covariance(&axes, &values).view()).unwrap();
    let mut few = Covariance::new(8);
    few.observe(normals(4, 8, 6).dot(&factor(&axes, &values).t()).view()).unwrap();
    let score = few.gaussian().unwrap();
    assert_eq!(score.values().iter().filter(|&&v| v == 0.0).count(), 5);
    let audit = Audit::with_score(&data, &score, &schedule).unwrap();
    let schemes: [(&dyn Scheme, f64); 4] =
        [(&EulerMaruyama, 0.0), (&DpmPlusPlus2M, 0.0), (&DpmPlusPlus2M, 1e-3), (&Heun, 1e-3)];
    for (scheme, stop) in schemes {
        let grid = Grid::new(Spacing::LogSnr, 40, stop, &schedule).unwrap();
        let report = audit.errors(scheme, &grid, Start::Normal).unwrap();
        for error in
            [report.w2, report.initialisation, report.truncation, report.discretisation, report.score]
        {
            assert!(error.is_finite() && error >= 0.0, "{report:?}");
        }
        assert!(report.w2 > 0.1 && report.score > 0.1, "{report:?}");
    }
    let grid = Grid::new(Spacing::LogSnr, 40, 0.0, &schedule).unwrap();
    let error = audit.errors(&Heun, &grid, Start::Normal).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("positive stop"), "{error}");
}
