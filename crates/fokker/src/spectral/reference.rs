//! Which reference is asked for, and what `auto` tries.

use super::{Coordinates, Pairs, Shape};
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A reference by name: one, or the best of several on rows held out.
///
/// ```
/// use fokker::spectral::{Coordinates, Reference, Shape};
/// assert_eq!("cosine".parse(), Ok(Reference::Fixed(Coordinates::Copula)));
/// let auto = Reference::Auto.candidates(3, &Shape::default(), 0.1);
/// assert_eq!(auto, [Coordinates::Standard, Coordinates::Copula, Coordinates::Whitened]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reference {
    /// The best of hermite, cosine and hermite-whitened on the rows held out.
    #[default]
    Auto,
    /// This one.
    Fixed(Coordinates),
}

impl Reference {
    /// The coordinates to choose from for data of `dim` columns, the first in doubt.
    ///
    /// Without rows held out there is nothing to choose by: `auto` is then hermite. Whitened
    /// coordinates are no columns, so they are tried where the shape names none.
    pub fn candidates(self, dim: usize, shape: &Shape, hold_out: f64) -> Vec<Coordinates> {
        match self {
            Reference::Fixed(coordinates) => vec![coordinates],
            Reference::Auto if hold_out == 0.0 => vec![Coordinates::Standard],
            Reference::Auto => {
                let mut all = vec![Coordinates::Standard, Coordinates::Copula];
                all.extend((dim > 1 && shape.suits_any_axes()).then_some(Coordinates::Whitened));
                all
            }
        }
    }
}

impl Pairs {
    /// Columns up to which all pairs are taken unless told otherwise.
    pub const ALL_UP_TO: usize = 20;

    /// The pairs taken unless told otherwise: all of few columns, none of many.
    pub fn auto(dim: usize) -> Self {
        if dim <= Pairs::ALL_UP_TO { Pairs::All } else { Pairs::None }
    }
}

/// All references but `auto`.
const NAMED: [Coordinates; 4] =
    [Coordinates::Standard, Coordinates::Whitened, Coordinates::Copula, Coordinates::Box];

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = spelled(text);
        if name == "auto" {
            return Ok(Reference::Auto);
        }
        let named = NAMED.into_iter().find(|coordinates| coordinates.name() == name);
        named.map(Reference::Fixed).ok_or_else(|| {
            let known = NAMED.map(Coordinates::name).join(", ");
            Error::Name { what: "reference", found: text.to_owned(), known: format!("auto, {known}") }
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Reference::Auto => "auto",
            Reference::Fixed(coordinates) => coordinates.name(),
        })
    }
}

/// Reads `none`, `chain`, `all` or `lattice:ROWSxCOLUMNS`.
///
/// ```
/// use fokker::spectral::Pairs;
/// assert_eq!("lattice:8x6".parse(), Ok(Pairs::Lattice(8, 6)));
/// ```
impl FromStr for Pairs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = spelled(text);
        let lattice = word.strip_prefix("lattice:").and_then(|extents| {
            let (rows, columns) = extents.split_once('x')?;
            Some(Pairs::Lattice(rows.parse().ok()?, columns.parse().ok()?))
        });
        match (word.as_str(), lattice) {
            ("none", _) => Ok(Pairs::None),
            ("chain", _) => Ok(Pairs::Chain),
            ("all", _) => Ok(Pairs::All),
            (_, Some(lattice)) => Ok(lattice),
            _ => Err(Error::Name {
                what: "pairs",
                found: text.to_owned(),
                known:
                    "none, chain, lattice:ROWSxCOLUMNS such as lattice:8x8, all, auto, or a list of pairs of \
                        columns"
                        .into(),
            }),
        }
    }
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Pairs::None => f.write_str("none"),
            Pairs::Chain => f.write_str("chain"),
            Pairs::Lattice(rows, columns) => write!(f, "lattice:{rows}x{columns}"),
            Pairs::All => f.write_str("all"),
            Pairs::List(list) => write!(f, "a list of {}", list.len()),
        }
    }
}

/// The spelling that names are compared in.
fn spelled(name: &str) -> String {
    name.trim().to_lowercase().replace('_', "-")
}
