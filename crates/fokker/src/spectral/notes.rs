//! What a fit has to say about columns: a sentence for each, or one for many alike.

/// Columns that get a sentence each; of more, so many are named in one.
const NAMED: usize = 3;

/// Columns that are not fitted as they are.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Column and its value.
    pub constant: Vec<(usize, f64)>,
    /// Column and the earlier one that it repeats.
    pub copies: Vec<(usize, usize)>,
    /// Column and the standard deviations that it reaches.
    pub heavy: Vec<(usize, f64)>,
    /// Columns with fewer than three values in most of their range.
    pub few: Vec<usize>,
}

impl Notes {
    pub fn sentences(&self) -> Vec<String> {
        let put_back = "left out and put back";
        let constant = |&(j, value): &(usize, f64)| format!("column {j} is always {value}: it is {put_back}");
        let copy = |&(j, of): &(usize, usize)| {
            format!("column {j} is column {of} on another scale: it is {put_back}")
        };
        let heavy = |&(j, reach): &(usize, f64)| {
            format!(
                "column {j} has heavy tails (it reaches {reach:.0} standard deviations): it is scaled by its \
                 quartiles and features are clamped; the cosine reference suits it better"
            )
        };
        let few = |j: &usize| {
            format!(
                "column {j} has fewer than three different values in most of its range: it is scaled to its \
                 range, without a distribution function"
            )
        };
        let mut out = sentences(
            &self.constant,
            |c| c.0,
            constant,
            |many| format!("{many} are constant: they are {put_back}"),
        );
        out.extend(sentences(
            &self.copies,
            |c| c.0,
            copy,
            |many| format!("{many} are earlier ones on another scale: they are {put_back}"),
        ));
        out.extend(sentences(&self.heavy, |c| c.0, heavy, |many| {
            format!(
                "{many} have heavy tails: they are scaled by their quartiles and features are clamped; the \
                 cosine reference suits them better"
            )
        }));
        out.extend(sentences(&self.few, |c| *c, few, |many| {
            format!(
                "{many} have fewer than three different values in most of their range: they are scaled to \
                 their range, without distribution functions"
            )
        }));
        out
    }
}

/// A sentence for each, or one for all with their number and the first few columns.
fn sentences<T>(
    items: &[T],
    column: impl Fn(&T) -> usize,
    each: impl Fn(&T) -> String,
    all: impl Fn(String) -> String,
) -> Vec<String> {
    if items.len() <= NAMED {
        return items.iter().map(each).collect();
    }
    let first: Vec<String> = items.iter().take(NAMED).map(|item| column(item).to_string()).collect();
    vec![all(format!("{} columns ({}, …)", items.len(), first.join(", ")))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_columns_get_a_sentence_each_and_many_one() {
        let notes = Notes { constant: vec![(2, 3.5)], few: vec![0, 1, 4, 7, 9], ..Default::default() };
        let sentences = notes.sentences();
        assert_eq!(sentences.len(), 2);
        assert!(sentences[0].starts_with("column 2 is always 3.5"));
        assert!(sentences[1].starts_with("5 columns (0, 1, 4, …) have fewer"));
    }
}
