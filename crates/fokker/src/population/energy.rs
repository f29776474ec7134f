//! An energy: potential, interaction and temperature.

use super::{PairFunctions, Scheme, TimeBasis};
use crate::basis::{Basis, Features};
use crate::limits::all_finite;
use crate::options::Receipt;
use crate::{Error, Result};
use fokker_linalg::matmul_into;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Particles per task.
pub(super) const BLOCK: usize = 256;

/// A potential `V(x, t) = Σ_k c_k(t) φ_k(x)`, `c(t) = Σ_l b_l(t) coefficients[l]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PotentialTerm {
    /// Functions φ of the point.
    pub features: Features,
    /// Functions b of time.
    pub time: TimeBasis,
    /// Coefficients, `[L, K]`.
    pub coefficients: Array2<f64>,
}

/// An interaction `W(z) = Σ_k coefficients[k] ψ_k(|z|)`.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionTerm {
    /// Functions ψ of the distance.
    pub functions: PairFunctions,
    /// Coefficients, `[K]`.
    pub coefficients: Array1<f64>,
}

/// An energy of populations, in the user's units of time and space.
///
/// ```text
/// J(μ) = ∫V dμ + ½∬W(x − y) dμ dμ + θ∫ρ log ρ
/// dX = −(∇V + ∇W∗μ) dt + √(2θ) dB
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Energy {
    /// Times of the snapshots that it was fitted to, increasing.
    pub times: Vec<f64>,
    /// Scheme that it was fitted with: it decides how predictions step.
    pub scheme: Scheme,
    /// V, if there is one.
    pub potential: Option<PotentialTerm>,
    /// W, if there is one.
    pub interaction: Option<InteractionTerm>,
    /// θ, if there is an internal energy. A negative one is what the data gave.
    pub temperature: Option<f64>,
    /// Dimension d.
    pub dim: usize,
    /// How it was fitted; none for energies that were not, and in files of earlier versions.
    pub receipt: Option<Receipt>,
}

impl Energy {
    /// Whether the energy says something about time t.
    ///
    /// # Errors
    /// A time that is not finite; one outside the snapshots when the potential depends on time.
    pub fn check_time(&self, t: f64) -> Result<()> {
        let (first, last) = (self.times[0], self.times[self.times.len() - 1]);
        let varies = self.potential.as_ref().is_some_and(|term| term.time != TimeBasis::Constant);
        if t.is_finite() && (!varies || (first..=last).contains(&t)) {
            return Ok(());
        }
        let requirement = if varies {
            format!(
                "in [{first}, {last}], where this energy was fitted; one that does not vary in time extends \
                 beyond (--time-varying none, time=\"none\")"
            )
        } else {
            "finite".into()
        };
        Err(Error::Argument { name: "time", requirement, found: t })
    }

    /// The times at which the energy extends what it found, outside the snapshots it was fitted to.
    pub fn extrapolated(&self, times: &[f64]) -> Vec<f64> {
        let (first, last) = (self.times[0], self.times[self.times.len() - 1]);
        times.iter().copied().filter(|t| !(first..=last).contains(t)).collect()
    }

    /// What is to be said of predictions at these times, if some are extrapolated.
    ///
    /// ```
    /// # use fokker::population::*;
    /// # let energy = Energy {
    /// #     times: vec![0.0, 2.0],
    /// #     scheme: Scheme::Explicit,
    /// #     potential: None,
    /// #     interaction: None,
    /// #     temperature: Some(1.0),
    /// #     dim: 1,
    /// #     receipt: None,
    /// # };
    /// let words = energy.warning(&[1.0, 3.0]).unwrap();
    /// assert!(words.starts_with("3 is outside the snapshots, 0 to 2:"));
    /// assert_eq!(energy.warning(&[1.0]), None);
    /// ```
    pub fn warning(&self, times: &[f64]) -> Option<String> {
        let outside = self.extrapolated(times);
        let listed: Vec<String> = outside.iter().take(20).map(f64::to_string).collect();
        let more = if outside.len() > listed.len() { ", …" } else { "" };
        let verb = if outside.len() == 1 { "is" } else { "are" };
        let (first, last) = (self.times[0], self.times[self.times.len() - 1]);
        (!outside.is_empty()).then(|| {
            format!(
                "{}{more} {verb} outside the snapshots, {first} to {last}: there the energy extends what it \
                 found, and no data checked it",
                listed.join(", ")
            )
        })
    }

    pub(super) fn check_points(&self, x: ArrayView2<f64>) -> Result<()> {
        if x.ncols() != self.dim {
            return Err(Error::Size { name: "columns of the points", expected: self.dim, found: x.ncols() });
        }
        match x.indexed_iter().find(|(_, x)| !x.is_finite()) {
            Some(((row, column), &value)) => {
                Err(Error::NonFinite { name: "points", index: vec![row, column], value })
            }
            None => Ok(()),
        }
    }

    /// V at points `[n, d]` and time t, `[n]`; zeros without a potential. Defined up to a constant.
    ///
    /// # Errors
    /// A wrong number of columns, an entry that is not finite, a time that the energy does not cover, a
    /// value beyond the range of numbers.
    pub fn potential(&self, t: f64, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        self.check_points(x)?;
        self.check_time(t)?;
        let mut out = Array1::zeros(x.nrows());
        let Some(term) = &self.potential else { return Ok(out) };
        let coefficients = self.coefficients_at(t, term);
        let mut tasks: Vec<_> =
            out.axis_chunks_iter_mut(Axis(0), BLOCK).zip(x.axis_chunks_iter(Axis(0), BLOCK)).collect();
        tasks.par_iter_mut().for_each(|(out, x)| {
            let mut values = Array2::zeros((x.nrows(), term.features.len()));
            term.features.values_into(x.view(), values.view_mut());
            out.assign(&values.dot(&coefficients));
        });
        all_finite("the potential", &out, "ask for it nearer to the data of the fit")?;
        Ok(out)
    }

    /// W at distances r, `[n]`; zeros without an interaction.
    pub fn interaction(&self, r: ArrayView1<f64>) -> Array1<f64> {
        match &self.interaction {
            Some(term) => r.mapv(|r| term.functions.values(r).dot(&term.coefficients)),
            None => Array1::zeros(r.len()),
        }
    }

    /// Velocity of particles `x` (`[n, d]`) in the population `y` (`[m, d]`, weights `[m]` of any
    /// positive sum), `[n, d]`: the drift, without what temperature adds.
    ///
    /// ```text
    /// v(x) = −∇V(x, t) − Σ_j w_j ∇W(x − y_j)/Σ_j w_j
    /// ```
    ///
    /// O(n K d), with an interaction O(n m K d) in blocks.
    ///
    /// # Errors
    /// As [`potential`](Energy::potential), for both clouds; weights that do not fit, are negative or sum to 0.
    pub fn velocity(
        &self,
        t: f64,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        weights: ArrayView1<f64>,
    ) -> Result<Array2<f64>> {
        self.check_points(x)?;
        self.check_points(y)?;
        self.check_time(t)?;
        if weights.len() != y.nrows() {
            return Err(Error::Size { name: "weights", expected: y.nrows(), found: weights.len() });
        }
        let weights = crate::statistics::normalised(Some(weights), y.nrows())?;
        let mut out = Array2::zeros(x.dim());
        self.velocity_into(t, x, y, weights.view(), out.view_mut());
        Ok(out)
    }

    /// As [`velocity`](Energy::velocity), with inputs known to be in order.
    pub(super) fn velocity_into(
        &self,
        t: f64,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        weights: ArrayView1<f64>,
        mut out: ArrayViewMut2<f64>,
    ) {
        out.fill(0.0);
        if let Some(term) = &self.potential {
            let coefficients = self.coefficients_at(t, term).insert_axis(Axis(1));
            let mut tasks: Vec<_> =
                out.axis_chunks_iter_mut(Axis(0), BLOCK).zip(x.axis_chunks_iter(Axis(0), BLOCK)).collect();
            tasks.par_iter_mut().for_each(|(out, x)| {
                let (n, d) = x.dim();
                let mut gradients = Array3::zeros((n, d, term.features.len()));
                term.features.gradients_into(x.view(), gradients.view_mut());
                subtract_product(gradients, &coefficients, out);
            });
        }
        if let Some(term) = &self.interaction {
            let mut forces = Array3::zeros((x.nrows(), x.ncols(), term.functions.len()));
            term.functions.forces_into(x, y, weights, forces.view_mut());
            subtract_product(forces, &term.coefficients.view().insert_axis(Axis(1)).to_owned(), &mut out);
        }
    }

    fn coefficients_at(&self, t: f64, term: &PotentialTerm) -> Array1<f64> {
        Array1::from(term.time.values(t, &self.times)).dot(&term.coefficients)
    }
}

/// out ← out − G c for gradients G `[n, d, K]` and coefficients `[K, 1]`.
fn subtract_product(gradients: Array3<f64>, coefficients: &Array2<f64>, out: &mut ArrayViewMut2<f64>) {
    let (n, d, k) = gradients.dim();
    let rows = gradients.into_shape_with_order((n * d, k)).expect("contiguous");
    let mut product = Array2::zeros((n * d, 1));
    matmul_into(rows.view(), coefficients.view(), product.view_mut());
    let product = product.into_shape_with_order((n, d)).expect("as many entries");
    *out -= &product;
}
