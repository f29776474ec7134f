//! Grids as other programs take them, and their lists read back.
//!
//! ```text
//! k-diffusion, ComfyUI    σ_0 > … > σ_N, a Python list; the trailing 0 is there when stop is 0
//! diffusers               set_timesteps(sigmas=σ) or set_timesteps(timesteps=…), N integers by
//!                         inverting the training table, then 0
//! t                       t_0 > … > t_N, for this program
//! ```
//!
//! A grid is the best for one scheme, so an export is for the sampler that runs this scheme, and is
//! refused where there is none. What that sampler draws is not quite what was audited: it may round
//! levels to timesteps, end at 0, start from σ_0 z and return x = y/α. [`Exported::w2`] is its own error.

use super::{Audit, Sampler};
use crate::options::{Names, named, word};
use crate::process::{Grid, Schedule, TrainingTable};
use crate::{Error, Result};

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

/// The names of the programs.
pub const EXPORT_NAMES: Names<Export> = Names {
    what: "the export",
    rows: &[
        word!("k-diffusion", ["comfyui"], "a list of σ/α, decreasing", Export::KDiffusion),
        word!("diffusers", [], "a call of set_timesteps, timesteps or sigmas", Export::Diffusers),
        word!("t", ["times"], "times of the schedule, for this program", Export::Times),
    ],
    absent: &[],
    beside: &[],
};

named!(Export, EXPORT_NAMES);

/// A grid for another program.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The text to paste, ending with a newline.
    pub text: String,
    /// Who runs it, with the settings that it needs.
    pub sampler: &'static str,
    /// The grid that is run: with timesteps, the levels of these integers, then 0.
    pub grid: Grid,
    /// Whether the sampler works on x = y/α, from σ_0 z.
    in_sigma: bool,
}

impl Exported {
    /// W₂ between the data and what the program's sampler draws with the exact score, instead of the
    /// one that was exported: from where the program starts, which for this one is `exported.start`.
    ///
    /// # Errors
    /// As [`Audit::errors`].
    pub fn w2(&self, audit: &Audit, exported: &Sampler) -> Result<f64> {
        let run = audit.run(exported.scheme, &self.grid)?;
        if self.in_sigma { audit.w2_in_sigma(&run) } else { Ok(audit.report(&run, exported.start)?.w2) }
    }
}

/// How a program runs a scheme.
struct Runner {
    sampler: &'static str,
    takes: Levels,
    in_sigma: bool,
}

/// What a sampler takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Levels {
    Times,
    Sigmas,
    Timesteps,
}

impl Export {
    /// The grid of a sampler for the one of this program that runs its scheme; `table` is what the network was
    /// trained on. Numbers are printed so that reading them gives the same bits; levels nearest to
    /// one timestep are one.
    ///
    /// # Errors
    /// A scheme that no sampler of the program runs.
    ///
    /// ```
    /// use fokker::{audit::{Export, Sampler, Start, parse_sigmas}, process::*, sampling::{DpmPlusPlus2M, EulerMaruyama}};
    /// let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
    /// let grid = Grid::new(Spacing::KARRAS, 3, 0.0, &schedule).unwrap();
    /// let table = TrainingTable::from_schedule(&schedule, 1000).unwrap();
    /// let sampler = Sampler { scheme: &DpmPlusPlus2M, grid: &grid, start: Start::Normal };
    /// let found = Export::KDiffusion.render(&sampler, &schedule, &table).unwrap();
    /// assert!(found.text.starts_with("[152.") && found.text.ends_with(", 0.0]\n"));
    /// assert_eq!(parse_sigmas(&found.text).unwrap(), grid.sigmas());
    /// assert!(found.sampler.starts_with("sample_dpmpp_2m"));
    /// let other = Sampler { scheme: &EulerMaruyama, ..sampler };
    /// assert!(Export::KDiffusion.render(&other, &schedule, &table).is_err());
    /// ```
    pub fn render(
        self,
        sampler: &Sampler,
        schedule: &dyn Schedule,
        table: &TrainingTable,
    ) -> Result<Exported> {
        let grid = sampler.grid;
        let Runner { sampler, takes, in_sigma } = self.runner(sampler.scheme.name())?;
        let (text, grid) = match takes {
            Levels::Times => (python_list(grid.times()) + "\n", grid.clone()),
            Levels::Sigmas if self == Export::KDiffusion => (sigma_list(grid), grid.clone()),
            Levels::Sigmas => {
                (format!("scheduler.set_timesteps(sigmas={})\n", python_list(grid.sigmas())), grid.clone())
            }
            Levels::Timesteps => {
                let mut steps = rounded(grid, table);
                steps.dedup();
                let count = table.sigmas().len() as f64;
                let time = |&k: &usize| schedule.horizon() * ((k + 1) as f64 / count);
                let times = steps.iter().map(time).chain([0.0]).collect();
                (
                    format!("scheduler.set_timesteps(timesteps={steps:?})\n"),
                    Grid::from_times(times, schedule)?,
                )
            }
        };
        Ok(Exported { text, sampler, grid, in_sigma })
    }

    /// Who runs a scheme.
    fn runner(self, scheme: &str) -> Result<Runner> {
        let run = |sampler, takes, in_sigma| Ok(Runner { sampler, takes, in_sigma });
        let (sigmas, timesteps) = (Levels::Sigmas, Levels::Timesteps);
        match (self, scheme) {
            (Export::Times, _) => run("fokker", Levels::Times, false),
            (Export::KDiffusion, "ddim") => run("sample_euler", sigmas, true),
            (Export::KDiffusion, "dpmpp-2m") => run("sample_dpmpp_2m", sigmas, true),
            (Export::KDiffusion, "edm-heun") => run("sample_heun", sigmas, true),
            (Export::KDiffusion, "ancestral") => run("sample_euler_ancestral", sigmas, true),
            (Export::Diffusers, "ddim") => {
                run("EulerDiscreteScheduler (timestep_spacing trailing)", sigmas, true)
            }
            (Export::Diffusers, "edm-heun") => {
                run("HeunDiscreteScheduler (timestep_spacing trailing)", timesteps, true)
            }
            (Export::Diffusers, "dpmpp-2m") => {
                run("DPMSolverMultistepScheduler (solver_order 2, no Karras sigmas)", timesteps, false)
            }
            (Export::Diffusers, "ancestral") => {
                run("DDPMScheduler (variance_type fixed_small)", timesteps, false)
            }
            (program, _) => {
                let (name, known) = match program {
                    Export::Diffusers => ("diffusers", "ddim, edm-heun, dpmpp-2m, ancestral"),
                    _ => ("k-diffusion", "ddim, edm-heun, dpmpp-2m, ancestral"),
                };
                Err(Error::Undefined {
                    what: "this export",
                    reason: format!(
                        "no sampler of {name} that takes a grid runs {scheme}; another one would not \
                         have this error ({known} are run)"
                    ),
                    remedy: "tune one of these, or export t",
                })
            }
        }
    }
}

/// The σ/α of a grid as a Python list, with a newline.
pub fn sigma_list(grid: &Grid) -> String {
    python_list(grid.sigmas()) + "\n"
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
    let rounded = rounded(grid, table);
    match rounded.windows(2).position(|pair| pair[0] == pair[1]) {
        None => Ok(rounded),
        Some(i) => Err(Error::Undefined {
            what: "a list of integer timesteps",
            reason: format!("steps {i} and {} both start nearest to timestep {}", i + 1, rounded[i]),
            remedy: "use the sigmas, or fewer steps",
        }),
    }
}

fn rounded(grid: &Grid, table: &TrainingTable) -> Vec<usize> {
    timesteps(grid, table).into_iter().map(|t| t.round_ties_even() as usize).collect()
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
    use crate::audit::Start;
    use crate::problems::natural_image_spectrum;
    use crate::process::{Linear, SchedulerConfig, Spacing};
    use crate::sampling::{Ddim, DpmPlusPlus2M, EulerMaruyama, Heun, Scheme};
    use crate::statistics::Gaussian;

    fn normal<'a>(scheme: &'a dyn Scheme, grid: &'a Grid) -> Sampler<'a> {
        Sampler { scheme, grid, start: Start::Normal }
    }

    #[test]
    fn every_export_reads_back_to_the_same_bits() {
        let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
        let (schedule, table) = (config.schedule().unwrap(), config.table().unwrap());
        let grid = Grid::new(Spacing::KARRAS, 20, 0.0, &schedule).unwrap();
        for program in [Export::KDiffusion, Export::Diffusers] {
            let found = program.render(&normal(&Ddim, &grid), &schedule, &table).unwrap();
            assert_eq!(parse_sigmas(&found.text).unwrap(), grid.sigmas());
            assert_eq!(found.grid, grid);
        }
        let found = Export::Times.render(&normal(&EulerMaruyama, &grid), &schedule, &table).unwrap();
        assert_eq!(parse_sigmas(&found.text).unwrap(), grid.times());
        let again = Grid::from_sigmas(grid.sigmas().to_vec(), &schedule).unwrap();
        assert!(again.times().iter().zip(grid.times()).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn an_export_has_the_error_of_the_sampler_that_runs_it() {
        let config = SchedulerConfig::preset("stable-diffusion-xl").unwrap();
        let (schedule, table) = (config.schedule().unwrap(), config.table().unwrap());
        let law = Gaussian::from_eigenvalues(natural_image_spectrum(8, 8, 1).unwrap()).unwrap();
        let audit = Audit::new(&law, &schedule);
        // DPMSolverMultistep runs the levels of its integers, then 0, from N(0, I).
        let grid = Grid::new(Spacing::KARRAS, 10, 0.5, &schedule).unwrap();
        let found = Export::Diffusers.render(&normal(&DpmPlusPlus2M, &grid), &schedule, &table).unwrap();
        let integers: Vec<f64> = parse_sigmas(&found.text).unwrap();
        let levels: Vec<f64> = integers.iter().map(|&k| table.sigma_at(k)).chain([0.0]).collect();
        let expected =
            audit.errors(&DpmPlusPlus2M, &Grid::from_sigmas(levels, &schedule).unwrap(), Start::Normal);
        let w2 = found.w2(&audit, &normal(&DpmPlusPlus2M, &grid)).unwrap();
        assert!((w2 - expected.unwrap().w2).abs() < 1e-9, "{w2}");
        // sample_euler by hand: x from σ_0 z, x ← x + (σ' − σ) σ x/(λ + σ²), and x is what is drawn.
        let found = Export::KDiffusion.render(&normal(&Ddim, &grid), &schedule, &table).unwrap();
        let drawn = |value: f64| {
            let sigmas = grid.sigmas();
            let step =
                |x: f64, pair: &[f64]| x + (pair[1] - pair[0]) * pair[0] * x / (value + pair[0] * pair[0]);
            sigmas.windows(2).fold(sigmas[0], step)
        };
        let squares = law.values().iter().map(|&value| (drawn(value) - value.sqrt()).powi(2));
        let expected = squares.sum::<f64>().sqrt();
        let w2 = found.w2(&audit, &normal(&Ddim, &grid)).unwrap();
        assert!((w2 - expected).abs() < 1e-10 * (1.0 + expected), "{w2} and {expected}");
        for scheme in [&EulerMaruyama as &dyn Scheme, &Heun] {
            for program in [Export::KDiffusion, Export::Diffusers] {
                let error = program.render(&normal(scheme, &grid), &schedule, &table).unwrap_err();
                assert!(error.is_input() && error.to_string().contains(scheme.name()), "{error}");
            }
        }
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
        // An export makes them one.
        let found =
            Export::Diffusers.render(&normal(&DpmPlusPlus2M, &grid), &config.schedule().unwrap(), &table);
        assert_eq!(found.unwrap().text, "scheduler.set_timesteps(timesteps=[999])\n");
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
