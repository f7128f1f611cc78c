use super::*;

/// Merges only what overlaps or touches.
const EXACT: Limits = Limits {
    ranges_max: 10,
    gap_octets_max: 0,
};

fn ask(value: &str, length: u64) -> RangeRequest {
    parse(value.as_bytes(), length, &EXACT)
}

fn ranges(value: &str, length: u64) -> Vec<(u64, u64)> {
    match ask(value, length) {
        RangeRequest::Satisfiable(ranges) => ranges
            .as_slice()
            .iter()
            .map(|range| (range.first, range.last))
            .collect(),
        other => panic!("{value}: {other:?}"),
    }
}

fn ignored(value: &[u8]) -> Ignored {
    match parse(value, 100, &EXACT) {
        RangeRequest::Ignored(why) => why,
        other => panic!("{value:?}: {other:?}"),
    }
}

#[test]
fn a_range_has_both_ends_inside() {
    assert_eq!(ranges("bytes=0-0", 10), [(0, 0)]);
    assert_eq!(ranges("bytes=0-9", 10), [(0, 9)]);
    assert_eq!(ranges("bytes=2-5", 10), [(2, 5)]);
    assert_eq!(ByteRange { first: 2, last: 5 }.octets(), 4);
}

#[test]
fn a_range_without_an_end_or_beyond_it_reaches_to_the_end() {
    assert_eq!(ranges("bytes=4-", 10), [(4, 9)]);
    assert_eq!(ranges("bytes=4-10", 10), [(4, 9)]);
    assert_eq!(ranges("bytes=9-99999999999999999999999", 10), [(9, 9)]);
}

#[test]
fn a_suffix_is_the_last_octets_or_all() {
    assert_eq!(ranges("bytes=-1", 10), [(9, 9)]);
    assert_eq!(ranges("bytes=-10", 10), [(0, 9)]);
    assert_eq!(ranges("bytes=-11", 10), [(0, 9)]);
    assert_eq!(ranges("bytes=-99999999999999999999999", 10), [(0, 9)]);
}

#[test]
fn a_suffix_of_no_octets_is_unsatisfiable() {
    assert_eq!(ask("bytes=-0", 10), RangeRequest::Unsatisfiable);
    assert_eq!(ask("bytes=-000", 10), RangeRequest::Unsatisfiable);
    assert_eq!(ask("bytes=-0", 0), RangeRequest::Unsatisfiable);
}

#[test]
fn a_range_behind_the_end_is_unsatisfiable() {
    for value in [
        "bytes=10-",
        "bytes=10-20",
        "bytes=18446744073709551615-",
        "bytes=18446744073709551616-",
        "bytes=18446744073709551616-18446744073709551617",
        "bytes=99999999999999999999999999-99999999999999999999999999",
    ] {
        assert_eq!(ask(value, 10), RangeRequest::Unsatisfiable, "{value}");
    }
}

#[test]
fn an_empty_representation_satisfies_no_position() {
    assert_eq!(ask("bytes=0-", 0), RangeRequest::Unsatisfiable);
    assert_eq!(ask("bytes=0-0", 0), RangeRequest::Unsatisfiable);
}

#[test]
fn the_end_of_an_empty_representation_is_the_whole_of_it() {
    let whole = RangeRequest::Ignored(Ignored::EmptyRepresentation);
    assert_eq!(ask("bytes=-5", 0), whole);
    assert_eq!(ask("bytes=0-0,-5", 0), whole);
}

#[test]
fn the_largest_representation_overflows_nothing() {
    assert_eq!(ranges("bytes=0-", u64::MAX), [(0, u64::MAX - 1)]);
    assert_eq!(
        ranges("bytes=-1,0-0", u64::MAX),
        [(u64::MAX - 1, u64::MAX - 1), (0, 0)]
    );
    assert_eq!(
        ask("bytes=18446744073709551615-", u64::MAX),
        RangeRequest::Unsatisfiable
    );
}

#[test]
fn the_unit_is_read_in_any_case() {
    assert_eq!(ranges("BYTES=0-1", 10), [(0, 1)]);
    assert_eq!(ranges("Bytes=0-1", 10), [(0, 1)]);
}

#[test]
fn another_unit_is_ignored() {
    for value in [&b"lines=0-1"[..], b"byte=0-1", b"octets=", b"bytesx=0-1"] {
        assert_eq!(ignored(value), Ignored::UnknownUnit);
    }
}

#[test]
fn an_invalid_value_is_ignored() {
    for value in [
        &b""[..],
        b"bytes",
        b"bytes=",
        b"bytes=,",
        b"bytes= ",
        b"bytes=-",
        b"bytes=--1",
        b"bytes=1",
        b"bytes=a-b",
        b"bytes=0-b",
        b"bytes=a-",
        b"bytes=0x1-",
        b"bytes=+0-4",
        b"bytes=0-+4",
        b"bytes=1-2-3",
        b"bytes=0-1;2-3",
        b"bytes=0-1,x",
        b"bytes=0-1,5-4",
        b"bytes:0-1",
        b"=0-1",
        b"bytes =0-1",
        b"bytes= 0-1",
        b"bytes=0-1 ",
        b"bytes=\t0-1",
        b"bytes=0 -1",
        b"bytes=0- 1",
        b"bytes=0 1-2",
        b"bytes=0-1 2-3",
        b"bytes=\x000-1",
        b"bytes=0-1\x0b,2-3",
        b"bytes=\"0-1\"",
        b"bytes=0.5-1",
        b"bytes=*",
        b"bytes==0-1",
        b" bytes=0-1",
        b"bytes=0-1\xff",
    ] {
        assert_eq!(ignored(value), Ignored::Malformed, "{value:?}");
    }
}

#[test]
fn a_last_position_before_the_first_makes_the_value_invalid() {
    assert_eq!(ignored(b"bytes=5-4"), Ignored::Malformed);
    assert_eq!(ignored(b"bytes=500-400"), Ignored::Malformed);
    // Also where both are beyond a u64, and leading zeros mean nothing.
    assert_eq!(
        ignored(b"bytes=99999999999999999999999-99999999999999999999998"),
        Ignored::Malformed
    );
    assert_eq!(
        ignored(b"bytes=5-0000000000000000000000004"),
        Ignored::Malformed
    );
    assert_eq!(ranges("bytes=0000000000000000000000005-6", 10), [(5, 6)]);
}

#[test]
fn whitespace_and_empty_members_may_stand_around_commas() {
    assert_eq!(
        ranges("bytes=0-0 ,\t2-2, ,4-4", 10),
        [(0, 0), (2, 2), (4, 4)]
    );
    assert_eq!(ranges("bytes=,0-0,", 10), [(0, 0)]);
    assert_eq!(ranges("bytes= ,0-0, ", 10), [(0, 0)]);
}

#[test]
fn unsatisfiable_ranges_beside_others_are_left_out() {
    assert_eq!(ranges("bytes=100-200,0-0,-0", 10), [(0, 0)]);
    assert_eq!(ask("bytes=100-200,-0", 10), RangeRequest::Unsatisfiable);
}

#[test]
fn ranges_apart_keep_the_order_asked_for() {
    assert_eq!(ranges("bytes=8-9,0-1,4-5", 10), [(8, 9), (0, 1), (4, 5)]);
}

#[test]
fn ranges_that_overlap_or_touch_become_one_in_the_first_place() {
    assert_eq!(ranges("bytes=4-6,0-1,5-8", 10), [(4, 8), (0, 1)]);
    assert_eq!(ranges("bytes=4-6,0-3", 10), [(0, 6)]);
    assert_eq!(ranges("bytes=0-,0-,0-", 10), [(0, 9)]);
    assert_eq!(ranges("bytes=0-9,3-4", 10), [(0, 9)]);
}

#[test]
fn ranges_a_small_gap_apart_become_one() {
    let limits = Limits {
        gap_octets_max: 80,
        ..Limits::default()
    };
    let merged = |value: &[u8]| match parse(value, 10_000, &limits) {
        RangeRequest::Satisfiable(ranges) => ranges.as_slice().len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(merged(b"bytes=0-99,180-200"), 1);
    assert_eq!(merged(b"bytes=0-99,181-200"), 2);
}

#[test]
fn too_many_ranges_are_ignored_whatever_they_are() {
    let many = |count: usize, range: &str| format!("bytes={}", vec![range; count].join(","));
    assert_eq!(ranges(&many(10, "0-"), 100), [(0, 99)]);
    for range in ["0-", "5-4", "200-300", "-1"] {
        let value = many(1300, range);
        let why = ignored(value.as_bytes());
        assert!(
            matches!(why, Ignored::TooMany | Ignored::Malformed),
            "{range}"
        );
    }
    assert_eq!(ignored(many(11, "0-0").as_bytes()), Ignored::TooMany);
    assert_eq!(ignored(many(11, "200-300").as_bytes()), Ignored::TooMany);
}

#[test]
fn all_ranges_together_are_never_longer_than_the_representation() {
    for value in [
        "bytes=0-,5-,-3,2-4",
        "bytes=9-9,0-8,0-9",
        "bytes=0-4,6-9,5-5",
        "bytes=-9,-8,-7,0-0",
    ] {
        let sum: u64 = ranges(value, 10)
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum();
        assert!(sum <= 10, "{value}");
    }
}

#[test]
fn content_range_is_written_in_full() {
    assert_eq!(content_range(0, 0, 1).as_octets(), b"bytes 0-0/1");
    assert_eq!(
        content_range(42, 1233, 1234).as_octets(),
        b"bytes 42-1233/1234"
    );
    let largest = content_range(u64::MAX, u64::MAX, u64::MAX);
    let number = "18446744073709551615";
    assert_eq!(
        largest.as_octets(),
        format!("bytes {number}-{number}/{number}").as_bytes()
    );
    assert_eq!(largest.as_octets().len(), ContentRange::OCTETS_MAX);
}

#[test]
fn an_unsatisfied_content_range_names_the_length_alone() {
    assert_eq!(unsatisfied_content_range(0).as_octets(), b"bytes */0");
    assert_eq!(
        unsatisfied_content_range(10_000).as_octets(),
        b"bytes */10000"
    );
}
