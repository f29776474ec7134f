use super::*;
use crate::problems::natural_image_spectrum;
use crate::sampling::parse_scheme;

fn law() -> Gaussian {
    Gaussian::from_eigenvalues(natural_image_spectrum(8, 8, 3).unwrap()).unwrap()
}

/// Stable Diffusion's betas with the given class and further fields.
fn config(class: &str, more: &str) -> SchedulerConfig {
    SchedulerConfig::from_json(&format!(
        r#"{{"_class_name": "{class}", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear" {more}}}"#
    ))
    .unwrap()
}

fn findings(config: &SchedulerConfig, steps: usize) -> Vec<Finding> {
    let scheme = parse_scheme(config.scheme_name()).unwrap();
    lint_config(config, steps, &law(), &*scheme).unwrap()
}

fn in_list(sigmas: &[f64]) -> Vec<Finding> {
    lint_sigmas(sigmas, &law(), &*parse_scheme("dpmpp-2m").unwrap()).unwrap()
}

#[track_caller]
fn find(findings: &[Finding], code: Code) -> &Finding {
    let found = findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {} in {findings:#?}", code.name()))
}

fn log_spaced(steps: usize) -> Vec<f64> {
    let ratio = |i: usize| 80.0 * (0.01f64 / 80.0).powf(i as f64 / (steps - 1) as f64);
    (0..steps).map(ratio).chain([0.0]).collect()
}

#[test]
fn sane_configurations_have_no_errors() {
    let karras = r#", "timestep_spacing": "trailing", "use_karras_sigmas": true"#;
    for (class, more) in [
        ("EulerDiscreteScheduler", karras),
        ("HeunDiscreteScheduler", karras),
        ("DPMSolverMultistepScheduler", karras),
        ("DDIMScheduler", r#", "timestep_spacing": "trailing""#),
        ("EulerAncestralDiscreteScheduler", r#", "timestep_spacing": "linspace""#),
        ("DDPMScheduler", r#", "timestep_spacing": "trailing", "rescale_betas_zero_snr": true"#),
    ] {
        for steps in [10, 20, 50] {
            let found = findings(&config(class, more), steps);
            let worst = found.first().map_or(Severity::Info, |finding| finding.severity);
            assert!(worst > Severity::Error, "{class}, {steps} steps: {found:#?}");
        }
    }
    assert!(in_list(&log_spaced(20)).iter().all(|finding| finding.severity > Severity::Error));
}

#[test]
fn wasted_steps_are_found_with_their_cost() {
    let mut sigmas = log_spaced(10);
    sigmas.insert(4, sigmas[4]);
    let found = in_list(&sigmas);
    let repeated = find(&found, Code::RepeatedSigma);
    assert_eq!((repeated.step, repeated.severity), (Some(4), Severity::Error));
    assert!(repeated.w2_cost.unwrap() > 0.0);

    let mut sigmas = log_spaced(10);
    sigmas.swap(4, 6);
    let found = in_list(&sigmas);
    let rising = find(&found, Code::NonMonotoneSigma);
    assert_eq!(rising.step, Some(4));
    assert!(rising.w2_cost.unwrap() > 0.0);

    let mut ascending = log_spaced(10);
    ascending.reverse();
    assert_eq!(find(&in_list(&ascending), Code::NonMonotoneSigma).step, Some(0));
    // The end of linspace is the smallest training σ already.
    let dead = config("EulerDiscreteScheduler", r#", "final_sigmas_type": "sigma_min""#);
    assert_eq!(find(&findings(&dead, 20), Code::DeadLastStep).step, Some(19));
    let offset = config("DDIMScheduler", r#", "set_alpha_to_one": false"#);
    let found = findings(&offset, 20);
    let dead = find(&found, Code::DeadLastStep);
    // On this law the noise that is left hides another error: nothing is gained by an end at 0 ...
    assert!(dead.w2_cost.is_none() && dead.remedy.contains("one step less"), "{dead:?}");
    // ... but where the data have no variance, noise is all there is to lose.
    let constant = Gaussian::from_eigenvalues(ndarray::Array1::zeros(3)).unwrap();
    let found = lint_config(&offset, 20, &constant, &*parse_scheme("ddim").unwrap()).unwrap();
    let dead = find(&found, Code::DeadLastStep);
    assert!(dead.w2_cost.unwrap() > 0.0 && dead.remedy.contains("steps_offset 1"), "{dead:?}");
}

#[test]
fn the_cost_is_the_error_as_is_minus_the_error_repaired() {
    let mut sigmas = log_spaced(12);
    let whole = sigmas.clone();
    *sigmas.last_mut().unwrap() = 0.005;
    let found = in_list(&sigmas);
    let scheme = parse_scheme("dpmpp-2m").unwrap();
    let (law, schedule) = (law(), crate::process::VarianceExploding::new(80.0).unwrap());
    let w2 = |sigmas: &[f64]| {
        let grid = crate::process::Grid::from_sigmas(sigmas.to_vec(), &schedule).unwrap();
        let audit = crate::audit::Audit::new(&law, &schedule);
        audit.errors(&*scheme, &grid, crate::audit::Start::Normal).unwrap().w2
    };
    let cost = find(&found, Code::ResidualNoise).w2_cost.unwrap();
    assert!((cost - (w2(&sigmas) - w2(&whole))).abs() < 1e-12);
}

#[test]
fn uneven_steps_and_jumps_are_found() {
    let mut sigmas = log_spaced(20);
    sigmas.insert(8, sigmas[7] * 0.999);
    let found = in_list(&sigmas);
    assert_eq!(find(&found, Code::TinyStep).step, Some(7));
    let mut sigmas = log_spaced(40);
    sigmas.drain(15..26);
    let found = in_list(&sigmas);
    let giant = find(&found, Code::GiantStep);
    assert_eq!(giant.step, Some(14));
    assert!(giant.w2_cost.unwrap() > 0.0);
    let jump = find(&found, Code::ErrorJump);
    assert!(jump.w2_cost.unwrap() > 0.0);
    // The last step of a list that ends too early, at a σ where images still are noise.
    let mut short: Vec<f64> = log_spaced(20)[..12].to_vec();
    short.push(0.0);
    assert_eq!(find(&in_list(&short), Code::ErrorJump).step, Some(11));
}

#[test]
fn flaws_of_configurations_are_found() {
    let leading = r#", "timestep_spacing": "leading", "steps_offset": 1"#;
    let found = findings(&config("EulerDiscreteScheduler", leading), 10);
    let start = find(&found, Code::StartBelowTraining);
    // Trailing spacing mends the start, and places the other levels worse for this law.
    assert!(start.severity == Severity::Info && start.w2_cost.is_none(), "{start:?}");
    assert!(start.remedy.starts_with("leave it: "), "{start:?}");
    let larger = Gaussian::from_eigenvalues(natural_image_spectrum(32, 32, 3).unwrap()).unwrap();
    let (euler, ddim) = (config("EulerDiscreteScheduler", leading), parse_scheme("ddim").unwrap());
    let found = lint_config(&euler, 10, &larger, &*ddim).unwrap();
    let start = find(&found, Code::StartBelowTraining);
    assert!(start.severity == Severity::Warning && start.w2_cost.unwrap() > 0.0, "{start:?}");
    let found = findings(&config("EulerDiscreteScheduler", leading), 600);
    assert_eq!(find(&found, Code::StartBelowTraining).severity, Severity::Error);

    let far = r#", "timestep_spacing": "leading", "steps_offset": 300"#;
    for class in ["EulerDiscreteScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler"] {
        assert_eq!(find(&findings(&config(class, far), 10), Code::StepsOffset).severity, Severity::Error);
    }
    let unused = config("EulerDiscreteScheduler", r#", "steps_offset": 1"#);
    assert_eq!(find(&findings(&unused, 10), Code::StepsOffset).severity, Severity::Info);
    find(&findings(&config("DDIMScheduler", ""), 2000), Code::TooManySteps);
    let found = findings(&config("EulerDiscreteScheduler", leading), 2000);
    find(&found, Code::TooManySteps);
    find(&found, Code::RepeatedSigma);

    let trailing = config("EulerDiscreteScheduler", r#", "timestep_spacing": "trailing""#);
    assert_eq!(find(&findings(&trailing, 61), Code::ExtraTimestep).step, Some(61));
    let linspace = config("DDIMScheduler", r#", "timestep_spacing": "linspace""#);
    assert_eq!(find(&findings(&linspace, 50), Code::MismatchedLevels).step, Some(1));
    let wide = config("EulerDiscreteScheduler", r#", "use_karras_sigmas": true, "sigma_max": 80.0"#);
    find(&findings(&wide, 20), Code::AboveTraining);
}

#[test]
fn terminal_snr_is_the_initialisation_error() {
    let found = findings(&config("DDIMScheduler", r#", "timestep_spacing": "trailing""#), 20);
    let schedule = config("DDIMScheduler", "").schedule().unwrap();
    let audit = crate::audit::Audit::new(&law(), &schedule);
    let limit = audit.continuous(crate::sampling::Limit::Ode, 0.0).unwrap();
    let lost = audit.report(&limit, crate::audit::Start::Normal).unwrap().initialisation;
    let message = &find(&found, Code::TerminalSnr).message;
    assert!(lost > 0.0 && message.contains(&format!("initialisation error {lost:.4}")), "{message}");
    let zero = r#", "timestep_spacing": "trailing", "rescale_betas_zero_snr": true"#;
    let found = findings(&config("DDIMScheduler", zero), 20);
    assert!(found.iter().all(|finding| finding.code != Code::TerminalSnr), "{found:#?}");
}

#[test]
fn mixed_up_conventions_of_beta_are_found() {
    let with = |start: f64, end: f64| {
        let more = format!(r#", "beta_start": {start}, "beta_end": {end}"#);
        let text = format!(r#"{{"_class_name": "DDPMScheduler", "timestep_spacing": "trailing" {more}}}"#);
        findings(&SchedulerConfig::from_json(&text).unwrap(), 50)
    };
    // Song's rates, and ours, instead of the β of single steps.
    for (start, end) in [(0.1, 20.0), (0.05, 10.0)] {
        let found = with(start, end);
        let finding = find(&found, Code::BetaConvention);
        assert_eq!(finding.severity, Severity::Error);
        assert!(finding.message.contains("rates per unit of time"));
    }
    // Half of Stable Diffusion's clock, and twice DDPM's.
    let found = with(0.0001, 0.005);
    let small = find(&found, Code::BetaConvention);
    assert!(small.message.contains("too small") && small.w2_cost.is_none_or(|cost| cost > 0.0), "{small:?}");
    assert!(find(&with(0.0002, 0.04), Code::BetaConvention).message.contains("too large"));
    assert!(with(0.0001, 0.02).iter().all(|finding| finding.code != Code::BetaConvention));
}

#[test]
fn findings_come_by_severity_then_step() {
    let mut sigmas = log_spaced(10);
    sigmas.insert(6, sigmas[6]);
    sigmas.swap(2, 3);
    let found = in_list(&sigmas);
    let keys: Vec<_> = found.iter().map(|finding| (finding.severity, finding.step)).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    for finding in &found {
        let json = serde_json::to_value(finding).unwrap();
        assert_eq!(json["code"], finding.code.name());
    }
}

#[test]
fn bad_lists_and_steps_are_refused() {
    let scheme = parse_scheme("ddim").unwrap();
    for sigmas in [&[][..], &[1.0], &[0.0, 0.0], &[1.0, f64::NAN], &[1.0, -1.0], &vec![1.0; 20_000]] {
        assert!(lint_sigmas(sigmas, &law(), &*scheme).unwrap_err().is_input());
    }
    for steps in [0, 10_001, usize::MAX] {
        assert!(lint_config(&config("DDIMScheduler", ""), steps, &law(), &*scheme).unwrap_err().is_input());
    }
}
