//! `Host`, or the authority of a target without userinfo: `uri-host [ ":" port ]`
//! (RFC 9110 §7.2, RFC 3986 §3.2.2).
//!
//! ```
//! use hansom_semantics::fields::host::{Host, HostKind};
//!
//! let host = Host::parse(b"Example.COM:8080").unwrap();
//! assert!(host.is_named(b"example.com"));
//! assert_eq!((host.kind, host.port), (HostKind::Name, Some(8080)));
//! assert!(Host::parse(b"user@example.com").is_err());
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

/// A valid host with an optional port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// The host as received, with the brackets of an IP literal and percent-encoding.
    pub name: &'a [u8],
    /// The port; `None` also when nothing follows the colon, which is valid.
    pub port: Option<u16>,
    /// What the name is.
    pub kind: HostKind,
}

/// What a host is (RFC 3986 §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Nothing. A client sends an empty `Host` for a target without an authority
    /// (RFC 9110 §7.2), but no `http` or `https` target has an empty host (§4.2.1, §4.2.2).
    Empty,
    /// A registered name.
    Name,
    /// Four decimal octets.
    Ipv4,
    /// An IPv6 address in brackets.
    Ipv6,
    /// An address of a later version in brackets.
    IpFuture,
}

/// Why octets are no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// An octet that no host has: whitespace, `@`, `/`, `?`, `#`, `\`, a control, obs-text.
    Octet,
    /// A `%` without two hexadecimal digits.
    PercentEncoding,
    /// Brackets that do not hold an IPv6 or later address, or do not end.
    IpLiteral,
    /// A port that is not digits.
    Port,
    /// A port over 65535.
    PortTooLarge,
}

impl<'a> Host<'a> {
    /// Reads `uri-host [ ":" port ]` and nothing else: no userinfo, no whitespace, no path.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the octets.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Invalid> {
        let (name, kind, rest) = match octets {
            [b'[', ..] => split_ip_literal(octets)?,
            _ => split_name(octets)?,
        };
        let port = match rest {
            [] => None,
            [b':', digits @ ..] => parse_port(digits)?,
            _ => return Err(Invalid::IpLiteral),
        };
        Ok(Self { name, port, kind })
    }

    /// Whether there is no name at all, with or without a port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kind == HostKind::Empty
    }

    /// Whether it is the host of this name: in any case (RFC 9110 §4.2.3), and whether or not
    /// either is written with the dot of the DNS root behind it.
    ///
    /// Percent-encoding is compared as it stands.
    #[must_use]
    pub fn is_named(&self, name: &[u8]) -> bool {
        self.name_without_root_dot()
            .eq_ignore_ascii_case(without_root_dot(name))
    }

    /// The name without the one dot that may end a full domain name. `example.com.` and
    /// `example.com` are the same to the DNS, though not to RFC 3986.
    #[must_use]
    pub fn name_without_root_dot(&self) -> &'a [u8] {
        without_root_dot(self.name)
    }
}

fn without_root_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

type Split<'a> = (&'a [u8], HostKind, &'a [u8]);

/// The registered name or IPv4 address in front, up to a colon.
fn split_name(octets: &[u8]) -> Result<Split<'_>, Invalid> {
    let end = memchr::memchr(b':', octets).unwrap_or(octets.len());
    let (name, rest) = octets.split_at(end);
    let mut left = name;
    while let [octet, after @ ..] = left {
        left = match (octet, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b'%', _) => return Err(Invalid::PercentEncoding),
            _ if is_unreserved(*octet) || is_sub_delim(*octet) => after,
            _ => return Err(Invalid::Octet),
        };
    }
    let kind = match name {
        [] => HostKind::Empty,
        _ if as_text(name).is_some_and(|text| text.parse::<Ipv4Addr>().is_ok()) => HostKind::Ipv4,
        _ => HostKind::Name,
    };
    Ok((name, kind, rest))
}

/// The IP literal in front, its brackets included.
fn split_ip_literal(octets: &[u8]) -> Result<Split<'_>, Invalid> {
    let close = memchr::memchr(b']', octets).ok_or(Invalid::IpLiteral)?;
    let (literal, rest) = octets.split_at(close + 1);
    let kind = match literal {
        [b'[', b'v' | b'V', future @ .., b']'] if is_future_address(future) => HostKind::IpFuture,
        // The text form std reads is IPv6address of RFC 3986 §3.2.2, without a zone.
        [b'[', address @ .., b']']
            if as_text(address).is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()) =>
        {
            HostKind::Ipv6
        }
        _ => return Err(Invalid::IpLiteral),
    };
    Ok((literal, kind, rest))
}

/// What follows the `v` of `IPvFuture`: `1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`.
fn is_future_address(octets: &[u8]) -> bool {
    let Some(dot) = memchr::memchr(b'.', octets) else {
        return false;
    };
    let (version, address) = octets.split_at(dot);
    let is_allowed = |octet: &u8| is_unreserved(*octet) || is_sub_delim(*octet) || *octet == b':';
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && address.len() > 1
        && address.iter().all(is_allowed)
}

fn parse_port(digits: &[u8]) -> Result<Option<u16>, Invalid> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::Port);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    digits
        .iter()
        .try_fold(0_u16, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u16::from(digit - b'0'))
        })
        .map(Some)
        .ok_or(Invalid::PortTooLarge)
}

/// RFC 3986 §2.3.
const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §2.2.
const fn is_sub_delim(octet: u8) -> bool {
    matches!(
        octet,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

fn as_text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests;
