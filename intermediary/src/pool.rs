//! Servers among which one is chosen for each request, and under which limits, for one worker.
//!
//! ```text
//!  request ──▶ choose ──▶ a line at rest ─────────────────▶ Taken
//!                │  └───▶ a seat ──▶ connect ─────────────────▲
//!                └─ all are full ──▶ queue ──▶ what is granted ┘
//! ```

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use engine::Interims;
use engine::outbound::{self, LineOptions, Place};
use http1::Policy;
use net::Now;
use semantics::{Known, RequestHead};

use crate::balance::{Key, Server, Standing};
use crate::check::CheckRules;
use crate::commons::{Commons, Grant, PoolCommons, Seat};
use crate::keeper::Keeper;
use crate::sticky::{self, Sticky};
use crate::upstream::{Held, IdleRules, Ongoing, Upstream};
use crate::{
    Balance, BreakerRules, Budget, BudgetRules, Fault, Health, HealthRules, Scheme, key_of_client,
    key_of_target, may_trail,
};

/// A pool as it is configured.
#[derive(Debug)]
pub struct PoolConfig {
    /// By which it is known, also in another configuration.
    pub name: String,
    /// Its servers.
    pub servers: Vec<PoolServer>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// Bounds connecting, waiting for the head of an answer, and silence within its content, each; milliseconds.
    pub outbound_millis: u64,
    /// How many requests of all workers wait for a connection.
    pub queue_max: usize,
    /// How long one waits, in milliseconds.
    pub queue_millis: u64,
    /// Servers that are asked for one request, at most.
    pub tries_max: usize,
    /// How many connections wait for the next request, and for how long.
    pub idle: IdleRules,
    /// When a server is asked less.
    pub health: HealthRules,
    /// How many requests are sent again.
    pub budget: BudgetRules,
    /// When a server is left alone.
    pub breaker: Option<BreakerRules>,
    /// Whether clients come back to the server that they were with.
    pub sticky: Option<Sticky>,
    /// Whether servers are asked how they do.
    pub check: Option<CheckRules>,
}

/// A server of a pool as it is configured.
#[derive(Clone, Debug)]
pub struct PoolServer {
    /// Where it is.
    pub place: Place,
    /// By which rules it is connected to.
    pub way: outbound::Way,
    /// By which scheme it is asked.
    pub scheme: Scheme,
    /// Its host and port.
    pub authority: String,
    /// By which it is known in its pool, and named to people.
    pub name: String,
    /// Its share beside the others'; with 0 only those who stick to it are sent to it.
    pub weight: u32,
    /// Whether it is asked only where no other may be.
    pub is_backup: bool,
    /// Connections of all workers to it.
    pub connections_max: Option<u32>,
}

impl PoolConfig {
    /// A pool in which nothing but its servers is said.
    #[must_use]
    pub fn new(name: &str, servers: Vec<PoolServer>, balance: Balance) -> Self {
        Self {
            name: name.to_owned(),
            servers,
            balance,
            outbound_millis: 60_000,
            queue_max: 1000,
            queue_millis: 10_000,
            tries_max: 3,
            idle: IdleRules::default(),
            health: HealthRules::default(),
            budget: BudgetRules::default(),
            breaker: None,
            sticky: None,
            check: None,
        }
    }
}

/// A pool, for one worker.
#[derive(Debug)]
pub struct Pool {
    pub(crate) commons: Arc<PoolCommons>,
    pub(crate) keeper: Rc<Keeper>,
    pub(crate) members: Vec<Member>,
    pub(crate) options: Rc<LineOptions>,
    pub(crate) rules: Rules,
    pub(crate) budget: RefCell<Budget>,
    balance: RefCell<Balance>,
    key: Key,
    uses_time: bool,
    /// Whether any server may have only so many connections.
    is_limited: bool,
    /// Whether nothing is to be chosen: there is one server, and nothing that could keep it from being asked.
    is_simple: bool,
    /// A server is told whose a connection is.
    tells_client: bool,
    /// Memory for choosing.
    seen: RefCell<Vec<Server>>,
    random: Cell<u64>,
}

/// What holds for all servers of a pool.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) idle: IdleRules,
    pub(crate) health: HealthRules,
    pub(crate) breaker: Option<BreakerRules>,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) check: Option<CheckRules>,
    pub(crate) tries_max: usize,
    queue_max: usize,
    pub(crate) queue_millis: u64,
}

/// A server with what this configuration says of it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) authority: Box<str>,
    scheme: Scheme,
    /// How it is named in records.
    shown: Rc<str>,
    weight: u32,
    is_backup: bool,
    connections_max: u32,
    /// What stands for it in a cookie.
    pub(crate) sticky_value: Box<str>,
    /// Checks had it out when it was last looked at.
    was_checked_out: Cell<bool>,
}

/// What the choice of a server depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) head: RequestHead<'a>,
    pub(crate) client: Option<IpAddr>,
    /// Tells whether the client has ended its side.
    pub(crate) interims: Option<&'a Interims>,
}

/// A server that is to be asked.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) place: usize,
    pub(crate) ongoing: Ongoing,
    pub(crate) way: Way,
}

/// By which connection.
#[derive(Debug)]
pub(crate) enum Way {
    /// One that is there.
    Line(Held),
    /// One that may be made.
    Seat(Seat),
}

/// What is chosen.
enum Choice {
    Server(usize),
    /// All that may be asked have as many connections as they may.
    Queue(Arc<[u64]>),
    Nobody,
}

impl Pool {
    pub(crate) fn new(
        config: PoolConfig,
        commons: &Commons,
        keeper: &Rc<Keeper>,
        before: Option<&Self>,
        now: Now,
    ) -> Self {
        let pool = commons.pool(&config.name);
        let mut members: Vec<Member> = Vec::with_capacity(config.servers.len());
        for server in config.servers {
            let is_joining = before.is_some();
            let before = before.map_or(&[][..], |before| &before.members);
            // One that is named twice is one.
            let known = members.iter().chain(before);
            let member = Member::new(server, &pool, known, is_joining, now.millis);
            members.push(member);
        }
        let is_limited = members.iter().any(Member::is_limited);
        let is_off = config.breaker.is_none() && config.check.is_none() && !is_limited;
        let uses_time = config.balance.uses_time() || config.health.slow_answer_millis > 0;
        Self {
            commons: pool,
            keeper: Rc::clone(keeper),
            tells_client: members
                .iter()
                .any(|member| member.upstream.way.is_of_client()),
            is_simple: members.len() == 1 && is_off && config.sticky.is_none(),
            options: Rc::new(LineOptions {
                policy: Policy::responses(),
                wait_millis: Some(config.outbound_millis),
                may_trail,
            }),
            rules: Rules {
                idle: config.idle,
                health: config.health,
                breaker: config.breaker,
                sticky: config.sticky,
                check: config.check,
                tries_max: config.tries_max.max(1),
                queue_max: config.queue_max,
                queue_millis: config.queue_millis,
            },
            budget: RefCell::new(Budget::new(config.budget, now.millis)),
            key: config.balance.key(),
            uses_time,
            balance: RefCell::new(config.balance),
            is_limited,
            seen: RefCell::new(Vec::with_capacity(members.len())),
            members,
            random: Cell::new(RandomState::new().hash_one(now.millis)),
        }
    }

    /// By which it is known.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.commons.name
    }

    /// The hosts and ports of its servers.
    pub fn authorities(&self) -> impl Iterator<Item = (Scheme, &str)> {
        let members = self.members.iter();
        members.map(|member| (member.scheme, &*member.authority))
    }

    /// Whether a server is told whose a connection is.
    pub(crate) fn tells_client(&self) -> bool {
        self.tells_client
    }

    /// How a server is named in records.
    pub(crate) fn shown(&self, place: usize) -> Option<Rc<str>> {
        self.members
            .get(place)
            .map(|member| Rc::clone(&member.shown))
    }

    pub(crate) fn upstream(&self, place: usize) -> Option<&Rc<Upstream>> {
        self.members.get(place).map(|member| &member.upstream)
    }

    /// A server for a request, with a connection to it or the right to make one. Waits where all have as many as they may.
    pub(crate) async fn take(
        &self,
        wish: Wish<'_>,
        tried: &[usize],
        now: u64,
    ) -> Result<Taken, Fault> {
        let accepts = match self.choose(wish, tried, now) {
            Choice::Nobody => return Err(Fault::NoServer),
            Choice::Server(place) => match self.try_take(place, now) {
                Some(taken) => return Ok(taken),
                // Another worker was quicker.
                None => self.alone(place),
            },
            Choice::Queue(accepts) => accepts,
        };
        Box::pin(self.wait(accepts, self.rules.queue_millis, wish.interims)).await
    }

    pub(crate) fn try_take(&self, place: usize, now: u64) -> Option<Taken> {
        let member = self.members.get(place)?;
        let upstream = &member.upstream;
        let way = match upstream.take_idle(&self.rules.idle, now) {
            Some(held) => Way::Line(held),
            None => {
                let seat = self.commons.take(&upstream.commons, member.connections_max);
                Way::Seat(seat?)
            }
        };
        let ongoing = upstream.begin();
        Some(Taken {
            place,
            ongoing,
            way,
        })
    }

    /// The right to make a connection beside those at rest.
    pub(crate) fn try_seat(&self, place: usize) -> Option<Taken> {
        let member = self.members.get(place)?;
        let upstream = &member.upstream;
        let seat = self
            .commons
            .take(&upstream.commons, member.connections_max)?;
        Some(Taken {
            place,
            ongoing: upstream.begin(),
            way: Way::Seat(seat),
        })
    }

    /// A server is asked for a client: what is out gets its trial.
    pub(crate) fn asked(&self, upstream: &Upstream, now: u64) {
        upstream.health.borrow_mut().asked(&self.rules.health, now);
        if let Some(rules) = &self.rules.breaker {
            upstream.breaker.borrow_mut().asked(rules, now);
        }
    }

    /// Waits for a connection to one of some servers, first come, first served. A client that ends its side meanwhile is taken for one that left; one
    /// that did so with its request, as scripts do, is not.
    pub(crate) async fn wait(
        &self,
        accepts: Arc<[u64]>,
        millis: u64,
        client: Option<&Interims>,
    ) -> Result<Taken, Fault> {
        let client = client.filter(|client| !client.has_client_ended());
        let has_left = || client.is_some_and(Interims::has_client_ended);
        let joined = self
            .commons
            .join(accepts, self.keeper.worker(), self.rules.queue_max);
        let waiting = Waiting {
            pool: self,
            ticket: joined.ok_or(Fault::ConnectionsMax)?,
        };
        let mut late = pin!(net::sleep(Duration::from_millis(millis)));
        let granted = poll_fn(|cx| match waiting.poll(cx) {
            Poll::Ready(granted) => Poll::Ready(Some(granted)),
            Poll::Pending if has_left() => Poll::Ready(None),
            Poll::Pending => late.as_mut().poll(cx).map(|()| None),
        });
        match granted.await {
            Some(granted) => self.granted(waiting.ticket, granted),
            None => Err(Fault::ConnectionsMax),
        }
    }

    fn granted(&self, ticket: u64, grant: Grant) -> Result<Taken, Fault> {
        let (Grant::Seat(server) | Grant::Line(server)) = grant;
        let is_it = |member: &Member| member.upstream.commons.identity == server;
        let place = self.members.iter().position(is_it);
        let way = |upstream: &Rc<Upstream>| match grant {
            Grant::Seat(server) => Some(Way::Seat(self.commons.seat(server))),
            Grant::Line(_) => upstream.take_laid(ticket).map(Way::Line),
        };
        let taken = place.and_then(|place| {
            let upstream = self.upstream(place)?;
            let way = way(upstream)?;
            let ongoing = upstream.begin();
            Some(Taken {
                place,
                ongoing,
                way,
            })
        });
        // Only servers of this pool were accepted.
        taken.ok_or(Fault::Internal)
    }

    fn choose(&self, wish: Wish<'_>, tried: &[usize], now: u64) -> Choice {
        if self.is_simple {
            return Choice::Server(0);
        }
        let mut seen = self.seen.borrow_mut();
        seen.clear();
        let members = self.members.iter().enumerate();
        seen.extend(members.map(|(place, member)| {
            let is_tried = tried.contains(&place);
            member.seen(&self.rules, self.uses_time, is_tried, now)
        }));
        if let Some(place) = self.stuck_to(wish.head, &seen) {
            return match self.is_full(place) {
                true => Choice::Queue(self.alone(place)),
                false => Choice::Server(place),
            };
        }
        if self.is_limited
            && let Some(accepts) = self.leave_out_full(&mut seen)
        {
            return Choice::Queue(accepts);
        }
        let key = match self.key {
            Key::None => 0,
            Key::Client => key_of_client(wish.client),
            Key::Target => {
                let host = wish.head.first(Known::Host).unwrap_or_default();
                key_of_target(host, wish.head.target())
            }
        };
        let random = crate::balance::mixed(self.random.get());
        self.random.set(random);
        let chosen = self.balance.borrow_mut().choose(&seen, key, random);
        chosen.map_or(Choice::Nobody, Choice::Server)
    }

    /// The server that a cookie stands for, if it is in.
    fn stuck_to(&self, head: RequestHead<'_>, seen: &[Server]) -> Option<usize> {
        let value = self.rules.sticky.as_ref()?.value(head)?;
        let is_it = |member: &Member| member.sticky_value.as_bytes() == value;
        let place = self.members.iter().position(is_it)?;
        let standing = seen.get(place)?.standing;
        matches!(standing, Standing::Ready | Standing::Backup).then_some(place)
    }

    /// Leaves those out of the choice that have as many connections as they may; where all of the best have, says whom to wait for.
    fn leave_out_full(&self, seen: &mut [Server]) -> Option<Arc<[u64]>> {
        let best = seen.iter().filter(|server| server.weight > 0);
        let best = best.map(|server| server.standing).min()?;
        if best == Standing::Drained {
            return None;
        }
        let is_best = |server: &Server| server.standing == best && server.weight > 0;
        // Each is asked once: other workers take connections meanwhile, and whoever was free must not be left out as full.
        let (mut full, mut any_free) = (Vec::new(), false);
        for (place, server) in seen.iter().enumerate() {
            if server.standing != best {
                continue;
            }
            match self.is_full(place) {
                true => full.push(place),
                false => any_free |= is_best(server),
            }
        }
        if !any_free {
            let accepts = seen.iter().filter(|server| is_best(server));
            return Some(accepts.map(|server| server.identity).collect());
        }
        for place in full {
            if let Some(server) = seen.get_mut(place) {
                server.standing = Standing::Drained;
            }
        }
        None
    }

    /// Who waits for one server accepts it alone.
    pub(crate) fn alone(&self, place: usize) -> Arc<[u64]> {
        let identity = |upstream: &Rc<Upstream>| upstream.commons.identity;
        self.upstream(place).map(identity).into_iter().collect()
    }

    /// Whether a connection to a server has to be waited for.
    fn is_full(&self, place: usize) -> bool {
        let Some(member) = self.members.get(place) else {
            return true;
        };
        if !member.is_limited() {
            return false;
        }
        let upstream = &member.upstream;
        // Whoever waits came first.
        upstream.commons.is_awaited()
            || (!upstream.has_idle() && upstream.commons.connections() >= member.connections_max)
    }

    /// A line whose exchange is over.
    pub(crate) fn keep(&self, upstream: &Upstream, held: Held, now: u64) {
        upstream.keep(held, &self.rules.idle, self.keeper.worker(), now);
        self.keeper.kept();
    }

    /// A server answered as it should; `micros` is how long that took, where anybody asked.
    pub(crate) fn succeeded(&self, upstream: &Upstream, micros: Option<u64>, now: u64) {
        if let Some(micros) = micros {
            upstream.latency.borrow_mut().took(micros, now);
            let slow = self.rules.health.slow_answer_millis;
            if slow > 0 && micros / 1000 >= slow {
                return self.failed(upstream, "its answers are slow", now);
            }
        }
        let turn = upstream.health.borrow_mut().succeeded(now);
        upstream.told(turn, "");
        if let Some(rules) = &self.rules.breaker {
            let turn = upstream.breaker.borrow_mut().succeeded(rules, now);
            upstream.told_breaker(turn, "");
        }
    }

    /// It did not.
    pub(crate) fn failed(&self, upstream: &Upstream, why: &str, now: u64) {
        let turn = upstream.health.borrow_mut().failed(&self.rules.health, now);
        upstream.told(turn, why);
        if let Some(rules) = &self.rules.breaker {
            let turn = upstream.breaker.borrow_mut().failed(rules, now);
            upstream.told_breaker(turn, why);
        }
    }

    /// Whether anybody asks how long answers take.
    #[inline]
    pub(crate) fn uses_time(&self) -> bool {
        self.uses_time
    }

    /// The value of Set-Cookie, where a client is to come back to a server and does not say so itself.
    pub(crate) fn set_sticky(
        &self,
        place: usize,
        head: RequestHead<'_>,
        is_secure: bool,
    ) -> Option<String> {
        let sticky = self.rules.sticky.as_ref()?;
        let own = &*self.members.get(place)?.sticky_value;
        match sticky.value(head) == Some(own.as_bytes()) {
            true => None,
            false => sticky.set(own, is_secure),
        }
    }

    /// Seconds after which a client may ask again.
    pub(crate) fn retry_after(&self, fault: Fault) -> Option<u64> {
        let millis = match (fault, &self.rules.breaker) {
            (Fault::ConnectionsMax, _) => self.rules.queue_millis,
            (Fault::NoServer, Some(rules)) => rules.open_millis,
            (Fault::NoServer, None) => self.rules.check.as_ref()?.interval_millis,
            _ => return None,
        };
        Some(millis.div_ceil(1000).max(1))
    }
}

impl Member {
    fn new<'m>(
        server: PoolServer,
        pool: &Arc<PoolCommons>,
        mut known: impl Iterator<Item = &'m Self>,
        is_joining: bool,
        now: u64,
    ) -> Self {
        let identity = key_of_target(server.name.as_bytes(), b"");
        let commons = pool.server(&server.name, identity);
        let upstream = match known.find(|known| {
            let upstream = &known.upstream;
            // Connections that were made by other rules are not used.
            upstream.commons.identity == identity && upstream.way == server.way
        }) {
            Some(known) => Rc::clone(&known.upstream),
            None => {
                let health = match is_joining {
                    true => Health::joining(now),
                    false => Health::new(),
                };
                let pool = Arc::clone(pool);
                let place = (server.place, server.way);
                Rc::new(Upstream::new(place, pool, commons, health, now))
            }
        };
        Self {
            sticky_value: sticky::value_of(&pool.name, &server.name),
            shown: (&*upstream.commons.name).into(),
            upstream,
            authority: server.authority.into(),
            scheme: server.scheme,
            weight: server.weight.saturating_mul(WEIGHT_SCALE),
            is_backup: server.is_backup,
            connections_max: server.connections_max.unwrap_or(u32::MAX),
            was_checked_out: Cell::new(false),
        }
    }

    /// What this configuration says of it is in force.
    pub(crate) fn enforce(&self) {
        let commons = &self.upstream.commons;
        commons.set_connections_max(self.connections_max);
    }

    fn is_limited(&self) -> bool {
        self.connections_max < u32::MAX
    }

    /// It as one who chooses sees it.
    fn seen(&self, rules: &Rules, uses_time: bool, is_tried: bool, now: u64) -> Server {
        let upstream = &self.upstream;
        if rules.check.is_some() {
            let is_out = upstream.commons.is_checked_out();
            if self.was_checked_out.replace(is_out) && !is_out {
                upstream.rejoin(now);
            }
        }
        let health = upstream.health.borrow();
        let is_closed = || rules.breaker.is_some() && !upstream.breaker.borrow().may_ask(now);
        let standing = match health.standing(now) {
            _ if self.was_checked_out.get() || is_closed() => Standing::Drained,
            standing if is_tried => standing.max(Standing::Out),
            Standing::Ready if self.is_backup => Standing::Backup,
            standing => standing,
        };
        Server {
            weight: health.weight(&rules.health, self.weight, now),
            standing,
            connections: upstream.exchanges(),
            micros: match uses_time {
                true => upstream.latency.borrow().micros(now),
                false => 0,
            },
            identity: upstream.commons.identity,
        }
    }
}

/// One who waits. Dropped, it leaves the queue.
struct Waiting<'p> {
    pool: &'p Pool,
    ticket: u64,
}

impl Waiting<'_> {
    fn poll(&self, cx: &mut std::task::Context<'_>) -> Poll<Grant> {
        self.pool.commons.poll_granted(self.ticket, cx)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let pool = self.pool;
        match pool.commons.leave(self.ticket) {
            None => {}
            Some(Grant::Seat(server)) => drop(pool.commons.seat(server)),
            Some(Grant::Line(server)) => {
                let mut members = pool.members.iter();
                let it = members.find(|member| member.upstream.commons.identity == server);
                let held = it.and_then(|member| member.upstream.take_laid(self.ticket));
                if let (Some(member), Some(held)) = (it, held) {
                    pool.keep(&member.upstream, held, Now::read().millis);
                }
            }
        }
    }
}

/// Slow start is in hundredths of what is least.
const WEIGHT_SCALE: u32 = 100;

#[cfg(test)]
mod tests;
