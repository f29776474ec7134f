//! The linear system of one time: assembled from moments, solved by Cholesky or conjugate gradients.

use super::terms::Terms;
use crate::{Error, Result};
use fokker_linalg::{Cholesky, eigh};
use ndarray::{Array1, Array2};

/// What the solution of one time is worth.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Solve {
    /// Time, on the unit-rate clock.
    pub time: f64,
    /// Ratio of the extreme eigenvalues of the scaled matrix with its ridge; a lower bound from
    /// the iteration when it was solved by conjugate gradients.
    #[serde(deserialize_with = "super::choice::infinite_when_null")]
    pub condition: f64,
    /// `|b − (A + η Λ) c| / |b|` in the scaled variables.
    pub residual: f64,
    /// Iterations of conjugate gradients; none when it was factored.
    pub iterations: Option<usize>,
    /// `½ c·Ac − b·c` with the moments of the fit.
    pub objective: f64,
    /// The same with the moments of the rows held out.
    pub held_out: Option<f64>,
    /// Expected excess of the objective over that of the best coefficients, `tr((A + ηΛ)⁻¹ Cov ψ)/(2N)`.
    pub statistical: Option<f64>,
    /// `(Σ λ_n c_n²)^½`: size of the fitted gradient of log p_t/π in L²(π).
    pub size: f64,
}

/// Largest number of functions that are factored rather than iterated on.
pub(super) const DIRECT: usize = 1500;

/// `A(t)` and `b(t)` in the variables scaled by λ^{−1/2}, in which t → ∞ is the identity.
///
/// ```text
/// Ã_nm = A_nm/√(λ_n λ_m),   b̃_n = b_n/√λ_n,   c̃_n = √λ_n c_n,     (Ã + η I) c̃ = b̃
/// ```
#[derive(Debug, Clone)]
pub(super) struct System<'a> {
    terms: &'a Terms,
    /// Entries (n, m), m ≤ n, in the order of the terms.
    entries: Vec<f64>,
    right: Vec<f64>,
}

impl<'a> System<'a> {
    /// Assembles the system at `time`, O(number of terms).
    pub fn new(terms: &'a Terms, moments: &[f64], time: f64) -> Self {
        let highest = terms.moment_eigenvalues.iter().copied().max().unwrap_or(0) as usize;
        let decay: Vec<f64> = (0..=highest).map(|level| (-(level as f64) * time).exp()).collect();
        let smoothed: Vec<f64> =
            moments.iter().zip(&terms.moment_eigenvalues).map(|(m, &l)| m * decay[l as usize]).collect();
        let roots: Vec<f64> = terms.eigenvalues.iter().map(|l| l.sqrt()).collect();
        let mut entries = vec![0.0; terms.columns.len()];
        for n in 0..terms.len() {
            for entry in terms.rows[n]..terms.rows[n + 1] {
                let range = terms.pointers[entry]..terms.pointers[entry + 1];
                let sum: f64 = terms.terms[range].iter().map(|&(c, k)| c * smoothed[k as usize]).sum();
                entries[entry] = sum / (roots[n] * roots[terms.columns[entry] as usize]);
            }
        }
        let right = terms.own.iter().zip(&roots).map(|(&k, root)| root * smoothed[k as usize]).collect();
        System { terms, entries, right }
    }

    fn len(&self) -> usize {
        self.terms.len()
    }

    /// `out ← Ã x`.
    pub fn multiply(&self, x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for n in 0..self.len() {
            let mut sum = 0.0;
            for entry in self.terms.rows[n]..self.terms.rows[n + 1] {
                let (m, value) = (self.terms.columns[entry] as usize, self.entries[entry]);
                sum += value * x[m];
                if m != n {
                    out[m] += value * x[n];
                }
            }
            out[n] += sum;
        }
    }

    /// Ã + η I, dense.
    pub fn dense(&self, ridge: f64) -> Array2<f64> {
        let mut a = Array2::zeros((self.len(), self.len()));
        for n in 0..self.len() {
            for entry in self.terms.rows[n]..self.terms.rows[n + 1] {
                let m = self.terms.columns[entry] as usize;
                a[[n, m]] = self.entries[entry];
                a[[m, n]] = self.entries[entry];
            }
            a[[n, n]] += ridge;
        }
        a
    }

    /// Ã and b̃.
    pub fn into_dense(self) -> (Array2<f64>, Array1<f64>) {
        (self.dense(0.0), Array1::from(self.right))
    }

    /// `½ c·Ac − b·c`, of scaled coefficients.
    pub fn objective(&self, scaled: &[f64]) -> f64 {
        let mut product = vec![0.0; self.len()];
        self.multiply(scaled, &mut product);
        let terms = scaled.iter().zip(&product).zip(&self.right);
        terms.map(|((c, ac), b)| 0.5 * c * ac - b * c).sum()
    }

    /// Solves with the given ridge; scaled coefficients.
    pub fn solve(&self, ridge: f64, time: f64) -> Result<(Vec<f64>, Solve)> {
        let (scaled, condition, iterations) = if self.len() <= DIRECT {
            let (scaled, condition) = self.factor(ridge)?;
            (scaled, condition, None)
        } else {
            let (scaled, condition, iterations) = self.iterate(ridge)?;
            (scaled, condition, Some(iterations))
        };
        let mut product = vec![0.0; self.len()];
        self.multiply(&scaled, &mut product);
        let residual: f64 = (0..self.len())
            .map(|n| (self.right[n] - product[n] - ridge * scaled[n]).powi(2))
            .sum::<f64>()
            .sqrt();
        let objective = (0..self.len()).map(|n| scaled[n] * (0.5 * product[n] - self.right[n])).sum();
        let solve = Solve {
            time,
            condition,
            residual: residual / norm(&self.right).max(f64::MIN_POSITIVE),
            iterations,
            objective,
            held_out: None,
            statistical: None,
            size: norm(&scaled),
        };
        Ok((scaled, solve))
    }

    fn factor(&self, ridge: f64) -> Result<(Vec<f64>, f64)> {
        let n = self.len();
        let cholesky = Cholesky::new(self.dense(ridge).view()).map_err(|error| Error::Numerical {
            what: "the fit",
            reason: format!("{error}; give a larger ridge than {ridge:.0e} or a lower degree"),
        })?;
        let mut solution = Array2::from_shape_vec((n, 1), self.right.clone()).expect("one column");
        cholesky.solve_in_place(solution.view_mut());
        // Extreme eigenvalues by power iteration, which a few dozen products settle to 10 %.
        let start = || Array1::from_shape_fn(n, |i| 1.0 + 0.5 * ((i * 37 + 11) % 17) as f64 / 17.0).to_vec();
        let (mut top, mut bottom) = (start(), start());
        let (mut largest, mut smallest) = (1.0, 1.0);
        let mut product = vec![0.0; n];
        for _ in 0..20 {
            normalise(&mut top);
            self.multiply(&top, &mut product);
            product.iter_mut().zip(&top).for_each(|(p, x)| *p += ridge * x);
            largest = norm(&product);
            top.copy_from_slice(&product);
            normalise(&mut bottom);
            let mut column = Array2::from_shape_vec((n, 1), bottom).expect("one column");
            cholesky.solve_in_place(column.view_mut());
            bottom = column.into_raw_vec_and_offset().0;
            smallest = 1.0 / norm(&bottom);
        }
        Ok((solution.into_raw_vec_and_offset().0, largest / smallest))
    }

    /// Conjugate gradients, scaled by the diagonal; the condition from the Lanczos matrix.
    fn iterate(&self, ridge: f64) -> Result<(Vec<f64>, f64, usize)> {
        const TOLERANCE: f64 = 1e-10;
        const MOST: usize = 2000;
        let n = self.len();
        let diagonal: Vec<f64> = (0..n)
            .map(|i| {
                let entries = self.terms.rows[i]..self.terms.rows[i + 1];
                let own = entries.clone().find(|&e| self.terms.columns[e] as usize == i);
                (own.map_or(0.0, |e| self.entries[e]) + ridge).max(f64::MIN_POSITIVE)
            })
            .collect();
        let mut x = vec![0.0; n];
        let mut r = self.right.clone();
        let mut z: Vec<f64> = r.iter().zip(&diagonal).map(|(r, d)| r / d).collect();
        let mut p = z.clone();
        let mut q = vec![0.0; n];
        let mut rz = dot(&r, &z);
        let (mut alphas, mut betas) = (Vec::new(), Vec::new());
        let goal = TOLERANCE * norm(&self.right);
        while norm(&r) > goal {
            self.multiply(&p, &mut q);
            q.iter_mut().zip(&p).for_each(|(q, p)| *q += ridge * p);
            let curvature = dot(&p, &q);
            if curvature <= 0.0 || curvature.is_nan() || alphas.len() == MOST {
                return Err(Error::Numerical {
                    what: "the fit",
                    reason: format!(
                        "conjugate gradients left a residual of {:.1e} after {} iterations; give a larger ridge than {ridge:.0e}",
                        norm(&r) / norm(&self.right),
                        alphas.len()
                    ),
                });
            }
            let alpha = rz / curvature;
            for i in 0..n {
                x[i] += alpha * p[i];
                r[i] -= alpha * q[i];
                z[i] = r[i] / diagonal[i];
            }
            let next = dot(&r, &z);
            let beta = next / rz;
            rz = next;
            p.iter_mut().zip(&z).for_each(|(p, z)| *p = z + beta * *p);
            alphas.push(alpha);
            betas.push(beta);
        }
        Ok((x, lanczos_condition(&alphas, &betas)?, alphas.len()))
    }
}

/// Ratio of the extreme Ritz values of the matrix that the iteration saw.
fn lanczos_condition(alphas: &[f64], betas: &[f64]) -> Result<f64> {
    if alphas.is_empty() {
        return Ok(1.0);
    }
    let k = alphas.len();
    let mut t = Array2::zeros((k, k));
    for i in 0..k {
        t[[i, i]] = 1.0 / alphas[i] + if i > 0 { betas[i - 1] / alphas[i - 1] } else { 0.0 };
        if i > 0 {
            t[[i, i - 1]] = betas[i - 1].sqrt() / alphas[i - 1];
            t[[i - 1, i]] = t[[i, i - 1]];
        }
    }
    let values = eigh(t.view())?.values;
    Ok(values[k - 1] / values[0])
}

/// Number of eigenvalues of Ã above rounding, `n ε` of the largest, O(n³).
pub(super) fn rank(system: &System) -> Result<usize> {
    let values = eigh(system.dense(0.0).view())?.values;
    let largest = values[values.len() - 1];
    Ok(values.iter().filter(|&&v| v > values.len() as f64 * f64::EPSILON * largest).count())
}

pub(super) fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn normalise(x: &mut [f64]) {
    let size = norm(x).max(f64::MIN_POSITIVE);
    x.iter_mut().for_each(|x| *x /= size);
}
