//! What the kernels of the backend leave behind in the processor.

use pulp::{Arch, Simd, WithSimd};
use std::hint::black_box;

/// Runs the backend and clears the upper halves of the vector registers, which its kernels leave in
/// use.
///
/// Until they are cleared, every change between 128-bit and 256-bit instructions costs: on Zen 3 each
/// exponential of the mathematical library took 130 ns after a product instead of 8, and a spectral
/// fit 1.00 s instead of 0.70. Compilers clear them at the end of functions that use them wide, so
/// one such function is called.
pub(crate) fn leaving_registers_clear<T>(run: impl FnOnce() -> T) -> T {
    let result = run();
    Arch::new().dispatch(Wide);
    result
}

struct Wide;

impl WithSimd for Wide {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        black_box(simd.splat_f64s(black_box(1.0)));
    }
}
