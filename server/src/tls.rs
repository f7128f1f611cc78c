//! The TLS of the listeners, from the configuration to `net`, and certificates that are taken anew when they change.

use std::io::{self, Write};
use std::sync::{Arc, Weak};
use std::time::Duration;

use net::{
    OutboundTls, OutboundTlsRules, OutboundTrust, Tls, TlsCertificate, TlsClient, TlsError,
    TlsRules, TlsVersion,
};

use crate::config::{self, ClientCertificate, Config};

/// The TLS of all listeners that speak it; `None` if none does. What there is before stays as it is until [`replace`].
pub(crate) fn prepare(
    config: &Config,
    before: Option<&Arc<Tls>>,
) -> Result<Option<Arc<Tls>>, TlsError> {
    if !config.listeners.iter().any(|listener| listener.tls) {
        return Ok(None);
    }
    if let Some(before) = before {
        return Ok(Some(Arc::clone(before)));
    }
    let tls = Tls::new(rules(config), PROTOCOLS)?;
    say_untold(config, &tls);
    Ok(Some(Arc::new(tls)))
}

/// Puts the rules of a configuration in force, or changes nothing. Files are read again, whether they have changed or not.
pub(crate) fn replace(config: &Config, tls: &Tls) -> Result<(), TlsError> {
    tls.replace(rules(config))?;
    say_untold(config, tls);
    Ok(())
}

pub(crate) fn rules(config: &Config) -> Vec<TlsRules> {
    config.tls.iter().map(rules_of).collect()
}

pub(crate) fn rules_of(tls: &config::Tls) -> TlsRules {
    let certificate = match (&tls.cert, &tls.key) {
        (Some(chain), key) => TlsCertificate::Files {
            chain: chain.clone(),
            // One file may hold both.
            key: key.as_ref().unwrap_or(chain).clone(),
        },
        (None, _) => TlsCertificate::SelfSigned,
    };
    let authorities = tls.client_ca.clone().unwrap_or_default();
    TlsRules {
        names: tls.names.clone(),
        certificate,
        client: match tls.client_certificate {
            ClientCertificate::Off => TlsClient::Off,
            ClientCertificate::Request => TlsClient::Request { authorities },
            ClientCertificate::Require => TlsClient::Require { authorities },
        },
        version_min: version(tls.version_min),
    }
}

/// TLS towards servers, for each way of speaking it that a configuration has. Files are read once, whichever worker asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutboundSets(Vec<(OutboundTlsRules, Arc<OutboundTls>)>);

impl OutboundSets {
    /// Those of a configuration. What is as it was before stays, with its sessions and so with the connections of its servers.
    pub(crate) fn new(config: &Config, before: Option<&Self>) -> Result<Self, TlsError> {
        let mut sets = Self::default();
        let is_secured = |to: &String| to.starts_with("https://");
        for pool in &config.pools {
            if pool.all_servers().any(|server| is_secured(&server.to)) {
                sets.add(outbound_rules(&pool.outbound), before)?;
            }
        }
        for route in config.sites.iter().flat_map(|site| &site.routes) {
            if route.to.iter().any(is_secured) {
                sets.add(outbound_rules(&route.outbound), before)?;
            }
        }
        Ok(sets)
    }

    fn add(&mut self, rules: OutboundTlsRules, before: Option<&Self>) -> Result<(), TlsError> {
        if self.find(&rules).is_some() {
            return Ok(());
        }
        let tls = OutboundTls::new(&rules, OUTBOUND_PROTOCOLS)?;
        let known = before.and_then(|before| before.find(&rules));
        let tls = match known.filter(|known| ***known == tls) {
            Some(known) => Arc::clone(known),
            None => Arc::new(tls),
        };
        self.0.push((rules, tls));
        Ok(())
    }

    fn find(&self, rules: &OutboundTlsRules) -> Option<&Arc<OutboundTls>> {
        let found = self.0.iter().find(|(known, _)| known == rules);
        found.map(|(_, tls)| tls)
    }

    /// The TLS of one of the configuration's routes that has a server which is asked by it.
    pub(crate) fn of(&self, outbound: &config::Outbound) -> Option<Arc<OutboundTls>> {
        self.find(&outbound_rules(outbound)).cloned()
    }
}

fn outbound_rules(outbound: &config::Outbound) -> OutboundTlsRules {
    OutboundTlsRules {
        trust: match (outbound.danger_accept_any_certificate, &outbound.ca) {
            (true, _) => OutboundTrust::Anybody,
            (false, Some(file)) => OutboundTrust::Authorities(file.clone()),
            (false, None) => OutboundTrust::System,
        },
        certificate: outbound.client_cert.as_ref().map(|chain| {
            // One file may hold both.
            let key = outbound.client_key.as_ref().unwrap_or(chain);
            (chain.clone(), key.clone())
        }),
        version_min: version(outbound.tls_version_min),
    }
}

fn version(version: config::TlsVersion) -> TlsVersion {
    match version {
        config::TlsVersion::Tls12 => TlsVersion::Tls12,
        config::TlsVersion::Tls13 => TlsVersion::Tls13,
    }
}

/// Looks for certificates that have changed, for as long as anybody uses them and the worker lives on which it runs.
pub(crate) async fn watch(tls: Weak<Tls>) {
    let mut told = String::new();
    loop {
        net::sleep(LOOK_EVERY).await;
        let Some(tls) = tls.upgrade() else { return };
        let looked_at = Arc::clone(&tls);
        let look = move || looked_at.has_changed().then(|| looked_at.reload());
        match net::blocking(look).await {
            Ok(None) => told.clear(),
            Ok(Some(Ok(()))) => {
                told.clear();
                say_warnings(&tls);
            }
            Ok(Some(Err(error))) => {
                // What cannot be read is tried again and again, and told once.
                let line = format!("{error}; the certificates stay as they were");
                if line != told {
                    say(&line);
                    told = line;
                }
            }
            Err(_) => {}
        }
    }
}

/// Whoever read the file of a configuration was told what is odd in files that it names.
fn say_untold(config: &Config, tls: &Tls) {
    if !config.is_of_file {
        say_warnings(tls);
    }
}

fn say_warnings(tls: &Tls) {
    for warning in tls.warnings() {
        say(&format!("warning: {warning}"));
    }
}

fn say(line: &str) {
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{line}");
}

/// What ALPN offers (RFC 7301 §6).
const PROTOCOLS: &[&[u8]] = &[b"http/1.1", b"http/1.0"];
/// What ALPN offers to servers.
const OUTBOUND_PROTOCOLS: &[&[u8]] = &[b"http/1.1"];
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
