//! Eigenfunctions of one coordinate, and exact tables of their products.

use super::{cosine, hermite};

/// A family of eigenfunctions of a one-dimensional reference process, orthonormal in L²(π).
///
/// ```text
/// Hermite   Ornstein–Uhlenbeck, π = N(0, 1)                      φ_k = He_k/√k!,      λ_k = k
/// Cosine    Brownian motion reflected on [0, π], π uniform       φ_k = √2 cos(k x),   λ_k = k²     (φ_0 = 1)
/// ```
///
/// Products of two are finite sums of members, which makes every matrix of the method exact.
///
/// ```
/// use fokker::spectral::Family;
/// assert_eq!((Family::Hermite.eigenvalue(3), Family::Cosine.eigenvalue(3)), (3, 9));
/// // x² = 1 + √2 (x² − 1)/√2
/// assert_eq!(Family::Hermite.product(1, 1), vec![(0, 1.0), (2, 2f64.sqrt())]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Hermite polynomials of the Ornstein–Uhlenbeck process.
    Hermite,
    /// Cosines of reflected Brownian motion on [0, π].
    Cosine,
}

impl Family {
    /// Eigenvalue λ_k, a whole number in both families.
    pub fn eigenvalue(self, k: usize) -> usize {
        match self {
            Family::Hermite => k,
            Family::Cosine => k * k,
        }
    }

    /// The nonzero `(k, P_k)` of `φ_a φ_b = Σ_k P_k φ_k`, in rising k.
    ///
    /// ```text
    /// Hermite   P_k = √(a! b! k!)/((s−a)! (s−b)! (s−k)!),   2s = a + b + k,   k = |a−b|, |a−b|+2, …, a+b
    /// Cosine    φ_a φ_b = (φ_{a+b} + φ_{|a−b|})/√2  (a ≠ b),     φ_a² = φ_0 + φ_{2a}/√2          (a, b ≥ 1)
    /// ```
    pub fn product(self, a: usize, b: usize) -> Vec<(usize, f64)> {
        match self {
            Family::Hermite => hermite::product(a, b),
            Family::Cosine => cosine::product(a, b),
        }
    }

    /// Largest degree that features are computed for: beyond, tables lose digits.
    pub const MAX_DEGREE: usize = 24;

    /// Writes φ_1 … φ_K of the points `y` into `out`, φ_k in entries (k−1)n..kn.
    pub(super) fn values(self, y: &[f64], out: &mut [f64]) {
        match self {
            Family::Hermite => hermite::values(y, out),
            Family::Cosine => cosine::values(y, out),
        }
    }

    /// As [`Family::values`], with the first derivatives, and the second ones where asked for.
    pub(super) fn derivatives(self, y: &[f64], out: Lanes) {
        match self {
            Family::Hermite => hermite::derivatives(y, out),
            Family::Cosine => cosine::derivatives(y, out),
        }
    }
}

/// Storage of the functions of one coordinate at n points, each `[K n]`, φ_k in entries (k−1)n..kn.
pub(super) struct Lanes<'a> {
    pub values: &'a mut [f64],
    pub first: &'a mut [f64],
    /// Left alone when empty.
    pub second: &'a mut [f64],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All functions to degree K at one point, from φ_0 on.
    fn at(family: Family, y: f64, degree: usize) -> Vec<f64> {
        let mut out = vec![0.0; degree];
        family.values(&[y], &mut out);
        out.insert(0, 1.0);
        out
    }

    #[test]
    fn products_are_their_expansions() {
        for family in [Family::Hermite, Family::Cosine] {
            for y in [0.0, 0.3, 1.1, 2.9] {
                let phi = at(family, y, 12);
                for (a, b) in (0..=6).flat_map(|a| (0..=6).map(move |b| (a, b))) {
                    let sum: f64 = family.product(a, b).iter().map(|&(k, p)| p * phi[k]).sum();
                    // Terms reach 1e3 at most here: 1e-11 is rounding.
                    assert!((sum - phi[a] * phi[b]).abs() < 1e-11, "{family:?} {a} {b} at {y}");
                    assert!(family.product(a, b).is_sorted_by_key(|term| term.0));
                }
            }
        }
    }

    #[test]
    fn derivatives_agree_with_differences_and_the_eigenvalue_equation() {
        let degree = 9;
        for family in [Family::Hermite, Family::Cosine] {
            for y in [0.4, 1.3, 2.7] {
                let (mut values, mut first, mut second) =
                    (vec![0.0; degree], vec![0.0; degree], vec![0.0; degree]);
                family
                    .derivatives(&[y], Lanes { values: &mut values, first: &mut first, second: &mut second });
                let (up, down) = (at(family, y + 1e-5, degree), at(family, y - 1e-5, degree));
                let drift = if family == Family::Hermite { -y } else { 0.0 };
                for k in 1..=degree {
                    assert_eq!(values[k - 1], at(family, y, degree)[k]);
                    let slope = (up[k] - down[k]) / 2e-5;
                    assert!((slope - first[k - 1]).abs() < 1e-6, "{family:?} {k}");
                    // Lφ = −V'φ' + φ'' = −λφ
                    let residual =
                        drift * first[k - 1] + second[k - 1] + family.eigenvalue(k) as f64 * values[k - 1];
                    assert!(residual.abs() < 1e-10, "{family:?} {k}: {residual}");
                }
            }
        }
    }
}
