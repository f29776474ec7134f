//! Fits of populations can be stopped.

#[path = "common/population.rs"]
mod common;

use common::{normals, options, snapshots};
use fokker::population::{FitOptions, Scheme, fit};

/// Counts how often it is asked.
#[derive(Default)]
struct Asked(std::sync::atomic::AtomicUsize);

impl fokker::Monitor for Asked {
    fn progress(&self, stage: &str, _done: usize, _total: usize) -> std::ops::ControlFlow<()> {
        let sums = usize::from(stage == "sums");
        self.0.fetch_add(sums, std::sync::atomic::Ordering::Relaxed);
        std::ops::ControlFlow::Continue(())
    }
}

/// A million particles took 14 seconds between two questions: it must be asked for every few of them.
#[test]
fn the_weak_form_can_be_stopped_within_a_snapshot() {
    let data = snapshots(&[0.0, 1.0], vec![normals(2048, 2, 1), normals(1024, 2, 2)]);
    for interaction in [None, Some("radial:2".parse().unwrap())] {
        let asked = Asked::default();
        let options = FitOptions { interaction, ..options("poly:2", Scheme::Weak) };
        fit(&data, &options, fokker::Task::watched(&asked)).unwrap();
        let least = if interaction.is_some() { 1 + 1 } else { (2048 + 1024) / 256 };
        assert!(asked.0.into_inner() >= least);
    }
    let fine = snapshots(&[0.0, 1.0], vec![normals(10_000, 1, 1), normals(300, 1, 2)]);
    let asked = Asked::default();
    let interaction = Some("quadratic".parse().unwrap());
    let options = FitOptions { interaction, ..options("poly:2", Scheme::Weak) };
    fit(&fine, &options, fokker::Task::watched(&asked)).unwrap();
    assert!(asked.0.into_inner() >= 10_000usize.div_ceil(838), "838 of 10,000 have 2²³ pairs");
}
