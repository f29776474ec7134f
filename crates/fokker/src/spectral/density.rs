//! Log-densities of a fit: of its energy, or of its flow.

use super::Family;
use super::fit::SpectralFit;
use super::flow;
use crate::{Error, Result, Task};
use ndarray::{Array1, ArrayView1, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which density of a fit: both are of the noised data at its first time ε.
///
/// ```text
/// flow      log p_ε = log π(x_T) + g_T(x_T) − ∫ Δg_t dt along dx/dt = −∇g_t
/// energy    log p_ε = log π + g_ε − log Z
/// ```
///
/// The flow integrates to one as exactly as its steps are taken, whatever the score; but it needs
/// the score at all times, and between times near 0 and 1 polynomials of pairs are at their
/// worst. The energy needs the score at ε only, where polynomial energies are in the span of the
/// basis, and one evaluation a row instead of 300: on the chain of 16 sites it is 0.01 nats from
/// the truth, the flow 0.40. But log Z comes with an error, scores at small times say little about
/// the masses of clusters far apart, and a polynomial may rise again where no data are, so that
/// the energy has wells there that no draw finds. The [`Comparison`](super::Comparison) has both on
/// rows held out.
///
/// Cosines have walls, and their law has no density beyond them, where the next row may well be: one
/// of n + 1 rows is given to a normal law N around the middle of the columns, as wide as their range.
///
/// ```text
/// p(x) = n/(n + 1) p_ε(x) + N(x)/(n + 1)          n: rows used;  p_ε = 0 beyond the walls
/// N: independent columns, mean ½ (a + b), deviation ½ (b − a),  a, b where y = 0.01 π, 0.99 π
/// ```
///
/// So the density integrates to one over all space and is positive at every row. Samples and scores
/// are those of p_ε alone, and so is the density in the coordinates of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// That of the probability flow.
    #[default]
    Flow,
    /// That of the energy, when its [`Partition`](super::Partition) is known.
    Energy,
}

impl Density {
    /// Name in reports and options.
    pub fn name(self) -> &'static str {
        match self {
            Density::Flow => "flow",
            Density::Energy => "energy",
        }
    }
}

impl FromStr for Density {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let same = |density: &Density| density.name().eq_ignore_ascii_case(text);
        let known = || Error::Name { what: "density", found: text.to_owned(), known: "flow, energy".into() };
        [Density::Flow, Density::Energy].into_iter().find(same).ok_or_else(known)
    }
}

impl fmt::Display for Density {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl SpectralFit {
    /// `log p_ε` of rows `[n, d]`, `[n]`, ε the first time of the fit, by the flow.
    ///
    /// With the Jacobian of the coordinates, and the share beyond walls of [`Density`]. Columns that are constant or copies have no density: it
    /// is that of the others.
    ///
    /// # Errors
    /// Rows of another dimension or not finite.
    pub fn log_density(&self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        self.log_density_by(Density::Flow, x, Task::silent())
    }

    /// The same by the density given, with progress by blocks of rows.
    ///
    /// No row has a density of zero, but doubles end: a row whose log-density is beyond them, or where
    /// polynomials are, is an error.
    ///
    /// # Errors
    /// The same, an energy whose log Z is not known, a row too far away, or an interruption.
    pub fn log_density_by(&self, density: Density, x: ArrayView2<f64>, task: Task) -> Result<Array1<f64>> {
        let log = self.log_densities(density, x, task)?;
        match log.iter().position(|log| !log.is_finite()) {
            None => Ok(log),
            Some(row) => Err(too_far(x, row)),
        }
    }

    /// The same, whatever the numbers are.
    pub(super) fn log_densities(
        &self,
        density: Density,
        x: ArrayView2<f64>,
        task: Task,
    ) -> Result<Array1<f64>> {
        self.check_rows(x)?;
        let y = self.frame.forward(x);
        let mut log = self.log_density_of_coordinates(density, y.view(), task)?;
        Zip::from(&mut log).and(x.rows()).for_each(|log, x| *log += self.frame.log_jacobian(x));
        if self.frame.kind.family() == Family::Cosine {
            let share = (self.report.used as f64 + 1.0).recip();
            let wide = self.frame.wide();
            Zip::from(&mut log).and(x.rows()).for_each(|log, x| {
                let beyond = share.ln() + wide.log_density(x);
                let within = *log + (-share).ln_1p();
                let largest = within.max(beyond);
                *log = match largest {
                    f64::NEG_INFINITY => largest,
                    _ => largest + (-(within - beyond).abs()).exp().ln_1p(),
                };
            });
        }
        Ok(log)
    }

    /// `log p_ε` of coordinates `[n, d']`, `[n]`, as a density in the coordinates: −∞ beyond the walls
    /// of cosines.
    ///
    /// # Errors
    /// Coordinates of another dimension, an energy whose log Z is not known, an interruption.
    pub fn log_density_of_coordinates(
        &self,
        density: Density,
        y: ArrayView2<f64>,
        task: Task,
    ) -> Result<Array1<f64>> {
        if y.ncols() != self.frame.dim() {
            return Err(Error::Size { name: "coordinates", expected: self.frame.dim(), found: y.ncols() });
        }
        if self.frame.kind.family() == Family::Cosine {
            let inside: Vec<usize> = (0..y.nrows()).filter(|&i| is_inside(y.row(i))).collect();
            if inside.len() < y.nrows() {
                let inner =
                    self.log_density_of_coordinates(density, y.select(Axis(0), &inside).view(), task)?;
                let mut log = Array1::from_elem(y.nrows(), f64::NEG_INFINITY);
                inside.iter().zip(inner).for_each(|(&i, inner)| log[i] = inner);
                return Ok(log);
            }
        }
        match (density, self.report.partition) {
            (Density::Flow, _) => flow::log_density(&self.score, y, task),
            (Density::Energy, Some(partition)) => {
                Ok(flow::energy(&self.score, self.score.times().0, y) - partition.log)
            }
            (Density::Energy, None) => Err(Error::Undefined {
                what: "the density of the energy",
                reason: "log Z of this fit is not known: its draws say too little, or none were made".into(),
                remedy: "take the density of the flow",
            }),
        }
    }
}

/// A row at which a fit has no number, by its largest column.
pub(super) fn too_far(x: ArrayView2<f64>, row: usize) -> Error {
    let largest = |a: usize, b: usize| if x[[row, b]].abs() > x[[row, a]].abs() { b } else { a };
    let column = (0..x.ncols()).reduce(largest).unwrap_or(0);
    let requirement = "near enough to the data for density and score to be numbers";
    Error::Entry { name: "data", requirement, index: vec![row, column], found: x[[row, column]] }
}

/// Whether coordinates of cosines are between their walls.
fn is_inside(y: ArrayView1<f64>) -> bool {
    y.iter().all(|y| (0.0..=std::f64::consts::PI).contains(y))
}
