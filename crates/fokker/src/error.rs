//! One error type: what was wrong, where, what was found, and what to do about it.

use crate::text::shortest;
use fokker_linalg::LinalgError;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Messages say where, what was found and, where there is one, the remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input that must hold something is empty.
    #[error("{name} is empty")]
    Empty {
        /// Name of the argument.
        name: &'static str,
    },
    /// An input entry is NaN or infinite.
    #[error("{name} has the non-finite value {value} at {}", position(index))]
    NonFinite {
        /// Name of the argument.
        name: &'static str,
        /// Index of the first such entry, one number per axis.
        index: Vec<usize>,
        /// The value found.
        value: f64,
    },
    /// An entry violates what its place requires.
    #[error("{name} must be {requirement}, found {} at {}", shortest(*found), position(index))]
    Entry {
        /// Name of the argument.
        name: &'static str,
        /// What every entry must be.
        requirement: &'static str,
        /// Index of the first such entry, one number per axis.
        index: Vec<usize>,
        /// The value found.
        found: f64,
    },
    /// A scalar argument is outside its domain.
    #[error("{name} must be {requirement}, found {}", shortest(*found))]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// What it must be.
        requirement: String,
        /// The value found.
        found: f64,
    },
    /// A value of another type than an option has.
    #[error("{name} must be {expected}, found {found}")]
    Kind {
        /// Name of the option.
        name: &'static str,
        /// What it must be.
        expected: String,
        /// The value found.
        found: String,
    },
    /// A name that no option of a command has.
    #[error("{command} has no option {found:?}{}; it has: {known}", suggestion(found, known))]
    UnknownOption {
        /// The command.
        command: &'static str,
        /// What was found.
        found: String,
        /// The options it has.
        known: String,
    },
    /// A name or specification that is not known.
    #[error("unknown {what} {found:?}{}; known: {known}", suggestion(found, known))]
    Name {
        /// What the name should name.
        what: &'static str,
        /// What was found.
        found: String,
        /// What would be understood.
        known: String,
    },
    /// A name of another program for something that is not built in.
    #[error("{what} {found} is known ({about}) and not built in yet; the nearest is {nearest}")]
    Absent {
        /// What the name names.
        what: &'static str,
        /// The name.
        found: String,
        /// What it is.
        about: &'static str,
        /// What is here and comes nearest.
        nearest: &'static str,
    },
    /// A text that does not say what it should.
    #[error("{what} cannot be read: {reason}")]
    Parse {
        /// What the text should be.
        what: &'static str,
        /// What is wrong, with the place, and the remedy.
        reason: String,
    },
    /// Two arrays do not fit together.
    #[error("{name} has the wrong size: expected {expected}, found {found}")]
    Size {
        /// Name of the argument.
        name: &'static str,
        /// The size that fits.
        expected: usize,
        /// The size found.
        found: usize,
    },
    /// A computation is not defined for these inputs, though each input is valid alone.
    #[error("{what} is undefined: {reason}; {remedy}")]
    Undefined {
        /// The scheme, score or quantity.
        what: &'static str,
        /// Why, with numbers.
        reason: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A numerical method failed on valid input.
    #[error("{what} failed: {reason}")]
    Numerical {
        /// The method.
        what: &'static str,
        /// How it failed, with numbers.
        reason: String,
    },
    /// A factorisation failed.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
    /// A source of rows cannot be read; the message names the place and the remedy.
    #[error("{0}")]
    Source(String),
    /// The task asked to stop; nothing was changed.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Whether the input is to blame, rather than the numerics or an interruption.
    pub fn is_input(&self) -> bool {
        !matches!(self, Error::Numerical { .. } | Error::Linalg(_) | Error::Interrupted)
    }
}

/// The known name that was perhaps meant: the nearest by at most a third of its letters.
fn suggestion(found: &str, known: &str) -> String {
    let found = found.to_lowercase().replace('_', "-");
    let distance = |name: &&str| strsim::damerau_levenshtein(&found, &name.to_lowercase().replace('_', "-"));
    // What follows a colon or a space is no part of a name.
    let names = known.split(", ").map(|name| name.split([':', '[', ' ']).next().unwrap_or(name));
    match names.min_by_key(distance).filter(|name| distance(name) <= name.chars().count() / 3) {
        Some(name) => format!(" (did you mean {name}?)"),
        None => String::new(),
    }
}

fn position(index: &[usize]) -> String {
    match index {
        [i] => format!("index {i}"),
        [row, column] => format!("row {row}, column {column}"),
        _ => format!("index {index:?}"),
    }
}
