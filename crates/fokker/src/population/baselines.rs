//! What a fit must beat: predictions without an energy.

use super::Cloud;
use crate::transport::{Cost, ExactOptions, displacement, exact};
use crate::{Result, Task};
use fokker_linalg::{eigh, matmul};
use ndarray::{Array1, Array2, Axis};

/// The affine map between the Gaussians with the moments of two clouds.
///
/// ```text
/// T(x) = m₁ + A (x − m₀),    A = S^{-1} (S Σ₁ S)^{1/2} S^{-1},    S = Σ₀^{1/2}
/// ```
///
/// The optimal transport map between those Gaussians; directions in which the first cloud has no
/// spread are kept as they are. O(n d² + d³).
#[derive(Debug, Clone)]
pub(super) struct AffineMap {
    from: Array1<f64>,
    to: Array1<f64>,
    matrix: Array2<f64>,
}

impl AffineMap {
    /// From the moments of `x` to those of `y`.
    pub fn between(x: &Cloud, y: &Cloud) -> Result<Self> {
        let (from, source) = moments(x);
        let (to, target) = moments(y);
        let eigen = eigh(source.view())?;
        let floor = eigen.values.fold(0.0, |most: f64, &v| most.max(v)) * 1e-12;
        let power = |p: f64| {
            let powers = eigen.values.mapv(|v| if v > floor { v.powf(p) } else { 0.0 });
            (&eigen.vectors * &powers).dot(&eigen.vectors.t())
        };
        let (root, inverse) = (power(0.5), power(-0.5));
        let inner = eigh(root.dot(&target).dot(&root).view())?;
        let middle = (&inner.vectors * &inner.values.mapv(|v| v.max(0.0).sqrt())).dot(&inner.vectors.t());
        // The projection on the directions without spread.
        let still = {
            let mask = eigen.values.mapv(|v| if v > floor { 0.0 } else { 1.0 });
            (&eigen.vectors * &mask).dot(&eigen.vectors.t())
        };
        Ok(AffineMap { from, to, matrix: inverse.dot(&middle).dot(&inverse) + still })
    }

    /// The points a share s of their way along: (1 − s) x + s T(x).
    pub fn apply(&self, x: &Array2<f64>, s: f64) -> Array2<f64> {
        let image = matmul((x - &self.from).view(), self.matrix.t()) + &self.to;
        x * (1.0 - s) + image * s
    }
}

/// Mean and covariance of a weighted cloud.
fn moments(cloud: &Cloud) -> (Array1<f64>, Array2<f64>) {
    let mean = cloud.weights.dot(&cloud.x);
    let centred = &cloud.x - &mean;
    let weighted = &centred * &cloud.weights.view().insert_axis(Axis(1));
    let covariance = matmul(weighted.t(), centred.view());
    (mean, covariance)
}

/// McCann's interpolation between two clouds, a share s of the way, and the row of x that each of its
/// points comes from.
pub(super) fn interpolate(x: &Cloud, y: &Cloud, s: f64, task: Task) -> Result<(Cloud, Vec<usize>)> {
    let options =
        ExactOptions { source_weights: Some(x.weights.view()), target_weights: Some(y.weights.view()), task };
    let coupling = exact(x.x.view(), y.x.view(), Cost::SquaredEuclidean, &options)?;
    let (points, mass) = displacement(x.x.view(), y.x.view(), &coupling, s)?;
    Ok((Cloud::new(points, Some(mass.view()))?, coupling.source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn cloud(x: Array2<f64>) -> Cloud {
        Cloud::new(x, None).unwrap()
    }

    #[test]
    fn the_affine_map_carries_mean_and_covariance() {
        let x = Array2::from_shape_fn((50, 3), |(i, j)| ((7 * i + 11 * j + i * i * (j + 1)) % 23) as f64);
        let y = Array2::from_shape_fn((40, 3), |(i, j)| {
            ((5 * i + 3 * j + i * i * (j + 2)) % 19) as f64 * 0.7 - 9.0
        });
        let (x, y) = (cloud(x), cloud(y));
        let map = AffineMap::between(&x, &y).unwrap();
        let (mean, covariance) = moments(&cloud(map.apply(&x.x, 1.0)));
        let (expected_mean, expected) = moments(&y);
        assert!((mean - expected_mean).iter().all(|e| e.abs() < 1e-11));
        assert!((covariance - expected).iter().all(|e| e.abs() < 1e-9));
        // Symmetric and positive definite, so it is the gradient of a convex function.
        assert!((&map.matrix - &map.matrix.t()).iter().all(|e| e.abs() < 1e-12));
        assert!(eigh(map.matrix.view()).unwrap().values[0] > 0.0);
        assert_eq!(map.apply(&x.x, 0.0), x.x);
    }

    #[test]
    fn a_flat_cloud_keeps_what_it_does_not_know() {
        let x = cloud(array![[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]);
        let y = cloud(array![[10.0, 5.0], [11.0, 7.0], [12.0, 9.0]]);
        let moved = AffineMap::between(&x, &y).unwrap().apply(&x.x, 1.0);
        assert!(moved.iter().all(|e| e.is_finite()));
        assert!((moved.mean_axis(Axis(0)).unwrap() - array![11.0, 7.0]).iter().all(|e| e.abs() < 1e-12));
    }
}
