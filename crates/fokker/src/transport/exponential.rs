//! Exponentials of many numbers at once, written so that the compiler can put several in a register.

/// Terms summed side by side; fixed, so that sums have the same bits everywhere.
const LANES: usize = 8;

/// Smallest argument: e⁻⁷⁰⁸ is the last power of e well inside the range of normal numbers.
const LEAST: f64 = -708.0;
/// Largest argument: e⁷⁰⁹ is the last whole power of e that is a number at all.
const MOST: f64 = 709.0;
/// ln 2 in two parts, the first short enough for exact products with the powers of two at hand.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding this rounds to an integer, which is then found in the last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// eˣ to a relative 5e-16; below −708 it stays at e⁻⁷⁰⁸, above 709 at e⁷⁰⁹; NaN stays NaN.
///
/// ```text
/// eˣ = 2ᵏ eʳ,      k = ⌊x / ln 2⌉,      |r| ≤ ln 2 / 2,      eʳ by its series up to r¹²/12!
/// ```
///
/// The remainder of the series is below 2e-16.
#[inline(always)]
fn exponential(x: f64) -> f64 {
    // Comparisons with NaN are false, so NaN passes both.
    let x = if x < LEAST { LEAST } else { x };
    let x = if x > MOST { MOST } else { x };
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let mut series = 1.0 / 479_001_600.0;
    for coefficient in [
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        series = series * r + coefficient;
    }
    // The integer k moved into the exponent of one.
    series * f64::from_bits((rounded.to_bits() << 52).wrapping_add(1.0f64.to_bits()))
}

/// 1/ε without overflow, so that a difference of zero times it is zero.
fn inverse(epsilon: f64) -> f64 {
    epsilon.recip().min(f64::MAX)
}

/// Replaces v by exp(−v/ε).
pub(super) fn exponentials(values: &mut [f64], epsilon: f64) {
    let inverse = inverse(epsilon);
    values.iter_mut().for_each(|value| *value = exponential(-*value * inverse));
}

/// Σ exp((least − v)/ε), for v ≥ least.
pub(super) fn sum_of_exponentials(values: &[f64], least: f64, epsilon: f64) -> f64 {
    let inverse = inverse(epsilon);
    let term = |value: f64| exponential((least - value) * inverse);
    let mut sums = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += term(*value);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += term(*value);
    }
    sums.iter().sum()
}

/// The least of some numbers, ∞ for none.
pub(super) fn smallest(values: &[f64]) -> f64 {
    let least = |a: f64, b: f64| if b < a { b } else { a };
    let mut lanes = [f64::INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = least(*lane, *value);
        }
    }
    lanes.iter().chain(rest).fold(f64::INFINITY, |smallest, value| least(smallest, *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_the_stated_error() {
        // Steps that are no multiple of anything, through every power of two on the way.
        let mut x = -708.0;
        while x < 709.0 {
            let error = exponential(x) / x.exp() - 1.0;
            assert!(error.abs() < 5e-16, "exp({x}): {error:e}");
            x += 0.000_837_1;
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(f64::NEG_INFINITY), exponential(-708.0));
        assert_eq!(exponential(-1e300), exponential(-708.0));
    }

    #[test]
    fn exponentials_beyond_the_range_stay_at_its_end_and_nan_stays_nan() {
        let most = exponential(709.0);
        assert!((most / 709f64.exp() - 1.0).abs() < 5e-16);
        // Beyond 709 the field of the exponent would wrap: to infinity, negative numbers or zero.
        for x in [709.1, 709.79, 710.5, 1000.0, 1419.6, 2000.0, 1e5, 1e300, f64::INFINITY] {
            assert_eq!(exponential(x), most, "exp({x})");
        }
        assert!(exponential(f64::NAN).is_nan());
        // Registers full of them and what is left over alike.
        let mut values = vec![-1e6; 21];
        values[4] = f64::NAN;
        values[20] = f64::NAN;
        exponentials(&mut values, 1.0);
        assert!(values.iter().enumerate().all(|(k, v)| if k % 16 == 4 { v.is_nan() } else { *v == most }));
        let mut values = vec![1.0; 11];
        values[9] = f64::NAN;
        assert!(sum_of_exponentials(&values, 0.0, 1.0).is_nan());
    }

    #[test]
    fn sums_and_least_terms_of_any_length() {
        let values: Vec<f64> = (0..37).map(|k| ((k * 17) % 37) as f64).collect();
        for length in 0..values.len() {
            let values = &values[..length];
            assert_eq!(smallest(values), values.iter().copied().fold(f64::INFINITY, f64::min));
            let expected: f64 = values.iter().map(|value| (-value / 3.0).exp()).sum();
            assert!((sum_of_exponentials(values, 0.0, 3.0) - expected).abs() < 1e-14);
        }
        // Points without mass, and an ε whose inverse is beyond the numbers.
        assert_eq!(sum_of_exponentials(&[1.0, f64::INFINITY], 1.0, 1e-310), 1.0);
    }
}
