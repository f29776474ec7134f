//! The coordinates in which the fit is made: one increasing map for each column, then a rotation or none.

use super::Family;
use super::marginal::{Jet, Marginal};
use super::notes::Notes;
use super::quartiles::{quartiles, sorted_column};
use super::reservoir::Sample;
use super::summary::{Part, Summary};
use super::whitening::{Whitening, range};
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Which coordinates, and with them which reference process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    /// `y = (x − m)/s`, Ornstein–Uhlenbeck, Hermite polynomials: chains, lattices, polynomial energies.
    #[default]
    Standard,
    /// `y = ℓ^{−½} Qᵀ (x − m)/s` along the principal axes Q of the standardised columns,
    /// Ornstein–Uhlenbeck, Hermite polynomials: correlated columns without an order.
    Whitened,
    /// `y` affine from a little more than the data's range to [0, π], cosines: bounded data.
    Box,
    /// `y = π U(x)` by the smoothed distribution function U of the column, cosines: low dimension,
    /// any marginals, heavy tails too.
    Copula,
}

impl Coordinates {
    /// The family of eigenfunctions that goes with them.
    pub fn family(self) -> Family {
        match self {
            Coordinates::Standard | Coordinates::Whitened => Family::Hermite,
            Coordinates::Box | Coordinates::Copula => Family::Cosine,
        }
    }

    /// Name of the reference with these coordinates, in reports and options.
    pub fn name(self) -> &'static str {
        match self {
            Coordinates::Standard => "hermite",
            Coordinates::Whitened => "hermite-whitened",
            Coordinates::Copula => "cosine",
            Coordinates::Box => "cosine-box",
        }
    }
}

/// Widest box, in standard deviations: features of degree 8 stay below 1e6 there.
const WIDEST: f64 = 8.0;
/// A column that reaches further than this many standard deviations is scaled by its quartiles.
const HEAVY: f64 = 15.0;

/// A map of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Map {
    /// `y = (x − shift)/scale`.
    Affine { shift: f64, scale: f64 },
    /// `y = π U(x)`.
    Cdf(Marginal),
}

impl Map {
    fn jet(&self, x: f64) -> Jet {
        match self {
            Map::Affine { shift, scale } => {
                Jet { value: (x - shift) / scale, first: 1.0 / scale, second: 0.0 }
            }
            Map::Cdf(marginal) => {
                let Jet { value, first, second } = marginal.jet(x);
                Jet { value: PI * value, first: PI * first, second: PI * second }
            }
        }
    }

    pub fn inverse(&self, y: f64) -> f64 {
        match self {
            Map::Affine { shift, scale } => shift + scale * y,
            Map::Cdf(marginal) => marginal.quantile(y / PI),
        }
    }

    fn is_valid(&self) -> bool {
        match self {
            Map::Affine { shift, scale } => shift.is_finite() && *scale > 0.0 && scale.is_finite(),
            Map::Cdf(marginal) => marginal.is_valid(),
        }
    }
}

/// What a column of the data is to the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Column {
    /// A coordinate of its own.
    Free(Map),
    /// Always the same value.
    Constant(f64),
    /// Always `offset + slope · (column of)`.
    Copy { of: usize, slope: f64, offset: f64 },
}

/// The map from the data's columns to the coordinates of the fit and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub kind: Coordinates,
    pub columns: Vec<Column>,
    /// Columns that are coordinates of their own.
    pub free: Vec<usize>,
    /// Box in which features are evaluated, `[free]` each.
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
    /// What turns standardised columns into whitened coordinates. Saved as arrays.
    #[serde(skip)]
    pub whitening: Option<Whitening>,
}

impl Frame {
    /// From the first pass; the warnings are sentences for the report.
    pub fn new(summary: &Summary, kind: Coordinates) -> Result<(Self, Vec<String>)> {
        let total = summary.total().filter(|part| part.count >= 2 && part.weight > 0.0);
        let Some(total) = total else {
            let found = summary.total().map_or(0, |part| part.count);
            return Err(Error::Size {
                name: "data rows (a fit needs two that are not held out)",
                expected: 2,
                found,
            });
        };
        let sample = summary.sample(false);
        let mut notes = Notes::default();
        let mut frame = Frame {
            kind,
            columns: Vec::new(),
            free: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            whitening: None,
        };
        for j in 0..summary.dim() {
            let column = match frame.dependent(j, &total, &sample) {
                Some(column) => column,
                None => frame.free_column(j, &total, &sample, &mut notes)?,
            };
            match &column {
                Column::Constant(value) => notes.constant.push((j, *value)),
                Column::Copy { of, .. } => notes.copies.push((j, *of)),
                Column::Free(_) => frame.free.push(j),
            }
            frame.columns.push(column);
        }
        if frame.free.is_empty() {
            return Err(Error::Undefined {
                what: "the fit",
                reason: "every column of the data is constant".into(),
                remedy: "give data that varies",
            });
        }
        if kind == Coordinates::Whitened {
            frame.whiten(&sample)?;
        }
        let mut warnings = notes.sentences();
        if total.count <= frame.dim() {
            warnings.push(format!(
                "{} rows in {} columns: so few rows have a singular covariance, and the ridge decides most of the \
                 fit; give more rows or fewer columns",
                total.count,
                frame.dim()
            ));
        }
        Ok((frame, warnings))
    }

    /// Adds the whitening of standardised columns, and the box of whitened coordinates.
    fn whiten(&mut self, sample: &Sample) -> Result<()> {
        let z = self.standardised(sample.x.view());
        let whitening = Whitening::new(z.view(), sample.weights.view())?;
        let (low, high) = range(whitening.forward(z.view()).view());
        self.lower = low.into_iter().map(|low| low.max(-WIDEST)).collect();
        self.upper = high.into_iter().map(|high| high.min(WIDEST)).collect();
        self.whitening = Some(whitening);
        Ok(())
    }

    /// Free columns of rows `[n, d]`, each through its map: `[n, free]`.
    fn standardised(&self, x: ArrayView2<f64>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), self.free.len()), |(n, i)| {
            self.map(i).jet(x[[n, self.free[i]]]).value
        })
    }

    /// Whether column j is constant, or an affine function of an earlier one.
    fn dependent(&self, j: usize, total: &Part, sample: &Sample) -> Option<Column> {
        let deviation = |j: usize| (total.scatter[j] / total.weight).sqrt();
        let (mean, s) = (total.mean[j], deviation(j));
        if total.low[j] == total.high[j] {
            return Some(Column::Constant(total.low[j]));
        }
        if s <= 1e-13 * mean.abs() || s.is_nan() {
            return Some(Column::Constant(mean));
        }
        let standard = |row: ArrayView1<f64>, k: usize| (row[k] - total.mean[k]) / deviation(k);
        'columns: for &of in &self.free {
            let mut sign = 0.0;
            for row in sample.x.rows() {
                let (a, b) = (standard(row, of), standard(row, j));
                if sign == 0.0 {
                    sign = (a * b).signum();
                }
                if (b - sign * a).abs() > 1e-9 * (1.0 + a.abs()) {
                    continue 'columns;
                }
            }
            let slope = sign * s / deviation(of);
            return Some(Column::Copy { of, slope, offset: mean - slope * total.mean[of] });
        }
        None
    }

    fn free_column(&mut self, j: usize, total: &Part, sample: &Sample, notes: &mut Notes) -> Result<Column> {
        let (mut mean, mut s) = (total.mean[j], (total.scatter[j] / total.weight).sqrt());
        if !(s.is_finite() && s > 1e-140) {
            let requirement = "within the range whose squares are numbers, 1e-140 to 1e150: rescale it";
            return Err(Error::Entry { name: "scale of a column", requirement, index: vec![j], found: s });
        }
        let (low, high) = (total.low[j], total.high[j]);
        let map = match self.kind {
            // Rotated afterwards, and boxed then.
            Coordinates::Whitened => Map::Affine { shift: mean, scale: s },
            Coordinates::Standard => {
                let reach = ((high - mean) / s).max((mean - low) / s);
                if reach > HEAVY {
                    let [first, median, third] = quartiles(sample, j);
                    if third > first {
                        (mean, s) = (median, (third - first) / 1.349);
                    }
                    notes.heavy.push((j, reach));
                }
                self.lower.push(((low - mean) / s).max(-WIDEST));
                self.upper.push(((high - mean) / s).min(WIDEST));
                Map::Affine { shift: mean, scale: s }
            }
            Coordinates::Box => {
                // A margin, so that the outermost points are no atoms of the reflected process.
                let margin = 0.01 * (high - low);
                self.lower.push(0.0);
                self.upper.push(PI);
                Map::Affine { shift: low - margin, scale: (high - low + 2.0 * margin) / PI }
            }
            Coordinates::Copula => {
                self.lower.push(0.0);
                self.upper.push(PI);
                match Marginal::new(&sorted_column(sample, j)) {
                    Some(marginal) => Map::Cdf(marginal),
                    None => {
                        notes.few.push(j);
                        let margin = 0.01 * (high - low);
                        Map::Affine { shift: low - margin, scale: (high - low + 2.0 * margin) / PI }
                    }
                }
            }
        };
        Ok(Column::Free(map))
    }

    /// Dimension of the data.
    pub fn data_dim(&self) -> usize {
        self.columns.len()
    }

    /// Number of coordinates, that of free columns.
    pub fn dim(&self) -> usize {
        self.free.len()
    }

    /// The map of a free column.
    pub fn map(&self, column: usize) -> &Map {
        match &self.columns[self.free[column]] {
            Column::Free(map) => map,
            _ => unreachable!("free columns have a map"),
        }
    }

    /// Coordinates of rows, clamped to the box, as lanes: coordinate i in entries i·n..(i+1)·n.
    pub fn clamped_lanes(&self, x: ArrayView2<f64>, out: &mut [f64]) {
        let n = x.nrows();
        if self.whitening.is_some() {
            let y = self.forward(x);
            for (i, lane) in out.chunks_exact_mut(n.max(1)).enumerate() {
                let (low, high) = (self.lower[i], self.upper[i]);
                lane.iter_mut().zip(y.column(i)).for_each(|(lane, y)| *lane = y.clamp(low, high));
            }
            return;
        }
        for (i, lane) in out.chunks_exact_mut(n.max(1)).enumerate() {
            let column = x.index_axis(Axis(1), self.free[i]);
            let (low, high) = (self.lower[i], self.upper[i]);
            match self.map(i) {
                Map::Affine { shift, scale } => {
                    let inverse = 1.0 / scale;
                    for (y, x) in lane.iter_mut().zip(column) {
                        *y = ((x - shift) * inverse).clamp(low, high);
                    }
                }
                map => {
                    for (y, &x) in lane.iter_mut().zip(column) {
                        *y = map.jet(x).value.clamp(low, high);
                    }
                }
            }
        }
    }

    /// Coordinates `[n, free]` of rows `[n, d]`.
    pub fn forward(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let z = self.standardised(x);
        match &self.whitening {
            None => z,
            Some(whitening) => whitening.forward(z.view()),
        }
    }

    /// Rows `[n, d]` of coordinates `[n, free]`.
    pub fn backward(&self, y: ArrayView2<f64>) -> Array2<f64> {
        let mut x = Array2::zeros((y.nrows(), self.data_dim()));
        let rotated = self.whitening.as_ref().map(|whitening| whitening.backward(y));
        let z = rotated.as_ref().map_or(y, |z| z.view());
        for (z, mut x) in z.rows().into_iter().zip(x.rows_mut()) {
            for (i, &column) in self.free.iter().enumerate() {
                x[column] = self.map(i).inverse(z[i]);
            }
            for (j, column) in self.columns.iter().enumerate() {
                match *column {
                    Column::Free(_) => {}
                    Column::Constant(value) => x[j] = value,
                    Column::Copy { of, slope, offset } => x[j] = offset + slope * x[of],
                }
            }
        }
        x
    }

    /// `log |dy/dx|` of a row, over its free columns.
    pub fn log_jacobian(&self, x: ArrayView1<f64>) -> f64 {
        let columns: f64 = (0..self.dim()).map(|i| self.map(i).jet(x[self.free[i]]).first.ln()).sum();
        columns + self.whitening.as_ref().map_or(0.0, Whitening::log_jacobian)
    }

    /// Slope and offset of coordinates that are affine in the free columns, `y = J x + y_0`; none otherwise.
    pub fn affine(&self) -> Option<(Array2<f64>, Array1<f64>)> {
        let dim = self.dim();
        let (mut slope, mut offset) = (Array2::zeros((dim, dim)), Array1::zeros(dim));
        for i in 0..dim {
            let Map::Affine { shift, scale } = self.map(i) else { return None };
            (slope[[i, i]], offset[i]) = (1.0 / scale, -shift / scale);
        }
        match &self.whitening {
            None => Some((slope, offset)),
            Some(whitening) => {
                let matrix = whitening.matrix();
                Some((matrix.dot(&slope), matrix.dot(&offset)))
            }
        }
    }

    /// Turns a score in coordinates `[free]` into one in the columns of the data `[d]`.
    ///
    /// ```text
    /// ∂_x log p(x) = y'(x) ∂_y log p(y) + y''(x)/y'(x)
    /// ```
    pub fn pull_back(&self, x: ArrayView1<f64>, score: ArrayView1<f64>, mut out: ArrayViewMut1<f64>) {
        out.fill(0.0);
        let rotated = self.whitening.as_ref().map(|whitening| whitening.pull_back(score));
        let score = rotated.as_ref().map_or(score, |score| score.view());
        for (i, &column) in self.free.iter().enumerate() {
            let Jet { first, second, .. } = self.map(i).jet(x[column]);
            out[column] = first * score[i] + second / first;
        }
    }

    /// Whether a frame from a file is one.
    pub fn is_valid(&self) -> bool {
        let free: Vec<usize> =
            (0..self.columns.len()).filter(|&j| matches!(self.columns[j], Column::Free(_))).collect();
        let column = |(j, column): (usize, &Column)| match column {
            Column::Free(map) => map.is_valid(),
            Column::Constant(value) => value.is_finite(),
            Column::Copy { of, slope, offset } => {
                *of < j && free.contains(of) && slope.is_finite() && offset.is_finite()
            }
        };
        free == self.free
            && !free.is_empty()
            && self.lower.len() == free.len()
            && self.upper.len() == free.len()
            && self.lower.iter().zip(&self.upper).all(|(l, u)| l.is_finite() && u.is_finite() && l < u)
            && self.columns.iter().enumerate().all(column)
            && self.whitening.is_some() == (self.kind == Coordinates::Whitened)
            && self.whitening.as_ref().is_none_or(|w| w.dim() == free.len() && self.affine().is_some())
    }
}
