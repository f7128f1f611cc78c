//! What all workers know of a pool together: how many connections there are, who waits for one, and what checks found out.
//!
//! A lock is taken when a connection is made or closed, and by who waits. A request that finds a connection at rest takes none.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::event::{Change, Event, Tell};
use crate::seats::Seats;

/// What the workers of a process share of all their pools. It outlives every configuration: a pool is known by its name.
#[derive(Debug)]
pub struct Commons {
    pools: Mutex<Vec<Weak<PoolCommons>>>,
    workers: AtomicU64,
    tell: Tell,
}

/// What they share of one pool.
#[derive(Debug)]
pub(crate) struct PoolCommons {
    pub(crate) name: Box<str>,
    inner: Mutex<Inner>,
    tell: Tell,
}

#[derive(Debug, Default)]
struct Inner {
    seats: Seats,
    calls: Vec<Call>,
    /// Who looks after the connections at rest, in each worker.
    keepers: Vec<(u64, Waker)>,
    servers: Vec<Weak<ServerCommons>>,
    is_full_told: bool,
}

/// One who waits.
#[derive(Debug)]
struct Call {
    ticket: u64,
    waker: Option<Waker>,
    granted: Option<Grant>,
}

/// What one who waited gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// A connection to this server may be made.
    Seat(u64),
    /// A connection to this server lies ready under the ticket.
    Line(u64),
}

/// Who gets a connection that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// One of the worker that has it.
    Own,
    /// One of another.
    Others,
}

/// What they share of one server.
#[derive(Debug)]
pub(crate) struct ServerCommons {
    /// What tells it from the others of its pool: a hash of where it is.
    pub(crate) identity: u64,
    pub(crate) name: Box<str>,
    /// Connections, and who waits for one, as the pool has it.
    connections: AtomicU32,
    waiting: AtomicU32,
    /// Checks failed.
    is_checked_out: AtomicBool,
    /// Workers that have it out.
    outs: AtomicU32,
    /// Workers whose breaker is open.
    opens: AtomicU32,
}

/// A connection that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Option<(Arc<PoolCommons>, u64)>);

impl Commons {
    /// Nothing is known. `tell` is told of what changes.
    #[must_use]
    pub fn new(tell: Tell) -> Self {
        Self {
            pools: Mutex::default(),
            workers: AtomicU64::new(0),
            tell,
        }
    }

    /// A number for a worker.
    pub(crate) fn worker(&self) -> u64 {
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// What is known of a pool.
    pub(crate) fn pool(&self, name: &str) -> Arc<PoolCommons> {
        let mut pools = lock(&self.pools);
        pools.retain(|pool| pool.strong_count() > 0);
        let known = pools.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.into_iter().find(|pool| &*pool.name == name) {
            return known;
        }
        let pool = Arc::new(PoolCommons {
            name: name.into(),
            inner: Mutex::default(),
            tell: self.tell,
        });
        pools.push(Arc::downgrade(&pool));
        pool
    }
}

impl PoolCommons {
    /// What is known of a server of it.
    pub(crate) fn server(&self, name: &str, identity: u64) -> Arc<ServerCommons> {
        let mut inner = lock(&self.inner);
        inner.servers.retain(|server| server.strong_count() > 0);
        let mut known = inner.servers.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find(|server| server.identity == identity) {
            return known;
        }
        let server = Arc::new(ServerCommons {
            identity,
            name: name.into(),
            connections: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            is_checked_out: AtomicBool::new(false),
            outs: AtomicU32::new(0),
            opens: AtomicU32::new(0),
        });
        inner.servers.push(Arc::downgrade(&server));
        inner.tell_all();
        server
    }

    /// The right to make a connection to a server of which there may be `max`.
    pub(crate) fn take(self: &Arc<Self>, server: &Arc<ServerCommons>, max: u32) -> Option<Seat> {
        let mut inner = lock(&self.inner);
        let is_taken = inner.seats.take(server.identity, max);
        inner.tell_all();
        is_taken.then(|| self.seat(server.identity))
    }

    /// The right that was granted.
    pub(crate) fn seat(self: &Arc<Self>, server: u64) -> Seat {
        Seat(Some((Arc::clone(self), server)))
    }

    /// One waits for a connection to any of some servers; `None` if as many wait as may.
    pub(crate) fn join(&self, accepts: Arc<[u64]>, worker: u64, queue_max: usize) -> Option<u64> {
        let mut inner = lock(&self.inner);
        let Some(ticket) = inner.seats.join(accepts, worker, queue_max) else {
            let is_news = !std::mem::replace(&mut inner.is_full_told, true);
            drop(inner);
            if is_news {
                self.say(None, Change::QueueFull(queue_max));
            }
            return None;
        };
        inner.calls.push(Call {
            ticket,
            waker: None,
            granted: None,
        });
        // What was given back meanwhile, or what rests with another worker.
        let mut wakers = inner.seat_all();
        wakers.extend(inner.keepers.iter().map(|(_, waker)| waker.clone()));
        self.settle(inner);
        wake(wakers);
        Some(ticket)
    }

    /// What one who waits was granted.
    pub(crate) fn poll_granted(&self, ticket: u64, cx: &mut Context<'_>) -> Poll<Grant> {
        let mut inner = lock(&self.inner);
        let Some(at) = inner.calls.iter().position(|call| call.ticket == ticket) else {
            return Poll::Pending;
        };
        let Some(call) = inner.calls.get_mut(at) else {
            return Poll::Pending;
        };
        if let Some(granted) = call.granted {
            inner.calls.swap_remove(at);
            return Poll::Ready(granted);
        }
        call.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// One waits no longer: gives what it was granted and did not take.
    pub(crate) fn leave(&self, ticket: u64) -> Option<Grant> {
        let mut inner = lock(&self.inner);
        inner.seats.leave(ticket);
        let at = inner.calls.iter().position(|call| call.ticket == ticket);
        let call = at.map(|at| inner.calls.swap_remove(at));
        self.settle(inner);
        call?.granted
    }

    /// A connection to a server is free, and somebody may wait for one. Says who is first, by ticket, and whether they are of this worker: then it
    /// is granted, and the line is to be laid ready before anything else happens. Else it is to be closed, and then its seat
    /// [given](Seat::give).
    pub(crate) fn hand_on(&self, server: u64, worker: u64) -> Option<(u64, Whose)> {
        let mut inner = lock(&self.inner);
        let next = inner.seats.next_for(server)?;
        let (whose, waker) = match next.worker == worker {
            true => (Whose::Own, inner.grant(next.ticket, Grant::Line(server))),
            false => (Whose::Others, None),
        };
        self.settle(inner);
        wake(waker);
        Some((next.ticket, whose))
    }

    /// A worker's keeper is to be woken by this when somebody waits for what rests.
    pub(crate) fn set_keeper(&self, worker: u64, waker: &Waker) {
        let mut inner = lock(&self.inner);
        match inner.keepers.iter_mut().find(|(known, _)| *known == worker) {
            Some((_, known)) => known.clone_from(waker),
            None => inner.keepers.push((worker, waker.clone())),
        }
    }

    pub(crate) fn say(&self, server: Option<&ServerCommons>, change: Change<'_>) {
        (self.tell)(&Event {
            pool: &self.name,
            server: server.map(|server| &*server.name),
            change,
        });
    }

    fn give_back(&self, server: u64) {
        let mut inner = lock(&self.inner);
        inner.seats.give_back(server);
        let wakers = inner.seat_all();
        self.settle(inner);
        wake(wakers);
    }

    /// Lets all workers see what changed.
    fn settle(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.tell_all();
        let is_empty = inner.seats.queued() == 0;
        let is_news = is_empty && std::mem::take(&mut inner.is_full_told);
        drop(inner);
        if is_news {
            self.say(None, Change::QueueEmpty);
        }
    }
}

impl Inner {
    /// Grants what is free to those who wait.
    fn seat_all(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some((server, next)) = self.seats.seat_next() {
            wakers.extend(self.grant(next.ticket, Grant::Seat(server)));
        }
        wakers
    }

    fn grant(&mut self, ticket: u64, grant: Grant) -> Option<Waker> {
        let mut calls = self.calls.iter_mut();
        let call = calls.find(|call| call.ticket == ticket)?;
        call.granted = Some(grant);
        call.waker.take()
    }

    /// What all workers see without the lock.
    fn tell_all(&self) {
        for server in self.servers.iter().filter_map(Weak::upgrade) {
            let (connections, waiting) = self.seats.counts(server.identity);
            server.connections.store(connections, Ordering::Relaxed);
            server.waiting.store(waiting, Ordering::SeqCst);
        }
    }
}

impl ServerCommons {
    /// Connections of all workers.
    #[inline]
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether anybody waits for a connection to it.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether checks found that it cannot be asked.
    #[inline]
    pub(crate) fn is_checked_out(&self) -> bool {
        self.is_checked_out.load(Ordering::Relaxed)
    }

    pub(crate) fn set_checked_out(&self, is_out: bool) {
        self.is_checked_out.store(is_out, Ordering::Relaxed);
    }

    /// A worker has it out, or in again; says whether it is the first to have it out, or the last.
    pub(crate) fn note_out(&self, is_out: bool) -> bool {
        note(&self.outs, is_out)
    }

    /// The same of its breaker.
    pub(crate) fn note_open(&self, is_open: bool) -> bool {
        note(&self.opens, is_open)
    }
}

fn note(count: &AtomicU32, is_one_more: bool) -> bool {
    match is_one_more {
        true => count.fetch_add(1, Ordering::Relaxed) == 0,
        false => count.fetch_sub(1, Ordering::Relaxed) == 1,
    }
}

impl Seat {
    /// Gives it to who waits under a ticket; back, if they left meanwhile.
    pub(crate) fn give(mut self, ticket: u64) {
        let Some((pool, server)) = self.0.take() else {
            return;
        };
        let mut inner = lock(&pool.inner);
        let is_there = inner.calls.iter().any(|call| call.ticket == ticket);
        let waker = inner.grant(ticket, Grant::Seat(server));
        drop(inner);
        wake(waker);
        if !is_there {
            pool.give_back(server);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((pool, server)) = self.0.take() {
            pool.give_back(server);
        }
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code of others runs under these locks, so a poisoned one is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(pool: &PoolCommons, ticket: u64) -> Option<Grant> {
        let mut cx = Context::from_waker(Waker::noop());
        match pool.poll_granted(ticket, &mut cx) {
            Poll::Ready(grant) => Some(grant),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_is_closed_goes_to_who_waits_whatever_the_worker() {
        let commons = Commons::new(|_| {});
        let pool = commons.pool("app");
        let server = pool.server("a", 7);
        let seat = pool.take(&server, 1).unwrap();
        assert!(pool.take(&server, 1).is_none());
        let ticket = pool.join([7].into(), 2, 10).unwrap();
        assert_eq!((server.is_awaited(), poll(&pool, ticket)), (true, None));
        drop(seat);
        assert_eq!(poll(&pool, ticket), Some(Grant::Seat(7)));
        assert_eq!((server.is_awaited(), server.connections()), (false, 1));
        drop(pool.seat(7));
        assert_eq!(server.connections(), 0);
    }

    #[test]
    fn a_line_is_laid_ready_for_the_own_worker_and_closed_for_another() {
        let commons = Commons::new(|_| {});
        let pool = commons.pool("app");
        let server = pool.server("a", 7);
        let seat = pool.take(&server, 1).unwrap();
        let own = pool.join([7].into(), 1, 10).unwrap();
        let other = pool.join([7].into(), 2, 10).unwrap();
        assert_eq!(pool.hand_on(7, 1), Some((own, Whose::Own)));
        assert_eq!(poll(&pool, own), Some(Grant::Line(7)));
        assert_eq!(pool.hand_on(7, 1), Some((other, Whose::Others)));
        assert_eq!(poll(&pool, other), None, "it is not closed yet");
        seat.give(other);
        assert_eq!(poll(&pool, other), Some(Grant::Seat(7)));
        assert_eq!(server.connections(), 1);
        assert_eq!(pool.hand_on(7, 1), None);
    }

    #[test]
    fn what_is_given_to_who_left_is_given_back() {
        let commons = Commons::new(|_| {});
        let pool = commons.pool("app");
        let server = pool.server("a", 7);
        let seat = pool.take(&server, 1).unwrap();
        let ticket = pool.join([7].into(), 1, 10).unwrap();
        assert_eq!(pool.hand_on(7, 2), Some((ticket, Whose::Others)));
        assert_eq!(pool.leave(ticket), None);
        seat.give(ticket);
        assert_eq!(server.connections(), 0);
    }

    #[test]
    fn who_leaves_gives_back_what_was_granted() {
        let commons = Commons::new(|_| {});
        let pool = commons.pool("app");
        let server = pool.server("a", 7);
        let seat = pool.take(&server, 1).unwrap();
        let ticket = pool.join([7].into(), 1, 10).unwrap();
        drop(seat);
        assert_eq!(pool.leave(ticket), Some(Grant::Seat(7)));
        assert_eq!(pool.leave(ticket), None);
    }

    #[test]
    fn a_pool_is_known_by_its_name_for_as_long_as_anybody_has_it() {
        let commons = Commons::new(|_| {});
        let (pool, again) = (commons.pool("app"), commons.pool("app"));
        assert!(Arc::ptr_eq(&pool, &again));
        assert!(!Arc::ptr_eq(&pool, &commons.pool("other")));
        let server = pool.server("a", 7);
        let _seat = pool.take(&server, 5).unwrap();
        drop(server);
        assert_eq!(again.server("a", 7).connections(), 1);
        drop((pool, again));
        assert_eq!(lock(&commons.pools).len(), 2);
        commons.pool("third");
        assert_eq!(lock(&commons.pools).len(), 2, "app stays with its seat");
    }
}
