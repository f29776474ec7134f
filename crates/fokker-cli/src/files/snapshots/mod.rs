//! Snapshots of a population: rows, the time of each, and masses where there are any.

mod h5ad;
mod table;
#[cfg(test)]
mod tests;

use super::numbers::Stored;
use super::output::{Format as OutputFormat, Output};
use super::source::{self, Source};
use super::text::{Lines, Separator, each_field};
use super::vector::{self, read_vector};
use super::write::{Values, columns, write_csv, write_npz};
use super::{Format, at, format, npz, read_rows};
use anyhow::{Result, bail};
use fokker::Task;
use fokker::population::Labels;
use ndarray::{Array1, Array2};
use std::path::Path;

/// Columns of times that need not be named.
const USUAL: [&str; 2] = ["time", "samples"];

/// The column of times.
fn usual_column(names: &[String], wanted: Option<&str>) -> Option<usize> {
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    wanted.map_or_else(|| USUAL.iter().find_map(|usual| find(usual)), find)
}

/// Rows with times.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedRows {
    /// Time of every row, `[n]`.
    pub times: Array1<f64>,
    /// Rows, `[n, d]`.
    pub x: Array2<f64>,
    /// Mass of every row, `[n]`, where the file has one.
    pub mass: Option<Array1<f64>>,
    /// What the file holds and how its labels became times, for people.
    pub description: String,
}

/// Where the times are.
#[derive(Debug, Default, Clone, Copy)]
pub struct SnapshotOptions<'a> {
    /// Column of a text file or of `obs`; without it `time` or `samples`.
    pub time: Option<&'a str>,
    /// Rows of an .h5ad: `X` or a name in `obsm`; without it `X_pca`.
    pub rep: Option<&'a str>,
    /// A file with one label for each row.
    pub labels: Option<&'a Path>,
    /// Times of the different labels, in their order.
    pub times: Option<&'a [f64]>,
}

/// What a file holds before its labels are times.
struct Labelled {
    x: Array2<f64>,
    labels: Labels,
    mass: Option<Array1<f64>>,
    description: String,
}

/// Reads snapshots: text with a column of times, .npz with `x`, `time` and perhaps `mass`, .h5ad
/// with a column of `obs`, or any rows with a file of labels. A column of text called `mass` is the mass.
///
/// # Errors
/// One line that starts with the path of the file at fault.
pub fn read_snapshots(path: &Path, options: &SnapshotOptions, task: Task) -> Result<TimedRows> {
    let labelled = match options.labels {
        Some(labels) => with_labels(path, labels, options, task)?,
        None => alone(path, options, task)?,
    };
    let (times, words) =
        labelled.labels.times(options.times).map_err(|e| at(options.labels.unwrap_or(path), e.into()))?;
    let masses = labelled.mass.iter().flat_map(|mass| mass.indexed_iter());
    if let Some((i, mass)) = masses.into_iter().find(|(_, mass)| **mass < 0.0) {
        bail!("{}: the mass of row {i} (counted from 0) is {mass}, expected at least 0", path.display());
    }
    let words = words.map(|words| format!("; {words}")).unwrap_or_default();
    let description = labelled.description + &words;
    Ok(TimedRows { times: Array1::from(times), x: labelled.x, mass: labelled.mass, description })
}

/// Rows of any format, times from another file.
fn with_labels(path: &Path, labels_path: &Path, options: &SnapshotOptions, task: Task) -> Result<Labelled> {
    if let Some(column) = options.time {
        bail!("{}: times are either the column {column:?} or in {}", path.display(), labels_path.display());
    }
    let (x, description) = read_rows(path, task)?;
    let labels = read_labels(labels_path, x.nrows())?;
    if labels.len() != x.nrows() {
        bail!(
            "{}: has {} labels for the {} rows of {}",
            labels_path.display(),
            labels.len(),
            x.nrows(),
            path.display()
        );
    }
    Ok(Labelled { x, labels, mass: None, description })
}

/// A file that holds the times itself.
fn alone(path: &Path, options: &SnapshotOptions, task: Task) -> Result<Labelled> {
    let source = source::open(path).map_err(|e| at(path, e))?;
    if source.head.starts_with(h5ad::MAGIC) {
        if source.gzipped {
            bail!("{}: is HDF5 inside gzip: decompress it (gunzip)", path.display());
        }
        return h5ad::read(path, options.rep, options.time).map_err(|e| at(path, e));
    }
    if let Some(rep) = options.rep {
        bail!("{}: is no .h5ad, so --rep {rep} names nothing in it", path.display());
    }
    match format(&source).map_err(|e| at(path, e))? {
        Format::Text => table::read(source, options.time, task).map_err(|e| at(path, e)),
        Format::Npz => archive(path, &source, task),
        _ => {
            bail!("{}: holds rows without times: give --labels, a file with one for each row", path.display())
        }
    }
}

fn archive(path: &Path, source: &Source, task: Task) -> Result<Labelled> {
    let list = |key: &str| -> Result<Option<Vec<f64>>> {
        let found: Option<Stored> = npz::open_key(path, source, key)?;
        found.map(vector::stored).transpose().map_err(|e| anyhow::anyhow!("array '{key}' {e}"))
    };
    let (x, description) = read_rows(path, task)?;
    let read = || {
        let Some(time) = list("time")? else {
            bail!("has no array 'time': save x and time, or give --labels");
        };
        let mass = list("mass")?;
        for (key, values) in [("time", Some(&time)), ("mass", mass.as_ref())] {
            let Some(values) = values else { continue };
            if values.len() != x.nrows() {
                bail!("array '{key}' has {} entries for the {} rows of x", values.len(), x.nrows());
            }
            if key == "mass" && values.iter().any(|value| !value.is_finite()) {
                bail!("array 'mass' has an entry that is not finite: remove such rows");
            }
        }
        Ok((Labels::of_rows(&time)?, mass.map(Array1::from)))
    };
    let (labels, mass) = read().map_err(|e| at(path, e))?;
    Ok(Labelled { x, labels, mass, description })
}

/// Labels of rows: numbers in any format of a list, or text with one label on each line, which
/// may start with a header.
fn read_labels(path: &Path, rows: usize) -> Result<Labels> {
    let source = source::open(path).map_err(|e| at(path, e))?;
    if !matches!(format(&source).map_err(|e| at(path, e))?, Format::Text) {
        return Labels::of_rows(read_vector(path)?).map_err(|e| at(path, e.into()));
    }
    let separator = if source.extension == "tsv" { '\t' } else { ',' };
    let read = || {
        let mut lines = Lines::new(source)?;
        let mut found: Vec<(u64, String)> = Vec::new();
        while lines.advance()? {
            let (number, mut fields) = (lines.number(), 0);
            each_field(lines.text()?, Separator::Char(separator), |field| {
                found.push((number, field.to_owned()));
                fields += 1;
                Ok(())
            })
            .map_err(|e| anyhow::anyhow!("line {number}{e}"))?;
            if fields > 1 && found.len() > fields {
                bail!("line {number} has {fields} fields, expected one label on each line");
            }
        }
        // One more label than rows: the first is the header of the column.
        let header = usize::from(found.len() == rows + 1);
        let mut labels = Labels::default();
        for (number, text) in &found[header..] {
            labels.push(text, || format!("line {number}"))?;
        }
        Ok(labels)
    };
    read().map_err(|e| at(path, e))
}

/// Writes snapshots that [`read_snapshots`] reads: .npz with `x`, `time` and perhaps `mass`, or
/// .csv with columns x0, x1, …, time and perhaps mass.
///
/// # Errors
/// A file that cannot be written.
pub fn write_snapshots(output: &Output, rows: &TimedRows) -> Result<()> {
    if output.format() == OutputFormat::Csv {
        let mut names = columns(rows.x.ncols());
        names.push("time".to_owned());
        names.extend(rows.mass.as_ref().map(|_| "mass".to_owned()));
        return write_csv(output, &names, rows.x.nrows(), &|i| {
            let mass = rows.mass.as_ref().map(|mass| mass[i]);
            rows.x.row(i).iter().copied().chain([rows.times[i]]).chain(mass).collect()
        });
    }
    let (times, mass) = (rows.times.to_vec(), rows.mass.as_ref().map(|mass| mass.to_vec()));
    let (x, times) = (Values::Rows(rows.x.view()), Values::Numbers(&times));
    let mass = mass.as_ref().map(|mass| Values::Numbers(mass));
    let mut arrays = vec![("x", &x), ("time", &times)];
    arrays.extend(mass.as_ref().map(|mass| ("mass", mass)));
    write_npz(output, &arrays)
}
