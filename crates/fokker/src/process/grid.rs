//! Grids of decreasing times on which the process is reversed.

use super::spacing::time_at_ratio;
use super::{OrnsteinUhlenbeck, Schedule, Spacing};
use crate::{Error, Limits, Result};

/// One step of a sampler, from time `t` down to `s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Time at which the step starts.
    pub t: f64,
    /// Time at which it ends, below `t`.
    pub s: f64,
    /// Time at which the step before started, none for the first one.
    pub previous: Option<f64>,
    /// Whether this is the last step of the grid.
    pub last: bool,
    /// Number of steps of the grid, for schemes with a total to share out (EDM's churn).
    pub steps: usize,
}

impl Step {
    /// Length t − s > 0.
    pub fn length(&self) -> f64 {
        self.t - self.s
    }
}

/// Whether a list is of flow matching, `x_t = (1 − t) x_0 + t z` with σ = t: it starts at 1, or just
/// below, and no σ is larger. As noise over signal, σ = 1 is as much data as noise, and nobody starts
/// to sample there.
///
/// ```
/// use fokker::process::is_flow_matching;
/// assert!(is_flow_matching(&[1.0, 0.9, 0.6, 0.0]) && is_flow_matching(&[0.9997, 0.5, 0.0]));
/// assert!(!is_flow_matching(&[14.6, 0.5, 0.0]) && !is_flow_matching(&[0.8, 0.4, 0.0]));
/// ```
pub fn is_flow_matching(sigmas: &[f64]) -> bool {
    let largest = sigmas.iter().copied().fold(0.0, f64::max);
    (0.99..=1.0).contains(&largest)
}

/// Refuses a list of flow matching instead of judging it as noise over signal.
pub(crate) fn refuse_flow_matching(sigmas: &[f64]) -> Result<()> {
    if !is_flow_matching(sigmas) {
        return Ok(());
    }
    Err(Error::Undefined {
        what: "the audit of this list of σ",
        reason: format!("it starts at {} and no σ is above 1: a list of flow matching", sigmas[0]),
        remedy: "flow matching, x_t = (1 − t) x_0 + t z, is not audited yet",
    })
}

/// A validated grid `t_0 > t_1 > … > t_N ≥ 0` with the ratios σ/α at its times.
///
/// ```
/// use fokker::process::{Grid, Linear, Spacing};
/// let schedule = Linear::new(0.05, 10.0, 1.0).unwrap();
/// let grid = Grid::new(Spacing::Uniform, 4, 0.0, &schedule).unwrap();
/// assert_eq!(grid.times(), [1.0, 0.75, 0.5, 0.25, 0.0]);
/// assert_eq!(grid.sigmas()[4], 0.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    times: Vec<f64>,
    sigmas: Vec<f64>,
}

impl Grid {
    /// A grid of `steps` intervals down to the time `stop`.
    ///
    /// # Errors
    /// No step or more than [`Limits::STEPS`], a stop outside [0, start), or values of the spacing that make no decreasing grid.
    pub fn new(spacing: Spacing, steps: usize, stop: f64, schedule: &dyn Schedule) -> Result<Self> {
        Limits::steps("steps", steps)?;
        let horizon = schedule.horizon();
        if !(stop >= 0.0 && stop < horizon) {
            let requirement = format!("at least 0 and below the horizon {horizon}");
            return Err(Error::Argument { name: "stop", requirement, found: stop });
        }
        let times = spacing.times(steps, stop, schedule)?;
        let exact_ends = |mut times: Vec<f64>| {
            // The formulas round; the ends are given.
            times[steps] = stop;
            if !matches!(spacing, Spacing::Karras { sigma_max: Some(_), .. }) {
                times[0] = horizon;
            }
            times
        };
        Grid::from_times(exact_ends(times), schedule)
    }

    /// The grid of the given times.
    ///
    /// # Errors
    /// Fewer than two times, one that is not finite, negative, beyond the horizon or not below
    /// the one before it.
    pub fn from_times(times: Vec<f64>, schedule: &dyn Schedule) -> Result<Self> {
        check_decreasing("times", &times)?;
        let horizon = schedule.horizon();
        if times[0] > horizon {
            let requirement = "at most the schedule's horizon";
            return Err(Error::Entry { name: "times", requirement, index: vec![0], found: times[0] });
        }
        let sigmas = times.iter().map(|&t| OrnsteinUhlenbeck::noise_ratio(schedule.clock(t))).collect();
        Ok(Grid { times, sigmas })
    }

    /// The grid of the given noise-over-signal ratios σ/α, as exported by EDM-style samplers.
    ///
    /// # Errors
    /// As [`Grid::from_times`]; the first ratio must not exceed the one at the horizon; a list of
    /// [flow matching](is_flow_matching), on a schedule that goes further.
    pub fn from_sigmas(sigmas: Vec<f64>, schedule: &dyn Schedule) -> Result<Self> {
        if OrnsteinUhlenbeck::noise_ratio(schedule.clock(schedule.horizon())) > 1.01 {
            refuse_flow_matching(&sigmas)?;
        }
        Grid::at_sigmas(sigmas, schedule)
    }

    /// The same for levels that are known to be noise over signal.
    pub(crate) fn at_sigmas(sigmas: Vec<f64>, schedule: &dyn Schedule) -> Result<Self> {
        check_decreasing("sigmas", &sigmas)?;
        let largest = OrnsteinUhlenbeck::noise_ratio(schedule.clock(schedule.horizon()));
        // Exported lists are rounded to single precision: a start that far above is the horizon.
        if sigmas[0] > largest * (1.0 + 1e-6) {
            let requirement = "at most σ/α at the schedule's horizon";
            return Err(Error::Entry { name: "sigmas", requirement, index: vec![0], found: sigmas[0] });
        }
        let times: Vec<f64> = sigmas.iter().map(|&sigma| time_at_ratio(sigma, schedule)).collect();
        check_decreasing("times of the sigmas", &times)?;
        Ok(Grid { times, sigmas })
    }

    /// Times `t_0 > … > t_N`, `[steps + 1]`.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Ratios σ/α at the times, `[steps + 1]`; the last is 0 exactly when the stop is 0.
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// Number N of steps.
    pub fn steps(&self) -> usize {
        self.times.len() - 1
    }

    /// First time t_0.
    pub fn start(&self) -> f64 {
        self.times[0]
    }

    /// Stopping time t_N.
    pub fn stop(&self) -> f64 {
        self.times[self.steps()]
    }

    /// The steps from the first to the last.
    pub fn iter(&self) -> impl Iterator<Item = Step> + '_ {
        let steps = self.steps();
        (0..steps).map(move |i| Step {
            t: self.times[i],
            s: self.times[i + 1],
            previous: i.checked_sub(1).map(|before| self.times[before]),
            last: i + 1 == steps,
            steps,
        })
    }
}

fn check_decreasing(name: &'static str, values: &[f64]) -> Result<()> {
    if values.len() < 2 {
        return Err(Error::Size { name, expected: 2, found: values.len() });
    }
    Limits::steps(name, values.len() - 1)?;
    for (i, &value) in values.iter().enumerate() {
        let fault = |requirement| Error::Entry { name, requirement, index: vec![i], found: value };
        if !value.is_finite() {
            return Err(Error::NonFinite { name, index: vec![i], value });
        }
        if value < 0.0 {
            return Err(fault("non-negative"));
        }
        if i > 0 && value >= values[i - 1] {
            return Err(fault("strictly decreasing"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Linear, parse_schedule};

    fn linear() -> Linear {
        Linear::new(0.05, 10.0, 1.0).unwrap()
    }

    #[test]
    fn spacings_are_uniform_in_their_own_coordinate() {
        let schedule = linear();
        type Map = Box<dyn Fn(&Grid, usize) -> f64>;
        let cases: Vec<(Spacing, Map)> = vec![
            (Spacing::Uniform, Box::new(|g, i| g.times()[i])),
            (Spacing::Quadratic, Box::new(|g, i| g.times()[i].sqrt())),
            (Spacing::LogSnr, Box::new(|g, i| g.sigmas()[i].ln())),
            (Spacing::KARRAS, Box::new(|g, i| g.sigmas()[i].powf(1.0 / 7.0))),
        ];
        for (spacing, map) in cases {
            let grid = Grid::new(spacing, 10, 1e-3, &schedule).unwrap();
            assert_eq!((grid.start(), grid.stop(), grid.steps()), (1.0, 1e-3, 10));
            let first = map(&grid, 1) - map(&grid, 0);
            for i in 1..10 {
                assert!(
                    (map(&grid, i + 1) - map(&grid, i) - first).abs() < 1e-11 * first.abs(),
                    "{spacing:?}"
                );
            }
        }
    }

    #[test]
    fn a_ratio_grid_to_zero_passes_the_smallest_ratio() {
        let schedule = linear();
        let at = |t: f64| OrnsteinUhlenbeck::noise_ratio(schedule.clock(t));
        let grid = Grid::new(Spacing::LogSnr, 6, 0.0, &schedule).unwrap();
        assert!((grid.sigmas()[5] - at(1e-3)).abs() < 1e-14);
        assert_eq!((grid.times()[6], grid.sigmas()[6]), (0.0, 0.0));

        let grid = Grid::new("karras:5:0.01:20".parse().unwrap(), 6, 0.0, &schedule).unwrap();
        assert!((grid.sigmas()[0] - 20.0).abs() < 1e-12 && (grid.sigmas()[5] - 0.01).abs() < 1e-14);
        assert_eq!(Grid::new(Spacing::KARRAS, 1, 0.0, &schedule).unwrap().times(), [1.0, 0.0]);
    }

    #[test]
    fn times_and_sigmas_describe_the_same_grid() {
        for name in ["linear:0.05:10", "cosine", "scaled-linear:0.4:6", "edm"] {
            let schedule = parse_schedule(name).unwrap();
            let grid = Grid::new(Spacing::KARRAS, 12, 0.0, &*schedule).unwrap();
            let again = Grid::from_sigmas(grid.sigmas().to_vec(), &*schedule).unwrap();
            for (a, b) in grid.times().iter().zip(again.times()) {
                assert!((a - b).abs() < 1e-12 * schedule.horizon(), "{name}: {a} {b}");
            }
        }
    }

    #[test]
    fn bad_grids_are_refused() {
        let schedule = linear();
        let refused = |spacing: &str, steps, stop| {
            let error = Grid::new(spacing.parse().unwrap(), steps, stop, &schedule).unwrap_err();
            assert!(error.is_input(), "{error}");
        };
        refused("uniform", 0, 0.0);
        refused("uniform", 5, 1.0);
        refused("uniform", 5, -0.1);
        refused("uniform", 5, f64::NAN);
        let zero = "karras:0".parse::<Spacing>().unwrap_err().to_string();
        assert!(zero.contains("in karras:0 the exponent ρ must be positive"), "{zero}");
        let letter = "karras:x".parse::<Spacing>().unwrap_err().to_string();
        assert!(letter.contains("in karras:x, x is no number"), "{letter}");
        refused("karras:7:2:1", 5, 0.0);
        refused("karras:7:0.01:1e9", 5, 0.0);
        refused("karras:7:0.01:10", 5, 1e-3);
        for bad in ["", "karras:x", "karras:1:2", "log", "karras:0"] {
            assert!(bad.parse::<Spacing>().is_err());
        }
        for times in [
            vec![],
            vec![1.0],
            vec![1.0, 1.0],
            vec![0.5, 0.7],
            vec![1.0, f64::NAN],
            vec![2.0, 1.0],
            vec![1.0, -1.0],
        ] {
            assert!(Grid::from_times(times.clone(), &schedule).is_err(), "{times:?}");
        }
        assert!(Grid::from_sigmas(vec![1e5, 1.0], &schedule).is_err());
    }
}
