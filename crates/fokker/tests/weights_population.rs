//! The law of weights of population fits and of what they are made of: integer weights are repeated
//! rows, tiny weights and zeros are none, beyond the rows that features are found from too.

use fokker::basis::{Basis, FeatureSpec};
use fokker::population::{Cloud, FitOptions, Potential, Ridge, Scheme, Snapshots, fit};
use fokker::statistics::{Covariance, GaussianMixture, KMeansOptions, MixtureOptions, kmeans};
use ndarray::{Array1, Array2, ArrayView2, Axis, array, concatenate};

fn rows(n: usize, seed: u64) -> Array2<f64> {
    GaussianMixture::random(3, 2, 2.0, 3).unwrap().sample(n, seed)
}

/// Every row i mod 3 times, and the weights that say the same.
fn repeated(x: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
    let n = x.nrows();
    let chosen: Vec<usize> = (0..n).flat_map(|i| vec![i; i % 3]).collect();
    (x.select(Axis(0), &chosen), (0..n).map(|i| (i % 3) as f64).collect())
}

/// Rows far away of weight 1e-12 and 0.
fn with_none(x: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
    let far = array![[1e4, -1e4], [1e4, 1e4]];
    let weights = concatenate![Axis(0), Array1::ones(x.nrows()), array![1e-12, 0.0]];
    (concatenate(Axis(0), &[x.view(), far.view()]).unwrap(), weights)
}

fn values(spec: &str, x: &Array2<f64>, weights: Option<&Array1<f64>>, at: ArrayView2<f64>) -> Array2<f64> {
    let spec: FeatureSpec = spec.parse().unwrap();
    let weights = weights.map(|weights| weights.view());
    let features = spec.build(x.view(), weights, false, 0, fokker::Task::silent()).unwrap();
    let mut out = Array2::zeros((at.nrows(), features.len()));
    features.values_into(at, out.view_mut());
    out
}

fn largest(x: &Array2<f64>) -> f64 {
    x.iter().fold(0.0, |most: f64, x| most.max(x.abs()))
}

#[test]
fn features_of_weighted_rows() {
    let x = rows(3000, 1);
    let at = rows(20, 2);
    let ((twice, whole), (beside, none)) = (repeated(&x), with_none(&x));
    for spec in ["poly:3", "rbf:4", "rbf-kmeans:12", "fourier:20"] {
        let plain = values(spec, &twice, None, at.view());
        let weighted = values(spec, &x, Some(&whole), at.view());
        // The grid spans the box of the rows that weigh something, which is that of the repeated ones.
        assert!(largest(&(&plain - &weighted)) < 1e-9 * largest(&plain), "{spec}");
        let difference = values(spec, &x, None, at.view()) - values(spec, &beside, Some(&none), at.view());
        assert!(largest(&difference) < 1e-9 * largest(&plain), "{spec}");
    }
}

/// Beyond 20,000 rows centres are found from a random sample of them. With the weights e^{x − ½} the rows of
/// N(0, 1) are those of N(1, 1): so must its k-means be.
#[test]
fn clusters_of_more_rows_than_are_looked_at() {
    let x = GaussianMixture::random(1, 1, 0.0, 2).unwrap().sample(60_000, 4);
    let (mean, deviation) = (x.mean().unwrap(), x.std(0.0));
    let x = (x - mean) / deviation;
    let weights = x.column(0).mapv(|x: f64| (x - 0.5).exp());
    let spec: FeatureSpec = "rbf-kmeans:1".parse().unwrap();
    let features = spec.build(x.view(), Some(weights.view()), true, 0, fokker::Task::silent()).unwrap();
    // The one centre is the mean of the sample, 1, with standard error √(e/20000 + e/60000) = 0.013: the only
    // function is largest there.
    let grid = Array2::from_shape_fn((401, 1), |(i, _)| i as f64 / 100.0 - 1.0);
    let mut values = Array2::zeros((401, 1));
    features.values_into(grid.view(), values.view_mut());
    let best = (0..401).max_by(|&a, &b| values[[a, 0]].total_cmp(&values[[b, 0]])).unwrap();
    assert!((grid[[best, 0]] - 1.0).abs() < 0.06, "{}", grid[[best, 0]]);
}

#[test]
fn clusters_mixtures_and_covariances_of_weighted_rows() {
    let x = rows(6000, 1);
    let ((twice, whole), (beside, none)) = (repeated(&x), with_none(&x));
    let clusters = |x: &Array2<f64>, weights: Option<&Array1<f64>>| {
        let options = KMeansOptions { clusters: 5, ..Default::default() };
        kmeans(x.view(), weights.map(|weights| weights.view()), &options).unwrap().centres
    };
    assert!(largest(&(clusters(&twice, None) - clusters(&x, Some(&whole)))) < 1e-10);
    let mixture = |x: &Array2<f64>, weights: Option<&Array1<f64>>| {
        let options = MixtureOptions { components: 3, ..Default::default() };
        let fit = GaussianMixture::fit(x.view(), weights.map(|weights| weights.view()), &options).unwrap();
        fit.mixture.log_density(rows(20, 2).view()).unwrap().insert_axis(Axis(1))
    };
    assert!(largest(&(mixture(&twice, None) - mixture(&x, Some(&whole)))) < 1e-8);
    // A weight of 1e-12 at 1e4 adds 1e-12 · 1e8/6000 = 2e-8 to a covariance.
    assert!(largest(&(mixture(&x, None) - mixture(&beside, Some(&none)))) < 1e-5);
    let covariance = |x: &Array2<f64>| {
        let mut all = Covariance::new(2);
        all.observe(x.view()).unwrap();
        all.covariance().unwrap()
    };
    let centred = &x - &(whole.dot(&x) / whole.sum());
    let weighted = (&centred * &whole.view().insert_axis(Axis(1))).t().dot(&centred) / whole.sum();
    assert!(largest(&(covariance(&twice) - weighted)) < 1e-12 * 1e2);
}

/// The velocity of an energy fitted to snapshots of weighted particles.
#[test]
fn energies_of_weighted_particles() {
    let x = rows(500, 1);
    let y = &rows(500, 7) * 0.8 + 0.3;
    let at = rows(20, 2);
    let velocity = |clouds: [(Array2<f64>, Option<Array1<f64>>); 2], scheme, features: &str| {
        let clouds =
            clouds.map(|(x, weights)| Cloud::new(x, weights.as_ref().map(|w| w.view())).unwrap()).to_vec();
        let options = FitOptions {
            potential: Potential::Features(features.parse().unwrap()),
            scheme: Some(scheme),
            ridge: Ridge::Relative(1e-6),
            ..Default::default()
        };
        let energy = fit(&Snapshots::new(vec![0.0, 0.5], clouds).unwrap(), &options, fokker::Task::silent())
            .unwrap()
            .energy;
        energy.velocity(0.1, at.view(), at.view(), Array1::ones(20).view()).unwrap()
    };
    for (scheme, features) in
        [(Scheme::Explicit, "poly:2"), (Scheme::Midpoint, "poly:2+rbf-kmeans:8"), (Scheme::Weak, "poly:2")]
    {
        let plain = velocity([(x.clone(), None), (y.clone(), None)], scheme, features);
        let size = largest(&plain);
        // One row of weight 1e-12 at 1e4 changed a velocity beyond recognition.
        let beside = [with_none(&x), with_none(&y)].map(|(x, weights)| (x, Some(weights)));
        let found = velocity(beside, scheme, features);
        assert!(largest(&(&found - &plain)) < 1e-6 * size, "{scheme:?}, {features}");
        let ((twice_x, of_x), (twice_y, of_y)) = (repeated(&x), repeated(&y));
        let plain = velocity([(twice_x, None), (twice_y, None)], scheme, features);
        let found = velocity([(x.clone(), Some(of_x)), (y.clone(), Some(of_y))], scheme, features);
        // Repeated points have many optimal couplings of one cost: a ridge of 1e-6 is all that tells.
        assert!(largest(&(&found - &plain)) < 1e-4 * size, "{scheme:?}, {features}");
    }
}

#[test]
fn a_population_without_weight_has_no_velocity() {
    let x = rows(50, 1);
    let clouds = vec![Cloud::new(x.clone(), None).unwrap(), Cloud::new(&x * 0.9, None).unwrap()];
    let options = FitOptions {
        potential: Potential::Features("poly:2".parse().unwrap()),
        interaction: Some("quadratic".parse().unwrap()),
        ..Default::default()
    };
    let energy = fit(&Snapshots::new(vec![0.0, 1.0], clouds).unwrap(), &options, fokker::Task::silent())
        .unwrap()
        .energy;
    let error = energy.velocity(0.0, x.view(), x.view(), Array1::zeros(50).view()).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("weights"), "{error}");
    let (equal, tens) = (Array1::from_elem(50, 0.02), Array1::from_elem(50, 10.0));
    let with = |weights: &Array1<f64>| energy.velocity(0.0, x.view(), x.view(), weights.view()).unwrap();
    assert!(largest(&(with(&equal) - with(&tens))) < 1e-12);
}
