//! Rows of the data that samples are checked against, and what the check says.

use super::summary::Summary;
use super::whitening::covariance;
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};
use serde::{Deserialize, Serialize};

/// Rows of a sample whose distances are taken.
const ROWS: usize = 1024;
/// Most numbers that the kept rows may take.
const KEPT: usize = 1 << 16;
/// Rows beyond so many times the data's largest deviation are beyond what the data allow: within twice it,
/// whether the rows held out count or not.
const REACHES: f64 = 1.9;
/// Differences that do not matter: of means in standard deviations, of the logarithm of spreads, of
/// correlations.
const MOMENT: f64 = 0.15;
/// The same of the energy coefficient: a shift of all columns by 0.2 standard deviations makes 0.01.
const ENERGY: f64 = 0.01;
/// Sampling errors beyond that a moment differs.
const MOMENT_ERRORS: f64 = 5.0;
/// The same of the energy distance, whose law under equality is a sum of weighted squares of normals: in the worst
/// case one, which exceeds its mean by seven deviations once in a thousand draws.
const ENERGY_ERRORS: f64 = 7.0;

/// Rows of the data and how far all of them reach.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evidence {
    /// A few rows that the fit used, spread over the data, `[m, d]`; none when no check was asked for.
    pub x: Array2<f64>,
    pub weights: Array1<f64>,
    /// Mean of the columns and the largest deviation from it, `[d]`, of all rows that the fit used.
    pub mean: Array1<f64>,
    pub reach: Array1<f64>,
}

impl Evidence {
    /// Of a first pass, with at most `rows` rows; None when no row was used.
    pub fn new(summary: &Summary, rows: usize) -> Option<Self> {
        let total = summary.total().filter(|total| total.weight > 0.0)?;
        let d = total.mean.len();
        let sample = summary.sample(false).thinned(rows.min(KEPT / d));
        let reach = (0..d).map(|j| (total.high[j] - total.mean[j]).max(total.mean[j] - total.low[j]));
        Some(Evidence { x: sample.x, weights: sample.weights, reach: reach.collect(), mean: total.mean })
    }

    /// The same with at most `rows` rows.
    pub fn first(&self, rows: usize) -> Self {
        let (n, count) = (self.x.nrows(), rows.min(self.x.nrows()));
        let chosen: Vec<usize> = (0..count).map(|i| i * n / count).collect();
        let (x, weights) = (self.x.select(Axis(0), &chosen), self.weights.select(Axis(0), &chosen));
        Evidence { x, weights, ..self.clone() }
    }

    /// Whether a row is finite and in no column further from the mean than 1.9 times any row of the data.
    pub fn allows(&self, row: ArrayView1<f64>) -> bool {
        let columns = row.iter().zip(&self.mean).zip(&self.reach);
        // Constant columns come back with rounding.
        columns.into_iter().all(|((x, mean), reach)| (x - mean).abs() <= REACHES * reach + 1e-9 * mean.abs())
    }

    /// Whether the numbers of a file are evidence about `dim` columns.
    pub fn is_valid(&self, dim: usize) -> bool {
        self.x.ncols() == dim
            && self.x.nrows() == self.weights.len()
            && self.mean.len() == dim
            && self.reach.len() == dim
            && self.reach.iter().all(|reach| *reach >= 0.0)
            && self.weights.iter().all(|weight| *weight >= 0.0)
    }

    /// How drawn rows differ from those of the data; None for too few of either to tell.
    pub fn check(&self, drawn: ArrayView2<f64>) -> Option<Check> {
        let total = self.weights.sum();
        let effective = total * total / self.weights.mapv(|w| w * w).sum();
        let deviations: Vec<f64> = (0..drawn.ncols()).map(|j| self.deviation(j)).collect();
        let free: Vec<usize> = (0..drawn.ncols()).filter(|&j| deviations[j] > 0.0).collect();
        if drawn.nrows() < 2 || free.is_empty() || effective.is_nan() || effective < 2.0 {
            return None;
        }
        let scale = |x: ArrayView2<f64>| {
            Array2::from_shape_fn((x.nrows(), free.len()), |(i, k)| {
                let j = free[k];
                (x[[i, j]] - self.mean[j]) / deviations[j]
            })
        };
        let (data, sample) = (scale(self.x.view()), scale(drawn));
        let weights = self.weights.view();
        // Under equality both means have the variance of the data, over their numbers of rows.
        let inflation = (1.0 / effective + 1.0 / drawn.nrows() as f64).sqrt();
        let moments = Moments { data: data.view(), weights, sample: sample.view(), inflation, free: &free };
        let (mean, spread) = moments.means_and_spreads();
        let correlation = moments.correlation();
        let first = Slice::from(..sample.nrows().min(ROWS));
        let energy = energy(data.view(), weights, sample.slice_axis(Axis(0), first));
        Some(Check { rows: drawn.nrows(), against: self.x.nrows(), mean, spread, correlation, energy })
    }

    /// Standard deviation of a column of the kept rows.
    fn deviation(&self, j: usize) -> f64 {
        let total = self.weights.sum();
        let column = self.x.column(j);
        let mean = column.dot(&self.weights) / total;
        let square = column.iter().zip(&self.weights).map(|(x, w)| w * (x - mean).powi(2)).sum::<f64>();
        let deviation = (square / total).sqrt();
        if deviation > 1e-12 * mean.abs() { deviation } else { 0.0 }
    }
}

/// A difference between a sample and the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The largest one.
    pub value: f64,
    /// Its standard error if both were of one law.
    pub error: f64,
    /// Beyond which it counts.
    pub limit: f64,
    /// Columns where it is.
    pub columns: Vec<usize>,
}

impl Difference {
    fn new(value: f64, error: f64, (tolerance, errors): (f64, f64), columns: Vec<usize>) -> Self {
        Difference { value, error, limit: tolerance + errors * error, columns }
    }

    fn moment(value: f64, error: f64, columns: Vec<usize>) -> Self {
        Difference::new(value, error, (MOMENT, MOMENT_ERRORS), columns)
    }

    /// By how much it is beyond its limit, as a share.
    fn excess(&self) -> f64 {
        self.value.abs() / self.limit
    }

    /// Whether it counts.
    pub fn counts(&self) -> bool {
        self.value.is_nan() || self.value.abs() > self.limit
    }
}

/// The one furthest beyond its limit.
fn worst(differences: impl Iterator<Item = Difference>) -> Option<Difference> {
    differences.max_by(|a, b| a.excess().total_cmp(&b.excess()))
}

/// Drawn rows beside rows of the data: the largest differences of moments, and the energy distance.
///
/// ```text
/// mean          (m̂_j − m_j)/s_j                                error² = 1/n + 1/m
/// spread        log ŝ_j/s_j                                    error² = ¼ Var(z_j²)(1/n + 1/m)
/// correlation   ρ̂_ij − ρ_ij                                    error² = Var(z_i z_j − ½ ρ_ij (z_i² + z_j²))(1/n + 1/m)
/// energy        (2 E|x − y| − E|x − x'| − E|y − y'|)/2 E|x − y|       x drawn, y data; pairs of different rows
/// ```
///
/// s_j, ρ_ij and the variances are of the data's rows, m counts them by weight; columns are in
/// units of s_j. A difference counts beyond `tolerance + k error`, with tolerance 0.15 and k = 5 for moments,
/// 0.01 and k = 7 for the energy, whose error is that of a U-statistic under equality
/// [Gretton et al. 2012]. For rows of the data's own law fewer than one check in 300 fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Rows drawn.
    pub rows: usize,
    /// Rows of the data.
    pub against: usize,
    /// Of the means.
    pub mean: Difference,
    /// Of the spreads.
    pub spread: Difference,
    /// Of the correlations; none with one column.
    pub correlation: Option<Difference>,
    /// The energy coefficient, between 0 and 1 up to its error.
    pub energy: Difference,
}

impl Check {
    /// Whether no difference counts.
    pub fn passed(&self) -> bool {
        self.failures().is_empty()
    }

    /// A sentence for what counts; empty when nothing does.
    pub fn failures(&self) -> Vec<String> {
        let column = |d: &Difference| d.columns.first().copied().unwrap_or(0);
        let mut out = Vec::new();
        if self.mean.counts() {
            out.push(format!(
                "the mean of column {} is off by {:.3} ± {:.3} standard deviations",
                column(&self.mean),
                self.mean.value,
                self.mean.error
            ));
        }
        if self.spread.counts() {
            out.push(format!(
                "the spread of column {} is {:.3} times that of the data (± {:.1} %)",
                column(&self.spread),
                self.spread.value.exp(),
                100.0 * self.spread.error
            ));
        }
        if let Some(correlation) = self.correlation.as_ref().filter(|c| c.counts()) {
            out.push(format!(
                "the correlation of columns {:?} is off by {:.3} ± {:.3}",
                correlation.columns, correlation.value, correlation.error
            ));
        }
        if self.energy.counts() {
            out.push(format!(
                "the energy coefficient is {:.4} ± {:.4} instead of 0",
                self.energy.value, self.energy.error
            ));
        }
        out
    }
}

/// Standardised rows of both kinds.
struct Moments<'a> {
    data: ArrayView2<'a, f64>,
    weights: ArrayView1<'a, f64>,
    sample: ArrayView2<'a, f64>,
    inflation: f64,
    free: &'a [usize],
}

impl Moments<'_> {
    fn means_and_spreads(&self) -> (Difference, Difference) {
        let uniform = Array1::ones(self.sample.nrows());
        let own = |k: usize| moments_of(self.data.column(k), self.weights);
        let drawn = |k: usize| moments_of(self.sample.column(k), uniform.view());
        let pairs: Vec<_> = (0..self.free.len()).map(|k| (own(k), drawn(k), self.free[k])).collect();
        let mean = pairs.iter().map(|(own, drawn, j)| {
            Difference::moment(drawn.mean - own.mean, own.variance.sqrt() * self.inflation, vec![*j])
        });
        let spread = pairs.iter().map(|(own, drawn, j)| {
            let error = 0.5 * (own.kurtosis - 1.0).max(0.0).sqrt() * self.inflation;
            Difference::moment(0.5 * (drawn.variance / own.variance).ln(), error, vec![*j])
        });
        let (mean, spread) = (worst(mean), worst(spread));
        (mean.expect("there are free columns"), spread.expect("there are free columns"))
    }

    fn correlation(&self) -> Option<Difference> {
        let normalised = |x: ArrayView2<f64>, weights: ArrayView1<f64>| {
            let covariance = covariance(x, weights);
            let s = covariance.diag().mapv(f64::sqrt);
            covariance / &s / &s.insert_axis(Axis(1))
        };
        let uniform = Array1::ones(self.sample.nrows());
        let own = normalised(self.data, self.weights);
        let difference = normalised(self.sample, uniform.view()) - &own;
        let (dim, total) = (self.free.len(), self.weights.sum());
        let z: Vec<Array1<f64>> =
            self.data.columns().into_iter().map(|c| standard(c, self.weights)).collect();
        let pairs = (0..dim).flat_map(|i| (i + 1..dim).map(move |j| (i, j)));
        worst(pairs.map(|(i, j)| {
            let rho = own[[i, j]];
            let term = |(a, b): (&f64, &f64)| a * b - 0.5 * rho * (a * a + b * b);
            let square = z[i].iter().zip(&z[j]).map(term).zip(self.weights).map(|(t, w)| w * t * t);
            let error = (square.sum::<f64>() / total).sqrt() * self.inflation;
            Difference::moment(difference[[i, j]], error, vec![self.free[i], self.free[j]])
        }))
    }
}

struct Column {
    mean: f64,
    variance: f64,
    kurtosis: f64,
}

fn moments_of(x: ArrayView1<f64>, weights: ArrayView1<f64>) -> Column {
    let total = weights.sum();
    let mean = x.dot(&weights) / total;
    let (mut second, mut fourth) = (0.0, 0.0);
    for (x, w) in x.iter().zip(weights) {
        let square = (x - mean).powi(2);
        second += w * square / total;
        fourth += w * square * square / total;
    }
    Column { mean, variance: second, kurtosis: fourth / (second * second) }
}

fn standard(x: ArrayView1<f64>, weights: ArrayView1<f64>) -> Array1<f64> {
    let Column { mean, variance, .. } = moments_of(x, weights);
    x.mapv(|x| (x - mean) / variance.sqrt())
}

/// The energy coefficient of rows drawn and rows of the data, with its error under equality.
///
/// ```text
/// Var D² = 2 E k̃² (1/m(m−1) + 1/n(n−1) + 2/mn)         k̃: distances of the data, doubly centred
/// ```
fn energy(data: ArrayView2<f64>, weights: ArrayView1<f64>, sample: ArrayView2<f64>) -> Difference {
    let (n, total) = (sample.nrows() as f64, weights.sum());
    let squares = weights.mapv(|w| w * w).sum() / (total * total);
    let m = 1.0 / squares;
    let between = distances(sample, data).dot(&weights).sum() / (total * n);
    let own = distances(data, data);
    let within = own.dot(&weights) / total;
    let mean = within.dot(&weights) / total;
    let drawn = distances(sample, sample).sum() / (n * n);
    let square = 2.0 * between - mean / (1.0 - squares) - drawn / (1.0 - 1.0 / n);
    let centred = own.indexed_iter().filter(|((i, j), _)| i != j).map(|((i, j), k)| {
        let centred = k - within[i] - within[j] + mean;
        weights[i] * weights[j] / (total * total) * centred * centred
    });
    let centred: f64 = centred.sum();
    let pairs = 1.0 / (m * (m - 1.0)) + 1.0 / (n * (n - 1.0)) + 2.0 / (m * n);
    let error = (2.0 * centred / (1.0 - squares) * pairs).sqrt();
    let unit = 2.0 * between;
    Difference::new(square / unit, error / unit, (ENERGY, ENERGY_ERRORS), Vec::new())
}

/// |x_i − y_j| by a matrix product, right to 1e-8 of the largest.
fn distances(x: ArrayView2<f64>, y: ArrayView2<f64>) -> Array2<f64> {
    let squares = |x: ArrayView2<f64>| x.rows().into_iter().map(|row| row.dot(&row)).collect::<Array1<f64>>();
    let (own, other) = (squares(x), squares(y));
    let mut out = matmul(x, y.t());
    out.indexed_iter_mut().for_each(|((i, j), d)| *d = (own[i] + other[j] - 2.0 * *d).max(0.0).sqrt());
    out
}

/// By how much a move of particles from `before` to `after` raises their energy distance to rows of the data, with
/// its standard error: all in the coordinates of the fit, equal rows at equal places.
pub(super) fn raised(
    data: (ArrayView2<f64>, ArrayView1<f64>),
    before: ArrayView2<f64>,
    after: ArrayView2<f64>,
) -> (f64, f64) {
    let (total, n) = (data.1.sum(), before.nrows() as f64);
    // D² is a mean over particles to first order: of twice the distance to the data less that to each other.
    let influence = |x: ArrayView2<f64>| -> (Array1<f64>, f64) {
        let to_data = distances(x, data.0).dot(&data.1) / total;
        let to_own = distances(x, x).sum_axis(Axis(1)) / n;
        let value = (2.0 * &to_data - &to_own).sum() / n;
        (2.0 * (to_data - to_own), value)
    };
    let ((first, old), (second, new)) = (influence(before), influence(after));
    (new - old, (second - first).std(1.0) / n.sqrt())
}
