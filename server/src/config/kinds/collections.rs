//! Values that hold others: lists, tables by name, sections.

use super::{Kind, key_name};
use crate::config::json::Json;
use crate::config::keys::Key;
use crate::config::node::{Node, Value};
use crate::config::read::{Keys, Reader};
use crate::config::slot::{Complaint, Shown, mismatch};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A list.
#[derive(Debug)]
pub(crate) struct List<K> {
    /// What its elements are.
    pub(crate) of: K,
    /// What an empty one is.
    pub(crate) empty: Empty,
    /// In words.
    pub(crate) allowed: &'static str,
}

/// What an empty list is.
#[derive(Debug)]
pub(crate) enum Empty {
    /// None at all.
    Fits,
    /// A mistake, perhaps with what to write instead.
    Refused(Option<&'static str>),
}

/// Names of users; `*` alone is every one, which is an empty list of names.
#[derive(Debug)]
pub(crate) struct UserNames(pub(crate) List<super::Text>);

/// A table whose keys are chosen by the user.
#[derive(Debug)]
pub(crate) struct Map<M: MapKey, K> {
    /// How a key is read.
    pub(crate) key: fn(&str) -> Result<M, Complaint>,
    /// What its values are.
    pub(crate) of: K,
    /// In words.
    pub(crate) allowed: &'static str,
    /// The keys, as a pattern for editors.
    pub(crate) pattern: &'static str,
}

/// A key that the user chooses.
pub(crate) trait MapKey: Ord + Debug + Clone {
    /// As it is written.
    fn show(&self) -> String;

    /// As it is compared.
    fn normal(&self) -> String {
        self.show()
    }
}

/// A section below another.
#[derive(Debug)]
pub(crate) struct Section<C: 'static>(pub(crate) &'static [Key<C>]);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, node: &Node, reader: &mut Reader<'_>, _: &str) -> Option<Self::Value> {
        let Value::List(nodes) = &node.value else {
            let complaint = match &node.value {
                Value::Text(text) => Complaint::with(
                    "a list is needed here",
                    format!("write [\"{}\"]", text.escape_debug()),
                ),
                other => mismatch(other),
            };
            reader.note_allowed(node.span.clone(), complaint, self.allowed());
            return None;
        };
        if let (true, Empty::Refused(hint)) = (nodes.is_empty(), &self.empty) {
            let complaint = Complaint {
                suggestion: hint.map(str::to_owned),
                ..Complaint::new("the list is empty")
            };
            reader.note_allowed(node.span.clone(), complaint, self.allowed());
        }
        let mut list = Vec::new();
        for node in nodes {
            match self.of.parse(&node.value) {
                Ok(value) => list.push(value),
                Err(complaint) => {
                    reader.note_allowed(node.span.clone(), complaint, self.allowed());
                }
            }
        }
        Some(list)
    }

    fn show(&self, value: &mut Self::Value) -> Shown {
        let shown = value.iter_mut().map(|value| match self.of.show(value) {
            Shown::Value(text) => text,
            Shown::Table(_) | Shown::Words(_) => String::new(),
        });
        Shown::Value(format!("[{}]", shown.collect::<Vec<_>>().join(", ")))
    }

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }

    fn schema(&self) -> Json {
        let schema = Json::object([("type", "array".into()), ("items", self.of.schema())]);
        match self.empty {
            Empty::Fits => schema,
            Empty::Refused(_) => schema.with("minItems", Json::Number(1)),
        }
    }
}

impl Kind for UserNames {
    type Value = Vec<String>;

    fn read(&self, node: &Node, reader: &mut Reader<'_>, at: &str) -> Option<Vec<String>> {
        let names = self.0.read(node, reader, at)?;
        match names.as_slice() {
            [every] if every == "*" => Some(Vec::new()),
            several if several.iter().any(|name| name == "*") => {
                let complaint = Complaint::with(
                    "\"*\" is every user, beside which no name counts",
                    "write [\"*\"], or the names alone",
                );
                reader.note_allowed(node.span.clone(), complaint, self.allowed());
                None
            }
            _ => Some(names),
        }
    }

    fn show(&self, value: &mut Vec<String>) -> Shown {
        match value.is_empty() {
            true => Shown::Value("[\"*\"]".to_owned()),
            false => self.0.show(value),
        }
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }
}

impl<M: MapKey + Sync, K: Kind> Kind for Map<M, K> {
    type Value = BTreeMap<M, K::Value>;

    fn read(&self, node: &Node, reader: &mut Reader<'_>, _: &str) -> Option<Self::Value> {
        if !matches!(node.value, Value::Table(_)) {
            reader.note_allowed(node.span.clone(), mismatch(&node.value), self.allowed());
            return None;
        }
        let mut map = BTreeMap::new();
        for entry in node.entries() {
            let key = match (self.key)(&entry.name) {
                Ok(key) => key,
                Err(complaint) => {
                    reader.note_allowed(entry.span.clone(), complaint, self.allowed());
                    continue;
                }
            };
            if map.keys().any(|known: &M| known.normal() == key.normal()) {
                let message = format!("`{}` is there twice", key.show());
                reader.note(entry.span.clone(), Complaint::new(message));
                continue;
            }
            match self.of.parse(&entry.node.value) {
                Ok(value) => {
                    map.insert(key, value);
                }
                Err(complaint) => {
                    reader.note_allowed(entry.node.span.clone(), complaint, self.of.allowed());
                }
            }
        }
        Some(map)
    }

    fn show(&self, value: &mut Self::Value) -> Shown {
        let shown = value.iter_mut();
        let shown = shown.map(|(key, value)| (key_name(&key.show()), self.of.show(value)));
        Shown::Table(shown.collect())
    }

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }

    fn schema(&self) -> Json {
        Json::object([
            ("type", "object".into()),
            (
                "patternProperties",
                Json::one(self.pattern, self.of.schema()),
            ),
            ("additionalProperties", Json::Switch(false)),
        ])
    }
}

impl MapKey for String {
    fn show(&self) -> String {
        self.clone()
    }

    /// Field names are compared without case (RFC 9110 §5.1).
    fn normal(&self) -> String {
        self.to_ascii_lowercase()
    }
}

/// A status, or the first digit of a class of them.
impl MapKey for u16 {
    fn show(&self) -> String {
        match self {
            class @ 0..10 => format!("{class}xx"),
            status => status.to_string(),
        }
    }
}

impl<C: Default + Debug + 'static> Kind for Section<C> {
    type Value = C;

    fn read(&self, node: &Node, reader: &mut Reader<'_>, at: &str) -> Option<C> {
        let mut section = C::default();
        reader.one(node, at, &mut [&mut Keys(self.0, &mut section)]);
        Some(section)
    }

    fn show(&self, value: &mut C) -> Shown {
        let shown = self.0.iter();
        Shown::Table(
            shown
                .map(|key| (key.name.to_owned(), key.slot.show(value)))
                .collect(),
        )
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|key| key.name).collect();
        format!("a section with {}", names.join(", "))
    }

    fn schema(&self) -> Json {
        crate::config::schema::section(self.0, &mut C::default())
    }
}
