//! The weak form: no coupling, no density, sums over particles that merge.

use super::equations::Terms;
use super::{Cloud, Snapshots};
use crate::basis::{Basis, Features, Monomials, Part};
use crate::regression::NormalEquations;
use crate::{Error, Merge, Result, Task};
use fokker_linalg::{gram_accumulate_panel, matmul, mirror_lower};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis, Slice};

/// Particles of a block.
const ROWS: usize = 256;

/// Most pairs of particles whose forces are summed before the work may be stopped: about half a second.
const PAIRS: usize = 1 << 23;

/// Share of a test function's variance that the functions before must leave to it: one with less
/// is nearly a combination of them on these data, and its equation says nothing.
const CUT: f64 = 1e-10;

/// Sums over the particles of one snapshot that its weak equations are made of.
///
/// ```text
/// Σ w φ_k,   Σ w (φ_k − φ̄_k)(φ_l − φ̄_l),   Σ w ∇φ_k·∇φ_m,   Σ w Δφ_k,   Σ w ∇φ_k·F_m
/// φ_k test functions, φ̄_k their means
/// ```
///
/// Memory 8 K² (and K times the number of functions of the potential); n particles cost
/// O(n d K²). Shards of a snapshot merge; forces F of an interaction need the whole snapshot.
#[derive(Debug, Clone)]
pub struct WeakSums {
    count: usize,
    weight: f64,
    /// Σ w².
    square: f64,
    values: Array1<f64>,
    /// Products about the means, lower triangle: they survive means that are large.
    products: Array2<f64>,
    gradients: Array2<f64>,
    laplacians: Array1<f64>,
    forces: Array2<f64>,
}

impl WeakSums {
    /// No particle yet, for so many test functions, functions of the potential and of the
    /// interaction.
    pub fn new(tests: usize, potential: usize, interaction: usize) -> Self {
        WeakSums {
            count: 0,
            weight: 0.0,
            square: 0.0,
            values: Array1::zeros(tests),
            products: Array2::zeros((tests, tests)),
            gradients: Array2::zeros((tests, potential)),
            laplacians: Array1::zeros(tests),
            forces: Array2::zeros((tests, interaction)),
        }
    }

    /// Adds particles `[n, d]` with weights `[n]`: `tests` are the test functions, `potential`
    /// those of the potential, `forces` (`[n, d, K]`) those of the interaction.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn observe(
        &mut self,
        x: ArrayView2<f64>,
        weights: ArrayView1<f64>,
        tests: &dyn Basis,
        potential: Option<&dyn Basis>,
        forces: Option<&Array3<f64>>,
    ) -> Result<()> {
        let sizes = [
            ("test functions", self.values.len(), tests.len()),
            ("functions of the potential", self.gradients.ncols(), potential.map_or(0, |basis| basis.len())),
            ("functions of the interaction", self.forces.ncols(), forces.map_or(0, |f| f.len_of(Axis(2)))),
            ("weights", x.nrows(), weights.len()),
            ("columns", tests.dim(), x.ncols()),
        ];
        for (name, expected, found) in sizes {
            if expected != found {
                return Err(Error::Size { name, expected, found });
            }
        }
        for start in (0..x.nrows()).step_by(ROWS) {
            let rows = Slice::from(start..(start + ROWS).min(x.nrows()));
            let forces = forces.map(|forces| forces.slice_axis(Axis(0), rows).to_owned());
            let (x, weights) = (x.slice_axis(Axis(0), rows), weights.slice_axis(Axis(0), rows));
            self.block(x, weights, tests, potential, forces);
        }
        self.count += x.nrows();
        self.square += weights.dot(&weights);
        Ok(())
    }

    fn block(
        &mut self,
        x: ArrayView2<f64>,
        weights: ArrayView1<f64>,
        tests: &dyn Basis,
        potential: Option<&dyn Basis>,
        forces: Option<Array3<f64>>,
    ) {
        let (n, d) = x.dim();
        let mut values = Array2::zeros((n, tests.len()));
        tests.laplacians_into(x, values.view_mut());
        self.laplacians += &weights.dot(&values);
        tests.values_into(x, values.view_mut());
        let (sums, weight) = (weights.dot(&values), weights.sum());
        self.join_means(&sums, weight);
        if weight > 0.0 {
            values -= &(&sums / weight);
        }
        let roots = weights.mapv(f64::sqrt).insert_axis(Axis(1));
        values *= &roots;
        gram_accumulate_panel(values.view(), 0, self.products.view_mut());
        self.values += &sums;
        self.weight += weight;
        let gradients = |basis: &dyn Basis| {
            let mut out = Array3::zeros((n, d, basis.len()));
            basis.gradients_into(x, out.view_mut());
            out.into_shape_with_order((n * d, basis.len())).expect("contiguous")
        };
        let weighted =
            &gradients(tests) * &Array1::from_shape_fn(n * d, |r| weights[r / d]).insert_axis(Axis(1));
        if let Some(basis) = potential {
            self.gradients += &matmul(weighted.t(), gradients(basis).view());
        }
        if let Some(forces) = forces {
            let count = forces.len_of(Axis(2));
            let forces = forces.into_shape_with_order((n * d, count)).expect("contiguous");
            self.forces += &matmul(weighted.t(), forces.view());
        }
    }

    /// Adds to the products what the distance of two means is worth, before their sums are joined.
    fn join_means(&mut self, sums: &Array1<f64>, weight: f64) {
        if !(self.weight > 0.0 && weight > 0.0) {
            return;
        }
        let gap = sums / weight - &self.values / self.weight;
        let factor = self.weight * weight / (self.weight + weight);
        for (k, mut row) in self.products.rows_mut().into_iter().enumerate() {
            row.scaled_add(factor * gap[k], &gap);
        }
    }

    /// Covariance of the means of the test functions over independent particles,
    /// Cov φ Σw²/(Σw)².
    fn noise(&self) -> Array2<f64> {
        let mut covariance = &self.products / self.weight;
        mirror_lower(&mut covariance);
        covariance * (self.square / (self.weight * self.weight))
    }

    /// The equations of the interval between two snapshots, τ long, for the unknowns potential,
    /// interaction and, if `internal`, temperature.
    ///
    /// ```text
    /// ⟨φ_k⟩₁ − ⟨φ_k⟩₀ = −τ avg(Σ a_m ⟨∇φ_k·∇φ_m⟩ + Σ ω_m ⟨∇φ_k·F_m⟩) + τθ avg⟨Δφ_k⟩
    /// ```
    ///
    /// avg is the mean over both ends. Equations are whitened by the covariance of the left side
    /// for independent clouds: each has noise of variance 1. Functions that are combinations of
    /// others on these clouds give none.
    ///
    /// # Errors
    /// Sums of other functions, a snapshot without mass, a Laplacian that is infinite.
    pub fn equations(&self, next: &WeakSums, tau: f64, internal: bool) -> Result<NormalEquations> {
        self.watched_equations(next, tau, internal, Task::silent())
    }

    fn watched_equations(
        &self,
        next: &WeakSums,
        tau: f64,
        internal: bool,
        task: Task,
    ) -> Result<NormalEquations> {
        self.check(next)?;
        let mean = |f: &dyn Fn(&WeakSums) -> Array2<f64>| {
            (f(self) / self.weight + f(next) / next.weight) * (0.5 * tau)
        };
        let mut columns = vec![mean(&|sums| sums.gradients.clone()), mean(&|sums| sums.forces.clone())];
        if internal {
            columns.push(-mean(&|sums| sums.laplacians.clone().insert_axis(Axis(1))));
        }
        let views: Vec<_> = columns.iter().map(|c| c.view()).collect();
        let design = ndarray::concatenate(Axis(1), &views).expect("equal heights");
        // design·c = −(⟨φ⟩₁ − ⟨φ⟩₀)
        let target = &self.values / self.weight - &next.values / next.weight;
        let noise = self.noise() + next.noise();
        // What rounding of the values alone gives is no variance.
        let rounding =
            |sums: &WeakSums| (&sums.values / sums.weight).mapv(|m| (64.0 * f64::EPSILON * m).powi(2));
        let floor = rounding(self) + rounding(next);
        let scale = ndarray::Zip::from(&noise.diag())
            .and(&floor)
            .map_collect(|&v, &floor| if v > floor { v.sqrt().recip() } else { 0.0 });
        let correlation = &noise * &scale * scale.view().insert_axis(Axis(1));
        let rows = ndarray::concatenate(Axis(1), &[design.view(), target.view().insert_axis(Axis(1))])
            .expect("equal heights");
        let whitened = whiten(correlation, rows * scale.insert_axis(Axis(1)), task)?;
        let (rows, targets) = whitened.view().split_at(Axis(1), design.ncols());
        let mut equations = NormalEquations::new(design.ncols());
        equations.observe(rows, targets.column(0), Array1::ones(rows.nrows()).view())?;
        Ok(equations)
    }

    /// Sums of other functions can neither be merged nor make equations together.
    fn same_functions(&self, other: &WeakSums) -> Result<()> {
        let sizes = [
            ("test functions", self.values.len(), other.values.len()),
            ("functions of the potential", self.gradients.ncols(), other.gradients.ncols()),
            ("functions of the interaction", self.forces.ncols(), other.forces.ncols()),
        ];
        for (name, expected, found) in sizes {
            if expected != found {
                return Err(Error::Size { name, expected, found });
            }
        }
        Ok(())
    }

    fn check(&self, other: &WeakSums) -> Result<()> {
        self.same_functions(other)?;
        if self.weight > 0.0 && other.weight > 0.0 { Ok(()) } else { Err(Error::Empty { name: "snapshot" }) }
    }
}

/// Rows L⁻¹P·`rows` with `P C Pᵀ = L Lᵀ`, C the correlation of their noise: Cholesky's elimination
/// with the largest remaining variance first, until none is left. O(K³).
fn whiten(mut correlation: Array2<f64>, mut rows: Array2<f64>, task: Task) -> Result<Array2<f64>> {
    let count = correlation.nrows();
    let mut left: Vec<usize> = (0..count).collect();
    let mut used = Vec::with_capacity(count);
    while let Some((position, &pivot)) =
        left.iter().enumerate().max_by(|a, b| correlation[[*a.1, *a.1]].total_cmp(&correlation[[*b.1, *b.1]]))
    {
        if correlation[[pivot, pivot]] <= CUT {
            break;
        }
        task.tick("equations", used.len(), count)?;
        left.swap_remove(position);
        used.push(pivot);
        let root = correlation[[pivot, pivot]].sqrt();
        let column = correlation.row(pivot).mapv(|c| c / root);
        let row = rows.row(pivot).mapv(|r| r / root);
        rows.row_mut(pivot).assign(&row);
        for &i in &left {
            let factor = -column[i];
            correlation.row_mut(i).scaled_add(factor, &column);
            rows.row_mut(i).scaled_add(factor, &row);
        }
    }
    Ok(rows.select(Axis(0), &used))
}

impl Merge for WeakSums {
    fn count(&self) -> usize {
        self.count
    }

    /// Sums of other functions, and an interaction, whose forces need the whole snapshot, are
    /// errors.
    fn merge(&mut self, other: &Self) -> Result<()> {
        if !self.forces.is_empty() {
            return Err(Error::Undefined {
                what: "merging sums with an interaction",
                reason: "the force on a particle needs all others of its snapshot".into(),
                remedy: "observe whole snapshots",
            });
        }
        self.same_functions(other)?;
        self.join_means(&other.values, other.weight);
        self.count += other.count;
        self.weight += other.weight;
        self.square += other.square;
        self.values += &other.values;
        self.products += &other.products;
        self.gradients += &other.gradients;
        self.laplacians += &other.laplacians;
        Ok(())
    }
}

/// Test functions: those of the potential, and polynomials where that leaves unknowns without a
/// function of their own.
fn test_functions(terms: &Terms, snapshots: &Snapshots) -> Result<Features> {
    let dim = snapshots.dim();
    let enough = terms.interaction.is_none() && terms.internal.is_none();
    if let Some(features) = terms.potential.as_ref().filter(|_| enough) {
        return Ok(features.clone());
    }
    let degree = match dim {
        1..=4 => 4,
        5..=10 => 3,
        11..=60 => 2,
        _ => 1,
    };
    let polynomials = Part::Monomials(Monomials::total_degree(dim, degree)?);
    match &terms.potential {
        Some(features) => {
            let mut parts = features.parts().to_vec();
            parts.push(polynomials);
            Features::new(features.shift().clone(), features.scale(), parts)
        }
        None => {
            let pooled = snapshots.pooled();
            let mean = pooled.mean_axis(Axis(0)).expect("not empty");
            let spread = ((&pooled - &mean).mapv(|e| e * e).sum() / pooled.len() as f64).sqrt();
            Features::new(mean, spread, vec![polynomials])
        }
    }
}

/// The weak equations of all intervals.
pub(super) fn weak_equations(
    terms: &Terms,
    snapshots: &Snapshots,
    task: Task,
) -> Result<Vec<NormalEquations>> {
    let tests = test_functions(terms, snapshots)?;
    let total = snapshots.clouds().iter().map(Cloud::len).sum();
    let mut done = 0;
    let mut sums = |cloud: &Cloud| -> Result<WeakSums> {
        let (x, weights) = (cloud.x.view(), cloud.weights.view());
        let mut sums = WeakSums::new(tests.len(), terms.potential_len(), terms.interaction_len());
        let potential = terms.potential.as_ref().map(|features| features as &dyn Basis);
        // In parts, so that work is stopped in time; their size must not depend on the machine.
        let rows = if terms.interaction.is_some() { PAIRS / cloud.len() } else { 0 }.clamp(ROWS, 16 * ROWS);
        for start in (0..cloud.len()).step_by(rows) {
            task.tick("sums", done, total)?;
            let part = Slice::from(start..(start + rows).min(cloud.len()));
            let (some, shares) = (x.slice_axis(Axis(0), part), weights.slice_axis(Axis(0), part));
            let forces = terms.interaction.as_ref().map(|functions| {
                let mut forces = Array3::zeros((some.nrows(), some.ncols(), functions.len()));
                functions.forces_into(some, x, weights, forces.view_mut());
                forces
            });
            sums.observe(some, shares, &tests, potential, forces.as_ref())?;
            done += some.nrows();
        }
        Ok(sums)
    };
    let all = snapshots.clouds().iter().map(&mut sums).collect::<Result<Vec<_>>>()?;
    let internal = terms.internal.is_some();
    (0..snapshots.intervals())
        .map(|i| all[i].watched_equations(&all[i + 1], snapshots.interval(i), internal, task))
        .collect()
}
