//! What can be chosen, and the names of the choices.

use super::PairSpec;
use crate::basis::FeatureSpec;
use crate::options::{Names, auto_option, named, options, text_option, word};
use crate::transport::Strength;
use crate::{Error, Result, shortest};
use std::fmt;
use std::str::FromStr;

/// Where the condition of optimality is evaluated on an interval from t to t + τ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// At the start: first order, right for data made by explicit Euler steps.
    Explicit,
    /// At the end: first order, the condition of the JKO step itself.
    Implicit,
    /// Halfway along the coupling: second order, right for motion in continuous time.
    Midpoint,
    /// Against test functions, with the trapezoidal rule in time: second order, without coupling
    /// and density.
    Weak,
}

/// All of them.
pub const SCHEMES: Names<Scheme> = Names {
    what: "the scheme",
    rows: &[
        word!("explicit", [], "at the start of the interval: data made by Euler steps", Scheme::Explicit),
        word!("implicit", [], "at its end: the condition of the JKO step", Scheme::Implicit),
        word!("midpoint", [], "halfway: motion in continuous time", Scheme::Midpoint),
        word!("weak", [], "against test functions: no coupling, no density", Scheme::Weak),
    ],
    absent: &[],
    beside: &[],
};

named!(Scheme, SCHEMES or auto);

impl Scheme {
    /// Every one.
    pub const ALL: [Scheme; 4] = [Scheme::Explicit, Scheme::Implicit, Scheme::Midpoint, Scheme::Weak];
}

/// How neighbouring snapshots are coupled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CouplingMethod {
    /// Optimally.
    Exact,
    /// Optimally within random disjoint batches of at most so many particles.
    Batch(usize),
    /// Entropically, with strength ε.
    Entropic(Strength),
}

impl FromStr for CouplingMethod {
    type Err = Error;

    /// `exact`, `batch:1000`, `sinkhorn:0.1` (in squared units of the data), `sinkhorn:0.05r` (in
    /// multiples of the median squared distance).
    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::Name {
            what: "coupling",
            found: text.to_owned(),
            known: "exact, batch:SIZE, sinkhorn:EPSILON, sinkhorn:EPSILONr (relative to the median cost)"
                .into(),
        };
        let positive = |word: &str| word.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
        match text.split_once(':') {
            None if text == "exact" => Ok(CouplingMethod::Exact),
            Some(("batch", size)) => {
                let size = size.parse().ok().filter(|&size: &usize| size > 0);
                size.map(CouplingMethod::Batch).ok_or_else(unknown)
            }
            Some(("sinkhorn", word)) => {
                let strength = match word.strip_suffix('r') {
                    Some(word) => positive(word).map(Strength::Relative),
                    None => positive(word).map(Strength::Absolute),
                };
                strength.map(CouplingMethod::Entropic).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for CouplingMethod {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CouplingMethod::Exact => f.write_str("exact"),
            CouplingMethod::Batch(size) => write!(f, "batch:{size}"),
            CouplingMethod::Entropic(Strength::Absolute(epsilon)) => write!(f, "sinkhorn:{epsilon}"),
            CouplingMethod::Entropic(Strength::Relative(epsilon)) => write!(f, "sinkhorn:{epsilon}r"),
        }
    }
}

/// Functions of time that the potential's coefficients are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeBasis {
    /// One potential for all times.
    Constant,
    /// One potential for each interval between snapshots.
    Interval,
    /// A polynomial of this degree in time.
    Polynomial(u32),
}

/// Intervals up to which the potential has one function for each unless told otherwise.
const FEW: usize = 20;

impl TimeBasis {
    /// What is fitted unless told otherwise: a potential per interval for up to 20 of them, else one
    /// for all times, as for a single interval, where both are the same and this one extends beyond it.
    ///
    /// ```
    /// use fokker::population::TimeBasis;
    /// assert_eq!([1, 2, 20, 21].map(TimeBasis::automatic), [
    ///     TimeBasis::Constant,
    ///     TimeBasis::Interval,
    ///     TimeBasis::Interval,
    ///     TimeBasis::Constant,
    /// ]);
    /// ```
    pub fn automatic(intervals: usize) -> Self {
        if (2..=FEW).contains(&intervals) { TimeBasis::Interval } else { TimeBasis::Constant }
    }

    /// Number L of functions.
    pub fn len(self, intervals: usize) -> usize {
        match self {
            TimeBasis::Constant => 1,
            TimeBasis::Interval => intervals,
            TimeBasis::Polynomial(degree) => degree as usize + 1,
        }
    }

    /// Values at time t, `[L]`; `times` are those of the snapshots.
    ///
    /// An interval holds its start; the last one holds its end and all that follows.
    pub fn values(self, t: f64, times: &[f64]) -> Vec<f64> {
        let (first, last) = (times[0], times[times.len() - 1]);
        match self {
            TimeBasis::Constant => vec![1.0],
            TimeBasis::Interval => {
                let inner = &times[1..times.len() - 1];
                let mut values = vec![0.0; times.len() - 1];
                values[inner.partition_point(|&start| start <= t)] = 1.0;
                values
            }
            TimeBasis::Polynomial(degree) => {
                let s = 2.0 * (t - first) / (last - first) - 1.0;
                (0..=degree).map(|k| s.powi(k as i32)).collect()
            }
        }
    }
}

impl FromStr for TimeBasis {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let degree = |word: &str| word.parse().ok().filter(|d| (1..=10).contains(d));
        match text.split_once(':') {
            None if text == "none" => Ok(TimeBasis::Constant),
            None if text == "interval" => Ok(TimeBasis::Interval),
            Some(("poly", word)) if degree(word).is_some() => {
                Ok(TimeBasis::Polynomial(degree(word).expect("just checked")))
            }
            _ => Err(Error::Name {
                what: "dependence on time",
                found: text.to_owned(),
                known: "auto, none, interval, poly:DEGREE (1 to 10)".into(),
            }),
        }
    }
}

impl fmt::Display for TimeBasis {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TimeBasis::Constant => f.write_str("none"),
            TimeBasis::Interval => f.write_str("interval"),
            TimeBasis::Polynomial(degree) => write!(f, "poly:{degree}"),
        }
    }
}

/// Functions of the potential.
#[derive(Debug, Clone, PartialEq)]
pub enum Potential {
    /// Chosen from the size and dimension of the data, by inner hold-out.
    Auto,
    /// The given ones.
    Features(FeatureSpec),
    /// No potential.
    None,
}

impl FromStr for Potential {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Potential::Auto),
            "none" => Ok(Potential::None),
            spec => spec.parse().map(Potential::Features),
        }
    }
}

/// How strongly coefficients are damped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ridge {
    /// The relative ridge that predicts held-out particles best.
    HoldOut,
    /// The relative ridge that minimises generalised cross-validation of the rows.
    CrossValidation,
    /// (A + η diag A) c = b.
    Relative(f64),
    /// (A + ρ I) c = b.
    Absolute(f64),
}

impl FromStr for Ridge {
    type Err = Error;

    /// `auto`, `gcv`, a relative ridge, or `absolute:` and an absolute one.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Ridge::HoldOut),
            "gcv" => Ok(Ridge::CrossValidation),
            _ => {
                let (number, of): (_, fn(f64) -> Ridge) = match text.strip_prefix("absolute:") {
                    Some(number) => (number, Ridge::Absolute),
                    None => (text, Ridge::Relative),
                };
                let ridge = number.parse().ok().filter(|x: &f64| *x >= 0.0 && x.is_finite());
                let known = "auto, gcv, a non-negative number, absolute:NUMBER".to_owned();
                ridge.map(of).ok_or_else(|| Error::Name { what: "ridge", found: text.to_owned(), known })
            }
        }
    }
}

impl fmt::Display for Ridge {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Ridge::HoldOut => f.write_str("auto"),
            Ridge::CrossValidation => f.write_str("gcv"),
            Ridge::Relative(ridge) => f.write_str(&shortest(*ridge)),
            Ridge::Absolute(ridge) => write!(f, "absolute:{}", shortest(*ridge)),
        }
    }
}

impl fmt::Display for Potential {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Potential::Auto => f.write_str("auto"),
            Potential::None => f.write_str("none"),
            Potential::Features(spec) => spec.fmt(f),
        }
    }
}

/// Number of Gaussians in the density that ∇log ρ is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Components(pub usize);

impl FromStr for Components {
    type Err = Error;

    /// `10`, or `gmm:10`.
    fn from_str(text: &str) -> Result<Self> {
        let count = text.strip_prefix("gmm:").unwrap_or(text).parse().map(Components);
        count.map_err(|_| Error::Name {
            what: "internal energy",
            found: text.to_owned(),
            known: "none, the number of Gaussians of its density".into(),
        })
    }
}

impl fmt::Display for Components {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_option!(Potential, Components, PairSpec, CouplingMethod, Ridge);
auto_option!(TimeBasis);

options! {
    /// Options of [`fit`](super::fit()).
    "population fit" => pub struct FitOptions {
        /// Functions of the potential V: auto (chosen by inner hold-out), none, or features such as poly:3
        /// or poly:2+rbf-kmeans:50
        #[alias("potential_features" => "")]
        pub potential: Potential = Potential::Auto,
        /// Functions of the interaction W, such as quadratic or quadratic+radial:8
        #[alias("interaction_features" => "")]
        pub interaction: Option<PairSpec> = None,
        /// Internal energy θ∫ρ log ρ with ∇log ρ from a mixture of so many Gaussians
        pub internal: Option<Components> = None,
        /// Dependence of the potential on time: none, interval, poly:DEGREE, or auto, which is interval for
        /// 2 to 20 intervals, else none
        #[alias("time" => "")]
        pub time_varying: Option<TimeBasis> = None,
        /// Where rows are evaluated: explicit, implicit, midpoint, weak, or auto (chosen by inner hold-out)
        pub scheme: Option<Scheme> = None,
        /// Coupling of neighbouring snapshots: exact, batch:SIZE, sinkhorn:EPSILON (squared units) or
        /// sinkhorn:EPSILONr (of the median cost)
        pub coupling: CouplingMethod = CouplingMethod::Exact,
        /// Damping: auto (held-out particles), gcv (cross-validation), a relative ridge η in
        /// (A + η diag A) c = b, or absolute:ρ in (A + ρ I) c = b
        #[alias("ridge_absolute" => "absolute:")]
        pub ridge: Ridge = Ridge::HoldOut,
        /// Functions of the coordinates as they are, not centred and scaled
        pub raw_features: bool = false,
        /// Seed of everything random
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

impl FitOptions {
    /// How the potential of snapshots with so many intervals depends on time.
    pub fn time_basis(&self, intervals: usize) -> TimeBasis {
        self.time_varying.unwrap_or_else(|| TimeBasis::automatic(intervals))
    }

    /// Whether the options go together.
    ///
    /// # Errors
    /// No term at all, no component, a ridge or strength out of its domain.
    pub fn validate(&self) -> Result<()> {
        if self.potential == Potential::None && self.interaction.is_none() && self.internal.is_none() {
            return Err(Error::Empty { name: "energy (no potential, interaction or internal energy)" });
        }
        let number = |name: &'static str, found: f64, least: f64| {
            if found >= least && found.is_finite() {
                return Ok(());
            }
            Err(Error::Argument { name, requirement: format!("at least {least} and finite"), found })
        };
        number("components of the density", self.internal.map_or(1.0, |n| n.0 as f64), 1.0)?;
        if let Ridge::Relative(ridge) | Ridge::Absolute(ridge) = self.ridge {
            number("ridge", ridge, 0.0)?;
        }
        if let CouplingMethod::Batch(size) = self.coupling {
            number("size of a batch", size as f64, 1.0)?;
        }
        Ok(())
    }
}
