//! Snapshots by value, written and read again, and everything that is wrong with them.

use super::*;
use crate::files::tests::{doubles, file, npy, npz as archive_of, shared_data};
use crate::files::write_values;
use ndarray::array;
use zip::CompressionMethod::Deflated;

fn read(path: &Path, options: &SnapshotOptions) -> Result<TimedRows, String> {
    read_snapshots(path, options, Task::silent()).map_err(|e| {
        let message = e.to_string();
        assert!(!message.contains('\n') && message.len() < 500, "{message}");
        message
    })
}

fn text(name: &str, content: &str, options: &SnapshotOptions) -> Result<TimedRows, String> {
    let (_folder, path) = file(name, content.as_bytes());
    read(&path, options)
}

#[test]
fn text_with_a_column_of_times() {
    let default = SnapshotOptions::default();
    let rows = text("a.csv", "samples,x1,x2\n3,0.5,1\n\n0,-1,2e3\n", &default).unwrap();
    assert_eq!((rows.times, rows.mass), (array![3.0, 0.0], None));
    assert_eq!(rows.x, array![[0.5, 1.0], [-1.0, 2000.0]]);
    assert_eq!(rows.description, "2 × 2 numbers of text, times in the column \"samples\"");
    let rows = text("a.tsv", "mass\ty\ttime\n2\t1\tday 3\n4\t7\tday 0\n", &default).unwrap();
    assert_eq!((rows.times, rows.mass), (array![3.0, 0.0], Some(array![2.0, 4.0])));
    assert_eq!(rows.x, array![[1.0], [7.0]]);
    assert!(rows.description.ends_with("; day 3 is time 3"), "{}", rows.description);
    let named = SnapshotOptions { time: Some("stage"), times: Some(&[0.0, 1.5]), ..default };
    let rows = text("a.csv", "x,stage\n1,late\n2,\"early\"\n3,late\n", &named).unwrap();
    assert_eq!(rows.times, array![1.5, 0.0, 1.5]);
    assert!(rows.description.ends_with("; early is time 0, late is time 1.5"));
}

#[test]
fn wrong_text_is_named_by_line_and_column() {
    let default = SnapshotOptions::default();
    for (content, wanted) in [
        ("x,y\n1,2\n", "line 1: no column is called time or samples: name one of \"x\", \"y\" with --time"),
        ("1,2\n3,4\n", "line 1 is numbers, expected the names"),
        (",time,x\n0,1,2\n", "line 1, column 1 has no name: an index"),
        ("time,x\n0,1\n\n1,abc\n", "line 4, column 2 (\"x\") is \"abc\", not a number"),
        ("time,x\n0,nan\n", "line 2, column 2 (\"x\") is NaN"),
        ("time,x\n0,1\n,2\n", "line 3, column 1 (\"time\") has no time"),
        ("time,x\nd1,1\n2h,2\n", "line 3, column 1 (\"time\") has the time \"2h\", but line 2"),
        ("time,x\n0,1,2\n", "line 2 has another number of fields than the header: expected 2, found 3"),
        ("time,x\n0\n", "expected 2, found 1"),
        ("time\n0\n", "no column of coordinates"),
        ("time,x\n", "no rows after the header"),
        ("time,x,mass\n0,1,-2\n", "the mass of row 0 (counted from 0) is -2"),
        ("time,x\n0,\"1\n", "line 2 has a quote that is not closed"),
    ] {
        let message = text("a.csv", content, &default).unwrap_err();
        assert!(message.contains("a.csv: ") && message.contains(wanted), "{content:?}: {message}");
    }
    let named = SnapshotOptions { time: Some("stage"), ..default };
    assert!(text("a.csv", "x,time\n1,2\n", &named).unwrap_err().contains("called stage"));
}

#[test]
fn rows_with_a_file_of_labels() {
    let rows = npy("'<f8'", false, "(3, 2)", &doubles(&[1., 2., 3., 4., 5., 6.]));
    let (_folder, path) = file("x.npy", &rows);
    assert!(read(&path, &SnapshotOptions::default()).unwrap_err().contains("give --labels"));
    let numbers = npy("'<i8'", false, "(3,)", &[1i64, 0, 1].map(i64::to_le_bytes).concat());
    let one_byte = npy("'|u1'", false, "(3,)", &[1, 0, 1]);
    for (name, bytes) in [
        ("l.npy", numbers.as_slice()),
        ("l.npy", one_byte.as_slice()),
        ("l.txt", b"day 1\nday 0\nday 1\n"),
        ("l.csv", b"stage\nE1\nE0\nE1\n"),
        ("l.txt", b"1,0,1\n"),
        ("l.json", b"[1, 0, 1]"),
    ] {
        let (_other, labels) = file(name, bytes);
        let options = SnapshotOptions { labels: Some(&labels), ..Default::default() };
        let rows = read(&path, &options).unwrap();
        assert_eq!((rows.times, rows.x.dim()), (array![1.0, 0.0, 1.0], (3, 2)), "{name}");
        let mapped = SnapshotOptions { times: Some(&[0.0, 9.0]), ..options };
        assert_eq!(read(&path, &mapped).unwrap().times, array![9.0, 0.0, 9.0]);
        let fewer = SnapshotOptions { times: Some(&[0.0]), ..options };
        assert!(read(&path, &fewer).unwrap_err().contains("gives 1 times, but there are 2 different labels"));
    }
    for (bytes, wanted) in [
        ("1\n2\n", "has 2 labels for the 3 rows of"),
        ("1\n2\nx\n", "line 3 has the time \"x\""),
        ("a,1\nb,2\nc,3\n", "line 2 has 2 fields"),
    ] {
        let (_other, labels) = file("l.csv", bytes.as_bytes());
        let options = SnapshotOptions { labels: Some(&labels), ..Default::default() };
        let message = read(&path, &options).unwrap_err();
        assert!(message.contains("l.csv: ") && message.contains(wanted), "{message}");
        let both = SnapshotOptions { time: Some("t"), ..options };
        assert!(read(&path, &both).unwrap_err().contains("either the column"));
    }
}

#[test]
fn archives_need_x_and_time() {
    let x = npy("'<f8'", false, "(2, 1)", &doubles(&[1., 2.]));
    let time = npy("'<i4'", false, "(2,)", &[5i32, 0].map(i32::to_le_bytes).concat());
    let complain = |entries: &[(&str, &[u8])]| {
        let (_folder, path) = file("a.npz", &archive_of(entries, Deflated));
        read(&path, &SnapshotOptions::default())
    };
    let rows = complain(&[("x.npy", &x), ("time.npy", &time), ("mass.npy", &time)]).unwrap();
    assert_eq!((rows.times, rows.mass), (array![5.0, 0.0], Some(array![5.0, 0.0])));
    assert!(complain(&[("x.npy", &x), ("y.npy", &time)]).unwrap_err().contains("no array 'time'"));
    let long = npy("'<f8'", false, "(3,)", &doubles(&[0., 1., 2.]));
    assert!(
        complain(&[("x.npy", &x), ("time.npy", &long)]).unwrap_err().contains("3 entries for the 2 rows")
    );
    let nan = npy("'<f8'", false, "(2,)", &doubles(&[0., f64::NAN]));
    assert!(
        complain(&[("x.npy", &x), ("time.npy", &nan)])
            .unwrap_err()
            .contains("row 1 (counted from 0) has no time")
    );
    let bad = complain(&[("x.npy", &x), ("time.npy", &time), ("mass.npy", &nan)]).unwrap_err();
    assert!(bad.contains("'mass' has an entry that is not finite"), "{bad}");
    let text = npy("'<U2'", false, "(2,)", &[0; 16]);
    assert!(complain(&[("x.npy", &x), ("time.npy", &text)]).unwrap_err().contains("unsupported dtype"));
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let x = Array2::from_shape_fn((50, 3), |(i, j)| (i as f64 - 20.0) / 7.0 * 10f64.powi(j as i32 * 20));
    let times = Array1::from_shape_fn(50, |i| (i / 10) as f64 * 0.1);
    for mass in [None, Some(Array1::from_shape_fn(50, |i| i as f64 / 3.0))] {
        let rows = TimedRows { times: times.clone(), x: x.clone(), mass, description: String::new() };
        for name in ["a.npz", "a.csv"] {
            let path = folder.path().join(name);
            write_snapshots(&Output::new(&path, OutputFormat::SNAPSHOTS, &[]).unwrap(), &rows).unwrap();
            let again = read(&path, &SnapshotOptions::default()).unwrap();
            assert_eq!((&again.times, &again.x, &again.mass), (&rows.times, &rows.x, &rows.mass), "{name}");
        }
    }
    for name in ["x.npy", "x.npz", "x.csv"] {
        let output = Output::new(&folder.path().join(name), OutputFormat::NUMBERS, &[]).unwrap();
        for x in [x.view(), x.t()] {
            write_values(&output, "x", &Values::Rows(x)).unwrap();
            assert_eq!(read_rows(&folder.path().join(name), Task::silent()).unwrap().0, x, "{name}");
        }
    }
}

/// A file that anndata wrote (tests/fixtures/make_h5ad.py), decompressed.
fn annotated(name: &str) -> Vec<u8> {
    use std::io::Read;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.h5ad.gz"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn annotated_data_in_every_encoding() {
    let pca = array![[1.5, -2.0], [0.25, 3.0], [-1.0, 0.0], [7.0, 1e-3]];
    let genes = array![[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.5, 0.0, -3.0], [0.0, 0.0, 4.0]];
    for name in ["dense", "gzip", "csr", "csc"] {
        let (_folder, path) = file("a.h5ad", &annotated(name));
        let with = |time, rep| read(&path, &SnapshotOptions { time, rep, ..Default::default() });
        let rows = with(None, None).unwrap();
        assert_eq!((&rows.x, &rows.times), (&pca, &array![3.0, 0.0, 3.0, 12.0]));
        assert_eq!(rows.description, "4 × 2 numbers in obsm[\"X_pca\"], times in obs[\"time\"]");
        assert_eq!(with(None, Some("X")).unwrap().x, genes, "{name}");
        let narrow = with(None, Some("X_sparse")).unwrap().x;
        assert!((&narrow - &pca).iter().all(|e| e.abs() < 1e-7));
        assert_eq!(with(Some("stage"), None).unwrap().times, array![7.5, 6.5, 7.5, 8.0]);
        assert_eq!(with(Some("day"), None).unwrap().times, array![3.0, 0.0, 3.0, 12.0]);
        assert_eq!(with(Some("hours"), None).unwrap().times, array![72.0, 0.0, 72.0, 288.0]);
        for (time, rep, wanted) in [
            (Some("gap"), None, "obs[\"gap\"]: row 1 (counted from 0) has no time"),
            (Some("count"), None, "obs[\"count\"]: row 1 (counted from 0) has no time"),
            (Some("control"), None, "obs[\"control\"] has another type"),
            (Some("week"), None, "obs has no column \"week\": name one of \"control\", \"count\", \"day\""),
            (None, Some("X_umap"), "obsm has no \"X_umap\": name X or one of \"X_pca\", \"X_sparse\""),
        ] {
            let message = with(time, rep).unwrap_err();
            assert!(message.contains("a.h5ad: ") && message.contains(wanted), "{message}");
        }
    }
    let (_folder, path) = file("a.csv", b"time,x\n0,1\n");
    let rep = SnapshotOptions { rep: Some("X"), ..Default::default() };
    assert!(read(&path, &rep).unwrap_err().contains("is no .h5ad"));
}

#[test]
fn damaged_annotated_data_is_refused_or_harmless() {
    // A new file each time: some file systems wait for the disk when one is overwritten.
    let replace = |path: &Path, bytes: &[u8]| {
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    for name in ["dense", "csr"] {
        let good = annotated(name);
        let options = SnapshotOptions { rep: Some("X"), ..Default::default() };
        let (_folder, path) = file("a.h5ad", &good[..good.len() / 3]);
        assert!(read(&path, &options).unwrap_err().contains("truncated or damaged"));
        for cut in (8..good.len() - 1).step_by(197) {
            replace(&path, &good[..cut]);
            // Padding at the end is not missed.
            let _ = read(&path, &options).map(|rows| assert_eq!(rows.x.dim(), (4, 3)));
        }
        // One wrong byte anywhere gives an error or numbers, and neither a panic nor a flood.
        for at in (8..good.len()).step_by(61) {
            for flip in [0x10, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                replace(&path, &bad);
                let _ = read(&path, &options);
            }
        }
    }
    let (_folder, path) = file("a.h5ad", b"\x89HDF\r\n\x1a\n nothing more");
    assert!(read(&path, &SnapshotOptions::default()).unwrap_err().contains("truncated or damaged"));
}

#[test]
fn real_snapshots() {
    let Some(folder) = shared_data("real snapshots") else { return };
    let rows = read(&folder.join("emt.csv"), &SnapshotOptions::default()).unwrap();
    let count = |time: f64| rows.times.iter().filter(|&&t| t == time).count();
    assert_eq!([count(0.0), count(1.0), count(2.0), count(3.0)], [577, 885, 788, 883]);
    assert_eq!(rows.x.ncols(), 10);
    let labels = folder.join("embryoid_labels.npy");
    let options = SnapshotOptions {
        labels: Some(&labels),
        times: Some(&[1.5, 7.5, 13.5, 19.5, 25.5]),
        ..Default::default()
    };
    let rows = read(&folder.join("embryoid_pca5.npy"), &options).unwrap();
    assert_eq!(rows.times.iter().filter(|&&t| t == 25.5).count(), 3332);
}
