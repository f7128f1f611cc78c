//! A format that the configuration describes: text with `{name}` for what is known of an exchange.
//!
//! ```
//! let format = hansom_server::log::own::compile("{client} {user} \"{method} {target}\" {status}").unwrap();
//! assert_eq!(format.to_string(), "{client} {user} \"{method} {target}\" {status}");
//!
//! let error = hansom_server::log::own::compile("{stauts}").unwrap_err();
//! assert_eq!(error.suggestion.as_deref(), Some("did you mean `{status}`?"));
//! ```
//!
//! `{{` and `}}` stand for braces. What is not known stands as `-`. The names are those of the JSON format, and a few more.
//!
//! A value cannot pretend to be more than one: what would end the line is escaped, and so is the octet that follows the value in the
//! format. So `{user} {status}` has no space in the name of a user, and `"{user}"` no quotation mark.

use std::fmt;

use memchr::memchr;

use super::escape::{self, Form};
use super::json;
use super::number;
use super::record::Record;
use super::time::Moment;
use crate::config::nearest;

/// A format, ready to be written.
#[derive(Clone, Debug)]
pub struct OwnFormat {
    parts: Box<[Part]>,
}

/// Why a text is not a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnError {
    /// Where in the text, in octets.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Value {
        name: &'static str,
        append: Append,
        /// The octet that ends the value in the format, if a value can be kept free of it.
        end: Option<u8>,
    },
}

/// Appends a value. One that is not known appends nothing.
type Append = fn(&mut Vec<u8>, &Record<'_>);

/// Compiles a format.
///
/// # Errors
/// A name that is not known, a brace without its other half, an octet that would end the line, or nothing at all.
pub fn compile(text: &str) -> Result<OwnFormat, OwnError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let at = |rest: &str| text.len() - rest.len();
    while let Some(first) = rest.chars().next() {
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '{' | '}' if tail.starts_with(first) => {
                literal.push(first);
                rest = tail.get(1..).unwrap_or_default();
            }
            '{' => {
                let Some((name, tail)) = tail.split_once('}') else {
                    return Err(wrong(at(rest), "`{` has no `}`", "write `{{` for a brace"));
                };
                let value = value(name).ok_or_else(|| unknown(at(rest), name))?;
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal).into()));
                }
                parts.push(value);
                rest = tail;
            }
            '}' => return Err(wrong(at(rest), "`}` has no `{`", "write `}}` for a brace")),
            control if control.is_control() && control != '\t' => {
                return Err(wrong(
                    at(rest),
                    "a control character would break the line",
                    "a line ends by itself",
                ));
            }
            plain => {
                literal.push(plain);
                rest = tail;
            }
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal.into()));
    }
    if parts.is_empty() {
        return Err(wrong(0, "the format is empty", "write `{client} {status}`"));
    }
    note_ends(&mut parts);
    Ok(OwnFormat {
        parts: parts.into(),
    })
}

/// Notes for each value by which octet the format ends it.
fn note_ends(parts: &mut [Part]) {
    let mut next = None;
    for part in parts.iter_mut().rev() {
        match part {
            // Letters and digits are in every value; `"` and `\` are escaped anyway.
            Part::Text(text) => {
                let first = text.as_bytes().first().copied();
                next = first.filter(|octet| {
                    octet.is_ascii()
                        && !octet.is_ascii_alphanumeric()
                        && !matches!(octet, b'"' | b'\\')
                });
            }
            Part::Value { end, .. } => *end = next.take(),
        }
    }
}

fn value(name: &str) -> Option<Part> {
    let (name, append) = VALUES.iter().find(|(known, _)| *known == name)?;
    Some(Part::Value {
        name,
        append: *append,
        end: None,
    })
}

fn unknown(offset: usize, name: &str) -> OwnError {
    let names = || VALUES.iter().map(|(name, _)| *name);
    OwnError {
        offset,
        message: format!("`{name}` is nothing that is known of an exchange"),
        suggestion: Some(match nearest(name, names()) {
            Some(near) => format!("did you mean `{{{near}}}`?"),
            None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
        }),
    }
}

fn wrong(offset: usize, message: &str, suggestion: &str) -> OwnError {
    OwnError {
        offset,
        message: message.to_owned(),
        suggestion: Some(suggestion.to_owned()),
    }
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OwnError {}

impl OwnFormat {
    /// Appends one line for an exchange.
    pub fn append(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Value { append, end, .. } => {
                    let start = out.len();
                    append(out, record);
                    if out.len() == start {
                        out.push(b'-');
                    } else if let Some(end) = end {
                        escape_end(out, start, *end);
                    }
                }
            }
        }
        out.push(b'\n');
    }
}

/// Escapes the octets `end` from `start` on.
fn escape_end(out: &mut Vec<u8>, start: usize, end: u8) {
    let value = out.get(start..).unwrap_or_default();
    if memchr(end, value).is_none() {
        return;
    }
    let value = value.to_vec();
    out.truncate(start);
    for octet in value {
        if octet == end {
            out.extend_from_slice(b"\\x");
            number::append_hex(out, octet);
        } else {
            out.push(octet);
        }
    }
}

impl fmt::Display for OwnFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Value { name, .. } => write!(f, "{{{name}}}"),
        })
    }
}

/// The names, and what each stands for, for the reference.
pub fn names() -> impl Iterator<Item = &'static str> {
    VALUES.iter().map(|(name, _)| *name)
}

fn quoted(out: &mut Vec<u8>, octets: &[u8]) {
    escape::append(out, octets, Form::Quoted);
}

fn uri(out: &mut Vec<u8>, octets: &[u8]) {
    escape::append_uri(out, octets, Form::Quoted);
}

/// The target up to its query, and the query without its `?`.
fn halves<'a>(record: &Record<'a>) -> (&'a [u8], Option<&'a [u8]>) {
    let target = record.target;
    match memchr(b'?', target) {
        Some(at) => (target.get(..at).unwrap_or_default(), target.get(at + 1..)),
        None => (target, None),
    }
}

fn switch(out: &mut Vec<u8>, switch: bool) {
    out.extend_from_slice(if switch { b"true" } else { b"false" });
}

/// By name; the order is that of the JSON format.
static VALUES: &[(&str, Append)] = &[
    ("time", |out, record| {
        json::append_time(out, Moment::from_unix_millis(record.unix_millis));
    }),
    ("unix_millis", |out, record| {
        number::append(out, record.unix_millis);
    }),
    ("connection", |out, record| {
        number::append(out, record.connection);
    }),
    ("number", |out, record| {
        number::append(out, u64::from(record.number));
    }),
    ("client", |out, record| {
        if let Some(client) = record.client {
            number::append_ip(out, client.ip());
        }
    }),
    ("client_port", |out, record| {
        if let Some(client) = record.client {
            number::append(out, u64::from(client.port()));
        }
    }),
    ("user", |out, record| {
        quoted(out, record.user.unwrap_or_default().as_bytes());
    }),
    ("tls_version", |out, record| {
        quoted(out, record.tls_version.unwrap_or_default().as_bytes());
    }),
    ("tls_name", |out, record| {
        quoted(out, record.tls_name.unwrap_or_default().as_bytes());
    }),
    ("method", |out, record| quoted(out, record.method)),
    ("target", |out, record| uri(out, record.target)),
    ("path", |out, record| uri(out, halves(record).0)),
    ("query", |out, record| {
        if let Some(query) = halves(record).1 {
            escape::append_query(out, query, Form::Quoted);
        }
    }),
    ("version", |out, record| {
        quoted(out, record.version.as_bytes());
    }),
    ("host", |out, record| {
        quoted(out, record.host.unwrap_or_default());
    }),
    ("referer", |out, record| {
        uri(out, record.referer.unwrap_or_default());
    }),
    ("user_agent", |out, record| {
        quoted(out, record.user_agent.unwrap_or_default());
    }),
    ("site", |out, record| {
        quoted(out, record.site.unwrap_or_default().as_bytes());
    }),
    ("route", |out, record| {
        quoted(out, record.route.unwrap_or_default().as_bytes());
    }),
    ("server", |out, record| {
        quoted(out, record.server.unwrap_or_default().as_bytes());
    }),
    ("tries", |out, record| {
        if record.server.is_some() {
            number::append(out, record.tries as u64);
        }
    }),
    ("status", |out, record| {
        if let Some(status) = record.status {
            number::append(out, u64::from(status));
        }
    }),
    ("octets", |out, record| number::append(out, record.octets)),
    ("micros", |out, record| number::append(out, record.micros)),
    ("request_octets", |out, record| {
        number::append(out, record.request_octets);
    }),
    ("complete", |out, record| switch(out, record.complete)),
    ("content_end", |out, record| {
        quoted(out, record.content_end.0.as_bytes());
    }),
    ("closes", |out, record| switch(out, record.closes)),
    ("fate", |out, record| quoted(out, record.fate.0.as_bytes())),
    ("rule", |out, record| quoted(out, record.fate.1.as_bytes())),
];

#[cfg(test)]
mod tests;
