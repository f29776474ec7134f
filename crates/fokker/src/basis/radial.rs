//! Functions of the distance to a centre.

use super::Basis;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, ArrayViewMut3, Axis, Zip};

/// Shape of a radial function of the distance r, b the bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// `exp(−r²/(2b²))`
    Gaussian,
    /// `r`
    Linear,
    /// `r² log r`
    ThinPlate,
    /// `r³`
    Cubic,
    /// `√(r² + b²)`
    Multiquadric,
    /// `1/√(r² + b²)`
    InverseMultiquadric,
}

/// Names of the kernels on the command line.
pub const KERNELS: [(&str, Kernel); 6] = [
    ("gaussian", Kernel::Gaussian),
    ("linear", Kernel::Linear),
    ("thin-plate", Kernel::ThinPlate),
    ("cubic", Kernel::Cubic),
    ("multiquadric", Kernel::Multiquadric),
    ("inverse-multiquadric", Kernel::InverseMultiquadric),
];

/// Value φ, slope φ'/r and Laplacian φ'' + (d − 1) φ'/r of a kernel.
struct Jet {
    value: f64,
    slope: f64,
    laplacian: f64,
}

impl Kernel {
    /// At squared distance `r2` in dimension `d`. The Laplacians of `Linear` and `ThinPlate` are
    /// infinite at their centre, where their gradients vanish or are taken as zero.
    #[inline(always)]
    fn jet(self, r2: f64, b2: f64, d: f64) -> Jet {
        match self {
            Kernel::Gaussian => {
                let value = (-0.5 * r2 / b2).exp();
                let slope = -value / b2;
                Jet { value, slope, laplacian: slope * (d - r2 / b2) }
            }
            Kernel::Linear => {
                let r = r2.sqrt();
                let slope = if r > 0.0 { 1.0 / r } else { 0.0 };
                Jet { value: r, slope, laplacian: (d - 1.0) / r }
            }
            Kernel::ThinPlate => {
                let log = r2.ln(); // log r²
                let (value, slope) = if r2 > 0.0 { (0.5 * r2 * log, log + 1.0) } else { (0.0, 0.0) };
                Jet { value, slope, laplacian: d * (log + 1.0) + 2.0 }
            }
            Kernel::Cubic => {
                let r = r2.sqrt();
                Jet { value: r * r2, slope: 3.0 * r, laplacian: 3.0 * r * (d + 1.0) }
            }
            Kernel::Multiquadric => {
                let value = (r2 + b2).sqrt();
                let slope = 1.0 / value;
                Jet { value, slope, laplacian: slope * (d - r2 / (r2 + b2)) }
            }
            Kernel::InverseMultiquadric => {
                let value = 1.0 / (r2 + b2).sqrt();
                let slope = -value / (r2 + b2);
                Jet { value, slope, laplacian: slope * (d - 3.0 * r2 / (r2 + b2)) }
            }
        }
    }
}

/// Radial functions of one shape and bandwidth around K centres.
///
/// Values cost O(n K d) and n K evaluations of the shape; gradients the same.
///
/// ```
/// use fokker::basis::{Basis, Kernel, Radial};
/// use ndarray::{array, Array2};
/// let basis = Radial::new(array![[0.0], [1.0]], Kernel::Gaussian, 1.0).unwrap();
/// let mut values = Array2::zeros((1, 2));
/// basis.values_into(array![[1.0]].view(), values.view_mut());
/// assert_eq!(values, array![[(-0.5f64).exp(), 1.0]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Radial {
    /// Coordinates of the centres, `[d, K]`: loops run over the centres.
    columns: Array2<f64>,
    kernel: Kernel,
    bandwidth: f64,
}

impl Radial {
    /// Functions around the centres `[K, d]`.
    ///
    /// # Errors
    /// No coordinate, a centre that is not finite, a bandwidth that is not positive and finite.
    pub fn new(centres: Array2<f64>, kernel: Kernel, bandwidth: f64) -> Result<Self> {
        if centres.ncols() == 0 {
            return Err(Error::Empty { name: "dimension" });
        }
        if let Some(((row, column), &value)) = centres.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "centres", index: vec![row, column], value });
        }
        // Its square divides.
        if !(bandwidth.is_finite() && (bandwidth * bandwidth).is_normal() && bandwidth > 0.0) {
            let requirement = "positive and finite".into();
            return Err(Error::Argument { name: "bandwidth", requirement, found: bandwidth });
        }
        Ok(Radial { columns: centres.t().as_standard_layout().into_owned(), kernel, bandwidth })
    }

    /// Centres, `[K, d]`.
    pub fn centres(&self) -> ArrayView2<'_, f64> {
        self.columns.t()
    }

    /// Shape of the functions.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Bandwidth b.
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// Calls `each` with the index of every row, its point, and what `pick` takes of the jet of
    /// every centre.
    fn for_rows(
        &self,
        x: ArrayView2<f64>,
        pick: impl Fn(Jet) -> f64,
        mut each: impl FnMut(usize, &[f64], &[f64]),
    ) {
        let (b2, d) = (self.bandwidth * self.bandwidth, self.dim() as f64);
        let mut picked = vec![0.0; self.len()];
        let mut point = vec![0.0; self.dim()];
        for (i, row) in x.rows().into_iter().enumerate() {
            picked.fill(0.0);
            for ((p, &x), centres) in point.iter_mut().zip(row).zip(self.columns.rows()) {
                *p = x;
                let centres = centres.to_slice().expect("made contiguous");
                picked.iter_mut().zip(centres).for_each(|(r2, c)| *r2 += (x - c) * (x - c));
            }
            picked.iter_mut().for_each(|r2| *r2 = pick(self.kernel.jet(*r2, b2, d)));
            each(i, &point, &picked);
        }
    }
}

impl Basis for Radial {
    fn dim(&self) -> usize {
        self.columns.nrows()
    }

    fn len(&self) -> usize {
        self.columns.ncols()
    }

    fn values_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        self.for_rows(x, |jet| jet.value, |i, _, values| copy(values, out.row_mut(i)));
    }

    fn gradients_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut3<f64>) {
        let pick = |jet: Jet| jet.slope;
        self.for_rows(x, pick, |i, point, slopes| {
            let mut rows = out.index_axis_mut(Axis(0), i);
            for ((mut row, &x), centres) in rows.rows_mut().into_iter().zip(point).zip(self.columns.rows()) {
                Zip::from(&mut row).and(slopes).and(centres).for_each(|g, slope, c| *g = slope * (x - c));
            }
        });
    }

    fn laplacians_into(&self, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        self.for_rows(x, |jet| jet.laplacian, |i, _, values| copy(values, out.row_mut(i)));
    }
}

fn copy(values: &[f64], mut row: ArrayViewMut1<f64>) {
    row.iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
}
