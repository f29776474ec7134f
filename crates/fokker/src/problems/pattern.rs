//! An image that needs no file.

use crate::{Error, Result};
use ndarray::Array3;
use std::f64::consts::TAU;

/// A woven pattern in colour, `[height, width, 3]`, values in [−1, 1]: threads of period 8 that
/// pass over and under each other, with slow shading.
///
/// # Errors
/// An extent of zero or above 4096.
///
/// ```
/// let image = fokker::problems::woven_pattern(16, 24).unwrap();
/// assert!(image.dim() == (16, 24, 3) && image.iter().all(|x| x.abs() <= 1.0));
/// ```
pub fn woven_pattern(height: usize, width: usize) -> Result<Array3<f64>> {
    for (name, extent) in [("height", height), ("width", width)] {
        if extent == 0 || extent > 4096 {
            let requirement = "from 1 to 4096".into();
            return Err(Error::Argument { name, requirement, found: extent as f64 });
        }
    }
    Ok(Array3::from_shape_fn((height, width, 3), |(i, j, c)| {
        let over = (i / 8 + j / 8) % 2 == 0;
        let across = if over { i } else { j };
        let thread = (0.5 * TAU * ((across % 8) as f64 + 0.5) / 8.0).sin();
        let shading = (TAU * (i as f64 / height as f64 + 2.0 * j as f64 / width as f64)).cos();
        let colour = if over { [0.9, 0.5, 0.2] } else { [0.5, 0.35, 0.45] }[c];
        2.0 * colour * (0.8 * thread + 0.1 * (1.0 + shading)) - 1.0
    }))
}
