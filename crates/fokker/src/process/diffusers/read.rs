//! From JSON text to a configuration.

use super::{
    BetaSchedule, MAX_TRAIN_TIMESTEPS, Respacing, SchedulerClass, SchedulerConfig, StepVariance,
    TimestepSpacing,
};
use crate::{Error, Result};
use serde::Deserialize;
use std::borrow::Cow;

/// The fields as they stand in the file; absent and `null` are the same, others are ignored.
#[derive(Debug, Deserialize)]
struct Fields {
    #[serde(rename = "_class_name")]
    class_name: Option<String>,
    num_train_timesteps: Option<usize>,
    beta_start: Option<f64>,
    beta_end: Option<f64>,
    beta_schedule: Option<String>,
    trained_betas: Option<Vec<f64>>,
    timestep_spacing: Option<String>,
    steps_offset: Option<usize>,
    use_karras_sigmas: Option<bool>,
    use_exponential_sigmas: Option<bool>,
    use_beta_sigmas: Option<bool>,
    use_lu_lambdas: Option<bool>,
    use_flow_sigmas: Option<bool>,
    sigma_min: Option<f64>,
    sigma_max: Option<f64>,
    final_sigmas_type: Option<String>,
    set_alpha_to_one: Option<bool>,
    rescale_betas_zero_snr: Option<bool>,
    lambda_min_clipped: Option<f64>,
    solver_order: Option<usize>,
    algorithm_type: Option<String>,
    solver_type: Option<String>,
    euler_at_final: Option<bool>,
    lower_order_final: Option<bool>,
    variance_type: Option<String>,
    timestep_type: Option<String>,
    prediction_type: Option<String>,
    interpolation_type: Option<String>,
}

pub(super) fn config(text: &str) -> Result<SchedulerConfig> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parse = |reason: String| Error::Parse { what: "the scheduler configuration", reason };
    let fields: Fields = serde_json::from_str(&python_json(text)).map_err(|e| parse(e.to_string()))?;
    let Some(name) = &fields.class_name else {
        return Err(parse(
            "it has no _class_name: give the scheduler_config.json of a diffusers model".into(),
        ));
    };
    refuse_flow_matching(&fields, name)?;
    let class = class(name)?;
    refuse_other_respacings(&fields)?;
    let dpm = class == SchedulerClass::DpmSolverMultistep;
    let respacing = match (fields.use_karras_sigmas, fields.use_exponential_sigmas) {
        (Some(true), Some(true)) => {
            return Err(parse("use_karras_sigmas and use_exponential_sigmas exclude each other".into()));
        }
        _ if class.steps_by_index() || class == SchedulerClass::EulerAncestral => Respacing::None,
        (Some(true), _) => Respacing::Karras,
        (_, Some(true)) => Respacing::Exponential,
        _ => Respacing::None,
    };
    let heun = class == SchedulerClass::Heun;
    let config = SchedulerConfig {
        class,
        train_timesteps: fields.num_train_timesteps.unwrap_or(1000),
        beta_start: fields.beta_start.unwrap_or(if heun { 0.00085 } else { 0.0001 }),
        beta_end: fields.beta_end.unwrap_or(if heun { 0.012 } else { 0.02 }),
        beta_schedule: beta_schedule(fields.beta_schedule.as_deref())?,
        trained_betas: fields.trained_betas,
        spacing: spacing(fields.timestep_spacing.as_deref(), class)?,
        steps_offset: fields.steps_offset.unwrap_or(0),
        respacing,
        sigma_min: fields.sigma_min.filter(|_| class == SchedulerClass::Euler),
        sigma_max: fields.sigma_max.filter(|_| class == SchedulerClass::Euler),
        ends_at_sigma_min: ends_at_sigma_min(fields.final_sigmas_type.as_deref())?
            && (dpm || class == SchedulerClass::Euler),
        set_alpha_to_one: fields.set_alpha_to_one.unwrap_or(class != SchedulerClass::Pndm),
        zero_terminal_snr: fields.rescale_betas_zero_snr.unwrap_or(false),
        lambda_min_clipped: fields.lambda_min_clipped.filter(|_| dpm).unwrap_or(f64::NEG_INFINITY),
        solver_order: fields.solver_order.unwrap_or(2),
        solver_is_heun: fields.solver_type.as_deref() == Some("heun"),
        extrapolates_noise: fields.algorithm_type.as_deref() == Some("dpmsolver"),
        euler_at_final: fields.euler_at_final.unwrap_or(false),
        lower_order_final: fields.lower_order_final.unwrap_or(true),
        variance: variance(fields.variance_type.as_deref().filter(|_| class == SchedulerClass::Ddpm))?,
        continuous: fields.timestep_type.as_deref() == Some("continuous"),
    };
    check(&config)?;
    Ok(config)
}

fn check(config: &SchedulerConfig) -> Result<()> {
    if config.train_timesteps == 0 || config.train_timesteps > MAX_TRAIN_TIMESTEPS {
        let requirement = format!("from 1 to {MAX_TRAIN_TIMESTEPS}");
        let found = config.train_timesteps as f64;
        return Err(Error::Argument { name: "num_train_timesteps", requirement, found });
    }
    for (name, sigma) in [("sigma_min", config.sigma_min), ("sigma_max", config.sigma_max)] {
        if let Some(found) = sigma.filter(|s| !(*s > 0.0 && *s < 1e6)) {
            return Err(Error::Argument { name, requirement: "positive and below 1e6".into(), found });
        }
    }
    for (name, beta) in [("beta_start", config.beta_start), ("beta_end", config.beta_end)] {
        if beta < 0.0 {
            return Err(Error::Argument { name, requirement: "non-negative".into(), found: beta });
        }
    }
    match &config.trained_betas {
        Some(betas) if betas.is_empty() => Err(Error::Empty { name: "trained_betas" }),
        Some(betas) if betas.len() > MAX_TRAIN_TIMESTEPS => {
            Err(Error::Size { name: "trained_betas", expected: config.train_timesteps, found: betas.len() })
        }
        _ => Ok(()),
    }
}

fn class(name: &str) -> Result<SchedulerClass> {
    if let Some((_, class)) = SchedulerClass::ALL.iter().find(|(known, _)| *known == name) {
        return Ok(*class);
    }
    if ["LCMScheduler", "TCDScheduler"].contains(&name) {
        return Err(Error::Undefined {
            what: "the audit of this scheduler",
            reason: format!("{name} samples consistency models, whose network is no score"),
            remedy: "there is nothing of it to audit here",
        });
    }
    if let Some((_, what)) = NOT_READ.iter().find(|(known, _)| *known == name) {
        return Err(unsupported(format!("{name} is {what}, which is not read")));
    }
    let known = SchedulerClass::ALL.map(|(name, _)| name).join(", ");
    Err(Error::Name { what: "scheduler class", found: short(name), known })
}

/// Classes that are well known, and what they are.
const NOT_READ: [(&str, &str); 9] = [
    ("UniPCMultistepScheduler", "a predictor-corrector"),
    ("DEISMultistepScheduler", "a multi-step method on the predicted noise"),
    ("KDPM2DiscreteScheduler", "a method of two stages in log σ"),
    ("KDPM2AncestralDiscreteScheduler", "an ancestral method of two stages in log σ"),
    ("DPMSolverSinglestepScheduler", "a method of several stages in log σ"),
    ("DPMSolverSDEScheduler", "a stochastic method of two stages in log σ"),
    ("IPNDMScheduler", "a linear multi-step method"),
    ("EDMEulerScheduler", "a scheduler of EDM, whose σ are made without betas"),
    ("EDMDPMSolverMultistepScheduler", "a scheduler of EDM, whose σ are made without betas"),
];

/// Flow matching has another σ and another clock: nothing of it is judged as if it had ours.
fn refuse_flow_matching(fields: &Fields, name: &str) -> Result<()> {
    let reason = if name.contains("Flow") {
        format!("{} is a flow-matching scheduler", short(name))
    } else if fields.use_flow_sigmas == Some(true) {
        "use_flow_sigmas makes it a flow-matching scheduler".to_owned()
    } else if fields.prediction_type.as_deref() == Some("flow_prediction") {
        "prediction_type flow_prediction makes it a flow-matching scheduler".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Undefined {
        what: "the audit of this scheduler",
        reason,
        remedy: "flow matching, x_t = (1 − t) x_0 + t z, is not audited yet",
    })
}

/// A name as it may be repeated in an error of one line.
fn short(name: &str) -> String {
    name.chars().take(60).collect()
}

fn refuse_other_respacings(fields: &Fields) -> Result<()> {
    let log_linear = fields.interpolation_type.as_deref() == Some("log_linear");
    for (set, option) in [
        (fields.use_beta_sigmas, "use_beta_sigmas"),
        (fields.use_lu_lambdas, "use_lu_lambdas"),
        (Some(log_linear), "interpolation_type log_linear"),
    ] {
        if set == Some(true) {
            return Err(unsupported(format!("{option} is not read")));
        }
    }
    match fields.algorithm_type.as_deref() {
        Some(name) if name.starts_with("sde-") => {
            Err(unsupported(format!("algorithm_type {} is not audited", short(name))))
        }
        _ => Ok(()),
    }
}

fn unsupported(reason: String) -> Error {
    Error::Undefined {
        what: "the audit of this scheduler",
        reason,
        remedy: "its levels alone can be audited: print scheduler.sigmas.tolist() after set_timesteps and \
                 give that list",
    }
}

fn variance(name: Option<&str>) -> Result<StepVariance> {
    match name {
        None | Some("fixed_small" | "fixed_small_log") => Ok(StepVariance::FixedSmall),
        Some("fixed_large" | "fixed_large_log") => Ok(StepVariance::FixedLarge),
        Some("learned" | "learned_range") => Ok(StepVariance::Learned),
        Some(other) => Err(Error::Name {
            what: "variance_type",
            found: short(other),
            known: "fixed_small, fixed_small_log, fixed_large, fixed_large_log, learned, learned_range"
                .into(),
        }),
    }
}

fn beta_schedule(name: Option<&str>) -> Result<BetaSchedule> {
    match name {
        None | Some("linear") => Ok(BetaSchedule::Linear),
        Some("scaled_linear") => Ok(BetaSchedule::ScaledLinear),
        Some("squaredcos_cap_v2") => Ok(BetaSchedule::SquaredCosine),
        Some(other) => Err(Error::Name {
            what: "beta_schedule",
            found: short(other),
            known: "linear, scaled_linear, squaredcos_cap_v2; others by their betas as trained_betas".into(),
        }),
    }
}

fn spacing(name: Option<&str>, class: SchedulerClass) -> Result<TimestepSpacing> {
    match name {
        None if class.steps_by_index() => Ok(TimestepSpacing::Leading),
        None | Some("linspace") => Ok(TimestepSpacing::Linspace),
        Some("leading") => Ok(TimestepSpacing::Leading),
        Some("trailing") => Ok(TimestepSpacing::Trailing),
        Some(other) => Err(Error::Name {
            what: "timestep_spacing",
            found: short(other),
            known: "linspace, leading, trailing".into(),
        }),
    }
}

fn ends_at_sigma_min(name: Option<&str>) -> Result<bool> {
    match name {
        None | Some("zero") => Ok(false),
        Some("sigma_min") => Ok(true),
        Some(other) => Err(Error::Name {
            what: "final_sigmas_type",
            found: short(other),
            known: "zero, sigma_min".into(),
        }),
    }
}

/// Python writes infinities bare (`-Infinity` is DPM-Solver's default clip), which JSON has not:
/// outside strings they become the largest numbers.
fn python_json(text: &str) -> Cow<'_, str> {
    if !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    // Parts with an even index lie outside strings, but for escaped quotes, which no field that
    // is read contains.
    let parts = text.split('"').enumerate().map(|(i, part)| match i % 2 {
        0 => part.replace("Infinity", "1e308"),
        _ => part.to_owned(),
    });
    Cow::Owned(parts.collect::<Vec<_>>().join("\""))
}
