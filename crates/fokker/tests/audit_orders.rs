//! Measured orders of convergence in W₂, from p_T with the exact score, against
//! [`Scheme::order`]: halving the steps divides the error by 2^order.

use fokker::audit::{Audit, Start};
use fokker::process::{Grid, Linear, Spacing};
use fokker::sampling::{SCHEMES, parse_scheme};
use fokker::statistics::Gaussian;
use ndarray::array;

#[test]
fn every_scheme_has_the_order_it_states() {
    // Smooth: the step stays well inside the time scale λ_t/β of every eigenvalue, and the grid
    // stops where the log-SNR is finite.
    let schedule = Linear::new(0.5, 3.0, 1.0).unwrap();
    let law = Gaussian::diagonal(array![0.7, -0.3, 1.0], array![0.4, 2.0, 5.0]).unwrap();
    let audit = Audit::new(&law, &schedule);
    let stop = 0.1;
    for name in SCHEMES {
        let scheme = parse_scheme(name).unwrap();
        // Schemes that integrate in σ or log-SNR are regular on grids uniform there.
        let spacing = match name {
            "ddim" | "dpmpp-2m" | "edm-heun" | "edm-churn" => Spacing::LogSnr,
            _ => Spacing::Uniform,
        };
        let error = |steps: usize| {
            let grid = Grid::new(spacing, steps, stop, &schedule).unwrap();
            audit.errors(&*scheme, &grid, Start::Exact).unwrap().discretisation
        };
        // W₂ itself rounds at 1e-15, so the fourth-order scheme is measured where its error still
        // is 1e-8 and the rounding 1e-7 of that. EDM's churn of 30 a run is below its cap of
        // √2 − 1 a step, where it is of the order of the step, from 73 steps on.
        let steps = if scheme.order() == 4 { 40 } else { 800 };
        let order = (error(steps) / error(2 * steps)).log2();
        // The error is c hᵖ (1 + O(h)), so the measured order is off by O(h): within 0.7 % for
        // all schemes here, the fourth-order one having the longest steps.
        let stated = f64::from(scheme.order());
        assert!((order - stated).abs() < 0.01 * stated, "{name}: measured {order}");
    }
}
