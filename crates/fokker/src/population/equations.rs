//! The terms of an energy, and the linear equations that an interval gives for them.

use super::coupling::Sites;
use super::{FitOptions, PairFunctions, Snapshots};
use crate::basis::{Basis, FeatureSpec, Features};
use crate::regression::NormalEquations;
use crate::statistics::{GaussianMixture, MixtureOptions};
use crate::{Error, Result, Task};
use ndarray::{Array1, Array2, Array3, Axis, Slice};

/// Points of a block of the design matrix.
const ROWS: usize = 256;

/// Most bytes that the equations of all intervals together may take.
const MEMORY: f64 = 8e9;

/// The unknown functions of a fit: potential, interaction, internal energy, in this order.
#[derive(Clone)]
pub(super) struct Terms {
    pub potential: Option<Features>,
    pub interaction: Option<PairFunctions>,
    /// Components of the density's mixture.
    pub internal: Option<usize>,
    pub seed: u64,
}

impl Terms {
    /// Terms for the data at hand: centres, scales and bandwidths come from all snapshots given.
    pub fn build(
        snapshots: &Snapshots,
        potential: Option<&FeatureSpec>,
        options: &FitOptions,
        task: Task,
    ) -> Result<Self> {
        let pooled = snapshots.pooled();
        let weights = snapshots.pooled_weights();
        let build = |spec: &FeatureSpec| {
            let weights = weights.as_ref().map(|weights| weights.view());
            spec.build(pooled.view(), weights, options.raw_features, options.seed, task)
        };
        let interaction = options.interaction.map(|spec| spec.build(pair_distance(snapshots)));
        let terms = Terms {
            potential: potential.map(build).transpose()?,
            interaction: interaction.transpose()?,
            internal: options.internal.map(|components| components.0),
            seed: options.seed,
        };
        let bytes = 8.0 * (terms.len() as f64).powi(2) * (snapshots.intervals() as f64 + 2.0);
        if bytes > MEMORY {
            return Err(Error::Undefined {
                what: "a fit with so many features",
                reason: format!("the equations of {} unknowns would take {:.0} GB", terms.len(), bytes / 1e9),
                remedy: "use fewer features",
            });
        }
        Ok(terms)
    }

    /// Number K of functions of the potential.
    pub fn potential_len(&self) -> usize {
        self.potential.as_ref().map_or(0, Basis::len)
    }

    /// Number of functions of the interaction.
    pub fn interaction_len(&self) -> usize {
        self.interaction.as_ref().map_or(0, PairFunctions::len)
    }

    /// Number of all unknowns of one interval.
    pub fn len(&self) -> usize {
        self.potential_len() + self.interaction_len() + usize::from(self.internal.is_some())
    }

    /// The equations of one interval of length τ for a scheme with a coupling.
    ///
    /// ```text
    /// Σ_k a_k ∇φ_k(z) + Σ_k ω_k (∇ψ_k∗μ)(z) + θ ∇log ρ(z) = −(y − x)/τ      weight γ(x, y)
    /// ```
    pub fn coupled(&self, sites: &Sites, tau: f64, task: Task) -> Result<NormalEquations> {
        let (n, d) = sites.at.dim();
        let (potential, interaction) = (self.potential_len(), self.interaction_len());
        let forces = self.interaction.as_ref().map(|functions| {
            let mut forces = Array3::zeros((n, d, interaction));
            let cloud = &sites.cloud;
            functions.forces_into(sites.at.view(), cloud.x.view(), cloud.weights.view(), forces.view_mut());
            forces
        });
        let score = self.internal.map(|components| self.score(components, sites, task)).transpose()?;
        let mut equations = NormalEquations::new(self.len());
        for start in (0..n).step_by(ROWS) {
            let rows = Slice::from(start..(start + ROWS).min(n));
            let at = sites.at.slice_axis(Axis(0), rows);
            let mut design = Array3::zeros((at.nrows(), d, self.len()));
            if let Some(features) = &self.potential {
                features.gradients_into(at, design.slice_axis_mut(Axis(2), Slice::from(..potential)));
            }
            if let Some(forces) = &forces {
                let columns = Slice::from(potential..potential + interaction);
                design.slice_axis_mut(Axis(2), columns).assign(&forces.slice_axis(Axis(0), rows));
            }
            if let Some(score) = &score {
                let last = design.len_of(Axis(2)) - 1;
                design.index_axis_mut(Axis(2), last).assign(&score.slice_axis(Axis(0), rows));
            }
            let targets = sites.displacement.slice_axis(Axis(0), rows).mapv(|e| -e / tau);
            let mass = sites.mass.slice_axis(Axis(0), rows);
            let count = at.nrows() * d;
            let weights = Array1::from_shape_fn(count, |r| mass[r / d]);
            let design = design.into_shape_with_order((count, self.len())).expect("contiguous");
            let targets = targets.into_shape_with_order(count).expect("contiguous");
            equations.observe(design.view(), targets.view(), weights.view())?;
            task.tick("equations", start + at.nrows(), n)?;
        }
        Ok(equations)
    }

    /// ∇log ρ at the sites, ρ a mixture fitted to their cloud.
    fn score(&self, components: usize, sites: &Sites, task: Task) -> Result<Array2<f64>> {
        let options = MixtureOptions { components, seed: self.seed, task, ..Default::default() };
        let fit = GaussianMixture::fit(sites.cloud.x.view(), Some(sites.cloud.weights.view()), &options)?;
        fit.mixture.score(sites.at.view())
    }
}

/// Root mean square distance of two particles of a snapshot, averaged over snapshots.
fn pair_distance(snapshots: &Snapshots) -> f64 {
    let variance = |cloud: &super::Cloud| {
        let mean = cloud.weights.dot(&cloud.x);
        let squares = (&cloud.x - &mean).mapv(|e| e * e).sum_axis(Axis(1));
        cloud.weights.dot(&squares)
    };
    let total: f64 = snapshots.clouds().iter().map(variance).sum();
    (2.0 * total / snapshots.clouds().len() as f64).sqrt()
}
