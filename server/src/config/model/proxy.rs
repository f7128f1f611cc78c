//! What a forward proxy is told.

use net::Network;
use std::time::Duration;

/// What answers on a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The sites.
    #[default]
    Server,
    /// The proxy.
    Proxy,
}

/// `[proxy]`: where the proxy lets its clients go, and who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Hosts and networks that may be asked; none is every one.
    pub allow: Vec<String>,
    /// Hosts and networks that may not, whatever `allow` says.
    pub deny: Vec<String>,
    /// Ports to which CONNECT opens a tunnel.
    pub allow_ports: Vec<u64>,
    /// Whether private, loopback and other special addresses may be asked.
    pub allow_private: bool,
    /// Methods that may be used; none is every one.
    pub methods: Vec<String>,
    /// Networks of clients; none is every one.
    pub clients: Vec<Network>,
    /// The `[[auth]]` that says who asks.
    pub auth: Option<String>,
    /// Who of its users may come in; none is every one.
    pub users: Vec<String>,
    /// Whether clients may speak SOCKS5 too.
    pub socks: bool,
    /// Bounds resolving, connecting, waiting for an answer, and silence within it, each.
    pub outbound_timeout: Duration,
}

impl Role {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("server", Self::Server), ("proxy", Self::Proxy)];
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            allow_ports: vec![443],
            allow_private: false,
            methods: Vec::new(),
            clients: Vec::new(),
            auth: None,
            users: Vec::new(),
            socks: true,
            outbound_timeout: Duration::from_secs(60),
        }
    }
}
