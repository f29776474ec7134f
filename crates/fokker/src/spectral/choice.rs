//! The choice of ridge, degree and edges: by rows held out, or by Takeuchi's criterion.

use super::compare::held_out_nats;
use super::fit::Candidate;
use super::moments::{Design, Means, Moments};
use super::reservoir::Sample;
use super::system::System;
use super::{SpectralFit, Summary};
use crate::{Blocks, Error, Result, Task};
use fokker_linalg::Cholesky;
use ndarray::{Array2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Deserializer};

/// Most functions whose covariance is taken.
const COVARIANCE: usize = 600;
/// Rows computed together.
const LANES: usize = 64;
/// Relative ridges that are tried.
const RIDGES: [f64; 11] = [1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];
/// Times on which they are compared.
const TIMES: usize = 4;

/// What a fit is judged by.
#[derive(Clone, Copy)]
pub(super) struct Criterion<'a> {
    pub design: &'a Design,
    pub used: &'a Means,
    pub held_out: Option<&'a Means>,
    pub times: &'a [f64],
}

/// A candidate and its criterion, smaller is better.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tried {
    /// Relative ridge.
    pub ridge: f64,
    /// Mean over times of the objective on the rows held out, or of Takeuchi's criterion; infinite
    /// where the ridge is too small to solve with.
    #[serde(deserialize_with = "infinite_when_null")]
    pub criterion: f64,
}

/// JSON has no infinity and holds null in its place.
pub(super) fn infinite_when_null<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::INFINITY))
}

/// The ridge with the smallest criterion, and all that were tried.
///
/// ```text
/// held out     ½ c·A_h c − b_h·c                                     A_h, b_h from the rows held out
/// Takeuchi     ½ c·Ac − b·c + tr((A + ηΛ)^{-1} Cov ψ_x)/N            ψ_x = A_x c − b_x
/// ```
///
/// [Takeuchi 1976]; both averaged over times equally spaced in log t, where each time counts alike.
pub(super) fn choose_ridge(criterion: &Criterion) -> Result<(f64, Vec<Tried>)> {
    let Criterion { design, used, held_out, times } = *criterion;
    let chosen: Vec<f64> = (0..TIMES.min(times.len())).map(|i| times[i * times.len() / TIMES]).collect();
    let at_time = |&time: &f64| {
        let system = System::new(&design.terms, &used.values, time);
        let held = held_out.map(|held| System::new(&design.terms, &held.values, time));
        let one = |&ridge: &f64| {
            // A ridge too small to factor is no candidate.
            let Ok((scaled, solve)) = system.solve(ridge, time) else { return Ok(f64::INFINITY) };
            let value = match &held {
                Some(held) => held.objective(&scaled),
                None => {
                    let excess = statistical_error(criterion, &system, &scaled, ridge, time)?;
                    solve.objective + 2.0 * excess.unwrap_or(0.0)
                }
            };
            Ok(if value.is_finite() { value } else { f64::INFINITY })
        };
        RIDGES.iter().map(one).collect::<Result<Vec<f64>>>()
    };
    let table: Vec<Vec<f64>> = chosen.par_iter().map(at_time).collect::<Result<_>>()?;
    let tried: Vec<Tried> = RIDGES
        .iter()
        .enumerate()
        .map(|(i, &ridge)| Tried {
            ridge,
            criterion: table.iter().map(|row| row[i]).sum::<f64>() / table.len() as f64,
        })
        .collect();
    let best = tried.iter().min_by(|a, b| a.criterion.total_cmp(&b.criterion));
    match best.filter(|best| best.criterion.is_finite()) {
        Some(best) => Ok((best.ridge, tried)),
        None => Err(Error::Numerical {
            what: "the choice of the ridge",
            reason: "no ridge up to 0.1 gives a finite fit; lower the degree or use the cosine reference"
                .into(),
        }),
    }
}

/// Half of Takeuchi's penalty, `tr((A + ηΛ)^{-1} Cov ψ_x)/(2N)`: by how much the expected
/// objective at c exceeds that of the best coefficients. None for bases too large to factor.
pub(super) fn statistical_error(
    criterion: &Criterion,
    system: &System,
    scaled: &[f64],
    ridge: f64,
    time: f64,
) -> Result<Option<f64>> {
    let design = criterion.design;
    let n = design.terms.len();
    let Sample { x, weights, .. } = &design.few;
    if n > COVARIANCE || x.nrows() < 2 {
        return Ok(None);
    }
    let psi = deviations(design, scaled, time);
    let total: f64 = weights.sum();
    let mut centred = psi;
    for mut row in centred.rows_mut() {
        let mean = row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / total;
        row.mapv_inplace(|x| x - mean);
    }
    let Ok(cholesky) = Cholesky::new(system.dense(ridge).view()) else { return Ok(None) };
    cholesky.whiten_in_place(centred.view_mut());
    let trace: f64 = centred
        .columns()
        .into_iter()
        .zip(weights)
        .map(|(column, w)| w * column.iter().map(|x| x * x).sum::<f64>())
        .sum();
    Ok(Some(0.5 * trace / total / criterion.used.effective))
}

/// `λ^{−1/2} ψ_x = λ^{−1/2} (A_x c − b_x)` of a few rows, `[functions, rows]`.
fn deviations(design: &Design, scaled: &[f64], time: f64) -> Array2<f64> {
    let terms = &design.terms;
    let n = terms.len();
    let decay = |k: u32| (-f64::from(terms.moment_eigenvalues[k as usize]) * time).exp();
    let roots: Vec<f64> = terms.eigenvalues.iter().map(|l| l.sqrt()).collect();
    // ψ = G φ with all products φ: what each product adds to which function.
    let mut adds: Vec<Vec<(u32, f64)>> = vec![Vec::new(); design.keys.len()];
    for i in 0..n {
        adds[terms.own[i] as usize].push((i as u32, -roots[i] * decay(terms.own[i])));
        for entry in terms.rows[i]..terms.rows[i + 1] {
            let j = terms.columns[entry] as usize;
            for &(coefficient, k) in &terms.terms[terms.pointers[entry]..terms.pointers[entry + 1]] {
                let value = coefficient * decay(k) / (roots[i] * roots[j]);
                adds[k as usize].push((i as u32, value * scaled[j]));
                if i != j {
                    adds[k as usize].push((j as u32, value * scaled[i]));
                }
            }
        }
    }
    let rows = design.few.x.nrows();
    let mut psi = Array2::zeros((n, rows));
    let dim = design.frame.dim();
    for start in (0..rows).step_by(LANES) {
        let count = LANES.min(rows - start);
        let x = design.few.x.slice_axis(Axis(0), Slice::from(start..start + count));
        let mut lanes = vec![0.0; dim * count];
        design.frame.clamped_lanes(x, &mut lanes);
        let mut block = vec![0.0; n * count];
        design.plan.products(&design.keys, &lanes, count, |slot, product| {
            for &(i, value) in &adds[slot] {
                let row = &mut block[i as usize * count..][..count];
                row.iter_mut().zip(product).for_each(|(psi, phi)| *psi += value * phi);
            }
        });
        for (i, row) in block.chunks_exact(count).enumerate() {
            for (k, value) in row.iter().enumerate() {
                psi[[i, start + k]] = *value;
            }
        }
    }
    psi
}

/// The best of several candidates.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Which candidate it is.
    pub index: usize,
    /// Its fit.
    pub fit: SpectralFit,
    /// What the fit is made of; more rows can be merged.
    pub moments: Moments,
    /// The summary that its coordinates are made of.
    pub summary: Summary,
    /// Criteria of all candidates, smaller is better.
    pub criteria: Vec<f64>,
}

/// Fits every candidate and keeps the best.
///
/// | candidates | rows held out | criterion |
/// |---|---|---|
/// | of one reference (degree, edges, bound) | some | objective on them, [`Report::held_out_objective`](super::Report::held_out_objective) |
/// | | none | Takeuchi's, [`Report::takeuchi_objective`](super::Report::takeuchi_objective) |
/// | of different references | some | minus their mean log-density, nats |
///
/// Candidates are read with the rows of the first. One pass over the data for each. Where so few rows are
/// given that none is held out, the first candidate is taken, with a warning.
///
/// # Errors
/// No candidate; different references without rows held out, or more than 600 functions without;
/// what any fit reports.
///
/// ```
/// use fokker::problems::CoupledDoubleWell;
/// use fokker::spectral::{Candidate, Rows, Shape, choose};
/// use fokker::{ArrayBlocks, Task};
/// // Two wells: the Gaussian of degree 2 has none.
/// let x = CoupledDoubleWell::new().sample(2000, 1);
/// for hold_out in [0.0, 0.1] {
///     let candidate = |degree| Candidate {
///         shape: Shape { degree, ..Default::default() },
///         rows: Rows { hold_out, ..Default::default() },
///         ..Default::default()
///     };
///     let chosen = choose(&mut ArrayBlocks::new(x.view()), &[2, 4].map(candidate), Task::silent()).unwrap();
///     assert_eq!(chosen.index, 1);
///     assert!(chosen.criteria[1] < chosen.criteria[0]);
/// }
/// ```
pub fn choose(blocks: &mut dyn Blocks, candidates: &[Candidate], task: Task) -> Result<Chosen> {
    let Some(first) = candidates.first() else { return Err(Error::Empty { name: "candidates" }) };
    let across = candidates.iter().any(|c| c.coordinates != first.coordinates);
    if first.rows.hold_out == 0.0 && across {
        let requirement = "positive: references are compared on the rows held out".into();
        return Err(Error::Argument { name: "hold-out", requirement, found: 0.0 });
    }
    let many = candidates.len() > 1 && first.rows.hold_out == 0.0;
    for candidate in candidates.iter().filter(|_| many) {
        let functions = candidate.shape.functions(blocks.dim())?.len();
        if functions > COVARIANCE {
            return Err(Error::Undefined {
                what: "Takeuchi's criterion",
                reason: format!(
                    "{functions} functions are more than {COVARIANCE}, whose covariance it takes"
                ),
                remedy: "hold rows out to compare candidates on",
            });
        }
    }
    candidates.iter().try_for_each(|candidate| candidate.shape.check_size(blocks.dim()))?;
    let summary = Summary::from_blocks(blocks, &first.rows, task)?;
    let mut best: Option<Chosen> = None;
    let mut criteria = Vec::new();
    let mut notes = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        blocks.rewind()?;
        let name = candidate.coordinates.name();
        let basis = (candidate.coordinates, &candidate.shape);
        let moments = match Moments::from_blocks(blocks, &summary, basis, &first.rows, task) {
            // Data that cannot be whitened has other coordinates.
            Err(Error::Undefined { what: "whitening", reason, .. }) if across => {
                notes.push(format!("{name} is no candidate: {reason}"));
                criteria.push(f64::INFINITY);
                continue;
            }
            other => other?,
        };
        let fit = SpectralFit::solve(&moments, &candidate.solve, task)?;
        let criterion = if candidates.len() == 1 {
            0.0
        } else if across {
            let most = candidate.solve.compare;
            -held_out_nats(&fit, &moments.design, most, task)?.unwrap_or(f64::NEG_INFINITY)
        } else if first.rows.hold_out > 0.0 {
            fit.report().held_out_objective().unwrap_or(f64::INFINITY)
        } else {
            fit.report().takeuchi_objective().ok_or_else(|| Error::Undefined {
                what: "Takeuchi's criterion",
                reason: format!("the functions of candidate {index} are dependent on these rows"),
                remedy: "hold rows out to compare candidates on, or give a larger ridge",
            })?
        };
        // A density of 0 held out is as bad as it gets, and so is none.
        let criterion = if criterion.is_nan() { f64::INFINITY } else { criterion };
        if criterion == f64::INFINITY && fit.report.held_out > 0 {
            notes.push(format!(
                "{name}, degree {}, has criterion inf: rows held out have no density",
                candidate.shape.degree
            ));
        }
        criteria.push(criterion);
        if best.as_ref().is_none_or(|best| criterion < criteria[best.index]) {
            best = Some(Chosen { index, fit, moments, summary: summary.clone(), criteria: Vec::new() });
        }
    }
    let mut best = best.ok_or(Error::Empty { name: "candidates" })?;
    best.fit.assess(&best.moments, &candidates[best.index].solve, task)?;
    if criteria.iter().all(|criterion| criterion.is_infinite()) {
        best.fit.report.warnings.push(
            "no rows were held out to choose by: the first candidate is taken; hold a larger share out"
                .into(),
        );
    }
    best.fit.report.warnings.extend(notes);
    best.criteria = criteria;
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::Tried;

    #[test]
    fn an_infinite_criterion_is_read_again() {
        let tried = Tried { ridge: 1e-6, criterion: f64::INFINITY };
        let text = serde_json::to_string(&tried).unwrap();
        assert_eq!(serde_json::from_str::<Tried>(&text).unwrap(), tried);
    }
}
