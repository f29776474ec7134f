//! Smooth distribution functions of one column, from a sample.

use super::pchip;
use serde::{Deserialize, Serialize};

/// A distribution function U(x), increasing and once differentiable.
///
/// ```text
/// between the knots     U by monotone cubic interpolation of quantiles
/// beyond the last       1 − U = (1 − U_m) (1 + ξ z)^{−1/ξ},   z = (x − x_m) U'(x_m)/(1 − U_m)       and mirrored
/// ```
///
/// The tail index 0 ≤ ξ ≤ 2 and the slope match the quantiles two and ten times further out; ξ = 0 is
/// exponential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Marginal {
    knots: Vec<f64>,
    levels: Vec<f64>,
    slopes: Vec<f64>,
    /// Tail indices below and above.
    tails: [f64; 2],
}

/// Values of a map of one coordinate and of its first two derivatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jet {
    pub value: f64,
    pub first: f64,
    pub second: f64,
}

/// Level of the outermost knots.
const TAIL: f64 = 0.01;

impl Marginal {
    /// From a sorted sample with weights; None when it has fewer than three different values.
    ///
    /// Equal values are one value with the sum of their weights, so that a weight is a repetition.
    pub fn new(sorted: &[(f64, f64)]) -> Option<Self> {
        let ties = sorted.chunk_by(|a, b| a.0 == b.0);
        let sorted: Vec<(f64, f64)> = ties.map(|tie| (tie[0].0, tie.iter().map(|(_, w)| w).sum())).collect();
        if sorted.is_empty() {
            return None;
        }
        let total: f64 = sorted.iter().map(|(_, w)| w).sum();
        // Midpoint rule: the i-th of n equal weights is the quantile of (i + ½)/n.
        let mut below = 0.0;
        let levels: Vec<f64> = sorted
            .iter()
            .map(|(_, w)| {
                below += w;
                (below - 0.5 * w) / total
            })
            .collect();
        let quantile = |level: f64| {
            let i = levels.partition_point(|&l| l < level);
            match i {
                0 => sorted[0].0,
                i if i == sorted.len() => sorted[i - 1].0,
                i => {
                    let share = (level - levels[i - 1]) / (levels[i] - levels[i - 1]);
                    sorted[i - 1].0 + share * (sorted[i].0 - sorted[i - 1].0)
                }
            }
        };
        // (Σ √w)²/Σ w values of equal weight would know as much; one heavy value does not change it much.
        let effective = sorted.iter().map(|(_, w)| w.sqrt()).sum::<f64>().powi(2) / total;
        let count = ((effective.sqrt() + 1e-6) as usize).clamp(9, 41);
        let range = quantile(1.0 - TAIL) - quantile(TAIL);
        let mut knots: Vec<f64> = Vec::new();
        let mut at: Vec<f64> = Vec::new();
        for i in 0..count {
            let level = TAIL + (1.0 - 2.0 * TAIL) * i as f64 / (count - 1) as f64;
            let x = quantile(level);
            // Ties are one knot, at the middle of their levels.
            match knots.last() {
                Some(&last) if x - last <= 1e-9 * range => {
                    let last = at.len() - 1;
                    at[last] = 0.5 * (at[last] + level);
                }
                _ => {
                    knots.push(x);
                    at.push(level);
                }
            }
        }
        if knots.len() < 3 || range <= 0.0 || range.is_nan() {
            return None;
        }
        let slopes = pchip::slopes(&knots, &at);
        let mut marginal = Marginal { knots, levels: at, slopes, tails: [0.0; 2] };
        marginal.raise_slopes();
        for (side, near, far) in [
            (0, quantile(TAIL / 2.0), quantile(TAIL / 10.0)),
            (1, quantile(1.0 - TAIL / 2.0), quantile(1.0 - TAIL / 10.0)),
        ] {
            marginal.fit_tail(side, near, far);
        }
        Some(marginal)
    }

    /// No slope is 0: the map has an inverse with a density.
    fn raise_slopes(&mut self) {
        for i in 0..self.knots.len() {
            let (left, right) = (i.saturating_sub(1), (i + 1).min(self.knots.len() - 1));
            let mean = (self.levels[right] - self.levels[left]) / (self.knots[right] - self.knots[left]);
            self.slopes[i] = self.slopes[i].max(0.1 * mean);
        }
    }

    /// The tail, and the slope it starts with, through the quantiles where its mass has fallen to a
    /// half and to a tenth: the slope that the knots alone give is a third of it for Cauchy's law.
    fn fit_tail(&mut self, side: usize, near: f64, far: f64) {
        let last = self.knots.len() - 1;
        let (end, inner) = if side == 0 { (0, 1) } else { (last, last - 1) };
        let (x, mass, _) = self.end(side);
        let (near, far) = ((near - x).abs(), (far - x).abs());
        // z(r) = (r^ξ − 1)/ξ where the mass has fallen by r.
        let z = |r: f64, xi: f64| if xi < 1e-9 { r.ln() } else { (xi * r.ln()).exp_m1() / xi };
        if near <= 0.0 {
            return;
        }
        let (mut low, mut high) = (0.0, 2.0);
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if z(10.0, middle) / z(2.0, middle) < far / near { low = middle } else { high = middle }
        }
        self.tails[side] = low;
        let secant = (self.levels[end] - self.levels[inner]) / (self.knots[end] - self.knots[inner]);
        // Within these bounds the cubic stays increasing.
        self.slopes[end] = (mass * z(2.0, low) / near).clamp(0.1 * secant, 3.0 * secant);
    }

    /// Outermost knot, mass beyond it, slope there.
    fn end(&self, side: usize) -> (f64, f64, f64) {
        let last = self.knots.len() - 1;
        match side {
            0 => (self.knots[0], self.levels[0], self.slopes[0]),
            _ => (self.knots[last], 1.0 - self.levels[last], self.slopes[last]),
        }
    }

    /// U(x), U'(x), U''(x).
    pub fn jet(&self, x: f64) -> Jet {
        let last = self.knots.len() - 1;
        if x < self.knots[0] || x > self.knots[last] {
            let side = usize::from(x > self.knots[0]);
            let (knot, mass, slope) = self.end(side);
            let (xi, z) = (self.tails[side], (x - knot).abs() * slope / mass);
            // Survival S = (1 + ξz)^{−1/ξ}: S' = −S/(1 + ξz), S'' = (1 + ξ) S/(1 + ξz)².
            let stretch = 1.0 + xi * z;
            let survival = if xi < 1e-9 { (-z).exp() } else { stretch.powf(-1.0 / xi) };
            let first = survival / stretch * slope;
            let second = (1.0 + xi) * survival / (stretch * stretch) * slope * slope / mass;
            return match side {
                0 => Jet { value: mass * survival, first, second },
                _ => Jet { value: 1.0 - mass * survival, first, second: -second },
            };
        }
        let i = (self.knots.partition_point(|&knot| knot <= x).max(1) - 1).min(last - 1);
        let [value, first, second] = pchip::hermite(
            x - self.knots[i],
            self.knots[i + 1] - self.knots[i],
            [self.levels[i], self.levels[i + 1]],
            [self.slopes[i], self.slopes[i + 1]],
        );
        Jet { value, first, second }
    }

    /// The x with U(x) = `level`.
    pub fn quantile(&self, level: f64) -> f64 {
        let last = self.knots.len() - 1;
        if level < self.levels[0] || level > self.levels[last] {
            let side = usize::from(level > self.levels[0]);
            let (knot, mass, slope) = self.end(side);
            let beyond = if side == 0 { level } else { 1.0 - level };
            let (xi, log) = (self.tails[side], (mass / beyond.max(1e-300)).ln());
            let z = if xi < 1e-9 { log } else { (xi * log).exp_m1() / xi };
            let step = z * mass / slope;
            return if side == 0 { knot - step } else { knot + step };
        }
        let i = (self.levels.partition_point(|&l| l <= level).max(1) - 1).min(last - 1);
        let (mut low, mut high) = (self.knots[i], self.knots[i + 1]);
        // Bisection to the last bit, 60 halvings: the cubic is increasing.
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if self.jet(middle).value < level { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// Whether the numbers make a distribution function: asked of what a file says.
    pub fn is_valid(&self) -> bool {
        let increasing = |v: &[f64]| v.windows(2).all(|w| w[0] < w[1]);
        let n = self.knots.len();
        n >= 3
            && self.levels.len() == n
            && self.slopes.len() == n
            && increasing(&self.knots)
            && increasing(&self.levels)
            && self.levels[0] > 0.0
            && self.levels[n - 1] < 1.0
            && self.slopes.iter().all(|s| *s > 0.0 && s.is_finite())
            && self.knots.iter().all(|x| x.is_finite())
            && self.tails.iter().all(|xi| (0.0..=2.0).contains(xi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_smooth_increasing_function_with_its_inverse() {
        // The quantiles of the Cauchy law: heavy tails.
        let n = 4000;
        let quantile = |u: f64| (std::f64::consts::PI * (u - 0.5)).tan();
        let sample: Vec<(f64, f64)> = (0..n).map(|i| (quantile((i as f64 + 0.5) / n as f64), 1.0)).collect();
        let marginal = Marginal::new(&sample).unwrap();
        assert!(marginal.is_valid());
        for x in [-500.0, -30.0, -3.0, -0.2, 0.01, 1.01, 7.0, 31.0, 33.0, 1e3] {
            let Jet { value, first, second } = marginal.jet(x);
            let exact = 0.5 + f64::atan(x) / std::f64::consts::PI;
            assert!((value - exact).abs() < 6e-3, "{x}: {value} {exact}");
            let h = 1e-5 * (1.0 + x.abs());
            let (up, down) = (marginal.jet(x + h), marginal.jet(x - h));
            assert!(((up.value - down.value) / (2.0 * h) - first).abs() < 1e-4 * first, "{x}");
            assert!(((up.first - down.first) / (2.0 * h) - second).abs() < 1e-3 * first, "{x}");
            assert!((marginal.quantile(value) - x).abs() < 1e-8 * (1.0 + x.abs()), "{x}");
        }
        // A quantile that heavy tails must reach: 1 − U = 1e-4 at 3183, extrapolated from 1e-3.
        assert!((marginal.quantile(1.0 - 1e-4) / 3183.0).ln().abs() < 0.2);
    }

    #[test]
    fn few_values_make_none() {
        assert!(Marginal::new(&[(3.0, 1.0)]).is_none());
        assert!(Marginal::new(&vec![(2.0, 1.0); 50]).is_none());
        let three: Vec<(f64, f64)> = (0..300).map(|i| ((i / 100) as f64, 1.0)).collect();
        assert!(Marginal::new(&three).unwrap().is_valid());
    }
}
