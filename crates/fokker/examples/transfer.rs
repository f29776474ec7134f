//! Do grids tuned on a covariance help on data that are not Gaussian?
//!
//! Data are mixtures of Gaussians, whose score is exact at every time, so nothing but the grid
//! and the scheme errs. Grids are tuned on the covariance alone and compared with Karras' and the
//! log-SNR grid by the exact W₂ between samples and fresh data, beside the floor: W₂ between two
//! sets of data. `cargo run --release --example transfer`

use fokker::Task;
use fokker::audit::tune::{TuneOptions, tune};
use fokker::process::{Grid, Linear, Spacing};
use fokker::sampling::{ReverseProcess, SampleOptions, Scheme, parse_scheme, sample, steps_within};
use fokker::score::MixtureScore;
use fokker::statistics::GaussianMixture;
use fokker::transport::{Cost, ExactOptions, exact};
use ndarray::Array2;
use std::io::Write;

/// Particles of each cloud and repetitions of each distance.
const PARTICLES: usize = 3000;
const REPEATS: u64 = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schedule = Linear::new(0.05, 10.0, 1.0)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "mean W2 of {REPEATS} pairs of {PARTICLES} particles")?;
    writeln!(
        out,
        "{:<34} {:>6} {:>8} {:>8} {:>8} {:>8}",
        "mixture, scheme", "nfe", "floor", "tuned", "karras", "log-snr"
    )?;
    for (count, dim, spread) in
        [(4, 2, 0.5), (4, 2, 3.0), (8, 2, 10.0), (4, 8, 0.5), (8, 8, 3.0), (8, 8, 10.0)]
    {
        let mixture = GaussianMixture::random(count, dim, spread, 1)?;
        let law = mixture.moments()?.in_own_axes();
        let data = |seed: u64| mixture.sample(PARTICLES, 1000 + seed);
        let floor = mean(|seed| distance(&data(2 * seed), &data(2 * seed + 1)))?;
        for (name, nfe) in [("dpmpp-2m", 10), ("dpmpp-2m", 20), ("heun", 20), ("em", 20)] {
            let scheme = parse_scheme(name)?;
            let options = TuneOptions { nfe, ..TuneOptions::default() };
            let tuned = tune(std::slice::from_ref(&law), &*scheme, &schedule, &options, Task::silent())?;
            let steps = steps_within(nfe, &*scheme, 0.0)?;
            let standard = |spacing| Grid::new(spacing, steps, 0.0, &schedule);
            let w2 = |grid: &Grid| {
                mean(|seed| distance(&drawn(&mixture, &schedule, &*scheme, grid, seed)?, &data(2 * seed)))
            };
            writeln!(
                out,
                "{:<34} {nfe:>6} {floor:>8.4} {:>8.4} {:>8.4} {:>8.4}",
                format!("{count} in {dim} dimensions, spread {spread}: {name}"),
                w2(&tuned.grid)?,
                w2(&standard(Spacing::KARRAS)?)?,
                w2(&standard(Spacing::LogSnr)?)?
            )?;
        }
    }
    Ok(())
}

fn drawn(
    mixture: &GaussianMixture,
    schedule: &Linear,
    scheme: &dyn Scheme,
    grid: &Grid,
    seed: u64,
) -> fokker::Result<Array2<f64>> {
    let score = MixtureScore::new(mixture, schedule);
    let process = ReverseProcess::new(schedule, &score);
    sample(&process, scheme, grid, &SampleOptions { particles: PARTICLES, seed, ..SampleOptions::default() })
}

fn distance(x: &Array2<f64>, y: &Array2<f64>) -> fokker::Result<f64> {
    Ok(exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default())?.cost.sqrt())
}

fn mean(value: impl Fn(u64) -> fokker::Result<f64>) -> fokker::Result<f64> {
    let values = (0..REPEATS).map(value).collect::<fokker::Result<Vec<f64>>>()?;
    Ok(values.iter().sum::<f64>() / REPEATS as f64)
}
