//! Nothing that is learned sees what is held out.

use fokker::population::{
    Cloud, FitOptions, HoldOut, PredictOptions, Snapshots, TimeBasis, ValidateOptions, fit, predict, split,
    validate,
};
use ndarray::Array2;

/// Three snapshots of 120 particles that drift and widen, spread evenly without a pattern.
fn snapshots() -> Snapshots {
    let cloud = |t: usize| {
        let x = Array2::from_shape_fn((120, 2), |(i, j)| {
            let u = ((i + 1) as f64 * [0.6180339887498949, 0.4142135623730951][j]).fract() - 0.5;
            (2.0 + 0.5 * t as f64) * u + 0.7 * t as f64 * u * u + t as f64
        });
        Cloud::new(x, None).unwrap()
    };
    Snapshots::new(vec![0.0, 1.0, 2.5], (0..3).map(cloud).collect()).unwrap()
}

/// The same with the rows that `split` holds out replaced by something else entirely.
fn replaced(snapshots: &Snapshots, share: f64, seed: u64) -> Snapshots {
    let cloud = |cloud: &Cloud| {
        let mut x = cloud.x.clone();
        for (k, &i) in split(cloud.len(), share, seed).unwrap().1.iter().enumerate() {
            x.row_mut(i).fill(1e3 * (1.0 + k as f64).sin());
        }
        Cloud::new(x, None).unwrap()
    };
    let clouds = snapshots.clouds().iter().map(cloud).collect();
    Snapshots::new(snapshots.times().to_vec(), clouds).unwrap()
}

#[test]
fn replacing_held_out_particles_changes_no_bit_of_what_is_learned() {
    let truth = snapshots();
    for time in [None, Some(TimeBasis::Constant), Some(TimeBasis::Interval)] {
        let options = ValidateOptions {
            hold_out: HoldOut::Cells(0.4),
            seeds: 2,
            fit: FitOptions { time_varying: time, seed: 3, ..Default::default() },
            ..Default::default()
        };
        for seed in [3, 4] {
            let other = replaced(&truth, 0.4, seed);
            let learned = |snapshots: &Snapshots| {
                let (kept, _) = fokker::population::split_snapshots(snapshots, 0.4, seed).unwrap();
                fit(
                    &kept,
                    &FitOptions { time_varying: time, seed, ..Default::default() },
                    fokker::Task::silent(),
                )
                .unwrap()
            };
            let (a, b) = (learned(&truth), learned(&other));
            // Coefficients, centres, scales, bandwidths, scheme, features, ridge, all to the bit.
            assert_eq!(a, b);
            assert_eq!(a.energy.to_bytes(), b.energy.to_bytes());
        }
        // What `validate` chose for its first seed is what a fit to the kept particles chooses.
        let (one, two) = (
            validate(&truth, &options, fokker::Task::silent()).unwrap(),
            validate(&replaced(&truth, 0.4, 3), &options, fokker::Task::silent()).unwrap(),
        );
        assert_eq!(one.chosen[0], two.chosen[0]);
        // The distances do see the held-out particles.
        assert_ne!(one.steps[0].distances.fit, two.steps[0].distances.fit);
    }
}

#[test]
fn a_held_out_time_is_not_seen() {
    let truth = snapshots();
    let mut clouds = truth.clouds().to_vec();
    clouds[1] = Cloud::new(&clouds[1].x * 50.0 - 9.0, None).unwrap();
    let other = Snapshots::new(truth.times().to_vec(), clouds).unwrap();
    let energy = |snapshots: &Snapshots| {
        fit(&snapshots.without(1).unwrap(), &FitOptions::default(), fokker::Task::silent()).unwrap().energy
    };
    assert_eq!(energy(&truth).to_bytes(), energy(&other).to_bytes());
    let options = ValidateOptions { hold_out: HoldOut::Time, seeds: 1, ..Default::default() };
    let steps = [&truth, &other]
        .map(|snapshots| validate(snapshots, &options, fokker::Task::silent()).unwrap().steps[0]);
    assert_eq!((steps[0].from, steps[0].to), (0.0, 1.0));
    assert_ne!(steps[0].distances.fit, steps[1].distances.fit);
    // The prediction is that of the energy alone.
    let options = PredictOptions { times: Some(vec![1.0]), ..Default::default() };
    let moved = predict(&energy(&truth), &truth.clouds()[0], &options, fokker::Task::silent());
    let options = fokker::transport::ExactOptions::default();
    let w1 = fokker::transport::wasserstein1(moved.unwrap()[0].view(), truth.clouds()[1].x.view(), &options);
    assert_eq!(Some(w1.unwrap()), steps[0].distances.fit);
}
