//! `fokker show`: how a saved result was made.

use super::clouds::lines;
use super::with;
use crate::args::{Global, ShowArguments};
use crate::files::{named, read_bytes};
use crate::report::wrapped;
use anyhow::Result;
use fokker::inspect;
use serde_json::{Value, json};

/// Runs the command.
pub fn run(arguments: &ShowArguments, global: &Global) -> Result<String> {
    let bytes = read_bytes(&arguments.file)?;
    let found = inspect(&bytes).map_err(|error| named(error.into(), &arguments.file))?;
    if global.json {
        return with(&found, json!({}));
    }
    let mut text = vec![("holds", format!("{} (layout {})", found.kind, found.layout))];
    match &found.receipt {
        None => text
            .push(("receipt", "none: it was saved by an earlier version, or merged from parts".to_owned())),
        Some(receipt) => {
            let data = &receipt.data;
            text.push(("made by", format!("fokker {} {}", receipt.version, receipt.command)));
            text.push(("options", listed(&Value::Object(receipt.options.clone()))));
            text.push(("chosen", listed(&receipt.chosen)));
            text.push((
                "data",
                format!("{} rows × {} columns, CRC-32 {:08x}", data.rows, data.columns, data.crc32),
            ));
        }
    }
    Ok(wrapped(lines(&text).trim_end()) + "\n")
}

/// Names and values between commas; what is absent is left out.
fn listed(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            entries.map(|(name, value)| format!("{name} {}", listed(value))).collect::<Vec<_>>().join(", ")
        }
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
