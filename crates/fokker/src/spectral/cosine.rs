//! Normalised cosines φ_k = √2 cos(k y) on [0, π].

use super::family::Lanes;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// The nonzero entries of `φ_a φ_b = Σ_k P_k φ_k`.
pub(super) fn product(a: usize, b: usize) -> Vec<(usize, f64)> {
    match (a, b) {
        (0, k) | (k, 0) => vec![(k, 1.0)],
        _ if a == b => vec![(0, 1.0), (2 * a, FRAC_1_SQRT_2)],
        _ => vec![(a.abs_diff(b), FRAC_1_SQRT_2), (a + b, FRAC_1_SQRT_2)],
    }
}

/// φ_1 … φ_K by the rotation `e^{iky} = e^{iy} e^{i(k−1)y}`, whose error grows only as k.
pub(super) fn values(y: &[f64], out: &mut [f64]) {
    rotate(y, out.len() / y.len().max(1), |k, lane, cos, _| out[(k - 1) * y.len() + lane] = SQRT_2 * cos);
}

/// `φ_k' = −√2 k sin(k y)`, `φ_k'' = −k² φ_k`.
pub(super) fn derivatives(y: &[f64], lanes: Lanes) {
    let n = y.len();
    let Lanes { values, first, second } = lanes;
    rotate(y, values.len() / n.max(1), |k, lane, cos, sin| {
        let at = (k - 1) * n + lane;
        values[at] = SQRT_2 * cos;
        first[at] = -SQRT_2 * k as f64 * sin;
    });
    if !second.is_empty() {
        for (i, (second, value)) in second.iter_mut().zip(values.iter()).enumerate() {
            let k = (i / n + 1) as f64;
            *second = -k * k * value;
        }
    }
}

/// Calls `visit(k, lane, cos(k y), sin(k y))` for k = 1 … degree and every point.
fn rotate(y: &[f64], degree: usize, mut visit: impl FnMut(usize, usize, f64, f64)) {
    for (lane, &y) in y.iter().enumerate() {
        let (s, c) = y.sin_cos();
        let (mut sin, mut cos) = (s, c);
        for k in 1..=degree {
            visit(k, lane, cos, sin);
            (cos, sin) = (cos * c - sin * s, sin * c + cos * s);
        }
    }
}
