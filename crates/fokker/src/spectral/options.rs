//! Options of the commands.

use super::fit::{Candidate, Ridge, SolveOptions};
use super::moments::Moments;
use super::summary::Rows;
use super::{Density, Pairs, Reference, Shape, SpectralFit};
use crate::options::{Kind, OptionValue, options, text_of, text_option, wrong_kind};
use crate::{Error, Result};
use serde_json::Value;

text_option!(Reference, Ridge, Density);

options! {
    /// Options of [`fit_best`](super::fit_best()).
    "spectral fit" => pub struct FitOptions {
        /// Reference process and its eigenfunctions: hermite, hermite-whitened, cosine, cosine-box, or auto
        /// (the best of hermite, cosine and hermite-whitened on the rows held out); of several the best is
        /// chosen
        pub reference: Vec<Reference> = vec![Reference::Auto],
        /// Largest total degree of a function; of several, such as 2,4, the best is chosen
        pub degree: Vec<usize> = vec![4],
        /// Pairs of columns with products of their own: none, chain, lattice:ROWSxCOLUMNS, all, a list of
        /// pairs of columns, or auto (all up to 20 columns, none beyond); of several the best is chosen
        pub pairs: Vec<Option<Pairs>> = vec![None],
        /// Add the product of first degrees of every pair of columns
        pub gaussian_pairs: bool = false,
        /// Relative ridge η of (A + η Λ) c = b, or auto: chosen on the rows held out
        pub ridge: Ridge = Ridge::Auto,
        /// Share of the rows held out, by a hash of their index, to choose and to judge
        pub hold_out: f64 = 0.1,
    }
}

options! {
    /// Options of [`SpectralFit::sample`](super::SpectralFit::sample) that the commands have.
    "spectral sample" => pub struct SampleOptions {
        /// Number of samples
        #[alias("n" => "", "n_samples" => "", "particles" => "")]
        pub samples: usize = 10_000,
        /// Log-spaced steps of the reverse SDE
        pub steps: usize = 25,
        /// Time at which it stops, on the unit-rate clock
        pub stop: f64 = 1e-3,
        /// Langevin steps at the stop; unless given 100, none where a trial at the fit made samples worse
        pub corrector: Option<usize> = None,
        /// Length of a Langevin step; unless given 0.005, less where the fit bends sharply
        pub corrector_step: Option<f64> = None,
        /// Accept or reject Langevin steps by Metropolis and Hastings' rule; unless given on cosines, and
        /// where the fit bends sharply
        pub metropolis: Option<bool> = None,
        /// Seed of all noise
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

options! {
    /// Which density of rows is evaluated.
    "spectral density" => pub struct DensityOptions {
        /// The density of the probability flow, or of the energy log π + g − log Z: flow or energy
        pub density: Density = Density::Flow,
    }
}

options! {
    /// When the score of rows is evaluated.
    "spectral score" => pub struct ScoreOptions {
        /// Time of the noised data, on the unit-rate clock; the first time of the fit unless given
        #[alias("t" => "")]
        pub at: Option<f64> = None,
    }
}

options! {
    /// How many samples of a problem are drawn.
    "spectral problem" => pub struct ProblemOptions {
        /// Number of samples
        #[alias("n" => "", "n_samples" => "", "particles" => "")]
        pub samples: usize = 20_000,
        /// Seed of everything random
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

impl ScoreOptions {
    /// The time at which the score of a fit is evaluated.
    ///
    /// # Errors
    /// As [`ScoreOptions::validate`].
    pub fn time(&self, fit: &SpectralFit) -> Result<f64> {
        self.validate()?;
        Ok(self.at.unwrap_or(fit.score().times().0))
    }

    /// Whether the time is one.
    ///
    /// # Errors
    /// A negative or infinite time.
    pub fn validate(&self) -> Result<()> {
        match self.at.filter(|at| !(*at >= 0.0 && at.is_finite())) {
            None => Ok(()),
            Some(found) => {
                Err(Error::Argument { name: "at", requirement: "at least 0 and finite".into(), found })
            }
        }
    }
}

impl FitOptions {
    /// What is fitted to data of `dim` columns and compared: every reference with every degree and
    /// all pairs; what says `auto` is settled.
    ///
    /// ```
    /// use fokker::spectral::FitOptions;
    /// // Up to 20 columns: hermite, cosine and hermite-whitened with all pairs; whitened coordinates are no
    /// // columns, so that they are no candidate with the pairs of a chain.
    /// let options = FitOptions { degree: vec![2, 4], ..Default::default() };
    /// assert_eq!(options.candidates(3, None)?.len(), 6);
    /// let chain = FitOptions { pairs: vec![Some("chain".parse()?)], ..options };
    /// assert_eq!(chain.candidates(3, None)?.len(), 4);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    ///
    /// # Errors
    /// A list without an entry; a share held out, a ridge or a shape out of its domain.
    pub fn candidates<'a>(&self, dim: usize, weights: Option<&'a [f64]>) -> Result<Vec<Candidate<'a>>> {
        for (name, count) in
            [("reference", self.reference.len()), ("degree", self.degree.len()), ("pairs", self.pairs.len())]
        {
            if count == 0 {
                return Err(Error::Empty { name });
            }
        }
        let rows = Rows { weights, hold_out: self.hold_out, ..Default::default() };
        rows.validate(None)?;
        let solve = SolveOptions { ridge: self.ridge, ..Default::default() };
        let mut all: Vec<Candidate> = Vec::new();
        for pairs in &self.pairs {
            let pairs = pairs.clone().unwrap_or_else(|| Pairs::auto(dim));
            for &degree in &self.degree {
                let (pairs, gaussian_pairs) = (pairs.clone(), self.gaussian_pairs);
                let shape = Shape { degree, pairs, gaussian_pairs, ..Default::default() };
                shape.check_size(dim)?;
                for coordinates in
                    self.reference.iter().flat_map(|r| r.candidates(dim, &shape, self.hold_out))
                {
                    let same = |known: &Candidate| known.coordinates == coordinates && known.shape == shape;
                    if !all.iter().any(same) {
                        all.push(Candidate { coordinates, shape: shape.clone(), rows, solve });
                    }
                }
            }
        }
        Ok(all)
    }

    /// Whether moments are of a candidate of these options, so that more rows go with them.
    ///
    /// # Errors
    /// They are not.
    pub fn admits(&self, moments: &Moments) -> Result<()> {
        let (dim, hold_out) = (moments.dim(), moments.hold_out());
        let of = |c: &Candidate| (c.coordinates, &c.shape) == moments.basis();
        if self.hold_out == hold_out && self.candidates(dim, None)?.iter().any(of) {
            return Ok(());
        }
        Err(Error::Undefined {
            what: "a fit of more rows",
            reason: "reference, degree, pairs or hold_out are others than those of the rows before".into(),
            remedy: "fit all rows anew",
        })
    }
}

/// Words, pairs of columns as a list of two numbers each, or a list of such words and lists.
impl OptionValue for Vec<Option<Pairs>> {
    const KIND: Kind = Kind::Pairs;

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        let is_pair = |item: &Value| item.as_array().is_some_and(|pair| pair.iter().all(Value::is_number));
        match value {
            Value::Array(items) if items.iter().all(is_pair) => Ok(vec![read_pairs(name, value)?]),
            Value::Array(items) => items.iter().map(|item| read_pairs(name, item)).collect(),
            one => Ok(vec![read_pairs(name, one)?]),
        }
    }

    fn write(&self) -> Value {
        match self.as_slice() {
            [one] => write_pairs(one.as_ref()),
            items => items.iter().map(|item| write_pairs(item.as_ref())).collect(),
        }
    }
}

fn read_pairs(name: &'static str, value: &Value) -> Result<Option<Pairs>> {
    let refused = || wrong_kind(name, Kind::Pairs, value);
    let Value::Array(items) = value else {
        let text = text_of(name, value).map_err(|_| refused())?;
        return if text.eq_ignore_ascii_case("auto") { Ok(None) } else { text.parse().map(Some) };
    };
    // Numbers of numpy may be 2.0.
    let column = |value: &Value| {
        value.as_f64().filter(|x| *x >= 0.0 && x.fract() == 0.0 && *x < 1e9).map(|x| x as usize)
    };
    let pair = |item: &Value| match item.as_array()?.as_slice() {
        [i, j] => Some((column(i)?, column(j)?)),
        _ => None,
    };
    items.iter().map(pair).collect::<Option<_>>().map(|list| Some(Pairs::List(list))).ok_or_else(refused)
}

pub(super) fn write_pairs(pairs: Option<&Pairs>) -> Value {
    match pairs {
        None => Value::from("auto"),
        Some(Pairs::List(list)) => list.iter().map(|&(i, j)| Value::from(vec![i, j])).collect(),
        Some(pairs) => Value::from(pairs.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use serde_json::json;

    fn pairs(value: Value) -> Result<Vec<Option<Pairs>>> {
        let mut options = FitOptions::default();
        options.set("pairs", &value)?;
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<FitOptions>(&text).unwrap(), options, "{text}");
        Ok(options.pairs)
    }

    #[test]
    fn pairs_are_words_lists_or_several_of_them() {
        let list = |list: &[(usize, usize)]| Some(Pairs::List(list.to_vec()));
        for (value, expected) in [
            (json!("auto"), vec![None]),
            (json!("Lattice:2x3"), vec![Some(Pairs::Lattice(2, 3))]),
            (json!(["none", "all"]), vec![Some(Pairs::None), Some(Pairs::All)]),
            (json!([[0, 1], [1.0, 2]]), vec![list(&[(0, 1), (1, 2)])]),
            (json!([]), vec![list(&[])]),
            (json!(["auto", [[0, 1]], []]), vec![None, list(&[(0, 1)]), list(&[])]),
            (json!([[[0, 1]], [[1, 2]]]), vec![list(&[(0, 1)]), list(&[(1, 2)])]),
        ] {
            assert_eq!(pairs(value.clone()).unwrap(), expected, "{value}");
        }
        for value in [json!([[0, 1, 2]]), json!([[0, -1]]), json!([[0, 0.5]]), json!(null), json!(true)] {
            let error = pairs(value.clone()).unwrap_err().to_string();
            assert!(error.starts_with("pairs must be none, chain, "), "{value}: {error}");
        }
        let error = pairs(json!("chian")).unwrap_err().to_string();
        assert!(error.contains("did you mean chain?"), "{error}");
    }

    #[test]
    fn candidates_are_every_reference_with_every_degree_and_all_pairs() {
        let mut options = FitOptions::default();
        for (name, words) in [("reference", "hermite,cosine"), ("degree", "2,4"), ("pairs", "none,all")] {
            options.set_words(name, words).unwrap();
        }
        assert_eq!(options.candidates(3, None).unwrap().len(), 8);
        // The same pairs by two names are one candidate: auto is all of three columns.
        options.set_words("pairs", "auto,all").unwrap();
        assert_eq!(options.candidates(3, None).unwrap().len(), 4);
        options.degree.clear();
        assert_eq!(options.candidates(3, None).unwrap_err(), Error::Empty { name: "degree" });
    }
}
