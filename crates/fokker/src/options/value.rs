//! What values options have, and the sentence for one of another type.

use crate::{Error, Result, shortest};
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};
use std::fmt::Display;

/// What values an option has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Flag,
    /// A whole number from 0.
    Whole,
    /// A number.
    Number,
    /// A word of its own grammar; a number stands for its digits.
    Text,
    /// Several of a kind, or one of them.
    List(&'static Kind),
    /// One of a kind, or nothing.
    Maybe(&'static Kind),
    /// Pairs of columns by a word or as a list, or several of them.
    Pairs,
}

impl Kind {
    /// In words, as in "degree must be a whole number".
    pub fn words(self) -> String {
        match self {
            Kind::Flag => "true or false".to_owned(),
            Kind::Whole => "a whole number from 0".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Text => "text".to_owned(),
            Kind::List(kind) => format!("{}, or a list of such", kind.words()),
            Kind::Maybe(kind) => format!("{} or none", kind.words()),
            Kind::Pairs => {
                "none, chain, lattice:ROWSxCOLUMNS, all, auto, a list of pairs of columns counted from 0, \
                 or a list of such"
                    .to_owned()
            }
        }
    }

    /// The value that words of the command line stand for: a number where one is wanted, items between
    /// commas where a list is; what is none stays text, for the sentence that refuses it.
    pub fn of_words(self, words: &str) -> Value {
        let text = || Value::String(words.to_owned());
        match self {
            Kind::Text => text(),
            Kind::Flag => words.parse().map_or_else(|_| text(), Value::Bool),
            Kind::Whole => words.parse::<u64>().map_or_else(|_| text(), Value::from),
            Kind::Number => words.parse().ok().and_then(Number::from_f64).map_or_else(text, Value::Number),
            Kind::List(kind) => words.split(',').map(|item| kind.of_words(item)).collect(),
            Kind::Pairs => words.split(',').map(Value::from).collect(),
            Kind::Maybe(_) if words == "none" => Value::Null,
            Kind::Maybe(kind) => kind.of_words(words),
        }
    }

    /// The type as Python writes it.
    pub fn python(self) -> String {
        match self {
            Kind::Flag => "bool".to_owned(),
            Kind::Whole => "int".to_owned(),
            Kind::Number => "float".to_owned(),
            Kind::Text => "str | float".to_owned(),
            Kind::List(kind) => format!("{0} | Sequence[{0}]", kind.python()),
            Kind::Maybe(kind) => format!("{} | None", kind.python()),
            Kind::Pairs => {
                "str | Sequence[tuple[int, int]] | Sequence[str | Sequence[tuple[int, int]]]".to_owned()
            }
        }
    }

    /// Whether it may be several.
    pub fn is_list(self) -> bool {
        matches!(self, Kind::List(_) | Kind::Maybe(Kind::List(_)) | Kind::Pairs)
    }

    /// Whether the command line takes it without a value.
    pub fn is_flag(self) -> bool {
        matches!(self, Kind::Flag | Kind::Maybe(Kind::Flag))
    }
}

/// A type that options may have.
pub trait OptionValue: Sized {
    /// What values it has.
    const KIND: Kind;

    /// The value of the named option.
    ///
    /// # Errors
    /// [`Error::Kind`] for a value of another type, or what its own words say.
    fn read(name: &'static str, value: &Value) -> Result<Self>;

    /// As it is read.
    fn write(&self) -> Value;
}

/// The value is of another type.
pub(crate) fn wrong_kind(name: &'static str, kind: Kind, value: &Value) -> Error {
    let found = match value {
        Value::Null => "none".to_owned(),
        Value::Array(_) | Value::Object(_) if value.to_string().len() > 60 => "a list".to_owned(),
        value => value.to_string(),
    };
    let in_digits = match value {
        Value::String(text) if kind == Kind::Whole => text.parse().ok(),
        _ => None,
    };
    let expected = match in_digits.filter(|x: &f64| (0.0..1e15).contains(x) && x.fract() == 0.0) {
        Some(number) => format!("{}, in digits: {number}", kind.words()),
        None => kind.words(),
    };
    Error::Kind { name, expected, found }
}

impl OptionValue for bool {
    const KIND: Kind = Kind::Flag;

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        value.as_bool().ok_or_else(|| wrong_kind(name, Self::KIND, value))
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl OptionValue for u64 {
    const KIND: Kind = Kind::Whole;

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        value.as_u64().ok_or_else(|| wrong_kind(name, Self::KIND, value))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl OptionValue for usize {
    const KIND: Kind = Kind::Whole;

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        u64::read(name, value)?.try_into().map_err(|_| wrong_kind(name, Self::KIND, value))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl OptionValue for f64 {
    const KIND: Kind = Kind::Number;

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        value.as_f64().ok_or_else(|| wrong_kind(name, Self::KIND, value))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl<T: OptionValue> OptionValue for Option<T> {
    const KIND: Kind = Kind::Maybe(&T::KIND);

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        if value.is_null() { Ok(None) } else { T::read(name, value).map(Some) }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
}

/// One alone is written as itself.
impl<T: OptionValue> OptionValue for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn read(name: &'static str, value: &Value) -> Result<Self> {
        match value {
            Value::Array(items) => items.iter().map(|item| T::read(name, item)).collect(),
            one => Ok(vec![T::read(name, one)?]),
        }
    }

    fn write(&self) -> Value {
        match self.as_slice() {
            [one] => one.write(),
            items => items.iter().map(T::write).collect(),
        }
    }
}

/// The text that a word or a number stands for.
pub(crate) fn text_of(name: &'static str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.as_f64().map_or_else(|| number.to_string(), shortest)),
        _ => Err(wrong_kind(name, Kind::Text, value)),
    }
}

/// A number where the text is one.
pub(crate) fn value_of(text: String) -> Value {
    match Kind::Whole.of_words(&text) {
        Value::String(_) => Kind::Number.of_words(&text),
        whole => whole,
    }
}

/// Writes what has words of its own as an option is written.
pub(crate) fn as_words<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    value_of(value.to_string()).serialize(serializer)
}

/// Types that are read by `FromStr` and written by `Display`.
macro_rules! text_option {
    ($($Type:ty),+) => {$(
        impl $crate::options::OptionValue for $Type {
            const KIND: $crate::options::Kind = $crate::options::Kind::Text;

            fn read(name: &'static str, value: &serde_json::Value) -> $crate::Result<Self> {
                $crate::options::text_of(name, value)?.parse()
            }

            fn write(&self) -> serde_json::Value {
                $crate::options::value_of(self.to_string())
            }
        }
    )+};
}
pub(crate) use text_option;

/// Types that are read by `FromStr` and written by `Display`, or left to the library as `auto`.
macro_rules! auto_option {
    ($($Type:ty),+) => {$(
        impl $crate::options::OptionValue for Option<$Type> {
            const KIND: $crate::options::Kind = $crate::options::Kind::Text;

            fn read(name: &'static str, value: &serde_json::Value) -> $crate::Result<Self> {
                match $crate::options::text_of(name, value)?.as_str() {
                    "auto" => Ok(None),
                    text => text.parse().map(Some),
                }
            }

            fn write(&self) -> serde_json::Value {
                serde_json::Value::String(self.as_ref().map_or_else(|| "auto".to_owned(), ToString::to_string))
            }
        }
    )+};
}
pub(crate) use auto_option;
