//! The rules in force: a configuration of rustls for each, and which server name leads to which.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The rules in force. Never changed: others take their place.
#[derive(Default)]
pub(super) struct RuleSets {
    pub(super) sets: Vec<RuleSet>,
    /// Names in lower case.
    pub(super) exact: HashMap<String, usize>,
    /// What follows the first dot of `*.name`.
    pub(super) wildcards: HashMap<String, usize>,
}

/// One of the rules.
pub(super) struct RuleSet {
    pub(super) config: Arc<ServerConfig>,
    /// What a client must have done to be let in: equal for rules between which it may go without another handshake.
    pub(super) policy: Policy,
}

/// What is asked of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) is_tls13_only: bool,
    pub(super) client: ClientPolicy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientPolicy {
    Off,
    /// The certificates of authorities, in DER and sorted.
    Request(Vec<Vec<u8>>),
    Require(Vec<Vec<u8>>),
}

impl RuleSets {
    #[inline]
    pub(super) fn is_single(&self) -> bool {
        self.sets.len() <= 1
    }

    pub(super) fn config(&self, set: usize) -> Option<Arc<ServerConfig>> {
        self.sets.get(set).map(|set| Arc::clone(&set.config))
    }

    /// The rules for a server name: those with the name, else with `*.` and what follows its first dot (RFC 6125 §6.4.3), else the first.
    pub(super) fn find(&self, name: &str) -> usize {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
            return self.find_lower(&name.to_ascii_lowercase());
        }
        self.find_lower(name)
    }

    fn find_lower(&self, name: &str) -> usize {
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.wildcards.get(parent)
        };
        self.exact.get(name).or_else(wildcard).copied().unwrap_or(0)
    }

    /// The rules that say what is asked of the clients of a host. A wildcard counts for them at every depth, the longest first, though a certificate
    /// with it is for one label: what lies below a name asks for no less than the name says.
    pub(super) fn asked_for(&self, host: &str) -> usize {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.bytes().any(|octet| octet.is_ascii_uppercase()) {
            return self.asked_for_lower(&host.to_ascii_lowercase());
        }
        self.asked_for_lower(host)
    }

    fn asked_for_lower(&self, host: &str) -> usize {
        if let Some(set) = self.exact.get(host) {
            return *set;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(set) = self.wildcards.get(parent) {
                return *set;
            }
            rest = parent;
        }
        0
    }

    pub(super) fn policy(&self, set: usize) -> Option<&Policy> {
        self.sets.get(set).map(|set| &set.policy)
    }

    pub(super) fn is_same_policy(&self, a: usize, b: usize) -> bool {
        match (self.sets.get(a), self.sets.get(b)) {
            (Some(a), Some(b)) => a.policy == b.policy,
            _ => a == b,
        }
    }
}

impl fmt::Debug for RuleSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleSets")
            .field("sets", &self.sets.len())
            .field("exact", &self.exact)
            .field("wildcards", &self.wildcards)
            .finish()
    }
}

/// Gives the one certificate there is, and notes the name that was asked for: rustls does not tell it otherwise.
#[derive(Debug)]
pub(super) struct NotesName(pub(super) Arc<CertifiedKey>);

impl ResolvesServerCert for NotesName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(Box::from);
        SERVER_NAME.with_borrow_mut(|noted| *noted = name);
        Some(Arc::clone(&self.0))
    }
}

/// Does `work` and gives the name that was noted meanwhile.
pub(super) fn with_server_name<T>(work: impl FnOnce() -> T) -> (T, Option<Box<str>>) {
    let done = work();
    (done, SERVER_NAME.with_borrow_mut(Option::take))
}

thread_local! {
    static SERVER_NAME: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}
