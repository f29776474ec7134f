//! The folder of shared data, and the record of what is skipped without it. All tests of the
//! workspace include this file.

use std::io::Write;
use std::path::PathBuf;

/// The folder that `FOKKER_DATA` names. Without it `what` is said to be skipped, past the capture of
/// the test runner, and noted in the file that `FOKKER_SKIPPED` names, which `make test` counts.
pub fn shared_data(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FOKKER_DATA").map(PathBuf::from);
    if folder.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped, as FOKKER_DATA names no folder of data: {what}");
        if let Some(list) = std::env::var_os("FOKKER_SKIPPED") {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(list);
            let _ = file.and_then(|mut file| file.write_all(format!("{what}\n").as_bytes()));
        }
    }
    folder
}
