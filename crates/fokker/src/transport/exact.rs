//! Exact optimal transport between weighted clouds, or for a given matrix of costs.

use super::coupling::{Certificate, Coupling, marginal_error};
use super::frame::{Frame, exponent, largest, scaled};
use super::ground::{Cost, Ground};
use super::masses::{Weights, integer_masses};
use super::merge::{merge, split};
use super::pricing::{Query, Screen, cheapest_arcs};
use super::solve::solve;
use crate::options::options;
use crate::{Error, Result, Task};
use ndarray::{Array1, ArrayView1, ArrayView2, CowArray};

/// Weights and task of an exact solve.
#[derive(Clone, Copy)]
pub struct ExactOptions<'a> {
    /// Masses of the sources, `[n]`; 1/n each by default.
    pub source_weights: Option<ArrayView1<'a, f64>>,
    /// Masses of the targets, `[m]`, of the same sum; 1/m each by default.
    pub target_weights: Option<ArrayView1<'a, f64>>,
    /// Progress and cancellation; stages "placing" and "pricing" alternate, first for coarse clouds.
    pub task: Task<'a>,
}

impl Default for ExactOptions<'_> {
    fn default() -> Self {
        ExactOptions { source_weights: None, target_weights: None, task: Task::silent() }
    }
}

impl ExactOptions<'_> {
    /// Checks the weights against n sources and m targets.
    ///
    /// # Errors
    /// A length that differs, a NaN, infinite or negative weight, or no mass.
    pub fn validate(&self, n: usize, m: usize) -> Result<()> {
        self.laws(n, m).map(|_| ())
    }

    /// Shares of both clouds.
    pub(crate) fn laws(&self, n: usize, m: usize) -> Result<(Weights, Weights)> {
        let source = Weights::shares("source_weights", self.source_weights, n)?;
        Ok((source, Weights::shares("target_weights", self.target_weights, m)?))
    }
}

options! {
    /// Options of [`exact`] as a command.
    "transport couple" => pub struct CoupleOptions {
        /// Cost of moving a unit of mass from x to y: squared-euclidean, |x − y|², or euclidean, |x − y|
        pub cost: Cost = Cost::SquaredEuclidean,
    }
}

/// Optimal coupling of two weighted clouds.
///
/// ```text
/// min Σ γ_ij c(x_i, y_j)    over γ ≥ 0, Σ_j γ_ij = a_i, Σ_i γ_ij = b_j
/// = max Σ a_i u_i + Σ b_j v_j    over u_i + v_j ≤ c(x_i, y_j)
/// ```
///
/// `x` is `[n, d]`, `y` is `[m, d]`. Both clouds are merged into cells, the cells are coupled in
/// the same way, and their duals choose the few arcs on which a minimum-cost flow is computed;
/// all n·m arcs are then priced and violated ones added until the duality gap is below 1e-11 of
/// the cost plus rounding, so the result proves its own optimality. Memory O(n + m); time about
/// O(n m d) per pricing, of which there are a handful. Same bits at any number of threads. With
/// n = m and uniform weights the coupling is a permutation: `target[i]` is the partner of i.
///
/// # Errors
/// Empty or non-finite clouds, different dimensions, invalid weights, a cost beyond the range of
/// numbers, an interruption.
///
/// # Source
/// [peyre2019, ch. 2 and 3]; network simplex [ahuja1993, ch. 11]; coarse to fine
/// \[merigot2011\].
///
/// ```
/// use fokker::transport::{Cost, ExactOptions, exact};
/// use ndarray::array;
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[3.0], [1.0], [2.0]]);
/// let coupling = exact(x.view(), y.view(), Cost::SquaredEuclidean, &ExactOptions::default())?;
/// assert_eq!(coupling.target, [1, 2, 0]);
/// assert!((coupling.cost - 1.0).abs() < 1e-15 && coupling.certificate.gap.abs() < 1e-15);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn exact(x: ArrayView2<f64>, y: ArrayView2<f64>, cost: Cost, options: &ExactOptions) -> Result<Coupling> {
    let solved = exact_scaled(x, y, cost, options)?;
    solved.coupling.unscaled(solved.exponent)
}

/// Optimal coupling for a matrix of costs `[n, m]` (any finite numbers).
///
/// As [`exact`], with the costs read from the matrix; without neighbourhoods to make it coarser
/// by, the start is a random quarter of rows and columns (the same at every call).
///
/// # Errors
/// As [`exact`].
///
/// ```
/// use fokker::transport::{ExactOptions, exact_matrix};
/// use ndarray::array;
/// let costs = array![[4.0, 1.0], [2.0, 3.0]];
/// let coupling = exact_matrix(costs.view(), &ExactOptions::default())?;
/// assert_eq!((coupling.target, coupling.cost), (vec![1, 0], 1.5));
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn exact_matrix(costs: ArrayView2<f64>, options: &ExactOptions) -> Result<Coupling> {
    check_matrix("costs", &costs)?;
    let (source, target) = options.laws(costs.nrows(), costs.ncols())?;
    let outer = exponent(largest(&costs));
    let scaled_costs = costs.mapv(|value| scaled(value, -outer));
    let ground = Ground::Matrix(CowArray::from(scaled_costs));
    let solved = Solved::new(&ground, &source, &target, options.task)?;
    let weights = (source.values.as_slice(), target.values.as_slice());
    solved.assemble(weights, |i, j| ground.pair(i, j), |value| value).unscaled(outer)
}

impl Coupling {
    /// Multiplies cost, duals and certificate by 2^exponent.
    pub(crate) fn unscaled(mut self, exponent: i32) -> Result<Coupling> {
        let numbers = [&mut self.cost, &mut self.certificate.gap];
        let numbers = numbers.into_iter().chain([&mut self.certificate.smallest_reduced_cost]);
        let duals = self.dual_source.iter_mut().chain(self.dual_target.iter_mut());
        numbers.chain(duals).for_each(|value| *value = scaled(*value, exponent));
        if !self.cost.is_finite() {
            return Err(Error::Undefined {
                what: "the transport cost",
                reason: format!("it exceeds {:e}", f64::MAX),
                remedy: "divide both clouds by a common factor, or ask for the distance",
            });
        }
        Ok(self)
    }
}

/// A coupling whose cost, duals and certificate are to be multiplied by 2^exponent.
pub(crate) struct ScaledCoupling {
    pub(crate) coupling: Coupling,
    pub(crate) exponent: i32,
    /// Total mass.
    pub(crate) total: f64,
}

/// [`exact`] up to a power of two, so that distances neither overflow nor underflow.
pub(crate) fn exact_scaled(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    cost: Cost,
    options: &ExactOptions,
) -> Result<ScaledCoupling> {
    check_clouds(&x, &y)?;
    let (source, target) = options.laws(x.nrows(), y.nrows())?;
    scaled_coupling((x, source), (y, target), cost, options.task)
}

/// The same for checked clouds and their shares.
pub(crate) fn scaled_coupling(
    (x, source): (ArrayView2<f64>, Weights),
    (y, target): (ArrayView2<f64>, Weights),
    cost: Cost,
    task: Task,
) -> Result<ScaledCoupling> {
    let frame = Frame::new(x, y, cost);
    let solved = Solved::new(&frame.ground, &source, &target, task)?;
    let coupling = solved.coupling(&frame, (&source.values, &target.values));
    Ok(ScaledCoupling { coupling, exponent: frame.cost_exponent(), total: source.total })
}

/// The solution for all points, those without mass included.
pub(crate) struct Solved {
    flow: Vec<(usize, usize, f64)>,
    dual_source: Vec<f64>,
    dual_target: Vec<f64>,
    certificate: Certificate,
}

impl Solved {
    fn new(ground: &Ground, source: &Weights, target: &Weights, task: Task) -> Result<Self> {
        let (supply, demand, unit) = integer_masses(source, target);
        let (rows, columns) = (&source.positive, &target.positive);
        let everything = rows.len() == ground.sources() && columns.len() == ground.targets();
        let chosen = (!everything).then(|| ground.subset(rows, columns));
        let (sources, targets, merged) = merge(chosen.as_ref().unwrap_or(ground));
        let places = merged.as_ref().or(chosen.as_ref()).unwrap_or(ground);
        let solution = solve(places, &sources.mass(&supply), &targets.mass(&demand), task)?;
        let flow: Vec<_> = split(&solution.flow, (&sources, &targets), &supply, &demand)
            .into_iter()
            .map(|(i, j, units)| (rows[i], columns[j], units as f64 * unit))
            .collect();
        let dual_target = targets.expand(&solution.dual_target);
        let (dual_source, dual_target) = if everything {
            (sources.expand(&solution.dual_source), dual_target)
        } else {
            extend(ground, columns, &dual_target, task)?
        };
        let reduced = |i: usize, j: usize| ground.pair(i, j) - dual_source[i] - dual_target[j];
        let gap = sum(flow.iter().map(|&(i, j, mass)| mass * reduced(i, j)));
        let smallest_reduced_cost =
            flow.iter().map(|&(i, j, _)| reduced(i, j)).fold(solution.smallest_reduced_cost, f64::min);
        let certificate = Certificate { gap, smallest_reduced_cost };
        Ok(Solved { flow, dual_source, dual_target, certificate })
    }

    /// Any flow in the frame with target duals: source duals by c-transform, and how far from
    /// optimal that proves the flow to be at most.
    pub(crate) fn certified(
        ground: &Ground,
        mut flow: Vec<(usize, usize, f64)>,
        dual_target: &[f64],
        task: Task,
    ) -> Result<Self> {
        flow.sort_unstable_by_key(|&(i, j, _)| (i, j));
        let sources: Vec<usize> = (0..ground.sources()).collect();
        let dual_source = transform(ground, &sources, dual_target, task)?;
        let reduced = |i: usize, j: usize| ground.pair(i, j) - dual_source[i] - dual_target[j];
        let gap = sum(flow.iter().map(|&(i, j, mass)| mass * reduced(i, j)));
        let smallest_reduced_cost = flow.iter().map(|&(i, j, _)| reduced(i, j)).fold(0.0, f64::min);
        let certificate = Certificate { gap, smallest_reduced_cost };
        Ok(Solved { flow, dual_source, dual_target: dual_target.to_vec(), certificate })
    }

    /// The coupling in the scaled clouds of the frame.
    pub(crate) fn coupling(self, frame: &Frame, weights: (&[f64], &[f64])) -> Coupling {
        let difference = |value| frame.difference(value);
        let mut coupling = self.assemble(weights, |i, j| frame.pair(i, j), difference);
        let (u, v) = (&mut coupling.dual_source, &mut coupling.dual_target);
        let contiguous = "an owned vector is contiguous";
        frame.duals(u.as_slice_mut().expect(contiguous), v.as_slice_mut().expect(contiguous));
        coupling
    }

    fn assemble(
        self,
        (a, b): (&[f64], &[f64]),
        pair: impl Fn(usize, usize) -> f64,
        difference: impl Fn(f64) -> f64,
    ) -> Coupling {
        let mut flow = self.flow;
        flow.sort_unstable_by_key(|&(i, j, _)| (i, j));
        Coupling {
            shape: (a.len(), b.len()),
            source: flow.iter().map(|entry| entry.0).collect(),
            target: flow.iter().map(|entry| entry.1).collect(),
            mass: flow.iter().map(|entry| entry.2).collect(),
            cost: sum(flow.iter().map(|&(i, j, mass)| mass * pair(i, j))),
            marginal_error: marginal_error(flow.iter().copied(), a, b),
            dual_source: Array1::from(self.dual_source),
            dual_target: Array1::from(self.dual_target),
            certificate: Certificate {
                gap: difference(self.certificate.gap),
                smallest_reduced_cost: difference(self.certificate.smallest_reduced_cost),
            },
        }
    }
}

/// Duals of all points from those of the targets with mass: first u as the c-transform over
/// these, then v as the c-transform over all sources, which leaves the former v as they are or
/// raises them where no source with mass is affected.
fn extend(
    ground: &Ground,
    columns: &[usize],
    dual_target: &[f64],
    task: Task,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let all_sources: Vec<usize> = (0..ground.sources()).collect();
    let all_targets: Vec<usize> = (0..ground.targets()).collect();
    let u = transform(&ground.subset(&all_sources, columns), &all_sources, dual_target, task)?;
    let v = transform(&ground.transposed(), &all_targets, &u, task)?;
    Ok((u, v))
}

/// The c-transform min_j (c_ij − v_j) of some rows.
fn transform(ground: &Ground, rows: &[usize], duals: &[f64], task: Task) -> Result<Vec<f64>> {
    let zeros = vec![0.0; ground.sources()];
    let screen = Screen::Direct;
    let query = Query { sources: rows, dual_source: &zeros, dual_target: duals, keep: 1, screen };
    Ok(cheapest_arcs(ground, &query, task)?.rows.iter().map(|row| row[0].reduced).collect())
}

/// Compensated sum: many equal terms add up to their number times the term, to the last digits.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0f64, 0.0f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    total + lost
}

pub(crate) fn check_matrix(name: &'static str, values: &ArrayView2<f64>) -> Result<()> {
    if values.is_empty() {
        return Err(Error::Empty { name });
    }
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((i, j), &value)) => Err(Error::NonFinite { name, index: vec![i, j], value }),
        None => Ok(()),
    }
}

pub(crate) fn check_clouds(x: &ArrayView2<f64>, y: &ArrayView2<f64>) -> Result<()> {
    check_matrix("x", x)?;
    check_matrix("y", y)?;
    if x.ncols() != y.ncols() {
        return Err(Error::Size { name: "the dimension of y", expected: x.ncols(), found: y.ncols() });
    }
    Ok(())
}
