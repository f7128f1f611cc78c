//! Errors by whose fault they are, and the one function that maps each to its answer.

use std::fmt;

use crate::{Anomalies, Status};

/// The peer broke a rule of HTTP. Answered, then closed; never retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The message is malformed or ambiguous: the anomalies that the policy refuses.
    Syntax(Anomalies),
    /// A target whose scheme needs a connection that this one is not (RFC 9110 §7.4).
    Misdirected,
    /// HTTP in the clear on a connection that must speak TLS (RFC 9110 §4.2.2).
    ClearText,
    /// A target whose host asks for more by TLS than was negotiated, such as a certificate of the client (RFC 9110 §15.5.20).
    OtherTlsRules,
    /// The peer closed before its message was complete (RFC 9112 §8).
    Truncated,
}

/// The peer went over one of our limits. Answered, then closed; may be retried when smaller or faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// `Limits::head_octets_max`.
    HeadOctets,
    /// `Limits::target_octets_max`.
    TargetOctets,
    /// `Limits::field_lines_max`.
    FieldLines,
    /// `Limits::content_octets_max`.
    ContentOctets,
    /// `Limits::chunk_line_octets_max`.
    ChunkLineOctets,
    /// `Limits::chunk_extensions_octets_max`.
    ChunkExtensionsOctets,
    /// `Limits::head_millis_max`.
    HeadTime,
    /// `Limits::receive_octets_per_second_min`.
    ReceiveRate,
    /// `Limits::connections_max`.
    Connections,
    /// `Limits::connections_per_client_max`.
    ConnectionsPerClient,
}

/// Why a request is answered by an error before any handler saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The peer's fault.
    Peer(PeerError),
    /// Our limit.
    Limit(LimitError),
}

/// What the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code of the answer; `None` when there is nobody or no way to tell.
    pub status: Option<Status>,
    /// A stable name, such as `length-conflict` or `head_octets_max`.
    pub name: &'static str,
    /// One sentence for people, without a full stop.
    pub because: &'static str,
    /// The rule, such as `RFC 9112 §6.3, rule 5`, or the section that allows the limit.
    pub rule: &'static str,
}

impl Refusal {
    /// The answer to each error. No status code is chosen anywhere else.
    pub fn answer(self) -> Answer {
        match self {
            Self::Peer(error) => error.answer(),
            Self::Limit(error) => error.answer(),
        }
    }

    /// The status of the answer; 400 where none is defined.
    pub fn status(self) -> Status {
        self.answer().status.unwrap_or(Status::BAD_REQUEST)
    }
}

impl PeerError {
    fn answer(self) -> Answer {
        match self {
            Self::Syntax(anomalies) => match anomalies.first_row() {
                Some(row) => Answer {
                    status: Status::new(row.status),
                    name: row.name,
                    because: row.sentence,
                    rule: row.rule,
                },
                None => answer(
                    Status::BAD_REQUEST,
                    "malformed",
                    "The message is malformed",
                    "RFC 9112 §2.2",
                ),
            },
            Self::Misdirected => answer(
                Status::MISDIRECTED_REQUEST,
                "misdirected",
                "The target's scheme needs a secured connection, which this one is not",
                "RFC 9110 §7.4",
            ),
            Self::ClearText => answer(
                Status::BAD_REQUEST,
                "clear-text",
                "This port speaks TLS and the request came in the clear; use https",
                "RFC 9110 §4.2.2",
            ),
            Self::OtherTlsRules => answer(
                Status::MISDIRECTED_REQUEST,
                "other-tls-rules",
                "This host has TLS rules of its own: ask on a connection that was made for it",
                "RFC 9110 §15.5.20",
            ),
            Self::Truncated => answer(
                Status::BAD_REQUEST,
                "truncated",
                "The connection closed before the message was complete",
                "RFC 9112 §8",
            ),
        }
    }
}

impl LimitError {
    fn answer(self) -> Answer {
        let (status, name, because, rule) = match self {
            Self::HeadOctets => (
                Status::FIELDS_TOO_LARGE,
                "head_octets_max",
                "The head is larger than this server accepts",
                "RFC 6585 §5",
            ),
            Self::TargetOctets => (
                Status::URI_TOO_LONG,
                "target_octets_max",
                "The target is longer than this server accepts",
                "RFC 9110 §15.5.15",
            ),
            Self::FieldLines => (
                Status::FIELDS_TOO_LARGE,
                "field_lines_max",
                "There are more field lines than this server accepts",
                "RFC 6585 §5",
            ),
            Self::ContentOctets => (
                Status::CONTENT_TOO_LARGE,
                "content_octets_max",
                "The content is larger than this server accepts",
                "RFC 9110 §15.5.14",
            ),
            Self::ChunkLineOctets => (
                Status::BAD_REQUEST,
                "chunk_line_octets_max",
                "A chunk's size line is too long",
                "RFC 9112 §7.1.1",
            ),
            Self::ChunkExtensionsOctets => (
                Status::BAD_REQUEST,
                "chunk_extensions_octets_max",
                "The chunk extensions are too long in all",
                "RFC 9112 §7.1.1",
            ),
            Self::HeadTime => (
                Status::REQUEST_TIMEOUT,
                "head_millis_max",
                "The head did not arrive in time",
                "RFC 9110 §15.5.9",
            ),
            Self::ReceiveRate => (
                Status::REQUEST_TIMEOUT,
                "receive_octets_per_second_min",
                "The content arrives too slowly",
                "RFC 9110 §15.5.9",
            ),
            Self::Connections => (
                Status::SERVICE_UNAVAILABLE,
                "connections_max",
                "This server holds as many connections as it may",
                "RFC 9110 §15.6.4",
            ),
            Self::ConnectionsPerClient => (
                Status::SERVICE_UNAVAILABLE,
                "connections_per_client_max",
                "This client holds as many connections as it may",
                "RFC 9110 §15.6.4",
            ),
        };
        answer(status, name, because, rule)
    }
}

fn answer(status: Status, name: &'static str, because: &'static str, rule: &'static str) -> Answer {
    Answer {
        status: Some(status),
        name,
        because,
        rule,
    }
}

impl From<PeerError> for Refusal {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

impl From<LimitError> for Refusal {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.answer();
        write!(f, "{} ({}, {})", answer.because, answer.name, answer.rule)
    }
}

impl std::error::Error for Refusal {}
