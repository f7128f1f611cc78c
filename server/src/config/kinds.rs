//! What a value may be: how it is read, shown, said in words and described to an editor.

mod collections;
mod nobody;
mod paths;
mod scalars;
mod statuses;

pub(crate) use collections::{Empty, List, Map, Section, UserNames};
pub(crate) use nobody::OrNobody;
pub(crate) use paths::{Existing, PathTo};
pub(crate) use scalars::{
    Named, NetworkKind, Number, Octets, OneOf, Place, Switch, Text, TextRule, Time, TimePositive,
};

pub(crate) use statuses::StatusRange;

use super::json::Json;
use super::node::{Node, Value};
use super::read::Reader;
use super::slot::{Complaint, Shown, mismatch};
use std::fmt::{Debug, Write as _};

/// What a value may be.
pub(crate) trait Kind: Debug + Sync {
    /// What it becomes.
    type Value;

    /// From a file, noting what is wrong with it.
    fn read(&self, node: &Node, reader: &mut Reader<'_>, _at: &str) -> Option<Self::Value> {
        match self.parse(&node.value) {
            Ok(value) => Some(value),
            Err(complaint) => {
                reader.note_allowed(node.span.clone(), complaint, self.allowed());
                None
            }
        }
    }

    /// From a value that stands by itself.
    fn parse(&self, value: &Value) -> Result<Self::Value, Complaint> {
        Err(mismatch(value))
    }

    /// As it is written.
    fn show(&self, value: &mut Self::Value) -> Shown;

    /// In words.
    fn allowed(&self) -> String;

    /// For an editor, as JSON Schema.
    fn schema(&self) -> Json;

    /// Whether it is a text, whatever it looks like on a command line.
    fn is_text(&self) -> bool {
        false
    }
}

/// A text as a basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A key of TOML, bare where it may be.
pub(crate) fn key_name(name: &str) -> String {
    let is_bare = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// A number that is bounded only by its type in TOML.
pub(crate) const NUMBER_MAX: u64 = i64::MAX as u64;
