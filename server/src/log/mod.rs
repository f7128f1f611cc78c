//! The access log: what is said of each exchange, and how it gets to standard output.
//!
//! ```text
//!  Record --append--> Vec<u8> of a worker --try_write--> LogWriter's thread --> output
//! ```
//!
//! Formatting is pure and appends without allocating. Whatever came from a peer is
//! escaped: no control octet, no terminal escape, no line of its own; secrets in
//! queries are blanked in every format.
//!
//! Invariant: a worker never waits for the log.

mod combined;
mod escape;
mod human;
mod json;
mod number;
pub mod own;
mod record;
mod setup;
mod time;
mod writer;

pub use human::Style;
pub use record::Record;
pub(crate) use setup::{LogSetup, Logs, PreparedLog};
pub use writer::{LogHandle, LogWriter};

use crate::config::LogFormat;

/// Appends one line for an exchange; in [`LogFormat::Own`] as in `Combined`, since [`own::OwnFormat`] has its own way.
pub fn append(format: LogFormat, style: &Style, out: &mut Vec<u8>, record: &Record<'_>) {
    match format {
        LogFormat::Off => {}
        LogFormat::Human => human::append(out, record, style),
        LogFormat::Combined | LogFormat::Own => combined::append(out, record),
        LogFormat::Json => json::append(out, record),
    }
}

/// Appends a line that says how many lines are missing.
pub fn append_dropped(format: LogFormat, out: &mut Vec<u8>, lines: u64) {
    let (before, after): (&str, &str) = match format {
        LogFormat::Off => return,
        LogFormat::Json => ("{\"event\":\"dropped\",\"lines\":", "}\n"),
        LogFormat::Human => (
            "-- ",
            " lines were dropped: the reader of the log is too slow\n",
        ),
        LogFormat::Combined | LogFormat::Own => (
            "# ",
            " lines were dropped: the reader of the log is too slow\n",
        ),
    };
    out.extend_from_slice(before.as_bytes());
    number::append(out, lines);
    out.extend_from_slice(after.as_bytes());
}

#[cfg(test)]
mod tests;
