//! The .npy format: magic, version, a Python dictionary as text, then the numbers.
//!
//! The header is parsed here and not by a general parser of Python literals: those backtrack for
//! minutes on a few dozen nested brackets, and multiply extents without looking for overflow.

use super::numbers::{Element, Kind, Stored};
use super::source::{Length, damaged};
use anyhow::{Result, anyhow, bail};
use std::io::Read;

/// First bytes of every .npy file.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// Headers of plain arrays take 128 bytes; numpy itself refuses longer ones than 10,000.
const MAX_HEADER: u64 = 65_536;

/// Reads the header and leaves the reader at the first number.
pub fn open(mut reader: Box<dyn Read + Send>, length: Length) -> Result<Stored> {
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(damaged)?;
    let width = match (&start[..6] == MAGIC, start[6]) {
        (false, _) => bail!("does not start like a .npy file, save it again with numpy.save"),
        (true, 1) => 2,
        (true, 2 | 3) => 4,
        (true, version) => bail!("has the unknown .npy version {version}, save it again with numpy.save"),
    };
    let mut size = [0; 4];
    reader.read_exact(&mut size[..width]).map_err(damaged)?;
    let size = u64::from(u32::from_le_bytes(size));
    if size > MAX_HEADER {
        bail!("has a header of {size} bytes: it is damaged, save it again with numpy.save");
    }
    let mut text = vec![0; size as usize];
    reader.read_exact(&mut text).map_err(damaged)?;
    let text = std::str::from_utf8(&text).map_err(|_| malformed("it is not text"))?;
    let header = Header::parse(text)?;
    let before = 8 + width as u64 + size;
    let length = match length {
        Length::Exactly(n) => Length::Exactly(n.saturating_sub(before)),
        other => other,
    };
    let element = element(&header.descr)?;
    Ok(Stored { shape: header.shape, element, fortran: header.fortran, reader, length })
}

fn malformed(why: &str) -> anyhow::Error {
    anyhow!("has a .npy header that cannot be understood ({why}), save it again with numpy.save")
}

fn element(descr: &str) -> Result<Element> {
    let unsupported = || {
        let shown: String = descr.chars().take(40).collect();
        anyhow!("unsupported dtype '{}'; save as float64 or float32", shown.escape_debug())
    };
    let (order, kind) = descr.split_at_checked(1).ok_or_else(unsupported)?;
    let kind = match kind {
        "u1" => Kind::U8,
        "u2" => Kind::U16,
        "u4" => Kind::U32,
        "u8" => Kind::U64,
        "i1" => Kind::I8,
        "i2" => Kind::I16,
        "i4" => Kind::I32,
        "i8" => Kind::I64,
        "f4" => Kind::F32,
        "f8" => Kind::F64,
        _ => return Err(unsupported()),
    };
    let element = Element { kind, big_endian: order == ">" };
    match order {
        "<" | ">" => Ok(element),
        "|" if element.size() == 1 => Ok(element),
        _ => Err(unsupported()),
    }
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

impl Header {
    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`: three known keys, in any order.
    fn parse(text: &str) -> Result<Self> {
        let mut rest = Rest(text);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        rest.expect('{')?;
        while !rest.take('}') {
            let key = rest.string()?;
            rest.expect(':')?;
            match key {
                "descr" => descr = Some(rest.descr()?),
                "fortran_order" => fortran = Some(rest.boolean()?),
                "shape" => shape = Some(rest.shape()?),
                _ => return Err(malformed("it has an unknown key")),
            }
            if !rest.take(',') {
                rest.expect('}')?;
                break;
            }
        }
        let missing = |key: &'static str| move || malformed(key);
        Ok(Header {
            descr: descr.ok_or_else(missing("it has no 'descr'"))?,
            fortran: fortran.ok_or_else(missing("it has no 'fortran_order'"))?,
            shape: shape.ok_or_else(missing("it has no 'shape'"))?,
        })
    }
}

/// The text still to be parsed.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, wanted: char) -> bool {
        self.0 = self.0.trim_ascii_start();
        self.0.strip_prefix(wanted).map(|rest| self.0 = rest).is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.take(wanted) { Ok(()) } else { Err(malformed(&format!("expected '{wanted}'"))) }
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.take('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect(quote)?;
        }
        let (string, rest) = self.0.split_once(quote).ok_or_else(|| malformed("unclosed string"))?;
        self.0 = rest;
        Ok(string)
    }

    /// A string; the list of a structured dtype is kept as text for the error about it.
    fn descr(&mut self) -> Result<String> {
        if self.0.trim_ascii_start().starts_with('[') {
            bail!("unsupported structured dtype; save one field as float64 or float32");
        }
        Ok(self.string()?.to_string())
    }

    fn boolean(&mut self) -> Result<bool> {
        self.0 = self.0.trim_ascii_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(malformed("'fortran_order' is neither True nor False"))
    }

    fn shape(&mut self) -> Result<Vec<u64>> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            self.0 = self.0.trim_ascii_start();
            let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            let (digits, rest) = self.0.split_at(end);
            shape.push(digits.parse().map_err(|_| malformed("'shape' is not a tuple of sizes"))?);
            // Python 2 wrote long integers as 3L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}
