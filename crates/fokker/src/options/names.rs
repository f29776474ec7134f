//! Names of what can be chosen: a table for each kind of thing, of which parsing, help, errors and
//! the tables of the documents are made.
//!
//! Case does not matter, `_` and blanks are `-`. Names of other programs mean what their code does; one
//! whose method is not here says so.

use crate::{Error, Result};

/// One thing that has a name.
pub struct Named<T: 'static> {
    /// Its name here.
    pub name: &'static str,
    /// What other programs call it.
    pub aliases: &'static [&'static str],
    /// What may follow the name, such as `[:S]`.
    pub grammar: &'static str,
    /// What it is, in a line.
    pub help: &'static str,
    /// Makes it of the values after the name; none for a number of values that it does not take.
    pub make: fn(&[f64]) -> Option<Result<T>>,
}

/// Names of other programs for something that is not here.
pub struct Absent {
    /// The names.
    pub names: &'static [&'static str],
    /// What it is.
    pub about: &'static str,
    /// What of here comes nearest.
    pub nearest: &'static str,
}

/// All names of a kind of thing.
pub struct Names<T: 'static> {
    /// The kind, such as "the scheme".
    pub what: &'static str,
    /// What there is, in the order of reports.
    pub rows: &'static [Named<T>],
    /// What is known and not there.
    pub absent: &'static [Absent],
    /// Forms that whoever reads files understands beside, such as `betas:FILE`.
    pub beside: &'static [&'static str],
}

/// The spelling that names are compared in.
fn spelled(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', ' '], "-")
}

/// Without what programs put around a name: `sample_heun`, `DDIMScheduler`.
fn bare(name: &str) -> &str {
    let name = name.strip_prefix("sample-").unwrap_or(name);
    name.strip_suffix("scheduler").unwrap_or(name)
}

impl<T> Named<T> {
    fn is_called(&self, name: &str) -> bool {
        std::iter::once(&self.name).chain(self.aliases).any(|known| spelled(known) == name)
    }
}

impl<T> Names<T> {
    /// The thing of a text `name:value:…`.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown name or another number of values, [`Error::Absent`],
    /// [`Error::Parse`] for a value that is no number, and what the thing itself refuses.
    pub fn make(&self, text: &str) -> Result<T> {
        let (row, values) = self.row(text)?;
        let read = |part: &str| {
            let reason = || format!("in {}, {} is no number", short(text), short(part));
            part.parse().map_err(|_| Error::Parse { what: self.what, reason: reason() })
        };
        let values = values
            .map_or_else(|| Ok(Vec::new()), |values| values.split(':').map(read).collect::<Result<_>>())?;
        (row.make)(&values).unwrap_or_else(|| Err(self.unknown(text)))
    }

    /// A text with the name that the thing has here: `euler_a` is `ancestral`.
    ///
    /// # Errors
    /// As [`Names::make`].
    pub fn canonical(&self, text: &str) -> Result<String> {
        self.make(text)?;
        let (row, values) = self.row(text)?;
        Ok(values.map_or_else(|| row.name.to_owned(), |values| format!("{}:{values}", row.name)))
    }

    /// The row of a text, and its values.
    fn row<'t>(&self, text: &'t str) -> Result<(&'static Named<T>, Option<&'t str>)> {
        let (name, values) = text.split_once(':').map_or((text, None), |(name, values)| (name, Some(values)));
        let whole = spelled(name);
        for name in [whole.as_str(), bare(&whole)] {
            if let Some(row) = self.rows.iter().find(|row| row.is_called(name)) {
                return Ok((row, values));
            }
            let absent = |absent: &&Absent| absent.names.iter().any(|known| spelled(known) == name);
            if let Some(Absent { about, nearest, .. }) = self.absent.iter().find(absent) {
                return Err(Error::Absent { what: self.what, found: short(text), about, nearest });
            }
        }
        Err(self.unknown(text))
    }

    fn unknown(&self, text: &str) -> Error {
        let what = self.what.strip_prefix("the ").unwrap_or(self.what);
        Error::Name { what, found: text.to_owned(), known: self.known() }
    }

    /// All names with what may follow them, between commas.
    pub fn known(&self) -> String {
        let own = self.rows.iter().map(|row| format!("{}{}", row.name, row.grammar));
        own.chain(self.beside.iter().map(|form| (*form).to_owned())).collect::<Vec<_>>().join(", ")
    }

    /// A line for each, indented by two, for help.
    pub fn help(&self) -> String {
        let name = |row: &Named<T>| format!("{}{}", row.name, row.grammar);
        let width = self.rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0);
        self.rows.iter().map(|row| format!("  {:width$}  {}\n", name(row), row.help)).collect()
    }

    /// A table in Markdown, for documents: names, those of other programs, what they are.
    pub fn markdown(&self) -> String {
        let code =
            |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut text = "| name | elsewhere | |\n|---|---|---|\n".to_owned();
        for row in self.rows {
            text += &format!("| `{}{}` | {} | {} |\n", row.name, row.grammar, code(row.aliases), row.help);
        }
        for Absent { names, about, nearest } in self.absent {
            text += &format!("| not yet; near: `{nearest}` | {} | {about} |\n", code(names));
        }
        text
    }
}

impl<T: PartialEq> Names<T> {
    /// The name of a thing that takes no values.
    pub fn name_of(&self, thing: &T) -> &'static str {
        let same = |row: &&Named<T>| matches!((row.make)(&[]), Some(Ok(made)) if made == *thing);
        self.rows.iter().find(same).map_or("", |row| row.name)
    }
}

/// A text as errors show it.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Words of a table without values: read by `FromStr`, written by `Display` and serde, options too, with
/// `or auto` such that may be left to the library.
macro_rules! named {
    ($Type:ty, $TABLE:ident) => {
        $crate::options::named!(@words $Type, $TABLE);
        $crate::options::text_option!($Type);
    };
    ($Type:ty, $TABLE:ident or auto) => {
        $crate::options::named!(@words $Type, $TABLE);
        $crate::options::auto_option!($Type);
    };
    (@words $Type:ty, $TABLE:ident) => {
        impl std::str::FromStr for $Type {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                $TABLE.make(text)
            }
        }

        impl std::fmt::Display for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str($TABLE.name_of(self))
            }
        }

        impl serde::Serialize for $Type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
pub(crate) use named;

/// A row of a table without values.
macro_rules! word {
    ($name:literal, [$($alias:literal),*], $help:literal, $thing:expr) => {
        $crate::options::Named {
            name: $name,
            aliases: &[$($alias),*],
            grammar: "",
            help: $help,
            make: |values| match values {
                [] => Some(Ok($thing)),
                _ => None,
            },
        }
    };
}
pub(crate) use word;
