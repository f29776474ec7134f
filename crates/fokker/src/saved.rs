//! Results as bytes: named arrays and a description, in the safetensors format.
//!
//! Files come from anywhere, so reading trusts nothing: every array is checked for type, shape
//! and finite entries before it is used, and nothing is allocated that the bytes cannot hold.

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayViewD};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// The one metadata key: more would be written in an order that changes from run to run.
const KEY: &str = "fokker";

/// What every description starts with.
#[derive(Serialize, serde::Deserialize)]
struct Envelope<D> {
    /// What was saved, such as "population energy".
    kind: String,
    /// Version of the layout of this kind.
    version: u32,
    description: D,
}

/// Bytes that hold a description and named arrays.
pub(crate) fn to_bytes<D: Serialize>(
    kind: &str,
    version: u32,
    description: &D,
    arrays: &[(String, ArrayViewD<f64>)],
) -> Vec<u8> {
    let envelope = Envelope { kind: kind.to_owned(), version, description };
    let text = serde_json::to_string(&envelope).expect("descriptions are plain data");
    let bytes: Vec<Vec<u8>> =
        arrays.iter().map(|(_, array)| array.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let view = TensorView::new(Dtype::F64, array.shape().to_vec(), bytes);
        (name.clone(), view.expect("as many bytes as the shape says"))
    });
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    safetensors::serialize(views, Some(metadata)).expect("names differ and sizes fit")
}

/// A saved result being read.
pub(crate) struct Saved<'a> {
    tensors: SafeTensors<'a>,
    kind: &'static str,
}

impl<'a> Saved<'a> {
    /// Opens bytes that must hold the given kind; the description comes with them.
    pub fn open<D: DeserializeOwned>(bytes: &'a [u8], kind: &'static str, version: u32) -> Result<(Self, D)> {
        let parse = |reason: String| Error::Parse { what: kind, reason };
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|e| parse(format!("it is no whole safetensors file ({e}); save it again")))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| parse(e.to_string()))?;
        let text = header.metadata().as_ref().and_then(|map| map.get(KEY));
        let text = text.ok_or_else(|| parse("fokker did not write it; give a result of `fit`".into()))?;
        // The kind first: the description of another kind has another shape.
        let envelope: Envelope<serde_json::Value> =
            serde_json::from_str(text).map_err(|e| parse(format!("its description is damaged ({e})")))?;
        if envelope.kind != kind {
            return Err(parse(format!("it holds a {:?}", envelope.kind)));
        }
        if envelope.version != version {
            let reason = format!("its layout is version {}, this fokker reads {version}", envelope.version);
            return Err(parse(reason));
        }
        let description = serde_json::from_value(envelope.description)
            .map_err(|e| parse(format!("its description is damaged ({e})")))?;
        Ok((Saved { tensors, kind }, description))
    }

    /// The array `[rows]`.
    pub fn vector(&self, name: &str, length: usize) -> Result<Array1<f64>> {
        Ok(Array1::from(self.values(name, &[length])?))
    }

    /// The array `[rows, columns]`.
    pub fn matrix(&self, name: &str, shape: (usize, usize)) -> Result<Array2<f64>> {
        let values = self.values(name, &[shape.0, shape.1])?;
        Ok(Array2::from_shape_vec(shape, values).expect("the length was checked"))
    }

    /// Entries of an array whose shape must be the given one.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let parse = |reason: String| Error::Parse { what: self.kind, reason };
        let tensor = self.tensors.tensor(name).map_err(|_| parse(format!("the array {name} is missing")))?;
        if tensor.dtype() != Dtype::F64 || tensor.shape() != shape {
            let (dtype, found) = (tensor.dtype(), tensor.shape());
            return Err(parse(format!("the array {name} is {dtype:?} {found:?}, expected F64 {shape:?}")));
        }
        let numbers = tensor.data().chunks_exact(8);
        let values: Vec<f64> =
            numbers.map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes"))).collect();
        match values.iter().position(|x| !x.is_finite()) {
            Some(i) => Err(parse(format!("the array {name} has the value {} at index {i}", values[i]))),
            None => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn example() -> Vec<u8> {
        let a = array![[1.0, 2.0], [3.0, 0.1]];
        to_bytes("thing", 1, &vec![0.1, 1e-300], &[("a".into(), a.view().into_dyn())])
    }

    #[test]
    fn what_is_written_is_read_and_bytes_are_reproducible() {
        let bytes = example();
        assert_eq!(bytes, example());
        let (saved, description) = Saved::open::<Vec<f64>>(&bytes, "thing", 1).unwrap();
        assert_eq!(description, [0.1, 1e-300]);
        assert_eq!(saved.matrix("a", (2, 2)).unwrap(), array![[1.0, 2.0], [3.0, 0.1]]);
        assert!(saved.matrix("a", (4, 1)).is_err() && saved.vector("b", 2).is_err());
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = example();
        for length in 0..bytes.len() {
            assert!(Saved::open::<Vec<f64>>(&bytes[..length], "thing", 1).is_err(), "{length}");
        }
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[i] ^= 1 << bit;
                // Either refused or read as something whole: never a panic.
                if let Ok((saved, _)) = Saved::open::<Vec<f64>>(&changed, "thing", 1) {
                    let _ = saved.matrix("a", (2, 2));
                }
            }
        }
        assert!(Saved::open::<Vec<f64>>(&bytes, "other", 1).is_err());
        assert!(Saved::open::<Vec<f64>>(&bytes, "thing", 2).is_err());
        assert!(Saved::open::<String>(&bytes, "thing", 1).is_err());
        let nan = array![f64::NAN];
        let bytes = to_bytes("thing", 1, &(), &[("a".into(), nan.view().into_dyn())]);
        assert!(Saved::open::<()>(&bytes, "thing", 1).unwrap().0.vector("a", 1).is_err());
    }
}
