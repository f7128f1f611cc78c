//! Why there is no answer of an application, and what the client is told (RFC 9209 §2.3, RFC 9110 §15.6).

use std::io;

use semantics::fields::proxy_status::{ProxyError, ProxyStatus};
use semantics::{LimitError, PeerError, Refusal, ResponseHead, Status};

use crate::{AnswerError, RecordError};

/// What went wrong between us and an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its name has no address.
    ResolveFailed,
    /// No route to its address.
    Unroutable,
    /// Nobody listens.
    ConnectRefused,
    /// The connection could not be made for another reason.
    ConnectFailed,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The request was not taken in time.
    TransmitTimeout,
    /// No head came in time.
    HeadTimeout,
    /// No more content came in time.
    ContentTimeout,
    /// The connection ended before the head was complete.
    ClosedBeforeHead,
    /// The connection ended within the content.
    ClosedWithin,
    /// What came are no records of FastCGI.
    Record(RecordError),
    /// What came is no answer.
    Answer(AnswerError),
    /// It has no room for another request.
    Overloaded,
    /// It is no responder.
    Role,
    /// As many programs run as may.
    ProcessesMax,
    /// The program cannot be started.
    Start,
    /// There is no room to keep content whose length is not known.
    Spool,
    /// Our own.
    Internal,
}

impl Fault {
    /// That no connection could be made.
    #[must_use]
    pub fn of_connecting(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::ConnectTimeout,
            // A socket of this machine that is not there has nobody who listens.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Self::ConnectRefused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unroutable,
            io::ErrorKind::AddrNotAvailable => Self::ResolveFailed,
            _ => Self::ConnectFailed,
        }
    }

    /// Its registered name.
    #[must_use]
    pub fn error(self) -> ProxyError {
        match self {
            Self::ResolveFailed => ProxyError::DnsError,
            Self::Unroutable => ProxyError::DestinationIpUnroutable,
            Self::ConnectRefused => ProxyError::ConnectionRefused,
            Self::ConnectFailed | Self::ClosedBeforeHead => ProxyError::ConnectionTerminated,
            Self::ConnectTimeout => ProxyError::ConnectionTimeout,
            Self::TransmitTimeout => ProxyError::ConnectionWriteTimeout,
            Self::HeadTimeout => ProxyError::HttpResponseTimeout,
            Self::ContentTimeout => ProxyError::ConnectionReadTimeout,
            Self::ClosedWithin => ProxyError::HttpResponseIncomplete,
            Self::Answer(AnswerError::Refused(Refusal::Limit(
                LimitError::HeadOctets | LimitError::FieldLines,
            ))) => ProxyError::HttpResponseHeaderSectionSize,
            Self::Record(_) | Self::Answer(_) => ProxyError::HttpProtocolError,
            Self::Overloaded | Self::ProcessesMax => ProxyError::ConnectionLimitReached,
            Self::Role => ProxyError::ProxyConfigurationError,
            Self::Start => ProxyError::DestinationUnavailable,
            Self::Spool | Self::Internal => ProxyError::ProxyInternalError,
        }
    }

    /// The status of the answer: 503 where nobody could be asked, 504 where nothing came in time, 502 where something wrong
    /// did (RFC 9110 §15.6.3 to §15.6.5).
    #[must_use]
    pub fn status(self) -> Status {
        self.error().status()
    }

    /// One sentence for people, without a full stop.
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::ResolveFailed => "The application's name has no address",
            Self::Unroutable => "There is no route to the application",
            Self::ConnectRefused => "Nobody listens at the application's address",
            Self::ConnectFailed => "The connection to the application failed",
            Self::ConnectTimeout => "The application took no connection in time",
            Self::TransmitTimeout => "The application did not read the request in time",
            Self::HeadTimeout => "The application did not answer in time",
            Self::ContentTimeout => "The application went silent within its answer",
            Self::ClosedBeforeHead => "The application ended without an answer",
            Self::ClosedWithin => "The application ended within its answer",
            Self::Record(_) => "What the application sends is not FastCGI",
            Self::Answer(_) => "The application's answer is not acceptable",
            Self::Overloaded => "The application has no room for another request",
            Self::Role => "The application does not answer requests",
            Self::ProcessesMax => "As many programs run as may",
            Self::Start => "The program cannot be started",
            Self::Spool => "There is no room to keep the content of the request",
            Self::Internal => "This server failed",
        }
    }

    /// The rule that was broken, for people who run the application.
    #[must_use]
    pub fn details(self) -> Option<&'static str> {
        Some(match self {
            Self::Record(error) => match error {
                RecordError::Version => "fastcgi-version",
                RecordError::RequestId => "fastcgi-request-id",
                RecordError::Kind => "fastcgi-type",
                RecordError::Ending => "fastcgi-end-request",
                RecordError::AfterEnd => "fastcgi-after-end",
            },
            Self::Answer(error) => match error {
                AnswerError::Refused(refusal) => refusal.answer().name,
                AnswerError::NoField => "cgi-field-missing",
                AnswerError::Repeated => "cgi-field-repeated",
                AnswerError::Status => "status-invalid",
                AnswerError::Location => "location-empty",
                AnswerError::Length => "length-invalid",
            },
            Self::ProcessesMax => "processes_max",
            _ => return None,
        })
    }

    /// The head of the answer, with Proxy-Status by who has this `name`.
    #[must_use]
    pub fn head(self, name: &str, next_hop: Option<&str>) -> ResponseHead {
        let mut told = ProxyStatus::new(name, self.error());
        if let Some(next_hop) = next_hop {
            told = told.next_hop(next_hop);
        }
        if let Some(details) = self.details() {
            told = told.details(details);
        }
        let mut head = ResponseHead::new(self.status());
        head.add_named("Proxy-Status", told.to_string());
        head
    }
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<AnswerError> for Fault {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Refused(Refusal::Peer(PeerError::Truncated)) => Self::ClosedWithin,
            error => Self::Answer(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_failed_is_told_by_the_status() {
        // table
        for (fault, status, name) in [
            (Fault::ConnectRefused, 502, "connection_refused"),
            (Fault::HeadTimeout, 504, "http_response_timeout"),
            (Fault::Overloaded, 503, "connection_limit_reached"),
            (Fault::ClosedBeforeHead, 502, "connection_terminated"),
            (
                Fault::from(AnswerError::NoField),
                502,
                "http_protocol_error",
            ),
            (Fault::Internal, 500, "proxy_internal_error"),
        ] {
            assert_eq!(
                (fault.status().code(), fault.error().name()),
                (status, name)
            );
            assert!(!fault.because().is_empty());
        }
        let head = Fault::Record(RecordError::Version).head("edge", Some("unix:/a"));
        let told = head.section().all_named(b"proxy-status").next().unwrap();
        let expected: &[u8] =
            b"edge; error=http_protocol_error; next-hop=\"unix:/a\"; details=\"fastcgi-version\"";
        assert_eq!(told, expected);
    }
}
