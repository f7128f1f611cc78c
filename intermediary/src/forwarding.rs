//! What the server is told of the client: `Forwarded` (RFC 7239) and the `X-Forwarded-*` fields.
//!
//! What a client sent of them is anybody's invention and goes; what a gateway in front sent stays if that is trusted, and
//! we add whom we saw (RFC 7239 §8.1).

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};

use semantics::fields::forwarded::{Element, Node, elements, node};
use semantics::fields::list::{members_of, trim_ows};
use semantics::{FieldSet, Known, Section};

use crate::Came;
use crate::authority::Scheme;
use crate::passage::Told;
use crate::place::Place;

/// The lines that are written of the client.
#[derive(Debug)]
pub(crate) struct Forwarding<'a> {
    /// Whether received lines go on.
    pub(crate) is_believed: bool,
    pub(crate) forwarded: Option<Place<'a>>,
    pub(crate) x_for: Option<Place<'a>>,
    pub(crate) x_proto: Option<&'static [u8]>,
    pub(crate) x_host: Option<&'a [u8]>,
}

/// Whether a peer's word about those behind it is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// A client like others.
    #[default]
    Nobody,
    /// A gateway of ours.
    Gateway,
}

/// The fields of which this is about.
pub(crate) const FORWARDING: FieldSet = FieldSet::of(&[
    Known::Forwarded,
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedProto,
]);

impl<'a> Forwarding<'a> {
    /// Writes what is told into `made`. `host` is the host that was asked for.
    #[inline]
    pub(crate) fn of(
        came: &Came<'a>,
        told: Told,
        host: Option<&'a [u8]>,
        made: &mut Vec<u8>,
    ) -> Self {
        let section = came.head.section();
        let is_received = section.present().intersects(FORWARDING);
        let is_believed = came.trust == Trust::Gateway && (!is_received || is_consistent(section));
        let received = |field| {
            let is_kept = is_believed && is_received;
            is_kept.then(|| section.all(field).last()).flatten()
        };
        let scheme = came.scheme;
        let forwarded = told.forwarded.then(|| {
            let last = received(Known::Forwarded);
            append(last, came.peer, made, |out| {
                element(came.peer, scheme, host, out);
            })
        });
        let x_for = (told.x_forwarded && came.peer.is_some()).then(|| {
            let last = received(Known::XForwardedFor);
            append(last, came.peer, made, |out| {
                if let Some(ip) = came.peer {
                    address(ip, out);
                }
            })
        });
        let is_absent = |field| told.x_forwarded && received(field).is_none();
        Self {
            is_believed,
            forwarded: forwarded.flatten(),
            x_for: x_for.flatten(),
            x_proto: is_absent(Known::XForwardedProto).then(|| scheme.name().as_bytes()),
            x_host: host.filter(|_| is_absent(Known::XForwardedHost)),
        }
    }
}

/// What replaces the last line of a field, or is its only one. A gateway that came by a unix socket has no address to add:
/// then what it tells stays as it is.
fn append<'a>(
    last: Option<&[u8]>,
    peer: Option<IpAddr>,
    made: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Option<Place<'a>> {
    if last.is_some() && peer.is_none() {
        return None;
    }
    Some(Place::made(made, |out| {
        if let Some(last) = last.map(trim_ows).filter(|last| !last.is_empty()) {
            out.extend_from_slice(last);
            out.extend_from_slice(b", ");
        }
        write(out);
    }))
}

/// Appends `for=…;host=…;proto=…` (RFC 7239 §4).
fn element(peer: Option<IpAddr>, scheme: Scheme, host: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"for=");
    match peer.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => ipv4(ip.octets(), out),
        // RFC 7239 §6: brackets, which no token has.
        Some(IpAddr::V6(ip)) => {
            out.extend_from_slice(b"\"[");
            ipv6(ip, out);
            out.extend_from_slice(b"]\"");
        }
        None => out.extend_from_slice(b"unknown"),
    }
    if let Some(host) = host.filter(|host| !host.is_empty()) {
        // Names are tokens; what else is one may be quoted as well. Without an early end it is done many octets at a time.
        let is_plain =
            |octet: u8| octet.is_ascii_alphanumeric() | (octet == b'.') | (octet == b'-');
        let is_quotable = |octet: u8| {
            (((octet >= b' ') & (octet <= b'~')) | (octet == b'\t'))
                & (octet != b'"')
                & (octet != b'\\')
        };
        if all(host, is_plain) {
            out.extend_from_slice(b";host=");
            out.extend_from_slice(host);
        } else if all(host, is_quotable) {
            out.extend_from_slice(b";host=\"");
            out.extend_from_slice(host);
            out.push(b'"');
        }
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(scheme.name().as_bytes());
}

/// Appends an address; an IPv4 address that came to an IPv6 socket as what it is.
fn address(ip: IpAddr, out: &mut Vec<u8>) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ipv4(ip.octets(), out),
        IpAddr::V6(ip) => ipv6(ip, out),
    }
}

fn all(octets: &[u8], is_good: impl Fn(u8) -> bool) -> bool {
    octets
        .iter()
        .fold(true, |so_far, octet| so_far & is_good(*octet))
}

/// The machinery of `fmt` costs several times as much.
fn ipv4(octets: [u8; 4], out: &mut Vec<u8>) {
    // From the end on, so that no digit is looked for twice.
    let mut text = [0; 15];
    let mut start = text.len();
    let mut put = |octet: u8| {
        start -= 1;
        if let Some(place) = text.get_mut(start) {
            *place = octet;
        }
    };
    for (i, octet) in octets.into_iter().rev().enumerate() {
        if i > 0 {
            put(b'.');
        }
        put(b'0' + octet % 10);
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
    }
    out.extend_from_slice(text.get(start..).unwrap_or_default());
}

fn ipv6(ip: Ipv6Addr, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "{ip}");
}

/// Whether what a gateway sent can all be its own. It appends to what it received, and a field that it does not write
/// itself it may pass on as its client made it up: so where both are there, their last members must say the same. And a line
/// of Forwarded must be well-formed, or what is appended to it might be taken for the inside of a quoted string.
#[cold]
fn is_consistent(section: Section<'_>) -> bool {
    if !section.has(Known::Forwarded) {
        return true;
    }
    let mut last = Element::default();
    for line in section.all(Known::Forwarded) {
        let Ok(read) = elements(line) else {
            return false;
        };
        last = read.into_iter().last().unwrap_or(last);
    }
    if !section.present().intersects(COMMON) {
        return true;
    }
    let common = |field| members_of(section.all(field)).last();
    let client = common(Known::XForwardedFor).map(|member| node(member).unwrap_or(Node::Hidden));
    let is_same = |own: Option<&[u8]>, field| match (own, common(field)) {
        (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
        (own, other) => own.is_none() && other.is_none(),
    };
    last.client == client
        && is_same(last.proto.as_deref(), Known::XForwardedProto)
        && is_same(last.host.as_deref(), Known::XForwardedHost)
}

const COMMON: FieldSet = FieldSet::of(&[
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedProto,
]);

/// Whether a field without an id tells of a client as well, or frames a message, and must go: always where it is one that we write, spelled with
/// an underscore, as that is the same to servers that make variables of fields (RFC 3875 §4.1.18); and from those who are
/// not believed also the relatives of those fields.
#[inline]
pub(crate) fn is_alias(name: &[u8], is_believed: bool) -> bool {
    match name {
        [b'x' | b'X', b'-' | b'_', ..] => is_relative(name, is_believed),
        // Such a server would take what follows for content (RFC 9112 §6).
        [b'c' | b'C', ..] if name.len() == 14 => begins(name, b"content-length"),
        [b't' | b'T', ..] if name.len() == 17 => begins(name, b"transfer-encoding"),
        _ => false,
    }
}

/// Whether a name begins so, to whom `_` is `-`.
fn begins(name: &[u8], start: &[u8]) -> bool {
    let is_same = |octet: &u8, wanted: &u8| match octet {
        b'_' => *wanted == b'-',
        octet => octet.eq_ignore_ascii_case(wanted),
    };
    let mut both = name.iter().zip(start);
    name.len() >= start.len() && both.all(|(octet, wanted)| is_same(octet, wanted))
}

fn is_relative(name: &[u8], is_believed: bool) -> bool {
    let begins = |start: &[u8]| begins(name, start);
    let is_told = begins(b"x-forwarded-") || (name.len() == 9 && begins(b"x-real-ip"));
    is_told && (!is_believed || name.contains(&b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_request;

    fn lines(fields: &str, peer: &str, trust: Trust) -> [Option<String>; 4] {
        let octets = format!("GET / HTTP/1.1\r\nHost: a.example:80\r\n{fields}\r\n");
        with_request(&octets, |head| {
            let came = Came {
                peer: peer.parse().ok(),
                trust,
                ..Came::new(head)
            };
            let mut made = Vec::new();
            let host = head.first(Known::Host);
            let forwarding = Forwarding::of(&came, Told::default(), host, &mut made);
            let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
            [
                forwarding.forwarded.map(|place| text(place.of(&made))),
                forwarding.x_for.map(|place| text(place.of(&made))),
                forwarding.x_proto.map(text),
                forwarding.x_host.map(text),
            ]
        })
    }

    fn some(texts: [&str; 4]) -> [Option<String>; 4] {
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
    }

    #[test]
    fn the_client_is_told_in_both_forms() {
        // table
        for (peer, forwarded, x_for) in [
            ("192.0.2.1", "for=192.0.2.1", "192.0.2.1"),
            ("255.10.0.9", "for=255.10.0.9", "255.10.0.9"),
            ("2001:db8::1", "for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("::ffff:192.0.2.1", "for=192.0.2.1", "192.0.2.1"),
            ("", "for=unknown", ""),
        ] {
            let forwarded = format!("{forwarded};host=\"a.example:80\";proto=http");
            let expected = some([&forwarded, x_for, "http", "a.example:80"]);
            assert_eq!(lines("", peer, Trust::Nobody), expected, "{peer}");
        }
    }

    #[test]
    fn what_an_untrusted_client_tells_is_not_continued() {
        let fields = "Forwarded: for=1.1.1.1;proto=https\r\nX-Forwarded-For: 1.1.1.1\r\n\
                      X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n";
        let expected = lines("", "192.0.2.1", Trust::Nobody);
        assert_eq!(lines(fields, "192.0.2.1", Trust::Nobody), expected);
    }

    #[test]
    fn what_a_trusted_gateway_tells_is_continued() {
        let ours = "for=10.0.0.1;host=\"a.example:80\";proto=http";
        // table
        for (fields, forwarded, x_for, x_proto, x_host) in [
            (
                "X-Forwarded-For: 1.1.1.1\r\n",
                ours,
                "1.1.1.1, 10.0.0.1",
                "http",
                "a.example:80",
            ),
            (
                "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: [::1]:80 , 2.2.2.2\r\n",
                ours,
                "[::1]:80 , 2.2.2.2, 10.0.0.1",
                "http",
                "a.example:80",
            ),
            (
                "X-Forwarded-For:\r\n",
                ours,
                "10.0.0.1",
                "http",
                "a.example:80",
            ),
            (
                "X-Forwarded-Proto: https\r\n",
                ours,
                "10.0.0.1",
                "",
                "a.example:80",
            ),
            ("X-Forwarded-Host: b\r\n", ours, "10.0.0.1", "http", ""),
        ] {
            let expected = some([forwarded, x_for, x_proto, x_host]);
            assert_eq!(
                lines(fields, "10.0.0.1", Trust::Gateway),
                expected,
                "{fields}"
            );
        }
        let [forwarded, ..] = lines("Forwarded: for=\"[::1]\"\r\n", "10.0.0.1", Trust::Gateway);
        assert_eq!(forwarded, Some(format!("for=\"[::1]\", {ours}")));
    }

    #[test]
    fn fields_that_a_gateway_cannot_have_written_both_are_not_continued() {
        let alone = lines("", "10.0.0.1", Trust::Gateway);
        // table
        for fields in [
            "Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n",
            "Forwarded: for=2.2.2.2;proto=https\r\nX-Forwarded-For: 2.2.2.2\r\n",
            "Forwarded: for=2.2.2.2;proto=https\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: http\r\n",
            "Forwarded: for=2.2.2.2\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Host: evil\r\n",
            "Forwarded: for=2.2.2.2\r\nX-Forwarded-Proto: https\r\n",
            "Forwarded: for=\"1.1.1.1\r\n",
            "Forwarded: for=\"1.1.1.1\r\nForwarded: for=2.2.2.2\r\n",
            "Forwarded: evil\r\nX-Forwarded-For: 2.2.2.2\r\n",
        ] {
            assert_eq!(lines(fields, "10.0.0.1", Trust::Gateway), alone, "{fields}");
        }
        let both = "Forwarded: for=9.9.9.9, for=2.2.2.2;host=B;proto=https\r\nX-Forwarded-For: 2.2.2.2\r\n\
                    X-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: b\r\n";
        let [_, x_for, ..] = lines(both, "10.0.0.1", Trust::Gateway);
        assert_eq!(x_for.as_deref(), Some("2.2.2.2, 10.0.0.1"));
    }

    #[test]
    fn a_gateway_without_an_address_adds_nothing_to_what_it_tells() {
        let [forwarded, x_for, ..] = lines("X-Forwarded-For: 1.1.1.1\r\n", "", Trust::Gateway);
        assert_eq!(x_for, None);
        assert!(forwarded.unwrap().starts_with("for=unknown;"));
    }

    #[test]
    fn other_spellings_of_what_we_tell_go() {
        // table
        for (name, from_nobody, from_gateway) in [
            ("X_Forwarded_For", true, true),
            ("x-forwarded_for", true, true),
            ("X-Forwarded-Port", true, false),
            ("X-Forwarded-Anything", true, false),
            ("X-Real-IP", true, false),
            ("X_Real_IP", true, true),
            ("X-Real-IPs", false, false),
            ("X-Forward", false, false),
            ("X-Forwarded", false, false),
            ("X-Trace_Id", false, false),
            ("XX-Forwarded-For", false, false),
            ("Content_Length", true, true),
            ("TRANSFER_ENCODING", true, true),
            ("Content_Lengths", false, false),
            ("Content_Type", false, false),
        ] {
            assert_eq!(is_alias(name.as_bytes(), false), from_nobody, "{name}");
            assert_eq!(is_alias(name.as_bytes(), true), from_gateway, "{name}");
        }
    }
}
