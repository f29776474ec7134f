//! PNG and JPEG images: folders of them as rows, one as a texture, and writing one.

use super::{Output, at};
use anyhow::{Result, anyhow, bail};
use fokker::Limits;
use fokker::statistics::Texture;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use ndarray::{Array2, Array3, Axis, Slice};
use std::path::{Path, PathBuf};

/// Most memory that a decoder may take.
const MAX_BYTES: u64 = 1 << 30;

/// The images of a folder by name, one row each: rows of pixels, channels innermost.
pub struct ImageRows {
    paths: Vec<PathBuf>,
    next: usize,
    shape: (usize, usize, usize),
    ignored: usize,
}

impl ImageRows {
    /// Lists the folder and decodes the first image, whose size all others must have.
    pub fn open(folder: &Path) -> Result<Self> {
        let unreadable = |e| anyhow!("cannot be listed: {e}");
        let mut paths = Vec::new();
        let mut ignored = 0;
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            match format(&path) {
                Some(_) if path.is_file() => paths.push(path),
                _ => ignored += 1,
            }
        }
        paths.sort();
        let Some(first) = paths.first() else {
            bail!("is a folder without .png, .jpg or .jpeg images ({ignored} other entries)");
        };
        let shape = named(first, read(first))?.dim();
        Ok(ImageRows { paths, next: 0, shape, ignored })
    }

    /// Number of values of an image.
    pub fn dim(&self) -> usize {
        self.shape.0 * self.shape.1 * self.shape.2
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.paths.len()
    }

    /// What the folder holds, for people.
    pub fn description(&self) -> String {
        let (height, width, channels) = self.shape;
        let ignored = match self.ignored {
            0 => String::new(),
            n => format!(", {n} other entries ignored"),
        };
        format!("{} images of {height}×{width}×{channels}, scaled to [−1, 1]{ignored}", self.paths.len())
    }

    /// Fills the first rows of `block` and says how many; one image is in memory at a time.
    pub fn next(&mut self, block: &mut Array2<f64>) -> Result<usize> {
        let count = block.nrows().min(self.paths.len() - self.next);
        for (mut row, path) in block.rows_mut().into_iter().zip(&self.paths[self.next..self.next + count]) {
            let pixels = named(path, read(path))?;
            if pixels.dim() != self.shape {
                let ((h, w, c), (height, width, channels)) = (pixels.dim(), self.shape);
                return named(
                    path,
                    Err(anyhow!(
                        "is {h}×{w}×{c}, the first image is {height}×{width}×{channels}: resize or convert it"
                    )),
                );
            }
            row.iter_mut().zip(&pixels).for_each(|(x, &pixel)| *x = pixel);
        }
        self.next += count;
        Ok(count)
    }
}

/// The Gaussian texture of an image, pixels in [−1, 1].
pub fn read_texture(path: &Path) -> Result<Texture> {
    let texture = || {
        let pixels = read(path)?;
        let channels = pixels.len_of(Axis(2));
        if channels % 2 == 1 {
            return Ok(Texture::from_image(pixels.view())?);
        }
        // The last of 2 or 4 channels is transparency, which a texture has no use for.
        let (colour, alpha) = pixels.view().split_at(Axis(2), channels - 1);
        if alpha.iter().any(|&a| a != 1.0) {
            bail!("has transparent pixels: save it without an alpha channel");
        }
        Ok(Texture::from_image(colour)?)
    };
    texture().map_err(|e| at(path, e))
}

/// Writes pixels in [−1, 1], clipped, as a PNG of 8 bits.
pub fn write_png(output: &Output, pixels: &Array3<f64>) -> Result<()> {
    let (height, width, channels) = pixels.dim();
    let colour = match channels {
        1 => image::ExtendedColorType::L8,
        3 => image::ExtendedColorType::Rgb8,
        n => bail!("{}: a PNG is written from 1 or 3 channels, found {n}", output.name()),
    };
    let bytes: Vec<u8> =
        pixels.iter().map(|&x| ((x + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8).collect();
    output.write(|file| {
        let encoder = image::codecs::png::PngEncoder::new(file);
        image::ImageEncoder::write_image(encoder, &bytes, width as u32, height as u32, colour)
            .map_err(std::io::Error::other)
    })
}

/// By the extension: what else lies in a folder is not opened.
fn format(path: &Path) -> Option<ImageFormat> {
    ImageFormat::from_path(path).ok().filter(|f| matches!(f, ImageFormat::Png | ImageFormat::Jpeg))
}

fn named<T>(path: &Path, result: Result<T>) -> Result<T> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    result.map_err(|e| anyhow!("image {name}: {e:#}"))
}

/// Pixels in [−1, 1], `[height, width, channels]`.
fn read(path: &Path) -> Result<Array3<f64>> {
    let damaged = |e| anyhow!("cannot be decoded as PNG or JPEG ({e}): it is damaged, or no image");
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|e| anyhow!("cannot be opened: {e}"))?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    // A header of a few bytes may announce pixels by the gigabyte: it is asked before they are made.
    let decoder = reader.into_decoder().map_err(damaged)?;
    let ((width, height), channels) = (decoder.dimensions(), decoder.color_type().channel_count());
    let numbers = u64::from(width) * u64::from(height) * u64::from(channels);
    if numbers > Limits::COLUMNS as u64 {
        let most = Limits::COLUMNS;
        bail!(
            "is {height}×{width}×{channels}, {numbers} numbers, at most {most} are supported: make it smaller"
        );
    }
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let (height, width) = (image.height() as usize, image.width() as usize);
    let channels = image.color().channel_count() as usize;
    let eight = |bytes: Vec<u8>| bytes.into_iter().map(fokker::pixel).collect();
    let sixteen = |words: Vec<u16>| words.into_iter().map(|x| f64::from(x) / 32767.5 - 1.0).collect();
    let values: Vec<f64> = match image {
        DynamicImage::ImageLuma8(image) => eight(image.into_raw()),
        DynamicImage::ImageLumaA8(image) => eight(image.into_raw()),
        DynamicImage::ImageRgb8(image) => eight(image.into_raw()),
        DynamicImage::ImageRgba8(image) => eight(image.into_raw()),
        DynamicImage::ImageLuma16(image) => sixteen(image.into_raw()),
        DynamicImage::ImageLumaA16(image) => sixteen(image.into_raw()),
        DynamicImage::ImageRgb16(image) => sixteen(image.into_raw()),
        DynamicImage::ImageRgba16(image) => sixteen(image.into_raw()),
        _ => bail!("has pixels that are neither 8 nor 16 bits: convert it"),
    };
    Array3::from_shape_vec((height, width, channels), values)
        .map_err(|_| anyhow!("has another size than it says: it is damaged"))
}

/// Images of one size side by side.
pub fn side_by_side(images: &[Array3<f64>]) -> Array3<f64> {
    let (height, width, channels) = images[0].dim();
    let mut out = Array3::zeros((height, width * images.len(), channels));
    for (i, image) in images.iter().enumerate() {
        out.slice_axis_mut(Axis(1), Slice::from(i * width..(i + 1) * width)).assign(image);
    }
    out
}
