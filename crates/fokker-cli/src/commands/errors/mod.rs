//! `fokker audit errors`: a table of exact errors.

mod render;

pub use render::render;

use super::law::{self, Laws};
use super::sampler;
use crate::args::{ErrorsArguments, Format, Global};
use crate::progress::Progress;
use crate::report::wrapped;
use anyhow::bail;
use fokker::audit::{Audit, ErrorTable};

/// Runs the command.
pub fn run(arguments: &ErrorsArguments, global: &Global) -> anyhow::Result<String> {
    let options = &arguments.options.0;
    let extras = [
        ("along-time", options.along_time),
        ("per-eigenvalue", options.per_eigenvalue),
        ("levels", options.levels),
    ];
    if let Some((name, _)) = extras.iter().find(|(_, asked)| *asked && !global.json) {
        bail!("--{name} goes with --json");
    }
    let schedule = sampler::schedule(&options.schedule)?;
    options.validate(schedule.horizon())?;
    let grids = options
        .grid
        .iter()
        .map(|name| Ok((name.to_string(), sampler::grid(name, &*schedule)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let with_grid = grids.len() > 1;
    let progress = Progress::new(global.quiet);
    let Laws { data, score, fitted, description } = law::read(&arguments.law, progress.task())?;
    let audit = match &score {
        None => Audit::new(&data, &*schedule),
        Some(score) => Audit::with_score(&data, score, &*schedule)?,
    };
    let table = ErrorTable {
        audit: &audit,
        schedule: &*schedule,
        fitted: fitted.as_ref().map(|fit| (&data, fit)),
        schemes: ErrorTable::schemes_of(&options.scheme),
        grids,
        options,
    };
    let starts: Vec<&str> = options.start.iter().map(|start| start.law()).collect();
    let heading =
        format!("{}\nschedule: {}; from {}\n", wrapped(&description), options.schedule, starts.join(" and "));
    if global.dry_run {
        let samplers = table.samplers();
        let schedule = options.schedule.to_string();
        let plan = serde_json::json!({ "data": description, "schedule": schedule, "samplers": samplers });
        return Ok(match global.json {
            true => serde_json::to_string_pretty(&plan)? + "\n",
            false => format!("{heading}would run {samplers} samplers\n"),
        });
    }
    let cells = table.cells(progress.task())?;
    drop(progress);
    if global.json {
        return Ok(serde_json::to_string_pretty(&serde_json::json!({ "cells": cells }))? + "\n");
    }
    let text = render(&cells, with_grid, arguments.format);
    Ok(match arguments.format {
        Format::Table => format!("{heading}\n{text}"),
        _ => text,
    })
}
