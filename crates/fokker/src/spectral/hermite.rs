//! Normalised Hermite polynomials φ_k = He_k/√k!.

use super::family::Lanes;

/// The nonzero entries of `φ_a φ_b = Σ_k P_k φ_k`.
pub(super) fn product(a: usize, b: usize) -> Vec<(usize, f64)> {
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let table = (a.abs_diff(b)..=a + b).step_by(2).map(|k| {
        let s = (a + b + k) / 2;
        let root = (factorial(a) * factorial(b)).sqrt() * factorial(k).sqrt();
        (k, root / (factorial(s - a) * factorial(s - b) * factorial(s - k)))
    });
    table.collect()
}

/// φ_1 … φ_K by `√k φ_k = y φ_{k−1} − √(k−1) φ_{k−2}`.
pub(super) fn values(y: &[f64], out: &mut [f64]) {
    let n = y.len();
    let degree = out.len() / n.max(1);
    for k in 1..=degree {
        let (before, rest) = out.split_at_mut((k - 1) * n);
        let current = &mut rest[..n];
        match k {
            1 => current.copy_from_slice(y),
            _ => {
                let (a, b) = (1.0 / (k as f64).sqrt(), ((k - 1) as f64 / k as f64).sqrt());
                let one = &before[(k - 2) * n..];
                if k == 2 {
                    for ((c, &y), &p) in current.iter_mut().zip(y).zip(one) {
                        *c = a * y * p - b;
                    }
                } else {
                    let two = &before[(k - 3) * n..(k - 2) * n];
                    for (((c, &y), &p), &q) in current.iter_mut().zip(y).zip(one).zip(two) {
                        *c = a * y * p - b * q;
                    }
                }
            }
        }
    }
}

/// `φ_k' = √k φ_{k−1}`, `φ_k'' = √(k(k−1)) φ_{k−2}`.
pub(super) fn derivatives(y: &[f64], lanes: Lanes) {
    let n = y.len();
    values(y, lanes.values);
    lower(lanes.values, lanes.first, n, 1, |k| k.sqrt());
    if !lanes.second.is_empty() {
        lower(lanes.values, lanes.second, n, 2, |k| (k * (k - 1.0)).sqrt());
    }
}

/// `out_k = factor(k) φ_{k−by}`.
fn lower(values: &[f64], out: &mut [f64], n: usize, by: usize, factor: impl Fn(f64) -> f64) {
    for (i, out) in out.chunks_exact_mut(n.max(1)).enumerate() {
        let k = i + 1;
        let factor = factor(k as f64);
        match k.checked_sub(by) {
            None => out.fill(0.0),
            Some(0) => out.fill(factor),
            Some(j) => {
                for (out, &value) in out.iter_mut().zip(&values[(j - 1) * n..j * n]) {
                    *out = factor * value;
                }
            }
        }
    }
}
