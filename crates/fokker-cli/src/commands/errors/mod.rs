//! `fokker audit errors`: a table of exact errors.

mod render;
mod table;

pub use render::render;
pub use table::{Cell, Extras, Table};

use super::law::{self, Laws};
use super::sampler::{self, GridSource};
use crate::args::{ErrorsArguments, Format, Global};
use crate::progress::Progress;
use crate::report::wrapped;
use anyhow::bail;
use fokker::Limits;
use fokker::audit::Audit;

/// Runs the command.
pub fn run(arguments: &ErrorsArguments, global: &Global) -> anyhow::Result<String> {
    let schedule = sampler::schedule(&arguments.schedule)?;
    let schemes = sampler::schemes(&arguments.scheme)?;
    let grids = arguments
        .grid
        .iter()
        .map(|text| Ok((text.clone(), sampler::grid(text, &*schedule)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    check_lists(arguments, &grids, schedule.horizon())?;
    let Laws { data, score, fitted, description } =
        law::read(&arguments.law, Progress::new(global.quiet).task())?;
    let audit = match &score {
        None => Audit::new(&data, &*schedule),
        Some(score) => Audit::with_score(&data, score, &*schedule)?,
    };
    let table = Table {
        audit: &audit,
        schedule: &*schedule,
        fitted: fitted.as_ref().map(|fit| (&data, fit)),
        schemes: &schemes,
        grids: &grids,
        steps: if arguments.steps.is_empty() { &[50] } else { &arguments.steps },
        nfe: &arguments.nfe,
        stops: if arguments.stop.is_empty() { &[0.0] } else { &arguments.stop },
        starts: &arguments.start,
        extras: Extras { along_time: arguments.along_time, per_eigenvalue: arguments.per_eigenvalue },
    };
    let starts: Vec<&str> = arguments.start.iter().map(|start| start.law()).collect();
    let heading = format!(
        "{}\nschedule: {}; from {}\n",
        wrapped(&description),
        arguments.schedule,
        starts.join(" and ")
    );
    if global.dry_run {
        let samplers = table.samplers().len();
        let plan =
            serde_json::json!({ "data": description, "schedule": arguments.schedule, "samplers": samplers });
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&plan)? + "\n",
            false => format!("{heading}would run {samplers} samplers\n"),
        });
    }
    let cells = table.cells()?;
    if global.json {
        return Ok(serde_json::to_string_pretty(&serde_json::json!({ "cells": cells }))? + "\n");
    }
    let text = render(&cells, grids.len() > 1, arguments.format);
    Ok(match arguments.format {
        Format::Table => format!("{heading}\n{text}"),
        _ => text,
    })
}

/// Numbers that make no sense whatever the data, found before any work is done.
fn check_lists(
    arguments: &ErrorsArguments,
    grids: &[(String, GridSource)],
    horizon: f64,
) -> anyhow::Result<()> {
    let (steps, nfe) = (&arguments.steps, &arguments.nfe);
    for (name, list, most) in [("--steps", steps, Limits::STEPS), ("--nfe", nfe, Limits::EVALUATIONS)] {
        list.iter().try_for_each(|&n| Limits::count(name, n, most).map(|_| ()))?;
    }
    if let Some(bad) = arguments.stop.iter().find(|&&stop| !(stop >= 0.0 && stop < horizon)) {
        bail!("--stop must be at least 0 and below the schedule's horizon {horizon}, found {bad}");
    }
    let given = grids.iter().find(|(_, grid)| matches!(grid, GridSource::Given(_)));
    if let Some((name, _)) = given
        && !(arguments.steps.is_empty() && arguments.nfe.is_empty() && arguments.stop.is_empty())
    {
        bail!("the grid {name} has its own steps and stop: leave --steps, --nfe and --stop out");
    }
    Ok(())
}
