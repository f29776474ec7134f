//! Arrays in: the only place that knows numpy's layouts.
//!
//! A float64 array in C order is used where it is. Anything else that holds numbers (other types
//! and orders, strides, lists, data frames) is copied once. What does not is refused in a sentence.
//! Rows and images of uint8 are pixels and come as [`fokker::pixel`] has them, as from files.

use crate::errors::refuse;
use crate::recognise::{check_entries, check_object};
use numpy::{
    PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What an argument is, as messages say it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbers `[n]`.
    List,
    /// Numbers `[n, d]`.
    Table,
    /// Particles or samples `[n, d]`.
    Rows,
    /// Pixels `[M, N]` or `[M, N, C]`.
    Image,
}

impl Kind {
    /// Name and shape.
    pub fn words(self) -> &'static str {
        match self {
            Kind::List => "a 1-D array of numbers",
            Kind::Table | Kind::Rows => "a 2-D array [n, d] of numbers",
            Kind::Image => "an image, [M, N] or [M, N, C]",
        }
    }

    fn holds(self, dimensions: usize) -> bool {
        match self {
            Kind::List => dimensions == 1,
            Kind::Table | Kind::Rows => dimensions == 2,
            Kind::Image => dimensions == 2 || dimensions == 3,
        }
    }
}

/// Rows `[n, d]` of particles or samples; not copied when they are float64 in C order.
///
/// # Errors
/// What is not a table of numbers.
pub fn rows<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<PyReadonlyArray2<'py, f64>> {
    table(object, name, Kind::Rows)
}

/// A table `[n, d]` of numbers that are no particles, such as a covariance; as [`rows`].
///
/// # Errors
/// What is not a table of numbers.
pub fn matrix<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<PyReadonlyArray2<'py, f64>> {
    table(object, name, Kind::Table)
}

fn table<'py>(object: &Bound<'py, PyAny>, name: &str, kind: Kind) -> PyResult<PyReadonlyArray2<'py, f64>> {
    // Only numpy's own class: those that inherit from it may hide entries.
    if object.is_exact_instance_of::<PyUntypedArray>()
        && let Ok(array) = object.cast::<PyArray2<f64>>()
        && array.is_c_contiguous()
    {
        return Ok(array.try_readonly()?);
    }
    let array = converted(object, name, kind)?;
    Ok(array.cast_into::<PyArray2<f64>>()?.try_readonly()?)
}

/// Numbers `[n]`; not copied when they are float64 in a row.
///
/// # Errors
/// What is not a row of numbers.
pub fn vector<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<PyReadonlyArray1<'py, f64>> {
    if object.is_exact_instance_of::<PyUntypedArray>()
        && let Ok(array) = object.cast::<PyArray1<f64>>()
        && array.is_c_contiguous()
    {
        return Ok(array.try_readonly()?);
    }
    let array = converted(object, name, Kind::List)?;
    Ok(array.cast_into::<PyArray1<f64>>()?.try_readonly()?)
}

/// As [`vector`], when there is one.
pub fn optional<'py>(
    object: Option<&Bound<'py, PyAny>>,
    name: &str,
) -> PyResult<Option<PyReadonlyArray1<'py, f64>>> {
    object.map(|object| vector(object, name)).transpose()
}

/// One copy, as float64 in C order.
fn converted<'py>(object: &Bound<'py, PyAny>, name: &str, kind: Kind) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    check_object(object, name, kind)?;
    let numpy = py.import("numpy")?;
    let array = match numpy.call_method1("asarray", (object,)) {
        Ok(array) => array,
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            let words = kind.words();
            let message = format!("{name} must be {words}, but its entries have different lengths");
            return Err(refuse(py, name, message));
        }
        Err(error) => return Err(error),
    };
    let class = array.getattr("dtype")?.getattr("kind")?.extract::<String>()?;
    match class.as_str() {
        "b" | "i" | "u" | "f" => {}
        "c" => {
            return Err(refuse(py, name, format!("Complex data not supported: {name} must be real numbers")));
        }
        "O" => check_entries(object, &array, name, kind)?,
        "U" | "S" | "T" => {
            // One text among numbers makes text of all of them: as they were given, it is found.
            let options = PyDict::new(py);
            options.set_item("dtype", "object")?;
            let given = numpy.call_method("asarray", (object,), Some(&options))?;
            check_entries(object, &given, name, kind)?;
        }
        _ => {
            let class = array.getattr("dtype")?.str()?;
            return Err(refuse(py, name, format!("{name} must hold numbers, found entries of type {class}")));
        }
    }
    check_dimensions(&array, name, kind)?;
    // The columns of a data frame are quantities, whatever they are stored in.
    if matches!(kind, Kind::Rows | Kind::Image)
        && let Ok(pixels) = array.cast::<PyArrayDyn<u8>>()
        && !object.hasattr("columns")?
    {
        let scaled = pixels.try_readonly()?.as_array().mapv(fokker::pixel);
        return Ok(PyArrayDyn::from_owned_array(py, scaled.as_standard_layout().into_owned()).into_any());
    }
    numpy.call_method1("ascontiguousarray", (array, "float64"))
}

fn check_dimensions(array: &Bound<PyAny>, name: &str, kind: Kind) -> PyResult<()> {
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    if kind.holds(shape.len()) {
        return Ok(());
    }
    let found = match shape.as_slice() {
        [] => "a single number".to_owned(),
        [n] => format!("a 1-D array of {n} numbers"),
        more => format!("an array of {} dimensions, {more:?}", more.len()),
    };
    let remedy = match (kind, shape.len()) {
        (Kind::Table | Kind::Rows, 1) => format!(
            ": Reshape your data with {name}.reshape(-1, 1) for one column or {name}.reshape(1, -1) for one row"
        ),
        (Kind::Rows, 3..) => {
            format!(": make every entry of the first axis a row by {name}.reshape({}, -1)", shape[0])
        }
        (Kind::List, 2..) if shape.iter().filter(|&&n| n != 1).count() < 2 => {
            format!(": pass {name}.ravel()")
        }
        _ => String::new(),
    };
    Err(refuse(array.py(), name, format!("{name} must be {}, found {found}{remedy}", kind.words())))
}

/// `as_matrix(x, name)`: what the estimators convert by.
#[pyfunction]
#[pyo3(name = "as_matrix", signature = (x, name))]
pub fn as_matrix<'py>(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyArray2<f64>>> {
    rows(x, name).map(|array| (*array).clone())
}

/// `as_vector(x, name)`, the same in one dimension.
#[pyfunction]
#[pyo3(name = "as_vector", signature = (x, name))]
pub fn as_vector<'py>(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
    vector(x, name).map(|array| (*array).clone())
}

/// `as_image(x, name)`, pixels `[M, N]` or `[M, N, C]`.
#[pyfunction]
#[pyo3(name = "as_image", signature = (x, name))]
pub fn as_image<'py>(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    Ok(converted(x, name, Kind::Image)?.cast_into::<PyArrayDyn<f64>>()?)
}
