//! One test for every trap that an implementation of the same method fell into.

#[path = "common/population.rs"]
mod common;

use common::{
    curvature, gradient, moved_to, normal_quadrature, normals, options, quadratic, relative, snapshots,
};
use fokker::population::{
    Cloud, CouplingMethod, Energy, FitOptions, PredictOptions, Ridge, Scheme, Snapshots, TimeBasis, fit,
    split, split_snapshots,
};
use fokker::transport::Strength;
use fokker_linalg::eigh;
use ndarray::{Array1, Array2, Axis, array, concatenate};
use std::f64::consts::SQRT_2;

/// Clouds of different sizes that drift and spread: no row has a partner.
fn clouds() -> Vec<Array2<f64>> {
    (0..4u64)
        .map(|k| {
            let t = k as f64 * 0.1;
            normals(50 + 10 * k as usize, 2, 40 + k) * (1.0 + 0.5 * t) + array![t, -2.0 * t]
        })
        .collect()
}

const TIMES: [f64; 4] = [0.0, 0.1, 0.2, 0.3];

/// Normals with mean 0 and covariance 1 to rounding.
fn white(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let x = normals(n, d, seed);
    let x = &x - &x.mean_axis(Axis(0)).unwrap();
    let eigen = eigh((x.t().dot(&x) / n as f64).view()).unwrap();
    let root = (&eigen.vectors / &eigen.values.mapv(f64::sqrt)).dot(&eigen.vectors.t());
    x.dot(&root)
}

fn flipped(x: &Array2<f64>) -> Array2<f64> {
    let n = x.nrows();
    let rows: Vec<usize> = (0..n).map(|i| (i * 11 + 3) % n).collect();
    assert!(!n.is_multiple_of(11), "a permutation");
    x.select(Axis(0), &rows)
}

/// ∇V on the first cloud, V and W of a few distances, θ.
fn answer(energy: &Energy) -> (Array2<f64>, Array1<f64>, f64) {
    let grid =
        Array2::from_shape_fn((25, 2), |(i, j)| (if j == 0 { i / 5 } else { i % 5 }) as f64 * 0.7 - 1.4);
    let pairs = energy.interaction(array![0.0, 0.3, 1.0, 2.0].view());
    (gradient(energy, grid.view()), &pairs - pairs[0], energy.temperature.unwrap_or(0.0))
}

#[track_caller]
fn same(a: &Energy, b: &Energy, tolerance: f64, context: &str) {
    let ((g, w, t), (h, v, s)) = (answer(a), answer(b));
    let scale = |x: f64| tolerance * x.abs().max(1e-3);
    let most = h.iter().chain(&v).fold(s.abs(), |most: f64, x| most.max(x.abs()));
    let error =
        g.iter().zip(&h).chain(w.iter().zip(&v)).fold((t - s).abs(), |e: f64, (x, y)| e.max((x - y).abs()));
    assert!(error <= scale(most), "{context}: {error:e} of {most}");
}

#[test]
fn the_order_of_rows_pairs_nothing() {
    for scheme in Scheme::ALL {
        let options = FitOptions {
            interaction: Some("quadratic+radial:2".parse().unwrap()),
            internal: Some(fokker::population::Components(1)),
            ridge: Ridge::Relative(1e-6),
            ..options("poly:3+rbf:4", scheme)
        };
        let ordered = fit(&snapshots(&TIMES, clouds()), &options, fokker::Task::silent()).unwrap();
        let mut mixed = clouds();
        mixed[1] = flipped(&mixed[1]);
        mixed[2] = flipped(&mixed[2]);
        let mixed = fit(&snapshots(&TIMES, mixed), &options, fokker::Task::silent()).unwrap();
        same(&mixed.energy, &ordered.energy, 1e-6, &scheme.to_string());
        assert_eq!((mixed.equations, mixed.unknowns), (ordered.equations, ordered.unknowns));
    }
}

#[test]
fn the_number_of_batches_and_the_strength_of_entropy_scale_nothing() {
    // The mean displacement is that of the means, whatever the coupling, if no mass is lost: a
    // linear potential sees nothing else.
    let x = normals(60, 2, 1);
    let y = normals(60, 2, 2) * 0.8 + array![0.5, -1.0];
    let mean = |x: &Array2<f64>| x.mean_axis(Axis(0)).unwrap();
    let slope = (mean(&x) - mean(&y)) / 0.1;
    let data = snapshots(&[0.0, 0.1], vec![x.clone(), y.clone()]);
    let couplings = [
        (CouplingMethod::Exact, 1e-11),
        (CouplingMethod::Batch(60), 1e-11),
        (CouplingMethod::Batch(30), 1e-11),
        (CouplingMethod::Batch(7), 1e-11),
        (CouplingMethod::Batch(1), 1e-11),
        // Sinkhorn's marginals hold to 1e-6 of the mass.
        (CouplingMethod::Entropic(Strength::Relative(0.05)), 1e-4),
        (CouplingMethod::Entropic(Strength::Relative(1.0)), 1e-4),
        (CouplingMethod::Entropic(Strength::Absolute(1e4)), 1e-4),
    ];
    for (coupling, tolerance) in couplings {
        for scheme in [Scheme::Explicit, Scheme::Implicit, Scheme::Midpoint] {
            let fitted =
                fit(&data, &FitOptions { coupling, ..options("poly:1", scheme) }, fokker::Task::silent())
                    .unwrap();
            let found = gradient(&fitted.energy, array![[0.0, 0.0]].view());
            let error = (&found.row(0) - &slope).iter().fold(0.0, |e: f64, x| e.max(x.abs()));
            assert!(error < tolerance * 10.0, "{coupling} {scheme}: {found} instead of {slope}");
        }
    }
    // Without a preference everybody goes to the mean: a Hessian of 1/τ.
    let coupling = CouplingMethod::Entropic(Strength::Absolute(1e9));
    let fitted =
        fit(&data, &FitOptions { coupling, ..options("poly:2", Scheme::Explicit) }, fokker::Task::silent())
            .unwrap();
    let error = quadratic(&fitted.energy).0 - Array2::<f64>::eye(2) * 10.0;
    assert!(error.iter().all(|e| e.abs() < 1e-4), "{error}");
}

#[test]
fn batches_do_not_follow_the_order_of_rows() {
    // Snapshots of the same particles in the same rows: batches cut by row would find them again,
    // at size 1 exactly. A random partner explains nothing.
    let x = normals(200, 2, 1);
    let data = snapshots(&[0.0, 0.1], vec![x.clone(), &x * 0.9]);
    let by = |coupling| {
        fit(&data, &FitOptions { coupling, ..options("poly:2", Scheme::Midpoint) }, fokker::Task::silent())
            .unwrap()
    };
    assert!(by(CouplingMethod::Exact).residuals[0] < 1e-6);
    // The true fraction explained is O(1/n): leaking batches would leave 0.
    let random = by(CouplingMethod::Batch(1)).residuals[0];
    assert!(random > 0.9, "{random}");
}

#[test]
fn a_weight_of_two_is_a_row_twice() {
    for scheme in Scheme::ALL {
        // One interval with as many weak equations as unknowns: their noise, which knows that two
        // copies are no two particles, cannot matter.
        let ridge = if scheme == Scheme::Weak { 0.0 } else { 1e-2 };
        let options = FitOptions {
            ridge: Ridge::Relative(ridge),
            raw_features: true,
            internal: (scheme != Scheme::Weak).then_some(fokker::population::Components(1)),
            ..options("poly:3", scheme)
        };
        let all = clouds();
        let twice: Vec<Array2<f64>> = all[..2]
            .iter()
            .map(|x| {
                let rows: Vec<usize> = (0..x.nrows()).flat_map(|i| vec![i; 1 + i % 3]).collect();
                x.select(Axis(0), &rows)
            })
            .collect();
        let weighted = all[..2].iter().map(|x| {
            let weights = Array1::from_shape_fn(x.nrows(), |i| (1 + i % 3) as f64);
            Cloud::new(x.clone(), Some(weights.view())).unwrap()
        });
        let weighted = Snapshots::new(vec![0.0, 0.1], weighted.collect()).unwrap();
        let twice = fit(&snapshots(&[0.0, 0.1], twice), &options, fokker::Task::silent()).unwrap().energy;
        same(
            &fit(&weighted, &options, fokker::Task::silent()).unwrap().energy,
            &twice,
            1e-6,
            &scheme.to_string(),
        );
    }
}

#[test]
fn a_row_of_weight_zero_is_no_row() {
    let far = array![[1e6, -1e6], [3.0, 1e7]];
    for scheme in Scheme::ALL {
        for coupling in [CouplingMethod::Exact, CouplingMethod::Entropic(Strength::Relative(0.1))] {
            let options = FitOptions {
                coupling,
                interaction: Some("radial:2".parse().unwrap()),
                internal: Some(fokker::population::Components(1)),
                ridge: Ridge::Relative(1e-6),
                ..options("poly:2+rbf-kmeans:5", scheme)
            };
            let weighted = clouds().into_iter().map(|x| {
                let weights = Array1::from_shape_fn(x.nrows() + 2, |i| if i < x.nrows() { 1.0 } else { 0.0 });
                let x = concatenate(Axis(0), &[x.view(), far.view()]).unwrap();
                Cloud::new(x, Some(weights.view())).unwrap()
            });
            let weighted = Snapshots::new(TIMES.to_vec(), weighted.collect()).unwrap();
            let plain = fit(&snapshots(&TIMES, clouds()), &options, fokker::Task::silent()).unwrap().energy;
            let found = fit(&weighted, &options, fokker::Task::silent()).unwrap().energy;
            same(&found, &plain, 1e-5, &format!("{scheme} {coupling}"));
        }
    }
}

#[test]
fn labels_need_not_start_at_zero() {
    let all = clouds();
    let rows: Vec<_> = all.iter().map(|x| x.view()).collect();
    let x = concatenate(Axis(0), &rows).unwrap();
    let label = |first: f64| {
        let of = |(k, x): (usize, &Array2<f64>)| vec![first + TIMES[k]; x.nrows()];
        Array1::from(all.iter().enumerate().flat_map(of).collect::<Vec<f64>>())
    };
    for scheme in Scheme::ALL {
        let fit_from = |first: f64| {
            let data = Snapshots::from_rows(x.view(), label(first).view(), None).unwrap();
            let fitted = fit(&data, &options("poly:2", scheme), fokker::Task::silent()).unwrap();
            assert_eq!((data.intervals(), fitted.residuals.len()), (3, 3));
            fitted.energy
        };
        same(&fit_from(4.0), &fit_from(0.0), 1e-10, &scheme.to_string());
        same(&fit_from(-8.0), &fit_from(0.0), 1e-10, &scheme.to_string());
    }
}

#[test]
fn the_internal_energy_lives_in_eight_dimensions() {
    // V = ½|x|², θ = 0.7: a cloud of standard deviation σ, σ² = 0.7 + (9 − 0.7)e^{−2t}. Its density
    // is at most (2π9)^{−4} = 1e-7.
    let shape = white(400, 8, 3);
    let times: Vec<f64> = (0..6).map(|k| 0.1 * k as f64).collect();
    let cloud = |t: &f64| &shape * (0.7 + 8.3 * (-2.0 * t).exp()).sqrt();
    let data = snapshots(&times, times.iter().map(cloud).collect());
    let options = FitOptions {
        internal: Some(fokker::population::Components(1)),
        ..options("poly:2", Scheme::Midpoint)
    };
    let theta = fit(&data, &options, fokker::Task::silent()).unwrap().energy.temperature.unwrap();
    // The scheme errs by τ²/12 of the motion, about 1e-3 of rates near 1.
    assert!((theta - 0.7).abs() < 0.01, "{theta}");
}

#[test]
fn tight_components_count() {
    // Two clusters of standard deviation near 0.02 at ±e^{−t}: covariance determinants near 1e-7.
    let theta = 4e-4;
    let shape = white(60, 2, 4);
    let times: Vec<f64> = (0..6).map(|k| 0.05 * k as f64).collect();
    let cloud = |t: &f64| {
        let sigma = (theta + (16e-4 - theta) * (-2.0 * t).exp()).sqrt();
        let part = |side: f64| &shape * sigma + array![side, 0.5 * side] * (-t).exp();
        concatenate(Axis(0), &[part(1.0).view(), part(-1.0).view()]).unwrap()
    };
    let data = snapshots(&times, times.iter().map(cloud).collect());
    let options = FitOptions {
        internal: Some(fokker::population::Components(2)),
        ..options("poly:2", Scheme::Midpoint)
    };
    let found = fit(&data, &options, fokker::Task::silent()).unwrap().energy.temperature.unwrap();
    // The mixture adds 1e-6 of the total variance of about 1 to theirs, up to 0.2 % each.
    assert!((found / theta - 1.0).abs() < 0.02, "{found}");
}

#[test]
fn a_negative_temperature_is_returned_and_not_simulated() {
    // σ² = 1 − t: heat flowing backwards, θ = −0.5.
    let (shape, weights) = normal_quadrature(6);
    let times: Vec<f64> = (0..5).map(|k| 0.1 * k as f64).collect();
    let cloud = |t: &f64| Cloud::new(&shape * (1.0 - t).sqrt(), Some(weights.view())).unwrap();
    let data = Snapshots::new(times.clone(), times.iter().map(cloud).collect()).unwrap();
    for scheme in Scheme::ALL {
        let options = FitOptions {
            potential: fokker::population::Potential::None,
            internal: Some(fokker::population::Components(1)),
            ..options("poly:2", scheme)
        };
        let energy = fit(&data, &options, fokker::Task::silent()).unwrap().energy;
        let theta = energy.temperature.unwrap();
        // Explicit and implicit err by about τ/(4σ²) of θ, up to 4 %.
        assert!((theta + 0.5).abs() < 0.04, "{scheme}: {theta}");
        let moved = |noise: bool| {
            let options = PredictOptions { noise, ..Default::default() };
            moved_to(&energy, shape.view(), 0.0, &[0.1], &options)
        };
        let message = moved(true).unwrap_err().to_string();
        assert!(message.contains("temperature is -0."), "{message}");
        assert_eq!(moved(false).unwrap()[0], shape);
    }
}

#[test]
fn units_of_time_and_space_are_those_of_the_user() {
    // t → ct, x → sx: V, W and θ → s²/c of theirs.
    for scheme in Scheme::ALL {
        let options = FitOptions {
            interaction: Some("quadratic+radial:2".parse().unwrap()),
            internal: Some(fokker::population::Components(2)),
            ridge: Ridge::Relative(1e-6),
            ..options("poly:2+rbf-kmeans:6", scheme)
        };
        let plain = fit(&snapshots(&TIMES, clouds()), &options, fokker::Task::silent()).unwrap().energy;
        // Powers of two round nothing; 3.7 and 1e3 round a little, and a condition of 1e6 grows it.
        for (c, s, tolerance) in [(0.25, 8.0, 1e-10), (3.7, 1.0, 1e-6), (1.0, 1e3, 1e-6), (1e-5, 1e-4, 1e-6)]
        {
            let times = TIMES.map(|t| c * t);
            let scaled = fit(
                &snapshots(&times, clouds().into_iter().map(|x| x * s).collect()),
                &options,
                fokker::Task::silent(),
            );
            let scaled = scaled.unwrap().energy;
            let x = &clouds()[0];
            let (found, wanted) = (gradient(&scaled, (x * s).view()), gradient(&plain, x.view()) * (s / c));
            assert!(relative(&found, &wanted) < tolerance, "{scheme} {c} {s}: {}", relative(&found, &wanted));
            let r = array![0.0, 0.5, 1.5];
            let pairs = |energy: &Energy, r: Array1<f64>| {
                let values = energy.interaction(r.view());
                (&values - values[0]).insert_axis(Axis(0))
            };
            let (found, wanted) = (pairs(&scaled, &r * s), pairs(&plain, r) * (s * s / c));
            assert!(relative(&found, &wanted) < tolerance, "{scheme} {c} {s}: {found} {wanted}");
            let ratio = scaled.temperature.unwrap() / (plain.temperature.unwrap() * s * s / c);
            assert!((ratio - 1.0).abs() < tolerance, "{scheme} {c} {s}: θ {ratio}");
        }
    }
}

#[test]
fn unequal_gaps_are_not_equal() {
    // x' = −x at times 0, 0.1, 0.5, 0.55.
    let shape = white(100, 2, 6);
    let times = [0.0, 0.1, 0.5, 0.55];
    let data = snapshots(&times, times.map(|t: f64| &shape * (-t).exp()).to_vec());
    let by =
        |scheme| quadratic(&fit(&data, &options("poly:2", scheme), fokker::Task::silent()).unwrap().energy).0;
    // 2 tanh(τ/2)/τ is 1.3 % below 1 for the longest gap, tanh(τ)/τ (weak) 5 %; (1 − e^{−τ})/τ is
    // between 0.82 and 0.98, (e^τ − 1)/τ between 1.02 and 1.23.
    for (scheme, low, high) in [
        (Scheme::Midpoint, 0.985, 1.0),
        (Scheme::Weak, 0.949, 1.0),
        (Scheme::Explicit, 0.82, 0.98),
        (Scheme::Implicit, 1.02, 1.23),
    ] {
        let found = by(scheme);
        assert!(
            (low..high).contains(&found[[0, 0]]) && (low..high).contains(&found[[1, 1]]),
            "{scheme}: {found}"
        );
    }
    // A potential for each interval knows its own gap.
    let options =
        FitOptions { time_varying: Some(TimeBasis::Interval), ..options("poly:2", Scheme::Midpoint) };
    let energy = fit(&data, &options, fokker::Task::silent()).unwrap().energy;
    for (i, gap) in [0.1f64, 0.4, 0.05].into_iter().enumerate() {
        let v = energy.potential(times[i], array![[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]].view()).unwrap();
        let wanted = 2.0 * (0.5 * gap).tanh() / gap;
        assert!((v[1] + v[2] - 2.0 * v[0] - wanted).abs() < 1e-9, "interval {i}");
    }
}

#[test]
fn held_out_cells_tell_the_fit_nothing() {
    let data = snapshots(&TIMES, clouds());
    let (kept, held) = split_snapshots(&data, 0.3, 9).unwrap();
    let replaced: Vec<Array2<f64>> = clouds()
        .into_iter()
        .map(|mut x| {
            let (_, out) = split(x.nrows(), 0.3, 9).unwrap();
            out.into_iter().for_each(|i| x.row_mut(i).fill(1e3 + i as f64));
            x
        })
        .collect();
    let (kept_again, held_again) = split_snapshots(&snapshots(&TIMES, replaced), 0.3, 9).unwrap();
    assert_ne!(held, held_again);
    // Scales, centres, bandwidths, choices and coefficients, to the bit.
    assert_eq!(
        fit(&kept, &FitOptions::default(), fokker::Task::silent()).unwrap(),
        fit(&kept_again, &FitOptions::default(), fokker::Task::silent()).unwrap()
    );
}

#[test]
fn tiny_displacements_are_seen() {
    // V = ½|x − c|² far from the origin over a step of 1e-6, neighbours 1e-4 apart: in squares of
    // single precision, or of |x|² + |y|² − 2xy, nobody would be told from anybody.
    let shape = white(90, 2, 7) * 1e-3;
    let moved = &shape * (1.0 - 1e-6) + 1e3;
    let data = snapshots(&[0.0, 1e-6], vec![&shape + 1e3, flipped(&moved)]);
    let fitted = fit(&data, &options("poly:2", Scheme::Explicit), fokker::Task::silent()).unwrap();
    // Displacements of 1e-9, rounded at 1e-13: 1e-4 of them, less in the mean of 90 particles.
    let error = quadratic(&fitted.energy).0 - Array2::<f64>::eye(2);
    assert!(error.iter().all(|e| e.abs() < 1e-3), "{error}");
}

#[test]
fn the_interaction_is_that_of_half_the_double_integral() {
    // W = ½w|z|² pulls to the mean with w: x_i' = −w(x_i − m), no factor of two.
    let x = white(80, 2, 8);
    let data = snapshots(&[0.0, 0.1], vec![&x + 1.0, &x * (1.0 - 0.1 * SQRT_2) + 1.0]);
    let options = FitOptions {
        potential: fokker::population::Potential::None,
        interaction: Some("quadratic".parse().unwrap()),
        ..options("poly:2", Scheme::Explicit)
    };
    let w = curvature(&fit(&data, &options, fokker::Task::silent()).unwrap().energy);
    assert!((w - SQRT_2).abs() < 1e-10, "{w}");
}
