//! Numbers that hold everywhere, with where they come from: what remains of the tests of published
//! numbers where the published data are not.
//!
//! Closed forms are computed here. Recorded numbers are what the command beside them printed, on x86-64
//! with AVX2; on other machines the last digits differ, so they are held to 1e-9.

mod common;

use common::{cells_in, number, succeed, succeed_in};
use serde_json::Value;
use std::path::Path;

/// What a command with `--json` prints.
fn printed(folder: &Path, line: &str) -> Value {
    serde_json::from_str(&succeed_in(folder, &format!("{line} --json"))).expect("the output is JSON")
}

#[track_caller]
fn assert_close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "found {found}, expected {expected}");
}

/// Recorded: `fokker audit errors --spectrum natural:32x32x3 --scheme SCHEME --steps STEPS --json`.
///
/// Table 2 of Pierret and Galerne (ICML 2025) has 4.77, 0.65 and 0.155 for Euler–Maruyama on CIFAR-10
/// (tests/audit_table2.rs); these are the same cells on the embedded spectrum, which is close to it.
#[test]
fn euler_maruyama_on_the_embedded_spectrum() {
    let line = "audit errors --spectrum natural:32x32x3 --scheme em --steps 49,249,999";
    let cells = cells_in(Path::new("."), line);
    let recorded = [(49, 4.686416557873314), (249, 0.6210483164899344), (999, 0.1467659772658505)];
    for (steps, w2) in recorded {
        let cell = cells.iter().find(|cell| cell["steps"] == steps).expect("a cell for each number of steps");
        assert_close(number(cell, "w2"), w2, 1e-9);
    }
}

/// Recorded: `fokker audit errors --spectrum natural:32x32x3 --scheme em,ddpm-exact,heun,ddim,dpmpp-2m
/// --nfe 20 --grid log-snr --json`; the README prints four of these rows.
#[test]
fn twenty_evaluations_on_the_embedded_spectrum() {
    let schemes = "em,ddpm-exact,heun,ddim,dpmpp-2m";
    let line = format!("audit errors --spectrum natural:32x32x3 --scheme {schemes} --nfe 20 --grid log-snr");
    let cells = cells_in(Path::new("."), &line);
    for (scheme, w2, discretisation) in [
        ("em", 2.6453766044541664, 2.645375345281254),
        ("ddpm-exact", 4.287554728680725, 4.287530031098059),
        ("heun", 2.4905561005432437, 2.477815123910788),
        ("ddim", 3.281553442779694, 3.271446425008916),
        ("dpmpp-2m", 0.39452275277697546, 0.4056865671220416),
    ] {
        let cell = cells.iter().find(|cell| cell["scheme"] == scheme).expect("a cell for each scheme");
        assert_close(number(cell, "w2"), w2, 1e-9);
        assert_close(number(cell, "discretisation"), discretisation, 1e-9);
    }
}

/// One coordinate of variance λ = 4, β = 1, T = 1: with v(t) = 1 + (λ − 1) e^{−2t} the flow ODE from
/// N(0, 1) ends with the deviation 2/√v(1), the data noised until ε have √v(ε), and DDIM multiplies x/α
/// by 1 + (σ′ − σ) σ/(λ + σ²) at each step between σ/α = √(e^{2t} − 1).
#[test]
fn one_coordinate_in_closed_form() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("e.json"), "[4.0]").unwrap();
    let variance = |t: f64| 1.0 + 3.0 * (-2.0 * t).exp();
    let line = "audit errors --eigenvalues e.json --schedule constant:1:1 --scheme ddim --steps 4";
    let cells = cells_in(folder.path(), line);
    assert_close(number(&cells[0], "initialisation"), 2.0 - 2.0 / variance(1.0).sqrt(), 1e-12);
    let sigma = |i: i32| (2.0 * (1.0 - f64::from(i) / 4.0)).exp_m1().sqrt();
    let step = |i: i32| 1.0 + (sigma(i + 1) - sigma(i)) * sigma(i) / (4.0 + sigma(i).powi(2));
    let deviation = 1f64.exp() * (0..4).map(step).product::<f64>();
    assert_close(number(&cells[1], "w2"), (2.0 - deviation).abs(), 1e-12);
    let cells = cells_in(folder.path(), &format!("{line} --stop 0.1"));
    assert_close(number(&cells[0], "truncation"), 2.0 - variance(0.1).sqrt(), 1e-12);
}

/// A cloud moved by (3, 4) is 5 away; D² of two points at distance 2 is 4; the closest pairs on the line.
#[test]
fn distances_in_closed_form() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.csv", "0,0\n1,0\n0,1\n7,2\n");
    write("b.csv", "3,4\n4,4\n3,5\n10,6\n");
    write("c.csv", "0,0\n");
    write("d.csv", "0,2\n");
    for (line, value) in [
        ("a.csv b.csv --metric w2", 5.0),
        ("a.csv b.csv --metric w1", 5.0),
        ("a.csv b.csv --metric sinkhorn", 25.0),
        ("c.csv d.csv --metric energy", 2.0),
        ("c.csv d.csv --metric mmd --bandwidth 1", (2.0 - 2.0 * (-2f64).exp()).sqrt()),
    ] {
        let found = printed(folder.path(), &format!("transport distance {line}"));
        assert_close(number(&found, "value"), value, 1e-5);
    }
}

/// Snapshots of particles that follow dx = −x dt by Euler steps of 0.1, x ← 0.9 x: V = |x|²/2 exactly,
/// whatever the particles.
#[test]
fn a_population_whose_energy_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let points: Vec<(f64, f64)> = (0..40).map(|i| (f64::from(i * 7 % 40) - 19.5, f64::from(i % 9))).collect();
    let mut text = "time,x,y\n".to_owned();
    for k in 0..3 {
        let shrunk = 0.9f64.powi(k);
        for (x, y) in &points {
            text += &format!("{},{},{}\n", 0.1 * f64::from(k), shrunk * x, shrunk * y);
        }
    }
    std::fs::write(folder.path().join("cells.csv"), text).unwrap();
    std::fs::write(folder.path().join("x.csv"), "1,2\n-3,0.5\n").unwrap();
    let fit = "population fit cells.csv --potential poly:2 --scheme explicit --ridge 0 -o e.safetensors";
    let fit = printed(folder.path(), fit);
    assert!(number(&fit["residuals"][0], "relative") < 1e-10, "{fit}");
    let predict = "population predict e.safetensors --from x.csv --at 0 --times 0.1 -o p.csv";
    succeed_in(folder.path(), predict);
    let moved = std::fs::read_to_string(folder.path().join("p.csv")).unwrap();
    let numbers = moved.lines().skip(1).flat_map(|line| line.split(',').take(2));
    for (found, expected) in numbers.map(|text| text.parse::<f64>().unwrap()).zip([0.9, 1.8, -2.7, 0.45]) {
        assert_close(found, expected, 1e-9);
    }
}

/// Recorded: `fokker --seed 0 population simulate --potential styblinski-tang --particles 300 --snapshots 4
/// -o cells.csv`, then `fokker population fit cells.csv --potential poly:4 --scheme explicit --ridge 1e-6
/// --time-varying none --json`.
#[test]
fn simulated_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let simulate = "--seed 0 population simulate --potential styblinski-tang --particles 300 --snapshots 4";
    succeed_in(folder.path(), &format!("{simulate} -o cells.csv"));
    let fit =
        "population fit cells.csv --potential poly:4 --scheme explicit --ridge 1e-6 --time-varying none";
    let fit = printed(folder.path(), fit);
    assert_close(number(&fit, "condition"), 40.392830054035834, 1e-9);
    let recorded = [0.771997441202981, 0.9811139855689602, 0.891793715519198];
    for (i, relative) in recorded.into_iter().enumerate() {
        assert_close(number(&fit["residuals"][i], "relative"), relative, 1e-9);
    }
}

/// Recorded: `fokker spectral problem gl:16 --json`, the quadrature of tests in problems/chain.rs; and
/// `fokker transport distance a.npy b.npy --metric METRIC --json` for 500 draws each of the double well
/// with the seeds 2 and 3.
#[test]
fn a_chain_and_two_samples_of_a_double_well() {
    let folder = tempfile::tempdir().unwrap();
    let chain = printed(folder.path(), "spectral problem gl:16 -n 10 -o gl.npy");
    assert_close(number(&chain, "log_Z"), 1.8421817725624974, 1e-9);
    for (seed, name) in [(2, "a.npy"), (3, "b.npy")] {
        succeed_in(folder.path(), &format!("--seed {seed} spectral problem double-well -n 500 -o {name}"));
    }
    for (metric, value) in [("w2", 0.30845786774658973), ("energy", 0.10992592899131998)] {
        let found = printed(folder.path(), &format!("transport distance a.npy b.npy --metric {metric}"));
        assert_close(number(&found, "value"), value, 1e-9);
    }
}

/// The largest σ of Stable Diffusion is printed as 14.6146 by k-diffusion and diffusers, the smallest as
/// 0.0292 [scaled-linear betas from 0.00085 to 0.012, 1000 steps].
#[test]
fn the_levels_of_stable_diffusion() {
    let line = "audit tune --spectrum natural:4x4x1 --schedule config:preset:stable-diffusion --nfe 2 \
                --scheme ddim --export k-diffusion";
    let text = succeed(line);
    let list = text.lines().find_map(|line| line.strip_prefix('[')).expect("a list of levels");
    let first = list.split(',').next().unwrap();
    assert!((first.parse::<f64>().unwrap() - 14.6146).abs() < 5e-5, "{text}");
}
