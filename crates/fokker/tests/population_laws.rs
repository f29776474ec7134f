//! Populations with exact laws give their energy back, at the rates that theory gives.

#[path = "common/population.rs"]
mod common;

use common::{curvature, gradient, normal_quadrature, normals, options, quadratic, relative, snapshots};
use fokker::population::{Cloud, Energy, FitOptions, Potential, Scheme, Snapshots, fit};
use fokker::problems::{PopulationOptions, simulate_population};
use fokker_linalg::eigh;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, array};

const COUPLED: [Scheme; 3] = [Scheme::Explicit, Scheme::Implicit, Scheme::Midpoint];

/// A function of a symmetric matrix.
fn apply(a: &Array2<f64>, f: impl Fn(f64) -> f64) -> Array2<f64> {
    let eigen = eigh(a.view()).unwrap();
    (&eigen.vectors * &eigen.values.mapv(f)).dot(&eigen.vectors.t())
}

/// An Ornstein–Uhlenbeck population: V = ½(x − c)ᵀA(x − c), W = ½w|z|², temperature θ.
///
/// ```text
/// m' = −A(m − c),   Σ' = −BΣ − ΣB + 2θ,   B = A + w        Σ(0) and B share their axes
/// ```
struct Law {
    a: Array2<f64>,
    centre: Array1<f64>,
    w: f64,
    theta: f64,
}

impl Law {
    fn new(w: f64, theta: f64) -> Self {
        Law { a: array![[1.5, 0.6], [0.6, 0.8]], centre: array![0.5, -0.3], w, theta }
    }

    /// Mean and root of the covariance.
    fn at(&self, t: f64) -> (Array1<f64>, Array2<f64>) {
        let b = &self.a + &(Array2::<f64>::eye(2) * self.w);
        let start = array![6.0, -5.0];
        let mean = &self.centre + &apply(&self.a, |a| (-a * t).exp()).dot(&(start - &self.centre));
        let variance = |b: f64| {
            let decay = (-2.0 * b * t).exp();
            (1.0 + 0.5 * b).powi(2) * decay + self.theta / b * (1.0 - decay)
        };
        (mean, apply(&b, |b| variance(b).sqrt()))
    }

    fn place(&self, t: f64, normals: &Array2<f64>) -> Array2<f64> {
        let (mean, root) = self.at(t);
        normals.dot(&root) + mean
    }

    /// The law itself, as weighted points with its moments up to degree 15.
    fn exact(&self, intervals: usize, tau: f64) -> Snapshots {
        let (nodes, weights) = normal_quadrature(8);
        let times: Vec<f64> = (0..=intervals).map(|k| k as f64 * tau).collect();
        let cloud = |t: &f64| Cloud::new(self.place(*t, &nodes), Some(weights.view())).unwrap();
        Snapshots::new(times.clone(), times.iter().map(cloud).collect()).unwrap()
    }

    /// Independent draws from the law at every time.
    fn drawn(&self, intervals: usize, tau: f64, n: usize, seed: u64) -> Snapshots {
        let times: Vec<f64> = (0..=intervals).map(|k| k as f64 * tau).collect();
        let cloud = |(k, t): (usize, &f64)| self.place(*t, &normals(n, 2, 1000 * seed + k as u64));
        snapshots(&times, times.iter().enumerate().map(cloud).collect())
    }

    fn options(&self, scheme: Scheme) -> FitOptions {
        FitOptions {
            interaction: (self.w != 0.0).then(|| "quadratic".parse().unwrap()),
            internal: (self.theta != 0.0).then_some(fokker::population::Components(1)),
            ..options("poly:2", scheme)
        }
    }

    /// A₁₁, A₁₂, A₂₂, ∇V(0), and w and θ where they are.
    fn truth(&self) -> Array1<f64> {
        let slope = -self.a.dot(&self.centre);
        let mut all = vec![self.a[[0, 0]], self.a[[0, 1]], self.a[[1, 1]], slope[0], slope[1]];
        all.extend((self.w != 0.0).then_some(self.w));
        all.extend((self.theta != 0.0).then_some(self.theta));
        Array1::from(all)
    }

    fn found(&self, data: &Snapshots, scheme: Scheme) -> Array1<f64> {
        parameters(&fit(data, &self.options(scheme), fokker::Task::silent()).unwrap().energy)
    }
}

fn parameters(energy: &Energy) -> Array1<f64> {
    let (a, slope) = quadratic(energy);
    let mut all = vec![a[[0, 0]], a[[0, 1]], a[[1, 1]], slope[0], slope[1]];
    all.extend(energy.interaction.is_some().then(|| curvature(energy)));
    all.extend(energy.temperature);
    Array1::from(all)
}

fn norm(x: &Array1<f64>) -> f64 {
    x.dot(x).sqrt()
}

/// Orders of two halvings of τ at a fixed last time.
fn orders(least: usize, error: impl Fn(usize, f64) -> f64) -> [f64; 2] {
    let [coarse, middle, fine] = [1, 2, 4].map(|k| error(k * least, 0.4 / (k * least) as f64));
    [(coarse / middle).log2(), (middle / fine).log2()]
}

#[test]
fn linear_flows_give_the_closed_forms_of_every_scheme() {
    let a = array![[1.5, 0.6], [0.6, 0.8]];
    let tau = 0.3;
    let x = normals(60, 2, 1);
    // A map that is symmetric and positive definite is optimal: the coupling is the flow.
    let data = snapshots(&[1.0, 1.0 + tau], vec![x.clone(), x.dot(&apply(&a, |a| (-a * tau).exp()))]);
    let closed: [fn(f64, f64) -> f64; 3] = [
        |a, tau| (1.0 - (-a * tau).exp()) / tau,
        |a, tau| ((a * tau).exp() - 1.0) / tau,
        |a, tau| 2.0 * (0.5 * a * tau).tanh() / tau,
    ];
    for (scheme, f) in COUPLED.into_iter().zip(closed) {
        let energy = fit(&data, &options("poly:2", scheme), fokker::Task::silent()).unwrap().energy;
        let (found, slope) = quadratic(&energy);
        assert!((found - apply(&a, |a| f(a, tau))).iter().all(|e| e.abs() < 1e-11), "{scheme}");
        assert!(norm(&slope) < 1e-11, "{scheme}");
    }
}

#[test]
fn orders_of_the_schemes_on_a_nonlinear_flow() {
    // x' = −x³, V = x⁴/4: x(t) = x/√(1 + 2x²t).
    let start = Array2::from_shape_fn((81, 1), |(i, _)| (i as f64 - 40.0) / 25.0);
    for (scheme, order) in
        [(Scheme::Explicit, 1.0), (Scheme::Implicit, 1.0), (Scheme::Midpoint, 2.0), (Scheme::Weak, 2.0)]
    {
        let measured = orders(4, |intervals, tau| {
            let times: Vec<f64> = (0..=intervals).map(|k| k as f64 * tau).collect();
            let cloud = |t: &f64| start.mapv(|x: f64| x / (1.0 + 2.0 * x * x * t).sqrt());
            let data = snapshots(&times, times.iter().map(cloud).collect());
            let energy = fit(&data, &options("poly:4", scheme), fokker::Task::silent()).unwrap().energy;
            relative(&gradient(&energy, start.view()), &start.mapv(|x| x.powi(3)))
        });
        println!("{scheme}: {measured:?}");
        assert!((measured[1] - order).abs() < 0.15, "{scheme}: {measured:?}");
    }
}

#[test]
fn orders_with_interaction_and_temperature_and_agreement_of_weak_and_coupled_forms() {
    for (w, theta) in [(0.7, 0.0), (0.0, 0.4), (0.7, 0.4)] {
        let law = Law::new(w, theta);
        for scheme in [Scheme::Explicit, Scheme::Implicit, Scheme::Midpoint, Scheme::Weak] {
            let error = |intervals, tau| norm(&(law.found(&law.exact(intervals, tau), scheme) - law.truth()));
            // Moments of degree 4 decay four times as fast: the weak form needs shorter intervals.
            let measured = orders(if scheme == Scheme::Weak { 32 } else { 4 }, error);
            let expected = if matches!(scheme, Scheme::Midpoint | Scheme::Weak) { 2.0 } else { 1.0 };
            println!("w {w} θ {theta} {scheme}: {measured:?}");
            assert!((measured[1] - expected).abs() < 0.15, "w {w} θ {theta} {scheme}: {measured:?}");
        }
        let [midpoint, weak] =
            [Scheme::Midpoint, Scheme::Weak].map(|scheme| law.found(&law.exact(128, 0.4 / 128.0), scheme));
        println!("w {w} θ {theta} at τ = 1/320: midpoint {midpoint:.5} weak {weak:.5} of {}", law.truth());
        assert!((&midpoint - &law.truth()).iter().all(|e| e.abs() < 1e-4), "w {w} θ {theta}: {midpoint}");
        assert!((&weak - &midpoint).iter().all(|e| e.abs() < 1e-3), "w {w} θ {theta}: {weak} {midpoint}");
    }
}

/// Estimates of many seeds, `[seeds, parameters]`.
fn repeated(seeds: u64, estimate: impl Fn(u64) -> Array1<f64>) -> Array2<f64> {
    let rows: Vec<Array1<f64>> = (0..seeds).map(estimate).collect();
    ndarray::stack(Axis(0), &rows.iter().map(|r| r.view()).collect::<Vec<_>>()).unwrap()
}

/// The estimates scatter around `limit` with a spread that falls as 1/√n from n to 16n.
///
/// The mean of S seeds within 4.5 standard errors: one false alarm in 100,000 a parameter for
/// estimates of normal law. Ratio of spreads 4 within a factor of 1.9: F(39, 39) leaves
/// (1/3.6, 3.6) once in 8000.
fn check_rate(name: &str, limit: &Array1<f64>, few: &Array2<f64>, many: &Array2<f64>) {
    for (k, limit) in limit.iter().enumerate() {
        let (few, many) = (few.column(k), many.column(k));
        let error = many.std(1.0) / (many.len() as f64).sqrt();
        let shift = (many.mean().unwrap() - limit) / error;
        let ratio = few.std(1.0) / many.std(1.0);
        println!(
            "{name} {k}: limit {limit:.4}, standard error of one fit {:.4}, shift {shift:.2}, ratio {ratio:.2}",
            many.std(1.0)
        );
        assert!(shift.abs() < 4.5, "{name} {k}: {shift} standard errors from {limit}");
        assert!((4.0 / 1.9..4.0 * 1.9).contains(&ratio), "{name} {k}: {ratio}");
    }
}

#[test]
fn weak_fits_of_independent_draws_converge_at_the_monte_carlo_rate() {
    let law = Law::new(0.7, 0.4);
    let (intervals, tau) = (6, 0.1);
    // What remains with infinitely many particles: the error of the scheme.
    let limit = law.found(&law.exact(intervals, tau), Scheme::Weak);
    assert!(norm(&(&limit - &law.truth())) < 0.08 * norm(&law.truth()), "{limit} {}", law.truth());
    let estimates =
        |n: usize| repeated(40, |seed| law.found(&law.drawn(intervals, tau, n, seed), Scheme::Weak));
    check_rate("weak", &limit, &estimates(500), &estimates(8000));
}

#[test]
fn coupled_fits_of_independent_draws_converge_at_the_monte_carlo_rate() {
    // On a line, where couplings of independent clouds err by O(1/n). V = ½ax², a = 1, θ = 0.4:
    // σ² = 0.4 + (σ₀² − 0.4)e^{−2t}.
    let (intervals, tau) = (5, 0.15);
    let times: Vec<f64> = (0..=intervals).map(|k| k as f64 * tau).collect();
    let sigma = |t: f64| (0.4 + (4.0 - 0.4) * (-2.0 * t).exp()).sqrt();
    let settings = FitOptions {
        internal: Some(fokker::population::Components(1)),
        ..options("poly:2", Scheme::Midpoint)
    };
    let found = |data: &Snapshots| {
        let energy = fit(data, &settings, fokker::Task::silent()).unwrap().energy;
        array![quadratic(&energy).0[[0, 0]], energy.temperature.unwrap()]
    };
    let estimates = |n: usize| {
        repeated(40, |seed| {
            let cloud = |(k, t): (usize, &f64)| normals(n, 1, 1000 * seed + k as u64) * sigma(*t);
            found(&snapshots(&times, times.iter().enumerate().map(cloud).collect()))
        })
    };
    let (nodes, weights) = normal_quadrature(20);
    let line = nodes.select(Axis(1), &[0]);
    let exact = times.iter().map(|t| Cloud::new(&line * sigma(*t), Some(weights.view())).unwrap()).collect();
    let limit = found(&Snapshots::new(times.clone(), exact).unwrap());
    assert!((limit[0] - 1.0).abs() < 0.02 && (limit[1] - 0.4).abs() < 0.02, "{limit}");
    check_rate("coupled", &limit, &estimates(100), &estimates(1600));
}

fn linear(
    slope: f64,
    shift: f64,
) -> impl Fn(ArrayView2<f64>, ArrayViewMut2<f64>) -> fokker::Result<()> + Sync {
    move |x, mut out| {
        out.assign(&x.mapv(|x| slope * (x - shift)));
        Ok(())
    }
}

#[test]
fn an_interaction_comes_back_from_the_simulator_where_the_mean_moves() {
    let (potential, interaction) = (linear(1.2, 3.0), linear(0.8, 0.0));
    let settings = PopulationOptions {
        potential: Some(&potential),
        interaction: Some(&interaction),
        particles: 150,
        snapshots: 5,
        interval: 0.1,
        paired: true,
        ..Default::default()
    };
    let clouds = |settings: &PopulationOptions| {
        let (times, clouds): (Vec<f64>, Vec<_>) = simulate_population(settings).unwrap().into_iter().unzip();
        snapshots(&times, clouds)
    };
    let wanted = array![1.2, 0.0, 1.2, -3.6, -3.6, 0.8];
    // Euler steps are the explicit scheme itself.
    let fit_by = |data: &Snapshots, scheme| {
        let options =
            FitOptions { interaction: Some("quadratic".parse().unwrap()), ..options("poly:2", scheme) };
        fit(data, &options, fokker::Task::silent()).unwrap()
    };
    let fitted = fit_by(&clouds(&settings), Scheme::Explicit);
    assert!((parameters(&fitted.energy) - &wanted).iter().all(|e| e.abs() < 1e-10), "{fitted:?}");
    // In continuous time the midpoint: τ²(a + w)³/12 = 0.7 % for the fluctuations, the mean less,
    // Euler's own error at 200 sub-steps 0.05 %.
    let continuous = clouds(&PopulationOptions { sub_steps: 200, ..settings });
    let found = parameters(&fit_by(&continuous, Scheme::Midpoint).energy);
    assert!((&found - &wanted).iter().all(|e| e.abs() < 0.02), "{found}");
    // Without a potential that moves the mean, V and W quadratic are one: the rank says so.
    let still = linear(1.2, 0.0);
    let start = normals(150, 2, 3);
    let start = &start - &start.mean_axis(Axis(0)).unwrap();
    let settings = PopulationOptions { potential: Some(&still), start: Some(start.view()), ..settings };
    let fitted = fit_by(&clouds(&settings), Scheme::Explicit);
    assert_eq!((fitted.unknowns, fitted.rank), (6, 5));
    let found = parameters(&fitted.energy);
    assert!((found[0] + found[5] - 2.0).abs() < 1e-9, "their sum is known: {found}");
}

#[test]
fn a_radial_interaction_comes_back_as_a_drift() {
    // ∇W of W = −2 exp(−|z|²/2), in a potential that moves the mean.
    let potential = linear(0.7, 2.0);
    let interaction = |z: ArrayView2<f64>, mut out: ArrayViewMut2<f64>| {
        for (z, mut row) in z.rows().into_iter().zip(out.rows_mut()) {
            row.assign(&(&z * (2.0 * (-0.5 * z.dot(&z)).exp())));
        }
        Ok(())
    };
    let settings = PopulationOptions {
        potential: Some(&potential),
        interaction: Some(&interaction),
        particles: 300,
        interval: 0.05,
        paired: true,
        ..Default::default()
    };
    let (times, clouds): (Vec<f64>, Vec<_>) = simulate_population(&settings).unwrap().into_iter().unzip();
    let data = snapshots(&times, clouds);
    let options = FitOptions {
        potential: Potential::Features("poly:2".parse().unwrap()),
        interaction: Some("radial:6".parse().unwrap()),
        ridge: fokker::population::Ridge::Relative(1e-10),
        ..options("poly:2", Scheme::Explicit)
    };
    let energy = fit(&data, &options, fokker::Task::silent()).unwrap().energy;
    let (x, weights) = (&data.clouds()[2].x, &data.clouds()[2].weights);
    let found = energy.velocity(0.0, x.view(), x.view(), weights.view()).unwrap();
    let mut force = Array2::zeros(x.dim());
    for (i, mut row) in force.rows_mut().into_iter().enumerate() {
        for y in x.rows() {
            let z = &x.row(i) - &y;
            row.scaled_add(-2.0 * (-0.5 * z.dot(&z)).exp() / 300.0, &z);
        }
        row.scaled_add(-0.7, &(&x.row(i) - 2.0));
    }
    let error = relative(&found, &force);
    println!("drift {error:.1e}, W″ of V {:.3}", quadratic(&energy).0);
    // Six widths √2 apart stand for one that is none of them.
    assert!(error < 1e-3, "{error}");
}
