//! Options of the commands: plain data, declared once.
//!
//! `options!` makes from one declaration the structure with its defaults, what serde reads and
//! writes, and the table of [`Field`]s that the command line makes its arguments of and Python its
//! keyword arguments. All of them set a field by [`Options::set`], so that an unknown name, a value
//! of another type or a word that is not known gets the same sentence wherever it was given.

mod names;
mod receipt;
mod value;

pub use names::{Absent, Named, Names};
pub(crate) use names::{named, word};
pub(crate) use receipt::Digester;
pub use receipt::{Digest, Receipt};
pub use value::{Kind, OptionValue};
pub(crate) use value::{as_words, auto_option, text_of, text_option, value_of, wrong_kind};

use crate::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// One option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Its name; on the command line with dashes.
    pub name: &'static str,
    /// What it does, from the documentation of the field.
    pub help: &'static str,
    /// What values it has.
    pub kind: Kind,
    /// Other names that are understood: the name, and what is put before its value.
    pub aliases: &'static [(&'static str, &'static str)],
}

impl Field {
    /// Whether it is called this; `_` equals `-`.
    fn is_called(&self, name: &str) -> Option<&'static str> {
        let same = |known: &str| known.len() == name.len() && known == name.replace('-', "_");
        match same(self.name) {
            true => Some(""),
            false => self.aliases.iter().find(|(alias, _)| same(alias)).map(|(_, prefix)| *prefix),
        }
    }
}

/// Options of a command.
pub trait Options: Default + Clone + Sized {
    /// What they are of, such as "population fit".
    const COMMAND: &'static str;

    /// All fields, in the order of the declaration.
    fn fields() -> Vec<Field>;

    /// The value of a field; none for a name that no field has.
    fn get(&self, name: &str) -> Option<Value>;

    /// Sets the field of this very name; says whether there is one.
    ///
    /// # Errors
    /// [`Error::Kind`] for a value of another type, or what its words say.
    fn replace(&mut self, name: &'static str, value: &Value) -> Result<bool>;

    /// Sets a field by its name or an alias.
    ///
    /// # Errors
    /// [`Error::UnknownOption`], and as [`Options::replace`].
    fn set(&mut self, name: &str, value: &Value) -> Result<()> {
        let fields = Self::fields();
        let found = fields.iter().find_map(|field| field.is_called(name).map(|prefix| (field.name, prefix)));
        let Some((own, prefix)) = found else {
            let known = fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
            return Err(Error::UnknownOption { command: Self::COMMAND, found: name.to_owned(), known });
        };
        match (prefix, value) {
            ("", value) => self.replace(own, value)?,
            (_, Value::Null) => true,
            (_, Value::String(text)) => self.replace(own, &Value::String(format!("{prefix}{text}")))?,
            (_, value) => self.replace(own, &Value::String(format!("{prefix}{value}")))?,
        };
        Ok(())
    }

    /// All fields with their values.
    fn to_map(&self) -> Map<String, Value> {
        let entry = |field: Field| (field.name.to_owned(), self.get(field.name).unwrap_or(Value::Null));
        Self::fields().into_iter().map(entry).collect()
    }

    /// The defaults, changed by the fields of a map.
    ///
    /// # Errors
    /// As [`Options::set`].
    fn from_map(map: &Map<String, Value>) -> Result<Self> {
        let mut options = Self::default();
        map.iter().try_for_each(|(name, value)| options.set(name, value))?;
        Ok(options)
    }

    /// Sets a field by words of the command line: see [`Kind::of_words`].
    ///
    /// # Errors
    /// As [`Options::set`].
    fn set_words(&mut self, name: &str, words: &str) -> Result<()> {
        let fields = Self::fields();
        let kind = fields.iter().find(|field| field.is_called(name).is_some()).map(|field| field.kind);
        self.set(name, &kind.unwrap_or(Kind::Text).of_words(words))
    }
}

/// Declares the options of a command: see the module.
///
/// The documentation of a field is its help everywhere. `#[alias("old" => "")]` names other words for
/// it, and what is put before their value; `..inner: Other` at the end takes all fields of other
/// options in.
macro_rules! options {
    (
        $(#[doc = $about:literal])*
        $command:literal => pub struct $Name:ident {
            $(
                $(#[doc = $help:literal])*
                $(#[alias($($alias:literal => $prefix:literal),+)])?
                pub $field:ident: $Type:ty = $default:expr,
            )*
            $(..$inner:ident: $Inner:ident,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Name {
            $($(#[doc = $help])* pub $field: $Type,)*
            $(
                #[doc = concat!("Those of [`", stringify!($Inner), "`].")]
                pub $inner: $Inner,
            )?
        }

        impl Default for $Name {
            fn default() -> Self {
                $Name { $($field: $default,)* $($inner: <$Inner>::default(),)? }
            }
        }

        impl $crate::options::Options for $Name {
            const COMMAND: &'static str = $command;

            fn fields() -> Vec<$crate::options::Field> {
                #[allow(unused_mut)]
                let mut fields = vec![$($crate::options::Field {
                    name: stringify!($field),
                    help: concat!($($help, "\n"),*),
                    kind: <$Type as $crate::options::OptionValue>::KIND,
                    aliases: &[$($(($alias, $prefix)),+)?],
                }),*];
                $(fields.extend(<$Inner as $crate::options::Options>::fields());)?
                fields
            }

            fn get(&self, name: &str) -> Option<serde_json::Value> {
                match name {
                    $(stringify!($field) => Some($crate::options::OptionValue::write(&self.$field)),)*
                    _ => $crate::options::options!(@inner $(self.$inner.get(name))?),
                }
            }

            fn replace(&mut self, name: &'static str, value: &serde_json::Value) -> $crate::Result<bool> {
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::options::OptionValue::read(name, value)?;
                        Ok(true)
                    })*
                    _ => $crate::options::options!(@replace $(self.$inner.replace(name, value))?),
                }
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::options::Options::to_map(self), serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let map = <serde_json::Map<String, serde_json::Value> as serde::Deserialize>::deserialize(deserializer)?;
                <$Name as $crate::options::Options>::from_map(&map).map_err(serde::de::Error::custom)
            }
        }
    };
    (@inner) => { None };
    (@inner $value:expr) => { $value };
    (@replace) => { Ok(false) };
    (@replace $value:expr) => { $value };
}
pub(crate) use options;

/// A command and its options, for faces that list them.
#[derive(Debug, Clone, Serialize)]
pub struct Described {
    /// The command, such as "population fit".
    pub command: &'static str,
    /// Reads options of it, as every face does.
    #[serde(skip)]
    pub check: fn(&Map<String, Value>) -> Result<()>,
    /// Its options.
    pub fields: Vec<DescribedField>,
}

/// An option with its default.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DescribedField {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: String,
    /// Its type, as Python writes it.
    pub python: String,
    /// Its value unless told otherwise.
    pub default: Value,
    /// Other names, and what is put before its value for each.
    pub aliases: &'static [(&'static str, &'static str)],
    /// What is said of the value "?", which no option has; none where one has it.
    pub refusal: Option<String>,
}

impl Described {
    pub(crate) fn of<O: Options>() -> Self {
        let defaults = O::default();
        let field = |field: Field| DescribedField {
            name: field.name,
            help: field.help.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned(),
            python: field.kind.python(),
            default: defaults.get(field.name).unwrap_or(Value::Null),
            aliases: field.aliases,
            refusal: O::default().set(field.name, &"?".into()).err().map(|error| error.to_string()),
        };
        let check = |map: &Map<String, Value>| O::from_map(map).map(|_| ());
        Described { command: O::COMMAND, check, fields: O::fields().into_iter().map(field).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::{FitOptions, Ridge, TimeBasis, ValidateOptions};
    use serde_json::json;

    fn refused<O: Options>(name: &str, value: Value) -> String {
        O::default().set(name, &value).unwrap_err().to_string()
    }

    #[test]
    fn options_are_written_and_read_again() {
        let mut options = ValidateOptions::default();
        for (name, words) in [
            ("hold-out", "time"),
            ("p", "2"),
            ("ridge_absolute", "0.3"),
            ("time_varying", "poly:2"),
            ("internal", "gmm:4"),
            ("raw-features", "true"),
            ("random_state", "7"),
        ] {
            options.set_words(name, words).unwrap();
        }
        assert_eq!((options.fit.ridge, options.fit.seed), (Ridge::Absolute(0.3), 7));
        assert_eq!(options.fit.time_varying, Some(TimeBasis::Polynomial(2)));
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<ValidateOptions>(&text).unwrap(), options);
        let fields = ValidateOptions::fields();
        assert_eq!(fields.len(), 3 + FitOptions::fields().len());
        assert_eq!(ValidateOptions::default().to_map().len(), fields.len());
    }

    #[test]
    fn what_is_refused_says_what_is_wanted() {
        assert_eq!(
            refused::<ValidateOptions>("seeds", json!("x")),
            "seeds must be a whole number from 0, found \"x\""
        );
        assert_eq!(
            refused::<ValidateOptions>("seeds", json!(-1)),
            "seeds must be a whole number from 0, found -1"
        );
        assert_eq!(
            refused::<FitOptions>("raw_features", json!(1)),
            "raw_features must be true or false, found 1"
        );
        let unknown = refused::<FitOptions>("rigde", json!(1));
        assert!(
            unknown.starts_with("population fit has no option \"rigde\" (did you mean ridge?)"),
            "{unknown}"
        );
        let word = refused::<FitOptions>("scheme", json!("midpont"));
        assert!(word.contains("(did you mean midpoint?); known: explicit"), "{word}");
        assert!(
            serde_json::from_str::<FitOptions>("{\"rigde\": 1}").unwrap_err().to_string().contains(&unknown)
        );
    }
}
