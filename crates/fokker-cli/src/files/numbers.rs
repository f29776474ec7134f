//! Binary numbers: element types, decoding in bulk, and rows of them from a stream.
//!
//! What .npy, .npz and IDX share once their headers are read.

use super::source::{Length, damaged};
use anyhow::{Result, anyhow, bail};
use fokker::Limits;
use ndarray::{Array2, ArrayViewMut2, Axis, Slice};
use std::io::Read;

/// No more columns than this: even a diagonal covariance of them is beyond any use here.
pub const MAX_COLUMNS: u64 = Limits::COLUMNS as u64;

/// Bytes decoded at a time: large enough for the disk, small enough for the cache.
const CHUNK: usize = 1 << 18;

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

/// An element type: kind and byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// How one number is stored.
    pub kind: Kind,
    /// Most significant byte first.
    pub big_endian: bool,
}

impl Element {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self.kind {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }

    /// Name for descriptions.
    pub fn name(self) -> &'static str {
        match self.kind {
            Kind::U8 => "u8",
            Kind::U16 => "u16",
            Kind::U32 => "u32",
            Kind::U64 => "u64",
            Kind::I8 => "i8",
            Kind::I16 => "i16",
            Kind::I32 => "i32",
            Kind::I64 => "i64",
            Kind::F32 => "f32",
            Kind::F64 => "f64",
        }
    }

    /// Decodes `bytes` (exactly `out.len()` numbers); with `pixels`, u8 become [`fokker::pixel`]s.
    pub fn decode(self, bytes: &[u8], out: &mut [f64], pixels: bool) {
        macro_rules! numbers {
            ($t:ty) => {{
                let items = bytes.chunks_exact(size_of::<$t>()).map(|b| b.try_into().unwrap_or_default());
                if self.big_endian {
                    out.iter_mut().zip(items).for_each(|(x, b)| *x = <$t>::from_be_bytes(b) as f64);
                } else {
                    out.iter_mut().zip(items).for_each(|(x, b)| *x = <$t>::from_le_bytes(b) as f64);
                }
            }};
        }
        match self.kind {
            Kind::U8 if pixels => {
                let scaled: [f64; 256] = std::array::from_fn(|i| fokker::pixel(i as u8));
                out.iter_mut().zip(bytes).for_each(|(x, &b)| *x = scaled[usize::from(b)]);
            }
            Kind::U8 => numbers!(u8),
            Kind::U16 => numbers!(u16),
            Kind::U32 => numbers!(u32),
            Kind::U64 => numbers!(u64),
            Kind::I8 => numbers!(i8),
            Kind::I16 => numbers!(i16),
            Kind::I32 => numbers!(i32),
            Kind::I64 => numbers!(i64),
            Kind::F32 => numbers!(f32),
            Kind::F64 => numbers!(f64),
        }
    }
}

/// An array as its header announces it, and the stream that holds its numbers.
pub struct Stored {
    /// Extent of every axis.
    pub shape: Vec<u64>,
    /// Type of the numbers.
    pub element: Element,
    /// First index fastest.
    pub fortran: bool,
    /// The numbers, header already consumed.
    pub reader: Box<dyn Read + Send>,
    /// Bytes the reader holds.
    pub length: Length,
}

impl Stored {
    /// Total count of numbers, checked against the length of the stream.
    pub fn count(&self) -> Result<u64> {
        let count = self.shape.iter().try_fold(1u64, |n, &extent| n.checked_mul(extent));
        let bytes = count.and_then(|n| n.checked_mul(self.element.size() as u64));
        let (Some(count), Some(bytes)) = (count, bytes) else {
            bail!(
                "the header promises an array {}, larger than any file: it is damaged, save it again",
                self.shape_text()
            );
        };
        self.length.check(bytes)?;
        Ok(count)
    }

    /// The shape as numpy prints it.
    pub fn shape_text(&self) -> String {
        format!("[{}]", joined(&self.shape, ", "))
    }

    /// Bulk read of everything, with memory growing only as bytes arrive.
    pub fn read_all(&mut self, count: u64) -> Result<Vec<u8>> {
        let expected = count.saturating_mul(self.element.size() as u64);
        let mut bytes = Vec::new();
        (&mut self.reader).take(expected).read_to_end(&mut bytes).map_err(damaged)?;
        if (bytes.len() as u64) < expected {
            bail!("ends after {} of {expected} bytes: it is truncated, copy or save it again", bytes.len());
        }
        self.finish()?;
        Ok(bytes)
    }

    /// Reads on to the end, which also makes the checksums of compressed files speak.
    fn finish(&mut self) -> Result<()> {
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(0) => Ok(()),
            Ok(_) => {
                bail!("has bytes after the array {}: save it again with one array in it", self.shape_text())
            }
            Err(e) => Err(damaged(e)),
        }
    }
}

/// Rows `[n, d]` of a stored array; further axes are flattened into columns.
pub struct BinaryRows {
    stored: Stored,
    rows: u64,
    dim: usize,
    done: u64,
    bytes: Vec<u8>,
    /// Everything, when the file is in Fortran order: for each column, its first number.
    columns: Option<Vec<usize>>,
}

impl BinaryRows {
    /// Checks the header against the stream; reads the numbers only in Fortran order.
    pub fn new(mut stored: Stored) -> Result<Self> {
        let shape = stored.shape_text();
        if stored.shape.len() < 2 {
            bail!(
                "expected 2-D [rows, columns], found {}-D {shape}: reshape it before saving",
                stored.shape.len()
            );
        }
        if let Some(axis) = stored.shape.iter().position(|&extent| extent == 0) {
            let what = if axis == 0 { "rows" } else { "columns" };
            bail!("has no {what} (shape {shape}): save an array with at least one");
        }
        let count = stored.count()?;
        let (rows, dim) = (stored.shape[0], count / stored.shape[0]);
        if dim > MAX_COLUMNS {
            bail!("has {dim} columns, at most {MAX_COLUMNS} are supported: keep fewer columns");
        }
        let (mut bytes, mut columns) = (Vec::new(), None);
        if stored.fortran {
            bytes = stored.read_all(count)?;
            columns = Some(fortran_columns(&stored.shape, dim as usize));
        }
        Ok(BinaryRows { stored, rows, dim: dim as usize, done: 0, bytes, columns })
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows, unless only the header of an unbounded stream vouches for it.
    pub fn rows(&self) -> Option<usize> {
        let known = self.columns.is_some() || self.stored.length != Length::Unknown;
        usize::try_from(self.rows).ok().filter(|_| known)
    }

    /// What the numbers are, for people.
    pub fn description(&self) -> String {
        let mut text = format!("{} × {} {}", self.rows, self.dim, self.stored.element.name());
        if self.stored.element.kind == Kind::U8 {
            text += " pixels scaled to [-1, 1]";
        }
        if self.stored.shape.len() > 2 {
            text += &format!(", each row flattened from {}", joined(&self.stored.shape[1..], " × "));
        }
        text
    }

    /// Fills the first rows of `block` and says how many.
    pub fn next(&mut self, block: &mut Array2<f64>) -> Result<usize> {
        let left = usize::try_from(self.rows - self.done).unwrap_or(usize::MAX);
        let count = block.nrows().min(left);
        if count == 0 {
            return Ok(0);
        }
        if self.columns.is_some() {
            self.transpose_into(block.slice_axis_mut(Axis(0), Slice::from(..count)));
        } else if let Some(all) = block.as_slice_mut() {
            self.read_into(&mut all[..count * self.dim])?;
        } else {
            let mut rows = Array2::zeros((count, self.dim));
            self.read_into(rows.as_slice_mut().unwrap_or_default())?;
            block.slice_axis_mut(Axis(0), Slice::from(..count)).assign(&rows);
        }
        for (i, row) in block.rows().into_iter().take(count).enumerate() {
            // Without an early exit this is one vectorised pass; the search is for the unlucky.
            if row.iter().fold(true, |fine, x| fine & x.is_finite()) {
                continue;
            }
            let j = row.iter().position(|x| !x.is_finite()).unwrap_or_default();
            bail!(
                "row {}, column {j} (counted from 0) is {}: remove such rows or fill them in",
                self.done + i as u64,
                row[j]
            );
        }
        self.done += count as u64;
        if self.done == self.rows && self.columns.is_none() {
            self.stored.finish()?;
        }
        Ok(count)
    }

    fn read_into(&mut self, out: &mut [f64]) -> Result<()> {
        let size = self.stored.element.size();
        self.bytes.resize(CHUNK.min(out.len() * size), 0);
        for part in out.chunks_mut(CHUNK / size) {
            let bytes = &mut self.bytes[..part.len() * size];
            self.stored.reader.read_exact(bytes).map_err(|e| {
                anyhow!("in the block of rows from {} of {}: the file {}", self.done, self.rows, damaged(e))
            })?;
            self.stored.element.decode(bytes, part, true);
        }
        Ok(())
    }

    fn transpose_into(&self, mut out: ArrayViewMut2<'_, f64>) {
        let size = self.stored.element.size();
        let mut run = vec![0.0; out.nrows()];
        for (j, &first) in self.columns.iter().flatten().enumerate() {
            let start = (first + self.done as usize) * size;
            self.stored.element.decode(&self.bytes[start..start + run.len() * size], &mut run, true);
            out.column_mut(j).iter_mut().zip(&run).for_each(|(x, &value)| *x = value);
        }
    }
}

/// The extents in one short text, however many axes a header invents.
fn joined(shape: &[u64], between: &str) -> String {
    let mut texts: Vec<_> = shape.iter().take(8).map(u64::to_string).collect();
    if shape.len() > texts.len() {
        texts.push("…".into());
    }
    texts.join(between)
}

/// Where each column (axes 1.. flattened in C order) starts when the first index is the fastest.
fn fortran_columns(shape: &[u64], dim: usize) -> Vec<usize> {
    let mut starts = vec![0usize; dim];
    let (mut stride, mut repeat) = (shape[0] as usize, dim);
    for &extent in &shape[1..] {
        let extent = extent as usize;
        repeat /= extent;
        starts.iter_mut().enumerate().for_each(|(c, start)| *start += c / repeat % extent * stride);
        stride *= extent;
    }
    starts
}
