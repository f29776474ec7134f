//! Numbers as people and files read them.

/// Longest text without an exponent: every double near one has at most 19 characters.
const LONGEST: usize = 20;

/// The fewest digits that give the number back, with an exponent where there were many zeros.
///
/// ```
/// use fokker::shortest;
/// assert_eq!([0.1, 250.0, -1e308].map(shortest), ["0.1", "250", "-1e308"]);
/// assert_eq!(shortest(1.0 / 3.0).parse(), Ok(1.0 / 3.0));
/// ```
pub fn shortest(value: f64) -> String {
    let plain = value.to_string();
    if plain.len() > LONGEST { format!("{value:e}") } else { plain }
}
