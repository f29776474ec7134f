//! The names of the schemes that are built in, and of those of other programs.

use super::{
    Ancestral, Ddim, Ddpm, DdpmExact, DpmPlusPlus2M, EdmChurn, EdmHeun, Euler, EulerMaruyama,
    ExponentialIntegrator, Heun, RelativeExponentialIntegrator, RelativeHeun, RungeKutta4, Scheme,
};
use crate::Result;
use crate::options::{Absent, Named, Names, word};

/// The names of the schemes.
///
/// A bare name is that of the method here or in its paper, `ddpm`, `euler`, `heun`; what a program
/// names by its function or class is what this does: [`Ddim`] is `sample_euler`, which is Euler in σ/α.
pub const SCHEME_NAMES: Names<Box<dyn Scheme>> = Names {
    what: "the scheme",
    rows: &[
        word!("em", ["euler_maruyama"], "Euler–Maruyama for the reverse SDE in t", Box::new(EulerMaruyama)),
        word!(
            "ei",
            [],
            "exponential integrator of the reverse SDE, score frozen",
            Box::new(ExponentialIntegrator)
        ),
        word!(
            "relative-ei",
            [],
            "exact step of the reference, relative score frozen",
            Box::new(RelativeExponentialIntegrator)
        ),
        word!("heun-sde", [], "Heun for the reverse SDE on the relative score", Box::new(RelativeHeun)),
        word!("ddpm", [], "ancestral sampling as Ho et al. print it, β of a step 2Δβ", Box::new(Ddpm)),
        word!("ddpm-exact", [], "the same with the exact loss of signal (fixed_large)", Box::new(DdpmExact)),
        word!(
            "ancestral",
            ["euler_a", "euler_ancestral", "EulerAncestralDiscreteScheduler", "DDPMScheduler", "sample_ddpm"],
            "ancestral sampling with the posterior variance (fixed_small)",
            Box::new(Ancestral)
        ),
        word!("euler", [], "Euler for the flow ODE in t (in σ/α it is ddim)", Box::new(Euler)),
        word!("heun", [], "Heun for the flow ODE in t (in σ/α it is edm-heun)", Box::new(Heun)),
        word!("rk4", [], "Runge–Kutta of fourth order for the flow ODE in t", Box::new(RungeKutta4)),
        word!(
            "ddim",
            ["sample_euler", "EulerDiscreteScheduler", "DDIMScheduler"],
            "Euler for the flow ODE in σ/α",
            Box::new(Ddim)
        ),
        word!(
            "dpmpp-2m",
            ["dpmpp_2m", "dpm++ 2m", "DPMSolverMultistepScheduler"],
            "DPM-Solver++(2M), two steps in log-SNR",
            Box::new(DpmPlusPlus2M)
        ),
        word!(
            "edm-heun",
            ["sample_heun", "HeunDiscreteScheduler"],
            "Heun for the flow ODE in σ/α",
            Box::new(EdmHeun)
        ),
        Named {
            name: "edm-churn",
            aliases: &[],
            grammar: "[:S]",
            help: "the same after adding noise, total churn S = 30",
            make: |values| match *values {
                [] => Some(Ok(Box::new(EdmChurn::default()))),
                [churn] => Some(EdmChurn::new(churn).map(|scheme| Box::new(scheme) as Box<dyn Scheme>)),
                _ => None,
            },
        },
    ],
    absent: &[
        Absent {
            names: &["dpmpp_2m_sde", "dpmpp_3m_sde", "dpmpp_2m_sde_gpu", "dpmpp_3m_sde_gpu"],
            about: "DPM-Solver++ of several steps with noise",
            nearest: "dpmpp-2m",
        },
        Absent {
            names: &["dpmpp_sde", "dpmpp_sde_gpu", "DPMSolverSDEScheduler"],
            about: "DPM-Solver++ of second order in one step with noise",
            nearest: "heun-sde",
        },
        Absent {
            names: &[
                "dpmpp_2s_a",
                "dpmpp_2s_ancestral",
                "dpm_2_a",
                "dpm_2_ancestral",
                "KDPM2AncestralDiscreteScheduler",
            ],
            about: "an ancestral step of second order",
            nearest: "ancestral",
        },
        Absent {
            names: &[
                "dpm_2",
                "KDPM2DiscreteScheduler",
                "DPMSolverSinglestepScheduler",
                "dpm_fast",
                "dpm_adaptive",
            ],
            about: "DPM-Solver in one step",
            nearest: "edm-heun",
        },
        Absent {
            names: &[
                "uni_pc",
                "uni_pc_bh2",
                "UniPCMultistepScheduler",
                "lms",
                "LMSDiscreteScheduler",
                "pndm",
                "plms",
                "ipndm",
                "deis",
                "DEISMultistepScheduler",
            ],
            about: "a multi-step method of another kind or order",
            nearest: "dpmpp-2m",
        },
        Absent { names: &["lcm", "tcd"], about: "for distilled networks", nearest: "ancestral" },
        Absent {
            names: &["FlowMatchEulerDiscreteScheduler"],
            about: "Euler for flow matching, whose grids are not audited",
            nearest: "ddim",
        },
    ],
    beside: &[],
};

/// Names of the built-in schemes, in the order of reports.
pub const SCHEMES: [&str; SCHEME_NAMES.rows.len()] = {
    let mut names = [""; SCHEME_NAMES.rows.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = SCHEME_NAMES.rows[i].name;
        i += 1;
    }
    names
};

/// A built-in scheme by a name of [`SCHEME_NAMES`]; `edm-churn:S` sets the total churn.
///
/// # Errors
/// An unknown name, one of another program whose scheme is not here, a churn that is negative or not finite.
///
/// ```
/// use fokker::sampling::parse_scheme;
/// assert_eq!(parse_scheme("heun").unwrap().order(), 2);
/// assert_eq!(parse_scheme("sample_dpmpp_2m").unwrap().name(), "dpmpp-2m");
/// let error = parse_scheme("UniPCMultistepScheduler").err().unwrap().to_string();
/// assert!(error.ends_with("not built in yet; the nearest is dpmpp-2m"), "{error}");
/// ```
pub fn parse_scheme(name: &str) -> Result<Box<dyn Scheme>> {
    SCHEME_NAMES.make(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each name's owner runs: `DDPMScheduler` (fixed_small) and Euler ancestral were found equal to
    /// `ancestral`, Euler in σ to `ddim`, by unit probes of diffusers 0.42.1 and k-diffusion 0.1.1.
    #[test]
    fn names_of_other_programs_mean_what_their_code_does() {
        for (names, scheme) in [
            (&["DDIM", "DDIMScheduler", "ddim", "sample_euler", "EulerDiscreteScheduler"][..], "ddim"),
            (&["dpmpp_2m", "sample_dpmpp_2m", "DPMSolverMultistepScheduler", "DPM++ 2M"], "dpmpp-2m"),
            (
                &[
                    "euler_a",
                    "Euler a",
                    "sample_euler_ancestral",
                    "EulerAncestralDiscreteScheduler",
                    "DDPMScheduler",
                ],
                "ancestral",
            ),
            (&["HeunDiscreteScheduler", "sample_heun"], "edm-heun"),
            (&["ddpm", "DDPM"], "ddpm"),
            (&["euler"], "euler"),
            (&["HEUN"], "heun"),
            (&["EDM_Churn:3"], "edm-churn"),
        ] {
            for name in names {
                assert_eq!(parse_scheme(name).map(|scheme| scheme.name()), Ok(scheme), "{name}");
            }
        }
        for name in ["dpmpp_2m_sde", "sample_dpmpp_3m_sde", "uni_pc", "lms", "dpm_2", "PNDMScheduler", "PNDM"]
        {
            let error = parse_scheme(name).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(&format!("the scheme {name} is known (")), "{error}");
        }
        let error = parse_scheme("dpmp-2m").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("(did you mean dpmpp-2m?)") && error.ends_with("edm-churn[:S]"), "{error}");
    }

    #[test]
    fn every_row_makes_what_it_names() {
        for row in SCHEME_NAMES.rows {
            assert_eq!(parse_scheme(row.name).map(|scheme| scheme.name()), Ok(row.name));
            for alias in row.aliases {
                assert_eq!(SCHEME_NAMES.canonical(alias).as_deref(), Ok(row.name), "{alias}");
            }
        }
        for absent in SCHEME_NAMES.absent {
            assert!(SCHEMES.contains(&absent.nearest));
            assert!(absent.names.iter().all(|name| parse_scheme(name).is_err()));
        }
    }
}
