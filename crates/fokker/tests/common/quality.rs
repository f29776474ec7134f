//! How close samples are: total variation of histograms, second moments.

use ndarray::{Array2, ArrayView1};

/// Total variation between one-dimensional histograms of 50 bins between the 0.05 and 99.95 %
/// quantiles of the test set, open ends, averaged over coordinates.
pub fn tv1(x: &Array2<f64>, test: &Array2<f64>) -> f64 {
    let one = |j: usize| {
        let edges = edges(test.column(j), 5e-4, 50);
        let mut difference = vec![0.0; 50];
        for (set, sign) in [(x, 1.0), (test, -1.0)] {
            let weight = sign / set.nrows() as f64;
            set.column(j).iter().for_each(|&x| difference[bin(&edges, x)] += weight);
        }
        half_norm(&difference)
    };
    (0..test.ncols()).map(one).sum::<f64>() / test.ncols() as f64
}

/// The same in two dimensions: 20 × 20 bins between the 0.1 and 99.9 % quantiles, averaged over pairs.
pub fn tv2(x: &Array2<f64>, test: &Array2<f64>, pairs: &[(usize, usize)]) -> f64 {
    let one = |&(i, j): &(usize, usize)| {
        let (first, second) = (edges(test.column(i), 1e-3, 20), edges(test.column(j), 1e-3, 20));
        let mut difference = vec![0.0; 400];
        for (set, sign) in [(x, 1.0), (test, -1.0)] {
            let weight = sign / set.nrows() as f64;
            for row in set.rows() {
                difference[bin(&first, row[i]) * 20 + bin(&second, row[j])] += weight;
            }
        }
        half_norm(&difference)
    };
    pairs.iter().map(one).sum::<f64>() / pairs.len() as f64
}

/// Relative Frobenius error of the second-moment matrix.
pub fn m2(x: &Array2<f64>, exact: &Array2<f64>) -> f64 {
    let difference = second_moments(x) - exact;
    (difference.mapv(|e| e * e).sum() / exact.mapv(|e| e * e).sum()).sqrt()
}

pub fn second_moments(x: &Array2<f64>) -> Array2<f64> {
    x.t().dot(x) / x.nrows() as f64
}

/// Neighbours and the far pairs (0, d−1), (d/4, d/2), (d/2, 3d/4).
pub fn chain_pairs(d: usize) -> Vec<(usize, usize)> {
    let far = [(0, d - 1), (d / 4, d / 2), (d / 2, 3 * d / 4)];
    (1..d).map(|j| (j - 1, j)).chain(far).collect()
}

pub fn correlation(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    let centred = |x: ArrayView1<f64>| x.to_owned() - x.mean().unwrap();
    let (a, b) = (centred(a), centred(b));
    a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
}

fn edges(column: ArrayView1<f64>, tail: f64, bins: usize) -> Vec<f64> {
    let mut sorted = column.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quantile = |p: f64| sorted[((sorted.len() - 1) as f64 * p).round() as usize];
    let (low, high) = (quantile(tail), quantile(1.0 - tail));
    (1..bins).map(|i| low + (high - low) * i as f64 / bins as f64).collect()
}

fn bin(edges: &[f64], x: f64) -> usize {
    edges.partition_point(|&edge| edge < x)
}

fn half_norm(x: &[f64]) -> f64 {
    0.5 * x.iter().map(|x| x.abs()).sum::<f64>()
}
