//! Fits of the paired benchmark: couplings, equations, solve and the one-step W₁ of the other half.
//!
//! One thread, so that seconds are CPU seconds. The reference implementation takes about 25 (potential)
//! and 60 (all terms) CPU-seconds for the same, as measured for the design of this library.

use fokker::population::{
    Cloud, FitOptions, Potential, PredictOptions, Ridge, Scheme, Snapshots, TimeBasis, fit, predict,
    split_snapshots,
};
use fokker::problems::{BenchmarkEnergy, PopulationOptions, simulate_population};
use fokker::transport::{ExactOptions, wasserstein1};
use ndarray::{ArrayView2, ArrayViewMut2};

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool");
    divan::main();
}

fn snapshots() -> (Snapshots, Snapshots) {
    let energy = BenchmarkEnergy::parse("styblinski-tang").expect("known");
    let gradient = |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| energy.gradient_into(x, out);
    let options = PopulationOptions {
        potential: Some(&gradient),
        particles: 2000,
        paired: true,
        seed: 1,
        ..Default::default()
    };
    let (times, clouds): (Vec<f64>, Vec<_>) =
        simulate_population(&options).expect("a simulation").into_iter().unzip();
    let clouds = clouds.into_iter().map(|x| Cloud::new(x, None).expect("finite")).collect();
    let all = Snapshots::new(times, clouds).expect("increasing times");
    split_snapshots(&all, 0.5, 0).expect("two halves")
}

fn published() -> FitOptions {
    FitOptions {
        potential: Potential::Features("poly-tensor:4+rbf:10:-4:4:0.5".parse().expect("features")),
        time_varying: Some(TimeBasis::Constant),
        scheme: Some(Scheme::Explicit),
        ridge: Ridge::Absolute(0.01),
        raw_features: true,
        ..Default::default()
    }
}

fn fit_and_judge((kept, held): &(Snapshots, Snapshots), options: &FitOptions) -> f64 {
    let energy = fit(kept, options, fokker::Task::silent()).expect("a fit").energy;
    let times = held.times();
    let step = |i: usize| {
        let (at, times) = (Some(times[i]), Some(vec![times[i + 1]]));
        let settings = PredictOptions { at, times, noise: false, ..Default::default() };
        let moved =
            predict(&energy, &held.clouds()[i], &settings, fokker::Task::silent()).expect("a prediction");
        wasserstein1(moved[0].view(), held.clouds()[i + 1].x.view(), &ExactOptions::default()).expect("W1")
    };
    (0..held.intervals()).map(step).sum()
}

/// Potential alone, limit 0.5 CPU-s.
#[divan::bench(sample_count = 10)]
fn potential(bencher: divan::Bencher) {
    let data = snapshots();
    bencher.bench(|| fit_and_judge(&data, &published()));
}

/// Potential, interaction and internal energy, limit 2 CPU-s.
#[divan::bench(sample_count = 10)]
fn all_terms(bencher: divan::Bencher) {
    let data = snapshots();
    let options = FitOptions {
        interaction: Some("radial:8".parse().expect("functions")),
        internal: Some(fokker::population::Components(10)),
        ..published()
    };
    bencher.bench(|| fit_and_judge(&data, &options));
}

/// Everything chosen by held-out particles.
#[divan::bench(sample_count = 3)]
fn automatic(bencher: divan::Bencher) {
    let data = snapshots();
    bencher.bench(|| {
        fit_and_judge(&data, &FitOptions { time_varying: Some(TimeBasis::Constant), ..Default::default() })
    });
}
