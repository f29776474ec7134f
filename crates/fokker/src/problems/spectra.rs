//! Covariance spectra that need no data.

use crate::{Error, Result};
use ndarray::Array1;

/// Mean eigenvalue (variance of a pixel) of natural images scaled to [−1, 1].
const PIXEL_VARIANCE: f64 = 0.248;
/// Relative power of the three colour axes: luminance and two opponent colours.
const COLOURS: [f64; 3] = [1.0, 0.046, 0.0036];

/// Power-law spectrum of natural images, `[height · width · channels]`, channels 1 to 3.
///
/// ```text
/// λ(u, v, c) ∝ w_c (u² + v² + 16)^{−17/8}      u < height, v < width,  scaled to mean 0.248
/// ```
///
/// Exponent, colour weights and offset follow the eigenvalues of CIFAR-10 in [−1, 1]: 49, 249
/// and 999 steps of Euler–Maruyama err by 4.68, 0.62 and 0.146 where CIFAR-10 gives 4.77, 0.65
/// and 0.155.
///
/// # Errors
/// An extent of zero or above 4096, or a number of channels other than 1 to 3.
///
/// ```
/// let spectrum = fokker::problems::natural_image_spectrum(32, 32, 3).unwrap();
/// assert_eq!(spectrum.len(), 3072);
/// assert!((spectrum.mean().unwrap() - 0.248).abs() < 1e-12);
/// ```
pub fn natural_image_spectrum(height: usize, width: usize, channels: usize) -> Result<Array1<f64>> {
    for (name, extent, most) in [("height", height, 4096), ("width", width, 4096), ("channels", channels, 3)]
    {
        if extent == 0 || extent > most {
            let requirement = format!("from 1 to {most}");
            return Err(Error::Argument { name, requirement, found: extent as f64 });
        }
    }
    let mut spectrum: Array1<f64> = COLOURS[..channels]
        .iter()
        .flat_map(|&weight| {
            (0..height * width).map(move |i| {
                let (u, v) = ((i / width) as f64, (i % width) as f64);
                weight * (u * u + v * v + 16.0).powf(-17.0 / 8.0)
            })
        })
        .collect();
    let scale = PIXEL_VARIANCE * spectrum.len() as f64 / spectrum.sum();
    spectrum *= scale;
    Ok(spectrum)
}

/// Reads a spectrum as it is written on the command line: `natural:HxWxC`.
///
/// # Errors
/// An unknown name or extents out of their domain.
pub fn parse_spectrum(text: &str) -> Result<Array1<f64>> {
    let unknown = || Error::Name {
        what: "spectrum",
        found: text.to_owned(),
        known: "natural:HEIGHTxWIDTHxCHANNELS, such as natural:32x32x3".to_owned(),
    };
    let extents = text.strip_prefix("natural:").ok_or_else(unknown)?;
    let extents: std::result::Result<Vec<usize>, _> = extents.split('x').map(str::parse).collect();
    match extents.map_err(|_| unknown())?.as_slice() {
        &[height, width, channels] => natural_image_spectrum(height, width, channels),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_read_or_refused() {
        assert_eq!(parse_spectrum("natural:4x5x1").unwrap().len(), 20);
        for bad in
            ["natural", "natural:4x5", "natural:0x5x1", "natural:4x5x4", "natural:-1x5x1", "pink:3x3x1", ""]
        {
            assert!(parse_spectrum(bad).is_err(), "{bad}");
        }
    }
}
