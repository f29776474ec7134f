//! docs/equations.md names functions, types and tests that exist.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Pairs `crate/folder/file.rs::name` in backticks, the name possibly `Type::method`.
fn references(text: &str) -> Vec<(String, String)> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split_once(".rs::"))
        .map(|(file, name)| (format!("{file}.rs"), name.to_owned()))
        .collect()
}

fn source(file: &str) -> String {
    let path = root().join("crates").join(file);
    std::fs::read_to_string(path)
        .unwrap_or_else(|_| panic!("docs/equations.md names {file}, which is no file"))
}

/// Whether the source declares the name.
fn declares(source: &str, name: &str) -> bool {
    let holds = |text: &str| {
        let mut found = source.match_indices(text).map(|(at, _)| &source[at + text.len()..]);
        found.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    match name.split_once("::") {
        Some((owner, method)) => declares(source, owner) && holds(&format!("fn {method}")),
        None => {
            ["fn", "struct", "enum", "trait"].iter().any(|kind| holds(&format!("{kind} {name}")))
                // Schemes of one evaluation are declared by a macro, the name first.
                || (source.contains("one_evaluation! {") && source.contains(&format!("\n    {name}, \"")))
        }
    }
}

/// Whether the name is a test, or is declared under documentation with an example.
fn is_tested(source: &str, name: &str) -> bool {
    let name = name.rsplit("::").next().unwrap_or(name);
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let Some(at) = lines.iter().position(|line| declares(line, name)) else { return false };
    let above = || lines[..at].iter().rev().take_while(|line| line.starts_with(['/', '#']));
    above().any(|line| *line == "#[test]") || above().any(|line| *line == "/// ```")
}

#[test]
fn the_map_of_equations_is_true() {
    let map = std::fs::read_to_string(root().join("docs/equations.md")).unwrap();
    let rows: Vec<&str> =
        map.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| equation")).collect();
    assert!(rows.len() >= 15, "only {} rows", rows.len());
    for row in rows {
        let columns: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(columns.len(), 3, "equation, function, test: {row}");
        for column in &columns[1..] {
            let found = references(column);
            assert!(!found.is_empty(), "no `file.rs::name` in {column:?} of {row}");
            for (file, name) in found {
                assert!(declares(&source(&file), &name), "{file} declares no {name}, named in {row}");
            }
        }
        for (file, name) in references(columns[2]) {
            assert!(is_tested(&source(&file), &name), "{file}::{name} is no test and has no doctest: {row}");
        }
    }
}

#[test]
fn a_false_map_is_noticed() {
    assert!(declares("pub fn bures(a: f64)", "bures") && !declares("pub fn bures_squared()", "bures"));
    assert!(declares("struct Heun;\nfn step(", "Heun::step") && !declares("fn step(", "Heun::step"));
    assert!(declares("one_evaluation! {\n    EulerMaruyama, \"em\"", "EulerMaruyama"));
    assert!(
        is_tested("#[test]\nfn a() {}\nfn b() {}", "a") && !is_tested("#[test]\nfn a() {}\nfn b() {}", "b")
    );
    assert!(is_tested("/// ```\n/// assert!(true);\n/// ```\npub struct A;", "A"));
    assert_eq!(references("| `a/b.rs::C::d` and `e` |"), [("a/b.rs".to_owned(), "C::d".to_owned())]);
}
