//! Running the built binary, and the files it is run on.

#![allow(dead_code)] // each test binary uses its own part
#![allow(unused_imports)]

#[path = "../../../fokker/tests/common/shared.rs"]
mod shared;

pub use shared::shared_data;

use std::path::Path;
use std::process::{Command, Output};

/// The binary of this build.
pub fn fokker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fokker"))
}

/// What a run of the binary left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the command line, words separated by blanks.
pub fn run(line: &str) -> Ran {
    run_in(Path::new("."), line)
}

/// As [`run`], in a folder.
pub fn run_in(folder: &Path, line: &str) -> Ran {
    ran(fokker().current_dir(folder).args(line.split_whitespace()).output().expect("the binary starts"))
}

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let ran = Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// Stdout of a run that must succeed in silence.
pub fn succeed_in(folder: &Path, line: &str) -> String {
    let ran = run_in(folder, line);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "fokker {line}");
    ran.stdout
}

/// As [`succeed_in`], anywhere.
pub fn succeed(line: &str) -> String {
    succeed_in(Path::new("."), line)
}

/// The cells that a run with `--json` prints.
pub fn cells_in(folder: &Path, line: &str) -> Vec<serde_json::Value> {
    let text = succeed_in(folder, &format!("{line} --json"));
    let value: serde_json::Value = serde_json::from_str(&text).expect("the output is JSON");
    value["cells"].as_array().expect("`cells` is an array").clone()
}

/// A number of a cell.
pub fn number(cell: &serde_json::Value, key: &str) -> f64 {
    cell[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {cell}"))
}

/// A .npy file: its header's dictionary, then the bytes of the numbers.
pub fn npy(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(body);
    file
}

/// f64 numbers as little-endian bytes.
pub fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A folder with the clouds, the rows and the fit that the examples of the help name.
pub fn example_clouds() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("a.csv", "0,0\n1,0\n0,1\n1,1\n");
    write("b.csv", "3,4\n4,4\n3,5\n4,5\n");
    let rows: String =
        (0..200).map(|i| format!("{},{}\n", (i * 37 % 101) as f64 / 10.0, i * i % 97)).collect();
    write("x.csv", &rows);
    succeed_in(folder.path(), "spectral fit x.csv --reference hermite -o score.safetensors");
    // Snapshots, and an energy that says something about every time.
    let cells =
        "population simulate --potential flat --interval 1 --particles 100 --snapshots 4 -o cells.csv";
    succeed_in(folder.path(), cells);
    succeed_in(
        folder.path(),
        "population fit cells.csv --potential poly:2 --scheme explicit -o e.safetensors",
    );
    folder
}

/// Files that are wrong, and a few that are right, in a folder of their own.
pub fn wrong_files() -> tempfile::TempDir {
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
