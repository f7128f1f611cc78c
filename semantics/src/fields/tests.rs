//! What holds for all parsers at once: no octets make one panic, and a list means the same on
//! one line as on several.

use std::hint::black_box;

use super::date::HttpDate;
use super::precondition::{Conditions, Method, Validators, evaluate};
use super::{
    accept, cache_control, connection, content_length, entity_tag, expect, host, list,
    max_forwards, precondition, range, transfer_encoding,
};

const NOW: HttpDate = HttpDate::from_unix(1_700_000_000);

/// Gives two field lines to every parser.
fn ask_all(one: &[u8], other: &[u8]) {
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
    black_box(HttpDate::parse(one, NOW));
    black_box(entity_tag::entity_tags(lines).count());
    black_box(evaluate(
        &conditions,
        Method::GetOrHead,
        Some(&current),
        NOW,
    ));
    black_box(precondition::range_applies(Some(one), &current, NOW));
    black_box(evaluate(&none, Method::Other, None, NOW));
    black_box(accept.quality("text", "html"));
    black_box(accept.best_of(&["text/html; charset=utf-8", "a/b"]));
    black_box(accept::weighted_list(lines).count());
    black_box(content_length::parse(lines));
    black_box(transfer_encoding::parse(lines));
    black_box(connection::Connection::parse(lines));
    black_box(host::Host::parse(one).is_ok());
    black_box(expect::parse(lines));
    black_box(max_forwards::parse(one));
    black_box(cache_control::directives(lines).count());
    black_box(cache_control::render(&String::from_utf8_lossy(one)).is_ok());
    black_box(list::has_empty_member(one));
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
fn no_octets_make_a_parser_panic() {
    for seed in 0..20_000 {
        let mut octets = Octets(seed);
        ask_all(&octets.line(), &octets.line());
    }
}

/// RFC 9110 §5.3: the lines of a list may be joined by a comma and a space.
#[test]
fn two_lines_mean_what_they_mean_joined() {
    for seed in 0..20_000 {
        let mut octets = Octets(seed);
        let (one, other) = (octets.line(), octets.line());
        let joined = [&one[..], b", ", &other].concat();
        let (lines, line) = ([&one[..], &other], [&joined[..]]);
        assert_eq!(
            entity_tag::entity_tags(lines).collect::<Vec<_>>(),
            entity_tag::entity_tags(line).collect::<Vec<_>>(),
            "seed {seed}"
        );
        assert_eq!(
            content_length::parse(lines),
            content_length::parse(line),
            "seed {seed}"
        );
        // A quoted string left open on one line would go on behind the comma of the joined one.
        if one.contains(&b'"') {
            continue;
        }
        assert!(
            list::members_of(lines).eq(list::members_of(line)),
            "seed {seed}"
        );
        assert_eq!(
            transfer_encoding::parse(lines),
            transfer_encoding::parse(line),
            "seed {seed}"
        );
        assert_eq!(
            connection::Connection::parse(lines),
            connection::Connection::parse(line),
            "seed {seed}"
        );
        assert_eq!(expect::parse(lines), expect::parse(line), "seed {seed}");
    }
}

/// Whatever is asked for: in bounds, apart from one another, in all no more than there is.
#[test]
fn the_ranges_to_send_lie_apart_inside_the_representation() {
    let limits = range::Limits {
        ranges_max: 8,
        gap_octets_max: 2,
    };
    let mut satisfiable = 0;
    for seed in 0..20_000 {
        let mut octets = Octets(seed);
        let length = octets.next() as u64 % 40;
        let specs: Vec<String> = (0..octets.next() % 9)
            .map(
                |_| match (octets.next() % 45, octets.next() % 45, octets.next() % 3) {
                    (first, _, 0) => format!("{first}-"),
                    (suffix, _, 1) => format!("-{suffix}"),
                    (first, more, _) => format!("{first}-{}", first + more % 4),
                },
            )
            .collect();
        let value = format!("bytes={}", specs.join(","));
        let range::RangeRequest::Satisfiable(ranges) =
            range::parse(value.as_bytes(), length, &limits)
        else {
            continue;
        };
        satisfiable += 1;
        let mut sorted = ranges.as_slice().to_vec();
        sorted.sort_by_key(|range| range.first);
        assert!(!sorted.is_empty(), "{value}");
        assert!(
            sorted
                .iter()
                .all(|range| range.first <= range.last && range.last < length),
            "{value}"
        );
        for pair in sorted.windows(2) {
            assert!(
                pair[0].last + 1 + limits.gap_octets_max < pair[1].first,
                "{value} of {length}"
            );
        }
    }
    assert!(satisfiable > 1_000);
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
fn lines_of_twenty_thousand_members_are_read_to_their_end() {
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
        let line = piece.repeat(20_000);
        ask_all(&line, &line);
    }
    assert_eq!(list::members(&b"a,".repeat(20_000)).count(), 20_000);
}
