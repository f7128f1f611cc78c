//! The flags: one table, many products.
//!
//! A flag is one value in [`defs`]; the parser, the help and what the flag does to the
//! configuration are made from it.

mod defs;

use crate::commands::Command;
use crate::say::Failure;
use clap::{Arg, ArgAction, ArgMatches};
use server::Config;
use server::config::SetError;

pub(crate) use defs::{EXPLAIN, FLAGS, JSON};

/// One flag.
#[derive(Debug)]
pub(crate) struct Flag {
    /// Its name after `--`.
    pub(crate) long: &'static str,
    /// Its letter after `-`.
    pub(crate) short: Option<char>,
    /// What its value is called in the help.
    pub(crate) value: Value,
    /// One line for the help.
    pub(crate) help: &'static str,
    /// The commands that take it.
    pub(crate) commands: &'static [Command],
    /// What it does.
    pub(crate) effect: Effect,
}

/// Whether a flag takes a value.
#[derive(Debug)]
pub(crate) enum Value {
    /// It is there or not.
    None,
    /// One, called so in the help.
    One(&'static str),
    /// One each time it is there.
    Many(&'static str),
    /// One or two.
    OneOrTwo(&'static str),
}

/// What a flag does.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Changes the configuration, given its values (none if it takes none).
    Config(fn(&mut Config, &[&str]) -> Result<(), SetError>),
    /// Has the configuration printed instead of run.
    PrintConfig,
    /// Is asked for by its command.
    Asked,
}

/// The flags of a command for the parser.
pub(crate) fn args(command: Command) -> impl Iterator<Item = Arg> {
    FLAGS
        .iter()
        .filter(move |flag| flag.commands.contains(&command))
        .map(Flag::arg)
}

/// Applies the flags that were given, in the order of the table.
pub(crate) fn apply(
    command: Command,
    matches: &ArgMatches,
    config: &mut Config,
) -> Result<(), Failure> {
    for flag in FLAGS.iter().filter(|flag| flag.commands.contains(&command)) {
        if let (Effect::Config(change), Some(values)) = (&flag.effect, flag.given(matches)) {
            change(config, &values).map_err(|error| flag.failure(error))?;
        }
    }
    Ok(())
}

/// Whether a flag without value is there.
pub(crate) fn is_given(matches: &ArgMatches, long: &str) -> bool {
    values(matches, long).is_some()
}

/// The values of a flag that its command asks for, if it is there.
pub(crate) fn values<'m>(matches: &'m ArgMatches, long: &str) -> Option<Vec<&'m str>> {
    FLAGS.iter().find(|flag| flag.long == long)?.given(matches)
}

/// Whether the configuration is to be printed.
pub(crate) fn prints_config(command: Command, matches: &ArgMatches) -> bool {
    let prints = |flag: &&Flag| matches!(flag.effect, Effect::PrintConfig);
    let mut found = FLAGS
        .iter()
        .filter(|flag| flag.commands.contains(&command))
        .filter(prints);
    found.any(|flag| flag.given(matches).is_some())
}

impl Value {
    /// What it is called in the help.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::One(name) | Self::Many(name) | Self::OneOrTwo(name) => Some(name),
        }
    }
}

impl Flag {
    fn arg(&self) -> Arg {
        let arg = Arg::new(self.long)
            .long(self.long)
            .short(self.short)
            .help(self.help);
        match self.value {
            Value::None => arg.action(ArgAction::SetTrue),
            Value::One(name) => arg.value_name(name).action(ArgAction::Set),
            Value::Many(name) => arg.value_name(name).action(ArgAction::Append),
            Value::OneOrTwo(name) => arg.value_name(name).num_args(1..=2),
        }
    }

    /// The values, if the flag is there.
    fn given<'m>(&self, matches: &'m ArgMatches) -> Option<Vec<&'m str>> {
        if let Value::None = self.value {
            return matches.get_flag(self.long).then(Vec::new);
        }
        let values = matches.get_many::<String>(self.long)?;
        Some(values.map(String::as_str).collect())
    }

    fn failure(&self, error: SetError) -> Failure {
        let failure = Failure::usage(format!("--{}: {}", self.long, error.message));
        match error.suggestion {
            Some(suggestion) => failure.hint(suggestion),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_flag_is_there_twice() {
        let names: HashSet<_> = FLAGS.iter().map(|flag| flag.long).collect();
        let letters: Vec<_> = FLAGS.iter().filter_map(|flag| flag.short).collect();
        assert_eq!(names.len(), FLAGS.len());
        assert_eq!(letters.iter().collect::<HashSet<_>>().len(), letters.len());
    }

    #[test]
    fn every_flag_has_a_help_line_and_a_command() {
        for flag in FLAGS {
            assert!(
                !flag.help.is_empty() && flag.help.len() <= 100,
                "--{}",
                flag.long
            );
            assert!(!flag.help.ends_with('.'), "--{}", flag.long);
            assert!(!flag.commands.is_empty(), "--{}", flag.long);
        }
    }
}
