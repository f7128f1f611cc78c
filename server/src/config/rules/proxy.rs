//! The forward proxy: whom it lets in, and where.

use super::Rules;
use crate::config::model::{AuthMethod, Config, Role};
use crate::config::slot::Complaint;
use crate::config::suggest::nearest;
use net::Address;

/// What is said of a proxy that anybody may use.
pub const OPEN_PROXY: &str = "anybody who reaches this address could use the proxy";

/// An address at which anybody who reaches it could use the proxy.
pub fn open_proxy(config: &Config) -> Option<&Address> {
    open_proxies(config).next().map(|(_, address)| address)
}

/// The listeners, by their numbers, on which the proxy lets in whoever comes, and which others than this machine reach.
fn open_proxies(config: &Config) -> impl Iterator<Item = (usize, &Address)> {
    let is_open = config.proxy.auth.is_none() && config.proxy.clients.is_empty();
    let listeners = config.listeners.iter().enumerate();
    listeners
        .filter(move |(_, listener)| is_open && listener.role == Role::Proxy)
        .filter(|(_, listener)| match &listener.address {
            Address::Inet(address) => !address.ip().is_loopback(),
            Address::Unix(_) => false,
        })
        .map(|(number, listener)| (number, &listener.address))
}

impl Rules<'_> {
    pub(super) fn check_proxy(&mut self) {
        let config = self.config;
        if !config.has_proxy() {
            let hint = "add role = \"proxy\" to a [[listen]]";
            let complaint = Complaint::with("no listener is a proxy: this is not used", hint);
            self.warn("proxy", complaint);
        }
        for (number, _) in open_proxies(config) {
            let hint = "add auth = … or clients = … to [proxy]; clients = [\"0.0.0.0/0\", \"::/0\"] is anybody";
            let complaint = Complaint::with(OPEN_PROXY, hint);
            self.error(&format!("listen[{number}].address"), complaint);
        }
        let is_proxy = |listener: &crate::config::Listener| listener.role == Role::Proxy;
        if !config.sites.is_empty() && config.listeners.iter().all(is_proxy) {
            let hint = "add a [[listen]] for it";
            let complaint = Complaint::with("all listeners are proxies: no site is served", hint);
            self.warn("site[0]", complaint);
        }
        self.proxy_knows_who_asks();
        self.proxy_rules_fit();
    }

    fn proxy_knows_who_asks(&mut self) {
        let proxy = &self.config.proxy;
        let Some(name) = &proxy.auth else {
            let hint = "add auth = …, the name of an [[auth]]";
            let complaint = Complaint::with("nobody is asked who they are here", hint);
            if !proxy.users.is_empty() {
                self.error("proxy.users", complaint);
            }
            return;
        };
        let mut ways = self.config.auth.iter();
        match ways.find(|auth| auth.name == *name) {
            Some(auth) if auth.method == AuthMethod::Form => {
                let message = "user agents show no form of a proxy: its [[auth]] is `basic`";
                self.error("proxy.auth", Complaint::new(message).by("RFC 9110 §11.7.1"));
            }
            Some(_) => {}
            None => {
                let shown = name.escape_debug();
                let known = || self.config.auth.iter().map(|auth| auth.name.as_str());
                let hint = match nearest(name, known()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("add [[auth]] with name = \"{shown}\" and users = …"),
                };
                let message = format!("there is no [[auth]] with the name \"{shown}\"");
                self.error("proxy.auth", Complaint::with(message, hint));
            }
        }
    }

    fn proxy_rules_fit(&mut self) {
        let proxy = &self.config.proxy;
        for (number, pattern) in proxy.allow.iter().enumerate() {
            let denied = proxy.deny.iter().position(|other| other == pattern);
            if let Some(also) = denied {
                let complaint = Complaint::with(
                    "it is denied too, which counts",
                    "leave it out of one of the two",
                );
                let path = format!("proxy.allow[{number}]");
                let also = format!("proxy.deny[{also}]");
                self.error_also(&path, &also, complaint);
            }
        }
        let is_connect = |method: &String| method == "CONNECT";
        let has_tunnels = proxy.methods.is_empty() || proxy.methods.iter().any(is_connect);
        if !has_tunnels && self.span("proxy.allow_ports").is_some() {
            let message = "no tunnel is opened, for CONNECT is not in `methods`";
            self.warn("proxy.allow_ports", Complaint::new(message));
        }
    }
}
