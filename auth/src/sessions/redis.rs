//! Sessions in Redis or Valkey, which several machines share.

use crate::Complain;
use crate::flight::{Flight, Pilot};
use crate::sessions::record::{Key, Record};
use crate::sessions::store::{Away, Pending, Store};
use base64ct::{Base64UrlUnpadded, Encoding};
use net::Now;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError};
use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A server, for all workers.
pub(crate) struct RedisServer {
    client: Client,
    /// Its address, without what nobody should read.
    shown: String,
    complain: Complain,
    is_away: AtomicBool,
    /// When it was last told that it is away, in monotonic milliseconds.
    told_millis: AtomicU64,
}

/// A worker's use of it: one connection, for as many requests at once as there are.
#[derive(Clone, Debug)]
pub(crate) struct RedisStore {
    server: Arc<RedisServer>,
    link: Rc<RefCell<Link>>,
}

/// The connection of a worker.
///
/// ```text
///  Idle ──first use──▶ Connecting ──────▶ Up
///                       ▲   │ failed       │
///            ┌──────────┼───┘              │
///            ▼          └──────lost────────┘
///          Away ──tried again, later and later──▶ Up
/// ```
enum Link {
    Idle,
    /// Requests wait for it.
    Connecting {
        flight: Arc<Flight<()>>,
        number: u64,
    },
    Up {
        connection: MultiplexedConnection,
        number: u64,
    },
    /// It is tried beside the requests, which are told so at once.
    Away {
        number: u64,
        since_millis: u64,
    },
}

impl RedisServer {
    /// A server by its URL: `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. Nothing is connected yet.
    ///
    /// # Errors
    /// That it is no such URL.
    pub(crate) fn new(url: &str, complain: Complain) -> Result<Self, RedisUrlError> {
        let client = Client::open(url).map_err(|error| RedisUrlError(error.to_string()))?;
        let info = client.get_connection_info();
        let shown = format!("{}/{}", info.addr(), info.redis_settings().db());
        Ok(Self {
            client,
            shown,
            complain,
            is_away: AtomicBool::new(false),
            told_millis: AtomicU64::new(0),
        })
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME))
            .set_response_timeout(Some(RESPONSE_TIME));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Says once that the server is away, and not more often than now and then when it comes and goes.
    fn is_away(&self, error: &RedisError) {
        let now_millis = Now::read().millis;
        let told_millis = self.told_millis.load(Ordering::Relaxed);
        let was_away = self.is_away.swap(true, Ordering::Relaxed);
        if !was_away && (told_millis == 0 || now_millis.saturating_sub(told_millis) >= TELL_MILLIS)
        {
            self.told_millis.store(now_millis, Ordering::Relaxed);
            let text = format!("sessions at {}: {error}", self.shown);
            // The server may have worded it, and says what it likes.
            (self.complain)(&text.replace(char::is_control, " "));
        }
    }

    /// Whether somebody has found it there after that time, which is not just now.
    fn is_back_since(&self, millis: u64) -> bool {
        let wait_millis = RETRY_TIME_MIN.as_millis() as u64;
        !self.is_away.load(Ordering::Relaxed)
            && Now::read().millis.saturating_sub(millis) >= wait_millis
    }

    fn is_back(&self) {
        self.is_away.store(false, Ordering::Relaxed);
    }
}

impl RedisStore {
    pub(crate) fn new(server: Arc<RedisServer>) -> Self {
        Self {
            server,
            link: Rc::new(RefCell::new(Link::Idle)),
        }
    }

    /// Runs a command. All of ours may be run twice, so one whose connection is lost is tried on another.
    async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, Away> {
        let mut may_repeat = true;
        loop {
            let (mut connection, number) = self.connection().await?;
            let error = match command.query_async(&mut connection).await {
                Ok(value) => {
                    self.server.is_back();
                    return Ok(value);
                }
                Err(error) => error,
            };
            // An answer that is an error came by a connection that works, unless the server became a replica.
            let is_answer = error.code().is_some() && error.code() != Some("READONLY");
            if !is_answer {
                self.lost(number);
                let is_dropped = !error.is_timeout();
                if is_dropped && std::mem::take(&mut may_repeat) {
                    continue;
                }
            }
            self.server.is_away(&error);
            return Err(Away);
        }
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), Away> {
        let flight = {
            let mut link = self.link.borrow_mut();
            match &*link {
                Link::Up { connection, number } => return Ok((connection.clone(), *number)),
                // Another worker has found it there, so there is no use in waiting for the next try.
                Link::Away {
                    number,
                    since_millis,
                } if self.server.is_back_since(*since_millis) => {
                    let number = number + 1;
                    self.begin(&mut link, number)
                }
                Link::Away { .. } => return Err(Away),
                Link::Connecting { flight, .. } => Arc::clone(flight),
                Link::Idle => self.begin(&mut link, 1),
            }
        };
        flight.landed().await;
        match &*self.link.borrow() {
            Link::Up { connection, number } => Ok((connection.clone(), *number)),
            _ => Err(Away),
        }
    }

    /// A connection was lost: unless that is known, another is made at once.
    fn lost(&self, lost: u64) {
        let mut link = self.link.borrow_mut();
        if matches!(&*link, Link::Up { number, .. } if *number == lost) {
            self.begin(&mut link, lost + 1);
        }
    }

    fn begin(&self, link: &mut Link, number: u64) -> Arc<Flight<()>> {
        let (flight, pilot) = Flight::start(());
        *link = Link::Connecting {
            flight: Arc::clone(&flight),
            number,
        };
        let connecting = connect(
            Arc::clone(&self.server),
            Rc::downgrade(&self.link),
            number,
            pilot,
        );
        net::spawn(connecting);
        flight
    }
}

/// Connects, later and later, until there is a connection or nobody to have it.
async fn connect(
    server: Arc<RedisServer>,
    link: Weak<RefCell<Link>>,
    number: u64,
    pilot: Pilot<()>,
) {
    let mut pilot = Some(pilot);
    let mut wait = RETRY_TIME_MIN;
    loop {
        let connected = server.connect().await;
        let Some(link) = link.upgrade() else { return };
        if link.borrow().number() != number {
            // It was begun again meanwhile.
            return;
        }
        match connected {
            Ok(connection) => {
                *link.borrow_mut() = Link::Up { connection, number };
                return;
            }
            Err(error) => {
                server.is_away(&error);
                *link.borrow_mut() = Link::Away {
                    number,
                    since_millis: Now::read().millis,
                };
            }
        }
        drop(link);
        // The first try is over: whoever waits does so for no other.
        drop(pilot.take());
        net::sleep(wait).await;
        wait = (wait * 2).min(RETRY_TIME_MAX);
    }
}

impl Link {
    /// Which connection it is, or is to be.
    fn number(&self) -> u64 {
        match self {
            Self::Idle => 0,
            Self::Connecting { number, .. }
            | Self::Up { number, .. }
            | Self::Away { number, .. } => *number,
        }
    }
}

impl Store for RedisStore {
    fn load(&self, key: Key) -> Pending<Option<Record>> {
        let store = self.clone();
        Box::pin(async move {
            let octets: Option<Vec<u8>> = store.run(Cmd::get(name(&key))).await?;
            Ok(octets.and_then(|octets| Record::from_octets(&octets)))
        })
    }

    fn insert(&self, key: Key, record: Record) -> Pending<()> {
        self.set(&key, &record, Set::Always)
    }

    fn update(&self, key: Key, record: Record) -> Pending<()> {
        self.set(&key, &record, Set::IfThere)
    }

    fn remove(&self, keys: Vec<Key>) -> Pending<()> {
        let store = self.clone();
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            let names: Vec<String> = keys.iter().map(name).collect();
            store.run(Cmd::del(names)).await
        })
    }
}

impl RedisStore {
    /// The server forgets it by itself when it ends.
    fn set(&self, key: &Key, record: &Record, set: Set) -> Pending<()> {
        let seconds = record
            .end
            .saturating_sub(Now::read().unix_seconds)
            .clamp(1, SECONDS_MAX);
        let mut command = redis::cmd("SET");
        command
            .arg(name(key))
            .arg(record.to_octets())
            .arg("EX")
            .arg(seconds);
        if set == Set::IfThere {
            command.arg("XX");
        }
        let store = self.clone();
        Box::pin(async move { store.run::<Option<()>>(command).await.map(drop) })
    }
}

/// Whether a session is stored that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Always,
    IfThere,
}

fn name(key: &Key) -> String {
    format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(key))
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connecting { .. } => "Connecting",
            Self::Up { .. } => "Up",
            Self::Away { .. } => "Away",
        })
    }
}

/// A URL of a store that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrlError(String);

impl fmt::Display for RedisUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no redis:// or rediss:// URL: {}", self.0)
    }
}

impl std::error::Error for RedisUrlError {}

/// Whether a text is the URL of a store, whatever is there.
pub fn is_redis_url(url: &str) -> bool {
    Client::open(url).is_ok()
}

/// What the names of our keys begin with.
const PREFIX: &str = "hansom:session:";
/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// How long a command may take.
const RESPONSE_TIME: Duration = Duration::from_secs(1);
/// How long it is waited before it is tried again, at first and at most.
const RETRY_TIME_MIN: Duration = Duration::from_millis(100);
const RETRY_TIME_MAX: Duration = Duration::from_secs(2);
/// How often it is told that a server is away.
const TELL_MILLIS: u64 = 10_000;
/// A hundred years, more than any session lasts and less than the server refuses.
const SECONDS_MAX: u64 = 100 * 365 * 86_400;

#[cfg(test)]
mod tests;
