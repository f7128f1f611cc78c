//! `Upgrade` (RFC 9110 §7.8): the protocols that somebody would go over to.

use super::list::{is_token, members_of};

/// A protocol, as `websocket` or `TLS/1.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol<'a> {
    /// Its name, a token. It is compared without case, as the field asks of a recipient.
    pub name: &'a [u8],
    /// Its version, a token.
    pub version: Option<&'a [u8]>,
    /// Both, as sent.
    pub octets: &'a [u8],
}

/// The protocols of all lines, in order. What is malformed is left out: nobody can go over to it.
pub fn protocols<'a, I>(lines: I) -> impl Iterator<Item = Protocol<'a>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    members_of(lines).filter_map(|octets| {
        let slash = octets.iter().position(|octet| *octet == b'/');
        let (name, version) = match slash {
            None => (octets, None),
            Some(slash) => (octets.get(..slash)?, Some(octets.get(slash + 1..)?)),
        };
        let is_right = is_token(name) && version.is_none_or(is_token);
        is_right.then_some(Protocol {
            name,
            version,
            octets,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_come_in_order_over_all_lines_without_malformed_ones() {
        let lines: [&[u8]; 2] = [b"HTTP/2.0, SHTTP/1.3,,a b, /1", b"x/, websocket, a/b/c"];
        let named: Vec<_> = protocols(lines).map(|p| (p.name, p.version)).collect();
        let version = |octets: &'static [u8]| Some(octets);
        assert_eq!(
            named,
            [
                (&b"HTTP"[..], version(b"2.0")),
                (b"SHTTP", version(b"1.3")),
                (b"websocket", None),
            ]
        );
        assert_eq!(protocols(lines).next().unwrap().octets, b"HTTP/2.0");
    }
}
