//! `fokker transport`: values with closed forms, files, errors.

mod common;

use common::{bytes, example_clouds, npy, number, run, run_in, succeed, succeed_in};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Points that are spread evenly without a pattern: multiples of irrational numbers.
fn cloud(n: usize, d: usize, shift: f64) -> Vec<f64> {
    let steps = [0.6180339887498949, 0.4142135623730951, 0.7320508075688772];
    (0..n * d).map(|k| ((k / d + 1) as f64 * steps[k % d]).fract() + shift).collect()
}

fn write_cloud(folder: &Path, name: &str, values: &[f64], d: usize) {
    let shape = format!("({}, {d})", values.len() / d);
    std::fs::write(folder.join(name), npy("<f8", &shape, &bytes(values))).unwrap();
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn json(folder: &Path, line: &str) -> Value {
    serde_json::from_str(&succeed_in(folder, &format!("transport {line} --json"))).expect("JSON")
}

fn value(folder: &Path, line: &str) -> f64 {
    number(&json(folder, &format!("distance {line}")), "value")
}

/// The numbers of one array of an .npz, each of 8 bytes, with the type of its header.
fn array(path: &Path, key: &str) -> (String, Vec<[u8; 8]>) {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut entry = zip.by_name(&format!("{key}.npy")).unwrap();
    assert_eq!(entry.compression(), zip::CompressionMethod::Deflated);
    let mut file = Vec::new();
    entry.read_to_end(&mut file).unwrap();
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    assert_eq!(start % 64, 0);
    let header = String::from_utf8(file[10..start].to_vec()).unwrap();
    let entries = file[start..].chunks_exact(8).map(|chunk| chunk.try_into().unwrap()).collect::<Vec<_>>();
    assert!(header.contains(&format!("'shape': ({},)", entries.len())), "{header}");
    (header, entries)
}

fn indices(path: &Path, key: &str) -> Vec<usize> {
    let (header, entries) = array(path, key);
    assert!(header.contains("'descr': '<i8'"), "{header}");
    entries.into_iter().map(|entry| i64::from_le_bytes(entry) as usize).collect()
}

fn numbers(path: &Path, key: &str) -> Vec<f64> {
    let (header, entries) = array(path, key);
    assert!(header.contains("'descr': '<f8'"), "{header}");
    entries.into_iter().map(f64::from_le_bytes).collect()
}

#[test]
fn a_shift_is_as_long_as_it_is() {
    let folder = example_clouds();
    // (3, 4) away: W1 = W2 = 5, exactly.
    for metric in ["w1", "w2"] {
        let output = json(folder.path(), &format!("distance a.csv b.csv --metric {metric}"));
        assert!((number(&output, "value") - 5.0).abs() < 1e-14, "{output}");
        assert!((0.0..1e-12).contains(&number(&output, "gap")), "{output}");
    }
    // The divergence is the squared distance at any ε.
    for options in ["", "--epsilon 0.5", "--relative-epsilon 0.1"] {
        let found = value(folder.path(), &format!("a.csv b.csv --metric sinkhorn {options}"));
        assert!((found - 25.0).abs() < 1e-4, "{options}: {found}");
    }
    // E (θ·(3, 4))² = 25/2 over directions; relative spread √(1/2)/√K, here 5 standard errors.
    let sliced = value(folder.path(), "a.csv b.csv --metric sliced-w2 --directions 20000");
    assert!((sliced.powi(2) / 12.5 - 1.0).abs() < 5.0 * (0.5f64 / 20000.0).sqrt(), "{sliced}");
}

#[test]
fn one_dimensional_values_have_closed_forms() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "zero.csv", "0\n");
    write(at, "two.csv", "2\n");
    write(at, "split.csv", "1\n-1\n");
    write(at, "quarter.txt", "1\n3\n");
    // A point mass against ±1 with weights 1/4 and 3/4: every unit moves by 1.
    assert_eq!(value(at, "zero.csv split.csv --metric w1 --weights-b quarter.txt"), 1.0);
    // Against 2: W1 = 1/4·1 + 3/4·3, W2² = 1/4·1 + 3/4·9.
    assert!((value(at, "two.csv split.csv --metric w1 --weights-b quarter.txt") - 2.5).abs() < 1e-15);
    assert!((value(at, "two.csv split.csv --weights-b quarter.txt") - 7f64.sqrt()).abs() < 1e-15);
    assert_eq!(value(at, "zero.csv two.csv --metric energy"), 2.0);
    let mmd = (2.0 - 2.0 * (-0.5f64).exp()).sqrt();
    assert!((value(at, "zero.csv two.csv --metric mmd --bandwidth 2") - mmd).abs() < 1e-15);
    // By default the bandwidth is the median distance, here 2 too.
    assert!((value(at, "zero.csv two.csv --metric mmd") - mmd).abs() < 1e-15);
    // Squares of these would leave the range of numbers.
    for size in ["1e-170", "1e200"] {
        write(at, "far.csv", &format!("{size}\n"));
        let size: f64 = size.parse().unwrap();
        assert!((value(at, "zero.csv far.csv") / size - 1.0).abs() < 1e-14);
    }
}

#[test]
fn weights_stand_for_repeated_points() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "short.csv", "0,0\n1,2\n");
    write(at, "long.csv", "0,0\n1,2\n1,2\n");
    write(at, "b.csv", "5,1\n-1,3\n2,2\n");
    write(at, "one.txt", "1 2");
    write(at, "equal.json", "[7, 7, 7]");
    for metric in ["w1", "w2", "energy", "sliced-w2", "mmd --bandwidth 1"] {
        let repeated = value(at, &format!("long.csv b.csv --metric {metric}"));
        for weights in [
            "--weights-a one.txt",
            "--weights-a one.txt --weights-b equal.json",
            "--weights one.txt,equal.json",
        ] {
            let weighted = value(at, &format!("short.csv b.csv --metric {metric} {weights}"));
            assert!((weighted - repeated).abs() < 1e-13 * repeated, "{metric}: {weighted} {repeated}");
        }
    }
    // Halves of weighted points keep their weights.
    write(at, "most.txt", "1 0 1");
    let output = json(at, "distance long.csv b.csv --floor --repeats 3 --weights-b most.txt");
    assert!(number(&output["floor"], "mean").is_finite());
}

#[test]
fn the_output_has_the_documented_keys_and_nulls() {
    let folder = example_clouds();
    for metric in ["w1", "w2", "sliced-w2", "energy", "mmd", "sinkhorn"] {
        for floor in ["", "--floor --repeats 4"] {
            let output = json(folder.path(), &format!("distance a.csv b.csv --metric {metric} {floor}"));
            let keys = [
                "metric",
                "value",
                "gap",
                "certificate",
                "n",
                "m",
                "floor",
                "p_value",
                "permutations",
                "seconds",
            ];
            assert!(output.as_object().unwrap().keys().eq(keys), "{output}");
            assert_eq!(output["metric"], metric);
            assert_eq!(output["gap"].is_f64(), ["w1", "w2"].contains(&metric), "{output}");
            assert_eq!((&output["n"], &output["m"]), (&Value::from(4), &Value::from(4)));
            assert!(number(&output, "seconds") >= 0.0);
            if floor.is_empty() {
                assert!(output["floor"].is_null() && output["p_value"].is_null());
            } else {
                assert!(output["floor"].as_object().unwrap().keys().eq(["mean", "sd", "repeats"]));
                assert_eq!(output["floor"]["repeats"], 4);
                assert!(number(&output, "p_value") >= 0.01 && output["permutations"] == 99);
            }
        }
    }
    let output = json(folder.path(), "couple a.csv b.csv");
    let keys =
        ["cost", "gap", "smallest_reduced_cost", "marginal_error", "n", "m", "entries", "seconds", "output"];
    assert!(output.as_object().unwrap().keys().eq(keys) && output["output"].is_null(), "{output}");
    assert!((number(&output, "cost") - 25.0).abs() < 1e-13 && output["entries"] == 4, "{output}");
}

#[test]
fn the_floor_tells_chance_from_distance() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let points = cloud(200, 2, 0.0);
    write_cloud(at, "a.npy", &points, 2);
    write_cloud(at, "far.npy", &cloud(200, 2, 3.0), 2);
    write_cloud(at, "same.npy", &points[200..], 2);
    for metric in ["w1", "w2", "sliced-w2", "energy", "mmd", "sinkhorn"] {
        let line = |other: &str| {
            format!("transport distance a.npy {other} --metric {metric} --floor --permutations 19")
        };
        let far = succeed_in(at, &line("far.npy"));
        assert!(far.contains("More than chance") && far.contains("a.npy"), "{far}");
        // None of 19 permutations reaches it.
        assert!(far.contains("0.05 (19 permutations)"), "{far}");
        let same = succeed_in(at, &line("same.npy"));
        assert!(same.contains("Chance puts two such clouds as far apart"), "{same}");
        // One split has no spread, and without a test nothing is claimed.
        let one = succeed_in(
            at,
            &format!("{} --repeats 1 --permutations 0", line("far.npy").replace(" --permutations 19", "")),
        );
        assert!(one.contains("(1 splits)") && !one.contains('±') && !one.contains("More than"), "{one}");
        assert!(far.lines().chain(same.lines()).all(|line| line.chars().count() <= 80), "{far}{same}");
    }
    let seeded =
        |seed: u64| json(at, &format!("distance a.npy far.npy --floor --seed {seed}"))["floor"].clone();
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn a_saved_plan_is_a_coupling_with_its_proof() {
    let folder = tempfile::tempdir().unwrap();
    let (at, plan) = (folder.path(), folder.path().join("plan.npz"));
    let (n, m) = (30, 45);
    let (x, y) = (cloud(n, 2, 0.0), cloud(m, 2, 0.2));
    write_cloud(at, "a.npy", &x, 2);
    write_cloud(at, "b.npy", &y, 2);
    write(at, "plan.npz", "what was there before");
    for (name, power) in [("squared-euclidean", 2), ("euclidean", 1)] {
        let output = json(at, &format!("couple a.npy b.npy --cost {name} -o plan.npz"));
        assert_eq!(output["output"], "plan.npz");
        let (source, target) = (indices(&plan, "source"), indices(&plan, "target"));
        let (mass, u, v) =
            (numbers(&plan, "mass"), numbers(&plan, "dual_source"), numbers(&plan, "dual_target"));
        assert_eq!((source.len(), u.len(), v.len()), (mass.len(), n, m));
        let cost = |i: usize, j: usize| (x[2 * i] - y[2 * j]).hypot(x[2 * i + 1] - y[2 * j + 1]).powi(power);
        let (mut rows, mut columns, mut total) = (vec![0.0; n], vec![0.0; m], 0.0);
        for (k, &mass) in mass.iter().enumerate() {
            rows[source[k]] += mass;
            columns[target[k]] += mass;
            total += mass * cost(source[k], target[k]);
        }
        assert!(rows.iter().all(|row| (row - 1.0 / n as f64).abs() < 1e-15));
        assert!(columns.iter().all(|column| (column - 1.0 / m as f64).abs() < 1e-15));
        assert!((total - number(&output, "cost")).abs() < 1e-14);
        assert!((0..n).all(|i| (0..m).all(|j| u[i] + v[j] <= cost(i, j) + 1e-12)));
        let dual = u.iter().sum::<f64>() / n as f64 + v.iter().sum::<f64>() / m as f64;
        assert!((total - dual).abs() < 1e-12, "{total} {dual}");
    }
    let names: Vec<_> = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing else is left: {names:?}");
    let table = succeed_in(at, "transport couple a.npy b.npy -o plan.npz");
    assert!(table.contains("saved") && table.contains("no coupling costs less"), "{table}");
}

#[test]
fn bad_input_is_one_line_that_names_the_culprit() {
    let folder = example_clouds();
    let at = folder.path();
    write(at, "wide.csv", "1,2,3\n");
    write(at, "empty.csv", "");
    write(at, "nan.csv", "1,2\n3,NaN\n");
    write(at, "header.csv", "x,y\n");
    write(at, "point.csv", "1,2\n");
    write(at, "three.txt", "1 1 1");
    write(at, "negative.txt", "1 1 -1 1");
    write(at, "nan.txt", "1 1 nan 1");
    write(at, "zeros.txt", "0 0 0 0");
    std::fs::write(at.join("none.npy"), npy("<f8", "(0, 2)", b"")).unwrap();
    std::fs::write(at.join("nan.npy"), npy("<f8", "(1, 2)", &bytes(&[1.0, f64::NAN]))).unwrap();
    let cases = [
        ("distance a.csv wide.csv", "wide.csv: has points of dimension 3, a.csv of 2"),
        ("couple a.csv wide.csv", "wide.csv: has points of dimension 3, a.csv of 2"),
        ("distance a.csv empty.csv", "empty.csv: is empty"),
        ("distance a.csv header.csv", "header.csv: has no rows"),
        ("distance none.npy a.csv", "none.npy: "),
        ("distance a.csv nan.csv", "nan.csv: line 2, column 2"),
        ("distance a.csv nan.npy", "nan.npy: "),
        ("distance a.csv missing.csv", "missing.csv: there is no such file"),
        ("distance a.csv b.csv --weights-a three.txt", "three.txt: has 3 weights for the 4 points of a.csv"),
        ("distance a.csv b.csv --weights-b negative.txt", "negative.txt: entry 2"),
        ("distance a.csv b.csv --weights-b nan.txt", "nan.txt: "),
        ("couple a.csv b.csv --weights-a zeros.txt", "zeros.txt: all weights are zero"),
        ("couple a.csv b.csv --weights three.txt", "--weights must be two files, FA,FB, found 1"),
        (
            "distance a.csv b.csv --epsilon 1",
            "epsilon must be left out: it is an option of the metric sinkhorn, not of w2",
        ),
        (
            "distance a.csv b.csv --metric mmd --directions 5",
            "directions must be left out: it is an option of the metric sliced-w2",
        ),
        (
            "distance a.csv b.csv --metric mmd --bandwidth -1",
            "bandwidth must be positive and finite, found -1",
        ),
        ("distance a.csv b.csv --metric sliced-w2 --directions 0", "directions must be positive"),
        ("distance a.csv b.csv --metric sinkhorn --epsilon NaN", "epsilon must be a number, found \"NaN\""),
        ("distance point.csv point.csv --metric mmd", "give a bandwidth"),
        ("distance a.csv b.csv --floor --repeats 0", "repeats must be from 1"),
        ("distance a.csv b.csv --metric w3", "unknown metric \"w3\"; known: w1, w2"),
        ("distance a.csv b.csv --repeats 3", "repeats must be left out: it is an option of the floor"),
        ("distance a.csv b.csv --metric sinkhorn --epsilon 1 --relative-epsilon 1", "give one of them"),
        ("couple a.csv b.csv --cost cubic", "unknown cost \"cubic\""),
        ("distance point.csv a.csv --floor", "point.csv: has one row"),
        ("couple a.csv b.csv -o missing/plan.npz", "missing/plan.npz: there is no folder missing"),
        ("couple a.csv b.csv -o .", ".: is a folder"),
    ];
    for (line, culprit) in cases {
        let ran = run_in(at, &format!("transport {line}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("fokker: ") && ran.stderr.lines().count() == 1, "{line}: {ran:?}");
        assert!(ran.stderr.contains(culprit), "{line}: {}", ran.stderr);
    }
    for (line, culprit) in
        [("distance a.csv", "<B>"), ("couple a.csv b.csv --weights x,y --weights-a z", "--weights-a")]
    {
        let ran = run(&format!("transport {line}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{line}");
        assert!(ran.stderr.contains(culprit) && ran.stderr.contains("--help"), "{line}: {}", ran.stderr);
    }
}

#[test]
fn no_convergence_is_exit_1_with_the_error_reached() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_cloud(at, "a.npy", &cloud(40, 2, 0.0), 2);
    write_cloud(at, "b.npy", &cloud(37, 2, 0.1), 2);
    // Below the rounding of the costs no plan keeps its marginals.
    let ran = run_in(at, "transport distance a.npy b.npy --metric sinkhorn --epsilon 1e-14");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(1), "", 1), "{ran:?}");
    assert!(ran.stderr.contains("marginal error") && ran.stderr.contains("larger epsilon"), "{ran:?}");
}

#[test]
fn the_thread_count_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_cloud(at, "a.npy", &cloud(500, 3, 0.0), 3);
    write_cloud(at, "b.npy", &cloud(400, 3, 0.1), 3);
    for metric in ["w1", "w2", "sliced-w2", "energy", "mmd", "sinkhorn"] {
        let output = |threads: usize| {
            let line = format!(
                "distance a.npy b.npy --metric {metric} --floor --repeats 2 --permutations 3 --threads {threads}"
            );
            let mut output = json(at, &line);
            output.as_object_mut().unwrap().remove("seconds");
            output.to_string()
        };
        assert_eq!(output(1), output(2));
    }
    let plan = |threads: usize| {
        succeed_in(at, &format!("transport couple a.npy b.npy -o plan.npz --threads {threads}"));
        std::fs::read(at.join("plan.npz")).unwrap()
    };
    assert!(plan(1) == plan(2));
}

#[test]
fn long_work_says_how_long_unless_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_cloud(at, "a.npy", &cloud(7000, 1, 0.0), 1);
    let line = "transport distance a.npy a.npy --metric energy";
    let ran = run_in(at, line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.starts_with("about ") && ran.stderr.lines().count() == 1, "{ran:?}");
    let output = run_in(at, &format!("{line} --quiet"));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_dry_run_checks_everything_and_writes_nothing() {
    let folder = example_clouds();
    let text = succeed_in(folder.path(), "transport couple a.csv b.csv -o plan.npz --dry-run");
    assert!(text.contains("would couple a.csv") && !folder.path().join("plan.npz").exists(), "{text}");
    let plan = json(folder.path(), "distance a.csv b.csv --metric w1 --dry-run");
    assert_eq!((plan["metric"].as_str(), plan["n"].as_u64()), (Some("w1"), Some(4)));
    assert_eq!(run("transport distance missing.csv b.csv --dry-run").code, Some(2));
    assert!(succeed("transport --help").contains("distance"));
}
