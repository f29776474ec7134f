//! A sparse coupling with its proof of optimality.

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2};
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A coupling γ of two weighted clouds, as a list of (source, target, mass).
///
/// ```text
/// γ_{source[k], target[k]} = mass[k],      all other entries 0
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Coupling {
    /// Number of sources n and of targets m.
    pub shape: (usize, usize),
    /// Source of each entry, ascending, `[entries]`.
    pub source: Vec<usize>,
    /// Target of each entry, ascending for one source, `[entries]`.
    pub target: Vec<usize>,
    /// Mass of each entry, positive, `[entries]`.
    pub mass: Vec<f64>,
    /// Σ γ_ij c_ij.
    pub cost: f64,
    /// Dual potentials of the sources, `[n]`.
    pub dual_source: Array1<f64>,
    /// Dual potentials of the targets, `[m]`.
    pub dual_target: Array1<f64>,
    /// Σ_i |Σ_j γ_ij − a_i| + Σ_j |Σ_i γ_ij − b_j|.
    pub marginal_error: f64,
    /// How far from optimal the coupling can be at most.
    pub certificate: Certificate,
}

/// Its figures; the entries and potentials are arrays, and saved as such.
impl Serialize for Coupling {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Coupling", 7)?;
        out.serialize_field("cost", &self.cost)?;
        out.serialize_field("gap", &self.certificate.gap)?;
        out.serialize_field("smallest_reduced_cost", &self.certificate.smallest_reduced_cost)?;
        out.serialize_field("marginal_error", &self.marginal_error)?;
        out.serialize_field("n", &self.shape.0)?;
        out.serialize_field("m", &self.shape.1)?;
        out.serialize_field("entries", &self.mass.len())?;
        out.end()
    }
}

/// Proof of optimality by duality: for feasible duals (`smallest_reduced_cost` ≥ 0 up to
/// rounding) no coupling costs less than `cost − gap`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// Σ γ_ij (c_ij − u_i − v_j), which is the cost less the dual value Σ a_i u_i + Σ b_j v_j,
    /// without their cancellation.
    pub gap: f64,
    /// Lower bound, up to rounding, of c_ij − u_i − v_j over all n·m arcs.
    pub smallest_reduced_cost: f64,
}

impl Coupling {
    /// Mass leaving each source, Σ_j γ_ij, `[n]`.
    pub fn source_marginal(&self) -> Array1<f64> {
        let mut marginal = Array1::zeros(self.shape.0);
        for (&i, &mass) in self.source.iter().zip(&self.mass) {
            marginal[i] += mass;
        }
        marginal
    }

    /// Mass reaching each target, Σ_i γ_ij, `[m]`.
    pub fn target_marginal(&self) -> Array1<f64> {
        let mut marginal = Array1::zeros(self.shape.1);
        for (&j, &mass) in self.target.iter().zip(&self.mass) {
            marginal[j] += mass;
        }
        marginal
    }

    /// Barycentric projection: where each source goes on average.
    ///
    /// ```text
    /// T(x_i) = Σ_j γ_ij y_j / Σ_j γ_ij
    /// ```
    ///
    /// `y` is `[m, d]`, the result `[n, d]`; O(entries · d).
    ///
    /// # Errors
    /// When `y` does not have m rows, or a source sends nothing.
    pub fn barycentric(&self, y: ArrayView2<f64>) -> Result<Array2<f64>> {
        if y.nrows() != self.shape.1 {
            return Err(Error::Size { name: "y", expected: self.shape.1, found: y.nrows() });
        }
        let sent = self.source_marginal();
        if let Some(i) = sent.iter().position(|mass| *mass <= 0.0) {
            return Err(Error::Undefined {
                what: "the barycentric projection",
                reason: format!("source {i} sends nothing, so it goes nowhere"),
                remedy: "leave out the sources without mass",
            });
        }
        let mut image = Array2::zeros((self.shape.0, y.ncols()));
        for ((&i, &j), &mass) in self.source.iter().zip(&self.target).zip(&self.mass) {
            image.row_mut(i).scaled_add(mass, &y.row(j));
        }
        for (mut row, mass) in image.rows_mut().into_iter().zip(sent) {
            row.map_inplace(|value| *value /= mass);
        }
        Ok(image)
    }
}

/// Σ |γ1 − a| + Σ |γᵀ1 − b| of entries given as (source, target, mass).
pub(crate) fn marginal_error(
    entries: impl Iterator<Item = (usize, usize, f64)>,
    a: &[f64],
    b: &[f64],
) -> f64 {
    let (mut rows, mut columns) = (a.to_vec(), b.to_vec());
    for (i, j, mass) in entries {
        rows[i] -= mass;
        columns[j] -= mass;
    }
    rows.iter().chain(&columns).map(|left| left.abs()).sum()
}
