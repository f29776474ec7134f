//! Gaussian laws: of data, or what another score is exact for.

use super::Object;
use crate::convert::{matrix, rows, vector};
use crate::errors::raise;
use crate::work::run;
use fokker::problems::parse_spectrum;
use fokker::statistics::{Covariance, Gaussian};
use fokker::transport::bures;
use fokker::{ArrayBlocks, Error, Result};
use ndarray::{Array1, Array2};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// A Gaussian law.
#[pyclass(frozen, module = "fokker._fokker")]
pub struct Law {
    pub(super) law: Gaussian,
}

#[pymethods]
impl Law {
    /// N(0, diag(eigenvalues)).
    #[classmethod]
    #[pyo3(signature = (eigenvalues))]
    fn from_eigenvalues<'py>(cls: &Bound<'py, PyType>, eigenvalues: Object<'_, 'py>) -> PyResult<Self> {
        let values = vector(eigenvalues, "eigenvalues")?.as_array().to_owned();
        wrap(cls.py(), Gaussian::from_eigenvalues(values))
    }

    /// N(mean, covariance).
    #[classmethod]
    #[pyo3(signature = (mean, covariance))]
    fn from_covariance<'py>(
        cls: &Bound<'py, PyType>,
        mean: Option<Object<'_, 'py>>,
        covariance: Object<'_, 'py>,
    ) -> PyResult<Self> {
        let py = cls.py();
        let covariance = matrix(covariance, "covariance")?;
        let covariance = covariance.as_array();
        let mean = match mean {
            Some(mean) => vector(mean, "mean")?.as_array().to_owned(),
            None => Array1::zeros(covariance.nrows()),
        };
        let law = run(py, |_| Gaussian::from_covariance(mean, covariance))?;
        Ok(Law { law })
    }

    /// The Gaussian of the mean and covariance of rows, in the axes of the covariance unless the
    /// columns must stay.
    #[classmethod]
    #[pyo3(signature = (x, keep_columns))]
    fn from_rows<'py>(cls: &Bound<'py, PyType>, x: Object<'_, 'py>, keep_columns: bool) -> PyResult<Self> {
        let x = rows(x, "data")?;
        let x = x.as_array();
        let law = run(cls.py(), |watch| {
            let law = if x.nrows() >= x.ncols() || keep_columns {
                Covariance::from_blocks(&mut ArrayBlocks::new(x), watch.task())?.gaussian()?
            } else {
                Gaussian::from_few_rows(x)?
            };
            Ok(if keep_columns { law } else { law.in_own_axes() })
        })?;
        Ok(Law { law })
    }

    /// An embedded spectrum.
    #[classmethod]
    #[pyo3(signature = (name))]
    fn from_spectrum(cls: &Bound<PyType>, name: &str) -> PyResult<Self> {
        wrap(cls.py(), parse_spectrum(name).and_then(Gaussian::from_eigenvalues))
    }

    /// Dimension.
    #[getter]
    fn dim(&self) -> usize {
        self.law.dim()
    }

    /// Mean, `[d]`.
    #[getter]
    fn mean<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.law.mean().clone().into_pyarray(py)
    }

    /// Eigenvalues of the covariance, `[d]`.
    #[getter]
    fn eigenvalues<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.law.values().clone().into_pyarray(py)
    }

    /// A factor F of the covariance F Fᵀ, `[d, d]`.
    #[getter]
    fn factor<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        factor(&self.law).into_pyarray(py)
    }

    /// W₂ to another law of the same columns.
    #[pyo3(signature = (other))]
    fn distance(&self, py: Python, other: &Law) -> PyResult<f64> {
        run(py, |_| {
            if self.law.dim() != other.law.dim() {
                return Err(Error::Size { name: "law", expected: self.law.dim(), found: other.law.dim() });
            }
            let shift = (self.law.mean() - other.law.mean()).mapv(|x| x * x).sum();
            Ok((shift + bures(factor(&self.law).view(), factor(&other.law).view())?.powi(2)).sqrt())
        })
    }
}

fn factor(law: &Gaussian) -> Array2<f64> {
    let deviation = law.values().mapv(f64::sqrt);
    match law.vectors() {
        Some(vectors) => vectors * &deviation,
        None => Array2::from_diag(&deviation),
    }
}

fn wrap(py: Python, law: Result<Gaussian>) -> PyResult<Law> {
    law.map(|law| Law { law }).map_err(|error| raise(py, error))
}
