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
mod tests;
