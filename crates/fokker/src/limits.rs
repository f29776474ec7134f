//! What a call may ask for, and the gate that its results pass.
//!
//! Limits are far beyond what anybody waits for. They turn a slip (`steps = 2**40`) into an error
//! instead of an allocation that ends the process, whoever calls: both faces are held to them here.

use crate::{Error, Result};

/// The most that one call may ask for.
///
/// ```
/// use fokker::Limits;
/// let error = Limits::steps("steps", 1 << 40).unwrap_err();
/// assert_eq!(error.to_string(), "steps must be from 1 to 10000000, found 1099511627776");
/// let error = Limits::rows("particles", 1 << 40, 2).unwrap_err();
/// assert!(error.to_string().contains("at most 536870912 of dimension 2"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits;

impl Limits {
    /// Steps of a grid, of a sampler or of a prediction.
    pub const STEPS: usize = 10_000_000;
    /// Score evaluations of a sampler.
    pub const EVALUATIONS: usize = 10_000_000;
    /// Score evaluations for which a grid is tuned, a step at a time.
    pub const TUNED_EVALUATIONS: usize = 10_000;
    /// Random directions of a sliced distance.
    pub const DIRECTIONS: usize = 10_000_000;
    /// Random splits or permutations.
    pub const REPEATS: usize = 100_000;
    /// Columns of data, and pixels times channels of an image: one row of them is half a gigabyte.
    pub const COLUMNS: usize = 1 << 26;
    /// Bytes of one result.
    pub const MEMORY: usize = 8 << 30;

    /// Checks a number of steps; `name` is that of the argument.
    ///
    /// # Errors
    /// None, or more than [`Limits::STEPS`].
    pub fn steps(name: &'static str, steps: usize) -> Result<usize> {
        Limits::count(name, steps, Limits::STEPS)
    }

    /// Checks a number that must be from 1 to `most`.
    ///
    /// # Errors
    /// Another one.
    pub fn count(name: &'static str, found: usize, most: usize) -> Result<usize> {
        if (1..=most).contains(&found) {
            return Ok(found);
        }
        Err(Error::Argument { name, requirement: format!("from 1 to {most}"), found: found as f64 })
    }

    /// Checks a number of columns, or of pixels times channels.
    ///
    /// # Errors
    /// None, or more than [`Limits::COLUMNS`].
    pub fn columns(name: &'static str, columns: usize) -> Result<usize> {
        Limits::count(name, columns, Limits::COLUMNS)
    }

    /// The most rows of `dim` numbers that [`Limits::MEMORY`] holds.
    pub fn most_rows(dim: usize) -> usize {
        Limits::MEMORY / size_of::<f64>() / dim.max(1)
    }

    /// Checks that rows of `dim` numbers can be held, a number of rows that may be none.
    ///
    /// # Errors
    /// More than [`Limits::MEMORY`] bytes.
    pub fn rows(name: &'static str, rows: usize, dim: usize) -> Result<usize> {
        let most = Limits::most_rows(dim);
        if rows <= most {
            return Ok(rows);
        }
        let requirement =
            format!("at most {most} of dimension {dim} ({} GiB); draw in parts", Limits::MEMORY >> 30);
        Err(Error::Argument { name, requirement, found: rows as f64 })
    }
}

/// Lets a result out when it is a number.
///
/// # Errors
/// [`Error::Undefined`] for NaN and infinities, with the remedy.
pub(crate) fn finite(what: &'static str, value: f64, remedy: &'static str) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::Undefined { what, reason: format!("it is beyond the range of numbers ({value})"), remedy })
}

/// Lets results out when all of them are numbers.
///
/// # Errors
/// [`Error::Undefined`] with the index of the first that is NaN or infinite, and the remedy.
pub(crate) fn all_finite<'a>(
    what: &'static str,
    values: impl IntoIterator<Item = &'a f64>,
    remedy: &'static str,
) -> Result<()> {
    match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((i, value)) => {
            let reason = format!("entry {i} is beyond the range of numbers ({value})");
            Err(Error::Undefined { what, reason, remedy })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_lets_numbers_pass_and_nothing_else() {
        assert_eq!(finite("W₂", 1.5, "use more steps"), Ok(1.5));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = finite("W₂", bad, "use more steps").unwrap_err();
            assert!(error.is_input() && error.to_string().contains("use more steps"), "{error}");
            let error = all_finite("W₂", &[1.0, bad], "use more steps").unwrap_err().to_string();
            assert!(error.contains("entry 1"), "{error}");
        }
        assert!(all_finite("W₂", &[], "").is_ok());
    }

    #[test]
    fn limits_are_inclusive_and_do_not_overflow() {
        assert!(Limits::steps("steps", Limits::STEPS).is_ok() && Limits::steps("steps", 0).is_err());
        assert!(Limits::steps("steps", Limits::STEPS + 1).is_err());
        assert!(Limits::rows("rows", 1 << 30, 1).is_ok() && Limits::rows("rows", (1 << 30) + 1, 1).is_err());
        assert!(Limits::rows("rows", usize::MAX, usize::MAX).is_err() && Limits::rows("rows", 0, 0).is_ok());
    }
}
