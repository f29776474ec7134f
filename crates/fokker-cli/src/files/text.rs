//! Numbers as text: .csv, .tsv, .txt.
//!
//! Lines are split here and not by a general csv reader: the line numbers of errors must be those
//! an editor shows, also after blank lines and CRLF, and an unclosed quote must not swallow a
//! file larger than memory.

use super::numbers::MAX_COLUMNS;
use super::source::{Source, damaged};
use anyhow::{Result, anyhow, bail};
use ndarray::Array2;
use std::io::{BufRead, BufReader, Read};

/// Longest line that is still believed to be a row of numbers.
const MAX_LINE: u64 = 16 << 20;

/// What stands between fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// This character.
    Char(char),
    /// Any number of blanks and tabs.
    Blanks,
}

/// Lines of a text file that are neither blank nor `#` comments.
pub struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// The lines of a source, none read yet.
    pub fn new(source: Source) -> Result<Self> {
        if source.head.starts_with(&[0xff, 0xfe]) || source.head.starts_with(&[0xfe, 0xff]) {
            bail!("is text in UTF-16, save it as UTF-8");
        }
        Ok(Lines { reader: BufReader::with_capacity(1 << 16, source.reader), line: Vec::new(), number: 0 })
    }

    /// Moves to the next line, or says false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.reader).take(MAX_LINE);
            let read = limited.read_until(b'\n', &mut self.line).map_err(damaged)?;
            self.number += 1;
            if read == 0 {
                return Ok(false);
            }
            if read as u64 == MAX_LINE {
                bail!(
                    "line {} is longer than {MAX_LINE} bytes, expected one row of numbers per line",
                    self.number
                );
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            let line = self.line.trim_ascii();
            if !line.is_empty() && line[0] != b'#' {
                return Ok(true);
            }
        }
    }

    /// The current line.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(self.line.trim_ascii_end())
            .map_err(|_| anyhow!("line {} is not UTF-8 text, save the file as UTF-8", self.number))
    }

    /// Number of the current line, as an editor counts.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Rows of numbers, line by line.
pub struct TextRows {
    lines: Lines,
    separator: Separator,
    names: Option<Vec<String>>,
    dim: usize,
    /// The first row, read to learn the number of columns.
    first: Option<Vec<f64>>,
}

impl TextRows {
    /// Finds the separator, the header if there is one, and the number of columns.
    pub fn new(source: Source) -> Result<Self> {
        let extension = source.extension.clone();
        let mut rows = TextRows {
            lines: Lines::new(source)?,
            separator: Separator::Blanks,
            names: None,
            dim: 0,
            first: None,
        };
        let empty = || anyhow!("has no rows of numbers, give at least one");
        if !rows.lines.advance()? {
            return Err(empty());
        }
        rows.separator = separator(rows.lines.text()?, &extension);
        let (dim, names) = rows.describe_first()?;
        if dim as u64 > MAX_COLUMNS {
            bail!("has {dim} columns, at most {MAX_COLUMNS} are supported: keep fewer columns");
        }
        rows.dim = dim;
        rows.names = names;
        if rows.names.is_some() && !rows.lines.advance()? {
            return Err(empty());
        }
        let mut first = vec![0.0; rows.dim];
        rows.parse_into(&mut first)?;
        rows.first = Some(first);
        Ok(rows)
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What the numbers are, for people.
    pub fn description(&self) -> String {
        let header = if self.names.is_some() { " after a header line" } else { "" };
        let plural = if self.dim == 1 { "" } else { "s" };
        format!("{} column{plural} of text{header}", self.dim)
    }

    /// Fills the first rows of `block` and says how many.
    pub fn next(&mut self, block: &mut Array2<f64>) -> Result<usize> {
        let mut values = vec![0.0; self.dim];
        for count in 0..block.nrows() {
            if !self.next_row(&mut values)? {
                return Ok(count);
            }
            block.row_mut(count).iter_mut().zip(&values).for_each(|(x, &value)| *x = value);
        }
        Ok(block.nrows())
    }

    /// The next row, or false at the end.
    pub fn next_row(&mut self, values: &mut Vec<f64>) -> Result<bool> {
        if let Some(first) = self.first.take() {
            *values = first;
            return Ok(true);
        }
        Ok(self.lines.advance()? && {
            self.parse_into(values)?;
            true
        })
    }

    /// Number of fields of the current line, and their names when none of them is a number.
    fn describe_first(&self) -> Result<(usize, Option<Vec<String>>)> {
        let mut names = Vec::new();
        let (mut count, mut numbers, mut filled) = (0, 0, 0);
        each_field(self.lines.text()?, self.separator, |field| {
            count += 1;
            numbers += usize::from(field.parse::<f64>().is_ok());
            filled += usize::from(!field.is_empty());
            // Nothing is kept of a long first line of numbers.
            if numbers == 0 {
                names.push(shown(field));
            }
            Ok(())
        })
        .map_err(|e| anyhow!("line {}{e}", self.lines.number()))?;
        Ok((count, (numbers == 0 && filled > 0).then_some(names)))
    }

    fn parse_into(&self, values: &mut [f64]) -> Result<()> {
        let mut found = 0;
        each_field(self.lines.text()?, self.separator, |field| {
            if let Some(value) = values.get_mut(found) {
                let names = self.names.as_ref().and_then(|names| names.get(found));
                *value = number(field, found, names.map(String::as_str))?;
            }
            found += 1;
            Ok(())
        })
        .map_err(|e| anyhow!("line {}{e}", self.lines.number()))?;
        if found != self.dim {
            bail!(
                "line {} has another number of fields than the first row: expected {}, found {found}",
                self.lines.number(),
                self.dim
            );
        }
        Ok(())
    }
}

/// The number of a field, or where it is and what is wrong with it.
pub fn number(field: &str, column: usize, name: Option<&str>) -> Result<f64> {
    let place = match name {
        Some(name) => format!(", column {} ({name})", column + 1),
        None => format!(", column {}", column + 1),
    };
    match field.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(value) => bail!("{place} is {value}: remove such rows or fill them in"),
        Err(_) if field.is_empty() => bail!("{place} is empty: remove such rows or fill them in"),
        Err(_) => bail!("{place} is {}, not a number: keep only columns of numbers", shown(field)),
    }
}

/// A field in quotes, short and on one line.
pub fn shown(field: &str) -> String {
    let mut text: String = field.chars().take(40).collect();
    if text.len() < field.len() {
        text.push('…');
    }
    format!("{text:?}")
}

pub fn separator(line: &str, extension: &str) -> Separator {
    let has = |c| line.contains(c);
    match extension {
        "tsv" => Separator::Char('\t'),
        _ if has(';') => Separator::Char(';'),
        _ if has(',') => Separator::Char(','),
        _ if has('\t') => Separator::Char('\t'),
        "csv" => Separator::Char(','),
        _ => Separator::Blanks,
    }
}

/// Calls `visit` with every field, trimmed and without its quotes.
pub fn each_field<'a>(
    line: &'a str,
    separator: Separator,
    mut visit: impl FnMut(&'a str) -> Result<()>,
) -> Result<()> {
    let Separator::Char(separator) = separator else {
        return line.split_ascii_whitespace().try_for_each(|field| visit(field.trim_matches('"')));
    };
    let mut rest = Some(line);
    while let Some(text) = rest {
        let Some(quoted) = text.trim_start_matches(' ').strip_prefix('"') else {
            let (field, after) = match text.split_once(separator) {
                Some((field, after)) => (field, Some(after)),
                None => (text, None),
            };
            visit(field.trim())?;
            rest = after;
            continue;
        };
        let Some(end) = closing_quote(quoted) else {
            bail!(" has a quote that is not closed");
        };
        visit(quoted[..end].trim())?;
        let after = quoted[end + 1..].trim_start_matches(' ');
        rest = match after.strip_prefix(separator) {
            None if !after.is_empty() => bail!(" has text after a closing quote"),
            after => after,
        };
    }
    Ok(())
}

/// Where the quote closes; two quotes in a row are one character of the field.
fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += text[at..].find('"')?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}
