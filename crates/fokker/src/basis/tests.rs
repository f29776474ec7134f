//! Derivatives of every basis against finite differences, and what specifications build.

use super::*;
use ndarray::{Array2, Array3, array};

/// Central differences of values and gradients; errors are O(h²) and ε/h.
fn check(basis: &dyn Basis, x: ArrayView2<f64>) {
    let (n, d, k) = (x.nrows(), basis.dim(), basis.len());
    let h = 1e-5;
    let values = |x: ArrayView2<f64>| {
        let mut out = Array2::from_elem((n, k), f64::NAN);
        basis.values_into(x, out.view_mut());
        out
    };
    let gradients = |x: ArrayView2<f64>| {
        let mut out = Array3::from_elem((n, d, k), f64::NAN);
        basis.gradients_into(x, out.view_mut());
        out
    };
    let exact = gradients(x);
    let mut laplacians = Array2::from_elem((n, k), f64::NAN);
    basis.laplacians_into(x, laplacians.view_mut());
    let mut sums = Array2::<f64>::zeros((n, k));
    for j in 0..d {
        let moved = |h: f64| {
            let mut y = x.to_owned();
            y.column_mut(j).mapv_inplace(|x| x + h);
            y
        };
        let (up, down) = (moved(h), moved(-h));
        let slope = (values(up.view()) - values(down.view())) / (2.0 * h);
        let scale = 1.0 + values(x).iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        for ((i, f), &slope) in slope.indexed_iter() {
            assert!((slope - exact[[i, j, f]]).abs() < 1e-8 * scale, "gradient {i} {j} {f}");
        }
        let bend = (gradients(up.view()) - gradients(down.view())) / (2.0 * h);
        sums += &bend.index_axis(ndarray::Axis(1), j);
    }
    for ((i, f), &sum) in sums.indexed_iter() {
        let scale = 1.0 + exact.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        assert!((sum - laplacians[[i, f]]).abs() < 1e-7 * scale, "Laplacian {i} {f}");
    }
}

#[test]
fn derivatives_agree_with_finite_differences() {
    let x = array![[0.3, -0.7, 1.1], [-1.2, 0.4, 0.2], [0.9, 1.3, -0.5], [0.05, -0.1, 0.0]];
    check(&Monomials::total_degree(3, 4).unwrap(), x.view());
    check(&Monomials::tensor_degree(3, 2).unwrap(), x.view());
    check(&Fourier::random(7, 3, 0.8, 1).unwrap(), x.view());
    let centres = array![[0.0, 0.1, 0.4], [1.0, -1.0, 0.0]];
    for (_, kernel) in KERNELS {
        check(&Radial::new(centres.clone(), kernel, 0.7).unwrap(), x.view());
    }
    for spec in ["poly:3", "rbf:2", "rbf-kmeans:3", "fourier:5", "poly:2+rbf-kmeans:1/cubic+fourier:3"] {
        let spec: FeatureSpec = spec.parse().unwrap();
        for raw in [true, false] {
            let features = spec.build(x.view(), None, raw, 0, crate::Task::silent()).unwrap();
            check(&features, x.view());
        }
    }
}

#[test]
fn the_counts_are_those_of_combinatorics() {
    assert_eq!(Monomials::total_degree(5, 2).unwrap().len(), 20);
    assert_eq!(Monomials::tensor_degree(2, 4).unwrap().len(), 24);
    let monomials = Monomials::total_degree(3, 3).unwrap();
    let mut exponents = monomials.exponents();
    assert!(exponents.iter().all(|e| (1..=3).contains(&e.iter().sum::<u32>())));
    exponents.sort();
    exponents.dedup();
    assert_eq!(exponents.len(), 19);
}

#[test]
fn specifications_print_as_they_are_read() {
    for text in [
        "poly:4",
        "poly-tensor:4+rbf:10",
        "rbf:10:-4:4:0.5",
        "rbf-kmeans:200",
        "rbf-kmeans:20:0.3/inverse-multiquadric",
        "fourier:500:2",
        "rbf:4/thin-plate",
    ] {
        assert_eq!(text.parse::<FeatureSpec>().unwrap().to_string(), text);
    }
}

#[test]
fn wrong_specifications_are_refused() {
    for text in
        ["", "poly", "poly:", "poly:0", "poly:-1", "poly:2.5", "rbf:3:1", "rbf:3:4:-4", "poly:2/cubic"]
    {
        assert!(text.parse::<FeatureSpec>().is_err(), "{text}");
    }
    for text in
        ["fourier:nan", "rbf-kmeans:20:inf", "rbf-kmeans:99999999999999999999", "rbf:3/round", "poly:2+"]
    {
        assert!(text.parse::<FeatureSpec>().is_err(), "{text}");
    }
    let wide = Array2::from_shape_fn((3, 200), |(i, j)| (i * j) as f64);
    for text in ["poly:4", "poly-tensor:1", "rbf:2"] {
        let error = text
            .parse::<FeatureSpec>()
            .unwrap()
            .build(wide.view(), None, false, 0, crate::Task::silent())
            .unwrap_err();
        assert!(error.is_input() && error.to_string().contains("20000"), "{error}");
    }
    let spec: FeatureSpec = "rbf-kmeans:2:-1".parse().unwrap();
    assert!(spec.build(array![[0.0], [1.0]].view(), None, false, 0, crate::Task::silent()).is_err());
    let spec: FeatureSpec = "poly:2".parse().unwrap();
    assert!(spec.build(array![[1.0], [1.0]].view(), None, false, 0, crate::Task::silent()).is_err());
    assert!(spec.build(Array2::zeros((0, 2)).view(), None, false, 0, crate::Task::silent()).is_err());
}
