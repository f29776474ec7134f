//! Limited-memory BFGS with backtracking, for functions that are undefined in places.

/// A function to minimise, none where it is not defined.
pub(super) trait Function {
    fn value(&self, x: &[f64]) -> Option<f64>;
    fn gradient(&self, x: &[f64]) -> Option<(f64, Vec<f64>)>;
}

/// Pairs of steps and gradient changes that are kept.
const MEMORY: usize = 12;
/// Sufficient decrease of a step (Armijo).
const DECREASE: f64 = 1e-4;
/// Largest change of a coordinate in one iteration; coordinates are logarithms of increments.
const LONGEST: f64 = 1.0;
/// Relative decrease below which an iteration counts as idle, and how many idle ones end it.
const IDLE: (f64, usize) = (1e-9, 5);

/// Minimises from `x`; returns the point reached, none when `x` itself is not in the domain.
pub(super) fn minimise(function: &impl Function, x: &[f64], iterations: usize) -> Option<Vec<f64>> {
    let mut x = x.to_vec();
    let (mut value, mut gradient) = function.gradient(&x)?;
    let mut pairs: Vec<Pair> = Vec::new();
    let mut idle = 0;
    for _ in 0..iterations {
        let mut direction = direction(&gradient, &pairs);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            pairs.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        let Some(next) = line_search(function, &x, value, &direction, slope) else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        let (next_value, next_gradient) = function.gradient(&next)?;
        let pair = Pair::new(difference(&next, &x), difference(&next_gradient, &gradient));
        idle = if value - next_value > IDLE.0 * value.abs().max(1.0) { 0 } else { idle + 1 };
        (x, value, gradient) = (next, next_value, next_gradient);
        if let Some(pair) = pair {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push(pair);
        }
        if idle >= IDLE.1 {
            break;
        }
    }
    Some(x)
}

/// A step s and its change of gradient y, with 1/sᵀy.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

impl Pair {
    /// None when the curvature along the step is not positive: it would spoil the inverse Hessian.
    fn new(step: Vec<f64>, change: Vec<f64>) -> Option<Pair> {
        let curvature = dot(&step, &change);
        let positive = curvature > 1e-12 * dot(&step, &step).sqrt() * dot(&change, &change).sqrt();
        positive.then(|| Pair { inverse: 1.0 / curvature, step, change })
    }
}

/// Minus the inverse Hessian times the gradient, by the two-loop recursion [Nocedal 1980].
fn direction(gradient: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut weights = vec![0.0; pairs.len()];
    for (pair, weight) in pairs.iter().zip(&mut weights).rev() {
        *weight = pair.inverse * dot(&pair.step, &q);
        add(&mut q, -*weight, &pair.change);
    }
    if let Some(last) = pairs.last() {
        let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
        q.iter_mut().for_each(|x| *x *= scale);
    }
    for (pair, weight) in pairs.iter().zip(&weights) {
        let correction = weight - pair.inverse * dot(&pair.change, &q);
        add(&mut q, correction, &pair.step);
    }
    q
}

/// Halves the step until the value decreases enough.
fn line_search(
    function: &impl Function,
    x: &[f64],
    value: f64,
    direction: &[f64],
    slope: f64,
) -> Option<Vec<f64>> {
    let largest = direction.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
    let mut length = if largest > LONGEST { LONGEST / largest } else { 1.0 };
    for _ in 0..30 {
        let mut trial = x.to_vec();
        add(&mut trial, length, direction);
        if function.value(&trial).is_some_and(|v| v <= value + DECREASE * length * slope) {
            return Some(trial);
        }
        length *= 0.5;
    }
    None
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add(x: &mut [f64], factor: f64, y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += factor * y);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley, undefined left of −1.5.
    struct Rosenbrock;

    impl Function for Rosenbrock {
        fn value(&self, x: &[f64]) -> Option<f64> {
            (x[0] > -1.5).then(|| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2))
        }

        fn gradient(&self, x: &[f64]) -> Option<(f64, Vec<f64>)> {
            let bend = x[1] - x[0] * x[0];
            let gradient = vec![-2.0 * (1.0 - x[0]) - 400.0 * x[0] * bend, 200.0 * bend];
            Some((self.value(x)?, gradient))
        }
    }

    #[test]
    fn finds_the_end_of_the_valley() {
        let x = minimise(&Rosenbrock, &[-1.2, 1.0], 200).unwrap();
        assert!((x[0] - 1.0).abs() < 1e-4 && (x[1] - 1.0).abs() < 2e-4, "{x:?}");
        assert!(minimise(&Rosenbrock, &[-2.0, 1.0], 200).is_none());
    }
}
