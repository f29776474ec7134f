//! Weights of rows, checked.

use crate::{Error, Result};
use ndarray::{Array1, ArrayView1};

/// The weights divided by their sum, or 1/n each.
pub(crate) fn normalised(weights: Option<ArrayView1<f64>>, n: usize) -> Result<Array1<f64>> {
    let Some(weights) = weights else {
        return Ok(Array1::from_elem(n, 1.0 / n as f64));
    };
    if weights.len() != n {
        return Err(Error::Size { name: "weights", expected: n, found: weights.len() });
    }
    for (i, &weight) in weights.iter().enumerate() {
        if !weight.is_finite() {
            return Err(Error::NonFinite { name: "weights", index: vec![i], value: weight });
        }
        if weight < 0.0 {
            let requirement = "non-negative";
            return Err(Error::Entry { name: "weights", requirement, index: vec![i], found: weight });
        }
    }
    // By the largest first: the sum of huge weights is not finite.
    let largest = weights.iter().fold(0.0, |largest: f64, &weight| largest.max(weight));
    if largest == 0.0 {
        let requirement = "positive for at least one row".into();
        return Err(Error::Argument { name: "weights", requirement, found: 0.0 });
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
    fn weights_are_shares_at_any_scale() {
        assert_eq!(normalised(Some(array![1e308, 1e308].view()), 2).unwrap(), array![0.5, 0.5]);
        assert_eq!(normalised(Some(array![3e-320, 1e-320].view()), 2).unwrap().sum(), 1.0);
        assert_eq!(normalised(None, 4).unwrap(), array![0.25, 0.25, 0.25, 0.25]);
        for bad in [array![1.0], array![1.0, -1.0], array![0.0, 0.0], array![1.0, f64::NAN]] {
            assert!(normalised(Some(bad.view()), 2).is_err(), "{bad}");
        }
    }
}
