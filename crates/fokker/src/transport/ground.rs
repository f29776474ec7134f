//! Ground costs: evaluated pair by pair, or in tiles of reduced costs.

use crate::options::{Names, named, word};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, CowArray, Ix2};

/// The cost of moving a unit of mass from one point to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cost {
    /// c(x, y) = |x − y|², the cost of W₂.
    #[default]
    SquaredEuclidean,
    /// c(x, y) = |x − y|, the cost of W₁.
    Euclidean,
}

/// All of them.
pub const COSTS: Names<Cost> = Names {
    what: "the cost",
    rows: &[
        word!("squared-euclidean", ["sqeuclidean"], "|x − y|², of W₂", Cost::SquaredEuclidean),
        word!("euclidean", [], "|x − y|, of W₁", Cost::Euclidean),
    ],
    absent: &[],
    beside: &[],
};

named!(Cost, COSTS);

/// Up to this dimension direct differences are as fast as matrix products.
pub(crate) const DIRECT_DIMENSION: usize = 4;

/// Costs between n sources and m targets, never stored as a matrix unless given as one.
pub(crate) enum Ground<'a> {
    /// Two clouds, centred and scaled by the caller.
    Points(Points),
    /// The caller's matrix `[n, m]`.
    Matrix(CowArray<'a, f64, Ix2>),
}

/// Two clouds and the cost between them.
pub(crate) struct Points {
    pub(crate) cost: Cost,
    /// Sources `[n, d]`, row-major.
    pub(crate) x: Array2<f64>,
    /// Targets `[m, d]`, row-major.
    pub(crate) y: Array2<f64>,
    /// Bound on the rounding of `|x|² + |y|² − 2x·y`.
    noise: f64,
}

impl<'a> Ground<'a> {
    pub(crate) fn points(cost: Cost, x: Array2<f64>, y: Array2<f64>) -> Self {
        Ground::Points(Points::new(cost, x, y))
    }

    pub(crate) fn sources(&self) -> usize {
        match self {
            Ground::Points(points) => points.x.nrows(),
            Ground::Matrix(costs) => costs.nrows(),
        }
    }

    pub(crate) fn targets(&self) -> usize {
        match self {
            Ground::Points(points) => points.y.nrows(),
            Ground::Matrix(costs) => costs.ncols(),
        }
    }

    /// One cost by direct differences, without the cancellation of the expanded square.
    #[inline]
    pub(crate) fn pair(&self, i: usize, j: usize) -> f64 {
        match self {
            Ground::Points(points) => points.pair(i, j),
            Ground::Matrix(costs) => costs[[i, j]],
        }
    }

    /// The same costs between chosen sources and targets.
    pub(crate) fn subset<'s>(&self, sources: &[usize], targets: &[usize]) -> Ground<'s> {
        match self {
            Ground::Points(Points { cost, x, y, .. }) => {
                Ground::Points(Points::new(*cost, x.select(Axis(0), sources), y.select(Axis(0), targets)))
            }
            Ground::Matrix(costs) => {
                let chosen = (sources.len(), targets.len());
                let costs = Array2::from_shape_fn(chosen, |(i, j)| costs[[sources[i], targets[j]]]);
                Ground::Matrix(costs.into())
            }
        }
    }

    /// The same costs with the roles of sources and targets exchanged.
    pub(crate) fn transposed(&self) -> Ground<'_> {
        match self {
            Ground::Points(Points { cost, x, y, .. }) => {
                Ground::Points(Points::new(*cost, y.clone(), x.clone()))
            }
            Ground::Matrix(costs) => Ground::Matrix(CowArray::from(costs.t())),
        }
    }

    /// Bound on the error of a tile made by matrix products, in units of the cost; zero when
    /// tiles are made by direct differences.
    pub(crate) fn product_noise(&self) -> f64 {
        match self {
            Ground::Points(points) if points.x.ncols() > DIRECT_DIMENSION => match points.cost {
                Cost::SquaredEuclidean => points.noise,
                // Pairs below the guard are recomputed; at the guard the square root divides.
                Cost::Euclidean => 0.5 * points.noise / points.guard().sqrt(),
            },
            _ => 0.0,
        }
    }

    /// Prepares tiles of `c_ij − u_i − v_j` for fixed v, by matrix products unless `direct`.
    pub(crate) fn tiles<'g>(&'g self, dual_target: &'g [f64], direct: bool) -> Tiles<'g> {
        match self {
            Ground::Matrix(costs) => Tiles::Matrix { costs: costs.view(), dual_target },
            Ground::Points(points) if direct || points.x.ncols() <= DIRECT_DIMENSION => {
                let columns = row_major(points.y.t().to_owned());
                Tiles::Direct { points, columns, dual_target }
            }
            Ground::Points(points) => {
                Tiles::Product { points, augmented: points.augmented(dual_target), dual_target }
            }
        }
    }
}

impl Points {
    pub(crate) fn new(cost: Cost, x: Array2<f64>, y: Array2<f64>) -> Self {
        let (x, y) = (row_major(x), row_major(y));
        let largest =
            |cloud: &Array2<f64>| (0..cloud.nrows()).map(|i| square(row(cloud, i))).fold(0.0, f64::max);
        let noise = f64::EPSILON * (x.ncols() + 4) as f64 * (largest(&x) + largest(&y));
        Points { cost, x, y, noise }
    }

    #[inline]
    fn pair(&self, i: usize, j: usize) -> f64 {
        let (a, b) = (row(&self.x, i), row(&self.y, j));
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        match self.cost {
            Cost::SquaredEuclidean => square,
            Cost::Euclidean => square.sqrt(),
        }
    }

    /// Expanded squares below this are recomputed before the square root: six digits are left.
    fn guard(&self) -> f64 {
        1e10 * self.noise
    }

    /// Right factor of the tile product: `[y, |y|² − v, 1]`, v only for the squared cost.
    fn augmented(&self, dual_target: &[f64]) -> Array2<f64> {
        let d = self.y.ncols();
        let mut augmented = Array2::ones((self.y.nrows(), d + 2));
        for (j, mut out) in augmented.rows_mut().into_iter().enumerate() {
            let point = row(&self.y, j);
            let out = out.as_slice_mut().expect("rows of a row-major matrix");
            out[..d].copy_from_slice(point);
            out[d] = square(point) - self.inside(dual_target[j]);
        }
        augmented
    }

    /// Left factor of the tile product: `[−2x, 1, |x|² − u]`, u only for the squared cost.
    fn left(&self, sources: &[usize], dual_source: &[f64]) -> Array2<f64> {
        let d = self.x.ncols();
        let mut left = Array2::ones((sources.len(), d + 2));
        for (&i, mut out) in sources.iter().zip(left.rows_mut()) {
            let point = row(&self.x, i);
            for (out, value) in out.iter_mut().zip(point) {
                *out = -2.0 * value;
            }
            out[d + 1] = square(point) - self.inside(dual_source[i]);
        }
        left
    }

    /// A dual as it enters the product: for the Euclidean cost it comes after the square root.
    fn inside(&self, dual: f64) -> f64 {
        match self.cost {
            Cost::SquaredEuclidean => dual,
            Cost::Euclidean => 0.0,
        }
    }
}

/// Source of tiles of reduced costs for fixed target duals.
pub(crate) enum Tiles<'g> {
    /// Expanded squares: fast, with rounding relative to the size of the clouds.
    Product { points: &'g Points, augmented: Array2<f64>, dual_target: &'g [f64] },
    /// Differences, one coordinate at a time: rounding relative to the cost itself.
    Direct { points: &'g Points, columns: Array2<f64>, dual_target: &'g [f64] },
    /// Entries of the caller's matrix.
    Matrix { costs: ArrayView2<'g, f64>, dual_target: &'g [f64] },
}

impl Tiles<'_> {
    /// Rows and columns of a tile: for products small enough to stay in the second-level cache,
    /// otherwise so small that few come near the row.
    pub(crate) fn shape(&self) -> (usize, usize) {
        match self {
            Tiles::Product { .. } => (128, 256),
            Tiles::Direct { .. } => (1, 64),
            Tiles::Matrix { .. } => (1, 256),
        }
    }

    /// Writes `c_ij − u_i − v_j` for the given sources and the targets `start..start + width`
    /// into `out`, row-major `[sources, width]`.
    pub(crate) fn write(
        &self,
        sources: &[usize],
        dual_source: &[f64],
        (start, width): (usize, usize),
        out: &mut [f64],
    ) {
        match self {
            Tiles::Product { points, augmented, dual_target } => {
                let left = points.left(sources, dual_source);
                let (_, right) = augmented.view().split_at(Axis(0), start);
                let (right, _) = right.split_at(Axis(0), width);
                let shape = (sources.len(), width);
                let product = ArrayViewMut2::from_shape(shape, &mut *out).expect("out has the tile's size");
                fokker_linalg::matmul_into(left.view(), right.t(), product);
                if points.cost == Cost::Euclidean {
                    points.finish_euclidean(sources, dual_source, dual_target, start, width, out);
                }
            }
            Tiles::Direct { points, columns, dual_target } => {
                let v = &dual_target[start..start + width];
                for (&i, tile) in sources.iter().zip(out.chunks_exact_mut(width)) {
                    let column = |k: usize| &row(columns, k)[start..start + width];
                    let (point, u) = (row(&points.x, i), dual_source[i]);
                    match points.cost {
                        Cost::SquaredEuclidean => differences(point, column, |c, v| c - (u + v), v, tile),
                        Cost::Euclidean => differences(point, column, |c, v| c.sqrt() - (u + v), v, tile),
                    }
                }
            }
            Tiles::Matrix { costs, dual_target } => {
                let v = &dual_target[start..start + width];
                for (&i, tile) in sources.iter().zip(out.chunks_exact_mut(width)) {
                    let u = dual_source[i];
                    for (j, (value, v)) in tile.iter_mut().zip(v).enumerate() {
                        *value = costs[[i, start + j]] - u - v;
                    }
                }
            }
        }
    }
}

impl Points {
    /// Square roots of a tile of expanded squares, those of close pairs recomputed.
    fn finish_euclidean(
        &self,
        sources: &[usize],
        dual_source: &[f64],
        dual_target: &[f64],
        start: usize,
        width: usize,
        out: &mut [f64],
    ) {
        let guard = self.guard();
        let v = &dual_target[start..start + width];
        for (&i, tile) in sources.iter().zip(out.chunks_exact_mut(width)) {
            for (chunk, values) in tile.chunks_mut(8).enumerate() {
                if values.iter().fold(false, |any, value| any | (*value < guard)) {
                    for (k, value) in values.iter_mut().enumerate() {
                        if *value < guard {
                            let distance = self.pair(i, start + 8 * chunk + k);
                            *value = distance * distance;
                        }
                    }
                }
            }
            let u = dual_source[i];
            tile.iter_mut().zip(v).for_each(|(value, v)| *value = value.sqrt() - u - v);
        }
    }
}

/// Reduced costs from one point to many, whose coordinates come in columns; `reduce` takes the
/// squared distance and v.
fn differences<'c>(
    point: &[f64],
    column: impl Fn(usize) -> &'c [f64],
    reduce: impl Fn(f64, f64) -> f64,
    v: &[f64],
    out: &mut [f64],
) {
    // The plane in one pass: it is the usual case.
    if let [first, second] = point {
        for (((out, a), b), v) in out.iter_mut().zip(column(0)).zip(column(1)).zip(v) {
            *out = reduce((first - a) * (first - a) + (second - b) * (second - b), *v);
        }
        return;
    }
    out.fill(0.0);
    for (k, coordinate) in point.iter().enumerate() {
        for (out, other) in out.iter_mut().zip(column(k)) {
            *out += (coordinate - other) * (coordinate - other);
        }
    }
    out.iter_mut().zip(v).for_each(|(out, v)| *out = reduce(*out, *v));
}

fn row_major(points: Array2<f64>) -> Array2<f64> {
    if points.is_standard_layout() { points } else { points.as_standard_layout().into_owned() }
}

pub(crate) fn row(points: &Array2<f64>, i: usize) -> &[f64] {
    let d = points.ncols();
    &points.as_slice().expect("points are row-major")[i * d..(i + 1) * d]
}

pub(crate) fn square(point: &[f64]) -> f64 {
    point.iter().map(|value| value * value).sum()
}
