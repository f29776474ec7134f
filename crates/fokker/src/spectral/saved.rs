//! A fit as bytes and back.

use super::coefficients::Path;
use super::coordinates::{Coordinates, Frame};
use super::evidence::Evidence;
use super::fit::SpectralFit;
use super::report::Report;
use super::score::EigenScore;
use super::whitening::Whitening;
use super::{Family, Shape};
use crate::options::Receipt;
use crate::saved::{Saved, to_bytes};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

const KIND: &str = "spectral score";
const VERSION: u32 = 1;

/// Everything but the coefficients, which are an array.
#[derive(Serialize, Deserialize)]
struct Description {
    frame: Frame,
    shape: Shape,
    times: Vec<f64>,
    report: Report,
    /// Rows of the data that samples are checked against; none in files of earlier versions.
    #[serde(default)]
    evidence_rows: Option<usize>,
    /// How it was made; none in files of earlier versions.
    #[serde(default)]
    receipt: Option<Receipt>,
}

impl SpectralFit {
    /// The fit in the safetensors format: the coefficients `[times, functions]` in order of
    /// [`EigenScore::functions`], everything else as JSON metadata, and a checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let path = self.score.path();
        let description = Description {
            frame: self.frame.clone(),
            shape: self.shape.clone(),
            times: path.times().to_vec(),
            report: self.report.clone(),
            evidence_rows: self.evidence.as_ref().map(|evidence| evidence.x.nrows()),
            receipt: self.receipt.clone(),
        };
        let mut arrays = vec![("coefficients".to_owned(), path.values().view().into_dyn())];
        if let Some(whitening) = &self.frame.whitening {
            let (axes, deviations) = whitening.parts();
            arrays.push(("axes".to_owned(), axes.into_dyn()));
            arrays.push(("deviations".to_owned(), deviations.into_dyn()));
        }
        if let Some(Evidence { x, weights, mean, reach }) = &self.evidence {
            arrays.push(("rows".to_owned(), x.view().into_dyn()));
            for (name, array) in [("weights", weights), ("mean", mean), ("reach", reach)] {
                arrays.push((name.to_owned(), array.view().into_dyn()));
            }
        }
        to_bytes(KIND, VERSION, &description, &arrays)
    }

    /// Reads what [`SpectralFit::to_bytes`] wrote.
    ///
    /// # Errors
    /// Bytes that are damaged, hold something else, or numbers that make no fit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (saved, description): (_, Description) = Saved::open(bytes, KIND, VERSION)?;
        let Description { mut frame, shape, times, report, evidence_rows, receipt } = description;
        let damaged = |reason: &str| Error::Parse { what: KIND, reason: format!("{reason}: it is damaged") };
        if frame.kind == Coordinates::Whitened {
            let dim = frame.dim();
            let (axes, deviations) = (saved.matrix("axes", (dim, dim))?, saved.vector("deviations", dim)?);
            frame.whitening = Whitening::from_parts(axes, deviations);
        }
        if !frame.is_valid() {
            return Err(damaged("its coordinates are no coordinates"));
        }
        let rising = times.windows(2).all(|w| w[0] < w[1]) && times.iter().all(|t| *t > 0.0 && t.is_finite());
        if times.len() < 2 || !rising {
            return Err(damaged("its times are not increasing"));
        }
        // A few bytes can name a shape of any size: not more functions than there are coefficients.
        let held = bytes.len() / (8 * times.len());
        let most = frame.dim().saturating_mul(shape.degree);
        let pairs = if shape.gaussian_pairs { frame.dim() * (frame.dim() - 1) / 2 } else { 0 };
        if most > held || pairs > held || shape.pairs.count(frame.dim()) > held {
            return Err(damaged("it holds fewer coefficients than its basis has"));
        }
        let functions = shape.functions(frame.dim())?;
        let values = saved.matrix("coefficients", (times.len(), functions.len()))?;
        let family: Family = frame.kind.family();
        let eigenvalues = functions.iter().map(|f| super::indices::eigenvalue(family, f) as f64).collect();
        let path = Path::new(times, values, eigenvalues);
        let bounds = (frame.lower.clone(), frame.upper.clone());
        let score = EigenScore::new(family, frame.dim(), functions, path, bounds);
        let evidence = match evidence_rows {
            None => None,
            Some(rows) => {
                let dim = frame.data_dim();
                let (x, weights) = (saved.matrix("rows", (rows, dim))?, saved.vector("weights", rows)?);
                let (mean, reach) = (saved.vector("mean", dim)?, saved.vector("reach", dim)?);
                let evidence = Evidence { x, weights, mean, reach };
                if !evidence.is_valid(dim) {
                    return Err(damaged("its rows of the data are none"));
                }
                Some(evidence)
            }
        };
        Ok(SpectralFit { frame, shape, score, report, evidence, receipt })
    }
}
