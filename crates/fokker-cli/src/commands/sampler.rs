//! Schedules and grids of files; all others are the library's.

use crate::files::{read_text, read_vector};
use anyhow::{Context, bail};
use fokker::audit::{GridName, GridSource, ScheduleName};
use fokker::process::{DiscreteBetas, Grid, Schedule, SchedulerConfig, TrainingTable};
use std::path::Path;

/// A schedule; `betas:FILE` holds discrete betas, `config:FILE` is the scheduler_config.json of a
/// diffusers model.
pub fn schedule(name: &ScheduleName) -> anyhow::Result<Box<dyn Schedule>> {
    let Some((form, path)) = name.file() else { return Ok(name.schedule()?) };
    if form == "betas" {
        let betas = read_vector(Path::new(path))?.to_vec();
        return Ok(Box::new(DiscreteBetas::new(&betas).with_context(|| path.to_owned())?));
    }
    let config = SchedulerConfig::from_json(&read_text(Path::new(path))?);
    let schedule = config.and_then(|config| config.schedule());
    Ok(Box::new(schedule.with_context(|| path.to_owned())?))
}

/// The training levels that exported timesteps refer to: one for each discrete beta, or 1000.
pub fn training_table(name: &ScheduleName, schedule: &dyn Schedule) -> anyhow::Result<TrainingTable> {
    let count = if name.is_discrete() { schedule.horizon() as usize } else { 1000 };
    Ok(TrainingTable::from_schedule(schedule, count)?)
}

/// A grid: a rule, `sigmas:FILE`, `t:FILE` or a bare file.
pub fn grid(name: &GridName, schedule: &dyn Schedule) -> anyhow::Result<GridSource> {
    if let Some(spacing) = name.spacing {
        return Ok(GridSource::Rule(spacing));
    }
    let text = name.to_string();
    let values = |path: &str| Ok::<_, anyhow::Error>(read_vector(Path::new(path))?.to_vec());
    let (path, grid) = if let Some(path) = text.strip_prefix("sigmas:") {
        (path, Grid::from_sigmas(values(path)?, schedule))
    } else if let Some(path) = text.strip_prefix("t:") {
        (path, Grid::from_times(values(path)?, schedule))
    } else {
        let values = values(&text)?;
        let horizon = schedule.horizon();
        if (values[0] - horizon).abs() <= 1e-9 * horizon {
            (text.as_str(), Grid::from_times(values, schedule))
        } else if values[0] > horizon {
            (text.as_str(), Grid::from_sigmas(values, schedule))
        } else {
            bail!(
                "{text}: the first entry {} could be a time or σ/α: write t:{text} or sigmas:{text}",
                values[0]
            );
        }
    };
    Ok(GridSource::Given(grid.with_context(|| path.to_owned())?))
}
