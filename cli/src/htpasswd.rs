//! `hansom htpasswd`: files of users, written and asked.

use crate::say::{self, Failure};
use auth::htpasswd::{self, Change, Form, HtpasswdError};
use auth::{Password, UsersFileError};
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

pub(crate) const ABOUT: &str = "Write a password into a file of users";
pub(crate) const OPERAND: (&str, &str) =
    ("FILE", "The file of users; it is made if it is not there");
pub(crate) const EXIT_CODES: &str = "\
The password is asked for twice on a terminal, and is otherwise the first line of standard input.
Exit codes: 0 done, 1 it failed, 2 a mistake in the command line, 3 by --verify: it is another password";

/// Its command line.
pub(crate) fn parser() -> clap::Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .help(help)
            .action(ArgAction::SetTrue)
    };
    let (operand, help) = OPERAND;
    clap::Command::new("htpasswd")
        .about(ABOUT)
        .arg(
            Arg::new(FILE)
                .value_name(operand)
                .help(help)
                .required(true)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new(USER)
                .value_name("USER")
                .help("The name of the user")
                .required(true),
        )
        .arg(
            flag(
                BCRYPT,
                "Hash by bcrypt, which other servers read too, instead of argon2id",
            )
            .conflicts_with_all([DELETE, VERIFY]),
        )
        .arg(flag(DELETE, "Take the user out of the file").conflicts_with_all([VERIFY, STDIN]))
        .arg(flag(
            VERIFY,
            "Say whether a password is the user's, and change nothing",
        ))
        .arg(flag(
            STDIN,
            "Read the password from standard input, even from a terminal",
        ))
        .after_help(EXIT_CODES)
}

/// Does what the command line says.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let (Some(file), Some(user)) = (
        matches.get_one::<PathBuf>(FILE),
        matches.get_one::<String>(USER),
    ) else {
        return Err(Failure::usage("a file and a user are needed"));
    };
    if matches.get_flag(DELETE) {
        return match htpasswd::delete(file, user) {
            Ok(true) => done(file, "deleted", user),
            Ok(false) => Err(Failure::running(format!(
                "{}: nobody is called {user}",
                file.display()
            ))),
            Err(error) => Err(failure(file, &error)),
        };
    }
    if !auth::is_name(user) {
        return Err(failure(file, &HtpasswdError::Name));
    }
    let is_asked = !matches.get_flag(STDIN) && io::stdin().is_terminal();
    let password = match is_asked {
        true => asked(!matches.get_flag(VERIFY))?,
        false => piped()?,
    };
    if matches.get_flag(VERIFY) {
        return match htpasswd::is_password(file, user, &password) {
            Ok(true) => done(file, "right password for", user),
            Ok(false) => Err(Failure {
                code: 3,
                ..Failure::running(format!("{}: wrong password for {user}", file.display()))
            }),
            Err(error) => Err(failure(file, &error)),
        };
    }
    let form = match matches.get_flag(BCRYPT) {
        true => Form::Bcrypt,
        false => Form::Argon2,
    };
    match htpasswd::set(file, user, &password, form) {
        Ok(Change::Replaced) => done(file, "replaced the password of", user),
        Ok(Change::Added | Change::Created) => done(file, "added", user),
        Err(error) => Err(failure(file, &error)),
    }
}

fn done(file: &Path, what: &str, user: &str) -> Result<(), Failure> {
    say::print(&format!("{}: {what} {user}\n", file.display()));
    Ok(())
}

/// Asks a person, twice where a slip of the finger would be stored.
fn asked(twice: bool) -> Result<Password, Failure> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map(|text| Password::new(text.into_bytes()))
            .map_err(|error| Failure::running(format!("the password cannot be read: {error}")))
    };
    let first = ask("Password: ")?;
    if twice && ask("Again: ")?.octets() != first.octets() {
        return Err(Failure::usage("these are two different passwords"));
    }
    Ok(first)
}

/// The first line of standard input.
fn piped() -> Result<Password, Failure> {
    let mut octets = Vec::with_capacity(PIPED_OCTETS_MAX);
    let read = io::stdin()
        .lock()
        .take(PIPED_OCTETS_MAX as u64)
        .read_to_end(&mut octets);
    read.map_err(|error| Failure::running(format!("the password cannot be read: {error}")))?;
    if let Some(end) = octets.iter().position(|octet| *octet == b'\n') {
        octets.truncate(end);
    }
    if octets.last() == Some(&b'\r') {
        octets.pop();
    }
    Ok(Password::new(octets))
}

fn failure(file: &Path, error: &HtpasswdError) -> Failure {
    match error {
        HtpasswdError::File(UsersFileError::Unreadable(_)) | HtpasswdError::NoRandom => {
            Failure::running(format!("{}: {error}", file.display()))
        }
        HtpasswdError::File(_) => Failure::usage(format!("{}: {error}", file.display())),
        _ => Failure::usage(error.to_string()),
    }
}

const FILE: &str = "file";
const USER: &str = "user";
const BCRYPT: &str = "bcrypt";
const DELETE: &str = "delete";
const VERIFY: &str = "verify";
const STDIN: &str = "stdin";
/// More than any password has.
const PIPED_OCTETS_MAX: usize = 4096;
