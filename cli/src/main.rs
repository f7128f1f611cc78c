//! The program: words into calls.
//!
//! It knows commands, flags, help and exit codes; everything else is in the crates
//! below.
//!
//! Exit codes: 0 done, 1 failed while running, 2 a mistake in the command line or in
//! the configuration.

mod commands;
mod flags;
mod htpasswd;
mod say;

use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::failure(&failure);
            ExitCode::from(failure.code)
        }
    }
}
