//! `Transfer-Encoding` (RFC 9112 §6.1, §7): what its lines name, in which order. What becomes
//! of it is for the framing to decide (RFC 9112 §6.3).
//!
//! ```
//! use hansom_semantics::fields::transfer_encoding::{TransferEncoding, parse};
//!
//! let lines: [&[u8]; 2] = [b"gzip", b"Chunked"];
//! assert_eq!(parse(lines), Some(TransferEncoding::ChunkedFinal { others: 1 }));
//! ```

use super::list::{Malformed, ParameterGrammar, Parameters, members_of, parameters, split_token};

/// What all lines of `Transfer-Encoding` say together.
///
/// Of several faults the first listed here is reported: `Malformed`, `ChunkedParameters`,
/// `ChunkedRepeated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    /// A member that does not follow the grammar (RFC 9112 §7), such as a coding with a control
    /// character before or behind it: SP and HTAB alone are whitespace (RFC 9110 §5.6.3).
    Malformed,
    /// Chunked with a parameter, which it does not define: to be treated as an error
    /// (RFC 9112 §7.1).
    ChunkedParameters,
    /// Chunked more than once, which a sender must not do (RFC 9112 §6.1).
    ChunkedRepeated,
    /// Lines without a member.
    Empty,
    /// Chunked and nothing else.
    ChunkedOnly,
    /// Chunked last, after other codings: the length is known, the content is coded.
    ChunkedFinal {
        /// How many codings come before.
        others: usize,
    },
    /// Chunked, but with other codings after it (RFC 9112 §6.3 rule 4).
    ChunkedNotFinal {
        /// How many codings there are beside it.
        others: usize,
    },
    /// Other codings only (RFC 9112 §6.3 rule 4).
    NotChunked {
        /// How many.
        others: usize,
    },
}

/// Reads all lines of the field; `None` when there is none.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<TransferEncoding> {
    let mut lines = lines.into_iter().peekable();
    lines.peek()?;
    let (mut chunked, mut others, mut is_last) = (0_usize, 0_usize, false);
    let mut has_parameters = false;
    for coding in codings(lines) {
        let Ok(coding) = coding else {
            return Some(TransferEncoding::Malformed);
        };
        is_last = coding.is_chunked();
        if is_last {
            chunked += 1;
            has_parameters |= coding.parameters().next().is_some();
        } else {
            others += 1;
        }
    }
    Some(match (chunked, others) {
        _ if has_parameters => TransferEncoding::ChunkedParameters,
        (0, 0) => TransferEncoding::Empty,
        (0, others) => TransferEncoding::NotChunked { others },
        (1, 0) => TransferEncoding::ChunkedOnly,
        (1, others) if is_last => TransferEncoding::ChunkedFinal { others },
        (1, others) => TransferEncoding::ChunkedNotFinal { others },
        _ => TransferEncoding::ChunkedRepeated,
    })
}

/// The codings in the order they were applied, each checked with its parameters.
pub fn codings<'a, I>(lines: I) -> impl Iterator<Item = Result<Coding<'a>, Malformed>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    members_of(lines).map(|member| {
        let (name, rest) = split_token(member);
        let coding = Coding { name, rest };
        let is_valid = !name.is_empty() && coding.parameters().all(|parameter| parameter.is_ok());
        if is_valid { Ok(coding) } else { Err(Malformed) }
    })
}

/// One transfer coding (RFC 9112 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding<'a> {
    /// Its name; the case means nothing.
    pub name: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Coding<'a> {
    /// Whether it is the chunked coding (RFC 9112 §7.1).
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.name.eq_ignore_ascii_case(b"chunked")
    }

    /// Whether it is one of the registered compressions, or their aliases (RFC 9112 §7.2).
    #[must_use]
    pub fn is_compression(&self) -> bool {
        const KNOWN: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
        KNOWN
            .iter()
            .any(|known| self.name.eq_ignore_ascii_case(known))
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        parameters(self.rest, ParameterGrammar::Transfer)
    }
}

#[cfg(test)]
mod tests {
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
}
