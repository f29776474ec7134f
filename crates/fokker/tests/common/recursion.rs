//! Every built-in scheme written a second time, by hand, as a scalar recursion of mean and
//! variance for data N(m, λ): nothing here calls the code under test.
//!
//! Formulas: Pierret and Galerne 2025, table 1 (em, ei, euler, heun); Ho, Jain, Abbeel 2020,
//! algorithm 2 (ddpm); Song, Meng, Ermon 2021, eq. 12 (ddim); Lu et al. 2022, algorithm 2
//! (dpmpp-2m); Karras et al. 2022, algorithms 1 and 2 (edm-heun, edm-churn). Posterior means
//! E[x₀ | y] stand for scores wherever the papers predict data.

use std::f64::consts::{FRAC_PI_2, SQRT_2};

/// A schedule by its formulas, independent of the library's.
#[derive(Debug, Clone)]
pub enum Clock {
    Linear(f64, f64),
    ScaledLinear(f64, f64),
    /// Horizon 0.9946.
    Cosine,
    Betas(Vec<f64>),
    Edm,
}

impl Clock {
    pub fn rate(&self, t: f64) -> f64 {
        match self {
            Clock::Linear(first, last) => first + (last - first) * t,
            Clock::ScaledLinear(first, last) => (first.sqrt() * (1.0 - t) + last.sqrt() * t).powi(2),
            // −d/dt log cos φ = tan φ φ'
            Clock::Cosine => ((t + 0.008) / 1.008 * FRAC_PI_2).tan() * FRAC_PI_2 / 1.008,
            Clock::Betas(betas) => -0.5 * (1.0 - betas[(t.ceil() as usize).max(1) - 1]).ln(),
            Clock::Edm => t / (1.0 + t * t),
        }
    }

    pub fn clock(&self, t: f64) -> f64 {
        match self {
            Clock::Linear(first, last) => first * t + 0.5 * (last - first) * t * t,
            // ∫ (p + (q − p) t)² dt
            Clock::ScaledLinear(first, last) => {
                let (p, q) = (first.sqrt(), last.sqrt());
                p * p * t + p * (q - p) * t * t + (q - p).powi(2) * t.powi(3) / 3.0
            }
            // cos(φ₀ + δ)/cos φ₀ = 1 − 2 sin²(δ/2) − sin δ tan φ₀
            Clock::Cosine => {
                let (first, delta) = (0.008 / 1.008 * FRAC_PI_2, t / 1.008 * FRAC_PI_2);
                -(-2.0 * (0.5 * delta).sin().powi(2) - delta.sin() * first.tan()).ln_1p()
            }
            Clock::Betas(betas) => {
                let whole = (t.ceil() as usize).max(1) - 1;
                let log = |beta: &f64| -0.5 * (1.0 - beta).ln();
                betas[..whole].iter().map(log).sum::<f64>() + (t - whole as f64) * log(&betas[whole])
            }
            Clock::Edm => 0.5 * (t * t).ln_1p(),
        }
    }
}

/// Mean and variance of one coordinate.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    pub mean: f64,
    pub variance: f64,
}

impl Moments {
    /// The law of `gain y + offset + √noise z`.
    fn moved(self, gain: f64, offset: f64, noise: f64) -> Moments {
        Moments { mean: gain * self.mean + offset, variance: gain * gain * self.variance + noise }
    }

    pub fn wasserstein2(self, other: Moments) -> f64 {
        (self.mean - other.mean).hypot(self.variance.sqrt() - other.variance.sqrt())
    }
}

/// One coordinate of the data, N(mean, value), with a clock.
pub struct Mode<'a> {
    pub clock: &'a Clock,
    pub value: f64,
    pub mean: f64,
}

impl Mode<'_> {
    fn signal(&self, t: f64) -> f64 {
        (-self.clock.clock(t)).exp()
    }

    fn noise_variance(&self, t: f64) -> f64 {
        -(-2.0 * self.clock.clock(t)).exp_m1()
    }

    fn ratio(&self, t: f64) -> f64 {
        (2.0 * self.clock.clock(t)).exp_m1().sqrt()
    }

    /// p_t.
    pub fn marginal(&self, t: f64) -> Moments {
        let signal = self.signal(t);
        Moments { mean: signal * self.mean, variance: signal * signal * self.value + self.noise_variance(t) }
    }

    /// Velocity `p y + q` of the probability-flow ODE in falling time, and p, q alone.
    fn flow(&self, t: f64) -> (f64, f64) {
        let (rate, at) = (self.clock.rate(t), self.marginal(t));
        (rate * (1.0 - 1.0 / at.variance), rate * at.mean / at.variance)
    }

    /// Gain and offset of E[x₀ | y] at time t.
    fn posterior(&self, t: f64) -> (f64, f64) {
        let at = self.marginal(t);
        (self.signal(t) * self.value / at.variance, self.mean * self.noise_variance(t) / at.variance)
    }

    /// Whether a scheme is defined down this grid.
    pub fn is_defined(&self, scheme: &str, times: &[f64]) -> bool {
        let singular_end = self.value == 0.0 && times[times.len() - 1] == 0.0;
        match scheme {
            "ddpm" => times.windows(2).all(|w| 2.0 * (w[0] - w[1]) * self.clock.rate(w[0]) < 1.0),
            "heun" | "rk4" | "heun-sde" => !singular_end,
            _ => true,
        }
    }

    /// The law that a scheme draws from a start, at every time of the grid.
    pub fn path(&self, scheme: &str, times: &[f64], start: Moments) -> Vec<Moments> {
        match scheme {
            "dpmpp-2m" => self.multi_step(times, start),
            "edm-heun" => self.edm(times, 0.0, start),
            "edm-churn" => self.edm(times, 30.0, start),
            _ => {
                let mut path = vec![start];
                for w in times.windows(2) {
                    let (gain, offset, noise) = self.one_step(scheme, w[0], w[1]);
                    path.push(path[path.len() - 1].moved(gain, offset, noise));
                }
                path
            }
        }
    }

    /// Gain, offset and variance of a one-step scheme.
    fn one_step(&self, scheme: &str, t: f64, s: f64) -> (f64, f64, f64) {
        let (step, passed) = (t - s, self.clock.clock(t) - self.clock.clock(s));
        let Moments { mean, variance } = self.marginal(t);
        let b = step * self.clock.rate(t);
        let ancestral = |b: f64| {
            let root = (1.0 - b).sqrt();
            ((1.0 - b / variance) / root, b * mean / variance / root, b)
        };
        match scheme {
            "em" => (1.0 + b * (1.0 - 2.0 / variance), 2.0 * b * mean / variance, 2.0 * b),
            "ei" => {
                let (first, second) = (passed.exp_m1(), 0.5 * (2.0 * passed).exp_m1());
                (1.0 + first * (1.0 - 2.0 / variance), 2.0 * first * mean / variance, 2.0 * second)
            }
            // dy = (−y + 2(s + y)) dτ + √2 dw with s + y frozen
            "relative-ei" => {
                let frozen = -2.0 * (-passed).exp_m1();
                let gain = (-passed).exp() + frozen * (1.0 - 1.0 / variance);
                (gain, frozen * mean / variance, -(-2.0 * passed).exp_m1())
            }
            // The trapezium of the same, p = e^{−h} y + 2(1 − e^{−h}) (s + y) + noise
            "heun-sde" => {
                let (decay, gain) = ((-passed).exp(), -(-passed).exp_m1());
                let end = self.marginal(s);
                let (slope, shift) = (1.0 - 1.0 / variance, mean / variance);
                let (end_slope, end_shift) = (1.0 - 1.0 / end.variance, end.mean / end.variance);
                let (predicted, constant) = (decay + 2.0 * gain * slope, 2.0 * gain * shift);
                (
                    decay + gain * (slope + end_slope * predicted),
                    gain * (shift + end_slope * constant + end_shift),
                    -(-2.0 * passed).exp_m1() * (1.0 + gain * end_slope).powi(2),
                )
            }
            "ddpm" => ancestral(2.0 * b),
            "ddpm-exact" => ancestral(-(-2.0 * passed).exp_m1()),
            // x = y/α moves to D + q (x − D), q = r_s²/r_t², with the variance r_s² (1 − q) of the posterior.
            "ancestral" => {
                let (data, constant) = self.posterior(t);
                let q = (self.ratio(s) / self.ratio(t)).powi(2);
                let new = self.ratio(s).powi(2) * (1.0 - q);
                let signal = self.signal(s);
                (
                    signal * ((1.0 - q) * data + q / self.signal(t)),
                    signal * (1.0 - q) * constant,
                    signal * signal * new,
                )
            }
            "euler" => (1.0 + b * (1.0 - 1.0 / variance), b * mean / variance, 0.0),
            "heun" => {
                let ((p1, q1), (p2, q2)) = (self.flow(t), self.flow(s));
                let (k1, c1) = (p1, q1);
                let (k2, c2) = (p2 * (1.0 + step * k1), p2 * step * c1 + q2);
                (1.0 + 0.5 * step * (k1 + k2), 0.5 * step * (c1 + c2), 0.0)
            }
            "rk4" => {
                let ((p1, q1), (pm, qm), (p4, q4)) = (self.flow(t), self.flow(0.5 * (t + s)), self.flow(s));
                let (k1, c1) = (p1, q1);
                let (k2, c2) = (pm * (1.0 + 0.5 * step * k1), pm * 0.5 * step * c1 + qm);
                let (k3, c3) = (pm * (1.0 + 0.5 * step * k2), pm * 0.5 * step * c2 + qm);
                let (k4, c4) = (p4 * (1.0 + step * k3), p4 * step * c3 + q4);
                let sixth = step / 6.0;
                (1.0 + sixth * (k1 + 2.0 * (k2 + k3) + k4), sixth * (c1 + 2.0 * (c2 + c3) + c4), 0.0)
            }
            // α_s E[x₀ | y] + σ_s E[z | y], with E[z | y] = σ_t (y − α_t m)/λ_t
            "ddim" => {
                let (data, constant) = self.posterior(t);
                let (signal, noise) = (self.signal(s), self.noise_variance(s).sqrt());
                let noise_gain = self.noise_variance(t).sqrt() / variance;
                (signal * data + noise * noise_gain, signal * constant - noise * noise_gain * mean, 0.0)
            }
            other => panic!("no recursion is written for {other}"),
        }
    }

    /// DPM-Solver++(2M): y and the last prediction, each an affine function of the start.
    fn multi_step(&self, times: &[f64], start: Moments) -> Vec<Moments> {
        let half_log_snr = |t: f64| -self.ratio(t).ln();
        let (mut y, mut last) = ((1.0, 0.0), (0.0, 0.0));
        let mut path = vec![start];
        for (i, w) in times.windows(2).enumerate() {
            let (t, s) = (w[0], w[1]);
            let (gain, constant) = self.posterior(t);
            let data = (gain * y.0, gain * y.1 + constant);
            let mut used = data;
            if i > 0 && s > 0.0 {
                let h = half_log_snr(s) - half_log_snr(t);
                let r = (half_log_snr(t) - half_log_snr(times[i - 1])) / h;
                let mix = |now: f64, before: f64| (1.0 + 0.5 / r) * now - 0.5 / r * before;
                used = (mix(data.0, last.0), mix(data.1, last.1));
            }
            let kept = (self.noise_variance(s) / self.noise_variance(t)).sqrt();
            let new = self.signal(s) * (1.0 - self.ratio(s) / self.ratio(t));
            y = (kept * y.0 + new * used.0, kept * y.1 + new * used.1);
            last = data;
            path.push(start.moved(y.0, y.1, 0.0));
        }
        path
    }

    /// Heun in r = σ/α on x = y/α after churn: `dx/dr = r (x − m)/(λ + r²)`.
    fn edm(&self, times: &[f64], churn: f64, start: Moments) -> Vec<Moments> {
        let steps = (times.len() - 1) as f64;
        let slope = |r: f64| r / (self.value + r * r);
        let horizon = match self.clock {
            Clock::Linear(..) | Clock::ScaledLinear(..) => 1.0,
            Clock::Cosine => 0.9946,
            Clock::Betas(betas) => betas.len() as f64,
            Clock::Edm => 80.0,
        };
        let scaled = |x: Moments, factor: f64| x.moved(factor, 0.0, 0.0);
        let mut x = scaled(start, 1.0 / self.signal(times[0]));
        let mut path = vec![start];
        for w in times.windows(2) {
            let (r, to) = (self.ratio(w[0]), self.ratio(w[1]));
            let raised = ((1.0 + (churn / steps).min(SQRT_2 - 1.0)) * r).min(self.ratio(horizon)).max(r);
            x.variance += raised * raised - r * r;
            let length = to - raised;
            let first = slope(raised);
            let mut gain = 1.0 + length * first;
            if to > 0.0 {
                gain = 1.0 + 0.5 * length * (first + slope(to) * gain);
            }
            // The same map of x − m.
            x = x.moved(gain, (1.0 - gain) * self.mean, 0.0);
            path.push(scaled(x, self.signal(w[1])));
        }
        path
    }
}
