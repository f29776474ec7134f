//! log W₂ of a grid in coordinates without constraints.

use super::adjoint::{Columns, Path, Sweep};
use super::lbfgs::{self, Function};
use super::{Robust, TuneOptions};
use crate::audit::Start;
use crate::process::{Grid, OrnsteinUhlenbeck as Ou, Schedule};
use crate::sampling::Scheme;
use crate::statistics::Gaussian;

/// Eigenvalues that a spectrum is gathered into: neighbours differ by a few per cent then, and
/// W₂² by about the square of that.
const NODES: usize = 256;
/// Smallest increment of log σ/α, as a fraction of that of the log-SNR grid. Without it multi-step
/// schemes may put two evaluations next to each other to difference them: exact for an exact
/// score, but the noise of a network would be multiplied by hundreds.
const SMALLEST: f64 = 0.1;
/// Exponent of the smooth maximum that stands for the worst law: within 64^{1/16} of it for 64 laws.
const SHARPNESS: i32 = 16;

/// How a grid may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// At 0, after a free smallest positive σ/α.
    Zero,
    /// At a free positive time.
    Free,
    /// At the stop of the grid that it starts from.
    Fixed,
}

/// log W₂ of a scheme's grids on some laws.
pub(super) struct Objective<'a> {
    scheme: &'a dyn Scheme,
    schedule: &'a dyn Schedule,
    start: Start,
    robust: Robust,
    laws: Vec<Columns>,
}

impl<'a> Objective<'a> {
    pub fn new(
        laws: &[Gaussian],
        scheme: &'a dyn Scheme,
        schedule: &'a dyn Schedule,
        options: &TuneOptions,
    ) -> Self {
        let laws = laws.iter().map(gathered).collect();
        Objective { scheme, schedule, start: options.start, robust: options.robust, laws }
    }

    /// The best grid found from a start; none when the scheme is not defined there.
    pub fn minimise(&self, ending: Ending, start: &Grid, iterations: usize) -> Option<Grid> {
        let along = Along::new(self, ending, start);
        let best = lbfgs::minimise(&along, &along.coordinates(), iterations)?;
        Grid::from_times(along.times(&best).0, self.schedule).ok()
    }

    /// log W₂ combined over the laws, with its derivative in log σ/α of each time if asked for.
    fn evaluate(&self, path: &Path, with_gradient: bool) -> Option<(f64, Vec<f64>)> {
        let mut squares = Vec::with_capacity(self.laws.len());
        let mut gradients = Vec::new();
        for columns in &self.laws {
            let sweep = Sweep { scheme: self.scheme, schedule: self.schedule, start: self.start, columns };
            if with_gradient {
                let (square, gradient) = sweep.gradient(path).ok()?;
                squares.push(square);
                gradients.push(gradient);
            } else {
                squares.push(sweep.value(path).ok()?);
            }
        }
        // Combination M of the W₂ = √E: dM/dE = weight; d log M = dM/M.
        let count = squares.len() as f64;
        let powered = match self.robust {
            Robust::Average => squares.iter().map(|e| e.sqrt() / count).sum::<f64>(),
            Robust::Worst => {
                let largest = squares.iter().fold(0.0, |m: f64, &e| m.max(e));
                let terms = squares.iter().map(|e| (e / largest).powi(SHARPNESS / 2) / count).sum::<f64>();
                largest.sqrt() * terms.powf(1.0 / f64::from(SHARPNESS))
            }
        };
        if !(powered.is_finite() && powered > 0.0) {
            return None;
        }
        let mut total = vec![0.0; path.times.len()];
        for (gradient, &square) in gradients.iter().zip(&squares) {
            let root = square.sqrt();
            let weight = match self.robust {
                Robust::Average => 0.5 / (count * root * powered),
                Robust::Worst => 0.5 / (count * square) * (root / powered).powi(SHARPNESS),
            };
            total.iter_mut().zip(gradient).for_each(|(t, g)| *t += weight * g);
        }
        total.iter().all(|g| g.is_finite()).then(|| (powered.ln(), total))
    }
}

/// The objective along grids of one ending: coordinates are θ_i = log(δ_i − smallest), with
/// δ_i = log r_{i−1} − log r_i, so that every point is a grid.
struct Along<'a> {
    objective: &'a Objective<'a>,
    ending: Ending,
    template: &'a Grid,
    smallest: f64,
}

impl<'a> Along<'a> {
    fn new(objective: &'a Objective<'a>, ending: Ending, template: &'a Grid) -> Self {
        let schedule = objective.schedule;
        let log_ratio = |t| Ou::noise_ratio(schedule.clock(t)).ln();
        let range = match ending {
            Ending::Fixed => log_ratio(template.start()) - log_ratio(template.stop()),
            _ => log_ratio(template.start()) - log_ratio(1e-3 * schedule.horizon()),
        };
        Along { objective, ending, template, smallest: SMALLEST * range / template.steps() as f64 }
    }

    /// Increments of log σ/α that are coordinates: all but the infinite one of a step to 0.
    fn increments(&self) -> usize {
        self.template.steps() - usize::from(self.ending == Ending::Zero)
    }

    fn coordinates(&self) -> Vec<f64> {
        let sigmas = self.template.sigmas();
        // A standard grid's own increment may be smaller than the smallest.
        let free = |i: usize| (sigmas[i] / sigmas[i + 1]).ln() - self.smallest;
        (0..self.increments()).map(|i| free(i).max(0.1 * self.smallest).ln()).collect()
    }

    /// Times, and log σ/α of those that move.
    fn times(&self, coordinates: &[f64]) -> (Vec<f64>, Vec<Option<f64>>) {
        let scale = self.scale(coordinates);
        let smallest = self.smallest;
        let mut times = vec![self.template.start()];
        let mut positions = vec![None];
        let mut position = self.template.sigmas()[0].ln();
        for theta in coordinates {
            position -= smallest + scale * theta.exp();
            times.push(self.objective.schedule.time_at(Ou::clock_at_noise_ratio(position.exp())));
            positions.push(Some(position));
        }
        match self.ending {
            Ending::Free => {}
            Ending::Zero => {
                times.push(0.0);
                positions.push(None);
            }
            Ending::Fixed => {
                times[coordinates.len()] = self.template.stop();
                positions[coordinates.len()] = None;
            }
        }
        (times, positions)
    }

    /// Factor of the free parts: with a fixed stop the increments add up to what there is.
    fn scale(&self, coordinates: &[f64]) -> f64 {
        match self.ending {
            Ending::Fixed => {
                let sigmas = self.template.sigmas();
                let total: f64 = coordinates.iter().map(|theta| theta.exp()).sum();
                ((sigmas[0] / sigmas[self.template.steps()]).ln() - self.smallest * coordinates.len() as f64)
                    / total
            }
            _ => 1.0,
        }
    }

    fn evaluate(&self, coordinates: &[f64], with_gradient: bool) -> Option<(f64, Vec<f64>)> {
        let (times, positions) = self.times(coordinates);
        if times.windows(2).any(|pair| pair[1] >= pair[0] || pair[1].is_nan()) {
            return None;
        }
        let path = Path { times: &times, positions: &positions };
        let (value, by_node) = self.objective.evaluate(&path, with_gradient)?;
        // An increment moves its own node and all later ones down.
        let scale = self.scale(coordinates);
        let mut gradient = vec![0.0; coordinates.len()];
        let mut later = 0.0;
        for i in (0..coordinates.len()).rev() {
            later += by_node[i + 1];
            gradient[i] = -later * scale * coordinates[i].exp();
        }
        if self.ending == Ending::Fixed {
            // The free parts are S e^θ/Σ e^θ: raising one lowers all in proportion.
            let sum: f64 = gradient.iter().sum();
            let total: f64 = coordinates.iter().map(|theta| theta.exp()).sum();
            for (g, theta) in gradient.iter_mut().zip(coordinates) {
                *g -= sum * theta.exp() / total;
            }
        }
        Some((value, gradient))
    }
}

impl Function for Along<'_> {
    fn value(&self, x: &[f64]) -> Option<f64> {
        self.evaluate(x, false).map(|(value, _)| value)
    }

    fn gradient(&self, x: &[f64]) -> Option<(f64, Vec<f64>)> {
        self.evaluate(x, true)
    }
}

/// The spectrum with neighbouring eigenvalues replaced by their mean, at most [`NODES`] of them.
fn gathered(law: &Gaussian) -> Columns {
    let mut pairs: Vec<(f64, f64)> = law.values().iter().copied().zip(law.own_mean()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positive = pairs.partition_point(|&(value, _)| value == 0.0);
    let mut groups: Vec<&[(f64, f64)]> = Vec::new();
    if positive > 0 {
        groups.push(&pairs[..positive]);
    }
    let rest = &pairs[positive..];
    if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
        let width = (last.0 / first.0).ln().max(f64::MIN_POSITIVE) / NODES as f64;
        let bin = |value: f64| ((value / first.0).ln() / width) as usize;
        groups.extend(rest.chunk_by(|a, b| a.0 == b.0 || (rest.len() > NODES && bin(a.0) == bin(b.0))));
    }
    let count = |group: &&[(f64, f64)]| group.len() as f64;
    let average =
        |group: &&[(f64, f64)], of: fn(&(f64, f64)) -> f64| group.iter().map(of).sum::<f64>() / count(group);
    let values = groups.iter().map(|group| average(group, |p| p.0)).collect();
    // Errors of the mean enter squared.
    let means = groups.iter().map(|group| average(group, |p| p.1 * p.1).sqrt()).collect();
    let law = Gaussian::diagonal(means, values).expect("averages of a law's own numbers");
    Columns { law, weight: groups.iter().map(count).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Audit;
    use crate::problems::natural_image_spectrum;
    use crate::process::{Spacing, parse_schedule};
    use crate::sampling::{SCHEMES, parse_scheme};
    use ndarray::Array1;

    fn laws(mean: f64) -> Vec<Gaussian> {
        let spectrum = natural_image_spectrum(4, 4, 1).unwrap();
        let means = Array1::from_shape_fn(16, |i| mean * (i as f64 - 4.0));
        let other = Gaussian::diagonal(means.clone(), &spectrum * 1.3).unwrap();
        vec![Gaussian::diagonal(means, spectrum).unwrap(), other]
    }

    #[test]
    fn gradients_agree_with_finite_differences_for_every_scheme() {
        for name in SCHEMES {
            let scheme = parse_scheme(name).unwrap();
            for (schedule, mean, robust, start, ending, stop) in [
                ("linear:0.05:10", 0.0, Robust::Average, Start::Normal, Ending::Zero, 0.0),
                ("linear:0.05:10", 0.1, Robust::Worst, Start::Exact, Ending::Free, 1e-2),
                ("cosine", 0.1, Robust::Average, Start::Normal, Ending::Fixed, 1e-2),
            ] {
                let schedule = parse_schedule(schedule).unwrap();
                let options = TuneOptions { robust, start, ..TuneOptions::default() };
                let objective = Objective::new(&laws(mean), &*scheme, &*schedule, &options);
                // Enough steps that every scheme is defined, DDPM's 2Δβ < 1 included.
                let template = Grid::new(Spacing::LogSnr, 40, stop, &*schedule).unwrap();
                let along = Along::new(&objective, ending, &template);
                let x = along.coordinates();
                let (value, gradient) = along.gradient(&x).unwrap();
                let size = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
                // Gains are differentiated to about 1e-10 of their size, hence W₂ to 1e-10 of the
                // data's size (2), hence log W₂ to that over W₂; both differences together 1e-9.
                let tolerance = 1e-6 * size + 1e-9 * 2.0 / value.exp();
                for i in [0, 1, x.len() / 2, x.len() - 2, x.len() - 1] {
                    let at = |h: f64| {
                        let mut moved = x.clone();
                        moved[i] += h;
                        along.value(&moved).unwrap()
                    };
                    // Fourth-order differences: error about 1e-11 of the function, over h.
                    let h = 1e-3;
                    let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                    assert!(
                        (slope - gradient[i]).abs() < tolerance,
                        "{name}, {ending:?}, θ_{i}: {slope} and {}",
                        gradient[i]
                    );
                }
            }
        }
    }

    #[test]
    fn the_value_is_the_exact_error_when_nothing_is_gathered() {
        let schedule = parse_schedule("linear:0.05:10").unwrap();
        let law = &laws(0.1)[0];
        for name in ["em", "heun", "dpmpp-2m", "edm-churn"] {
            let scheme = parse_scheme(name).unwrap();
            let objective =
                Objective::new(std::slice::from_ref(law), &*scheme, &*schedule, &TuneOptions::default());
            let grid = Grid::new(Spacing::KARRAS, 12, 0.0, &*schedule).unwrap();
            let along = Along::new(&objective, Ending::Zero, &grid);
            let exact = Audit::new(law, &*schedule).errors(&*scheme, &grid, Start::Normal).unwrap().w2;
            let value = along.value(&along.coordinates()).unwrap().exp();
            assert!((value - exact).abs() < 1e-9 * exact, "{name}: {value} and {exact}");
        }
    }

    #[test]
    fn gathering_keeps_the_size_of_a_law() {
        let spectrum = natural_image_spectrum(32, 32, 3).unwrap();
        let means = Array1::from_shape_fn(spectrum.len(), |i| (0.1 * i as f64).sin());
        let law = Gaussian::diagonal(means, spectrum).unwrap();
        let columns = gathered(&law);
        assert!(columns.law.dim() <= NODES + 1);
        let total = |values: &Array1<f64>| (values * &columns.weight).sum();
        assert!((columns.weight.sum() - 3072.0).abs() < 1e-9);
        assert!((total(columns.law.values()) - law.values().sum()).abs() < 1e-9);
        let squares = columns.law.mean().mapv(|m| m * m);
        assert!((total(&squares) - law.mean().dot(law.mean())).abs() < 1e-9);
    }
}
