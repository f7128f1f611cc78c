//! `multipart/form-data` as it comes (RFC 7578, RFC 2046 §5.1), in memory that does not grow with it.
//!
//! Octets go in as they are cut by the network, events come out. The same content gives the same events, but for how data is
//! cut. What is held is one part's head, up to a bound, and how much of a delimiter has been seen.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use semantics::fields::list::{ParameterGrammar, ParameterValue, parameters, trim_ows, unescaped};

/// Reads one `multipart/form-data`.
///
/// ```text
///             ┌────────────────────────────────────────────┐
///             ▼                                            │
///  Preamble ──delimiter──▶ Delimiter ──line end──▶ Head ──▶ Data ──delimiter──▶ Delimiter ──"--"──▶ Epilogue
/// ```
#[derive(Debug)]
pub(super) struct Multipart {
    /// CR LF `--` and the boundary.
    delimiter: Finder<'static>,
    state: State,
    /// Octets of the delimiter that were seen last. As no CR stands in a boundary, a CR alone can begin a delimiter: after
    /// a mismatch what was seen is data, whole.
    matched: usize,
    /// Octets at the front of the delimiter that are no data if it does not come: they ended a head.
    borrowed: usize,
    /// The head of a part, as far as it has come.
    head: Vec<u8>,
    head_octets_max: usize,
    parts: usize,
    parts_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What stands before the first delimiter means nothing (RFC 2046 §5.1.1).
    Preamble,
    /// Behind a delimiter; how many octets of padding, or of the end, have come.
    Delimiter(Ending),
    Head,
    Data,
    /// What stands behind the closing delimiter means nothing.
    Epilogue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Start,
    /// One hyphen of two.
    Hyphen,
    /// So much white space, which gateways may have added (RFC 2046 §5.1.1).
    Padding(usize),
    /// The CR of the line's end.
    Cr,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A part begins; its head without the empty line.
    Head(&'a [u8]),
    /// Octets of its content, never none.
    Data(&'a [u8]),
    /// The part is whole.
    End,
}

/// The content is no `multipart/form-data`, or more of it than is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MultipartError {
    /// Behind a delimiter stands neither the end of its line nor `--` (RFC 2046 §5.1.1).
    Delimiter,
    /// The content ended before the closing delimiter (RFC 2046 §5.1.1).
    Truncated,
    /// The head of a part is longer than `part_head_octets_max`.
    HeadTooLong,
    /// There are more parts than `parts_max`.
    TooManyParts,
}

impl Multipart {
    /// Reads what is separated by `boundary`.
    pub(super) fn new(boundary: &[u8], head_octets_max: usize, parts_max: usize) -> Self {
        Self {
            delimiter: Finder::new(&[b"\r\n--", boundary].concat()).into_owned(),
            state: State::Preamble,
            // The first delimiter may stand at the very start.
            matched: LINE_END.len(),
            borrowed: 0,
            head: Vec::new(),
            head_octets_max,
            parts: 0,
            parts_max,
        }
    }

    /// The next event; `None` when `input` is used up. What is used is taken from its front.
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'a>>, MultipartError> {
        loop {
            match self.state {
                State::Preamble => match self.scan(input) {
                    Scan::NeedsMore => return Ok(None),
                    Scan::Delimiter => self.state = State::Delimiter(Ending::Start),
                    Scan::Held(_) | Scan::Data(_) => {}
                },
                State::Delimiter(ending) => {
                    let Some(octet) = take_octet(input) else {
                        return Ok(None);
                    };
                    self.state = self.after_delimiter(ending, octet)?;
                }
                State::Head => {
                    if !self.gather_head(input)? {
                        return Ok(None);
                    }
                    self.state = State::Data;
                    // The empty line may be that of a delimiter already: a part without content (RFC 2046 §5.1.1).
                    self.matched = LINE_END.len();
                    self.borrowed = self.matched;
                    let fields = self.head.strip_suffix(LINE_END);
                    return Ok(Some(Event::Head(fields.unwrap_or_default())));
                }
                State::Data => match self.scan(input) {
                    Scan::NeedsMore => return Ok(None),
                    Scan::Held(octets) => {
                        let data = self.delimiter.needle().get(octets).unwrap_or_default();
                        return Ok(Some(Event::Data(data)));
                    }
                    Scan::Data(data) => return Ok(Some(Event::Data(data))),
                    Scan::Delimiter => {
                        self.state = State::Delimiter(Ending::Start);
                        return Ok(Some(Event::End));
                    }
                },
                State::Epilogue => {
                    *input = &[];
                    return Ok(None);
                }
            }
        }
    }

    /// The content has ended.
    pub(super) fn finish(&self) -> Result<(), MultipartError> {
        match self.state {
            State::Epilogue => Ok(()),
            _ => Err(MultipartError::Truncated),
        }
    }
}

/// What stands in front of the input.
enum Scan<'a> {
    /// Nothing, or what may be the beginning of a delimiter.
    NeedsMore,
    /// The delimiter came whole.
    Delimiter,
    /// What was taken for the beginning of a delimiter is none.
    Held(Range<usize>),
    /// Octets before the next delimiter.
    Data(&'a [u8]),
}

impl Multipart {
    fn scan<'a>(&mut self, input: &mut &'a [u8]) -> Scan<'a> {
        if self.matched > 0
            && let Some(scan) = self.scan_on(input)
        {
            return scan;
        }
        let delimiter = self.delimiter.needle();
        let data_octets = match self.delimiter.find(input) {
            Some(at) => at,
            // Only the last CR can begin a delimiter whose end has not come.
            None => match memrchr(b'\r', input) {
                Some(at)
                    if input
                        .get(at..)
                        .is_some_and(|tail| delimiter.starts_with(tail)) =>
                {
                    at
                }
                _ => input.len(),
            },
        };
        let (data, rest) = input.split_at(data_octets);
        *input = rest;
        if !data.is_empty() {
            return Scan::Data(data);
        }
        match rest.strip_prefix(delimiter) {
            Some(rest) => {
                *input = rest;
                Scan::Delimiter
            }
            None => {
                self.matched = rest.len();
                *input = &[];
                Scan::NeedsMore
            }
        }
    }

    /// Goes on where a delimiter had begun; `None` when it is none, and nothing of it is data.
    fn scan_on(&mut self, input: &mut &[u8]) -> Option<Scan<'static>> {
        let delimiter = self.delimiter.needle();
        let awaited = delimiter.get(self.matched..).unwrap_or_default();
        let common = awaited
            .iter()
            .zip(input.iter())
            .take_while(|(a, b)| a == b)
            .count();
        *input = input.get(common..).unwrap_or_default();
        self.matched += common;
        if common == awaited.len() {
            (self.matched, self.borrowed) = (0, 0);
            return Some(Scan::Delimiter);
        }
        if input.is_empty() {
            return Some(Scan::NeedsMore);
        }
        let held = self.borrowed..self.matched;
        (self.matched, self.borrowed) = (0, 0);
        (!held.is_empty()).then_some(Scan::Held(held))
    }

    fn after_delimiter(&mut self, ending: Ending, octet: u8) -> Result<State, MultipartError> {
        Ok(match (ending, octet) {
            (Ending::Start, b'-') => State::Delimiter(Ending::Hyphen),
            (Ending::Hyphen, b'-') => State::Epilogue,
            (Ending::Start, b' ' | b'\t') => State::Delimiter(Ending::Padding(1)),
            (Ending::Padding(octets), b' ' | b'\t') if octets < PADDING_OCTETS_MAX => {
                State::Delimiter(Ending::Padding(octets + 1))
            }
            (Ending::Start | Ending::Padding(_), b'\r') => State::Delimiter(Ending::Cr),
            (Ending::Cr, b'\n') => {
                self.parts += 1;
                if self.parts > self.parts_max {
                    return Err(MultipartError::TooManyParts);
                }
                self.head.clear();
                State::Head
            }
            _ => return Err(MultipartError::Delimiter),
        })
    }

    /// Takes octets of a head; `true` when it is whole, its empty line included.
    fn gather_head(&mut self, input: &mut &[u8]) -> Result<bool, MultipartError> {
        while !input.is_empty() {
            let line_octets = memchr(b'\n', input).map_or(input.len(), |at| at + 1);
            let (line, rest) = input.split_at(line_octets);
            if self.head.len() + line.len() > self.head_octets_max {
                return Err(MultipartError::HeadTooLong);
            }
            self.head.extend_from_slice(line);
            *input = rest;
            if self.head.ends_with(b"\r\n\r\n") || self.head == LINE_END {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn take_octet(input: &mut &[u8]) -> Option<u8> {
    let (octet, rest) = input.split_first()?;
    *input = rest;
    Some(*octet)
}

/// The boundary that a Content-Type of `multipart/form-data` names (RFC 2046 §5.1.1).
pub(super) fn boundary_of(content_type: &[u8]) -> Option<Vec<u8>> {
    let semicolon = memchr(b';', content_type)?;
    let (_, rest) = content_type.split_at(semicolon);
    let mut boundary = None;
    for parameter in parameters(rest, ParameterGrammar::Common) {
        let parameter = parameter.ok()?;
        if parameter.name.eq_ignore_ascii_case(b"boundary") {
            let value: Vec<u8> = match parameter.value {
                ParameterValue::Token(token) => token.to_vec(),
                ParameterValue::Quoted(raw) => unescaped(raw).collect(),
            };
            // Two of them would be read in two ways.
            if boundary.replace(value).is_some() {
                return None;
            }
        }
    }
    boundary.filter(|boundary| {
        (1..=BOUNDARY_OCTETS_MAX).contains(&boundary.len())
            && boundary.last() != Some(&b' ')
            && boundary.iter().all(|&b| is_boundary_octet(b))
    })
}

/// Whether a Content-Type is of this type, whatever its parameters.
pub(super) fn is_of_type(content_type: &[u8], media_type: &str) -> bool {
    let essence = content_type.split(|&b| b == b';').next();
    trim_ows(essence.unwrap_or_default()).eq_ignore_ascii_case(media_type.as_bytes())
}

/// `bchars` of RFC 2046 §5.1.1.
fn is_boundary_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&octet)
}

const LINE_END: &[u8] = b"\r\n";
/// RFC 2046 §5.1.1.
const BOUNDARY_OCTETS_MAX: usize = 70;
const PADDING_OCTETS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = Vec<(Vec<u8>, Vec<u8>)>;

    /// The parts, as head and data, of content that comes in these pieces.
    fn read(pieces: &[&[u8]]) -> Result<Parts, MultipartError> {
        let mut multipart = Multipart::new(b"b", 100, 3);
        let mut parts: Parts = Vec::new();
        let mut ended = 0;
        for piece in pieces {
            let mut input = *piece;
            while let Some(event) = multipart.next(&mut input)? {
                match event {
                    Event::Head(head) => parts.push((head.to_vec(), Vec::new())),
                    Event::Data(data) => {
                        assert!(!data.is_empty());
                        parts.last_mut().unwrap().1.extend_from_slice(data);
                    }
                    Event::End => ended += 1,
                }
            }
            assert!(input.is_empty());
        }
        multipart.finish()?;
        assert_eq!(ended, parts.len());
        Ok(parts)
    }

    /// The same, with every cut in two and three, and octet by octet.
    fn read_in_all_cuts(content: &[u8]) -> Result<Parts, MultipartError> {
        let whole = read(&[content]);
        let octets: Vec<&[u8]> = content.chunks(1).collect();
        assert_eq!(read(&octets), whole);
        for i in 0..=content.len() {
            let (a, b) = content.split_at(i);
            assert_eq!(read(&[a, b]), whole, "cut at {i}");
            for j in 0..=b.len() {
                let (b, c) = b.split_at(j);
                assert_eq!(read(&[a, b, c]), whole, "cut at {i} and {j}");
            }
        }
        whole
    }

    fn part(head: &str, data: &str) -> (Vec<u8>, Vec<u8>) {
        (head.into(), data.into())
    }

    #[test]
    fn parts_are_the_same_however_they_are_cut() {
        let content = b"before\r\n--b\r\nA: 1\r\nB: 2\r\n\r\nx\r\n-\r\n--\r\n\r\r\n--c\r\n\r\n--b \t\r\nC: 3\r\n\r\n\r\n--b--after\r\n--b";
        assert_eq!(
            read_in_all_cuts(content).unwrap(),
            [
                part("A: 1\r\nB: 2\r\n", "x\r\n-\r\n--\r\n\r\r\n--c\r\n"),
                part("C: 3\r\n", "")
            ]
        );
    }

    #[test]
    fn a_part_may_have_no_head_and_no_content() {
        for content in [&b"--b\r\n\r\n--b--"[..], b"--b\r\n\r\n\r\n--b--"] {
            assert_eq!(read_in_all_cuts(content).unwrap(), [part("", "")]);
        }
        let without_empty_line = b"--b\r\nA: 1\r\n\r\n--b--";
        assert_eq!(
            read_in_all_cuts(without_empty_line).unwrap(),
            [part("A: 1\r\n", "")]
        );
    }

    #[test]
    fn what_only_looks_like_a_delimiter_is_data() {
        for data in [
            "--b", "\n--b", "\r--b", "\r\n-b", "\r\n--", "\r", "\r\r\n-", "x--b--",
        ] {
            // At the front of the content, what follows the head would be a delimiter.
            let data = format!("y{data}");
            let content = format!("--b\r\n\r\n{data}\r\n--b--");
            assert_eq!(
                read_in_all_cuts(content.as_bytes()).unwrap(),
                [part("", &data)]
            );
        }
    }

    #[test]
    fn the_end_of_a_head_is_not_data_when_no_delimiter_follows() {
        for data in ["-", "--", "--c", "\r\n--c", "-\r\n-"] {
            let content = format!("--b\r\nA: 1\r\n\r\n{data}\r\n--b--");
            assert_eq!(
                read_in_all_cuts(content.as_bytes()).unwrap(),
                [part("A: 1\r\n", data)]
            );
        }
    }

    #[test]
    fn content_without_its_closing_delimiter_is_truncated() {
        let content = b"--b\r\nA: 1\r\n\r\nxyz\r\n--b\r\n\r\n\r\n--b--";
        for end in 0..content.len() {
            assert_eq!(
                read(&[&content[..end]]),
                Err(MultipartError::Truncated),
                "{end}"
            );
        }
        assert!(read(&[content]).is_ok());
    }

    #[test]
    fn nothing_but_padding_stands_behind_a_delimiter() {
        for content in [
            &b"--bx\r\n"[..],
            b"--b\n",
            b"--b-\r\n",
            b"--b \n",
            b"--b\rx",
        ] {
            assert_eq!(read_in_all_cuts(content), Err(MultipartError::Delimiter));
        }
        let padding = " ".repeat(PADDING_OCTETS_MAX + 1);
        let content = format!("--b{padding}\r\n");
        assert_eq!(read(&[content.as_bytes()]), Err(MultipartError::Delimiter));
    }

    #[test]
    fn heads_and_parts_are_bounded() {
        let long = format!("--b\r\nA: {}\r\n\r\n\r\n--b--", "x".repeat(100));
        assert_eq!(
            read_in_all_cuts(long.as_bytes()),
            Err(MultipartError::HeadTooLong)
        );
        let many = "--b\r\n\r\n\r\n".repeat(4) + "--b--";
        assert_eq!(
            read_in_all_cuts(many.as_bytes()),
            Err(MultipartError::TooManyParts)
        );
    }

    #[test]
    fn a_boundary_is_named_once_and_by_its_grammar() {
        for (content_type, boundary) in [
            (
                "multipart/form-data; boundary=----WebKitFormBoundaryAbc",
                Some("----WebKitFormBoundaryAbc"),
            ),
            (
                "multipart/form-data; boundary=\"=_(a) b/:?\"",
                Some("=_(a) b/:?"),
            ),
            ("multipart/form-data; charset=utf-8; BOUNDARY=a", Some("a")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"\"", None),
            ("multipart/form-data; boundary=\"a \"", None),
            ("multipart/form-data; boundary=\"a\\\"b\"", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=a b", None),
        ] {
            let expected = boundary.map(|boundary| boundary.as_bytes().to_vec());
            assert_eq!(
                boundary_of(content_type.as_bytes()),
                expected,
                "{content_type}"
            );
        }
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        assert_eq!(boundary_of(long.as_bytes()), None);
    }
}
