//! The fields of a form, and where to go after it.

use std::fmt::Write;
use zeroize::Zeroizing;

/// The fields of `application/x-www-form-urlencoded` content or of a query (WHATWG URL §5.1). The first of a name counts.
/// They may hold a password, so they are overwritten when they are dropped.
pub(crate) struct Fields(Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>);

impl Fields {
    pub(crate) fn parse(octets: &[u8]) -> Self {
        let pairs = octets
            .split(|octet| *octet == b'&')
            .filter(|pair| !pair.is_empty());
        let split = |pair: &[u8]| {
            let end = pair
                .iter()
                .position(|octet| *octet == b'=')
                .unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(end).unwrap_or_default();
            (
                decoded(name),
                Zeroizing::new(decoded(value.get(1..).unwrap_or_default())),
            )
        };
        Self(pairs.take(FIELDS_MAX).map(split).collect())
    }

    /// The value of a field; empty if it is not there.
    pub(crate) fn value(&self, name: &str) -> &[u8] {
        let field = self.0.iter().find(|(own, _)| own == name.as_bytes());
        field.map_or(&[], |(_, value)| value)
    }

    /// The value as text; `None` if it is none, or has control characters.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.value(name)).ok()?;
        (!text.contains(char::is_control)).then_some(text)
    }
}

fn decoded(octets: &[u8]) -> Vec<u8> {
    let digit = |octet: Option<&u8>| char::from(*octet?).to_digit(16);
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(*first),
        }
    }
    out
}

/// A path of this origin that somebody may be led to after signing in, or `/`: nothing that a user agent could take for
/// another host (`//host`, `/\host`, a scheme), since who made the link chose it.
pub(crate) fn local(next: &[u8]) -> &str {
    let is_local = next.first() == Some(&b'/')
        && !matches!(next.get(1), Some(b'/'))
        && next.len() <= NEXT_OCTETS_MAX
        && next
            .iter()
            .all(|octet| octet.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(octet));
    match std::str::from_utf8(next) {
        Ok(next) if is_local => next,
        _ => "/",
    }
}

/// Appends text as a path, or as a value in a query: whatever is not unreserved or `/` is escaped (RFC 3986 §3.3, §3.4).
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    for octet in text.bytes() {
        match octet.is_ascii_alphanumeric() || b"-._~/".contains(&octet) {
            true => out.push(char::from(octet)),
            false => drop(write!(out, "%{octet:02X}")),
        }
    }
}

/// Fields that are looked at.
const FIELDS_MAX: usize = 32;
/// Octets of a path that somebody is led to.
pub(crate) const NEXT_OCTETS_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_once() {
        let fields =
            Fields::parse(b"user=b%C3%A4r&password=a+b%2Bc%25&x&&user=other&next=%2fa%3Fb%");
        assert_eq!(fields.text("user"), Some("bär"));
        assert_eq!(fields.value("password"), b"a b+c%");
        assert_eq!(fields.value("x"), b"");
        assert_eq!(fields.value("none"), b"");
        assert_eq!(fields.value("next"), b"/a?b%");
    }

    #[test]
    fn what_is_no_text_is_none() {
        assert_eq!(Fields::parse(b"a=%FF").text("a"), None);
        assert_eq!(Fields::parse(b"a=b%00").text("a"), None);
    }

    #[test]
    fn only_paths_of_this_origin_are_led_to() {
        for next in ["/", "/a", "/a/b?c=d&e=%2F%2f", "/a//b", "/:x"] {
            assert_eq!(local(next.as_bytes()), next);
        }
        for next in [
            "",
            "a",
            "//evil",
            "///evil",
            "/\\evil",
            "\\\\evil",
            "https://evil",
            "javascript:x",
            "/a\r\nb",
            "/a b",
            "/\t/evil",
            "/ä",
            "/a#b",
            " /a",
            "/<b>",
        ] {
            assert_eq!(local(next.as_bytes()), "/", "{next}");
        }
        assert_eq!(local(&[b'/'; 2]), "/");
        assert_eq!(
            local(format!("/{}", "a".repeat(NEXT_OCTETS_MAX)).as_bytes()),
            "/"
        );
    }

    #[test]
    fn a_query_value_is_read_as_it_was() {
        let mut query = "next=".to_owned();
        push_escaped(&mut query, "/a?b=c&d=%2F+e");
        assert_eq!(query, "next=/a%3Fb%3Dc%26d%3D%252F%2Be");
        assert_eq!(
            Fields::parse(query.as_bytes()).value("next"),
            b"/a?b=c&d=%2F+e"
        );
    }
}
