//! What holds for all parsers at once: no octets make one panic, and none of them reads a
//! different thing twice.

use super::date::HttpDate;
use super::precondition::{Conditions, Method, Validators, evaluate};
use super::{
    accept, cache_control, connection, content_length, entity_tag, expect, host, list,
    max_forwards, precondition, range, transfer_encoding,
};

const NOW: HttpDate = HttpDate::from_unix(1_700_000_000);

/// Gives two field lines to every parser and returns what they said.
fn ask_all(one: &[u8], other: &[u8]) -> String {
    let lines = [one, other];
    let conditions = Conditions {
        if_match: &lines,
        if_none_match: &lines,
        if_modified_since: Some(one),
        if_unmodified_since: Some(other),
        if_range: Some(one),
    };
    let none = Conditions {
        if_match: &[],
        ..conditions
    };
    let current = Validators {
        etag: entity_tag::EntityTag::parse(b"\"a\""),
        last_modified: Some(NOW),
    };
    let accept = accept::Accept::new(lines);
    let ranges =
        [0, 10, u64::MAX].map(|length| range::parse(one, length, &range::Limits::default()));
    for answer in &ranges {
        if let range::RangeRequest::Satisfiable(ranges) = answer {
            assert!(
                ranges
                    .as_slice()
                    .iter()
                    .all(|range| range.first <= range.last && range.octets() > 0)
            );
        }
    }
    [
        format!("{:?}", HttpDate::parse(one, NOW)),
        format!("{:?}", entity_tag::entity_tags(lines).collect::<Vec<_>>()),
        format!(
            "{:?}",
            evaluate(&conditions, Method::GetOrHead, Some(&current), NOW)
        ),
        format!("{:?}", evaluate(&none, Method::Other, None, NOW)),
        format!(
            "{:?}",
            precondition::range_applies(Some(one), &current, NOW)
        ),
        format!("{ranges:?}"),
        format!("{:?}", accept.quality("text", "html")),
        format!("{:?}", accept.best_of(&["text/html; charset=utf-8", "a/b"])),
        format!("{:?}", accept::weighted_list(lines).collect::<Vec<_>>()),
        format!("{:?}", content_length::parse(lines)),
        format!("{:?}", transfer_encoding::parse(lines)),
        format!(
            "{:?}",
            transfer_encoding::codings(lines).collect::<Vec<_>>()
        ),
        format!("{:?}", connection::Connection::parse(lines)),
        format!("{:?}", host::Host::parse(one)),
        format!("{:?}", expect::parse(lines)),
        format!("{:?}", max_forwards::parse(one)),
        format!("{:?}", cache_control::directives(lines).collect::<Vec<_>>()),
        format!("{:?}", cache_control::render(&String::from_utf8_lossy(one))),
        format!("{:?}", list::has_empty_member(one)),
    ]
    .join("\n")
}

/// A small generator of octets that parsers care about: the seed is the whole input.
struct Octets(u64);

impl Octets {
    fn next(&mut self) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    fn line(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 36] = [
            b"",
            b",",
            b", ",
            b"\t",
            b" ",
            b"\"",
            b"\\",
            b";",
            b"=",
            b"*",
            b"/",
            b"-",
            b"W/",
            b"\"a\"",
            b"bytes=",
            b"0-",
            b"-5",
            b"18446744073709551616",
            b"0",
            b"1",
            b"q=0.5",
            b"text",
            b"chunked",
            b"gzip",
            b"close",
            b"100-continue",
            b"[::1]",
            b":",
            b"%4",
            b"\x00",
            b"\x0b",
            b"\xff",
            b"\xe2\x82\xac",
            b"GMT",
            b"Sun, 06 Nov ",
            b"max-age=1",
        ];
        let pieces = self.next() % 9;
        (0..pieces)
            .flat_map(|_| PIECES[self.next() % PIECES.len()].iter().copied())
            .collect()
    }
}

#[test]
fn no_octets_make_a_parser_panic_or_change_its_mind() {
    for seed in 0..20_000 {
        let mut octets = Octets(seed);
        let (one, other) = (octets.line(), octets.line());
        assert_eq!(ask_all(&one, &other), ask_all(&one, &other), "seed {seed}");
    }
}

#[test]
fn every_single_octet_and_every_pair_is_survived() {
    for first in 0..=255 {
        ask_all(&[first], &[first]);
        for second in 0..=255 {
            ask_all(&[first, second], b"");
        }
    }
}

#[test]
fn lines_of_a_hundred_thousand_members_are_read_to_their_end() {
    for piece in [
        &b","[..],
        b"a,",
        b"\"a\",",
        b"\"",
        b"\\",
        b"\"\\",
        b";",
        b"a;",
        b" ",
        b"0-0,",
        b"*,",
        b"W/",
        b"5,",
    ] {
        let line = piece.repeat(100_000);
        ask_all(&line, &line);
    }
    assert_eq!(list::members(&b"a,".repeat(100_000)).count(), 100_000);
}
