//! Options in as keyword arguments, results out: as the library's tables of fields and serde have them.

use crate::errors::raise;
use fokker::Error;
use fokker::options::{Described, Field, Options};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::Serialize;
use serde_json::{Map, Value};

/// The options of keyword arguments.
///
/// # Errors
/// What [`Options::set`] refuses; a value that is no option's, such as an array of objects.
pub fn given<T: Options>(keywords: &Bound<PyDict>) -> PyResult<T> {
    let mut options = T::default();
    for (name, value) in keywords {
        let name: String = name.extract()?;
        let set = match plain(&value)? {
            Some(value) => options.set(&name, &value),
            None => Err(no_value::<T>(&name, &value)?),
        };
        set.map_err(|error| raise(keywords.py(), error))?;
    }
    Ok(options)
}

/// The refusal of an object that no option can be.
fn no_value<T: Options>(name: &str, value: &Bound<PyAny>) -> PyResult<Error> {
    let field =
        T::fields().into_iter().find(|field| field.name == name || field.aliases.iter().any(|a| a.0 == name));
    let found = format!("an object of type {}", value.get_type().name()?);
    Ok(match field {
        Some(Field { name, kind, .. }) => Error::Kind { name, expected: kind.words(), found },
        None => Error::UnknownOption { command: T::COMMAND, found: name.to_owned(), known: names::<T>() },
    })
}

fn names<T: Options>() -> String {
    T::fields().iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

/// An object as plain data, numpy's numbers and short arrays too; none for anything else.
fn plain(object: &Bound<PyAny>) -> PyResult<Option<Value>> {
    if object.is_none() {
        return Ok(Some(Value::Null));
    }
    if object.is_instance_of::<PyBool>() {
        return Ok(Some(Value::Bool(object.extract()?)));
    }
    if object.is_instance_of::<PyString>() {
        return Ok(Some(Value::String(object.extract()?)));
    }
    if object.is_instance_of::<PyInt>() {
        // Of more than 64 bits: as text, which the option's sentence refuses.
        let number =
            object.extract::<u64>().map(Value::from).or_else(|_| object.extract::<i64>().map(Value::from));
        return Ok(Some(number.or_else(|_| Ok::<_, PyErr>(Value::String(shown(object)?)))?));
    }
    if object.is_instance_of::<PyFloat>() {
        let number: f64 = object.extract()?;
        let text = || Value::String(number.to_string());
        return Ok(Some(serde_json::Number::from_f64(number).map_or_else(text, Value::Number)));
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let items = object.try_iter()?.map(|item| plain(&item?)).collect::<PyResult<Option<Vec<_>>>>()?;
        return Ok(items.map(Value::Array));
    }
    // numpy's numbers and arrays.
    match object.hasattr("tolist")? && !object.hasattr("columns")? {
        true => plain(&object.call_method0("tolist")?),
        false => Ok(None),
    }
}

/// A whole number, shortened where it has more digits than anyone reads.
fn shown(number: &Bound<PyAny>) -> PyResult<String> {
    let text = number.str()?.to_string();
    Ok(if text.len() > 20 { "one of more than 20 digits".to_owned() } else { text })
}

/// A result as dictionaries, lists and numbers; keys and values are those of `--json`.
pub fn result<'py>(py: Python<'py>, result: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let value = serde_json::to_value(result).map_err(|error| PyTypeError::new_err(error.to_string()))?;
    object(py, &value)
}

fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => whole.into_pyobject(py)?.into_any(),
            None => PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any(),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| object(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(map) => dictionary(py, map)?.into_any(),
    })
}

fn dictionary<'py>(py: Python<'py>, map: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    map.iter().try_for_each(|(key, value)| out.set_item(key, object(py, value)?))?;
    Ok(out)
}

fn described(py: Python, command: &str) -> PyResult<Described> {
    let known = || fokker::commands().iter().map(|known| known.command).collect::<Vec<_>>().join(", ");
    let found = fokker::commands().into_iter().find(|known| known.command == command);
    let unknown = || Error::Name { what: "command", found: command.to_owned(), known: known() };
    found.ok_or_else(|| raise(py, unknown()))
}

/// The fields of a command: name, help, type, default and aliases of each, for signatures and documents.
#[pyfunction]
#[pyo3(signature = (command))]
pub fn option_fields<'py>(py: Python<'py>, command: &str) -> PyResult<Bound<'py, PyAny>> {
    result(py, &described(py, command)?.fields)
}

/// Reads options of a command, as its functions do.
#[pyfunction]
#[pyo3(signature = (command, options))]
pub fn check_options(py: Python, command: &str, options: &Bound<PyDict>) -> PyResult<()> {
    let mut map = Map::new();
    for (name, value) in options {
        map.insert(name.extract()?, plain(&value)?.unwrap_or(Value::Null));
    }
    (described(py, command)?.check)(&map).map_err(|error| raise(py, error))
}
