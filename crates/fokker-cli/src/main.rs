//! The command line of fokker: arguments → library → report.

mod args;
mod commands;
mod files;
mod progress;
mod report;

use clap::Parser;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Exit codes: 0 done, 1 numerical failure, interruption, lost output or an error found by `audit
/// lint`, 2 wrong usage or input.
fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(error),
    };
    // The pool is built once, before anything uses it.
    let variable = std::env::var("RAYON_NUM_THREADS").ok();
    let threads = fokker::thread_count(arguments.global.threads, variable.as_deref());
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        eprintln!("fokker: cannot start {threads} threads ({error}): give fewer, as --threads 1");
        return ExitCode::from(1);
    }
    match commands::run(&arguments).and_then(|outcome| print(&outcome.text).map(|()| outcome.code)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("fokker: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Says what is wrong with the arguments: the library's own sentence where it has one.
fn refuse(error: clap::Error) -> ExitCode {
    match args::sentence(&error) {
        Some(sentence) => eprintln!("fokker: {sentence}"),
        None => error.exit(),
    }
    ExitCode::from(2)
}

/// A reader that has seen enough (`fokker … | head`) is no error.
fn print(output: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("the result cannot be written"))
        }
        _ => Ok(()),
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<fokker::Error>() {
        Some(error) if !error.is_input() => 1,
        // Errors of reading are turned into text where they happen: this one is of writing.
        None if error.downcast_ref::<std::io::Error>().is_some() => 1,
        _ => 2,
    }
}
