// table
//! The keys of `[proxy]`.

use super::Key;
use crate::config::kinds::{
    Empty, List, NetworkKind, Number, Switch, Text, TimePositive, UserNames,
};
use crate::config::model::Proxy;
use crate::config::slot::{Is, May};
use crate::config::texts::{AUTH_NAME, HOST_PATTERN, PROXY_METHOD, USER_NAME};

pub(crate) const PROXY: &[Key<Proxy>] = &[
    Key {
        name: "allow",
        slot: &Is(
            |p: &mut Proxy| &mut p.allow,
            List {
                of: Text(&HOST_PATTERN),
                empty: Empty::Fits,
                allowed: PATTERNS,
            },
        ),
        about: "Hosts and networks that may be asked; none is every one. A network of private addresses opens those.",
    },
    Key {
        name: "deny",
        slot: &Is(
            |p: &mut Proxy| &mut p.deny,
            List {
                of: Text(&HOST_PATTERN),
                empty: Empty::Fits,
                allowed: PATTERNS,
            },
        ),
        about: "Hosts and networks that may not, whatever `allow` says; 403.",
    },
    Key {
        name: "allow_ports",
        slot: &Is(
            |p: &mut Proxy| &mut p.allow_ports,
            List {
                of: Number(1, 65_535),
                empty: Empty::Fits,
                allowed: "a list of ports",
            },
        ),
        about: "Ports to which CONNECT opens a tunnel (RFC 9110 §9.3.6), and to which http:// goes although user agents block them.",
    },
    Key {
        name: "allow_private",
        slot: &Is(|p: &mut Proxy| &mut p.allow_private, Switch),
        about: "Whether private, loopback, link-local and other special addresses (RFC 6890) may be asked. Names are judged by what they resolve to.",
    },
    Key {
        name: "methods",
        slot: &Is(
            |p: &mut Proxy| &mut p.methods,
            List {
                of: Text(&PROXY_METHOD),
                empty: Empty::Fits,
                allowed: "a list of methods, as \"GET\", \"HEAD\" and \"CONNECT\"",
            },
        ),
        about: "Methods that may be used; none is every one.",
    },
    Key {
        name: "clients",
        slot: &Is(
            |p: &mut Proxy| &mut p.clients,
            List {
                of: NetworkKind,
                empty: Empty::Fits,
                allowed: "a list of networks, as \"192.0.2.0/24\" or \"2001:db8::/32\"",
            },
        ),
        about: "Networks whose clients may use the proxy; none is every one, which without `auth` only a listener on loopback lets in.",
    },
    Key {
        name: "auth",
        slot: &May(|p: &mut Proxy| &mut p.auth, Text(&AUTH_NAME), "nobody"),
        about: "The `[[auth]]` that says who asks (407; RFC 9110 §11.7); its method is `basic`.",
    },
    Key {
        name: "users",
        slot: &Is(
            |p: &mut Proxy| &mut p.users,
            UserNames(List {
                of: Text(&USER_NAME),
                empty: Empty::Refused(Some("write [\"*\"] for every user")),
                allowed: "a list of names, or [\"*\"] for every one",
            }),
        ),
        about: "Who of its users may come in.",
    },
    Key {
        name: "socks",
        slot: &Is(|p: &mut Proxy| &mut p.socks, Switch),
        about: "Whether clients may speak SOCKS5 on the same listener (RFC 1928, RFC 1929): tunnels, by the same rules.",
    },
    Key {
        name: "outbound_timeout",
        slot: &Is(|p: &mut Proxy| &mut p.outbound_timeout, TimePositive),
        about: "Bounds resolving a name, connecting, waiting for the head of an answer, and silence within it, each.",
    },
];

const PATTERNS: &str = "a list of patterns: \"example.com\", \"*.example.com\" below it, \".example.com\" both, \"192.0.2.0/24\", \"*\"; each perhaps with \":PORT\"";
