//! What is known of a connection by TLS.

use std::fmt;
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::{HandshakeKind, ProtocolVersion};

use super::rules::RuleSets;
use super::{Tls, certificate};

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// As `TLSv1.3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was negotiated on a connection with TLS.
#[derive(Clone)]
pub struct TlsFacts {
    /// The name that the client asked for (RFC 6066 §3), in lower case.
    pub server_name: Option<Box<str>>,
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite by its registered name.
    pub cipher_suite: &'static str,
    /// The protocol chosen by ALPN (RFC 7301).
    pub alpn: Option<Box<[u8]>>,
    /// The subject of the client's certificate (RFC 4514), if it showed one that was verified.
    pub client_subject: Option<Box<str>>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// Which of the rules hold, counted from 0 in the order in which they were given.
    pub rules: usize,
    sets: Arc<RuleSets>,
    /// Where the rules come from, and how often they had been replaced before these were taken.
    tls: Arc<Tls>,
    generation: u64,
}

impl TlsFacts {
    pub(super) fn begun(tls: Arc<Tls>, generation: u64, sets: Arc<RuleSets>, rules: usize) -> Self {
        Self {
            server_name: None,
            version: TlsVersion::Tls12,
            cipher_suite: "",
            alpn: None,
            client_subject: None,
            is_resumed: false,
            rules,
            sets,
            tls,
            generation,
        }
    }

    /// The handshake is complete.
    pub(super) fn negotiated(&mut self, connection: &UnbufferedServerConnection) {
        if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            self.version = TlsVersion::Tls13;
        }
        self.cipher_suite = connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default();
        self.alpn = connection.alpn_protocol().map(Box::from);
        self.client_subject = connection
            .peer_certificates()
            .and_then(|chain| chain.first())
            .and_then(|leaf| certificate::subject(leaf));
        self.is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    }

    /// Whether there are no other rules, so that any host may be served.
    #[inline]
    #[must_use]
    pub fn are_only_rules(&self) -> bool {
        self.sets.is_single() && self.are_in_force()
    }

    /// Whether a request for `host` (without port) may be answered on this connection: it may unless the host has rules of its own that
    /// ask for more, or other, than what was negotiated. Else 421 is due (RFC 9110 §15.5.20). A wildcard is for all hosts below it here, as it
    /// is for sites, though its certificate is for one label. The rules of the host are those in force,
    /// also when the connection is older: who was let in once is not let in for ever.
    #[must_use]
    pub fn may_serve(&self, host: &str) -> bool {
        if !self.are_in_force() {
            let current = self.tls.current();
            return current.policy(current.asked_for(host)) == self.sets.policy(self.rules);
        }
        self.sets.is_single() || {
            let wanted = self.sets.asked_for(host);
            wanted == self.rules || self.sets.is_same_policy(wanted, self.rules)
        }
    }

    #[inline]
    fn are_in_force(&self) -> bool {
        self.generation == self.tls.generation()
    }
}

impl fmt::Debug for TlsFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFacts")
            .field("server_name", &self.server_name)
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("alpn", &self.alpn)
            .field("client_subject", &self.client_subject)
            .field("is_resumed", &self.is_resumed)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
