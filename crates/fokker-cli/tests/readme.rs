//! The console blocks of README.md and docs/ print what they say.

mod common;

use common::{shared_data, succeed_in};
use std::path::{Path, PathBuf};

/// The commands of the console blocks, each with the output that follows it.
fn commands(markdown: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for block in markdown.split("```console\n").skip(1) {
        let block = block.split_once("```").expect("a block that ends").0;
        let mut open = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                found.push((command.to_owned(), String::new()));
                open = true;
            } else {
                assert!(open, "a console block starts with its command: {line}");
                let output = &mut found.last_mut().expect("a command was found").1;
                *output += line;
                output.push('\n');
            }
        }
    }
    found
}

/// The output without the lines that tell the time or the rounding of the machine.
fn lasting(output: &str) -> Vec<&str> {
    let fleeting =
        |line: &str| ["seconds ", "certificate  exact", "gap "].iter().any(|start| line.starts_with(start));
    output.trim_end().lines().filter(|line| !fleeting(line)).collect()
}

/// The two clouds that the guide makes with awk.
fn guide_clouds() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, range, shift) in [("a.csv", 1..=400, 0.0), ("b.csv", 401..=700, 0.2)] {
        let line = |i: i32| {
            let (x, y) = ((f64::from(i) * 0.618034) % 1.0, (f64::from(i) * 0.414214) % 1.0);
            format!("{:.6},{y:.6}\n", shift + x)
        };
        std::fs::write(folder.path().join(name), range.map(line).collect::<String>()).unwrap();
    }
    folder
}

fn check(document: &str, at_least: usize) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(document)).unwrap();
    let commands = commands(&text);
    let clouds = guide_clouds();
    assert!(commands.len() >= at_least, "{document} has {} commands", commands.len());
    for (command, expected) in commands {
        let arguments = command.strip_prefix("fokker ").expect("commands of fokker only");
        // Data that is not in the repository is in the folder of shared data, under its own name.
        let needs_data = arguments.contains(".gz") || arguments.contains(".npy");
        let folder = if needs_data { shared_data(&command) } else { Some(Path::new(".").to_owned()) };
        let Some(folder) = folder else { continue };
        let folder = if arguments.contains("a.csv") { clouds.path().to_owned() } else { folder };
        assert_eq!(lasting(&succeed_in(&folder, arguments)), lasting(&expected), "{document}: {command}");
    }
}

#[test]
fn readme_prints_what_it_says() {
    check("README.md", 2);
}

#[test]
fn the_guide_prints_what_it_says() {
    check("docs/choosing.md", 8);
}
