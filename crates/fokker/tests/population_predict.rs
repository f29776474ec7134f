//! Moving particles by an energy: noise, and implicit steps.

#[path = "common/population.rs"]
mod common;

use common::moved_to;
use fokker::basis::{Features, Monomials, Part};
use fokker::population::{Energy, PotentialTerm, PredictOptions, Scheme, TimeBasis};
use ndarray::{Array2, array};

/// An energy of a potential ½k|x|² and a temperature.
fn simple(k: f64, theta: Option<f64>, scheme: Scheme) -> Energy {
    let square = Part::Monomials(Monomials::new(1, &[vec![2]]).unwrap());
    let potential = PotentialTerm {
        features: Features::new(array![0.0], 1.0, vec![square]).unwrap(),
        time: TimeBasis::Constant,
        coefficients: array![[0.5 * k]],
    };
    Energy {
        times: vec![0.0, 0.1],
        scheme,
        potential: Some(potential),
        interaction: None,
        temperature: theta,
        dim: 1,
        receipt: None,
    }
}

#[test]
fn every_step_and_particle_has_noise_of_its_own() {
    let energy = simple(0.0, Some(0.5), Scheme::Explicit);
    let start = Array2::zeros((4000, 1));
    let options = PredictOptions { steps_per_interval: Some(5), ..Default::default() };
    let clouds = moved_to(&energy, start.view(), 0.0, &[0.1, 0.2], &options).unwrap();
    // Variance 2θt after ten steps of 0.02, with standard error √(2/4000) of it; the same noise in
    // every step would give ten times as much. Five of them: once in two million.
    for (x, t) in clouds.iter().zip([0.1, 0.2]) {
        assert!((x.var(0.0) / t - 1.0).abs() < 5.0 * (2f64 / 4000.0).sqrt(), "{}", x.var(0.0));
    }
    // Increments of both halves, and of neighbouring particles, are uncorrelated.
    let second = &clouds[1] - &clouds[0];
    let correlation = (&second * &clouds[0]).mean().unwrap() / 0.1;
    assert!(correlation.abs() < 5.0 / 4000f64.sqrt(), "{correlation}");
    let neighbours: f64 = (0..3999).map(|i| second[[i, 0]] * second[[i + 1, 0]]).sum::<f64>() / 399.9;
    assert!(neighbours.abs() < 5.0 / 3999f64.sqrt(), "{neighbours}");
    let other = PredictOptions { seed: 1, ..options };
    assert_ne!(moved_to(&energy, start.view(), 0.0, &[0.1], &other).unwrap()[0], clouds[0]);
}

#[test]
fn an_implicit_step_that_does_not_converge_is_an_error() {
    let x = array![[1.0], [-0.5]];
    // y = x − h k y = x/(1 + hk), a contraction when hk < 1.
    let energy = simple(9.0, None, Scheme::Implicit);
    let moved = moved_to(&energy, x.view(), 0.0, &[0.1], &PredictOptions::default()).unwrap();
    assert!((&moved[0] - &(&x / 1.9)).iter().all(|e| e.abs() < 1e-11), "{}", moved[0]);
    let stiff = simple(11.0, None, Scheme::Implicit);
    let error = moved_to(&stiff, x.view(), 0.0, &[0.1], &PredictOptions::default()).unwrap_err();
    assert!(!error.is_input() && error.to_string().contains("more steps"), "{error}");
    let finer = PredictOptions { steps_per_interval: Some(2), ..Default::default() };
    let moved = moved_to(&stiff, x.view(), 0.0, &[0.1], &finer).unwrap();
    assert!((&moved[0] - &(&x / 1.55f64.powi(2))).iter().all(|e| e.abs() < 1e-11));
}
