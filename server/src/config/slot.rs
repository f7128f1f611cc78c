//! A slot: the place in a struct that a key fills, and whether it may be empty.
//!
//! What the value is and how it is written is a [`Kind`]; a slot joins a kind to a path into a struct. So one value serves to
//! store what a file says, to show what a struct holds, to say what is allowed, and to describe it to an editor.

use super::json::Json;
use super::kinds::Kind;
use super::node::{Node, Value};
use super::read::Reader;
use std::fmt::Debug;
use std::time::Duration;

/// Why a value does not fit a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong.
    pub(crate) message: String,
    /// What was probably meant.
    pub(crate) suggestion: Option<String>,
    /// The rule that says so, as `RFC 9110 §5.5`.
    pub(crate) rule: Option<&'static str>,
}

/// What a slot holds, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A value in TOML.
    Value(String),
    /// A section of its own, with keys that are fit to write.
    Table(Vec<(String, Shown)>),
    /// Nothing, and what stands for it, in words.
    Words(&'static str),
}

/// The place a key fills.
pub(crate) trait Slot<T>: Sync {
    /// Fills it with what a file says; `at` names the key, as `site.route.cors`.
    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader<'_>, at: &str);

    /// What it holds.
    fn show(&self, target: &mut T) -> Shown;

    /// What it may hold, in words.
    fn allowed(&self) -> String;

    /// What it may hold, for an editor.
    fn schema(&self) -> Json;

    /// Whether a file must give the key.
    fn is_required(&self) -> bool {
        false
    }

    /// Whether it is a text, whatever it looks like on a command line.
    fn is_text(&self) -> bool;
}

type At<T, V> = fn(&mut T) -> &mut V;

/// A value that has a default.
#[derive(Debug)]
pub(crate) struct Is<T, K: Kind>(pub(crate) At<T, K::Value>, pub(crate) K);

/// A value that a file must give.
#[derive(Debug)]
pub(crate) struct Must<T, K: Kind>(pub(crate) At<T, K::Value>, pub(crate) K);

/// A value or nothing, and what stands for nothing, in words.
#[derive(Debug)]
pub(crate) struct May<T, K: Kind>(
    pub(crate) At<T, Option<K::Value>>,
    pub(crate) K,
    pub(crate) &'static str,
);

/// A value, or nothing by `false`.
#[derive(Debug)]
pub(crate) struct OrFalse<T, K: Kind>(pub(crate) At<T, Option<K::Value>>, pub(crate) K);

/// An amount; 0 is nothing, which is unlimited.
#[derive(Debug)]
pub(crate) struct Unlimited<T, K: Kind>(pub(crate) At<T, Option<K::Value>>, pub(crate) K);

impl<T, K: Kind> Slot<T> for Is<T, K> {
    fn is_text(&self) -> bool {
        self.1.is_text()
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader<'_>, at: &str) {
        if let Some(value) = self.1.read(node, reader, at) {
            *(self.0)(target) = value;
        }
    }

    fn show(&self, target: &mut T) -> Shown {
        self.1.show((self.0)(target))
    }

    fn allowed(&self) -> String {
        self.1.allowed()
    }

    fn schema(&self) -> Json {
        self.1.schema()
    }
}

impl<T, K: Kind> Slot<T> for Must<T, K> {
    fn is_text(&self) -> bool {
        self.1.is_text()
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader<'_>, at: &str) {
        if let Some(value) = self.1.read(node, reader, at) {
            *(self.0)(target) = value;
        }
    }

    fn show(&self, target: &mut T) -> Shown {
        self.1.show((self.0)(target))
    }

    fn allowed(&self) -> String {
        self.1.allowed()
    }

    fn schema(&self) -> Json {
        self.1.schema()
    }

    fn is_required(&self) -> bool {
        true
    }
}

impl<T, K: Kind> Slot<T> for May<T, K> {
    fn is_text(&self) -> bool {
        self.1.is_text()
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader<'_>, at: &str) {
        if let Some(value) = self.1.read(node, reader, at) {
            *(self.0)(target) = Some(value);
        }
    }

    fn show(&self, target: &mut T) -> Shown {
        match (self.0)(target) {
            Some(value) => self.1.show(value),
            None => Shown::Words(self.2),
        }
    }

    fn allowed(&self) -> String {
        self.1.allowed()
    }

    fn schema(&self) -> Json {
        self.1.schema()
    }
}

impl<T, K: Kind> Slot<T> for OrFalse<T, K> {
    fn is_text(&self) -> bool {
        self.1.is_text()
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader<'_>, _: &str) {
        if node.value == Value::Switch(false) {
            *(self.0)(target) = None;
            return;
        }
        match self.1.parse(&node.value) {
            Ok(value) => *(self.0)(target) = Some(value),
            Err(complaint) => {
                let allowed = Slot::<T>::allowed(self);
                reader.note_allowed(node.span.clone(), complaint, allowed);
            }
        }
    }

    fn show(&self, target: &mut T) -> Shown {
        match (self.0)(target) {
            Some(value) => self.1.show(value),
            None => Shown::Value("false".to_owned()),
        }
    }

    fn allowed(&self) -> String {
        format!("{}, or false to leave the field out", self.1.allowed())
    }

    fn schema(&self) -> Json {
        Json::any_of([self.1.schema(), Json::one("const", Json::Switch(false))])
    }
}

impl<T, K: Kind<Value: Zero>> Slot<T> for Unlimited<T, K> {
    fn is_text(&self) -> bool {
        self.1.is_text()
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader<'_>, _: &str) {
        match self.1.parse(&node.value) {
            Ok(value) => *(self.0)(target) = Some(value).filter(|value| *value != K::Value::ZERO),
            Err(complaint) => {
                let allowed = Slot::<T>::allowed(self);
                reader.note_allowed(node.span.clone(), complaint, allowed);
            }
        }
    }

    fn show(&self, target: &mut T) -> Shown {
        match (self.0)(target) {
            Some(value) => self.1.show(value),
            None => Shown::Value("0".to_owned()),
        }
    }

    fn allowed(&self) -> String {
        let allowed = self.1.allowed();
        format!(
            "{}; 0 is unlimited",
            allowed.strip_suffix(" from 0").unwrap_or(&allowed)
        )
    }

    fn schema(&self) -> Json {
        self.1.schema()
    }
}

/// An amount that has a zero.
pub(crate) trait Zero: PartialEq {
    /// It.
    const ZERO: Self;
}

impl Zero for u64 {
    const ZERO: Self = 0;
}

impl Zero for Duration {
    const ZERO: Self = Self::ZERO;
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            suggestion: None,
            rule: None,
        }
    }

    pub(crate) fn with(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self {
            suggestion: Some(suggestion.into()),
            ..Self::new(message)
        }
    }

    /// With the rule that says so.
    pub(crate) fn by(self, rule: &'static str) -> Self {
        Self {
            rule: Some(rule),
            ..self
        }
    }
}

/// A value of another type than the slot's.
pub(crate) fn mismatch(value: &Value) -> Complaint {
    Complaint::new(format!("{} does not fit here", value.describe()))
}
