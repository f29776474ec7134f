//! Densities: they integrate to one, and are exact for Gaussian data.

use fokker::ArrayBlocks;
use fokker::problems::CoupledDoubleWell;
use fokker::process::OrnsteinUhlenbeck as Ou;
use fokker::spectral::{Candidate, Coordinates, Density, Rows, Shape, SolveOptions, fit};
use fokker::statistics::{Covariance, Gaussian, GaussianMixture};
use ndarray::{Array1, Array2, Axis};

#[test]
fn densities_integrate_to_one_in_two_dimensions() {
    let well = CoupledDoubleWell::new().sample(5000, 4);
    let mixture = GaussianMixture::random(3, 2, 1.0, 9).unwrap().sample(5000, 4);
    for (x, name, coordinates, degree) in [
        (&well, "double well", Coordinates::Standard, 4),
        (&well, "double well", Coordinates::Copula, 4),
        (&well, "double well", Coordinates::Box, 8),
        // In Standard coordinates polynomials of these components squeeze the flow into sheets that a
        // grid does not resolve; there volumes are compared instead, in spectral/flow.rs.
        (&mixture, "mixture", Coordinates::Copula, 4),
        (&mixture, "mixture", Coordinates::Box, 8),
    ] {
        let options = Candidate {
            coordinates,
            shape: Shape { degree, ..Default::default() },
            solve: SolveOptions { compare: 0, ..Default::default() },
            ..Default::default()
        };
        let fit = fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap();
        // The midpoint rule in the coordinates of the fit, where densities are smooth: over
        // [0, π]² the whole domain, over [−8, 8]² all but 1e-14 of the mass.
        let (n, low, high) = match coordinates {
            Coordinates::Standard => (240, -8.0, 8.0),
            _ => (120, 0.0, std::f64::consts::PI),
        };
        let width = (high - low) / n as f64;
        let at = |i: usize| low + (i as f64 + 0.5) * width;
        let y = Array2::from_shape_fn((n * n, 2), |(k, j)| at(if j == 0 { k / n } else { k % n }));
        let total = |density| {
            let log = fit.log_density_of_coordinates(density, y.view(), fokker::Task::silent()).unwrap();
            log.mapv(f64::exp).sum() * width * width
        };
        let flow = total(Density::Flow);
        assert!((flow - 1.0).abs() < 1e-3, "{name}, {coordinates:?}: {flow}");
        // log Z is as stated, or is not given: in the box the mixture leaves corners without data, where
        // polynomials rise to wells.
        let Some(partition) = fit.report().partition else {
            assert_eq!((name, coordinates), ("mixture", Coordinates::Box));
            let error = fit.log_density_by(Density::Energy, x.view(), fokker::Task::silent()).unwrap_err();
            assert!(error.to_string().contains("log Z"), "{error}");
            continue;
        };
        let energy = total(Density::Energy);
        println!("{name}, {coordinates:?}: the energy's density sums to {energy} ({partition:?})");
        assert!(energy.ln().abs() < 4.0 * partition.error, "{coordinates:?}: {energy} {partition:?}");
    }
}

/// Polynomials of heavy-tailed and one-sided data rise again beyond the data, or go on rising.
#[test]
fn the_constant_of_hostile_data_is_right_or_not_given() {
    let few = ndarray::array![[0.0, 1.0], [1.0, 0.5], [2.0, 4.0]];
    let mut cases = vec![("few", few, 4)];
    for seed in 0..3 {
        let z = Gaussian::diagonal(Array1::zeros(4), Array1::ones(4)).unwrap();
        let z = GaussianMixture::new(ndarray::array![1.0], vec![z]).unwrap().sample(2000, seed);
        // Student's t with two degrees of freedom, Cauchy's law, squares.
        let t = |k: usize| z[[k, 0]] / (0.5 * (z[[k, 1]].powi(2) + z[[k, 2]].powi(2))).sqrt();
        let heavy = Array2::from_shape_fn((2000, 2), |(k, j)| if j == 0 { t(k) } else { z[[k, 3]] });
        let cauchy =
            Array2::from_shape_fn((300, 2), |(k, j)| if j == 0 { z[[k, 0]] / z[[k, 1]] } else { z[[k, 3]] });
        let squares = Array2::from_shape_fn((1000, 2), |(k, j)| z[[k, j]].powi(2) + z[[k, j + 2]].powi(2));
        cases.extend([("heavy", heavy, 4), ("cauchy", cauchy, 4)]);
        cases.extend([("squares", squares.clone(), 3), ("squares", squares, 6)]);
    }
    let mut given = 0;
    for (name, x, degree) in &cases {
        let shape = Shape { degree: *degree, ..Default::default() };
        let fit = fit(
            &mut ArrayBlocks::new(x.view()),
            &Candidate { shape, ..Default::default() },
            fokker::Task::silent(),
        )
        .unwrap();
        let Some(partition) = fit.report().partition else { continue };
        given += 1;
        let (n, width) = (800, 0.1);
        let at = |i: usize| (i as f64 + 0.5 - 0.5 * n as f64) * width;
        let y = Array2::from_shape_fn((n * n, 2), |(k, j)| at(if j == 0 { k / n } else { k % n }));
        let log = fit.log_density_of_coordinates(Density::Energy, y.view(), fokker::Task::silent()).unwrap();
        let total = log.mapv(f64::exp).sum() * width * width;
        println!("{name}, degree {degree}: sums to {total}, {partition:?}");
        assert!(total.ln().abs() < 4.0 * partition.error + 1e-3, "{name}, {degree}: {total} {partition:?}");
    }
    assert!(given < cases.len());
}

#[test]
fn the_constant_is_that_of_the_first_time() {
    let x = CoupledDoubleWell::new().sample(5000, 4);
    for first in [3e-4, 0.05, 0.3] {
        let solve = SolveOptions { first, compare: 0, ..Default::default() };
        let fit = fit(
            &mut ArrayBlocks::new(x.view()),
            &Candidate { solve, ..Default::default() },
            fokker::Task::silent(),
        )
        .unwrap();
        let partition = fit.report().partition.unwrap();
        let (n, width) = (160, 0.1);
        let at = |i: usize| -8.0 + (i as f64 + 0.5) * width;
        let y = Array2::from_shape_fn((n * n, 2), |(k, j)| at(if j == 0 { k / n } else { k % n }));
        let log = fit.log_density_of_coordinates(Density::Energy, y.view(), fokker::Task::silent()).unwrap();
        let total = log.mapv(f64::exp).sum() * width * width;
        assert!(total.ln().abs() < 4.0 * partition.error, "{first}: {total} {partition:?}");
    }
}

#[test]
fn gaussian_data_has_a_gaussian_density() {
    let x = GaussianMixture::random(1, 3, 1.0, 5).unwrap().sample(4000, 3);
    let options = Candidate {
        shape: Shape { degree: 2, ..Default::default() },
        rows: Rows { hold_out: 0.0, ..Default::default() },
        solve: SolveOptions {
            ridge: fokker::spectral::Ridge::Fixed(0.0),
            times: 60,
            compare: 0,
            ..Default::default()
        },
        ..Default::default()
    };
    let fit = fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap();
    // The fit is of p_ε: the sample's own covariance Σ, noised in standardised coordinates.
    let mut covariance = Covariance::new(3);
    covariance.observe(x.view()).unwrap();
    let own = covariance.covariance().unwrap();
    let noise = Array2::from_diag(&own.diag()) * Ou::variance(1e-3);
    let own = &own * Ou::alpha(1e-3).powi(2) + noise;
    let mean = covariance.mean().clone();
    let law = Gaussian::from_covariance(mean, own.view()).unwrap();
    let exact = GaussianMixture::new(ndarray::array![1.0], vec![law]).unwrap().log_density(x.view()).unwrap();
    let error = (fit.log_density(x.view()).unwrap() - exact).mapv(f64::abs);
    // Interpolation between 60 times and the steps of the flow; the largest are far out, where
    // log p is −10.
    let (mean, largest) = (error.mean().unwrap(), error.iter().fold(0.0, |m: f64, e| m.max(*e)));
    assert!(mean < 1e-3 && largest < 2e-2, "{mean} {largest}");
}

/// Beyond their walls cosines have a small share, which falls off: the integral over much more than the
/// data is one. Folded in, the box of a normal column summed to 8.8 over a larger one.
#[test]
fn densities_with_walls_integrate_to_one_far_beyond_the_data() {
    let x = GaussianMixture::random(2, 1, 1.0, 9).unwrap().sample(2000, 4);
    for coordinates in [Coordinates::Box, Coordinates::Copula] {
        let solve = SolveOptions { compare: 0, ..Default::default() };
        let fit = fit(
            &mut ArrayBlocks::new(x.view()),
            &Candidate { coordinates, solve, ..Default::default() },
            fokker::Task::silent(),
        )
        .unwrap();
        let (centre, spread) = (x.mean().unwrap(), x.std(0.0));
        // 400 deviations wide, cells of a hundredth: a wall inside one errs by less than p(wall)/200 ≈ 1e-4.
        let (n, width) = (40_000, 0.01 * spread);
        let at = |i: usize| centre + (i as f64 + 0.5 - 0.5 * n as f64) * width;
        let grid = Array2::from_shape_fn((n, 1), |(i, _)| at(i));
        for density in [Density::Flow, Density::Energy] {
            let total = fit
                .log_density_by(density, grid.view(), fokker::Task::silent())
                .unwrap()
                .mapv(f64::exp)
                .sum()
                * width;
            let error = fit.report().partition.unwrap().error;
            let allowed = if density == Density::Energy { 4.0 * error + 1e-3 } else { 1e-3 };
            assert!((total - 1.0).abs() < allowed, "{coordinates:?}, {density:?}: {total}");
        }
        // Positive everywhere, and the smaller the further: the share 1/(n + 1) of a normal law.
        let far = ndarray::array![[1e2], [1e3], [1e6], [-1e6], [1e150]] * spread + centre;
        let log = fit.log_density(far.view()).unwrap();
        assert!(log.iter().all(|l| l.is_finite()) && log[0] > log[1] && log[1] > log[2], "{log}");
        assert!(log[2] < -1e9 || coordinates == Coordinates::Copula, "{log}");
        let least = fit.log_density(x.view()).unwrap().iter().fold(0.0, |least: f64, l| least.min(*l));
        assert!(log[1] < least, "{log} {least}");
        // The law itself, in its own coordinates, has none there.
        let outside = fit.log_density_of_coordinates(
            Density::Flow,
            ndarray::array![[-0.1], [3.2]].view(),
            fokker::Task::silent(),
        );
        assert!(
            coordinates == Coordinates::Copula || outside.unwrap().iter().all(|l| *l == f64::NEG_INFINITY)
        );
    }
}

/// The same in two dimensions, over a box two hundred deviations wide.
#[test]
fn densities_with_walls_integrate_to_one_in_a_larger_box() {
    let x = CoupledDoubleWell::new().sample(2000, 4);
    let (mean, deviation) = (x.mean_axis(Axis(0)).unwrap(), x.std_axis(Axis(0), 0.0));
    for coordinates in [Coordinates::Box, Coordinates::Copula] {
        let solve = SolveOptions { compare: 0, partition: 0, ..Default::default() };
        let options = Candidate { coordinates, solve, ..Default::default() };
        let fit = fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap();
        // Cells equal in u, x = sinh u: 0.044 deviations wide among the data.
        let (n, width) = (240, 2.0 * 100f64.asinh() / 240.0);
        let at = |i: usize| (i as f64 + 0.5 - 0.5 * n as f64) * width;
        let u = Array2::from_shape_fn((n * n, 2), |(k, j)| at(if j == 0 { k / n } else { k % n }));
        let log = fit.log_density((u.mapv(f64::sinh) * &deviation + &mean).view()).unwrap();
        let cells = u.rows().into_iter().map(|u| u[0].cosh() * u[1].cosh());
        let sum: f64 = log.iter().zip(cells).map(|(log, cell)| log.exp() * cell).sum();
        let total = sum * width * width * deviation[0] * deviation[1];
        // The midpoint rule of cells that a wall cuts, and of the kinks of a copula's knots.
        assert!((total - 1.0).abs() < 0.02, "{coordinates:?}: {total}");
    }
}
