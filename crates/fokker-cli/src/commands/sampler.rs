//! Schedules, schemes and grids as they are typed, files included.

use crate::args::StartName;
use crate::files::{read_text, read_vector};
use anyhow::{Context, bail};
use fokker::Error;
use fokker::audit::Start;
use fokker::process::{
    DiscreteBetas, Grid, Schedule, SchedulerConfig, Spacing, TrainingTable, parse_schedule,
};
use fokker::sampling::{SCHEMES, Scheme, parse_scheme};
use std::path::Path;

/// A schedule by its specification; `betas:FILE` holds discrete betas, `config:FILE` is the
/// scheduler_config.json of a diffusers model, `config:preset:NAME` an embedded one.
pub fn schedule(text: &str) -> anyhow::Result<Box<dyn Schedule>> {
    if let Some(path) = text.strip_prefix("betas:") {
        let betas = read_vector(Path::new(path))?.to_vec();
        return Ok(Box::new(DiscreteBetas::new(&betas).with_context(|| path.to_owned())?));
    }
    if let Some(source) = text.strip_prefix("config:") {
        let config = match source.strip_prefix("preset:") {
            Some(name) => SchedulerConfig::preset(name)?,
            None => SchedulerConfig::from_json(&read_text(Path::new(source))?)
                .with_context(|| source.to_owned())?,
        };
        return Ok(Box::new(config.schedule().with_context(|| source.to_owned())?));
    }
    parse_schedule(text).map_err(|error| match error {
        // Files are read here, so the library does not know of these forms.
        Error::Name { what, found, known } => {
            Error::Name { what, found, known: known + ", betas:FILE, config:FILE" }.into()
        }
        other => anyhow::Error::from(other).context(format!("--schedule {text}")),
    })
}

/// The training levels that exported timesteps refer to: one for each discrete beta, or 1000.
pub fn training_table(text: &str, schedule: &dyn Schedule) -> anyhow::Result<TrainingTable> {
    let discrete = text.starts_with("betas:") || text.starts_with("config:");
    let count = if discrete { schedule.horizon() as usize } else { 1000 };
    Ok(TrainingTable::from_schedule(schedule, count)?)
}

/// Schemes by their names, each with the name it was asked for by; `all` stands for every one.
pub fn schemes(names: &[String]) -> anyhow::Result<Vec<(String, Box<dyn Scheme>)>> {
    let mut out: Vec<(String, Box<dyn Scheme>)> = Vec::new();
    for name in names {
        let expanded = if name == "all" { SCHEMES.map(str::to_owned).to_vec() } else { vec![name.clone()] };
        for name in expanded {
            if !out.iter().any(|(known, _)| *known == name) {
                let scheme = parse_scheme(&name)?;
                out.push((name, scheme));
            }
        }
    }
    Ok(out)
}

/// How a grid is made: spread by a rule for any number of steps, or as given.
pub enum GridSource {
    Rule(Spacing),
    Given(Grid),
}

/// A grid by its specification: a rule, `sigmas:FILE`, `t:FILE` or a bare file.
pub fn grid(text: &str, schedule: &dyn Schedule) -> anyhow::Result<GridSource> {
    let values = |path: &str| Ok::<_, anyhow::Error>(read_vector(Path::new(path))?.to_vec());
    let (path, grid) = if let Some(path) = text.strip_prefix("sigmas:") {
        (path, Grid::from_sigmas(values(path)?, schedule))
    } else if let Some(path) = text.strip_prefix("t:") {
        (path, Grid::from_times(values(path)?, schedule))
    } else if Path::new(text).exists() {
        let values = values(text)?;
        let horizon = schedule.horizon();
        if (values[0] - horizon).abs() <= 1e-9 * horizon {
            (text, Grid::from_times(values, schedule))
        } else if values[0] > horizon {
            (text, Grid::from_sigmas(values, schedule))
        } else {
            bail!(
                "{text}: the first entry {} could be a time or σ/α: write t:{text} or sigmas:{text}",
                values[0]
            );
        }
    } else {
        let known = "uniform, quadratic, log-snr, karras[:ρ[:σmin:σmax]], sigmas:FILE, t:FILE";
        return match text.parse() {
            Ok(spacing) => Ok(GridSource::Rule(spacing)),
            Err(error @ Error::Parse { .. }) => Err(error.into()),
            Err(_) => bail!("unknown grid {text:?}, and no such file; known: {known}"),
        };
    };
    Ok(GridSource::Given(grid.with_context(|| path.to_owned())?))
}

impl StartName {
    /// The word that is typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            StartName::Normal => "normal",
            StartName::Exact => "exact",
        }
    }

    /// The law it stands for, for people.
    pub fn law(self) -> &'static str {
        match self {
            StartName::Normal => "N(0, I)",
            StartName::Exact => "p_T",
        }
    }
}

impl From<StartName> for Start {
    fn from(name: StartName) -> Start {
        match name {
            StartName::Normal => Start::Normal,
            StartName::Exact => Start::Exact,
        }
    }
}
