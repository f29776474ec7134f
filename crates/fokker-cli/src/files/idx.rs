//! The IDX format of MNIST: `0 0 type ndim`, one big-endian u32 per axis, then the numbers.

use super::numbers::{Element, Kind, Stored};
use super::source::{Length, damaged};
use anyhow::{Result, bail};
use std::io::Read;

/// Whether a file starts like IDX.
pub fn is_idx(head: &[u8]) -> bool {
    matches!(head, [0, 0, kind, axes, ..] if element(*kind).is_some() && *axes > 0)
}

/// Reads the header and leaves the reader at the first number.
pub fn open(mut reader: Box<dyn Read + Send>, length: Length) -> Result<Stored> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(damaged)?;
    let [0, 0, kind, axes] = magic else {
        bail!("does not start like an IDX file (0 0 type axes)");
    };
    let Some(element) = element(kind) else {
        bail!("has the unknown IDX type 0x{kind:02x}, expected 0x08, 0x09 or 0x0b to 0x0e");
    };
    let mut shape = Vec::new();
    for _ in 0..axes {
        let mut extent = [0; 4];
        reader.read_exact(&mut extent).map_err(damaged)?;
        shape.push(u64::from(u32::from_be_bytes(extent)));
    }
    let length = match length {
        Length::Exactly(n) => Length::Exactly(n.saturating_sub(4 + 4 * u64::from(axes))),
        other => other,
    };
    Ok(Stored { shape, element, fortran: false, reader, length })
}

fn element(code: u8) -> Option<Element> {
    let kind = match code {
        0x08 => Kind::U8,
        0x09 => Kind::I8,
        0x0b => Kind::I16,
        0x0c => Kind::I32,
        0x0d => Kind::F32,
        0x0e => Kind::F64,
        _ => return None,
    };
    Some(Element { kind, big_endian: true })
}
