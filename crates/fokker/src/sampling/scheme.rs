//! What a scheme is.

use crate::process::{Grid, OrnsteinUhlenbeck, Reference, Schedule, Step};
use crate::score::Score;
use crate::{Error, Limits, Result};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Zip};

/// The noising process together with a score: all that is needed to reverse it.
#[derive(Clone, Copy)]
pub struct ReverseProcess<'a> {
    /// The clock of the process.
    pub schedule: &'a dyn Schedule,
    /// The score of its marginals, exact or not.
    pub score: &'a dyn Score,
    /// The process itself at unit rate.
    pub reference: &'a dyn Reference,
}

impl<'a> ReverseProcess<'a> {
    /// Reverses an Ornstein–Uhlenbeck process.
    pub fn new(schedule: &'a dyn Schedule, score: &'a dyn Score) -> Self {
        ReverseProcess { schedule, score, reference: &OrnsteinUhlenbeck }
    }

    /// For schemes in terms of signal and noise, α and σ.
    ///
    /// # Errors
    /// Another reference than Ornstein–Uhlenbeck, which has no α and σ.
    pub fn require_ornstein_uhlenbeck(&self, scheme: &'static str) -> Result<()> {
        if self.reference.is_ornstein_uhlenbeck() {
            return Ok(());
        }
        Err(Error::Undefined {
            what: "a step",
            reason: format!(
                "{scheme} needs the signal and noise scales of an Ornstein-Uhlenbeck process, {} has none",
                self.reference.name()
            ),
            remedy: "use em, relative-ei, heun-sde, euler, heun or rk4",
        })
    }

    /// Velocity of the probability-flow ODE in falling time, `β(t) (κx + s(t, x))`, into `out`,
    /// κ the reference's [`pull`](Reference::pull).
    ///
    /// # Errors
    /// What the score reports.
    pub fn flow_into(&self, t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        self.score.score_into(t, x, out.view_mut())?;
        let (rate, pull) = (self.schedule.rate(t), self.reference.pull());
        Zip::from(&mut out).and(&x).for_each(|v, &x| *v = rate * (pull * x + *v));
        Ok(())
    }
}

/// The continuous process that a scheme approaches as its steps shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The reverse stochastic differential equation.
    Sde,
    /// The probability-flow ordinary differential equation.
    Ode,
}

/// Particles, and what a multi-step scheme remembers of earlier steps.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Particles, `[n, d]`.
    pub x: Array2<f64>,
    /// Arrays of the same shape, as many as the scheme's `history`; zeros before the first step.
    pub history: Vec<Array2<f64>>,
}

impl State {
    /// Particles without a past, for the given scheme.
    pub fn new(x: Array2<f64>, scheme: &dyn Scheme) -> Self {
        let history = vec![Array2::zeros(x.dim()); scheme.history()];
        State { x, history }
    }
}

/// Storage of a scheme's intermediate results, allocated once.
#[derive(Debug, Clone)]
pub struct Work {
    /// Score or velocity at a stage, `[n, d]`.
    pub score: Array2<f64>,
    /// Point of a stage, `[n, d]`.
    pub stage: Array2<f64>,
    /// Sum of velocities, `[n, d]`.
    pub sum: Array2<f64>,
}

impl Work {
    /// Storage for states of `n` particles in `dim` dimensions.
    pub fn new(n: usize, dim: usize) -> Self {
        let zeros = || Array2::zeros((n, dim));
        Work { score: zeros(), stage: zeros(), sum: zeros() }
    }
}

/// A scheme that discretises the reverse process.
///
/// `step` must be a pure function of the state and the noise, acting on each particle alone: the
/// audit calls it with unit states and unit noises to read off its exact error. Adding a scheme
/// is implementing this trait; nothing is derived a second time.
pub trait Scheme: Send + Sync {
    /// Name on the command line and in reports.
    fn name(&self) -> &'static str;

    /// Order of convergence of W₂ in the step, started from p_T with the exact score.
    fn order(&self) -> u32;

    /// The continuous process that small steps approach.
    fn limit(&self) -> Limit;

    /// Number of arrays of standard normals that a step uses.
    fn noises(&self) -> usize {
        match self.limit() {
            Limit::Sde => 1,
            Limit::Ode => 0,
        }
    }

    /// Number of arrays that a step remembers for the next one.
    fn history(&self) -> usize {
        0
    }

    /// Score evaluations of a step.
    fn evaluations(&self, _step: &Step) -> usize {
        1
    }

    /// Moves the state from `step.t` to `step.s`.
    ///
    /// # Errors
    /// A step for which the scheme or the score is not defined.
    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        work: &mut Work,
    ) -> Result<()>;
}

/// Score evaluations of a scheme on a grid.
pub fn evaluations(scheme: &dyn Scheme, grid: &Grid) -> usize {
    grid.iter().map(|step| scheme.evaluations(&step)).sum()
}

/// The most steps whose score evaluations fit into a budget, down to the time `stop`.
///
/// # Errors
/// A budget below one step's evaluations or above [`Limits::EVALUATIONS`].
///
/// ```
/// use fokker::sampling::{parse_scheme, steps_within};
/// // Heun in σ saves the second evaluation of a last step to 0.
/// assert_eq!(steps_within(19, &*parse_scheme("edm-heun").unwrap(), 0.0).unwrap(), 10);
/// assert_eq!(steps_within(19, &*parse_scheme("edm-heun").unwrap(), 1e-3).unwrap(), 9);
/// ```
pub fn steps_within(budget: usize, scheme: &dyn Scheme, stop: f64) -> Result<usize> {
    let inner = Step { t: stop + 2.0, s: stop + 1.0, previous: None, last: false, steps: 2 };
    let last = Step { t: stop + 1.0, s: stop, previous: Some(stop + 2.0), last: true, steps: 2 };
    let (inner, last) = (scheme.evaluations(&inner), scheme.evaluations(&last));
    if budget > 0 {
        Limits::count("nfe", budget, Limits::EVALUATIONS)?;
    }
    if budget < last {
        let requirement = format!("at least {last}, one step of {}", scheme.name());
        return Err(Error::Argument { name: "nfe", requirement, found: budget as f64 });
    }
    Ok(1 + (budget - last) / inner)
}
