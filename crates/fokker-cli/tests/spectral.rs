//! `fokker spectral`: from data to a fit, samples, densities and scores, and what is refused.

mod common;

use common::{cells_in, number, run_in, succeed_in};
use std::path::Path;
use tempfile::tempdir;

fn json(folder: &Path, line: &str) -> serde_json::Value {
    serde_json::from_str(&succeed_in(folder, &format!("{line} --json"))).expect("the output is JSON")
}

#[test]
fn a_problem_is_fitted_sampled_and_evaluated() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let problem = json(folder, "spectral problem gl:4 -n 3000 --seed 1 -o x.npy");
    assert_eq!((&problem["n"], &problem["d"]), (&3000.into(), &4.into()));
    let fitted = json(
        folder,
        "spectral fit x.npy --reference hermite --pairs chain --gaussian-pairs -o s.safetensors",
    );
    // 16 of one coordinate, 6 on each of 3 edges, 3 further pairs.
    assert_eq!(fitted["functions"], 37);
    assert_eq!(fitted["report"]["rank"], 37);
    let comparison = &fitted["report"]["comparison"];
    assert!(number(comparison, "spectral") > number(comparison, "gaussian"));
    let sample = |options: &str| {
        succeed_in(folder, &format!("spectral sample s.safetensors -n 500 --corrector 20 {options}"));
        std::fs::read(folder.join(options.rsplit(' ').next().unwrap())).unwrap()
    };
    let bytes = sample("--threads 1 -o a.npy");
    assert_eq!(bytes, sample("--threads 2 -o b.npy"));
    assert_ne!(bytes, sample("--seed 1 -o c.npy"));
    assert_eq!(bytes.len() % 64, 500 * 4 * 8 % 64);
    let adjusted = json(folder, "spectral sample s.safetensors -n 300 --metropolis -o d.npy");
    assert!((0.5..1.0).contains(&number(&adjusted, "acceptance")));
    let density = json(folder, "spectral density s.safetensors x.npy -o logp.npy");
    // Of the same rows, most of which the fit has seen.
    assert!((number(&density, "mean") - number(comparison, "spectral")).abs() < 0.2);
    let energy = json(folder, "spectral density s.safetensors x.npy --density energy -o e.npy");
    assert_eq!((&density["density"], &energy["density"]), (&"flow".into(), &"energy".into()));
    assert!((number(&energy, "mean") - number(comparison, "energy")).abs() < 0.2);
    let score = json(folder, "spectral score s.safetensors x.npy --at 0.1 -o s.npy");
    assert_eq!(score["d"], 4);
}

#[test]
fn the_best_of_several_bases_is_chosen() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    succeed_in(folder, "spectral problem gl:4 -n 3000 --seed 1 -o x.npy");
    for hold_out in ["0", "0.2"] {
        let line = format!(
            "spectral fit x.npy --reference hermite --degree 2,4 --pairs none,chain --hold-out {hold_out}"
        );
        let fitted = json(folder, &line);
        let candidates = fitted["candidates"].as_array().unwrap();
        assert_eq!(candidates.len(), 4);
        // Two wells that interact.
        assert_eq!((&fitted["degree"], &fitted["pairs"]), (&4.into(), &"chain".into()));
        let least = candidates.iter().map(|c| number(c, "criterion")).fold(f64::INFINITY, f64::min);
        assert_eq!(least, number(&candidates[3], "criterion"));
        let text = succeed_in(folder, &line);
        assert_eq!(text.lines().filter(|line| line.contains("chosen")).count(), 2, "{text}");
        assert!(text.contains("ridge") && text.contains("degree 4, pairs: chain"), "{text}");
    }
}

#[test]
fn a_fitted_score_is_audited() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    succeed_in(folder, "spectral problem gl:4 -n 3000 --seed 1 -o x.npy");
    let line = "--data x.npy --scheme heun,em --steps 30 --grid log-snr --stop 1e-3";
    for (degree, affine) in [(2, true), (4, false)] {
        let options = "--reference hermite --hold-out 0 --ridge 0";
        succeed_in(folder, &format!("spectral fit x.npy {options} --degree {degree} -o s.safetensors"));
        let cells = cells_in(folder, &format!("audit errors --score s.safetensors {line}"));
        for cell in cells.iter().filter(|cell| !cell["grid"].is_null()) {
            assert_eq!(cell["remainder"].is_null(), affine, "{cell}");
            // Of degree 2 without ridge it is the exact score at the times that were solved;
            // interpolation between them is all that is left.
            if affine {
                assert!(number(cell, "score") < 0.02 && number(cell, "w2") < 0.2, "{cell}");
            }
        }
    }
    succeed_in(folder, "spectral fit x.npy --reference cosine -o s.safetensors");
    let ran = run_in(folder, &format!("audit errors --score s.safetensors {line}"));
    assert!(ran.code == Some(2) && ran.stderr.contains("hermite"), "{}", ran.stderr);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("x.csv"), "0,1\n1,3\n2,2\n3,nan\n").unwrap();
    std::fs::write(folder.join("y.csv"), "0,1\n1,3\n2,2\n3,7\n5,1\n2,4\n").unwrap();
    std::fs::write(folder.join("pairs.csv"), "0,5\n").unwrap();
    std::fs::write(folder.join("junk.safetensors"), "junk").unwrap();
    std::fs::write(folder.join("empty.csv"), "").unwrap();
    for (line, words) in [
        ("fit x.csv", "line 4, column 2"),
        ("fit none.csv", "no such file"),
        ("fit empty.csv", "empty"),
        ("fit y.csv --pairs lattice:3x3", "lattice"),
        ("fit y.csv --pairs lattice:3", "ROWSxCOLUMNS"),
        ("fit y.csv --pairs ring", "chain"),
        ("fit y.csv --pairs pairs.csv", "pairs"),
        ("fit y.csv --degree 0", "degree"),
        ("fit y.csv --ridge -1", "ridge"),
        ("fit y.csv --hold-out 2", "hold-out"),
        ("fit y.csv -o none/s.safetensors", "no folder"),
        ("sample junk.safetensors -o a.npy", "junk.safetensors"),
        ("sample y.csv -o a.npy", "y.csv"),
        ("density junk.safetensors y.csv -o a.npy", "junk.safetensors"),
        ("score junk.safetensors y.csv --at -1 -o a.npy", "at must be at least 0"),
        ("problem gl:0 -o a.npy", "from 1 to 4096"),
        ("problem ring -o a.npy", "gl:SITES"),
    ] {
        let ran = run_in(folder, &format!("spectral {line}"));
        assert!(
            ran.code == Some(2) && ran.stderr.contains(words),
            "{line}: {} {}",
            ran.code.unwrap_or(0),
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{line}: {}", ran.stderr);
    }
    assert!(!folder.join("a.npy").exists());
}

#[test]
fn an_energy_without_constant_has_no_density() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("few.csv"), "0,1\n1,0.5\n2,4\n").unwrap();
    succeed_in(folder, "spectral fit few.csv --reference hermite -o s.safetensors");
    for dry in ["", "--dry-run"] {
        let ran = run_in(
            folder,
            &format!("spectral density s.safetensors few.csv --density energy -o e.npy {dry}"),
        );
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("s.safetensors: log Z") && ran.stderr.contains("flow"), "{}", ran.stderr);
    }
    for (line, word) in [("--pairs none,,all", "empty name"), ("--degree 2,0", "degree")] {
        let ran = run_in(folder, &format!("spectral fit few.csv {line}"));
        assert!(ran.code == Some(2) && ran.stderr.contains(word), "{}", ran.stderr);
    }
}
