//! Annotated data (.h5ad): rows from `obsm` or `X`, times from a column of `obs`.

use super::{Labelled, usual_column};
use crate::files::MEMORY;
use crate::files::source::Length;
use crate::files::text::shown;
use anyhow::{Result, anyhow, bail};
use fokker::population::Labels;
use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};
use ndarray::Array2;
use std::path::Path;

/// First bytes of every HDF5 file.
pub const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
/// The rows when none are named.
const USUAL: &str = "X_pca";

/// Reads rows and labels; nothing is allocated that the file could not hold.
pub fn read(path: &Path, rep: Option<&str>, time: Option<&str>) -> Result<Labelled> {
    let length = std::fs::metadata(path)?.len();
    let most = match Length::of_deflated(length) {
        Length::AtMost(bytes) => usize::try_from(bytes).unwrap_or(MEMORY).min(MEMORY),
        _ => MEMORY,
    };
    let options = OpenOptions::default().with_max_read_bytes(most).with_max_chunk_bytes(most);
    let root =
        Hdf5File::open_with_options(path, options).and_then(|file| file.root_group()).map_err(damaged)?;
    let (column, labels) = labels(&root, time)?;
    let (name, x) = rows(&root, rep)?;
    if x.nrows() != labels.len() {
        bail!(
            "{name} has {} rows for the {} entries of obs: save it again with anndata",
            x.nrows(),
            labels.len()
        );
    }
    if let Some(((row, column), value)) = x.indexed_iter().find(|(_, x)| !x.is_finite()) {
        bail!(
            "{name} is {value} at row {row}, column {column} (counted from 0): remove such rows or fill them in"
        );
    }
    let description =
        format!("{} × {} numbers in {name}, times in obs[{}]", x.nrows(), x.ncols(), shown(&column));
    Ok(Labelled { x, labels, mass: None, description })
}

fn damaged(error: hdf5_reader::error::Error) -> anyhow::Error {
    let text: String = error.to_string().chars().take(150).collect();
    anyhow!("cannot be read as HDF5 ({text}): it is truncated or damaged, copy or save it again")
}

/// A member of a group.
enum Member {
    Group(Group),
    Dataset(Box<Dataset>),
}

fn member(parent: &Group, name: &str) -> Result<Option<Member>> {
    let (groups, datasets) = parent.member_names().map_err(damaged)?;
    if groups.iter().any(|group| group == name) {
        return parent.group(name).map(|group| Some(Member::Group(group))).map_err(damaged);
    }
    if datasets.iter().any(|dataset| dataset == name) {
        return parent.dataset(name).map(|dataset| Some(Member::Dataset(Box::new(dataset)))).map_err(damaged);
    }
    Ok(None)
}

fn group(parent: &Group, name: &str) -> Result<Group> {
    match member(parent, name)? {
        Some(Member::Group(group)) => Ok(group),
        _ => bail!("has no group {}: save it with anndata 0.7 or later", shown(name)),
    }
}

fn dataset(parent: &Group, name: &str, of: &str) -> Result<Dataset> {
    match member(parent, name)? {
        Some(Member::Dataset(dataset)) => Ok(*dataset),
        _ => bail!("{of} has no array {}: save it again with anndata", shown(name)),
    }
}

/// Members that a user can name, for errors.
fn listed(parent: &Group) -> Result<String> {
    let (groups, datasets) = parent.member_names().map_err(damaged)?;
    let mut names: Vec<String> =
        groups.into_iter().chain(datasets).filter(|name| !name.starts_with('_')).collect();
    names.sort();
    let more = if names.len() > 20 { ", …" } else { "" };
    let texts: Vec<String> = names.iter().take(20).map(|name| shown(name)).collect();
    Ok(if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") + more })
}

/// The column of times and its labels.
fn labels(root: &Group, time: Option<&str>) -> Result<(String, Labels)> {
    let obs = group(root, "obs")?;
    let (groups, datasets) = obs.member_names().map_err(damaged)?;
    let names: Vec<String> = groups.into_iter().chain(datasets).collect();
    let Some(column) = usual_column(&names, time).map(|at| names[at].clone()) else {
        let wanted = time.map_or_else(|| super::USUAL.join(" or "), shown);
        bail!("obs has no column {wanted}: name one of {} with --time", listed(&obs)?);
    };
    let place = format!("obs[{}]", shown(&column));
    let (values, order) = match member(&obs, &column)? {
        Some(Member::Dataset(dataset)) => (texts(&dataset, &place)?, None),
        Some(Member::Group(group)) => (encoded(&group, &place)?, order(&group, &place)?),
        None => bail!("obs has no column {}", shown(&column)),
    };
    let labels = Labels::of_rows(values).map_err(|e| anyhow!("{place}: {e}"))?;
    Ok((column, order.map_or(labels.clone(), |order| labels.in_order(&order))))
}

/// The categories of a column where they have an order.
fn order(group: &Group, place: &str) -> Result<Option<Vec<String>>> {
    // Stored as a boolean of one byte; absent means no order.
    let ordered = group.attribute("ordered").is_ok_and(|flag| flag.raw_data.iter().any(|&byte| byte != 0));
    match ordered && member(group, "categories")?.is_some() {
        true => texts(&dataset(group, "categories", place)?, place).map(Some),
        false => Ok(None),
    }
}

/// A categorical column, or one with a mask; what is missing is empty.
fn encoded(group: &Group, place: &str) -> Result<Vec<String>> {
    if member(group, "codes")?.is_some() {
        let categories = texts(&dataset(group, "categories", place)?, place)?;
        let codes = numbers(&dataset(group, "codes", place)?, place)?;
        let text = |(row, code): (usize, &f64)| match *code {
            -1.0 => Ok(String::new()),
            code if code >= 0.0 && (code as usize) < categories.len() => {
                Ok(categories[code as usize].clone())
            }
            code => bail!("{place}: row {row} has the category {code} of {}", categories.len()),
        };
        return codes.iter().enumerate().map(text).collect();
    }
    let mut values = texts(&dataset(group, "values", place)?, place)?;
    let mask = dataset(group, "mask", place)?.read_raw_bytes().map_err(damaged)?;
    if mask.len() != values.len() {
        bail!("{place} has {} values and a mask of {}: save it again with anndata", values.len(), mask.len());
    }
    values.iter_mut().zip(mask).filter(|(_, masked)| *masked != 0).for_each(|(value, _)| value.clear());
    Ok(values)
}

/// A column as text.
fn texts(dataset: &Dataset, place: &str) -> Result<Vec<String>> {
    match dataset.dtype() {
        Datatype::String { .. } | Datatype::VarLen { .. } => dataset.read_strings().map_err(damaged),
        _ => Ok(numbers(dataset, place)?.iter().map(f64::to_string).collect()),
    }
}

/// All numbers of an array, in row-major order.
fn numbers(dataset: &Dataset, place: &str) -> Result<Vec<f64>> {
    macro_rules! read {
        ($t:ty) => {
            dataset.read_array::<$t>().map_err(damaged)?.into_iter().map(|x| x as f64).collect()
        };
    }
    Ok(match *dataset.dtype() {
        Datatype::FloatingPoint { size: 8, .. } => read!(f64),
        Datatype::FloatingPoint { size: 4, .. } => read!(f32),
        Datatype::FixedPoint { size: 1, signed: true, .. } => read!(i8),
        Datatype::FixedPoint { size: 2, signed: true, .. } => read!(i16),
        Datatype::FixedPoint { size: 4, signed: true, .. } => read!(i32),
        Datatype::FixedPoint { size: 8, signed: true, .. } => read!(i64),
        Datatype::FixedPoint { size: 1, .. } => read!(u8),
        Datatype::FixedPoint { size: 2, .. } => read!(u16),
        Datatype::FixedPoint { size: 4, .. } => read!(u32),
        Datatype::FixedPoint { size: 8, .. } => read!(u64),
        _ => bail!("{place} has another type than integers, float32 and float64: convert it first"),
    })
}

/// The rows and where they are.
fn rows(root: &Group, rep: Option<&str>) -> Result<(String, Array2<f64>)> {
    let (name, found) = match rep {
        Some("X") => ("X".to_owned(), member(root, "X")?),
        _ => {
            let wanted = rep.unwrap_or(USUAL);
            let obsm = group(root, "obsm")?;
            let found = member(&obsm, wanted)?;
            if found.is_none() {
                bail!("obsm has no {}: name X or one of {} with --rep", shown(wanted), listed(&obsm)?);
            }
            (format!("obsm[{}]", shown(wanted)), found)
        }
    };
    let x = match found {
        Some(Member::Dataset(dataset)) => dense(&dataset, &name)?,
        Some(Member::Group(group)) => sparse(&group, &name)?,
        None => bail!("has no {name}: name another with --rep"),
    };
    if x.is_empty() {
        bail!("{name} has {} rows and {} columns, give at least one of each", x.nrows(), x.ncols());
    }
    Ok((name, x))
}

fn dense(dataset: &Dataset, name: &str) -> Result<Array2<f64>> {
    let &[rows, columns] = dataset.shape() else {
        bail!("{name} has {} axes, expected [rows, columns]", dataset.ndim());
    };
    let shape = extents(rows, columns, name)?;
    Array2::from_shape_vec(shape, numbers(dataset, name)?)
        .map_err(|_| anyhow!("{name} is not as large as it says"))
}

/// Extents of an array that may be held in memory.
fn extents(rows: u64, columns: u64, name: &str) -> Result<(usize, usize)> {
    let bytes = rows.checked_mul(columns).and_then(|count| count.checked_mul(8));
    if bytes.is_none_or(|bytes| bytes > MEMORY as u64) {
        bail!(
            "{name} is {rows} × {columns}, more than {} GiB of memory: reduce it, such as to X_pca",
            MEMORY >> 30
        );
    }
    Ok((rows as usize, columns as usize))
}

/// A compressed matrix, row by row (CSR) or column by column (CSC).
fn sparse(group: &Group, name: &str) -> Result<Array2<f64>> {
    let encoding = group.attribute("encoding-type").and_then(|text| text.read_string()).map_err(damaged)?;
    let by_rows = match encoding.as_str() {
        "csr_matrix" => true,
        "csc_matrix" => false,
        other => bail!("{name} is stored as {}, expected an array or a sparse matrix", shown(other)),
    };
    let shape = group.attribute("shape").and_then(|shape| shape.read_1d::<i64>()).map_err(damaged)?;
    let &[rows, columns] = shape.as_slice() else {
        bail!("{name} has a shape of {} extents, expected 2", shape.len());
    };
    let (rows, columns) = extents(rows.max(0) as u64, columns.max(0) as u64, name)?;
    let part = |key: &str| numbers(&dataset(group, key, name)?, name);
    let (data, indices, starts) = (part("data")?, part("indices")?, part("indptr")?);
    let (major, minor) = if by_rows { (rows, columns) } else { (columns, rows) };
    let broken =
        || anyhow!("{name} is a sparse matrix whose parts do not fit together: save it again with anndata");
    let ordered = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    let whole = starts.len() == major + 1 && starts[0] == 0.0 && starts[major] == data.len() as f64;
    if !ordered || !whole || indices.len() != data.len() {
        return Err(broken());
    }
    if indices.iter().any(|&index| !(index >= 0.0 && index < minor as f64)) {
        return Err(broken());
    }
    let mut x = Array2::zeros((rows, columns));
    for i in 0..major {
        for at in starts[i] as usize..starts[i + 1] as usize {
            let j = indices[at] as usize;
            x[if by_rows { [i, j] } else { [j, i] }] += data[at];
        }
    }
    Ok(x)
}
