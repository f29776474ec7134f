//! What is no population, no fit and no prediction is refused with the place and the remedy.

#[path = "common/population.rs"]
mod common;

use common::{moved_to, normals, options, snapshots};
use fokker::basis::FeatureSpec;
use fokker::population::{
    Cloud, CouplingMethod, FitOptions, PairSpec, Potential, PredictOptions, Ridge, Scheme, Snapshots,
    TimeBasis, fit, split_snapshots,
};
use fokker::{Error, Result};
use ndarray::{Array1, Array2, array};

#[track_caller]
fn refused<T>(result: Result<T>, input: bool, words: &[&str]) {
    let error = result.err().expect("an error");
    assert_eq!(error.is_input(), input, "{error:?}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

fn pair(n: usize) -> Snapshots {
    snapshots(&[0.0, 0.1], vec![normals(n, 2, 1), normals(n, 2, 2) * 0.9])
}

#[test]
fn snapshots_that_are_none() {
    let cloud = |n: usize| Cloud::new(normals(n, 2, 1), None).unwrap();
    refused(Snapshots::new(vec![0.0], vec![cloud(3)]), true, &["at least 2", "found 1"]);
    refused(Snapshots::new(vec![], vec![]), true, &["at least 2", "found 0"]);
    refused(Snapshots::new(vec![1.0, 1.0], vec![cloud(3), cloud(3)]), true, &["increasing", "index 1"]);
    refused(Snapshots::new(vec![1.0, 0.5], vec![cloud(3), cloud(3)]), true, &["increasing", "0.5"]);
    refused(Cloud::new(Array2::zeros((0, 2)), None), true, &["empty"]);
    refused(Cloud::new(Array2::zeros((2, 0)), None), true, &["empty"]);
    let huge = array![1e308, 1e308];
    refused(Cloud::new(normals(2, 2, 1), Some(huge.view())), true, &["sum of the weights", "finite"]);
}

#[test]
fn rows_are_those_of_the_user() {
    let mut x = normals(6, 3, 1);
    let times = array![1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    let all = |x: &Array2<f64>, times: &Array1<f64>, weights: Option<Array1<f64>>| {
        Snapshots::from_rows(x.view(), times.view(), weights.as_ref().map(|w| w.view()))
    };
    assert!(all(&x, &times, None).is_ok());
    refused(all(&x, &Array1::ones(6), None), true, &["at least 2", "found 1"]);
    refused(all(&x, &array![1.0, 2.0], None), true, &["expected 6, found 2"]);
    refused(all(&x, &times, Some(array![1.0])), true, &["weights", "expected 6, found 1"]);
    let with = |i: usize, w: f64| {
        let mut weights = Array1::ones(6);
        weights[i] = w;
        Some(weights)
    };
    refused(all(&x, &times, with(4, f64::NAN)), true, &["weights", "index 4", "NaN"]);
    refused(all(&x, &times, with(5, -0.5)), true, &["weights", "index 5", "-0.5"]);
    refused(all(&x, &times, Some(array![0.0, 1.0, 0.0, 1.0, 0.0, 1.0])), true, &["weights"]);
    let late = array![1.0, 0.0, f64::NAN, 0.0, 1.0, 0.0];
    refused(all(&x, &late, None), true, &["times", "index 2", "NaN"]);
    x[[4, 1]] = f64::NAN;
    refused(all(&x, &times, None), true, &["row 4, column 1", "NaN"]);
    x[[4, 1]] = f64::NEG_INFINITY;
    refused(all(&x, &times, None), true, &["row 4, column 1", "-inf"]);
}

#[test]
fn data_that_carry_no_fit() {
    for scheme in Scheme::ALL {
        let constant = |x: Array2<f64>| x.mapv(|e| e) * array![1.0, 0.0] + array![0.0, 7.5];
        let data = snapshots(&[0.0, 0.1], vec![constant(normals(9, 2, 1)), constant(normals(9, 2, 2))]);
        refused(
            fit(&data, &options("poly:2", scheme), fokker::Task::silent()),
            true,
            &["column 1", "7.5", "remove"],
        );
        refused(
            fit(&data, &FitOptions::default(), fokker::Task::silent()),
            true,
            &["column 1", "7.5", "remove"],
        );
        // 34 functions, 12 equations.
        refused(fit(&pair(6), &options("poly:2+rbf-kmeans:30", scheme), fokker::Task::silent()), true, &[]);
        refused(
            fit(&pair(6), &options("poly-tensor:5", scheme), fokker::Task::silent()),
            true,
            &["more unknowns (35)", "fewer"],
        );
    }
    // Too few to hold some out, said with the remedy; they are enough for what is given.
    refused(
        fit(&pair(6), &FitOptions::default(), fokker::Task::silent()),
        true,
        &["6 of them", "give potential"],
    );
    assert!(fit(&pair(6), &options("poly:2", Scheme::Midpoint), fokker::Task::silent()).is_ok());
    refused(split_snapshots(&pair(6), 0.01, 0), true, &["snapshot of 6"]);
    // All schemes fail for one reason: it is told.
    let many = FitOptions {
        scheme: None,
        internal: Some(fokker::population::Components(50)),
        ..options("poly:2", Scheme::Weak)
    };
    let reason = fit(
        &pair(12),
        &FitOptions { scheme: Some(Scheme::Explicit), ..many.clone() },
        fokker::Task::silent(),
    )
    .unwrap_err();
    assert!(reason.is_input(), "{reason}");
}

#[test]
fn options_that_do_not_go_together() {
    let base = || options("poly:2", Scheme::Midpoint);
    let none = FitOptions { potential: Potential::None, ..base() };
    refused(
        fit(&pair(9), &none, fokker::Task::silent()),
        true,
        &["no potential, interaction or internal energy"],
    );
    for ridge in [-1.0, f64::NAN, f64::INFINITY] {
        refused(
            fit(&pair(9), &FitOptions { ridge: Ridge::Relative(ridge), ..base() }, fokker::Task::silent()),
            true,
            &["ridge"],
        );
        refused(
            fit(&pair(9), &FitOptions { ridge: Ridge::Absolute(ridge), ..base() }, fokker::Task::silent()),
            true,
            &["ridge"],
        );
    }
    refused(
        fit(&pair(9), &FitOptions { coupling: CouplingMethod::Batch(0), ..base() }, fokker::Task::silent()),
        true,
        &["batch"],
    );
    refused(
        fit(
            &pair(9),
            &FitOptions { internal: Some(fokker::population::Components(0)), ..base() },
            fokker::Task::silent(),
        ),
        true,
        &["components"],
    );
    let tight = CouplingMethod::Entropic(fokker::transport::Strength::Relative(1e-9));
    match fit(&pair(40), &FitOptions { coupling: tight, ..base() }, fokker::Task::silent()) {
        Err(error) => assert!(error.to_string().contains("increase epsilon"), "{error}"),
        Ok(fitted) => assert!(fitted.residuals[0].is_finite()),
    }
    let spec = FeatureSpec(vec![]);
    let empty = FitOptions { potential: Potential::Features(spec), ..base() };
    refused(fit(&pair(9), &empty, fokker::Task::silent()), true, &["functions"]);
    let wide = FitOptions { interaction: Some(PairSpec { gaussians: 100, quadratic: false }), ..base() };
    refused(fit(&pair(9), &wide, fokker::Task::silent()), true, &["radial interactions", "at most 30"]);
}

#[test]
fn predictions_that_cannot_be_made() {
    let energy = fit(&pair(20), &options("poly:2", Scheme::Explicit), fokker::Task::silent()).unwrap().energy;
    let x = normals(3, 2, 3);
    let to = |x: &Array2<f64>, from: f64, times: &[f64]| {
        moved_to(&energy, x.view(), from, times, &PredictOptions::default())
    };
    assert!(to(&x, 0.0, &[0.1, 0.15, 7.0]).is_ok());
    refused(to(&normals(3, 1, 3), 0.0, &[0.1]), true, &["columns", "expected 2, found 1"]);
    refused(to(&normals(3, 5, 3), 0.0, &[0.1]), true, &["columns", "expected 2, found 5"]);
    refused(to(&Array2::zeros((0, 2)), 0.0, &[0.1]), true, &["empty"]);
    refused(to(&array![[0.0, 1.0], [f64::NAN, 0.0]], 0.0, &[0.1]), true, &["row 1, column 0"]);
    refused(to(&x, 0.0, &[]), true, &["times", "empty"]);
    refused(to(&x, 0.0, &[0.1, 0.1]), true, &["increasing", "index 1"]);
    refused(to(&x, 0.2, &[0.1]), true, &["increasing", "0.1"]);
    refused(to(&x, f64::NAN, &[0.1]), true, &["time"]);
    refused(to(&x, 0.0, &[f64::INFINITY]), true, &["time", "inf"]);
    // 1e13 steps are refused before they fill the memory.
    refused(to(&x, 0.0, &[1e12]), true, &["1.0e13 steps", "fewer"]);
    refused(to(&x, 0.0, &[1e300]), true, &["steps"]);
    let with = |options: PredictOptions| moved_to(&energy, x.view(), 0.0, &[0.1], &options);
    refused(with(PredictOptions { steps_per_interval: Some(0), ..Default::default() }), true, &["steps"]);
    refused(Cloud::new(x.clone(), Some(array![1.0, 1.0].view())), true, &["weights", "expected 3, found 2"]);
    let far = array![[1e200, 0.0]];
    let quartic =
        fit(&pair(40), &options("poly:4", Scheme::Explicit), fokker::Task::silent()).unwrap().energy;
    let lost = moved_to(&quartic, far.view(), 0.0, &[0.1], &PredictOptions::default());
    refused(lost, false, &["1 of 1 particles", "range of numbers"]);
    // Where an energy varies in time, it ends with the data.
    let varying =
        FitOptions { time_varying: Some(TimeBasis::Polynomial(1)), ..options("poly:1", Scheme::Explicit) };
    let data =
        snapshots(&[0.0, 0.1, 0.2], vec![normals(20, 2, 1), normals(20, 2, 2) * 0.9, normals(20, 2, 3)]);
    let varying = fit(&data, &varying, fokker::Task::silent()).unwrap().energy;
    let beyond = moved_to(&varying, x.view(), 0.0, &[0.3], &PredictOptions::default());
    refused(beyond, true, &["[0, 0.2]", "does not vary"]);
    refused(varying.potential(-0.1, x.view()), true, &["[0, 0.2]"]);
    let matched = matches!(
        varying.velocity(0.0, x.view(), x.view(), array![1.0].view()),
        Err(Error::Size { name: "weights", expected: 3, found: 1 })
    );
    assert!(matched);
}
