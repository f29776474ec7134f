//! Tables for people, in four forms.

use crate::args::Format;
use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{CellAlignment, Table};

/// Rows of text under a header; the first `labels` columns are words, the others numbers.
pub struct Report {
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
    pub labels: usize,
}

impl Report {
    /// The table in the given form, ending with a newline.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Table => self.aligned(false),
            Format::Markdown => self.aligned(true),
            Format::Csv => self.lines(",", "", csv_cell),
            Format::Latex => self.latex(),
        }
    }

    fn aligned(&self, markdown: bool) -> String {
        let mut table = Table::new();
        table.load_style(if markdown { ASCII_MARKDOWN } else { NOTHING });
        table.set_header(self.header.clone());
        table.add_rows(self.rows.clone());
        for (i, column) in table.column_iter_mut().enumerate() {
            if i >= self.labels {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if !markdown {
                column.set_padding((0, 2));
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n") + "\n"
    }

    fn lines(&self, separator: &str, end: &str, escape: impl Fn(&str) -> String) -> String {
        let header = self.header.iter().map(|cell| escape(cell)).collect::<Vec<_>>();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect());
        std::iter::once(header).chain(rows).map(|row| row.join(separator) + end + "\n").collect()
    }

    fn latex(&self) -> String {
        let columns: String =
            (0..self.header.len()).map(|i| if i < self.labels { 'l' } else { 'r' }).collect();
        let body = self.lines(" & ", r" \\", latex_cell);
        let (header, rows) = body.split_once('\n').unwrap_or((&body, ""));
        format!(
            "\\begin{{tabular}}{{{columns}}}\n\\hline\n{header}\n\\hline\n{rows}\\hline\n\\end{{tabular}}\n"
        )
    }
}

/// As programs read it: no number is empty, and a comma is quoted.
fn csv_cell(cell: &str) -> String {
    match cell {
        "–" => String::new(),
        "∞" => "inf".to_owned(),
        _ if cell.contains([',', '"']) => format!("\"{}\"", cell.replace('"', "\"\"")),
        _ => cell.to_owned(),
    }
}

/// `6.7e-4` as a power of ten; what has a meaning of its own in LaTeX is escaped.
fn latex_cell(cell: &str) -> String {
    match (cell, cell.split_once('e')) {
        ("–", _) => "--".to_owned(),
        ("∞", _) => r"$\infty$".to_owned(),
        (_, Some((mantissa, exponent))) if mantissa.parse::<f64>().is_ok() => {
            format!("${mantissa} \\cdot 10^{{{exponent}}}$")
        }
        _ => cell.chars().fold(String::new(), |mut text, c| {
            text.extend("_&%#".contains(c).then_some('\\'));
            text.push(c);
            text
        }),
    }
}

/// The text in lines of at most 80 columns where words allow, later lines indented by two.
pub fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut words = paragraph.split(' ');
        let mut line = words.next().unwrap_or_default().to_owned();
        for word in words {
            if line.chars().count() + 1 + word.chars().count() > 80 && !line.trim().is_empty() {
                lines.push(std::mem::replace(&mut line, format!("  {word}")));
            } else {
                line = line + " " + word;
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// Three significant digits; what is below rounding of the computation (1e-12) is 0.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size < 1e-12 => "0".to_owned(),
        size if (9.995..99.95).contains(&size) => format!("{value:.1}"),
        size if (99.95..9999.5).contains(&size) => format!("{value:.0}"),
        size if (0.9995..9.995).contains(&size) => format!("{value:.2}"),
        size if (0.09995..0.9995).contains(&size) => format!("{value:.3}"),
        size if (0.009995..0.09995).contains(&size) => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [(4.7712, "4.77"), (0.65149, "0.651"), (6.71e-4, "6.71e-4"), (12.68, "12.7"), (0.0, "0")];
        for (value, text) in
            cases.into_iter().chain([(152.04, "152"), (9.999, "10.0"), (0.0123, "0.0123"), (1e-14, "0")])
        {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(wrapped("short\n  text"), "short\n  text");
        let text = wrapped(&"seven77 ".repeat(30));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(text.split_whitespace().count(), 30);
        assert_eq!(wrapped(&"x".repeat(100)), "x".repeat(100));
    }

    #[test]
    fn every_form_holds_every_cell() {
        let report = Report {
            header: vec!["scheme", "w2"],
            rows: vec![vec!["em".into(), "6.7e-4".into()]],
            labels: 1,
        };
        assert_eq!(["–", "∞", "a,\"b"].map(csv_cell), ["", "inf", "\"a,\"\"b\""]);
        assert_eq!(["–", "∞", "a_b%"].map(latex_cell), ["--", r"$\infty$", r"a\_b\%"]);
        assert_eq!(report.render(Format::Csv), "scheme,w2\nem,6.7e-4\n");
        assert_eq!(report.render(Format::Table), "scheme      w2\nem      6.7e-4\n");
        assert!(report.render(Format::Markdown).contains("| em     | 6.7e-4 |"));
        assert!(report.render(Format::Latex).contains(r"em & $6.7 \cdot 10^{-4}$ \\"));
    }
}
