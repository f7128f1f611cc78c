//! What a file says, as a tree with places, before anything is known of its meaning.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its octets in the text.
    pub(crate) span: Range<usize>,
    /// What it is.
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `true` or `false`.
    Switch(bool),
    /// A number.
    Number(i128),
    /// A text.
    Text(String),
    /// Another kind of value, by its name in TOML.
    Other(&'static str),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Vec<Entry>),
}

/// A key of a table with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) name: String,
    /// Where the key stands.
    pub(crate) span: Range<usize>,
    /// Its value.
    pub(crate) node: Node,
}

impl Node {
    /// The tree of a document.
    pub(crate) fn of_document(document: &Spanned<DeTable<'_>>) -> Self {
        Self {
            span: document.span(),
            value: table(document.get_ref()),
        }
    }

    /// A text of the command line, where nothing is quoted: a switch or a number where it looks like one.
    pub(crate) fn of_flag(text: &str) -> Self {
        let value = match text {
            "false" | "off" => Value::Switch(false),
            "true" | "on" => Value::Switch(true),
            _ => text
                .parse()
                .map_or_else(|_| Value::Text(text.to_owned()), Value::Number),
        };
        Self { span: 0..0, value }
    }

    /// The value of a key, if this is a table that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| &entry.node)
    }

    /// Whether it is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }

    /// The keys of a table; none of what is no table.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none of what is no list.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(nodes) => nodes,
            _ => &[],
        }
    }

    /// What stands at a path as `site[0].route[2].redirect`.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        let mut node = self;
        for step in path.split('.') {
            let (name, number) = match step.split_once('[') {
                Some((name, number)) => (name, number.strip_suffix(']')?.parse::<usize>().ok()),
                None => (step, None),
            };
            node = node.get(name)?;
            if let Some(number) = number {
                node = node.elements().get(number)?;
            }
        }
        Some(node)
    }

    /// A text, or a number as text.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

impl Value {
    /// What it is, in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Switch(switch) => format!("`{switch}`"),
            Self::Number(number) => format!("`{number}`"),
            Self::Text(text) => format!("\"{}\"", text.escape_debug()),
            Self::Other(kind) => format!("a {kind}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    Node {
        span: value.span(),
        value: match value.get_ref() {
            DeValue::Boolean(switch) => Value::Switch(*switch),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other("integer"), Value::Number),
            DeValue::Float(_) => Value::Other("float"),
            DeValue::Datetime(_) => Value::Other("date"),
            DeValue::Array(list) => Value::List(list.iter().map(node).collect()),
            DeValue::Table(entries) => table(entries),
        },
    }
}

fn table(entries: &DeTable<'_>) -> Value {
    let entries = entries.iter().map(|(name, value)| Entry {
        name: name.get_ref().to_string(),
        span: name.span(),
        node: node(value),
    });
    Value::Table(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_what_stands_there() {
        let text = "[[site]]\n[[site.route]]\na = 1\n[[site.route]]\na = [2, 3]\n";
        let node = Node::of_document(&DeTable::parse(text).unwrap());
        let number = |path: &str| node.at(path).map(|node| node.value.clone());
        assert_eq!(number("site[0].route[0].a"), Some(Value::Number(1)));
        assert_eq!(number("site[0].route[1].a[1]"), Some(Value::Number(3)));
        assert_eq!(number("site[0].route[2].a"), None);
        assert_eq!(number("site[1]"), None);
        assert_eq!(number("server.a"), None);
    }
}
