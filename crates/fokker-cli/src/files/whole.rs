//! Rows that must be in memory at once.

use super::open_rows;
use anyhow::{Result, bail};
use fokker::{Blocks, Error, Limits, Task};
use ndarray::{Array2, Axis, Slice};
use std::path::Path;

/// Memory that rows, or matrices made from data, may take: 8 GiB.
pub const MEMORY: usize = Limits::MEMORY;

/// All rows of a file, of which there is at least one, and what it holds in a few words.
pub fn read_rows(path: &Path, task: Task) -> Result<(Array2<f64>, String)> {
    let mut rows = open_rows(path)?;
    let x = read_all(&mut rows, "give fewer of them", task).map_err(|error| named(error, path))?;
    if x.is_empty() {
        bail!("{}: has no rows of numbers, give at least one", path.display());
    }
    Ok((x, rows.description().to_owned()))
}

/// All rows in memory: text files do not tell their number beforehand.
pub fn read_all(rows: &mut dyn Blocks, remedy: &str, task: Task) -> Result<Array2<f64>> {
    // Few rows at a time where they are long.
    let count = (Limits::COLUMNS / rows.dim().max(1)).clamp(1, 256);
    let mut block = Array2::zeros((count, rows.dim()));
    let mut all = Array2::zeros((0, rows.dim()));
    loop {
        let count = rows.next(&mut block)?;
        all.append(Axis(0), block.slice_axis(Axis(0), Slice::from(..count)))?;
        let bytes = all.len().saturating_mul(8);
        if bytes > MEMORY {
            bail!("the rows take more than {} GiB of memory: {remedy}", MEMORY >> 30);
        }
        if count < block.nrows() {
            return Ok(all);
        }
        task.tick("reading rows", all.nrows(), rows.rows().unwrap_or(0))?;
    }
}

/// The error with the path of its file, which what a file says of itself already starts with.
pub fn named(error: anyhow::Error, path: &Path) -> anyhow::Error {
    match error.downcast_ref() {
        Some(Error::Source(_)) => error,
        _ => error.context(path.display().to_string()),
    }
}
