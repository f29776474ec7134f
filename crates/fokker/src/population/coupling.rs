//! Who went where: couplings of neighbouring snapshots, and where their rows are evaluated.

use super::{Cloud, CouplingMethod, Scheme};
use crate::transport::{Cost, Entropic, ExactOptions, SinkhornOptions, SinkhornStatus, exact, sinkhorn};
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// A coupling of the clouds at both ends of an interval; all masses together are 1.
pub(super) enum Coupled {
    /// Pairs of rows with their mass.
    Pairs(Vec<(usize, usize, f64)>),
    /// Barycentric projections of a dense coupling: where each source goes on average, and where
    /// each target comes from. A list of all pairs would be as long as n m.
    Averages { forward: Array2<f64>, backward: Array2<f64> },
}

/// Couples two clouds.
pub(super) fn couple(x: &Cloud, y: &Cloud, method: CouplingMethod, seed: u64, task: Task) -> Result<Coupled> {
    match method {
        CouplingMethod::Exact => {
            let rows = |cloud: &Cloud| (0..cloud.len()).collect::<Vec<_>>();
            Ok(Coupled::Pairs(exact_pairs(x, y, &rows(x), &rows(y), task)?))
        }
        CouplingMethod::Batch(size) => Ok(Coupled::Pairs(in_batches(x, y, size, seed, task)?)),
        CouplingMethod::Entropic(epsilon) => {
            let options = SinkhornOptions {
                epsilon,
                source_weights: Some(x.weights.view()),
                target_weights: Some(y.weights.view()),
                task,
                ..Default::default()
            };
            let plan = sinkhorn(x.x.view(), y.x.view(), Cost::SquaredEuclidean, &options)?;
            if plan.status != SinkhornStatus::Converged {
                let reason = format!(
                    "the marginal error is {:.1e} after {} iterations; increase epsilon",
                    plan.marginal_error, plan.iterations
                );
                return Err(Error::Numerical { what: "the entropic coupling", reason });
            }
            Ok(averages(&plan, x.x.view(), y.x.view()))
        }
    }
}

fn exact_pairs(
    x: &Cloud,
    y: &Cloud,
    rows: &[usize],
    columns: &[usize],
    task: Task,
) -> Result<Vec<(usize, usize, f64)>> {
    let shares = |cloud: &Cloud, chosen: &[usize]| {
        let weights = cloud.weights.select(Axis(0), chosen);
        let total = weights.sum();
        (weights / total, total)
    };
    let ((a, mass_a), (b, mass_b)) = (shares(x, rows), shares(y, columns));
    let options = ExactOptions { source_weights: Some(a.view()), target_weights: Some(b.view()), task };
    let (xs, ys) = (x.x.select(Axis(0), rows), y.x.select(Axis(0), columns));
    let coupling = exact(xs.view(), ys.view(), Cost::SquaredEuclidean, &options)?;
    // Of all masses, those of this part: the same on both sides when it is everything.
    let share = 0.5 * (mass_a + mass_b);
    let entries = coupling.source.iter().zip(&coupling.target).zip(&coupling.mass);
    Ok(entries.map(|((&i, &j), &mass)| (rows[i], columns[j], mass * share)).collect())
}

/// Random disjoint batches, as many in both clouds: row order means nothing.
fn in_batches(x: &Cloud, y: &Cloud, size: usize, seed: u64, task: Task) -> Result<Vec<(usize, usize, f64)>> {
    // A weight of zero carries nothing, and a batch needs some mass on both sides.
    let shuffled = |cloud: &Cloud, stream: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        let mut order: Vec<usize> = (0..cloud.len()).filter(|&i| cloud.weights[i] > 0.0).collect();
        order.shuffle(&mut random);
        order
    };
    let (sources, targets) = (shuffled(x, 0), shuffled(y, 1));
    let count = sources.len().max(targets.len()).div_ceil(size).min(sources.len()).min(targets.len());
    let cut =
        |order: &[usize], k: usize| order[k * order.len() / count..(k + 1) * order.len() / count].to_vec();
    let mut pairs = Vec::new();
    for k in 0..count {
        pairs.extend(exact_pairs(x, y, &cut(&sources, k), &cut(&targets, k), task)?);
    }
    let total: f64 = pairs.iter().map(|pair| pair.2).sum();
    pairs.iter_mut().for_each(|pair| pair.2 /= total);
    pairs.sort_unstable_by_key(|&(i, j, _)| (i, j));
    Ok(pairs)
}

fn averages(plan: &Entropic, x: ArrayView2<f64>, y: ArrayView2<f64>) -> Coupled {
    // Conditional means: normalised by the plan's own row, so no mass is lost.
    let mean = |n: usize, others: ArrayView2<f64>, entry: &(dyn Fn(usize, usize) -> f64 + Sync)| {
        let rows: Vec<Array1<f64>> = (0..n)
            .into_par_iter()
            .map(|i| {
                let mut sum = Array1::zeros(others.ncols());
                let mut total = 0.0;
                for (j, other) in others.rows().into_iter().enumerate() {
                    let mass = entry(i, j);
                    total += mass;
                    sum.scaled_add(mass, &other);
                }
                sum / total
            })
            .collect();
        let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
        ndarray::stack(Axis(0), &views).expect("equal lengths")
    };
    Coupled::Averages {
        forward: mean(x.nrows(), y, &|i, j| plan.entry(i, j)),
        backward: mean(y.nrows(), x, &|j, i| plan.entry(i, j)),
    }
}

/// The rows of one interval: where the condition of optimality is evaluated, and the motion.
pub(super) struct Sites {
    /// Points, `[r, d]`.
    pub at: Array2<f64>,
    /// y − x there, `[r, d]`.
    pub displacement: Array2<f64>,
    /// Masses, `[r]`, of sum 1.
    pub mass: Array1<f64>,
    /// The cloud whose density and interaction count there: its particles are weighted points.
    pub cloud: Cloud,
}

/// Where the rows are, for one of the coupled schemes.
pub(super) fn sites(scheme: Scheme, coupled: &Coupled, x: &Cloud, y: &Cloud) -> Result<Sites> {
    match (scheme, coupled) {
        (Scheme::Explicit, Coupled::Pairs(pairs)) => {
            let (kept, image) = conditional(pairs.iter().map(|&(i, j, mass)| (i, j, mass)), x.len(), &y.x);
            at_rows(x, &kept, |at, image| image - at, image)
        }
        (Scheme::Implicit, Coupled::Pairs(pairs)) => {
            let (kept, origin) = conditional(pairs.iter().map(|&(i, j, mass)| (j, i, mass)), y.len(), &x.x);
            at_rows(y, &kept, |at, origin| at - origin, origin)
        }
        (Scheme::Explicit, Coupled::Averages { forward, .. }) => {
            at_rows(x, &x.weights, |at, image| image - at, forward.clone())
        }
        (Scheme::Implicit, Coupled::Averages { backward, .. }) => {
            at_rows(y, &y.weights, |at, origin| at - origin, backward.clone())
        }
        (Scheme::Midpoint | Scheme::Weak, Coupled::Pairs(pairs)) => {
            let rows: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
            let columns: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
            let mass = pairs.iter().map(|pair| pair.2).collect();
            halfway(x.x.select(Axis(0), &rows), y.x.select(Axis(0), &columns), mass)
        }
        (Scheme::Midpoint | Scheme::Weak, Coupled::Averages { forward, .. }) => {
            halfway(x.x.clone(), forward.clone(), x.weights.clone())
        }
    }
}

/// Mass of every row and its conditional mean among the others; zeros where there is no mass.
fn conditional(
    pairs: impl Iterator<Item = (usize, usize, f64)>,
    n: usize,
    others: &Array2<f64>,
) -> (Array1<f64>, Array2<f64>) {
    let (mut masses, mut means) = (Array1::zeros(n), Array2::zeros((n, others.ncols())));
    for (i, j, mass) in pairs {
        masses[i] += mass;
        means.row_mut(i).scaled_add(mass, &others.row(j));
    }
    for (mut row, &mass) in means.rows_mut().into_iter().zip(&masses) {
        if mass > 0.0 {
            row /= mass;
        }
    }
    (masses, means)
}

/// Rows at the particles of a cloud that carry mass.
fn at_rows(
    cloud: &Cloud,
    masses: &Array1<f64>,
    motion: impl Fn(Array2<f64>, Array2<f64>) -> Array2<f64>,
    partner: Array2<f64>,
) -> Result<Sites> {
    let kept: Vec<usize> = (0..masses.len()).filter(|&i| masses[i] > 0.0).collect();
    let at = cloud.x.select(Axis(0), &kept);
    let displacement = motion(at.clone(), partner.select(Axis(0), &kept));
    Ok(Sites { at, displacement, mass: masses.select(Axis(0), &kept), cloud: cloud.clone() })
}

fn halfway(from: Array2<f64>, to: Array2<f64>, mass: Array1<f64>) -> Result<Sites> {
    let at = 0.5 * (&from + &to);
    let cloud = Cloud::new(at.clone(), Some(mass.view()))?;
    Ok(Sites { at, displacement: to - from, mass, cloud })
}
