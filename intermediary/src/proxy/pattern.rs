//! Patterns of hosts, as rules name them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use net::Network;

use super::destination::Destination;
use super::special::embedded;

/// Hosts or addresses, and a port where only that is meant.
///
/// | written | is |
/// |---|---|
/// | `example.com` | that name |
/// | `*.example.com` | every name below it |
/// | `.example.com` | both |
/// | `192.0.2.1`, `2001:db8::/32` | addresses, also those that a name has |
/// | `*` | everything |
///
/// Behind each may stand a port, as `example.com:8443`; then an IPv6 address or network is in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    host: HostPattern,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    All,
    Name(Box<str>),
    Below(Box<str>),
    /// The name and all below it.
    Domain(Box<str>),
    Network(Network),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    message: String,
    suggestion: &'static str,
}

impl Pattern {
    /// Whether it is about addresses.
    #[must_use]
    pub fn is_network(&self) -> bool {
        self.network().is_some()
    }

    /// Whether it is about names, or about everything, and fits.
    pub(crate) fn fits_name(&self, destination: &Destination) -> bool {
        let is_named =
            |is: &dyn Fn(&str) -> bool| destination.ip().is_none() && is(destination.host());
        self.fits_port(destination.port())
            && match &self.host {
                HostPattern::All => true,
                HostPattern::Network(_) => false,
                HostPattern::Name(name) => is_named(&|host| host == &**name),
                HostPattern::Below(name) => is_named(&|host| is_below(host, name)),
                HostPattern::Domain(name) => {
                    is_named(&|host| host == &**name || is_below(host, name))
                }
            }
    }

    /// Whether it is about addresses and fits, also to what the address holds in it.
    pub(crate) fn fits_address(&self, ip: IpAddr, port: u16) -> bool {
        let HostPattern::Network(network) = &self.host else {
            return false;
        };
        let is_inner = || embedded(ip).is_some_and(|inner| network.contains(inner.into()));
        self.fits_port(port) && (network.contains(ip) || is_inner())
    }

    /// The network that it is, if it is one.
    pub(crate) fn network(&self) -> Option<Network> {
        match self.host {
            HostPattern::Network(network) => Some(network),
            _ => None,
        }
    }

    fn fits_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name)
        .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (host, port) = split_port(text)?;
        let host = match host {
            "*" => HostPattern::All,
            _ => match host.parse::<Network>() {
                Ok(network) => HostPattern::Network(network),
                Err(error) if host.contains(['/', ':']) => {
                    return Err(PatternError {
                        message: error.to_string(),
                        suggestion: "write a network by its first address, as 192.0.2.0/24 or 2001:db8::/32",
                    });
                }
                Err(_) => named(text, host)?,
            },
        };
        Ok(Self { host, port })
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), PatternError> {
    if text.contains("//") {
        return Err(odd(text));
    }
    let of = |digits: &str| {
        let port = digits.parse().ok().filter(|port| *port > 0);
        port.filter(|_| digits.bytes().all(|octet| octet.is_ascii_digit()))
            .map(Some)
            .ok_or_else(|| PatternError {
                message: format!("\"{}\" has no such port", text.escape_debug()),
                suggestion: "a port is a number from 1 to 65535",
            })
    };
    if let Some((inside, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((inside, of(digits)?)),
            None if rest.is_empty() => Ok((inside, None)),
            None => Err(odd(text)),
        };
    }
    match text.split_once(':') {
        Some((host, digits)) if !digits.contains(':') => Ok((host, of(digits)?)),
        _ => Ok((text, None)),
    }
}

fn named(text: &str, host: &str) -> Result<HostPattern, PatternError> {
    let (make, name): (fn(Box<str>) -> HostPattern, _) = match host {
        _ if host.starts_with("*.") => (HostPattern::Below, host.get(2..)),
        _ if host.starts_with('.') => (HostPattern::Domain, host.get(1..)),
        _ => (HostPattern::Name, Some(host)),
    };
    let name = name.unwrap_or_default();
    match Destination::parse(name.as_bytes(), Some(1)) {
        Ok(known) if known.ip().is_none() && !name.contains(':') => Ok(make(known.host().into())),
        _ => Err(odd(text)),
    }
}

fn odd(text: &str) -> PatternError {
    PatternError {
        message: format!("\"{}\" is no pattern of hosts", text.escape_debug()),
        suggestion: "write example.com, *.example.com, .example.com for both, 192.0.2.0/24, or *",
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::All => f.write_str("*")?,
            HostPattern::Name(name) => f.write_str(name)?,
            HostPattern::Below(name) => write!(f, "*.{name}")?,
            HostPattern::Domain(name) => write!(f, ".{name}")?,
            HostPattern::Network(network) => {
                let is_bracketed = network.first().is_ipv6() && self.port.is_some();
                let is_one = network.prefix() == if network.first().is_ipv4() { 32 } else { 128 };
                let shown = match is_one {
                    true => network.first().to_string(),
                    false => network.to_string(),
                };
                match is_bracketed {
                    true => write!(f, "[{shown}]")?,
                    false => f.write_str(&shown)?,
                }
            }
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl PatternError {
    /// What to write instead.
    #[must_use]
    pub fn suggestion(&self) -> &'static str {
        self.suggestion
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, authority: &str) -> bool {
        let pattern: Pattern = pattern.parse().unwrap();
        let destination = Destination::parse(authority.as_bytes(), Some(80)).unwrap();
        pattern.fits_name(&destination)
            || (destination.ip()).is_some_and(|ip| pattern.fits_address(ip, destination.port()))
    }

    #[test]
    fn a_pattern_fits_what_it_says() {
        // table
        for (pattern, authority, expected) in [
            ("example.com", "EXAMPLE.com.", true),
            ("Example.COM.", "example.com", true),
            ("example.com", "www.example.com", false),
            ("example.com", "notexample.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "notexample.com", false),
            (".example.com", "example.com", true),
            (".example.com", "www.example.com", true),
            (".example.com", "notexample.com", false),
            ("*", "example.com", true),
            ("*", "192.0.2.1", true),
            ("*:25", "example.com:25", true),
            ("*:25", "example.com", false),
            ("example.com:8080", "example.com:8080", true),
            ("example.com:8080", "example.com", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.2.7", true),
            ("192.0.2.0/24", "192.0.3.7", false),
            ("192.0.2.0/24:80", "192.0.2.7", true),
            ("192.0.2.0/24:81", "192.0.2.7", false),
            ("192.0.2.0/24", "[::ffff:192.0.2.7]", true),
            ("192.0.2.0/24", "[64:ff9b::192.0.2.7]", true),
            ("2001:db8::/32", "[2001:db8::7]", true),
            ("[2001:db8::/32]:80", "[2001:db8::7]", true),
            ("[2001:db8::7]", "[2001:db8::7]:9", true),
            ("2.0.192.in-addr.arpa", "192.0.2.1", false),
        ] {
            assert_eq!(fits(pattern, authority), expected, "{pattern} {authority}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_read_again() {
        // table
        for (text, shown) in [
            ("Example.COM.", "example.com"),
            ("*.a", "*.a"),
            (".a:80", ".a:80"),
            ("*:25", "*:25"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.0/24:80", "192.0.2.0/24:80"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("[2001:db8::/32]:80", "[2001:db8::/32]:80"),
            ("[::1]", "::1"),
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), shown);
            assert_eq!(shown.parse::<Pattern>().unwrap(), pattern);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_what_to_write() {
        // table
        for text in [
            "",
            "a b",
            "*a",
            "a.*",
            "*.*.a",
            "..a",
            "http://a/",
            "a:0",
            "a:x",
            "a:",
            "127.1",
            "192.0.2.1/24",
            "2001:db8::1/32",
            "[::1",
            "[::1]x",
            "*.192.0.2.1",
            "a/b",
        ] {
            let error = text.parse::<Pattern>().unwrap_err();
            assert!(!error.suggestion().is_empty(), "{text}");
            assert!(!error.to_string().is_empty(), "{text}");
        }
    }
}
