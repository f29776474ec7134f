//! Reading and writing data files: the only file access in Rust.
//!
//! What is read is recognised by its first bytes, not its name, and is not trusted: a header may
//! not make us allocate what the file cannot hold, and every error is one line that starts with
//! the path, says where, and what to do. What is written appears whole or not at all.

mod idx;
mod image;
mod npy;
mod npz;
mod numbers;
mod output;
#[allow(dead_code)] // until the population commands read and write them
mod snapshots;
mod source;
mod temporary;
#[cfg(test)]
mod tests;
mod text;
mod vector;
mod whole;
mod write;

pub use self::image::{read_texture, side_by_side, write_png};
pub use output::{Format as OutputFormat, Output};
pub use snapshots::{SnapshotOptions, TimedRows, read_snapshots, write_snapshots};
pub use vector::read_vector;
pub use whole::{MEMORY, named, read_all, read_rows};
pub use write::{Values, write_bytes, write_npz, write_values};

use self::image::ImageRows;
use anyhow::{Result, anyhow, bail};
use fokker::{Blocks, Error};
use ndarray::Array2;
use numbers::BinaryRows;
use source::{FORMATS, Source};
use std::io::Read;
use std::path::{Path, PathBuf};
use text::TextRows;

/// The rows `[n, d]` of a file, read block by block because they may not fit in memory.
///
/// u8 numbers are pixels and come as x/127.5 − 1, in [−1, 1]; every other type comes unchanged.
pub struct Rows {
    path: PathBuf,
    description: String,
    content: Content,
}

enum Content {
    Binary(BinaryRows),
    Text(TextRows),
    Images(ImageRows),
}

/// Opens a file of rows: .npy, .npz (key `x` or the only array), IDX, .csv, .tsv or .txt, each
/// but .npz also gzipped. Text may start with one header line and may hold `#` comments. A
/// folder is one of PNG and JPEG images, a row each.
pub fn open_rows(path: &Path) -> Result<Rows> {
    let open = || {
        if path.is_dir() {
            return Ok(Content::Images(ImageRows::open(path)?));
        }
        let source = source::open(path)?;
        Ok(match format(&source)? {
            Format::Npy => Content::Binary(BinaryRows::new(npy::open(source.reader, source.length)?)?),
            Format::Idx => Content::Binary(BinaryRows::new(idx::open(source.reader, source.length)?)?),
            Format::Npz => Content::Binary(BinaryRows::new(npz::open(path, &source)?)?),
            Format::Text => Content::Text(TextRows::new(source)?),
            Format::Json => bail!("is JSON, expected rows of numbers ({FORMATS})"),
        })
    };
    let content: Content = open().map_err(|e| at(path, e))?;
    let description = match &content {
        Content::Binary(rows) => rows.description(),
        Content::Text(rows) => rows.description(),
        Content::Images(rows) => rows.description(),
    };
    Ok(Rows { path: path.to_path_buf(), description, content })
}

impl Rows {
    /// What the file holds, in a few words for people: shape, type, and what was done to it.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl Blocks for Rows {
    fn dim(&self) -> usize {
        match &self.content {
            Content::Binary(rows) => rows.dim(),
            Content::Text(rows) => rows.dim(),
            Content::Images(rows) => rows.dim(),
        }
    }

    fn rows(&self) -> Option<usize> {
        match &self.content {
            Content::Binary(rows) => rows.rows(),
            Content::Text(_) => None,
            Content::Images(rows) => Some(rows.count()),
        }
    }

    fn next(&mut self, block: &mut Array2<f64>) -> fokker::Result<usize> {
        if block.ncols() != self.dim() {
            return Err(Error::Size { name: "block", expected: self.dim(), found: block.ncols() });
        }
        let count = match &mut self.content {
            Content::Binary(rows) => rows.next(block),
            Content::Text(rows) => rows.next(block),
            Content::Images(rows) => rows.next(block),
        };
        count.map_err(|e| Error::Source(at(&self.path, e).to_string()))
    }

    fn rewind(&mut self) -> fokker::Result<()> {
        // A pipe, even a named one, gives its bytes once.
        if !(self.path.is_file() || self.path.is_dir()) {
            let path = self.path.display();
            return Err(Error::Source(format!("{path}: can be read only once, save it to a file first")));
        }
        *self = open_rows(&self.path).map_err(|e| Error::Source(e.to_string()))?;
        Ok(())
    }
}

/// The bytes of a saved result, at most 1 GiB.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    const MOST: u64 = 1 << 30;
    let read = || {
        let mut bytes = Vec::new();
        source::open(path)?.reader.take(MOST + 1).read_to_end(&mut bytes).map_err(source::damaged)?;
        if bytes.len() as u64 > MOST {
            bail!("is longer than 1 GiB, give a result that fokker saved");
        }
        Ok(bytes)
    };
    read().map_err(|e| at(path, e))
}

/// The text of a short file, at most 64 MiB: a configuration or a list.
pub fn read_text(path: &Path) -> Result<String> {
    const MOST: u64 = 64 << 20;
    let read = || {
        let mut bytes = Vec::new();
        source::open(path)?.reader.take(MOST + 1).read_to_end(&mut bytes).map_err(source::damaged)?;
        if bytes.len() as u64 > MOST {
            bail!("is longer than {MOST} bytes, give a configuration or a list of σ");
        }
        String::from_utf8(bytes).map_err(|_| anyhow!("is not text in UTF-8"))
    };
    read().map_err(|e| at(path, e))
}

/// What a file turned out to be.
enum Format {
    Npy,
    Npz,
    Idx,
    Json,
    Text,
}

/// By the first bytes; the extension decides only what text means and what an error says.
fn format(source: &Source) -> Result<Format> {
    let head = source.head.as_slice();
    if head.starts_with(npy::MAGIC) {
        return Ok(Format::Npy);
    }
    if npz::is_zip(head) {
        return Ok(Format::Npz);
    }
    if idx::is_idx(head) {
        return Ok(Format::Idx);
    }
    // A list in brackets is one whatever its name, such as a pasted list of σ.
    let bracket = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match source.extension.as_str() {
        "csv" | "tsv" | "txt" | "" if bracket => Ok(Format::Json),
        "npy" => bail!("does not start like a .npy file, save it again with numpy.save"),
        "npz" => bail!("does not start like an .npz file, save it again with numpy.savez"),
        "idx" => bail!("does not start like an IDX file (0 0 type axes), download it again"),
        "json" => Ok(Format::Json),
        "csv" | "tsv" | "txt" => Ok(Format::Text),
        _ if is_text(head) => Ok(Format::Text),
        _ => bail!("has an unknown format, expected {FORMATS}"),
    }
}

/// UTF-8 without control characters; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    };
    valid && !head.contains(&0)
}

/// The error as one line that starts with the path.
fn at(path: &Path, error: anyhow::Error) -> anyhow::Error {
    let line = format!("{}: {error:#}", path.display());
    anyhow!("{}", line.replace(['\n', '\r'], " "))
}
