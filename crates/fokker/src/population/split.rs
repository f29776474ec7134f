//! Which particles of every snapshot are held out.

use super::Snapshots;
use crate::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Particles of a snapshot for fitting and for judging, `(kept, held out)`, each ascending.
///
/// Which rows depends on the size of the cloud and the seed alone: where snapshots show the same
/// particles in the same rows, whole trajectories are held out.
///
/// # Errors
/// A share outside (0, 1), or one that leaves no particle on a side.
pub fn split(n: usize, share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::Argument {
            name: "share to hold out",
            requirement: "in (0, 1)".into(),
            found: share,
        });
    }
    let count = (share * n as f64).round() as usize;
    if count == 0 || count == n {
        let requirement = format!("such that both sides get a particle of a snapshot of {n}");
        return Err(Error::Argument { name: "share to hold out", requirement, found: share });
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut kept = order.split_off(count);
    order.sort_unstable();
    kept.sort_unstable();
    Ok((kept, order))
}

/// So many of n particles, ascending; all where there are no more.
pub(super) fn sample(n: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order.truncate(count);
    order.sort_unstable();
    order
}

/// Splits every snapshot, `(kept, held out)`.
///
/// # Errors
/// As [`split`].
pub fn split_snapshots(snapshots: &Snapshots, share: f64, seed: u64) -> Result<(Snapshots, Snapshots)> {
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for cloud in snapshots.clouds() {
        let (stay, go) = split(cloud.len(), share, seed)?;
        kept.push(cloud.select(&stay)?);
        held.push(cloud.select(&go)?);
    }
    let times = snapshots.times().to_vec();
    Ok((Snapshots::new(times.clone(), kept)?, Snapshots::new(times, held)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_a_partition_that_depends_on_size_and_seed_alone() {
        let (kept, held) = split(40, 0.25, 7).unwrap();
        assert_eq!((kept.len(), held.len()), (30, 10));
        let mut all = [kept.clone(), held].concat();
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
        assert_eq!(split(40, 0.25, 7).unwrap().0, kept);
        assert_ne!(split(40, 0.25, 8).unwrap().0, kept);
        for (n, share) in [(1, 0.5), (10, 0.01), (10, 0.0), (10, 1.0), (10, f64::NAN)] {
            assert!(split(n, share, 0).is_err(), "{n} {share}");
        }
    }
}
