//! Records of FastCGI 1.0, without I/O: what is said to an application, and what it says.
//!
//! One request at a time is on a connection, with the id 1. What comes is read in place: content of records is told as ranges of
//! the octets given, and nothing is held but headers of 8 octets, so nothing that an application sends can grow.

use std::ops::Range;

/// What an application sends, record by record.
///
/// ```text
///  Header --8 octets--> Content --all--> Padding --all--> Header
///                 \--> Ending (8 octets) --> Padding --> Ended
/// ```
#[derive(Debug)]
pub struct Records {
    state: State,
    is_output_over: bool,
    ends: Option<Ending>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header {
        held: [u8; HEAD_OCTETS],
        count: usize,
    },
    Content {
        kind: Kind,
        left: u16,
        padding: u8,
    },
    Ending {
        held: [u8; HEAD_OCTETS],
        count: usize,
        padding: u8,
    },
    Padding(u8),
    Ended,
}

/// Whose content it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Output,
    Error,
    /// Of the connection as a whole, which nobody asked for.
    Management,
}

/// Something that an application said. Ranges are of the octets that were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Octets of its answer.
    Output(Range<usize>),
    /// Octets for the people who run it.
    Error(Range<usize>),
    /// The request is over, with all padding.
    End(Ending),
}

/// How a request ended (FastCGI §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was answered; the status is that of a program that exits.
    Complete {
        /// 0 where all went well.
        status: u32,
    },
    /// The application takes one request at a time on a connection.
    CannotMultiplex,
    /// It has no room.
    Overloaded,
    /// It is no responder.
    UnknownRole,
}

/// What an application may not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// A version that is not 1: these are no records (FastCGI §3.3).
    Version,
    /// A record of a request that is not there (FastCGI §3.3).
    RequestId,
    /// A record that only we may send, or none that is known (FastCGI §8).
    Kind,
    /// An end of another length than 8 octets, or none that is known (FastCGI §5.5).
    Ending,
    /// Octets of an answer after its end (FastCGI §5.3).
    AfterEnd,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            state: State::header(),
            is_output_over: false,
            ends: None,
        }
    }
}

impl State {
    fn header() -> Self {
        Self::Header {
            held: [0; HEAD_OCTETS],
            count: 0,
        }
    }
}

impl Records {
    /// The next that was said in `octets` from `at` on, which moves past it. `None` when all was read, and more is needed.
    ///
    /// # Errors
    /// What the application may not say. The connection is of no further use.
    pub fn next(&mut self, octets: &[u8], at: &mut usize) -> Result<Option<Said>, RecordError> {
        while let Some(&octet) = octets.get(*at) {
            match &mut self.state {
                State::Header { held, count } => {
                    take(held, count, octet);
                    *at += 1;
                    if *count == HEAD_OCTETS {
                        let head = *held;
                        self.state = self.begin(head)?;
                    }
                }
                State::Content {
                    kind,
                    left,
                    padding,
                } => {
                    let start = *at;
                    let count = usize::from(*left).min(octets.len() - start);
                    *at += count;
                    *left -= u16::try_from(count).unwrap_or(*left);
                    let kind = *kind;
                    if *left == 0 {
                        let padding = *padding;
                        self.state = self.padded(padding);
                    }
                    match kind {
                        Kind::Output => return Ok(Some(Said::Output(start..*at))),
                        Kind::Error => return Ok(Some(Said::Error(start..*at))),
                        Kind::Management => {}
                    }
                }
                State::Ending {
                    held,
                    count,
                    padding,
                } => {
                    take(held, count, octet);
                    *at += 1;
                    if *count == HEAD_OCTETS {
                        let (body, padding) = (*held, *padding);
                        self.ends = Some(ending(body)?);
                        self.state = self.padded(padding);
                    }
                }
                State::Padding(left) => {
                    let count = usize::from(*left).min(octets.len() - *at);
                    *at += count;
                    *left -= u8::try_from(count).unwrap_or(*left);
                    if *left == 0 {
                        self.state = self.padded(0);
                    }
                }
                State::Ended => return Err(RecordError::AfterEnd),
            }
            if matches!(self.state, State::Ended)
                && let Some(ending) = self.ends.take()
            {
                return Ok(Some(Said::End(ending)));
            }
        }
        Ok(None)
    }

    /// Whether the request is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn begin(&mut self, head: [u8; HEAD_OCTETS]) -> Result<State, RecordError> {
        let [version, kind, id1, id0, length1, length0, padding, _] = head;
        if version != VERSION {
            return Err(RecordError::Version);
        }
        let left = u16::from_be_bytes([length1, length0]);
        let id = u16::from_be_bytes([id1, id0]);
        let kind = match (kind, id) {
            // FastCGI §4: values and unknown types; we ask for none, and what nobody asked for is passed over.
            (VALUES_RESULT | UNKNOWN_TYPE, 0) => Kind::Management,
            (STDOUT, REQUEST_ID) if left == 0 => {
                self.is_output_over = true;
                Kind::Output
            }
            (STDOUT, REQUEST_ID) if self.is_output_over => return Err(RecordError::AfterEnd),
            (STDOUT, REQUEST_ID) => Kind::Output,
            (STDERR, REQUEST_ID) => Kind::Error,
            (END_REQUEST, REQUEST_ID) if usize::from(left) == HEAD_OCTETS => {
                return Ok(State::Ending {
                    held: [0; HEAD_OCTETS],
                    count: 0,
                    padding,
                });
            }
            (END_REQUEST, REQUEST_ID) => return Err(RecordError::Ending),
            (STDOUT | STDERR | END_REQUEST, _) => return Err(RecordError::RequestId),
            _ => return Err(RecordError::Kind),
        };
        Ok(match left {
            0 => self.padded(padding),
            left => State::Content {
                kind,
                left,
                padding,
            },
        })
    }

    /// What follows content: padding, if there is any.
    fn padded(&self, padding: u8) -> State {
        match (padding, &self.ends) {
            (0, Some(_)) => State::Ended,
            (0, None) => State::header(),
            (padding, _) => State::Padding(padding),
        }
    }
}

fn take(held: &mut [u8; HEAD_OCTETS], count: &mut usize, octet: u8) {
    if let Some(place) = held.get_mut(*count) {
        *place = octet;
    }
    *count += 1;
}

fn ending(body: [u8; HEAD_OCTETS]) -> Result<Ending, RecordError> {
    let [a, b, c, d, protocol, ..] = body;
    Ok(match protocol {
        0 => Ending::Complete {
            status: u32::from_be_bytes([a, b, c, d]),
        },
        1 => Ending::CannotMultiplex,
        2 => Ending::Overloaded,
        3 => Ending::UnknownRole,
        _ => return Err(RecordError::Ending),
    })
}

/// Whether the connection stays for another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The application closes it.
    No,
    /// It stays (FastCGI §5.1, `FCGI_KEEP_CONN`).
    Yes,
}

/// Writes the begin of a request to a responder, and its meta-variables (FastCGI §5.1, §5.2).
pub fn begin<'a>(
    keep: Keep,
    variables: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) {
    let flags = u8::from(keep == Keep::Yes);
    out.extend_from_slice(&[VERSION, BEGIN_REQUEST, 0, 1, 0, 8, 0, 0]);
    out.extend_from_slice(&[0, RESPONDER, flags, 0, 0, 0, 0, 0]);
    let mut pairs = Vec::with_capacity(2048);
    for (name, value) in variables {
        length(name.len(), &mut pairs);
        length(value.len(), &mut pairs);
        pairs.extend_from_slice(name);
        pairs.extend_from_slice(value);
    }
    stream(PARAMS, &pairs, out);
    end(PARAMS, out);
}

/// Writes octets of the request's content (FastCGI §5.3).
pub fn content(octets: &[u8], out: &mut Vec<u8>) {
    stream(STDIN, octets, out);
}

/// Writes the end of the request's content.
pub fn content_end(out: &mut Vec<u8>) {
    end(STDIN, out);
}

/// One octet up to 127, else four with the highest bit set (FastCGI §3.4).
fn length(octets: usize, out: &mut Vec<u8>) {
    match u8::try_from(octets) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let long = u32::try_from(octets).unwrap_or(u32::MAX) | 0x8000_0000;
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
}

fn stream(kind: u8, octets: &[u8], out: &mut Vec<u8>) {
    for piece in octets.chunks(CONTENT_OCTETS_MAX) {
        let [length1, length0] = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes();
        out.extend_from_slice(&[VERSION, kind, 0, 1, length1, length0, 0, 0]);
        out.extend_from_slice(piece);
    }
}

fn end(kind: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, kind, 0, 1, 0, 0, 0, 0]);
}

const HEAD_OCTETS: usize = 8;
const VERSION: u8 = 1;
const REQUEST_ID: u16 = 1;
const RESPONDER: u8 = 1;
/// The most that a record holds, in whole words of 8 octets.
const CONTENT_OCTETS_MAX: usize = 65_528;

// table: FastCGI §8
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
const VALUES_RESULT: u8 = 10;
const UNKNOWN_TYPE: u8 = 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, id: u8, content: &[u8], padding: u8) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut octets = vec![1, kind, 0, id, length[0], length[1], padding, 0];
        octets.extend_from_slice(content);
        octets.extend(std::iter::repeat_n(0xAA, usize::from(padding)));
        octets
    }

    /// What was said: output, error, and how it ended.
    type Heard = (Vec<u8>, Vec<u8>, Option<Ending>);

    fn heard(pieces: &[&[u8]]) -> Result<Heard, RecordError> {
        let (mut records, mut heard) = (Records::default(), Heard::default());
        for piece in pieces {
            let mut at = 0;
            while let Some(said) = records.next(piece, &mut at)? {
                match said {
                    Said::Output(range) => heard.0.extend_from_slice(&piece[range]),
                    Said::Error(range) => heard.1.extend_from_slice(&piece[range]),
                    Said::End(ending) => heard.2 = Some(ending),
                }
            }
            assert_eq!(at, piece.len());
        }
        Ok(heard)
    }

    fn answer() -> Vec<u8> {
        [
            record(VALUES_RESULT, 0, b"xyz", 3),
            record(STDERR, 1, b"careful", 1),
            record(STDOUT, 1, b"Status: 200\r\n\r\n", 2),
            record(STDOUT, 1, &[b'x'; 300], 0),
            record(STDERR, 1, b"", 0),
            record(STDOUT, 1, b"", 5),
            record(END_REQUEST, 1, &[0, 0, 0, 7, 0, 0, 0, 0], 4),
        ]
        .concat()
    }

    #[test]
    fn the_same_octets_cut_anywhere_say_the_same() {
        let octets = answer();
        let whole = heard(&[&octets]).unwrap();
        assert_eq!(whole.0.len(), 15 + 300);
        assert_eq!(whole.1, b"careful");
        assert_eq!(whole.2, Some(Ending::Complete { status: 7 }));
        for at in 0..=octets.len() {
            let (first, second) = octets.split_at(at);
            assert_eq!(heard(&[first, second]), Ok(whole.clone()), "cut at {at}");
        }
        let single: Vec<_> = octets.chunks(1).collect();
        assert_eq!(heard(&single), Ok(whole));
    }

    #[test]
    fn what_is_no_answer_is_refused_by_name() {
        let end = |protocol| record(END_REQUEST, 1, &[0, 0, 0, 0, protocol, 0, 0, 0], 0);
        // table
        for (octets, error) in [
            (b"HTTP/1.1 200 OK\r\n".to_vec(), RecordError::Version),
            (record(STDOUT, 2, b"x", 0), RecordError::RequestId),
            (record(END_REQUEST, 0, &[0; 8], 0), RecordError::RequestId),
            (record(PARAMS, 1, b"x", 0), RecordError::Kind),
            (record(77, 1, b"", 0), RecordError::Kind),
            (record(VALUES_RESULT, 1, b"", 0), RecordError::Kind),
            (record(END_REQUEST, 1, &[0; 7], 0), RecordError::Ending),
            (end(4), RecordError::Ending),
            (
                [record(STDOUT, 1, b"", 0), record(STDOUT, 1, b"x", 0)].concat(),
                RecordError::AfterEnd,
            ),
            (
                [end(0), record(STDOUT, 1, b"x", 0)].concat(),
                RecordError::AfterEnd,
            ),
        ] {
            assert_eq!(heard(&[&octets]), Err(error), "{octets:?}");
        }
        for (protocol, ending) in [
            (1, Ending::CannotMultiplex),
            (2, Ending::Overloaded),
            (3, Ending::UnknownRole),
        ] {
            assert_eq!(heard(&[&end(protocol)]).unwrap().2, Some(ending));
        }
    }

    #[test]
    fn a_request_is_written_as_the_specification_has_it() {
        let mut out = Vec::new();
        let long = [b'v'; 200];
        let variables = [(&b"A"[..], &b"bc"[..]), (b"LONG", &long)];
        begin(Keep::Yes, variables.into_iter(), &mut out);
        content(b"xyz", &mut out);
        content_end(&mut out);
        let mut expected = vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
        let mut pairs = b"\x01\x02Abc\x04\x80\x00\x00\xc8LONG".to_vec();
        pairs.extend_from_slice(&long);
        expected.extend(record(PARAMS, 1, &pairs, 0));
        expected.extend(record(PARAMS, 1, b"", 0));
        expected.extend(record(STDIN, 1, b"xyz", 0));
        expected.extend(record(STDIN, 1, b"", 0));
        assert_eq!(out, expected);
    }

    #[test]
    fn long_content_goes_in_several_records() {
        let mut out = Vec::new();
        content(&vec![b'x'; CONTENT_OCTETS_MAX + 1], &mut out);
        assert_eq!(out.len(), CONTENT_OCTETS_MAX + 1 + 16);
    }
}
