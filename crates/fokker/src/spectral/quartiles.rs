//! Weighted order statistics of a column of kept rows.

use super::reservoir::Sample;

/// The first values below which lies more than a quarter, a half and three quarters of the weight.
pub(super) fn quartiles(sample: &Sample, j: usize) -> [f64; 3] {
    let sorted = sorted_column(sample, j);
    let total: f64 = sorted.iter().map(|(_, w)| w).sum();
    [0.25, 0.5, 0.75].map(|share| {
        let mut below = 0.0;
        let beyond = sorted.iter().find(|(_, w)| {
            below += w;
            below > share * total
        });
        beyond.or(sorted.last()).map_or(0.0, |(x, _)| *x)
    })
}

/// Values of a column with their weights, ascending.
pub(super) fn sorted_column(sample: &Sample, j: usize) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> =
        sample.x.column(j).iter().copied().zip(sample.weights.iter().copied()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted
}
