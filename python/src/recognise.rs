//! What is no array of numbers, recognised before numpy takes minutes to find out, and what to pass
//! instead.

use crate::convert::Kind;
use crate::errors::refuse;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

/// Longest piece of a value that a message repeats.
const LONGEST: usize = 40;

/// Refuses an object that cannot be an array of numbers.
///
/// # Errors
/// What is none; masked entries; sparse matrices; annotated data.
pub fn check_object(object: &Bound<PyAny>, name: &str, kind: Kind) -> PyResult<()> {
    let message = if object.hasattr("obsm")? {
        annotated(object, name, kind)
    } else if object.hasattr("toarray")? {
        Some(format!("{name} is sparse, which is not supported: pass {name}.toarray()"))
    } else if masked(object)? {
        Some(format!(
            "{name} has masked entries, which are not numbers: fill them by {name}.filled(value), or leave their \
             rows out, as numpy.ma.compress_rows does"
        ))
    } else if is_array(object)? {
        None
    } else {
        let found = described(object)?;
        Some(format!("{name} must be {}, found {found}: pass an array, a list or a DataFrame", kind.words()))
    };
    message.map_or(Ok(()), |message| Err(refuse(object.py(), name, message)))
}

/// An AnnData holds many tables: which one is meant is for the user to say.
fn annotated(object: &Bound<PyAny>, name: &str, kind: Kind) -> Option<String> {
    let keys = |part: &str| -> Vec<String> {
        let keys = object.getattr(part).and_then(|part| part.call_method0("keys")?.try_iter()?.collect());
        let keys: Vec<Bound<PyAny>> = keys.unwrap_or_default();
        keys.iter().filter_map(|key| key.extract().ok()).collect()
    };
    let listed = |part: &str, usual: &str| {
        let keys = keys(part);
        let chosen = keys.iter().find(|key| *key == usual).or(keys.first());
        let others = keys.iter().filter(|key| Some(*key) != chosen).map(|key| format!("{key:?}"));
        let others: Vec<String> = others.take(5).collect();
        let also = if others.is_empty() { String::new() } else { format!(" (also {})", others.join(", ")) };
        format!("data.{part}[{:?}]{also}", chosen.map_or(usual, |key| key))
    };
    let instead = match kind {
        Kind::List => listed("obs", "time"),
        _ => format!("data.X or {}", listed("obsm", "X_pca")),
    };
    Some(format!("{name} is annotated data, an AnnData or the like, which holds many arrays: pass {instead}"))
}

/// Whether any entry of numpy's masked arrays, alone or in a list, is masked.
fn masked(object: &Bound<PyAny>) -> PyResult<bool> {
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        for entry in object.try_iter()? {
            let entry = entry?;
            // Most lists hold numbers, whose attributes need not be looked for.
            if !entry.is_instance_of::<pyo3::types::PyFloat>()
                && !entry.is_instance_of::<pyo3::types::PyInt>()
                && masked(&entry)?
            {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if !object.hasattr("filled")? || !object.hasattr("mask")? {
        return Ok(false);
    }
    object.getattr("mask")?.call_method0("any")?.extract()
}

/// What numpy makes an array of without asking for one entry after the other, or a sequence.
fn is_array(object: &Bound<PyAny>) -> PyResult<bool> {
    if object.is_instance_of::<PyString>()
        || object.is_instance_of::<PyBytes>()
        || object.is_instance_of::<PyDict>()
    {
        return Ok(false);
    }
    if object.is_instance_of::<PyList>()
        || object.is_instance_of::<PyTuple>()
        || object.hasattr("__array__")?
    {
        return Ok(true);
    }
    for name in ["__array_interface__", "__array_struct__", "__buffer__", "__float__"] {
        if object.hasattr(name)? {
            return Ok(true);
        }
    }
    // Buffers have no name before Python 3.12.
    let py = object.py();
    if py.import("builtins")?.getattr("memoryview")?.call1((object,)).is_ok() {
        return Ok(true);
    }
    object.is_instance(&py.import("collections.abc")?.getattr("Sequence")?)
}

fn described(object: &Bound<PyAny>) -> PyResult<String> {
    if object.is_none() {
        return Ok("None".to_owned());
    }
    if object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>() {
        return Ok(format!("the text {}", shortened(object)?));
    }
    Ok(format!("an object of type {}", object.get_type().name()?))
}

fn shortened(object: &Bound<PyAny>) -> PyResult<String> {
    let text = object.repr()?.to_string();
    let short: String = text.chars().take(LONGEST).collect();
    Ok(if short.len() < text.len() { short + "…" } else { short })
}

/// Refuses the first entry that is no number, by its place.
///
/// # Errors
/// Text, nothing, numbers beyond all doubles, other objects.
pub fn check_entries(object: &Bound<PyAny>, array: &Bound<PyAny>, name: &str, kind: Kind) -> PyResult<()> {
    let py = array.py();
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    for (i, entry) in array.getattr("flat")?.try_iter()?.enumerate() {
        let entry = entry?;
        let text = entry.is_instance_of::<PyString>() || entry.is_instance_of::<PyBytes>();
        let failure = if text { None } else { entry.call_method0("__float__").err() };
        if !text && failure.is_none() {
            continue;
        }
        let place = place(object, i, &shape, kind)?;
        if failure.is_some_and(|error| error.is_instance_of::<PyOverflowError>(py)) {
            let message =
                format!("{name} must hold numbers of at most 1.8e308, found a larger one at {place}");
            return Err(refuse(py, name, message));
        }
        let class = entry.get_type().name()?.to_string();
        if text || entry.is_none() || class == "NAType" || class == "NaTType" {
            let value = shortened(&entry)?;
            return Err(refuse(py, name, format!("{name} must hold numbers, found {value} at {place}")));
        }
        return Err(PyTypeError::new_err(format!(
            "{name} must hold numbers, found a {class} at {place}: an argument must be a string of digits or a real number"
        )));
    }
    Ok(())
}

fn place(object: &Bound<PyAny>, i: usize, shape: &[usize], kind: Kind) -> PyResult<String> {
    if kind == Kind::List || shape.len() < 2 {
        return Ok(format!("index {i}"));
    }
    let width = shape[1..].iter().product::<usize>().max(1);
    let (row, column) = (i / width, i % width);
    let named =
        object.getattr("columns").and_then(|columns| columns.get_item(column)?.str()?.extract::<String>());
    Ok(match named {
        Ok(named) => format!("row {row}, column {named:?}"),
        Err(_) => format!("row {row}, column {column}"),
    })
}
