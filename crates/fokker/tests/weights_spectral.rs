//! The law of weights of spectral fits, beyond every cap on kept rows: integer weights are repeated
//! rows, tiny weights and zeros are none, and importance weights give the law they are made for.

use fokker::ArrayBlocks;
use fokker::spectral::{
    Candidate, Chosen, Coordinates, Density, Moments, Ridge, Rows, Shape, SolveOptions, SpectralFit, Summary,
    choose, fit,
};
use fokker::statistics::GaussianMixture;
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice, concatenate};

const ALL: [Coordinates; 3] = [Coordinates::Standard, Coordinates::Box, Coordinates::Copula];

fn normals(n: usize, seed: u64) -> Array2<f64> {
    GaussianMixture::random(1, 1, 0.0, 2).unwrap().sample(n, seed)
}

fn fitted(x: &Array2<f64>, weights: Option<&[f64]>, coordinates: Coordinates) -> SpectralFit {
    let rows = Rows { weights, ..Default::default() };
    fit(
        &mut ArrayBlocks::new(x.view()),
        &Candidate { coordinates, rows, ..Default::default() },
        fokker::Task::silent(),
    )
    .unwrap()
}

/// N(0, 1) with weights e^{x − ½} is N(1, 1): log p(x) = −½ (x − 1)² − ½ log 2π.
#[test]
fn importance_weights_give_their_law_beyond_the_kept_rows() {
    let x = standard(20_000);
    let weights: Vec<f64> = x.column(0).iter().map(|x| (x - 0.5).exp()).collect();
    // The entropy of a normal law: −½ log 2πe = −1.419 nats a row. Its mean over 1000 weighted rows has the
    // variance E w² d²/1000 = 1.75 e/1000 with d = ½((x − 1)² − 1): standard error 0.069, taken four times.
    let expected = -1.4189;
    for coordinates in ALL {
        let fit = fitted(&x, Some(&weights), coordinates);
        let found = fit.comparison().unwrap();
        assert!((found.gaussian.unwrap() - expected).abs() < 0.28, "{coordinates:?} {found:?}");
        assert!((found.spectral - expected).abs() < 0.28, "{coordinates:?} {found:?}");
        // The Gaussian is right; the fit loses no more than its own few functions cost, 0.03 nats.
        let gain = found.spectral - found.gaussian.unwrap();
        assert!(gain.abs() < 0.03, "{coordinates:?} {found:?}");
        if coordinates == Coordinates::Box {
            continue; // Four cosines over a box of eight deviations are 0.3 off by themselves.
        }
        // And so it is where there are data; marginals without weights were 1.1 off.
        let at = ndarray::array![[-0.5], [0.0], [1.0], [2.0], [2.5]];
        let exact = at.column(0).mapv(|x: f64| -0.5 * (x - 1.0).powi(2) - 0.9189);
        let log = fit.log_density(at.view()).unwrap();
        assert!((&log - &exact).iter().all(|e| e.abs() < 0.2), "{coordinates:?} {log} {exact}");
    }
}

fn standard(n: usize) -> Array2<f64> {
    let x = normals(n, 5);
    let mean = x.mean_axis(Axis(0)).unwrap();
    let deviation = x.std_axis(Axis(0), 0.0);
    (x - &mean) / &deviation
}

/// The reference that the held-out rows choose is the same with weights and without, for the same law.
#[test]
fn the_reference_is_chosen_as_without_weights() {
    let n = 20_000;
    let x = standard(n);
    let weights: Vec<f64> = x.column(0).iter().map(|x| (x - 0.5).exp()).collect();
    let shifted = &x + 1.0;
    let chosen = |x: &Array2<f64>, weights: Option<&[f64]>| {
        let candidates = ALL.map(|coordinates| Candidate {
            coordinates,
            rows: Rows { weights, ..Default::default() },
            solve: SolveOptions { partition: 0, ..Default::default() },
            ..Default::default()
        });
        choose(&mut ArrayBlocks::new(x.view()), &candidates, fokker::Task::silent()).unwrap()
    };
    let (with, without) = (chosen(&x, Some(&weights)), chosen(&shifted, None));
    // The same rows judge all references: the differences are sharper than the standard error of 0.069.
    for i in 1..ALL.len() {
        let lost = |chosen: &Chosen| chosen.criteria[i] - chosen.criteria[0];
        let error = lost(&with) - lost(&without);
        assert!(error.abs() < 0.03, "{:?} {:?}", with.criteria, without.criteria);
    }
    assert!(with.criteria[with.index] >= with.criteria[0] - 0.01 && with.index != 1);
}

/// The density of the law itself and the coordinates: what lies beyond walls has the share of one of n + 1
/// rows, of which there are more when they are repeated.
fn in_coordinates(fit: &SpectralFit, at: ArrayView2<f64>) -> Array1<f64> {
    let y = fit.to_coordinates(at).unwrap();
    fit.log_density_of_coordinates(Density::Flow, y.view(), fokker::Task::silent()).unwrap()
        + y.sum_axis(Axis(1))
}

/// 20,000 rows with weights 0, 1, 2 are as many repeated rows: without rows held out, whose choice is by
/// their index, and with coordinates that no random choice of rows enters.
#[test]
fn integer_weights_are_repeated_rows() {
    let n = 20_000;
    let x = GaussianMixture::random(3, 2, 1.0, 3).unwrap().sample(n, 1);
    let weights: Vec<f64> = (0..n).map(|i| (i % 3) as f64).collect();
    let repeated: Vec<usize> = (0..n).flat_map(|i| vec![i; i % 3]).collect();
    let repeated = x.select(Axis(0), &repeated);
    let solve = SolveOptions { ridge: Ridge::Fixed(1e-3), compare: 0, partition: 0, ..Default::default() };
    for coordinates in [Coordinates::Standard, Coordinates::Box] {
        let at = x.slice_axis(Axis(0), Slice::from(..50)).to_owned();
        let log = |x: &Array2<f64>, weights: Option<&[f64]>| {
            let rows = Rows { weights, hold_out: 0.0, ..Default::default() };
            let options = Candidate { coordinates, rows, solve, ..Default::default() };
            in_coordinates(
                &fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap(),
                at.view(),
            )
        };
        let (a, b) = (log(&x, Some(&weights)), log(&repeated, None));
        assert!((&a - &b).iter().all(|e| e.abs() < 1e-9), "{coordinates:?}");
    }
    // Below the cap every row is kept, and marginals are weighted as repeated rows are.
    let few = x.slice_axis(Axis(0), Slice::from(..5000)).to_owned();
    let twice = few.select(Axis(0), &(0..5000).flat_map(|i| vec![i; i % 3]).collect::<Vec<_>>());
    let log = |x: &Array2<f64>, weights: Option<&[f64]>| {
        let rows = Rows { weights, hold_out: 0.0, ..Default::default() };
        let options = Candidate { coordinates: Coordinates::Copula, rows, solve, ..Default::default() };
        let at = few.slice_axis(Axis(0), Slice::from(..50));
        in_coordinates(&fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap(), at)
    };
    let (a, b) = (log(&few, Some(&weights[..5000])), log(&twice, None));
    assert!((&a - &b).iter().all(|e| e.abs() < 1e-9), "{a} {b}");
    // Beyond it they are two random samples of 16,384 rows; the distribution functions differ by at most
    // 1.63/√16384 √2 = 0.018 (Kolmogorov, 1 %), and log-densities near the middle by a few times that.
    let rows = |weights| Rows { weights, hold_out: 0.0, ..Default::default() };
    let options = |weights| Candidate {
        coordinates: Coordinates::Copula,
        rows: rows(weights),
        solve,
        ..Default::default()
    };
    let at = x.slice_axis(Axis(0), Slice::from(..50));
    let a = fit(&mut ArrayBlocks::new(x.view()), &options(Some(&weights)), fokker::Task::silent())
        .unwrap()
        .log_density(at)
        .unwrap();
    let b = fit(&mut ArrayBlocks::new(repeated.view()), &options(None), fokker::Task::silent())
        .unwrap()
        .log_density(at)
        .unwrap();
    let error = (&a - &b).mapv(f64::abs).mean().unwrap();
    assert!(error < 0.06, "{error}");
}

/// A row of weight 1e-12 far away is no row: not in a range, a scale, a marginal or a copied column.
#[test]
fn tiny_weights_are_no_rows() {
    for n in [600, 20_000] {
        let base = normals(n, 5);
        let x =
            concatenate(Axis(1), &[base.view(), (&base * 2.0 + 1.0).view(), normals(n, 6).view()]).unwrap();
        let far = ndarray::array![[1e4, -1e4, 1e4]];
        let with = concatenate(Axis(0), &[x.view(), far.view(), far.view()]).unwrap();
        let mut weights = vec![1.0; n + 2];
        (weights[n], weights[n + 1]) = (1e-12, 0.0);
        let at = x.slice_axis(Axis(0), Slice::from(..50));
        for coordinates in ALL {
            let (a, b) = (fitted(&with, Some(&weights), coordinates), fitted(&x, None, coordinates));
            assert_eq!(a.report().warnings, b.report().warnings, "{coordinates:?}");
            // Without the share 1/(n + 1) beyond walls, which counts every row.
            let error = (in_coordinates(&a, at) - in_coordinates(&b, at)).mapv(f64::abs).sum() / 50.0;
            assert!(error < 1e-6, "{coordinates:?} {error}");
        }
    }
}

/// The sums that a kept sample stands for are unbiased with weights over eight decades: the mean of the
/// Gaussian that a fit is compared with.
#[test]
fn rows_held_out_count_with_their_weight() {
    // Two laws, N(±4, 1), whose rows weigh 1 and 1e-3: the second is 1 % of the law where it has ten times
    // as many rows.
    let n = 40_000;
    let x = Array2::from_shape_fn((n, 1), |(i, _)| if i % 11 == 0 { 4.0 } else { -4.0 }) + standard(n);
    let weights: Vec<f64> = (0..n).map(|i| if i % 11 == 0 { 1.0 } else { 1e-3 }).collect();
    let fit = fitted(&x, Some(&weights), Coordinates::Standard);
    let share = 0.01 / 1.01;
    let variance = 1.0 + 64.0 * share * (1.0 - share);
    let expected = -0.5 * (2.0 * std::f64::consts::PI * variance).ln() - 0.5;
    let found = fit.comparison().unwrap().gaussian.unwrap();
    // Rows of the first law alone decide: about 330 of them held out among 1000.
    assert!((found - expected).abs() < 0.25, "{found} {expected}");
}

/// Shards merge to the same bits in any order, weights and all.
#[test]
fn shards_merge_in_any_order() {
    let n = 5 * 4096;
    let x = GaussianMixture::random(3, 2, 1.0, 3).unwrap().sample(n, 1);
    let weights: Vec<f64> = (0..n).map(|i| (-((i % 97) as f64) / 7.0).exp()).collect();
    let part = |k: usize| {
        let rows = 4096 * k..4096 * (k + 1);
        let x = x.slice_axis(Axis(0), Slice::from(rows.clone())).to_owned();
        (x, Rows { first: rows.start, weights: Some(&weights[rows]), ..Default::default() })
    };
    let solved = |order: &[usize]| {
        use fokker::Merge;
        let summaries = order.iter().map(|&k| {
            let (x, rows) = part(k);
            Summary::from_blocks(&mut ArrayBlocks::new(x.view()), &rows, fokker::Task::silent()).unwrap()
        });
        let summary = summaries.reduce(|mut a, b| a.merge(&b).map(|()| a).unwrap()).unwrap();
        let shape = Shape::default();
        let moments = order.iter().map(|&k| {
            let (x, rows) = part(k);
            let basis = (Coordinates::Copula, &shape);
            Moments::from_blocks(
                &mut ArrayBlocks::new(x.view()),
                &summary,
                basis,
                &rows,
                fokker::Task::silent(),
            )
            .unwrap()
        });
        let moments = moments.reduce(|mut a, b| a.merge(&b).map(|()| a).unwrap()).unwrap();
        let solve = SolveOptions { partition: 0, ..Default::default() };
        SpectralFit::from_moments(&moments, &solve, fokker::Task::silent()).unwrap().to_bytes()
    };
    assert_eq!(solved(&[0, 1, 2, 3, 4]), solved(&[3, 1, 4, 0, 2]));
}

/// What no weight can be is refused with the number and the remedy.
#[test]
fn weights_beyond_the_range_of_their_squares_are_refused() {
    let x = normals(50, 1);
    for scale in [1e-200, 1e200] {
        let weights = Array1::from_elem(50, scale).to_vec();
        let rows = Rows { weights: Some(&weights), ..Default::default() };
        let options = Candidate { rows, ..Default::default() };
        let error = fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("divide"), "{error}");
    }
}
