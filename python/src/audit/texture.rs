//! The Gaussian texture of an image.

use super::Object;
use crate::convert::matrix;
use crate::work::run;
use fokker::Error;
use fokker::sampling::Noise;
use fokker::statistics::Texture;
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray3};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// A Gaussian texture.
#[pyclass(frozen, module = "fokker._fokker", name = "Texture")]
pub struct PyTexture {
    texture: Texture,
}

#[pymethods]
impl PyTexture {
    /// Of an image whose rows hold the channels of a pixel side by side, `[M, N·C]`.
    #[classmethod]
    #[pyo3(signature = (pixels, channels))]
    fn from_image<'py>(cls: &Bound<'py, PyType>, pixels: Object<'_, 'py>, channels: usize) -> PyResult<Self> {
        let pixels = matrix(pixels, "image")?;
        let pixels = pixels.as_array();
        let (height, width) = (pixels.nrows(), pixels.ncols().checked_div(channels).unwrap_or(0));
        let texture = run(cls.py(), |_| {
            let image = pixels.to_shape((height, width, channels)).map_err(|_| Error::Size {
                name: "the columns of the image",
                expected: width * channels,
                found: pixels.ncols(),
            })?;
            Texture::from_image(image.view())
        })?;
        Ok(PyTexture { texture })
    }

    /// M, N and C.
    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        self.texture.shape()
    }

    /// Eigenvalues of the covariance, `[C·MN]`.
    #[getter]
    fn eigenvalues<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.texture.eigenvalues().into_pyarray(py)
    }

    /// Texture number `index` of a seed, `[M, N, C]`.
    #[pyo3(signature = (index, seed))]
    fn sample<'py>(&self, py: Python<'py>, index: u32, seed: u64) -> PyResult<Bound<'py, PyArray3<f64>>> {
        let (height, width, _) = self.texture.shape();
        let sample = run(py, |_| {
            let mut noise = [Array2::zeros((height, width))];
            Noise { seed }.fill(0, index, &mut noise);
            self.texture.sample(noise[0].view())
        })?;
        Ok(sample.into_pyarray(py))
    }
}
