//! The exact error of lists of levels, as they are and repaired.

use crate::Result;
use crate::audit::{Audit, ErrorReport, Start};
use crate::process::{Grid, OrnsteinUhlenbeck as Ou, Schedule, VarianceExploding};
use crate::sampling::Scheme;
use crate::statistics::Gaussian;

/// A law and a scheme on which lists of levels are compared.
pub(super) struct Bench<'a> {
    law: &'a Gaussian,
    scheme: &'a dyn Scheme,
    schedule: Box<dyn Schedule>,
}

impl<'a> Bench<'a> {
    /// With σ as the time.
    pub fn in_sigma(sigmas: &[f64], law: &'a Gaussian, scheme: &'a dyn Scheme) -> Result<Self> {
        let largest = sigmas.iter().copied().fold(0.0, f64::max);
        Ok(Bench { law, scheme, schedule: Box::new(VarianceExploding::new(largest)?) })
    }

    /// With the training steps as the time, unless the levels lie beyond them.
    pub fn in_training_time(
        schedule: impl Schedule + 'static,
        sigmas: &[f64],
        law: &'a Gaussian,
        scheme: &'a dyn Scheme,
    ) -> Result<Self> {
        let largest = Ou::noise_ratio(schedule.clock(schedule.horizon()));
        if sigmas.iter().any(|&sigma| sigma > largest) {
            return Bench::in_sigma(sigmas, law, scheme);
        }
        Ok(Bench { law, scheme, schedule: Box::new(schedule) })
    }

    /// Size √E|x|² of the data.
    pub fn size(&self) -> f64 {
        // Scaled, since the squares of what has an error may not have a sum.
        let entries = || self.law.values().iter().map(|v| v.sqrt()).chain(self.law.mean().iter().copied());
        let largest = entries().fold(f64::MIN_POSITIVE, |m: f64, x| m.max(x.abs()));
        largest * entries().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
    }

    fn grid(&self, sigmas: &[f64]) -> Option<Grid> {
        Grid::at_sigmas(sigmas.to_vec(), &*self.schedule).ok()
    }

    /// The four errors from N(0, I); none where the list is no grid or the scheme not defined.
    pub fn errors(&self, sigmas: &[f64]) -> Option<ErrorReport> {
        let audit = Audit::new(self.law, &*self.schedule);
        audit.errors(self.scheme, &self.grid(sigmas)?, Start::Normal).ok()
    }

    /// The total of them.
    pub fn w2(&self, sigmas: &[f64]) -> Option<f64> {
        self.errors(sigmas).map(|errors| errors.w2)
    }

    /// Error as it is minus error repaired, where that is a gain.
    pub fn gain(&self, as_is: &[f64], repaired: &[f64]) -> Option<f64> {
        Some(self.w2(as_is)? - self.w2(repaired)?).filter(|&gain| gain > 0.0)
    }

    /// W₂ to the marginal at every level.
    pub fn along(&self, sigmas: &[f64]) -> Option<Vec<f64>> {
        // The merged eigenvalues are independent coordinates, so this is always defined.
        let law = self.law.in_own_axes();
        Audit::new(&law, &*self.schedule).along_time(self.scheme, &self.grid(sigmas)?, Start::Normal).ok()
    }
}

/// Length of a step in log σ; none for the step to 0.
pub(super) fn log_step(sigmas: &[f64], step: usize) -> Option<f64> {
    let (from, to) = (sigmas[step], sigmas[step + 1]);
    (to > 0.0).then(|| (from / to).ln())
}

/// A level inside a step: its geometric middle, or in the step to 0 the ratio of the step before.
fn inside(sigmas: &[f64], step: usize) -> f64 {
    let (from, to) = (sigmas[step], sigmas[step + 1]);
    if to > 0.0 {
        return (from * to).sqrt();
    }
    match step.checked_sub(1) {
        Some(before) => from * (from / sigmas[before]),
        None => 0.1 * from,
    }
}

/// The list with one more level inside a step.
fn with_level_in(sigmas: &[f64], step: usize) -> Vec<f64> {
    let mut out = sigmas.to_vec();
    out.insert(step + 1, inside(sigmas, step));
    out
}

/// The list with `count` more levels, each in what then is the longest step in log σ.
pub(super) fn with_levels(sigmas: &[f64], count: usize) -> Vec<f64> {
    let mut out = sigmas.to_vec();
    for _ in 0..count {
        let length = |&step: &usize| log_step(&out, step).unwrap_or(0.0);
        let longest = (0..out.len() - 1).max_by(|a, b| length(a).total_cmp(&length(b)));
        out = with_level_in(&out, longest.unwrap_or(0));
    }
    out
}

/// A level moved to where it is needed more.
pub(super) struct Moved {
    pub from: f64,
    pub to: f64,
    /// The list then.
    pub sigmas: Vec<f64>,
}

/// The list with a level moved into a step; none when there is none to spare.
pub(super) fn moved_into(sigmas: &[f64], step: usize) -> Option<Moved> {
    let longer = with_level_in(sigmas, step);
    let least = least_missed(&longer, step + 1)?;
    let mut moved = Moved { from: longer[least], to: longer[step + 1], sigmas: longer };
    moved.sigmas.remove(least);
    Some(moved)
}

/// The inner level that its neighbours miss least: the one in the middle of the shortest pair of
/// steps, `kept` and its neighbours excepted.
fn least_missed(sigmas: &[f64], kept: usize) -> Option<usize> {
    let span = |&level: &usize| {
        let to = if sigmas[level + 1] > 0.0 { sigmas[level + 1] } else { inside(sigmas, level) };
        (sigmas[level - 1] / to).ln()
    };
    let inner = (1..sigmas.len() - 1).filter(|level| level.abs_diff(kept) > 1);
    inner.min_by(|a, b| span(a).total_cmp(&span(b)))
}
