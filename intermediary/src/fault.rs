//! Why there is no answer to pass on, and what the client is told (RFC 9209 §2.3, RFC 9110 §15.6).

use net::TlsFault;
use semantics::fields::proxy_status::{ProxyError, ProxyStatus};
use semantics::{Anomalies, LimitError, PeerError, Refusal, ResponseHead, Status};

use crate::passage::Passage;

/// What went wrong between us and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its name was not resolved in time, or no name server answers.
    ResolveTimeout,
    /// Its name has no address.
    ResolveFailed,
    /// An address that may not be asked.
    AddressProhibited,
    /// No route to its address.
    Unroutable,
    /// Nobody listens.
    ConnectRefused,
    /// The connection could not be made for another reason.
    ConnectFailed,
    /// The connection was not made in time.
    ConnectTimeout,
    /// As many connections as there may be, and the time to wait for one is over.
    ConnectionsMax,
    /// No server may be asked.
    NoServer,
    /// TLS failed.
    Tls(TlsFault),
    /// The proxy on the way to it answered with this status.
    Parent(Status),
    /// The request could not be transmitted in time.
    TransmitTimeout,
    /// No head came in time.
    HeadTimeout,
    /// No more content came in time.
    ContentTimeout,
    /// The connection ended before the head was complete.
    ClosedBeforeHead,
    /// The connection ended in the head or in the content.
    ClosedWithin,
    /// What came is not HTTP, is ambiguous, or goes over a limit.
    Refused(Refusal),
    /// More interim answers came than may.
    Interims,
    /// Connection names more fields than [`crate::NOMINATED_MAX`].
    ConnectionOptions,
    /// The server went over to a protocol for which nobody asked, or did not where it said so.
    Upgrade,
    /// Our own.
    Internal,
}

impl Fault {
    /// Its registered name.
    #[must_use]
    pub fn error(self) -> ProxyError {
        match self {
            Self::ResolveTimeout => ProxyError::DnsTimeout,
            Self::ResolveFailed => ProxyError::DnsError,
            Self::AddressProhibited => ProxyError::DestinationIpProhibited,
            Self::Unroutable => ProxyError::DestinationIpUnroutable,
            Self::ConnectRefused => ProxyError::ConnectionRefused,
            Self::ConnectFailed | Self::ClosedBeforeHead => ProxyError::ConnectionTerminated,
            Self::ConnectTimeout => ProxyError::ConnectionTimeout,
            Self::ConnectionsMax => ProxyError::ConnectionLimitReached,
            Self::NoServer => ProxyError::DestinationUnavailable,
            Self::Tls(fault) if fault.is_of_certificate() => ProxyError::TlsCertificateError,
            Self::Tls(TlsFault::Alert(_)) => ProxyError::TlsAlertReceived,
            Self::Tls(_) => ProxyError::TlsProtocolError,
            // It wants to know who we are, and that is for our configuration to say.
            Self::Parent(status) if status.code() == 407 => ProxyError::ProxyConfigurationError,
            Self::Parent(status) if status == Status::GATEWAY_TIMEOUT => {
                ProxyError::ConnectionTimeout
            }
            Self::Parent(_) => ProxyError::ConnectionRefused,
            Self::TransmitTimeout => ProxyError::ConnectionWriteTimeout,
            Self::HeadTimeout => ProxyError::HttpResponseTimeout,
            Self::ContentTimeout => ProxyError::ConnectionReadTimeout,
            Self::ClosedWithin => ProxyError::HttpResponseIncomplete,
            Self::Refused(refusal) => of_refusal(refusal),
            Self::Interims | Self::ConnectionOptions => ProxyError::HttpProtocolError,
            Self::Upgrade => ProxyError::HttpUpgradeFailed,
            Self::Internal => ProxyError::ProxyInternalError,
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
            Self::ResolveTimeout => "The server's name was not resolved in time",
            Self::ResolveFailed => "The server's name has no address",
            Self::AddressProhibited => "The server's address may not be asked",
            Self::Unroutable => "There is no route to the server",
            Self::ConnectRefused => "Nobody listens at the server's address",
            Self::ConnectFailed => "The connection to the server failed",
            Self::ConnectTimeout => "The server took no connection in time",
            Self::ConnectionsMax => "The server is asked by as many connections as it may be",
            Self::NoServer => "There is no server that could be asked",
            Self::Tls(fault) => fault.because(),
            Self::Parent(status) if status.code() == 407 => {
                "The proxy on the way asks who we are: give a name and a password by via_auth"
            }
            Self::Parent(_) => "The proxy on the way does not go on to the server",
            Self::TransmitTimeout => "The server did not read the request in time",
            Self::HeadTimeout => "The server did not answer in time",
            Self::ContentTimeout => "The server went silent within its answer",
            Self::ClosedBeforeHead => "The server closed without an answer",
            Self::ClosedWithin => "The server closed within its answer",
            Self::Refused(_) | Self::ConnectionOptions => "The server's answer is not acceptable",
            Self::Interims => "The server sent interim answers without end",
            Self::Upgrade => "The server went over to a protocol that nobody asked for",
            Self::Internal => "This server failed",
        }
    }

    /// The head of the answer, with Proxy-Status. `next_hop` tells which server was asked, to whom may know; `details` of
    /// a refusal is the name of the rule.
    #[must_use]
    pub fn head(self, passage: &Passage, next_hop: Option<&str>) -> ResponseHead {
        let mut told = ProxyStatus::new(passage.name(), self.error());
        if let Some(next_hop) = next_hop {
            told = told.next_hop(next_hop);
        }
        match self {
            Self::Refused(refusal) => told = told.details(refusal.answer().name),
            // RFC 9209 §2.3.16: the server's own number.
            Self::Tls(TlsFault::Alert(id)) => told = told.alert_id(id),
            Self::Tls(fault) => told = told.details(fault.name()),
            Self::Parent(status) => told = told.received_status(status),
            _ => {}
        }
        let mut head = ResponseHead::new(self.status());
        head.add_named("Proxy-Status", told.to_string());
        head
    }
}

fn of_refusal(refusal: Refusal) -> ProxyError {
    match refusal {
        Refusal::Peer(PeerError::Truncated) => ProxyError::HttpResponseIncomplete,
        Refusal::Peer(PeerError::Syntax(anomalies)) if anomalies.contains(Anomalies::UPGRADE) => {
            ProxyError::HttpUpgradeFailed
        }
        Refusal::Peer(PeerError::Syntax(anomalies)) if anomalies.intersects(CODING) => {
            ProxyError::HttpResponseTransferCoding
        }
        Refusal::Limit(LimitError::HeadOctets | LimitError::FieldLines) => {
            ProxyError::HttpResponseHeaderSectionSize
        }
        Refusal::Limit(LimitError::ContentOctets) => ProxyError::HttpResponseBodySize,
        Refusal::Limit(LimitError::HeadTime) => ProxyError::HttpResponseTimeout,
        Refusal::Limit(LimitError::ReceiveRate) => ProxyError::ConnectionReadTimeout,
        _ => ProxyError::HttpProtocolError,
    }
}

const CODING: Anomalies = Anomalies::CODING_UNKNOWN
    .union(Anomalies::CODING_MALFORMED)
    .union(Anomalies::CHUNKED_NOT_FINAL)
    .union(Anomalies::CHUNKED_REPEATED)
    .union(Anomalies::CHUNK_SIZE_INVALID)
    .union(Anomalies::CHUNK_EXTENSION_INVALID)
    .union(Anomalies::CHUNK_BARE_LF)
    .union(Anomalies::CHUNK_END_INVALID)
    .union(Anomalies::CHUNK_SPACE);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    fn told(fault: Fault) -> String {
        let passage = Passage::new("edge", Scheme::Http, "a").unwrap();
        let head = fault.head(&passage, Some("127.0.0.1:3000"));
        let value = head.section().all_named(b"proxy-status").next().unwrap();
        String::from_utf8(value.to_vec()).unwrap()
    }

    #[test]
    fn who_failed_is_told_by_the_status() {
        // table
        for (fault, status) in [
            (Fault::ConnectRefused, 502),
            (Fault::ClosedBeforeHead, 502),
            (Fault::Refused(PeerError::Truncated.into()), 502),
            (Fault::ConnectTimeout, 504),
            (Fault::HeadTimeout, 504),
            (Fault::TransmitTimeout, 504),
            (Fault::ConnectionsMax, 503),
            (Fault::NoServer, 503),
            (Fault::ConnectionOptions, 502),
            (Fault::Interims, 502),
            (Fault::Internal, 500),
        ] {
            assert_eq!(fault.status().code(), status, "{fault:?}");
            assert!(!fault.because().is_empty());
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_kind_and_its_rule() {
        // table
        for (refusal, expected) in [
            (
                PeerError::Syntax(Anomalies::STATUS_LINE_INVALID).into(),
                "http_protocol_error; next-hop=\"127.0.0.1:3000\"; details=\"status-line-invalid\"",
            ),
            (
                PeerError::Syntax(Anomalies::CHUNK_SIZE_INVALID).into(),
                "http_response_transfer_coding; next-hop=\"127.0.0.1:3000\"; details=\"chunk-size-invalid\"",
            ),
            (
                LimitError::HeadOctets.into(),
                "http_response_header_section_size; next-hop=\"127.0.0.1:3000\"; details=\"head_octets_max\"",
            ),
        ] {
            let refusal: Refusal = refusal;
            assert_eq!(
                told(Fault::Refused(refusal)),
                format!("edge; error={expected}")
            );
        }
    }
}
