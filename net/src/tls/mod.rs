//! TLS: certificates, rules by server name and their reload for the connections of listeners, and whom to believe for those that we make.

mod certificate;
mod error;
mod facts;
mod load;
mod made;
mod outward;
mod rules;
mod session;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use error::{PemKind, TlsError, TlsWarning};
pub use facts::{TlsFacts, TlsVersion};

pub use outward::{
    OutboundTls, OutboundTlsFacts, OutboundTlsRules, OutboundTrust, TlsFault, TlsServerName,
    TlsServerNameError,
};

pub(crate) use session::Session;

use load::Loaded;
use rules::RuleSets;

/// A certificate and the rules under which it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsRules {
    /// Server names (RFC 6066 §3) as `example.com` or `*.example.com`; empty means those in the certificate.
    pub names: Vec<String>,
    /// The certificate.
    pub certificate: TlsCertificate,
    /// Whether clients show a certificate.
    pub client: TlsClient,
    /// The lowest version.
    pub version_min: TlsVersion,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsCertificate {
    /// It is made at start, signed by itself, for the names of the rules, `localhost`, 127.0.0.1 and ::1.
    #[default]
    SelfSigned,
    /// From files in PEM.
    Files {
        /// The certificate, followed by those between it and an authority that clients know.
        chain: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Whether clients show a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsClient {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked, and may have none; one that they show must be valid.
    Request {
        /// The authorities, as PEM.
        authorities: PathBuf,
    },
    /// Without a valid one there is no connection.
    Require {
        /// The authorities, as PEM.
        authorities: PathBuf,
    },
}

/// The TLS of one or more listeners: rules by server name, the first being those of clients that name none or an unknown one.
///
/// Workers take the rules in force with each handshake, so [`reload`](Self::reload) and [`replace`](Self::replace) need not
/// stop anything; connections keep what they have negotiated, and serve the hosts that ask for no more
/// ([`TlsFacts::may_serve`]). Sessions are resumed by tickets (RFC 8446 §4.6.1, RFC 5077) whose
/// keys all workers share and which change every six hours. Early data is not taken (RFC 8446 §8).
///
/// ```
/// use hansom_net::{Tls, TlsRules};
///
/// let tls = Tls::new(vec![TlsRules { names: vec!["a.example".into()], ..TlsRules::default() }], &[b"http/1.1"])?;
/// assert_eq!(tls.rules_for("A.example"), 0);
/// assert!(tls.warnings().is_empty());
/// # Ok::<(), hansom_net::TlsError>(())
/// ```
pub struct Tls {
    protocols: Vec<Vec<u8>>,
    current: RwLock<Arc<RuleSets>>,
    /// How often `current` was replaced. Raised after it was, so that who reads it before has rules at least as young.
    generation: AtomicU64,
    /// What `current` was made from. Held while others take its place.
    loaded: Mutex<Loaded>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    handshakes: AtomicU64,
    resumed: AtomicU64,
    failed: AtomicU64,
    truncated: AtomicU64,
    clear_text: AtomicU64,
}

/// What was counted by a [`Tls`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsCounters {
    /// Handshakes that were completed.
    pub handshakes: u64,
    /// Those of them that resumed a session.
    pub resumed: u64,
    /// Handshakes that were begun and failed, were given up, or took too long.
    pub failed: u64,
    /// Connections that ended without `close_notify` (RFC 8446 §6.1).
    pub truncated: u64,
    /// Connections on which the client did not speak TLS.
    pub clear_text: u64,
}

impl Tls {
    /// Reads the files of all rules. `protocols` are those of ALPN (RFC 7301), best first; a client that offers others only is refused, one
    /// that offers none is not.
    ///
    /// # Errors
    /// What is wrong with a file, and how to mend it.
    pub fn new(rules: Vec<TlsRules>, protocols: &[&[u8]]) -> Result<Self, TlsError> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.to_vec()).collect();
        let (sets, loaded) = load::load(rules, &protocols, None)?;
        Ok(Self {
            protocols,
            current: RwLock::new(Arc::new(sets)),
            generation: AtomicU64::new(0),
            loaded: Mutex::new(loaded),
            counters: Counters::default(),
        })
    }

    /// Reads all files again. New handshakes use what they say. May wait for a disk.
    ///
    /// # Errors
    /// As [`new`](Self::new); then everything stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let mut loaded = self.lock();
        let rules = loaded.rules.clone();
        let tried = loaded.stamps();
        self.take_over(rules, &mut loaded).inspect_err(|error| {
            // What the files hold would be refused again. What could not be read may be there in a moment.
            if !matches!(error, TlsError::Unreadable { .. }) {
                loaded.note_tried(tried);
            }
        })
    }

    /// Puts other rules in force. May wait for a disk.
    ///
    /// # Errors
    /// As [`new`](Self::new); then everything stays as it was.
    pub fn replace(&self, rules: Vec<TlsRules>) -> Result<(), TlsError> {
        self.take_over(rules, &mut self.lock())
    }

    /// Whether a file has changed since it was last read, or tried, or could not be read then: the time to [`reload`](Self::reload). For a
    /// timer of a few seconds; may wait for a disk.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.lock().has_changed()
    }

    /// What is not an error but should be known, such as a certificate that has expired, as of the last time files were read.
    #[must_use]
    pub fn warnings(&self) -> Vec<TlsWarning> {
        self.lock().warnings.clone()
    }

    /// Which of the rules are for a server name: those with the name, else with `*.` and the rest, else the first.
    #[must_use]
    pub fn rules_for(&self, name: &str) -> usize {
        self.current().find(name)
    }

    /// Whether two of the rules ask the same of clients, so that a request for the one may come on a connection made for the other.
    #[must_use]
    pub fn is_same_policy(&self, a: usize, b: usize) -> bool {
        self.current().is_same_policy(a, b)
    }

    /// Whether a client that makes its connection for `host` is served that host: not where the rules for it by its name ask for less than those
    /// of a wildcard above it ([`TlsFacts::may_serve`]).
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        let current = self.current();
        current.is_same_policy(current.find(host), current.asked_for(host))
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> TlsCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TlsCounters {
            handshakes: read(&self.counters.handshakes),
            resumed: read(&self.counters.resumed),
            failed: read(&self.counters.failed),
            truncated: read(&self.counters.truncated),
            clear_text: read(&self.counters.clear_text),
        }
    }

    fn take_over(&self, rules: Vec<TlsRules>, loaded: &mut Loaded) -> Result<(), TlsError> {
        let (sets, fresh) = load::load(rules, &self.protocols, Some(&*loaded))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sets);
        self.generation.fetch_add(1, Ordering::Release);
        *loaded = fresh;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rules in force.
    fn current(&self) -> Arc<RuleSets> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often the rules were replaced. To be read before [`Self::current`].
    #[inline]
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn count(&self, which: impl FnOnce(&Counters) -> &AtomicU64) {
        which(&self.counters).fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("sets", &self.current())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

/// Why a connection with TLS fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsFailure {
    /// The peer broke a rule of TLS, or shares no version, suite or protocol with us.
    Peer,
    /// The peer sent more for one message of the handshake than is kept.
    HandshakeOctets,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "the peer broke a rule of TLS, or has nothing in common with us",
            Self::HandshakeOctets => "a message of the handshake is longer than is kept",
        })
    }
}

impl std::error::Error for TlsFailure {}
