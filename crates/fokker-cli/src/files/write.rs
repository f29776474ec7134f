//! Writing results: rows and lists of numbers, archives of arrays, tables and bytes.

use super::output::{Format, Output};
use anyhow::Result;
use fokker::shortest;
use ndarray::{ArrayView2, Axis};
use std::io::{self, BufWriter, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// One array of an .npz.
pub enum Values<'a> {
    /// `[len]`, written as int64.
    Indices(&'a [usize]),
    /// `[len]`, written as float64.
    Numbers(&'a [f64]),
    /// `[n, d]`, written as float64.
    Rows(ArrayView2<'a, f64>),
}

/// Writes rows `[n, d]`, or a list `[n]`, in the format of the output: as an array, alone or by its
/// name, or as columns, x0, x1, … for rows.
pub fn write_values(output: &Output, name: &str, values: &Values) -> Result<()> {
    match (output.format(), values) {
        (Format::Npz, _) => write_npz(output, &[(name, values)]),
        (Format::Csv, Values::Rows(x)) => {
            write_csv(output, &columns(x.ncols()), x.nrows(), &|i| x.index_axis(Axis(0), i).to_vec())
        }
        (Format::Csv, Values::Numbers(x)) => write_csv(output, &[name.to_owned()], x.len(), &|i| vec![x[i]]),
        (Format::Csv, Values::Indices(x)) => {
            write_csv(output, &[name.to_owned()], x.len(), &|i| vec![x[i] as f64])
        }
        _ => output.write(|file| {
            file.write_all(&values.header())?;
            values.write(file)
        }),
    }
}

/// Writes a compressed .npz.
pub fn write_npz(output: &Output, arrays: &[(&str, &Values)]) -> Result<()> {
    output.write(|file| archive(file, arrays))
}

/// Writes bytes.
pub fn write_bytes(output: &Output, bytes: &[u8]) -> Result<()> {
    output.write(|file| file.write_all(bytes))
}

/// Writes named columns as text, every number with the fewest digits that give it back.
pub fn write_csv(
    output: &Output,
    names: &[String],
    rows: usize,
    row: &dyn Fn(usize) -> Vec<f64>,
) -> Result<()> {
    output.write(|file| {
        writeln!(file, "{}", names.join(","))?;
        for i in 0..rows {
            let fields: Vec<String> = row(i).into_iter().map(shortest).collect();
            writeln!(file, "{}", fields.join(","))?;
        }
        Ok(())
    })
}

/// Names of the columns of rows.
pub fn columns(count: usize) -> Vec<String> {
    (0..count).map(|j| format!("x{j}")).collect()
}

/// In one pass, as pipes need it.
fn archive(file: &mut dyn Write, arrays: &[(&str, &Values)]) -> io::Result<()> {
    let mut file = Quiet { file, failed: None };
    let mut zip = ZipWriter::new_stream(&mut file);
    for (key, values) in arrays {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(values.len() as u64 * 8 >= u64::from(u32::MAX) / 2);
        zip.start_file(format!("{key}.npy"), options)?;
        let mut entry = BufWriter::new(&mut zip);
        entry.write_all(&values.header())?;
        values.write(&mut entry)?;
        entry.flush()?;
    }
    zip.finish()?;
    file.failed.map_or(Ok(()), Err)
}

/// Keeps the first error and takes what follows in silence: an archive that meets one tells it to
/// stderr by itself.
struct Quiet<'a> {
    file: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl Write for Quiet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.failed = self.file.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed.is_none() {
            self.failed = self.file.flush().err();
        }
        Ok(())
    }
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::Indices(indices) => indices.len(),
            Values::Numbers(numbers) => numbers.len(),
            Values::Rows(rows) => rows.len(),
        }
    }

    /// Magic, version 1.0, length and dictionary, padded so that the numbers start at a multiple
    /// of 64.
    fn header(&self) -> Vec<u8> {
        let (descr, shape) = match self {
            Values::Indices(indices) => ("<i8", format!("({},)", indices.len())),
            Values::Numbers(numbers) => ("<f8", format!("({},)", numbers.len())),
            Values::Rows(rows) => ("<f8", format!("({}, {})", rows.nrows(), rows.ncols())),
        };
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + text.len() + 1) % 64 != 0 {
            text.push(' ');
        }
        text.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Values::Indices(indices) => {
                indices.iter().try_for_each(|&i| out.write_all(&(i as i64).to_le_bytes()))
            }
            Values::Numbers(numbers) => numbers.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
            Values::Rows(rows) => rows.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        }
    }
}
