//! Mean and covariance of rows, in one pass, mergeable.

use super::{Gaussian, checked};
use crate::{Blocks, Error, Merge, Result, Task};
use fokker_linalg::{gram_accumulate_panel, mirror_lower};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Rows handled at a time: enough for the matrix product to run at full rate.
const BLOCK: usize = 1024;
/// Rows of the scatter matrix per task; fixed, so the thread count cannot change a bit.
const PANEL: usize = 128;

/// Count, mean and scatter matrix of the rows seen so far.
///
/// ```text
/// W = Σ w_i          m = 1/W Σ w_i x_i          S = Σ w_i (x_i − m)(x_i − m)ᵀ          Σ = S/W          (w = 1 unless given)
/// merge: W = a + b,  m = m_a + (b/W) δ,  S = S_a + S_b + (ab/W) δδᵀ,  δ = m_b − m_a
/// ```
///
/// Sums of raw products would cancel when the mean is large; each block is centred on its own
/// mean and merged instead [Chan, Golub, LeVeque 1983]. Memory 8 d² bytes, cost n d² flops.
///
/// ```
/// use fokker::{Merge, statistics::Covariance};
/// use ndarray::array;
/// let mut half = Covariance::new(2);
/// half.observe(array![[1.0, 0.0], [3.0, 0.0]].view()).unwrap();
/// let mut other = Covariance::new(2);
/// other.observe(array![[1.0, 2.0], [3.0, 2.0]].view()).unwrap();
/// half.merge(&other).unwrap();
/// assert_eq!(half.mean(), &array![2.0, 1.0]);
/// assert_eq!(half.covariance().unwrap(), array![[1.0, 0.0], [0.0, 1.0]]);
/// ```
#[derive(Debug, Clone)]
pub struct Covariance {
    /// Rows that weigh something.
    count: usize,
    /// W.
    weight: f64,
    mean: Array1<f64>,
    /// Lower triangle of S.
    scatter: Array2<f64>,
}

impl Covariance {
    /// No rows of `dim` columns yet.
    pub fn new(dim: usize) -> Self {
        Covariance { count: 0, weight: 0.0, mean: Array1::zeros(dim), scatter: Array2::zeros((dim, dim)) }
    }

    /// All rows of a source, with progress in rows (of 0 when their number is not known).
    ///
    /// # Errors
    /// What the source reports, a non-finite entry, or an interruption.
    pub fn from_blocks(blocks: &mut dyn Blocks, task: Task) -> Result<Self> {
        let mut covariance = Covariance::new(blocks.dim());
        let mut block = Array2::zeros((BLOCK, blocks.dim()));
        loop {
            let rows = blocks.next(&mut block)?;
            covariance.observe(block.slice_axis(Axis(0), Slice::from(..rows)))?;
            task.tick("covariance", covariance.count, blocks.rows().unwrap_or(0))?;
            if rows < BLOCK {
                return Ok(covariance);
            }
        }
    }

    /// Adds rows `[b, d]`.
    ///
    /// # Errors
    /// A wrong number of columns or a non-finite entry (by its row among all rows seen); nothing
    /// of that call is added then.
    pub fn observe(&mut self, rows: ArrayView2<f64>) -> Result<()> {
        self.check(&rows)?;
        for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
            let mean = block.mean_axis(Axis(0)).expect("chunks are not empty");
            let centred = &block - &mean;
            self.accumulate(centred.view());
            self.shift((block.nrows(), block.nrows() as f64), &mean);
        }
        Ok(())
    }

    /// Adds rows `[b, d]` with weights `[b]`: an integer weight is so many rows, zero is none. Weights of all
    /// calls are on one scale, that of rows without weights being one.
    ///
    /// # Errors
    /// As [`Covariance::observe`]; weights that are not one for each row, negative or not finite, or whose
    /// sum is not.
    ///
    /// ```
    /// use fokker::statistics::Covariance;
    /// use ndarray::array;
    /// let mut weighted = Covariance::new(1);
    /// weighted.observe_weighted(array![[0.0], [4.0], [1e9]].view(), array![3.0, 1.0, 0.0].view()).unwrap();
    /// // Rows 0, 0, 0, 4.
    /// assert_eq!((weighted.mean()[0], weighted.covariance().unwrap()[[0, 0]]), (1.0, 3.0));
    /// ```
    pub fn observe_weighted(&mut self, rows: ArrayView2<f64>, weights: ArrayView1<f64>) -> Result<()> {
        checked("weights", weights, rows.nrows())?;
        let total = self.weight + weights.sum();
        if !total.is_finite() {
            let requirement = "weights of a finite sum".into();
            return Err(Error::Argument { name: "weights", requirement, found: total });
        }
        self.check(&rows)?;
        let weighed: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
        for chosen in weighed.chunks(BLOCK) {
            let (block, weights) = (rows.select(Axis(0), chosen), weights.select(Axis(0), chosen));
            let total = weights.sum();
            let mean = (&weights / total).dot(&block);
            let mut centred = block - &mean;
            for (mut row, weight) in centred.rows_mut().into_iter().zip(&weights) {
                row *= weight.sqrt();
            }
            self.accumulate(centred.view());
            self.shift((chosen.len(), total), &mean);
        }
        Ok(())
    }

    fn check(&self, rows: &ArrayView2<f64>) -> Result<()> {
        if rows.ncols() != self.mean.len() {
            return Err(Error::Size { name: "columns", expected: self.mean.len(), found: rows.ncols() });
        }
        match rows.indexed_iter().find(|(_, x)| !x.is_finite()) {
            Some(((row, column), &value)) => {
                Err(Error::NonFinite { name: "data", index: vec![self.count + row, column], value })
            }
            None => Ok(()),
        }
    }

    /// Mean m, `[d]`; zeros before the first row.
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// Covariance S/W of the rows as a law of their own (divisor n without weights), `[d, d]`.
    ///
    /// # Errors
    /// Fewer than two rows that weigh something.
    pub fn covariance(&self) -> Result<Array2<f64>> {
        if self.count < 2 {
            return Err(Error::Size {
                name: "data rows (a covariance needs two)",
                expected: 2,
                found: self.count,
            });
        }
        let mut covariance = &self.scatter / self.weight;
        mirror_lower(&mut covariance);
        Ok(covariance)
    }

    /// The Gaussian law with this mean and covariance.
    ///
    /// # Errors
    /// Fewer than two rows, or no convergence of the eigendecomposition.
    pub fn gaussian(&self) -> Result<Gaussian> {
        Gaussian::from_covariance(self.mean.clone(), self.covariance()?.view())
    }

    fn accumulate(&mut self, centred: ArrayView2<f64>) {
        let dim = self.mean.len();
        let scatter = self.scatter.as_slice_mut().expect("owned and contiguous");
        scatter.par_chunks_mut(PANEL * dim.max(1)).enumerate().for_each(|(i, panel)| {
            let rows = panel.len() / dim;
            let panel = ndarray::ArrayViewMut2::from_shape((rows, dim), panel).expect("whole rows");
            gram_accumulate_panel(centred, i * PANEL, panel);
        });
    }

    /// Moves counts and mean to include `count` rows of a weight and a mean, whose scatter is added already.
    fn shift(&mut self, (count, added): (usize, f64), mean: &Array1<f64>) {
        let total = self.weight + added;
        let delta = mean - &self.mean;
        let weight = self.weight * added / total;
        for (mut row, &di) in self.scatter.rows_mut().into_iter().zip(&delta) {
            row.scaled_add(weight * di, &delta);
        }
        self.mean.scaled_add(added / total, &delta);
        self.count += count;
        self.weight = total;
    }
}

pub(super) fn too_few_rows(found: usize) -> Error {
    let requirement = "at least 2 to have a covariance".into();
    Error::Argument { name: "the number of data rows", requirement, found: found as f64 }
}

impl Merge for Covariance {
    fn count(&self) -> usize {
        self.count
    }

    /// A different number of columns is an error.
    fn merge(&mut self, other: &Covariance) -> Result<()> {
        if other.mean.len() != self.mean.len() {
            return Err(Error::Size { name: "columns", expected: self.mean.len(), found: other.mean.len() });
        }
        if other.count > 0 {
            self.scatter += &other.scatter;
            self.shift((other.count, other.weight), &other.mean);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArrayBlocks;

    fn rows(n: usize, d: usize, offset: f64) -> Array2<f64> {
        Array2::from_shape_fn((n, d), |(i, j)| offset + ((i * 7919 + j * 104729) % 1009) as f64 / 1009.0)
    }

    fn two_pass(x: &Array2<f64>) -> Array2<f64> {
        let centred = x - &x.mean_axis(Axis(0)).unwrap();
        centred.t().dot(&centred) / x.nrows() as f64
    }

    #[test]
    fn one_pass_equals_two_passes_far_from_the_origin() {
        let x = rows(3000, 150, 1e6);
        let mut covariance =
            Covariance::from_blocks(&mut ArrayBlocks::new(x.view()), Task::silent()).unwrap();
        let expected = two_pass(&x);
        // Rounding of the data at 1e6 is 1e-10; the covariance is of order 0.1.
        assert!((covariance.covariance().unwrap() - &expected).iter().all(|e| e.abs() < 1e-9));
        let more = rows(500, 150, -3.0);
        let mut other = Covariance::new(150);
        other.observe(more.view()).unwrap();
        covariance.merge(&other).unwrap();
        let all = ndarray::concatenate(Axis(0), &[x.view(), more.view()]).unwrap();
        let relative = (covariance.covariance().unwrap() - two_pass(&all)).mapv(f64::abs) / 1e11;
        assert!(relative.iter().all(|&e| e < 1e-12) && covariance.count() == 3500);
    }

    #[test]
    fn the_thread_count_changes_no_bit() {
        let x = rows(2500, 300, 0.5);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                Covariance::from_blocks(&mut ArrayBlocks::new(x.view()), Task::silent()).unwrap().scatter
            })
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn bad_rows_are_named_and_not_added() {
        let mut x = rows(5, 3, 0.0);
        x[[4, 2]] = f64::NAN;
        let mut covariance = Covariance::new(3);
        covariance.observe(rows(10, 3, 0.0).view()).unwrap();
        let error = covariance.observe(x.view()).unwrap_err().to_string();
        assert!(error.contains("row 14, column 2"), "{error}");
        assert_eq!(covariance.count(), 10);
        assert!(covariance.observe(rows(2, 4, 0.0).view()).is_err());
        assert!(Covariance::new(3).covariance().is_err());
    }
}
