//! What is known of one exchange when it is over.

use std::net::SocketAddr;

/// What is known of one exchange when it is over.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When the head of the request was complete, in milliseconds since 1970 UTC.
    pub unix_millis: u64,
    /// The number of the connection.
    pub connection: u64,
    /// The number of the request on it, from 1.
    pub number: u32,
    /// The client; `None` on a unix socket.
    pub client: Option<SocketAddr>,
    /// Who was signed in.
    pub user: Option<&'a str>,
    /// The version of TLS, as `TLSv1.3`, if it came by that.
    pub tls_version: Option<&'a str>,
    /// The server name that the client asked for in TLS.
    pub tls_name: Option<&'a str>,
    /// The method as received; empty if there was none.
    pub method: &'a [u8],
    /// The target as received; empty if there was none.
    pub target: &'a [u8],
    /// The version, as `HTTP/1.1`; empty if there was none.
    pub version: &'a str,
    /// The value of `Host`.
    pub host: Option<&'a [u8]>,
    /// The value of `Referer`.
    pub referer: Option<&'a [u8]>,
    /// The value of `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// The site that it was for, by the first of its hosts in the configuration.
    pub site: Option<&'a str>,
    /// The route that answered, by its path; `None` also for the site itself.
    pub route: Option<&'a str>,
    /// The server behind this gateway that was asked last for the answer.
    pub server: Option<&'a str>,
    /// How many servers were asked.
    pub tries: usize,
    /// The status of the response; `None` if the exchange ended without one.
    pub status: Option<u16>,
    /// Octets of response content that were sent.
    pub octets: u64,
    /// From the complete head of the request to the last octet of the response, in microseconds.
    pub micros: u64,
    /// Octets of request content that were received.
    pub request_octets: u64,
    /// Whether the whole response was sent.
    pub complete: bool,
    /// Why the request content ended, and the section that says so.
    pub content_end: (&'a str, &'a str),
    /// Whether the connection was closed after the response.
    pub closes: bool,
    /// Why the connection was kept or closed, and the section that says so.
    pub fate: (&'a str, &'a str),
}
