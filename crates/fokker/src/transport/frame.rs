//! The frame in which clouds are compared: centred, and of size one up to a power of two.
//!
//! With A = x·2^−k and B = y·2^−k (exact), means a and b, Δ = a − b, A' = A − a, B' = B − b,
//!
//! ```text
//! |A − B|² = |A' − B'|² + 2 Δ·A' − 2 Δ·B' + |Δ|²
//! ```
//!
//! so separate centring of the squared cost only moves the dual potentials, exactly and for any
//! Δ. The Euclidean cost allows one common centre (Δ = 0) only.

use super::ground::{Cost, Ground, Points};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Two clouds in their common frame, and the way back.
pub(crate) struct Frame {
    pub(crate) ground: Ground<'static>,
    cost: Cost,
    /// Clouds scaled by 2^−outer, not centred.
    x: Array2<f64>,
    y: Array2<f64>,
    /// Difference of the two centres, in the scaled clouds.
    shift: Array1<f64>,
    outer: i32,
    /// The centred clouds are scaled by another 2^−inner.
    inner: i32,
}

impl Frame {
    /// Separate centres where the cost allows it.
    pub(crate) fn new(x: ArrayView2<f64>, y: ArrayView2<f64>, cost: Cost) -> Self {
        Self::build(x, y, cost, cost == Cost::SquaredEuclidean)
    }

    /// One centre for both clouds: the costs themselves are kept.
    pub(crate) fn with_common_centre(x: ArrayView2<f64>, y: ArrayView2<f64>, cost: Cost) -> Self {
        Self::build(x, y, cost, false)
    }

    fn build(x: ArrayView2<f64>, y: ArrayView2<f64>, cost: Cost, separate: bool) -> Self {
        let outer = exponent(largest(&x).max(largest(&y)));
        let x = x.mapv(|value| scaled(value, -outer));
        let y = y.mapv(|value| scaled(value, -outer));
        let (mut a, mut b) = (centre(&x), centre(&y));
        if !separate {
            a = (&a + &b) * 0.5;
            b = a.clone();
        }
        let shift = &a - &b;
        let (centred_x, centred_y) = (&x - &a, &y - &b);
        let inner = exponent(largest(&centred_x.view()).max(largest(&centred_y.view())));
        let centred = |cloud: Array2<f64>| cloud.mapv_into(|value| scaled(value, -inner));
        let ground = Ground::Points(Points::new(cost, centred(centred_x), centred(centred_y)));
        Frame { ground, cost, x, y, shift, outer, inner }
    }

    /// Exponent by which a cost of the scaled clouds becomes a cost of the given ones.
    pub(crate) fn cost_exponent(&self) -> i32 {
        self.degree() * self.outer
    }

    /// A difference of costs (a gap, a reduced cost) of the centred clouds, in the scaled ones.
    pub(crate) fn difference(&self, value: f64) -> f64 {
        scaled(value, self.degree() * self.inner)
    }

    /// Cost of one pair of the scaled clouds.
    pub(crate) fn pair(&self, i: usize, j: usize) -> f64 {
        let square: f64 = self.x.row(i).iter().zip(self.y.row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
        match self.cost {
            Cost::SquaredEuclidean => square,
            Cost::Euclidean => square.sqrt(),
        }
    }

    /// Dual potentials of the centred clouds, as potentials of the scaled ones.
    pub(crate) fn duals(&self, source: &mut [f64], target: &mut [f64]) {
        let Ground::Points(Points { x, y, .. }) = &self.ground else { return };
        let square = self.shift.dot(&self.shift);
        for (u, point) in source.iter_mut().zip(x.rows()) {
            *u = self.difference(*u) + 2.0 * scaled(self.shift.dot(&point), self.inner) + square;
        }
        for (v, point) in target.iter_mut().zip(y.rows()) {
            *v = self.difference(*v) - 2.0 * scaled(self.shift.dot(&point), self.inner);
        }
    }

    /// Degree of homogeneity of the cost.
    fn degree(&self) -> i32 {
        match self.cost {
            Cost::SquaredEuclidean => 2,
            Cost::Euclidean => 1,
        }
    }
}

fn centre(cloud: &Array2<f64>) -> Array1<f64> {
    cloud.mean_axis(Axis(0)).expect("a cloud is not empty")
}

pub(crate) fn largest(values: &ArrayView2<f64>) -> f64 {
    values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

/// The k with 2^(k−1) < value ≤ about 2^k; zero for zero.
pub(crate) fn exponent(value: f64) -> i32 {
    if value == 0.0 { 0 } else { value.log2().ceil() as i32 }
}

/// value · 2^k, exact unless it leaves the range of numbers.
pub(crate) fn scaled(value: f64, k: i32) -> f64 {
    // In three steps: 2^k itself may be out of range.
    let third = k / 3;
    value * 2f64.powi(third) * 2f64.powi(third) * 2f64.powi(k - 2 * third)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn scaling_by_powers_of_two_is_exact_to_the_ends_of_the_range() {
        for value in [1e-300, 3e-150, 0.1, 1.0, 7e150, 1e300] {
            let k = exponent(value);
            let unit = scaled(value, -k);
            assert!(unit > 0.49 && unit <= 1.01, "{value} -> {unit}");
            assert_eq!(scaled(unit, k), value);
        }
    }

    #[test]
    fn pairs_and_duals_are_those_of_the_given_clouds() {
        let x = array![[1e8, 2.0], [1e8 + 3.0, 1.0]];
        let y = array![[-1.0, 0.5], [4.0, -2.0], [0.0, 0.0]];
        let frame = Frame::new(x.view(), y.view(), Cost::SquaredEuclidean);
        // Any duals of the centred clouds: reduced costs do not depend on the frame.
        let (mut u, mut v) = (vec![0.3, -0.2], vec![0.1, 0.0, 0.7]);
        let before = frame.difference(frame.ground.pair(1, 2) - u[1] - v[2]);
        frame.duals(&mut u, &mut v);
        let after = frame.pair(1, 2) - u[1] - v[2];
        assert!((before - after).abs() < 1e-15 * frame.pair(1, 2).abs());
        let given = (1e8f64 + 3.0).powi(2) + 1.0;
        assert!((scaled(frame.pair(1, 2), frame.cost_exponent()) / given - 1.0).abs() < 1e-15);
    }
}
