//! Text with a header line, a column of times and columns of numbers.

use super::{Labelled, USUAL, usual_column};
use crate::files::MEMORY;
use crate::files::source::Source;
use crate::files::text::{Lines, Separator, each_field, number, separator, shown};
use anyhow::{Result, anyhow, bail};
use fokker::Task;
use fokker::population::Labels;
use ndarray::{Array1, Array2};

/// The column of masses.
const MASS: &str = "mass";
/// Rows between two reports of progress.
const REPORT: usize = 1 << 14;

/// What each column is.
struct Columns {
    /// As errors show them, in quotes.
    names: Vec<String>,
    time: usize,
    mass: Option<usize>,
    separator: Separator,
}

pub fn read(source: Source, time: Option<&str>, task: Task) -> Result<Labelled> {
    let extension = source.extension.clone();
    let mut lines = Lines::new(source)?;
    if !lines.advance()? {
        bail!("has no rows, give at least one");
    }
    let columns =
        Columns::new(lines.text()?, &extension, time).map_err(|e| anyhow!("line {}{e}", lines.number()))?;
    let dim = columns.names.len() - 1 - usize::from(columns.mass.is_some());
    if dim == 0 {
        bail!("has no column of coordinates beside the times");
    }
    let (mut x, mut mass, mut labels) = (Vec::new(), Vec::new(), Labels::default());
    while lines.advance()? {
        columns.row(&lines, &mut x, &mut mass, &mut labels)?;
        if x.len() * 8 > MEMORY {
            bail!("the rows take more than {} GiB of memory: give fewer of them", MEMORY >> 30);
        }
        if labels.len() % REPORT == 0 {
            task.tick("reading rows", labels.len(), 0)?;
        }
    }
    if x.is_empty() {
        bail!("has no rows after the header, give at least one");
    }
    let name = &columns.names[columns.time];
    let description = format!("{} × {dim} numbers of text, times in the column {}", labels.len(), name);
    let x = Array2::from_shape_vec((labels.len(), dim), x)?;
    let mass = columns.mass.map(|_| Array1::from(mass));
    Ok(Labelled { x, labels, mass, description })
}

impl Columns {
    fn new(line: &str, extension: &str, time: Option<&str>) -> Result<Self> {
        let separator = separator(line, extension);
        let mut names = Vec::new();
        each_field(line, separator, |field| {
            names.push(field.to_owned());
            Ok(())
        })?;
        if names.iter().all(|name| name.parse::<f64>().is_ok()) {
            bail!(" is numbers, expected the names of the columns: add them, or give --labels");
        }
        if let Some(column) = names.iter().position(String::is_empty) {
            bail!(
                ", column {} has no name: an index of the rows is no coordinate, save without it (index=False)",
                column + 1
            );
        }
        let found = usual_column(&names, time);
        let Some(time) = found else {
            let wanted = time.map_or_else(|| USUAL.join(" or "), str::to_owned);
            let known: Vec<String> = names.iter().take(20).map(|name| shown(name)).collect();
            let more = if names.len() > 20 { ", …" } else { "" };
            bail!(": no column is called {wanted}: name one of {}{more} with --time", known.join(", "));
        };
        let mass = names.iter().position(|name| name == MASS).filter(|&mass| mass != time);
        let names = names.iter().map(|name| shown(name)).collect();
        Ok(Columns { names, time, mass, separator })
    }

    /// Takes the current line apart.
    fn row(&self, lines: &Lines, x: &mut Vec<f64>, mass: &mut Vec<f64>, labels: &mut Labels) -> Result<()> {
        let mut fields = Vec::with_capacity(self.names.len());
        let line = lines.number();
        each_field(lines.text()?, self.separator, |field| {
            fields.push(field);
            Ok(())
        })
        .map_err(|e| anyhow!("line {line}{e}"))?;
        for (column, (&field, name)) in fields.iter().zip(&self.names).enumerate() {
            if column == self.time {
                labels.push(field, || format!("line {line}, column {} ({name})", column + 1))?;
                continue;
            }
            let value = number(field, column, Some(name)).map_err(|e| anyhow!("line {line}{e}"))?;
            if self.mass == Some(column) { mass.push(value) } else { x.push(value) }
        }
        if fields.len() != self.names.len() {
            bail!(
                "line {} has another number of fields than the header: expected {}, found {}",
                line,
                self.names.len(),
                fields.len()
            );
        }
        Ok(())
    }
}
