//! Which reference is asked for, and what `auto` tries.

use super::{Coordinates, Pairs, Shape};
use crate::{Error, Result};

/// A reference by name: one, or the best of several on rows held out.
///
/// ```
/// use fokker::spectral::{Coordinates, Reference, Shape};
/// assert_eq!(Reference::parse("cosine").unwrap(), Reference::Fixed(Coordinates::Copula));
/// let auto = Reference::parse("auto").unwrap().candidates(3, &Shape::default(), 0.1);
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
    /// All names.
    pub const NAMES: [&'static str; 5] = ["auto", "hermite", "hermite-whitened", "cosine", "cosine-box"];

    /// A reference by its name.
    ///
    /// # Errors
    /// Another name.
    pub fn parse(name: &str) -> Result<Self> {
        use Coordinates::{Box, Copula, Standard, Whitened};
        if name == "auto" {
            return Ok(Reference::Auto);
        }
        let named = [Standard, Whitened, Copula, Box].into_iter().find(|c| c.name() == name);
        named.map(Reference::Fixed).ok_or_else(|| Error::Name {
            what: "reference",
            found: name.to_owned(),
            known: Reference::NAMES.join(", "),
        })
    }

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

    /// Reads `none`, `chain`, `all` or `lattice:ROWSxCOLUMNS`.
    ///
    /// # Errors
    /// Another word.
    ///
    /// ```
    /// use fokker::spectral::Pairs;
    /// assert_eq!(Pairs::parse("lattice:8x6").unwrap(), Pairs::Lattice(8, 6));
    /// ```
    pub fn parse(word: &str) -> Result<Self> {
        let lattice = word.strip_prefix("lattice:").and_then(|extents| {
            let (rows, columns) = extents.split_once('x')?;
            Some(Pairs::Lattice(rows.parse().ok()?, columns.parse().ok()?))
        });
        match (word, lattice) {
            ("none", _) => Ok(Pairs::None),
            ("chain", _) => Ok(Pairs::Chain),
            ("all", _) => Ok(Pairs::All),
            (_, Some(lattice)) => Ok(lattice),
            _ => Err(Error::Name {
                what: "pairs",
                found: word.to_owned(),
                known: "none, chain, lattice:ROWSxCOLUMNS such as lattice:8x8, all, or a list of pairs of columns"
                    .into(),
            }),
        }
    }
}
