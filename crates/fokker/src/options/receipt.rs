//! What a result was made of: enough to make it again.

use super::Options;
use crate::Result;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What identifies the data of a fit.
///
/// The CRC-32 of all numbers as little-endian doubles, row by row, each row followed by its weight
/// where it has one: other data have another one but for a chance of 2⁻³².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The checksum.
    pub crc32: u32,
}

/// A digest of rows that arrive in blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digester {
    hasher: crc32fast::Hasher,
    rows: usize,
    columns: usize,
}

impl Digester {
    /// Takes rows in, `[n, d]`, and their weights.
    pub fn observe(&mut self, x: ArrayView2<f64>, weights: Option<ArrayView1<f64>>) {
        // Many bytes at a time are hashed ten times faster.
        let mut bytes = Vec::with_capacity(8 * (x.ncols() + 1));
        for (i, row) in x.rows().into_iter().enumerate() {
            let weight = weights.as_ref().map(|weights| &weights[i]);
            bytes.clear();
            row.iter().chain(weight).for_each(|value| bytes.extend(value.to_le_bytes()));
            self.hasher.update(&bytes);
        }
        self.rows += x.nrows();
        self.columns = x.ncols();
    }

    /// Takes in what another one took in, after what this one did.
    pub fn append(&mut self, later: &Digester) {
        self.hasher.combine(&later.hasher);
        self.rows += later.rows;
        self.columns = later.columns;
    }

    /// Number of rows taken in.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The digest of what was taken in.
    pub fn finish(self) -> Digest {
        Digest { rows: self.rows, columns: self.columns, crc32: self.hasher.finalize() }
    }
}

/// How a result was made: the options that were given, what the library chose where they said `auto`,
/// the data and the version. Fitting the same data with these options gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The command, such as "population fit".
    pub command: String,
    /// The version of fokker.
    pub version: String,
    /// Its options.
    pub options: Map<String, Value>,
    /// What was chosen.
    pub chosen: Value,
    /// The data.
    pub data: Digest,
}

impl Receipt {
    pub(crate) fn new<O: Options>(options: &O, chosen: &impl Serialize, data: Digest) -> Self {
        Receipt {
            command: O::COMMAND.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            options: options.to_map(),
            chosen: serde_json::to_value(chosen).expect("what is chosen is plain data"),
            data,
        }
    }

    /// The options, as the library takes them.
    ///
    /// # Errors
    /// Options of another command, or that this version does not know.
    pub fn options<O: Options>(&self) -> Result<O> {
        O::from_map(&self.options)
    }
}
