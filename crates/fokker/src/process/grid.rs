//! Grids of decreasing times on which the process is reversed.

use super::{OrnsteinUhlenbeck, Schedule};
use crate::{Error, Limits, Result};
use std::str::FromStr;

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

/// How a grid spreads its steps between the start and the stopping time.
///
/// With stop = 0, spacings in σ/α take N − 1 intervals down to a smallest positive ratio (at
/// t = 10⁻³ T unless given) and one interval from there to 0; with stop > 0, N intervals to the
/// ratio at the stop. Spacings in t go straight to the stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spacing {
    /// Uniform in t.
    Uniform,
    /// Uniform in √t.
    Quadratic,
    /// Uniform in log-SNR, that is in log(σ/α).
    LogSnr,
    /// Uniform in (σ/α)^{1/ρ} [Karras et al. 2022, eq. 5].
    Karras {
        /// The exponent ρ, 7 unless given.
        rho: f64,
        /// Smallest positive σ/α of a grid that stops at 0.
        sigma_min: Option<f64>,
        /// σ/α at the start; the horizon's unless given.
        sigma_max: Option<f64>,
    },
}

impl Spacing {
    /// Karras' spacing with ρ = 7 over the whole schedule.
    pub const KARRAS: Spacing = Spacing::Karras { rho: 7.0, sigma_min: None, sigma_max: None };
}

impl FromStr for Spacing {
    type Err = Error;

    /// `uniform`, `quadratic`, `log-snr`, `karras[:ρ[:σ_min:σ_max]]`.
    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::Name {
            what: "grid",
            found: text.to_owned(),
            known: "uniform, quadratic, log-snr, karras[:ρ[:σmin:σmax]]".to_owned(),
        };
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        if !["uniform", "quadratic", "log-snr", "karras"].contains(&name) {
            return Err(unknown());
        }
        let values = numbers("the grid", text, parts)?;
        match (name, values.as_slice()) {
            ("uniform", []) => Ok(Spacing::Uniform),
            ("quadratic", []) => Ok(Spacing::Quadratic),
            ("log-snr", []) => Ok(Spacing::LogSnr),
            ("karras", []) => Ok(Spacing::KARRAS),
            ("karras", &[rho, ..]) if !(rho > 0.0 && rho.is_finite()) => Err(Error::Parse {
                what: "the grid",
                reason: format!(
                    "in {text} the exponent ρ must be positive and finite, found {rho}; 7 is usual"
                ),
            }),
            ("karras", &[rho]) => Ok(Spacing::Karras { rho, sigma_min: None, sigma_max: None }),
            ("karras", &[rho, min, max]) => {
                Ok(Spacing::Karras { rho, sigma_min: Some(min), sigma_max: Some(max) })
            }
            _ => Err(unknown()),
        }
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

/// The values of a specification `name:value:…`.
pub(super) fn numbers<'a>(
    what: &'static str,
    text: &str,
    parts: impl Iterator<Item = &'a str>,
) -> Result<Vec<f64>> {
    let read = |part: &str| {
        let short = |text: &str| text.chars().take(40).collect::<String>();
        let reason = || format!("in {}, {} is no number", short(text), short(part));
        part.parse().map_err(|_| Error::Parse { what, reason: reason() })
    };
    parts.map(read).collect()
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
        let n = steps as f64;
        let times: Vec<f64> = match spacing {
            Spacing::Uniform => (0..=steps).map(|i| horizon + (stop - horizon) * (i as f64 / n)).collect(),
            Spacing::Quadratic => {
                let (first, last) = (horizon.sqrt(), stop.sqrt());
                (0..=steps).map(|i| (first + (last - first) * (i as f64 / n)).powi(2)).collect()
            }
            Spacing::LogSnr => {
                ratio_spaced(&Ratios::new(None, None, stop, schedule)?, steps, f64::ln, f64::exp)
            }
            Spacing::Karras { rho, sigma_min, sigma_max } => {
                if !(rho > 0.0 && rho.is_finite()) {
                    let requirement = "positive and finite".into();
                    return Err(Error::Argument { name: "rho", requirement, found: rho });
                }
                let ratios = Ratios::new(sigma_min, sigma_max, stop, schedule)?;
                ratio_spaced(&ratios, steps, |x| x.powf(1.0 / rho), |y| y.powf(rho))
            }
        };
        let exact_ends = |mut times: Vec<f64>| {
            // The formulas above round; the ends are given.
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

/// Ends of a grid spaced in σ/α.
struct Ratios<'a> {
    first: f64,
    last: f64,
    to_zero: bool,
    schedule: &'a dyn Schedule,
}

impl<'a> Ratios<'a> {
    fn new(min: Option<f64>, max: Option<f64>, stop: f64, schedule: &'a dyn Schedule) -> Result<Self> {
        let ratio = |t| OrnsteinUhlenbeck::noise_ratio(schedule.clock(t));
        let horizon = schedule.horizon();
        let to_zero = stop == 0.0;
        if !to_zero && min.is_some() {
            return Err(Error::Undefined {
                what: "a grid with both σ_min and a positive stop",
                reason: format!("it would end at σ_min and at the stop {stop}"),
                remedy: "use stop 0 or leave σ_min out",
            });
        }
        let last = min.unwrap_or_else(|| ratio(if to_zero { 1e-3 * horizon } else { stop }));
        let first = max.unwrap_or_else(|| ratio(horizon));
        if !(last > 0.0 && last < first) {
            let requirement = format!("positive and below the largest σ/α of the grid, {first}");
            return Err(Error::Argument { name: "smallest σ/α of the grid", requirement, found: last });
        }
        if first > ratio(horizon) * (1.0 + 1e-12) {
            let requirement = format!("at most σ/α at the schedule's horizon, {}", ratio(horizon));
            return Err(Error::Argument { name: "σ_max", requirement, found: first });
        }
        Ok(Ratios { first, last, to_zero, schedule })
    }
}

/// Times whose ratios are uniform after the map `to`, whose inverse is `from`.
fn ratio_spaced(ends: &Ratios, steps: usize, to: impl Fn(f64) -> f64, from: impl Fn(f64) -> f64) -> Vec<f64> {
    let intervals = if ends.to_zero { steps - 1 } else { steps };
    let (first, last) = (to(ends.first), to(ends.last));
    let mut times: Vec<f64> = (0..=intervals)
        .map(|i| {
            let fraction = if intervals == 0 { 0.0 } else { i as f64 / intervals as f64 };
            time_at_ratio(from(first + (last - first) * fraction), ends.schedule)
        })
        .collect();
    if ends.to_zero {
        times.push(0.0);
    }
    times
}

fn time_at_ratio(ratio: f64, schedule: &dyn Schedule) -> f64 {
    schedule.time_at(OrnsteinUhlenbeck::clock_at_noise_ratio(ratio))
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
