//! Cross-checks of the spectral fit against closed forms and brute force.

use fokker::process::OrnsteinUhlenbeck as Ou;
use fokker::score::Score;
use fokker::spectral::{
    Bound, CHUNK, Candidate, Coordinates, Corrector, DrawOptions, EigenScore, Moments, Pairs, Ridge, Rows,
    Shape, SolveOptions, SpectralFit, Summary, fit,
};
use fokker::statistics::{Covariance, GaussianMixture};
use fokker::{ArrayBlocks, Merge};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

fn blocks(x: &Array2<f64>) -> ArrayBlocks<'_> {
    ArrayBlocks::new(x.view())
}

fn all_rows<'a>() -> Rows<'a> {
    Rows { hold_out: 0.0, ..Default::default() }
}

fn fixed(ridge: f64) -> SolveOptions {
    SolveOptions { ridge: Ridge::Fixed(ridge), compare: 0, partition: 0, ..Default::default() }
}

/// Correlated data of different scales, far from the origin.
fn gaussian_data(n: usize) -> Array2<f64> {
    let x = GaussianMixture::random(1, 4, 0.0, 5).unwrap().sample(n, 3);
    let (scale, shift) = (Array1::from(vec![1.0, 20.0, 0.1, 3.0]), Array1::from(vec![5.0, -1e3, 0.0, 7.0]));
    x * &scale + &shift
}

fn largest(x: impl IntoIterator<Item = f64>) -> f64 {
    x.into_iter().fold(0.0, |m: f64, x| m.max(x.abs()))
}

#[test]
fn degree_two_on_gaussian_data_is_the_exact_linear_score() {
    linear_score(&gaussian_data(3000), 1e-9);
}

/// 1890 functions of 60 coordinates, too many to factor.
#[test]
fn conjugate_gradients_find_the_exact_linear_score() {
    let x = GaussianMixture::random(1, 60, 0.0, 6).unwrap().sample(3000, 2);
    let fit = linear_score(&x, 1e-7);
    let report = fit.report();
    assert_eq!((report.functions, report.rank), (1890, None));
    for solve in &report.solves {
        // Stopped at a residual of 1e-10; scaled by the diagonal it takes a few dozen iterations.
        let iterations = solve.iterations.expect("conjugate gradients were used");
        assert!(solve.residual < 1.01e-10 && iterations < 200, "{solve:?}");
        assert!((1.0..1e6).contains(&solve.condition), "{solve:?}");
    }
}

/// Fits degree 2 without ridge and compares with the score of the sample's own Gaussian.
fn linear_score(x: &Array2<f64>, tolerance: f64) -> SpectralFit {
    let dim = x.ncols();
    let options = Candidate {
        shape: Shape { degree: 2, ..Default::default() },
        rows: all_rows(),
        solve: fixed(0.0),
        ..Default::default()
    };
    let fit = fit(&mut blocks(x), &options, fokker::Task::silent()).unwrap();
    assert!(fit.score().is_affine());
    // In the standardised coordinates the data has mean 0 and the correlation matrix R, and the
    // score at a solved time is that of N(0, e^{−2t} R + (1 − e^{−2t}) I): the fit needs second
    // moments alone, so this holds for the sample itself.
    let y = fit.to_coordinates(x.view()).unwrap();
    let mut correlation = Covariance::new(dim);
    correlation.observe(y.view()).unwrap();
    let correlation = correlation.covariance().unwrap();
    let points = y.slice_axis(Axis(0), Slice::from(..50)).to_owned() * 2.0;
    for &t in &[1e-3, 5.0] {
        let smoothed = &correlation * Ou::alpha(t).powi(2) + Array2::<f64>::eye(dim) * Ou::variance(t);
        let mut expected = points.t().as_standard_layout().into_owned();
        fokker_linalg::Cholesky::new(smoothed.view()).unwrap().solve_in_place(expected.view_mut());
        let mut score = Array2::zeros(points.dim());
        fit.score().score_into(t, points.view(), score.view_mut()).unwrap();
        let error = largest((&score + &expected.t()).iter().copied());
        assert!(error < tolerance * largest(expected.iter().copied()), "t = {t}: {error:e}");
    }
    fit
}

/// E over the data smoothed by the reference process, by brute force: Gauss–Hermite or a fine rule.
fn smoothed_gram(
    score: &EigenScore,
    y: ArrayView2<f64>,
    t: f64,
    gradients: impl Fn(&[f64]) -> (Vec<[f64; 2]>, Vec<f64>),
) -> (Array2<f64>, Array1<f64>) {
    let n = score.functions().len();
    let (mut a, mut b) = (Array2::zeros((n, n)), Array1::zeros(n));
    // The trapezium rule converges geometrically for Gaussian weights: step 0.25 to ±8.
    let nodes: Vec<(f64, f64)> = (-32..=32)
        .map(|i| {
            let z = 0.25 * f64::from(i);
            (z, 0.25 * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt())
        })
        .collect();
    let (alpha, sigma) = (Ou::alpha(t), Ou::variance(t).sqrt());
    for row in y.rows() {
        for &(z0, w0) in &nodes {
            for &(z1, w1) in &nodes {
                let point = [alpha * row[0] + sigma * z0, alpha * row[1] + sigma * z1];
                let (gradient, minus_generator) = gradients(&point);
                let weight = w0 * w1 / y.nrows() as f64;
                for i in 0..n {
                    b[i] += weight * minus_generator[i];
                    for j in 0..n {
                        a[[i, j]] +=
                            weight * (gradient[i][0] * gradient[j][0] + gradient[i][1] * gradient[j][1]);
                    }
                }
            }
        }
    }
    (a, b)
}

#[test]
fn the_system_is_that_of_brute_force_smoothing() {
    // φ_{ab} = φ_a φ_b with total degree 3 in two coordinates; He_1 = y, He_2 = (y² − 1)/√2,
    // He_3 = (y³ − 3y)/√6, written out here.
    let hermite = |y: f64| {
        [
            [1.0, y, (y * y - 1.0) / 2f64.sqrt(), (y * y * y - 3.0 * y) / 6f64.sqrt()],
            [0.0, 1.0, 2f64.sqrt() * y, (3.0 * y * y - 3.0) / 6f64.sqrt()],
        ]
    };
    let x = GaussianMixture::random(3, 2, 1.0, 2).unwrap().sample(12, 4);
    let options = Candidate {
        shape: Shape { degree: 3, ..Default::default() },
        rows: all_rows(),
        solve: fixed(1e-3),
        ..Default::default()
    };
    let fit = fit(&mut blocks(&x), &options, fokker::Task::silent()).unwrap();
    let y = fit.to_coordinates(x.view()).unwrap();
    let functions = fit.score().functions().to_vec();
    let degrees = |f: &[(usize, usize)]| {
        let mut degrees = [0, 0];
        f.iter().for_each(|&(i, a)| degrees[i] = a);
        degrees
    };
    for &t in &[1e-3, 5.0] {
        let (a, b) = smoothed_gram(fit.score(), y.view(), t, |point| {
            let (h0, h1) = (hermite(point[0]), hermite(point[1]));
            functions
                .iter()
                .map(|f| {
                    let [p, q] = degrees(f);
                    let gradient = [h0[1][p] * h1[0][q], h0[0][p] * h1[1][q]];
                    (gradient, (p + q) as f64 * h0[0][p] * h1[0][q])
                })
                .unzip()
        });
        // (A + η Λ) c = b, with the coefficients of the fit.
        let c = fit.score().coefficients(t);
        for (i, f) in functions.iter().enumerate() {
            let lambda = degrees(f).iter().sum::<usize>() as f64;
            let residual = a.row(i).dot(&c) + 1e-3 * lambda * c[i] - b[i];
            let scale = a.row(i).iter().zip(&c).map(|(a, c)| (a * c).abs()).sum::<f64>() + b[i].abs();
            // The brute sums are of 50,000 terms of order 1, which round at 1e-13 together.
            assert!(residual.abs() < 1e-11 * scale + 1e-12, "t = {t}, {f:?}: {residual:e} of {scale:e}");
        }
    }
}

fn fit_bits(fit: &SpectralFit) -> Vec<u64> {
    [1e-3, 0.05, 2.0].iter().flat_map(|&t| fit.score().coefficients(t).mapv(f64::to_bits)).collect()
}

/// Two phases over shards: coordinates, merged; then moments in them, merged.
fn fit_shards(x: &Array2<f64>, cuts: &[usize], options: &Candidate) -> SpectralFit {
    let ranges: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
    let shard = |&(from, to): &(usize, usize)| x.slice_axis(Axis(0), Slice::from(from..to));
    let rows = |from: usize| Rows { first: from, ..options.rows };
    let mut summary: Option<Summary> = None;
    for range in &ranges {
        let part =
            Summary::from_blocks(&mut ArrayBlocks::new(shard(range)), &rows(range.0), fokker::Task::silent())
                .unwrap();
        match &mut summary {
            None => summary = Some(part),
            Some(summary) => summary.merge(&part).unwrap(),
        }
    }
    let summary = summary.unwrap();
    let basis = (options.coordinates, &options.shape);
    let mut parts = ranges.iter().rev().map(|range| {
        Moments::from_blocks(
            &mut ArrayBlocks::new(shard(range)),
            &summary,
            basis,
            &rows(range.0),
            fokker::Task::silent(),
        )
        .unwrap()
    });
    let mut moments = parts.next().unwrap();
    parts.for_each(|part| moments.merge(&part).unwrap());
    assert_eq!((summary.count(), moments.count()), (x.nrows(), x.nrows()));
    SpectralFit::from_moments(&moments, &options.solve, fokker::Task::silent()).unwrap()
}

#[test]
fn ten_shards_in_two_phases_are_the_single_pass() {
    let x = GaussianMixture::random(4, 3, 1.0, 8).unwrap().sample(10 * CHUNK + 777, 6);
    for coordinates in [Coordinates::Standard, Coordinates::Copula, Coordinates::Box] {
        let options = Candidate { coordinates, solve: fixed(1e-3), ..Default::default() };
        let whole = fit(&mut blocks(&x), &options, fokker::Task::silent()).unwrap();
        let mut aligned: Vec<usize> = (0..10).map(|i| i * CHUNK).collect();
        aligned.push(x.nrows());
        assert_eq!(fit_bits(&fit_shards(&x, &aligned, &options)), fit_bits(&whole), "{coordinates:?}");
        let ragged: Vec<usize> = (0..=10).map(|i| i * x.nrows() / 10).collect();
        let other = fit_shards(&x, &ragged, &options);
        for t in [1e-3, 0.05, 2.0] {
            let (a, b) = (whole.score().coefficients(t), other.score().coefficients(t));
            let error = largest((&a - &b).iter().copied());
            assert!(error < 1e-12 * largest(a.iter().copied()).max(1.0), "{coordinates:?}, {t}: {error:e}");
        }
    }
}

#[test]
fn the_thread_count_changes_no_bit() {
    let x = gaussian_data(3 * CHUNK);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let fit = fit(&mut blocks(&x), &Candidate::default(), fokker::Task::silent()).unwrap();
            let options = DrawOptions { particles: 300, seed: 3, ..Default::default() };
            let drawn = fit.sample(&options, fokker::Task::silent()).unwrap().x.mapv(f64::to_bits);
            (fit_bits(&fit), drawn, fit.to_bytes())
        })
    };
    let (coefficients, drawn, bytes) = run(1);
    let again = run(3);
    assert!(coefficients == again.0 && drawn == again.1 && bytes == again.2);
}

#[test]
fn samples_do_not_depend_on_the_batch() {
    let x = gaussian_data(2000);
    let fit = fit(&mut blocks(&x), &Candidate::default(), fokker::Task::silent()).unwrap();
    for metropolis in [false, true] {
        let corrector = Corrector { steps: Some(5), metropolis: Some(metropolis), ..Default::default() };
        let draw = |first, particles| {
            fit.sample(
                &DrawOptions { first, particles, corrector, seed: 9, ..Default::default() },
                fokker::Task::silent(),
            )
            .unwrap()
            .x
        };
        let all = draw(0, 700);
        for (first, count) in [(0, 100), (100, 400), (500, 200), (37, 1)] {
            let part = all.slice_axis(Axis(0), Slice::from(first..first + count));
            assert_eq!(draw(first, count), part, "{first} {count}");
        }
    }
}

/// A fit whose score is not affine, with three-body functions, in every kind of coordinates.
fn curved(coordinates: Coordinates) -> SpectralFit {
    let x = GaussianMixture::random(4, 3, 1.0, 8).unwrap().sample(4000, 6);
    let shape = Shape { degree: 4, triples: vec![[0, 1, 2]], ..Default::default() };
    let options = Candidate { coordinates, shape, solve: fixed(1e-3), ..Default::default() };
    fit(&mut blocks(&x), &options, fokker::Task::silent()).unwrap()
}

#[test]
fn gradient_and_divergence_agree_with_differences() {
    for coordinates in [Coordinates::Standard, Coordinates::Copula] {
        let fit = curved(coordinates);
        let score = fit.score();
        let centre = if coordinates == Coordinates::Standard { 0.0 } else { 1.5 };
        let y = Array2::from_shape_fn((70, 3), |(i, j)| centre + ((i * 7 + j * 13) % 17) as f64 / 17.0 - 0.5);
        let (_, gradient, laplacian) = score.expand(0.02, y.view()).unwrap();
        let mut divergence = Array1::<f64>::zeros(70);
        let h = 1e-5;
        for j in 0..3 {
            let moved = |h: f64| {
                let mut moved = y.clone();
                moved.column_mut(j).mapv_inplace(|y| y + h);
                score.expand(0.02, moved.view()).unwrap()
            };
            let ((up, up_gradient, _), (down, down_gradient, _)) = (moved(h), moved(-h));
            let slope = (up - down) / (2.0 * h);
            let scale = largest(gradient.iter().copied());
            assert!(
                largest((&slope - &gradient.column(j)).iter().copied()) < 1e-7 * scale,
                "{coordinates:?}"
            );
            divergence += &((&up_gradient.column(j) - &down_gradient.column(j)) / (2.0 * h));
        }
        let scale = largest(laplacian.iter().copied());
        assert!(largest((divergence - laplacian).iter().copied()) < 1e-7 * scale, "{coordinates:?}");
    }
}

#[test]
fn dense_and_sparse_layouts_agree() {
    // Five columns: all pairs are held densely; the chain, with 24 functions of 20², sparsely.
    let x = GaussianMixture::random(2, 9, 1.0, 1).unwrap().sample(3000, 2);
    for (pairs, bound) in
        [(Pairs::All, Bound::Total), (Pairs::Chain, Bound::Total), (Pairs::Chain, Bound::HyperbolicCross)]
    {
        let shape = Shape { pairs, bound, ..Default::default() };
        let fit = fit(
            &mut blocks(&x),
            &Candidate { shape, solve: fixed(1e-2), ..Default::default() },
            fokker::Task::silent(),
        )
        .unwrap();
        let y = fit.to_coordinates(x.slice_axis(Axis(0), Slice::from(..20))).unwrap() * 0.5;
        let (value, _, _) = fit.score().expand(0.1, y.view()).unwrap();
        let c = fit.score().coefficients(0.1);
        let phi = |a: usize, y: f64| match a {
            1 => y,
            2 => (y * y - 1.0) / 2f64.sqrt(),
            3 => (y.powi(3) - 3.0 * y) / 6f64.sqrt(),
            _ => (y.powi(4) - 6.0 * y * y + 3.0) / 24f64.sqrt(),
        };
        for (row, value) in y.rows().into_iter().zip(&value) {
            let product = |f: &Vec<(usize, usize)>| f.iter().map(|&(i, a)| phi(a, row[i])).product::<f64>();
            let sum: f64 = fit.score().functions().iter().zip(&c).map(|(f, c)| c * product(f)).sum();
            assert!((sum - value).abs() < 1e-12 * (1.0 + sum.abs()), "{sum} {value}");
        }
    }
}

#[test]
fn a_saved_fit_is_the_same_fit() {
    let fit = curved(Coordinates::Copula);
    let bytes = fit.to_bytes();
    let again = SpectralFit::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(fit_bits(&again), fit_bits(&fit));
    assert_eq!(again.report(), fit.report());
    let options = DrawOptions { particles: 10, ..Default::default() };
    assert_eq!(
        again.sample(&options, fokker::Task::silent()).unwrap().x,
        fit.sample(&options, fokker::Task::silent()).unwrap().x
    );
    for length in [0, 8, 100, bytes.len() - 1] {
        assert!(SpectralFit::from_bytes(&bytes[..length]).unwrap_err().is_input());
    }
    // Damage under a checksum of its own is refused or gives something whole, never a panic.
    for i in (0..bytes.len() - 4).step_by(7) {
        let mut changed = bytes.clone();
        changed[i] ^= 1 << (i % 8);
        let end = changed.len() - 4;
        let checksum = crc32fast::hash(&changed[..end]).to_le_bytes();
        changed[end..].copy_from_slice(&checksum);
        let _ = SpectralFit::from_bytes(&changed);
    }
}

#[test]
fn every_flipped_bit_of_a_saved_fit_is_found() {
    let x = GaussianMixture::random(2, 1, 1.0, 3).unwrap().sample(60, 1);
    let shape = Shape { degree: 2, ..Default::default() };
    let bytes = fit(&mut blocks(&x), &Candidate { shape, ..Default::default() }, fokker::Task::silent())
        .unwrap()
        .to_bytes();
    for i in 0..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[i / 8] ^= 1 << (i % 8);
        assert!(SpectralFit::from_bytes(&changed).is_err(), "bit {i}");
    }
}

#[test]
fn weights_count_as_repetition() {
    let x = GaussianMixture::random(2, 2, 1.0, 3).unwrap().sample(500, 1);
    let weights: Vec<f64> = (0..500).map(|i| (i % 3) as f64).collect();
    let mut repeated = Array2::zeros((0, 2));
    for (i, row) in x.rows().into_iter().enumerate() {
        for _ in 0..i % 3 {
            repeated.push_row(row).unwrap();
        }
    }
    let solve = fixed(1e-3);
    let weighted = Rows { weights: Some(&weights), ..all_rows() };
    let a = fit(
        &mut blocks(&x),
        &Candidate { rows: weighted, solve, ..Default::default() },
        fokker::Task::silent(),
    )
    .unwrap();
    let b = fit(
        &mut blocks(&repeated),
        &Candidate { rows: all_rows(), solve, ..Default::default() },
        fokker::Task::silent(),
    )
    .unwrap();
    let difference = a.score().coefficients(0.01) - b.score().coefficients(0.01);
    assert!(largest(difference) < 1e-10);
}
