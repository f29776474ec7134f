//! The choice of degree and edges, by rows held out and by Takeuchi's criterion.

use fokker::ArrayBlocks;
use fokker::problems::Chain;
use fokker::spectral::{
    Candidate, Chosen, Coordinates, Moments, Pairs, Rows, Shape, SolveOptions, SpectralFit, choose,
};
use fokker::statistics::GaussianMixture;
use ndarray::{Array1, Array2};

fn candidate<'a>(pairs: Pairs, degree: usize, hold_out: f64) -> Candidate<'a> {
    Candidate {
        shape: Shape { degree, pairs, gaussian_pairs: true, ..Default::default() },
        rows: Rows { hold_out, ..Default::default() },
        solve: SolveOptions { compare: 0, partition: 0, ..Default::default() },
        ..Default::default()
    }
}

fn chosen(x: &Array2<f64>, candidates: &[Candidate]) -> Chosen {
    choose(&mut ArrayBlocks::new(x.view()), candidates, fokker::Task::silent()).unwrap()
}

#[test]
fn the_edges_and_the_degree_of_a_chain_are_found() {
    // Neighbours interact and sites have two wells; beyond the correlations, which all candidates have,
    // 21 of the 28 edges of all pairs mostly fit noise.
    let x = Chain::new(8).unwrap().sample(3000, 1);
    for hold_out in [0.0, 0.2] {
        let pairs = [Pairs::None, Pairs::Chain, Pairs::All];
        let edges = chosen(&x, &pairs.map(|pairs| candidate(pairs, 4, hold_out)));
        println!("edges, hold-out {hold_out}: {:?}", edges.criteria);
        assert_eq!(edges.index, 1, "{:?}", edges.criteria);
        let degrees = chosen(&x, &[2, 4].map(|degree| candidate(Pairs::Chain, degree, hold_out)));
        println!("degrees, hold-out {hold_out}: {:?}", degrees.criteria);
        assert_eq!(degrees.index, 1, "{:?}", degrees.criteria);
        assert_eq!(degrees.fit.shape().degree, 4);
    }
}

#[test]
fn gaussian_data_needs_no_more_than_degree_two() {
    let x = GaussianMixture::random(1, 3, 0.0, 5).unwrap().sample(3000, 3);
    for hold_out in [0.0, 0.2] {
        let degrees = chosen(&x, &[2, 4, 6].map(|degree| candidate(Pairs::All, degree, hold_out)));
        println!("hold-out {hold_out}: {:?}", degrees.criteria);
        assert_eq!(degrees.index, 0, "{:?}", degrees.criteria);
    }
}

#[test]
fn takeuchis_penalty_is_the_optimism_of_the_rows_used() {
    let chain = Chain::new(8).unwrap();
    let options = candidate(Pairs::Chain, 4, 0.0);
    let fresh = chain.sample(40_000, 99);
    let best = chosen(&fresh, std::slice::from_ref(&options)).fit;
    let seeds = 16;
    for k in [2, 5, 8] {
        let time = best.report().solves[k].time;
        let (mut optimism, mut penalty) = (Vec::new(), Vec::new());
        for seed in 0..seeds {
            let x = chain.sample(1500, seed);
            let fitted = chosen(&x, std::slice::from_ref(&options));
            // Fresh rows less rows used, in the coordinates of the fit; the same of the coefficients of all fresh
            // rows is taken off, which has no part in the fit but most of the spread.
            let basis = (Coordinates::Standard, &options.shape);
            let system = |rows: &Array2<f64>| {
                let mut blocks = ArrayBlocks::new(rows.view());
                let moments = Moments::from_blocks(
                    &mut blocks,
                    &fitted.summary,
                    basis,
                    &options.rows,
                    fokker::Task::silent(),
                )
                .unwrap();
                moments.system(time).unwrap()
            };
            let (on_fresh, on_used) = (system(&fresh), system(&x));
            let gap = |c: Array1<f64>| {
                let value = |(a, b): &(Array2<f64>, Array1<f64>)| 0.5 * c.dot(&a.dot(&c)) - b.dot(&c);
                value(&on_fresh) - value(&on_used)
            };
            let coefficients = |fit: &SpectralFit| fit.score().coefficients(time);
            optimism.push(gap(coefficients(&fitted.fit)) - gap(coefficients(&best)));
            penalty.push(2.0 * fitted.fit.report().solves[k].statistical.unwrap());
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let (found, estimate) = (mean(&optimism), mean(&penalty));
        let square = optimism.iter().map(|v| (v - found).powi(2)).sum::<f64>();
        let error = (square / (seeds * (seeds - 1)) as f64).sqrt();
        println!("t = {time:.4}: optimism {found:.5} ± {error:.5}, Takeuchi's penalty {estimate:.5}");
        // Equal to first order in 1/N, but that the coordinates are made of the rows used.
        assert!((found - estimate).abs() < 3.0 * error + 0.08 * found && found > 10.0 * error, "t = {time}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let x = Chain::new(4).unwrap().sample(500, 1);
    let error = |candidates: &[Candidate]| {
        choose(&mut ArrayBlocks::new(x.view()), candidates, fokker::Task::silent()).unwrap_err().to_string()
    };
    assert!(error(&[]).contains("candidates"));
    let across = [Coordinates::Standard, Coordinates::Copula]
        .map(|coordinates| Candidate { coordinates, ..candidate(Pairs::None, 4, 0.0) });
    assert!(error(&across).contains("hold-out"), "{}", error(&across));
    let wide = Chain::new(30).unwrap().sample(300, 1);
    let large = [3, 4].map(|degree| candidate(Pairs::All, degree, 0.0));
    let error =
        choose(&mut ArrayBlocks::new(wide.view()), &large, fokker::Task::silent()).unwrap_err().to_string();
    assert!(error.contains("Takeuchi") && error.contains("600"), "{error}");
}

#[test]
fn too_few_rows_to_hold_out_are_no_choice_and_a_warning() {
    let x = ndarray::array![[0.0, 1.0], [1.0, 0.5], [2.0, 4.0]];
    let chosen = chosen(&x, &[2, 4].map(|degree| candidate(Pairs::None, degree, 0.01)));
    assert_eq!(chosen.index, 0);
    assert!(chosen.fit.report().warnings.iter().any(|w| w.contains("no rows were held out")));
}

/// The receipt in a saved fit is enough to make it again: the bytes are equal whatever was chosen, by however many
/// rows at a time they are read. Shards in order have the digest of all their rows in one pass.
#[test]
fn a_saved_fit_makes_itself_again_from_its_receipt() {
    use fokker::spectral::{FitOptions as Plain, fit_best, fit_moments};
    let x = fokker::problems::CoupledDoubleWell::new().sample(3000, 1);
    let weights: Vec<f64> = (0..3000).map(|i| 1.0 + f64::from(i % 3)).collect();
    let options = Plain { degree: vec![2, 4], pairs: vec![None, Some(Pairs::None)], ..Default::default() };
    let fit = |options: &Plain, rows: usize| {
        let x = x.slice_axis(ndarray::Axis(0), (..rows).into());
        fit_best(&mut ArrayBlocks::new(x), options, Some(&weights[..rows]), fokker::Task::silent()).unwrap()
    };
    let bytes = fit(&options, 3000).fit.to_bytes();
    let saved = SpectralFit::from_bytes(&bytes).unwrap();
    let receipt = saved.receipt().unwrap();
    assert_eq!(receipt.options::<Plain>().unwrap(), options);
    assert_eq!(fit(&receipt.options().unwrap(), 3000).fit.to_bytes(), bytes);

    let first = fit(&options, 2048);
    let rest = x.slice_axis(ndarray::Axis(0), (2048..).into());
    let seen = first.moments.observe(
        &mut ArrayBlocks::new(rest),
        2048,
        Some(&weights[2048..]),
        fokker::Task::silent(),
    );
    let mut seen = seen.unwrap();
    fokker::Merge::merge(&mut seen, &first.moments).unwrap();
    let merged = fit_moments(&seen, &options, fokker::Task::silent()).unwrap();
    let shards = serde_json::json!([{ "first": 0, "rows": 2048 }, { "first": 2048, "rows": 952 }]);
    assert_eq!(merged.receipt().unwrap().chosen["shards"], shards);
    assert_eq!(merged.receipt().unwrap().data, receipt.data);
    let other = Plain { degree: vec![3], ..options };
    let error = fit_moments(&seen, &other, fokker::Task::silent()).unwrap_err().to_string();
    assert!(error.contains("fit all rows anew"), "{error}");
}
