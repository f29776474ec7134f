//! Weights, checked and turned into integers.
//!
//! Integer masses make the flow exact: what is sent is subtracted without rounding, a source is
//! empty or it is not, and ties cannot cycle.

use crate::statistics::{checked, shares};
use crate::{Error, Result};
use ndarray::{ArrayView1, ArrayView2, Axis, CowArray, Ix2};

/// Total units when the weights have no common measure.
const UNITS: f64 = (1u64 << 60) as f64;

/// Weights of one cloud.
pub(crate) struct Weights {
    /// All weights, zeros included.
    pub(crate) values: Vec<f64>,
    /// Indices of the positive ones.
    pub(crate) positive: Vec<usize>,
    pub(crate) total: f64,
}

impl Weights {
    /// Shares: the given weights over their sum, or 1/len each. What is balanced is between shares, whatever
    /// the totals.
    pub(crate) fn shares(name: &'static str, given: Option<ArrayView1<f64>>, len: usize) -> Result<Self> {
        Self::of(name, shares(name, given, len)?.to_vec())
    }

    /// Masses: the given weights as they are, or 1/len each.
    pub(crate) fn masses(name: &'static str, given: Option<ArrayView1<f64>>, len: usize) -> Result<Self> {
        match given {
            None => Self::shares(name, None, len),
            Some(weights) => checked(name, weights, len).and_then(|()| Self::of(name, weights.to_vec())),
        }
    }

    fn of(name: &'static str, values: Vec<f64>) -> Result<Self> {
        let total: f64 = values.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            let requirement = "weights with a positive and finite sum".to_string();
            return Err(Error::Argument { name, requirement, found: total });
        }
        let positive = (0..values.len()).filter(|&i| values[i] > 0.0).collect();
        Ok(Weights { values, positive, total })
    }

    /// Only the rows that weigh something: where others lie must not change the scale of a distance.
    pub(crate) fn weighed<'a>(self, x: ArrayView2<'a, f64>) -> (CowArray<'a, f64, Ix2>, Self) {
        if self.positive.len() == self.values.len() {
            return (x.into(), self);
        }
        let x = x.select(Axis(0), &self.positive);
        let (values, positive) = (self.support(), (0..self.positive.len()).collect());
        (x.into(), Weights { values, positive, total: self.total })
    }

    fn support(&self) -> Vec<f64> {
        self.positive.iter().map(|&i| self.values[i]).collect()
    }
}

/// Integer masses of the positive weights, which have the same sum but for rounding; the integers have the
/// same. With the weight of one unit.
pub(crate) fn integer_masses(source: &Weights, target: &Weights) -> (Vec<u64>, Vec<u64>, f64) {
    let (a, b) = (source.support(), target.support());
    if let Some((supply, demand)) = uniform(&a, &b) {
        let unit = a[0] / supply[0] as f64;
        return (supply, demand, unit);
    }
    let (supply, demand) =
        commensurable(&a, &b).unwrap_or_else(|| (rounded(&a, source.total), rounded(&b, target.total)));
    let units: u64 = supply.iter().sum();
    (supply, demand, source.total / units as f64)
}

/// Equal weights on each side: n = m gives one unit each, and so a permutation.
fn uniform(a: &[f64], b: &[f64]) -> Option<(Vec<u64>, Vec<u64>)> {
    let equal = |weights: &[f64]| weights.iter().all(|&weight| weight == weights[0]);
    if !equal(a) || !equal(b) {
        return None;
    }
    let (n, m) = (a.len() as u64, b.len() as u64);
    let divisor = greatest_common_divisor(n, m);
    Some((vec![m / divisor; a.len()], vec![n / divisor; b.len()]))
}

/// Small multiples of one unit, such as counts: no crumbs from rounding.
fn commensurable(a: &[f64], b: &[f64]) -> Option<(Vec<u64>, Vec<u64>)> {
    let least = a.iter().chain(b).fold(f64::INFINITY, |least: f64, &weight| least.min(weight));
    (1..=16).find_map(|parts| {
        let unit = least / parts as f64;
        let multiples = |weights: &[f64]| -> Option<Vec<u64>> {
            weights
                .iter()
                .map(|weight| {
                    let multiple = (weight / unit).round();
                    let fits = multiple < 1e9 && (weight / unit - multiple).abs() < 1e-12 * multiple;
                    fits.then_some(multiple as u64)
                })
                .collect()
        };
        let (a, b) = (multiples(a)?, multiples(b)?);
        (a.iter().sum::<u64>() == b.iter().sum::<u64>()).then_some((a, b))
    })
}

/// Shares of [`UNITS`], at least one each; the largest absorbs the rounding of the others.
fn rounded(weights: &[f64], total: f64) -> Vec<u64> {
    let mut units: Vec<u64> =
        weights.iter().map(|weight| (weight / total * UNITS).round().max(1.0) as u64).collect();
    let largest = (0..units.len()).fold(0, |best, i| if units[i] > units[best] { i } else { best });
    let others: u64 = units.iter().enumerate().filter(|(i, _)| *i != largest).map(|(_, units)| units).sum();
    units[largest] = UNITS as u64 - others;
    units
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    fn masses(a: &[f64], b: &[f64]) -> (Vec<u64>, Vec<u64>, f64) {
        let (a, b) = (Array1::from(a.to_vec()), Array1::from(b.to_vec()));
        let a = Weights::masses("a", Some(a.view()), a.len()).unwrap();
        let b = Weights::masses("b", Some(b.view()), b.len()).unwrap();
        integer_masses(&a, &b)
    }

    #[test]
    fn small_ratios_are_found() {
        assert_eq!(masses(&[0.5, 0.5], &[0.5, 0.5]), (vec![1, 1], vec![1, 1], 0.5));
        assert_eq!(masses(&[0.5, 0.5], &[1.0 / 3.0; 3]), (vec![3, 3], vec![2, 2, 2], 1.0 / 6.0));
        assert_eq!(masses(&[0.2, 0.3, 0.0], &[0.1, 0.4]).0, vec![2, 3]);
    }

    #[test]
    fn other_weights_are_rounded_with_equal_sums() {
        let (a, b) = ([0.123456789, 1.0, 1e-30], [0.7, 0.423456789]);
        let (supply, demand, unit) = masses(&a, &b);
        assert_eq!(supply.iter().sum::<u64>(), demand.iter().sum::<u64>());
        assert!(supply.iter().all(|&units| units > 0));
        for (weight, units) in a.iter().chain(&b).zip(supply.iter().chain(&demand)) {
            assert!((weight - *units as f64 * unit).abs() < 1e-15);
        }
    }
}
