//! Files made byte by byte, and the two ways of reading them: with success and with a complaint.

mod formats;
mod hostile;
#[path = "../../../../fokker/tests/common/shared.rs"]
mod shared;

pub use shared::shared_data;

use super::{open_rows, read_vector};
use flate2::{Compression, write::GzEncoder};
use fokker::Blocks;
use ndarray::Array2;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A folder that holds one file.
pub fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// A .npy file as numpy writes it, with the shape as text so that it may lie.
pub fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let dict = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    let text = format!("{dict:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

pub fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn npz(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// All rows, read in blocks of 2, and the description.
fn read(path: &Path) -> Result<(Array2<f64>, String), String> {
    let mut rows = open_rows(path).map_err(|e| e.to_string())?;
    let mut block = Array2::zeros((2, rows.dim()));
    let mut all = Vec::new();
    loop {
        let count = rows.next(&mut block).map_err(|e| e.to_string())?;
        all.extend(block.iter().take(count * rows.dim()));
        if count < 2 {
            break;
        }
    }
    assert_eq!(rows.next(&mut block).unwrap(), 0, "nothing is left after a short block");
    let n = all.len() / rows.dim();
    assert!(rows.rows().is_none_or(|known| known == n));
    Ok((Array2::from_shape_vec((n, rows.dim()), all).unwrap(), rows.description().to_string()))
}

fn rows_of(name: &str, bytes: &[u8]) -> Array2<f64> {
    let (_folder, path) = file(name, bytes);
    read(&path).unwrap().0
}

/// The message for a bad file: one line, starting with its path.
fn complaint(name: &str, bytes: &[u8]) -> String {
    let (_folder, path) = file(name, bytes);
    one_line(&path, read(&path).map(|_| ()).expect_err(name))
}

fn vector_complaint(name: &str, bytes: &[u8]) -> String {
    let (_folder, path) = file(name, bytes);
    one_line(&path, read_vector(&path).map(|_| ()).expect_err(name).to_string())
}

fn one_line(path: &Path, message: String) -> String {
    assert!(!message.contains('\n'), "{message}");
    let rest = message.strip_prefix(&format!("{}: ", path.display())).expect(&message);
    assert!(rest.len() < 300, "{message}");
    rest.to_string()
}

fn vector_of(name: &str, bytes: &[u8]) -> Vec<f64> {
    let (_folder, path) = file(name, bytes);
    read_vector(&path).unwrap().to_vec()
}
