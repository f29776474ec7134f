//! Gaussian textures: stationary laws that share mean and second moments with one image.

use super::Gaussian;
use crate::limits::finite;
use crate::options::options;
use crate::{Error, Limits, Result};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis, azip};
use rustfft::num_complex::Complex;
use rustfft::{FftDirection, FftPlanner};

options! {
    /// Options of the samples of a [`Texture`].
    "audit texture" => pub struct TextureOptions {
        /// Number of samples
        #[alias("n" => "")]
        pub samples: usize = 1,
        /// Seed of the white noise
        #[alias("random_state" => "")]
        pub seed: u64 = 0,
    }
}

/// What there is to say of a texture in numbers.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TextureReport {
    /// M.
    pub height: usize,
    /// N.
    pub width: usize,
    /// C.
    pub channels: usize,
    /// Number of eigenvalues, C MN.
    pub dimension: usize,
    /// How many of them are zero.
    pub zero_eigenvalues: usize,
    /// The largest of them.
    pub largest_eigenvalue: f64,
    /// Their sum.
    pub trace: f64,
}

/// Asymptotic discrete spot noise of an image u of M × N pixels and C channels
/// [Galerne, Gousseau, Morel 2011].
///
/// ```text
/// X_c = m_c + h_c ⋆ W        h_c = (u_c − m_c)/√(MN),  m_c the mean of channel c
/// W                          one white noise [M, N] for all channels; ⋆ periodic
/// eigenvalues of Cov X       Σ_c |ĥ_c(ξ)|² for the MN frequencies ξ, ĥ the unnormalised DFT; 0 (C − 1)MN times
/// ```
///
/// The eigenvalue of ξ = 0 is zero too, ξ and −ξ share theirs, and they sum to MN Σ_c Var u_c.
///
/// ```
/// use fokker::statistics::Texture;
/// let u = ndarray::Array3::from_shape_fn((1, 2, 1), |(_, j, _)| j as f64); // pixels 0 and 1
/// let texture = Texture::from_image(u.view()).unwrap();
/// let eigenvalues = texture.eigenvalues();
/// assert!(eigenvalues[0] == 0.0 && (eigenvalues[1] - 0.5).abs() < 1e-15); // 2 · Var u = 1/2
/// ```
#[derive(Debug, Clone)]
pub struct Texture {
    means: Vec<f64>,
    /// ĥ_c of each channel, `[M, N]`.
    spots: Vec<Array2<Complex<f64>>>,
}

impl Texture {
    /// Its extents and eigenvalues in numbers.
    pub fn report(&self) -> TextureReport {
        let ((height, width, channels), values) = (self.shape(), self.eigenvalues());
        TextureReport {
            height,
            width,
            channels,
            dimension: values.len(),
            zero_eigenvalues: values.iter().filter(|&&value| value == 0.0).count(),
            largest_eigenvalue: values.iter().copied().fold(0.0, f64::max),
            trace: values.sum(),
        }
    }

    /// The texture of an image `[M, N, C]`, O(C MN log MN).
    ///
    /// # Errors
    /// An image without pixels or channels, of more than [`Limits::COLUMNS`] numbers, with a pixel that
    /// is not finite, or pixels whose squares are not.
    pub fn from_image(image: ArrayView3<f64>) -> Result<Self> {
        if image.is_empty() {
            return Err(Error::Empty { name: "image" });
        }
        Limits::columns("pixels times channels of the image", image.len())?;
        if let Some(((i, j, c), &value)) = image.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { name: "image", index: vec![i, j, c], value });
        }
        let (height, width, _) = image.dim();
        let scale = 1.0 / ((height * width) as f64).sqrt();
        let mut means = Vec::new();
        let mut spots = Vec::new();
        for channel in image.axis_iter(Axis(2)) {
            let mean = channel.sum() / channel.len() as f64;
            let spot = channel.mapv(|u| Complex::new(scale * (u - mean), 0.0));
            let mut spot = transform(spot, FftDirection::Forward);
            // The sum of u − mean, zero but for rounding.
            spot[[0, 0]] = Complex::new(0.0, 0.0);
            means.push(mean);
            let powers = spot.iter().map(|value| value.norm_sqr()).sum();
            finite("the spectrum of the image", powers, "scale its pixels, such as to [-1, 1]")?;
            spots.push(spot);
        }
        Ok(Texture { means, spots })
    }

    /// Extents M, N and C.
    pub fn shape(&self) -> (usize, usize, usize) {
        let (height, width) = self.spots[0].dim();
        (height, width, self.spots.len())
    }

    /// Eigenvalues of the covariance, `[C MN]`: those of the frequencies by rows, then zeros.
    pub fn eigenvalues(&self) -> Array1<f64> {
        let (height, width, channels) = self.shape();
        let mut power = Array2::<f64>::zeros((height, width));
        for spot in &self.spots {
            azip!((p in &mut power, s in spot) *p += s.norm_sqr());
        }
        power.into_iter().chain(std::iter::repeat_n(0.0, (channels - 1) * height * width)).collect()
    }

    /// The centred law of X − m in its own axes.
    ///
    /// # Errors
    /// None for a texture that exists; the type is that of [`Gaussian::from_eigenvalues`].
    pub fn law(&self) -> Result<Gaussian> {
        Gaussian::from_eigenvalues(self.eigenvalues())
    }

    /// The texture `[M, N, C]` that a noise W `[M, N]` makes, O(C MN log MN).
    ///
    /// # Errors
    /// A noise of another size.
    pub fn sample(&self, noise: ArrayView2<f64>) -> Result<Array3<f64>> {
        let (height, width, channels) = self.shape();
        if noise.dim() != (height, width) {
            return Err(Error::Size { name: "noise", expected: height * width, found: noise.len() });
        }
        let noise = transform(noise.mapv(|w| Complex::new(w, 0.0)), FftDirection::Forward);
        let scale = 1.0 / (height * width) as f64;
        let mut out = Array3::zeros((height, width, channels));
        for ((mut channel, spot), mean) in out.axis_iter_mut(Axis(2)).zip(&self.spots).zip(&self.means) {
            let product = transform(&noise * spot, FftDirection::Inverse);
            azip!((x in &mut channel, p in &product) *x = mean + scale * p.re);
        }
        Ok(out)
    }
}

/// Unnormalised DFT along both axes.
fn transform(mut array: Array2<Complex<f64>>, direction: FftDirection) -> Array2<Complex<f64>> {
    let mut planner = FftPlanner::new();
    for _ in 0..2 {
        let rows = planner.plan_fft(array.ncols(), direction);
        rows.process(array.as_slice_mut().expect("owned, in standard layout"));
        array = array.t().as_standard_layout().into_owned();
    }
    array
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Noise;

    fn image() -> Array3<f64> {
        Array3::from_shape_fn((5, 6, 3), |(i, j, c)| {
            ((i * 31 + j * 17 + c * 7 + i * j * (c + 1)) % 13) as f64
        })
    }

    /// Cov[(x, c), (y, d)] = Σ_z h_c(x − z) h_d(y − z), term by term.
    fn explicit_covariance(u: &Array3<f64>) -> Array2<f64> {
        let (m, n, channels) = u.dim();
        let pixels = (m * n) as f64;
        let mean: Vec<f64> = u.axis_iter(Axis(2)).map(|channel| channel.sum() / pixels).collect();
        let h = |i: usize, j: usize, c: usize| (u[[i % m, j % n, c]] - mean[c]) / pixels.sqrt();
        let place = |k: usize| (k / (n * channels), k / channels % n, k % channels);
        Array2::from_shape_fn((u.len(), u.len()), |(a, b)| {
            let ((i, j, c), (k, l, d)) = (place(a), place(b));
            let terms = (0..m).flat_map(|p| (0..n).map(move |q| (p, q)));
            terms.map(|(p, q)| h(i + m - p, j + n - q, c) * h(k + m - p, l + n - q, d)).sum()
        })
    }

    #[test]
    fn eigenvalues_are_those_of_the_explicit_covariance() {
        let u = image();
        let texture = Texture::from_image(u.view()).unwrap();
        let covariance = explicit_covariance(&u);
        let explicit = Gaussian::from_covariance(Array1::zeros(u.len()), covariance.view()).unwrap();
        let sorted = |values: &Array1<f64>| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        let (ours, theirs) = (sorted(&texture.eigenvalues()), sorted(explicit.values()));
        let largest = ours[ours.len() - 1];
        let error = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-12 * largest, "{error:e} of {largest}");
        assert!(
            (texture.eigenvalues().sum() - covariance.diag().sum()).abs() < 1e-12 * covariance.diag().sum()
        );
        assert_eq!(texture.eigenvalues()[0], 0.0);
    }

    #[test]
    fn samples_have_the_mean_and_the_covariance() {
        // Linear in the noise, so unit noises give the factor F of the covariance FFᵀ exactly.
        let u = image();
        let texture = Texture::from_image(u.view()).unwrap();
        let mean = texture.sample(Array2::zeros((5, 6)).view()).unwrap();
        let mut factor = Array2::zeros((u.len(), 30));
        for k in 0..30 {
            let mut unit = Array2::zeros((5, 6));
            unit[[k / 6, k % 6]] = 1.0;
            let sample = texture.sample(unit.view()).unwrap() - &mean;
            factor.column_mut(k).assign(&sample.to_shape(u.len()).unwrap());
        }
        let covariance = explicit_covariance(&u);
        assert!((factor.dot(&factor.t()) - &covariance).iter().all(|e| e.abs() < 1e-12 * 20.0));
        assert!(
            (&mean - &u.mean_axis(Axis(0)).unwrap().mean_axis(Axis(0)).unwrap())
                .iter()
                .all(|e| e.abs() < 1e-12)
        );
        let mut noise = vec![Array2::zeros((5, 6))];
        Noise { seed: 3 }.fill(0, 0, &mut noise);
        let one = texture.sample(noise[0].view()).unwrap();
        assert!(one.iter().all(|x| x.is_finite()));
    }

    #[test]
    fn bad_images_and_noises_are_refused() {
        assert!(Texture::from_image(Array3::zeros((0, 3, 1)).view()).is_err());
        let mut u = image();
        u[[1, 2, 0]] = f64::NAN;
        assert!(Texture::from_image(u.view()).unwrap_err().to_string().contains("[1, 2, 0]"));
        assert!(Texture::from_image(image().view()).unwrap().sample(Array2::zeros((6, 5)).view()).is_err());
    }
}
