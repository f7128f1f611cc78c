//! Addresses of names, known for as long as their time to live.
//!
//! ```text
//!  worker ──▶ what is known ──fresh──▶ addresses
//!                  │ expired, unknown          ▲
//!                  └──▶ thread of the names ───┘
//!                        hosts file, name servers
//! ```
//!
//! What is known is one table for all workers. One thread asks for what is not: workers wait without being held up, and those that want
//! the same name wait for one question.
//!
//! It knows what the hosts file and the name servers of `/etc/resolv.conf` do. It is *not* the system's resolver: other sources of
//! nsswitch.conf(5) are not asked.

mod asker;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::{Address, Now};
use asker::{Ask, Asker};

/// The addresses of a host by name or literal, in the order in which they are best tried.
///
/// # Errors
/// `NotFound` where the name has no address; `HostUnreachable` where no name server answered; `QuotaExceeded` where as many names
/// are asked for as may be.
pub async fn resolve(host: String, port: u16) -> io::Result<Vec<Address>> {
    resolve_within(&host, port, None).await
}

/// As [`resolve`], bounded.
///
/// # Errors
/// As there; `TimedOut` where it takes more than `wait_millis`.
///
/// # Panics
/// Outside a worker of [`run`](crate::run()).
pub async fn resolve_within(
    host: &str,
    port: u16,
    wait_millis: Option<u64>,
) -> io::Result<Vec<Address>> {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse() {
        return Ok(vec![Address::Inet(SocketAddr::new(ip, port))]);
    }
    let asked = names().addresses(host);
    let addresses = match wait_millis {
        None => asked.await,
        Some(wait) => tokio::time::timeout(Duration::from_millis(wait), asked)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)?,
    }?;
    let with_port = |ip: &IpAddr| Address::Inet(SocketAddr::new(*ip, port));
    Ok(addresses.iter().map(with_port).collect())
}

/// Whom this process asks of names from here on; `None` is the name servers of `/etc/resolv.conf`. What is known is forgotten if
/// they are others.
pub fn set_name_servers(servers: Option<Vec<SocketAddr>>) {
    names().asker.set(servers);
}

fn names() -> &'static Arc<Names> {
    static NAMES: OnceLock<Arc<Names>> = OnceLock::new();
    NAMES.get_or_init(|| Arc::new(Names::new(None)))
}

/// What is known of names, for all workers of a process.
#[derive(Debug)]
struct Names {
    known: Arc<Table>,
    asker: Asker,
}

/// What is known, by names in lower case.
type Table = RwLock<HashMap<Box<str>, Known>>;

/// What is known of one name.
#[derive(Clone, Debug)]
struct Known {
    answer: Answer,
    /// Until when it is fresh, and then until when it is better than nothing, in [`Now::millis`].
    fresh_until: u64,
    stale_until: u64,
    /// That it was used after its time has been told.
    is_told: bool,
}

type Answer = Result<Arc<[IpAddr]>, Unknown>;

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// Name servers say so.
    NoAddress,
    /// No name server says anything.
    NoAnswer,
    /// As many are asked for as may be.
    Full,
}

impl Names {
    fn new(servers: Option<Vec<SocketAddr>>) -> Self {
        let known = Arc::<Table>::default();
        Self {
            asker: Asker::new(servers, Arc::clone(&known)),
            known,
        }
    }

    async fn addresses(&self, host: &str) -> io::Result<Arc<[IpAddr]>> {
        let now = Now::read().millis;
        let known = match host.bytes().any(|octet| octet.is_ascii_uppercase()) {
            true => self.find(&host.to_ascii_lowercase()),
            false => self.find(host),
        };
        let stale = match known {
            Some(known) if now < known.fresh_until => return Ok(known.answer?),
            Some(Known {
                answer: Ok(addresses),
                stale_until,
                ..
            }) if now < stale_until => Some(addresses),
            _ => None,
        };
        let (reply, replied) = oneshot::channel();
        let host = host.to_ascii_lowercase().into_boxed_str();
        let is_asked = self.asker.ask(Ask { host, reply });
        let Some(stale) = stale else {
            if !is_asked {
                return Err(Unknown::Full.into());
            }
            return Ok(replied.await.unwrap_or(Err(Unknown::NoAnswer))?);
        };
        if !is_asked {
            return Ok(stale);
        }
        // RFC 8767 §5: what is known serves where nothing fresher comes soon.
        match tokio::time::timeout(STALE_WAIT, replied).await {
            Ok(Ok(Ok(fresh))) => Ok(fresh),
            Ok(Ok(Err(Unknown::NoAddress))) => Err(Unknown::NoAddress.into()),
            _ => Ok(stale),
        }
    }

    fn find(&self, host: &str) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(|error| error.into_inner());
        known.get(host).cloned()
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "the name has no address",
            Self::NoAnswer => "no name server answers",
            Self::Full => "as many names are asked for as may be (ASKS_MAX)",
        })
    }
}

impl std::error::Error for Unknown {}

impl From<Unknown> for io::Error {
    fn from(unknown: Unknown) -> Self {
        let kind = match unknown {
            Unknown::NoAddress => io::ErrorKind::NotFound,
            Unknown::NoAnswer => io::ErrorKind::HostUnreachable,
            Unknown::Full => io::ErrorKind::QuotaExceeded,
        };
        Self::new(kind, unknown)
    }
}

/// How long a fresh answer is waited for where a stale one is at hand (RFC 8767 §5).
const STALE_WAIT: Duration = Duration::from_millis(1800);

#[cfg(test)]
mod tests;
