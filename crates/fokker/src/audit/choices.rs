//! Schemes, grids and schedules as options: texts that were checked, and what they stand for.

use crate::options::{Kind, OptionValue, text_of, text_option};
use crate::process::{Grid, SPACING_NAMES, Schedule, Spacing, parse_schedule};
use crate::sampling::{SCHEME_NAMES, SCHEMES, Scheme, parse_scheme};
use crate::{Error, Result};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A scheme by the name that it has here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeName(String);

impl FromStr for SchemeName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        SCHEME_NAMES.canonical(text).map(SchemeName)
    }
}

impl fmt::Display for SchemeName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SchemeName {
    /// The scheme.
    pub fn scheme(&self) -> Box<dyn Scheme> {
        parse_scheme(&self.0).expect("the name was checked")
    }
}

/// Schemes to compare: names, and `all` for every one that is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemes(pub Vec<SchemeName>);

impl Default for Schemes {
    fn default() -> Self {
        Schemes(vec![SchemeName("dpmpp-2m".to_owned())])
    }
}

impl OptionValue for Schemes {
    const KIND: Kind = Kind::List(&Kind::Text);

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        let items = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        let mut found: Vec<SchemeName> = Vec::new();
        for item in items {
            let text = text_of(name, item)?;
            let names = if text.eq_ignore_ascii_case("all") { SCHEMES.to_vec() } else { vec![text.as_str()] };
            for name in names {
                let scheme = name.parse()?;
                if !found.contains(&scheme) {
                    found.push(scheme);
                }
            }
        }
        if found.is_empty() { Err(Error::Empty { name }) } else { Ok(Schemes(found)) }
    }

    fn write(&self) -> Value {
        let texts = self.0.iter().map(|scheme| Value::String(scheme.to_string()));
        match self.0.as_slice() {
            [one] => Value::String(one.to_string()),
            _ => texts.collect(),
        }
    }
}

/// A grid by its name: a rule for any number of steps, or levels that whoever reads files brings.
#[derive(Debug, Clone, PartialEq)]
pub struct GridName {
    text: String,
    /// The rule, unless the levels are given.
    pub spacing: Option<Spacing>,
}

impl Default for GridName {
    fn default() -> Self {
        GridName { text: "uniform".to_owned(), spacing: Some(Spacing::Uniform) }
    }
}

impl FromStr for GridName {
    type Err = Error;

    /// A name of [`SPACING_NAMES`], `sigmas:FILE`, `t:FILE` or what looks like a file.
    fn from_str(text: &str) -> Result<Self> {
        let name = text.split(':').next().unwrap_or_default();
        if ["sigmas", "t"].contains(&name) || name.contains(['.', '/', '\\']) {
            return Ok(GridName { text: text.to_owned(), spacing: None });
        }
        let spacing = Some(text.parse()?);
        Ok(GridName { text: SPACING_NAMES.canonical(text)?, spacing })
    }
}

impl fmt::Display for GridName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How a grid is made: spread by a rule for any number of steps, or as given.
#[derive(Debug, Clone, PartialEq)]
pub enum GridSource {
    /// By a rule.
    Rule(Spacing),
    /// As given.
    Given(Grid),
}

/// A schedule by its text; one of a file is read by whoever reads files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleName(String);

impl Default for ScheduleName {
    fn default() -> Self {
        ScheduleName("linear:0.05:10".to_owned())
    }
}

impl FromStr for ScheduleName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = ScheduleName(text.to_owned());
        match name.file() {
            Some(_) => Ok(name),
            None => name.schedule().map(|_| name),
        }
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ScheduleName {
    /// The form and the file, of `betas:FILE` and `config:FILE`.
    pub fn file(&self) -> Option<(&str, &str)> {
        self.0
            .split_once(':')
            .filter(|(form, file)| *form == "betas" || (*form == "config" && !file.starts_with("preset:")))
    }

    /// The schedule.
    ///
    /// # Errors
    /// As [`parse_schedule`], with the text.
    pub fn schedule(&self) -> Result<Box<dyn Schedule>> {
        parse_schedule(&self.0).map_err(|error| match error {
            Error::Argument { .. } | Error::Entry { .. } => {
                Error::Parse { what: "the schedule", reason: format!("{self}: {error}") }
            }
            error => error,
        })
    }

    /// Whether it has a training table of its own, a level for each unit of time.
    pub fn is_discrete(&self) -> bool {
        self.0.starts_with("betas:") || self.0.starts_with("config:")
    }
}

text_option!(SchemeName, GridName, ScheduleName);
