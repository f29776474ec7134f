//! Arrays in, errors out: the only place that knows numpy's layouts and the library's errors.
//!
//! A float64 array in C order is used where it is. Anything else that holds numbers (other types
//! and orders, strides, lists, data frames) is copied once. What does not is refused in a sentence.

use fokker::Error;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::create_exception;
use pyo3::exceptions::{PyArithmeticError, PyTypeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    fokker,
    InputError,
    PyValueError,
    "An argument that cannot be used: a ValueError that carries numbers.\n\n\
     Attributes, None where they do not apply: argument (its name), index (of the first bad entry,\n\
     one number per axis), found, expected."
);
create_exception!(
    fokker,
    NumericalError,
    PyArithmeticError,
    "A numerical method failed on valid input.\n\n\
     Attributes: argument (the method), reason; index, found and expected are None."
);

/// What an exception says beside its message.
#[derive(Default)]
struct Details {
    argument: Option<String>,
    index: Option<Vec<usize>>,
    found: Option<f64>,
    expected: Option<String>,
    reason: Option<String>,
}

impl Details {
    fn of(error: &Error) -> Details {
        let named = |name: &str| Details { argument: Some(name.to_owned()), ..Details::default() };
        match error {
            Error::Empty { name } => named(name),
            Error::NonFinite { name, index, value } => {
                Details { index: Some(index.clone()), found: Some(*value), ..named(name) }
            }
            Error::Entry { name, requirement, index, found } => Details {
                index: Some(index.clone()),
                found: Some(*found),
                expected: Some((*requirement).to_owned()),
                ..named(name)
            },
            Error::Argument { name, requirement, found } => {
                Details { found: Some(*found), expected: Some(requirement.clone()), ..named(name) }
            }
            Error::Name { what, known, .. } => Details { expected: Some(known.clone()), ..named(what) },
            Error::Size { name, expected, found } => {
                Details { found: Some(*found as f64), expected: Some(expected.to_string()), ..named(name) }
            }
            Error::Parse { what, reason } | Error::Numerical { what, reason } => {
                Details { reason: Some(reason.clone()), ..named(what) }
            }
            Error::Undefined { what, reason, remedy } => {
                Details { reason: Some(reason.clone()), expected: Some((*remedy).to_owned()), ..named(what) }
            }
            other => Details { reason: Some(other.to_string()), ..Details::default() },
        }
    }

    fn on(self, py: Python, error: PyErr) -> PyErr {
        let value = error.value(py);
        let index = self.index.map(|index| pyo3::types::PyTuple::new(py, index)).transpose();
        // Exceptions have a dictionary: setting an attribute cannot fail.
        let _ = value.setattr("argument", self.argument);
        let _ = value.setattr("index", index.ok().flatten());
        let _ = value.setattr("found", self.found);
        let _ = value.setattr("expected", self.expected);
        let _ = value.setattr("reason", self.reason);
        error
    }
}

/// The exception for an error of the library.
pub fn raise(py: Python, error: Error) -> PyErr {
    let message = error.to_string();
    let exception =
        if error.is_input() { InputError::new_err(message) } else { NumericalError::new_err(message) };
    Details::of(&error).on(py, exception)
}

/// An argument that cannot be used, in a sentence.
pub fn refuse(py: Python, name: &str, message: String) -> PyErr {
    Details { argument: Some(name.to_owned()), ..Details::default() }.on(py, InputError::new_err(message))
}

/// Rows `[n, d]` of numbers; not copied when they are float64 in C order.
///
/// # Errors
/// What is not a table of numbers.
pub fn matrix<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<PyReadonlyArray2<'py, f64>> {
    if let Ok(array) = object.cast::<PyArray2<f64>>()
        && array.is_c_contiguous()
    {
        return Ok(array.try_readonly()?);
    }
    let array = converted(object, name, 2)?;
    Ok(array.cast_into::<PyArray2<f64>>()?.try_readonly()?)
}

/// Numbers `[n]`; not copied when they are float64 in a row.
///
/// # Errors
/// What is not a row of numbers.
pub fn vector<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<PyReadonlyArray1<'py, f64>> {
    if let Ok(array) = object.cast::<PyArray1<f64>>()
        && array.is_c_contiguous()
    {
        return Ok(array.try_readonly()?);
    }
    let array = converted(object, name, 1)?;
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
fn converted<'py>(object: &Bound<'py, PyAny>, name: &str, dimensions: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    if object.hasattr("toarray")? {
        return Err(refuse(
            py,
            name,
            format!("{name} is sparse, which is not supported: pass {name}.toarray()"),
        ));
    }
    let numpy = py.import("numpy")?;
    let array = match numpy.call_method1("asarray", (object,)) {
        Ok(array) => array,
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            let message = format!("{name} must be a table of numbers, but its rows have different lengths");
            return Err(refuse(py, name, message));
        }
        Err(error) => return Err(error),
    };
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    match kind.as_str() {
        "b" | "i" | "u" | "f" => {}
        "c" => {
            return Err(refuse(py, name, format!("Complex data not supported: {name} must be real numbers")));
        }
        "O" | "U" | "S" | "T" => check_entries(object, &array, name)?,
        _ => {
            let kind = array.getattr("dtype")?.str()?;
            return Err(refuse(py, name, format!("{name} must hold numbers, found entries of type {kind}")));
        }
    }
    check_dimensions(&array, name, dimensions)?;
    numpy.call_method1("ascontiguousarray", (array, "float64"))
}

fn check_dimensions(array: &Bound<PyAny>, name: &str, expected: usize) -> PyResult<()> {
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    if shape.len() == expected {
        return Ok(());
    }
    let found = match shape.as_slice() {
        [] => "a single number".to_owned(),
        [n] => format!("a 1-D array of {n} numbers"),
        more => format!("an array of {} dimensions", more.len()),
    };
    let message = match (expected, shape.len()) {
        (2, 1) => format!(
            "{name} must be a 2-D array [n, d], found {found}: Reshape your data with {name}.reshape(-1, 1) for \
             one column or {name}.reshape(1, -1) for one row"
        ),
        (2, _) => format!("{name} must be a 2-D array [n, d], found {found}"),
        _ => format!("{name} must be a 1-D array, found {found}"),
    };
    Err(refuse(array.py(), name, message))
}

/// Refuses the first entry that is no number, by its place.
fn check_entries(object: &Bound<PyAny>, array: &Bound<PyAny>, name: &str) -> PyResult<()> {
    let py = array.py();
    let width: usize = match array.getattr("shape")?.extract::<Vec<usize>>()?.as_slice() {
        [_, d] => *d,
        _ => 1,
    };
    for (i, entry) in array.getattr("flat")?.try_iter()?.enumerate() {
        let entry = entry?;
        let text =
            entry.is_instance_of::<pyo3::types::PyString>() || entry.is_instance_of::<pyo3::types::PyBytes>();
        let failure = if text { None } else { entry.call_method0("__float__").err() };
        if !text && failure.is_none() {
            continue;
        }
        let (row, column) = (i / width.max(1), i % width.max(1));
        let columns = object
            .getattr("columns")
            .and_then(|columns| columns.get_item(column)?.str()?.extract::<String>());
        let place = match columns {
            Ok(columns) => format!("row {row}, column {columns:?}"),
            Err(_) => format!("row {row}, column {column}"),
        };
        let (value, kind) = (entry.repr()?.to_string(), entry.get_type().name()?.to_string());
        if text || entry.is_none() {
            return Err(refuse(py, name, format!("{name} must hold numbers, found {value} at {place}")));
        }
        return Err(PyTypeError::new_err(format!(
            "{name} must hold numbers, found a {kind} at {place}: an argument must be a string of digits or a real number"
        )));
    }
    Ok(())
}

/// `as_matrix(x, name)`: what the estimators convert by.
#[pyfunction]
#[pyo3(name = "as_matrix", signature = (x, name))]
pub fn as_matrix<'py>(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyArray2<f64>>> {
    matrix(x, name).map(|array| (*array).clone())
}

/// `as_vector(x, name)`, the same in one dimension.
#[pyfunction]
#[pyo3(name = "as_vector", signature = (x, name))]
pub fn as_vector<'py>(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
    vector(x, name).map(|array| (*array).clone())
}
