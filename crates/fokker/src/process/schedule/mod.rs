//! Noise schedules: clocks `τ = B(t) = ∫₀ᵗ β` of the reference process.

mod continuous;
mod discrete;

pub use continuous::{Linear, ScaledLinear, SquaredCosine, VarianceExploding};
pub use discrete::DiscreteBetas;

use super::SchedulerConfig;
use crate::options::{Absent, Named, Names};
use crate::{Error, Result};
use std::fmt::Debug;

/// A noise schedule: the rate β(t) and its integral, the clock B(t), on `[0, horizon]`.
///
/// The process is `dx = −β x dt + √(2β) dw`. Song et al. write `−½β x dt + √β dw`, so their β is
/// twice ours: see [`Linear::song`].
pub trait Schedule: Debug + Send + Sync {
    /// Rate β(t) > 0.
    fn rate(&self, t: f64) -> f64;

    /// Clock B(t) = ∫₀ᵗ β, increasing from B(0) = 0.
    fn clock(&self, t: f64) -> f64;

    /// Last time T.
    fn horizon(&self) -> f64;

    /// Time at which the clock reads `clock`: the inverse of [`Schedule::clock`].
    ///
    /// Provided by Newton's method kept inside a shrinking bracket, to a few units in the last
    /// place; schedules with a closed form override it. Values outside `[0, B(T)]` give the
    /// nearest end.
    fn time_at(&self, clock: f64) -> f64 {
        invert_clock(self, clock)
    }
}

/// Newton's method for B(t) = clock, falling back to bisection when a step leaves the bracket.
fn invert_clock<S: Schedule + ?Sized>(schedule: &S, clock: f64) -> f64 {
    let (mut low, mut high) = (0.0, schedule.horizon());
    if clock <= 0.0 {
        return low;
    }
    if clock >= schedule.clock(high) {
        return high;
    }
    let mut t = 0.5 * (low + high);
    // Bisection alone would need about 1100 halvings to reach the smallest number; Newton
    // converges quadratically once it is close, so the bound is never reached in practice.
    for _ in 0..2000 {
        let excess = schedule.clock(t) - clock;
        if excess > 0.0 {
            high = t
        } else {
            low = t
        }
        let newton = t - excess / schedule.rate(t);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - t).abs() <= 2.0 * f64::EPSILON * t {
            return next;
        }
        t = next;
    }
    t
}

fn boxed<S: Schedule + 'static>(schedule: Result<S>) -> Option<Result<Box<dyn Schedule>>> {
    Some(schedule.map(|schedule| Box::new(schedule) as Box<dyn Schedule>))
}

/// The names of the schedules.
pub const SCHEDULE_NAMES: Names<Box<dyn Schedule>> = Names {
    what: "the schedule",
    rows: &[
        Named {
            name: "linear",
            aliases: &[],
            grammar: ":β0:β1[:T]",
            help: "rate from β0 to β1, T = 1",
            make: |values| match *values {
                [start, end] => boxed(Linear::new(start, end, 1.0)),
                [start, end, horizon] => boxed(Linear::new(start, end, horizon)),
                _ => None,
            },
        },
        Named {
            name: "song",
            aliases: &["vpsde"],
            grammar: ":βmin:βmax[:T]",
            help: "linear in Song's β, twice ours, T = 1",
            make: |values| match *values {
                [min, max] => boxed(Linear::song(min, max, 1.0)),
                [min, max, horizon] => boxed(Linear::song(min, max, horizon)),
                _ => None,
            },
        },
        Named {
            name: "scaled-linear",
            aliases: &[],
            grammar: ":β0:β1[:T]",
            help: "√rate from √β0 to √β1, T = 1",
            make: |values| match *values {
                [start, end] => boxed(ScaledLinear::new(start, end, 1.0)),
                [start, end, horizon] => boxed(ScaledLinear::new(start, end, horizon)),
                _ => None,
            },
        },
        Named {
            name: "constant",
            aliases: &[],
            grammar: ":β[:T]",
            help: "rate β, T = 1",
            make: |values| match *values {
                [rate] => boxed(Linear::constant(rate, 1.0)),
                [rate, horizon] => boxed(Linear::constant(rate, horizon)),
                _ => None,
            },
        },
        Named {
            name: "cosine",
            aliases: &[],
            grammar: "[:T]",
            help: "squared cosine, T = 0.9946",
            make: |values| match *values {
                [] => boxed(SquaredCosine::new(SquaredCosine::HORIZON)),
                [horizon] => boxed(SquaredCosine::new(horizon)),
                _ => None,
            },
        },
        Named {
            name: "edm",
            aliases: &[],
            grammar: "[:σmax]",
            help: "σ/α = t, up to σmax = 80",
            make: |values| match *values {
                [] => boxed(VarianceExploding::new(80.0)),
                [sigma_max] => boxed(VarianceExploding::new(sigma_max)),
                _ => None,
            },
        },
    ],
    absent: &[Absent {
        names: &["squaredcos_cap_v2"],
        about: "diffusers' discrete cosine: give its configuration as config:FILE",
        nearest: "cosine",
    }],
    beside: &["betas:FILE", "config:FILE", "config:preset:NAME"],
};

/// Reads a schedule as it is written on the command line and in Python: a name of [`SCHEDULE_NAMES`]
/// with its values, or `config:preset:NAME` for that of an embedded diffusers configuration.
///
/// # Errors
/// An unknown name, a wrong number of values, a value that is no number or out of its domain.
///
/// ```
/// let schedule = fokker::process::parse_schedule("song:0.1:20").unwrap();
/// assert!((schedule.rate(1.0) - 10.0).abs() < 1e-15);
/// ```
pub fn parse_schedule(text: &str) -> Result<Box<dyn Schedule>> {
    match text.strip_prefix("config:preset:") {
        Some(preset) => Ok(Box::new(SchedulerConfig::preset(preset)?.schedule()?)),
        None => SCHEDULE_NAMES.make(text),
    }
}

pub(super) fn argument(name: &'static str, requirement: &str, found: f64) -> Error {
    Error::Argument { name, requirement: requirement.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedules() -> Vec<Box<dyn Schedule>> {
        let betas: Vec<f64> = (0..50).map(|k| 1e-4 + 4e-4 * k as f64).collect();
        let mut all: Vec<Box<dyn Schedule>> = vec![Box::new(DiscreteBetas::new(&betas).unwrap())];
        for text in [
            "linear:0.05:10",
            "linear:0:3:2",
            "linear:5:0.1",
            "song:0.1:20",
            "scaled-linear:0.4:6",
            "constant:2:3",
        ] {
            all.push(parse_schedule(text).unwrap());
        }
        all.push(parse_schedule("cosine").unwrap());
        all.push(parse_schedule("edm").unwrap());
        all
    }

    #[test]
    fn the_clock_is_the_integral_of_the_rate() {
        for schedule in schedules() {
            // Midpoint rule on each unit interval of discrete betas, on 4000 intervals otherwise:
            // its error is h² max|β''| T/24 < 1e-5 of the clock for all of these.
            let horizon = schedule.horizon();
            let n = if horizon == 50.0 { 50 } else { 4000 };
            let h = horizon / n as f64;
            let integral: f64 = (0..n).map(|i| h * schedule.rate((i as f64 + 0.5) * h)).sum();
            let clock = schedule.clock(horizon);
            assert!((integral - clock).abs() < 2e-3 * clock, "{schedule:?}: {integral} and {clock}");
            assert_eq!(schedule.clock(0.0), 0.0);
        }
    }

    #[test]
    fn time_at_inverts_the_clock_in_closed_form_and_by_newton() {
        for schedule in schedules() {
            for i in 0..=60 {
                let t = schedule.horizon() * 10f64.powf(-0.1 * i as f64);
                for inverse in
                    [schedule.time_at(schedule.clock(t)), invert_clock(&*schedule, schedule.clock(t))]
                {
                    // The phase of the cosine is known to 1e-16, which is 1e-16/t of a small time.
                    assert!(
                        (inverse - t).abs() < 1e-14 * t + 1e-15 * schedule.horizon(),
                        "{schedule:?} at {t}: {inverse}"
                    );
                }
            }
            assert_eq!(schedule.time_at(0.0), 0.0);
            assert_eq!(invert_clock(&*schedule, 0.0), 0.0);
        }
    }

    #[test]
    fn bad_schedules_are_refused() {
        for text in [
            "linear:-1:2",
            "linear:0:0",
            "linear:1:2:0",
            "linear:1",
            "cosine:1",
            "cosine:x",
            "fast",
            "edm:0",
            "",
        ] {
            let error = parse_schedule(text).unwrap_err();
            assert!(error.is_input(), "{text}: {error}");
        }
        let letters = parse_schedule("linear:a:b").unwrap_err().to_string();
        assert_eq!(letters, "the schedule cannot be read: in linear:a:b, a is no number");
        assert!(DiscreteBetas::new(&[0.1, 1.0]).unwrap_err().to_string().contains("index 1"));
        assert!(DiscreteBetas::new(&[]).is_err());
    }
}
