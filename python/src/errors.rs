//! The library's errors as exceptions that carry numbers.

use fokker::Error;
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
            Error::Kind { name, expected, .. } => Details { expected: Some(expected.clone()), ..named(name) },
            Error::UnknownOption { found, known, .. } => {
                Details { expected: Some(known.clone()), ..named(found) }
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
    let exception = match error {
        Error::Kind { .. } | Error::UnknownOption { .. } => PyTypeError::new_err(message),
        _ if error.is_input() => InputError::new_err(message),
        _ => NumericalError::new_err(message),
    };
    Details::of(&error).on(py, exception)
}

/// An argument that cannot be used, in a sentence.
pub fn refuse(py: Python, name: &str, message: String) -> PyErr {
    Details { argument: Some(name.to_owned()), ..Details::default() }.on(py, InputError::new_err(message))
}
