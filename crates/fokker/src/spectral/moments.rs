//! Means of eigenfunctions over the data: the second pass, mergeable.

use super::chunks::{Chunk, Pass, Sum, Tree, for_chunks, is_held_out};
use super::coordinates::{Coordinates, Frame};
use super::evidence::Evidence;
use super::indices::{Index, Shape};
use super::plan::{Plan, Work};
use super::reservoir::Sample;
use super::shards::Shards;
use super::summary::{Rows, Summary};
use super::system::System;
use super::terms::{Key, Terms};
use crate::options::Digester;
use crate::{Blocks, Error, Merge, Result, Task};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use std::sync::Arc;

/// Most accumulators of a fit, 8 bytes each, of which about 20 sets are held.
const LIMIT: usize = 20_000_000;
/// Rows that the covariance of Takeuchi's criterion is taken over.
const FEW: usize = 512;

/// Most rows of the data that a fit keeps to check samples against.
const EVIDENCE: usize = 512;

/// A basis in fixed coordinates: what is to be summed over the data, and what is made of the sums.
#[derive(Debug)]
pub(super) struct Design {
    pub frame: Frame,
    pub shape: Shape,
    pub functions: Vec<Index>,
    pub terms: Terms,
    pub plan: Plan,
    pub keys: Vec<Key>,
    pub warnings: Vec<String>,
    pub kept: Sample,
    /// Some of them, over which covariances are taken.
    pub few: Sample,
    pub held_out: Sample,
    pub evidence: Option<Evidence>,
    hold_out: f64,
    /// What was asked for; `shape` is on columns that are coordinates.
    asked: Shape,
}

impl Design {
    pub fn new(summary: &Summary, kind: Coordinates, shape: &Shape) -> Result<Self> {
        let asked = shape.clone();
        let (frame, mut warnings) = Frame::new(summary, kind)?;
        let (shape, dropped) = match kind {
            Coordinates::Whitened => (on_axes(shape)?, 0),
            _ => on_free(shape, &frame)?,
        };
        if dropped > 0 {
            warnings
                .push(format!("{dropped} pairs or triples have a column that is left out, they are ignored"));
        }
        let functions = shape.functions(frame.dim())?;
        let family = kind.family();
        let (terms, demand) = Terms::new(family, frame.dim(), &functions);
        let plan = Plan::new(family, frame.dim(), &demand);
        if plan.len() > LIMIT {
            return Err(Error::Argument {
                name: "number of moments",
                requirement: format!(
                    "at most {LIMIT}: take fewer pairs (chain, lattice, a list) or a lower degree"
                ),
                found: plan.len() as f64,
            });
        }
        let kept = summary.sample(false);
        Ok(Design {
            few: kept.thinned(FEW),
            kept,
            held_out: summary.sample(true),
            evidence: Evidence::new(summary, EVIDENCE),
            hold_out: summary.hold_out(),
            keys: demand.keys,
            frame,
            shape,
            functions,
            terms,
            plan,
            warnings,
            asked,
        })
    }
}

/// The shape on whitened coordinates, which are no columns.
fn on_axes(shape: &Shape) -> Result<Shape> {
    if !shape.suits_any_axes() {
        return Err(Error::Undefined {
            what: "whitened coordinates with pairs or triples of columns",
            reason: "whitened coordinates are combinations of columns".into(),
            remedy: "take all pairs or none, or the hermite reference",
        });
    }
    Ok(shape.clone())
}

/// The shape on the columns that are coordinates; pairs of others are dropped, and counted.
fn on_free(shape: &Shape, frame: &Frame) -> Result<(Shape, usize)> {
    let dim = frame.data_dim();
    if frame.dim() == dim {
        return Ok((shape.clone(), 0));
    }
    let place = |column: usize| frame.free.binary_search(&column).ok();
    let edges = shape.pairs.edges(dim)?;
    let kept: Vec<(usize, usize)> = edges.iter().filter_map(|&(i, j)| Some((place(i)?, place(j)?))).collect();
    let triples: Vec<[usize; 3]> =
        shape.triples.iter().filter_map(|&[i, j, l]| Some([place(i)?, place(j)?, place(l)?])).collect();
    let dropped = match shape.pairs {
        super::Pairs::List(_) => edges.len() - kept.len() + shape.triples.len() - triples.len(),
        _ => shape.triples.len() - triples.len(),
    };
    Ok((Shape { pairs: super::Pairs::List(kept), triples, ..shape.clone() }, dropped))
}

/// Sums over rows: those the fit uses and those that are held out.
#[derive(Debug, Clone)]
pub(super) struct Part {
    used: Sums,
    held_out: Sums,
}

#[derive(Debug, Clone)]
pub(super) struct Sums {
    pub count: usize,
    pub weight: f64,
    /// Σ w² / Σ w is what a weight counts: the effective number of rows is weight²/squares.
    pub squares: f64,
    values: Vec<f64>,
}

impl Sum for Part {
    fn add(&mut self, other: &Self) {
        for (own, other) in [(&mut self.used, &other.used), (&mut self.held_out, &other.held_out)] {
            own.count += other.count;
            own.weight += other.weight;
            own.squares += other.squares;
            own.values.iter_mut().zip(&other.values).for_each(|(a, b)| *a += b);
        }
    }
}

/// Means `m_k = E φ_k` of all products that a basis needs, in the coordinates of a first pass;
/// mergeable.
///
/// ```text
/// m_k = Σ w φ_k(y)/Σ w         y: coordinates, clamped to the box of the data
/// ```
///
/// Cost O(N ((dK)² + triples · K³)) for features to degree K, as matrix products.
#[derive(Debug, Clone)]
pub struct Moments {
    pub(super) design: Arc<Design>,
    tree: Tree<Part>,
    shards: Shards,
}

/// Moments by slot of the demand.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub count: usize,
    /// (Σ w)²/Σ w²: the number of equally weighted rows that know as much.
    pub effective: f64,
    pub values: Vec<f64>,
}

impl Moments {
    /// Moments of the rows of a source, in the coordinates of `summary` (of all shards, merged).
    ///
    /// # Errors
    /// Fewer than two rows, a basis that does not fit the data or is too large, what the source
    /// reports, an interruption.
    pub fn from_blocks(
        blocks: &mut dyn Blocks,
        summary: &Summary,
        (coordinates, shape): (Coordinates, &Shape),
        rows: &Rows,
        task: Task,
    ) -> Result<Self> {
        let design = Arc::new(Design::new(summary, coordinates, shape)?);
        Moments::of_design(blocks, design, rows, task)
    }

    fn of_design(blocks: &mut dyn Blocks, design: Arc<Design>, rows: &Rows, task: Task) -> Result<Self> {
        rows.validate(blocks.rows())?;
        if blocks.dim() != design.frame.data_dim() {
            return Err(Error::Size {
                name: "columns",
                expected: design.frame.data_dim(),
                found: blocks.dim(),
            });
        }
        let work = |chunk: Chunk| {
            let mut seen = Digester::default();
            let weights = rows.weights_of(chunk.first, chunk.rows.nrows())?;
            seen.observe(chunk.rows, weights.map(ArrayView1::from));
            Ok((part(&design, chunk, weights, &mut design.plan.work()), seen))
        };
        let (mut tree, mut digester) = (Tree::new(), Digester::default());
        let pass = Pass { first: rows.first, stage: "moments", task };
        for_chunks(blocks, &pass, work, |start, (part, seen)| {
            tree.push(start, part);
            digester.append(&seen);
        })?;
        Ok(Moments { design, tree, shards: Shards::of(rows.first, digester) })
    }

    /// Moments of more rows in the same coordinates, the first of them being row `first` of all, so that they
    /// can be merged with these.
    ///
    /// # Errors
    /// As [`Moments::from_blocks`].
    pub fn observe(
        &self,
        blocks: &mut dyn Blocks,
        first: usize,
        weights: Option<&[f64]>,
        task: Task,
    ) -> Result<Self> {
        let rows = Rows { first, weights, hold_out: self.hold_out() };
        Moments::of_design(blocks, self.design.clone(), &rows, task)
    }

    /// Dimension of the data.
    pub fn dim(&self) -> usize {
        self.design.frame.data_dim()
    }

    /// Share of the rows that is held out.
    pub fn hold_out(&self) -> f64 {
        self.design.hold_out
    }

    /// Coordinates and what was asked to span the fit.
    pub fn basis(&self) -> (Coordinates, &Shape) {
        (self.design.frame.kind, &self.design.asked)
    }

    /// Which rows were read.
    pub(super) fn shards(&self) -> &Shards {
        &self.shards
    }

    /// `A(t)` `[K, K]` and `b(t)` `[K]` of the rows the fit uses, in the order of
    /// [`EigenScore::functions`](super::EigenScore::functions), O(K²).
    ///
    /// # Errors
    /// No row of positive weight.
    pub fn system(&self, time: f64) -> Result<(Array2<f64>, Array1<f64>)> {
        let (used, _) = self.means()?;
        let terms = &self.design.terms;
        let (mut a, mut b) = System::new(terms, &used.values, time).into_dense();
        for (i, root) in terms.eigenvalues.iter().map(|l| l.sqrt()).enumerate() {
            a.row_mut(i).mapv_inplace(|x| x * root);
            a.column_mut(i).mapv_inplace(|x| x * root);
            b[i] *= root;
        }
        Ok((a, b))
    }

    /// The moments of the rows the fit uses, and of those held out.
    pub(super) fn means(&self) -> Result<(Means, Option<Means>)> {
        let Some(total) = self.tree.total() else { return Err(Error::Empty { name: "data" }) };
        let means = |sums: &Sums| Means {
            count: sums.count,
            effective: sums.weight * sums.weight / sums.squares,
            values: self.design.plan.moments(&sums.values, sums.weight),
        };
        if total.used.weight <= 0.0 {
            return Err(Error::Empty { name: "data of positive weight" });
        }
        let used = means(&total.used);
        if let Some(bad) = used.values.iter().find(|m| !m.is_finite()) {
            return Err(Error::Numerical { what: "the moments", reason: format!("one is {bad}") });
        }
        Ok((used, (total.held_out.weight > 0.0).then(|| means(&total.held_out))))
    }
}

impl Merge for Moments {
    fn count(&self) -> usize {
        self.shards.rows()
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if self.design.frame != other.design.frame {
            return Err(Error::Undefined {
                what: "the sum of moments",
                reason: "they are in different coordinates".into(),
                remedy: "merge the summaries of all shards first, then take moments in those coordinates",
            });
        }
        let (expected, found) = (self.design.functions.len(), other.design.functions.len());
        if self.design.functions != other.design.functions {
            return Err(Error::Size { name: "functions of the moments", expected, found });
        }
        self.tree.merge(&other.tree);
        self.shards.merge(&other.shards);
        Ok(())
    }
}

/// Sums over one chunk.
fn part(design: &Design, chunk: Chunk, weights: Option<&[f64]>, work: &mut Work) -> Part {
    let held = |i: usize| is_held_out(chunk.first + i, design.hold_out);
    let sums = |used: Option<bool>, work: &mut Work| {
        let chosen: Vec<usize> = match used {
            None => Vec::new(),
            Some(held_out) => (0..chunk.rows.nrows()).filter(|&i| held(i) == held_out).collect(),
        };
        let lanes = |x: ArrayView2<f64>, out: &mut [f64]| design.frame.clamped_lanes(x, out);
        if used.is_none() {
            return accumulate(design, chunk.rows, weights, lanes, work);
        }
        let picked = weights.map(|w| chosen.iter().map(|&i| w[i]).collect::<Vec<f64>>());
        let x = chunk.rows.select(Axis(0), &chosen);
        accumulate(design, x.view(), picked.as_deref(), lanes, work)
    };
    match design.hold_out {
        0.0 => Part {
            used: sums(None, work),
            held_out: Sums { count: 0, weight: 0.0, squares: 0.0, values: Vec::new() },
        },
        _ => Part { used: sums(Some(false), work), held_out: sums(Some(true), work) },
    }
}

fn accumulate(
    design: &Design,
    x: ArrayView2<f64>,
    weights: Option<&[f64]>,
    lanes: impl Fn(ArrayView2<f64>, &mut [f64]),
    work: &mut Work,
) -> Sums {
    let mut values = vec![0.0; design.plan.len()];
    design.plan.accumulate(x, weights, lanes, (&mut values, work));
    let weight = weights.map_or(x.nrows() as f64, |w| w.iter().sum());
    let squares = weights.map_or(x.nrows() as f64, |w| w.iter().map(|w| w * w).sum());
    let count = weights.map_or(x.nrows(), |w| w.iter().filter(|w| **w > 0.0).count());
    Sums { count, weight, squares, values }
}
