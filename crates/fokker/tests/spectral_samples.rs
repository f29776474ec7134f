//! Samples with default options: within what the data allow, compared with the data, never made worse.

use fokker::ArrayBlocks;
use fokker::spectral::{
    Candidate, Check, Coordinates, Corrector, DrawOptions, Pairs, Shape, SolveOptions, SpectralFit, choose,
    fit,
};
use fokker::statistics::{Gaussian, GaussianMixture};
use ndarray::{Array1, Array2, Axis, Slice};

fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let law = Gaussian::diagonal(Array1::zeros(d), Array1::ones(d)).unwrap();
    GaussianMixture::new(ndarray::array![1.0], vec![law]).unwrap().sample(n, seed)
}

/// Two columns of correlation ρ.
fn correlated(n: usize, rho: f64, seed: u64) -> Array2<f64> {
    let z = normals(n, 2, seed);
    Array2::from_shape_fn((n, 2), |(i, j)| match j {
        0 => z[[i, 0]],
        _ => rho * z[[i, 0]] + (1.0 - rho * rho).sqrt() * z[[i, 1]],
    })
}

fn fit_in(x: &Array2<f64>, coordinates: Coordinates, shape: Shape) -> SpectralFit {
    fit(
        &mut ArrayBlocks::new(x.view()),
        &Candidate { coordinates, shape, ..Default::default() },
        fokker::Task::silent(),
    )
    .unwrap()
}

fn auto(x: &Array2<f64>) -> SpectralFit {
    let shape = Shape { pairs: Pairs::auto(x.ncols()), ..Default::default() };
    let candidates: Vec<Candidate> = fokker::spectral::Reference::Auto
        .candidates(x.ncols(), &shape, 0.1)
        .into_iter()
        .map(|coordinates| Candidate { coordinates, shape: shape.clone(), ..Default::default() })
        .collect();
    choose(&mut ArrayBlocks::new(x.view()), &candidates, fokker::Task::silent()).unwrap().fit
}

/// Largest standardised value of the sample over that of the data, column by column.
fn reach(x: &Array2<f64>, drawn: &Array2<f64>) -> f64 {
    let far = |y: &Array2<f64>, j: usize| {
        let mean = x.column(j).mean().unwrap();
        y.column(j).iter().fold(0.0, |far: f64, y| far.max((y - mean).abs()))
    };
    (0..x.ncols()).map(|j| far(drawn, j) / far(x, j)).fold(0.0, f64::max)
}

/// Correlated columns on which plain steps of 0.005 diverged: to 6.6e12 at 0.9999 by the fit in
/// standardised coordinates, the only ones there were.
#[test]
fn columns_of_any_correlation_stay_within_the_data() {
    for (rho, seed) in [(0.9, 1), (0.999, 2), (0.9999, 3), (-0.99999, 4)] {
        let x = correlated(600, rho, seed);
        for fit in [fit_in(&x, Coordinates::Standard, Shape::default()), auto(&x)] {
            let drawn = fit
                .sample(
                    &DrawOptions { particles: 4000, seed: 1, ..Default::default() },
                    fokker::Task::silent(),
                )
                .unwrap();
            assert!(reach(&x, &drawn.x) <= 2.0, "{rho}, {}: {:?}", fit.coordinates().name(), drawn.report);
            let spread = drawn.x.std_axis(Axis(0), 0.0) / x.std_axis(Axis(0), 0.0);
            // Standard errors: 0.03 of the data's own spread, 0.011 of the sample's; noise of the stop 0.1 %.
            assert!(spread.iter().all(|s| (s - 1.0).abs() < 0.15), "{rho}: {spread}");
        }
    }
    let x = correlated(1000, 0.9999, 3);
    let fit = auto(&x);
    assert_eq!(fit.coordinates(), Coordinates::Whitened);
    let drawn = fit
        .sample(&DrawOptions { particles: 4000, seed: 1, ..Default::default() }, fokker::Task::silent())
        .unwrap();
    assert!(drawn.report.warnings.is_empty(), "{:?}", drawn.report.warnings);
    // x_1 − x_0 has variance 2(1 − ρ); its sampling error is 2.2 % of the data and 1.1 % of the sample.
    let thin = |x: &Array2<f64>| (&x.column(1) - &x.column(0)).std(0.0);
    assert!((thin(&drawn.x) / (2.0f64 * 1e-4).sqrt() - 1.0).abs() < 0.1, "{}", thin(&drawn.x));
}

#[test]
fn whitened_coordinates_have_the_right_density_and_come_back() {
    // Gaussian data of correlation 0.95 and other scales: log p is known.
    let x = correlated(4000, 0.95, 5) * &ndarray::array![3.0, 100.0] + &ndarray::array![10.0, -4e3];
    let fit = fit_in(&x, Coordinates::Whitened, Shape { degree: 2, ..Default::default() });
    let (s, det) = (ndarray::array![3.0, 100.0], 1.0 - 0.95f64 * 0.95);
    let exact: Array1<f64> = x
        .rows()
        .into_iter()
        .map(|row| {
            let z = (&row - &ndarray::array![10.0, -4e3]) / &s;
            let form = (z[0] * z[0] - 1.9 * z[0] * z[1] + z[1] * z[1]) / det;
            -0.5 * form - (std::f64::consts::TAU * 300.0 * det.sqrt()).ln()
        })
        .collect();
    // KL of a fit of five parameters is 5/(2 · 3600) nats.
    let gap = (&exact - &fit.log_density(x.view()).unwrap()).mean().unwrap();
    assert!(gap.abs() < 0.01, "{gap}");
    // The score in the columns of the data is the gradient of the log-density.
    let rows = x.slice_axis(Axis(0), Slice::from(..200));
    let score = fit.score_at(fit.score().times().0, rows).unwrap();
    for (row, score) in rows.rows().into_iter().zip(score.rows()) {
        let z = (&row - &ndarray::array![10.0, -4e3]) / &s;
        let exact = ndarray::array![0.95 * z[1] - z[0], 0.95 * z[0] - z[1]] / det / &s;
        // Covariances of 3600 rows are right to 1/60 of themselves or so, scores as well.
        let (error, size) = ((&exact - &score) * &s, &exact * &s);
        assert!(error.dot(&error).sqrt() < 0.08 * (1.0 + size.dot(&size).sqrt()), "{exact} {score}");
    }
    let read = SpectralFit::from_bytes(&fit.to_bytes()).unwrap();
    assert_eq!(read.to_bytes(), fit.to_bytes());
    let options = DrawOptions { particles: 300, seed: 4, ..Default::default() };
    let (a, b) = (
        fit.sample(&options, fokker::Task::silent()).unwrap(),
        read.sample(&options, fokker::Task::silent()).unwrap(),
    );
    assert_eq!((a.x, a.report), (b.x, b.report));
    let back = fit.from_coordinates(fit.to_coordinates(x.view()).unwrap().view()).unwrap();
    assert!((&back - &x).iter().all(|e| e.abs() < 1e-9));
}

#[test]
fn whitened_coordinates_are_no_columns() {
    let x = normals(500, 4, 1);
    let refuse = |x: &Array2<f64>, pairs| {
        let shape = Shape { pairs, ..Default::default() };
        let options = Candidate { coordinates: Coordinates::Whitened, shape, ..Default::default() };
        fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap_err().to_string()
    };
    assert!(refuse(&x, Pairs::Chain).contains("combinations of columns"));
    let few = normals(20, 25, 1);
    assert!(refuse(&few, Pairs::None).contains("25 columns have a singular covariance"));
    let fit = auto(&few);
    for words in ["rows in 25 columns", "hermite-whitened is no candidate"] {
        assert!(fit.report().warnings.iter().any(|w| w.contains(words)), "{:?}", fit.report().warnings);
    }
}

/// Drawing in batches and at any number of threads, with rows drawn again among them.
#[test]
fn rows_drawn_again_have_the_same_bits_in_any_batches() {
    // Steps too long for a fit of degree 6 to few rows: some throw a row beyond.
    let z = normals(60, 9, 8);
    let x = Array2::from_shape_fn((60, 3), |(i, j)| z[[i, 3 * j]] / (0.3 + z[[i, 3 * j + 1]].abs()));
    let fit = fit_in(&x, Coordinates::Standard, Shape { degree: 6, ..Default::default() });
    let corrector = Corrector { steps: Some(10), ..Default::default() };
    let draw = |first, particles| {
        let options = DrawOptions { first, particles, steps: 2, seed: 3, corrector, ..Default::default() };
        fit.sample(&options, fokker::Task::silent()).unwrap()
    };
    let whole = draw(0, 3000);
    assert!(whole.report.redrawn > 0 && reach(&x, &whole.x) <= 2.0);
    let part = draw(700, 900);
    assert_eq!(part.x, whole.x.slice_axis(Axis(0), Slice::from(700..1600)));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| draw(0, 3000)).x, whole.x);
}

/// Steps that blow up by the corrector asked for: rows keep their place before them.
#[test]
fn unstable_steps_are_undone() {
    let x = correlated(600, 0.999, 2);
    let fit = fit_in(&x, Coordinates::Standard, Shape::default());
    let draw = |corrector| {
        fit.sample(
            &DrawOptions { particles: 2000, corrector, seed: 1, ..Default::default() },
            fokker::Task::silent(),
        )
        .unwrap()
    };
    let forced = draw(Corrector { steps: Some(100), step: Some(0.02), metropolis: Some(false) });
    assert!(forced.report.undone > 0 && reach(&x, &forced.x) <= 2.0, "{:?}", forced.report);
    let chosen = draw(Corrector::default()).report;
    assert!(chosen.corrector.metropolis && chosen.corrector.step < 5e-3, "{chosen:?}");
    assert_eq!(chosen.undone, 0, "{chosen:?}");
    let trial = fit.report().trial.unwrap();
    // The variance along the thin axis is (1 − ρ) and 2 · 0.001 of noise: its inverse bounds the curvature from below.
    assert!(trial.curvature > 0.8 / (1e-3 + 2e-3), "{trial:?}");
}

/// The check of samples that are exact: of the law the data are of.
#[test]
fn exact_samples_pass_the_check() {
    // The limit is five errors and 0.15 for each moment and seven errors and 0.01 for the energy: 0 of 240
    // failed when this was written; at the stated rate of 1 in 300 more than 5 fail once in 1000 runs.
    let mut failed = Vec::new();
    let solve = SolveOptions { compare: 0, partition: 0, ..Default::default() };
    for (n, d) in [(60, 2), (200, 5), (1000, 10)] {
        for seed in 0..20 {
            let z = normals(n + 3000, 2 * d, 1000 * n as u64 + seed);
            let laws: [fn(f64, f64) -> f64; 4] = [
                |a, _| a,
                // Exponential, uniform on a few values, and t with about three degrees of freedom.
                |a, b| 0.5 * (a * a + b * b),
                |a, _| (a.abs().min(2.0) * 2.0).floor(),
                |a, b| a / (0.6 + b * b).sqrt(),
            ];
            for (k, law) in laws.into_iter().enumerate() {
                let all =
                    Array2::from_shape_fn((n + 3000, d), |(i, j)| law(z[[i, 2 * j]], z[[i, 2 * j + 1]]));
                let data = all.slice_axis(Axis(0), Slice::from(..n));
                let shape = Shape { degree: 2, pairs: Pairs::None, ..Default::default() };
                let options = Candidate { solve, shape, ..Default::default() };
                let fit = fit(&mut ArrayBlocks::new(data), &options, fokker::Task::silent()).unwrap();
                let check = fit.check(all.slice_axis(Axis(0), Slice::from(n..))).unwrap().unwrap();
                if !check.passed() {
                    failed.push((n, d, seed, k, check.failures()));
                }
            }
        }
    }
    println!("{} of 240: {failed:?}", failed.len());
    assert!(failed.len() <= 5, "{failed:?}");
}

#[test]
fn wrong_samples_fail_the_check() {
    let x = correlated(1000, 0.8, 1);
    let fit = fit_in(&x, Coordinates::Standard, Shape { degree: 2, ..Default::default() });
    let wrong = |y: Array2<f64>| -> Check { fit.check(y.view()).unwrap().unwrap() };
    let exact = correlated(3000, 0.8, 2);
    assert!(wrong(exact.clone()).passed());
    assert!(wrong(&exact * 1.5).failures().iter().any(|f| f.contains("1.5")));
    assert!(wrong(&exact + 0.5).failures().iter().any(|f| f.contains("mean")));
    assert!(wrong(correlated(3000, 0.2, 2)).failures().iter().any(|f| f.contains("correlation")));
    // The same first and second moments, another law: two far points in a column.
    let mut two = normals(3000, 2, 3);
    two.mapv_inplace(f64::signum);
    let mixed = Array2::from_shape_fn((3000, 2), |(i, j)| match j {
        0 => two[[i, 0]],
        _ => 0.8 * two[[i, 0]] + 0.6 * two[[i, 1]],
    });
    let check = wrong(mixed);
    assert!(check.energy.counts() && check.failures().len() == 1, "{:?}", check.failures());
}
