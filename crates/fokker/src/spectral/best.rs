//! The fit of plain options: what they leave open is chosen, and a receipt says how it was made.

use super::choice::{Chosen, choose};
use super::fit::{Candidate, SolveOptions};
use super::options::write_pairs;
use super::shards::Shards;
use super::{Coordinates, FitOptions, Moments, Pairs, SpectralFit, Summary};
use crate::options::Receipt;
use crate::{Blocks, Result, Task};
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A candidate and its criterion, smaller is better.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Compared {
    /// The reference.
    #[serde(serialize_with = "name")]
    pub reference: Coordinates,
    /// Largest degree.
    pub degree: usize,
    /// Pairs of columns with functions of their own.
    #[serde(serialize_with = "pairs")]
    pub pairs: Pairs,
    /// See [`choose`]; infinite, and null in JSON, for no candidate after all.
    pub criterion: f64,
}

fn name<S: Serializer>(coordinates: &Coordinates, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(coordinates.name())
}

fn pairs<S: Serializer>(pairs: &Pairs, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    write_pairs(Some(pairs)).serialize(serializer)
}

/// The best fit that options allow, and what it was chosen from.
///
/// Serialised: `reference`, `degree`, `pairs` and `ridge` that were chosen, the number of `functions`,
/// all `candidates`, the `report` of the fit and its `receipt`.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The fit.
    pub fit: SpectralFit,
    /// What it is made of; more rows can be merged.
    pub moments: Moments,
    /// The summary that its coordinates are made of.
    pub summary: Summary,
    /// All candidates.
    pub candidates: Vec<Compared>,
    /// Which of them it is.
    pub index: usize,
}

impl Serialize for Fitted {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let chosen = &self.candidates[self.index];
        let mut out = serializer.serialize_struct("Fitted", 8)?;
        out.serialize_field("reference", chosen.reference.name())?;
        out.serialize_field("degree", &chosen.degree)?;
        out.serialize_field("pairs", &write_pairs(Some(&chosen.pairs)))?;
        out.serialize_field("functions", &self.fit.report().functions)?;
        out.serialize_field("ridge", &self.fit.report().ridge)?;
        out.serialize_field("candidates", &self.candidates)?;
        out.serialize_field("report", self.fit.report())?;
        out.serialize_field("receipt", &self.fit.receipt())?;
        out.end()
    }
}

/// What was chosen, for the receipt; `shards` are the rows of every pass.
#[derive(serde::Serialize)]
struct Settled<'a> {
    reference: &'static str,
    degree: usize,
    #[serde(serialize_with = "pairs")]
    pairs: &'a Pairs,
    ridge: f64,
    shards: &'a Shards,
}

/// Fits every candidate of the options and keeps the best, see [`choose`]; the fit has a receipt.
///
/// # Errors
/// What the options cannot be, and what [`choose`] reports.
///
/// ```
/// use fokker::problems::CoupledDoubleWell;
/// use fokker::spectral::{FitOptions, fit_best};
/// use fokker::{ArrayBlocks, Task};
/// // Two wells: the Gaussian of degree 2 has none.
/// let x = CoupledDoubleWell::new().sample(2000, 1);
/// let options = FitOptions { degree: vec![2, 4], ..Default::default() };
/// let fitted = fit_best(&mut ArrayBlocks::new(x.view()), &options, None, Task::silent())?;
/// assert_eq!(fitted.candidates[fitted.index].degree, 4);
/// // The options and the data make the same fit again, to the bit.
/// let options = fitted.fit.receipt().unwrap().options()?;
/// let again = fit_best(&mut ArrayBlocks::new(x.view()), &options, None, Task::silent())?;
/// assert_eq!(again.fit.to_bytes(), fitted.fit.to_bytes());
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn fit_best(
    blocks: &mut dyn Blocks,
    options: &FitOptions,
    weights: Option<&[f64]>,
    task: Task,
) -> Result<Fitted> {
    let candidates = options.candidates(blocks.dim(), weights)?;
    let Chosen { index, mut fit, moments, summary, criteria } = choose(blocks, &candidates, task)?;
    fit.receipt = Some(receipt(options, &moments, &fit));
    let compared = |(candidate, criterion): (Candidate, f64)| Compared {
        reference: candidate.coordinates,
        degree: candidate.shape.degree,
        pairs: candidate.shape.pairs,
        criterion,
    };
    let candidates = candidates.into_iter().zip(criteria).map(compared).collect();
    Ok(Fitted { fit, moments, summary, candidates, index })
}

/// The fit of moments that [`fit_best`] took and others were merged with, with its receipt.
///
/// Its options and the rows in the order of their shards, each the `chosen` of the receipt says, make
/// it again: the first shard by [`fit_best`], the others by [`Moments::observe`].
///
/// # Errors
/// Moments that are of no candidate of the options; what [`SpectralFit::from_moments`] reports.
pub fn fit_moments(moments: &Moments, options: &FitOptions, task: Task) -> Result<SpectralFit> {
    options.admits(moments)?;
    let solve = SolveOptions { ridge: options.ridge, ..Default::default() };
    let mut fit = SpectralFit::from_moments(moments, &solve, task)?;
    fit.receipt = Some(receipt(options, moments, &fit));
    Ok(fit)
}

fn receipt(options: &FitOptions, moments: &Moments, fit: &SpectralFit) -> Receipt {
    let (coordinates, shape) = moments.basis();
    let chosen = Settled {
        reference: coordinates.name(),
        degree: shape.degree,
        pairs: &shape.pairs,
        ridge: fit.report().ridge,
        shards: moments.shards(),
    };
    Receipt::new(options, &chosen, moments.shards().digest())
}
