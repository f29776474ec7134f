//! Monotone cubic interpolation (PCHIP).

/// Slopes at the knots that keep the interpolant monotone between monotone data.
///
/// ```text
/// m_i = 0 when the secants d_{i−1}, d_i differ in sign, otherwise their weighted harmonic mean
/// m_i = (w₁ + w₂)/(w₁/d_{i−1} + w₂/d_i),     w₁ = 2h_i + h_{i−1},  w₂ = h_i + 2h_{i−1}
/// ```
/// [Fritsch and Butland 1984]; at the ends the three-point slope, limited.
pub(super) fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let n = x.len();
    if n < 2 {
        return vec![0.0; n];
    }
    let h: Vec<f64> = x.windows(2).map(|w| w[1] - w[0]).collect();
    let d: Vec<f64> = y.windows(2).zip(&h).map(|(w, h)| (w[1] - w[0]) / h).collect();
    if n == 2 {
        return vec![d[0]; 2];
    }
    let mut m = vec![0.0; n];
    for i in 1..n - 1 {
        if d[i - 1] * d[i] > 0.0 {
            let (w1, w2) = (2.0 * h[i] + h[i - 1], h[i] + 2.0 * h[i - 1]);
            m[i] = (w1 + w2) / (w1 / d[i - 1] + w2 / d[i]);
        }
    }
    m[0] = end(h[0], h[1], d[0], d[1]);
    m[n - 1] = end(h[n - 2], h[n - 3], d[n - 2], d[n - 3]);
    m
}

fn end(h0: f64, h1: f64, d0: f64, d1: f64) -> f64 {
    let slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
    match () {
        () if slope * d0 <= 0.0 => 0.0,
        () if d0 * d1 <= 0.0 && slope.abs() > 3.0 * d0.abs() => 3.0 * d0,
        () => slope,
    }
}

/// Value, first and second derivative at distance `s` into an interval of length `h` of the cubic
/// with these end values and slopes.
pub(super) fn hermite(s: f64, h: f64, y: [f64; 2], m: [f64; 2]) -> [f64; 3] {
    let d = (y[1] - y[0]) / h;
    let c = (3.0 * d - 2.0 * m[0] - m[1]) / h;
    let b = (m[0] + m[1] - 2.0 * d) / (h * h);
    let value = y[0] + s * (m[0] + s * (c + s * b));
    [value, m[0] + s * (2.0 * c + 3.0 * s * b), 2.0 * c + 6.0 * s * b]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_exact_and_monotone_data_stays_monotone() {
        let x = [0.0, 1.0, 3.0, 4.5];
        let line: Vec<f64> = x.iter().map(|x| 2.0 - 3.0 * x).collect();
        assert!(slopes(&x, &line).iter().all(|m| (m + 3.0).abs() < 1e-14));
        let y = [0.0, 0.1, 5.0, 5.1];
        let m = slopes(&x, &y);
        for i in 0..3 {
            let h = x[i + 1] - x[i];
            for j in 0..=20 {
                let s = h * j as f64 / 20.0;
                assert!(hermite(s, h, [y[i], y[i + 1]], [m[i], m[i + 1]])[1] >= -1e-14);
            }
        }
        assert_eq!(slopes(&[0.0, 1.0, 2.0], &[0.0, 1.0, 0.0])[1], 0.0);
    }
}
