//! Why a message or a connection ended, each with the rule that says so.

use crate::Refusal;

/// A reason for people: a sentence and its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Because {
    /// A stable name, such as `content-length`.
    pub name: &'static str,
    /// What happened, in words.
    pub sentence: &'static str,
    /// The section, such as `RFC 9112 §6.3, rule 6`.
    pub rule: &'static str,
}

const fn because(name: &'static str, sentence: &'static str, rule: &'static str) -> Because {
    Because {
        name,
        sentence,
        rule,
    }
}

/// Why the content of a message ended where it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentEnd {
    /// A request with neither Content-Length nor Transfer-Encoding.
    #[default]
    NoFraming,
    /// As many octets as Content-Length says.
    Length,
    /// The last chunk and its trailer section.
    LastChunk,
    /// A response to HEAD.
    HeadRequest,
    /// A status that never has content: 1xx, 204, 304.
    StatusWithoutContent,
    /// A successful response to CONNECT: the connection becomes a tunnel.
    Tunnel,
    /// A response without framing ends with its connection.
    ConnectionClose,
    /// The connection ended before the message did.
    Truncated,
    /// The content was not read to its end.
    Abandoned,
}

impl ContentEnd {
    /// The reason and its rule.
    pub const fn because(self) -> Because {
        match self {
            Self::NoFraming => because(
                "no-content",
                "no content: neither length nor coding",
                "RFC 9112 §6.3, rule 7",
            ),
            Self::Length => because(
                "content-length",
                "as many octets as Content-Length says",
                "RFC 9112 §6.3, rule 6",
            ),
            Self::LastChunk => {
                because("last-chunk", "the last chunk came", "RFC 9112 §6.3, rule 4")
            }
            Self::HeadRequest => because(
                "head-request",
                "the answer to HEAD has no content",
                "RFC 9112 §6.3, rule 1",
            ),
            Self::StatusWithoutContent => because(
                "status",
                "this status has no content",
                "RFC 9112 §6.3, rule 1",
            ),
            Self::Tunnel => because(
                "tunnel",
                "the connection became a tunnel",
                "RFC 9112 §6.3, rule 2",
            ),
            Self::ConnectionClose => {
                because("close", "the connection closed", "RFC 9112 §6.3, rule 8")
            }
            Self::Truncated => because(
                "truncated",
                "the connection closed too early",
                "RFC 9112 §8",
            ),
            Self::Abandoned => because("abandoned", "the rest was not read", "RFC 9112 §9.6"),
        }
    }
}

/// What became of the connection after an exchange, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays open for the next request.
    Kept(KeepReason),
    /// It closes.
    Closed(CloseReason),
}

impl Fate {
    /// The reason and its rule.
    pub fn because(self) -> Because {
        match self {
            Self::Kept(reason) => reason.because(),
            Self::Closed(reason) => reason.because(),
        }
    }

    /// Whether the connection stays.
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// Why a connection stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepReason {
    /// HTTP/1.1 and nobody said close.
    PersistentByDefault,
    /// HTTP/1.0 and the client said keep-alive.
    KeepAliveOption,
}

impl KeepReason {
    /// The reason and its rule.
    pub const fn because(self) -> Because {
        match self {
            Self::PersistentByDefault => {
                because("kept", "kept: persistent by default", "RFC 9112 §9.3")
            }
            Self::KeepAliveOption => because(
                "kept-alive",
                "kept: HTTP/1.0 with keep-alive",
                "RFC 9112 §9.3",
            ),
        }
    }
}

/// Why a connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent `Connection: close`.
    ClientOption,
    /// HTTP/1.0 without keep-alive.
    NotPersistent,
    /// The client closed its side.
    ClientClosed,
    /// The request was refused.
    Refused(Refusal),
    /// Content that nobody wanted is too long to read and drop.
    ContentUnread,
    /// 100-continue was not sent, so that what follows is uncertain.
    ExpectationUnmet,
    /// Silence for `idle_millis_max`.
    Idle,
    /// `requests_max` reached.
    RequestsMax,
    /// `age_millis_max` reached.
    AgeMax,
    /// The server is shutting down.
    Drain,
    /// The answer's content could not be sent whole.
    AnswerIncomplete,
    /// The answer's end is the end of the connection.
    AnswerFraming,
    /// The client takes the answer too slowly.
    TransmitRate,
    /// The transport failed.
    TransportError,
    /// The handler asked for it.
    ServerOption,
    /// The server closed its side.
    ServerClosed,
    /// The server sent octets that answer no request.
    SurplusOctets,
    /// It had become a tunnel, which ended.
    Tunnel(TunnelEnd),
    /// A tunnel was asked for and not opened, so that what follows is uncertain.
    TunnelRefused,
}

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TunnelEnd {
    /// Both sides ended theirs, the client first.
    Client,
    /// Both sides ended theirs, the server first.
    Server,
    /// The client's connection failed, such as by a reset.
    ClientFailed,
    /// The server's connection failed, such as by a reset.
    ServerFailed,
    /// Silence in both directions for `tunnel_idle_millis_max`.
    Idle,
    /// The server is shutting down, and its time to do so is over.
    Drain,
    /// The head that was to open it could not be given.
    NotOpened,
}

impl TunnelEnd {
    /// Whether both sides have all that was sent to them, and said their ends themselves.
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::Client | Self::Server)
    }

    /// The reason and its rule.
    pub const fn because(self) -> Because {
        const RULE: &str = "RFC 9110 §9.3.6";
        match self {
            Self::Client => because("tunnel-client", "tunnel: ended by the client", RULE),
            Self::Server => because("tunnel-server", "tunnel: ended by the server", RULE),
            Self::ClientFailed => because(
                "tunnel-client-failed",
                "tunnel: the client's connection failed",
                RULE,
            ),
            Self::ServerFailed => because(
                "tunnel-server-failed",
                "tunnel: the server's connection failed",
                RULE,
            ),
            Self::Idle => because("tunnel-idle", "tunnel: silent too long", RULE),
            Self::Drain => because("tunnel-drain", "tunnel: the server shuts down", RULE),
            Self::NotOpened => because("tunnel-not-opened", "tunnel: could not be opened", RULE),
        }
    }
}

impl CloseReason {
    /// The reason and its rule.
    pub fn because(self) -> Because {
        match self {
            Self::ClientOption => because(
                "client-close",
                "closed: the client asked for it",
                "RFC 9112 §9.6",
            ),
            Self::NotPersistent => because(
                "http-1.0",
                "closed: HTTP/1.0 without keep-alive",
                "RFC 9112 §9.3",
            ),
            Self::ClientClosed => because(
                "client-closed",
                "closed: the client closed",
                "RFC 9112 §9.6",
            ),
            Self::Refused(refusal) => {
                let answer = refusal.answer();
                because(answer.name, answer.because, answer.rule)
            }
            Self::ContentUnread => because(
                "content-unread",
                "closed: the content was not wanted",
                "RFC 9112 §9.3",
            ),
            Self::ExpectationUnmet => because(
                "expectation",
                "closed: answered without 100",
                "RFC 9110 §10.1.1",
            ),
            Self::Idle => because("idle", "closed: silent too long", "RFC 9112 §9.5"),
            Self::RequestsMax => because(
                "requests_max",
                "closed: as many requests as one connection may",
                "RFC 9112 §9.5",
            ),
            Self::AgeMax => because(
                "age_millis_max",
                "closed: as old as a connection may be",
                "RFC 9112 §9.5",
            ),
            Self::Drain => because("drain", "closed: the server shuts down", "RFC 9112 §9.5"),
            Self::AnswerIncomplete => because(
                "incomplete",
                "closed: the answer could not be completed",
                "RFC 9112 §8",
            ),
            Self::AnswerFraming => because(
                "close-delimited",
                "closed: the answer ends with it",
                "RFC 9112 §6.3, rule 8",
            ),
            Self::TunnelRefused => because(
                "tunnel-refused",
                "closed: what follows may be meant for the tunnel that was not opened",
                "RFC 9110 §9.3.6",
            ),
            Self::TransmitRate => because(
                "transmit-rate",
                "reset: the client reads too slowly",
                "RFC 9112 §9.5",
            ),
            Self::TransportError => {
                because("transport", "closed: the transport failed", "RFC 9112 §9.5")
            }
            Self::ServerOption => because(
                "server-close",
                "closed: the server asked for it",
                "RFC 9112 §9.6",
            ),
            Self::ServerClosed => because(
                "server-closed",
                "closed: the server closed",
                "RFC 9112 §9.5",
            ),
            Self::Tunnel(end) => end.because(),
            Self::SurplusOctets => because(
                "surplus-octets",
                "closed: the server sent what answers no request",
                "RFC 9112 §9.2",
            ),
        }
    }
}
