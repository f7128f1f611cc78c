//! What goes wrong on the way to a server.

use std::fmt;
use std::io;

use http1::Misuse;
use net::TlsFault;
use semantics::{Refusal, Status};

/// An exchange with a server failed.
///
/// Whether the request may be sent again is told by what had been said before: if nothing was transmitted, any may; if nothing was answered,
/// those whose method is idempotent (RFC 9110 §9.2.2), as far as their content can be had again; else none that its client has
/// seen an octet of the answer of.
#[derive(Debug)]
pub struct OutboundError {
    /// What went wrong.
    pub fault: Fault,
    /// Whether an octet of the request was transmitted.
    pub is_transmitted: bool,
    /// Whether an octet of an answer came, be it of an interim one.
    pub is_answered: bool,
}

/// What went wrong with a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The server's name leads to no address.
    Resolve(io::Error),
    /// None of the server's addresses may be connected to.
    Prohibited,
    /// No connection could be made.
    Connect(io::Error),
    /// TLS failed.
    Tls(TlsFault),
    /// The proxy that was to go on answered this.
    Parent(Status),
    /// The server was silent for too long while this was awaited.
    Timeout(Awaited),
    /// The server closed before its answer was complete (RFC 9112 §8).
    Closed,
    /// The connection failed.
    Transport(io::Error),
    /// The answer breaks a rule or a limit.
    Refused(Refusal),
    /// More interim answers came than may ([`INTERIMS_MAX`](super::INTERIMS_MAX)): the final one might never.
    Interims,
    /// The content of the request did not come to its end: the fault is the client's.
    Interrupted,
    /// What was to be asked cannot be said: the fault is ours.
    Misuse(Misuse),
}

/// What a server was silent instead of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Taking the connection.
    Connection,
    /// Taking more of the request.
    Transmit,
    /// Sending the head of its answer.
    Head,
    /// Sending more of the content.
    Content,
}

impl OutboundError {
    /// No connection could be made.
    pub fn connect(error: io::Error) -> Self {
        Self::way(Fault::of_connecting(error))
    }

    /// There is no connection.
    pub(super) fn way(fault: Fault) -> Self {
        Self {
            fault,
            is_transmitted: false,
            is_answered: false,
        }
    }
}

impl fmt::Display for OutboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::Resolve(error) => write!(f, "the server's name has no address: {error}"),
            Fault::Prohibited => f.write_str("the server's address may not be asked"),
            Fault::Tls(fault) => fault.fmt(f),
            Fault::Parent(status) => write!(f, "the proxy on the way answered {}", status.code()),
            Fault::Connect(error) => write!(f, "no connection could be made: {error}"),
            Fault::Timeout(awaited) => f.write_str(match awaited {
                Awaited::Connection => "the server did not take the connection in time",
                Awaited::Transmit => "the server did not take the request in time",
                Awaited::Head => "the server did not answer in time",
                Awaited::Content => "the server fell silent within the content of its answer",
            }),
            Fault::Closed if self.is_answered => {
                f.write_str("the server closed the connection within its answer")
            }
            Fault::Closed => f.write_str("the server closed the connection without an answer"),
            Fault::Transport(error) => write!(f, "the connection failed: {error}"),
            Fault::Refused(refusal) => write!(f, "the answer is refused: {refusal}"),
            Fault::Interims => write!(
                f,
                "the server sent more than {} interim answers (INTERIMS_MAX)",
                super::INTERIMS_MAX
            ),
            Fault::Interrupted => f.write_str("the content of the request broke off"),
            Fault::Misuse(misuse) => write!(f, "the request cannot be sent: {misuse:?}"),
        }
    }
}

impl std::error::Error for OutboundError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Resolve(error) | Fault::Connect(error) | Fault::Transport(error) => Some(error),
            _ => None,
        }
    }
}
