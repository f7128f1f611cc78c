//! Sessions: who signed in by a form, and is still who asks.

pub(crate) mod file;
pub(crate) mod record;
pub(crate) mod redis;
mod store;

use crate::bounded::Bounded;
use crate::flight::{Flight, Pilot};
use crate::secret::NoRandom;
use crate::shared::SessionsConfig;
use file::{FileStore, SessionsFile};
use net::Now;
use record::{Key, Record, SessionId, Stage};
use redis::{RedisServer, RedisStore};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
pub(crate) use store::Away;
use store::Store;

/// The sessions of a process: their store, and what was seen of them lately.
#[derive(Debug)]
pub struct SharedSessions {
    place: Place,
    remembers: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
pub(crate) enum Place {
    File(Arc<SessionsFile>),
    Redis(Arc<RedisServer>),
}

#[derive(Debug)]
struct Seen {
    sessions: Bounded<Key, Sight>,
    /// What is asked of the store at the moment.
    flights: HashMap<Key, Arc<Flight<Answer>>>,
}

/// A session as it was seen.
#[derive(Clone, Debug)]
struct Sight {
    record: Arc<Record>,
    /// When the store said so, in monotonic milliseconds.
    asked_millis: u64,
    /// When it was used last, in seconds since 1970.
    used: u64,
    /// Whether it is being given another id.
    is_renewing: bool,
}

type Answer = Result<Option<Arc<Record>>, Away>;

/// The sessions as a worker uses them. One a worker, for all its gates.
#[derive(Debug)]
pub struct Sessions {
    shared: Arc<SharedSessions>,
    store: Rc<dyn Store>,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) idle: Duration,
    pub(crate) whole: Duration,
}

/// Who signs in.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) user: Arc<str>,
    pub(crate) auth: Arc<str>,
    pub(crate) mark: u64,
}

/// A session that was looked up, at once or later.
pub(crate) enum Lookup<F> {
    Known(Arc<Record>),
    Later(F),
}

impl SharedSessions {
    pub(crate) fn new(place: Place, when_away: WhenAway) -> Self {
        let shared = Self {
            place,
            remembers: AtomicBool::new(false),
            seen: Mutex::new(Seen {
                sessions: Bounded::new(SEEN_ENTRIES_MAX),
                flights: HashMap::new(),
            }),
        };
        shared.set_when_away(when_away);
        shared
    }

    pub(crate) fn set_when_away(&self, when_away: WhenAway) {
        self.remembers
            .store(when_away == WhenAway::Remember, Ordering::Relaxed);
    }

    /// Other limits, and another choice for when the store is away.
    pub fn limit(&self, config: &SessionsConfig) {
        self.set_when_away(config.when_away);
        match &self.place {
            Place::File(file) => file.limit(config.sessions_max),
            // It has its own limit, `maxmemory`.
            Place::Redis(_) => {}
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens to requests that need a session while its store is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenAway {
    /// 503 with Retry-After.
    #[default]
    Refuse,
    /// Sessions known to this process go on for as long as they may be idle; others get 503.
    Remember,
}

impl Sessions {
    /// The sessions for the worker whose thread this is.
    pub fn new(shared: Arc<SharedSessions>) -> Rc<Self> {
        let store: Rc<dyn Store> = match &shared.place {
            Place::File(file) => Rc::new(FileStore(Arc::clone(file))),
            Place::Redis(server) => Rc::new(RedisStore::new(Arc::clone(server))),
        };
        Rc::new(Self { shared, store })
    }

    /// A session that is valid. What the store said within [`SEEN_MILLIS`] is believed; so a page with many images costs one
    /// question, and who signs out elsewhere is out after that time.
    ///
    /// A session of another `auth` is found as it is: this one's times are not its, and whoever asks judges whose it is.
    pub(crate) fn look_up(
        self: &Rc<Self>,
        key: Key,
        auth: &str,
        times: Times,
        now: Now,
    ) -> Lookup<impl Future<Output = Answer> + use<>> {
        let mut seen = self.shared.seen();
        if let Some(sight) = seen.sessions.find(&key)
            && now.millis.saturating_sub(sight.asked_millis) < SEEN_MILLIS
            && times.end_of(&sight.record, now.unix_seconds) > now.unix_seconds
        {
            if *sight.record.auth == *auth {
                sight.used = now.unix_seconds;
            }
            return Lookup::Known(Arc::clone(&sight.record));
        }
        let flight = match seen.flights.get(&key) {
            Some(flight) => Arc::clone(flight),
            None => {
                let (flight, pilot) = Flight::start(Err(Away));
                seen.flights.insert(key, Arc::clone(&flight));
                let asking = Asking {
                    sessions: Rc::clone(self),
                    key,
                    auth: auth.into(),
                    times,
                    pilot: Some(pilot),
                };
                net::spawn(asking.ask());
                flight
            }
        };
        Lookup::Later(async move { flight.landed().await })
    }

    /// Begins a session. A former one of the same user agent ends with it, so that its id is worth nothing afterwards.
    pub(crate) async fn begin(
        &self,
        who: SignIn,
        former: Option<Key>,
        times: Times,
    ) -> Result<SessionId, Failure> {
        let id = SessionId::new()?;
        let now = Now::read().unix_seconds;
        let record = Record {
            user: (&*who.user).into(),
            auth: (&*who.auth).into(),
            mark: who.mark,
            begin: now,
            end: times.end(now, now),
            used: now,
            renewed: now,
            former: None,
            stage: Stage::Current,
        };
        self.store.insert(id.key(), record).await?;
        if let Some(former) = former {
            self.end(former).await?;
        }
        Ok(id)
    }

    /// Ends a session, and the one whose place it took, or that took its place.
    pub(crate) async fn end(&self, key: Key) -> Result<(), Away> {
        let former = self
            .store
            .load(key)
            .await
            .map(|record| record.and_then(|record| record.former));
        let mut keys = vec![key];
        keys.extend(former.ok().flatten());
        let removed = match former {
            Ok(_) => self.store.remove(keys.clone()).await,
            Err(Away) => Err(Away),
        };
        // Afterwards, since whoever asked the store meanwhile has seen it again.
        let mut seen = self.shared.seen();
        for key in &keys {
            seen.sessions.remove(key);
        }
        removed
    }

    /// Whether it is time for another id, and nobody in this process sees to it.
    pub(crate) fn is_renewal_due(&self, key: Key, record: &Record, now: u64) -> bool {
        record.is_old(now)
            && (self.shared.seen().sessions.find(&key)).is_some_and(|sight| !sight.is_renewing)
    }

    /// The same, and the caller sees to it if so.
    pub(crate) fn claim_renewal(
        self: &Rc<Self>,
        key: Key,
        record: &Record,
        now: u64,
    ) -> Option<Claim> {
        let is_claimed = record.is_old(now)
            && (self.shared.seen().sessions.find(&key))
                .is_some_and(|sight| !std::mem::replace(&mut sight.is_renewing, true));
        is_claimed.then(|| Claim {
            sessions: Rc::clone(self),
            key,
            is_done: false,
        })
    }

    /// Gives a session another id. The former one is valid until the other was used, since the response that carries it may be
    /// lost, and then for [`RETIRED_SECONDS`], since requests with the former one may be under way.
    pub(crate) async fn renew(
        &self,
        mut claim: Claim,
        record: &Record,
    ) -> Result<SessionId, Failure> {
        let id = self.offer(claim.key, record).await?;
        claim.is_done = true;
        Ok(id)
    }

    async fn offer(&self, key: Key, record: &Record) -> Result<SessionId, Failure> {
        let id = SessionId::new()?;
        let now = Now::read().unix_seconds;
        let renewed = Record {
            renewed: now,
            ..record.clone()
        };
        let offered = Record {
            former: Some(key),
            stage: Stage::Offered,
            ..renewed.clone()
        };
        self.store.insert(id.key(), offered).await?;
        self.store.update(key, renewed).await?;
        Ok(id)
    }
}

/// The right to give a session another id. Dropped before that was done, as when its request was given up, it is somebody else's.
#[derive(Debug)]
pub(crate) struct Claim {
    sessions: Rc<Sessions>,
    key: Key,
    is_done: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_done
            && let Some(sight) = self.sessions.shared.seen().sessions.find(&self.key)
        {
            sight.is_renewing = false;
        }
    }
}

/// A question to the store, for all who wait for its answer.
struct Asking {
    sessions: Rc<Sessions>,
    key: Key,
    auth: Box<str>,
    times: Times,
    pilot: Option<Pilot<Answer>>,
}

impl Asking {
    async fn ask(mut self) {
        let answer = self.answer().await;
        if let Some(pilot) = self.pilot.take() {
            self.sessions.shared.seen().flights.remove(&self.key);
            pilot.land(answer);
        }
    }

    async fn answer(&self) -> Answer {
        let loaded = self.sessions.store.load(self.key).await;
        let now = Now::read();
        match loaded {
            Ok(Some(record)) if self.is_valid(&record, now.unix_seconds) => {
                let Some(record) = self.used(record, now.unix_seconds).await else {
                    self.sessions.shared.seen().sessions.remove(&self.key);
                    return Ok(None);
                };
                let record = Arc::new(record);
                let mut seen = self.sessions.shared.seen();
                let is_renewing = seen.sessions.find(&self.key).is_some_and(|sight| {
                    sight.is_renewing && sight.record.renewed == record.renewed
                });
                seen.sessions.insert(
                    self.key,
                    Sight {
                        record: Arc::clone(&record),
                        asked_millis: now.millis,
                        used: now.unix_seconds,
                        is_renewing,
                    },
                );
                Ok(Some(record))
            }
            Ok(_) => {
                self.sessions.shared.seen().sessions.remove(&self.key);
                Ok(None)
            }
            Err(Away) => self.remembered(now.unix_seconds).map(Some).ok_or(Away),
        }
    }

    fn is_own(&self, record: &Record) -> bool {
        *record.auth == *self.auth
    }

    fn is_valid(&self, record: &Record, now: u64) -> bool {
        match self.is_own(record) {
            true => self.times.end_of(record, now) > now,
            false => record.end > now,
        }
    }

    /// Writes that a session was used, if that was not written lately; and that the id before is not needed. `None` if who has
    /// it signed out by the id before, while the response with this one was under way.
    async fn used(&self, mut record: Record, now: u64) -> Option<Record> {
        if !self.is_own(&record) {
            return Some(record);
        }
        let store = &self.sessions.store;
        let touched = record.used.saturating_add(self.times.touch_seconds());
        // A time to come is one of a clock that was put back since.
        let is_touched = (record.used..touched).contains(&now);
        let former = match record.former.filter(|_| record.stage == Stage::Offered) {
            None if record.stage == Stage::Retired => return Some(record),
            None if is_touched => return Some(record),
            None => None,
            Some(former) => match store.load(former).await {
                Ok(Some(retired)) => Some((former, retired)),
                Ok(None) => {
                    net::spawn(done(store.remove(vec![self.key])));
                    return None;
                }
                // It is asked when the store is there again.
                Err(Away) => return Some(record),
            },
        };
        record.stage = Stage::Current;
        record.begin = record.begin.min(now);
        record.renewed = record.renewed.min(now);
        record.used = now;
        record.end = self.times.end(record.begin, now);
        // Nobody waits for it: if it is lost, the session is idle a little earlier.
        net::spawn(done(store.update(self.key, record.clone())));
        if let Some((former, retired)) = former {
            self.sessions.shared.seen().sessions.remove(&former);
            let retired = Record {
                end: retired.end.min(now.saturating_add(RETIRED_SECONDS)),
                former: Some(self.key),
                stage: Stage::Retired,
                ..retired
            };
            net::spawn(done(store.update(former, retired)));
        }
        Some(record)
    }

    /// What this process knows of a session whose store is away.
    fn remembered(&self, now: u64) -> Option<Arc<Record>> {
        let shared = &self.sessions.shared;
        if !shared.remembers.load(Ordering::Relaxed) {
            return None;
        }
        let mut seen = shared.seen();
        let sight = seen.sessions.find(&self.key)?;
        if !self.is_own(&sight.record) {
            return Some(Arc::clone(&sight.record));
        }
        let end = match sight.record.stage {
            Stage::Retired => sight.record.end,
            _ => self.times.end(sight.record.begin, sight.used),
        };
        if end <= now {
            return None;
        }
        sight.used = now;
        Some(Arc::clone(&sight.record))
    }
}

impl Drop for Asking {
    /// Its worker ended before the answer came.
    fn drop(&mut self) {
        if self.pilot.is_some() {
            self.sessions.shared.seen().flights.remove(&self.key);
        }
    }
}

impl Record {
    /// Whether its id is to be replaced.
    fn is_old(&self, now: u64) -> bool {
        self.stage == Stage::Current && now.saturating_sub(self.renewed) >= RENEW_SECONDS
    }
}

async fn done(pending: store::Pending<()>) {
    let _ = pending.await;
}

impl Times {
    /// When a session ends that began and was used then.
    fn end(self, begin: u64, used: u64) -> u64 {
        let idle = used.saturating_add(self.idle.as_secs());
        idle.min(begin.saturating_add(self.whole.as_secs()))
    }

    /// When a session ends, also if it was to last longer when it was used last, or the clock was put back since.
    fn end_of(self, record: &Record, now: u64) -> u64 {
        let end = self.end(record.begin.min(now), record.used.min(now));
        record.end.min(end)
    }

    /// How often at most it is written that a session was used.
    fn touch_seconds(self) -> u64 {
        (self.idle.as_secs() / 10).min(TOUCH_SECONDS_MAX)
    }
}

/// Why a session could not be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Away,
    NoRandom,
}

impl From<Away> for Failure {
    fn from(Away: Away) -> Self {
        Self::Away
    }
}

impl From<NoRandom> for Failure {
    fn from(NoRandom: NoRandom) -> Self {
        Self::NoRandom
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away => f.write_str("the store of sessions is away"),
            Self::NoRandom => NoRandom.fmt(f),
        }
    }
}

/// Sessions that a process remembers at most, so as not to ask for them again.
pub(crate) const SEEN_ENTRIES_MAX: usize = 50_000;
/// How long what the store said of a session is believed.
pub(crate) const SEEN_MILLIS: u64 = 3000;
/// The age at which an id is replaced by another.
pub(crate) const RENEW_SECONDS: u64 = 15 * 60;
/// How long a former id is valid after the one in its place was used.
pub(crate) const RETIRED_SECONDS: u64 = 60;
/// How long at most it is not written that a session was used.
const TOUCH_SECONDS_MAX: u64 = 60;

#[cfg(test)]
mod tests;
