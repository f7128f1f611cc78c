//! A JSON document (RFC 8259) whose members stay in order, for what people and programs read.

use std::fmt::{self, Write as _};

/// A value of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Switch(bool),
    /// A number without fraction.
    Number(u64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members in their order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object.
    #[must_use]
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// An object of one member.
    #[must_use]
    pub fn one(name: &str, value: Self) -> Self {
        Self::object([(name, value)])
    }

    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Null for what is not there.
    #[must_use]
    pub fn option(value: Option<impl Into<Self>>) -> Self {
        value.map_or(Self::Null, Into::into)
    }

    /// Another member of an object, at its end.
    #[must_use]
    pub fn with(mut self, name: &str, value: Self) -> Self {
        if let Self::Object(members) = &mut self {
            members.push((name.to_owned(), value));
        }
        self
    }

    /// A schema that one of some schemas satisfies.
    pub(crate) fn any_of<const N: usize>(schemas: [Self; N]) -> Self {
        Self::one("anyOf", Self::List(schemas.into()))
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Switch(switch) => {
                let _ = write!(out, "{switch}");
            }
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Text(text) => write_text(out, text),
            Self::List(list) => enclosed(out, depth, ['[', ']'], list, |out, value| {
                value.write(out, depth + 1);
            }),
            Self::Object(members) => {
                enclosed(out, depth, ['{', '}'], members, |out, (name, value)| {
                    write_text(out, name);
                    out.push_str(": ");
                    value.write(out, depth + 1);
                });
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, 0);
        f.write_str(&out)
    }
}

fn enclosed<V>(
    out: &mut String,
    depth: usize,
    [open, close]: [char; 2],
    values: &[V],
    mut write: impl FnMut(&mut String, &V),
) {
    out.push(open);
    for (number, value) in values.iter().enumerate() {
        out.push_str(if number == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n("  ", depth + 1));
        write(out, value);
    }
    if !values.is_empty() {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
    out.push(close);
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same() {
        let json = Json::object([
            ("a\"\\\n\u{1}\u{85}", Json::text("ö\u{7f}")),
            ("list", Json::List(vec![Json::Null, Json::Switch(true)])),
            ("none", Json::Object(Vec::new())),
        ])
        .with("n", Json::Number(u64::MAX));
        let read: serde_json::Value = serde_json::from_str(&json.to_string()).unwrap();
        assert_eq!(read["a\"\\\n\u{1}\u{85}"], "ö\u{7f}");
        assert_eq!(read["list"], serde_json::json!([null, true]));
        assert_eq!(read["n"], u64::MAX);
        assert_eq!(read["none"], serde_json::json!({}));
    }
}
