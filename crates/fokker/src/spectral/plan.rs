//! How the moments of a block of rows are computed: as matrix products.
//!
//! ```text
//! one coordinate     sums of features
//! two                Gram matrix of the features, in panels
//! three (i < j < l)  for each j: (φ(x_i) φ(x_j) for all i, as rows) · (φ(x_l) for all l, as columns)
//! more               dot products
//! ```

use super::Family;
use super::terms::{Demand, Key, factors};
use fokker_linalg::matmul_accumulate;
use ndarray::{ArrayView2, ArrayViewMut2};

/// Rows of a block: features of a block stay in the cache.
const BLOCK: usize = 256;
/// Rows of a panel of the Gram matrix.
const PANEL: usize = 96;

/// Where every moment is accumulated, and how.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    family: Family,
    dim: usize,
    /// Degrees of the features of one coordinate.
    degree: usize,
    panels: Vec<Product>,
    triples: Vec<Product>,
    /// Moments of four coordinates and more: position and feature rows.
    others: Vec<(usize, Vec<u32>)>,
    /// Position of each moment of the demand.
    positions: Vec<u32>,
    /// Number of accumulators.
    len: usize,
}

/// A matrix product of features: rows that are products of one or two, times columns.
#[derive(Debug, Clone)]
struct Product {
    left: Vec<(u32, Option<u32>)>,
    right: Vec<u32>,
    offset: usize,
}

/// Buffers of one thread.
pub(super) struct Work {
    lanes: Vec<f64>,
    features: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
}

impl Plan {
    pub fn new(family: Family, dim: usize, demand: &Demand) -> Self {
        let degree = demand.keys.iter().flat_map(|key| factors(key).map(|f| f.1)).max().unwrap_or(1);
        let row = |(coordinate, k): (usize, usize)| (coordinate * degree + k - 1) as u32;
        let rows: Vec<Vec<u32>> = demand.keys.iter().map(|key| factors(key).map(row).collect()).collect();
        // The constant is accumulator 0, the means of features follow.
        let mut plan = Plan {
            family,
            dim,
            degree,
            panels: Vec::new(),
            triples: Vec::new(),
            others: Vec::new(),
            positions: vec![0; rows.len()],
            len: 1 + dim * degree,
        };
        plan.plan_pairs(&rows);
        plan.plan_triples(&rows, degree);
        for (i, rows) in rows.iter().enumerate() {
            plan.positions[i] = match rows.as_slice() {
                [] => 0,
                &[a] => 1 + a,
                &[a, b] => plan.find(&plan.panels, |p| p.left.iter().position(|l| l.0 == b), (b, a)),
                &[a, b, c] => {
                    let group = plan.triples.binary_search_by_key(&(b / degree as u32), |p| {
                        p.left[0].1.unwrap_or(0) / degree as u32
                    });
                    let product = &plan.triples[group.unwrap_or(0)];
                    let left = product.left.binary_search(&(a, Some(b))).unwrap_or(0);
                    let right = product.right.binary_search(&c).unwrap_or(0);
                    (product.offset + left * product.right.len() + right) as u32
                }
                more => {
                    plan.others.push((plan.len, more.to_vec()));
                    plan.len += 1;
                    plan.len as u32 - 1
                }
            };
        }
        plan
    }

    /// Panels of the features that occur in moments of two coordinates, each with the columns it needs.
    fn plan_pairs(&mut self, rows: &[Vec<u32>]) {
        let pairs: Vec<(u32, u32)> = rows.iter().filter(|r| r.len() == 2).map(|r| (r[1], r[0])).collect();
        let distinct = sorted(pairs.iter().flat_map(|&(b, _)| [b]));
        for left in distinct.chunks(PANEL) {
            let (first, last) = (left[0], left[left.len() - 1]);
            let inside = pairs.iter().filter(|&&(b, _)| first <= b && b <= last);
            let right = sorted(inside.map(|&(_, a)| a));
            self.panels.push(Product {
                offset: self.len,
                left: left.iter().map(|&b| (b, None)).collect(),
                right,
            });
            let panel = &self.panels[self.panels.len() - 1];
            self.len += panel.left.len() * panel.right.len();
        }
    }

    /// One product for each middle coordinate.
    fn plan_triples(&mut self, rows: &[Vec<u32>], degree: usize) {
        let mut triples: Vec<(usize, [u32; 3])> = rows
            .iter()
            .filter(|r| r.len() == 3)
            .map(|r| (r[1] as usize / degree, [r[0], r[1], r[2]]))
            .collect();
        triples.sort_unstable();
        for group in triples.chunk_by(|a, b| a.0 == b.0) {
            let mut left: Vec<(u32, Option<u32>)> = group.iter().map(|(_, r)| (r[0], Some(r[1]))).collect();
            left.sort_unstable();
            left.dedup();
            let right = sorted(group.iter().map(|(_, r)| r[2]));
            let size = left.len() * right.len();
            self.triples.push(Product { left, right, offset: self.len });
            self.len += size;
        }
    }

    fn find(&self, products: &[Product], row: impl Fn(&Product) -> Option<usize>, (b, a): (u32, u32)) -> u32 {
        let product = products.iter().find(|p| p.left[0].0 <= b && b <= p.left[p.left.len() - 1].0);
        let product = product.expect("every pair has a panel");
        let (left, right) = (row(product).unwrap_or(0), product.right.binary_search(&a).unwrap_or(0));
        (product.offset + left * product.right.len() + right) as u32
    }

    /// Number of accumulators.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The moments of the demand, from accumulated sums over rows of total weight `weight`.
    pub fn moments(&self, sums: &[f64], weight: f64) -> Vec<f64> {
        self.positions.iter().map(|&p| if p == 0 { 1.0 } else { sums[p as usize] / weight }).collect()
    }

    pub fn work(&self) -> Work {
        let of =
            |products: &[Product], size: fn(&Product) -> usize| products.iter().map(size).max().unwrap_or(0);
        let all = |size: fn(&Product) -> usize| of(&self.panels, size).max(of(&self.triples, size));
        Work {
            lanes: vec![0.0; self.dim * BLOCK],
            features: vec![0.0; self.dim * self.degree * BLOCK],
            left: vec![0.0; all(|p| p.left.len()) * BLOCK],
            right: vec![0.0; all(|p| p.right.len()) * BLOCK],
        }
    }

    /// Adds the moments of rows, given by a function that writes their coordinates as lanes.
    pub fn accumulate(
        &self,
        rows: ArrayView2<f64>,
        weights: Option<&[f64]>,
        lanes_of: impl Fn(ArrayView2<f64>, &mut [f64]),
        (sums, work): (&mut [f64], &mut Work),
    ) {
        for (b, block) in rows.axis_chunks_iter(ndarray::Axis(0), BLOCK).enumerate() {
            let n = block.nrows();
            lanes_of(block, &mut work.lanes[..self.dim * n]);
            let features = &mut work.features[..self.dim * self.degree * n];
            for (y, out) in work.lanes.chunks_exact(n).zip(features.chunks_exact_mut(self.degree * n)) {
                self.family.values(y, out);
            }
            let weights = weights.map(|w| &w[b * BLOCK..b * BLOCK + n]);
            self.add_block(n, weights, sums, work);
        }
    }

    fn add_block(&self, n: usize, weights: Option<&[f64]>, sums: &mut [f64], work: &mut Work) {
        let Work { features, left, right, .. } = work;
        let feature = |row: u32| &features[row as usize * n..][..n];
        for (row, sum) in sums[1..=self.dim * self.degree].iter_mut().enumerate() {
            let values = feature(row as u32);
            *sum += match weights {
                None => values.iter().sum::<f64>(),
                Some(weights) => values.iter().zip(weights).map(|(x, w)| x * w).sum(),
            };
        }
        for product in self.panels.iter().chain(&self.triples) {
            let (rows, columns) = (product.left.len(), product.right.len());
            for (out, &(a, b)) in left.chunks_exact_mut(n).zip(&product.left) {
                match b {
                    None => out.copy_from_slice(feature(a)),
                    Some(b) => multiply(feature(a), feature(b), out),
                }
                if let Some(weights) = weights {
                    out.iter_mut().zip(weights).for_each(|(x, w)| *x *= w);
                }
            }
            for (out, &row) in right.chunks_exact_mut(n).zip(&product.right) {
                out.copy_from_slice(feature(row));
            }
            let view = |rows: usize, slice| ArrayView2::from_shape((rows, n), slice).expect("rows of n");
            let out = &mut sums[product.offset..product.offset + rows * columns];
            matmul_accumulate(
                view(rows, &left[..rows * n]),
                view(columns, &right[..columns * n]).t(),
                ArrayViewMut2::from_shape((rows, columns), out).expect("rows × columns"),
            );
        }
        for (position, rows) in &self.others {
            let product = &mut right[..n];
            match weights {
                None => product.fill(1.0),
                Some(weights) => product.copy_from_slice(weights),
            }
            for &row in rows {
                product.iter_mut().zip(feature(row)).for_each(|(p, x)| *p *= x);
            }
            sums[*position] += product.iter().sum::<f64>();
        }
    }

    /// Values φ_k of all moments of the demand at one row, for the criterion's covariance.
    pub fn products(&self, keys: &[Key], lanes: &[f64], n: usize, mut visit: impl FnMut(usize, &[f64])) {
        let mut features = vec![0.0; self.dim * self.degree * n];
        for (y, out) in lanes.chunks_exact(n).zip(features.chunks_exact_mut(self.degree * n)) {
            self.family.values(y, out);
        }
        let mut product = vec![0.0; n];
        for (slot, key) in keys.iter().enumerate() {
            product.fill(1.0);
            for (coordinate, k) in factors(key) {
                let row = coordinate * self.degree + k - 1;
                product.iter_mut().zip(&features[row * n..]).for_each(|(p, x)| *p *= x);
            }
            visit(slot, &product);
        }
    }
}

fn multiply(a: &[f64], b: &[f64], out: &mut [f64]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a * b;
    }
}

fn sorted(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
