//! The probe against recursions written by hand, for every scheme, schedule and kind of grid.

#[path = "common/law.rs"]
mod law;
#[path = "common/recursion.rs"]
mod recursion;

use fokker::audit::{Audit, Start, propagate_matrix};
use fokker::process::{DiscreteBetas, Grid, Schedule, Spacing, parse_schedule};
use fokker::sampling::{ReverseProcess, SCHEMES, parse_scheme};
use fokker::score::{GaussianScore, Score};
use fokker::statistics::Gaussian;
use law::{covariance, rotation};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, array};
use recursion::{Clock, Mode, Moments};

/// Each schedule of the library beside its formulas.
fn schedules() -> Vec<(Box<dyn Schedule>, Clock)> {
    let betas: Vec<f64> = (0..200).map(|k| 5e-4 + (0.1 - 5e-4) * k as f64 / 199.0).collect();
    let named = |text: &str| parse_schedule(text).unwrap();
    vec![
        (named("linear:0.05:10"), Clock::Linear(0.05, 10.0)),
        (named("scaled-linear:0.4:6"), Clock::ScaledLinear(0.4, 6.0)),
        (named("cosine"), Clock::Cosine),
        (Box::new(DiscreteBetas::new(&betas).unwrap()), Clock::Betas(betas)),
        (named("edm"), Clock::Edm),
    ]
}

fn grids(schedule: &dyn Schedule) -> Vec<Grid> {
    let spacings = [Spacing::Uniform, Spacing::LogSnr, Spacing::KARRAS];
    let stops = [0.0, 1e-3 * schedule.horizon()];
    let pairs = spacings.into_iter().flat_map(|spacing| stops.map(|stop| (spacing, stop)));
    pairs.map(|(spacing, stop)| Grid::new(spacing, 50, stop, schedule).unwrap()).collect()
}

const VALUES: [f64; 6] = [1e-9, 0.03, 1.0, 1.0, 12.0, 4e4];
const MEANS: [f64; 6] = [0.3, -2.0, 0.5, 0.5, 0.0, 90.0];
/// Of the deviations and means of the law above.
const SIZE: f64 = 220.0;

fn modes(clock: &Clock, values: &[f64], means: &[f64]) -> Vec<Mode<'static>> {
    let clock: &'static Clock = Box::leak(Box::new(clock.clone()));
    values.iter().zip(means).map(|(&value, &mean)| Mode { clock, value, mean }).collect()
}

fn begin(mode: &Mode, start: Start, horizon: f64) -> Moments {
    match start {
        Start::Normal => Moments { mean: 0.0, variance: 1.0 },
        Start::Exact => mode.marginal(horizon),
    }
}

fn norm(errors: impl IntoIterator<Item = f64>) -> f64 {
    errors.into_iter().map(|e| e * e).sum::<f64>().sqrt()
}

fn largest<D: ndarray::Dimension>(a: &ndarray::Array<f64, D>) -> f64 {
    a.iter().fold(0.0, |m: f64, x| m.max(x.abs()))
}

/// Agreement to 1e-11 relative, and to the rounding of the laws that the error is a difference of:
/// 50 steps of a few units of rounding each of numbers of the given size. (The cosine's phase at
/// its horizon is known to ε out of the 0.0085 that it is away from a right angle, so that rates
/// and clocks by two formulas differ by 60 ε.)
#[track_caller]
fn assert_agrees(found: f64, expected: f64, size: f64, context: &str) {
    let allowed = 1e-11 * expected + 200.0 * f64::EPSILON * size;
    assert!((found - expected).abs() <= allowed, "{context}: found {found:e}, expected {expected:e}");
}

#[test]
fn every_scheme_on_every_schedule_and_grid() {
    let mut compared = 0;
    for (schedule, clock) in schedules() {
        for grid in grids(&*schedule) {
            // With and without an eigenvalue of zero.
            for zeros in [0, 1] {
                let values = [vec![0.0; zeros], VALUES.to_vec()].concat();
                let means = [vec![1.0; zeros], MEANS.to_vec()].concat();
                let law = Gaussian::diagonal(means.clone().into(), values.clone().into()).unwrap();
                let audit = Audit::new(&law, &*schedule);
                let modes = modes(&clock, &values, &means);
                for name in SCHEMES {
                    let scheme = parse_scheme(name).unwrap();
                    let run = audit.run(&*scheme, &grid);
                    if !modes.iter().all(|mode| mode.is_defined(name, grid.times())) {
                        assert!(run.unwrap_err().is_input());
                        continue;
                    }
                    let run = run.unwrap();
                    for start in [Start::Normal, Start::Exact] {
                        let end = |mode: &Mode, start| {
                            *mode.path(name, grid.times(), begin(mode, start, grid.start())).last().unwrap()
                        };
                        let totals: Vec<f64> =
                            modes.iter().map(|m| end(m, start).wasserstein2(m.marginal(0.0))).collect();
                        let discretisations: Vec<f64> = modes
                            .iter()
                            .map(|m| end(m, Start::Exact).wasserstein2(m.marginal(grid.stop())))
                            .collect();
                        let context = format!("{name}, {clock:?}, {:?}, {start:?}", &grid.times()[..2]);
                        let report = audit.report(&run, start).unwrap();
                        let each = audit.per_eigenvalue(&run, start).unwrap();
                        for (i, mode) in modes.iter().enumerate() {
                            let size = mode.value.sqrt() + mode.mean.abs();
                            assert_agrees(each.w2[i], totals[i], size, &context);
                            assert_agrees(each.discretisation[i], discretisations[i], size, &context);
                        }
                        assert_agrees(report.w2, norm(totals), SIZE, &context);
                        assert_agrees(report.discretisation, norm(discretisations), SIZE, &context);
                        compared += 1;
                    }
                }
            }
        }
    }
    // 14 schemes on 5 schedules, 6 grids, 2 laws and 2 starts, but for the undefined ones.
    assert!(compared > 1000, "{compared}");
}

#[test]
fn along_time_is_the_recursion_at_every_time() {
    for (schedule, clock) in schedules() {
        let grid = Grid::new(Spacing::KARRAS, 30, 1e-3, &*schedule).unwrap();
        let law = Gaussian::diagonal(MEANS.to_vec().into(), VALUES.to_vec().into()).unwrap();
        let audit = Audit::new(&law, &*schedule);
        let modes = modes(&clock, &VALUES, &MEANS);
        for name in SCHEMES.into_iter().filter(|name| modes[0].is_defined(name, grid.times())) {
            let scheme = parse_scheme(name).unwrap();
            for start in [Start::Normal, Start::Exact] {
                let found = audit.along_time(&*scheme, &grid, start).unwrap();
                assert_eq!(found.len(), 31);
                let paths: Vec<_> =
                    modes.iter().map(|m| m.path(name, grid.times(), begin(m, start, grid.start()))).collect();
                for (k, &t) in grid.times().iter().enumerate() {
                    let each = modes.iter().zip(&paths).map(|(m, path)| path[k].wasserstein2(m.marginal(t)));
                    let size = norm(modes.iter().map(|m| m.marginal(t).variance.sqrt() + m.mean.abs()));
                    assert_agrees(found[k], norm(each), size, &format!("{name}, {clock:?}, t = {t}"));
                }
                // The first entry is the start's own error, the last one the discretisation error.
                let report = audit.errors(&*scheme, &grid, start).unwrap();
                if start == Start::Exact {
                    assert_eq!(found[0], 0.0);
                    assert_agrees(found[30], report.discretisation, SIZE, name);
                } else {
                    assert!(found[0] > 0.0);
                }
            }
        }
    }
}

/// The closed forms of the four errors [Pierret and Galerne 2025, prop. 2, 3].
#[test]
fn each_error_is_its_closed_form() {
    let (given_values, given_means) = ([1e-7, 0.05, 1.3, 1.0, 10.0, 4.1e4], [0.2, -1.0, 0.5, 0.4, 0.1, 80.0]);
    for (schedule, clock) in schedules() {
        let data = Gaussian::diagonal(MEANS.to_vec().into(), VALUES.to_vec().into()).unwrap();
        let given = Gaussian::diagonal(given_means.to_vec().into(), given_values.to_vec().into()).unwrap();
        let audit = Audit::with_score(&data, &given, &*schedule).unwrap();
        let modes = modes(&clock, &VALUES, &MEANS);
        let given_modes = self::modes(&clock, &given_values, &given_means);
        let horizon = schedule.horizon();
        for stop in [0.0, 1e-3, 0.1 * horizon] {
            let grid = Grid::new(Spacing::Uniform, 5, stop, &*schedule).unwrap();
            let passed = clock.clock(horizon) - clock.clock(stop);
            // The continuous process with the score of `used`, from `start`.
            let solved = |used: &Mode, start: Moments, stochastic: bool| {
                let (first, last) = (used.marginal(horizon), used.marginal(stop));
                let (gain, noise) = if stochastic {
                    let decay = (-passed).exp();
                    let gain = decay * last.variance / first.variance;
                    (gain, last.variance * -(-2.0 * passed).exp_m1() / first.variance)
                } else {
                    ((last.variance / first.variance).sqrt(), 0.0)
                };
                Moments {
                    mean: last.mean + gain * (start.mean - first.mean),
                    variance: gain * gain * start.variance + noise,
                }
            };
            for (name, stochastic) in [("em", true), ("euler", false)] {
                let normal = Moments { mean: 0.0, variance: 1.0 };
                let report = audit.errors(&*parse_scheme(name).unwrap(), &grid, Start::Normal).unwrap();
                let context = format!("{name} {clock:?} stop {stop}");
                let initialisation =
                    norm(modes.iter().map(|m| solved(m, normal, stochastic).wasserstein2(m.marginal(stop))));
                let truncation = norm(modes.iter().map(|m| m.marginal(stop).wasserstein2(m.marginal(0.0))));
                let score =
                    norm(modes.iter().zip(&given_modes).map(|(m, g)| {
                        solved(g, m.marginal(horizon), stochastic).wasserstein2(m.marginal(stop))
                    }));
                assert_agrees(report.initialisation, initialisation, SIZE, &context);
                assert_agrees(report.truncation, truncation, SIZE, &context);
                assert_agrees(report.score, score, SIZE, &context);

                let limit = parse_scheme(name).unwrap().limit();
                let continuous = audit.continuous(limit, stop).unwrap();
                let w2 = norm(
                    modes
                        .iter()
                        .zip(&given_modes)
                        .map(|(m, g)| solved(g, normal, stochastic).wasserstein2(m.marginal(0.0))),
                );
                let report = audit.report(&continuous, Start::Normal).unwrap();
                assert_agrees(report.w2, w2, SIZE, &context);
                // The continuous process with the exact score from p_T has no error of its own.
                assert_agrees(report.discretisation, 0.0, SIZE, &context);
            }
        }
    }
}

#[test]
fn squares_of_the_eigenvalues_errors_add_up() {
    let schedule = parse_schedule("linear:0.05:10").unwrap();
    let data = Gaussian::diagonal(MEANS.to_vec().into(), VALUES.to_vec().into()).unwrap();
    let given =
        Gaussian::diagonal(array![0.0, -1.0, 0.5, 0.5, 0.0, 80.0], array![1e-3, 0.1, 1.1, 1.1, 9.0, 3e4]);
    let audit = Audit::with_score(&data, &given.unwrap(), &*schedule).unwrap();
    let grid = Grid::new(Spacing::Uniform, 60, 1e-3, &*schedule).unwrap();
    for name in SCHEMES {
        let run = audit.run(&*parse_scheme(name).unwrap(), &grid).unwrap();
        let total = audit.report(&run, Start::Normal).unwrap();
        let each = audit.per_eigenvalue(&run, Start::Normal).unwrap();
        for (total, each) in [
            (total.w2, &each.w2),
            (total.initialisation, &each.initialisation),
            (total.truncation, &each.truncation),
            (total.discretisation, &each.discretisation),
            (total.score, &each.score),
        ] {
            assert_eq!(each.len(), 6);
            assert!((norm(each.to_vec()) - total).abs() <= 1e-14 * total, "{name}");
            assert_eq!(each[2], each[3]);
        }
    }
}

#[test]
fn equal_eigenvalues_count_as_often_as_they_occur() {
    let schedule = parse_schedule("cosine").unwrap();
    let grid = Grid::new(Spacing::KARRAS, 15, 1e-3, &*schedule).unwrap();
    // 700 copies of three eigenvalues, and the same moved apart by less than matters.
    let merged = Array1::from_shape_fn(2100, |i| [0.02, 1.0, 5.0][i % 3]);
    let apart = Array1::from_shape_fn(2100, |i| merged[i] * (1.0 + 1e-14 * (i / 3) as f64 / 700.0));
    for name in SCHEMES {
        let scheme = parse_scheme(name).unwrap();
        let errors = |values: &Array1<f64>| {
            let law = Gaussian::from_eigenvalues(values.clone()).unwrap();
            let audit = Audit::new(&law, &*schedule);
            audit.errors(&*scheme, &grid, Start::Normal).map(|report| report.w2)
        };
        match (errors(&merged), errors(&apart)) {
            (Ok(a), Ok(b)) => assert!((a - b).abs() < 1e-11 * a, "{name}: {a} {b}"),
            (a, b) => assert!(name == "ddpm" && a.is_err() && b.is_err(), "{name}: {a:?} {b:?}"),
        }
    }
}

#[test]
fn full_matrices_in_rotated_axes_are_the_recursions() {
    // Eigenvalues of a matrix of size 20 are known to 20 ε: 1e-13 of the smallest here.
    let (values, means) = ([0.05, 0.3, 1.0, 20.0], array![0.5, -1.0, 2.0, 3.0]);
    let axes = rotation(4, 11);
    for (schedule, clock) in schedules() {
        let law =
            Gaussian::from_covariance(axes.dot(&means), covariance(&axes, &values.to_vec().into()).view());
        let law = law.unwrap();
        let diagonal = Gaussian::diagonal(means.clone(), values.to_vec().into()).unwrap();
        let modes = modes(&clock, &values, means.as_slice().unwrap());
        let exact = GaussianScore::new(&law, &*schedule);
        let process = ReverseProcess::new(&*schedule, &exact);
        for grid in grids(&*schedule) {
            for name in SCHEMES.into_iter().filter(|name| modes[0].is_defined(name, grid.times())) {
                let scheme = parse_scheme(name).unwrap();
                let map = propagate_matrix(&*scheme, &grid, &process).unwrap();
                // From N(0, I): covariance G Gᵀ + C, mean o; seen in the axes of the law.
                let end = map.gain.dot(&map.gain.t()) + &map.covariance;
                let end = axes.t().dot(&end).dot(&axes);
                let mean = axes.t().dot(&map.offset);
                let normal = Moments { mean: 0.0, variance: 1.0 };
                let ends: Vec<Moments> =
                    modes.iter().map(|m| *m.path(name, grid.times(), normal).last().unwrap()).collect();
                let expected = Array2::from_diag(&ends.iter().map(|e| e.variance).collect::<Array1<f64>>());
                let context = format!("{name} {clock:?} {:?}", &grid.times()[..2]);
                assert!(largest(&(&end - &expected)) < 1e-11 * largest(&expected), "{context}");
                let expected = ends.iter().map(|e| e.mean).collect::<Array1<f64>>();
                assert!(largest(&(&mean - &expected)) < 1e-11 * largest(&expected), "{context}");

                // The same numbers by the diagonal probe, and by Bures between full matrices.
                let alone = Audit::new(&diagonal, &*schedule);
                let full = Audit::with_score(&law, &law, &*schedule).unwrap();
                let found = full.errors(&*scheme, &grid, Start::Normal).unwrap();
                let expected = alone.errors(&*scheme, &grid, Start::Normal).unwrap();
                assert_agrees(found.w2, expected.w2, 5.0, &context);
                assert_agrees(found.discretisation, expected.discretisation, 5.0, &context);
            }
        }
    }
}

struct Cubic;

impl Score for Cubic {
    fn dim(&self) -> usize {
        2
    }

    fn score_into(&self, _t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> fokker::Result<()> {
        out.zip_mut_with(&x, |out, x| *out = -x - 0.01 * x.powi(3));
        Ok(())
    }
}

#[test]
fn a_score_that_is_not_affine_has_no_exact_law() {
    let schedule = parse_schedule("linear:0.05:10").unwrap();
    let process = ReverseProcess::new(&*schedule, &Cubic);
    let grid = Grid::new(Spacing::Uniform, 60, 1e-3, &*schedule).unwrap();
    for name in SCHEMES {
        let error = propagate_matrix(&*parse_scheme(name).unwrap(), &grid, &process).unwrap_err();
        assert!(error.to_string().contains("not affine"), "{name}: {error}");
    }
}
