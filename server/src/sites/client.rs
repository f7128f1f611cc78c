//! Who asks, and how: as the connection shows it, or as gateways tell that are trusted.
//!
//! A gateway appends what it saw to what it received, and whatever stood there before may be anybody's invention
//! (RFC 7239 §8.1). So one walks from the right: from our own peer past every gateway that is trusted, to the first address
//! that is not. `Forwarded` and `X-Forwarded-For` must agree where both are there, since a gateway that writes one of
//! them passes on what clients put into the other.

use std::net::{IpAddr, SocketAddr};

use engine::Exchange;
use net::{Network, Peer};
use semantics::fields::forwarded::{Node, elements, node};
use semantics::fields::list::members_of;
use semantics::{Known, RequestHead};

/// The gateways in front of this server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateways(Vec<Network>);

/// What is told by trusted gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Who asks; `None` where nobody trusted knows.
    pub(crate) client: Option<IpAddr>,
    /// Whether the request came to the first gateway by `https`.
    pub(crate) is_secured: Option<bool>,
    /// The host that was asked for there.
    pub(crate) host: Option<Box<[u8]>>,
}

/// One field line's member, or several: what one gateway saw.
#[derive(Clone, Debug, Default)]
struct Hop {
    client: Option<Node>,
    is_secured: Option<bool>,
    host: Option<Box<[u8]>>,
}

impl Gateways {
    pub(crate) fn new(networks: &[Network]) -> Self {
        Self(networks.to_vec())
    }

    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a peer's word is believed. Who may connect to a unix socket is decided by whoever made it: where gateways
    /// are trusted at all, those are.
    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        !self.is_empty() && peer.ip().is_none_or(|ip| self.trusts_address(ip))
    }

    fn trusts_address(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(ip))
    }

    /// Puts what gateways tell in place of what the connection shows, and gives it. `None` when the peer is nobody whose
    /// word is believed.
    pub(crate) fn resolve(&self, exchange: &mut Exchange<'_>) -> Option<Told> {
        if !self.trusts(exchange.client) {
            return None;
        }
        let told = self.told(exchange.head, exchange.client.ip());
        if let Some(ip) = told.client.filter(|ip| Some(*ip) != exchange.client.ip()) {
            // The port of the gateway's client is not told.
            exchange.client = Peer::from(SocketAddr::new(ip, 0));
        }
        if let Some(is_secured) = told.is_secured {
            exchange.is_secured = is_secured;
        }
        Some(told)
    }

    fn told(&self, head: RequestHead<'_>, peer: Option<IpAddr>) -> Told {
        let standard = head.has(Known::Forwarded).then(|| forwarded(head));
        let common = (head.has(Known::XForwardedFor)
            || head.has(Known::XForwardedProto)
            || head.has(Known::XForwardedHost))
        .then(|| x_forwarded(head));
        let walk = |hops: Option<Option<Vec<Hop>>>| match hops {
            None => None,
            Some(None) => Some(Told::default()),
            Some(Some(hops)) => Some(self.walk(&hops, peer)),
        };
        match (walk(standard), walk(common)) {
            (None, None) => Told {
                client: peer,
                ..Told::default()
            },
            (Some(told), None) | (None, Some(told)) => told,
            // Who is the client may put itself into the field that its gateway does not write, and more beside that.
            (Some(standard), Some(common)) if standard.client == common.client => Told {
                client: standard.client,
                is_secured: match (standard.is_secured, common.is_secured) {
                    (Some(a), Some(b)) => Some(a && b),
                    (a, b) => a.or(b),
                },
                host: match (standard.host, common.host) {
                    (Some(a), Some(b)) => Some(a).filter(|a| a.eq_ignore_ascii_case(&b)),
                    (a, b) => a.or(b),
                },
            },
            // One of the two is what the client made up.
            (Some(_), Some(_)) => Told::default(),
        }
    }

    /// From the last hop to the first whose client is not a gateway that is trusted.
    fn walk(&self, hops: &[Hop], peer: Option<IpAddr>) -> Told {
        let mut told = Told {
            client: peer,
            ..Told::default()
        };
        for hop in hops.iter().rev() {
            told.is_secured = hop.is_secured.or(told.is_secured);
            told.host = hop.host.clone().or(told.host);
            match hop.client {
                Some(Node::Address(ip)) => told.client = Some(ip),
                Some(Node::Hidden) => told.client = None,
                // Something is told of the gateway's own client, but not who that is: the gateway itself, for all we know.
                None => {}
            }
            match told.client {
                Some(ip) if hop.client.is_some() && self.trusts_address(ip) => {}
                _ => break,
            }
        }
        told
    }
}

/// `None` when a line is malformed: a quotation mark in it may hide what the gateway added.
fn forwarded(head: RequestHead<'_>) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for line in head.all(Known::Forwarded) {
        for element in elements(line).ok()? {
            hops.push(Hop {
                client: element.client,
                is_secured: element.proto.as_deref().map(is_https),
                host: element.host.as_deref().map(Into::into),
            });
        }
    }
    Some(hops)
}

/// The three fields as hops. A list of schemes or hosts as long as that of addresses belongs to it one by one; otherwise
/// its last member is what the nearest gateway says.
fn x_forwarded(head: RequestHead<'_>) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for member in members_of(head.all(Known::XForwardedFor)) {
        hops.push(Hop {
            client: Some(node(member).ok()?),
            ..Hop::default()
        });
    }
    if hops.is_empty() {
        hops.push(Hop::default());
    }
    let protos: Vec<&[u8]> = members_of(head.all(Known::XForwardedProto)).collect();
    let hosts: Vec<&[u8]> = members_of(head.all(Known::XForwardedHost)).collect();
    let count = hops.len();
    for (i, hop) in hops.iter_mut().enumerate() {
        hop.is_secured = nth(&protos, i, count).map(is_https);
        hop.host = nth(&hosts, i, count).map(Into::into);
    }
    Some(hops)
}

fn nth<'a>(members: &[&'a [u8]], i: usize, count: usize) -> Option<&'a [u8]> {
    if members.len() == count {
        return members.get(i).copied();
    }
    members.last().copied()
}

fn is_https(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"https")
}

/// Who may ask, by network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    allow: Vec<Network>,
    deny: Vec<Network>,
}

impl Access {
    pub(crate) fn new(allow: &[Network], deny: &[Network]) -> Self {
        Self {
            allow: allow.to_vec(),
            deny: deny.to_vec(),
        }
    }

    /// Whether everybody may.
    pub(crate) fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether a client may ask. One without an address, or whose address nobody trusted tells, may where everybody does.
    pub(crate) fn admits(&self, client: Option<IpAddr>) -> bool {
        let Some(ip) = client else {
            return self.is_open();
        };
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        !is_in(&self.deny) && (self.allow.is_empty() || is_in(&self.allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sites::testing::with_head;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// What a gateway at 10.0.0.1 tells, of the networks that are trusted.
    fn told(fields: &str) -> Told {
        let gateways = Gateways::new(&networks(&["10.0.0.0/8", "2001:db8::/32"]));
        let peer = "10.0.0.1".parse().ok();
        with_head(
            &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
            |head| gateways.told(head, peer),
        )
    }

    fn client(fields: &str) -> Option<String> {
        told(fields).client.map(|ip| ip.to_string())
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_gateway() {
        // table
        for (fields, expected) in [
            ("", Some("10.0.0.1")),
            ("X-Forwarded-For: 203.0.113.5\r\n", Some("203.0.113.5")),
            (
                "X-Forwarded-For: 1.1.1.1, 203.0.113.5\r\n",
                Some("203.0.113.5"),
            ),
            (
                "X-Forwarded-For: 1.1.1.1, 203.0.113.5, 10.2.2.2\r\n",
                Some("203.0.113.5"),
            ),
            (
                "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.5\r\n",
                Some("203.0.113.5"),
            ),
            ("X-Forwarded-For: 10.9.9.9, 10.2.2.2\r\n", Some("10.9.9.9")),
            ("X-Forwarded-For: 203.0.113.5:4711\r\n", Some("203.0.113.5")),
            (
                "X-Forwarded-For: [2001:db9::1]:4711, 2001:db8::7\r\n",
                Some("2001:db9::1"),
            ),
            (
                "X-Forwarded-For: ::ffff:203.0.113.5\r\n",
                Some("203.0.113.5"),
            ),
            ("X-Forwarded-For: unknown\r\n", None),
            ("X-Forwarded-For: evil\r\n", None),
            ("X-Forwarded-For: evil, 203.0.113.5\r\n", None),
            ("Forwarded: for=203.0.113.5\r\n", Some("203.0.113.5")),
            (
                "Forwarded: for=1.1.1.1, for=203.0.113.5;by=10.0.0.1\r\n",
                Some("203.0.113.5"),
            ),
            (
                "Forwarded: for=203.0.113.5, for=10.2.2.2\r\n",
                Some("203.0.113.5"),
            ),
            (
                "Forwarded: for=203.0.113.5\r\nForwarded: for=10.2.2.2\r\n",
                Some("203.0.113.5"),
            ),
            (
                "Forwarded: for=\"[2001:db9::1]\", for=\"[2001:db8::7]:80\"\r\n",
                Some("2001:db9::1"),
            ),
            ("Forwarded: for=1.1.1.1, for=_hidden\r\n", None),
            ("Forwarded: for=\"1.1.1.1, for=203.0.113.5\r\n", None),
            ("Forwarded: proto=https\r\n", Some("10.0.0.1")),
            ("Forwarded: for=1.1.1.1, proto=https\r\n", Some("10.0.0.1")),
        ] {
            assert_eq!(client(fields).as_deref(), expected, "{fields}");
        }
    }

    #[test]
    fn fields_that_name_different_clients_are_not_believed() {
        let fields = "Forwarded: for=1.1.1.1;proto=https\r\nX-Forwarded-For: 203.0.113.5\r\n";
        assert_eq!(told(fields), Told::default());
        let fields = "Forwarded: for=203.0.113.5\r\nX-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Proto: https\r\n";
        assert_eq!(client(fields).as_deref(), Some("203.0.113.5"));
        assert_eq!(told(fields).is_secured, Some(true));
    }

    #[test]
    fn a_client_that_names_itself_in_the_other_field_makes_nothing_up() {
        let common =
            "X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n";
        let told = told(&format!(
            "Forwarded: for=203.0.113.5;proto=https;host=evil.example\r\n{common}"
        ));
        assert_eq!((told.is_secured, told.host), (Some(false), None));
    }

    #[test]
    fn the_scheme_and_the_host_are_those_that_the_client_used() {
        let told_ = told(
            "Forwarded: for=203.0.113.5;proto=https;host=a.example, for=10.2.2.2;proto=http;host=inner\r\n",
        );
        assert_eq!(told_.is_secured, Some(true));
        assert_eq!(told_.host.as_deref(), Some(&b"a.example"[..]));
        let spoofed = told("Forwarded: for=1.1.1.1;proto=https, for=203.0.113.5;proto=http\r\n");
        assert_eq!(spoofed.is_secured, Some(false));
        let one = told(
            "X-Forwarded-For: 203.0.113.5, 10.2.2.2\r\nX-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: a.example\r\n",
        );
        assert_eq!(one.is_secured, Some(true));
        assert_eq!(one.host.as_deref(), Some(&b"a.example"[..]));
        let each =
            told("X-Forwarded-For: 203.0.113.5, 10.2.2.2\r\nX-Forwarded-Proto: https, http\r\n");
        assert_eq!(each.is_secured, Some(true));
        assert_eq!(told("X-Forwarded-Proto: https\r\n").is_secured, Some(true));
    }

    #[test]
    fn a_peer_is_believed_only_where_it_is_trusted() {
        let gateways = Gateways::new(&networks(&["10.0.0.0/8"]));
        let peer = |text: &str| Peer::from(text.parse::<SocketAddr>().unwrap());
        assert!(gateways.trusts(peer("10.0.0.1:80")));
        assert!(gateways.trusts(peer("[::ffff:10.0.0.1]:80")));
        assert!(!gateways.trusts(peer("192.0.2.1:80")));
        assert!(gateways.trusts(Peer::Unix));
        assert!(!Gateways::default().trusts(Peer::Unix));
        assert!(!Gateways::default().trusts(peer("10.0.0.1:80")));
    }

    #[test]
    fn deny_counts_more_than_allow() {
        let access = Access::new(&networks(&["10.0.0.0/8"]), &networks(&["10.1.0.0/16"]));
        let admits = |text: &str| access.admits(Some(text.parse().unwrap()));
        assert!(admits("10.2.0.1") && admits("::ffff:10.2.0.1"));
        assert!(!admits("10.1.0.1") && !admits("192.0.2.1") && !admits("::1"));
    }

    #[test]
    fn whose_address_is_unknown_may_ask_where_everybody_may() {
        assert!(Access::default().admits(None));
        assert!(!Access::new(&networks(&["10.0.0.0/8"]), &[]).admits(None));
        assert!(!Access::new(&[], &networks(&["10.0.0.0/8"])).admits(None));
        assert!(Access::new(&[], &networks(&["10.0.0.0/8"])).admits("::1".parse().ok()));
    }
}
