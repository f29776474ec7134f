//! Labels of times: kept once each, and turned into numbers.

use crate::{Error, Result};
use std::collections::HashMap;

/// Labels of rows, and how they become times. There are few different ones, so each is kept once.
///
/// Labels are numbers, all with the same letters before or after them if any (`E7.5`, `day 3`, `12h`). Where
/// they are not, categories that have an order stand for 0, 1, 2, …; others need times to be given.
///
/// ```
/// use fokker::population::Labels;
/// let labels = Labels::of_rows(["E7.5", "E8", "E7.5"])?;
/// assert_eq!(labels.times(None)?.0, [7.5, 8.0, 7.5]);
/// let stages = Labels::of_rows(["late", "early"])?.in_order(&["early", "middle", "late"]);
/// assert_eq!(stages.times(None)?.0, [1.0, 0.0]);
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Index of the label of every row.
    ids: Vec<usize>,
    distinct: Vec<String>,
    /// Where each label was first seen, for errors.
    places: Vec<String>,
    known: HashMap<String, usize>,
    /// Place of every category in an order of their own.
    ranks: Option<HashMap<String, usize>>,
}

/// An error in words: the place, what was found, the remedy.
macro_rules! refuse {
    ($($words:tt)*) => {
        return Err(Error::Source(format!($($words)*)))
    };
}

/// More different labels than this are no snapshots.
const MOST: usize = 100_000;

impl Labels {
    /// The labels of one row after another, places counted from 0.
    ///
    /// # Errors
    /// As [`push`](Labels::push).
    pub fn of_rows<T: ToString>(values: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut labels = Labels::default();
        for (row, value) in values.into_iter().enumerate() {
            labels.push(&value.to_string(), || format!("row {row} (counted from 0)"))?;
        }
        Ok(labels)
    }

    /// The same labels as categories that come in this order.
    pub fn in_order<T: ToString>(mut self, categories: &[T]) -> Self {
        let ranks = categories.iter().enumerate().map(|(k, text)| (text.to_string().trim().to_owned(), k));
        self.ranks = Some(ranks.collect());
        self
    }

    /// Adds the label of the next row, found at the place.
    ///
    /// # Errors
    /// No label, or more different ones than snapshots can have.
    pub fn push(&mut self, text: &str, place: impl FnOnce() -> String) -> Result<()> {
        let text = text.trim();
        if let Some(&id) = self.known.get(text) {
            self.ids.push(id);
            return Ok(());
        }
        if text.is_empty() || ["nan", "na", "none", "<na>"].contains(&text.to_ascii_lowercase().as_str()) {
            refuse!("{} has no time: remove such rows or fill them in", place());
        }
        if self.distinct.len() == MOST {
            refuse!("has more than {MOST} different times: is this the column of times?");
        }
        self.ids.push(self.distinct.len());
        self.known.insert(text.to_owned(), self.distinct.len());
        self.distinct.push(text.to_owned());
        self.places.push(place());
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The time of every row, and in words how labels became times where that is not plain.
    ///
    /// Without `given`, labels are numbers, all with the same letters before or after them, if
    /// any, or places in the order of their categories; with it, the k-th label in order (by these numbers,
    /// by category, by text) means the k-th given time.
    ///
    /// # Errors
    /// A label without a number or with other letters and no order, the place and the remedy; given times
    /// that are not as many, not finite or not different.
    pub fn times(&self, given: Option<&[f64]>) -> Result<(Vec<f64>, Option<String>)> {
        let (of_label, words) = match given {
            None => self.parsed()?,
            Some(given) => self.mapped(given)?,
        };
        Ok((self.ids.iter().map(|&id| of_label[id]).collect(), words))
    }

    fn parsed(&self) -> Result<(Vec<f64>, Option<String>)> {
        if let (Err(_), Some(_)) = (self.numbers(), &self.ranks) {
            let order = self.order();
            return self.mapped(&(0..order.len()).map(|k| k as f64).collect::<Vec<_>>());
        }
        let times = self.numbers().or_else(|bad| {
            let (text, place) = (shown(&self.distinct[bad]), &self.places[bad]);
            let remedy = format!("give a time (--times) for each of {}", self.listed());
            if split(&self.distinct[bad]).is_none() {
                refuse!(
                    "{place} has the time {text}, neither a number nor a number with letters before or after it: {remedy}"
                );
            }
            refuse!(
                "{place} has the time {text}, but {} has {}, with other letters: {remedy}",
                self.places[0],
                shown(&self.distinct[0])
            );
        })?;
        let plain = self.distinct.first().is_none_or(|text| text.parse::<f64>().is_ok());
        let words = (!plain).then(|| format!("{} is time {}", self.distinct[0], times[0]));
        Ok((times, words))
    }

    /// The number of every label, or the first label without one or with other letters.
    fn numbers(&self) -> std::result::Result<Vec<f64>, usize> {
        let mut letters = None;
        let mut times = Vec::with_capacity(self.distinct.len());
        for (i, text) in self.distinct.iter().enumerate() {
            let parts = split(text).ok_or(i)?;
            if *letters.get_or_insert((parts.prefix, parts.suffix)) != (parts.prefix, parts.suffix) {
                return Err(i);
            }
            times.push(parts.number);
        }
        Ok(times)
    }

    fn mapped(&self, given: &[f64]) -> Result<(Vec<f64>, Option<String>)> {
        let order = self.order();
        if given.len() != order.len() {
            refuse!(
                "--times gives {} times, but there are {} different labels: {}",
                given.len(),
                order.len(),
                self.listed()
            );
        }
        for (i, time) in given.iter().enumerate() {
            if !time.is_finite() {
                refuse!("--times: entry {i} (counted from 0) is {time}, every time must be finite");
            }
            if given[..i].contains(time) {
                refuse!("--times gives {time} twice: every label needs a time of its own");
            }
        }
        let mut times = vec![0.0; order.len()];
        order.iter().zip(given).for_each(|(&id, &time)| times[id] = time);
        let shown = order.iter().take(20).map(|&id| format!("{} is time {}", self.distinct[id], times[id]));
        let words: Vec<String> = shown.collect();
        Ok((times, Some(words.join(", "))))
    }

    /// Labels by their numbers when all have some and the same letters, by their category where these have
    /// an order, by their text otherwise.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.distinct.len()).collect();
        match self.numbers() {
            Ok(times) => order.sort_by(|&a, &b| times[a].total_cmp(&times[b])),
            Err(_) => {
                let rank = |id: usize| self.ranks.as_ref().and_then(|ranks| ranks.get(&self.distinct[id]));
                order.sort_by(|&a, &b| rank(a).cmp(&rank(b)).then(self.distinct[a].cmp(&self.distinct[b])));
            }
        }
        order
    }

    fn listed(&self) -> String {
        let order = self.order();
        let mut texts: Vec<String> = order.iter().take(20).map(|&id| shown(&self.distinct[id])).collect();
        if order.len() > texts.len() {
            texts.push("…".to_owned());
        }
        texts.join(", ")
    }
}

/// A label in quotes, short and on one line.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// A label such as `E7.5`, `day 3` or `12h`.
#[derive(Clone, Copy)]
struct Parts<'a> {
    prefix: &'a str,
    number: f64,
    suffix: &'a str,
}

/// Letters, number, letters; one of the two may be there, with blanks or `_` between.
fn split(text: &str) -> Option<Parts<'_>> {
    let finite = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite());
    // First as a whole: 1e5 is a number.
    if let Some(number) = finite(text) {
        return Some(Parts { prefix: "", number, suffix: "" });
    }
    let rest = text.trim_start_matches(char::is_alphabetic);
    let (prefix, rest) = (&text[..text.len() - rest.len()], rest.trim_start_matches([' ', '_']));
    let number = rest.trim_end_matches(char::is_alphabetic);
    let suffix = &rest[number.len()..];
    let number = finite(number.trim_end_matches([' ', '_']))?;
    (prefix.is_empty() || suffix.is_empty()).then_some(Parts { prefix, number, suffix })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(labels: &[&str], given: Option<&[f64]>) -> std::result::Result<Vec<f64>, String> {
        let labels = Labels::of_rows(labels).map_err(|e| e.to_string())?;
        labels.times(given).map(|(times, _)| times).map_err(|e| e.to_string())
    }

    #[test]
    fn labels_are_numbers_with_common_letters() {
        for (labels, wanted) in [
            (["0", "3.5", "1e1"], [0.0, 3.5, 10.0]),
            (["E7.5", "E8.0", "E10"], [7.5, 8.0, 10.0]),
            (["day 3", "day 0", "day 12"], [3.0, 0.0, 12.0]),
            (["d_3", "d_-1", "d_0"], [3.0, -1.0, 0.0]),
            (["12h", "0h", "6h"], [12.0, 0.0, 6.0]),
            (["12 h", "0 h", " 6 h "], [12.0, 0.0, 6.0]),
            (["Tag2", "Tag2", "Tag3"], [2.0, 2.0, 3.0]),
        ] {
            assert_eq!(times(&labels, None).unwrap(), wanted, "{labels:?}");
        }
        let (_, words) = Labels::of_rows(["E7.5"]).unwrap().times(None).unwrap();
        assert_eq!(words.unwrap(), "E7.5 is time 7.5");
    }

    #[test]
    fn everything_else_is_refused_with_its_row() {
        for (labels, wanted) in [
            (vec!["d3", "d5", "12h"], "row 2 (counted from 0) has the time \"12h\", but row 0"),
            (vec!["1", "d2"], "with other letters: give a time (--times) for each of \"1\", \"d2\""),
            (vec!["1", "early"], "row 1 (counted from 0) has the time \"early\", neither a number"),
            (vec!["Day 00-03"], "neither a number"),
            (vec!["d3h"], "neither"),
            (vec!["1", ""], "row 1 (counted from 0) has no time"),
            (vec!["1", "NaN"], "row 1 (counted from 0) has no time"),
            (vec!["1", "inf"], "neither"),
        ] {
            let message = times(&labels, None).unwrap_err();
            assert!(message.contains(wanted), "{labels:?}: {message}");
        }
    }

    #[test]
    fn given_times_belong_to_the_labels_in_order() {
        assert_eq!(times(&["10", "9", "9"], Some(&[0.5, 2.0])).unwrap(), [2.0, 0.5, 0.5]);
        assert_eq!(times(&["late", "early"], Some(&[0.0, 2.0])).unwrap(), [2.0, 0.0]);
        assert_eq!(times(&["day 10", "day 9"], Some(&[0.0, 2.0])).unwrap(), [2.0, 0.0]);
        let message = times(&["b", "a", "c"], Some(&[0.0, 2.0])).unwrap_err();
        assert!(message.contains("gives 2 times, but there are 3 different labels: \"a\", \"b\", \"c\""));
        assert!(times(&["a", "b"], Some(&[1.0, 1.0])).unwrap_err().contains("1 twice"));
        assert!(times(&["a", "b"], Some(&[1.0, f64::NAN])).unwrap_err().contains("entry 1"));
    }

    #[test]
    fn categories_with_an_order_keep_it() {
        let order = ["young", "middle", "old", "unused"];
        let labels = || Labels::of_rows(["old", "young", "middle", "old"]).unwrap().in_order(&order);
        let (times, words) = labels().times(None).unwrap();
        assert_eq!(times, [2.0, 0.0, 1.0, 2.0]);
        assert_eq!(words.unwrap(), "young is time 0, middle is time 1, old is time 2");
        // Given times follow the order too, where the alphabet would put middle first.
        assert_eq!(labels().times(Some(&[1.0, 2.0, 5.0])).unwrap().0, [5.0, 1.0, 2.0, 5.0]);
        // Categories that hold numbers are their numbers, whatever their order.
        let days = Labels::of_rows(["D10", "D3"]).unwrap().in_order(&["D10", "D3"]);
        assert_eq!(days.times(None).unwrap().0, [10.0, 3.0]);
    }
}
