//! Standard normals that depend on where they are used and on nothing else.

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Particles per block of work. Fixed, because matrix kernels and random streams depend on it.
pub const BLOCK: usize = 256;

/// A source of standard normals addressed by (seed, step, particle block).
///
/// Each address has a ChaCha8 stream of its own, so the numbers of a particle do not depend on
/// how many particles there are, in which order they are computed or on how many threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// The seed that the whole source is named by.
    pub seed: u64,
}

impl Noise {
    /// Fills each array `[BLOCK, d]` in turn with the normals of particle block `block` in step
    /// `step` (0 is the start, step i of a grid is i + 1).
    ///
    /// ```
    /// use fokker::sampling::{BLOCK, Noise};
    /// use ndarray::Array2;
    /// let mut first = vec![Array2::zeros((BLOCK, 3))];
    /// let mut again = first.clone();
    /// Noise { seed: 7 }.fill(2, 5, &mut first);
    /// Noise { seed: 7 }.fill(2, 5, &mut again);
    /// assert_eq!(first, again);
    /// ```
    pub fn fill(&self, step: u32, block: u32, out: &mut [Array2<f64>]) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(u64::from(step) << 32 | u64::from(block));
        for array in out {
            for value in array.iter_mut() {
                *value = StandardNormal.sample(&mut rng);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_own_numbers() {
        let draw = |seed, step, block| {
            let mut out = vec![Array2::zeros((BLOCK, 4))];
            Noise { seed }.fill(step, block, &mut out);
            out.remove(0)
        };
        let reference = draw(1, 2, 3);
        for other in [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4), draw(1, 3, 2)] {
            // Independent normals: the correlation of 1024 pairs has standard deviation 1/32, and
            // five of those are exceeded once in two million.
            let correlation = (&reference * &other).sum() / 1024.0;
            assert!(correlation.abs() < 5.0 / 32.0, "{correlation}");
        }
    }
}
