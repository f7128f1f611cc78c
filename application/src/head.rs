//! The answer of an application (RFC 3875 §6): its head, judged once for all who speak to one.

use http1::Policy;
use http1::scan::{Progress, Scan, response_head};
use semantics::fields::connection::options;
use semantics::fields::content_length;
use semantics::{
    Anomalies, FieldSet, Known, LimitError, PeerError, Refusal, ResponseHead, ResponseIndex,
    ResponseView, Status,
};

/// The head of an answer as it comes.
///
/// It is read as the header section of a message of HTTP, since that is what its grammar is (RFC 3875 §6.3) but for lines that may
/// end in LF alone (§6.2); the status line before it is ours.
#[derive(Debug)]
pub struct AnswerScan {
    octets: Vec<u8>,
    progress: Progress,
    index: ResponseIndex,
    octets_max: usize,
}

/// The head of an answer.
#[derive(Debug)]
pub struct AnswerHead {
    /// Without what is between the application and us.
    pub head: ResponseHead,
    /// The length of the content, where the application tells it.
    pub content_octets: Option<u64>,
}

/// What an application may not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// A line that is no field, or more of them than the limits let in.
    Refused(Refusal),
    /// None of Content-Type, Location and Status (RFC 3875 §6.2).
    NoField,
    /// One of them stands twice (RFC 3875 §6.3).
    Repeated,
    /// A Status that is not three digits from 200 to 599 (RFC 3875 §6.3.3).
    Status,
    /// A Location that is empty (RFC 3875 §6.3.2).
    Location,
    /// A Content-Length that is no length (RFC 9110 §8.6).
    Length,
}

impl Default for AnswerScan {
    fn default() -> Self {
        let limits = Policy::responses().limits;
        Self {
            octets: STATUS_LINE.to_vec(),
            progress: Progress::default(),
            index: ResponseIndex::default(),
            octets_max: limits.head_octets_max,
        }
    }
}

impl AnswerScan {
    /// Takes octets of an answer. `Some` when the head is complete: how many of them are its.
    ///
    /// # Errors
    /// That the head is too long.
    pub fn receive(&mut self, octets: &[u8]) -> Result<Option<usize>, AnswerError> {
        let held = self.octets.len();
        let room = self.octets_max.saturating_sub(held).saturating_add(1);
        self.octets
            .extend_from_slice(octets.get(..room).unwrap_or(octets));
        let scan = response_head(&self.octets, &mut self.progress, &mut self.index);
        let is_long = match scan {
            Scan::Complete => self.index.octets > self.octets_max,
            Scan::Partial => self.octets.len() > self.octets_max,
        };
        if is_long {
            return Err(AnswerError::Refused(LimitError::HeadOctets.into()));
        }
        Ok(match scan {
            Scan::Complete => Some(self.index.octets.saturating_sub(held)),
            Scan::Partial => None,
        })
    }

    /// What the complete head says.
    ///
    /// # Errors
    /// What it may not say.
    pub fn finish(&self) -> Result<AnswerHead, AnswerError> {
        let policy = Policy::responses();
        let view = ResponseView::new(&self.octets, &self.index);
        let section = view.section();
        // RFC 3875 §6.2: NL is LF or CRLF. What a client may repair of a server's answer, an application has no excuse for.
        let refused = policy.refuse.union(REPAIRED).without(Anomalies::BARE_LF);
        let refused = view.anomalies().intersection(refused);
        if !refused.is_empty() {
            return Err(AnswerError::Refused(PeerError::Syntax(refused).into()));
        }
        if section.lines().len() > policy.limits.field_lines_max {
            return Err(AnswerError::Refused(LimitError::FieldLines.into()));
        }
        let status_line = only(section.all_named(b"Status"))?;
        let location = only(section.all(Known::Location))?;
        let content_type = only(section.all(Known::ContentType))?;
        if status_line.is_none() && location.is_none() && content_type.is_none() {
            return Err(AnswerError::NoField);
        }
        if location.is_some_and(<[u8]>::is_empty) {
            return Err(AnswerError::Location);
        }
        let status = match (status_line, location) {
            (Some(line), _) => status(line)?,
            // RFC 3875 §6.2.3, §6.2.4.
            (None, Some(_)) => Status::FOUND,
            (None, None) => Status::OK,
        };
        let content_octets = match only(section.all(Known::ContentLength))? {
            None => None,
            Some(line) => Some(content_length::parse_one(line).map_err(|_| AnswerError::Length)?),
        };
        Ok(AnswerHead {
            head: head(status, view),
            content_octets,
        })
    }
}

fn only<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, AnswerError> {
    let first = lines.next();
    match lines.next() {
        None => Ok(first),
        Some(_) => Err(AnswerError::Repeated),
    }
}

/// `3digit [ SP reason-phrase ]` (RFC 3875 §6.3.3). Interim answers are ours to send.
fn status(line: &[u8]) -> Result<Status, AnswerError> {
    let (digits, rest) = line.split_at_checked(3).ok_or(AnswerError::Status)?;
    let is_apart = rest
        .first()
        .is_none_or(|&octet| octet == b' ' || octet == b'\t');
    let code = digits.iter().try_fold(0, |code: u16, digit| {
        digit
            .is_ascii_digit()
            .then(|| code * 10 + u16::from(digit - b'0'))
    });
    code.filter(|code| is_apart && (200..600).contains(code))
        .and_then(Status::new)
        .ok_or(AnswerError::Status)
}

fn head(status: Status, view: ResponseView<'_>) -> ResponseHead {
    let section = view.section();
    let octets = section.octets();
    let nominated: Vec<&[u8]> = options(section.all(Known::Connection)).flatten().collect();
    let is_nominated =
        |name: &[u8]| (nominated.iter()).any(|other| other.eq_ignore_ascii_case(name));
    let mut made = ResponseHead::new(status);
    for line in section.lines() {
        let name = line.name.of(octets);
        let ends_here = match line.known {
            Some(field) => ENDS_HERE.contains(field),
            None => name.eq_ignore_ascii_case(b"Status"),
        };
        if !ends_here && !is_nominated(name) {
            made.add_named(&String::from_utf8_lossy(name), line.value.of(octets));
        }
    }
    made
}

/// What is of the connection to the client, which an application has no say in (RFC 3875 §6.3.4), and of framing, which is made
/// here.
const ENDS_HERE: FieldSet = FieldSet::of(&[
    Known::Connection,
    Known::ContentLength,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyConnection,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
]);

const REPAIRED: Anomalies = Anomalies::SPACE_BEFORE_COLON.union(Anomalies::OBS_FOLD);

/// What stands before the section, so that it is a head.
const STATUS_LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(AnswerHead, usize), AnswerError> {
        let mut scan = AnswerScan::default();
        let taken = scan.receive(text.as_bytes())?;
        let taken = taken.expect("the head is complete");
        scan.finish().map(|head| (head, taken))
    }

    fn fields(head: &ResponseHead) -> String {
        let lines = head.section().iter();
        lines
            .map(|(name, value)| {
                format!(
                    "{}={};",
                    String::from_utf8_lossy(name),
                    String::from_utf8_lossy(value)
                )
            })
            .collect()
    }

    #[test]
    fn documents_and_redirects_are_told_apart() {
        // table
        for (text, status, expected) in [
            ("Content-Type: a/b\r\n\r\nrest", 200, "Content-Type=a/b;"),
            (
                "content-type: a/b\nX-Y: z\n\n",
                200,
                "content-type=a/b;X-Y=z;",
            ),
            ("Status: 404 Not Found\r\n\r\n", 404, ""),
            (
                "Status: 404\r\nContent-Type: a/b\r\n\r\n",
                404,
                "Content-Type=a/b;",
            ),
            ("Location: http://a/b\r\n\r\n", 302, "Location=http://a/b;"),
            ("Location: /b\r\n\r\n", 302, "Location=/b;"),
            ("Status: 301 x\r\nLocation: /b\r\n\r\n", 301, "Location=/b;"),
            (
                "Status: 200\r\nTransfer-Encoding: chunked\r\nConnection: x-a\r\nX-A: b\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
                200,
                "Set-Cookie=a;Set-Cookie=b;",
            ),
        ] {
            let (answer, taken) = read(text).unwrap();
            assert_eq!(answer.head.status().code(), status, "{text}");
            assert_eq!(fields(&answer.head), expected, "{text}");
            assert_eq!(
                &text[taken..],
                text.split_once("\n\n")
                    .map_or_else(|| text.split_once("\r\n\r\n").unwrap().1, |it| it.1)
            );
        }
        let (answer, _) = read("Status: 200\r\nContent-Length: 12\r\n\r\n").unwrap();
        assert_eq!(
            (answer.content_octets, fields(&answer.head)),
            (Some(12), String::new())
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let syntax = |anomaly| AnswerError::Refused(PeerError::Syntax(anomaly).into());
        // table
        for (text, error) in [
            ("\r\n", AnswerError::NoField),
            ("X-A: b\r\n\r\n", AnswerError::NoField),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n",
                syntax(Anomalies::NO_COLON),
            ),
            (
                "Warning in x on line 3\r\n\r\n",
                syntax(Anomalies::NO_COLON),
            ),
            (
                "Content Type: a/b\r\n\r\n",
                syntax(Anomalies::NAME_NOT_TOKEN),
            ),
            (
                "Content-Type : a/b\r\n\r\n",
                syntax(Anomalies::SPACE_BEFORE_COLON),
            ),
            (
                "Content-Type: a/b\r\n c\r\n\r\n",
                syntax(Anomalies::OBS_FOLD),
            ),
            (
                "Status: 200\r\nX: a\0b\r\n\r\n",
                syntax(Anomalies::VALUE_NUL),
            ),
            ("Status: 2000\r\n\r\n", AnswerError::Status),
            ("Status: 20\r\n\r\n", AnswerError::Status),
            ("Status: abc\r\n\r\n", AnswerError::Status),
            ("Status: 101 Switching\r\n\r\n", AnswerError::Status),
            ("Status: 600\r\n\r\n", AnswerError::Status),
            ("Status: 200\r\nStatus: 404\r\n\r\n", AnswerError::Repeated),
            (
                "Location: /a\r\nLocation: /b\r\n\r\n",
                AnswerError::Repeated,
            ),
            ("Location:\r\n\r\n", AnswerError::Location),
            (
                "Status: 200\r\nContent-Length: x\r\n\r\n",
                AnswerError::Length,
            ),
            (
                "Status: 200\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                AnswerError::Repeated,
            ),
        ] {
            let got = read(text).map(|(head, _)| fields(&head.head));
            assert_eq!(got, Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_head_cut_anywhere_is_the_same() {
        let text = b"Status: 404 No\r\nX-A: b\nContent-Length: 3\r\n\r\nabc";
        for at in 0..text.len() {
            let (first, second) = text.split_at(at);
            let mut scan = AnswerScan::default();
            let taken = match scan.receive(first).unwrap() {
                Some(taken) => taken,
                None => at + scan.receive(second).unwrap().unwrap(),
            };
            assert_eq!(&text[taken..], b"abc", "cut at {at}");
            let answer = scan.finish().unwrap();
            assert_eq!(answer.head.status().code(), 404);
            assert_eq!(fields(&answer.head), "X-A=b;");
        }
    }

    #[test]
    fn a_head_without_end_stops_at_its_limit() {
        let mut scan = AnswerScan::default();
        let limit = AnswerError::Refused(LimitError::HeadOctets.into());
        let error = (0..100).find_map(|_| scan.receive(&[b'a'; 4096]).err());
        assert_eq!(error, Some(limit));
        assert!(scan.octets.len() <= Policy::responses().limits.head_octets_max + 1);
    }
}
