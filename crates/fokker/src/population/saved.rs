//! Energies as bytes.

use super::{Energy, InteractionTerm, PairFunctions, PairSpec, PotentialTerm, Scheme, TimeBasis};
use crate::basis::{Basis, Features, Fourier, Kernel, MOST_FUNCTIONS, Monomials, Part, Radial};
use crate::options::Receipt;
use crate::saved::{Saved, to_bytes};
use crate::{Error, Result};
use ndarray::{ArrayD, ArrayView1, ArrayViewD};
use serde::{Deserialize, Serialize};

const KIND: &str = "population energy";
const VERSION: u32 = 1;

/// Most snapshots and dimensions that are read: more would be a damaged file.
const MOST: usize = 1_000_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    scheme: Scheme,
    dim: usize,
    snapshots: usize,
    temperature: Option<f64>,
    potential: Option<PotentialDescription>,
    interaction: Option<InteractionDescription>,
    #[serde(default)]
    receipt: Option<Receipt>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PotentialDescription {
    time: TimeBasis,
    scale: f64,
    parts: Vec<PartDescription>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum PartDescription {
    Monomials { exponents: Vec<Vec<u32>> },
    Radial { count: usize, kernel: Kernel, bandwidth: f64 },
    Fourier { count: usize },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InteractionDescription {
    gaussians: usize,
    quadratic: bool,
    scale: f64,
}

impl Energy {
    /// The energy in the safetensors format: arrays of coefficients and centres, and a JSON
    /// description under the metadata key `fokker`, and a checksum. The same energy gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut arrays: Vec<(String, ArrayD<f64>)> = Vec::new();
        let mut keep = |name: String, array: ArrayViewD<f64>| arrays.push((name, array.to_owned()));
        keep("times".into(), ArrayView1::from(&self.times).into_dyn());
        let potential = self.potential.as_ref().map(|term| {
            keep("coefficients".into(), term.coefficients.view().into_dyn());
            keep("shift".into(), term.features.shift().view().into_dyn());
            let parts = term.features.parts().iter().enumerate().map(|(i, part)| match part {
                Part::Monomials(basis) => PartDescription::Monomials { exponents: basis.exponents() },
                Part::Radial(basis) => {
                    keep(format!("centres.{i}"), basis.centres().into_dyn());
                    PartDescription::Radial {
                        count: basis.len(),
                        kernel: basis.kernel(),
                        bandwidth: basis.bandwidth(),
                    }
                }
                Part::Fourier(basis) => {
                    keep(format!("frequencies.{i}"), basis.frequencies().view().into_dyn());
                    keep(format!("phases.{i}"), basis.phases().view().into_dyn());
                    PartDescription::Fourier { count: basis.len() }
                }
            });
            let parts = parts.collect();
            PotentialDescription { time: term.time, scale: term.features.scale(), parts }
        });
        let interaction = self.interaction.as_ref().map(|term| {
            keep("interaction".into(), term.coefficients.view().into_dyn());
            let PairSpec { gaussians, quadratic } = term.functions.spec();
            InteractionDescription { gaussians, quadratic, scale: term.functions.scale() }
        });
        let description = Description {
            scheme: self.scheme,
            dim: self.dim,
            snapshots: self.times.len(),
            temperature: self.temperature,
            potential,
            interaction,
            receipt: self.receipt.clone(),
        };
        let views: Vec<(String, ArrayViewD<f64>)> =
            arrays.iter().map(|(name, array)| (name.clone(), array.view())).collect();
        to_bytes(KIND, VERSION, &description, &views)
    }

    /// Reads what [`to_bytes`](Energy::to_bytes) wrote. Nothing in the bytes is trusted.
    ///
    /// # Errors
    /// Bytes that are no saved energy, are damaged, or hold what no energy can be.
    ///
    /// ```
    /// # use fokker::population::*;
    /// # use ndarray::{Array2, array};
    /// # let x = Array2::from_shape_fn((40, 1), |(i, _)| i as f64 / 10.0 - 2.0);
    /// # let clouds = vec![Cloud::new(x.clone(), None)?, Cloud::new(x * 0.9, None)?];
    /// # let snapshots = Snapshots::new(vec![0.0, 1.0], clouds)?;
    /// let options = FitOptions { potential: "poly:2".parse()?, ..Default::default() };
    /// let energy = fit(&snapshots, &options, fokker::Task::silent())?.energy;
    /// assert_eq!(Energy::from_bytes(&energy.to_bytes())?, energy);
    /// # Ok::<(), fokker::Error>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (saved, description) = Saved::open::<Description>(bytes, KIND, VERSION)?;
        let damaged = |reason: String| Error::Parse { what: KIND, reason };
        let Description { scheme, dim, snapshots, temperature, potential, interaction, receipt } =
            description;
        if dim == 0 || dim > MOST || !(2..=MOST).contains(&snapshots) {
            return Err(damaged(format!("it has {dim} dimensions and {snapshots} snapshots")));
        }
        if let Some(theta) = temperature.filter(|theta| !theta.is_finite()) {
            return Err(damaged(format!("its temperature is {theta}")));
        }
        let times = saved.vector("times", snapshots)?.to_vec();
        if times.windows(2).any(|t| t[0] >= t[1]) {
            return Err(damaged("its times do not increase".into()));
        }
        let potential = potential.map(|term| read_potential(&saved, term, dim, snapshots - 1)).transpose()?;
        let interaction = interaction
            .map(|term| {
                if term.gaussians > 30 {
                    return Err(damaged(format!("it has {} pair functions", term.gaussians)));
                }
                let spec = PairSpec { gaussians: term.gaussians, quadratic: term.quadratic };
                let functions = PairFunctions::new(spec, term.scale)?;
                let coefficients = saved.vector("interaction", functions.len())?;
                Ok(InteractionTerm { functions, coefficients })
            })
            .transpose()?;
        Ok(Energy { times, scheme, potential, interaction, temperature, dim, receipt })
    }
}

fn read_potential(
    saved: &Saved,
    term: PotentialDescription,
    dim: usize,
    intervals: usize,
) -> Result<PotentialTerm> {
    let damaged = |reason: String| Error::Parse { what: KIND, reason };
    if matches!(term.time, TimeBasis::Polynomial(degree) if degree > 10) {
        return Err(damaged("its polynomial in time has a degree beyond 10".into()));
    }
    let part = |(i, part): (usize, PartDescription)| -> Result<Part> {
        Ok(match part {
            PartDescription::Monomials { exponents } => {
                // Powers are tabulated up to the highest exponent.
                if exponents.iter().flatten().any(|&e| e > 1000) {
                    return Err(damaged("it has an exponent beyond 1000".into()));
                }
                Part::Monomials(Monomials::new(dim, &exponents)?)
            }
            PartDescription::Radial { count, kernel, bandwidth } => {
                let centres = saved.matrix(&format!("centres.{i}"), (count, dim))?;
                Part::Radial(Radial::new(centres, kernel, bandwidth)?)
            }
            PartDescription::Fourier { count } => {
                let frequencies = saved.matrix(&format!("frequencies.{i}"), (count, dim))?;
                Part::Fourier(Fourier::new(frequencies, saved.vector(&format!("phases.{i}"), count)?)?)
            }
        })
    };
    let parts = term.parts.into_iter().enumerate().map(part).collect::<Result<Vec<_>>>()?;
    let features = Features::new(saved.vector("shift", dim)?, term.scale, parts)?;
    if features.is_empty() || features.len() > MOST_FUNCTIONS {
        return Err(damaged(format!("it has {} functions", features.len())));
    }
    let coefficients = saved.matrix("coefficients", (term.time.len(intervals), features.len()))?;
    Ok(PotentialTerm { features, time: term.time, coefficients })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn example() -> Energy {
        let parts = vec![
            Part::Monomials(Monomials::total_degree(2, 2).unwrap()),
            Part::Radial(Radial::new(array![[0.1, 0.2], [0.3, 1e-300]], Kernel::Cubic, 0.7).unwrap()),
            Part::Fourier(Fourier::random(3, 2, 1.0, 0).unwrap()),
        ];
        let features = Features::new(array![0.5, -0.1], 1.1, parts).unwrap();
        let coefficients = Array2::from_shape_fn((2, 10), |(i, j)| (i as f64 + 0.1) / (j as f64 + 0.7));
        let functions = PairFunctions::new("quadratic+radial:3".parse().unwrap(), 0.9).unwrap();
        Energy {
            times: vec![0.1, 0.2, 0.7],
            scheme: Scheme::Midpoint,
            potential: Some(PotentialTerm { features, time: TimeBasis::Interval, coefficients }),
            interaction: Some(InteractionTerm { functions, coefficients: array![0.1, 0.2, 0.3, 0.4] }),
            temperature: Some(-0.3),
            dim: 2,
            receipt: None,
        }
    }

    #[test]
    fn every_bit_survives() {
        let energy = example();
        let bytes = energy.to_bytes();
        assert_eq!(Energy::from_bytes(&bytes).unwrap(), energy);
        assert_eq!(energy.to_bytes(), bytes);
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic() {
        let bytes = example().to_bytes();
        for length in 0..bytes.len() {
            assert!(Energy::from_bytes(&bytes[..length]).is_err());
        }
        for i in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[i / 8] ^= 1 << (i % 8);
            assert!(Energy::from_bytes(&changed).is_err(), "bit {i}");
        }
        // Every byte of the header replaced by some that mean something in JSON.
        for i in 0..bytes.len() - 4 {
            for byte in *b"09-e\"{}[]:,\\\x00\xff" {
                let mut changed = bytes.clone();
                changed[i] = byte;
                // With a checksum of its own, so that what lies behind it is reached.
                crate::saved::seal(&mut changed);
                if let Ok(energy) = Energy::from_bytes(&changed) {
                    let _ = energy.potential(0.3, array![[0.1, 0.2]].view());
                }
            }
        }
    }
}
