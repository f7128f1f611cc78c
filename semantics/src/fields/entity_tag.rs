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
mod tests {
    use super::*;

    fn strong(opaque: &[u8]) -> EntityTag<'_> {
        EntityTag {
            weak: false,
            opaque,
        }
    }

    fn list<'a>(lines: &[&'a [u8]]) -> Vec<Result<Listed<'a>, Malformed>> {
        entity_tags(lines.iter().copied()).collect()
    }

    #[test]
    fn a_tag_is_weak_when_marked_so() {
        assert_eq!(EntityTag::parse(b"\"a\""), Some(strong(b"a")));
        assert_eq!(
            EntityTag::parse(b"W/\"a\""),
            Some(EntityTag {
                weak: true,
                opaque: b"a"
            })
        );
        assert_eq!(EntityTag::parse(b"\"\""), Some(strong(b"")));
        assert_eq!(EntityTag::parse(b"\"\x80\xff\""), Some(strong(b"\x80\xff")));
    }

    #[test]
    fn what_is_no_entity_tag_is_refused() {
        for octets in [
            &b""[..],
            b"a",
            b"\"",
            b"\"a",
            b"a\"",
            b"w/\"a\"",
            b"W/a",
            b"W/",
            b"W\"a\"",
            b"W/ \"a\"",
            b"\"a b\"",
            b"\"a\tb\"",
            b"\"\x00\"",
            b"\"\x7f\"",
            b"\"a\"b",
            b"\"a\" ",
            b" \"a\"",
            b"'a'",
            b"\"a\"\"",
            b"*",
        ] {
            assert_eq!(EntityTag::parse(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn the_table_of_comparisons_holds() {
        // RFC 9110 §8.8.3.2, Table 3.
        for (one, other, is_strong, is_weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"a\"", "\"A\"", false, false),
        ] {
            let one = EntityTag::parse(one.as_bytes()).unwrap();
            let other = EntityTag::parse(other.as_bytes()).unwrap();
            assert_eq!(one.strong_matches(&other), is_strong);
            assert_eq!(other.strong_matches(&one), is_strong);
            assert_eq!(one.weak_matches(&other), is_weak);
        }
    }

    #[test]
    fn what_is_rendered_is_read_back() {
        for octets in [&b"\"a,b\""[..], b"W/\"\""] {
            let mut out = Vec::new();
            EntityTag::parse(octets).unwrap().render_to(&mut out);
            assert_eq!(out, octets);
        }
    }

    #[test]
    fn a_list_spans_field_lines_and_skips_empty_members() {
        let lines: [&[u8]; 3] = [b", \"a\" ,,\t\"b\",", b"", b"W/\"c\""];
        let weak = EntityTag {
            weak: true,
            opaque: b"c",
        };
        assert_eq!(
            list(&lines),
            [
                Ok(Listed::Tag(strong(b"a"))),
                Ok(Listed::Tag(strong(b"b"))),
                Ok(Listed::Tag(weak))
            ]
        );
    }

    #[test]
    fn a_comma_or_a_backslash_inside_a_tag_is_part_of_it() {
        assert_eq!(list(&[b"\"a,b\""]), [Ok(Listed::Tag(strong(b"a,b")))]);
        assert_eq!(
            list(&[b"\"a\\\", \"b\""]),
            [
                Ok(Listed::Tag(strong(b"a\\"))),
                Ok(Listed::Tag(strong(b"b")))
            ]
        );
    }

    #[test]
    fn a_malformed_member_is_reported_and_the_next_one_read() {
        for bad in [
            &b"a"[..],
            b"\"a\" \"b\"",
            b"\"a\"x",
            b"\"a b\"",
            b"**",
            b"*x",
            b"w/\"a\"",
        ] {
            let line = [bad, b", \"z\""].concat();
            assert_eq!(
                list(&[&line]),
                [Err(Malformed), Ok(Listed::Tag(strong(b"z")))],
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_star_is_valid_only_alone() {
        let matched = |lines: &[&[u8]]| match_list(lines.iter().copied(), |_| true);
        assert_eq!(matched(&[b"*"]), Ok(ListMatch::Any));
        assert_eq!(matched(&[b" *, "]), Ok(ListMatch::Any));
        assert_eq!(matched(&[b"*, \"a\""]), Err(Malformed));
        assert_eq!(matched(&[b"\"a\"", b"*"]), Err(Malformed));
        assert_eq!(matched(&[b"*", b"*"]), Err(Malformed));
    }

    #[test]
    fn a_list_without_members_is_malformed() {
        assert_eq!(match_list([&b""[..], b" , "], |_| true), Err(Malformed));
    }

    #[test]
    fn one_matching_tag_is_enough_but_the_rest_must_be_well_formed() {
        let matched = |line: &'static [u8]| match_list([line], |tag| tag.opaque == b"b");
        assert_eq!(matched(b"\"a\", \"b\", \"c\""), Ok(ListMatch::Tag));
        assert_eq!(matched(b"\"a\", \"c\""), Ok(ListMatch::None));
        assert_eq!(matched(b"\"b\", c"), Err(Malformed));
    }
}
