//! The binary as people and programs use it: help, output, errors, exit codes.

mod common;

use common::{
    bytes, cells_in, example_clouds, fokker, npy, number, run, run_in, shared_data, succeed, succeed_in,
};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

const SMALL: &str = "audit errors --spectrum natural:4x4x1";

fn cells(line: &str) -> Vec<Value> {
    cells_in(Path::new("."), line)
}

/// Every command with its help, found by walking the lists of subcommands.
fn every_help() -> Vec<(String, String)> {
    let mut open = vec![String::new()];
    let mut found = Vec::new();
    while let Some(command) = open.pop() {
        let help = succeed(&format!("{command} --help"));
        let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
        for line in list.lines().take_while(|line| !line.is_empty()) {
            match line.split_whitespace().next() {
                Some("help") | None => {}
                Some(name) => open.push(format!("{command} {name}").trim().to_owned()),
            }
        }
        found.push((command, help));
    }
    found
}

#[test]
fn every_help_shows_examples_that_run() {
    let helps = every_help();
    for command in ["", "demo", "audit", "audit errors", "transport", "transport distance"] {
        assert!(helps.iter().any(|(name, _)| name == command), "{command} was not found");
    }
    let folder = example_clouds();
    for (command, help) in helps {
        let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  fokker ")).collect();
        assert!(!examples.is_empty(), "`fokker {command} --help` shows no example");
        for example in examples {
            assert!(example.len() + 9 <= 80, "too wide for a terminal: {example}");
            assert!(!succeed_in(folder.path(), example).is_empty(), "{example}");
        }
    }
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

/// Files that are wrong, and a few that are right, in a folder of their own.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("nan.txt", b"1.0\nNaN\n");
    write("nan.npy", &npy("<f8", "(2,)", &bytes(&[1.0, f64::NAN])));
    write("negative.txt", b"1.0\n-0.5\n");
    write("empty.npy", b"");
    write("complex.npy", &npy("<c16", "(1,)", &[0; 16]));
    write("object.npy", &npy("|O", "(1,)", &[0; 8]));
    write("truncated.npy", &npy("<f8", "(100,)", &bytes(&[1.0; 10])));
    write("enormous.npy", &npy("<f8", "(1099511627776, 1099511627776)", &bytes(&[1.0; 4])));
    write("nested.npy", &npy("<f8", &"(".repeat(30), &[]));
    write("singular.txt", b"1\n0\n");
    write("good.txt", b"1\n0.5\n");
    write("three.txt", b"1 0.5 0.2\n");
    write("rising.txt", b"80\n10\n20\n0\n");
    write("high.txt", b"1e9\n1\n0\n");
    write("middle.txt", b"0.5\n0.1\n0\n");
    write("word.csv", b"a,b\n1,2\n3,x\n");
    write("ragged.csv", b"1,2\n3\n");
    write("one.csv", b"1,2\n");
    write("rows.csv", b"a,b\n1,2\n3,4\n5,7\n");
    write("other.csv", b"a,b\n1,2\n3,4.5\n6,1\n");
    write("wide.csv", b"1,2,3,4,5\n2,3,4,9,1\n0,1,0,1,0\n");
    write("betas.txt", b"0.1\n1.5\n");
    folder
}

#[test]
fn bad_input_is_one_line_that_names_the_culprit() {
    let files = files();
    let data = "audit errors --data";
    let values = "audit errors --eigenvalues";
    let cases = [
        (format!("{values} nan.txt"), "nan.txt: line 2, column 1 is NaN"),
        (format!("{values} nan.npy"), "nan.npy: entry 1"),
        (format!("{values} negative.txt"), "negative.txt: eigenvalues must be non-negative"),
        (format!("{values} empty.npy"), "empty.npy: is empty"),
        (format!("{values} complex.npy"), "complex.npy: "),
        (format!("{values} object.npy"), "object.npy: "),
        (
            format!("{values} truncated.npy"),
            "truncated.npy: the header promises 800 bytes but the file has 80",
        ),
        (format!("{data} enormous.npy"), "enormous.npy: "),
        (format!("{data} nested.npy"), "nested.npy: "),
        (format!("{values} missing.npy"), "missing.npy: there is no such file"),
        (format!("{data} missing.npy"), "missing.npy: there is no such file"),
        (format!("{data} ."), ".: is a folder"),
        (format!("{data} word.csv"), "fokker: word.csv: line 3, column 2 (\"b\") is \"x\""),
        (format!("{data} ragged.csv"), "fokker: ragged.csv: line 2"),
        (format!("{data} one.csv"), "one.csv: "),
        (format!("{values} good.txt --score-eigenvalues three.txt"), "three.txt: the score has 3 dimensions"),
        (format!("{data} rows.csv --score-data wide.csv"), "wide.csv"),
        (format!("{data} rows.csv --score-data rows.csv --scheme em --along-time --json"), "W₂ along time"),
        (format!("{SMALL} --steps 0"), "--steps must be from 1 to 10000000, found 0"),
        (format!("{SMALL} --nfe 20,0"), "--nfe must be from 1 to 10000000, found 0"),
        (format!("{SMALL} --nfe 1 --scheme heun"), "nfe must be at least 2, one step of heun, found 1"),
        (
            format!("{SMALL} --stop 1"),
            "--stop must be at least 0 and below the schedule's horizon 1, found 1",
        ),
        (format!("{SMALL} --stop -0.1"), "found -0.1"),
        (format!("{SMALL} --stop NaN"), "found NaN"),
        (format!("{SMALL} --grid sigmas:rising.txt"), "rising.txt: sigmas must be strictly decreasing"),
        (
            format!("{SMALL} --grid rising.txt --schedule edm"),
            "rising.txt: times must be strictly decreasing",
        ),
        (format!("{SMALL} --grid sigmas:high.txt"), "high.txt: sigmas must be at most"),
        (format!("{SMALL} --grid middle.txt"), "write t:middle.txt or sigmas:middle.txt"),
        (format!("{SMALL} --grid t:middle.txt --steps 5"), "t:middle.txt has its own steps"),
        (format!("{SMALL} --grid t:missing.txt"), "missing.txt: there is no such file"),
        (format!("{SMALL} --grid spiral"), "unknown grid \"spiral\""),
        (format!("{SMALL} --grid karras:0"), "the exponent ρ must be positive"),
        (format!("{SMALL} --grid karras:7:2:1 --scheme em"), "smallest σ/α"),
        (format!("{SMALL} --scheme em,leap"), "unknown scheme \"leap\"; known: em, ei"),
        (format!("{SMALL} --scheme edm-churn:-1"), "churn must be non-negative"),
        (format!("{SMALL} --schedule sine"), "unknown schedule \"sine\"; known: linear"),
        (format!("{SMALL} --schedule sine"), "betas:FILE"),
        (format!("{SMALL} --schedule linear:-1:1"), "linear:-1:1: rate at time 0 must be non-negative"),
        (format!("{SMALL} --schedule cosine:1"), "horizon must be between 0 and 1"),
        (format!("{SMALL} --schedule betas:betas.txt"), "betas.txt: betas must be between 0 and 1"),
        ("audit errors --spectrum pink:4x4x1".into(), "unknown spectrum \"pink:4x4x1\""),
        ("audit errors --spectrum natural:0x4x1".into(), "height must be from 1 to 4096, found 0"),
        (format!("{values} singular.txt --scheme heun"), "the covariance is singular"),
        (format!("{SMALL} --schedule constant:1e300 --scheme heun"), "beyond the range of numbers"),
    ];
    for (line, culprit) in cases {
        let ran = run_in(files.path(), &line);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("fokker: ") && ran.stderr.lines().count() == 1, "{line}: {ran:?}");
        assert!(ran.stderr.contains(culprit), "{line}: {}", ran.stderr);
    }
}

#[test]
fn wrong_usage_exits_with_2_and_points_to_the_help() {
    for (line, culprit) in [
        ("audit errors".to_owned(), "--eigenvalues"),
        (format!("{SMALL} --data x.npy"), "--data"),
        (format!("{SMALL} --steps 5 --nfe 5"), "--nfe"),
        (format!("{SMALL} --steps -5"), "-5"),
        (format!("{SMALL} --steps many"), "many"),
        (format!("{SMALL} --stop soon"), "soon"),
        (format!("{SMALL} --start maybe"), "maybe"),
        (format!("{SMALL} --format xml"), "xml"),
        (format!("{SMALL} --format csv --json"), "--json"),
        (format!("{SMALL} --along-time"), "--json"),
        // Rows have axes, a list of eigenvalues has none: they cannot be compared.
        (format!("{SMALL} --score-data x.npy"), "--spectrum"),
        ("audit errors --eigenvalues x.npy --score-data x.npy".to_owned(), "--eigenvalues"),
        ("audit errors --data x.npy --score-eigenvalues x.npy".to_owned(), "--score-eigenvalues"),
        (format!("{SMALL} --threads 0"), "--threads"),
        ("audit everything".to_owned(), "everything"),
    ] {
        let ran = run(&line);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{line}");
        assert!(ran.stderr.contains(culprit) && ran.stderr.contains("--help"), "{line}: {}", ran.stderr);
    }
}

#[test]
fn extreme_arguments_give_numbers_or_a_line_and_never_a_panic() {
    let schedules =
        ["linear:0:1e-300", "constant:1e-320", "constant:1e300", "cosine:0.999999999999", "edm:1e300"];
    let grids = ["uniform", "quadratic", "log-snr", "karras:1e-300", "karras:1e300", "karras:7:1e-300:1"];
    for schedule in schedules {
        for grid in grids {
            let line = format!(
                "{SMALL} --scheme all --steps 1,3 --stop 0,1e-300 --schedule {schedule} --grid {grid}"
            );
            let ran = run(&format!("{line} --json"));
            assert!(matches!(ran.code, Some(0 | 2)) && ran.stderr.lines().count() <= 1, "{line}: {ran:?}");
            let Ok(output) = serde_json::from_str::<Value>(&ran.stdout) else { continue };
            for cell in output["cells"].as_array().unwrap() {
                assert_eq!(cell["w2"].is_null(), cell["reason"].is_string(), "{line}: {cell}");
            }
        }
    }
}

/// A PNG of one colour: 12000 × 12000 pixels in half a megabyte, which took 10 GB once decoded.
#[test]
fn an_image_is_refused_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let mut pixels = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let row = vec![0; 1 + 3 * 12_000];
    (0..12_000).for_each(|_| pixels.write_all(&row).unwrap());
    let chunk = |name: &[u8], body: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(body);
        [&(body.len() as u32).to_be_bytes(), name, body, &crc.sum().to_be_bytes()].concat()
    };
    let side = 12_000_u32.to_be_bytes();
    let header = [side.as_slice(), &side, &[8, 2, 0, 0, 0]].concat();
    let parts = [chunk(b"IHDR", &header), chunk(b"IDAT", &pixels.finish().unwrap()), chunk(b"IEND", b"")];
    let file = [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat();
    assert!(file.len() < 500_000);
    std::fs::write(folder.path().join("a.png"), file).unwrap();
    for line in [
        "audit texture a.png",
        "audit errors --texture a.png",
        "audit errors --data .",
        "spectral fit .",
        "transport distance . .",
    ] {
        let ran = run_in(folder.path(), line);
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 1), "{line}: {ran:?}");
        assert!(ran.stderr.contains("is 12000×12000×3, 432000000 numbers, at most"), "{ran:?}");
    }
}

#[test]
fn threads_are_counted_in_plain_words() {
    let expected = run("audit errors --spectrum natural:4x4x1 --steps 5").stdout;
    for threads in ["1", "3", "100000", "99999999999"] {
        let ran = run(&format!("audit errors --spectrum natural:4x4x1 --steps 5 --threads {threads}"));
        assert_eq!((ran.code, &ran.stdout), (Some(0), &expected), "{threads}: {ran:?}");
    }
    for threads in ["0", "-1", "two", "1e3"] {
        let ran = run(&format!("demo --threads={threads}"));
        assert!(ran.code == Some(2) && ran.stderr.contains("give a whole number from 1"), "{ran:?}");
    }
}

#[test]
fn numbers_of_things_are_asked_for_in_plain_words() {
    for (steps, words) in
        [("1e3", "write it in digits: 1000"), ("2.5", "a whole number"), ("x", "a whole number")]
    {
        let ran = run(&format!("audit errors --spectrum natural:4x4x1 --steps {steps}"));
        assert!(ran.code == Some(2) && ran.stderr.contains(words), "{ran:?}");
    }
}

#[test]
fn an_undefined_scheme_among_others_is_a_cell_with_a_reason() {
    let files = files();
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
fn the_thread_count_changes_no_byte() {
    let line = "audit errors --spectrum natural:32x32x3 --scheme all --steps 20 --per-eigenvalue --json";
    assert!(succeed(&format!("{line} --threads 1")) == succeed(&format!("{line} --threads 2")));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    // More output than a pipe holds, so that writing meets the closed end.
    let line = "audit errors --spectrum natural:64x64x3 --steps 2 --per-eigenvalue --json";
    let mut child = fokker()
        .args(line.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap(); // and the pipe is closed here
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    assert_eq!(first, *b"{");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line_and_exit_1() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = fokker().args(SMALL.split(' ')).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.starts_with("fokker: the result cannot be written"), "{stderr}");
}

#[test]
fn data_from_text_with_exact_and_estimated_scores() {
    let files = files();
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
    let line = "audit errors --data mnist-t10k-images-idx3-ubyte.gz --nfe 20,100 --grid log-snr --quiet";
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

#[test]
fn a_dry_run_computes_nothing_but_checks_everything() {
    let line = format!("{SMALL} --scheme em,heun --steps 5,10 --start exact --dry-run");
    let text = succeed(&line);
    assert!(text.contains("would run 4 samplers") && text.contains("from p_T"), "{text}");
    let plan: Value = serde_json::from_str(&succeed(&format!("{line} --json"))).unwrap();
    assert_eq!(plan["samplers"], 4);
    assert_eq!(run(&format!("{SMALL} --steps 0 --dry-run")).code, Some(2));
    assert_eq!(run("audit errors --eigenvalues missing.npy --dry-run").code, Some(2));
}

#[test]
fn quiet_changes_nothing_on_stdout() {
    let files = files();
    let line = "audit errors --data rows.csv --scheme em";
    assert_eq!(succeed_in(files.path(), line), succeed_in(files.path(), &format!("{line} --quiet")));
}
