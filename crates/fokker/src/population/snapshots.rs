//! Clouds of particles at known times.

use crate::options::{Digest, Digester};
use crate::{Cloud, Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};
use std::borrow::Cow;

/// Clouds μ_0, …, μ_T at increasing times; not the same particles, nor as many.
///
/// ```
/// use fokker::population::Snapshots;
/// use ndarray::array;
/// let rows = array![[0.0], [5.0], [1.0], [6.0]];
/// let snapshots = Snapshots::from_rows(rows.view(), array![2.0, 0.5, 2.0, 0.5].view(), None)?;
/// assert_eq!(snapshots.times(), [0.5, 2.0]);
/// assert_eq!(snapshots.clouds()[0].x, array![[5.0], [6.0]]);
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshots {
    times: Vec<f64>,
    clouds: Vec<Cloud>,
}

impl Snapshots {
    /// What identifies the snapshots: of the rows (time, particle), each followed by its weight, in order.
    pub fn digest(&self) -> Digest {
        let mut digester = Digester::default();
        for (t, cloud) in self.times.iter().zip(&self.clouds) {
            let times = Array2::from_elem((cloud.len(), 1), *t);
            let rows = concatenate![Axis(1), times, cloud.x];
            digester.observe(rows.view(), Some(cloud.weights.view()));
        }
        digester.finish()
    }

    /// A cloud at each time.
    ///
    /// # Errors
    /// Fewer than two clouds, times that are not finite or not increasing, clouds of different
    /// dimensions.
    pub fn new(times: Vec<f64>, clouds: Vec<Cloud>) -> Result<Self> {
        if times.len() != clouds.len() {
            return Err(Error::Size { name: "times", expected: clouds.len(), found: times.len() });
        }
        if clouds.len() < 2 {
            let requirement = "at least 2: one snapshot shows no motion".into();
            return Err(Error::Argument {
                name: "the number of snapshots",
                requirement,
                found: clouds.len() as f64,
            });
        }
        if let Some(i) = times.iter().position(|t| !t.is_finite()) {
            return Err(Error::NonFinite { name: "times", index: vec![i], value: times[i] });
        }
        if let Some(i) = times.windows(2).position(|t| t[0] >= t[1]) {
            let requirement = "increasing, one snapshot a time";
            return Err(Error::Entry { name: "times", requirement, index: vec![i + 1], found: times[i + 1] });
        }
        let dim = clouds[0].x.ncols();
        if let Some(other) = clouds.iter().find(|cloud| cloud.x.ncols() != dim) {
            return Err(Error::Size { name: "columns of a cloud", expected: dim, found: other.x.ncols() });
        }
        Ok(Snapshots { times, clouds })
    }

    /// Rows `[n, d]` with the time of each `[n]`, and weights `[n]` if there are any: rows of the
    /// same time are a snapshot.
    ///
    /// # Errors
    /// Sizes that differ, entries that are not finite, fewer than two different times, weights
    /// that are negative or sum to zero at some time.
    pub fn from_rows(
        x: ArrayView2<f64>,
        times: ArrayView1<f64>,
        weights: Option<ArrayView1<f64>>,
    ) -> Result<Self> {
        if times.len() != x.nrows() {
            return Err(Error::Size { name: "times", expected: x.nrows(), found: times.len() });
        }
        if let Some(weights) = weights.filter(|weights| weights.len() != x.nrows()) {
            return Err(Error::Size { name: "weights", expected: x.nrows(), found: weights.len() });
        }
        if let Some((i, &value)) = times.indexed_iter().find(|(_, t)| !t.is_finite()) {
            return Err(Error::NonFinite { name: "times", index: vec![i], value });
        }
        // Here and below, where the row is that of the user's array and not of one of its clouds.
        if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "data", index: vec![row, column], value });
        }
        if let Some(weights) = weights {
            crate::statistics::normalised(Some(weights), x.nrows())?;
        }
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|&i, &j| times[i].total_cmp(&times[j]).then(i.cmp(&j)));
        let groups: Vec<&[usize]> = order.chunk_by(|&i, &j| times[i] == times[j]).collect();
        let cloud = |rows: &&[usize]| {
            let weights = weights.map(|weights| weights.select(Axis(0), rows));
            Cloud::new(x.select(Axis(0), rows), weights.as_ref().map(|weights| weights.view()))
        };
        let clouds = groups.iter().map(cloud).collect::<Result<Vec<_>>>()?;
        Snapshots::new(groups.iter().map(|rows| times[rows[0]]).collect(), clouds)
    }

    /// Times, increasing, `[T + 1]`.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Clouds, `[T + 1]`.
    pub fn clouds(&self) -> &[Cloud] {
        &self.clouds
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.clouds[0].x.ncols()
    }

    /// Number T of intervals between snapshots.
    pub fn intervals(&self) -> usize {
        self.times.len() - 1
    }

    /// Length of interval `i`.
    pub fn interval(&self, i: usize) -> f64 {
        self.times[i + 1] - self.times[i]
    }

    /// All rows of all times, one time after the other.
    pub fn pooled(&self) -> Array2<f64> {
        let views: Vec<_> = self.clouds.iter().map(|cloud| cloud.x.view()).collect();
        concatenate(Axis(0), &views).expect("equal dimensions")
    }

    /// Weights of all rows, in the order of [`pooled`](Snapshots::pooled); none where all are equal.
    ///
    /// A cloud counts as its effective number of particles, 1/Σ w²: n where weights are equal.
    pub(super) fn pooled_weights(&self) -> Option<Array1<f64>> {
        if self.clouds.iter().all(|cloud| cloud.weights.iter().all(|w| *w == cloud.weights[0])) {
            return None;
        }
        let of = |cloud: &Cloud| &cloud.weights / cloud.weights.dot(&cloud.weights);
        let weights: Vec<Array1<f64>> = self.clouds.iter().map(of).collect();
        let views: Vec<_> = weights.iter().map(|weights| weights.view()).collect();
        Some(concatenate(Axis(0), &views).expect("vectors"))
    }

    /// These snapshots without the particles of next to no weight, which are no particles: they must not
    /// move a centre or a scale, nor take part in a product with what is infinite there.
    pub(super) fn carrying(&self) -> Result<Cow<'_, Snapshots>> {
        if self.clouds.iter().all(|cloud| cloud.carrying().len() == cloud.len()) {
            return Ok(Cow::Borrowed(self));
        }
        let clouds = self.clouds.iter().map(|cloud| cloud.select(&cloud.carrying()));
        Ok(Cow::Owned(Snapshots { times: self.times.clone(), clouds: clouds.collect::<Result<_>>()? }))
    }

    /// These snapshots without the one at index `i`.
    ///
    /// # Errors
    /// When fewer than two are left, or there is no such index.
    pub fn without(&self, i: usize) -> Result<Snapshots> {
        if i >= self.times.len() {
            return Err(Error::Size { name: "index of a snapshot", expected: self.times.len(), found: i });
        }
        let (mut times, mut clouds) = (self.times.clone(), self.clouds.clone());
        times.remove(i);
        clouds.remove(i);
        Snapshots::new(times, clouds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn cloud(values: &[f64]) -> Cloud {
        Cloud::new(Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap(), None).unwrap()
    }

    #[test]
    fn what_are_no_snapshots_is_refused_with_the_place() {
        let message = |result: Result<Snapshots>| result.unwrap_err().to_string();
        let one = || cloud(&[1.0]);
        assert!(message(Snapshots::new(vec![0.0], vec![one()])).contains("at least 2"));
        assert!(message(Snapshots::new(vec![0.0, 0.0], vec![one(), one()])).contains("increasing"));
        assert!(message(Snapshots::new(vec![1.0, 0.0], vec![one(), one()])).contains("index 1"));
        assert!(message(Snapshots::new(vec![0.0, f64::NAN], vec![one(), one()])).contains("NaN"));
        assert!(message(Snapshots::new(vec![0.0], vec![one(), one()])).contains("expected 2, found 1"));
        let wide = Cloud::new(array![[1.0, 2.0]], None).unwrap();
        assert!(message(Snapshots::new(vec![0.0, 1.0], vec![one(), wide])).contains("expected 1, found 2"));
        let x = array![[1.0, 2.0], [3.0, f64::INFINITY]];
        let result = Snapshots::from_rows(x.view(), array![0.0, 1.0].view(), None);
        assert!(message(result).contains("row 1, column 1"));
        assert!(Cloud::new(Array2::zeros((0, 2)), None).is_err());
        assert!(Cloud::new(array![[1.0]], Some(array![0.0].view())).is_err());
    }

    #[test]
    fn weights_are_shares_and_masses_are_kept() {
        let x = array![[0.0], [1.0], [2.0]];
        let times = array![0.0, 0.0, 1.0];
        let weights = array![1.0, 3.0, 2.0];
        let snapshots = Snapshots::from_rows(x.view(), times.view(), Some(weights.view())).unwrap();
        assert_eq!(snapshots.clouds()[0].weights, array![0.25, 0.75]);
        assert_eq!((snapshots.clouds()[0].mass, snapshots.clouds()[1].mass), (4.0, 2.0));
        assert_eq!(snapshots.clouds()[0].select(&[1]).unwrap().mass, 3.0);
    }
}
