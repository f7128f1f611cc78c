//! What is said to the user, and where.

use server::config::Output;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

/// Why the program ends without having done what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// What is wrong.
    pub(crate) message: String,
    /// What to try.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Something failed while running.
    pub(crate) fn running(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
            hint: None,
        }
    }

    /// A mistake in the command line or in the configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
            hint: None,
        }
    }

    /// It was told already.
    pub(crate) fn said(self) -> Self {
        Self {
            message: String::new(),
            hint: None,
            ..self
        }
    }

    /// What is wrong and what to try, without colours.
    pub(crate) fn text(&self) -> String {
        let message = self.message.trim_end();
        match &self.hint {
            Some(hint) => format!("{message}\n  hint: {hint}"),
            None => message.to_owned(),
        }
    }

    /// With what to try.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// Tells of something odd on standard error.
pub(crate) fn warning(text: &str) {
    let has_colour = io::stderr().is_terminal() && is_colour_wanted();
    let (yellow, plain) = if has_colour {
        ("\x1b[1;33m", "\x1b[0m")
    } else {
        ("", "")
    };
    let text = format!("{yellow}warning:{plain} {}\n", text.trim_end());
    // With standard error closed there is nobody left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Tells of a failure on standard error.
pub(crate) fn failure(failure: &Failure) {
    if failure.message.is_empty() {
        return;
    }
    let has_colour = io::stderr().is_terminal() && is_colour_wanted();
    let (red, cyan, plain) = if has_colour {
        ("\x1b[1;31m", "\x1b[36m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    let mut text = format!("{red}hansom:{plain} {}\n", failure.message.trim_end());
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("  {cyan}hint:{plain} {hint}\n"));
    }
    // With standard error closed there is nobody left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints on standard output; that nobody reads it is no failure.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What standard output is.
pub(crate) fn output() -> Output {
    let out = io::stdout();
    let is_terminal = out.is_terminal();
    let size = rustix::termios::tcgetwinsize(&out)
        .ok()
        .filter(|_| is_terminal);
    Output {
        is_terminal,
        has_colour: is_terminal && is_colour_wanted(),
        columns: size.map_or(0, |size| usize::from(size.ws_col)),
    }
}

/// Not with `NO_COLOR` (no-color.org), nor on a terminal that knows no colours.
fn is_colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM") != Some(OsString::from("dumb"))
}
