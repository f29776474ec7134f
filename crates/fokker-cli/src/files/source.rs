//! One opened file: its first bytes, what follows them, and how long it can be.

use anyhow::{Result, anyhow, bail};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

/// The formats, as every error about an unknown file lists them.
pub const FORMATS: &str = ".npy, .npz, .csv, .tsv, .txt and IDX, each but .npz also gzipped";

/// Deflate cannot expand more than this, so a compressed file bounds what a header may claim.
const DEFLATE_EXPANSION: u64 = 1032;

/// Enough to recognise every format, and to judge whether the rest is text.
const HEAD: u64 = 4096;

/// How many bytes a stream holds, as far as it is known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// A plain file, or an entry of an archive.
    Exactly(u64),
    /// A compressed file.
    AtMost(u64),
    /// A pipe.
    Unknown,
}

impl Length {
    /// The length of what decompresses from `compressed` bytes.
    pub fn of_deflated(compressed: u64) -> Self {
        Length::AtMost(compressed.saturating_mul(DEFLATE_EXPANSION).saturating_add(HEAD))
    }

    /// Refuses a header whose promise of `claimed` bytes the stream cannot keep: nothing may be
    /// allocated on the word of a header.
    pub fn check(self, claimed: u64) -> Result<()> {
        match self {
            Length::Exactly(n) if claimed > n => bail!(
                "the header promises {claimed} bytes but the file has {n}: it is truncated or damaged, copy or save it again"
            ),
            Length::Exactly(n) if claimed < n => bail!(
                "the header promises {claimed} bytes but the file has {n}: save it again with one array in it"
            ),
            Length::AtMost(n) if claimed > n => bail!(
                "the header promises {claimed} bytes but the compressed file cannot hold more than {n}: it is damaged, save it again"
            ),
            _ => Ok(()),
        }
    }
}

/// An opened file (already decompressed when it was gzipped).
pub struct Source {
    /// The first bytes, up to 4096; the reader starts with them again.
    pub head: Vec<u8>,
    /// Everything from the start.
    pub reader: Box<dyn Read + Send>,
    /// Length of what the reader gives.
    pub length: Length,
    /// Whether the file was gzipped.
    pub gzipped: bool,
    /// Extension in lower case, without `.gz`.
    pub extension: String,
}

/// Opens a file or a pipe, and looks through gzip.
pub fn open(path: &Path) -> Result<Source> {
    let file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => anyhow!("there is no such file, check the path"),
        ErrorKind::PermissionDenied => anyhow!("may not be read, check its permissions"),
        _ => anyhow!("cannot be opened: {e}"),
    })?;
    let metadata = file.metadata().map_err(damaged)?;
    if metadata.is_dir() {
        bail!("is a folder, name a file in it ({FORMATS})");
    }
    let length = if metadata.is_file() { Length::Exactly(metadata.len()) } else { Length::Unknown };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let head = peek(&mut reader)?;
    if head.is_empty() {
        bail!("is empty, expected rows of numbers ({FORMATS})");
    }
    if !head.starts_with(&[0x1f, 0x8b]) {
        let extension = extension(path, false);
        return Ok(Source { reader: restart(&head, reader), head, length, gzipped: false, extension });
    }
    let length = match length {
        Length::Exactly(n) => Length::of_deflated(n),
        other => other,
    };
    // One more buffer, so that the decoder's input is `BufRead` again.
    let mut reader = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, restart(&head, reader)));
    let head = peek(&mut reader)?;
    if head.is_empty() {
        bail!("holds nothing once decompressed, expected rows of numbers ({FORMATS})");
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        bail!("is gzipped twice, decompress it once (gunzip)");
    }
    Ok(Source {
        reader: restart(&head, reader),
        head,
        length,
        gzipped: true,
        extension: extension(path, true),
    })
}

/// What went wrong while reading, in words that say what to do.
pub fn damaged(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("ends too early: it is truncated, copy or save it again"),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            anyhow!("cannot be decompressed ({error}): it is damaged, copy or save it again")
        }
        _ => anyhow!("cannot be read: {error}"),
    }
}

fn peek(reader: &mut impl Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD).read_to_end(&mut head).map_err(damaged)?;
    Ok(head)
}

fn restart(head: &[u8], rest: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(head.to_vec()).chain(rest))
}

fn extension(path: &Path, gzipped: bool) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = if gzipped { name.strip_suffix(".gz").unwrap_or(&name) } else { &name };
    // MNIST is distributed as `train-images-idx3-ubyte`, without a dot.
    match name.rsplit_once('.') {
        _ if name.ends_with("-ubyte") => "idx".into(),
        Some((_, extension)) => extension.into(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_not_promise_what_the_file_cannot_hold() {
        assert!(Length::Exactly(80).check(80).is_ok());
        assert!(Length::Exactly(80).check(81).unwrap_err().to_string().contains("truncated"));
        assert!(Length::Exactly(80).check(79).unwrap_err().to_string().contains("one array"));
        assert!(Length::of_deflated(100).check(100_000).is_ok());
        assert!(Length::of_deflated(100).check(1 << 60).unwrap_err().to_string().contains("cannot hold"));
        assert!(Length::Unknown.check(1 << 60).is_ok());
    }

    #[test]
    fn extensions_look_through_gz() {
        assert_eq!(extension(Path::new("a/B.NPY"), false), "npy");
        assert_eq!(extension(Path::new("a.csv.gz"), true), "csv");
        assert_eq!(extension(Path::new("train-images-idx3-ubyte.gz"), true), "idx");
        assert_eq!(extension(Path::new("plain"), false), "");
    }
}
