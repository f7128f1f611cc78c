use super::*;
use TransferEncoding::{
    ChunkedFinal, ChunkedNotFinal, ChunkedOnly, ChunkedParameters, ChunkedRepeated, Empty,
    NotChunked,
};

fn one(line: &[u8]) -> TransferEncoding {
    parse([line]).unwrap()
}

#[test]
fn chunked_is_read_in_any_case_and_between_whitespace() {
    for line in [
        &b"chunked"[..],
        b"Chunked",
        b"CHUNKED",
        b"\tchunked ",
        b",chunked, ,",
    ] {
        assert_eq!(one(line), ChunkedOnly, "{line:?}");
    }
}

#[test]
fn no_line_and_an_empty_line_are_told_apart() {
    assert_eq!(parse([]), None);
    assert_eq!(one(b""), Empty);
    assert_eq!(parse([&b" ,"[..], b""]), Some(Empty));
}

#[test]
fn the_place_of_chunked_is_told() {
    assert_eq!(one(b"gzip, chunked"), ChunkedFinal { others: 1 });
    assert_eq!(one(b"a, b, chunked"), ChunkedFinal { others: 2 });
    assert_eq!(one(b"chunked, gzip"), ChunkedNotFinal { others: 1 });
    assert_eq!(one(b"a, chunked, b"), ChunkedNotFinal { others: 2 });
    assert_eq!(one(b"gzip"), NotChunked { others: 1 });
    assert_eq!(one(b"identity"), NotChunked { others: 1 });
    assert_eq!(one(b"xchunked"), NotChunked { others: 1 });
    assert_eq!(one(b"chunked-"), NotChunked { others: 1 });
}

#[test]
fn several_lines_are_one_list() {
    assert_eq!(
        parse([&b"gzip"[..], b"chunked"]),
        Some(ChunkedFinal { others: 1 })
    );
    assert_eq!(
        parse([&b"chunked"[..], b"gzip"]),
        Some(ChunkedNotFinal { others: 1 })
    );
    assert_eq!(parse([&b"chunked"[..], b""]), Some(ChunkedOnly));
}

#[test]
fn chunked_more_than_once_is_told() {
    assert_eq!(one(b"chunked, chunked"), ChunkedRepeated);
    assert_eq!(one(b"chunked, gzip, chunked"), ChunkedRepeated);
    assert_eq!(parse([&b"chunked"[..], b"Chunked"]), Some(ChunkedRepeated));
}

#[test]
fn chunked_with_a_parameter_is_told() {
    assert_eq!(one(b"chunked;a=b"), ChunkedParameters);
    assert_eq!(one(b"gzip, chunked ; a = \"b\""), ChunkedParameters);
    assert_eq!(one(b"chunked;q=1, gzip"), ChunkedParameters);
}

#[test]
fn controls_and_other_octets_beside_a_coding_are_no_whitespace() {
    for line in [
        &b"\x0bchunked"[..],
        b"chunked\x0b",
        b"\x0cchunked",
        b"chunked\x00",
        b"\x00chunked",
        b"chunked\r",
        b"\xa0chunked",
        b"chunked\x85",
        b"chun\x00ked",
        b"chun ked",
        b"chunked gzip",
        b"\"chunked\"",
        b"'chunked'x:",
        b"chunked;",
        b"chunked; ",
        b";chunked",
        b"=chunked",
        b"chunked=1",
        b"chunked:",
        b"[chunked]",
        b"chunked/1",
        b"gzip;a",
        b"gzip;a=",
        b"gzip;=b",
        b"gzip;a=\"b",
        b"\x0b, chunked",
        b"chunked, \x0b",
    ] {
        assert_eq!(one(line), TransferEncoding::Malformed, "{line:?}");
    }
}

#[test]
fn a_quoted_parameter_hides_no_coding() {
    assert_eq!(one(b"gzip;a=\"b, chunked\""), NotChunked { others: 1 });
    assert_eq!(
        one(b"gzip;a=\"b\\\", chunked\", chunked"),
        ChunkedFinal { others: 1 }
    );
    assert_eq!(one(b"gzip;a=\"b, chunked"), TransferEncoding::Malformed);
}

#[test]
fn codings_come_with_their_parameters() {
    let all: Vec<_> = codings([&b"x-gzip;a = b;c=d, foo"[..]])
        .map(Result::unwrap)
        .collect();
    let [gzip, foo] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert!(gzip.is_compression() && gzip.parameters().count() == 2);
    assert!(!foo.is_compression() && foo.parameters().count() == 0);
}
