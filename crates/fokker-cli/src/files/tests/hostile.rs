//! Everything that is wrong with files in the wild: one clear line each, and never a panic.

use super::*;

#[test]
fn hostile_zip_archives() {
    let array = npy("'<f8'", false, "(30, 2)", &doubles(&[0.5; 60]));
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let good = npz(&[("x.npy", &array)], method);
        for cut in 0..good.len() {
            complaint("a.npz", &good[..cut]);
        }
        // One wrong bit anywhere is noticed or does not matter, and never panics.
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let (_folder, path) = file("a.npz", &bad);
            assert!(read(&path).map_or(true, |(x, _)| x.dim() == (30, 2) && x.iter().all(|&v| v == 0.5)));
        }
        // The size of the entry, in the local header and in the directory, is a lie.
        let directory = good.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        let mut bad = good.clone();
        for at in [22, directory + 24] {
            bad[at..at + 4].copy_from_slice(&0x7fff_0000u32.to_le_bytes());
        }
        let message = complaint("a.npz", &bad);
        assert!(message.contains("header promises"), "{message}");
    }
}

#[test]
fn text_errors_name_line_and_column() {
    for (text, wanted) in [
        ("x,y\n1,2\n\n3,abc\n", "line 4, column 2 (\"y\") is \"abc\", not a number"),
        ("x,y\r\n\r\n1,2\r\n3,\r\n", "line 4, column 2 (\"y\") is empty"),
        ("1,two\n3,4\n", "line 1, column 2 is \"two\""),
        (",0,1\na,2,3\n", "line 1, column 1 is empty"),
        ("1,2\n3\n", "line 2 has another number of fields than the first row: expected 2, found 1"),
        ("1,2\n3,4,5\n", "expected 2, found 3"),
        ("x,y\n1,2,3\n", "line 2 has another number of fields"),
        ("1,2\n3,nan\n", "line 2, column 2 is NaN"),
        ("1,2\n-inf,3\n", "line 2, column 1 is -inf"),
        ("1,2\n1e999,3\n", "line 2, column 1 is inf"),
        ("x,y\n", "no rows"),
        ("\n\n", "no rows"),
        ("# nothing\n", "no rows"),
        ("1,\"2\n3,4\n", "line 1 has a quote that is not closed"),
        ("1,\"2\"3\n", "line 1 has text after a closing quote"),
        ("1,2\n3,\u{7}\u{1b}[31m\n", "\\u{7}\\u{1b}"),
    ] {
        let message = complaint("a.csv", text.as_bytes());
        assert!(message.contains(wanted), "{text:?}: {message}");
    }
    assert!(complaint("a.csv", b"1,2\n\xff,3\n").contains("line 2 is not UTF-8"));
    assert!(complaint("a.csv", b"\xff\xfe1\x00").contains("UTF-16"));
    let long = format!("line 2, column 1 is \"{}…\"", "z".repeat(40));
    assert!(complaint("a.csv", format!("1\n{}\n", "z".repeat(500)).as_bytes()).contains(&long));
}

#[test]
fn compressed_text_bombs_are_stopped_at_one_long_line() {
    for filler in [b'1', b'"', b' '] {
        let bomb = gz(&vec![filler; 40 << 20]);
        assert!(bomb.len() < 1 << 19);
        assert!(complaint("a.csv.gz", &bomb).contains("line 1 is longer than 16777216 bytes"));
    }
}

#[test]
fn hostile_npy() {
    let ok = doubles(&[1., 2., 3., 4.]);
    for (bytes, wanted) in [
        (npy("'<f8'", false, "(2, 2)", &ok[..31]), "promises 32 bytes but the file has 31: it is truncated"),
        (npy("'<f8'", false, "(2, 1)", &ok), "promises 16 bytes but the file has 32"),
        (npy("'<f8'", false, "(1152921504606846976, 2)", &ok), "larger than any file"),
        (npy("'<f8'", false, "(1152921504606846976, 1)", &ok), "promises 9223372036854775808 bytes"),
        (npy("'|u1'", true, "(1152921504606846976, 1)", &ok), "but the file has 32"),
        (npy("'<f8'", false, "(4294967296, 4294967296)", &ok), "larger than any file"),
        (npy("'<f8'", false, "(99999999999999999999, 2)", &ok), "tuple of sizes"),
        (npy("'<f8'", false, "(-1, 2)", &ok), "tuple of sizes"),
        (
            npy("'<f8'", false, &format!("({})", "9,".repeat(9000)), &ok),
            "[9, 9, 9, 9, 9, 9, 9, 9, …], larger than any",
        ),
        (npy("'<f8'", false, "(4,)", &ok), "expected 2-D [rows, columns], found 1-D [4]"),
        (npy("'<f8'", false, "()", &ok[..8]), "found 0-D"),
        (npy("'<f8'", false, "(0, 3)", &[]), "has no rows"),
        (npy("'<f8'", false, "(3, 0)", &[]), "has no columns"),
        (npy("'<c16'", false, "(1, 2)", &ok), "unsupported dtype '<c16'; save as float64 or float32"),
        (npy("'|O'", false, "(1, 2)", &ok), "unsupported dtype '|O'"),
        (npy("'<U3'", false, "(1, 2)", &ok), "unsupported dtype '<U3'"),
        (npy("'<f2'", false, "(1, 2)", &ok[..4]), "unsupported dtype '<f2'"),
        (npy("'|f8'", false, "(1, 2)", &ok[..16]), "unsupported dtype '|f8'"),
        (npy("''", false, "(1, 2)", &ok), "unsupported dtype ''"),
        (npy("[('a', '<f8')]", false, "(2, 2)", &ok), "structured dtype"),
        (npy("'<f8'", false, &"[".repeat(2000), &ok), "cannot be understood"),
        (npy("'<f8'", false, "(2, 2), 'more': 3", &ok), "unknown key"),
        (npy("'<f8'", false, "(2, 2", &ok), "cannot be understood"),
        (
            npy("'<f8'", false, "(2, 2)", &doubles(&[1., 2., 3., f64::NAN])),
            "row 1, column 1 (counted from 0) is NaN",
        ),
        (
            npy("'<f8'", true, "(2, 2)", &doubles(&[1., 2., -f64::INFINITY, 4.])),
            "row 0, column 1 (counted from 0) is -inf",
        ),
        (b"\x93NUMPY\x01\x00\xff\xff{'descr'".to_vec(), "truncated"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'".to_vec(), "header of 4294967295 bytes"),
        (b"\x93NUMPY\x09\x00\x10\x00{'descr'".to_vec(), "unknown .npy version 9"),
        (b"\x93NUMPY\x01\x00\x02\x00\xff\xfe".to_vec(), "not text"),
        (b"\x93NUMPY\x01\x00\x02\x00{}".to_vec(), "no 'descr'"),
        (b"NUMPY".to_vec(), "does not start like a .npy file"),
        (Vec::new(), "is empty"),
    ] {
        let message = complaint("a.npy", &bytes);
        assert!(message.contains(wanted), "wanted {wanted:?}: {message}");
    }
    let good = npy("'<f8'", false, "(2, 2)", &ok);
    for cut in 0..good.len() {
        complaint("a.npy", &good[..cut]);
    }
    // Any wrong byte is either noticed or gives another valid file.
    for at in 0..good.len() {
        for byte in [0, b'0', b'9', b'\'', b'(', b'>', 0xff] {
            let mut bad = good.clone();
            bad[at] = byte;
            let (_folder, path) = file("a.npy", &bad);
            let _ = (read(&path), read_vector(&path));
        }
    }
}

#[test]
fn hostile_gzip() {
    let array = npy("'<f8'", false, "(300, 2)", &doubles(&(0..600).map(f64::from).collect::<Vec<_>>()));
    let good = gz(&array);
    assert_eq!(rows_of("a.npy.gz", &good)[(299, 1)], 599.0);
    for cut in 0..good.len() {
        complaint("a.npy.gz", &good[..cut]);
    }
    let mut wrong = good.clone();
    let crc = wrong.len() - 8;
    wrong[crc] ^= 1;
    assert!(complaint("a.npy.gz", &wrong).contains("damaged"));
    // Headers that promise too much, more, or less than the stream holds.
    let huge = gz(&npy("'<f8'", false, "(1099511627776, 2)", &[0; 16]));
    assert!(complaint("a.npy.gz", &huge).contains("cannot hold more than"));
    for fortran in [false, true] {
        let more = gz(&npy("'<f8'", fortran, "(9, 2)", &doubles(&[0.; 16])));
        assert!(complaint("a.npy.gz", &more).contains("truncated"));
        let less = gz(&npy("'<f8'", fortran, "(7, 2)", &doubles(&[0.; 16])));
        assert!(complaint("a.npy.gz", &less).contains("bytes after the array"));
    }
    assert!(complaint("a.npy.gz", &gz(&good)).contains("gzipped twice"));
    assert!(complaint("a.npy.gz", &gz(b"")).contains("holds nothing"));
}

#[test]
fn paths_that_are_not_files_of_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (path, wanted) in
        [(folder.path().to_path_buf(), "is a folder"), (folder.path().join("missing.npy"), "no such file")]
    {
        for message in [read(&path).unwrap_err(), read_vector(&path).unwrap_err().to_string()] {
            assert!(one_line(&path, message).contains(wanted));
        }
    }
    assert!(complaint("a.png", b"\x89PNG\r\n\x1a\n\x00\x00").contains("unknown format, expected .npy"));
    assert!(complaint("a", &[b'1', 0, b'2']).contains("unknown format"));
    assert!(complaint("a.npz", b"1,2\n").contains("does not start like an .npz"));
    assert!(complaint("a.json", b"[1, 2]").contains("JSON"));
}

#[test]
fn vectors_that_are_wrong() {
    let square = doubles(&[1., 2., 3., 4.]);
    for (name, bytes, wanted) in [
        (
            "a.npy",
            npy("'<f8'", false, "(2, 2)", &square),
            "expected a list of numbers [n], found the shape [2, 2]",
        ),
        ("a.npy", npy("'<f8'", false, "()", &square[..8]), "found the shape []"),
        ("a.npy", npy("'<f8'", false, "(0,)", &[]), "holds no numbers"),
        (
            "a.npy",
            npy("'<f8'", false, "(2,)", &doubles(&[1., f64::INFINITY])),
            "entry 1 (counted from 0) is inf",
        ),
        ("a.npy", npy("'<f8'", false, "(1152921504606846976,)", &square), "header promises"),
        ("a.npy", npy("'<c16'", false, "(2,)", &square), "unsupported dtype '<c16'"),
        ("a.npy.gz", gz(&npy("'<f8'", false, "(5,)", &square)), "truncated"),
        ("a.csv", b"1,2\n3,4\n".to_vec(), "one number per line"),
        ("a.csv", b"1\n2\nx\n".to_vec(), "line 3, column 1 is \"x\""),
        ("a.csv", b"1\nnan\n".to_vec(), "line 2, column 1 is NaN"),
        ("a.csv", b"\n".to_vec(), "no rows"),
        ("a.json", b"[]".to_vec(), "holds no numbers"),
        ("a.json", b"[1, null]".to_vec(), "JSON array of numbers"),
        ("a.json", b"{\"a\": 1}".to_vec(), "JSON array of numbers"),
        ("a.json", b"[1, NaN]".to_vec(), "JSON array of numbers"),
        ("a.json", b"[1, 1e999]".to_vec(), "JSON array of numbers"),
        ("a.json", "[".repeat(100_000).into_bytes(), "JSON array of numbers"),
    ] {
        let message = vector_complaint(name, &bytes);
        assert!(message.contains(wanted), "wanted {wanted:?}: {message}");
    }
}
