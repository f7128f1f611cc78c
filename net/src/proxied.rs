//! The PROXY protocol: a first word on a connection that tells whose it is (HAProxy's `proxy-protocol.txt`, versions 1 and 2).
//!
//! Reading is strict and stateless: it is given all octets that have come since the beginning of the connection, and says how many of them are the header,
//! or that more must come. Whatever it is given in pieces, it says the same in the end.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::retry_on_intr;
use rustix::net::RecvFlags;

use crate::tell::tell;
use crate::{Network, Peer, Received, Rest, Tls};

/// Whose a connection is, by who stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxiedHeader {
    /// How many octets it has.
    pub octets: usize,
    /// Whose the connection is; `None` where that is not told: it is of who stands between (LOCAL, as health checks are), or of a
    /// family without addresses (UNKNOWN, UNSPEC, unix sockets).
    pub proxied: Option<Proxied>,
}

/// Which version is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxiedVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Of whose connections a listener expects a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxiedRules {
    /// Who must begin with one, and is believed. Processes of this machine at a unix socket are among them in any case.
    pub trusted: Vec<Network>,
    /// Whether others are turned away, instead of speaking for themselves.
    pub is_required: bool,
}

/// What is expected of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Header,
    NoHeader,
    /// It is not to be there at all.
    Nothing,
}

impl ProxiedRules {
    pub(crate) fn expects(&self, peer: Peer) -> Expected {
        let is_trusted = peer
            .ip()
            .is_none_or(|ip| self.trusted.iter().any(|network| network.contains(ip)));
        match (is_trusted, self.is_required) {
            (true, _) => Expected::Header,
            (false, false) => Expected::NoHeader,
            (false, true) => Expected::Nothing,
        }
    }
}

/// A connection whose header has not been taken.
#[derive(Debug)]
pub(crate) struct Prelude {
    /// What is spoken behind it.
    pub(crate) tls: Option<Arc<Tls>>,
    /// What it told, once it was read.
    found: Option<Option<Proxied>>,
}

impl Prelude {
    pub(crate) fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { tls, found: None }
    }

    pub(crate) fn found(&self) -> Option<Option<Proxied>> {
        self.found
    }

    /// Looks at what has come, and takes the header once it is complete. What is not complete stays with the system.
    pub(crate) fn receive(&mut self, socket: &OwnedFd) -> io::Result<Received> {
        let mut octets = [0; PROXIED_OCTETS_MAX];
        let (_, seen) =
            retry_on_intr(|| rustix::net::recv(socket, &mut octets[..], RecvFlags::PEEK))?;
        if seen == 0 {
            return Ok(Received::ENDED);
        }
        match read_proxied(octets.get(..seen).unwrap_or_default()) {
            Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(Some(header)) => {
                let taken = octets.get_mut(..header.octets).unwrap_or_default();
                // All of it was seen, so all of it is there.
                retry_on_intr(|| rustix::net::recv(socket, &mut *taken, RecvFlags::empty()))?;
                self.found = Some(header.proxied);
                Ok(Received {
                    octets: 0,
                    rest: Rest::Proxied,
                })
            }
            Err(error) => {
                tell(format!("a connection was closed: {error}"));
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxiedError {
    /// They begin with neither signature: the client speaks for itself.
    NoSignature,
    /// A line of version 1 has no end within 107 octets (§2.1).
    LineOctets,
    /// A line of version 1 does not end in CR LF.
    LineEnd,
    /// A line of version 1 names another protocol than TCP4, TCP6 and UNKNOWN.
    Protocol,
    /// A line of version 1 has more or fewer parts, or other space between them.
    Parts,
    /// An address is none of the family that is named.
    Address,
    /// A port is no decimal number from 0 to 65535, or begins with a zero.
    Port,
    /// It is of another version than 2 (§2.2).
    Version,
    /// A command of version 2 that is neither LOCAL nor PROXY.
    Command,
    /// A family or transport of version 2 that a connection of a stream cannot have.
    Family,
    /// The addresses of version 2 do not fit their length.
    Length,
    /// The header is longer than is read: [`PROXIED_OCTETS_MAX`].
    Octets,
    /// What follows the addresses is not made of whole vectors (§2.2).
    Vectors,
    /// The checksum does not fit (§2.2.3).
    Checksum,
}

/// Reads a header from the first octets of a connection: `None` while it is not complete.
///
/// ```
/// use hansom_net::read_proxied;
///
/// let header = read_proxied(b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\r\nGET").unwrap().unwrap();
/// assert_eq!(header.octets, 40);
/// assert_eq!(header.proxied.unwrap().source.to_string(), "192.0.2.1:4711");
/// assert!(read_proxied(b"PROXY TCP4 192.0.2.1").unwrap().is_none());
/// assert!(read_proxied(b"GET / HTTP/1.1\r\n").is_err());
/// ```
///
/// # Errors
/// As soon as no more octets could make it a header.
pub fn read_proxied(octets: &[u8]) -> Result<Option<ProxiedHeader>, ProxiedError> {
    let begins = |signature: &[u8]| {
        let len = signature.len().min(octets.len());
        octets.get(..len) == signature.get(..len)
    };
    match octets.first() {
        None => Ok(None),
        Some(b'P') if begins(LINE_START) => read_line(octets),
        Some(b'\r') if begins(SIGNATURE) => read_binary(octets),
        Some(_) => Err(ProxiedError::NoSignature),
    }
}

/// Version 1 (§2.1).
fn read_line(octets: &[u8]) -> Result<Option<ProxiedHeader>, ProxiedError> {
    let within = octets.get(..LINE_OCTETS_MAX).unwrap_or(octets);
    let Some(lf) = within.iter().position(|octet| *octet == b'\n') else {
        return match octets.len() >= LINE_OCTETS_MAX {
            true => Err(ProxiedError::LineOctets),
            false => Ok(None),
        };
    };
    let line = within.get(..lf).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.ok_or(ProxiedError::LineEnd)?;
    if line.contains(&b'\r') {
        return Err(ProxiedError::LineEnd);
    }
    let rest = line.get(LINE_START.len()..).unwrap_or_default();
    let header = |proxied| {
        Ok(Some(ProxiedHeader {
            octets: lf + 1,
            proxied,
        }))
    };
    // What follows UNKNOWN is to be ignored.
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        return header(None);
    }
    let text = std::str::from_utf8(rest).map_err(|_| ProxiedError::Protocol)?;
    let mut parts = text.split(' ');
    let is_6 = match parts.next() {
        Some("TCP4") => false,
        Some("TCP6") => true,
        _ => return Err(ProxiedError::Protocol),
    };
    let [source, destination, source_port, port] = [(); 4].map(|()| parts.next());
    let (Some(source), Some(destination), Some(source_port), Some(port), None) =
        (source, destination, source_port, port, parts.next())
    else {
        return Err(ProxiedError::Parts);
    };
    header(Some(Proxied {
        source: SocketAddr::new(address(source, is_6)?, decimal(source_port)?),
        destination: SocketAddr::new(address(destination, is_6)?, decimal(port)?),
    }))
}

fn address(text: &str, is_6: bool) -> Result<IpAddr, ProxiedError> {
    let parsed = match is_6 {
        true => text.parse::<Ipv6Addr>().map(IpAddr::V6),
        false => text.parse::<Ipv4Addr>().map(IpAddr::V4),
    };
    parsed.map_err(|_| ProxiedError::Address)
}

fn decimal(text: &str) -> Result<u16, ProxiedError> {
    let is_digits = text.bytes().all(|octet| octet.is_ascii_digit());
    let has_zero = text.len() > 1 && text.starts_with('0');
    match text.parse() {
        Ok(port) if is_digits && !has_zero => Ok(port),
        _ => Err(ProxiedError::Port),
    }
}

/// Version 2 (§2.2). What is wrong is told by the first octet that is.
fn read_binary(octets: &[u8]) -> Result<Option<ProxiedHeader>, ProxiedError> {
    let Some(&version_command) = octets.get(SIGNATURE.len()) else {
        return Ok(None);
    };
    if version_command >> 4 != 2 {
        return Err(ProxiedError::Version);
    }
    let is_local = match version_command & 0xf {
        0 => true,
        1 => false,
        _ => return Err(ProxiedError::Command),
    };
    let Some(&family) = octets.get(SIGNATURE.len() + 1) else {
        return Ok(None);
    };
    // Of what is LOCAL the family is to be ignored.
    let family = Family::of(family, is_local)?;
    let Some(&[high, low]) = octets.get(SIGNATURE.len() + 2..BINARY_OCTETS) else {
        return Ok(None);
    };
    let end = BINARY_OCTETS + usize::from(u16::from_be_bytes([high, low]));
    if end > PROXIED_OCTETS_MAX {
        return Err(ProxiedError::Octets);
    }
    if end < BINARY_OCTETS + family.octets() && !is_local {
        return Err(ProxiedError::Length);
    }
    let (Some(header), Some(rest)) = (octets.get(..end), octets.get(BINARY_OCTETS..end)) else {
        return Ok(None);
    };
    if is_local {
        return Ok(Some(ProxiedHeader {
            octets: end,
            proxied: None,
        }));
    }
    let (addresses, vectors) = rest
        .split_at_checked(family.octets())
        .ok_or(ProxiedError::Length)?;
    check_vectors(header, vectors)?;
    Ok(Some(ProxiedHeader {
        octets: end,
        proxied: family.addresses(addresses),
    }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Unspecified,
    Inet4,
    Inet6,
    Unix,
}

impl Family {
    fn of(octet: u8, is_local: bool) -> Result<Self, ProxiedError> {
        match octet {
            _ if is_local => Ok(Self::Unspecified),
            0x00 => Ok(Self::Unspecified),
            0x11 => Ok(Self::Inet4),
            0x21 => Ok(Self::Inet6),
            0x31 => Ok(Self::Unix),
            _ => Err(ProxiedError::Family),
        }
    }

    fn octets(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::Inet4 => 12,
            Self::Inet6 => 36,
            Self::Unix => 216,
        }
    }

    fn addresses(self, octets: &[u8]) -> Option<Proxied> {
        let (ips, ports) = octets.split_at_checked(octets.len().checked_sub(4)?)?;
        let (source, destination) = ips.split_at_checked(ips.len() / 2)?;
        let (source_port, port) = ports.split_first_chunk::<2>()?;
        let ip = |octets: &[u8]| match self {
            Self::Inet4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
            Self::Inet6 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
            Self::Unspecified | Self::Unix => None,
        };
        let port = u16::from_be_bytes(port.try_into().ok()?);
        Some(Proxied {
            source: SocketAddr::new(ip(source)?, u16::from_be_bytes(*source_port)),
            destination: SocketAddr::new(ip(destination)?, port),
        })
    }
}

/// Vectors of a type, a length and a value are whole, and a checksum among them fits.
fn check_vectors(header: &[u8], mut vectors: &[u8]) -> Result<(), ProxiedError> {
    while let Some((&kind, rest)) = vectors.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(ProxiedError::Vectors)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (value, rest) = rest.split_at_checked(length).ok_or(ProxiedError::Vectors)?;
        if kind == CRC32C {
            let told = value.try_into().map_err(|_| ProxiedError::Vectors)?;
            let at = header.len() - rest.len() - value.len();
            if crc32c(header, at..at + 4) != u32::from_be_bytes(told) {
                return Err(ProxiedError::Checksum);
            }
        }
        vectors = rest;
    }
    Ok(())
}

/// CRC32c (RFC 9260 appendix A), with those octets taken for zero.
fn crc32c(octets: &[u8], zero: std::ops::Range<usize>) -> u32 {
    let mut crc = u32::MAX;
    for (at, octet) in octets.iter().enumerate() {
        let octet = if zero.contains(&at) { 0 } else { *octet };
        crc ^= u32::from(octet);
        for _ in 0..8 {
            let is_odd = crc & 1 == 1;
            crc >>= 1;
            if is_odd {
                crc ^= 0x82f6_3b78;
            }
        }
    }
    !crc
}

impl ProxiedVersion {
    /// A header; without addresses it says that they are not known.
    #[must_use]
    pub fn header(self, proxied: Option<&Proxied>) -> Vec<u8> {
        // Of two families the one that both have.
        let proxied = proxied.map(|it| match (it.source.is_ipv4(), it.destination.is_ipv4()) {
            (true, true) => *it,
            _ => Proxied {
                source: as_6(it.source),
                destination: as_6(it.destination),
            },
        });
        match self {
            Self::V1 => line(proxied).into_bytes(),
            Self::V2 => binary(proxied),
        }
    }
}

fn as_6(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::new(ip.into(), address.port())
}

fn line(proxied: Option<Proxied>) -> String {
    let Some(Proxied {
        source,
        destination,
    }) = proxied
    else {
        return "PROXY UNKNOWN\r\n".to_owned();
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let (from_port, to_port) = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n")
}

fn binary(proxied: Option<Proxied>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let Some(Proxied {
        source,
        destination,
    }) = proxied
    else {
        // LOCAL: of our own, as checks of servers are.
        header.extend_from_slice(&[0x20, 0, 0, 0]);
        return header;
    };
    let (family, octets) = match source.is_ipv4() {
        true => (0x11, 12),
        false => (0x21, 36),
    };
    header.extend_from_slice(&[0x21, family, 0, octets]);
    for ip in [source.ip(), destination.ip()] {
        match ip {
            IpAddr::V4(ip) => header.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => header.extend_from_slice(&ip.octets()),
        }
    }
    header.extend_from_slice(&source.port().to_be_bytes());
    header.extend_from_slice(&destination.port().to_be_bytes());
    header
}

/// What must hold for all octets: they say the same however they are cut, no more than may be is read, and what is told can be said
/// and read again. For the fuzzer.
///
/// # Panics
/// If it does not.
#[doc(hidden)]
pub fn law_of_proxied(octets: &[u8]) {
    let whole = read_proxied(octets);
    let cut = (0..=octets.len())
        .filter_map(|end| octets.get(..end))
        .map(read_proxied)
        .find(|read| *read != Ok(None));
    assert_eq!(whole, cut.unwrap_or(Ok(None)));
    let Ok(Some(header)) = whole else { return };
    assert!(header.octets <= octets.len().min(PROXIED_OCTETS_MAX));
    for version in [ProxiedVersion::V1, ProxiedVersion::V2] {
        let said = version.header(header.proxied.as_ref());
        let again = read_proxied(&said);
        let octets = said.len();
        assert_eq!(again.map(|read| read.map(|it| it.octets)), Ok(Some(octets)));
    }
}

impl fmt::Display for ProxiedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSignature => "it does not begin with the PROXY protocol: does the load balancer in front send it?",
            Self::LineOctets => "a line of the PROXY protocol has no end within 107 octets",
            Self::LineEnd => "a line of the PROXY protocol does not end in CR LF",
            Self::Protocol => "a line of the PROXY protocol names none of TCP4, TCP6 and UNKNOWN",
            Self::Parts => "a line of the PROXY protocol has not the parts it must have",
            Self::Address => "an address of the PROXY protocol is none of its family",
            Self::Port => "a port of the PROXY protocol is none",
            Self::Version => "this version of the PROXY protocol is neither 1 nor 2",
            Self::Command => "the command of the PROXY protocol is neither LOCAL nor PROXY",
            Self::Family => "the PROXY protocol tells of a connection that is no stream",
            Self::Length => "the length in the PROXY protocol has no room for the addresses",
            Self::Octets => "the header of the PROXY protocol is longer than is read (PROXIED_OCTETS_MAX)",
            Self::Vectors => "what follows the addresses in the PROXY protocol is not whole",
            Self::Checksum => "the checksum of the PROXY protocol does not fit",
        })
    }
}

impl std::error::Error for ProxiedError {}

/// Octets of a header that are read, with all that it tells beside the addresses.
pub const PROXIED_OCTETS_MAX: usize = 4096;
/// Octets of a line, its end included (§2.1).
const LINE_OCTETS_MAX: usize = 107;
const LINE_START: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets before the addresses of version 2.
const BINARY_OCTETS: usize = SIGNATURE.len() + 4;
/// The type of a checksum (§2.2.3).
const CRC32C: u8 = 3;

#[cfg(test)]
mod tests;
