//! `fokker audit texture`: the Gaussian texture of an image.

use super::with;
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
    let count = arguments.options.0.samples;
    if count == 0 || count > MAX_SAMPLES {
        bail!("samples must be from 1 to {MAX_SAMPLES}, found {count}");
    }
    if count > 1 && arguments.output.is_none() {
        bail!("--samples goes with --output");
    }
    let inputs: Vec<&Path> = arguments.image.iter().map(|path| path.as_path()).collect();
    let output = Output::maybe(arguments.output.as_deref(), &[OutputFormat::Png], &inputs)?;
    let (texture, name) = match (&arguments.image, &arguments.pattern) {
        (Some(path), _) => (read_texture(path)?, path.display().to_string()),
        (None, Some(extents)) => (pattern(extents)?, format!("woven pattern {extents}")),
        (None, None) => bail!("give an image or --pattern"),
    };
    let (height, width, channels) = texture.shape();
    Limits::rows("samples", count, height * width * channels)?;
    let report = texture.report();
    let mut written = None;
    if let (Some(output), false) = (&output, global.dry_run) {
        let mut samples = Vec::new();
        for index in 0..count {
            let mut noise = vec![Array2::zeros((height, width))];
            Noise { seed: global.seed }.fill(0, index as u32, &mut noise);
            samples.push(texture.sample(noise[0].view())?);
        }
        write_png(output, &side_by_side(&samples))?;
        written = Some(output.name());
    }
    if global.json {
        return with(&report, serde_json::json!({ "output": written }));
    }
    let mut text = format!(
        "{name}: {height}×{width}×{channels}, pixels in [−1, 1]\n\
         Gaussian texture: {} dimensions, {} of variance zero, largest eigenvalue {:.4},\n\
         size √E|x − mean|² = {:.4}\n",
        report.dimension,
        report.zero_eigenvalues,
        report.largest_eigenvalue,
        report.trace.sqrt()
    );
    if let Some(path) = written {
        text += &format!("{count} samples side by side, clipped to [0, 255]: {path}\n");
    }
    Ok(text)
}

fn pattern(extents: &str) -> anyhow::Result<Texture> {
    let wrong = || format!("--pattern is HEIGHTxWIDTH such as 64x64, found {extents:?}");
    let (height, width) = extents.split_once('x').with_context(wrong)?;
    let parse = |text: &str| text.parse::<usize>().ok().with_context(wrong);
    Ok(Texture::from_image(woven_pattern(parse(height)?, parse(width)?)?.view())?)
}
