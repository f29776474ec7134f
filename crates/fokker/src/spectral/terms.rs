//! Which moments a basis needs, and how its matrices are made of them.

use super::indices::{Index, eigenvalue};
use super::{Family, MAX_FACTORS};
use std::collections::HashMap;

/// A product of one-dimensional functions, `coordinate · 256 + degree` each, rising, padded.
pub(super) type Key = [u32; MAX_FACTORS];

/// Marks an unused factor of a key.
const NONE: u32 = u32::MAX;

pub(super) fn factors(key: &Key) -> impl Iterator<Item = (usize, usize)> + '_ {
    key.iter().take_while(|&&f| f != NONE).map(|&f| ((f >> 8) as usize, (f & 255) as usize))
}

/// The moments that are needed, each once.
#[derive(Debug, Default)]
pub(super) struct Demand {
    pub keys: Vec<Key>,
    slots: HashMap<Key, u32>,
}

impl Demand {
    fn slot(&mut self, key: Key) -> u32 {
        let next = self.keys.len() as u32;
        let slot = *self.slots.entry(key).or_insert(next);
        if slot == next {
            self.keys.push(key);
        }
        slot
    }
}

/// How A(t) and b(t) are made of moments m.
///
/// ```text
/// A_nm(t) = ½ Σ_k (λ_n + λ_m − λ_k) C_nm^k e^{−λ_k t} m_k,     φ_n φ_m = Σ_k C_nm^k φ_k
/// b_n(t) = λ_n e^{−λ_n t} m_n
/// ```
/// [Khoo, Oster, Peng 2025]. The tables C are products of those of one coordinate; functions
/// without a common coordinate have A_nm = 0.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// λ_n of the functions.
    pub eigenvalues: Vec<f64>,
    /// λ_k of the moments.
    pub moment_eigenvalues: Vec<u32>,
    /// Moment that is the mean of function n.
    pub own: Vec<u32>,
    /// Entries (n, m), m ≤ n, in order: row pointers and columns.
    pub rows: Vec<usize>,
    pub columns: Vec<u32>,
    /// Terms of entry e: pointers[e]..pointers[e + 1].
    pub pointers: Vec<usize>,
    /// (½ (λ_n + λ_m − λ_k) C_nm^k, moment k) of every term.
    pub terms: Vec<(f64, u32)>,
}

impl Terms {
    /// Enumerates the terms of a basis, O(number of terms).
    pub fn new(family: Family, dim: usize, functions: &[Index]) -> (Self, Demand) {
        let mut demand = Demand::default();
        let mut on_coordinate: Vec<Vec<u32>> = vec![Vec::new(); dim];
        let eigenvalues: Vec<usize> = functions.iter().map(|f| eigenvalue(family, f)).collect();
        let own = functions.iter().map(|f| demand.slot(key_of(f))).collect();
        let tables = Tables::new(family);
        let mut out = Terms {
            eigenvalues: eigenvalues.iter().map(|&e| e as f64).collect(),
            moment_eigenvalues: Vec::new(),
            own,
            rows: vec![0],
            columns: Vec::new(),
            pointers: vec![0],
            terms: Vec::new(),
        };
        let mut partners: Vec<u32> = Vec::new();
        for (n, function) in functions.iter().enumerate() {
            partners.clear();
            for &(coordinate, _) in function {
                on_coordinate[coordinate].push(n as u32);
                partners.extend(&on_coordinate[coordinate]);
            }
            partners.sort_unstable();
            partners.dedup();
            for &m in &partners {
                let before = out.terms.len();
                let both = (eigenvalues[n] + eigenvalues[m as usize]) as f64;
                tables.expand(function, &functions[m as usize], |factor, key, eigenvalue| {
                    let coefficient = 0.5 * (both - eigenvalue as f64) * factor;
                    if coefficient != 0.0 {
                        out.terms.push((coefficient, demand.slot(key)));
                    }
                });
                if out.terms.len() > before {
                    out.columns.push(m);
                    out.pointers.push(out.terms.len());
                }
            }
            out.rows.push(out.columns.len());
        }
        let level =
            |key: &Key| factors(key).map(|(_, degree)| family.eigenvalue(degree)).sum::<usize>() as u32;
        out.moment_eigenvalues = demand.keys.iter().map(level).collect();
        (out, demand)
    }

    /// Number of functions.
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Number of nonzero entries of A, both triangles.
    pub fn nonzeros(&self) -> usize {
        2 * self.columns.len() - self.len()
    }
}

fn key_of(index: &[(usize, usize)]) -> Key {
    let mut key = [NONE; MAX_FACTORS];
    for (slot, &(coordinate, degree)) in key.iter_mut().zip(index) {
        *slot = (coordinate as u32) << 8 | degree as u32;
    }
    key
}

/// Product tables of all degrees.
struct Tables {
    family: Family,
    products: Vec<Vec<(usize, f64)>>,
}

const WIDTH: usize = Family::MAX_DEGREE / 2 + 1;

impl Tables {
    fn new(family: Family) -> Self {
        let products = (0..WIDTH * WIDTH).map(|ab| family.product(ab / WIDTH, ab % WIDTH)).collect();
        Tables { family, products }
    }

    /// Calls `visit(C, key, λ_k)` for every term of φ_n φ_m.
    fn expand(&self, n: &[(usize, usize)], m: &[(usize, usize)], mut visit: impl FnMut(f64, Key, usize)) {
        let mut degrees = [(0, 0, 0); MAX_FACTORS]; // coordinate, degree in n, degree in m
        let mut count = 0;
        let (mut i, mut j) = (0, 0);
        while i < n.len() || j < m.len() {
            let (a, b) = (n.get(i), m.get(j));
            let coordinate = match (a, b) {
                (Some(a), Some(b)) => a.0.min(b.0),
                (Some(a), None) => a.0,
                (_, b) => b.map_or(0, |b| b.0),
            };
            let take = |of: Option<&(usize, usize)>, at: &mut usize| match of {
                Some(&(c, degree)) if c == coordinate => {
                    *at += 1;
                    degree
                }
                _ => 0,
            };
            degrees[count] = (coordinate, take(a, &mut i), take(b, &mut j));
            count += 1;
        }
        self.descend(&degrees[..count], (1.0, [NONE; MAX_FACTORS], 0, 0), &mut visit);
    }

    /// The sum over k of the first coordinate, then of the others.
    fn descend(
        &self,
        rest: &[(usize, usize, usize)],
        (factor, key, length, eigenvalue): (f64, Key, usize, usize),
        visit: &mut impl FnMut(f64, Key, usize),
    ) {
        let Some((&(coordinate, a, b), rest)) = rest.split_first() else {
            return visit(factor, key, eigenvalue);
        };
        for &(k, p) in &self.products[a * WIDTH + b] {
            let (mut key, mut length) = (key, length);
            if k > 0 {
                key[length] = (coordinate as u32) << 8 | k as u32;
                length += 1;
            }
            let next = (factor * p, key, length, eigenvalue + self.family.eigenvalue(k));
            self.descend(rest, next, visit);
        }
    }
}
