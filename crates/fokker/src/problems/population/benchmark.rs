//! Populations that move by energies of the benchmark.

use super::{PopulationOptions, simulate_population};
use crate::options::options;
use crate::problems::BenchmarkEnergy;
use crate::{Result, Task};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

options! {
    /// Options of [`simulate_benchmark`].
    "population simulate" => pub struct SimulateOptions {
        /// Potential V, one of the benchmark's energies
        pub potential: BenchmarkEnergy = BenchmarkEnergy::Flat,
        /// Interaction W, a function of the difference of two particles
        pub interaction: Option<BenchmarkEnergy> = None,
        /// Temperature θ
        pub temperature: f64 = 0.0,
        /// Particles of every snapshot
        #[alias("samples" => "", "n" => "")]
        pub particles: usize = 2000,
        /// Snapshots, the one at time 0 included
        pub snapshots: usize = 6,
        /// Time between snapshots
        pub interval: f64 = 0.01,
        /// Euler steps in every interval
        pub sub_steps: usize = 1,
        /// Dimension
        pub dim: usize = 2,
        /// The same particles in all snapshots, as in the benchmark of JKOnet*
        pub paired: bool = false,
        /// Seed of start and noise
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

impl SimulateOptions {
    fn settings(&self) -> PopulationOptions<'static> {
        PopulationOptions {
            temperature: self.temperature,
            particles: self.particles,
            dim: self.dim,
            snapshots: self.snapshots,
            interval: self.interval,
            sub_steps: self.sub_steps,
            paired: self.paired,
            seed: self.seed,
            ..Default::default()
        }
    }

    /// Whether every option is in its domain.
    ///
    /// # Errors
    /// As [`PopulationOptions::validate`].
    pub fn validate(&self) -> Result<()> {
        self.settings().validate()
    }
}

/// Snapshots of a population that moves by energies of the benchmark: [`simulate_population`].
///
/// # Errors
/// As [`simulate_population`].
///
/// ```
/// use fokker::{Task, problems::{BenchmarkEnergy, SimulateOptions, simulate_benchmark}};
/// let options = SimulateOptions { potential: BenchmarkEnergy::Sphere, paired: true, ..Default::default() };
/// let clouds = simulate_benchmark(&options, Task::silent())?;
/// // −∇V = 20 x: every step of 0.01 is a factor of 1.2.
/// assert!((clouds[1].1[[7, 1]] / clouds[0].1[[7, 1]] - 1.2).abs() < 1e-12);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn simulate_benchmark(options: &SimulateOptions, task: Task) -> Result<Vec<(f64, Array2<f64>)>> {
    let force = |energy: BenchmarkEnergy| {
        move |x: ArrayView2<f64>, out: ArrayViewMut2<f64>| energy.gradient_into(x, out)
    };
    let (potential, interaction) = (force(options.potential), options.interaction.map(force));
    simulate_population(&PopulationOptions {
        potential: Some(&potential),
        interaction: interaction.as_ref().map(|force| force as _),
        task,
        ..options.settings()
    })
}
