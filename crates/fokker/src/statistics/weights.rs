//! Weights of rows, checked.

use crate::{Error, Result};
use ndarray::{Array1, ArrayView1, Axis};
use rand::{RngExt, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;

/// Weight of a row, relative to a typical one, below which it is none.
pub(crate) const NO_ROW: f64 = 1e-9;

/// Rows that carry weight: at least 1e-9 of a typical one, Σ w²/Σ w. Others must not move a range or a centre.
pub(crate) fn carrying(weights: ArrayView1<f64>) -> Vec<usize> {
    let least = NO_ROW * weights.dot(&weights) / weights.sum();
    (0..weights.len()).filter(|&i| weights[i] > 0.0 && weights[i] >= least).collect()
}

/// At most `count` rows in rising order, and weights with which sums over them are unbiased.
///
/// A uniform sample where all weights are equal, and else a priority sample [Duffield, Lund, Thorup 2007]:
/// the smallest keys u/w, with weights max(w, 1/T) for the key T after them.
pub(crate) fn sample_rows(weights: &Array1<f64>, count: usize, seed: u64) -> (Vec<usize>, Array1<f64>) {
    let n = weights.len();
    if n <= count {
        return ((0..n).collect(), weights.clone());
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    if weights.iter().all(|w| *w == weights[0]) {
        let mut chosen = index::sample(&mut random, n, count).into_vec();
        chosen.sort_unstable();
        return (chosen, Array1::from_elem(count, 1.0 / count as f64));
    }
    let keys: Vec<f64> = weights.iter().map(|w| random.random::<f64>() / w).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]).then(a.cmp(&b)));
    let threshold = keys[order[count]];
    order.truncate(count);
    order.sort_unstable();
    let raised = weights.select(Axis(0), &order).mapv(|w| w.max(1.0 / threshold));
    let total = raised.sum();
    (order, raised / total)
}

/// Weights are of n rows, finite and none negative.
pub(crate) fn checked(name: &'static str, weights: ArrayView1<f64>, n: usize) -> Result<()> {
    if weights.len() != n {
        return Err(Error::Size { name, expected: n, found: weights.len() });
    }
    for (i, &value) in weights.iter().enumerate() {
        if !value.is_finite() {
            return Err(Error::NonFinite { name, index: vec![i], value });
        }
        if value < 0.0 {
            let requirement = "non-negative";
            return Err(Error::Entry { name, requirement, index: vec![i], found: value });
        }
    }
    Ok(())
}

/// [`shares`] of what is called weights.
pub(crate) fn normalised(weights: Option<ArrayView1<f64>>, n: usize) -> Result<Array1<f64>> {
    shares("weights", weights, n)
}

/// The weights divided by their sum, or 1/n each.
pub(crate) fn shares(name: &'static str, weights: Option<ArrayView1<f64>>, n: usize) -> Result<Array1<f64>> {
    let Some(weights) = weights else {
        return Ok(Array1::from_elem(n, 1.0 / n as f64));
    };
    checked(name, weights, n)?;
    // By the largest first: the sum of huge weights is not finite.
    let largest = weights.iter().fold(0.0, |largest: f64, &weight| largest.max(weight));
    if largest == 0.0 {
        let requirement = "positive for at least one row".into();
        return Err(Error::Argument { name, requirement, found: 0.0 });
    }
    let scaled = &weights / largest;
    let total = scaled.sum();
    Ok(scaled / total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_sample_of_weighted_rows_is_unbiased() {
        // Weights over four decades; the sum of f over 200 samples of 300 rows. The variance of one sample
        // is at most (Σ w)²/(count − 1) times max f² [Szegedy 2006]: standard error 1/√(299 · 200) = 0.004.
        let weights: Array1<f64> = (0..3000).map(|i| 10f64.powf((i % 41) as f64 / 10.0)).collect();
        let weights = &weights / weights.sum();
        let f = |i: usize| (i as f64).cos();
        let exact: f64 = weights.iter().enumerate().map(|(i, w)| w * f(i)).sum();
        let mean = |seed| {
            let (rows, weights) = sample_rows(&weights, 300, seed);
            assert!(rows.len() == 300 && rows.is_sorted());
            rows.iter().zip(&weights).map(|(&i, w)| w * f(i)).sum::<f64>()
        };
        let found = (0..200).map(mean).sum::<f64>() / 200.0;
        assert!((found - exact).abs() < 0.016, "{found} {exact}");
        assert_eq!(carrying(array![1.0, 0.0, 1e-12, 0.1].view()), [0, 3]);
    }

    #[test]
    fn weights_are_shares_at_any_scale() {
        assert_eq!(normalised(Some(array![1e308, 1e308].view()), 2).unwrap(), array![0.5, 0.5]);
        assert_eq!(normalised(Some(array![3e-320, 1e-320].view()), 2).unwrap().sum(), 1.0);
        assert_eq!(normalised(None, 4).unwrap(), array![0.25, 0.25, 0.25, 0.25]);
        for bad in [array![1.0], array![1.0, -1.0], array![0.0, 0.0], array![1.0, f64::NAN]] {
            assert!(normalised(Some(bad.view()), 2).is_err(), "{bad}");
        }
    }
}
