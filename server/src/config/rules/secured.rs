//! TLS: listeners, certificates, and what needs them.

use super::Rules;
use crate::config::model::{ClientCertificate, Outbound, ProxyProtocol, Tls};
use crate::config::slot::Complaint;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

impl Rules<'_> {
    pub(super) fn check_secured(&mut self) {
        self.listeners_have_certificates();
        self.somebody_may_say_whose();
        for (number, tls) in self.config.tls.iter().enumerate() {
            self.check_tls(&format!("tls[{number}]"), tls);
        }
        self.https_is_served();
        for (number, pool) in self.config.pools.iter().enumerate() {
            let mut servers = pool.all_servers();
            let is_secured = servers.any(|server| server.to.starts_with("https://"));
            self.check_outbound(
                &format!("pool[{number}].outbound"),
                &pool.outbound,
                is_secured,
            );
        }
        for (path, site) in self.sites() {
            for (number, route) in site.routes.iter().enumerate() {
                let is_secured = route.to.iter().any(|to| to.starts_with("https://"));
                let at = format!("{path}.route[{number}].outbound");
                self.check_outbound(&at, &route.outbound, is_secured);
            }
        }
    }

    /// TLS towards servers, of which one at least is asked by it.
    fn check_outbound(&mut self, at: &str, outbound: &Outbound, is_secured: bool) {
        let key = |name: &str| format!("{at}.{name}");
        if outbound.danger_accept_any_certificate {
            let hint = "name the file of the authority that signed the server's by ca = …";
            let message =
                "no certificate is verified: whoever stands between can read and change everything";
            let complaint = Complaint::with(message, hint).by("RFC 9110 §4.3.4");
            self.warn(&key("danger_accept_any_certificate"), complaint);
            let complaint = Complaint::new("any certificate is believed, so this says nothing");
            self.warn(&key("ca"), complaint);
        }
        let lacks_key = |cert: &PathBuf| outbound.client_key.is_none() && !holds_key(cert);
        if outbound.client_cert.as_ref().is_some_and(lacks_key) {
            let hint = "add client_key = …: its private key as PEM";
            let message = "the certificate has no `client_key`, and its file holds none";
            self.error(&key("client_cert"), Complaint::with(message, hint));
        }
        if outbound.client_cert.is_none() {
            let hint = "add client_cert = …: the chain as PEM, its own certificate first";
            let complaint = Complaint::with("the key has no `client_cert`", hint);
            self.error(&key("client_key"), complaint);
        }
        if outbound.via.is_none() {
            let hint = "add via = \"http://HOST:PORT\"";
            let complaint = Complaint::with("there is no `via` that asks for it", hint);
            self.error(&key("via_auth"), complaint);
        }
        let of_tls = [
            "ca",
            "server_name",
            "client_cert",
            "tls_version_min",
            "danger_accept_any_certificate",
        ];
        for name in of_tls.into_iter().filter(|_| !is_secured) {
            let message = "no server in `to` is asked by https, so this says nothing";
            let complaint = Complaint::with(message, "write https:// in to");
            self.warn(&key(name), complaint);
        }
    }

    /// Whoever may say whose a connection is has to be named.
    fn somebody_may_say_whose(&mut self) {
        let config = self.config;
        for (number, listener) in config.listeners.iter().enumerate() {
            let is_unix = matches!(listener.address, net::Address::Unix(_));
            let is_off = listener.proxy_protocol == ProxyProtocol::Off;
            if !is_off && !is_unix && config.server.trusted_gateways.is_empty() {
                let hint = "add trusted_gateways = … to [server], with the addresses of the load balancers";
                let message = "nobody is trusted to say whose a connection is";
                self.error(
                    &format!("listen[{number}].proxy_protocol"),
                    Complaint::with(message, hint),
                );
            }
        }
    }

    fn listeners_have_certificates(&mut self) {
        let config = self.config;
        for (number, listener) in config.listeners.iter().enumerate() {
            if listener.tls && config.tls.is_empty() {
                let hint = "add [[tls]] with cert = … and key = …; without both the certificate is made at start";
                let complaint =
                    Complaint::with("the listener speaks TLS, and there is no [[tls]]", hint);
                self.error(&format!("listen[{number}].tls"), complaint);
            }
        }
        if !config.tls.is_empty() && !config.listeners.iter().any(|listener| listener.tls) {
            let hint = "add tls = true to a [[listen]]";
            self.warn(
                "tls[0]",
                Complaint::with("no listener speaks TLS: this is not used", hint),
            );
        }
    }

    fn check_tls(&mut self, at: &str, tls: &Tls) {
        let key = |name: &str| format!("{at}.{name}");
        // One file may hold both.
        let lacks_key = |cert: &PathBuf| tls.key.is_none() && !holds_key(cert);
        if tls.cert.as_ref().is_some_and(lacks_key) {
            let hint = "add key = …: its private key as PEM";
            let message = "the certificate has no `key`, and its file holds none";
            self.error(&key("cert"), Complaint::with(message, hint));
        }
        if self.span(&key("cert")).is_none() {
            let hint = "add cert = …: the chain as PEM, its own certificate first";
            self.error(&key("key"), Complaint::with("the key has no `cert`", hint));
        }
        let asks = tls.client_certificate != ClientCertificate::Off;
        if asks && self.span(&key("client_ca")).is_none() {
            let hint = "add client_ca = …: the authorities as PEM";
            let message = "nobody says which certificates of clients are believed";
            self.error(&key("client_certificate"), Complaint::with(message, hint));
        }
        if !asks {
            let hint = "add client_certificate = \"request\" or \"require\"";
            self.warn(
                &key("client_ca"),
                Complaint::with("clients are not asked for a certificate", hint),
            );
        }
    }

    fn https_is_served(&mut self) {
        let is_secured = self.is_secured();
        for (path, site) in self.sites() {
            let key = |name: &str| format!("{path}.{name}");
            let hint = "add tls = true to a [[listen]], or trusted_gateways to [server] if TLS ends in front of it";
            if site.to_https && !is_secured {
                self.error(
                    &key("to_https"),
                    Complaint::with("requests would be sent to https, which nobody serves", hint),
                );
            }
            if site.hsts.is_some() && !is_secured {
                // RFC 6797 §7.2: not to be sent over a connection that is not secured.
                let message = "user agents believe this only over TLS, which nobody serves";
                self.error(
                    &key("hsts"),
                    Complaint::with(message, hint).by("RFC 6797 §7.2"),
                );
            }
            if site.hsts_subdomains && site.hsts.is_none() {
                let complaint =
                    Complaint::with("without `hsts` this says nothing", "add hsts = \"365d\"");
                self.error(&key("hsts_subdomains"), complaint);
            }
        }
    }
}

/// Whether a file of PEM holds a private key (RFC 7468 §10). What cannot be read was complained of.
fn holds_key(path: &Path) -> bool {
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PEM_OCTETS_MAX).read_to_end(&mut octets));
    read.is_err() || memchr::memmem::find(&octets, b"PRIVATE KEY-----").is_some()
}

/// Octets of a file of certificates that are looked at.
const PEM_OCTETS_MAX: u64 = 1024 * 1024;
