//! How good spectral fits are on problems with known answers, beside the floor that an independent
//! sample of the same size gives. `make bench-quality` prints all numbers.
//!
//! Every sample has a fixed seed, so nothing here fails by chance; the limits are the published
//! targets, whose margins over the values found are the comments' business.

use fokker::ArrayBlocks;
use fokker::problems::{Chain, CoupledDoubleWell, Lattice, LatticeOptions, line_mixture};
use fokker::process::Linear;
use fokker::score::{MixtureScore, Score};
use fokker::spectral::{
    Candidate, Coordinates, Corrector, Density, DrawOptions, Moments, Pairs, Ridge, Rows, Shape,
    SolveOptions, SpectralFit, Summary, fit,
};
use ndarray::{Array2, Axis, Slice};

#[path = "common/quality.rs"]
mod quality;

use quality::{chain_pairs, correlation, m2, tv1, tv2};

fn draw(fit: &SpectralFit, particles: usize) -> Array2<f64> {
    let drawn = fit
        .sample(&DrawOptions { particles, seed: 11, ..Default::default() }, fokker::Task::silent())
        .unwrap();
    // Held to by the check of every sample as well.
    assert!(drawn.report.warnings.is_empty(), "{:?}", drawn.report);
    let drawn = drawn.x;
    assert!(drawn.iter().all(|x| x.is_finite()));
    drawn
}

fn all_rows<'a>() -> Rows<'a> {
    Rows { hold_out: 0.0, ..Default::default() }
}

#[test]
fn the_score_of_a_mixture_on_the_line() {
    // Exact moments: quadrature nodes are rows and their masses weights. The density is smooth,
    // so the trapezium rule on [−14, 14] converges to rounding; what
    // lies beyond is beyond the smallest number.
    let mixture = line_mixture().unwrap();
    let n = 8001;
    let nodes = Array2::from_shape_fn((n, 1), |(i, _)| -14.0 + 28.0 * i as f64 / (n - 1) as f64);
    let weights = mixture.log_density(nodes.view()).unwrap().mapv(f64::exp).to_vec();
    let options = Candidate {
        shape: Shape { degree: 12, ..Default::default() },
        rows: Rows { weights: Some(&weights), ..all_rows() },
        // The times asked about are solved themselves: no interpolation between.
        solve: SolveOptions {
            ridge: Ridge::Fixed(1e-13),
            first: 0.1,
            last: 1.0,
            times: 2,
            compare: 0,
            ..Default::default()
        },
        ..Default::default()
    };
    let summary =
        Summary::from_blocks(&mut ArrayBlocks::new(nodes.view()), &options.rows, fokker::Task::silent())
            .unwrap();
    let basis = (options.coordinates, &options.shape);
    let moments = Moments::from_blocks(
        &mut ArrayBlocks::new(nodes.view()),
        &summary,
        basis,
        &options.rows,
        fokker::Task::silent(),
    )
    .unwrap();
    let schedule = Linear::constant(1.0, 10.0).unwrap();
    for (t, target) in [(0.1, 0.157), (0.3, 0.0251), (0.6, 0.0014), (1.0, 2.8e-5)] {
        let solve = SolveOptions { first: t, last: t + 1.0, ..options.solve };
        let fit = SpectralFit::from_moments(&moments, &solve, fokker::Task::silent()).unwrap();
        // In the standardised coordinate y = (x − m)/s the data is the mixture moved there.
        let law = mixture.moments().unwrap();
        let (mean, scale) = (law.mean()[0], law.values()[0].sqrt());
        let component = |k: usize| {
            let c = &mixture.components()[k];
            fokker::statistics::Gaussian::diagonal((c.mean() - mean) / scale, c.values() / (scale * scale))
                .unwrap()
        };
        let standard = fokker::statistics::GaussianMixture::new(
            mixture.weights().clone(),
            vec![component(0), component(1)],
        )
        .unwrap();
        let exact = MixtureScore::new(&standard, &schedule);
        let y = Array2::from_shape_fn((2401, 1), |(i, _)| -6.0 + 12.0 * i as f64 / 2400.0);
        let (mut s, mut own) = (Array2::zeros(y.dim()), Array2::zeros(y.dim()));
        exact.score_into(t, y.view(), s.view_mut()).unwrap();
        fit.score().score_into(t, y.view(), own.view_mut()).unwrap();
        // p_t on the line: the mixture noised.
        let (a, v) = ((-t).exp(), 1.0 - (-2.0 * t).exp());
        let density = |y: f64| {
            let terms = standard.components().iter().zip(standard.weights()).map(|(c, w)| {
                let (m, var) = (a * c.mean()[0], a * a * c.values()[0] + v);
                w * (-0.5 * (y - m).powi(2) / var).exp() / (std::f64::consts::TAU * var).sqrt()
            });
            terms.sum::<f64>()
        };
        let (mut error, mut norm) = (0.0, 0.0);
        for i in 0..y.nrows() {
            let p = density(y[[i, 0]]);
            error += p * (s[[i, 0]] - own[[i, 0]]).powi(2);
            norm += p * s[[i, 0]].powi(2);
        }
        let error = f64::sqrt(error / norm);
        println!("mixture-1d, t = {t}: relative error {error:.3e} (target {target})");
        assert!(error <= 1.02 * target, "t = {t}: {error}");
        let (gram, _) = moments.system(t).unwrap();
        let values = fokker_linalg::eigh(gram.view()).unwrap().values;
        assert!(values[0] >= -1e-12 * values[values.len() - 1], "t = {t}: {}", values[0]);
    }
}

/// Fits the chain of 16 sites and returns tv1, tv2, m2 of samples, and the fit.
fn chain_fit(n: usize, solve: SolveOptions) -> SpectralFit {
    let x = Chain::new(16).unwrap().sample(n, 1);
    let options = Candidate {
        shape: Shape { pairs: Pairs::Chain, gaussian_pairs: true, ..Default::default() },
        solve,
        ..Default::default()
    };
    fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap()
}

#[test]
fn the_chain_of_16_sites() {
    let chain = Chain::new(16).unwrap();
    let (test, floor) = (chain.sample(20_000, 2), chain.sample(10_000, 3));
    let (pairs, exact) = (chain_pairs(16), chain.second_moments());
    let fit = chain_fit(20_000, SolveOptions::default());
    assert_eq!(fit.report().functions, 259);
    let drawn = draw(&fit, 10_000);
    let found = [tv1(&drawn, &test), tv2(&drawn, &test, &pairs), m2(&drawn, &exact)];
    let floors = [tv1(&floor, &test), tv2(&floor, &test, &pairs), m2(&floor, &exact)];
    // KL(p | fit) on fresh rows, p known with its normalisation.
    let rows = test.slice_axis(Axis(0), Slice::from(..2000));
    let energies = chain.energy().values(rows).unwrap();
    let truth = energies.mapv(|v| -v - chain.log_partition());
    let [flow, kl] = [Density::Flow, Density::Energy].map(|density| {
        (&truth - &fit.log_density_by(density, rows, fokker::Task::silent()).unwrap()).mean().unwrap()
    });
    let partition = fit.report().partition.unwrap();
    // The energy of the fit itself, log π + g at the first time.
    let y = fit.to_coordinates(rows).unwrap();
    let (g, _, _) = fit.score().expand(1e-3, y.view()).unwrap();
    let fitted: ndarray::Array1<f64> = g.iter().zip(y.rows()).map(|(g, y)| g - 0.5 * y.dot(&y)).collect();
    let energy = correlation(truth.view(), fitted.view());
    println!(
        "gl(16), N = 20000: tv1 {:.4} tv2 {:.4} m2 {:.4} KL {kl:.3} ± {:.3} (flow {flow:.3}) energy correlation {energy:.4}",
        found[0], found[1], found[2], partition.error
    );
    println!(
        "  floor: tv1 {:.4} tv2 {:.4} m2 {:.4}; targets 0.039 0.093 0.075 0.27 0.998",
        floors[0], floors[1], floors[2]
    );
    println!("  {:?}", fit.comparison().unwrap().sentence());
    assert!(found[0] <= 0.039 && found[1] <= 0.093 && found[2] <= 0.075, "{found:?}");
    // The energy is that of pairs of neighbours and of degree 4: in the span of the basis at ε. The noised
    // one is not, so the flow, which needs the score at all times, stays 0.35 to 0.4 nats away at any
    // ridge, number of rows and width of the box; degree 6 brings 0.2.
    assert!(kl <= 0.05 && flow <= 0.42, "{kl} {flow}");
    assert!(energy >= 0.998 - 0.0002, "{energy}");
    let comparison = fit.comparison().unwrap();
    assert!(comparison.sentence().contains("gains"), "{}", comparison.sentence());
}

#[test]
fn the_chain_of_16_sites_from_300_rows() {
    let chain = Chain::new(16).unwrap();
    let (test, pairs) = (chain.sample(20_000, 2), chain_pairs(16));
    let fit = chain_fit(300, SolveOptions::default());
    let drawn = draw(&fit, 10_000);
    let found = tv2(&drawn, &test, &pairs);
    println!("gl(16), N = 300: tv2 {found:.4} (target 0.165), ridge {}", fit.report().ridge);
    assert!(found <= 0.165, "{found}");
}

#[test]
fn no_ridge_and_no_number_of_rows_makes_a_particle_explode() {
    for n in [300, 2000, 20_000] {
        for ridge in [1e-6, 1e-4, 1e-2, 1e-1] {
            let solve = SolveOptions { ridge: Ridge::Fixed(ridge), compare: 0, ..Default::default() };
            let fit = chain_fit(n, solve);
            let drawn = draw(&fit, 4000);
            let far =
                fit.to_coordinates(drawn.view()).unwrap().iter().fold(0.0, |far: f64, y| far.max(y.abs()));
            assert!(far < 8.0, "N = {n}, ridge {ridge}: a particle at {far} standard deviations");
        }
    }
}

#[test]
fn the_coupled_double_well() {
    let well = CoupledDoubleWell::new();
    let (x, test, floor) = (well.sample(20_000, 1), well.sample(20_000, 2), well.sample(20_000, 3));
    let pairs = [(0, 1)];
    println!("double well: floor tv2 {:.4}", tv2(&floor, &test, &pairs));
    let fit_with = |coordinates, degree| {
        let shape = Shape { degree, ..Default::default() };
        let options = Candidate { coordinates, shape, ..Default::default() };
        fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap()
    };
    let rows = test.slice_axis(Axis(0), Slice::from(..2000));
    let truth = well.values(rows).unwrap().mapv(|v| -v - well.log_partition());
    let kl = |fit: &SpectralFit, density| {
        (&truth - &fit.log_density_by(density, rows, fokker::Task::silent()).unwrap()).mean().unwrap()
    };
    for (name, coordinates, degree, target) in [
        ("hermite 12", Coordinates::Standard, 12, f64::INFINITY),
        // The targets hold within 10 %: they were measured beside a floor of 0.061, ours is 0.0635.
        ("box cosine 12", Coordinates::Box, 12, 1.1 * 0.066),
        ("copula cosine 4", Coordinates::Copula, 4, 1.1 * 0.085),
    ] {
        let fit = fit_with(coordinates, degree);
        let found = tv2(&draw(&fit, 20_000), &test, &pairs);
        let (kl, energy) = (kl(&fit, Density::Flow), kl(&fit, Density::Energy));
        println!(
            "double well, {name}: tv2 {found:.4} (target {target}), KL {kl:.4}, by energy {energy:.4} ± {:.4}, ridge {}",
            fit.report().partition.unwrap().error,
            fit.report().ridge
        );
        assert!(found <= target, "{name}: {found}");
        if coordinates == Coordinates::Standard {
            assert!(kl <= 0.03, "{name}: KL {kl}");
        }
    }
}

#[test]
fn the_adjusted_corrector_keeps_the_law_at_large_steps() {
    // Two independent coordinates of variance 1/4 about 0 in standardised units would be trivial;
    // take the double well, where plain steps of 0.1 are visibly off and adjusted ones are not.
    let well = CoupledDoubleWell::new();
    let (x, test) = (well.sample(20_000, 1), well.sample(20_000, 2));
    let options = Candidate {
        coordinates: Coordinates::Box,
        shape: Shape { degree: 10, ..Default::default() },
        ..Default::default()
    };
    let fit = fit(&mut ArrayBlocks::new(x.view()), &options, fokker::Task::silent()).unwrap();
    let run = |metropolis| {
        let corrector = Corrector { steps: Some(200), step: Some(0.05), metropolis: Some(metropolis) };
        let options = DrawOptions { particles: 10_000, corrector, seed: 2, ..Default::default() };
        fit.sample(&options, fokker::Task::silent()).unwrap()
    };
    let (plain, adjusted) = (run(false), run(true));
    let acceptance = adjusted.report.acceptance.unwrap();
    let (a, b) = (tv2(&plain.x, &test, &[(0, 1)]), tv2(&adjusted.x, &test, &[(0, 1)]));
    println!("double well, step 0.05: plain tv2 {a:.4}, adjusted {b:.4}, accepted {acceptance:.3}");
    assert!(b < 0.08 && b < a && acceptance > 0.2 && acceptance < 0.95, "{a} {b} {acceptance}");
}

#[test]
fn the_lattice_of_8_by_8_sites() {
    let lattice = Lattice::new(8, 8).unwrap();
    let draws = |draws, seed| lattice.sample(&LatticeOptions { draws, seed, ..Default::default() }).unwrap();
    let (x, test, floor) = (draws(10_000, 1), draws(20_000, 2), draws(10_000, 3));
    println!("lat8: R-hat {:.4}, effective {:.0}", x.r_hat.max(test.r_hat), test.effective);
    let options = Candidate {
        shape: Shape { pairs: Pairs::Lattice(8, 8), ..Default::default() },
        ..Default::default()
    };
    let start = std::time::Instant::now();
    let fit = fit(&mut ArrayBlocks::new(x.x.view()), &options, fokker::Task::silent()).unwrap();
    println!(
        "lat8: {} functions, ridge {}, fit {:.2?}",
        fit.report().functions,
        fit.report().ridge,
        start.elapsed()
    );
    let drawn = draw(&fit, 10_000);
    let mut pairs = Pairs::Lattice(8, 8).edges(64).unwrap();
    pairs.extend([(0, 63), (16, 32), (32, 48)]);
    let found = [tv1(&drawn, &test.x), tv2(&drawn, &test.x, &pairs)];
    println!(
        "lat8: tv1 {:.4} tv2 {:.4}, targets 0.050 0.122; floor {:.4} {:.4}",
        found[0],
        found[1],
        tv1(&floor.x, &test.x),
        tv2(&floor.x, &test.x, &pairs)
    );
    assert!(found[0] <= 0.050 && found[1] <= 0.122, "{found:?}");
}
