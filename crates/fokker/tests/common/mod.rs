//! What the integration tests share.

use ndarray::Array1;

/// The CIFAR-10 spectrum from the folder `FOKKER_DATA`; none, with a message, when it is absent.
pub fn cifar10_eigenvalues() -> Option<Array1<f64>> {
    let Some(folder) = std::env::var_os("FOKKER_DATA") else {
        eprintln!("skipped: FOKKER_DATA does not name the folder of the data");
        return None;
    };
    let path = std::path::Path::new(&folder).join("cifar10_covariance_eigenvalues.npy");
    let bytes = std::fs::read(path).expect("the spectrum is in FOKKER_DATA");
    let floats = bytes[128..].chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())));
    Some(floats.collect())
}
