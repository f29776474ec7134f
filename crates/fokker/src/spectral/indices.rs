//! Which products of one-dimensional functions span the fit.

use super::Family;
use crate::{Error, Result};

/// A product φ_{a}(x_i) φ_{b}(x_j) …: pairs (coordinate, degree ≥ 1), coordinates rising.
pub type Index = Vec<(usize, usize)>;

/// Which pairs of coordinates have functions of their own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pairs {
    /// None: independent coordinates.
    None,
    /// Neighbours (i, i + 1).
    Chain,
    /// Neighbours on a lattice of so many rows and columns, coordinate r·columns + c.
    Lattice(usize, usize),
    /// All.
    All,
    /// The given ones.
    List(Vec<(usize, usize)>),
}

impl Pairs {
    /// About how many there are, without listing them.
    pub(super) fn count(&self, dim: usize) -> usize {
        match self {
            Pairs::None => 0,
            Pairs::Chain | Pairs::Lattice(..) => dim.saturating_sub(1),
            Pairs::All => dim * dim.saturating_sub(1) / 2,
            Pairs::List(list) => list.len(),
        }
    }

    /// The pairs (i, j), i < j < `dim`, sorted, each once.
    ///
    /// # Errors
    /// A lattice of another number of sites; a pair beyond the dimension or of a coordinate with itself.
    pub fn edges(&self, dim: usize) -> Result<Vec<(usize, usize)>> {
        let mut edges: Vec<(usize, usize)> = match self {
            Pairs::None => Vec::new(),
            Pairs::Chain => (1..dim).map(|j| (j - 1, j)).collect(),
            &Pairs::Lattice(rows, columns) => {
                if rows.checked_mul(columns) != Some(dim) {
                    let found = rows.saturating_mul(columns);
                    return Err(Error::Size { name: "lattice of pairs", expected: dim, found });
                }
                let right = (0..dim).filter(|i| (i + 1) % columns != 0).map(|i| (i, i + 1));
                right.chain((columns..dim).map(|j| (j - columns, j))).collect()
            }
            Pairs::All => (0..dim).flat_map(|i| (i + 1..dim).map(move |j| (i, j))).collect(),
            Pairs::List(list) => list.iter().map(|&(i, j)| (i.min(j), i.max(j))).collect(),
        };
        for (row, &(i, j)) in edges.iter().enumerate() {
            if i == j || j >= dim {
                let requirement = "two different columns of the data, counted from 0";
                return Err(Error::Entry { name: "pairs", requirement, index: vec![row], found: j as f64 });
            }
        }
        edges.sort_unstable();
        edges.dedup();
        Ok(edges)
    }
}

/// Most functions of a fit.
pub(super) const FUNCTIONS: usize = 1_000_000;

/// How degrees are bounded in a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// a + b + … ≤ degree.
    Total,
    /// (a + 1)(b + 1)… ≤ degree + 1: fewer mixed functions.
    HyperbolicCross,
}

/// What spans the fit: one-body functions of every coordinate, and products on chosen clusters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Largest degree.
    pub degree: usize,
    /// How the degrees of a product are bounded by it.
    pub bound: Bound,
    /// Pairs with functions of their own.
    pub pairs: Pairs,
    /// The product of first degrees on every pair: what a Gaussian needs.
    pub gaussian_pairs: bool,
    /// Three-body products on these triples of coordinates.
    pub triples: Vec<[usize; 3]>,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            degree: 4,
            bound: Bound::Total,
            pairs: Pairs::All,
            gaussian_pairs: false,
            triples: Vec::new(),
        }
    }
}

impl Shape {
    /// Whether it treats all coordinates alike, so that they need not be columns.
    pub(super) fn suits_any_axes(&self) -> bool {
        matches!(self.pairs, Pairs::None | Pairs::All) && self.triples.is_empty()
    }

    /// Refuses a shape of too many functions before one is made: those of a wide matrix do not fit in memory.
    ///
    /// ```
    /// use fokker::spectral::{Pairs, Shape};
    /// let shape = Shape { pairs: Pairs::None, ..Default::default() };
    /// let error = shape.check_size(3_000_000).unwrap_err().to_string();
    /// assert!(error.contains("at most 1000000 for 3000000 columns"), "{error}");
    /// ```
    ///
    /// # Errors
    /// More than a million, without triples and given pairs, which are there already.
    pub fn check_size(&self, dim: usize) -> Result<()> {
        let degrees = 1..=self.degree.min(Family::MAX_DEGREE / 2);
        let products = degrees.clone().flat_map(|a| degrees.clone().map(move |b| [a, b]));
        let of_pair = products.filter(|degrees| self.allows(degrees)).count();
        let pairs = match self.pairs {
            Pairs::List(_) => 0,
            _ => self.pairs.count(dim),
        };
        // The product of first degrees may be one of those of a pair.
        let gaussian = if self.gaussian_pairs { Pairs::All.count(dim) } else { 0 };
        let found = dim * degrees.count() + gaussian.max(pairs.saturating_mul(of_pair));
        if found <= FUNCTIONS {
            return Ok(());
        }
        let requirement = format!(
            "at most {FUNCTIONS} for {dim} columns: lower the degree, take fewer pairs, or fewer columns (principal \
             components)"
        );
        Err(Error::Argument { name: "number of functions", requirement, found: found as f64 })
    }

    /// The functions, sorted: one-body ones first, then pairs, then triples.
    ///
    /// ```
    /// use fokker::spectral::{Pairs, Shape};
    /// let shape = Shape { degree: 2, pairs: Pairs::Chain, ..Default::default() };
    /// // φ_1, φ_2 of three coordinates, φ_1 φ_1 on two edges.
    /// assert_eq!(shape.functions(3).unwrap().len(), 8);
    /// let shape = Shape { degree: 4, pairs: Pairs::Chain, gaussian_pairs: true, ..Default::default() };
    /// assert_eq!(shape.functions(16).unwrap().len(), 259);
    /// ```
    ///
    /// # Errors
    /// A degree of 0 or above 12, more than a million functions, what [`Pairs::edges`] refuses.
    pub fn functions(&self, dim: usize) -> Result<Vec<Index>> {
        let most = Family::MAX_DEGREE / 2;
        if self.degree == 0 || self.degree > most {
            let requirement = format!("from 1 to {most}");
            return Err(Error::Argument { name: "degree", requirement, found: self.degree as f64 });
        }
        self.check_size(dim)?;
        let edges = self.pairs.edges(dim)?;
        let mut functions: Vec<Index> =
            (0..dim).flat_map(|i| (1..=self.degree).map(move |a| vec![(i, a)])).collect();
        for &(i, j) in &edges {
            for a in 1..=self.degree {
                let allowed = (1..=self.degree).filter(|&b| self.allows(&[a, b]));
                functions.extend(allowed.map(|b| vec![(i, a), (j, b)]));
            }
        }
        if self.gaussian_pairs {
            let pairs = Pairs::All.edges(dim)?;
            let missing =
                pairs.into_iter().filter(|pair| !self.allows(&[1, 1]) || edges.binary_search(pair).is_err());
            functions.extend(missing.map(|(i, j)| vec![(i, 1), (j, 1)]));
        }
        for (row, triple) in self.triples.iter().enumerate() {
            functions.extend(self.three_body(row, *triple, dim)?);
        }
        functions.sort_by(|x, y| x.len().cmp(&y.len()).then_with(|| x.cmp(y)));
        functions.dedup();
        if functions.len() > FUNCTIONS {
            let requirement = "at most 1000000: lower the degree or take fewer pairs".into();
            let found = functions.len() as f64;
            return Err(Error::Argument { name: "number of functions", requirement, found });
        }
        Ok(functions)
    }

    fn three_body(&self, row: usize, mut triple: [usize; 3], dim: usize) -> Result<Vec<Index>> {
        triple.sort_unstable();
        let [i, j, l] = triple;
        if i == j || j == l || l >= dim {
            let requirement = "three different columns of the data, counted from 0";
            return Err(Error::Entry { name: "triples", requirement, index: vec![row], found: l as f64 });
        }
        let range = || 1..=self.degree;
        let degrees = range().flat_map(|a| range().flat_map(move |b| range().map(move |c| [a, b, c])));
        let allowed = degrees.filter(|degrees| self.allows(degrees));
        Ok(allowed.map(|[a, b, c]| vec![(i, a), (j, b), (l, c)]).collect())
    }

    fn allows(&self, degrees: &[usize]) -> bool {
        match self.bound {
            Bound::Total => degrees.iter().sum::<usize>() <= self.degree,
            Bound::HyperbolicCross => degrees.iter().map(|a| a + 1).product::<usize>() <= self.degree + 1,
        }
    }
}

/// Eigenvalue of a product: the sum of those of its factors.
pub(super) fn eigenvalue(family: Family, index: &[(usize, usize)]) -> usize {
    index.iter().map(|&(_, degree)| family.eigenvalue(degree)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_functions() {
        let count = |shape: &Shape, dim| shape.functions(dim).unwrap().len();
        let total = |degree, pairs| Shape { degree, pairs, ..Default::default() };
        assert_eq!(count(&total(4, Pairs::None), 200), 800);
        assert_eq!(count(&total(3, Pairs::All), 40), 120 + 780 * 3);
        assert_eq!(count(&total(4, Pairs::Lattice(8, 8)), 64), 256 + 112 * 6);
        // (a + 1)(b + 1) ≤ 5: (1, 1) only.
        let cross = Shape { bound: Bound::HyperbolicCross, ..total(4, Pairs::All) };
        assert_eq!(count(&cross, 3), 12 + 3);
        let triple = Shape { triples: vec![[2, 0, 1]], ..total(4, Pairs::None) };
        assert_eq!(count(&triple, 3), 12 + 4); // (1,1,1) and a 2 in each place
        assert_eq!(Pairs::List(vec![(2, 0), (0, 2)]).edges(3).unwrap(), [(0, 2)]);
    }

    #[test]
    fn what_is_counted_beforehand_is_never_more_than_there_are() {
        for (bound, gaussian_pairs) in
            [(Bound::Total, false), (Bound::Total, true), (Bound::HyperbolicCross, true)]
        {
            for pairs in [Pairs::None, Pairs::Chain, Pairs::All, Pairs::Lattice(20, 20)] {
                let shape = Shape { degree: 12, bound, pairs, gaussian_pairs, ..Default::default() };
                // 400 columns: all pairs of total degree 12 have 5 million functions, the others at most 962,400.
                let (checked, made) = (shape.check_size(400), shape.functions(400));
                assert_eq!(checked.is_ok(), made.is_ok(), "{shape:?}");
            }
        }
        let wide = Shape { pairs: Pairs::None, ..Default::default() };
        assert!(wide.check_size(250_000).is_ok() && wide.check_size(250_001).is_err());
        assert!(Shape::default().check_size(1 << 26).unwrap_err().is_input());
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let refused = |pairs: Pairs| pairs.edges(3).unwrap_err().is_input();
        assert!(refused(Pairs::Lattice(2, 2)) && refused(Pairs::List(vec![(0, 3)])));
        assert!(refused(Pairs::List(vec![(1, 1)])) && refused(Pairs::Lattice(usize::MAX, 2)));
        for degree in [0, 13] {
            assert!(Shape { degree, ..Default::default() }.functions(2).is_err());
        }
        assert!(Shape { triples: vec![[0, 0, 1]], ..Default::default() }.functions(2).is_err());
    }
}
