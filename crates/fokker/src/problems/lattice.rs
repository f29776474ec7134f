//! The Ginzburg–Landau lattice: Hamiltonian Monte Carlo with its diagnostics.

use super::GinzburgLandau;
use super::rows::PointEnergy;
use crate::{Error, Result, Task, in_parallel};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The law p ∝ e^{−V} of a Ginzburg–Landau lattice whose border is held at 0.
///
/// ```text
/// V(x) = 1/8 ( Σ_bonds (λ/2) ((x_a − x_b)/h)² + Σ_sites (1 − x²)²/(4λ) )
/// ```
///
/// with the four bonds of every site, h = 1/(rows + 1) from row to row and 1/(columns + 1) from
/// column to column, λ = 0.03; sites are numbered row by row.
///
/// # Source
/// [khoo2025, experiments].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lattice {
    energy: GinzburgLandau,
}

/// Options of [`Lattice::sample`].
#[derive(Clone, Copy)]
pub struct LatticeOptions<'a> {
    /// Number of draws, over all chains.
    pub draws: usize,
    /// Independent Markov chains.
    pub chains: usize,
    /// Trajectories thrown away at the start of every chain.
    pub warm_up: usize,
    /// Trajectories from one draw of a chain to the next.
    pub thinning: usize,
    /// Seed.
    pub seed: u64,
    /// Progress, in chains, and cancellation.
    pub task: Task<'a>,
}

impl Default for LatticeOptions<'_> {
    fn default() -> Self {
        LatticeOptions { draws: 10_000, chains: 32, warm_up: 200, thinning: 5, seed: 0, task: Task::silent() }
    }
}

impl LatticeOptions<'_> {
    /// Whether every option is in its domain.
    ///
    /// # Errors
    /// Fewer than 2 chains or than 4 draws of each, no thinning.
    pub fn validate(&self) -> Result<()> {
        for (name, least, found) in [
            ("chains", 2, self.chains),
            ("thinning", 1, self.thinning),
            ("draws", self.chains.saturating_mul(4), self.draws),
        ] {
            if found < least {
                let requirement = match name {
                    "draws" => format!("at least {least}, 4 for each chain"),
                    _ => format!("at least {least}"),
                };
                return Err(Error::Argument { name, requirement, found: found as f64 });
            }
        }
        Ok(())
    }
}

/// Draws of a lattice, and whether they can be trusted.
#[derive(Debug, Clone)]
pub struct LatticeSample {
    /// Draws `[n, d]`; row i is of chain i mod `chains`.
    pub x: Array2<f64>,
    /// Share of accepted trajectories.
    pub acceptance: f64,
    /// Smallest effective sample size of the watched quantities.
    pub effective: f64,
    /// Largest R̂ of the watched quantities; above 1.01 the chains disagree.
    pub r_hat: f64,
}

impl Lattice {
    /// The lattice of `rows` × `columns` sites.
    ///
    /// # Errors
    /// An extent of zero or above 4096.
    ///
    /// ```
    /// use fokker::problems::Lattice;
    /// assert_eq!(Lattice::new(8, 8)?.energy().dim(), 64);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn new(rows: usize, columns: usize) -> Result<Self> {
        Ok(Lattice { energy: GinzburgLandau::lattice(rows, columns)? })
    }

    /// The energy V.
    pub fn energy(&self) -> &GinzburgLandau {
        &self.energy
    }

    /// Draws by Hamiltonian Monte Carlo.
    ///
    /// ```text
    /// one trajectory   x ← ±x with equal chance (V is even),  p ~ N(0, I)
    ///                  L leapfrog steps of length ε, accepted with min(1, e^{H − H'}), H = V + ½|p|²
    /// ε                (16/d)^{1/4} / √(8 (w + a + b)), at most 1 / √(8 (w + a + b))
    /// εL               uniform on [½, 2]
    /// ```
    ///
    /// w, a and b are the strengths of the wells and of the bonds along both axes. Watched are
    /// the energy, every x_i and every x_i²: effective sample sizes by Geyer's initial monotone
    /// sequence over all chains, and R̂ of the halves of the chains [gelman2013, §11.4]. The same
    /// seed gives the same bits at any number of threads.
    ///
    /// # Errors
    /// Options out of their domain, or an interruption.
    ///
    /// ```
    /// use fokker::problems::{Lattice, LatticeOptions};
    /// let sample = Lattice::new(2, 2)?.sample(&LatticeOptions { draws: 3200, ..Default::default() })?;
    /// assert!(sample.r_hat < 1.03 && sample.effective > 800.0 && sample.acceptance > 0.7);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn sample(&self, options: &LatticeOptions) -> Result<LatticeSample> {
        options.validate()?;
        sample(&self.energy, options)
    }
}

fn sample(energy: &GinzburgLandau, options: &LatticeOptions) -> Result<LatticeSample> {
    let dim = energy.dim();
    let per_chain = options.draws.div_ceil(options.chains);
    // [chain, draw, site]: chains are contiguous and fill in parallel.
    let mut draws = Array3::zeros((options.chains, per_chain, dim));
    let done = AtomicUsize::new(0);
    let accepted: Vec<usize> = in_parallel(draws.outer_iter_mut().enumerate())
        .map(|(index, mut out)| {
            let mut chain = MarkovChain::new(energy, options.seed, index as u64);
            (0..options.warm_up).for_each(|_| chain.trajectory());
            chain.accepted = 0;
            for mut row in out.rows_mut() {
                (0..options.thinning).for_each(|_| chain.trajectory());
                row.iter_mut().zip(&chain.x).for_each(|(out, &x)| *out = x);
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            options.task.tick("Markov chains", done, options.chains).map(|()| chain.accepted)
        })
        .collect::<Result<_>>()?;
    let (effective, r_hat) = diagnose(energy, &draws);
    let trajectories = options.chains * per_chain * options.thinning;
    let mut x = Array2::zeros((options.draws, dim));
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row.assign(&draws.index_axis(Axis(0), i % options.chains).row(i / options.chains));
    }
    let acceptance = accepted.iter().sum::<usize>() as f64 / trajectories as f64;
    Ok(LatticeSample { x, acceptance, effective, r_hat })
}

/// One chain on its way.
struct MarkovChain<'a> {
    energy: &'a GinzburgLandau,
    rng: ChaCha8Rng,
    step: f64,
    x: Vec<f64>,
    gradient: Vec<f64>,
    accepted: usize,
}

impl<'a> MarkovChain<'a> {
    fn new(energy: &'a GinzburgLandau, seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        let frequency = (8.0 * (energy.well + energy.vertical + energy.horizontal)).sqrt();
        let step = (16.0 / energy.dim() as f64).powf(0.25).min(1.0) / frequency;
        // Starts wider than the law, so that R̂ means something.
        let x: Vec<f64> = (0..energy.dim()).map(|_| rng.random_range(-1.5..1.5)).collect();
        let mut gradient = vec![0.0; x.len()];
        energy.gradient(&x, &mut gradient);
        MarkovChain { energy, rng, step, x, gradient, accepted: 0 }
    }

    fn trajectory(&mut self) {
        let sign = if self.rng.random::<bool>() { 1.0 } else { -1.0 };
        let mut x: Vec<f64> = self.x.iter().map(|x| sign * x).collect();
        let mut gradient: Vec<f64> = self.gradient.iter().map(|g| sign * g).collect();
        let mut momentum: Vec<f64> = x.iter().map(|_| StandardNormal.sample(&mut self.rng)).collect();
        let hamiltonian =
            |x: &[f64], p: &[f64]| self.energy.value(x) + 0.5 * p.iter().map(|p| p * p).sum::<f64>();
        let before = hamiltonian(&x, &momentum);
        let length = self.rng.random_range(0.5..2.0);
        let steps = (length / self.step).ceil() as usize;
        let kick = |momentum: &mut [f64], gradient: &[f64], time: f64| {
            momentum.iter_mut().zip(gradient).for_each(|(p, g)| *p -= time * g);
        };
        for _ in 0..steps {
            kick(&mut momentum, &gradient, 0.5 * self.step);
            x.iter_mut().zip(&momentum).for_each(|(x, p)| *x += self.step * p);
            self.energy.gradient(&x, &mut gradient);
            kick(&mut momentum, &gradient, 0.5 * self.step);
        }
        let share = (before - hamiltonian(&x, &momentum)).exp();
        if self.rng.random::<f64>() < share {
            self.accepted += 1;
            (self.x, self.gradient) = (x, gradient);
        } else {
            // The change of sign alone is always accepted.
            self.x.iter_mut().chain(&mut self.gradient).for_each(|x| *x *= sign);
        }
    }
}

/// Smallest effective sample size and largest R̂ over the watched quantities.
fn diagnose(energy: &GinzburgLandau, draws: &Array3<f64>) -> (f64, f64) {
    let (chains, length, dim) = draws.dim();
    let quantities: Vec<usize> = (0..2 * dim + 1).collect();
    let results: Vec<(f64, f64)> = quantities
        .into_par_iter()
        .map(|k| {
            let value = |chain: usize, draw: usize| {
                let x = draws.index_axis(Axis(0), chain);
                match k {
                    k if k < dim => x[[draw, k]],
                    k if k < 2 * dim => x[[draw, k - dim]].powi(2),
                    _ => energy.value(&x.row(draw).to_vec()),
                }
            };
            let series = Array2::from_shape_fn((chains, length), |(chain, draw)| value(chain, draw));
            (effective_size(series.view()), r_hat(series.view()))
        })
        .collect();
    results.iter().fold((f64::INFINITY, 1.0), |(least, most), &(size, r)| (least.min(size), most.max(r)))
}

/// Effective sample size of chains `[m, n]`, by sums of pairs of autocorrelations that are cut
/// where they turn negative and kept from rising.
fn effective_size(series: ArrayView2<f64>) -> f64 {
    let (chains, length) = series.dim();
    let centre = series.mean().unwrap_or_default();
    let covariance = |lag: usize| {
        let of = |row: ndarray::ArrayView1<f64>| {
            (lag..length).map(|i| (row[i] - centre) * (row[i - lag] - centre)).sum::<f64>()
        };
        series.rows().into_iter().map(of).sum::<f64>() / (chains * (length - lag)) as f64
    };
    let variance = covariance(0);
    let total = (chains * length) as f64;
    if variance == 0.0 {
        return total;
    }
    let (mut time, mut before) = (-1.0, f64::INFINITY);
    for pair in 0..length / 2 {
        let both = (covariance(2 * pair) + covariance(2 * pair + 1)) / variance;
        before = both.min(before);
        if before <= 0.0 {
            break;
        }
        time += 2.0 * before;
    }
    // Negatively correlated draws may be worth more than independent ones; that is not claimed.
    total / f64::max(time, 1.0)
}

/// R̂ = √(total variance / variance within) of the halves of chains `[m, n]`.
fn r_hat(series: ArrayView2<f64>) -> f64 {
    let half = series.ncols() / 2;
    let (mut means, mut within) = (Vec::new(), 0.0);
    for row in series.rows() {
        for start in [0, series.ncols() - half] {
            let part = row.slice_axis(Axis(0), ndarray::Slice::from(start..start + half));
            means.push(part.mean().unwrap_or_default());
            within += part.var(1.0);
        }
    }
    let count = means.len() as f64;
    within /= count;
    let mean = means.iter().sum::<f64>() / count;
    let between = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (count - 1.0);
    if within == 0.0 {
        return if between == 0.0 { 1.0 } else { f64::INFINITY };
    }
    ((1.0 - 1.0 / half as f64) + between / within).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems::Chain;
    use fokker_linalg::matmul;

    #[test]
    fn the_sampler_gives_the_exact_moments_of_the_chain() {
        let chain = Chain::new(16).unwrap();
        let options = LatticeOptions { draws: 16_000, seed: 2, ..Default::default() };
        let sample = sample(chain.energy(), &options).unwrap();
        assert!(sample.acceptance > 0.7 && sample.r_hat < 1.02, "{} {}", sample.acceptance, sample.r_hat);
        let moments = matmul(sample.x.t(), sample.x.view()) / 16_000.0;
        // Standard deviations of x_i x_j are below 1.1: five standard errors for the number of
        // draws that these are worth, in 136 places, a false alarm in 10,000.
        let bound = 5.0 * 1.1 / sample.effective.sqrt();
        assert!(sample.effective > 5000.0, "{}", sample.effective);
        assert!((moments - chain.second_moments()).iter().all(|e| e.abs() < bound));
        let energy = |x: &Array2<f64>| chain.energy().values(x.view()).unwrap();
        let (own, exact) = (energy(&sample.x), energy(&chain.sample(16_000, 5)));
        let error = own.var(1.0) * (1.0 / sample.effective + 1.0 / 16_000.0);
        assert!((own.mean().unwrap() - exact.mean().unwrap()).abs() < 5.0 * error.sqrt());
    }

    #[test]
    fn a_square_lattice_mixes_and_has_its_symmetries() {
        let lattice = Lattice::new(8, 8).unwrap();
        let sample = lattice.sample(&LatticeOptions { seed: 1, ..Default::default() }).unwrap();
        assert_eq!(sample.x.dim(), (10_000, 64));
        assert!(sample.acceptance > 0.7 && sample.r_hat < 1.02 && sample.effective > 3000.0);
        // Sites that a reflection exchanges: five standard errors of a difference of squares with
        // standard deviation below 1.1, in four places.
        let square = |i: usize, j: usize| sample.x.column(8 * i + j).mapv(|x| x * x).mean().unwrap();
        let bound = 5.0 * 1.1 * (2.0 / sample.effective).sqrt();
        for (i, j) in [(0, 0), (3, 3), (2, 5), (1, 6)] {
            assert!((square(i, j) - square(7 - i, j)).abs() < bound);
            assert!((square(i, j) - square(j, i)).abs() < bound);
        }
    }

    #[test]
    fn diagnostics_of_known_series() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut series = |correlation: f64, shift: f64| {
            let mut out = Array2::<f64>::zeros((8, 4000));
            for (chain, mut row) in out.rows_mut().into_iter().enumerate() {
                let mut x: f64 = StandardNormal.sample(&mut rng);
                for value in &mut row {
                    let noise: f64 = StandardNormal.sample(&mut rng);
                    x = correlation * x + (1.0 - correlation * correlation).sqrt() * noise;
                    *value = x + if chain == 0 { shift } else { 0.0 };
                }
            }
            out
        };
        // Of an autoregression n (1 − ρ)/(1 + ρ); the estimate is good to about 10 %.
        for correlation in [0.0, 0.5, 0.9] {
            let expected = 32_000.0 * (1.0 - correlation) / (1.0 + correlation);
            let found = effective_size(series(correlation, 0.0).view());
            assert!((found / expected - 1.0).abs() < 0.2, "{correlation}: {found} {expected}");
        }
        assert!(r_hat(series(0.0, 0.0).view()) < 1.005);
        // One chain of eight away by 1: variance between 1/8·7/8·16/15, R̂² = 1.117.
        assert!((r_hat(series(0.0, 1.0).view()) - 1.117f64.sqrt()).abs() < 0.01);
        assert_eq!(r_hat(Array2::zeros((2, 10)).view()), 1.0);
    }

    #[test]
    fn the_thread_count_changes_no_bit_and_bad_options_are_refused() {
        let lattice = Lattice::new(2, 3).unwrap();
        let options = LatticeOptions { draws: 300, chains: 7, ..Default::default() };
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| lattice.sample(&options).unwrap())
        };
        let (one, three) = (with(1), with(3));
        assert_eq!((one.x, one.effective), (three.x, three.effective));
        for bad in [
            LatticeOptions { chains: 1, ..options },
            LatticeOptions { thinning: 0, ..options },
            LatticeOptions { draws: 20, ..options },
        ] {
            assert!(lattice.sample(&bad).is_err());
        }
        assert!(Lattice::new(0, 3).is_err());
    }
}
