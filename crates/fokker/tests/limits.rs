//! Slips of scale are errors, and nothing that is not a number leaves: whoever calls.

use fokker::Blocks;
use fokker::audit::tune::{TuneOptions, tune};
use fokker::audit::{Audit, Start, lint_sigmas};
use fokker::process::{Grid, Linear, Spacing, parse_schedule};
use fokker::sampling::{DpmPlusPlus2M, ReverseProcess, SampleOptions, parse_scheme, sample, steps_within};
use fokker::score::GaussianScore;
use fokker::spectral::{Candidate, Pairs, Rows, Shape, Summary, choose, fit};
use fokker::statistics::Gaussian;
use ndarray::{Array1, Array2, array};

fn law(values: Array1<f64>) -> Gaussian {
    Gaussian::from_eigenvalues(values).unwrap()
}

#[test]
fn more_than_can_be_held_is_refused_before_it_is_tried() {
    let huge = 1 << 40;
    let (data, schedule) = (law(array![1.0]), Linear::new(0.05, 10.0, 1.0).unwrap());
    let says = |error: fokker::Error, words: &str| {
        assert!(error.is_input() && error.to_string().contains(words), "{error}");
    };
    says(Grid::new(Spacing::Uniform, huge, 0.0, &schedule).unwrap_err(), "from 1 to 10000000");
    says(steps_within(huge, &DpmPlusPlus2M, 0.0).unwrap_err(), "from 1 to 10000000");
    says(
        tune(
            std::slice::from_ref(&data),
            &DpmPlusPlus2M,
            &schedule,
            &TuneOptions { nfe: huge, ..TuneOptions::default() },
            fokker::Task::silent(),
        )
        .unwrap_err(),
        "nfe",
    );
    let score = GaussianScore::new(&data, &schedule);
    let grid = Grid::new(Spacing::Uniform, 3, 0.0, &schedule).unwrap();
    let options = SampleOptions { particles: huge, ..Default::default() };
    let drawn = sample(&ReverseProcess::new(&schedule, &score), &DpmPlusPlus2M, &grid, &options);
    says(drawn.unwrap_err(), "particles must be at most 1073741824 of dimension 1");
}

#[test]
fn errors_beyond_the_range_of_numbers_are_errors() {
    // e^{2·400} is no number, and neither is the sum of two variances of 1e308.
    for (values, schedule) in
        [(array![1.0, 2.0, 0.5], "constant:400"), (array![1e308, 1e308], "linear:0.05:10")]
    {
        let schedule = parse_schedule(schedule).unwrap();
        let (data, scheme) = (law(values), parse_scheme("dpmpp-2m").unwrap());
        let audit = Audit::new(&data, &*schedule);
        let grid = Grid::new(Spacing::Uniform, 50, 0.0, &*schedule).unwrap();
        let error = audit.errors(&*scheme, &grid, Start::Normal).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("beyond the range of numbers"), "{error}");
        assert!(audit.along_time(&*scheme, &grid, Start::Normal).is_err());
    }
}

#[test]
fn findings_cost_a_number_or_nothing() {
    let scheme = parse_scheme("dpmpp-2m").unwrap();
    for scale in [1e308, 1e300, 1.0, 1e-300, 0.0] {
        let data = law(array![scale, scale, 0.5 * scale]);
        for sigmas in [&[14.6, 5.0, 5.0, 1.0, 0.2][..], &[1e300, 1e150, 1.0, 1e-150, 0.0], &[1e-300, 1e-310]]
        {
            for finding in lint_sigmas(sigmas, &data, &*scheme).unwrap() {
                assert!(finding.w2_cost.is_none_or(f64::is_finite), "{finding:?}");
                assert!(!finding.message.contains("NaN") && !finding.message.contains("inf"), "{finding:?}");
            }
        }
    }
}

/// A matrix of millions of columns, of which a row must not be asked for.
struct Wide;

impl Blocks for Wide {
    fn dim(&self) -> usize {
        3_000_000
    }

    fn rows(&self) -> Option<usize> {
        Some(3)
    }

    fn next(&mut self, _block: &mut Array2<f64>) -> fokker::Result<usize> {
        panic!("a row is read")
    }

    fn rewind(&mut self) -> fokker::Result<()> {
        Ok(())
    }
}

/// Twelve million functions of one column each had been listed, two gigabytes, before they were counted.
#[test]
fn a_density_of_millions_of_columns_is_refused_before_a_row_is_read() {
    for pairs in [Pairs::None, Pairs::All] {
        let options = Candidate { shape: Shape { pairs, ..Default::default() }, ..Default::default() };
        let refused = [
            fit(&mut Wide, &options, fokker::Task::silent()).unwrap_err(),
            choose(&mut Wide, &[options.clone(), options], fokker::Task::silent()).unwrap_err(),
            Summary::from_blocks(&mut Wide, &Rows::default(), fokker::Task::silent()).unwrap_err(),
        ];
        for error in refused {
            let text = error.to_string();
            assert!(error.is_input() && text.contains("3000000") && text.contains("1000000"), "{text}");
        }
    }
}
