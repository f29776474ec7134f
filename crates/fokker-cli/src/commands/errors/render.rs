//! How it is printed: cells as rows, what needs a sentence below them.

use crate::args::Format;
use crate::report::{Report, number, wrapped};
use fokker::audit::Cell;

/// The cells as a table of at most 80 columns (unless grids have long names), reasons below it.
///
/// For people a start that is the same everywhere has no column: the heading names it.
pub fn render(cells: &[Cell], with_grid: bool, format: Format) -> String {
    let with_score = cells.iter().any(|cell| cell.errors.score.is_some_and(|score| score >= 1e-12));
    let with_start = format != Format::Table || cells.iter().any(|cell| cell.start != cells[0].start);
    let mut header = vec!["scheme"];
    header.extend(with_grid.then_some("grid"));
    let labels = header.len();
    header.extend(["steps", "evals", "stop"]);
    header.extend(with_start.then_some("start"));
    header.extend(["W2", "init", "trunc", "discr"]);
    header.extend(with_score.then_some("score"));
    let rows = cells.iter().map(|cell| {
        // A continuous limit has no grid: as many steps as there can be.
        let missing = if cell.grid.is_none() { "∞" } else { "–" };
        let count = |n: Option<usize>| n.map_or_else(|| missing.to_owned(), |n| n.to_string());
        let error = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
        let mut row = vec![cell.scheme.clone()];
        row.extend(with_grid.then(|| cell.grid.clone().unwrap_or_default()));
        row.extend([count(cell.steps), count(cell.evaluations), cell.stop.to_string()]);
        row.extend(with_start.then(|| cell.start.to_string()));
        let errors = &cell.errors;
        row.extend([errors.w2, errors.initialisation, errors.truncation, errors.discretisation].map(error));
        row.extend(with_score.then(|| error(errors.score)));
        row
    });
    let text = Report { header, rows: rows.collect(), labels }.render(format);
    match format {
        Format::Table => text + &notes(cells),
        _ => text,
    }
}

/// Why cells have no numbers: each reason once for each scheme.
fn notes(cells: &[Cell]) -> String {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for cell in cells {
        if let Some(reason) = &cell.reason {
            let note = (cell.scheme.as_str(), reason.to_string());
            if !seen.contains(&note) {
                seen.push(note);
            }
        }
    }
    let remainder = |cell: &Cell| {
        let (rms, error) = cell.remainder?;
        let steps = cell.steps.unwrap_or(0);
        let text = format!(
            "{}, {steps} steps: the part of the score that is not affine moves particles by {} ± {} (rms), so W2 is off by at most that",
            cell.scheme,
            number(rms),
            number(error)
        );
        let warning = cell.warning.as_ref().map_or_else(String::new, |words| wrapped(words) + "\n");
        Some(wrapped(&text) + "\n" + &warning)
    };
    let remainders: String = cells.iter().filter_map(remainder).collect();
    let note = |(scheme, reason): &(&str, String)| wrapped(&format!("– {scheme}: {reason}")) + "\n";
    let notes: String = seen.iter().map(note).collect::<String>() + &remainders;
    if notes.is_empty() { notes } else { format!("\n{notes}") }
}
