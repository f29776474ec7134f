//! Functions of several kinds side by side, in scaled coordinates.

use super::{Basis, Fourier, Monomials, Radial};
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, ArrayViewMut3, Axis, Slice};

/// Functions of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Monomials.
    Monomials(Monomials),
    /// Radial functions.
    Radial(Radial),
    /// Waves.
    Fourier(Fourier),
}

impl Part {
    fn basis(&self) -> &dyn Basis {
        match self {
            Part::Monomials(basis) => basis,
            Part::Radial(basis) => basis,
            Part::Fourier(basis) => basis,
        }
    }
}

/// Functions of several kinds of the scaled point.
///
/// ```text
/// φ_k(x) = f_k(z),   z = (x − shift)/scale,   ∇φ_k = ∇f_k/scale,   Δφ_k = Δf_k/scale²
/// ```
///
/// One scale for all coordinates: distances keep their meaning. With shift 0 and scale 1 the
/// functions are of the point itself.
///
/// ```
/// use fokker::basis::{Basis, Features, Monomials, Part};
/// use ndarray::{array, Array3};
/// let parts = vec![Part::Monomials(Monomials::total_degree(1, 2)?)];
/// let features = Features::new(array![1.0], 2.0, parts)?;
/// let mut gradient = Array3::zeros((1, 1, 2));
/// features.gradients_into(array![[5.0]].view(), gradient.view_mut());
/// assert_eq!(gradient, array![[[0.5, 2.0]]]); // z = 2: dz/dx = 1/2, dz²/dx = 2z/2
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    shift: Array1<f64>,
    scale: f64,
    parts: Vec<Part>,
    count: usize,
}

impl Features {
    /// The functions of all parts, one part after the other.
    ///
    /// # Errors
    /// A part of another dimension than the shift, a shift or scale that is not finite, a scale
    /// that is not positive.
    pub fn new(shift: Array1<f64>, scale: f64, parts: Vec<Part>) -> Result<Self> {
        if let Some(part) = parts.iter().map(Part::basis).find(|basis| basis.dim() != shift.len()) {
            return Err(Error::Size {
                name: "dimension of a part",
                expected: shift.len(),
                found: part.dim(),
            });
        }
        if let Some((i, &value)) = shift.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "shift", index: vec![i], value });
        }
        if !(scale > 0.0 && scale.is_finite() && scale.recip().is_finite()) {
            let requirement = "positive and finite".into();
            return Err(Error::Argument { name: "scale", requirement, found: scale });
        }
        let count = parts.iter().map(|part| part.basis().len()).sum();
        Ok(Features { shift, scale, parts, count })
    }

    /// Shift of the coordinates, `[d]`.
    pub fn shift(&self) -> &Array1<f64> {
        &self.shift
    }

    /// Scale of the coordinates.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn scaled(&self, x: ArrayView2<f64>) -> Array2<f64> {
        (&x - &self.shift) / self.scale
    }

    /// Every part with the range of its columns.
    fn columns(&self) -> impl Iterator<Item = (&dyn Basis, Slice)> {
        self.parts.iter().scan(0usize, |start, part| {
            let basis = part.basis();
            let columns = Slice::from(*start..*start + basis.len());
            *start += basis.len();
            Some((basis, columns))
        })
    }
}

impl Basis for Features {
    fn dim(&self) -> usize {
        self.shift.len()
    }

    fn len(&self) -> usize {
        self.count
    }

    fn values_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        let z = self.scaled(x);
        for (basis, columns) in self.columns() {
            basis.values_into(z.view(), out.slice_axis_mut(Axis(1), columns));
        }
    }

    fn gradients_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut3<f64>) {
        let z = self.scaled(x);
        for (basis, columns) in self.columns() {
            basis.gradients_into(z.view(), out.slice_axis_mut(Axis(2), columns));
        }
        if self.scale != 1.0 {
            let factor = self.scale.recip();
            out.mapv_inplace(|g| g * factor);
        }
    }

    fn laplacians_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        let z = self.scaled(x);
        for (basis, columns) in self.columns() {
            basis.laplacians_into(z.view(), out.slice_axis_mut(Axis(1), columns));
        }
        if self.scale != 1.0 {
            let factor = (self.scale * self.scale).recip();
            out.mapv_inplace(|l| l * factor);
        }
    }
}
