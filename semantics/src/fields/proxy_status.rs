//! `Proxy-Status` (RFC 9209), as it is written: what happened between us and the server that we asked.
//!
//! ```
//! use hansom_semantics::fields::proxy_status::{ProxyError, ProxyStatus};
//!
//! let status = ProxyStatus::new("edge-1", ProxyError::ConnectionRefused).next_hop("127.0.0.1:3000");
//! assert_eq!(status.to_string(), "edge-1; error=connection_refused; next-hop=\"127.0.0.1:3000\"");
//! assert_eq!(status.error.status().code(), 502);
//! ```

use std::fmt;

use super::list::is_token_octet;
use crate::Status;

macro_rules! errors {
    ($($variant:ident $name:literal $status:ident;)*) => {
        /// Why there is no answer of the server to pass on (RFC 9209 §2.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProxyError { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl ProxyError {
            /// All of them, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The registered name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status that the RFC recommends; 400 and 502 where it leaves the choice.
            #[must_use]
            pub fn status(self) -> Status {
                match self { $(Self::$variant => Status::$status,)* }
            }
        }
    };
}

// table
errors! {
    DnsTimeout "dns_timeout" GATEWAY_TIMEOUT;
    DnsError "dns_error" BAD_GATEWAY;
    DestinationNotFound "destination_not_found" INTERNAL_SERVER_ERROR;
    DestinationUnavailable "destination_unavailable" SERVICE_UNAVAILABLE;
    DestinationIpProhibited "destination_ip_prohibited" BAD_GATEWAY;
    DestinationIpUnroutable "destination_ip_unroutable" BAD_GATEWAY;
    ConnectionRefused "connection_refused" BAD_GATEWAY;
    ConnectionTerminated "connection_terminated" BAD_GATEWAY;
    ConnectionTimeout "connection_timeout" GATEWAY_TIMEOUT;
    ConnectionReadTimeout "connection_read_timeout" GATEWAY_TIMEOUT;
    ConnectionWriteTimeout "connection_write_timeout" GATEWAY_TIMEOUT;
    ConnectionLimitReached "connection_limit_reached" SERVICE_UNAVAILABLE;
    TlsProtocolError "tls_protocol_error" BAD_GATEWAY;
    TlsCertificateError "tls_certificate_error" BAD_GATEWAY;
    TlsAlertReceived "tls_alert_received" BAD_GATEWAY;
    HttpRequestError "http_request_error" BAD_REQUEST;
    HttpRequestDenied "http_request_denied" FORBIDDEN;
    HttpResponseIncomplete "http_response_incomplete" BAD_GATEWAY;
    HttpResponseHeaderSectionSize "http_response_header_section_size" BAD_GATEWAY;
    HttpResponseHeaderSize "http_response_header_size" BAD_GATEWAY;
    HttpResponseBodySize "http_response_body_size" BAD_GATEWAY;
    HttpResponseTrailerSectionSize "http_response_trailer_section_size" BAD_GATEWAY;
    HttpResponseTrailerSize "http_response_trailer_size" BAD_GATEWAY;
    HttpResponseTransferCoding "http_response_transfer_coding" BAD_GATEWAY;
    HttpResponseContentCoding "http_response_content_coding" BAD_GATEWAY;
    HttpResponseTimeout "http_response_timeout" GATEWAY_TIMEOUT;
    HttpUpgradeFailed "http_upgrade_failed" BAD_GATEWAY;
    HttpProtocolError "http_protocol_error" BAD_GATEWAY;
    ProxyInternalResponse "proxy_internal_response" BAD_GATEWAY;
    ProxyInternalError "proxy_internal_error" INTERNAL_SERVER_ERROR;
    ProxyConfigurationError "proxy_configuration_error" INTERNAL_SERVER_ERROR;
    ProxyLoopDetected "proxy_loop_detected" BAD_GATEWAY;
}

/// One member of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyStatus<'a> {
    /// Who says it: a token where it is one, else a string (§2).
    pub by: &'a str,
    /// What went wrong.
    pub error: ProxyError,
    next_hop: Option<&'a str>,
    details: Option<&'a str>,
    received_status: Option<Status>,
    alert_id: Option<u8>,
}

impl<'a> ProxyStatus<'a> {
    /// An error, told by who has this name.
    #[must_use]
    pub fn new(by: &'a str, error: ProxyError) -> Self {
        Self {
            by,
            error,
            next_hop: None,
            details: None,
            received_status: None,
            alert_id: None,
        }
    }

    /// Who was asked (§2.1.2). It may tell more of a network than its owner wants.
    #[must_use]
    pub fn next_hop(mut self, next_hop: &'a str) -> Self {
        self.next_hop = Some(next_hop);
        self
    }

    /// More about the error (§2.1.5).
    #[must_use]
    pub fn details(mut self, details: &'a str) -> Self {
        self.details = Some(details);
        self
    }

    /// With which status the server answered what is not passed on (§2.1.4).
    #[must_use]
    pub fn received_status(mut self, status: Status) -> Self {
        self.received_status = Some(status);
        self
    }

    /// By which alert of TLS the server refused (§2.3.16).
    #[must_use]
    pub fn alert_id(mut self, id: u8) -> Self {
        self.alert_id = Some(id);
        self
    }
}

impl fmt::Display for ProxyStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_sf_token(self.by.as_bytes()) {
            f.write_str(self.by)?;
        } else {
            sf_string(self.by, f)?;
        }
        write!(f, "; error={}", self.error.name())?;
        if let Some(next_hop) = self.next_hop {
            f.write_str("; next-hop=")?;
            sf_string(next_hop, f)?;
        }
        if let Some(status) = self.received_status {
            write!(f, "; received-status={}", status.code())?;
        }
        if let Some(id) = self.alert_id {
            write!(f, "; alert-id={id}")?;
        }
        if let Some(details) = self.details {
            f.write_str("; details=")?;
            sf_string(details, f)?;
        }
        Ok(())
    }
}

/// A token of structured fields (RFC 9651 §3.3.4).
fn is_sf_token(octets: &[u8]) -> bool {
    match octets {
        [first, rest @ ..] => {
            (first.is_ascii_alphabetic() || *first == b'*')
                && rest
                    .iter()
                    .all(|octet| is_token_octet(*octet) || matches!(octet, b':' | b'/'))
        }
        [] => false,
    }
}

/// A string of structured fields (RFC 9651 §3.3.3), which has no octets but printable ASCII: others become `?`.
fn sf_string(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(f, "\\{letter}")?,
            ' '..='~' => write!(f, "{letter}")?,
            _ => f.write_str("?")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_in_one_order() {
        let status = ProxyStatus::new("r34", ProxyError::HttpProtocolError)
            .details("Malformed: \"\\\" \r\nX: y ü")
            .next_hop("[2001:db8::1]:80")
            .received_status(Status::OK);
        assert_eq!(
            status.to_string(),
            "r34; error=http_protocol_error; next-hop=\"[2001:db8::1]:80\"; received-status=200; \
             details=\"Malformed: \\\"\\\\\\\" ??X: y ?\""
        );
    }

    #[test]
    fn who_says_it_is_a_token_or_a_string() {
        // table
        for (by, expected) in [
            ("edge", "edge"),
            ("a.example:80", "a.example:80"),
            ("*", "*"),
            ("1edge", "\"1edge\""),
            ("a b", "\"a b\""),
            ("", "\"\""),
        ] {
            let status = ProxyStatus::new(by, ProxyError::DnsError);
            assert_eq!(status.to_string(), format!("{expected}; error=dns_error"));
        }
    }

    #[test]
    fn every_error_has_a_name_of_its_own_and_a_status_of_an_error() {
        for (i, error) in ProxyError::ALL.iter().enumerate() {
            assert!(error.status().is_error(), "{error:?}");
            let others = ProxyError::ALL.iter().skip(i + 1);
            assert!(others.clone().all(|other| other.name() != error.name()));
        }
    }
}
