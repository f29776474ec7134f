//! Files that are written: what is there before, behind links, on devices, and after failures.
//!
//! The written rows are those of `problem mixture-1d`, drawn with the same seed each time.
#![cfg(unix)]

mod common;

use common::{Ran, example_clouds, fokker, run_in, succeed_in};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Writes 50 samples to `name`.
fn draw(folder: &Path, name: &str) -> Ran {
    run_in(folder, &format!("spectral problem mixture-1d -n 50 -o {name}"))
}

/// The folder's entries, by name.
fn entries(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn written(folder: &Path, name: &str) -> Vec<u8> {
    let ran = draw(folder, name);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn the_name_says_the_format_or_is_refused() {
    let folder = example_clouds();
    let folder = folder.path();
    assert!(written(folder, "s.npy").starts_with(b"\x93NUMPY"));
    assert!(written(folder, "s.npz").starts_with(b"PK"));
    let text = String::from_utf8(written(folder, "s.CSV")).unwrap();
    assert_eq!((text.lines().next(), text.lines().count()), (Some("x0"), 51));
    // The same numbers from all three.
    for name in ["s.npz", "s.CSV"] {
        let line = format!("transport distance s.npy {name} --json");
        assert!(succeed_in(folder, &line).contains("\"value\": 0.0"), "{name}");
    }
    let before = entries(folder);
    for (line, formats) in [
        ("spectral problem mixture-1d -o s.json", ".npy or .npz or .csv"),
        ("spectral problem mixture-1d -o s", ".npy or .npz or .csv"),
        ("spectral sample score.safetensors -n 5 -o s.safetensors", ".npy or .npz or .csv"),
        ("spectral density score.safetensors x.csv -o s.txt", ".npy or .npz or .csv"),
        ("spectral score score.safetensors x.csv --at 1 -o s.h5ad", ".npy or .npz or .csv"),
        ("spectral fit x.csv -o s.npz", ".safetensors"),
        ("population fit cells.csv -o e.csv", ".safetensors"),
        ("population simulate -o c.npy", ".npz or .csv"),
        ("population predict e.safetensors --from cells.csv --at 0 --times 1 -o c.h5ad", ".npz or .csv"),
        ("transport couple a.csv b.csv -o p.csv", ".npz"),
        ("audit texture --pattern 8x8 -o t.jpg", ".png"),
    ] {
        let ran = run_in(folder, line);
        let wanted = format!("is written as {formats}, give a name that ends so\n");
        assert!(ran.code == Some(2) && ran.stderr.ends_with(&wanted), "{line}: {ran:?}");
    }
    assert_eq!(entries(folder), before);
}

#[test]
fn links_are_written_through_and_modes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = written(folder, "plain.npy");
    fs::create_dir(folder.join("far")).unwrap();
    // To a file, in another folder, to nothing yet, and to another link.
    for (link, target) in
        [("a.npy", "old.npy"), ("b.npy", "far/old.npy"), ("c.npy", "far/new.npy"), ("d.npy", "b.npy")]
    {
        if target.ends_with("old.npy") {
            fs::write(folder.join(target), "old").unwrap();
            fs::set_permissions(folder.join(target), fs::Permissions::from_mode(0o640)).unwrap();
        }
        symlink(target, folder.join(link)).unwrap();
        assert_eq!(written(folder, link), rows, "{link}");
        assert!(fs::symlink_metadata(folder.join(link)).unwrap().is_symlink(), "{link}");
        assert_eq!(fs::read(folder.join(target)).unwrap(), rows);
        if target.ends_with("old.npy") {
            assert_eq!(fs::metadata(folder.join(target)).unwrap().mode() & 0o7777, 0o640, "{link}");
        }
    }
    symlink("loop.npy", folder.join("loop.npy")).unwrap();
    assert!(draw(folder, "loop.npy").stderr.starts_with("fokker: loop.npy: "));
}

#[test]
fn devices_and_pipes_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = written(folder, "plain.npy");
    // As root a rename would replace the device itself, so the link is what is put at risk.
    symlink("/dev/null", folder.join("null")).unwrap();
    let ran = draw(folder, "null");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(fs::symlink_metadata(folder.join("null")).unwrap().is_symlink());
    assert!(!fs::metadata("/dev/null").unwrap().is_file());

    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read(pipe).unwrap())
    };
    let ran = draw(folder, "pipe");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!fs::metadata(&pipe).unwrap().is_file());
    assert_eq!(reader.join().unwrap(), rows, "a pipe without a name of a format gets the first one");
    assert_eq!(entries(folder), ["null", "pipe", "plain.npy"]);
}

#[test]
fn an_input_is_never_replaced() {
    let folder = example_clouds();
    let folder = folder.path();
    fs::hard_link(folder.join("x.csv"), folder.join("hard.csv")).unwrap();
    symlink("score.safetensors", folder.join("soft.safetensors")).unwrap();
    fs::write(folder.join("pairs.safetensors"), "0,1\n").unwrap();
    fs::write(folder.join("w.npz"), "1\n1\n1\n1\n").unwrap();
    let lines = [
        "spectral fit score.safetensors -o score.safetensors",
        "spectral fit x.csv --pairs pairs.safetensors -o pairs.safetensors",
        "spectral density score.safetensors x.csv -o x.csv",
        "spectral score score.safetensors x.csv --at 1 -o hard.csv",
        "spectral fit soft.safetensors -o score.safetensors",
        "population fit cells.csv --labels e.safetensors -o e.safetensors",
        "population predict e.safetensors --from cells.csv --at 0 --times 1 -o ./cells.csv",
        "transport couple a.csv b.csv --weights-a w.npz -o w.npz",
        "transport couple a.csv b.csv --weights a.csv,w.npz -o w.npz",
        "audit texture w.npz -o w.npz",
    ];
    let read = |name: &String| fs::read(folder.join(name)).unwrap();
    let names = entries(folder);
    let before: Vec<Vec<u8>> = names.iter().map(read).collect();
    for line in lines {
        let ran = run_in(folder, line);
        assert!(ran.code == Some(2) && ran.stderr.contains("is the input"), "{line}: {ran:?}");
    }
    assert_eq!(entries(folder), names);
    assert!(names.iter().map(read).eq(before), "an input has changed");
    // The report goes to stdout: a result that is written there too would be mixed with it.
    let file = fs::File::create(folder.join("out.npy")).unwrap();
    let mut command = fokker();
    command.current_dir(folder).args(["spectral", "problem", "mixture-1d", "-o", "/dev/stdout"]);
    let output = command.stdout(file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("where the report is printed"));
}

/// A file that a killed process left, and one whose process lives.
#[test]
fn temporary_files_of_killed_processes_are_collected() {
    use rustix::fs::{FlockOperation, flock};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join(".fokker-gone.tmp"), "half").unwrap();
    let lives = fs::File::create(folder.join(".fokker-lives.tmp")).unwrap();
    flock(&lives, FlockOperation::LockExclusive).unwrap();
    written(folder, "s.npy");
    assert_eq!(entries(folder), [".fokker-lives.tmp", "s.npy"]);
}

#[test]
fn a_disk_that_is_full_is_one_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("old.npy"), "old").unwrap();
    // The limit of a file's size fails as a full disk does; 8 blocks are 4 kB, the samples 80 kB.
    for name in ["old.npy", "new.npz", "new.csv"] {
        let line = format!("ulimit -f 8; exec {} spectral problem mixture-1d -n 10000 -o {name}", binary());
        let output = Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.starts_with(&format!("fokker: {name}: cannot be written: ")), "{stderr}");
    }
    assert_eq!(fs::read(folder.join("old.npy")).unwrap(), b"old");
    assert_eq!(entries(folder), ["old.npy"]);
    if Path::new("/dev/full").exists() {
        let ran = run_in(folder, "spectral problem mixture-1d -o /dev/full");
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    }
}

/// While a signal's process writes, its temporary file is there; afterwards it is not.
#[test]
fn a_signal_removes_the_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for signal in ["TERM", "INT"] {
        // Rows as text take long enough to be met half-way.
        let line = "--seed 1 spectral problem gl:16 -n 150000 -o rows.csv";
        let mut child = fokker();
        child.current_dir(folder).args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        let half = || entries(folder).into_iter().find(|name| name.starts_with(".fokker-"));
        // The first such file only asks whether the folder can be written.
        let grows = |name: String| fs::metadata(folder.join(name)).is_ok_and(|file| file.len() > 0);
        while !half().is_some_and(grows) {
            assert!(child.try_wait().unwrap().is_none(), "done before the signal");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let ignored = signal == "INT" && ignores_interrupts();
        let signal = format!("-{}", if ignored { "TERM" } else { signal });
        Command::new("kill").args([&signal, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "ended by the signal");
        assert_eq!(entries(folder), [] as [String; 0]);
    }
}

/// A background process of a script may have been told to ignore interrupts.
fn ignores_interrupts() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    u64::from_str_radix(mask, 16).is_ok_and(|mask| mask >> 1 & 1 == 1)
}

fn binary() -> String {
    PathBuf::from(env!("CARGO_BIN_EXE_fokker")).display().to_string()
}
