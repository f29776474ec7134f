//! `fokker audit texture`: the Gaussian texture of an image.

use crate::args::{Global, TextureArguments};
use crate::files::{Output, OutputFormat, read_texture, side_by_side, write_png};
use anyhow::{Context, bail};
use fokker::Limits;
use fokker::problems::woven_pattern;
use fokker::sampling::Noise;
use fokker::statistics::Texture;
use ndarray::Array2;
use std::path::Path;

/// Most samples in one picture.
const MAX_SAMPLES: usize = 64;

/// Runs the command.
pub fn run(arguments: &TextureArguments, global: &Global) -> anyhow::Result<String> {
    if arguments.samples == 0 || arguments.samples > MAX_SAMPLES {
        bail!("--samples must be from 1 to {MAX_SAMPLES}, found {}", arguments.samples);
    }
    let inputs: Vec<&Path> = arguments.image.iter().map(|path| path.as_path()).collect();
    let output = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Png], &inputs)?;
    let (texture, name) = match (&arguments.image, &arguments.pattern) {
        (Some(path), _) => (read_texture(path)?, path.display().to_string()),
        (None, Some(extents)) => (pattern(extents)?, format!("woven pattern {extents}")),
        (None, None) => bail!("give an image or --pattern"),
    };
    let (height, width, channels) = texture.shape();
    Limits::rows("--samples", arguments.samples, height * width * channels)?;
    let eigenvalues = texture.eigenvalues();
    let total = eigenvalues.sum();
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    let zeros = eigenvalues.iter().filter(|&&value| value == 0.0).count();
    let mut written = None;
    if let (Some(output), false) = (&output, global.dry_run) {
        let mut samples = Vec::new();
        for index in 0..arguments.samples {
            let mut noise = vec![Array2::zeros((height, width))];
            Noise { seed: global.seed }.fill(0, index as u32, &mut noise);
            samples.push(texture.sample(noise[0].view())?);
        }
        write_png(output, &side_by_side(&samples))?;
        written = Some(output.name());
    }
    if global.json {
        let value = serde_json::json!({
            "height": height, "width": width, "channels": channels, "dimension": eigenvalues.len(),
            "zero_eigenvalues": zeros, "largest_eigenvalue": largest, "trace": total, "output": written,
        });
        return Ok(serde_json::to_string_pretty(&value)? + "\n");
    }
    let mut text = format!(
        "{name}: {height}×{width}×{channels}, pixels in [−1, 1]\n\
         Gaussian texture: {} dimensions, {zeros} of variance zero, largest eigenvalue {largest:.4},\n\
         size √E|x − mean|² = {:.4}\n",
        eigenvalues.len(),
        total.sqrt()
    );
    if let Some(path) = written {
        text += &format!("{} samples side by side, clipped to [0, 255]: {path}\n", arguments.samples);
    }
    Ok(text)
}

fn pattern(extents: &str) -> anyhow::Result<Texture> {
    let wrong = || format!("--pattern is HEIGHTxWIDTH such as 64x64, found {extents:?}");
    let (height, width) = extents.split_once('x').with_context(wrong)?;
    let parse = |text: &str| text.parse::<usize>().ok().with_context(wrong);
    Ok(Texture::from_image(woven_pattern(parse(height)?, parse(width)?)?.view())?)
}
