//! Populations of particles that follow a known energy.

mod benchmark;
mod options;

pub use benchmark::{SimulateOptions, simulate_benchmark};
pub use options::PopulationOptions;

use crate::sampling::{BLOCK, Noise};
use crate::{Error, Result, in_parallel};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Particles that act on one at a time; fixed, so that sums have the same bits in every run.
const TILE: usize = 1024;

/// A gradient: writes ∇f at every row of its first argument `[n, d]` into the second.
pub type Gradient<'a> = dyn Fn(ArrayView2<f64>, ArrayViewMut2<f64>) -> Result<()> + Sync + 'a;

/// Snapshots of a population that follows an energy: (time, `[n, d]`) for each.
///
/// ```text
/// dX = −(∇V(X) + (∇W ∗ μ)(X)) dt + √(2θ) dB
/// x_i ← x_i − h (∇V(x_i) + 1/n Σ_j ∇W(x_i − x_j)) + √(2θh) z_i          h = Δ / sub-steps
/// ```
///
/// by explicit Euler steps, the term j = i of the interaction included. Snapshot k is at time kΔ.
/// Independent snapshots (the default) are what destructive measurements give: the particles of
/// each, with those they interact with, are simulated from time 0 for it alone. The noise is
/// addressed by seed, step and particle, so the same seed gives the same bits at any number of
/// threads. O(n d) a step, O(n² d) with interaction.
///
/// # Errors
/// Options out of their domain, what the gradients report, particles that leave the range of
/// numbers, or an interruption.
///
/// # Source
/// [terpin2024, experiments].
///
/// ```
/// use fokker::problems::{BenchmarkEnergy, PopulationOptions, simulate_population};
/// use ndarray::{ArrayView2, ArrayViewMut2};
/// let gradient = |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| BenchmarkEnergy::Sphere.gradient_into(x, out);
/// let options = PopulationOptions { potential: Some(&gradient), paired: true, ..Default::default() };
/// let clouds = simulate_population(&options)?;
/// // −∇V = 20 x: every step of 0.01 is a factor of 1.2.
/// let (time, last) = &clouds[5];
/// assert!((time - 0.05).abs() < 1e-15 && (last[[7, 1]] / clouds[0].1[[7, 1]] - 1.2f64.powi(5)).abs() < 1e-12);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn simulate_population(options: &PopulationOptions) -> Result<Vec<(f64, Array2<f64>)>> {
    options.validate()?;
    let time = |k: usize| k as f64 * options.interval;
    if options.paired {
        let mut run = Run::new(options, 0);
        let mut clouds = vec![(0.0, run.x.clone())];
        for k in 1..options.snapshots {
            run.advance(1)?;
            clouds.push((time(k), run.x.clone()));
        }
        return Ok(clouds);
    }
    (0..options.snapshots)
        .map(|k| {
            let mut run = Run::new(options, k);
            run.advance(k)?;
            Ok((time(k), run.x))
        })
        .collect()
}

/// One population on its way.
struct Run<'o, 'a> {
    options: &'o PopulationOptions<'a>,
    /// Index of its first particle block among those of all populations.
    first_block: usize,
    x: Array2<f64>,
    step: usize,
}

impl<'o, 'a> Run<'o, 'a> {
    fn new(options: &'o PopulationOptions<'a>, cloud: usize) -> Self {
        let n = options.particles;
        let first_block = cloud * n.div_ceil(BLOCK);
        let x = match options.start {
            Some(start) => start
                .slice_axis(Axis(0), Slice::from(cloud * n..(cloud + 1) * n))
                .as_standard_layout()
                .into_owned(),
            None => {
                let mut x = Array2::zeros((n, options.dim));
                for (block, mut rows) in x.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
                    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
                    rng.set_stream((first_block + block) as u64);
                    rows.mapv_inplace(|_: f64| rng.random_range(-4.0..4.0));
                }
                x
            }
        };
        Run { options, first_block, x, step: 0 }
    }

    fn advance(&mut self, intervals: usize) -> Result<()> {
        for _ in 0..intervals * self.options.sub_steps {
            let total = (self.options.snapshots - 1) * self.options.sub_steps;
            self.options.task.tick("population", self.step, total)?;
            self.step += 1;
            self.x = self.next()?;
        }
        Ok(())
    }

    /// The positions after one Euler step.
    fn next(&self) -> Result<Array2<f64>> {
        let mut out = self.x.clone();
        let blocks = out.axis_chunks_iter_mut(Axis(0), BLOCK).zip(self.x.axis_chunks_iter(Axis(0), BLOCK));
        in_parallel(blocks.enumerate()).try_for_each(|(block, (out, x))| self.move_block(block, x, out))?;
        match out.indexed_iter().find(|(_, x)| !x.is_finite()) {
            None => Ok(out),
            Some(((particle, _), _)) => Err(Error::Numerical {
                what: "the simulation",
                reason: format!(
                    "particle {particle} leaves the range of numbers in step {} of length {}; use a shorter interval or more sub-steps",
                    self.step,
                    self.step_length()
                ),
            }),
        }
    }

    fn step_length(&self) -> f64 {
        self.options.interval / self.options.sub_steps as f64
    }

    fn move_block(&self, block: usize, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        let h = self.step_length();
        if let Some(gradient) = self.options.potential {
            let mut force = Array2::zeros(x.dim());
            gradient(x, force.view_mut())?;
            out.scaled_add(-h, &force);
        }
        if let Some(gradient) = self.options.interaction {
            out.scaled_add(-h, &self.mean_interaction(gradient, x)?);
        }
        if self.options.temperature > 0.0 {
            let mut normals = [Array2::zeros((BLOCK, x.ncols()))];
            let address = (self.first_block + block) as u32;
            Noise { seed: self.options.seed }.fill(self.step as u32, address, &mut normals);
            let own = normals[0].slice_axis(Axis(0), Slice::from(..x.nrows()));
            out.scaled_add((2.0 * self.options.temperature * h).sqrt(), &own);
        }
        Ok(())
    }

    /// 1/n Σ_j ∇W(x_i − x_j) for every row x_i of a block.
    fn mean_interaction(&self, gradient: &Gradient, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let dim = x.ncols();
        let mut means = Array2::zeros(x.dim());
        // Slices, not views of rows: with few columns the views would take most of the time.
        let all = self.x.as_slice().expect("positions are row-major");
        let mut buffers = vec![0.0; 2 * dim * TILE.min(self.x.nrows())];
        for (point, mut mean) in x.rows().into_iter().zip(means.rows_mut()) {
            let point = point.to_slice().expect("positions are row-major");
            let mean = mean.as_slice_mut().expect("new arrays are row-major");
            for others in all.chunks(dim * TILE) {
                let (differences, gradients) = buffers[..2 * others.len()].split_at_mut(others.len());
                for (difference, other) in differences.chunks_exact_mut(dim).zip(others.chunks_exact(dim)) {
                    for k in 0..dim {
                        difference[k] = point[k] - other[k];
                    }
                }
                let shape = (others.len() / dim, dim);
                let input = ArrayView2::from_shape(shape, differences).expect("whole rows");
                gradient(input, ArrayViewMut2::from_shape(shape, gradients).expect("whole rows"))?;
                for row in gradients.chunks_exact(dim) {
                    for k in 0..dim {
                        mean[k] += row[k];
                    }
                }
            }
        }
        means /= self.x.nrows() as f64;
        Ok(means)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems::BenchmarkEnergy;
    use ndarray::array;

    fn linear(slope: f64) -> impl Fn(ArrayView2<f64>, ArrayViewMut2<f64>) -> Result<()> + Sync {
        move |x, mut out| {
            out.assign(&x);
            out *= slope;
            Ok(())
        }
    }

    fn variance(x: &Array2<f64>, column: usize) -> f64 {
        x.column(column).var(1.0)
    }

    #[test]
    fn linear_forces_give_the_exact_law_of_the_scheme() {
        let (potential, interaction) = (linear(2.0), linear(3.0));
        let options = PopulationOptions {
            potential: Some(&potential),
            interaction: Some(&interaction),
            temperature: 0.7,
            particles: 1000,
            dim: 1,
            snapshots: 4,
            interval: 0.1,
            sub_steps: 4,
            seed: 3,
            ..Default::default()
        };
        for paired in [false, true] {
            let clouds = simulate_population(&PopulationOptions { paired, ..options }).unwrap();
            let (mut law, mut mean_variance) = (16.0 / 3.0, 16.0 / 3.0 / 1000f64);
            for (k, (time, x)) in clouds.iter().enumerate() {
                assert!((time - 0.1 * k as f64).abs() < 1e-15);
                // The sample variance has standard error at most √(2/1000) of itself (normal, and
                // less for uniform); five of each, 16 numbers: one false
                // alarm in 100,000 seeds.
                let error = (variance(x, 0) / law - 1.0).abs();
                assert!(error < 5.0 * (2f64 / 1000.0).sqrt(), "snapshot {k}: {error}");
                assert!(x.mean().unwrap().abs() < 5.0 * mean_variance.sqrt());
                for _ in 0..4 {
                    // Deviations from the mean feel both forces, the mean only the potential.
                    law = (1.0f64 - 0.025 * 5.0).powi(2) * law + 2.0 * 0.7 * 0.025;
                    mean_variance = 0.95f64.powi(2) * mean_variance + 2.0 * 0.7 * 0.025 / 1000.0;
                }
            }
        }
    }

    #[test]
    fn an_interaction_by_hand() {
        // ∇W(z) = z², not odd: 1/2 Σ_j (x_i − x_j)² with the zero of j = i.
        let square = |x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>| {
            out.assign(&x.mapv(|z| z * z));
            Ok(())
        };
        let start = array![[0.0], [3.0]];
        let options = PopulationOptions {
            interaction: Some(&square),
            particles: 2,
            dim: 1,
            snapshots: 2,
            interval: 0.1,
            paired: true,
            start: Some(start.view()),
            ..Default::default()
        };
        let clouds = simulate_population(&options).unwrap();
        assert!((clouds[1].1[[0, 0]] + 0.45).abs() < 1e-15 && (clouds[1].1[[1, 0]] - 2.55).abs() < 1e-15);
    }

    #[test]
    fn the_thread_count_changes_no_bit_and_more_particles_begin_with_the_same() {
        let gradient = |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| {
            BenchmarkEnergy::StyblinskiTang.gradient_into(x, out)
        };
        let options = PopulationOptions {
            potential: Some(&gradient),
            interaction: Some(&gradient),
            temperature: 0.1,
            particles: 700,
            seed: 5,
            ..Default::default()
        };
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| simulate_population(&options).unwrap())
        };
        assert_eq!(with(1), with(3));
        let alone = PopulationOptions { interaction: None, paired: true, ..options };
        let few = simulate_population(&PopulationOptions { particles: 300, ..alone }).unwrap();
        let many = simulate_population(&alone).unwrap();
        assert_eq!(few[5].1.row(299), many[5].1.row(299));
    }

    #[test]
    fn independent_snapshots_share_no_particle() {
        let options = PopulationOptions { particles: 4000, ..Default::default() };
        let clouds = simulate_population(&options).unwrap();
        assert!(clouds[0].1.iter().all(|x| (-4.0..4.0).contains(x)));
        for pair in clouds.windows(2) {
            // Correlation of 8000 independent pairs: standard error 1/√8000, five of it once in
            // two million.
            let correlation = (&pair[0].1 * &pair[1].1).mean().unwrap() / (16.0 / 3.0);
            assert!(correlation.abs() < 5.0 / 8000f64.sqrt(), "{correlation}");
        }
        let paired = simulate_population(&PopulationOptions { paired: true, ..options }).unwrap();
        assert_eq!(paired[0], clouds[0]);
        assert_eq!(paired[5].1, clouds[0].1);
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        let gradient = linear(-1e200);
        let options = PopulationOptions { potential: Some(&gradient), snapshots: 4, ..Default::default() };
        let error = simulate_population(&options).unwrap_err();
        assert!(!error.is_input() && error.to_string().contains("sub-steps"), "{error}");
        let narrow =
            |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| BenchmarkEnergy::Ishigami.gradient_into(x, out);
        let one = PopulationOptions { potential: Some(&narrow), dim: 1, ..Default::default() };
        assert!(simulate_population(&one).unwrap_err().to_string().contains("at least 2"));
        let start = Array2::from_elem((3, 2), f64::NAN);
        for bad in [
            PopulationOptions { particles: 0, ..Default::default() },
            PopulationOptions { interval: 0.0, ..Default::default() },
            PopulationOptions { temperature: -1.0, ..Default::default() },
            PopulationOptions { particles: usize::MAX, ..Default::default() },
            PopulationOptions { start: Some(start.view()), ..Default::default() },
            PopulationOptions { start: Some(start.view()), particles: 3, paired: true, ..Default::default() },
        ] {
            assert!(bad.validate().is_err());
        }
    }
}
