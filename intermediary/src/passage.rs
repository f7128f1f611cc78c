//! What one route does to what passes: made once, asked with every message.

use semantics::fields::host::Host;
use semantics::fields::list::is_token;

use crate::authority::{self, Scheme};
use crate::path::PathMap;

/// How messages pass to one server, or to several that are alike, and back.
///
/// ```
/// use hansom_intermediary::{Passage, PathMap, Scheme};
///
/// let passage = Passage::new("edge-1", Scheme::Http, "127.0.0.1:3000")
///     .unwrap()
///     .paths(PathMap::new("/shop", "").unwrap())
///     .upgrade("websocket");
/// assert_eq!(passage.name(), "edge-1");
/// assert!(Passage::new("edge 1", Scheme::Http, "127.0.0.1:3000").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Passage {
    name: Box<str>,
    /// `1.1 NAME`, as the commonest message has it in Via.
    pub(crate) via_11: Box<[u8]>,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Box<[u8]>,
    pub(crate) host: HostRule,
    pub(crate) paths: PathMap,
    pub(crate) told: Told,
    pub(crate) expect: ExpectRule,
    pub(crate) via_answers: bool,
    upgrades: Vec<Box<[u8]>>,
}

/// Which Host the server is asked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostRule {
    /// The client's; the server's own where the client sent none, as HTTP/1.0 may.
    #[default]
    Kept,
    /// The server's own.
    Server,
    /// Another: a host with or without a port.
    Set(Box<[u8]>),
}

/// Which fields tell the server of the client. Those that an untrusted client sent go in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// `Forwarded` (RFC 7239).
    pub forwarded: bool,
    /// `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`.
    pub x_forwarded: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            forwarded: true,
            x_forwarded: true,
        }
    }
}

/// What becomes of `Expect: 100-continue` (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpectRule {
    /// We answer it by 100 as soon as we want the content.
    #[default]
    Answered,
    /// The server does.
    Passed,
}

impl Passage {
    /// A passage to a server. `name` is what this intermediary calls itself in Via and Proxy-Status: a token, and one that
    /// no other has through which the same message may come, or a loop is seen where none is.
    ///
    /// `None` if the name is no token or the authority no host with or without a port.
    #[must_use]
    pub fn new(name: &str, scheme: Scheme, authority: &str) -> Option<Self> {
        let host = Host::parse(authority.as_bytes()).ok()?;
        (is_token(name.as_bytes()) && !host.is_empty()).then(|| Self {
            name: name.into(),
            via_11: format!("1.1 {name}").into_bytes().into(),
            scheme,
            authority: authority.as_bytes().into(),
            host: HostRule::Kept,
            paths: PathMap::default(),
            told: Told::default(),
            expect: ExpectRule::Answered,
            via_answers: true,
            upgrades: Vec::new(),
        })
    }

    /// Which Host the server is asked with.
    #[must_use]
    pub fn host(mut self, host: HostRule) -> Self {
        self.host = host;
        self
    }

    /// What happens to paths.
    #[must_use]
    pub fn paths(mut self, paths: PathMap) -> Self {
        self.paths = paths;
        self
    }

    /// Which fields tell of the client.
    #[must_use]
    pub fn told(mut self, told: Told) -> Self {
        self.told = told;
        self
    }

    /// What becomes of Expect.
    #[must_use]
    pub fn expect(mut self, expect: ExpectRule) -> Self {
        self.expect = expect;
        self
    }

    /// Whether answers have a member of ours in Via, as requests always do (RFC 9110 §7.6.3).
    #[must_use]
    pub fn via_answers(mut self, via_answers: bool) -> Self {
        self.via_answers = via_answers;
        self
    }

    /// Lets requests ask for this protocol (RFC 9110 §7.8). `h2c` never passes: whoever speaks it with the server has its
    /// requests read by nobody on the way (RFC 9113 §3.1).
    #[must_use]
    pub fn upgrade(mut self, protocol: &str) -> Self {
        if !protocol.eq_ignore_ascii_case("h2c") {
            self.upgrades.push(protocol.as_bytes().into());
        }
        self
    }

    /// What this intermediary calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's own host and port.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// Whether requests may ask for a protocol.
    pub(crate) fn allows_upgrade(&self, protocol: &[u8]) -> bool {
        let mut allowed = self.upgrades.iter();
        allowed.any(|own| own.eq_ignore_ascii_case(protocol))
    }

    /// Whether any protocol may be asked for.
    pub(crate) fn has_upgrades(&self) -> bool {
        !self.upgrades.is_empty()
    }

    /// The Host that replaces the client's.
    pub(crate) fn new_host(&self) -> Option<&[u8]> {
        match &self.host {
            HostRule::Kept => None,
            HostRule::Server => Some(&self.authority),
            HostRule::Set(host) => Some(host),
        }
    }

    /// Whether an authority, asked by a scheme, is the server under a name that clients do not use for it.
    pub(crate) fn is_inner(&self, scheme: Scheme, authority: &[u8]) -> bool {
        let is = |own: &[u8]| authority::is_same((scheme, authority), (self.scheme, own));
        is(&self.authority) || self.new_host().is_some_and(is)
    }
}
