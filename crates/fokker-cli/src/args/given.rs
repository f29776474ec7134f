//! The options of the library as arguments: made from their table of fields.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use fokker::options::{Field, Kind, Options};
use serde_json::Value;

/// The field that is a flag of every command.
const GLOBAL: &str = "seed";

/// The options that were typed.
///
/// A field `two_words` is typed as `--two-words`; its aliases are hidden, but for one of a single letter. A field that is true unless
/// told otherwise is a flag `--no-…`. The seed is that of every command: see [`super::Global`].
#[derive(Debug, Clone)]
pub struct Given<T>(pub T);

impl<T: Options + Send + Sync + 'static> Args for Given<T> {
    fn augment_args(command: Command) -> Command {
        let defaults = T::default();
        let own = T::fields().into_iter().filter(|field| field.name != GLOBAL);
        own.fold(command, |command, field| {
            let default = defaults.get(field.name).unwrap_or(Value::Null);
            // A word that the command uses for something else stays that.
            let taken = |alias: &str| command.get_arguments().any(|known| known.get_long() == Some(alias));
            let own = argument(&field, &default, taken);
            let command = command.arg(own);
            // An alias that changes its value is an argument of its own.
            let prefixed = field.aliases.iter().filter(|(_, prefix)| !prefix.is_empty());
            prefixed.fold(command, |command, (alias, _)| {
                command.arg(
                    Arg::new(*alias)
                        .long(dashed(alias))
                        .hide(true)
                        .allow_negative_numbers(true)
                        .conflicts_with(field.name),
                )
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Options> FromArgMatches for Given<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Given(T::default());
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.update_but(matches, None)
    }
}

impl<T: Options> Given<T> {
    /// Sets what was typed, but for an option whose words the command reads itself.
    pub fn update_but(&mut self, matches: &ArgMatches, but: Option<&str>) -> Result<(), clap::Error> {
        let typed = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        for field in T::fields().into_iter().filter(|field| field.name != GLOBAL && Some(field.name) != but) {
            let prefixed =
                field.aliases.iter().filter(|(_, prefix)| !prefix.is_empty()).map(|(alias, _)| *alias);
            for name in std::iter::once(field.name).chain(prefixed).filter(|name| typed(name)) {
                let set = match field.kind.is_flag() {
                    true => self.0.set(name, &Value::Bool(!starts_true(&field, &T::default()))),
                    false => {
                        let words: Vec<&str> = matches
                            .get_many::<String>(name)
                            .into_iter()
                            .flatten()
                            .map(String::as_str)
                            .collect();
                        self.0.set_words(name, &words.join(","))
                    }
                };
                set.map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error))?;
            }
        }
        Ok(())
    }
}

fn starts_true<T: Options>(field: &Field, defaults: &T) -> bool {
    defaults.get(field.name) == Some(Value::Bool(true))
}

fn argument(field: &Field, default: &Value, taken: impl Fn(&str) -> bool) -> Arg {
    let help = field.help.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
    let argument = Arg::new(field.name).help(help.trim().to_owned());
    let names = field.aliases.iter().filter(|(_, prefix)| prefix.is_empty()).map(|(alias, _)| *alias);
    let (letters, aliases): (Vec<&str>, Vec<&str>) = names.partition(|alias| alias.len() == 1);
    let aliases: Vec<String> = aliases.into_iter().map(dashed).filter(|alias| !taken(alias)).collect();
    if field.kind.is_flag() {
        let argument = argument.action(ArgAction::SetTrue);
        return match default {
            Value::Bool(true) => argument.long(format!("no-{}", dashed(field.name))),
            _ => argument.long(dashed(field.name)).aliases(aliases),
        };
    }
    let argument = argument
        .long(dashed(field.name))
        .aliases(aliases)
        .value_name(value_name(field.kind))
        .allow_negative_numbers(true)
        .short(letters.first().and_then(|letter| letter.chars().next()))
        .action(if field.kind.is_list() { ArgAction::Append } else { ArgAction::Set });
    match words(default) {
        Some(words) => argument.default_value(words),
        None => argument,
    }
}

fn dashed(name: &str) -> String {
    name.replace('_', "-")
}

/// What stands for a value in the help.
fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag | Kind::Text => "NAME",
        Kind::Whole => "N",
        Kind::Number => "X",
        Kind::List(_) | Kind::Pairs => "LIST",
        Kind::Maybe(kind) => value_name(*kind),
    }
}

/// A value as it is typed; none for one that is absent.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => items.iter().map(words).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
        value => Some(value.to_string()),
    }
}

/// What the library says of arguments that it refuses; none where they are no options of its own.
pub fn sentence(error: &clap::Error) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        // Raised by an option's own words.
        (ErrorKind::ValueValidation, None) => {
            let text = error.to_string();
            // Its usage follows, which does not help here.
            text.strip_prefix("error: ")?.split("\n\n").next().map(|text| text.trim_end().to_owned())
        }
        (ErrorKind::UnknownArgument, Some(ContextValue::String(typed))) => {
            let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
            let known = fokker::commands().into_iter();
            let mut asked = known.filter(|known| words.join(" ").starts_with(known.command));
            let name = typed.strip_prefix("--")?.split('=').next()?.replace('-', "_");
            let map = serde_json::Map::from_iter([(name, Value::Null)]);
            Some((asked.next()?.check)(&map).err()?.to_string())
        }
        _ => None,
    }
}
