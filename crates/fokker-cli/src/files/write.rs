//! Writing .npz, .npy and .csv files, whole or not at all.

use anyhow::{Context, Result, bail};
use ndarray::ArrayView2;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// One array of an .npz.
pub enum Values<'a> {
    /// `[len]`, written as int64.
    Indices(&'a [usize]),
    /// `[len]`, written as float64.
    Numbers(&'a [f64]),
    /// `[n, d]`, written as float64.
    Rows(ArrayView2<'a, f64>),
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

/// Writes a compressed .npz, see [`whole`].
pub fn write_npz(path: &Path, arrays: &[(&str, Values)]) -> Result<()> {
    whole(path, |file| archive(file, arrays))
}

/// Writes one array as a .npy, see [`whole`].
pub fn write_npy(path: &Path, values: &Values) -> Result<()> {
    whole(path, |file| {
        let mut file = BufWriter::new(file);
        file.write_all(&values.header())?;
        values.write(&mut file)?;
        file.flush()
    })
}

/// Writes bytes, see [`whole`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    whole(path, |file| file.write_all(bytes))
}

/// Writes named columns as text, every number with the fewest digits that give it back.
pub fn write_csv(path: &Path, names: &[String], rows: &mut dyn Iterator<Item = Vec<f64>>) -> Result<()> {
    whole(path, |file| {
        let mut file = BufWriter::new(file);
        writeln!(file, "{}", names.join(","))?;
        for row in rows {
            let fields: Vec<String> = row.iter().map(f64::to_string).collect();
            writeln!(file, "{}", fields.join(","))?;
        }
        file.flush()
    })
}

/// Writes to a temporary file beside the path, which then takes its place, so that a reader sees
/// the old file or the new one, and an error leaves the old one.
fn whole(path: &Path, write: impl FnOnce(&mut NamedTempFile) -> io::Result<()>) -> Result<()> {
    let all = || -> io::Result<()> {
        let mut file = temporary(path)?;
        write(&mut file)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    all().with_context(|| format!("{}: cannot be written", path.display()))
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
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(values.len() as u64 * 8 >= u64::from(u32::MAX) / 2);
        zip.start_file(format!("{key}.npy"), options)?;
        let mut entry = BufWriter::new(&mut zip);
        entry.write_all(&values.header())?;
        values.write(&mut entry)?;
        entry.flush()?;
    }
    zip.finish()?;
    Ok(())
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::Indices(indices) => indices.len(),
            Values::Numbers(numbers) => numbers.len(),
            Values::Rows(rows) => rows.len(),
        }
    }

    /// Magic, version 1.0, length and dictionary, padded so that the numbers start at a multiple
    /// of 64.
    fn header(&self) -> Vec<u8> {
        let (descr, shape) = match self {
            Values::Indices(indices) => ("<i8", format!("({},)", indices.len())),
            Values::Numbers(numbers) => ("<f8", format!("({},)", numbers.len())),
            Values::Rows(rows) => ("<f8", format!("({}, {})", rows.nrows(), rows.ncols())),
        };
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + text.len() + 1) % 64 != 0 {
            text.push(' ');
        }
        text.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Values::Indices(indices) => {
                indices.iter().try_for_each(|&i| out.write_all(&(i as i64).to_le_bytes()))
            }
            Values::Numbers(numbers) => numbers.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
            Values::Rows(rows) => rows.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        }
    }
}
