//! Grids as other programs take them, and their lists read back.
//!
//! ```text
//! k-diffusion, ComfyUI    σ_0 > … > σ_N, a Python list; the trailing 0 is there when stop is 0
//! diffusers               set_timesteps(sigmas=σ) or set_timesteps(timesteps=…), N timesteps by
//!                         inverting the training table
//! t                       t_0 > … > t_N, for this program
//! ```
//!
//! σ is noise over signal and has no convention of its own; k-diffusion's samples are x/α, so a
//! list that stops above 0 leaves them larger by 1/α than the marginal that is audited.

use crate::process::{Grid, TrainingTable};
use crate::{Error, Result};
use std::str::FromStr;

/// Longest list that is read, in numbers.
const MAX_LENGTH: usize = 1_000_000;

/// The programs a grid can be exported for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// A list of σ for k-diffusion and ComfyUI.
    KDiffusion,
    /// Calls of diffusers' `set_timesteps`.
    Diffusers,
    /// A list of times for this program.
    Times,
}

impl FromStr for Export {
    type Err = Error;

    /// `k-diffusion` or `comfyui`, `diffusers`, `t`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "k-diffusion" | "comfyui" => Ok(Export::KDiffusion),
            "diffusers" => Ok(Export::Diffusers),
            "t" => Ok(Export::Times),
            _ => Err(Error::Name {
                what: "export",
                found: text.to_owned(),
                known: "k-diffusion, comfyui, diffusers, t".to_owned(),
            }),
        }
    }
}

impl Export {
    /// The text to paste, ending with a newline; `table` is what the network was trained on.
    ///
    /// Numbers are printed so that reading them gives the same bits. Timesteps are integers for
    /// schedulers that only take those; where two would coincide only σ are given, and a comment
    /// says so.
    ///
    /// ```
    /// use fokker::{audit::{Export, parse_sigmas}, process::*};
    /// let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
    /// let grid = Grid::new(Spacing::KARRAS, 3, 0.0, &schedule).unwrap();
    /// let table = TrainingTable::from_schedule(&schedule, 1000).unwrap();
    /// let text = Export::KDiffusion.render(&grid, &table);
    /// assert!(text.starts_with("[152.") && text.ends_with(", 0.0]\n"));
    /// assert_eq!(parse_sigmas(&text).unwrap(), grid.sigmas());
    /// ```
    pub fn render(self, grid: &Grid, table: &TrainingTable) -> String {
        match self {
            Export::KDiffusion => python_list(grid.sigmas()) + "\n",
            Export::Times => python_list(grid.times()) + "\n",
            Export::Diffusers => {
                let sigmas = python_list(grid.sigmas());
                let euler = format!("scheduler.set_timesteps(sigmas={sigmas})  # EulerDiscreteScheduler\n");
                let others = "DDPM, Heun, DPMSolverMultistep; use_karras_sigmas must be off";
                match integer_timesteps(grid, table) {
                    Ok(timesteps) => {
                        euler + &format!("scheduler.set_timesteps(timesteps={timesteps:?})  # {others}\n")
                    }
                    Err(error) => euler + &format!("# no list of integer timesteps: {error}\n"),
                }
            }
        }
    }
}

/// Timesteps at the start of each step, `[steps]`, by inverting the training table as diffusers
/// does for `set_timesteps(sigmas=…)`: log σ linear between the integers.
///
/// ```
/// use fokker::{audit::timesteps, process::*};
/// let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
/// let grid = config.grid(5).unwrap();
/// let found = timesteps(&grid, &config.table().unwrap());
/// for (t, expected) in found.iter().zip([801.0, 601.0, 401.0, 201.0, 1.0]) {
///     assert!((t - expected).abs() < 1e-9);
/// }
/// ```
pub fn timesteps(grid: &Grid, table: &TrainingTable) -> Vec<f64> {
    grid.sigmas()[..grid.steps()].iter().map(|&sigma| table.timestep_at(sigma)).collect()
}

/// Those timesteps rounded to integers, for `set_timesteps(timesteps=…)`.
///
/// # Errors
/// Two steps that would start at the same timestep.
pub fn integer_timesteps(grid: &Grid, table: &TrainingTable) -> Result<Vec<usize>> {
    let rounded: Vec<usize> =
        timesteps(grid, table).into_iter().map(|t| t.round_ties_even() as usize).collect();
    match rounded.windows(2).position(|pair| pair[0] == pair[1]) {
        None => Ok(rounded),
        Some(i) => Err(Error::Undefined {
            what: "a list of integer timesteps",
            reason: format!("steps {i} and {} both start nearest to timestep {}", i + 1, rounded[i]),
            remedy: "use the sigmas, or fewer steps",
        }),
    }
}

fn python_list(values: &[f64]) -> String {
    format!("{values:?}")
}

/// Reads a list of σ as people have them: JSON or Python lists, also inside `tensor(…)` or
/// behind `sigmas =`, or numbers separated by commas and blanks.
///
/// The list is as it is: neither sorted nor required to decrease ([`lint_sigmas`](crate::audit::lint_sigmas)
/// says what is wrong with it).
///
/// # Errors
/// Something that is no number, fewer than two or more than 10⁶ numbers, one that is negative or
/// not finite, by its index.
///
/// ```
/// use fokker::audit::parse_sigmas;
/// assert_eq!(parse_sigmas("tensor([14.6, 2.5,\n 0.], device='cuda:0')").unwrap(), [14.6, 2.5, 0.0]);
/// assert_eq!(parse_sigmas("14.6, 2.5, 0").unwrap(), [14.6, 2.5, 0.0]);
/// assert!(parse_sigmas("[14.6, x]").unwrap_err().to_string().contains("entry 1"));
/// ```
pub fn parse_sigmas(text: &str) -> Result<Vec<f64>> {
    let fault = |reason: String| Error::Parse { what: "the list of σ", reason };
    let text = text.trim().trim_start_matches('\u{feff}');
    let inner = match text.split_once('[') {
        None => text,
        Some((_, rest)) => match rest.split_once(']') {
            Some((inner, _)) => inner,
            None => return Err(fault("the list does not end with ]: it is truncated".into())),
        },
    };
    let words = inner.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let mut sigmas = Vec::new();
    for (i, word) in words.enumerate() {
        if i == MAX_LENGTH {
            return Err(fault(format!("it has more than {MAX_LENGTH} numbers")));
        }
        let sigma: f64 = word.parse().map_err(|_| {
            let word: String = word.chars().take(20).collect();
            fault(format!("entry {i} is {word:?}, expected numbers such as [14.6, 2.5, 0.0]"))
        })?;
        if !sigma.is_finite() {
            return Err(Error::NonFinite { name: "sigmas", index: vec![i], value: sigma });
        }
        if sigma < 0.0 {
            let requirement = "non-negative";
            return Err(Error::Entry { name: "sigmas", requirement, index: vec![i], found: sigma });
        }
        sigmas.push(sigma);
    }
    match sigmas.len() {
        0 | 1 => Err(fault(format!("it has {} numbers, at least two make a step", sigmas.len()))),
        _ => Ok(sigmas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Linear, SchedulerConfig, Spacing};

    #[test]
    fn every_export_reads_back_to_the_same_bits() {
        let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
        let (schedule, table) = (config.schedule().unwrap(), config.table().unwrap());
        let grid = Grid::new(Spacing::KARRAS, 20, 0.0, &schedule).unwrap();
        assert_eq!(parse_sigmas(&Export::KDiffusion.render(&grid, &table)).unwrap(), grid.sigmas());
        assert_eq!(parse_sigmas(&Export::Times.render(&grid, &table)).unwrap(), grid.times());
        let text = Export::Diffusers.render(&grid, &table);
        assert_eq!(parse_sigmas(&text).unwrap(), grid.sigmas());
        assert_eq!(text.lines().count(), 2, "{text}");
        let again = Grid::from_sigmas(parse_sigmas(&text).unwrap(), &schedule).unwrap();
        assert!(again.times().iter().zip(grid.times()).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn timesteps_invert_the_table_between_integers_too() {
        let table = TrainingTable::from_schedule(&Linear::new(0.05, 10.0, 1.0).unwrap(), 1000).unwrap();
        for k in [0, 1, 17, 500, 998, 999] {
            assert!((table.timestep_at(table.sigmas()[k]) - k as f64).abs() < 1e-9, "{k}");
        }
        let middle = (table.sigmas()[40] * table.sigmas()[41]).sqrt();
        assert!((table.timestep_at(middle) - 40.5).abs() < 1e-9);
        assert_eq!((table.timestep_at(1e-9), table.timestep_at(1e9)), (0.0, 999.0));
    }

    #[test]
    fn steps_closer_than_a_timestep_have_no_integers() {
        let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
        let grid = Grid::from_times(vec![1000.0, 999.9, 0.0], &config.schedule().unwrap()).unwrap();
        let table = config.table().unwrap();
        let error = integer_timesteps(&grid, &table).unwrap_err().to_string();
        assert!(error.contains("timestep 999"), "{error}");
        assert!(Export::Diffusers.render(&grid, &table).contains("# no list of integer timesteps"));
        assert_eq!(integer_timesteps(&config.grid(5).unwrap(), &table).unwrap(), [801, 601, 401, 201, 1]);
    }

    #[test]
    fn bad_lists_are_refused() {
        for text in
            ["", "[]", "[1.0]", "[1.0, 0.0", "hello", "[1, nan]", "[inf, 0]", "[1, -2]", "[[1, 2], [3]]"]
        {
            let error = parse_sigmas(text).unwrap_err();
            assert!(error.is_input() && !error.to_string().contains('\n'), "{text}: {error}");
        }
    }
}
