//! The binary as people and programs use it: help, output, exit codes.

mod common;

use common::{example_clouds, fokker, run, succeed, succeed_in, wrong_files};
use serde_json::Value;
use std::io::Read;
use std::process::Stdio;

const SMALL: &str = "audit errors --spectrum natural:4x4x1";

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
    let files = wrong_files();
    let line = "audit errors --data rows.csv --scheme em";
    assert_eq!(succeed_in(files.path(), line), succeed_in(files.path(), &format!("{line} --quiet")));
}
