//! Coefficients at every time, from those at a few.

use super::pchip;
use ndarray::Array2;

/// Coefficients c(t) on log-spaced times, interpolated by monotone cubics in log t.
///
/// ```text
/// t ≤ t_0   c(t_0)          t_0 < t < t_M   PCHIP in log t          t ≥ t_M   c_n(t_M) e^{−λ_n (t − t_M)}
/// ```
#[derive(Debug, Clone)]
pub(super) struct Path {
    times: Vec<f64>,
    logs: Vec<f64>,
    /// `[times, functions]`.
    values: Array2<f64>,
    slopes: Array2<f64>,
    eigenvalues: Vec<f64>,
}

impl Path {
    /// Through the coefficients `[times, functions]`, times rising.
    pub fn new(times: Vec<f64>, values: Array2<f64>, eigenvalues: Vec<f64>) -> Self {
        let logs: Vec<f64> = times.iter().map(|t| t.ln()).collect();
        let mut slopes = Array2::zeros(values.dim());
        for (column, mut slope) in values.columns().into_iter().zip(slopes.columns_mut()) {
            let knots = pchip::slopes(&logs, &column.to_vec());
            slope.iter_mut().zip(knots).for_each(|(s, m)| *s = m);
        }
        Path { times, logs, values, slopes, eigenvalues }
    }

    pub fn times(&self) -> &[f64] {
        &self.times
    }

    pub fn values(&self) -> &Array2<f64> {
        &self.values
    }

    /// c(t) into `out`.
    pub fn at(&self, t: f64, out: &mut [f64]) {
        let last = self.times.len() - 1;
        if t >= self.times[last] {
            let passed = t - self.times[last];
            for (n, out) in out.iter_mut().enumerate() {
                *out = self.values[[last, n]] * (-self.eigenvalues[n] * passed).exp();
            }
            return;
        }
        if t <= self.times[0] || last == 0 {
            out.iter_mut().zip(self.values.row(0)).for_each(|(out, c)| *out = *c);
            return;
        }
        let i = (self.times.partition_point(|&knot| knot <= t).max(1) - 1).min(last - 1);
        let (h, s) = (self.logs[i + 1] - self.logs[i], t.ln() - self.logs[i]);
        // The four weights of the cubic are the same for all functions.
        let u = s / h;
        let w1 = u * u * (3.0 - 2.0 * u);
        let (m0, m1) = (h * u * (1.0 - u) * (1.0 - u), h * u * u * (u - 1.0));
        let rows = [self.values.row(i), self.values.row(i + 1), self.slopes.row(i), self.slopes.row(i + 1)];
        for (n, out) in out.iter_mut().enumerate() {
            *out = (1.0 - w1) * rows[0][n] + w1 * rows[1][n] + m0 * rows[2][n] + m1 * rows[3][n];
        }
    }
}

/// `count` log-spaced times from `first` to `last`.
pub(super) fn log_spaced(first: f64, last: f64, count: usize) -> Vec<f64> {
    let ratio = (last / first).ln() / (count - 1).max(1) as f64;
    let mut times: Vec<f64> = (0..count).map(|i| first * (ratio * i as f64).exp()).collect();
    times[count - 1] = last;
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_through_the_knots_and_decays_beyond() {
        let times = log_spaced(1e-3, 5.0, 16);
        assert_eq!((times[0], times[15]), (1e-3, 5.0));
        let exact = |t: f64| [(-t).exp(), 1.0 / (1.0 + 3.0 * t)];
        let values = Array2::from_shape_fn((16, 2), |(i, n)| exact(times[i])[n]);
        let path = Path::new(times.clone(), values, vec![1.0, 2.0]);
        let mut out = [0.0; 2];
        for &t in &times {
            path.at(t, &mut out);
            assert!((0..2).all(|n| (out[n] - exact(t)[n]).abs() < 1e-15));
        }
        for i in 0..200 {
            let t = 1e-3 * 5000f64.powf((i as f64 + 0.5) / 200.0);
            path.at(t, &mut out);
            // Third-order interpolation with knots 0.57 apart in log t.
            assert!((0..2).all(|n| (out[n] - exact(t)[n]).abs() < 4e-3), "{t}");
        }
        path.at(7.0, &mut out);
        assert!((out[1] - exact(5.0)[1] * (-4f64).exp()).abs() < 1e-16);
        path.at(0.0, &mut out);
        assert_eq!(out, exact(1e-3));
    }
}
