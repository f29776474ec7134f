//! A scheme written outside the library, stochastic and two-step, audited by the same probe.

use fokker::audit::{Audit, Start, propagate_matrix};
use fokker::process::{Grid, Linear, OrnsteinUhlenbeck as Ou, Schedule, Spacing, Step};
use fokker::sampling::{Limit, ReverseProcess, SampleOptions, Scheme, State, Work, sample};
use fokker::score::GaussianScore;
use fokker::statistics::Gaussian;
use ndarray::{Array1, Array2, Axis, Zip, array};

/// SDE-DPM-Solver++(2M) of Lu et al. 2022 (section 6): on x = y/α with r = σ/α, q = (r_s/r_t)²,
///
/// ```text
/// x ← q x + (1 − q) (D_t + (D_t − D_previous) h/(2 h_previous)) + r_s √(1 − q) z,   h = log(r_t/r_s)
/// ```
struct StochasticDpm2M;

/// q, the weight of the difference of predictions, and r_s √(1 − q).
fn weights(schedule: &dyn Schedule, step: &Step) -> (f64, f64, f64) {
    let ratio = |t| Ou::noise_ratio(schedule.clock(t));
    let (r, to) = (ratio(step.t), ratio(step.s));
    let q = (to / r).powi(2);
    let correction = match step.previous {
        Some(previous) if to > 0.0 => (r / to).ln() / (ratio(previous) / r).ln() / 2.0,
        _ => 0.0,
    };
    (q, correction, to * (1.0 - q).sqrt())
}

impl Scheme for StochasticDpm2M {
    fn name(&self) -> &'static str {
        "sde-dpmpp-2m"
    }

    fn order(&self) -> u32 {
        2
    }

    fn limit(&self) -> Limit {
        Limit::Sde
    }

    fn history(&self) -> usize {
        1
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> fokker::Result<()> {
        let (from, to) = (process.schedule.clock(step.t), process.schedule.clock(step.s));
        let (q, correction, scale) = weights(process.schedule, step);
        process.score.score_into(step.t, state.x.view(), work.score.view_mut())?;
        Zip::from(&mut state.x).and(&work.score).and(&noise[0]).and(&mut state.history[0]).for_each(
            |y, &s, &z, previous| {
                let data = (*y + Ou::variance(from) * s) / Ou::alpha(from);
                let used = data + correction * (data - *previous);
                *y = Ou::alpha(to) * (q * *y / Ou::alpha(from) + (1.0 - q) * used + scale * z);
                *previous = data;
            },
        );
        Ok(())
    }
}

/// Mean and variance of x = y/α at the end by an explicit recursion of the 2 × 2 covariance of
/// (x, D_previous); E[x₀ | x] = m + λ (x − m)/(λ + r²).
fn recursion(schedule: &dyn Schedule, grid: &Grid, value: f64, mean: f64, normal: bool) -> (f64, f64) {
    let first = schedule.clock(grid.start());
    let r = grid.sigmas()[0];
    let (mut mx, mut md) = (mean, 0.0);
    let (mut xx, mut xd, mut dd) = (value + r * r, 0.0, 0.0);
    if normal {
        (mx, xx) = (0.0, 1.0 / Ou::alpha(first).powi(2));
    }
    for (step, r) in grid.iter().zip(grid.sigmas()) {
        let (q, correction, scale) = weights(schedule, &step);
        let predict = value / (value + r * r);
        // x' = a x + b D + c + scale z,  D' = predict x + (1 − predict) m
        let a = q + (1.0 - q) * (1.0 + correction) * predict;
        let b = -(1.0 - q) * correction;
        let c = (1.0 - q) * (1.0 + correction) * (1.0 - predict) * mean;
        (mx, md) = (a * mx + b * md + c, predict * mx + (1.0 - predict) * mean);
        let new = a * a * xx + 2.0 * a * b * xd + b * b * dd + scale * scale;
        (xd, dd) = (predict * (a * xx + b * xd), predict * predict * xx);
        xx = new;
    }
    (mx, xx)
}

fn schedule() -> Linear {
    Linear::new(0.05, 10.0, 1.0).unwrap()
}

fn law() -> Gaussian {
    Gaussian::diagonal(array![0.4, -1.0, 2.0], array![1e-4, 0.5, 6.0]).unwrap()
}

#[test]
fn the_probe_is_the_recursion_of_the_two_by_two_covariance() {
    let (schedule, law) = (schedule(), law());
    for (spacing, steps, stop) in
        [(Spacing::LogSnr, 12, 0.0), (Spacing::KARRAS, 25, 1e-3), (Spacing::Uniform, 40, 0.0)]
    {
        let grid = Grid::new(spacing, steps, stop, &schedule).unwrap();
        let alpha = Ou::alpha(schedule.clock(stop));
        for start in [Start::Normal, Start::Exact] {
            let mut squares = 0.0;
            for (&value, &mean) in law.values().iter().zip(law.mean()) {
                let (mx, xx) = recursion(&schedule, &grid, value, mean, start == Start::Normal);
                squares += (alpha * mx - mean).powi(2) + (alpha * xx.sqrt() - value.sqrt()).powi(2);
            }
            let audit = Audit::new(&law, &schedule);
            let report = audit.errors(&StochasticDpm2M, &grid, start).unwrap();
            // 1e-11 relative, of an error that is itself 1e-3 of the law or more.
            assert!(squares.sqrt() > 1e-3, "{squares}");
            assert!((report.w2 - squares.sqrt()).abs() < 1e-11 * squares.sqrt(), "{spacing:?} {report:?}");
            let path = audit.along_time(&StochasticDpm2M, &grid, start).unwrap();
            assert_eq!(path.len(), steps + 1);
            if stop == 0.0 {
                assert!((path[steps] - report.w2).abs() < 1e-12);
            }
        }
    }
}

/// `y ← y/3 + s + z` until the last step, which subtracts y from a copy of itself: two steps that
/// leave nothing, in numbers that do not cancel exactly.
struct Cancelling;

impl Scheme for Cancelling {
    fn name(&self) -> &'static str {
        "cancelling"
    }

    fn order(&self) -> u32 {
        1
    }

    fn limit(&self) -> Limit {
        Limit::Sde
    }

    fn history(&self) -> usize {
        1
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> fokker::Result<()> {
        process.score.score_into(step.t, state.x.view(), work.score.view_mut())?;
        Zip::from(&mut state.x).and(&work.score).and(&noise[0]).and(&mut state.history[0]).for_each(
            |y, &s, &z, copy| {
                *y = if step.last { 0.7 * *y - *copy } else { *y / 3.0 + s + z };
                *copy = 0.7 * *y;
            },
        );
        Ok(())
    }
}

/// With history and noise the variance of x is a quadratic form that rounding can leave below
/// zero where it is zero.
#[test]
fn a_variance_of_zero_is_no_nan() {
    let schedule = schedule();
    let law = Gaussian::from_eigenvalues(Array1::from_shape_fn(40, |i| 0.1 + 0.3 * i as f64)).unwrap();
    let audit = Audit::new(&law, &schedule);
    let grid = Grid::new(Spacing::Uniform, 5, 1e-3, &schedule).unwrap();
    let run = audit.run(&Cancelling, &grid).unwrap();
    let report = audit.report(&run, Start::Exact).unwrap();
    // Nothing is left of the law: W₂² to the marginal is its trace.
    let clock = schedule.clock(1e-3);
    let trace = law.values().mapv(|v| v * Ou::alpha(clock).powi(2) + Ou::variance(clock)).sum();
    let path = audit.along_time(&Cancelling, &grid, Start::Exact).unwrap();
    for found in [report.discretisation, path[5]] {
        assert!((found - trace.sqrt()).abs() < 1e-6 * found, "{found} {}", trace.sqrt());
    }
}

#[test]
fn it_has_the_order_it_states() {
    let schedule = Linear::new(0.5, 3.0, 1.0).unwrap();
    let audit = Audit::new(&law(), &schedule);
    let error = |steps| {
        let grid = Grid::new(Spacing::LogSnr, steps, 0.1, &schedule).unwrap();
        audit.errors(&StochasticDpm2M, &grid, Start::Exact).unwrap().discretisation
    };
    let order = (error(400) / error(800)).log2();
    // The error is c h² (1 + O(h)) with h = 1/100.
    assert!((order - 2.0).abs() < 0.02, "{order}");
}

/// Exact law against 65,536 draws. Six z-scores, each beyond 5 once in 1.7 million: false alarms
/// once in 290,000 seeds.
#[test]
fn its_exact_law_is_what_it_draws() {
    let (schedule, law) = (schedule(), law());
    let score = GaussianScore::new(&law, &schedule);
    let process = ReverseProcess::new(&schedule, &score);
    let grid = Grid::new(Spacing::LogSnr, 8, 1e-3, &schedule).unwrap();
    let n = 65_536;
    let options = SampleOptions { particles: n, seed: 20, ..Default::default() };
    let x = sample(&process, &StochasticDpm2M, &grid, &options).unwrap();
    let map = propagate_matrix(&StochasticDpm2M, &grid, &process).unwrap();
    let variance = (map.gain.dot(&map.gain.t()) + &map.covariance).into_diag();
    let drawn = x.mean_axis(Axis(0)).unwrap();
    let squares = (&x - &map.offset).mapv(|x| x * x).mean_axis(Axis(0)).unwrap();
    for i in 0..3 {
        let z = (drawn[i] - map.offset[i]) / (variance[i] / n as f64).sqrt();
        assert!(z.abs() < 5.0, "mean of coordinate {i}: z = {z}");
        let z = (squares[i] / variance[i] - 1.0) / (2.0 / n as f64).sqrt();
        assert!(z.abs() < 5.0, "variance of coordinate {i}: z = {z}");
    }
}
