//! On noise nothing is better than chance: snapshots without motion, validated with default options.
//!
//! `make null` makes the 800 draws and prints the figures that docs/design.md records.

#[path = "common/population.rs"]
mod common;

use common::{normals, snapshots};
use fokker::population::{Cloud, Snapshots, ValidateOptions, Validation, Verdict, validate};
use ndarray::{Array2, Axis};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Three snapshots of N(0, I), of 50, 100, 200 or 400 particles.
fn gaussian(d: usize, draw: u64) -> Snapshots {
    let n = 50 << (draw % 4);
    snapshots(&[0.0, 1.0, 2.0], (0..3).map(|t| normals(n, d, 1000 * draw + 10 * d as u64 + t)).collect())
}

/// Cells of the epithelial–mesenchymal transition in 10 dimensions, whose times are shuffled: 800 of them,
/// as the four times have them.
fn shuffled(cells: &Array2<f64>, draw: u64) -> Snapshots {
    let mut order: Vec<usize> = (0..cells.nrows()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(draw));
    let ends = [0, 147, 373, 574, 800];
    let cloud = |t: usize| Cloud::new(cells.select(Axis(0), &order[ends[t]..ends[t + 1]]), None).unwrap();
    Snapshots::new(vec![0.0, 1.0, 2.0, 3.0], (0..4).map(cloud).collect()).unwrap()
}

/// How many draws are called better, how many worse than what needs no energy, and how many lose particles
/// on their way.
fn claims(draws: u64, make: impl Fn(u64) -> Snapshots + Sync) -> [usize; 3] {
    let validation =
        |draw| validate(&make(draw), &ValidateOptions::default(), fokker::Task::silent()).unwrap();
    let all: Vec<_> = (0..draws).into_par_iter().map(validation).collect();
    let count = |such: &dyn Fn(&Validation) -> bool| all.iter().filter(|one| such(one)).count();
    [
        count(&|one| one.verdict == Verdict::Better),
        count(&|one| one.verdict == Verdict::Worse),
        count(&|one| !one.lost.is_empty()),
    ]
}

fn cells() -> Option<Array2<f64>> {
    let Some(folder) = std::env::var_os("FOKKER_DATA") else {
        eprintln!("skipped: FOKKER_DATA does not name the folder that holds emt.csv");
        return None;
    };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("emt.csv")).unwrap();
    let fields = text.lines().skip(1).flat_map(|line| line.split(',').skip(1).map(|f| f.parse().unwrap()));
    let fields: Vec<f64> = fields.collect();
    Some(Array2::from_shape_vec((fields.len() / 10, 10), fields).unwrap())
}

/// Each draw is called better in at most 5 % of all cases: more than 3 of 20 happen with probability 1.6 %.
#[test]
fn noise_is_not_improved() {
    for d in [2, 5, 10] {
        let [better, _, _] = claims(20, |draw| gaussian(d, 10_000 + draw));
        assert!(better <= 3, "d = {d}: {better} of 20");
    }
}

/// The same with cells: more than 3 of 20 happen with probability 1.6 %.
#[test]
fn shuffled_times_of_cells_are_not_improved() {
    let Some(cells) = cells() else { return };
    let [better, _, _] = claims(20, |draw| shuffled(&cells, 10_000 + draw));
    assert!(better <= 3, "{better} of 20");
}

/// In these draws (2 of the first 200) particles of the roll-out leave the range of numbers, which ended the
/// whole validation.
#[test]
fn a_roll_out_that_loses_particles_is_a_row_without_a_number() {
    for draw in [43, 91] {
        let found =
            validate(&gaussian(2, draw), &ValidateOptions::default(), fokker::Task::silent()).unwrap();
        assert!(!found.lost.is_empty());
        for lost in &found.lost {
            assert!(lost.particles > 0 && lost.reason.starts_with(&lost.particles.to_string()), "{lost:?}");
        }
        let of = |name: &str| found.lost.iter().any(|lost| lost.prediction == name);
        assert_eq!(found.mean.fit.is_none(), of("fit"));
        assert_eq!(found.mean.cumulative.is_none(), of("cumulative"));
        assert_eq!(found.roll_out.iter().any(|row| row.fit.is_none()), of("roll_out"));
        assert!(!of("fit") || found.verdict == Verdict::Worse);
        assert!(!of("cumulative") || found.rolled_out.verdict() == Verdict::Worse);
        let rest =
            [found.mean.floor, found.mean.affine, found.mean.persistence, found.mean.cumulative_affine];
        assert!(rest.iter().all(|figure| figure.is_finite()), "{rest:?}");
    }
}

#[test]
#[ignore = "minutes: make null"]
fn claims_on_noise_are_recorded() {
    let mut all: Vec<(String, [usize; 3])> = [2, 5, 10]
        .map(|d| (format!("N(0, I), d = {d}, n = 50 to 400"), claims(200, |draw| gaussian(d, draw))))
        .into();
    if let Some(cells) = cells() {
        all.push(("EMT, 800 cells, times shuffled".into(), claims(200, |draw| shuffled(&cells, draw))));
    }
    for (name, [better, worse, lost]) in &all {
        println!("{name:32} better in {better} of 200, worse in {worse}, lost in {lost}");
    }
    let total: usize = all.iter().map(|(_, [better, ..])| better).sum();
    println!("claims of improvement: {:.1} %", 100.0 * total as f64 / (200 * all.len()) as f64);
    assert!(all.iter().all(|(_, [better, ..])| *better <= 13), "{all:?}");
    assert!(total as f64 <= 0.03 * 200.0 * all.len() as f64, "{all:?}");
}
