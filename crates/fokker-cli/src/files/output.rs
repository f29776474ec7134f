//! Where a result goes: through links, into devices and pipes, and in place of a file whole or not
//! at all, with the mode and the owner that it had.

use super::temporary::Temporary;
use anyhow::{Context, Result, anyhow, bail};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Longest chain of links that is followed, as in Linux.
const MOST_LINKS: usize = 40;

/// How a result is written, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Npy,
    Npz,
    Csv,
    Safetensors,
    Png,
}

impl Format {
    /// Formats of rows or of a list of numbers.
    pub const NUMBERS: &[Format] = &[Format::Npy, Format::Npz, Format::Csv];
    /// Formats of snapshots.
    pub const SNAPSHOTS: &[Format] = &[Format::Npz, Format::Csv];

    fn extension(self) -> &'static str {
        match self {
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Csv => "csv",
            Format::Safetensors => "safetensors",
            Format::Png => "png",
        }
    }
}

/// A checked place for a result.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

impl Output {
    /// Whether a result can be written there, asked before the work whose result it is to hold.
    ///
    /// `formats` are those that the command writes; a device or pipe whose name says nothing gets the
    /// first of them. `inputs` are the files that the command reads.
    ///
    /// # Errors
    /// A name that says another format; a folder; one of the inputs, by whichever name; the file that
    /// the report is printed to; what may not be written.
    pub fn new(path: &Path, formats: &[Format], inputs: &[&Path]) -> Result<Self> {
        let checked = || {
            let found = metadata(path)?;
            let special = found.as_ref().is_some_and(|found| !found.is_file());
            if found.as_ref().is_some_and(Metadata::is_dir) {
                bail!("is a folder, give the name of a file");
            }
            if let Some(found) = &found {
                refuse_inputs(found, inputs)?;
            }
            let format = format_of(path, formats, special)?;
            if !special {
                let target = resolved(path)?;
                if !folder(&target).is_dir() {
                    bail!("there is no folder {}", folder(&target).display());
                }
                if found.is_some() {
                    OpenOptions::new().write(true).open(&target).map_err(forbidden)?;
                }
                Temporary::new(folder(&target), None).map_err(forbidden)?;
            }
            Ok(format)
        };
        let format = checked().with_context(|| path.display().to_string())?;
        Ok(Output { path: path.to_path_buf(), format })
    }

    /// As [`Output::new`], where there is an output.
    pub fn maybe(path: Option<&Path>, formats: &[Format], inputs: &[&Path]) -> Result<Option<Self>> {
        path.map(|path| Output::new(path, formats, inputs)).transpose()
    }

    /// The name, as it was given.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The format that the name says.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes to a temporary file beside the target, which then takes its place, so that a reader
    /// sees the old file or the new one, and an error leaves the old one. Devices and pipes are
    /// written as they are.
    ///
    /// # Errors
    /// Whatever the system says, such as a full disk.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let all = || match fs::metadata(&self.path) {
            Ok(found) if !found.is_file() => fill(&OpenOptions::new().write(true).open(&self.path)?, write),
            found => {
                let target = resolved(&self.path)?;
                let temporary = Temporary::new(folder(&target), found.ok().as_ref())?;
                fill(temporary.file(), write)?;
                temporary.file().sync_all()?;
                temporary.persist(&target)
            }
        };
        all().with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

fn fill(file: &File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = BufWriter::with_capacity(1 << 16, file);
    write(&mut buffer)?;
    buffer.flush()
}

/// What the user may not do is wrong usage; anything else is a failure to write.
fn forbidden(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            anyhow!("may not be written, check its permissions and those of its folder")
        }
        _ => anyhow::Error::from(error).context("cannot be written"),
    }
}

/// What is there, through links.
fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        // A folder of the path is a file: said in the words of a missing folder.
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

fn format_of(path: &Path, formats: &[Format], special: bool) -> Result<Format> {
    let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
    let named = |format: &&Format| Some(format.extension()) == extension.as_deref();
    match formats.iter().find(named) {
        Some(format) => Ok(*format),
        None if special => Ok(formats[0]),
        None => {
            let known: Vec<String> =
                formats.iter().map(|format| format!(".{}", format.extension())).collect();
            bail!("this result is written as {}, give a name that ends so", known.join(" or "))
        }
    }
}

/// The file at the end of a chain of links, which need not exist.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other(format!("is a chain of more than {MOST_LINKS} links")))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Refuses what is read, and where the report is printed. Devices may be both.
fn refuse_inputs(output: &Metadata, inputs: &[&Path]) -> Result<()> {
    let name = identity(output);
    if name.is_none() {
        return Ok(());
    }
    for input in inputs {
        if fs::metadata(input).ok().and_then(|input| identity(&input)) == name {
            bail!("is the input {}, which it would replace: give another name", input.display());
        }
    }
    if printed_to().and_then(|stdout| identity(&stdout)) == name {
        bail!("is where the report is printed: give a file, or a pipe made by mkfifo");
    }
    Ok(())
}

/// What two names of one file or pipe share: device and inode.
#[cfg(unix)]
fn identity(file: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    (file.is_file() || file.file_type().is_fifo()).then(|| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_file: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn printed_to() -> Option<Metadata> {
    use std::os::fd::AsFd;
    let copy = io::stdout().as_fd().try_clone_to_owned().ok()?;
    File::from(copy).metadata().ok()
}

#[cfg(not(unix))]
fn printed_to() -> Option<Metadata> {
    None
}
