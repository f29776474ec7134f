//! Times the exact solver on clouds from files of little-endian numbers; `bench/transport.py` runs it.
//!
//! Usage: `transport_bench X Y DIMENSION [euclidean]`; prints one line of JSON.

use fokker::transport::{Cost, ExactOptions, exact};
use ndarray::Array2;
use std::time::Instant;

fn read(path: &str, d: usize) -> Array2<f64> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let values: Vec<f64> =
        bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(chunk.try_into().expect("eight bytes"))).collect();
    Array2::from_shape_vec((values.len() / d, d), values).expect("a multiple of the dimension")
}

/// A line of the process status, in its own units; zero where the system has none.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0)
}

/// CPU seconds of all threads so far; zero where the system does not say.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |k: usize| fields.get(k).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [x, y, d, rest @ ..] = arguments.as_slice() else {
        panic!("usage: transport_bench X Y DIMENSION [euclidean]");
    };
    let d: usize = d.parse().expect("a dimension");
    let cost = if rest.is_empty() { Cost::SquaredEuclidean } else { Cost::Euclidean };
    let (x, y) = (read(x, d), read(y, d));
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let coupling = exact(x.view(), y.view(), cost, &ExactOptions::default()).expect("valid clouds");
    println!(
        "{{\"seconds\": {:.4}, \"cpu\": {:.2}, \"cost\": {:.17e}, \"gap\": {:.3e}, \"peak_kib\": {}}}",
        wall.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        coupling.cost,
        coupling.certificate.gap,
        status("VmHWM:"),
    );
}
