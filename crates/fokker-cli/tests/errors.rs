//! `fokker audit errors`: its cells, tables and data.

mod common;

use common::{cells_in, number, shared_data, succeed, succeed_in, wrong_files};
use serde_json::Value;
use std::path::Path;

const SMALL: &str = "audit errors --spectrum natural:4x4x1";

fn cells(line: &str) -> Vec<Value> {
    cells_in(Path::new("."), line)
}

#[test]
fn cells_have_the_documented_keys_and_nulls() {
    let keys = [
        "scheme",
        "steps",
        "nfe",
        "evaluations",
        "grid",
        "stop",
        "start",
        "w2",
        "initialisation",
        "truncation",
        "discretisation",
        "score",
        "reason",
    ];
    let line = "--scheme em,heun --nfe 5,20 --stop 0,1e-3 --start normal,exact --grid uniform,log-snr";
    let cells = cells(&format!("{SMALL} {line}"));
    // Two limits at two stops from two starts; two schemes, grids, stops, budgets, starts.
    assert_eq!(cells.len(), 8 + 32);
    for cell in &cells {
        assert!(cell.as_object().unwrap().keys().eq(keys), "{cell}");
        let limit = ["sde", "ode"].contains(&cell["scheme"].as_str().unwrap());
        for key in ["steps", "nfe", "grid", "evaluations"] {
            assert_eq!(cell[key].is_null(), limit, "{key} of {cell}");
        }
        assert!(cell["w2"].is_f64() && cell["reason"].is_null(), "{cell}");
        if limit {
            assert!(number(cell, "discretisation") < 1e-12);
        } else {
            assert!(number(cell, "evaluations") <= number(cell, "nfe"));
        }
        assert_eq!(number(cell, "truncation") > 0.0, number(cell, "stop") > 0.0);
        assert!(number(cell, "score") < 1e-12);
    }
    let heun = cells.iter().find(|c| c["scheme"] == "heun" && c["nfe"] == 5).unwrap();
    assert_eq!((number(heun, "steps"), number(heun, "evaluations")), (2.0, 4.0));
}

#[test]
fn limits_are_those_of_the_schemes_listed() {
    for (schemes, limits) in [
        ("em", vec!["sde"]),
        ("heun", vec!["ode"]),
        ("edm-churn", vec!["sde", "ode"]),
        ("ddim,ei", vec!["sde", "ode"]),
    ] {
        let cells = cells(&format!("{SMALL} --scheme {schemes} --steps 5"));
        let found: Vec<_> = cells
            .iter()
            .filter(|cell| cell["grid"].is_null())
            .map(|c| c["scheme"].as_str().unwrap())
            .collect();
        assert_eq!(found, limits, "{schemes}");
    }
}

#[test]
fn details_are_added_on_request_and_add_up() {
    let cells = cells(&format!("{SMALL} --scheme dpmpp-2m --steps 7 --along-time --per-eigenvalue"));
    let cell = cells.last().unwrap();
    let along: Vec<f64> = serde_json::from_value(cell["w2_along_time"].clone()).unwrap();
    assert_eq!(along.len(), 8);
    assert!((along[7] - number(cell, "w2")).abs() < 1e-12);
    for key in ["w2", "initialisation", "truncation", "discretisation", "score"] {
        let parts: Vec<f64> = serde_json::from_value(cell["per_eigenvalue"][key].clone()).unwrap();
        let total = parts.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!(parts.len() == 16 && (total - number(cell, key)).abs() < 1e-12, "{key}");
    }
}

#[test]
fn an_undefined_scheme_among_others_is_a_cell_with_a_reason() {
    let files = wrong_files();
    for (line, culprit) in [
        ("audit errors --eigenvalues singular.txt --scheme em,heun".to_owned(), "singular"),
        (format!("{SMALL} --scheme em,ddpm --steps 5"), "2Δβ"),
        (format!("{SMALL} --scheme em,heun --nfe 1"), "one step of heun"),
    ] {
        let cells = cells_in(files.path(), &line);
        let [.., em, undefined] = cells.as_slice() else { panic!("{cells:?}") };
        assert!(em["w2"].is_f64() && em["reason"].is_null());
        for key in ["w2", "initialisation", "truncation", "discretisation", "score"] {
            assert!(undefined[key].is_null(), "{undefined}");
        }
        let reason = undefined["reason"].as_str().unwrap();
        assert!(reason.contains(culprit), "{reason}");
        let table = succeed_in(files.path(), &line);
        let note = table.split_once("\n– ").expect("the table has a note").1;
        assert!(note.contains(culprit), "{table}");
    }
}

#[test]
fn tables_fit_in_80_columns() {
    for line in [
        SMALL.to_owned(),
        format!("{SMALL} --scheme all --steps 5,100000 --stop 0,1e-3"),
        format!("{SMALL} --scheme all --nfe 1000 --stop 0,1e-3 --grid log-snr,karras"),
        format!("{SMALL} --scheme all --steps 5 --start normal,exact --stop 0,1e-3"),
    ] {
        let table = succeed(&line);
        let widest = table.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 80, "{line}: {widest}");
    }
}

#[test]
fn every_form_of_the_table_holds_the_same_cells() {
    let line = format!("{SMALL} --scheme em,heun --steps 5,10 --start normal,exact --grid log-snr,karras");
    let cells = cells(&line);
    let expected: Vec<String> = cells.iter().map(|c| c["scheme"].as_str().unwrap().to_owned()).collect();
    let parse = |format: &str, rows: Vec<Vec<String>>| {
        assert!(rows.iter().all(|row| row.len() == rows[0].len() && row.len() == 10), "{format}: {rows:?}");
        assert_eq!(rows[0][..4], ["scheme", "grid", "steps", "evals"], "{format}");
        assert!(rows[1..].iter().map(|row| &row[0]).eq(&expected), "{format}");
        rows.into_iter().skip(1).map(|row| row[6].clone()).collect::<Vec<String>>()
    };
    let split = |line: &str, separator: &str| line.split(separator).map(|c| c.trim().to_owned()).collect();

    let csv = succeed(&format!("{line} --format csv"));
    let csv = parse("csv", csv.lines().map(|line| split(line, ",")).collect());
    for (text, cell) in csv.iter().zip(&cells) {
        let (value, exact) = (text.parse::<f64>().unwrap(), number(cell, "w2"));
        assert!((value - exact).abs() <= 6e-3 * exact.max(1e-10), "{text} for {exact}");
    }
    let markdown = succeed(&format!("{line} --format markdown"));
    let rows = markdown.lines().filter(|line| !line.contains("--"));
    let rows = rows.map(|line| split(line.trim_matches('|'), "|")).collect();
    assert_eq!(parse("markdown", rows), csv);
    let latex = succeed(&format!("{line} --format latex"));
    assert!(latex.starts_with("\\begin{tabular}{llrrrrrrrr}\n") && latex.ends_with("\\end{tabular}\n"));
    let rows = latex.lines().filter_map(|line| line.strip_suffix(r" \\"));
    assert_eq!(parse("latex", rows.map(|line| split(line, " & ")).collect()).len(), csv.len());
}

#[test]
fn data_from_text_with_exact_and_estimated_scores() {
    let files = wrong_files();
    let last = |line: &str| cells_in(files.path(), line).pop().unwrap();
    let exact = last("audit errors --data rows.csv --scheme em --start exact");
    assert!(number(&exact, "score") < 1e-12 && number(&exact, "w2") > 0.0);
    let own = last("audit errors --data rows.csv --score-data rows.csv --scheme em --start exact");
    assert!(number(&own, "score") < 1e-7 && (number(&own, "w2") - number(&exact, "w2")).abs() < 1e-7);
    let other = last("audit errors --data rows.csv --score-data other.csv --scheme em");
    assert!(number(&other, "score") > 0.1, "{other}");
    let values = last("audit errors --eigenvalues good.txt --score-eigenvalues singular.txt --scheme em");
    assert!(number(&values, "score") > 0.1, "{values}");
    let table = succeed_in(
        files.path(),
        "audit errors --eigenvalues good.txt --score-eigenvalues singular.txt --scheme em",
    );
    assert!(table.contains("discr  score") && table.contains("score of: singular.txt"), "{table}");

    // Three rows in five dimensions: two directions have a variance.
    let few = succeed_in(files.path(), "audit errors --data wide.csv --scheme em");
    assert!(few.contains("5 dimensions, 3 of variance zero"), "{few}");
}

#[test]
fn mnist_end_to_end() {
    let Some(folder) = shared_data("mnist_end_to_end") else { return };
    let line = "audit errors --data mnist-t10k-images-idx3-ubyte.gz --scheme em,ei,euler,heun,dpmpp-2m --nfe 20,100 --grid log-snr \
                --quiet";
    let table = succeed_in(&folder, line).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("784 dimensions, 123 of variance zero, size √E|x|² = 26.94"), "{table}");
    let cells = cells_in(&folder, line);
    let w2 = |scheme: &str, nfe: u64| {
        let cell = cells.iter().find(|cell| cell["scheme"] == scheme && cell["nfe"] == nfe);
        cell.unwrap_or_else(|| panic!("no {scheme} at {nfe}"))["w2"].as_f64()
    };
    for scheme in ["em", "ei", "euler", "dpmpp-2m"] {
        let (coarse, fine) = (w2(scheme, 20).unwrap(), w2(scheme, 100).unwrap());
        assert!(0.0 < fine && fine < coarse && coarse < 27.0, "{scheme}: {coarse} {fine}");
    }
    // Pixels that never change: Heun would evaluate a score that does not exist.
    assert_eq!(w2("heun", 20), None);
}
