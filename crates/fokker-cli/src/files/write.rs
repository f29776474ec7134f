//! Writing files, whole or not at all.

use anyhow::{Context, Result, bail};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// One array of an .npz, `[len]`.
pub enum Values<'a> {
    /// Written as int64.
    Indices(&'a [usize]),
    /// Written as float64.
    Numbers(&'a [f64]),
}

/// Whether a file can be written there, asked before the work whose result it is to hold.
///
/// # Errors
/// A path that is a folder, is in no folder, or whose folder cannot be written.
pub fn check_output(path: &Path) -> Result<()> {
    let name = path.display();
    if path.is_dir() {
        bail!("{name}: is a folder, give the name of a file");
    }
    if !folder(path).is_dir() {
        bail!("{name}: there is no folder {}", folder(path).display());
    }
    if path.file_name().is_none() {
        bail!("{name}: is not the name of a file");
    }
    temporary(path).map(|_| ()).with_context(|| name.to_string())
}

/// Writes a compressed .npz: to a temporary file beside it, which then takes its place, so that
/// a reader sees the old file or the new one, and an error leaves the old one.
pub fn write_npz(path: &Path, arrays: &[(&str, Values)]) -> Result<()> {
    write(path, |file| archive(file, arrays))
}

/// Writes bytes, in the same way.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, |file| file.write_all(bytes))
}

/// Writes a .npy of float64 of the given shape, in the same way.
pub fn write_npy(path: &Path, shape: &[usize], values: impl Iterator<Item = f64>) -> Result<()> {
    write(path, |file| {
        let mut out = io::BufWriter::new(file);
        let extents: Vec<String> = shape.iter().map(|n| format!("{n},")).collect();
        out.write_all(&header("<f8", extents.join(" ").as_str()))?;
        for value in values {
            out.write_all(&value.to_le_bytes())?;
        }
        out.flush()
    })
}

fn write(path: &Path, fill: impl FnOnce(&mut NamedTempFile) -> io::Result<()>) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = temporary(path)?;
        fill(&mut file)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("{}: cannot be written", path.display()))
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// With the permissions of any new file: by default temporary files are private.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fokker-");
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    builder.tempfile_in(folder(path))
}

fn archive(file: impl Write + Seek, arrays: &[(&str, Values)]) -> io::Result<()> {
    let mut zip = ZipWriter::new(file);
    for (key, values) in arrays {
        let (descr, len) = match values {
            Values::Indices(indices) => ("<i8", indices.len()),
            Values::Numbers(numbers) => ("<f8", numbers.len()),
        };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(len as u64 * 8 >= u64::from(u32::MAX) / 2);
        zip.start_file(format!("{key}.npy"), options)?;
        let mut bytes = header(descr, &format!("{len},"));
        match values {
            Values::Indices(indices) => bytes.extend(indices.iter().flat_map(|&i| (i as i64).to_le_bytes())),
            Values::Numbers(numbers) => bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes())),
        }
        zip.write_all(&bytes)?;
    }
    zip.finish()?;
    Ok(())
}

/// Magic, version 1.0, length and dictionary, padded so that the numbers start at a multiple of 64.
fn header(descr: &str, extents: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({extents}), }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}
