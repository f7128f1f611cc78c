//! Where to listen.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
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

    /// Makes the path of a unix socket relative to a folder.
    ///
    /// # Errors
    /// That it is then too long.
    pub fn based_on(self, folder: &Path) -> Result<Self, AddressError> {
        match self {
            Self::Unix(path) => unix(folder.join(path)),
            tcp => Ok(tcp),
        }
    }

    /// Whether two listeners of this address could not both exist.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        !matches!(self, Self::Inet(address) if address.port() == 0)
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

/// Why a text is not an [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing was given.
    Empty,
    /// An IP address without a port.
    PortMissing(IpAddr),
    /// The port is not a number from 0 to 65535.
    PortInvalid,
    /// An IPv6 address needs brackets and a port.
    BracketsMissing,
    /// A name where an IP address is needed.
    HostName,
    /// `unix:` without a path.
    PathMissing,
    /// The path of a unix socket has at most 107 octets, and no NUL.
    PathInvalid,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(PathBuf::from(path));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Inet(address));
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(AddressError::BracketsMissing);
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Err(AddressError::PortMissing(ip));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None if text.bytes().all(|octet| octet.is_ascii_digit()) => ("", text),
            None => (text, ""),
        };
        match host {
            "" if text.is_empty() => Err(AddressError::Empty),
            "localhost" if port.is_empty() => {
                Err(AddressError::PortMissing(Ipv4Addr::LOCALHOST.into()))
            }
            "" | "localhost" => loopback(port),
            ip if ip.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => {
                Err(AddressError::PortInvalid)
            }
            _ => Err(AddressError::HostName),
        }
    }
}

impl AddressError {
    /// What to write instead.
    #[must_use]
    pub fn suggestion(&self) -> String {
        match self {
            Self::PortMissing(ip) => format!("for example \"{}\"", SocketAddr::new(*ip, 8080)),
            Self::BracketsMissing => "for example \"[::1]:8080\"".to_owned(),
            Self::HostName => {
                "for example \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every IPv4 address of this machine".to_owned()
            }
            Self::PathMissing | Self::PathInvalid => "for example \"unix:/run/hansom.sock\"".to_owned(),
            Self::Empty | Self::PortInvalid => "for example \"127.0.0.1:8080\"".to_owned(),
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the address is empty",
            Self::PortMissing(_) => "the port is missing",
            Self::PortInvalid => "the port is not a number from 0 to 65535",
            Self::BracketsMissing => "an IPv6 address needs brackets and a port",
            Self::HostName => "the address is not an IP address",
            Self::PathMissing => "the path of the unix socket is missing",
            Self::PathInvalid => "the path of a unix socket has at most 107 octets and no NUL",
        })
    }
}

impl std::error::Error for AddressError {}

fn unix(path: PathBuf) -> Result<Address, AddressError> {
    match path.as_os_str().as_encoded_bytes() {
        [] => Err(AddressError::PathMissing),
        octets if octets.len() > UNIX_PATH_OCTETS_MAX || octets.contains(&0) => {
            Err(AddressError::PathInvalid)
        }
        _ => Ok(Address::Unix(path)),
    }
}

fn loopback(port: &str) -> Result<Address, AddressError> {
    let is_number = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if is_number => Ok(Address::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))),
        _ => Err(AddressError::PortInvalid),
    }
}

/// `sun_path` has 108 octets on Linux, the last one NUL.
const UNIX_PATH_OCTETS_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Address>()
            .map_or_else(|error| format!("{error:?}"), |address| address.to_string())
    }

    #[test]
    fn a_bare_port_means_loopback() {
        assert_eq!(shown("8080"), "127.0.0.1:8080");
        assert_eq!(shown(":8080"), "127.0.0.1:8080");
        assert_eq!(shown("localhost:80"), "127.0.0.1:80");
    }

    #[test]
    fn whole_addresses_are_taken_as_they_are() {
        assert_eq!(shown("0.0.0.0:80"), "0.0.0.0:80");
        assert_eq!(shown("[::1]:80"), "[::1]:80");
        assert_eq!(shown("unix:/run/h.sock"), "unix:/run/h.sock");
    }

    #[test]
    fn each_mistake_has_its_name() {
        for (text, error) in [
            ("", "Empty"),
            (":", "PortInvalid"),
            ("127.0.0.1", "PortMissing(127.0.0.1)"),
            ("localhost", "PortMissing(127.0.0.1)"),
            ("[::1]", "PortMissing(::1)"),
            ("::1", "BracketsMissing"),
            ("::1:8080", "BracketsMissing"),
            ("127.0.0.1:x", "PortInvalid"),
            ("70000", "PortInvalid"),
            (":+80", "PortInvalid"),
            ("[::1]:99999", "PortInvalid"),
            ("fe80::1:2:3:4:5:6:7:80", "HostName"),
            ("example.org:80", "HostName"),
            ("example", "HostName"),
            ("unix:", "PathMissing"),
        ] {
            assert_eq!(shown(text), error, "{text}");
        }
    }

    #[test]
    fn a_socket_path_is_bounded() {
        assert_eq!(shown(&format!("unix:/{}", "a".repeat(107))), "PathInvalid");
        assert!(
            format!("unix:/{}", "a".repeat(106))
                .parse::<Address>()
                .is_ok()
        );
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
