//! `ETag` and the lists of entity tags in `If-Match` and `If-None-Match` (RFC 9110 §8.8.3).
//!
//! ```
//! use hansom_semantics::fields::entity_tag::EntityTag;
//!
//! let held = EntityTag::parse(b"\"a,b\"").unwrap();
//! let given = EntityTag::parse(b"W/\"a,b\"").unwrap();
//! assert!(held.weak_matches(&given) && !held.strong_matches(&given));
//! ```

use super::list::{Malformed, trim_ows_start};

/// An entity tag (RFC 9110 §8.8.3).
///
/// Its equality as a value is not one of the two comparisons of HTTP: use
/// [`strong_matches`](Self::strong_matches) or [`weak_matches`](Self::weak_matches).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether it is marked `W/`, which is case-sensitive.
    pub weak: bool,
    /// What stands between the quotes. A backslash is an octet like any other.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads exactly one entity tag (RFC 9110 §8.8.3).
    #[must_use]
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        match Self::split(octets)? {
            (tag, []) => Some(tag),
            _ => None,
        }
    }

    /// The entity tag in front and what follows it.
    #[must_use]
    pub fn split(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match octets.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, octets),
        };
        let inside = quoted.strip_prefix(b"\"")?;
        let end = inside.iter().position(|&octet| !is_etag_octet(octet))?;
        let (opaque, rest) = inside.split_at(end);
        Some((Self { weak, opaque }, rest.strip_prefix(b"\"")?))
    }

    /// Strong comparison: both are not weak and their octets are the same (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn strong_matches(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison: their octets are the same (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn weak_matches(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Appends the tag as it is sent in a field value.
    pub fn render_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.weak { b"W/\"" } else { b"\"" });
        out.extend_from_slice(self.opaque);
        out.push(b'"');
    }
}

/// `etagc`: VCHAR except DQUOTE, and obs-text (RFC 9110 §8.8.3).
const fn is_etag_octet(octet: u8) -> bool {
    matches!(octet, 0x21 | 0x23..=0x7e | 0x80..)
}

/// One member of `If-Match` or `If-None-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed<'a> {
    /// `*`. Valid only as the whole field value, which [`match_list`] sees to.
    Any,
    /// An entity tag.
    Tag(EntityTag<'a>),
}

/// The members of a list of entity tags given as several field lines.
///
/// Commas inside tags split nothing and empty members are skipped (RFC 9110 §5.6.1.2). After a
/// malformed member the list goes on behind the next comma.
pub fn entity_tags<'a, I>(
    lines: I,
) -> impl Iterator<Item = Result<Listed<'a>, Malformed>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    lines.into_iter().flat_map(|line| EntityTags { rest: line })
}

/// What a list of entity tags says about one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMatch {
    /// The value is `*`.
    Any,
    /// A listed tag matched.
    Tag,
    /// None of the listed tags matched.
    None,
}

/// Reads the whole list and says whether a tag in it satisfies `matches`.
///
/// # Errors
///
/// [`Malformed`] when any member is, when `*` is not alone, or when there is no member at all:
/// the value is `"*" / #entity-tag` (RFC 9110 §13.1.1).
pub fn match_list<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    mut matches: impl FnMut(&EntityTag<'a>) -> bool,
) -> Result<ListMatch, Malformed> {
    let mut seen = None;
    for member in entity_tags(lines) {
        seen = Some(match (seen, member?) {
            (None, Listed::Any) => ListMatch::Any,
            (Some(ListMatch::Any), _) | (Some(_), Listed::Any) => return Err(Malformed),
            (Some(ListMatch::Tag), Listed::Tag(_)) => ListMatch::Tag,
            (_, Listed::Tag(tag)) if matches(&tag) => ListMatch::Tag,
            (_, Listed::Tag(_)) => ListMatch::None,
        });
    }
    seen.ok_or(Malformed)
}

/// The list splitter of its own: an opaque tag knows no escapes, so the one for quoted strings
/// would read `"a\", "b"` as a single member.
#[derive(Clone, Debug)]
struct EntityTags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for EntityTags<'a> {
    type Item = Result<Listed<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        let (listed, after) = match (self.rest, EntityTag::split(self.rest)) {
            (_, Some((tag, after))) => (Ok(Listed::Tag(tag)), after),
            ([b'*', after @ ..], None) => (Ok(Listed::Any), after),
            (rest, None) => (Err(Malformed), rest),
        };
        let after = trim_ows_start(after);
        let ends = matches!(after, [] | [b',', ..]);
        self.rest = match memchr::memchr(b',', after) {
            Some(comma) => after.split_at(comma).1,
            None => &[],
        };
        Some(if ends { listed } else { Err(Malformed) })
    }
}

#[cfg(test)]
mod tests;
