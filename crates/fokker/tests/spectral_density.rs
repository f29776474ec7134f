//! Densities: they integrate to one, and are exact for Gaussian data.

use fokker::ArrayBlocks;
use fokker::problems::CoupledDoubleWell;
use fokker::process::OrnsteinUhlenbeck as Ou;
use fokker::spectral::{Coordinates, FitOptions, Rows, Shape, SolveOptions, fit};
use fokker::statistics::{Covariance, Gaussian, GaussianMixture};
use ndarray::Array2;

#[test]
fn densities_integrate_to_one_in_two_dimensions() {
    let well = CoupledDoubleWell::new().sample(5000, 4);
    let mixture = GaussianMixture::random(3, 2, 1.0, 9).unwrap().sample(5000, 4);
    for (x, name) in [(well, "double well"), (mixture, "mixture")] {
        for (coordinates, degree) in
            [(Coordinates::Standard, 4), (Coordinates::Copula, 4), (Coordinates::Box, 8)]
        {
            let options = FitOptions {
                coordinates,
                shape: Shape { degree, ..Default::default() },
                solve: SolveOptions { compare: 0, ..Default::default() },
                ..Default::default()
            };
            let fit = fit(&mut ArrayBlocks::new(x.view()), &options).unwrap();
            // The midpoint rule in the coordinates of the fit, where densities are smooth: over
            // [0, π]² the whole domain, over [−8, 8]² all but 1e-14 of the mass.
            let n = if coordinates == Coordinates::Standard { 240 } else { 120 };
            let (low, width) = match coordinates {
                Coordinates::Standard => (-8.0, 16.0 / n as f64),
                _ => (0.0, std::f64::consts::PI / n as f64),
            };
            let at = |i: usize| low + (i as f64 + 0.5) * width;
            let y = Array2::from_shape_fn((n * n, 2), |(k, j)| at(if j == 0 { k / n } else { k % n }));
            let log = fit.log_density_of_coordinates(y.view()).unwrap();
            let total = log.mapv(f64::exp).sum() * width * width;
            // Where the box ends, the divergence of a polynomial score jumps, and so do the flow's
            // steps: 0.3 % of the mixture, whose components reach further than the wells.
            let rough = name == "mixture" && coordinates == Coordinates::Standard;
            let tolerance = if rough { 4e-3 } else { 1e-3 };
            assert!((total - 1.0).abs() < tolerance, "{name}, {coordinates:?}: {total}");
        }
    }
}

#[test]
fn gaussian_data_has_a_gaussian_density() {
    let x = GaussianMixture::random(1, 3, 1.0, 5).unwrap().sample(4000, 3);
    let options = FitOptions {
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
    let fit = fit(&mut ArrayBlocks::new(x.view()), &options).unwrap();
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
