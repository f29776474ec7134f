//! The fifteen energies that fits of populations are compared on.

use super::rows::{self, PointEnergy};
use crate::options::text_option;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

/// A benchmark energy, as potential V(v) or interaction W(v), v ∈ R^d.
///
/// z₁ and z₂ are the means of the first ⌊d/2⌋ and of the other coordinates; those that need them,
/// or neighbours, need d ≥ 2.
///
/// ```text
/// styblinski-tang  ½ Σ (v⁴ − 16v² + 5v)                       oakley-ohagan  5 Σ (sin v + cos v + v² + v)
/// holder-table     10 |sin z₁ cos z₂| exp|1 − |v|/π|          sphere         −10 |v|²
/// zigzag-ridge     Σ_{i<d} (v_i − v_{i+1})² + cos(v_i)(v_i + v_{i+1}) + v_i² v_{i+1}
/// watershed        (1/10) Σ_{i<d} (v_i + v_i²(v_{i+1} + 4))
/// ishigami         sin z₁ + 7 sin² z₂ + 0.1 ((z₁ + z₂)/2)⁴ sin z₁
/// friedman         (10 sin(πpq) + 20 (p sin q − ½)² + 10 (p cos q − 1)² + 0.1 q sin p)/100
///                  p = 2(z₁ − 7),  q = z₂ − 7
/// bohachevsky      10 (z₁² + 2z₂² − 0.3 cos 3πz₁ − 0.4 cos 4πz₂)
/// flowers          Σ (v + 2 sin |v|^1.2)                      wavy-plateau   Σ (cos πv + ½v⁴ − 3v² + 1)
/// double-exp       200 (e^{−|v − 3·1|²/20} + e^{−|v + 3·1|²/20})
/// relu             −50 Σ max(0, v)                            flat           0
/// rotational       −500 (atan2(z₂ + 5, z₁ + 5) + π)
/// ```
///
/// Where a function has a kink its gradient counts as that of the part without one: 0 for |v| at
/// 0 and for max(0, v) at 0. As interactions they are used as they are, though most are not even.
///
/// # Source
/// [terpin2024, experiments], with the constants of its published code.
///
/// ```
/// use fokker::problems::BenchmarkEnergy;
/// use ndarray::{Array2, array};
/// // Known minima, and a gradient that vanishes there.
/// let energy = BenchmarkEnergy::parse("styblinski-tang")?;
/// let x = array![[-2.903534027771178, -2.903534027771178]];
/// assert!((energy.values(x.view())?[0] + 2.0 * 39.16616570377142).abs() < 1e-10);
/// assert!(energy.gradients(x.view())?.iter().all(|g| g.abs() < 1e-10));
/// let energy = BenchmarkEnergy::parse("bohachevsky")?;
/// assert_eq!(energy.values(Array2::zeros((1, 4)).view())?[0], -7.0);
/// # Ok::<(), fokker::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BenchmarkEnergy {
    StyblinskiTang,
    HolderTable,
    ZigzagRidge,
    OakleyOhagan,
    Watershed,
    Ishigami,
    Friedman,
    Sphere,
    Bohachevsky,
    Flowers,
    WavyPlateau,
    DoubleExp,
    Relu,
    Rotational,
    Flat,
}

use BenchmarkEnergy::*;

impl BenchmarkEnergy {
    /// All fifteen.
    pub const ALL: [BenchmarkEnergy; 15] = [
        StyblinskiTang,
        HolderTable,
        ZigzagRidge,
        OakleyOhagan,
        Watershed,
        Ishigami,
        Friedman,
        Sphere,
        Bohachevsky,
        Flowers,
        WavyPlateau,
        DoubleExp,
        Relu,
        Rotational,
        Flat,
    ];

    /// Name, as it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            StyblinskiTang => "styblinski-tang",
            HolderTable => "holder-table",
            ZigzagRidge => "zigzag-ridge",
            OakleyOhagan => "oakley-ohagan",
            Watershed => "watershed",
            Ishigami => "ishigami",
            Friedman => "friedman",
            Sphere => "sphere",
            Bohachevsky => "bohachevsky",
            Flowers => "flowers",
            WavyPlateau => "wavy-plateau",
            DoubleExp => "double-exp",
            Relu => "relu",
            Rotational => "rotational",
            Flat => "flat",
        }
    }

    /// The energy of that name.
    ///
    /// # Errors
    /// An unknown name; the error lists the known ones.
    ///
    /// ```
    /// use fokker::problems::BenchmarkEnergy;
    /// assert_eq!(BenchmarkEnergy::parse("double-exp")?.name(), "double-exp");
    /// assert!(BenchmarkEnergy::parse("parabola").unwrap_err().to_string().contains("wavy-plateau"));
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|energy| energy.name() == name).ok_or_else(|| Error::Name {
            what: "energy",
            found: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// Smallest dimension in which the energy is defined.
    pub fn least_dim(self) -> usize {
        match self {
            HolderTable | ZigzagRidge | Watershed | Ishigami | Friedman | Bohachevsky | Rotational => 2,
            _ => 1,
        }
    }

    /// Writes the value at every row of `x` `[n, d]` into `out` `[n]`, O(n d).
    ///
    /// # Errors
    /// A dimension in which the energy is not defined, or an `out` of another length.
    pub fn value_into(self, x: ArrayView2<f64>, out: ArrayViewMut1<f64>) -> Result<()> {
        rows::value_into(&self, x, out)
    }

    /// The value at every row of `x` `[n, d]`, `[n]`.
    ///
    /// # Errors
    /// As [`BenchmarkEnergy::value_into`].
    pub fn values(self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        rows::values(&self, x)
    }

    /// Writes the gradient at every row of `x` `[n, d]` into `out` `[n, d]`, O(n d).
    ///
    /// # Errors
    /// A dimension in which the energy is not defined, or an `out` of another shape.
    pub fn gradient_into(self, x: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<()> {
        rows::gradient_into(&self, x, out)
    }

    /// The gradient at every row of `x` `[n, d]`, `[n, d]`.
    ///
    /// # Errors
    /// As [`BenchmarkEnergy::gradient_into`].
    pub fn gradients(self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        rows::gradients(&self, x)
    }

    /// Value and gradient as a function of (z₁, z₂).
    fn of_halves(self, [z1, z2]: [f64; 2]) -> (f64, [f64; 2]) {
        match self {
            Ishigami => {
                let mean = 0.5 * (z1 + z2);
                let (sin, power) = (z1.sin(), 0.1 * mean.powi(3));
                let value = sin + 7.0 * z2.sin().powi(2) + power * mean * sin;
                let common = 2.0 * power * sin;
                let first = z1.cos() * (1.0 + power * mean) + common;
                (value, [first, 7.0 * (2.0 * z2).sin() + common])
            }
            Friedman => {
                let (p, q) = (2.0 * (z1 - 7.0), z2 - 7.0);
                let (sin, cos) = q.sin_cos();
                let (a, b) = (p * sin - 0.5, p * cos - 1.0);
                let wave = 10.0 * PI * (PI * p * q).cos();
                let value = 10.0 * (PI * p * q).sin() + 20.0 * a * a + 10.0 * b * b + 0.1 * q * p.sin();
                let by_p = wave * q + 40.0 * a * sin + 20.0 * b * cos + 0.1 * q * p.cos();
                let by_q = wave * p + 40.0 * a * p * cos - 20.0 * b * p * sin + 0.1 * p.sin();
                (value / 100.0, [by_p / 50.0, by_q / 100.0])
            }
            Bohachevsky => {
                let (a, b) = (3.0 * PI * z1, 4.0 * PI * z2);
                let value = 10.0 * (z1 * z1 + 2.0 * z2 * z2 - 0.3 * a.cos() - 0.4 * b.cos());
                (value, [20.0 * z1 + 9.0 * PI * a.sin(), 40.0 * z2 + 16.0 * PI * b.sin()])
            }
            Rotational => {
                let (x, y) = (z1 + 5.0, z2 + 5.0);
                let square = x * x + y * y;
                let slopes = if square > 0.0 { [500.0 * y / square, -500.0 * x / square] } else { [0.0; 2] };
                (-500.0 * (y.atan2(x) + PI), slopes)
            }
            _ => (0.0, [0.0; 2]),
        }
    }
}

impl FromStr for BenchmarkEnergy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        BenchmarkEnergy::parse(text)
    }
}

impl fmt::Display for BenchmarkEnergy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

text_option!(BenchmarkEnergy);

impl PointEnergy for BenchmarkEnergy {
    fn check_columns(&self, dim: usize) -> Result<()> {
        if dim < self.least_dim() {
            let requirement = format!("at least {} for the energy {}", self.least_dim(), self.name());
            return Err(Error::Argument { name: "the dimension", requirement, found: dim as f64 });
        }
        Ok(())
    }

    fn value(&self, v: &[f64]) -> f64 {
        let sum = |f: fn(f64) -> f64| v.iter().map(|&x| f(x)).sum::<f64>();
        let pairs = |f: fn(f64, f64) -> f64| v.windows(2).map(|w| f(w[0], w[1])).sum::<f64>();
        match *self {
            StyblinskiTang => 0.5 * sum(|x| x * (x * (x * x - 16.0) + 5.0)),
            OakleyOhagan => 5.0 * sum(|x| x.sin() + x.cos() + x * x + x),
            Sphere => -10.0 * sum(|x| x * x),
            Flowers => sum(|x| x + 2.0 * x.abs().powf(1.2).sin()),
            WavyPlateau => sum(|x| (PI * x).cos() + x * x * (0.5 * x * x - 3.0) + 1.0),
            Relu => -50.0 * sum(|x| x.max(0.0)),
            DoubleExp => {
                let bump = |centre: f64| (-v.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / 20.0).exp();
                200.0 * (bump(3.0) + bump(-3.0))
            }
            ZigzagRidge => pairs(|x, y| (x - y).powi(2) + x.cos() * (x + y) + x * x * y),
            Watershed => 0.1 * pairs(|x, y| x + x * x * (y + 4.0)),
            HolderTable => {
                let [z1, z2] = halves(v);
                10.0 * (z1.sin() * z2.cos()).abs() * (1.0 - norm(v) / PI).abs().exp()
            }
            Ishigami | Friedman | Bohachevsky | Rotational => self.of_halves(halves(v)).0,
            Flat => 0.0,
        }
    }

    fn gradient(&self, v: &[f64], out: &mut [f64]) {
        let each = |out: &mut [f64], f: fn(f64) -> f64| out.iter_mut().zip(v).for_each(|(o, &x)| *o = f(x));
        match *self {
            StyblinskiTang => each(out, |x| 2.0 * x * (x * x - 8.0) + 2.5),
            OakleyOhagan => each(out, |x| 5.0 * (x.cos() - x.sin() + 2.0 * x + 1.0)),
            Sphere => each(out, |x| -20.0 * x),
            Flowers => each(out, |x| {
                let size = x.abs();
                1.0 + 2.4 * size.powf(0.2) * size.powf(1.2).cos() * if x < 0.0 { -1.0 } else { 1.0 }
            }),
            WavyPlateau => each(out, |x| x * (2.0 * x * x - 6.0) - PI * (PI * x).sin()),
            Relu => each(out, |x| if x > 0.0 { -50.0 } else { 0.0 }),
            Flat => out.fill(0.0),
            DoubleExp => {
                out.fill(0.0);
                for centre in [3.0, -3.0] {
                    let bump = (-v.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / 20.0).exp();
                    out.iter_mut().zip(v).for_each(|(o, x)| *o -= 20.0 * (x - centre) * bump);
                }
            }
            ZigzagRidge => pair_gradients(v, out, |x, y| {
                let slope = 2.0 * (x - y);
                [slope + x.cos() - x.sin() * (x + y) + 2.0 * x * y, x.cos() - slope + x * x]
            }),
            Watershed => {
                pair_gradients(v, out, |x, y| [0.1 + 0.2 * x * (y + 4.0), 0.1 * x * x]);
            }
            HolderTable => holder_gradient(v, out),
            Ishigami | Friedman | Bohachevsky | Rotational => {
                spread(self.of_halves(halves(v)).1, out);
            }
        }
    }
}

/// Means of the first and the second half of the coordinates.
fn halves(v: &[f64]) -> [f64; 2] {
    let (first, second) = v.split_at(v.len() / 2);
    [first, second].map(|half| half.iter().sum::<f64>() / half.len() as f64)
}

/// Gradient in the coordinates from the one in the means of the halves.
fn spread(slopes: [f64; 2], out: &mut [f64]) {
    let (first, second) = out.split_at_mut(out.len() / 2);
    for (half, slope) in [first, second].into_iter().zip(slopes) {
        let each = slope / half.len() as f64;
        half.fill(each);
    }
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Gradient of a sum over neighbours, from the two slopes of each term.
fn pair_gradients(v: &[f64], out: &mut [f64], slopes: fn(f64, f64) -> [f64; 2]) {
    out.fill(0.0);
    for (i, w) in v.windows(2).enumerate() {
        let [first, second] = slopes(w[0], w[1]);
        out[i] += first;
        out[i + 1] += second;
    }
}

fn holder_gradient(v: &[f64], out: &mut [f64]) {
    let [z1, z2] = halves(v);
    let size = norm(v);
    let product = z1.sin() * z2.cos();
    let growth = 10.0 * (1.0 - size / PI).abs().exp();
    let sign = if product == 0.0 { 0.0 } else { product.signum() };
    spread([sign * growth * z1.cos() * z2.cos(), -sign * growth * z1.sin() * z2.sin()], out);
    if size > 0.0 && size != PI {
        let radial = product.abs() * growth * (size - PI).signum() / (PI * size);
        out.iter_mut().zip(v).for_each(|(o, x)| *o += radial * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn gradients_are_those_of_the_values_in_every_dimension() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for energy in BenchmarkEnergy::ALL {
            for d in energy.least_dim()..6 {
                // Uniform points are on a kink with probability zero; none of these is near one.
                let x = Array2::from_shape_simple_fn((40, d), || rng.random_range(-4.0..4.0));
                let gradient = energy.gradients(x.view()).unwrap();
                for j in 0..d {
                    let at = |h: f64| {
                        let mut moved = x.clone();
                        moved.column_mut(j).mapv_inplace(|value| value + h);
                        energy.values(moved.view()).unwrap()
                    };
                    let h = 1e-5;
                    for (slope, g) in ((at(h) - at(-h)) / (2.0 * h)).iter().zip(gradient.column(j)) {
                        // h² times third derivatives up to 1e5 (bohachevsky).
                        assert!(
                            (slope - g).abs() < 1e-5 * (1.0 + g.abs()),
                            "{} d = {d}: {slope} {g}",
                            energy.name()
                        );
                    }
                }
            }
        }
    }

    /// By hand from the formulas at v = (1, 2): z = v there.
    #[test]
    fn values_by_hand() {
        let x = array![[1.0, 2.0]];
        let (s1, c1, s2, c2) = (1f64.sin(), 1f64.cos(), 2f64.sin(), 2f64.cos());
        let five = 5f64.sqrt();
        for (name, expected) in [
            ("styblinski-tang", -24.0),
            ("holder-table", 10.0 * s1 * c2.abs() * (1.0 - five / PI).exp()),
            ("zigzag-ridge", 1.0 + 3.0 * c1 + 2.0),
            ("oakley-ohagan", 5.0 * (s1 + c1 + s2 + c2 + 8.0)),
            ("watershed", 0.7),
            ("ishigami", s1 + 7.0 * s2 * s2 + 0.1 * 1.5f64.powi(4) * s1),
            ("sphere", -50.0),
            ("bohachevsky", 10.0 * (9.0 + 0.3 - 0.4)),
            ("flowers", 3.0 + 2.0 * s1 + 2.0 * 2f64.powf(1.2).sin()),
            ("wavy-plateau", -1.0 + 0.5 - 3.0 + 1.0 + 1.0 + 8.0 - 12.0 + 1.0),
            ("double-exp", 200.0 * ((-5f64 / 20.0).exp() + (-41f64 / 20.0).exp())),
            ("relu", -150.0),
            ("rotational", -500.0 * ((7f64 / 6.0).atan() + PI)),
            ("flat", 0.0),
        ] {
            let value = BenchmarkEnergy::parse(name).unwrap().values(x.view()).unwrap()[0];
            assert!((value - expected).abs() < 1e-12 * expected.abs().max(1.0), "{name}: {value} {expected}");
        }
        // p = −12, q = −5: sin(60π) = 0.
        let (a, b) = (-12.0 * (-5f64).sin() - 0.5, -12.0 * 5f64.cos() - 1.0);
        let expected = (20.0 * a * a + 10.0 * b * b - 0.5 * (-12f64).sin()) / 100.0;
        let value = Friedman.values(x.view()).unwrap()[0];
        assert!((value - expected).abs() < 1e-12 * expected);
    }

    #[test]
    fn kinks_have_finite_gradients_and_small_dimensions_are_refused() {
        for energy in BenchmarkEnergy::ALL {
            for x in [array![[0.0, 0.0]], array![[-5.0, -5.0]], array![[PI, 0.0]]] {
                assert!(
                    energy.gradients(x.view()).unwrap().iter().all(|g| g.is_finite()),
                    "{}",
                    energy.name()
                );
            }
            let one = energy.values(array![[1.0]].view());
            assert_eq!(one.is_ok(), energy.least_dim() == 1);
            assert!(energy.gradients(Array2::zeros((3, 0)).view()).is_err());
            let mut out = Array2::zeros((2, 2));
            assert!(energy.gradient_into(Array2::zeros((3, 2)).view(), out.view_mut()).is_err());
        }
        let error = BenchmarkEnergy::parse("styblinski_tang").unwrap_err().to_string();
        assert!(error.contains("known: styblinski-tang, holder-table"), "{error}");
    }
}
