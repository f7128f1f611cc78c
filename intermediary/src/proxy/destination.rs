//! Whom a client asks a proxy for: a host and a port, read strictly.
//!
//! Whatever resolves the name reads more texts as addresses than RFC 3986 §3.2.2 does (`127.1`, `0x7f000001`, `2130706433`), so
//! that rules for names would be passed by who spells an address oddly. Such a text is refused here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use semantics::fields::host::{Host, HostKind, Invalid};

/// A host and a port that a proxy may be asked for.
///
/// ```
/// use hansom_intermediary::Destination;
///
/// let destination = Destination::parse(b"Example.COM.:8080", Some(80)).unwrap();
/// assert_eq!(destination.to_string(), "example.com:8080");
/// assert!(Destination::parse(b"127.1", Some(80)).is_err());
/// assert!(Destination::parse(b"user@example.com", Some(80)).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// A name in lower case without the dot of the root, or an address as it is written without brackets.
    host: Box<str>,
    ip: Option<IpAddr>,
    /// Never 0.
    port: u16,
}

/// Why an authority is no destination. Each is answered by 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationError {
    /// It is no host with or without a port.
    Host(Invalid),
    /// There is no host.
    Empty,
    /// There is a name or a password in front.
    Userinfo,
    /// The host is percent-encoded: two spellings of one name.
    PercentEncoded,
    /// A number that some read as an address, as `127.1` or `0x7f000001`.
    OddAddress,
    /// No name of a host: a label that is empty, too long, or has other than letters, digits, hyphens and underscores.
    Name,
    /// An address of a version that nobody knows.
    FutureAddress,
    /// Port 0.
    PortZero,
    /// There is no port, and none that could be meant.
    NoPort,
}

impl Destination {
    /// Reads a host with a port, or with the one that stands for none.
    ///
    /// # Errors
    /// Why it is no destination.
    pub fn parse(authority: &[u8], port: Option<u16>) -> Result<Self, DestinationError> {
        use DestinationError as Error;
        if authority.contains(&b'@') {
            return Err(Error::Userinfo);
        }
        let host = Host::parse(authority).map_err(Error::Host)?;
        let port = host.port.or(port).ok_or(Error::NoPort)?;
        if port == 0 {
            return Err(Error::PortZero);
        }
        let text = std::str::from_utf8(host.name).map_err(|_| Error::Name)?;
        let address = |ip: IpAddr| Self {
            host: ip.to_string().into(),
            ip: Some(ip),
            port,
        };
        match host.kind {
            HostKind::Empty => Err(Error::Empty),
            HostKind::IpFuture => Err(Error::FutureAddress),
            HostKind::Ipv4 => {
                let ip: Ipv4Addr = text.parse().map_err(|_| Error::OddAddress)?;
                Ok(address(ip.into()))
            }
            HostKind::Ipv6 => {
                let literal = text.trim_start_matches('[').trim_end_matches(']');
                let ip: Ipv6Addr = literal.parse().map_err(|_| Error::OddAddress)?;
                Ok(address(ip.into()))
            }
            HostKind::Name => Ok(Self {
                host: name(text)?.into(),
                ip: None,
                port,
            }),
        }
    }

    /// The name in lower case without the dot of the root, or the address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The port; never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A name of a host in the one spelling that is compared (RFC 1123 §2.1; underscores are in names that are there).
fn name(text: &str) -> Result<String, DestinationError> {
    use DestinationError as Error;
    if text.contains('%') {
        return Err(Error::PercentEncoded);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if ends_in_number(text) {
        return Err(Error::OddAddress);
    }
    let is_label = |label: &str| {
        let is_octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        (1..=LABEL_OCTETS_MAX).contains(&label.len()) && label.bytes().all(is_octet)
    };
    match text.len() <= NAME_OCTETS_MAX && text.split('.').all(is_label) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(Error::Name),
    }
}

/// Whether the last label is a number, decimal or by `0x`: such a text is an address to some and a name to others (URL standard §3.5).
fn ends_in_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|octet| octet.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|octet| octet.is_ascii_digit()),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(IpAddr::V6(_)) => write!(f, "[{}]:{}", self.host, self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl DestinationError {
    /// What is wrong, for people, without a full stop.
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::Host(Invalid::PortTooLarge | Invalid::Port) => {
                "The port in the target is not a number from 1 to 65535"
            }
            Self::Host(_) => "The target has no host that can be read",
            Self::Empty => "The target has no host",
            Self::Userinfo => "A name or password in front of the host is not passed on",
            Self::PercentEncoded => {
                "The host in the target is percent-encoded; send the name itself"
            }
            Self::OddAddress => {
                "The host is a number that some read as an address; write an address as four decimal numbers"
            }
            Self::Name => "The host in the target is not a name of the DNS",
            Self::FutureAddress => "The host is an address of an unknown version",
            Self::PortZero => "Nobody listens on port 0",
            Self::NoPort => "The target has no port: CONNECT asks for HOST:PORT",
        }
    }

    /// The section that says so.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Userinfo => "RFC 9110 §4.2.4",
            Self::Empty => "RFC 9110 §4.2.1",
            Self::Host(Invalid::PortTooLarge | Invalid::Port) | Self::PortZero => "RFC 3986 §3.2.3",
            Self::NoPort => "RFC 9110 §9.3.6",
            _ => "RFC 3986 §3.2.2",
        }
    }
}

/// Octets of a label of a name, and of a name (RFC 1035 §2.3.4).
const LABEL_OCTETS_MAX: usize = 63;
const NAME_OCTETS_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(authority: &str) -> Result<String, DestinationError> {
        Destination::parse(authority.as_bytes(), Some(80)).map(|it| it.to_string())
    }

    #[test]
    fn one_destination_has_one_spelling() {
        // table
        for (authority, expected) in [
            ("example.com", "example.com:80"),
            ("EXAMPLE.com.:8080", "example.com:8080"),
            ("example.com:", "example.com:80"),
            ("a_b-c.example:00443", "a_b-c.example:443"),
            ("192.0.2.1", "192.0.2.1:80"),
            ("[2001:DB8:0::1]:443", "[2001:db8::1]:443"),
            ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]:80"),
            ("localhost", "localhost:80"),
            ("1e100.net", "1e100.net:80"),
            ("0x.example", "0x.example:80"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example:80"),
        ] {
            assert_eq!(shown(authority).as_deref(), Ok(expected), "{authority}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use DestinationError as Error;
        let long = format!("{}.example", "a".repeat(64));
        let longest = vec!["abcdefg"; 32].join(".");
        // table
        for (authority, expected) in [
            ("127.1", Error::OddAddress),
            ("127.0.0.1.", Error::OddAddress),
            ("2130706433", Error::OddAddress),
            ("0x7f.1", Error::OddAddress),
            ("0x7F000001", Error::OddAddress),
            ("0x", Error::OddAddress),
            ("a.0x7f", Error::OddAddress),
            ("0177.0.0.1", Error::OddAddress),
            ("127.0.0.256", Error::OddAddress),
            ("127.0.0.1.1", Error::OddAddress),
            ("example.123", Error::OddAddress),
            ("%31%32%37.0.0.1", Error::PercentEncoded),
            ("ex%61mple.com", Error::PercentEncoded),
            ("user@example.com", Error::Userinfo),
            ("user:pw@127.0.0.1:80", Error::Userinfo),
            ("", Error::Empty),
            (":80", Error::Empty),
            (".", Error::Name),
            ("a..b", Error::Name),
            (".a", Error::Name),
            ("a.b..", Error::Name),
            ("a!b", Error::Name),
            ("*.example.com", Error::Name),
            (&long, Error::Name),
            (&longest, Error::Name),
            ("[v1.a]", Error::FutureAddress),
            ("a:0", Error::PortZero),
            ("a:65536", Error::Host(Invalid::PortTooLarge)),
            ("a:8o", Error::Host(Invalid::Port)),
            ("a:80:80", Error::Host(Invalid::Port)),
            ("a\u{e4}.example", Error::Host(Invalid::Octet)),
            ("a b", Error::Host(Invalid::Octet)),
            ("a\\b", Error::Host(Invalid::Octet)),
            ("[fe80::1%25eth0]", Error::Host(Invalid::IpLiteral)),
            ("[::1", Error::Host(Invalid::IpLiteral)),
            ("::1", Error::Host(Invalid::Port)),
        ] {
            assert_eq!(shown(authority), Err(expected), "{authority}");
            assert!(!expected.because().is_empty());
            assert!(expected.rule().starts_with("RFC "));
        }
    }

    #[test]
    fn a_port_is_needed_where_none_can_be_meant() {
        let parse = |authority: &str| Destination::parse(authority.as_bytes(), None);
        assert_eq!(parse("a"), Err(DestinationError::NoPort));
        assert_eq!(parse("a:"), Err(DestinationError::NoPort));
        assert_eq!(parse("a:443").unwrap().port(), 443);
    }
}
