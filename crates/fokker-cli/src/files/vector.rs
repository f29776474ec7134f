//! Lists of numbers: eigenvalues, σ, times.

use super::npz;
use super::numbers::Stored;
use super::source::{self, Source, damaged};
use super::text::TextRows;
use super::{Format, at, format, idx, npy};
use anyhow::{Result, anyhow, bail};
use ndarray::Array1;
use std::io::Read;
use std::path::Path;

/// Longest list: beyond any spectrum or grid, and still less than a gigabyte.
const MAX_ENTRIES: u64 = 1 << 26;

/// Longest JSON text that is read.
const MAX_JSON: u64 = 2 << 30;

/// Reads a list of numbers: .npy, .npz or IDX with one axis (or one row or column), text with one
/// number per line or all on one line, or a JSON array; each but .npz may be gzipped.
///
/// Eigenvalues, σ and times are short, so unlike rows of data they are read whole.
pub fn read_vector(path: &Path) -> Result<Array1<f64>> {
    let read = || {
        let source = source::open(path)?;
        let values = match format(&source)? {
            Format::Npy => stored(npy::open(source.reader, source.length)?)?,
            Format::Idx => stored(idx::open(source.reader, source.length)?)?,
            Format::Npz => stored(npz::open(path, &source)?)?,
            Format::Json => json(source)?,
            Format::Text => text(source)?,
        };
        if values.is_empty() {
            bail!("holds no numbers, give at least one");
        }
        if let Some(i) = values.iter().position(|x| !x.is_finite()) {
            bail!("entry {i} (counted from 0) is {}, every entry must be finite", values[i]);
        }
        Ok(Array1::from(values))
    };
    read().map_err(|e| at(path, e))
}

/// The numbers of an array with one long axis.
pub fn stored(mut array: Stored) -> Result<Vec<f64>> {
    let count = array.count()?;
    let long_axes = array.shape.iter().filter(|&&extent| extent != 1).count();
    if array.shape.is_empty() || long_axes > 1 {
        bail!("expected a list of numbers [n], found the shape {}", array.shape_text());
    }
    limit(count)?;
    let bytes = array.read_all(count)?;
    let mut values = vec![0.0; count as usize];
    array.element.decode(&bytes, &mut values, false);
    Ok(values)
}

fn limit(count: u64) -> Result<()> {
    if count > MAX_ENTRIES {
        bail!("is a list of more than {MAX_ENTRIES} numbers, give a shorter one");
    }
    Ok(())
}

fn json(source: Source) -> Result<Vec<f64>> {
    let mut bytes = Vec::new();
    source.reader.take(MAX_JSON + 1).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 > MAX_JSON {
        bail!("is longer than {MAX_JSON} bytes, give a shorter list");
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text)
        .map_err(|e| anyhow!("expected a JSON array of numbers such as [1.0, 0.5]: {e}"))
}

fn text(source: Source) -> Result<Vec<f64>> {
    // In a list, blanks separate as well, whatever the extension.
    let mut rows = TextRows::new(Source { extension: "txt".into(), ..source })?;
    let (dim, mut lines) = (rows.dim(), 0);
    let (mut values, mut row) = (Vec::new(), vec![0.0; dim]);
    while rows.next_row(&mut row)? {
        lines += 1;
        if dim > 1 && lines > 1 {
            bail!("expected one number per line or all on one line, found {dim} on each of several lines");
        }
        values.extend_from_slice(&row);
        limit(values.len() as u64)?;
    }
    Ok(values)
}
