//! Where to listen.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// An address to listen on, as a user writes it.
///
/// | written | means |
/// |---|---|
/// | `127.0.0.1:8080`, `[::1]:80` | that address and port |
/// | `localhost:8080`, `:8080`, `8080` | port 8080 of 127.0.0.1 |
/// | `unix:PATH` | a unix socket |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An Internet address and port.
    Inet(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Its form as a URL with `scheme`, which a terminal makes clickable. An unspecified address is shown as loopback.
    #[must_use]
    pub fn url<'a>(&'a self, scheme: &'a str) -> Url<'a> {
        Url {
            address: self,
            scheme,
        }
    }

    /// The port, unless it is a unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

/// See [`Address::url`].
#[derive(Debug)]
pub struct Url<'a> {
    address: &'a Address,
    scheme: &'a str,
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme;
        let Address::Inet(address) = self.address else {
            return write!(f, "{}", self.address);
        };
        let ip = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        match (scheme, address.port()) {
            ("http", 80) | ("https", 443) => match ip {
                IpAddr::V4(ip) => write!(f, "{scheme}://{ip}/"),
                IpAddr::V6(ip) => write!(f, "{scheme}://[{ip}]/"),
            },
            (_, port) => write!(f, "{scheme}://{}/", SocketAddr::new(ip, port)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return parse_unix(path);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Inet(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(if is_ip(text) {
                AddressError::NoPort
            } else {
                AddressError::Unreadable
            });
        }
        if is_ip(text) {
            // `::1` would else be read as port 1 of the host `:`.
            return Err(AddressError::NoPort);
        }
        let port = port.parse().map_err(|_| AddressError::PortTooLarge)?;
        match host {
            "" | "localhost" => Ok(Self::Inet((Ipv4Addr::LOCALHOST, port).into())),
            _ => Err(AddressError::HostName),
        }
    }
}

fn parse_unix(path: &str) -> Result<Address, AddressError> {
    if path.is_empty() {
        return Err(AddressError::NoPath);
    }
    if path.len() > UNIX_OCTETS_MAX {
        return Err(AddressError::PathTooLong);
    }
    if path.contains('\0') {
        return Err(AddressError::Unreadable);
    }
    Ok(Address::Unix(path.into()))
}

fn is_ip(text: &str) -> bool {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .is_ok()
}

/// Why an [`Address`] cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It has no recognisable form.
    Unreadable,
    /// An IP address stands without a port.
    NoPort,
    /// The port is above 65535.
    PortTooLarge,
    /// A host name other than `localhost`.
    HostName,
    /// `unix:` without a path.
    NoPath,
    /// The path of a unix socket does not fit into a socket address.
    PathTooLong,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => {
                "not an address; write 127.0.0.1:8080, [::1]:8080, 8080 or unix:PATH"
            }
            Self::NoPort => "an address without a port; write 127.0.0.1:8080 or [::1]:8080",
            Self::PortTooLarge => "a port is at most 65535",
            Self::HostName => {
                "only the name localhost can be listened on; write the IP address of the others"
            }
            Self::NoPath => "unix: needs a path, as in unix:/run/server.sock",
            Self::PathTooLong => "the path of a unix socket has at most 107 octets",
        })
    }
}

impl std::error::Error for AddressError {}

/// What fits into `sun_path` with its ending NUL (Linux unix(7)).
const UNIX_OCTETS_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        text.parse::<Address>()
            .map_or_else(|error| format!("{error:?}"), |address| address.to_string())
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(read("[::1]:80"), "[::1]:80");
        assert_eq!(read("0.0.0.0:0"), "0.0.0.0:0");
        assert_eq!(read("unix:/run/a b.sock"), "unix:/run/a b.sock");
    }

    #[test]
    fn a_bare_port_means_loopback() {
        for text in ["8080", ":8080", "localhost:8080"] {
            assert_eq!(read(text), "127.0.0.1:8080");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(read(""), "Unreadable");
        assert_eq!(read("x"), "Unreadable");
        assert_eq!(read("+80"), "Unreadable");
        assert_eq!(read("127.0.0.1"), "NoPort");
        assert_eq!(read("::1"), "NoPort");
        assert_eq!(read("[::1]"), "NoPort");
        assert_eq!(read("70000"), "PortTooLarge");
        assert_eq!(read("example.org:80"), "HostName");
        assert_eq!(read("unix:"), "NoPath");
        assert_eq!(read(&format!("unix:{}", "x".repeat(108))), "PathTooLong");
    }

    #[test]
    fn a_url_is_one_that_can_be_opened() {
        let url = |text: &str| text.parse::<Address>().unwrap().url("http").to_string();
        assert_eq!(url("8080"), "http://127.0.0.1:8080/");
        assert_eq!(url("0.0.0.0:80"), "http://127.0.0.1/");
        assert_eq!(url("[::]:8080"), "http://[::1]:8080/");
        assert_eq!(url("[::1]:80"), "http://[::1]/");
        assert_eq!(url("unix:/a"), "unix:/a");
    }
}
