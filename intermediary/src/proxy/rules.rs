//! Where a proxy lets its clients go.
//!
//! ```text
//!  method, port ──▶ deny ──▶ allow ──▶ addresses ──▶ special? ──▶ deny ──▶ allow ──▶ connect
//!                   └── of names ──┘                 └── of each address ──┘
//! ```
//!
//! What is denied stays denied, whatever is allowed beside it, and the order in which rules are written does not matter. Where
//! nothing is allowed by name or network, everything is that is not denied.

use std::fmt;
use std::net::IpAddr;

use super::destination::Destination;
use super::pattern::Pattern;
use super::special::Special;

/// Where a proxy lets its clients go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRules {
    /// Hosts and networks that may be asked; none is every one. A network that lies within special addresses opens those.
    pub allow: Vec<Pattern>,
    /// Hosts and networks that may not, whatever `allow` says.
    pub deny: Vec<Pattern>,
    /// Ports to which CONNECT opens a tunnel, and to which http:// goes although user agents block them.
    pub allow_ports: Vec<u16>,
    /// Whether special addresses may be asked.
    pub allow_private: bool,
    /// Methods that may be used; none is every one.
    pub methods: Vec<String>,
}

impl Default for ProxyRules {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            allow_ports: vec![HTTPS_PORT],
            allow_private: false,
            methods: Vec::new(),
        }
    }
}

/// How a destination is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By a request that is passed on.
    Request,
    /// By a tunnel.
    Tunnel,
}

/// What the rules say as long as no address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed<'r> {
    /// The name may be asked: by this pattern, or because nobody says which may.
    Name(Option<&'r Pattern>),
    /// Only a network may let it pass.
    ByAddress,
}

/// Why a destination may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied<'r> {
    /// A pattern says so.
    Deny(&'r Pattern),
    /// None that is allowed fits.
    NotAllowed,
    /// No tunnel goes to this port.
    TunnelPort(u16),
    /// Other protocols than HTTP are spoken at this port.
    BlockedPort(u16),
    /// The method is none of those that may be used.
    Method,
    /// The address is special.
    Special(&'static Special),
}

impl ProxyRules {
    /// What is said of a destination before it has an address. An address in place of a name has one already: see
    /// [`judge_address`](Self::judge_address).
    ///
    /// # Errors
    /// Why it may not be asked.
    pub fn judge(
        &self,
        method: &[u8],
        by: By,
        destination: &Destination,
    ) -> Result<Allowed<'_>, Denied<'_>> {
        let mut methods = self.methods.iter();
        if !self.methods.is_empty() && !methods.any(|known| known.as_bytes() == method) {
            return Err(Denied::Method);
        }
        let port = destination.port();
        if !self.allow_ports.contains(&port) {
            match by {
                By::Tunnel => return Err(Denied::TunnelPort(port)),
                By::Request if BLOCKED_PORTS.binary_search(&port).is_ok() => {
                    return Err(Denied::BlockedPort(port));
                }
                By::Request => {}
            }
        }
        let named =
            |patterns: &'_ [Pattern]| patterns.iter().position(|it| it.fits_name(destination));
        if let Some(pattern) = named(&self.deny).and_then(|at| self.deny.get(at)) {
            return Err(Denied::Deny(pattern));
        }
        if self.allow.is_empty() {
            return Ok(Allowed::Name(None));
        }
        match named(&self.allow).and_then(|at| self.allow.get(at)) {
            Some(pattern) => Ok(Allowed::Name(Some(pattern))),
            None if self.allow.iter().any(|it| it.network().is_some()) => Ok(Allowed::ByAddress),
            None => Err(Denied::NotAllowed),
        }
    }

    /// What is said of an address that a destination has. It is the last word: the connection is made to this very address.
    ///
    /// # Errors
    /// Why it may not be asked.
    pub fn judge_address(
        &self,
        allowed: Allowed<'_>,
        ip: IpAddr,
        port: u16,
    ) -> Result<(), Denied<'_>> {
        if let Some(pattern) = self.deny.iter().find(|it| it.fits_address(ip, port)) {
            return Err(Denied::Deny(pattern));
        }
        let mut networks = self.allow.iter().filter(|it| it.fits_address(ip, port));
        if let (Some(special), false) = (Special::of(ip), self.allow_private) {
            // A network that is wider than the special addresses does not mean them.
            let opens = |pattern: &Pattern| {
                let network = pattern.network();
                network.is_some_and(|it| special.holds(it.first(), it.prefix()))
            };
            return match networks.any(opens) {
                true => Ok(()),
                false => Err(Denied::Special(special)),
            };
        }
        match allowed {
            Allowed::ByAddress if networks.next().is_none() => Err(Denied::NotAllowed),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Denied<'_> {
    /// One sentence for people without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny(pattern) => write!(f, "This proxy does not go there: deny {pattern}"),
            Self::NotAllowed => {
                f.write_str("This proxy does not go there: nothing in allow fits the host")
            }
            Self::TunnelPort(port) => write!(
                f,
                "This proxy opens no tunnel to port {port}: it is not in allow_ports"
            ),
            Self::BlockedPort(port) => write!(
                f,
                "Port {port} is for another protocol than HTTP, and not in allow_ports"
            ),
            Self::Method => f.write_str("This proxy does not pass on the method: not in methods"),
            Self::Special(special) => write!(
                f,
                "The host has {}, to which this proxy does not go: allow_private is off",
                special.what
            ),
        }
    }
}

impl Denied<'_> {
    /// The rule, as the details of Proxy-Status tell it.
    #[must_use]
    pub fn details(&self) -> String {
        match self {
            Self::Deny(pattern) => format!("deny {pattern}"),
            Self::NotAllowed => "allow".to_owned(),
            Self::TunnelPort(_) | Self::BlockedPort(_) => "allow_ports".to_owned(),
            Self::Method => "methods".to_owned(),
            Self::Special(_) => "allow_private".to_owned(),
        }
    }
}

/// The port of TLS, to which alone tunnels go by themselves.
const HTTPS_PORT: u16 = 443;

/// Ports of other protocols, whose servers could take a request for commands: those that user agents block (Fetch standard,
/// "port blocking").
const BLOCKED_PORTS: &[u16] = &[
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
    6669, 6679, 6697, 10080,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> ProxyRules {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        ProxyRules {
            allow: patterns(allow),
            deny: patterns(deny),
            ..ProxyRules::default()
        }
    }

    /// The rule that refuses `authority`, which resolves to `ip`; empty if it may be asked.
    fn judged(rules: &ProxyRules, authority: &str, ip: &str) -> String {
        let destination = Destination::parse(authority.as_bytes(), Some(80)).unwrap();
        let judge = || {
            let allowed = rules.judge(b"GET", By::Request, &destination)?;
            let ip = destination.ip().unwrap_or_else(|| ip.parse().unwrap());
            rules.judge_address(allowed, ip, destination.port())
        };
        judge().map_or_else(|denied| denied.details(), |()| String::new())
    }

    #[test]
    fn what_is_denied_stays_denied_and_what_is_allowed_is_all_there_is() {
        // table
        for (allow, deny, authority, ip, expected) in [
            (&[][..], &[][..], "a.example", "8.8.8.8", ""),
            (
                &[],
                &["a.example"],
                "a.example",
                "8.8.8.8",
                "deny a.example",
            ),
            (&[], &["a.example"], "b.example", "8.8.8.8", ""),
            (
                &["*"],
                &[".example"],
                "a.example",
                "8.8.8.8",
                "deny .example",
            ),
            (&["a.example"], &["*"], "a.example", "8.8.8.8", "deny *"),
            (&["a.example"], &[], "a.example", "8.8.8.8", ""),
            (&["a.example"], &[], "b.example", "8.8.8.8", "allow"),
            (&["a.example"], &[], "8.8.8.8", "", "allow"),
            (&["a.example:8080"], &[], "a.example", "8.8.8.8", "allow"),
            (&["a.example:8080"], &[], "a.example:8080", "8.8.8.8", ""),
            (&["8.8.8.0/24"], &[], "a.example", "8.8.8.8", ""),
            (&["8.8.8.0/24"], &[], "a.example", "8.8.4.4", "allow"),
            (
                &["a.example", "8.8.8.0/24"],
                &[],
                "a.example",
                "1.1.1.1",
                "",
            ),
            (
                &[],
                &["8.8.8.0/24"],
                "a.example",
                "8.8.8.8",
                "deny 8.8.8.0/24",
            ),
            (
                &["a.example"],
                &["8.8.8.8"],
                "a.example",
                "8.8.8.8",
                "deny 8.8.8.8",
            ),
            (&["*"], &["8.8.8.8"], "8.8.8.8", "", "deny 8.8.8.8"),
            (&["*"], &["8.8.8.8"], "[::ffff:8.8.8.8]", "", "deny 8.8.8.8"),
            (&["*"], &["*:25"], "a.example:8080", "8.8.8.8", ""),
        ] {
            let rules = rules(allow, deny);
            assert_eq!(
                judged(&rules, authority, ip),
                expected,
                "{allow:?} {deny:?} {authority} {ip}"
            );
        }
    }

    #[test]
    fn special_addresses_are_closed_to_names_as_to_themselves_unless_a_network_opens_them() {
        // table
        for (allow, authority, ip, expected) in [
            (&[][..], "127.0.0.1", "", "allow_private"),
            (&[], "[::1]", "", "allow_private"),
            (&[], "a.example", "127.0.0.1", "allow_private"),
            (&[], "a.example", "169.254.169.254", "allow_private"),
            (&["*"], "a.example", "10.0.0.1", "allow_private"),
            (&["a.example"], "a.example", "10.0.0.1", "allow_private"),
            (&["0.0.0.0/0"], "a.example", "10.0.0.1", "allow_private"),
            (&["10.0.0.0/7"], "a.example", "10.0.0.1", "allow_private"),
            (&["10.0.0.0/8"], "a.example", "10.0.0.1", ""),
            (&["10.1.0.0/16"], "a.example", "10.1.0.1", ""),
            (&["10.1.0.0/16"], "a.example", "10.2.0.1", "allow_private"),
            (&["10.1.0.0/16", "*"], "a.example", "8.8.8.8", ""),
            (&["127.0.0.1:8080"], "127.0.0.1", "", "allow_private"),
            (&["127.0.0.1:8080"], "127.0.0.1:8080", "", ""),
            (&["fd00::/8"], "[fd00::1]", "", ""),
        ] {
            let rules = rules(allow, &[]);
            assert_eq!(
                judged(&rules, authority, ip),
                expected,
                "{allow:?} {authority} {ip}"
            );
        }
        let open = ProxyRules {
            allow_private: true,
            ..ProxyRules::default()
        };
        assert_eq!(judged(&open, "a.example", "127.0.0.1"), "");
        let open = ProxyRules {
            allow_private: true,
            ..rules(&["a.example"], &["10.0.0.0/8"])
        };
        assert_eq!(judged(&open, "a.example", "10.0.0.1"), "deny 10.0.0.0/8");
        assert_eq!(judged(&open, "127.0.0.1", ""), "allow");
    }

    #[test]
    fn tunnels_go_to_named_ports_alone_and_requests_not_to_those_of_other_protocols() {
        let rules = ProxyRules {
            allow_ports: vec![443, 25],
            ..ProxyRules::default()
        };
        // table
        for (by, port, expected) in [
            (By::Tunnel, 443, ""),
            (By::Tunnel, 25, ""),
            (By::Tunnel, 80, "allow_ports"),
            (By::Tunnel, 8443, "allow_ports"),
            (By::Request, 80, ""),
            (By::Request, 443, ""),
            (By::Request, 8080, ""),
            (By::Request, 25, ""),
            (By::Request, 22, "allow_ports"),
            (By::Request, 10080, "allow_ports"),
        ] {
            let destination = Destination::parse(b"a.example", Some(port)).unwrap();
            let judged = rules.judge(b"GET", by, &destination);
            let details = judged.map_or_else(|denied| denied.details(), |_| String::new());
            assert_eq!(details, expected, "{by:?} {port}");
        }
        assert!(BLOCKED_PORTS.is_sorted());
    }

    #[test]
    fn methods_are_those_that_are_named() {
        let rules = ProxyRules {
            methods: vec!["GET".to_owned()],
            ..ProxyRules::default()
        };
        let destination = Destination::parse(b"a.example", Some(80)).unwrap();
        let judge = |method: &[u8]| rules.judge(method, By::Request, &destination);
        assert!(judge(b"GET").is_ok());
        assert_eq!(judge(b"get"), Err(Denied::Method));
        assert_eq!(judge(b"POST"), Err(Denied::Method));
    }
}
