//! Every option of every command, from the library's table: no option is named here.

mod common;

use common::{run, succeed};
use fokker::basis::FEATURES;
use fokker::options::{Described, DescribedField};
use fokker::population::SCHEMES;
use fokker::transport::{COSTS, METRICS};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// What a command needs beside options, from the usage in its help: `w` for every value.
fn needed(help: &str) -> String {
    let usage = help.lines().find(|line| line.starts_with("Usage:")).expect("a usage");
    let mut rest = usage.split_once("[OPTIONS]").map_or("", |(_, rest)| rest).to_owned();
    // Of one of several, the first.
    if let Some((before, group)) = rest.split_once("<--").map(|(a, b)| (a.to_owned(), b.to_owned())) {
        let (first, others) = group.split_once('|').expect("several");
        let after = others.split_once(">>").map_or("", |(_, after)| after);
        rest = format!("{before}--{first}{after}");
    }
    let word = |word: &str| {
        if word.starts_with('<') || word.starts_with('[') { "w".to_owned() } else { word.to_owned() }
    };
    rest.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// A default as it is typed.
fn typed(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().filter_map(typed).collect::<Vec<_>>().join(",")),
        value => Some(value.to_string()),
    }
}

fn flag(field: &DescribedField) -> String {
    let no = if field.default == Value::Bool(true) { "no-" } else { "" };
    format!("--{no}{}", field.name.replace('_', "-"))
}

#[test]
fn the_help_of_every_command_has_the_options_and_defaults_of_the_library() {
    for Described { command, fields, .. } in fokker::commands() {
        let help = succeed(&format!("{command} --help"));
        for field in &fields {
            let starts = ["\n", " "].map(|end| help.find(&format!(" {}{end}", flag(field))).map(|at| at + 1));
            let start = starts.into_iter().flatten().min();
            let start =
                start.unwrap_or_else(|| panic!("{command}: {} is not in its help:\n{help}", flag(field)));
            let entry = &help[start..];
            let end = entry[2..]
                .find("\n      --")
                .or_else(|| entry[2..].find("\n  -"))
                .map_or(entry.len(), |k| k + 2);
            let words = entry[..end].split_whitespace().collect::<Vec<_>>().join(" ");
            let expected: Vec<&str> = field.help.split_whitespace().collect();
            // A seed is a flag of every command, with a help of its own.
            assert!(field.name == "seed" || words.contains(&expected.join(" ")), "{command}: {words}");
            if let Some(default) = typed(&field.default).filter(|_| !field.default.is_boolean()) {
                assert!(words.contains(&format!("[default: {default}]")), "{command}: {words}");
            }
        }
    }
}

#[test]
fn what_the_library_refuses_is_refused_in_its_words() {
    let mut met = 0;
    for Described { command, fields, .. } in fokker::commands() {
        let needed = needed(&succeed(&format!("{command} --help")));
        for field in fields.iter().filter(|field| field.name != "seed" && !field.python.starts_with("bool")) {
            let Some(sentence) = &field.refusal else { continue };
            let line = format!("{command} {needed} {}=?", flag(field));
            let ran = run(&line);
            // Words that may name a file are read by the command line, after the files.
            if ran.stderr.contains("there is no such file") {
                continue;
            }
            let expected = format!("fokker: {sentence}");
            assert_eq!((ran.code, ran.stderr.trim_end()), (Some(2), expected.as_str()), "{line}");
            met += 1;
        }
    }
    assert!(met > 20, "{met} options were refused in the words of the library");
    let unknown = run("population fit cells.csv --rigde 1");
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.starts_with("fokker: population fit has no option \"rigde\" (did you mean ridge?)"),
        "{}",
        unknown.stderr
    );
}

/// `FOKKER_WRITE=1 cargo test --release -p fokker-cli --test options` writes the tables again.
#[test]
fn the_document_of_options_is_made_from_the_table() {
    let mut text = "# Options of every command\n\nMade from the library's table, as the help of the command line \
                    and the signatures of Python are; a test compares.\n\nOn the command line a name is written \
                    with dashes (`--time-varying`), and a default of `true` is switched off by `--no-…`; in Python \
                    with underscores.\n"
        .to_owned();
    for Described { command, fields, .. } in fokker::commands() {
        writeln!(text, "\n## {command}\n\n| option | default | what it does |\n|---|---|---|").unwrap();
        for field in fields {
            let default =
                typed(&field.default).map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
            writeln!(text, "| `{}` | {default} | {} |", field.name, field.help.replace('|', "\\|")).unwrap();
        }
    }
    for (title, table) in [
        ("Features of a potential", FEATURES.markdown()),
        ("Schemes of population", SCHEMES.markdown()),
        ("Metrics", METRICS.markdown()),
        ("Costs", COSTS.markdown()),
    ] {
        write!(text, "\n## {title}\n\n{table}").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/options.md");
    if std::env::var_os("FOKKER_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "docs/options.md is not what the library's table says: see this test");
}
