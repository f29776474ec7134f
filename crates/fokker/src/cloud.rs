//! A cloud of weighted points: checked and normalised once, whoever brings it.

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Points and their shares, of sum 1.
///
/// ```
/// use fokker::Cloud;
/// use ndarray::array;
/// let cloud = Cloud::new(array![[0.0], [1.0]], Some(array![3.0, 1.0].view()))?;
/// assert_eq!((cloud.weights, cloud.mass), (array![0.75, 0.25], 4.0));
/// assert!(Cloud::new(array![[f64::NAN]], None).is_err());
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Cloud {
    /// Points, `[n, d]`.
    pub x: Array2<f64>,
    /// Weights, `[n]`, of sum 1.
    pub weights: Array1<f64>,
    /// Sum of the weights as given; 1 when none were.
    pub mass: f64,
}

impl Cloud {
    /// Points with equal weights or the given ones.
    ///
    /// # Errors
    /// No point or coordinate, an entry that is not finite, weights that do not fit, are
    /// negative or sum to zero.
    pub fn new(x: Array2<f64>, weights: Option<ArrayView1<f64>>) -> Result<Self> {
        if x.is_empty() {
            return Err(Error::Empty { name: "cloud" });
        }
        if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "cloud", index: vec![row, column], value });
        }
        let mass = weights.map_or(1.0, |w| w.sum());
        let weights = crate::statistics::normalised(weights, x.nrows())?;
        if !mass.is_finite() {
            let requirement = "finite".into();
            return Err(Error::Argument { name: "the sum of the weights", requirement, found: mass });
        }
        Ok(Cloud { x, weights, mass })
    }

    /// Number n of points.
    pub fn len(&self) -> usize {
        self.x.nrows()
    }

    /// Never: a cloud holds at least one point.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The cloud as it is measured.
    pub fn view(&self) -> CloudView<'_> {
        CloudView { x: self.x.view(), weights: Some(self.weights.view()) }
    }

    /// Rows that carry weight.
    pub(crate) fn carrying(&self) -> Vec<usize> {
        crate::statistics::carrying(self.weights.view())
    }

    /// The points in the given rows, in that order; their mass is their share.
    pub fn select(&self, rows: &[usize]) -> Result<Cloud> {
        let weights = self.weights.select(Axis(0), rows);
        let mut cloud = Cloud::new(self.x.select(Axis(0), rows), Some(weights.view()))?;
        cloud.mass *= self.mass;
        Ok(cloud)
    }
}

/// Points as they are held elsewhere, and their weights: equal ones when there are none.
///
/// What takes it checks it, and divides the weights by their sum where only shares count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CloudView<'a> {
    /// Points, `[n, d]`.
    pub x: ArrayView2<'a, f64>,
    /// Weights, `[n]`.
    pub weights: Option<ArrayView1<'a, f64>>,
}

impl<'a> CloudView<'a> {
    /// The same for a shorter time, as what borrows two clouds needs.
    pub fn reborrow<'b>(self) -> CloudView<'b>
    where
        'a: 'b,
    {
        CloudView { x: self.x.reborrow(), weights: self.weights.map(|weights| weights.reborrow()) }
    }
}

impl<'a> From<ArrayView2<'a, f64>> for CloudView<'a> {
    fn from(x: ArrayView2<'a, f64>) -> Self {
        CloudView { x, weights: None }
    }
}
