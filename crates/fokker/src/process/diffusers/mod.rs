//! The noise levels of diffusers schedulers, read from their `scheduler_config.json`.
//!
//! ```text
//! ᾱ_k = Π_{j ≤ k} (1 − β_j)      σ_k = √((1 − ᾱ_k)/ᾱ_k),  k = 0 … K − 1      the training table
//! inference                      timesteps by spacing, σ by linear interpolation of the table,
//!                                or spread anew (Karras, exponential, Lu), then the final σ
//! ```
//!
//! Their timestep k is t = k + 1 of [`DiscreteBetas`], since ᾱ_k has k + 1 factors; their β is
//! the β of one training step, and B = −½ Σ log(1 − β). Conventions are followed to the rounding
//! of ties and the length of `numpy.arange`, because they decide which levels a sampler visits.
//! Computed in double precision where diffusers uses single: σ agree to about 1e-5 relative.

mod levels;
mod read;
mod table;

pub use levels::Levels;
pub use table::TrainingTable;

use super::{DiscreteBetas, Grid};
use crate::{Error, Result};

/// ᾱ of the last training step when `rescale_betas_zero_snr` makes it 0 and σ infinite:
/// diffusers' Euler and DPM-Solver schedulers use this value, and here all classes do.
const TERMINAL_ALPHA_BAR: f64 = 1.0 / (1 << 24) as f64;

/// Most training steps that are believed.
const MAX_TRAIN_TIMESTEPS: usize = 1_000_000;

/// Most inference steps for which levels are made.
const MAX_STEPS: usize = 100_000;

/// The scheduler classes that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedulerClass {
    /// `EulerDiscreteScheduler`.
    Euler,
    /// `EulerAncestralDiscreteScheduler`.
    EulerAncestral,
    /// `LMSDiscreteScheduler`.
    Lms,
    /// `HeunDiscreteScheduler`; its levels are listed once, not twice as diffusers keeps them.
    Heun,
    /// `DDIMScheduler`.
    Ddim,
    /// `DDPMScheduler`.
    Ddpm,
    /// `PNDMScheduler`; its levels, without the repeated first evaluation of its warm-up.
    Pndm,
    /// `DPMSolverMultistepScheduler`.
    DpmSolverMultistep,
}

impl SchedulerClass {
    /// All of them, by the name in `_class_name`.
    pub const ALL: [(&'static str, SchedulerClass); 8] = [
        ("EulerDiscreteScheduler", SchedulerClass::Euler),
        ("EulerAncestralDiscreteScheduler", SchedulerClass::EulerAncestral),
        ("LMSDiscreteScheduler", SchedulerClass::Lms),
        ("HeunDiscreteScheduler", SchedulerClass::Heun),
        ("DDIMScheduler", SchedulerClass::Ddim),
        ("DDPMScheduler", SchedulerClass::Ddpm),
        ("PNDMScheduler", SchedulerClass::Pndm),
        ("DPMSolverMultistepScheduler", SchedulerClass::DpmSolverMultistep),
    ];

    /// The name in `_class_name`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, class)| *class == self).map_or("", |(name, _)| name)
    }

    /// Classes whose timesteps are integers and which refuse more steps than were trained.
    pub(crate) fn steps_by_index(self) -> bool {
        matches!(self, SchedulerClass::Ddim | SchedulerClass::Ddpm | SchedulerClass::Pndm)
    }
}

/// How the training betas depend on the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaSchedule {
    /// `linear`.
    Linear,
    /// `scaled_linear`: linear in √β.
    ScaledLinear,
    /// `squaredcos_cap_v2`: squared cosine, β at most 0.999; beta_start and beta_end unused.
    SquaredCosine,
}

/// How inference timesteps are taken from the training ones [Lin et al. 2023, table 2].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestepSpacing {
    /// `linspace`: both ends included.
    Linspace,
    /// `leading`: multiples of ⌊K/N⌋ from `steps_offset`; does not reach the last timestep.
    Leading,
    /// `trailing`: K − 1 and down by K/N.
    Trailing,
}

/// What is done to the σ of the timesteps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Respacing {
    /// Nothing: interpolated in the training table.
    None,
    /// `use_karras_sigmas`, ρ = 7.
    Karras,
    /// `use_exponential_sigmas`: uniform in log σ.
    Exponential,
}

/// Variance of a `DDPMScheduler`'s steps, b = 1 − ᾱ_t/ᾱ_s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepVariance {
    /// `fixed_small`, `fixed_small_log`: that of the posterior, b σ_s²/σ_t².
    FixedSmall,
    /// `fixed_large`, `fixed_large_log`: b.
    FixedLarge,
    /// `learned`, `learned_range`: the network's, between these two.
    Learned,
}

/// The fields of a `scheduler_config.json` that decide its noise levels.
///
/// ```
/// use fokker::process::SchedulerConfig;
/// let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
/// let levels = config.levels(25).unwrap();
/// assert_eq!((levels.timesteps[0], levels.timesteps[24]), (961.0, 1.0)); // leading, offset 1
/// let table = config.table().unwrap();
/// assert!((table.sigmas()[999] - 14.6146).abs() < 5e-5); // Stable Diffusion's largest σ
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerConfig {
    /// `_class_name`.
    pub class: SchedulerClass,
    /// `num_train_timesteps`, K.
    pub train_timesteps: usize,
    /// `beta_start`.
    pub beta_start: f64,
    /// `beta_end`.
    pub beta_end: f64,
    /// `beta_schedule`.
    pub beta_schedule: BetaSchedule,
    /// `trained_betas`, instead of the three above.
    pub trained_betas: Option<Vec<f64>>,
    /// `timestep_spacing`.
    pub spacing: TimestepSpacing,
    /// `steps_offset`.
    pub steps_offset: usize,
    /// `use_karras_sigmas`, `use_exponential_sigmas`.
    pub respacing: Respacing,
    /// `sigma_min` of a respacing, by default that of the levels it replaces.
    pub sigma_min: Option<f64>,
    /// `sigma_max` of a respacing, by default that of the levels it replaces.
    pub sigma_max: Option<f64>,
    /// `final_sigmas_type` is `sigma_min`: the last step ends at σ_0 and not at 0.
    pub ends_at_sigma_min: bool,
    /// `set_alpha_to_one` (DDIM, PNDM): the last step ends at 0 and not at σ_0.
    pub set_alpha_to_one: bool,
    /// `rescale_betas_zero_snr`.
    pub zero_terminal_snr: bool,
    /// `lambda_min_clipped` (DPM-Solver): least half log-SNR that is used.
    pub lambda_min_clipped: f64,
    /// `solver_order` (DPM-Solver).
    pub solver_order: usize,
    /// `solver_type` is `heun` (DPM-Solver).
    pub solver_is_heun: bool,
    /// `algorithm_type` is `dpmsolver` (DPM-Solver): it extrapolates the noise and not the data.
    pub extrapolates_noise: bool,
    /// `euler_at_final`, and `lower_order_final` below 15 steps (DPM-Solver).
    pub euler_at_final: bool,
    /// `lower_order_final` (DPM-Solver).
    pub lower_order_final: bool,
    /// `variance_type` (DDPM).
    pub variance: StepVariance,
    /// `timestep_type` is `continuous` (Euler): the network was trained on σ and not on timesteps.
    pub continuous: bool,
}

impl SchedulerConfig {
    /// Reads the JSON text of a `scheduler_config.json`; what it leaves out is as in diffusers.
    ///
    /// Values are checked for their type and range; betas only when a table is made of them, so
    /// that [`lint_config`](crate::audit::lint_config) can say what is wrong with them.
    ///
    /// # Errors
    /// Text that is no JSON object, a field of the wrong type, a class or an option that is not
    /// understood, a number of training steps outside [1, 10⁶].
    pub fn from_json(text: &str) -> Result<Self> {
        read::config(text)
    }

    /// A published configuration by name: `stable-diffusion` (1.5: PNDM), `stable-diffusion-xl`
    /// (Euler), `ddpm-cifar10`.
    ///
    /// # Errors
    /// An unknown name.
    pub fn preset(name: &str) -> Result<Self> {
        let text = match name {
            "stable-diffusion" => {
                r#"{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
                    "beta_schedule": "scaled_linear", "skip_prk_steps": true, "steps_offset": 1}"#
            }
            "stable-diffusion-xl" => {
                r#"{"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
                    "beta_schedule": "scaled_linear", "timestep_spacing": "leading", "steps_offset": 1}"#
            }
            "ddpm-cifar10" => r#"{"_class_name": "DDPMScheduler"}"#,
            _ => {
                return Err(Error::Name {
                    what: "preset",
                    found: name.to_owned(),
                    known: "stable-diffusion, stable-diffusion-xl, ddpm-cifar10".to_owned(),
                });
            }
        };
        SchedulerConfig::from_json(text)
    }

    /// The β of each training step, `[K]`, rescaled when the configuration says so.
    ///
    /// # Errors
    /// A beta outside (0, 1), by its index.
    pub fn betas(&self) -> Result<Vec<f64>> {
        table::betas(self)
    }

    /// σ of every training timestep.
    ///
    /// # Errors
    /// As [`SchedulerConfig::betas`].
    pub fn table(&self) -> Result<TrainingTable> {
        TrainingTable::from_schedule(&self.schedule()?, self.betas()?.len())
    }

    /// The clock of these betas: timestep k is t = k + 1.
    ///
    /// # Errors
    /// As [`SchedulerConfig::betas`].
    pub fn schedule(&self) -> Result<DiscreteBetas> {
        DiscreteBetas::new(&self.betas()?)
    }

    /// What `set_timesteps(steps)` produces: timesteps and σ, as they are, repetitions included.
    ///
    /// # Errors
    /// As [`SchedulerConfig::betas`]; a number of steps that is 0, too large, or that diffusers
    /// refuses; a timestep outside the table for classes that look it up there.
    pub fn levels(&self, steps: usize) -> Result<Levels> {
        levels::levels(self, steps)
    }

    /// The grid of those levels on [`SchedulerConfig::schedule`].
    ///
    /// # Errors
    /// As [`SchedulerConfig::levels`]; levels that are no decreasing grid (see
    /// [`lint_config`](crate::audit::lint_config)) or that lie above the training range.
    pub fn grid(&self, steps: usize) -> Result<Grid> {
        Grid::at_sigmas(self.levels(steps)?.sigmas, &self.schedule()?)
    }

    /// The scheme of this crate that is closest to the class, for [`parse_scheme`].
    ///
    /// Euler in σ is DDIM; Euler ancestral and DDPM (`fixed_small`) are `ancestral`, `fixed_large`
    /// is `ddpm-exact`. Solvers that are not built in have a [stand-in](SchedulerConfig::stand_in).
    ///
    /// [`parse_scheme`]: crate::sampling::parse_scheme
    pub fn scheme_name(&self) -> &'static str {
        match self.class {
            SchedulerClass::Euler | SchedulerClass::Ddim => "ddim",
            SchedulerClass::Ddpm if self.variance == StepVariance::FixedLarge => "ddpm-exact",
            SchedulerClass::EulerAncestral | SchedulerClass::Ddpm => "ancestral",
            SchedulerClass::Heun => "edm-heun",
            SchedulerClass::DpmSolverMultistep if self.solver_order == 1 => "ddim",
            SchedulerClass::Lms | SchedulerClass::Pndm | SchedulerClass::DpmSolverMultistep => "dpmpp-2m",
        }
    }

    /// What the configuration runs in `steps` steps, where that is another solver than
    /// [`SchedulerConfig::scheme_name`], which then only stands for it.
    ///
    /// ```
    /// use fokker::process::SchedulerConfig;
    /// let text = r#"{"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3}"#;
    /// let config = SchedulerConfig::from_json(text).unwrap();
    /// assert!(config.stand_in(20).unwrap().contains("third order"));
    /// ```
    pub fn stand_in(&self, steps: usize) -> Option<&'static str> {
        match self.class {
            SchedulerClass::Lms => Some("a linear multi-step method of fourth order"),
            SchedulerClass::Pndm => Some("a pseudo linear multi-step method of fourth order"),
            SchedulerClass::Ddpm if self.variance == StepVariance::Learned => {
                Some("a step whose variance is learned, between those of ancestral and ddpm-exact")
            }
            SchedulerClass::Ddpm
                if self.variance == StepVariance::FixedLarge && self.ends_at_timestep_0(steps) =>
            {
                Some("ddpm-exact without noise in the last step, since that starts at timestep 0")
            }
            SchedulerClass::DpmSolverMultistep if self.solver_order > 1 => self.other_dpm_solver(steps),
            _ => None,
        }
    }

    fn ends_at_timestep_0(&self, steps: usize) -> bool {
        self.levels(steps).is_ok_and(|levels| levels.timesteps.last() == Some(&0.0))
    }

    fn other_dpm_solver(&self, steps: usize) -> Option<&'static str> {
        if self.solver_order > 2 {
            return Some("DPM-Solver of third order (solver_order 3)");
        }
        if self.extrapolates_noise {
            return Some("DPM-Solver on the predicted noise (algorithm_type dpmsolver)");
        }
        if self.solver_is_heun {
            return Some("DPM-Solver++ of the Heun type (solver_type heun)");
        }
        // To σ = 0 the last step is of first order with any of the options, and in our scheme.
        let first_order = self.euler_at_final || (self.lower_order_final && steps < 15);
        (self.ends_at_sigma_min && first_order).then_some("DPM-Solver++(2M) with a last step of first order")
    }
}

#[cfg(test)]
mod tests;
