//! What is audited, tuned and exported.

use crate::options::{Names, named, word};
use crate::process::Grid;
use crate::sampling::{Scheme, evaluations};

/// The law a sampler starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// N(0, I), as samplers do in practice.
    Normal,
    /// p_T itself, to see the other errors alone.
    Exact,
}

/// The names of what a sampler starts from.
pub const START_NAMES: Names<Start> = Names {
    what: "the start",
    rows: &[
        word!("normal", [], "N(0, I), as samplers do in practice", Start::Normal),
        word!("exact", [], "p_T itself, to see the other errors alone", Start::Exact),
    ],
    absent: &[],
    beside: &[],
};

named!(Start, START_NAMES);

impl Start {
    /// The law, for people.
    pub fn law(self) -> &'static str {
        match self {
            Start::Normal => "N(0, I)",
            Start::Exact => "p_T",
        }
    }
}

/// A sampler: a scheme on a grid, from a start.
#[derive(Clone, Copy)]
pub struct Sampler<'a> {
    /// What a step does.
    pub scheme: &'a dyn Scheme,
    /// The times at which it does it.
    pub grid: &'a Grid,
    /// The law it starts from.
    pub start: Start,
}

impl Sampler<'_> {
    /// Score evaluations that it uses.
    pub fn evaluations(&self) -> usize {
        evaluations(self.scheme, self.grid)
    }
}
