//! Sets of functions by name, fitted to where the data are.

use super::{
    Basis, Features, Fourier, KERNELS, Kernel, MOST_FUNCTIONS, Monomials, Part, Radial, check_count,
};
use crate::options::{Named, Names};
use crate::statistics::{KMeansOptions, carrying, kmeans, normalised, sample_rows};
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use std::fmt;
use std::str::FromStr;

/// Rows that centres and bandwidths are found from; more are drawn from at random.
const ROWS: usize = 20_000;

/// One kind of functions, and how many.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `poly:DEGREE`: monomials by total degree.
    TotalDegree(u32),
    /// `poly-tensor:DEGREE`: monomials by their largest exponent.
    TensorDegree(u32),
    /// `rbf:PER_AXIS[:LOW:HIGH[:BANDWIDTH]]`: radial functions on a grid, by default over the
    /// box of the data, with the spacing as bandwidth.
    Grid {
        /// Centres along each axis.
        per_axis: usize,
        /// First and last centre on every axis.
        range: Option<(f64, f64)>,
        /// Bandwidth.
        bandwidth: Option<f64>,
        /// Shape.
        kernel: Kernel,
    },
    /// `rbf-kmeans:COUNT[:BANDWIDTH]`: radial functions around the centres of clusters.
    Clusters {
        /// Number of centres.
        count: usize,
        /// Bandwidth; by default from the distances between the centres.
        bandwidth: Option<f64>,
        /// Shape.
        kernel: Kernel,
    },
    /// `fourier:COUNT[:BANDWIDTH]`: random waves.
    Fourier {
        /// Number of waves.
        count: usize,
        /// Bandwidth of the kernel they stand for; by default half of the data's spread.
        bandwidth: Option<f64>,
    },
}

/// Kinds of functions side by side, such as `poly-tensor:4+rbf:10`.
///
/// ```
/// use fokker::basis::{Basis, FeatureSpec};
/// let spec: FeatureSpec = "poly:2+rbf:3:-1:1".parse()?;
/// let x = ndarray::array![[0.0, 1.0], [2.0, -1.0]];
/// assert_eq!(spec.build(x.view(), None, true, 0, fokker::Task::silent())?.len(), 5 + 9);
/// assert_eq!(spec.to_string(), "poly:2+rbf:3:-1:1");
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSpec(pub Vec<Kind>);

impl FeatureSpec {
    /// The functions for data like the rows of `x`, `[n, d]`.
    ///
    /// Unless `raw`, coordinates are centred and divided by one scale, the root mean square
    /// distance from the mean over √d. Bandwidths and ranges given are in the units of x. Rows count
    /// with their weights `[n]`, equal ones without; those of less than 1e-9 of a typical weight are none.
    ///
    /// # Errors
    /// No row, weights that do not fit, functions that do not fit the dimension, more than [`MOST_FUNCTIONS`], bandwidths
    /// that are not positive, data all at one point, an interruption.
    pub fn build(
        &self,
        x: ArrayView2<f64>,
        weights: Option<ArrayView1<f64>>,
        raw: bool,
        seed: u64,
        task: Task,
    ) -> Result<Features> {
        if x.is_empty() {
            return Err(Error::Empty { name: "data" });
        }
        if weights.is_some() {
            let weights = normalised(weights, x.nrows())?;
            let rows = carrying(weights.view());
            if rows.len() < x.nrows() {
                let (x, weights) = (x.select(Axis(0), &rows), weights.select(Axis(0), &rows));
                return self.build(x.view(), Some(weights.view()), raw, seed, task);
            }
        }
        let equal = weights.is_none_or(|weights| weights.iter().all(|w| *w == weights[0]));
        let weights = normalised(weights, x.nrows())?;
        // Sums of equal weights as ever, whose last digits are in published numbers.
        let mean = if equal { x.mean_axis(Axis(0)).expect("not empty") } else { weights.dot(&x) };
        let squares = (&x - &mean).mapv(|e| e * e);
        let spread = match equal {
            true => (squares.sum() / x.len() as f64).sqrt(),
            false => (weights.dot(&squares.sum_axis(Axis(1))) / x.ncols() as f64).sqrt(),
        };
        if !(spread > 0.0 && spread.is_finite()) {
            return Err(Error::Undefined {
                what: "a set of features",
                reason: format!("the spread of the data is {spread}, all points coincide"),
                remedy: "give data that move",
            });
        }
        let (shift, scale) = if raw { (Array1::zeros(x.ncols()), 1.0) } else { (mean, spread) };
        let (rows, weights) = sample_rows(&weights, ROWS, seed);
        let z = (&x.select(Axis(0), &rows) - &shift) / scale;
        let weights = (!equal).then_some(weights);
        let place = Place { z, weights, shift: shift.clone(), scale, spread: spread / scale, seed, task };
        let parts = self.0.iter().map(|kind| place.part(kind)).collect::<Result<Vec<_>>>()?;
        let features = Features::new(shift, scale, parts)?;
        check_count("functions", features.len() as f64)?;
        Ok(features)
    }
}

/// Where the data are, in scaled coordinates.
struct Place<'a> {
    z: Array2<f64>,
    /// None where all are equal.
    weights: Option<Array1<f64>>,
    shift: Array1<f64>,
    scale: f64,
    /// Root mean square deviation of a coordinate.
    spread: f64,
    seed: u64,
    task: Task<'a>,
}

impl Place<'_> {
    fn part(&self, kind: &Kind) -> Result<Part> {
        let dim = self.z.ncols();
        Ok(match *kind {
            Kind::TotalDegree(degree) => Part::Monomials(Monomials::total_degree(dim, degree)?),
            Kind::TensorDegree(degree) => Part::Monomials(Monomials::tensor_degree(dim, degree)?),
            Kind::Grid { per_axis, range, bandwidth, kernel } => {
                Part::Radial(self.grid(per_axis, range, bandwidth, kernel)?)
            }
            Kind::Clusters { count, bandwidth, kernel } => {
                Part::Radial(self.clusters(count, bandwidth, kernel)?)
            }
            Kind::Fourier { count, bandwidth } => {
                check_count("waves", count as f64)?;
                let bandwidth = bandwidth.map_or(0.5 * self.spread * (dim as f64).sqrt(), |b| b / self.scale);
                Part::Fourier(Fourier::random(count, dim, bandwidth, self.seed)?)
            }
        })
    }

    fn grid(
        &self,
        per_axis: usize,
        range: Option<(f64, f64)>,
        bandwidth: Option<f64>,
        kernel: Kernel,
    ) -> Result<Radial> {
        let dim = self.z.ncols();
        check_count("centres of a grid", (per_axis as f64).powi(dim as i32))?;
        let ends: Vec<(f64, f64)> = (0..dim)
            .map(|j| match range {
                Some((low, high)) => {
                    ((low - self.shift[j]) / self.scale, (high - self.shift[j]) / self.scale)
                }
                None => {
                    let column = self.z.column(j);
                    column
                        .iter()
                        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &z| (low.min(z), high.max(z)))
                }
            })
            .collect();
        let gaps = per_axis.saturating_sub(1).max(1) as f64;
        let centre = |k: usize, j: usize| {
            let step = k / per_axis.pow((dim - 1 - j) as u32) % per_axis;
            let (low, high) = ends[j];
            if per_axis == 1 { 0.5 * (low + high) } else { low + (high - low) * step as f64 / gaps }
        };
        let centres = Array2::from_shape_fn((per_axis.pow(dim as u32), dim), |(k, j)| centre(k, j));
        let widest = ends.iter().fold(0.0, |widest: f64, (low, high)| widest.max(high - low));
        Radial::new(centres, kernel, bandwidth.map_or(widest / gaps, |b| b / self.scale))
    }

    /// Centres from k-means; the bandwidth is twice the mean distance of a centre to its d-th
    /// neighbour: with less, functions of sparse regions stand alone and the fit there is noise.
    fn clusters(&self, count: usize, bandwidth: Option<f64>, kernel: Kernel) -> Result<Radial> {
        check_count("centres", count as f64)?;
        let options = KMeansOptions {
            clusters: count,
            iterations: 20,
            tolerance: 1e-3,
            seed: self.seed,
            task: self.task,
        };
        let centres =
            kmeans(self.z.view(), self.weights.as_ref().map(|weights| weights.view()), &options)?.centres;
        let bandwidth = bandwidth.map_or_else(|| self.neighbour_distance(&centres), |b| b / self.scale);
        Radial::new(centres, kernel, bandwidth)
    }

    fn neighbour_distance(&self, centres: &Array2<f64>) -> f64 {
        let (count, dim) = centres.dim();
        if count < 2 {
            return self.spread * (dim as f64).sqrt();
        }
        let neighbour = dim.min(count - 1);
        let distance = |k: usize| {
            let mut squares: Vec<f64> =
                (0..count).map(|l| (&centres.row(k) - &centres.row(l)).mapv(|e| e * e).sum()).collect();
            *squares.select_nth_unstable_by(neighbour, f64::total_cmp).1
        };
        2.0 * (0..count).map(|k| distance(k).sqrt()).sum::<f64>() / count as f64
    }
}

impl FromStr for FeatureSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.split('+').map(|part| parse_kind(part.trim())).collect::<Result<_>>().map(FeatureSpec)
    }
}

/// All kinds of functions; rbf kinds are of the Gaussian kernel unless `/KERNEL` follows.
pub const FEATURES: Names<Kind> = Names {
    what: "the features",
    rows: &[
        Named {
            name: "poly",
            aliases: &["polynomial"],
            grammar: ":DEGREE",
            help: "monomials of at most this total degree",
            make: |values| match values {
                &[degree] => count(degree).map(|degree| Ok(Kind::TotalDegree(degree as u32))),
                _ => None,
            },
        },
        Named {
            name: "poly-tensor",
            aliases: &[],
            grammar: ":DEGREE",
            help: "monomials of at most this degree in each coordinate",
            make: |values| match values {
                &[degree] => count(degree).map(|degree| Ok(Kind::TensorDegree(degree as u32))),
                _ => None,
            },
        },
        Named {
            name: "rbf",
            aliases: &[],
            grammar: ":PER_AXIS[:LOW:HIGH[:BANDWIDTH]][/KERNEL]",
            help: "radial functions on a grid over the box of the data, or from LOW to HIGH",
            make: |values| match values {
                [per_axis] => grid(*per_axis, None, None),
                [per_axis, low, high] => grid(*per_axis, Some((*low, *high)), None),
                [per_axis, low, high, width] => grid(*per_axis, Some((*low, *high)), Some(*width)),
                _ => None,
            },
        },
        Named {
            name: "rbf-kmeans",
            aliases: &[],
            grammar: ":COUNT[:BANDWIDTH][/KERNEL]",
            help: "radial functions around the centres of clusters",
            make: |values| {
                let (count, bandwidth) = several(values)?;
                Some(Ok(Kind::Clusters { count, bandwidth, kernel: Kernel::Gaussian }))
            },
        },
        Named {
            name: "fourier",
            aliases: &["rff"],
            grammar: ":COUNT[:BANDWIDTH]",
            help: "random waves",
            make: |values| {
                let (count, bandwidth) = several(values)?;
                Some(Ok(Kind::Fourier { count, bandwidth }))
            },
        },
    ],
    absent: &[],
    beside: &["several joined by +"],
};

fn count(value: f64) -> Option<usize> {
    let fits = value.fract() == 0.0 && (1.0..=MOST_FUNCTIONS as f64).contains(&value);
    fits.then_some(value as usize)
}

/// A number of functions, and their bandwidth.
fn several(values: &[f64]) -> Option<(usize, Option<f64>)> {
    match values {
        [number] => Some((count(*number)?, None)),
        [number, width] if width.is_finite() => Some((count(*number)?, Some(*width))),
        _ => None,
    }
}

fn grid(per_axis: f64, range: Option<(f64, f64)>, bandwidth: Option<f64>) -> Option<Result<Kind>> {
    let inside = |(low, high): (f64, f64)| low < high && low.is_finite() && high.is_finite();
    if !range.is_none_or(inside) || !bandwidth.is_none_or(f64::is_finite) {
        return None;
    }
    Some(Ok(Kind::Grid { per_axis: count(per_axis)?, range, bandwidth, kernel: Kernel::Gaussian }))
}

fn parse_kind(text: &str) -> Result<Kind> {
    let Some((head, name)) = text.split_once('/') else { return FEATURES.make(text) };
    let found = KERNELS.iter().find(|(known, _)| *known == name).map(|&(_, kernel)| kernel);
    let known = || KERNELS.map(|(name, _)| name).join(", ");
    let shape =
        found.ok_or_else(|| Error::Name { what: "kernel", found: name.to_owned(), known: known() })?;
    let mut kind = FEATURES.make(head)?;
    match &mut kind {
        Kind::Grid { kernel, .. } | Kind::Clusters { kernel, .. } => *kernel = shape,
        _ => return Err(Error::Name { what: "features", found: text.to_owned(), known: FEATURES.known() }),
    }
    Ok(kind)
}

impl fmt::Display for FeatureSpec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (i, kind) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            kind.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let optional = |f: &mut fmt::Formatter, x: &Option<f64>| x.map_or(Ok(()), |x| write!(f, ":{x}"));
        let shape = |f: &mut fmt::Formatter, kernel: &Kernel| {
            let name = KERNELS.iter().find(|(_, known)| known == kernel).map_or("", |(name, _)| name);
            if *kernel == Kernel::Gaussian { Ok(()) } else { write!(f, "/{name}") }
        };
        match self {
            Kind::TotalDegree(degree) => write!(f, "poly:{degree}"),
            Kind::TensorDegree(degree) => write!(f, "poly-tensor:{degree}"),
            Kind::Grid { per_axis, range, bandwidth, kernel } => {
                write!(f, "rbf:{per_axis}")?;
                if let Some((low, high)) = range {
                    write!(f, ":{low}:{high}")?;
                }
                optional(f, bandwidth)?;
                shape(f, kernel)
            }
            Kind::Clusters { count, bandwidth, kernel } => {
                write!(f, "rbf-kmeans:{count}")?;
                optional(f, bandwidth)?;
                shape(f, kernel)
            }
            Kind::Fourier { count, bandwidth } => {
                write!(f, "fourier:{count}")?;
                optional(f, bandwidth)
            }
        }
    }
}
