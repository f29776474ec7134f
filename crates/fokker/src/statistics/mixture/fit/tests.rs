//! The fit by its exact properties and against known mixtures.

use super::*;
use crate::statistics::Covariance;
use ndarray::{array, concatenate};

fn law(mean: [f64; 2], covariance: [[f64; 2]; 2]) -> Gaussian {
    let covariance = array![covariance[0], covariance[1]];
    Gaussian::from_covariance(Array1::from(mean.to_vec()), covariance.view()).unwrap()
}

fn three() -> GaussianMixture {
    let components = vec![
        law([-4.0, 0.0], [[1.0, 0.6], [0.6, 0.5]]),
        law([3.0, 3.0], [[0.3, 0.0], [0.0, 2.0]]),
        law([2.0, -4.0], [[1.0, -0.5], [-0.5, 0.4]]),
    ];
    GaussianMixture::new(array![0.5, 0.3, 0.2], components).unwrap()
}

#[test]
fn one_component_is_the_sample_gaussian() {
    let x = three().sample(3000, 4) + 100.0;
    let options = MixtureOptions { components: 1, ridge: 0.0, ..Default::default() };
    let fit = GaussianMixture::fit(x.view(), None, &options).unwrap();
    let mut sample = Covariance::new(2);
    sample.observe(x.view()).unwrap();
    let found = &fit.mixture.components()[0];
    assert!((found.mean() - sample.mean()).iter().all(|e| e.abs() < 1e-12));
    let covariance = sample.covariance().unwrap();
    assert!((found.covariance() - &covariance).iter().all(|e| e.abs() < 1e-12));
    assert!(fit.converged && fit.iterations == 1);
    // −½ (d ln 2π + ln det Σ + d)
    let determinant = covariance[[0, 0]] * covariance[[1, 1]] - covariance[[0, 1]].powi(2);
    let expected = -0.5 * (2.0 * std::f64::consts::TAU.ln() + determinant.ln() + 2.0);
    assert!((fit.log_likelihood - expected).abs() < 1e-12);
    let ridge = MixtureOptions { components: 1, ridge: 0.01, ..Default::default() };
    let fit = GaussianMixture::fit(x.view(), None, &ridge).unwrap();
    let added = fit.mixture.components()[0].covariance() - &covariance;
    for j in 0..2 {
        assert!((fit.ridge[j] - 0.01 * covariance[[j, j]]).abs() < 1e-12);
        assert!((added[[j, j]] - fit.ridge[j]).abs() < 1e-11 && added[[j, 1 - j]].abs() < 1e-11);
    }
}

#[test]
fn the_likelihood_never_falls_and_is_that_of_the_result() {
    let x = GaussianMixture::random(6, 4, 1.0, 8).unwrap().sample(2000, 5);
    let mut before = f64::NEG_INFINITY;
    for iterations in 1..40 {
        let options = MixtureOptions { iterations, ridge: 0.0, tolerance: 0.0, ..Default::default() };
        let fit = GaussianMixture::fit(x.view(), None, &options).unwrap();
        assert!(fit.log_likelihood >= before - 1e-12, "iteration {iterations}");
        let mean = fit.mixture.log_density(x.view()).unwrap().mean().unwrap();
        assert!((fit.log_likelihood - mean).abs() < 1e-10);
        before = fit.log_likelihood;
    }
}

/// Errors of weights, means and covariances, components matched by their nearest means.
fn errors(truth: &GaussianMixture, found: &GaussianMixture) -> f64 {
    let mut worst: f64 = 0.0;
    for (weight, component) in truth.weights().iter().zip(truth.components()) {
        let distance = |other: &Gaussian| (other.mean() - component.mean()).mapv(|e| e * e).sum();
        let order = |a: &usize, b: &usize| {
            distance(&found.components()[*a]).total_cmp(&distance(&found.components()[*b]))
        };
        let k = (0..found.weights().len()).min_by(order).unwrap();
        let other = &found.components()[k];
        worst = worst.max((found.weights()[k] - weight).abs()).max(distance(other).sqrt());
        let covariance = other.covariance() - component.covariance();
        worst = covariance.iter().fold(worst, |worst, e| worst.max(e.abs()));
    }
    worst
}

#[test]
fn known_mixtures_are_recovered_at_the_monte_carlo_rate() {
    let truth = three();
    let options = MixtureOptions { components: 3, ridge: 0.0, ..Default::default() };
    for (n, seed) in [(2_000, 1), (32_000, 2)] {
        let x = truth.sample(n, seed);
        let fit = GaussianMixture::fit(x.view(), None, &options).unwrap();
        assert!(fit.converged);
        // The least certain entry is the variance 2 of the component with weight 0.3: standard
        // error 2√(2/(0.3 n)) = 5.2/√n, all others below 3/√n. Five of them: once in a million.
        let bound = 5.0 * 5.2 / (n as f64).sqrt();
        assert!(errors(&truth, &fit.mixture) < bound, "n = {n}: {}", errors(&truth, &fit.mixture));
    }
}

#[test]
fn weights_are_repeated_rows() {
    let x = three().sample(600, 3);
    let weights: Array1<f64> = (0..600).map(|i| (i % 3) as f64).collect();
    let repeated: Vec<usize> = (0..600).flat_map(|i| vec![i; i % 3]).collect();
    let options = MixtureOptions { components: 3, ..Default::default() };
    let weighted = GaussianMixture::fit(x.view(), Some(weights.view()), &options).unwrap();
    let twice = GaussianMixture::fit(x.select(Axis(0), &repeated).view(), None, &options).unwrap();
    assert!((weighted.log_likelihood - twice.log_likelihood).abs() < 1e-11);
    assert!((weighted.mixture.weights() - twice.mixture.weights()).iter().all(|e| e.abs() < 1e-10));
    for (a, b) in weighted.mixture.components().iter().zip(twice.mixture.components()) {
        assert!((a.covariance() - b.covariance()).iter().all(|e| e.abs() < 1e-9));
    }
}

#[test]
fn units_do_not_matter_and_tight_data_keep_all_components() {
    let x = GaussianMixture::random(5, 6, 4.0, 6).unwrap().sample(2000, 7);
    let options = MixtureOptions { components: 5, ..Default::default() };
    let plain = GaussianMixture::fit(x.view(), None, &options).unwrap();
    // Determinants of the components are about 1e-96 in these units, and positions 1e4 away.
    let units = array![1e-8, 1e-8, 2e-8, 1e-8, 1e-8, 3e-8];
    let small = GaussianMixture::fit((&x * &units + 1e-4).view(), None, &options).unwrap();
    assert_eq!(small.mixture.components().len(), 5);
    let expected = plain.log_likelihood - units.mapv(f64::ln).sum();
    assert!((small.log_likelihood - expected).abs() < 1e-6, "{} {expected}", small.log_likelihood);
    let ratio = small.mixture.weights() / plain.mixture.weights();
    assert!(ratio.iter().all(|r| (r - 1.0).abs() < 1e-6));
}

#[test]
fn data_on_a_plane_keep_all_components_in_any_dimension() {
    // Rank 2 in 60 dimensions: the ridge alone makes it regular.
    let factor = Array2::from_shape_fn((2, 60), |(i, j)| ((i * 7 + j * 3) % 11) as f64 - 5.0);
    let x = three().sample(900, 3).dot(&factor);
    let options = MixtureOptions { components: 4, ..Default::default() };
    let fit = GaussianMixture::fit(x.view(), None, &options).unwrap();
    assert_eq!(fit.mixture.components().len(), 4);
    assert!(fit.mixture.weights().iter().all(|&w| w > 0.01));
    assert!(fit.mixture.score(x.view()).unwrap().iter().all(|s| s.is_finite()));
    let none = MixtureOptions { ridge: 0.0, ..options };
    let error = GaussianMixture::fit(x.view(), None, &none).unwrap_err().to_string();
    assert!(error.contains("singular") && error.contains("ridge"), "{error}");
}

#[test]
fn few_and_repeated_rows() {
    let x = concatenate(Axis(0), &[array![[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]].view(); 4]).unwrap();
    let fit = |components| {
        GaussianMixture::fit(x.view(), None, &MixtureOptions { components, ..Default::default() })
    };
    let three = fit(3).unwrap();
    assert!(three.mixture.weights().iter().all(|w| (w - 1.0 / 3.0).abs() < 1e-9));
    let error = fit(4).unwrap_err().to_string();
    assert!(error.contains("at most 3, the number of different rows"), "{error}");
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let fails = |x: Array2<f64>, options: MixtureOptions| {
        GaussianMixture::fit(x.view(), None, &options).unwrap_err().to_string()
    };
    let nan = array![[0.0, 1.0], [f64::NAN, 0.0]];
    assert!(fails(nan, MixtureOptions::default()).contains("row 1, column 0"));
    let constant = array![[0.1, 1.0], [0.1, 0.0]];
    assert!(fails(constant, MixtureOptions::default()).contains("column 0 is 0.1"));
    let two = || array![[0.0], [1.0]];
    assert!(fails(two(), MixtureOptions { ridge: -1.0, ..Default::default() }).contains("ridge"));
    assert!(fails(two(), MixtureOptions { components: 0, ..Default::default() }).contains("components"));
    assert!(fails(Array2::zeros((0, 1)), MixtureOptions::default()).contains("empty"));
}

#[test]
fn the_thread_count_changes_no_bit() {
    let x = GaussianMixture::random(6, 5, 2.0, 8).unwrap().sample(5000, 5);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| GaussianMixture::fit(x.view(), None, &MixtureOptions::default()).unwrap().mixture)
    };
    assert_eq!(with(1), with(3));
}
