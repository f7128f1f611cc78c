//! `Forwarded` (RFC 7239), and the `X-Forwarded-*` fields that it stands for: what gateways tell of the message that they
//! received.
//!
//! ```
//! use hansom_semantics::fields::forwarded::{Node, elements};
//!
//! let hops = elements(b"for=192.0.2.60;proto=http, For=\"[2001:db8::1]:4711\"").unwrap();
//! assert_eq!(hops[0].proto.as_deref(), Some(&b"http"[..]));
//! assert_eq!(hops[1].client, Some(Node::Address("2001:db8::1".parse().unwrap())));
//! ```
//!
//! Anybody can send these fields: they are worth what the gateway is worth that sent them (§8.1).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::list::{
    Malformed, ParameterValue, members, split_parameter_value, split_token, trim_ows, unescaped,
};

/// What one gateway tells (RFC 7239 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element<'a> {
    /// `for`: who made the request to it (§5.2).
    pub client: Option<Node>,
    /// `proto`: by which scheme (§5.4).
    pub proto: Option<Cow<'a, [u8]>>,
    /// `host`: the Host field of that request (§5.3).
    pub host: Option<Cow<'a, [u8]>>,
}

/// Who took part (RFC 7239 §6). Its port is of no interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// An address.
    Address(IpAddr),
    /// `unknown`, or a made-up identifier.
    Hidden,
}

/// The elements of one line, in order: the last one was added last.
///
/// # Errors
/// One malformed element makes the line malformed: a quotation mark sent by a client could otherwise hide what the
/// gateway added behind it.
pub fn elements(line: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
    members(line).map(element).collect()
}

/// `forwarded-pair *( ";" forwarded-pair )`; "each parameter MUST NOT occur more than once" (§4).
fn element(member: &[u8]) -> Result<Element<'_>, Malformed> {
    let mut element = Element::default();
    let mut rest = member;
    loop {
        let (name, after) = split_token(rest);
        let after = after.strip_prefix(b"=").ok_or(Malformed)?;
        let (value, after) = split_parameter_value(after).ok_or(Malformed)?;
        if name.is_empty() {
            return Err(Malformed);
        }
        let value = plain(value);
        let is_new = match name.to_ascii_lowercase().as_slice() {
            b"for" => element.client.replace(node(&value)?).is_none(),
            b"proto" => element.proto.replace(value).is_none(),
            b"host" => element.host.replace(value).is_none(),
            // `by` and extensions (§5.1, §5.5).
            _ => true,
        };
        if !is_new {
            return Err(Malformed);
        }
        let after = trim_ows(after);
        match after {
            [] => return Ok(element),
            [b';', next @ ..] => rest = trim_ows(next),
            _ => return Err(Malformed),
        }
    }
}

fn plain(value: ParameterValue<'_>) -> Cow<'_, [u8]> {
    match value {
        ParameterValue::Token(token) => Cow::Borrowed(token),
        ParameterValue::Quoted(raw) if raw.contains(&b'\\') => Cow::Owned(unescaped(raw).collect()),
        ParameterValue::Quoted(raw) => Cow::Borrowed(raw),
    }
}

/// `node = nodename [ ":" node-port ]` (RFC 7239 §6), and the same without brackets around IPv6, as some gateways write it
/// in `X-Forwarded-For`.
///
/// # Errors
/// What is neither an address nor hidden.
pub fn node(octets: &[u8]) -> Result<Node, Malformed> {
    let text = std::str::from_utf8(octets).map_err(|_| Malformed)?;
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(Node::Address(ip.to_canonical()));
    }
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, port) = rest.split_once(']').ok_or(Malformed)?;
            let ip: Ipv6Addr = inside.parse().map_err(|_| Malformed)?;
            (Node::Address(IpAddr::from(ip).to_canonical()), port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (name, port) = text.split_at(end);
            (named(name)?, port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(port) => {
            is_obfuscated(port)
                || (1..=5).contains(&port.len()) && port.bytes().all(|octet| octet.is_ascii_digit())
        }
    };
    is_port.then_some(name).ok_or(Malformed)
}

fn named(name: &str) -> Result<Node, Malformed> {
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Ok(Node::Hidden);
    }
    let ip: Ipv4Addr = name.parse().map_err(|_| Malformed)?;
    Ok(Node::Address(ip.into()))
}

/// `"_" 1*( ALPHA / DIGIT / "." / "_" / "-" )` (RFC 7239 §6.3).
fn is_obfuscated(name: &str) -> bool {
    let is_fit = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    name.strip_prefix('_')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_fit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Node {
        Node::Address(text.parse().unwrap())
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let read = |line: &'static str| elements(line.as_bytes()).unwrap();
        assert_eq!(read("for=\"_gazonk\"")[0].client, Some(Node::Hidden));
        assert_eq!(
            read("For=\"[2001:db8:cafe::17]:4711\"")[0].client,
            Some(address("2001:db8:cafe::17"))
        );
        let one = &read("for=192.0.2.60;proto=http;by=203.0.113.43")[0];
        assert_eq!(one.client, Some(address("192.0.2.60")));
        assert_eq!(one.proto.as_deref(), Some(&b"http"[..]));
        assert_eq!(read("for=192.0.2.43, for=198.51.100.17").len(), 2);
        assert_eq!(read("for=_SEVKISEK")[0].client, Some(Node::Hidden));
    }

    #[test]
    fn a_host_is_unquoted() {
        let hops = elements(b"host=\"a.example:80\\80\"").unwrap();
        assert_eq!(hops[0].host.as_deref(), Some(&b"a.example:8080"[..]));
    }

    #[test]
    fn one_malformed_element_spoils_the_line() {
        for line in [
            "for=\"1.2.3.4, for=192.0.2.1",
            "for",
            "for=",
            "=1.2.3.4",
            "for=1.2.3.4;for=1.2.3.4",
            "for=1.2.3.4;",
            "for=a.example",
            "for=1.2.3.4 x",
            "for=\"1.2.3.4:x\"",
            "for=\"[::1\"",
            "for=\"::1]\"",
            "for=1.2.3",
            "for=[::1]",
            "for=\"[::1]x\"",
        ] {
            assert!(elements(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn nodes_of_x_forwarded_for_are_read() {
        for (text, ip) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:_x", "192.0.2.1"),
        ] {
            assert_eq!(node(text.as_bytes()), Ok(address(ip)), "{text}");
        }
        for text in ["", ":80", "192.0.2.1:", "192.0.2.1:999999", "_", "unknown2"] {
            assert!(node(text.as_bytes()).is_err(), "{text}");
        }
    }
}
