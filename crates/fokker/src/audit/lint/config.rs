//! Flaws of a scheduler configuration that its list of σ alone does not show.

use super::bench::Bench;
use super::{Code, Finding, Severity, levels};
use crate::Result;
use crate::process::{
    BetaSchedule, OrnsteinUhlenbeck as Ou, Schedule, SchedulerClass, SchedulerConfig, TimestepSpacing,
};
use crate::sampling::Scheme;
use crate::statistics::Gaussian;

/// Largest training σ below and above which a clock is suspected of a factor of 2: published
/// linear schedules end between 12 and 160, their halves below 4 and their doubles above 200.
const SMALL_CLOCK: f64 = 5.0;
const LARGE_CLOCK: f64 = 200.0;

pub(super) fn lint(
    config: &SchedulerConfig,
    steps: usize,
    law: &Gaussian,
    scheme: &dyn Scheme,
) -> Result<Vec<Finding>> {
    let schedule = match config.schedule() {
        Ok(schedule) => schedule,
        Err(error) => return Ok(vec![no_step_betas(config, &error.to_string())]),
    };
    let mut findings = Vec::new();
    findings.extend(too_many_steps(config, steps));
    findings.extend(steps_offset(config, steps));
    let levels = match config.levels(steps) {
        Ok(levels) => levels,
        // diffusers would fail here; the finding says why.
        Err(_) if !findings.is_empty() => return Ok(findings),
        Err(error) => return Err(error),
    };
    let largest = Ou::noise_ratio(schedule.clock(schedule.horizon()));
    let bench = Bench::in_training_time(schedule, &levels.sigmas, law, scheme)?;
    let w2 = |config: &SchedulerConfig, steps| w2_of(config, steps, law, scheme);
    findings.extend(other_solver(config, steps, scheme));
    findings.extend(doubtful_clock(config, steps, largest, &w2));
    findings.extend(extra_timestep(config, &levels.timesteps, steps, &w2));
    // A network trained on σ itself has no largest timestep.
    let range = if config.continuous { None } else { range(config, steps, largest, &levels.sigmas, &bench) };
    // The remedy for a start that is below the training range is there, and for one at its end here.
    if range.is_none() {
        let trained = SchedulerConfig { zero_terminal_snr: true, ..config.clone() };
        let remedy = ("train with rescale_betas_zero_snr".to_owned(), w2(&trained, steps));
        findings.extend(levels::terminal_snr(&levels.sigmas, &bench, remedy));
    }
    findings.extend(range);
    findings.extend(mismatched_levels(config, steps, &levels.timesteps));
    findings.extend(levels::lint(&levels.sigmas, &bench));
    Ok(findings)
}

/// W₂ of a configuration, with what repeats left out.
fn w2_of(config: &SchedulerConfig, steps: usize, law: &Gaussian, scheme: &dyn Scheme) -> Option<f64> {
    let mut sigmas = config.levels(steps).ok()?.sigmas;
    sigmas.dedup();
    Bench::in_training_time(config.schedule().ok()?, &sigmas, law, scheme).ok()?.w2(&sigmas)
}

/// A solver that another scheme stands for.
fn other_solver(config: &SchedulerConfig, steps: usize, scheme: &dyn Scheme) -> Option<Finding> {
    // Who names a scheme knows what it is.
    let solver = config.stand_in(steps).filter(|_| scheme.name() == config.scheme_name())?;
    Some(Finding {
        code: Code::OtherSolver,
        severity: Severity::Info,
        step: None,
        message: format!(
            "this {} is {solver}, which is not built in: every W2 here is that of {}",
            config.class.name(),
            scheme.name()
        ),
        remedy: "take the costs for those of the levels, not of the solver".into(),
        w2_cost: None,
    })
}

/// Betas with which there is no table: usually the rates of a continuous schedule.
fn no_step_betas(config: &SchedulerConfig, error: &str) -> Finding {
    let (start, end, count) = (config.beta_start, config.beta_end, config.train_timesteps as f64);
    let rates = config.trained_betas.is_none() && end >= 1.0;
    let (message, remedy) = if rates {
        (
            format!(
                "beta_start {start}, beta_end {end} are rates per unit of time, not β of one training step"
            ),
            format!(
                "divide by num_train_timesteps: {:.3e} and {:.3e} (β(t) of Song et al.; twice that if the \
                 rates are of dx = −βx dt + √(2β) dw)",
                start / count,
                end / count
            ),
        )
    } else {
        (error.to_owned(), "give the β of every training step, between 0 and 1".to_owned())
    };
    Finding {
        code: Code::BetaConvention,
        severity: Severity::Error,
        step: None,
        message,
        remedy,
        w2_cost: None,
    }
}

/// A clock about half or twice the usual: the two conventions of β mixed up.
fn doubtful_clock(
    config: &SchedulerConfig,
    steps: usize,
    largest: f64,
    w2: &dyn Fn(&SchedulerConfig, usize) -> Option<f64>,
) -> Option<Finding> {
    if config.beta_schedule == BetaSchedule::SquaredCosine && config.trained_betas.is_none() {
        return None;
    }
    if config.zero_terminal_snr || (SMALL_CLOCK..=LARGE_CLOCK).contains(&largest) {
        return None;
    }
    let small = largest < SMALL_CLOCK;
    let factor = if small { 2.0 } else { 0.5 };
    let cost = || Some(w2(config, steps)? - w2(&scaled(config, factor), steps)?);
    let (word, times) = if small { ("small", "twice") } else { ("large", "half") };
    Some(Finding {
        code: Code::BetaConvention,
        severity: Severity::Warning,
        step: None,
        message: format!(
            "the largest training σ is {largest:.4}, too {word} for published schedules (12 to 160)"
        ),
        remedy: format!(
            "check the convention of β: diffusers' β of a step is that of dx = −½βx dt + √β dw; {times} \
             the values may be meant"
        ),
        w2_cost: cost().filter(|&cost| cost > 0.0),
    })
}

fn scaled(config: &SchedulerConfig, factor: f64) -> SchedulerConfig {
    SchedulerConfig {
        beta_start: factor * config.beta_start,
        beta_end: factor * config.beta_end,
        trained_betas: config.trained_betas.as_ref().map(|all| all.iter().map(|b| factor * b).collect()),
        ..config.clone()
    }
}

fn too_many_steps(config: &SchedulerConfig, steps: usize) -> Option<Finding> {
    (steps > config.train_timesteps).then(|| Finding {
        code: Code::TooManySteps,
        severity: Severity::Error,
        step: None,
        message: format!("{steps} steps are more than the {} training timesteps", config.train_timesteps),
        remedy: format!("use at most {} steps", config.train_timesteps),
        w2_cost: None,
    })
}

fn steps_offset(config: &SchedulerConfig, steps: usize) -> Option<Finding> {
    let offset = config.steps_offset;
    let finding = |severity, message, remedy| Finding {
        code: Code::StepsOffset,
        severity,
        step: Some(0),
        message,
        remedy,
        w2_cost: None,
    };
    if config.spacing != TimestepSpacing::Leading {
        return (offset > 0).then(|| {
            let message = format!("steps_offset {offset} is used by leading spacing only");
            finding(Severity::Info, message, "leave it out".into())
        });
    }
    let count = steps + usize::from(config.class == SchedulerClass::DpmSolverMultistep);
    let highest = config.train_timesteps / count * (steps.max(count) - 1);
    let first = highest.saturating_add(offset);
    (first >= config.train_timesteps).then(|| {
        let last = config.train_timesteps - 1;
        let message = format!(
            "steps_offset {offset} makes the first timestep {first}, beyond the last trained one, {last}"
        );
        finding(Severity::Error, message, format!("lower it to at most {}", last.saturating_sub(highest)))
    })
}

fn extra_timestep(
    config: &SchedulerConfig,
    timesteps: &[f64],
    steps: usize,
    w2: &dyn Fn(&SchedulerConfig, usize) -> Option<f64>,
) -> Option<Finding> {
    if timesteps.len() <= steps {
        return None;
    }
    let right = |&more: &usize| config.levels(more).is_ok_and(|levels| levels.timesteps.len() == more);
    let more = (steps + 1..=config.train_timesteps).find(right)?;
    let cost = || Some(w2(config, steps)? - w2(config, more)?);
    Some(Finding {
        code: Code::ExtraTimestep,
        severity: Severity::Error,
        step: Some(steps),
        message: format!(
            "asked for {steps} steps, diffusers makes {}; the last timestep is −1",
            timesteps.len()
        ),
        remedy: format!("ask for {more} steps"),
        w2_cost: cost().filter(|&cost| cost > 0.0),
    })
}

/// The first level against the training range.
fn range(
    config: &SchedulerConfig,
    steps: usize,
    largest: f64,
    sigmas: &[f64],
    bench: &Bench,
) -> Option<Finding> {
    let first = sigmas[0];
    if first > largest * (1.0 + 1e-6) {
        return Some(Finding {
            code: Code::AboveTraining,
            severity: Severity::Error,
            step: Some(0),
            message: format!("σ {first:.4} is above the largest training σ, {largest:.4}"),
            remedy: "lower sigma_max, or give the betas the network was trained with".into(),
            w2_cost: None,
        });
    }
    if first >= 0.98 * largest {
        return None;
    }
    let leading = config.spacing == TimestepSpacing::Leading;
    let cause = if leading { "leading spacing never reaches the last timestep" } else { "as configured" };
    let as_is = bench.errors(sigmas);
    let best = spacings_to_the_end(config)
        .filter_map(|(name, other)| {
            let sigmas = other.levels(steps).ok()?.sigmas;
            Some((name, bench.w2(&sigmas).filter(|_| sigmas[0] >= 0.98 * largest)?))
        })
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let whole = match (&as_is, &best) {
        (Some(as_is), Some((name, w2))) => {
            format!("; W2 in all {:.4} as it is, {w2:.4} with {name} spacing", as_is.w2)
        }
        _ => String::new(),
    };
    let lost = as_is.as_ref().map_or(0.0, |as_is| as_is.initialisation);
    let severity = match () {
        () if first < 0.5 * largest => Severity::Error,
        () if lost < 1e-2 * bench.size() => Severity::Info,
        () => Severity::Warning,
    };
    let finding = Finding {
        code: Code::StartBelowTraining,
        severity,
        step: Some(0),
        message: format!(
            "starts at σ {first:.4}, below the largest training σ, {largest:.4} ({cause}; initialisation \
             error {lost:.4}){whole}"
        ),
        remedy: format!("set timestep_spacing to {}", best.map_or("trailing", |(name, _)| name)),
        w2_cost: as_is.zip(best).map(|(as_is, (_, w2))| as_is.w2 - w2).filter(|&cost| cost > 0.0),
    };
    Some(finding.if_it_helps())
}

/// The spacings that reach the last training timestep. DDIM and PNDM step by ⌊K/N⌋, which linspace
/// does not.
fn spacings_to_the_end(
    config: &SchedulerConfig,
) -> impl Iterator<Item = (&'static str, SchedulerConfig)> + use<'_> {
    let strided = matches!(config.class, SchedulerClass::Ddim | SchedulerClass::Pndm);
    [("trailing", TimestepSpacing::Trailing), ("linspace", TimestepSpacing::Linspace)]
        .into_iter()
        .filter(move |(_, spacing)| !(strided && *spacing == TimestepSpacing::Linspace))
        .map(|(name, spacing)| (name, SchedulerConfig { spacing, steps_offset: 0, ..config.clone() }))
}

/// DDIM and PNDM go down by ⌊K/N⌋ from each timestep: the next one should be there.
fn mismatched_levels(config: &SchedulerConfig, steps: usize, timesteps: &[f64]) -> Option<Finding> {
    if !matches!(config.class, SchedulerClass::Ddim | SchedulerClass::Pndm) {
        return None;
    }
    let stride = (config.train_timesteps / steps) as f64;
    let step = timesteps.windows(2).position(|pair| pair[0] - stride != pair[1])?;
    Some(Finding {
        code: Code::MismatchedLevels,
        severity: Severity::Warning,
        step: Some(step),
        message: format!(
            "goes from timestep {} to {}, but the network is then told {}",
            timesteps[step],
            timesteps[step] - stride,
            timesteps[step + 1]
        ),
        remedy: strides_that_fit(config, steps),
        w2_cost: None,
    })
}

/// What makes ⌊K/N⌋ the distance of the timesteps.
fn strides_that_fit(config: &SchedulerConfig, steps: usize) -> String {
    let total = config.train_timesteps;
    let fits = (steps..=total).find(|&more| total.is_multiple_of(more)).unwrap_or(total);
    match config.spacing {
        TimestepSpacing::Linspace => format!("set timestep_spacing to trailing, with {fits} steps"),
        _ => format!("use {fits} steps, which divide {total}"),
    }
}
