//! What holds of every audit, whatever the law.

use fokker::audit::{Audit, ErrorReport, Start};
use fokker::process::{Grid, Spacing, parse_schedule};
use fokker::sampling::{Limit, SCHEMES, parse_scheme};
use fokker::statistics::Gaussian;
use proptest::prelude::*;

/// Eigenvalues over twelve orders of magnitude, ones and repetitions included, with means.
fn modes() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = prop_oneof![4 => (-8.0f64..4.0).prop_map(|e| 10f64.powf(e)), 1 => Just(1.0), 1 => Just(0.2)];
    let mean = prop_oneof![Just(0.0), -3.0f64..3.0];
    prop::collection::vec((value, mean), 1..12)
}

fn law(modes: &[(f64, f64)]) -> Gaussian {
    Gaussian::diagonal(modes.iter().map(|m| m.1).collect(), modes.iter().map(|m| m.0).collect()).unwrap()
}

fn all(report: &ErrorReport) -> [f64; 5] {
    [report.w2, report.initialisation, report.truncation, report.discretisation, report.score]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schemes(
        modes in modes(),
        turn in 0usize..12,
        name in prop::sample::select(SCHEMES.to_vec()),
        schedule in prop::sample::select(vec!["linear:0.05:10", "constant:3", "cosine", "edm:20"]),
        spacing in prop::sample::select(vec![Spacing::Uniform, Spacing::LogSnr, Spacing::KARRAS]),
        steps in 2usize..40,
        stop in prop::sample::select(vec![0.0, 1e-3, 0.2]),
    ) {
        let schedule = parse_schedule(schedule).unwrap();
        let scheme = parse_scheme(name).unwrap();
        let grid = Grid::new(spacing, steps, stop, &*schedule).unwrap();
        let law_given = law(&modes);
        let audit = Audit::new(&law_given, &*schedule);
        // Undefined only where ddpm says so: no eigenvalue here is zero.
        let run = match audit.run(&*scheme, &grid) {
            Ok(run) => run,
            Err(error) => {
                prop_assert!(name == "ddpm" && error.is_input());
                return Ok(());
            }
        };
        // The order of eigenvalues is nothing: equal ones are gathered and sorted, so not a bit.
        let mut turned = modes.clone();
        let by = turn % modes.len();
        turned.rotate_left(by);
        let other = Audit::new(&law(&turned), &*schedule);
        let other_run = other.run(&*scheme, &grid).unwrap();
        let size = modes.iter().map(|(value, mean)| value + mean * mean + 1.0).sum::<f64>().sqrt();
        for start in [Start::Exact, Start::Normal] {
            let report = audit.report(&run, start).unwrap();
            prop_assert_eq!(&report, &other.report(&other_run, start).unwrap());
            prop_assert!(all(&report).iter().all(|e| e.is_finite() && *e >= 0.0), "{:?}", report);
            // With the exact score nothing is lost to the score.
            prop_assert!(report.score <= 1e-14 * size, "{:?}", report);
            let mut each = audit.per_eigenvalue(&run, start).unwrap().w2;
            let others = other.per_eigenvalue(&other_run, start).unwrap().w2;
            each.as_slice_mut().unwrap().rotate_left(by);
            prop_assert_eq!(each, others);
        }
        // W₂ is a metric, and from p_T the laws are those of three points: the scheme's, p_ε, p_0.
        // (From N(0, I) the reported initialisation error is that of the continuous process; a
        // scheme with coarse steps may amplify the start more, so no bound by the sum holds.)
        let exact = audit.report(&run, Start::Exact).unwrap();
        let rounding = 1e-14 * (size + exact.w2);
        prop_assert!(exact.w2 <= exact.discretisation + exact.truncation + rounding, "{exact:?}");
        prop_assert!(exact.w2 >= (exact.discretisation - exact.truncation).abs() - rounding, "{exact:?}");
    }

    /// The continuous process has no discretisation error, so the sums do bound its total.
    #[test]
    fn continuous_processes(
        modes in modes(),
        factors in prop::collection::vec(0.5f64..2.0, 12),
        stop in 0.0f64..0.5,
        limit in prop::sample::select(vec![Limit::Sde, Limit::Ode]),
    ) {
        let schedule = parse_schedule("linear:0.05:10").unwrap();
        let data = law(&modes);
        let given: Vec<(f64, f64)> = modes.iter().zip(&factors).map(|(m, f)| (m.0 * f, m.1 * f)).collect();
        let size = modes.iter().map(|(value, mean)| value + mean * mean + 1.0).sum::<f64>().sqrt();
        let rounding = 1e-13 * size;

        let exact = Audit::new(&data, &*schedule);
        let run = exact.continuous(limit, stop).unwrap();
        let report = exact.report(&run, Start::Normal).unwrap();
        prop_assert!(report.w2 <= report.initialisation + report.truncation + rounding, "{report:?}");
        prop_assert!(report.discretisation <= rounding);

        let audit = Audit::with_score(&data, &law(&given), &*schedule).unwrap();
        let run = audit.continuous(limit, stop).unwrap();
        let report = audit.report(&run, Start::Exact).unwrap();
        prop_assert!(report.w2 <= report.score + report.truncation + rounding, "{report:?}");
        prop_assert!(report.w2 >= (report.score - report.truncation).abs() - rounding, "{report:?}");
        prop_assert!(all(&report).iter().all(|e| e.is_finite() && *e >= 0.0));
    }
}

/// Several blocks of eigenvalues, the last one not full: the same bits on any number of threads.
#[test]
fn the_thread_count_changes_no_bit() {
    let schedule = parse_schedule("linear:0.05:10").unwrap();
    let modes: Vec<(f64, f64)> = (1..2500).map(|i| (1.0 / f64::from(i), (i % 3).into())).collect();
    let law = law(&modes);
    let audit = Audit::new(&law, &*schedule);
    let grid = Grid::new(Spacing::KARRAS, 20, 1e-3, &*schedule).unwrap();
    for name in ["em", "dpmpp-2m", "edm-churn"] {
        let scheme = parse_scheme(name).unwrap();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let report = audit.errors(&*scheme, &grid, Start::Normal).unwrap();
                (report, audit.along_time(&*scheme, &grid, Start::Normal).unwrap())
            })
        };
        assert_eq!(on(1), on(3), "{name}");
    }
}
