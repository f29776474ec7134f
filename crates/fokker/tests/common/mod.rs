//! Shared data for tests and benchmarks, from the folder in `FOKKER_DATA`.

mod shared;

use ndarray::Array1;
use std::path::PathBuf;

/// Path of a shared file; without the folder a message says that the caller is skipped.
pub fn data_file(name: &str) -> Option<PathBuf> {
    shared::shared_data(name).map(|folder| folder.join(name))
}

/// The 3,072 eigenvalues of the covariance of CIFAR-10, a little-endian f4 vector.
pub fn cifar10_spectrum() -> Option<Array1<f64>> {
    let bytes = std::fs::read(data_file("cifar10_covariance_eigenvalues.npy")?).expect("a readable file");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(bytes.starts_with(b"\x93NUMPY\x01"), "version 1 of the format");
    assert!(String::from_utf8_lossy(&bytes[10..10 + header]).contains("'<f4'"), "single precision");
    let values = bytes[10 + header..].chunks_exact(4);
    let spectrum: Array1<f64> = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()).collect();
    assert_eq!(spectrum.len(), 3072);
    Some(spectrum)
}
