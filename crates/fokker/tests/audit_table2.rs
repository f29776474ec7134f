//! The published table of exact errors on the spectrum of CIFAR-10, all 160 cells as printed
//! [Pierret and Galerne 2025, table 2], and the figures of its later version for DDPM.

mod common;

use fokker::audit::{Audit, Start};
use fokker::process::{Grid, Linear, Spacing};
use fokker::sampling::{Ddpm, Limit, Scheme, parse_scheme};
use fokker::statistics::Gaussian;
use serde_json::Value;

/// A number as printed and half a unit of its last digit.
///
/// `6.7E-4` has its last digit at 1e-5; a bare `0` is what two decimals make of less than 0.005.
fn printed(text: &str) -> (f64, f64) {
    if text == "0" {
        return (0.0, 0.005);
    }
    let (digits, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as i32;
    let exponent: i32 = exponent.parse().unwrap();
    (text.parse().unwrap(), 0.5 * 10f64.powi(exponent - decimals))
}

fn schedule() -> Linear {
    Linear::new(0.05, 10.0, 1.0).unwrap()
}

#[test]
fn printed_numbers_are_read_with_their_precision() {
    let close = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-15 && (b - d).abs() < 1e-15;
    assert!(close(printed("4.77"), (4.77, 0.005)));
    assert!(close(printed("6.7E-4"), (6.7e-4, 0.05e-4)));
    assert!(close(printed("0"), (0.0, 0.005)));
}

#[test]
fn all_cells_of_the_published_table() {
    let (Some(spectrum), Some(path)) =
        (common::cifar10_spectrum(), common::data_file("pierret_galerne_table2.json"))
    else {
        return;
    };
    let table: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let schedule = schedule();
    let audit = Audit::new(&Gaussian::from_eigenvalues(spectrum).unwrap(), &schedule);
    let cells = table["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 160);
    for cell in cells {
        let name = cell["scheme"].as_str().unwrap().to_lowercase();
        let scheme: Box<dyn Scheme> = parse_scheme(&name).unwrap();
        let stop = cell["stop"].as_f64().unwrap();
        let start = match cell["start"].as_str().unwrap() {
            "p_T" => Start::Exact,
            "N_0" => Start::Normal,
            other => panic!("unknown start {other}"),
        };
        let run = match cell["grid_points"].as_u64() {
            // N points are N − 1 steps.
            Some(points) => {
                let grid = Grid::new(Spacing::Uniform, points as usize - 1, stop, &schedule).unwrap();
                audit.run(&*scheme, &grid).unwrap()
            }
            None => {
                assert_eq!(cell["grid_points"], "continuous");
                let stochastic = matches!(name.as_str(), "em" | "ei");
                audit.continuous(if stochastic { Limit::Sde } else { Limit::Ode }, stop).unwrap()
            }
        };
        let w2 = audit.report(&run, start).unwrap().w2;
        let (value, half_unit) = printed(cell["printed"].as_str().unwrap());
        assert!((w2 - value).abs() <= half_unit + 1e-12, "{cell}: found {w2}");
    }
}

#[test]
fn ddpm_as_reported() {
    let Some(spectrum) = common::cifar10_spectrum() else { return };
    let schedule = schedule();
    let audit = Audit::new(&Gaussian::from_eigenvalues(spectrum).unwrap(), &schedule);
    let w2 = |steps| {
        let grid = Grid::new(Spacing::Uniform, steps, 0.0, &schedule).unwrap();
        audit.errors(&Ddpm, &grid, Start::Normal).unwrap().w2
    };
    for (steps, value) in [(500, "0.47"), (1000, "0.23")] {
        let (value, half_unit) = printed(value);
        // Read as steps or, as in the table, as points: both readings round to what is printed.
        for steps in [steps, steps - 1] {
            assert!((w2(steps) - value).abs() <= half_unit, "{steps} steps: {}", w2(steps));
        }
    }
}
