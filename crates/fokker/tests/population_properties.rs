//! Nothing panics, no thread count shows, sums merge, memory stays linear.

#[path = "common/population.rs"]
mod common;

use common::{moved_to, normals, options, snapshots};
use fokker::Merge;
use fokker::basis::{Basis, FeatureSpec};
use fokker::population::{
    Cloud, CouplingMethod, Fit, FitOptions, PairFunctions, PredictOptions, Ridge, Scheme, Snapshots,
    TimeBasis, WeakSums, fit, predict,
};
use fokker::transport::Strength;
use ndarray::{Array1, Array2, Array3, Axis, Slice};
use proptest::prelude::*;

/// Rows and weights of a cloud.
type Rows = (Array2<f64>, Option<Array1<f64>>);

/// Small clouds: duplicates, single particles, scales from 1e-100 to 1e100, weights with zeros.
fn arbitrary() -> impl Strategy<Value = (Vec<f64>, Vec<Rows>)> {
    let value = prop_oneof![3 => -2.0f64..2.0, 1 => Just(0.0), 1 => Just(1.0)];
    let scale = prop::sample::select(vec![1e-100, 1e-8, 1.0, 1.0, 1.0, 1e8, 1e100]);
    let offset = prop::sample::select(vec![0.0, 0.0, 1.0, 1e6]);
    let gap = prop::sample::select(vec![1e-9, 0.1, 1.0, 1e9]);
    (1usize..4, 2usize..5, scale, offset).prop_flat_map(move |(dim, count, scale, offset)| {
        let cloud = (1usize..14).prop_flat_map({
            let value = value.clone();
            move |n| {
                let weight = prop::sample::select(vec![0.0, 1.0, 1.0, 3.0, 1e-12]);
                let x = prop::collection::vec(value.clone(), n * dim).prop_map(move |x| {
                    Array2::from_shape_vec((n, dim), x).unwrap().mapv(|x| scale * (x + offset))
                });
                (x, prop::option::of(prop::collection::vec(weight, n).prop_map(Array1::from)))
            }
        });
        let times = prop::collection::vec(gap.clone(), count).prop_map(|gaps| {
            let mut t = -1.0;
            gaps.iter()
                .map(|gap| {
                    t += gap;
                    t
                })
                .collect::<Vec<f64>>()
        });
        (times, prop::collection::vec(cloud, count))
    })
}

fn couplings() -> Vec<CouplingMethod> {
    vec![
        CouplingMethod::Exact,
        CouplingMethod::Batch(3),
        CouplingMethod::Entropic(Strength::Relative(0.5)),
        CouplingMethod::Entropic(Strength::Absolute(1.0)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes out is finite; whatever cannot is an error.
    #[test]
    fn no_input_panics(
        (times, clouds) in arbitrary(),
        features in prop::sample::select(vec!["auto", "none", "poly:1", "poly:3", "poly:1+rbf:2", "rbf-kmeans:3", "fourier:3"]),
        pairs in prop::sample::select(vec!["", "quadratic", "radial:3"]),
        internal in prop::option::of(1usize..4),
        scheme in prop::option::of(prop::sample::select(Scheme::ALL.to_vec())),
        coupling in prop::sample::select(couplings()),
        ridge in prop::sample::select(vec![Ridge::HoldOut, Ridge::CrossValidation, Ridge::Relative(0.0),
            Ridge::Relative(1e-3), Ridge::Absolute(0.0), Ridge::Absolute(0.1)]),
        time in prop::sample::select(vec![None, Some(TimeBasis::Constant), Some(TimeBasis::Interval), Some(TimeBasis::Polynomial(2))]),
        raw_features in any::<bool>(),
    ) {
        let clouds: fokker::Result<Vec<Cloud>> =
            clouds.into_iter().map(|(x, w)| Cloud::new(x, w.as_ref().map(|w| w.view()))).collect();
        let Ok(clouds) = clouds else { return Ok(()) };
        let Ok(data) = Snapshots::new(times, clouds) else { return Ok(()) };
        let options = FitOptions {
            potential: features.parse().unwrap(),
            interaction: pairs.parse().ok(),
            internal: internal.map(fokker::population::Components), time_varying: time, scheme, coupling, ridge, raw_features,
            ..Default::default()
        };
        let Ok(fitted) = fit(&data, &options, fokker::Task::silent()) else { return Ok(()) };
        prop_assert!(fitted.residuals.iter().all(|r| r.is_finite() && *r >= 0.0), "{:?}", fitted.residuals);
        prop_assert!(fitted.rank <= fitted.unknowns && fitted.condition >= 1.0, "{fitted:?}");
        let energy = &fitted.energy;
        let finite = energy.potential.iter().flat_map(|term| term.coefficients.iter())
            .chain(energy.interaction.iter().flat_map(|term| term.coefficients.iter()))
            .chain(&energy.temperature)
            .all(|c| c.is_finite());
        prop_assert!(finite, "{energy:?}");
        let end = data.times()[data.intervals()];
        let settings = PredictOptions { times: Some(vec![end]), ..Default::default() };
        if let Ok(moved) = predict(energy, &data.clouds()[0], &settings, fokker::Task::silent()) {
            prop_assert!(moved[0].iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn the_thread_count_changes_no_bit() {
    let clouds: Vec<Array2<f64>> =
        (0..4u64).map(|k| normals(260 + 20 * k as usize, 2, k) * (1.0 + 0.1 * k as f64)).collect();
    let data = snapshots(&[0.0, 0.1, 0.3, 0.4], clouds);
    type Outcome = (Fit, fokker::Result<Vec<Array2<f64>>>);
    let with = |threads, work: &(dyn Fn() -> Outcome + Sync)| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    };
    // More than 128 functions: their Gram matrix has several panels.
    let exact = Scheme::ALL.map(|scheme| (scheme, CouplingMethod::Exact, "poly:2+rbf-kmeans:130"));
    let others = couplings().into_iter().skip(1).map(|coupling| (Scheme::Midpoint, coupling, "poly:2"));
    for (scheme, coupling, features) in exact.into_iter().chain(others) {
        let work = || {
            let options = FitOptions {
                interaction: Some("radial:3".parse().unwrap()),
                internal: Some(fokker::population::Components(2)),
                coupling,
                ridge: Ridge::Relative(1e-3),
                ..options(features, scheme)
            };
            let fitted = fit(&data, &options, fokker::Task::silent()).unwrap();
            let noise = fitted.energy.temperature >= Some(0.0);
            let settings = PredictOptions { noise, steps_per_interval: Some(2), ..Default::default() };
            let moved = moved_to(&fitted.energy, data.clouds()[0].x.view(), 0.0, &[0.1, 0.2], &settings);
            // Independent clouds as these may give an energy too steep for an implicit step.
            assert!(moved.is_ok() || scheme == Scheme::Implicit, "{moved:?}");
            (fitted, moved)
        };
        assert!(with(1, &work) == with(3, &work), "{scheme} {coupling}");
    }
    let work = || (fit(&data, &FitOptions::default(), fokker::Task::silent()).unwrap(), Ok(Vec::new()));
    assert!(with(1, &work) == with(3, &work), "automatic");
}

#[test]
fn shards_of_weak_sums_merge() {
    let tau = 0.1;
    let spec: FeatureSpec = "poly:3+rbf:3".parse().unwrap();
    // Far from the origin and raw: sums of squares would cancel.
    for offset in [0.0, 300.0] {
        let clouds = [normals(1000, 2, 1) + offset, normals(1300, 2, 2) * 0.8 + offset];
        let features = spec.build(clouds[0].view(), None, offset == 0.0, 0, fokker::Task::silent()).unwrap();
        let basis: &dyn Basis = &features;
        let sums = |x: &Array2<f64>, shards: usize| {
            let weights = Array1::from_shape_fn(x.nrows(), |i| (i % 4) as f64);
            let mut all = WeakSums::new(basis.len(), basis.len(), 0);
            for k in 0..shards {
                let rows = Slice::from(k * x.nrows() / shards..(k + 1) * x.nrows() / shards);
                let mut shard = WeakSums::new(basis.len(), basis.len(), 0);
                let weights = weights.slice_axis(Axis(0), rows);
                shard.observe(x.slice_axis(Axis(0), rows), weights, basis, Some(basis), None).unwrap();
                all.merge(&shard).unwrap();
            }
            all
        };
        let solve = |shards: usize| {
            let [first, second] = [0, 1].map(|k| sums(&clouds[k], shards));
            assert_eq!((first.count(), second.count()), (1000, 1300));
            first.equations(&second, tau, true).unwrap()
        };
        let (whole, parts) = (solve(1), solve(10));
        let (a, b) = (whole.gram(), parts.gram());
        // Sums agree to 1e-14; whitening grows that by the root of the condition, up to 1e5.
        let scale = a.diag().mapv(f64::sqrt);
        for ((i, j), &value) in a.indexed_iter() {
            let error = (value - b[[i, j]]).abs() / (scale[i] * scale[j]);
            assert!(error < 1e-9, "{offset} {i} {j}: {error:e}");
        }
        let error = (whole.target_square() / parts.target_square() - 1.0).abs();
        assert!(error < 1e-9, "{offset}: {error:e}");
    }
    let mut sums = WeakSums::new(3, 0, 2);
    assert!(sums.merge(&WeakSums::new(3, 0, 2)).unwrap_err().to_string().contains("whole snapshots"));
    assert!(WeakSums::new(3, 1, 0).merge(&WeakSums::new(4, 1, 0)).is_err());
}

/// Most memory that this process has used, in bytes.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| 1024.0 * kilobytes)
}

#[test]
fn forces_by_twenty_thousand_particles_take_memory_for_rows_and_not_for_pairs() {
    let y = normals(20_000, 2, 1);
    let weights = Array1::from_elem(20_000, 1.0 / 20_000.0);
    let functions = PairFunctions::new("quadratic+radial:2".parse().unwrap(), 2.0).unwrap();
    let x = y.slice_axis(Axis(0), Slice::from(..3200));
    let before = peak();
    let mut all = Array3::zeros((3200, 2, 3));
    functions.forces_into(x, y.view(), weights.view(), all.view_mut());
    // All pairs would be 512 MB, 64 rows of them a thread are 10 MB; the other tests take little.
    match before.zip(peak()) {
        Some((before, after)) => assert!(after - before < 2.5e8, "{before} {after}"),
        None => eprintln!("skipped: this system does not say how much memory was used"),
    }
    // The same whether rows come in one call or alone.
    let mut one = Array3::zeros((1, 2, 3));
    functions.forces_into(
        x.slice_axis(Axis(0), Slice::from(70..71)),
        y.view(),
        weights.view(),
        one.view_mut(),
    );
    let close = one.iter().zip(all.index_axis(Axis(0), 70)).all(|(a, b)| (a - b).abs() < 1e-13);
    assert!(close);
}
