//! The .npz format: a zip archive of .npy files.

use super::numbers::Stored;
use super::source::{Length, damaged};
use super::{npy, source::Source};
use anyhow::{Result, anyhow, bail};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Whether a file starts like a zip archive (the second form is an empty one).
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// Opens the array `x`, or the only one.
pub fn open(path: &Path, source: &Source) -> Result<Stored> {
    let mut archive = archive(path, source)?;
    let (index, key) = choose(&arrays(&mut archive)?)?;
    stored(archive, index, &key)
}

/// Opens the array of that name, if there is one.
pub fn open_key(path: &Path, source: &Source, key: &str) -> Result<Option<Stored>> {
    let mut archive = archive(path, source)?;
    let found = arrays(&mut archive)?.into_iter().find(|(_, name)| name == key);
    found.map(|(index, key)| stored(archive, index, &key)).transpose()
}

fn archive(path: &Path, source: &Source) -> Result<ZipArchive<BufReader<File>>> {
    if source.gzipped || source.length == Length::Unknown {
        bail!("is an .npz inside gzip or a pipe: give the .npz file itself");
    }
    let file = File::open(path).map_err(damaged)?;
    ZipArchive::new(BufReader::new(file)).map_err(unreadable)
}

/// The array of one entry.
fn stored(mut archive: ZipArchive<BufReader<File>>, index: usize, key: &str) -> Result<Stored> {
    let entry = archive.by_index_raw(index).map_err(unreadable)?;
    let (method, packed, size) = (entry.compression(), entry.compressed_size(), entry.size());
    let (crc, start, encrypted) = (entry.crc32(), entry.data_start(), entry.encrypted());
    drop(entry);
    if encrypted {
        bail!("the array '{key}' is encrypted, save it again with numpy.savez");
    }
    let mut file = archive.into_inner().into_inner();
    let file_length = file.metadata().map_err(damaged)?.len();
    let start = start.ok_or_else(|| anyhow!("the array '{key}' has no data, save it again"))?;
    if start.checked_add(packed).is_none_or(|end| end > file_length) {
        bail!("the array '{key}' reaches beyond the end of the file: it is truncated, copy or save it again");
    }
    file.seek(SeekFrom::Start(start)).map_err(damaged)?;
    let raw = BufReader::with_capacity(1 << 16, file.take(packed));
    let reader: Box<dyn Read + Send> = match method {
        CompressionMethod::Stored => {
            Length::Exactly(packed).check(size).map_err(|e| anyhow!("array '{key}': {e}"))?;
            Box::new(raw)
        }
        CompressionMethod::Deflated => {
            Length::of_deflated(packed).check(size).map_err(|e| anyhow!("array '{key}': {e}"))?;
            Box::new(DeflateDecoder::new(raw))
        }
        other => bail!("the array '{key}' is compressed with {other}, save it with numpy.savez_compressed"),
    };
    let checked = Checked { inner: reader, crc: Crc::new(), expected: crc };
    npy::open(Box::new(checked), Length::Exactly(size)).map_err(|e| anyhow!("array '{key}' {e}"))
}

/// Index and name of every array.
fn arrays(archive: &mut ZipArchive<BufReader<File>>) -> Result<Vec<(usize, String)>> {
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(unreadable)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if let Some(key) = name.strip_suffix(".npy") {
            arrays.push((index, key.escape_debug().to_string()));
        }
    }
    Ok(arrays)
}

/// The entry to read and its name.
fn choose(arrays: &[(usize, String)]) -> Result<(usize, String)> {
    let x = arrays.iter().position(|(_, key)| key == "x");
    match (x, arrays.len()) {
        (Some(at), _) => Ok(arrays[at].clone()),
        (None, 0) => bail!("is a zip archive without arrays, save it with numpy.savez(file, x=...)"),
        (None, 1) => Ok(arrays[0].clone()),
        (None, count) => {
            let keys: Vec<_> = arrays.iter().take(20).map(|(_, key)| key.as_str()).collect();
            let more = if count > 20 { ", …" } else { "" };
            bail!(
                "has {count} arrays ({}{more}) and none is called x: save the one to use under that name",
                keys.join(", ")
            )
        }
    }
}

fn unreadable(error: zip::result::ZipError) -> anyhow::Error {
    anyhow!("cannot be read as a zip archive ({error}): it is truncated or damaged, copy or save it again")
}

/// Passes bytes through and compares their checksum at the end.
struct Checked {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.crc.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            return Err(io::Error::new(ErrorKind::InvalidData, "wrong checksum"));
        }
        Ok(count)
    }
}
