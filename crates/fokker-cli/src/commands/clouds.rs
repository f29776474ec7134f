//! Two clouds with weights, from files, and how long work on them will take.

use crate::args::CloudArguments;
use crate::files::{read_rows, read_vector};
use anyhow::{Result, bail};
use fokker::{CloudView, Task};
use ndarray::{Array1, Array2, Axis};
use std::path::Path;
use std::time::Instant;

/// Pairs of points beyond which the time is estimated before it is spent.
const LONG: f64 = 4e7;

/// Points of the larger of the two samples that the time is measured on.
const SAMPLE: f64 = 1000.0;

/// A cloud and its weights as their files hold them.
pub struct Cloud {
    pub name: String,
    pub x: Array2<f64>,
    pub weights: Option<Array1<f64>>,
    description: String,
}

/// Reads the two clouds and their weights.
pub fn read(arguments: &CloudArguments, task: Task) -> Result<[Cloud; 2]> {
    let (weights_a, weights_b) = match arguments.weights.as_slice() {
        [] => (arguments.weights_a.as_deref(), arguments.weights_b.as_deref()),
        [a, b] => (Some(a.as_path()), Some(b.as_path())),
        more => bail!("--weights must be two files, FA,FB, found {}", more.len()),
    };
    let a = Cloud::read(&arguments.a, weights_a, task)?;
    let b = Cloud::read(&arguments.b, weights_b, task)?;
    if a.x.ncols() != b.x.ncols() {
        bail!("{}: has points of dimension {}, {} of {}", b.name, b.x.ncols(), a.name, a.x.ncols());
    }
    Ok([a, b])
}

impl Cloud {
    fn read(path: &Path, weights: Option<&Path>, task: Task) -> Result<Self> {
        let name = path.display().to_string();
        let (x, description) = read_rows(path, task)?;
        if let Some(((i, j), value)) = x.indexed_iter().find(|(_, value)| !value.is_finite()) {
            bail!("{name}: row {i}, column {j} (counted from 0) is {value}, every number must be finite");
        }
        let weights = weights.map(|path| read_weights(path, x.nrows(), &name)).transpose()?;
        Ok(Cloud { name, x, weights, description })
    }

    /// As the library takes it.
    pub fn view(&self) -> CloudView<'_> {
        CloudView { x: self.x.view(), weights: self.weights.as_ref().map(|weights| weights.view()) }
    }

    /// The file and what it holds, for people.
    pub fn heading(&self) -> String {
        let weighted = if self.weights.is_some() { ", weighted" } else { "" };
        format!("{} ({}{weighted})", self.name, self.description)
    }
}

fn read_weights(path: &Path, n: usize, cloud: &str) -> Result<Array1<f64>> {
    let name = path.display();
    let weights = read_vector(path)?;
    if weights.len() != n {
        bail!("{name}: has {} weights for the {n} points of {cloud}", weights.len());
    }
    if let Some((i, weight)) = weights.indexed_iter().find(|(_, weight)| **weight < 0.0) {
        bail!("{name}: entry {i} (counted from 0) is {weight}, weights must be non-negative");
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        bail!("{name}: all weights are zero, at least one must be positive");
    }
    Ok(weights)
}

/// What `work` will take, `permutations` times again and `repeats` times on halves of the first cloud, in
/// seconds, when that is long: from samples of the clouds, by a power of the size.
pub fn estimate(
    x: CloudView,
    y: CloudView,
    repeats: usize,
    permutations: usize,
    work: impl Fn(CloudView, CloudView) -> fokker::Result<()>,
) -> Option<f64> {
    let pairs = |x: CloudView, y: CloudView| x.x.nrows() as f64 * y.x.nrows() as f64;
    let (all, halves, whole) = (pairs(x, y), (x.x.nrows() / 2) as f64, (1 + permutations) as f64);
    if whole * all + repeats as f64 * halves * halves < LONG {
        return None;
    }
    let measure = |points: f64| -> Option<(f64, f64)> {
        let (x, y) = (sample(x, points / all.sqrt())?, sample(y, points / all.sqrt())?);
        let start = Instant::now();
        work(x.view(), y.view()).ok()?;
        Some((pairs(x.view(), y.view()), start.elapsed().as_secs_f64()))
    };
    let (small, large) = (measure(SAMPLE / 2.0)?, measure(SAMPLE)?);
    let power = ((large.1 / small.1).ln() / (large.0 / small.0).ln()).clamp(1.0, 1.25);
    let time = |pairs: f64| large.1 * (pairs / large.0).powf(power);
    Some(whole * time(all) + repeats as f64 * time(halves * halves))
}

/// Every so many-th point with its weight; None when no weight is left.
fn sample(cloud: CloudView, fraction: f64) -> Option<fokker::Cloud> {
    let n = cloud.x.nrows();
    let count = ((n as f64 * fraction).round() as usize).clamp(1, n);
    let chosen: Vec<usize> = (0..count).map(|k| k * n / count).collect();
    let weights = cloud.weights.map(|weights| weights.select(Axis(0), &chosen));
    fokker::Cloud::new(cloud.x.select(Axis(0), &chosen), weights.as_ref().map(|w| w.view())).ok()
}

/// Tells people how long they will wait.
pub fn announce(seconds: Option<f64>) {
    if let Some(seconds) = seconds {
        let text = match seconds {
            short if short < 1.5 => "about 1 s".to_owned(),
            short if short < 100.0 => format!("about {short:.0} s"),
            long => format!("about {long:.0} s ({:.0} min)", long / 60.0),
        };
        eprintln!("{text}, from the time that {SAMPLE} points take");
    }
}

/// Six significant digits, at any scale.
pub fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (1e-4..1e6).contains(&size) => {
            let decimals = (5 - size.log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.decimals$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        _ => format!("{value:.5e}"),
    }
}

/// A bound on an error; rounding may leave a sum of zeros below zero.
pub fn bound(value: f64) -> String {
    if value > 0.0 { format!("{value:.1e}") } else { "0".to_owned() }
}

/// Lines of labels and values, the values below one another.
pub fn lines(entries: &[(&str, String)]) -> String {
    let width = entries.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    entries.iter().map(|(label, value)| format!("{label:width$}  {value}\n")).collect()
}
