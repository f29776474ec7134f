//! Input that is refused: in one line, with the culprit, by the exit code.

mod common;

use common::{run, run_in, wrong_files};
use serde_json::Value;
use std::io::Write;

const SMALL: &str = "audit errors --spectrum natural:4x4x1";

#[test]
fn bad_input_is_one_line_that_names_the_culprit() {
    let files = wrong_files();
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
        (format!("{SMALL} --steps 0"), "steps must be from 1 to 10000000, found 0"),
        (format!("{SMALL} --nfe 20,0"), "nfe must be from 1 to 10000000, found 0"),
        (format!("{SMALL} --nfe 1 --scheme heun"), "nfe must be at least 2, one step of heun, found 1"),
        (format!("{SMALL} --stop 1"), "stop must be at least 0 and below the schedule's horizon 1, found 1"),
        (format!("{SMALL} --steps 5 --nfe 5"), "give steps or nfe, not both"),
        (format!("{SMALL} --steps -5"), "steps must be a whole number from 0, found"),
        (format!("{SMALL} --steps many"), "found \"many\""),
        (format!("{SMALL} --stop soon"), "found \"soon\""),
        (format!("{SMALL} --start maybe"), "unknown start \"maybe\"; known: normal, exact"),
        (format!("{SMALL} --along-time"), "--json"),
        (format!("{SMALL} --stop -0.1"), "found -0.1"),
        (format!("{SMALL} --stop NaN"), "found \"NaN\""),
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
        (format!("{SMALL} --format xml"), "xml"),
        (format!("{SMALL} --format csv --json"), "--json"),
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
fn numbers_of_things_are_asked_for_in_plain_words() {
    for (steps, words) in [("1e3", "in digits: 1000"), ("2.5", "a whole number"), ("x", "a whole number")] {
        let ran = run(&format!("audit errors --spectrum natural:4x4x1 --steps {steps}"));
        assert!(ran.code == Some(2) && ran.stderr.contains(words), "{ran:?}");
    }
}
