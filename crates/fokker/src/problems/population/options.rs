//! What a population is simulated with.

use super::Gradient;
use crate::sampling::BLOCK;
use crate::{Error, Result, Task};
use ndarray::ArrayView2;

/// Options of [`simulate_population`](super::simulate_population).
#[derive(Clone, Copy)]
pub struct PopulationOptions<'a> {
    /// ∇V, if there is a potential.
    pub potential: Option<&'a Gradient<'a>>,
    /// ∇W, if the particles interact.
    pub interaction: Option<&'a Gradient<'a>>,
    /// Temperature θ.
    pub temperature: f64,
    /// Particles n in every snapshot.
    pub particles: usize,
    /// Dimension d.
    pub dim: usize,
    /// Number of snapshots, the one at time 0 included.
    pub snapshots: usize,
    /// Time Δ from one snapshot to the next.
    pub interval: f64,
    /// Euler steps in every interval.
    pub sub_steps: usize,
    /// Whether all snapshots hold the same particles; otherwise each has its own.
    pub paired: bool,
    /// Where they start: `[n, d]`, or `[n · snapshots, d]` (those of the first snapshot first)
    /// when they are not paired; without it, uniform on [−4, 4]^d.
    pub start: Option<ArrayView2<'a, f64>>,
    /// Seed of start and noise.
    pub seed: u64,
    /// Progress, in Euler steps of a population, and cancellation.
    pub task: Task<'a>,
}

impl Default for PopulationOptions<'_> {
    fn default() -> Self {
        PopulationOptions {
            potential: None,
            interaction: None,
            temperature: 0.0,
            particles: 1000,
            dim: 2,
            snapshots: 6,
            interval: 0.01,
            sub_steps: 1,
            paired: false,
            start: None,
            seed: 0,
            task: Task::silent(),
        }
    }
}

impl PopulationOptions<'_> {
    /// Whether every option is in its domain.
    ///
    /// # Errors
    /// A count of zero or beyond the 2³² streams of the noise, an interval that is not positive, a
    /// negative temperature, a start of another shape or not finite.
    pub fn validate(&self) -> Result<()> {
        let counts = [
            ("particles", self.particles),
            ("dim", self.dim),
            ("snapshots", self.snapshots),
            ("sub_steps", self.sub_steps),
        ];
        for (name, count) in counts {
            if count == 0 {
                return Err(Error::Argument { name, requirement: "at least 1".into(), found: 0.0 });
            }
        }
        let most = u32::MAX as usize;
        let blocks = self.particles.div_ceil(BLOCK).checked_mul(self.snapshots);
        let steps = self.sub_steps.checked_mul(self.snapshots);
        for (name, product) in [("particles times snapshots", blocks), ("steps", steps)] {
            if product.is_none_or(|product| product >= most) {
                let requirement = format!("below {}", if name == "steps" { most } else { BLOCK * most });
                return Err(Error::Argument { name, requirement, found: f64::INFINITY });
            }
        }
        if !(self.interval > 0.0 && self.interval.is_finite()) {
            let requirement = "positive and finite".into();
            return Err(Error::Argument { name: "interval", requirement, found: self.interval });
        }
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            let requirement = "non-negative and finite".into();
            return Err(Error::Argument { name: "temperature", requirement, found: self.temperature });
        }
        self.start.map_or(Ok(()), |start| self.check_start(start))
    }

    fn check_start(&self, start: ArrayView2<f64>) -> Result<()> {
        let clouds = if self.paired { 1 } else { self.snapshots };
        for (name, expected, found) in [
            ("rows of the start", self.particles * clouds, start.nrows()),
            ("columns of the start", self.dim, start.ncols()),
        ] {
            if expected != found {
                return Err(Error::Size { name, expected, found });
            }
        }
        match start.indexed_iter().find(|(_, x)| !x.is_finite()) {
            Some(((row, column), &value)) => {
                Err(Error::NonFinite { name: "start", index: vec![row, column], value })
            }
            None => Ok(()),
        }
    }
}
