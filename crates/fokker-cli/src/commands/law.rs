//! The data law that is audited, from whatever the user has.

use super::spectral::read_fit;
use crate::args::LawArguments;
use crate::files::{MEMORY, Rows, named, open_rows, read_all, read_texture, read_vector};
use anyhow::{Context, bail};
use fokker::problems::parse_spectrum;
use fokker::spectral::SpectralFit;
use fokker::statistics::{Covariance, Gaussian};
use fokker::{ArrayBlocks, Blocks, Task};
use ndarray::Array2;
use std::path::Path;

/// The data law, the law whose score is used when it is another one, and a line about them.
pub struct Laws {
    pub data: Gaussian,
    pub score: Option<Gaussian>,
    /// A fitted score; the data law is in its coordinates then.
    pub fitted: Option<SpectralFit>,
    pub description: String,
}

/// Reads what the arguments name.
pub fn read(arguments: &LawArguments, task: Task) -> anyhow::Result<Laws> {
    let (data, origin) = match (&arguments.eigenvalues, &arguments.data, &arguments.spectrum) {
        (Some(path), _, _) => (from_eigenvalues(path)?, path.display().to_string()),
        (_, Some(path), _) => {
            let (law, description) =
                from_rows(path, arguments.score_data.is_some() || arguments.score.is_some(), task)?;
            (law, format!("{} ({description})", path.display()))
        }
        (_, _, Some(name)) => (Gaussian::from_eigenvalues(parse_spectrum(name)?)?, name.clone()),
        _ => match &arguments.texture {
            Some(path) => (read_texture(path)?.law()?, format!("texture of {}, centred", path.display())),
            None => bail!("give the data law by --eigenvalues, --data, --spectrum or --texture"),
        },
    };
    let fitted = arguments.score.as_deref().map(read_fit).transpose()?;
    let (data, origin) = match (&fitted, &arguments.score) {
        (Some(fit), Some(path)) => {
            let own = fit.gaussian_to_coordinates(&data).with_context(|| path.display().to_string())?;
            (own, format!("{origin}, standardised as in {}", path.display()))
        }
        _ => (data, origin),
    };
    let mut description = format!("data law: {origin}; {}", summary(&data));
    if let (Some(fit), Some(path)) = (&fitted, &arguments.score) {
        let kind = if fit.score().is_affine() {
            "affine: audited exactly"
        } else {
            "not affine: its best affine part"
        };
        description += &format!("\nscore of: {} ({kind})", path.display());
    }
    let score = match (&arguments.score_eigenvalues, &arguments.score_data) {
        (Some(path), _) => Some((from_eigenvalues(path)?, path.display().to_string())),
        (_, Some(path)) => {
            let (law, rows) = from_rows(path, true, task)?;
            Some((law, format!("{} ({rows})", path.display())))
        }
        _ => None,
    };
    if let Some((law, origin)) = &score {
        if law.dim() != data.dim() {
            bail!("{origin}: the score has {} dimensions, the data {}", law.dim(), data.dim());
        }
        description += &format!("\nscore of: {origin}");
    }
    Ok(Laws { data, score: score.map(|(law, _)| law), fitted, description })
}

/// The laws of every other row and of the rest, when the data law comes from rows.
pub fn read_halves(arguments: &LawArguments, task: Task) -> anyhow::Result<Option<[Gaussian; 2]>> {
    let Some(path) = &arguments.data else { return Ok(None) };
    let half = |parity| {
        let mut rows = Alternate { rows: open_rows(path)?, parity };
        let law = law_of(&mut rows, false, task).map_err(|error| named(error, path))?;
        Ok::<_, anyhow::Error>(law.in_own_axes())
    };
    Ok(Some([half(0)?, half(1)?]))
}

/// Every other row of a source, from row `parity` on.
struct Alternate {
    rows: Rows,
    parity: usize,
}

impl Blocks for Alternate {
    fn dim(&self) -> usize {
        self.rows.dim()
    }

    fn rows(&self) -> Option<usize> {
        self.rows.rows().map(|n| (n + 1 - self.parity) / 2)
    }

    fn next(&mut self, block: &mut Array2<f64>) -> fokker::Result<usize> {
        let mut pairs = Array2::zeros((2 * block.nrows(), block.ncols()));
        let count = self.rows.next(&mut pairs)?;
        let kept = (self.parity..count).step_by(2);
        let found = kept.len();
        for (mut row, i) in block.rows_mut().into_iter().zip(kept) {
            row.assign(&pairs.row(i));
        }
        Ok(found)
    }

    fn rewind(&mut self) -> fokker::Result<()> {
        self.rows.rewind()
    }
}

fn summary(law: &Gaussian) -> String {
    let total = law.values().sum() + law.mean().dot(law.mean());
    let zeros = law.values().iter().filter(|&&v| v == 0.0).count();
    let singular = if zeros > 0 { format!(", {zeros} of variance zero") } else { String::new() };
    format!("{} dimensions{singular}, size √E|x|² = {:.4}", law.dim(), total.sqrt())
}

fn from_eigenvalues(path: &Path) -> anyhow::Result<Gaussian> {
    Gaussian::from_eigenvalues(read_vector(path)?).with_context(|| path.display().to_string())
}

/// Mean and covariance of rows; in the axes of the covariance unless the columns must stay.
fn from_rows(path: &Path, keep_columns: bool, task: Task) -> anyhow::Result<(Gaussian, String)> {
    let mut rows = open_rows(path)?;
    let description = rows.description().to_owned();
    let law = law_of(&mut rows, keep_columns, task).map_err(|error| named(error, path))?;
    Ok((if keep_columns { law } else { law.in_own_axes() }, description))
}

/// By the covariance, or by the products of the rows when there are fewer of them than columns.
fn law_of(rows: &mut dyn Blocks, keep_columns: bool, task: Task) -> anyhow::Result<Gaussian> {
    if rows.rows().is_some_and(|n| n >= rows.dim() || keep_columns) {
        return from_blocks(rows, task);
    }
    let x = read_all(rows, "save them as .npy, or give --eigenvalues", task)?;
    if x.nrows() >= x.ncols() || keep_columns {
        return from_blocks(&mut ArrayBlocks::new(x.view()), task);
    }
    check_memory(x.nrows(), "n × n products of the rows")?;
    Ok(Gaussian::from_few_rows(x.view())?)
}

fn from_blocks(blocks: &mut dyn Blocks, task: Task) -> anyhow::Result<Gaussian> {
    check_memory(blocks.dim(), "d × d covariance")?;
    Ok(Covariance::from_blocks(blocks, task)?.gaussian()?)
}

/// The matrix and two more of its size that its eigendecomposition takes.
fn check_memory(extent: usize, what: &str) -> anyhow::Result<()> {
    let bytes = extent.saturating_mul(extent).saturating_mul(24);
    if bytes > MEMORY {
        let (need, limit) = (bytes >> 30, MEMORY >> 30);
        bail!(
            "the {what} ({extent} × {extent}) would take {need} GiB, more than {limit}: give --eigenvalues"
        );
    }
    Ok(())
}
