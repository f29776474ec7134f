use super::*;
use crate::process::{OrnsteinUhlenbeck as Ou, Schedule};

/// A configuration with Stable Diffusion's betas.
fn sd(class: &str, more: &str) -> SchedulerConfig {
    SchedulerConfig::from_json(&format!(
        r#"{{"_class_name": "{class}", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear" {more}}}"#
    ))
    .unwrap()
}

fn timesteps(class: &str, more: &str, steps: usize) -> Vec<f64> {
    sd(class, more).levels(steps).unwrap().timesteps
}

#[test]
fn the_stable_diffusion_table_is_the_documented_formula() {
    let table = sd("EulerDiscreteScheduler", "").table().unwrap();
    let mut alpha_bar = 1.0;
    for k in 0..1000 {
        let root = 0.00085f64.sqrt() + (0.012f64.sqrt() - 0.00085f64.sqrt()) * k as f64 / 999.0;
        alpha_bar *= 1.0 - root * root;
        let sigma = ((1.0 - alpha_bar) / alpha_bar).sqrt();
        assert!((table.sigmas()[k] - sigma).abs() < 1e-10 * sigma, "{k}");
    }
    // As printed by k-diffusion and ComfyUI for these models.
    assert!((table.sigmas()[999] - 14.6146).abs() < 5e-5);
    assert!((table.sigmas()[0] - 0.0292).abs() < 5e-5);
}

#[test]
fn timestep_k_is_time_k_plus_one() {
    let config = sd("EulerDiscreteScheduler", "");
    let (table, schedule) = (config.table().unwrap(), config.schedule().unwrap());
    assert_eq!(schedule.horizon(), 1000.0);
    for k in [0, 10, 999] {
        let sigma = Ou::noise_ratio(schedule.clock(k as f64 + 1.0));
        assert!((sigma - table.sigmas()[k]).abs() < 1e-12 * sigma);
    }
    let grid = sd("DDIMScheduler", r#", "timestep_spacing": "trailing""#).grid(4).unwrap();
    for (t, expected) in grid.times().iter().zip([1000.0, 750.0, 500.0, 250.0, 0.0]) {
        assert!((t - expected).abs() < 1e-9);
    }
}

#[test]
fn each_spacing_of_each_family() {
    let (leading, trailing) =
        (r#", "timestep_spacing": "leading", "steps_offset": 1"#, r#", "timestep_spacing": "trailing""#);
    let euler = "EulerDiscreteScheduler";
    assert_eq!(timesteps(euler, "", 4), [999.0, 666.0, 333.0, 0.0]);
    assert_eq!(timesteps(euler, leading, 4), [751.0, 501.0, 251.0, 1.0]);
    assert_eq!(timesteps(euler, trailing, 4), [999.0, 749.0, 499.0, 249.0]);
    // 999/2 between two timesteps, σ linear there.
    let levels = sd(euler, "").levels(3).unwrap();
    let table = sd(euler, "").table().unwrap();
    assert_eq!(levels.timesteps, [999.0, 499.5, 0.0]);
    assert!((levels.sigmas[1] - 0.5 * (table.sigmas()[499] + table.sigmas()[500])).abs() < 1e-12);
    // Index classes round ties to even: 499.5 → 500. DPM-Solver leaves 0 out.
    assert_eq!(timesteps("DDIMScheduler", r#", "timestep_spacing": "linspace""#, 3), [999.0, 500.0, 0.0]);
    assert_eq!(timesteps("DPMSolverMultistepScheduler", "", 3), [999.0, 666.0, 333.0]);
    assert_eq!(timesteps("DPMSolverMultistepScheduler", leading, 3), [751.0, 501.0, 251.0]);
    assert_eq!(timesteps("PNDMScheduler", r#", "steps_offset": 1"#, 4), [751.0, 501.0, 251.0, 1.0]);
    assert_eq!(timesteps("DDPMScheduler", "", 4), [750.0, 500.0, 250.0, 0.0]);
    // numpy.arange(1000, 0, −1000/61) has 62 entries.
    let extra = timesteps(euler, trailing, 61);
    assert_eq!((extra.len(), extra[61]), (62, -1.0));
}

#[test]
fn the_last_level_is_that_of_the_class() {
    let sigma_min = 0.029_167;
    let last = |class: &str, more: &str| *sd(class, more).levels(10).unwrap().sigmas.last().unwrap();
    assert_eq!(last("EulerDiscreteScheduler", ""), 0.0);
    assert_eq!(last("DDIMScheduler", ""), 0.0);
    for (class, more) in [
        ("EulerDiscreteScheduler", r#", "final_sigmas_type": "sigma_min""#),
        ("DPMSolverMultistepScheduler", r#", "final_sigmas_type": "sigma_min""#),
        ("DDIMScheduler", r#", "set_alpha_to_one": false"#),
        ("PNDMScheduler", ""),
    ] {
        assert!((last(class, more) - sigma_min).abs() < 1e-5, "{class}");
    }
}

#[test]
fn karras_levels_keep_the_ends_of_what_they_replace() {
    let karras = r#", "use_karras_sigmas": true"#;
    for (class, min) in [("EulerDiscreteScheduler", 99), ("DPMSolverMultistepScheduler", 0)] {
        let config = sd(class, &format!(r#"{karras}, "timestep_spacing": "trailing""#));
        let table = config.table().unwrap();
        let levels = config.levels(10).unwrap();
        // Euler's end is that of its 10 trailing timesteps, DPM-Solver's that of the table.
        assert!((levels.sigmas[0] - table.sigmas()[999]).abs() < 1e-10);
        assert!((levels.sigmas[9] - table.sigmas()[min]).abs() < 1e-10);
        let root = |i: usize| levels.sigmas[i].powf(1.0 / 7.0);
        assert!((root(1) - root(0) - (root(5) - root(4))).abs() < 1e-12);
    }
    let video = SchedulerConfig::from_json(
        r#"{"_class_name": "EulerDiscreteScheduler", "sigma_max": 700.0, "sigma_min": 0.002,
            "use_karras_sigmas": true}"#,
    );
    let levels = video.unwrap().levels(3).unwrap();
    assert!((levels.sigmas[0] - 700.0).abs() < 1e-9 && (levels.sigmas[2] - 0.002).abs() < 1e-12);
}

#[test]
fn zero_terminal_snr_keeps_the_first_alpha_and_clamps_the_last() {
    let config = sd("DDIMScheduler", r#", "rescale_betas_zero_snr": true"#);
    let table = config.table().unwrap();
    let plain = sd("DDIMScheduler", "").table().unwrap();
    assert!((table.sigmas()[0] - plain.sigmas()[0]).abs() < 1e-12);
    assert!((table.sigmas()[999] - (2f64.powi(24) - 1.0).sqrt()).abs() < 1e-6);
    assert!(table.sigmas()[998] > plain.sigmas()[998] && table.sigmas()[998] < 4096.0);
}

#[test]
fn what_python_writes_is_read() {
    let text = r#"{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity,
        "trained_betas": null, "note": "Infinity stays", "use_karras_sigmas": null}"#;
    let config = SchedulerConfig::from_json(text).unwrap();
    assert_eq!(config.levels(5).unwrap().timesteps[0], 999.0);
    // A clip at half log-SNR −5.1 as recommended for the squared cosine drops the noisiest steps.
    let clipped = text
        .replace("-Infinity", "-5.1")
        .replace("null", "false")
        .replace(r#""trained_betas": false"#, r#""beta_schedule": "squaredcos_cap_v2""#);
    let config = SchedulerConfig::from_json(&clipped).unwrap();
    let first = config.levels(5).unwrap().timesteps[0] as usize;
    let half_log_snr = |k: usize| -config.table().unwrap().sigmas()[k].ln();
    assert!(half_log_snr(first) >= -5.1 && half_log_snr(first + 1) < -5.1);
}

#[test]
fn garbage_is_refused_in_one_line() {
    let class = r#""_class_name": "EulerDiscreteScheduler""#;
    for text in [
        "".to_owned(),
        "{".to_owned(),
        "[1, 2]".to_owned(),
        "{}".to_owned(),
        format!("{{{class}"),
        r#"{"_class_name": 3}"#.to_owned(),
        r#"{"_class_name": "FlowMatchEulerDiscreteScheduler"}"#.to_owned(),
        r#"{"_class_name": "UnknownScheduler"}"#.to_owned(),
        format!(r#"{{{class}, "beta_start": "a"}}"#),
        format!(r#"{{{class}, "beta_start": NaN}}"#),
        format!(r#"{{{class}, "beta_start": -0.1}}"#),
        format!(r#"{{{class}, "num_train_timesteps": 0}}"#),
        format!(r#"{{{class}, "num_train_timesteps": 1000000000000}}"#),
        format!(r#"{{{class}, "num_train_timesteps": 1e3}}"#),
        format!(r#"{{{class}, "steps_offset": -1}}"#),
        format!(r#"{{{class}, "trained_betas": []}}"#),
        format!(r#"{{{class}, "beta_schedule": "sigmoid"}}"#),
        format!(r#"{{{class}, "timestep_spacing": "even"}}"#),
        format!(r#"{{{class}, "final_sigmas_type": "one"}}"#),
        format!(r#"{{{class}, "use_beta_sigmas": true}}"#),
        format!(r#"{{{class}, "sigma_max": Infinity}}"#),
    ] {
        let error = SchedulerConfig::from_json(&text).unwrap_err();
        let message = error.to_string();
        assert!(error.is_input() && !message.contains('\n') && message.len() < 400, "{text}: {message}");
    }
    let rates = SchedulerConfig::from_json(&format!(r#"{{{class}, "beta_start": 0.1, "beta_end": 20}}"#));
    assert!(rates.unwrap().table().is_err());
    let config = sd("DDIMScheduler", "");
    assert!(config.levels(0).is_err() && config.levels(1001).is_err() && config.levels(usize::MAX).is_err());
    let single = format!(r#"{{{class}, "num_train_timesteps": 1, "rescale_betas_zero_snr": true}}"#);
    assert!(SchedulerConfig::from_json(&single).unwrap().table().is_err());
}
