//! Starting other programs.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::Outcome;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(named) => root().join(named),
        None => root().join("target"),
    }
}

/// Cargo, started in the root of the repository.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// A program, started in the root of the repository.
pub(crate) fn program<const N: usize>(name: &str, arguments: [&str; N]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command with our own output; fails unless it ends with success.
pub(crate) fn run(command: &mut Command) -> Outcome {
    announce(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}`: {status}", words(command))),
        Err(error) => Err(format!("`{}`: {error}", words(command))),
    }
}

/// Runs a command, passes its output on, and shows each line of it to `read` as well.
pub(crate) fn run_reading(command: &mut Command, mut read: impl FnMut(&str)) -> Outcome {
    announce(command);
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("`{}`: {error}", words(command)))?;
    let (sender, lines) = mpsc::channel();
    for stream in [
        child.stdout.take().map(boxed),
        child.stderr.take().map(boxed),
    ] {
        let Some(stream) = stream else { continue };
        let sender = sender.clone();
        std::thread::spawn(move || send_lines(stream, &sender));
    }
    drop(sender);
    for line in lines {
        eprintln!("{line}");
        read(&without_colour(&line));
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}`: {status}", words(command))),
        Err(error) => Err(format!("`{}`: {error}", words(command))),
    }
}

/// The standard output of a command that ended with success.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let succeeded = output.status.success();
    succeeded.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name can be started.
pub(crate) fn has(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    places.iter().any(|place| place.join(name).is_file())
}

/// The command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let mut text = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn announce(command: &Command) {
    eprintln!("$ {}", words(command));
    let _ = std::io::stderr().flush();
}

fn boxed(stream: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(stream)
}

fn send_lines(stream: Box<dyn Read + Send>, sender: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut octets = Vec::new();
    while matches!(reader.read_until(b'\n', &mut octets), Ok(count) if count > 0) {
        let line = String::from_utf8_lossy(&octets);
        if sender.send(line.trim_end().to_owned()).is_err() {
            return;
        }
        octets.clear();
    }
}

/// The line without terminal escapes (`ESC [ … letter`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\u{1b}' => {
                while rest
                    .next()
                    .is_some_and(|inner| !inner.is_ascii_alphabetic())
                {}
            }
            _ => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed_before_a_line_is_read() {
        assert_eq!(
            without_colour("\u{1b}[32;1m Summary\u{1b}[0m 3"),
            " Summary 3"
        );
    }

    #[test]
    fn a_failing_command_names_itself() {
        let outcome = run_reading(&mut program("false", []), |_| {});
        assert!(outcome.is_err_and(|reason| reason.contains("`false`")));
    }

    #[test]
    fn both_streams_of_a_command_are_read() {
        let mut seen = Vec::new();
        let mut command = program("sh", ["-c", "echo one; echo two >&2"]);
        let outcome = run_reading(&mut command, |line| seen.push(line.to_owned()));
        seen.sort();
        assert_eq!(outcome, Ok(()));
        assert_eq!(seen, ["one", "two"]);
    }
}
