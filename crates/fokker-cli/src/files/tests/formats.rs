//! Every format, by value.

use super::*;
use ndarray::array;

#[test]
fn npy_of_every_type_and_byte_order() {
    macro_rules! check {
        ($($t:ty: $name:literal),*) => {$(
            let values: [$t; 6] = [0 as $t, 1 as $t, 2 as $t, 3 as $t, 100 as $t, <$t>::MAX];
            let want = Array2::from_shape_fn((3, 2), |(i, j)| values[2 * i + j] as f64);
            let little: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let big: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
            assert_eq!(rows_of("a.npy", &npy(concat!("'<", $name, "'"), false, "(3, 2)", &little)), want);
            assert_eq!(rows_of("a.npy", &npy(concat!("'>", $name, "'"), false, "(3, 2)", &big)), want);
        )*};
    }
    check!(f64: "f8", f32: "f4", i8: "i1", i16: "i2", i32: "i4", i64: "i8", u16: "u2", u32: "u4", u64: "u8");
}

#[test]
fn pixels_are_scaled_and_images_flattened_in_both_orders() {
    let (_folder, path) = file("a.npy", &npy("'|u1'", false, "(2, 2, 2)", &[0, 255, 51, 102, 0, 0, 0, 255]));
    let (x, description) = read(&path).unwrap();
    assert_eq!(x.row(0).to_vec(), [-1.0, 1.0, 51.0 / 127.5 - 1.0, 102.0 / 127.5 - 1.0]);
    assert_eq!(description, "2 × 4 u8 pixels scaled to [-1, 1], each row flattened from 2 × 2");

    // x[i, j, k] = 100 i + 10 j + k, first index fastest, against the same array in C order.
    let (n, h, w) = (5i32, 3, 4);
    let mut data = Vec::new();
    for (k, j, i) in (0..w * h * n).map(|at| (at / (h * n), at / n % h, at % n)) {
        data.extend((100 * i + 10 * j + k).to_le_bytes());
    }
    let want = Array2::from_shape_fn((5, 12), |(i, c)| (100 * i + 10 * (c / 4) + c % 4) as f64);
    let fortran = npy("'<i4'", true, "(5, 3, 4)", &data);
    assert_eq!(rows_of("a.npy", &fortran), want);
    assert_eq!(rows_of("a.npy.gz", &gz(&fortran)), want);
}

#[test]
fn large_rows_cross_the_decoding_buffer() {
    let d = 70_001;
    let values: Vec<f64> = (0..3 * d).map(|i| i as f64).collect();
    let x = rows_of("a.npy", &npy("'<f8'", false, &format!("(3, {d})"), &doubles(&values)));
    assert_eq!(x.into_raw_vec_and_offset().0, values);
}

#[test]
fn blocks_in_any_memory_layout() {
    use ndarray::ShapeBuilder;
    let (_folder, path) = file("a.npy", &npy("'<f8'", false, "(2, 2)", &doubles(&[1., 2., 3., 4.])));
    let mut rows = open_rows(&path).unwrap();
    let mut block = Array2::zeros((3, 2).f());
    assert_eq!(rows.next(&mut block).unwrap(), 2);
    assert_eq!(block, array![[1., 2.], [3., 4.], [0., 0.]]);
    assert!(rows.next(&mut Array2::zeros((3, 5))).unwrap_err().to_string().contains("expected 2"));
}

#[test]
fn npz_takes_x_or_the_only_array() {
    let one = npy("'<f8'", false, "(1, 2)", &doubles(&[1., 2.]));
    let two = npy("'<f8'", false, "(1, 2)", &doubles(&[3., 4.]));
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let x = rows_of("a.npz", &npz(&[("time.npy", &one), ("x.npy", &two)], method));
        assert_eq!(x, array![[3., 4.]]);
        assert_eq!(rows_of("a.npz", &npz(&[("y.npy", &one), ("notes", b"hi")], method)), array![[1., 2.]]);
        let message = complaint("a.npz", &npz(&[("y.npy", &one), ("z.npy", &two)], method));
        assert!(message.contains("2 arrays (y, z)"), "{message}");
        assert!(complaint("a.npz", &npz(&[("notes", b"hi")], method)).contains("without arrays"));
    }
    assert!(complaint("a.npz", &npz(&[], CompressionMethod::Stored)).contains("without arrays"));
    let gzipped = gz(&npz(&[("x.npy", &one)], CompressionMethod::Stored));
    assert!(complaint("a.npz.gz", &gzipped).contains("inside gzip"));
}

#[test]
fn text_in_its_many_forms() {
    let want = array![[1., -2.5], [3e2, 0.25]];
    for (name, text) in [
        ("a.csv", "1,-2.5\n3e2,.25\n"),
        ("a.csv", "x,y\r\n1,-2.5\r\n\r\n300,0.25"),
        ("a.csv", "\u{feff}\"x, first\",\"y \"\"q\"\"\"\n\"1\", \"-2.5\"\n\n  \n300 ,\"0.25\" \n"),
        ("a.csv", "1;-2.5\n300;0.25"),
        ("a.tsv", "x y\tz\n1\t-2.5\n300\t0.25\n"),
        ("a.txt", "# numpy.savetxt\n  1.0   -2.5\n3.0e+02 2.5e-01\n"),
        ("a.txt", "1\t-2.5\n300\t0.25\n"),
        ("unknown", "1,-2.5\n300,0.25\n"),
    ] {
        assert_eq!(rows_of(name, text.as_bytes()), want, "{name}: {text}");
        assert_eq!(rows_of(&format!("{name}.gz"), &gz(text.as_bytes())), want, "{name}.gz");
    }
    assert_eq!(rows_of("a.csv", b"1,2,3"), array![[1., 2., 3.]]);
    assert_eq!(rows_of("a.csv", b"cell type\n7\n8\n"), array![[7.], [8.]]);
    let (_folder, path) = file("a.csv", b"x,y\n1,2\n");
    assert_eq!(read(&path).unwrap().1, "2 columns of text after a header line");
}

#[test]
fn version_2_headers_and_old_long_integers() {
    let text = "{'shape': (2L, 1L), 'fortran_order': False, \"descr\": '<f8'}\n";
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(doubles(&[5., 6.]));
    assert_eq!(rows_of("a.npy", &bytes), array![[5.], [6.]]);
}

#[test]
fn idx_of_every_type() {
    let head = |kind: u8, shape: &[u32]| {
        let mut bytes = vec![0, 0, kind, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|n| n.to_be_bytes()));
        bytes
    };
    let with = |kind, shape: &[u32], data: &[u8]| [head(kind, shape), data.to_vec()].concat();
    assert_eq!(rows_of("a-ubyte", &with(8, &[2, 1, 1], &[0, 255])), array![[-1.], [1.]]);
    assert_eq!(rows_of("a", &with(9, &[1, 2], &[255, 3])), array![[-1., 3.]]);
    assert_eq!(rows_of("a", &with(11, &[1, 2], &[255, 255, 1, 0])), array![[-1., 256.]]);
    assert_eq!(rows_of("a", &with(12, &[1, 1], &(-7i32).to_be_bytes())), array![[-7.]]);
    assert_eq!(rows_of("a", &with(13, &[1, 1], &0.5f32.to_be_bytes())), array![[0.5]]);
    assert_eq!(rows_of("a", &with(14, &[1, 1], &0.1f64.to_be_bytes())), array![[0.1]]);
    assert!(complaint("a", &with(8, &[3], &[1, 2, 3])).contains("expected 2-D"));
    assert!(complaint("a", &with(8, &[u32::MAX; 4], &[1])).contains("larger than any file"));
    assert!(complaint("a", &with(8, &[u32::MAX, 1], &[1])).contains("promises 4294967295 bytes"));
    assert!(complaint("a", &head(8, &[2, 2])[..9]).contains("truncated"));
    assert!(complaint("a-ubyte", b"\x00\x00\x07\x02").contains("does not start like an IDX"));
    assert_eq!(vector_of("labels", &with(8, &[3], &[1, 2, 255])), [1., 2., 255.]);
}

#[cfg(unix)]
#[test]
fn pipes_are_read_like_files_but_vouch_for_no_number_of_rows() {
    use std::os::fd::AsRawFd;
    let (out, mut into) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", out.as_raw_fd()));
    let bytes = npy("'<f8'", false, "(2, 1)", &doubles(&[1., 2.]));
    into.write_all(&bytes).unwrap();
    drop(into);
    let rows = open_rows(&path).unwrap();
    assert_eq!((rows.dim(), rows.rows()), (1, None));

    let (out, mut into) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", out.as_raw_fd()));
    into.write_all(&gz(&bytes)).unwrap();
    drop(into);
    assert_eq!(read(&path).unwrap().0, array![[1.], [2.]]);
}

#[test]
fn vectors_from_every_format() {
    let want = [3.0, 0.5, 1e-3];
    let data = doubles(&want);
    for shape in ["(3,)", "(3, 1)", "(1, 3)"] {
        let array = npy("'<f8'", false, shape, &data);
        assert_eq!(vector_of("a.npy", &array), want);
        assert_eq!(vector_of("a.npy.gz", &gz(&array)), want);
        assert_eq!(vector_of("a.npz", &npz(&[("l.npy", &array)], CompressionMethod::Deflated)), want);
    }
    for text in
        ["3\n0.5\n1e-3\n", "3,0.5,0.001", "3 0.5 0.001\n", "sigma\r\n3\r\n\r\n0.5\r\n.001", "3, 0.5, 0.001\n"]
    {
        assert_eq!(vector_of("a.csv", text.as_bytes()), want, "{text}");
        assert_eq!(vector_of("a.txt.gz", &gz(text.as_bytes())), want, "{text}");
    }
    assert_eq!(vector_of("a.json", b"[3, 0.5,\n 1e-3]"), want);
    assert_eq!(vector_of("a.json.gz", &gz(b"[3, 0.5, 1e-3]")), want);
    // Values of lists are not pixels.
    assert_eq!(vector_of("a.npy", &npy("'|u1'", false, "(2,)", &[0, 255])), [0., 255.]);
    assert_eq!(vector_of("a.npy", &npy("'>i2'", false, "(2,)", &[0, 1, 1, 0])), [1., 256.]);
}

#[test]
fn real_data() {
    let Some(folder) = shared_data("formats of real data") else { return };
    let (x, description) = read(&folder.join("mnist-train-images-idx3-ubyte.gz")).unwrap();
    assert_eq!(x.dim(), (60_000, 784));
    assert_eq!(description, "60000 × 784 u8 pixels scaled to [-1, 1], each row flattened from 28 × 28");
    // The mean pixel of MNIST is known to be 0.1307 on the scale [0, 1].
    assert!((x.mean().unwrap() - (2.0 * 0.1307 - 1.0)).abs() < 1e-4);
    let (x, description) = read(&folder.join("embryoid_pca5.npy")).unwrap();
    assert_eq!((x.dim(), description.as_str()), ((16_819, 5), "16819 × 5 f64"));
    let (x, description) = read(&folder.join("gene_simulation.csv")).unwrap();
    assert_eq!(x.nrows(), 400 + 442 + 530 + 690 + 969);
    assert!(description.ends_with("after a header line"), "{description}");
    let eigenvalues = read_vector(&folder.join("cifar10_covariance_eigenvalues.npy")).unwrap();
    assert_eq!(eigenvalues.len(), 3072);
    assert!(eigenvalues.iter().all(|&x| x > 0.0));
    assert_eq!(read_vector(&folder.join("mnist-train-labels-idx1-ubyte.gz")).unwrap().len(), 60_000);
}
