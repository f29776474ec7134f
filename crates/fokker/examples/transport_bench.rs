//! Times the exact solver on clouds from files of little-endian numbers; `bench/transport.py` runs it.
//!
//! Usage: `transport_bench X Y DIMENSION squared|plain [WEIGHTS_X WEIGHTS_Y]`; prints one line of JSON.

use fokker::transport::{Cost, ExactOptions, exact};
use ndarray::{Array1, Array2};
use std::time::Instant;

fn numbers(path: &str) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(chunk.try_into().expect("eight bytes"))).collect()
}

fn cloud(path: &str, d: usize) -> Array2<f64> {
    let values = numbers(path);
    Array2::from_shape_vec((values.len() / d, d), values).expect("a multiple of the dimension")
}

/// A line of the process status, in its own units; zero where the system has none.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0)
}

/// CPU seconds of all threads alive, to the nanosecond; wall seconds where the system does not say.
fn cpu_seconds(start: Instant) -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return start.elapsed().as_secs_f64() };
    let spent = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    1e-9 * spent.sum::<f64>()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [x, y, d, cost, weights @ ..] = arguments.as_slice() else {
        panic!("usage: transport_bench X Y DIMENSION squared|plain [WEIGHTS_X WEIGHTS_Y]");
    };
    let d: usize = d.parse().expect("a dimension");
    let cost = if cost == "plain" { Cost::Euclidean } else { Cost::SquaredEuclidean };
    let (x, y) = (cloud(x, d), cloud(y, d));
    let weights: Vec<Array1<f64>> = weights.iter().map(|path| Array1::from(numbers(path))).collect();
    let options = ExactOptions {
        source_weights: weights.first().map(|weights| weights.view()),
        target_weights: weights.get(1).map(|weights| weights.view()),
        ..Default::default()
    };
    let wall = Instant::now();
    let cpu = cpu_seconds(wall);
    let coupling = exact(x.view(), y.view(), cost, &options).expect("valid clouds");
    println!(
        "{{\"seconds\": {:.4}, \"cpu\": {:.4}, \"cost\": {:.17e}, \"gap\": {:.3e}, \"peak_kib\": {}}}",
        wall.elapsed().as_secs_f64(),
        cpu_seconds(wall) - cpu,
        coupling.cost,
        coupling.certificate.gap,
        status("VmHWM:"),
    );
}
