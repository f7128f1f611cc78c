//! `Via` (RFC 9110 §7.6.3): every message that passes says so, and one that passed before is seen.

use semantics::fields::via::hops;
use semantics::{Known, Section, Version};

use crate::passage::Passage;
use crate::place::{Place, number};

/// What is written of Via.
#[derive(Debug)]
pub(crate) struct Via<'a> {
    /// The whole value, or the only member of a line of its own.
    pub(crate) value: Place<'a>,
    /// Whether it replaces the last line that was received.
    pub(crate) is_in_line: bool,
    /// Whether the message passed here before.
    pub(crate) is_loop: bool,
}

impl<'a> Via<'a> {
    /// Our own member behind those received.
    #[inline]
    pub(crate) fn of(
        section: Section<'a>,
        version: Version,
        passage: &'a Passage,
        made: &mut Vec<u8>,
    ) -> Self {
        if !section.has(Known::Via) && version == Version::HTTP_11 {
            return Self {
                value: Place::Given(&passage.via_11),
                is_in_line: false,
                is_loop: false,
            };
        }
        let mut is_loop = false;
        for hop in hops(section.all(Known::Via)).flatten() {
            is_loop |= hop.is_named(passage.name().as_bytes());
        }
        // Behind what is malformed our own member might be read as the end of a comment: it gets a line of its own.
        let last = section.all(Known::Via).last();
        let last = last.filter(|last| hops([*last]).all(|hop| hop.is_ok()));
        Self {
            value: Place::made(made, |out| member(last, version, passage, out)),
            is_in_line: last.is_some(),
            is_loop,
        }
    }
}

/// Appends a line's value with our own member.
pub(crate) fn member(last: Option<&[u8]>, version: Version, passage: &Passage, out: &mut Vec<u8>) {
    if let Some(last) = last.filter(|last| !last.is_empty()) {
        out.extend_from_slice(last);
        out.extend_from_slice(b", ");
    }
    number(u32::from(version.major), out);
    out.push(b'.');
    number(u32::from(version.minor), out);
    out.push(b' ');
    out.extend_from_slice(passage.name().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;
    use crate::testing::with_request;

    /// The value, whether it is in the last line, and whether there is a loop.
    fn via(version: &str, fields: &str) -> (String, bool, bool) {
        let passage = Passage::new("edge-1", Scheme::Http, "a").unwrap();
        let octets = format!("GET / {version}\r\nHost: a\r\n{fields}\r\n");
        with_request(&octets, |head| {
            let mut made = Vec::new();
            let via = Via::of(head.section(), head.version(), &passage, &mut made);
            let value = String::from_utf8(via.value.of(&made).to_vec()).unwrap();
            (value, via.is_in_line, via.is_loop)
        })
    }

    #[test]
    fn our_member_follows_those_received() {
        // table
        for (version, fields, value, is_in_line) in [
            ("HTTP/1.1", "", "1.1 edge-1", false),
            ("HTTP/1.0", "", "1.0 edge-1", false),
            (
                "HTTP/1.1",
                "Via: 1.0 a (x, y)\r\n",
                "1.0 a (x, y), 1.1 edge-1",
                true,
            ),
            (
                "HTTP/1.1",
                "via: 1.0 a\r\nVIA: 1.0 b\r\n",
                "1.0 b, 1.1 edge-1",
                true,
            ),
            ("HTTP/1.1", "Via:\r\n", "1.1 edge-1", true),
            ("HTTP/1.1", "Via: 1.0 evil (\r\n", "1.1 edge-1", false),
            ("HTTP/1.1", "Via: x\r\n", "1.1 edge-1", false),
        ] {
            assert_eq!(
                via(version, fields),
                (value.into(), is_in_line, false),
                "{fields}"
            );
        }
    }

    #[test]
    fn who_was_here_before_is_in_a_loop() {
        // table
        for (fields, expected) in [
            ("Via: 1.1 edge-1\r\n", true),
            ("Via: 1.1 EDGE-1:8080 (x)\r\n", true),
            ("Via: 1.1 a, 1.0 edge-1, 1.1 b\r\n", true),
            ("Via: 1.1 edge-1\r\nVia: 1.1 b\r\n", true),
            ("Via: 1.1 evil (, 1.1 edge-1\r\n", true),
            ("Via: 1.1 edge-10\r\n", false),
            ("Via: 1.1 a (1.1 edge-1)\r\n", false),
            ("Via: edge-1\r\n", false),
        ] {
            assert_eq!(via("HTTP/1.1", fields).2, expected, "{fields}");
        }
    }
}
