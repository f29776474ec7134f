//! The fitted score: a polynomial in one-dimensional features, evaluated as one matrix product.

use super::coefficients::Path;
use super::coupling::{Coupling, Layout};
use super::family::Lanes;
use super::{Family, Index};
use crate::process::{OrnsteinUhlenbeck, Reference, ReflectedBrownian};
use crate::score::Score;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip};

/// Particles evaluated together: their features stay in the cache. The last block is padded,
/// because matrix kernels depend on shape.
pub(super) const LANES: usize = 64;

/// Standard deviations of the noise by which the box of the data widens. Less freezes ∇g where p_t
/// has mass (divergence of the coupled double well: 0.075 at 0, 0.029 at 1.5, 0.024 at 4); more
/// trusts polynomials where it has none (chain of 16 sites: 0.33 at 1, 0.38 at 1.5, 0.99 at 4).
const REACH: f64 = 1.5;

/// Length over which g levels off beyond its box, in the units of Hermite coordinates.
const LEVEL: f64 = 3.0;

/// The score `∇log p_t = −∇V + ∇g_t` whose relative log-density is a sum of eigenfunctions.
///
/// ```text
/// g_t(y) = log p_t/π = Σ_n c_n(t) φ_n(y)         F: all one-dimensional features φ_a(y_i)
///        = c₁·F + ½ FᵀCF (+ three-body terms)
/// H = c₁ + CF,    ∂_i g = Σ_a φ_a'(y_i) H_ia,    Δg = Σ_ia φ_a''(y_i) H_ia
/// ```
///
/// One matrix product CF gives gradient and divergence. Times are of the unit-rate clock.
///
/// Features are evaluated at c(y), y clamped to the box of p_t: that of the data and `[α low − 1.5σ, α high +
/// 1.5σ]` for data in [low, high]. Beyond, g goes on with the slope of the edge and levels off:
///
/// ```text
/// g(y) = g(c) + Σ_i g_i(c) ψ(y_i − c_i)         ψ(u) = ℓ tanh(u/ℓ),  ℓ = 3;    ψ = 0 in the box
/// ∂_i g = g_i(c) ψ'(y_i − c_i)                  Δg = Σ_i in the box g_ii(c) + Σ_i beyond g_i(c) ψ''(y_i − c_i)
/// ```
///
/// with the slopes g_i held. So p has the tails of the reference where no data
/// are: a slope F that goes on for ever makes a well of mass e^{F²/2} beyond an edge where it points outwards.
/// Cosines stay at their edge: [0, π] has walls. Affine scores (Hermite, degree 2) have no box. Cost O((dD)²) a
/// point for D degrees, less when few pairs interact.
#[derive(Debug, Clone)]
pub struct EigenScore {
    family: Family,
    dim: usize,
    degree: usize,
    functions: Vec<Index>,
    path: Path,
    /// Box, `[d]` each; none for affine scores.
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    /// Feature rows of function n, `usize::MAX` for those it does not have.
    rows: Vec<[usize; 3]>,
    layout: Layout,
}

/// The coefficients of one time, laid out for evaluation.
#[derive(Debug, Clone)]
pub(super) struct Frozen {
    linear: Vec<f64>,
    pairs: Coupling,
    /// Three-body coefficients with their function.
    triples: Vec<(f64, [usize; 3])>,
    /// Box of the time, lower and upper ends; none for affine scores.
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    /// Whether g levels off beyond it, or stays where there are walls.
    levels: bool,
}

impl Frozen {
    fn bound(&self, i: usize) -> (f64, f64) {
        self.bounds.as_ref().map_or((f64::NEG_INFINITY, f64::INFINITY), |(low, high)| (low[i], high[i]))
    }

    /// What coordinate i is beyond its box: nothing inside.
    fn beyond(&self, i: usize, y: f64) -> Beyond {
        let (low, high) = self.bound(i);
        let end = y.clamp(low, high);
        if end == y {
            return Beyond { end, value: 0.0, slope: 1.0, bend: None };
        }
        if !self.levels {
            return Beyond { end, value: 0.0, slope: 0.0, bend: Some(0.0) };
        }
        let tanh = ((y - end) / LEVEL).tanh();
        let slope = 1.0 - tanh * tanh;
        Beyond { end, value: LEVEL * tanh, slope, bend: Some(-2.0 * tanh * slope / LEVEL) }
    }
}

/// A coordinate clamped to its box, and ψ, ψ' and ψ'' of the rest.
struct Beyond {
    end: f64,
    value: f64,
    slope: f64,
    /// None in the box.
    bend: Option<f64>,
}

/// Buffers of one thread.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    lanes: Vec<f64>,
    values: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    h: Vec<f64>,
    total: Vec<f64>,
}

/// What to compute besides the gradient.
pub(super) struct Extra<'a> {
    /// Δg, `[n]`.
    pub laplacian: Option<ArrayViewMut1<'a, f64>>,
    /// g, `[n]`.
    pub value: Option<ArrayViewMut1<'a, f64>>,
}

impl EigenScore {
    pub(super) fn new(
        family: Family,
        dim: usize,
        functions: Vec<Index>,
        path: Path,
        (lower, upper): (Vec<f64>, Vec<f64>),
    ) -> Self {
        let degree = functions.iter().flatten().map(|&(_, a)| a).max().unwrap_or(1);
        let rows: Vec<[usize; 3]> = functions
            .iter()
            .map(|function| {
                let mut rows = [usize::MAX; 3];
                rows.iter_mut().zip(function).for_each(|(row, &(i, a))| *row = i * degree + a - 1);
                rows
            })
            .collect();
        let affine = family == Family::Hermite
            && functions.iter().all(|f| f.iter().map(|&(_, a)| a).sum::<usize>() <= 2);
        let pairs = || rows.iter().enumerate().filter(|(n, _)| functions[*n].len() == 2);
        let layout = Layout::new(dim * degree, || pairs().map(|(n, rows)| (n, rows[0], rows[1])));
        let bounds = (!affine).then_some((lower, upper));
        EigenScore { family, dim, degree, functions, path, bounds, rows, layout }
    }

    /// The family of its eigenfunctions.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The reference process it is relative to.
    pub fn reference(&self) -> &'static dyn Reference {
        match self.family {
            Family::Hermite => &OrnsteinUhlenbeck,
            Family::Cosine => &ReflectedBrownian,
        }
    }

    /// The functions, products of (coordinate, degree).
    pub fn functions(&self) -> &[Index] {
        &self.functions
    }

    /// The coefficients at clock `t`, `[functions]`.
    pub fn coefficients(&self, t: f64) -> Array1<f64> {
        let mut out = vec![0.0; self.functions.len()];
        self.path.at(t, &mut out);
        Array1::from(out)
    }

    /// Whether the score is affine in its coordinates, so that exact audits apply.
    pub fn is_affine(&self) -> bool {
        self.bounds.is_none()
    }

    /// First and last time of the fit.
    pub fn times(&self) -> (f64, f64) {
        let times = self.path.times();
        (times[0], times[times.len() - 1])
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Relative log-density g `[n]`, its gradient `[n, d]` and its Laplacian `[n]` at clock `t`.
    ///
    /// Beyond the box of the data g levels off, see [`EigenScore`].
    ///
    /// # Errors
    /// Points of another dimension.
    pub fn expand(&self, t: f64, y: ArrayView2<f64>) -> Result<(Array1<f64>, Array2<f64>, Array1<f64>)> {
        self.check(t, y)?;
        let (mut value, mut laplacian) = (Array1::zeros(y.nrows()), Array1::zeros(y.nrows()));
        let mut gradient = Array2::zeros(y.dim());
        let extra = Extra { laplacian: Some(laplacian.view_mut()), value: Some(value.view_mut()) };
        self.gradient_into(&self.freeze(t), y, gradient.view_mut(), extra, &mut self.scratch());
        Ok((value, gradient, laplacian))
    }

    fn check(&self, t: f64, y: ArrayView2<f64>) -> Result<()> {
        if y.ncols() != self.dim {
            return Err(Error::Size { name: "coordinates", expected: self.dim, found: y.ncols() });
        }
        if t < 0.0 || t.is_nan() {
            return Err(Error::Argument { name: "time", requirement: "at least 0".into(), found: t });
        }
        Ok(())
    }

    pub(super) fn freeze(&self, t: f64) -> Frozen {
        let size = self.dim * self.degree;
        let mut c = vec![0.0; self.functions.len()];
        self.path.at(t, &mut c);
        let mut linear = vec![0.0; size];
        let mut triples = Vec::new();
        for ((function, rows), &c) in self.functions.iter().zip(&self.rows).zip(&c) {
            match function.len() {
                1 => linear[rows[0]] = c,
                2 => (),
                _ => triples.push((c, *rows)),
            }
        }
        let (pairs, bounds) = (self.layout.fill(&c), self.bounds_at(t));
        Frozen { linear, pairs, triples, bounds, levels: self.family == Family::Hermite }
    }

    /// The box of p_t: noise widens that of the data where there are no walls.
    fn bounds_at(&self, t: f64) -> Option<(Vec<f64>, Vec<f64>)> {
        let (lower, upper) = self.bounds.as_ref()?;
        if self.family == Family::Cosine {
            return Some((lower.clone(), upper.clone()));
        }
        let (alpha, reach) = (OrnsteinUhlenbeck::alpha(t), REACH * OrnsteinUhlenbeck::variance(t).sqrt());
        let lower = lower.iter().map(|low| low.min(alpha * low - reach)).collect();
        Some((lower, upper.iter().map(|high| high.max(alpha * high + reach)).collect()))
    }

    pub(super) fn scratch(&self) -> Scratch {
        let buffer = |rows: usize| vec![0.0; rows * LANES];
        let size = self.dim * self.degree;
        Scratch {
            lanes: buffer(self.dim),
            values: buffer(size),
            first: buffer(size),
            second: buffer(size),
            h: buffer(size),
            total: buffer(2),
        }
    }

    /// ∇g into `out` `[n, d]`, and what else is asked for.
    pub(super) fn gradient_into(
        &self,
        frozen: &Frozen,
        y: ArrayView2<f64>,
        mut out: ArrayViewMut2<f64>,
        mut extra: Extra,
        scratch: &mut Scratch,
    ) {
        for start in (0..y.nrows()).step_by(LANES) {
            let count = LANES.min(y.nrows() - start);
            for (i, lane) in scratch.lanes.chunks_exact_mut(LANES).enumerate() {
                let (low, high) = frozen.bound(i);
                lane.fill(0.5 * (low.max(-1.0) + high.min(1.0)));
                for (k, lane) in lane[..count].iter_mut().enumerate() {
                    *lane = frozen.beyond(i, y[[start + k, i]]).end;
                }
            }
            self.features(scratch, extra.laplacian.is_some());
            self.couple(frozen, scratch);
            self.reduce(&scratch.first, &scratch.h, &mut scratch.lanes);
            let beyond = |k: usize, i: usize| frozen.beyond(i, y[[start + k, i]]);
            let mut rows = out.slice_axis_mut(Axis(0), (start..start + count).into());
            for (i, lane) in scratch.lanes.chunks_exact(LANES).enumerate() {
                let column = rows.column_mut(i).into_iter().zip(lane).enumerate();
                column.for_each(|(k, (out, g))| *out = g * beyond(k, i).slope);
            }
            let lanes = &scratch.lanes;
            let over = |k: usize, part: &dyn Fn(usize, f64) -> f64| -> f64 {
                (0..self.dim).map(|i| part(i, lanes[i * LANES + k])).sum()
            };
            if let Some(value) = &mut extra.value {
                for k in 0..count {
                    value[start + k] = over(k, &|i, g| g * beyond(k, i).value);
                }
            }
            if let Some(laplacian) = &mut extra.laplacian {
                for k in 0..count {
                    laplacian[start + k] = over(k, &|i, g| g * beyond(k, i).bend.unwrap_or(0.0));
                }
            }
            if let Some(value) = &mut extra.value {
                self.total(frozen, scratch);
                let rows = value.iter_mut().skip(start);
                rows.zip(&scratch.total[..count]).for_each(|(out, g)| *out += g);
            }
            if let Some(laplacian) = &mut extra.laplacian {
                self.reduce(&scratch.second, &scratch.h, &mut scratch.lanes);
                for k in 0..count {
                    // Where a coordinate is clamped only the bend is left.
                    let inside = (0..self.dim).filter(|&i| beyond(k, i).bend.is_none());
                    laplacian[start + k] += inside.map(|i| scratch.lanes[i * LANES + k]).sum::<f64>();
                }
            }
        }
    }

    fn features(&self, scratch: &mut Scratch, second: bool) {
        let width = self.degree * LANES;
        let Scratch { lanes, values, first, second: seconds, .. } = scratch;
        let outputs = values.chunks_exact_mut(width).zip(first.chunks_exact_mut(width));
        let coordinates = lanes.chunks_exact(LANES).zip(outputs).zip(seconds.chunks_exact_mut(width));
        for ((y, (values, first)), seconds) in coordinates {
            let second = if second { seconds } else { &mut [] };
            self.family.derivatives(y, Lanes { values, first, second });
        }
    }

    /// H = c₁ + CF + three-body terms.
    fn couple(&self, frozen: &Frozen, scratch: &mut Scratch) {
        let Scratch { values, h, .. } = scratch;
        self.layout.couple(&frozen.linear, &frozen.pairs, values, h);
        for &(c, [a, b, l]) in &frozen.triples {
            for (own, x, y) in [(a, b, l), (b, a, l), (l, a, b)] {
                for k in 0..LANES {
                    h[own * LANES + k] += c * values[x * LANES + k] * values[y * LANES + k];
                }
            }
        }
    }

    /// `out_i = Σ_a f_ia H_ia`.
    fn reduce(&self, f: &[f64], h: &[f64], out: &mut [f64]) {
        let width = self.degree * LANES;
        for (out, (f, h)) in out.chunks_exact_mut(LANES).zip(f.chunks_exact(width).zip(h.chunks_exact(width)))
        {
            out.fill(0.0);
            for (f, h) in f.chunks_exact(LANES).zip(h.chunks_exact(LANES)) {
                for ((out, f), h) in out.iter_mut().zip(f).zip(h) {
                    *out += f * h;
                }
            }
        }
    }

    /// `g = ½ F·(c₁ + H) − ½ Σ c φφφ`: every pair counts once and every triple once.
    fn total(&self, frozen: &Frozen, scratch: &mut Scratch) {
        let Scratch { values, h, total, .. } = scratch;
        let total = &mut total[..LANES];
        total.fill(0.0);
        let rows = values.chunks_exact(LANES).zip(h.chunks_exact(LANES)).zip(&frozen.linear);
        for ((f, h), linear) in rows {
            for ((total, f), h) in total.iter_mut().zip(f).zip(h) {
                *total += 0.5 * f * (linear + h);
            }
        }
        for &(c, rows) in &frozen.triples {
            for (k, total) in total.iter_mut().enumerate() {
                *total -= 0.5 * c * rows.iter().map(|row| values[row * LANES + k]).product::<f64>();
            }
        }
    }
}

impl Score for EigenScore {
    fn dim(&self) -> usize {
        self.dim
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        self.check(t, x)?;
        let none = Extra { laplacian: None, value: None };
        self.gradient_into(&self.freeze(t), x, out.view_mut(), none, &mut self.scratch());
        let pull = self.reference().pull();
        if pull != 0.0 {
            Zip::from(&mut out).and(&x).for_each(|s, &x| *s -= pull * x);
        }
        Ok(())
    }
}
