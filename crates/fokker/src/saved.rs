//! Results as bytes: named arrays and a description, in the safetensors format.
//!
//! Files come from anywhere, so reading trusts nothing: every array is checked for type, shape
//! and finite entries before it is used, and nothing is allocated that the bytes cannot hold.
//!
//! The last four bytes, an array named `checksum`, are the CRC-32 of all bytes before them, header
//! included. It is compared before anything is used: a flipped bit is always found, other damage but
//! for one case in 2³². Files from before there was one are still read, and are recognised by the
//! lack of both the array and the envelope's mark, which no single flip can bring about.

use crate::options::Receipt;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayViewD};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// The one metadata key: more would be written in an order that changes from run to run.
const KEY: &str = "fokker";

/// The array that ends the file: types are sorted by width, and this is the only one of 32 bits.
const CHECKSUM: &str = "checksum";

/// What every description starts with.
#[derive(Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<D> {
    /// What was saved, such as "population energy".
    kind: String,
    /// Version of the layout of this kind.
    version: u32,
    /// Whether the file ends in a checksum; absent from files before there was one.
    #[serde(default)]
    checked: bool,
    description: D,
}

/// Bytes that hold a description and named arrays.
pub(crate) fn to_bytes<D: Serialize>(
    kind: &str,
    version: u32,
    description: &D,
    arrays: &[(String, ArrayViewD<f64>)],
) -> Vec<u8> {
    let envelope = Envelope { kind: kind.to_owned(), version, checked: true, description };
    let text = serde_json::to_string(&envelope).expect("descriptions are plain data");
    let bytes: Vec<Vec<u8>> =
        arrays.iter().map(|(_, array)| array.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let view = TensorView::new(Dtype::F64, array.shape().to_vec(), bytes);
        (name.clone(), view.expect("as many bytes as the shape says"))
    });
    let place = TensorView::new(Dtype::U32, vec![1], &[0; 4]).expect("four bytes");
    let views = views.chain([(CHECKSUM.to_owned(), place)]);
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    let mut file = safetensors::serialize(views, Some(metadata)).expect("names differ and sizes fit");
    seal(&mut file);
    file
}

/// Makes the last four bytes the checksum of the others.
pub(crate) fn seal(file: &mut [u8]) {
    if let Some((rest, last)) = file.split_last_chunk_mut::<4>() {
        *last = crc32fast::hash(rest).to_le_bytes();
    }
}

/// Whether the last four bytes are the checksum of the others.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<4>().is_some_and(|(rest, last)| crc32fast::hash(rest).to_le_bytes() == *last)
}

/// What a saved result says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// What was saved, such as "population energy".
    pub kind: String,
    /// Version of the layout of this kind.
    pub layout: u32,
    /// How it was made; none in files of versions that kept none, and for results of no command.
    pub receipt: Option<Receipt>,
}

/// Reads what any saved result says of itself.
///
/// # Errors
/// Bytes that fokker did not write, or that are damaged.
///
/// ```
/// use fokker::{Task, inspect, population::*};
/// let x = ndarray::Array2::from_shape_fn((40, 1), |(i, _)| i as f64);
/// let clouds = vec![Cloud::new(x.clone(), None)?, Cloud::new(x * 0.9, None)?];
/// let snapshots = Snapshots::new(vec![0.0, 1.0], clouds)?;
/// let options = FitOptions { potential: "poly:2".parse()?, ..Default::default() };
/// let saved = fit(&snapshots, &options, Task::silent())?.energy.to_bytes();
/// let receipt = inspect(&saved)?.receipt.unwrap();
/// // The same options and data give the same bytes.
/// assert_eq!(receipt.data, snapshots.digest());
/// assert_eq!(fit(&snapshots, &receipt.options()?, Task::silent())?.energy.to_bytes(), saved);
/// # Ok::<(), fokker::Error>(())
/// ```
pub fn inspect(bytes: &[u8]) -> Result<Inspected> {
    let (_, envelope) = opened(bytes, "saved result")?;
    let receipt = envelope.description.get("receipt").filter(|receipt| !receipt.is_null());
    let receipt = receipt.map(|receipt| serde_json::from_value(receipt.clone())).transpose();
    let damaged = |e| Error::Parse { what: "saved result", reason: format!("its receipt is damaged ({e})") };
    Ok(Inspected { kind: envelope.kind, layout: envelope.version, receipt: receipt.map_err(damaged)? })
}

/// The arrays and the envelope of a saved result, whole.
fn opened<'a>(bytes: &'a [u8], what: &'static str) -> Result<(SafeTensors<'a>, Envelope<serde_json::Value>)> {
    let parse = |reason: String| Error::Parse { what, reason };
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|e| parse(format!("it is no whole safetensors file ({e}); save it again")))?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| parse(e.to_string()))?;
    let text = header.metadata().as_ref().and_then(|map| map.get(KEY));
    let text = text.ok_or_else(|| parse("fokker did not write it; give a result of `fit`".into()))?;
    // The kind first: the description of another kind has another shape.
    let envelope: Envelope<serde_json::Value> =
        serde_json::from_str(text).map_err(|e| parse(format!("its description is damaged ({e})")))?;
    if (envelope.checked || tensors.tensor(CHECKSUM).is_ok()) && !is_whole(bytes) {
        return Err(parse("its bytes do not have its checksum: it is damaged; copy or save it again".into()));
    }
    Ok((tensors, envelope))
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
        let (tensors, envelope) = opened(bytes, kind)?;
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
        for i in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[i / 8] ^= 1 << (i % 8);
            assert!(Saved::open::<Vec<f64>>(&changed, "thing", 1).is_err(), "bit {i}");
        }
        assert!(Saved::open::<Vec<f64>>(&bytes, "other", 1).is_err());
        assert!(Saved::open::<Vec<f64>>(&bytes, "thing", 2).is_err());
        assert!(Saved::open::<String>(&bytes, "thing", 1).is_err());
        let nan = array![f64::NAN];
        let bytes = to_bytes("thing", 1, &(), &[("a".into(), nan.view().into_dyn())]);
        assert!(Saved::open::<()>(&bytes, "thing", 1).unwrap().0.vector("a", 1).is_err());
    }
    /// The bytes of `example()` at commit 781a520, before there was a checksum.
    #[test]
    fn files_from_before_the_checksum_are_read() {
        let header = br#"{"__metadata__":{"fokker":"{\"kind\":\"thing\",\"version\":1,\"description\":[0.1,1e-300]}"},"a":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header);
        for value in [1.0f64, 2.0, 3.0, 0.1] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        let (saved, description) = Saved::open::<Vec<f64>>(&bytes, "thing", 1).unwrap();
        assert_eq!(description, [0.1, 1e-300]);
        assert_eq!(saved.matrix("a", (2, 2)).unwrap(), array![[1.0, 2.0], [3.0, 0.1]]);
    }
}
