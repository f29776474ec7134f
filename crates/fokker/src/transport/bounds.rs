//! Lower bounds on the costs of whole tiles, from the boxes around their points.

use super::ground::{Cost, Ground, Points, row};
use ndarray::{ArrayView2, Axis};

/// A bound is a sum of squares like the costs it bounds: this covers the rounding of both.
const ROUNDING: f64 = 1.0 - 1e-13;

/// Boxes around runs of targets, with their largest dual. They are small boxes when neighbours in
/// space are neighbours in memory.
pub(crate) struct Bounds<'g> {
    points: Option<&'g Points>,
    boxes: Vec<Box>,
}

struct Box {
    low: Vec<f64>,
    high: Vec<f64>,
    dual: f64,
}

impl Box {
    fn around<'p>(points: impl Iterator<Item = &'p [f64]>, d: usize) -> Self {
        let (mut low, mut high) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        for point in points {
            for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(point) {
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
        Box { low, high, dual: 0.0 }
    }

    /// Squared distance of two boxes.
    fn square(&self, other: &Box) -> f64 {
        let sides = self.low.iter().zip(&self.high).zip(other.low.iter().zip(&other.high));
        let gaps = sides.map(|((low, high), (other_low, other_high))| {
            let gap = (other_low - high).max(low - other_high).max(0.0);
            gap * gap
        });
        gaps.sum()
    }
}

impl<'g> Bounds<'g> {
    /// Boxes around every `width` targets.
    pub(crate) fn new(ground: &'g Ground, width: usize, dual_target: &[f64]) -> Self {
        let duals = dual_target.chunks(width);
        let highest = duals.map(|duals| duals.iter().fold(f64::NEG_INFINITY, |most, dual| most.max(*dual)));
        match ground {
            Ground::Points(points) => {
                let boxed = |(chunk, dual): (ArrayView2<f64>, f64)| {
                    let rows =
                        chunk.rows().into_iter().map(|row| row.to_slice().expect("points are row-major"));
                    Box { dual, ..Box::around(rows, points.y.ncols()) }
                };
                let boxes = points.y.axis_chunks_iter(Axis(0), width).zip(highest).map(boxed).collect();
                Bounds { points: Some(points), boxes }
            }
            Ground::Matrix(_) => {
                let boxes = highest.map(|dual| Box { dual, ..Box::around([].into_iter(), 0) }).collect();
                Bounds { points: None, boxes }
            }
        }
    }

    /// For each run of targets a number below all c_ij − v_j of the given sources.
    pub(crate) fn of(&self, sources: &[usize]) -> Vec<f64> {
        let Some(points) = self.points else { return vec![f64::NEG_INFINITY; self.boxes.len()] };
        let near = Box::around(sources.iter().map(|&i| row(&points.x, i)), points.x.ncols());
        let least = |other: &Box| match points.cost {
            Cost::SquaredEuclidean => near.square(other) * ROUNDING - other.dual,
            Cost::Euclidean => near.square(other).sqrt() * ROUNDING - other.dual,
        };
        self.boxes.iter().map(least).collect()
    }
}
