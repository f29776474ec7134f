//! The axes in which a score acts on each coordinate alone, and the data law seen in them.

use super::continuous::marginal_variance;
use super::probe::Propagation;
use crate::Result;
use crate::process::{OrnsteinUhlenbeck as Ou, Schedule};
use crate::statistics::Gaussian;
use crate::transport::bures;
use fokker_linalg::matmul;
use ndarray::{Array1, Array2, Axis, Slice, Zip, concatenate};

/// A Gaussian law in the axes of a frame.
#[derive(Debug, Clone)]
pub(super) enum Law {
    /// Independent coordinates: means and standard deviations.
    Modes { mean: Array1<f64>, deviation: Array1<f64> },
    /// Mean and a factor F of the covariance FFᵀ.
    Factor { mean: Array1<f64>, factor: Array2<f64> },
}

impl Law {
    /// The law after a sampler.
    pub fn after(&self, map: &Propagation) -> Law {
        let moved = |mean: &Array1<f64>| {
            Zip::from(mean)
                .and(&map.gain)
                .and(&map.offset)
                .map_collect(|&m, &gain, &offset| gain * m + offset)
        };
        match self {
            Law::Modes { mean, deviation } => Law::Modes {
                mean: moved(mean),
                deviation: Zip::from(deviation)
                    .and(&map.gain)
                    .and(&map.variance)
                    .map_collect(|&s, &gain, &variance| ((gain * s).powi(2) + variance).sqrt()),
            },
            Law::Factor { mean, factor } => {
                let gained = factor * &map.gain.view().insert_axis(Axis(1));
                let noise = Array2::from_diag(&map.variance.mapv(f64::sqrt));
                let parts = [gained.view(), noise.view()];
                let factor = concatenate(Axis(1), &parts).expect("both have d rows");
                Law::Factor { mean: moved(mean), factor }
            }
        }
    }
}

impl Law {
    /// The law of a multiple.
    pub fn scaled(&self, by: f64) -> Law {
        match self {
            Law::Modes { mean, deviation } => Law::Modes { mean: mean * by, deviation: deviation * by.abs() },
            Law::Factor { mean, factor } => Law::Factor { mean: mean * by, factor: factor * by },
        }
    }

    /// The given coordinates of independent ones.
    pub fn columns(&self, range: std::ops::Range<usize>) -> Law {
        match self {
            Law::Modes { mean, deviation } => {
                let part = |a: &Array1<f64>| a.slice_axis(Axis(0), Slice::from(range.clone())).to_owned();
                Law::Modes { mean: part(mean), deviation: part(deviation) }
            }
            dependent => dependent.clone(),
        }
    }
}

/// The axes of a score law, with the data law expressed in them.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Score law, diagonal in these axes.
    pub score: Gaussian,
    data: Gaussian,
    /// Axes of the data in those of the score, `[d, d]`; none when they are the same.
    rotation: Option<Array2<f64>>,
    /// How many equal coordinates each stands for, `[d']`.
    multiplicity: Array1<f64>,
    /// For each eigenvalue of the data the coordinate that stands for it.
    pub members: Vec<usize>,
}

impl Frame {
    /// Both laws in the same axes: coordinates that agree in all four numbers are merged.
    pub fn commuting(data: &Gaussian, score: &Gaussian) -> Result<Frame> {
        let columns = [data.values(), data.mean(), score.values(), score.mean()];
        let key = |i: usize| columns.map(|column| column[i]);
        let compare = |&a: &usize, &b: &usize| {
            let pairs = key(a).into_iter().zip(key(b));
            pairs.map(|(x, y)| x.total_cmp(&y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        };
        let mut order: Vec<usize> = (0..data.dim()).collect();
        order.sort_by(compare);
        let mut kept: Vec<usize> = Vec::new();
        let mut multiplicity = Vec::new();
        let mut members = vec![0; data.dim()];
        for i in order {
            match kept.last() {
                Some(&last) if key(last) == key(i) => multiplicity[kept.len() - 1] += 1.0,
                _ => {
                    kept.push(i);
                    multiplicity.push(1.0);
                }
            }
            members[i] = kept.len() - 1;
        }
        let select = |column: &Array1<f64>| column.select(Axis(0), &kept);
        Ok(Frame {
            score: Gaussian::diagonal(select(score.mean()), select(score.values()))?,
            data: Gaussian::diagonal(select(data.mean()), select(data.values()))?,
            rotation: None,
            multiplicity: multiplicity.into(),
            members,
        })
    }

    /// Laws with axes of their own, at least one of them given by a covariance matrix.
    pub fn rotated(data: &Gaussian, score: &Gaussian) -> Frame {
        let identity = || Array2::eye(data.dim());
        let axes = |law: &Gaussian| law.vectors().cloned().unwrap_or_else(identity);
        Frame {
            score: score.in_own_axes(),
            data: data.in_own_axes(),
            rotation: Some(matmul(axes(score).t(), axes(data).view())),
            multiplicity: Array1::ones(data.dim()),
            members: (0..data.dim()).collect(),
        }
    }

    /// Whether every coordinate is a problem of its own.
    pub fn is_diagonal(&self) -> bool {
        self.rotation.is_none()
    }

    /// Marginal p_t of the noised data.
    pub fn marginal(&self, schedule: &dyn Schedule, t: f64) -> Law {
        let clock = schedule.clock(t);
        let mean = self.data.mean() * Ou::alpha(clock);
        let deviation = self.data.values().mapv(|value| marginal_variance(value, clock).sqrt());
        match &self.rotation {
            None => Law::Modes { mean, deviation },
            Some(rotation) => Law::Factor { mean: rotation.dot(&mean), factor: rotation * &deviation },
        }
    }

    /// N(0, I).
    pub fn normal(&self) -> Law {
        let dim = self.data.dim();
        let mean = Array1::zeros(dim);
        match &self.rotation {
            None => Law::Modes { mean, deviation: Array1::ones(dim) },
            Some(_) => Law::Factor { mean, factor: Array2::eye(dim) },
        }
    }

    /// W₂ between two laws of this frame.
    pub fn wasserstein2(&self, a: &Law, b: &Law) -> Result<f64> {
        if let Some(squares) = squares(a, b) {
            return Ok(squares.dot(&self.multiplicity).sqrt());
        }
        match (a, b) {
            (Law::Factor { mean, factor }, Law::Factor { mean: other_mean, factor: other }) => {
                let shift = (mean - other_mean).mapv(|x| x * x).sum();
                Ok((shift + bures(factor.view(), other.view())?.powi(2)).sqrt())
            }
            _ => unreachable!("the laws of a frame are all of one kind"),
        }
    }

    /// Multiplicities of a range of coordinates.
    pub fn multiplicity(&self) -> &Array1<f64> {
        &self.multiplicity
    }
}

/// Squared W₂ of each coordinate; none when coordinates are not independent.
pub(super) fn squares(a: &Law, b: &Law) -> Option<Array1<f64>> {
    match (a, b) {
        (Law::Modes { mean, deviation }, Law::Modes { mean: other_mean, deviation: other_deviation }) => {
            Some((mean - other_mean).mapv(|x| x * x) + (deviation - other_deviation).mapv(|x| x * x))
        }
        _ => None,
    }
}
