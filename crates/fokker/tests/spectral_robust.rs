//! Awkward data: a sensible fit with a warning, or a clear error.

use fokker::spectral::{Candidate, Coordinates, DrawOptions, Pairs, Rows, Shape, SpectralFit, fit};
use fokker::statistics::GaussianMixture;
use fokker::{ArrayBlocks, Error};
use ndarray::{Array2, Axis, concatenate};

fn normals(n: usize, d: usize) -> Array2<f64> {
    GaussianMixture::random(1, d, 0.0, 2).unwrap().sample(n, 5)
}

const ALL: [Coordinates; 3] = [Coordinates::Standard, Coordinates::Copula, Coordinates::Box];

fn fit_in(x: &Array2<f64>, coordinates: Coordinates, shape: Shape) -> fokker::Result<SpectralFit> {
    let options = Candidate { coordinates, shape, ..Default::default() };
    fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent())
}

/// Finite samples, densities and scores.
fn check(fit: &SpectralFit, x: &Array2<f64>) -> Array2<f64> {
    let drawn = fit
        .sample(&DrawOptions { particles: 500, seed: 1, ..Default::default() }, fokker::Task::silent())
        .unwrap()
        .x;
    assert!(drawn.iter().all(|x| x.is_finite()));
    assert!(fit.log_density(x.view()).unwrap().iter().all(|l| !l.is_nan()));
    assert!(fit.score_at(0.1, x.view()).unwrap().iter().all(|s| s.is_finite()));
    assert!(SpectralFit::from_bytes(&fit.to_bytes()).is_ok());
    drawn
}

fn warned(fit: &SpectralFit, words: &str) -> bool {
    fit.report().warnings.iter().any(|warning| warning.contains(words))
}

#[test]
fn constant_and_copied_columns_are_left_out_and_put_back() {
    let base = normals(2000, 2);
    let constant = Array2::from_elem((2000, 1), 3.5);
    let copy = base.column(0).mapv(|x| 7.0 - 2.0 * x).insert_axis(Axis(1));
    let same = base.column(1).to_owned().insert_axis(Axis(1));
    let x = concatenate(Axis(1), &[base.view(), constant.view(), copy.view(), same.view()]).unwrap();
    for coordinates in ALL {
        let fit = fit_in(&x, coordinates, Shape::default()).unwrap();
        assert!(warned(&fit, "column 2 is always 3.5") && warned(&fit, "column 3 is column 0"));
        assert!(warned(&fit, "column 4 is column 1"));
        let drawn = check(&fit, &x);
        for row in drawn.rows() {
            assert!((row[2] - 3.5).abs() < 1e-12 && (row[3] - 7.0 + 2.0 * row[0]).abs() < 1e-9);
            assert!((row[4] - row[1]).abs() < 1e-9);
        }
    }
    let error = fit_in(&constant, Coordinates::Standard, Shape::default()).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("constant"), "{error}");
}

#[test]
fn heavy_tails() {
    // Quantiles of the Cauchy law, with their signs and places mixed, beside a normal column.
    let n = 4001;
    let cauchy = Array2::from_shape_fn((n, 1), |(i, _)| {
        let u = ((i * 1597) % n) as f64 / n as f64 + 0.5 / n as f64;
        (std::f64::consts::PI * (u - 0.5)).tan()
    });
    let x = concatenate(Axis(1), &[cauchy.view(), normals(n, 1).view()]).unwrap();
    for coordinates in ALL {
        let fit = fit_in(&x, coordinates, Shape::default()).unwrap();
        check(&fit, &x);
        if coordinates == Coordinates::Standard {
            assert!(warned(&fit, "column 0 has heavy tails"));
        }
        if coordinates == Coordinates::Copula {
            // Through its distribution function the column is as good as any: the median of |x|
            // is 1 for Cauchy, with standard deviation (π/2)/√20000 = 0.011 of 20,000 draws.
            let drawn = fit
                .sample(&DrawOptions { particles: 20_000, ..Default::default() }, fokker::Task::silent())
                .unwrap()
                .x;
            let mut sizes: Vec<f64> = drawn.column(0).iter().map(|x| x.abs()).collect();
            sizes.sort_by(f64::total_cmp);
            assert!((sizes[10_000] - 1.0).abs() < 0.06, "{}", sizes[10_000]);
            assert!(fit.comparison().unwrap().sentence().contains("gains"));
        }
    }
}

#[test]
fn fewer_rows_than_functions() {
    let x = normals(40, 6);
    for coordinates in ALL {
        let fit = fit_in(&x, coordinates, Shape::default()).unwrap();
        assert!(warned(&fit, "rows for"), "{:?}", fit.report().warnings);
        check(&fit, &x);
    }
}

#[test]
fn one_dimension_and_two_hundred() {
    for coordinates in ALL {
        let x = normals(3000, 1);
        check(&fit_in(&x, coordinates, Shape { degree: 8, ..Default::default() }).unwrap(), &x);
        let x = normals(1500, 200);
        let fit = fit_in(&x, coordinates, Shape { pairs: Pairs::None, ..Default::default() }).unwrap();
        assert_eq!(fit.report().functions, 800);
        check(&fit, &x);
    }
}

#[test]
fn values_that_are_few() {
    // A column of two values, and one of integers.
    let x = Array2::from_shape_fn(
        (2000, 2),
        |(i, j)| if j == 0 { (i * 7 % 2) as f64 } else { (i * 31 % 11) as f64 },
    );
    for coordinates in ALL {
        check(&fit_in(&x, coordinates, Shape::default()).unwrap(), &x);
    }
}

#[test]
fn extreme_scales() {
    for scale in [1e-100, 1e-12, 1e12, 1e100] {
        let x = normals(1000, 2) * scale;
        for coordinates in ALL {
            check(&fit_in(&x, coordinates, Shape::default()).unwrap(), &x);
        }
    }
    let x = normals(1000, 2) * 1e200;
    for coordinates in ALL {
        let error = fit_in(&x, coordinates, Shape::default()).unwrap_err();
        assert!(error.is_input(), "{error}");
    }
}

#[test]
fn rows_that_make_no_fit_are_refused_with_their_place() {
    let mut x = normals(5000, 3);
    x[[4321, 2]] = f64::NAN;
    let error = fit_in(&x, Coordinates::Standard, Shape::default()).unwrap_err();
    assert!(error.to_string().contains("row 4321, column 2"), "{error}");
    x[[4321, 2]] = f64::INFINITY;
    assert!(fit_in(&x, Coordinates::Copula, Shape::default()).unwrap_err().to_string().contains("inf"));
    for rows in [0, 1] {
        let error = fit_in(&normals(rows, 3), Coordinates::Standard, Shape::default()).unwrap_err();
        assert!(error.is_input(), "{error}");
    }
    assert!(fit_in(&Array2::zeros((10, 0)), Coordinates::Standard, Shape::default()).unwrap_err().is_input());
    let weights = vec![1.0; 9];
    let rows = Rows { weights: Some(&weights), ..Default::default() };
    let x = normals(10, 2);
    let error = fit(
        &mut ArrayBlocks::new(x.view()),
        &Candidate { rows, ..Default::default() },
        fokker::Task::silent(),
    )
    .unwrap_err();
    assert!(matches!(error, Error::Size { name: "weights", .. }), "{error}");
}
