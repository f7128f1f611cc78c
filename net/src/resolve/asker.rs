//! The thread that asks for names.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Known, Table, Unknown};
use crate::Now;
use crate::tell::tell_all;

/// A name that is wanted.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) host: Box<str>,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// What the thread is told, and what it works with.
pub(super) struct Asker {
    shared: Arc<Shared>,
    asks: OnceLock<Option<mpsc::Sender<Ask>>>,
}

struct Shared {
    known: Arc<Table>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` is those of the system.
    servers: Option<Vec<SocketAddr>>,
    /// Made from those and the files of the system, as they were.
    resolver: Option<(Files, Option<TokioResolver>)>,
    /// Who waits for which name.
    waiting: HashMap<Box<str>, Vec<oneshot::Sender<Answer>>>,
}

/// By what it is told that the files of the system have changed.
type Files = [Option<SystemTime>; 2];

impl Asker {
    pub(super) fn new(servers: Option<Vec<SocketAddr>>, known: Arc<Table>) -> Self {
        let state = Mutex::new(State {
            servers,
            ..State::default()
        });
        Self {
            shared: Arc::new(Shared { known, state }),
            asks: OnceLock::new(),
        }
    }

    /// Asks others from here on.
    pub(super) fn set(&self, servers: Option<Vec<SocketAddr>>) {
        let mut state = self.shared.state();
        if state.servers != servers {
            state.servers = servers;
            state.resolver = None;
            let known = self.shared.known.write();
            known.unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Whether the name could be asked for. The thread starts with the first.
    pub(super) fn ask(&self, ask: Ask) -> bool {
        let asks = self.asks.get_or_init(|| {
            let (sender, asks) = mpsc::channel(ASKS_MAX);
            let shared = Arc::clone(&self.shared);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            let name = thread::Builder::new().name("names".to_owned());
            name.spawn(move || runtime.block_on(shared.serve(asks)))
                .ok()?;
            Some(sender)
        });
        asks.as_ref().is_some_and(|asks| asks.try_send(ask).is_ok())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, mut asks: mpsc::Receiver<Ask>) {
        while let Some(ask) = asks.recv().await {
            let Ask { host, reply } = ask;
            // It may have been answered since its asker looked.
            if let Some(answer) = self.fresh(&host) {
                let _ = reply.send(answer);
                continue;
            }
            let mut state = self.state();
            if let Some(waiting) = state.waiting.get_mut(&host) {
                waiting.push(reply);
                continue;
            }
            if state.waiting.len() >= ASKS_MAX {
                let _ = reply.send(Err(Unknown::Full));
                continue;
            }
            state.waiting.insert(host.clone(), vec![reply]);
            let resolver = state.resolver();
            drop(state);
            let shared = Arc::clone(&self);
            tokio::spawn(async move {
                let asked = ask_for(resolver.as_ref(), &host);
                let (answer, millis) = tokio::time::timeout(ASK_WAIT, asked)
                    .await
                    .unwrap_or((Err(Unknown::NoAnswer), FAILED_MILLIS));
                shared.answered(host, answer, millis);
            });
        }
    }

    /// What is known of a name, while it is fresh.
    fn fresh(&self, host: &str) -> Option<Answer> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(host)?;
        (Now::read().millis < known.fresh_until).then(|| known.answer.clone())
    }

    /// Notes an answer that is fresh for `millis`, and tells who waits.
    fn answered(&self, host: Box<str>, answer: Answer, millis: u64) {
        let now = Now::read().millis;
        let waiting = self.state().waiting.remove(&host);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let stale = known.get_mut(&host).filter(|known| {
            answer == Err(Unknown::NoAnswer) && known.answer.is_ok() && now < known.stale_until
        });
        let line = match stale {
            // RFC 8767 §5: after a failure it is not asked again at once.
            Some(stale) => {
                stale.fresh_until = now.saturating_add(STALE_MILLIS);
                (!std::mem::replace(&mut stale.is_told, true)).then(|| {
                    format!(
                        "no name server answers for {host}: the addresses known before are used"
                    )
                })
            }
            None => {
                make_room(&mut known, now);
                let fresh_until = now.saturating_add(millis);
                known.insert(
                    host,
                    Known {
                        answer: answer.clone(),
                        fresh_until,
                        stale_until: fresh_until.saturating_add(STALE_MILLIS_MAX),
                        is_told: false,
                    },
                );
                None
            }
        };
        drop(known);
        if let Some(line) = line {
            tell_all(line);
        }
        for reply in waiting.into_iter().flatten() {
            let _ = reply.send(answer.clone());
        }
    }
}

/// No more names are known than may be: those go first whose time is over.
fn make_room(known: &mut HashMap<Box<str>, Known>, now: u64) {
    if known.len() < NAMES_MAX {
        return;
    }
    known.retain(|_, known| now < known.fresh_until);
    let mut surplus = (known.len() + NAMES_MAX / 16).saturating_sub(NAMES_MAX);
    known.retain(|_, _| {
        let goes = surplus > 0;
        surplus = surplus.saturating_sub(1);
        !goes
    });
}

impl State {
    /// The resolver, made anew where the files of the system have changed.
    fn resolver(&mut self) -> Option<TokioResolver> {
        let files = FILES.map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok());
        match &self.resolver {
            Some((known, resolver)) if *known == files => resolver.clone(),
            _ => {
                let resolver = build(self.servers.as_deref());
                self.resolver = Some((files, resolver.clone()));
                resolver
            }
        }
    }
}

fn build(servers: Option<&[SocketAddr]>) -> Option<TokioResolver> {
    let (config, mut options) = match servers {
        Some(servers) => {
            let servers = servers.iter().map(server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            (config, ResolverOpts::default())
        }
        // Without the file there are hosts all the same.
        None => read_system_conf().unwrap_or_default(),
    };
    // What is known is kept here, for as long as we say.
    options.cache_size = 0;
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options).build().ok()
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

async fn ask_for(resolver: Option<&TokioResolver>, host: &str) -> (Answer, u64) {
    let Some(resolver) = resolver else {
        return (Err(Unknown::NoAnswer), FAILED_MILLIS);
    };
    // RFC 6761 §6.3: it is never asked for; the hosts file may say more of it.
    let is_local = host == "localhost" || host.ends_with(".localhost");
    let local = is_local.then(|| format!("{host}."));
    let found = resolver.lookup_ip(local.as_deref().unwrap_or(host)).await;
    if is_local && !matches!(&found, Ok(found) if found.iter().all(|ip| ip.is_loopback())) {
        let both = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        return (Ok(Arc::new(both)), TTL_MILLIS_MAX);
    }
    match found {
        Ok(found) => {
            let mut addresses: Vec<IpAddr> = found.iter().take(ADDRESSES_MAX).collect();
            // RFC 6724 §10.3 and RFC 8305 §4: IPv6 first; where it leads nowhere it fails at once.
            addresses.sort_by_key(|address| address.is_ipv4());
            if addresses.is_empty() {
                return (Err(Unknown::NoAddress), NEGATIVE_MILLIS_MIN);
            }
            let left = found
                .valid_until()
                .saturating_duration_since(std::time::Instant::now());
            // Nearly a second is lost by rounding down.
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            (
                Ok(addresses.into()),
                millis.clamp(TTL_MILLIS_MIN, TTL_MILLIS_MAX),
            )
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let seconds = none.negative_ttl.map_or(0, u64::from);
            let millis = seconds.saturating_mul(1000);
            (
                Err(Unknown::NoAddress),
                millis.clamp(NEGATIVE_MILLIS_MIN, NEGATIVE_MILLIS_MAX),
            )
        }
        Err(_) => (Err(Unknown::NoAnswer), FAILED_MILLIS),
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

/// What the system says of names.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// Names that are asked for at once; beyond it the next one fails.
const ASKS_MAX: usize = 1024;
/// Names of which something is known.
const NAMES_MAX: usize = 4096;
/// Addresses of a name that are tried; the others are left.
const ADDRESSES_MAX: usize = 16;
/// How long all questions for one name may take.
const ASK_WAIT: Duration = Duration::from_secs(10);
/// The bounds of a time to live that is believed.
const TTL_MILLIS_MIN: u64 = 1000;
const TTL_MILLIS_MAX: u64 = 300_000;
/// The bounds for names that have no address (RFC 2308 §5).
const NEGATIVE_MILLIS_MIN: u64 = 1000;
const NEGATIVE_MILLIS_MAX: u64 = 30_000;
/// How long a question that failed is not asked again (RFC 2308 §7).
const FAILED_MILLIS: u64 = 1000;
/// The same where what was known is used meanwhile (RFC 8767 §5).
const STALE_MILLIS: u64 = 5000;
/// How long after its time an answer is better than none (RFC 8767 §5, one to three days).
const STALE_MILLIS_MAX: u64 = 24 * 3600 * 1000;
