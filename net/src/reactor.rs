//! One worker's loop: epoll, accept, wakers and timers, driving one [`Service`].
//!
//! The loop is one task of the worker's runtime. It owns a second, edge-triggered epoll instance that the runtime's own watches:
//!
//! ```text
//!          ┌──────────── events (no wait) ◄───────────────┐
//!          ▼                                              │ more at once
//!   ready · accepted · woken · expired ─► batch_done ─────┤
//!          ▲                                              │ quiet
//!          └── runtime's epoll wakes the task ◄── sleep ◄─┘
//! ```

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest};

use crate::accepting::{self, ACCEPTS_PER_TURN, Accepting, Queue, accept_some};
use crate::alarm::Alarm;
use crate::control::{Numbered, Order};
use crate::outbound::{Outside, Place};
use crate::service::{LISTENER_FLAG, OUTBOUND_FLAG, State};
use crate::sys::WatchedPoll;
use crate::wake::{self, Shared, Stop, TokenWaker};
use crate::{Context, Counters, Now, Readiness, Service, Timers, Token, batch};

/// A worker's reactor with its service. Lives on the worker's thread, inside the runtime.
pub(crate) struct Reactor<S> {
    poll: WatchedPoll,
    events: Events,
    listeners: Vec<Accepting>,
    state: State,
    /// Held so that a connection can still be accepted, and closed, when no descriptor is left.
    spare: Option<OwnedFd>,
    alarm: Alarm,
    woken: Vec<Arc<TokenWaker>>,
    due: Vec<Token>,
    orders: Receiver<Order<S>>,
    /// Listeners that are closed, by number, until the service has no connection of them.
    leaving: Vec<(usize, Arc<()>)>,
    service: S,
    /// Connections that were made here. After the service, whose futures may hold some.
    outside: Place,
}

/// How a batch went, thus what is best next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Events are likely at hand: look for them before sleeping.
    Busy,
    /// Sleeping is likely best.
    Quiet,
}

impl<S: Service> Reactor<S> {
    pub(crate) fn new(
        worker: usize,
        (shared, orders): (Arc<Shared>, Receiver<Order<S>>),
        drain: Duration,
        service: S,
    ) -> io::Result<Self> {
        let now = Now::read();
        let poll = WatchedPoll::new()?;
        let outside = Outside::place(poll.registry(), Arc::clone(&shared))?;
        let state = State {
            now,
            worker,
            timers: Timers::new(now.millis),
            shared,
            counters: Counters::default(),
            draining_until: None,
            drain_millis: millis(drain),
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            listeners: Vec::new(),
            state,
            spare: accepting::spare(),
            alarm: Alarm::new(now),
            woken: Vec::new(),
            due: Vec::new(),
            orders,
            leaving: Vec::new(),
            service,
            outside,
        })
    }

    /// Accepts from these too. Gives the numbers of those for which the system has no watch left; they are closed.
    pub(crate) fn listen(&mut self, listeners: Vec<Numbered>) -> Vec<(usize, io::Error)> {
        let mut unwatched = Vec::new();
        for Numbered { id, listener, held } in listeners {
            let fd = listener.as_fd().as_raw_fd();
            let token = mio::Token(LISTENER_FLAG as usize | id);
            let registry = self.poll.registry();
            if let Err(error) = registry.register(&mut SourceFd(&fd), token, Interest::READABLE) {
                unwatched.push((id, error));
                continue;
            }
            self.listeners.push(Accepting {
                id,
                listener,
                queue: Queue::Unknown,
                closes_at: None,
                held,
            });
        }
        unwatched
    }

    /// Runs batches until the service is drained. Never takes the runtime's other tasks more than a few batches' time.
    pub(crate) fn poll_run(&mut self, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.outside.set_asleep(false);
        // What woke the task is answered by the first look for events; asking here saves an empty look before the next sleep.
        if let Poll::Ready(Err(error)) = self.poll.poll_changed(task) {
            return Poll::Ready(Err(error));
        }
        let last_call = self.state.counters.calls.saturating_add(CALLS_PER_TURN);
        for _ in 0..BATCHES_PER_TURN {
            let pace = self.batch()?;
            if self.is_finished() {
                if !self.service.is_drained() {
                    self.with_context(|service, cx| service.cut_off(cx));
                }
                return Poll::Ready(Ok(()));
            }
            if pace == Pace::Quiet {
                ready!(self.poll_sleep(task))?;
            }
            if self.state.counters.calls >= last_call {
                break;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn batch(&mut self) -> io::Result<Pace> {
        match self.poll.take_events(&mut self.events) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.state.now = Now::read();
        batch::begin(self.state.now, &self.state.shared);
        self.state.counters.batches += 1;
        let mut count = self.dispatch();
        count += self.accept_unknown();
        if self.outside.due_millis() <= self.state.now.millis {
            count += self.outside.expire(self.state.now.millis);
        }
        count += self.hear_own();
        count += self.hear();
        count += self.expire();
        count += self.close_listeners();
        if count > 0 {
            self.state.counters.calls += count as u64;
            self.with_context(|service, cx| service.batch_done(cx));
        }
        batch::end(&self.state.shared);
        Ok(
            if count >= BUSY_MIN || self.listeners.iter().any(|it| it.queue == Queue::Unknown) {
                Pace::Busy
            } else {
                Pace::Quiet
            },
        )
    }

    /// Ready once there may be something to do. Pending means that every source of work wakes the task.
    fn poll_sleep(&mut self, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(changed) = self.poll.poll_changed(task) {
            return Poll::Ready(changed);
        }
        if self.state.shared.sleep(task.waker()) == wake::Sleep::Refused {
            return Poll::Ready(Ok(()));
        }
        let deadline = self.next_millis();
        if self.alarm.poll(deadline, self.state.now, task).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.state.counters.sleeps += 1;
        self.outside.set_asleep(true);
        Poll::Pending
    }

    fn next_millis(&self) -> Option<u64> {
        let blocked = self.listeners.iter().filter_map(|it| match it.queue {
            Queue::Blocked(until) => Some(until),
            Queue::Empty | Queue::Unknown => None,
        });
        blocked
            .chain(self.state.timers.next_millis())
            .chain(self.state.draining_until)
            .chain(Some(self.outside.due_millis()).filter(|at| *at < u64::MAX))
            .chain(self.listeners.iter().filter_map(|it| it.closes_at))
            .min()
    }

    fn dispatch(&mut self) -> usize {
        let Self {
            poll,
            events,
            listeners,
            state,
            service,
            outside,
            ..
        } = self;
        let registry = poll.registry();
        let mut count = 0;
        for event in &*events {
            let token = event.token().0 as u64;
            if token & LISTENER_FLAG == 0 {
                count += 1;
                service.ready(
                    &mut Context { state, registry },
                    Token(token),
                    Readiness::of(event),
                );
            } else if token & OUTBOUND_FLAG != 0 {
                // What it wakes is counted where that is called.
                outside.ready(token, Readiness::of(event));
            } else {
                count += 1;
                if let Some(accepting) = listeners
                    .iter_mut()
                    .find(|it| it.id as u64 == token & !LISTENER_FLAG)
                    && accepting.queue == Queue::Empty
                {
                    accepting.queue = Queue::Unknown;
                }
            }
        }
        count
    }

    /// Accepts from all listeners at which connections may wait, a bounded number each.
    fn accept_unknown(&mut self) -> usize {
        let Self {
            poll,
            listeners,
            state,
            service,
            spare,
            ..
        } = self;
        let mut count = 0;
        for accepting in listeners.iter_mut() {
            if matches!(accepting.queue, Queue::Blocked(until) if until <= state.now.millis) {
                accepting.queue = Queue::Unknown;
            }
            if accepting.queue == Queue::Unknown {
                let mut cx = Context {
                    state,
                    registry: poll.registry(),
                };
                accepting.queue = accept_some(
                    accepting.id,
                    &accepting.listener,
                    spare,
                    &mut cx,
                    service,
                    &mut count,
                );
            }
        }
        count
    }

    /// Calls those whom this thread woke since the batch began.
    fn hear_own(&mut self) -> usize {
        batch::take_woken(&mut self.woken);
        match self.woken.is_empty() {
            true => 0,
            false => self.call_woken(),
        }
    }

    fn call_woken(&mut self) -> usize {
        let mut woken = std::mem::take(&mut self.woken);
        let count = woken.len();
        self.with_context(|service, cx| {
            for waker in woken.drain(..) {
                service.woken(cx, waker.taken());
            }
        });
        woken.shrink_to(TOKENS_KEPT);
        self.woken = woken;
        count
    }

    fn hear(&mut self) -> usize {
        let Some(stop) = self.state.shared.hear(&mut self.woken) else {
            return 0;
        };
        let mut count = self.call_woken() + self.obey();
        match stop {
            Stop::Run => {}
            Stop::Drain => count += self.drain(),
            Stop::End => self.state.draining_until = Some(0),
        }
        count
    }

    /// Does what was ordered since.
    fn obey(&mut self) -> usize {
        let mut count = 0;
        while let Ok(order) = self.orders.try_recv() {
            count += 1;
            if let Some(drain) = order.drain_time {
                self.state.drain_millis = millis(drain);
            }
            // Who stops begins nothing: what was to be listened on is closed.
            let is_stopping = self.state.draining_until.is_some();
            let unwatched = match is_stopping {
                true => Vec::new(),
                false => self.listen(order.listen),
            };
            let call = order.call;
            self.with_context(|service, cx| call(service, cx, unwatched));
            if is_stopping {
                continue;
            }
            for (id, options) in order.retune {
                if let Some(it) = self.listeners.iter_mut().find(|it| it.id == id) {
                    // Best effort: the options save work, no answer depends on them.
                    let _ = it.listener.retune(&options);
                }
            }
            for id in order.leave {
                self.leave(id);
            }
        }
        count
    }

    /// Lets nobody come to a listener any more, and closes it when those who were on their way have come.
    fn leave(&mut self, id: usize) {
        let now = self.state.now.millis;
        let Some(it) = self.listeners.iter_mut().find(|it| it.id == id) else {
            return;
        };
        // Without the filter a connection that begins just before the close is lost.
        let _ = it.listener.shut_out();
        it.closes_at = Some(now + LEAVING_MILLIS);
        it.queue = Queue::Unknown;
        self.with_context(|service, cx| service.drain_listener(cx, id));
    }

    /// Closes listeners whose time has come, and forgets those of which no connection is left.
    fn close_listeners(&mut self) -> usize {
        let now = self.state.now.millis;
        let mut count = 0;
        if self
            .listeners
            .iter()
            .any(|it| it.closes_at.is_some_and(|at| at <= now))
        {
            count = self.accept_all();
            let registry = self.poll.registry();
            for it in self
                .listeners
                .extract_if(.., |it| it.closes_at.is_some_and(|at| at <= now))
            {
                let fd = it.listener.as_fd().as_raw_fd();
                let _ = registry.deregister(&mut SourceFd(&fd));
                self.leaving.push((it.id, it.held));
            }
        }
        let service = &self.service;
        self.leaving
            .retain(|(id, _)| !service.is_listener_drained(*id));
        count
    }

    /// Accepts until nobody waits, or very many came.
    fn accept_all(&mut self) -> usize {
        let turns = CONNECTIONS_LEFT_MAX / ACCEPTS_PER_TURN;
        let mut count = 0;
        for _ in 0..turns {
            for accepting in &mut self.listeners {
                accepting.queue = Queue::Unknown;
            }
            match self.accept_unknown() {
                0 => break,
                accepted => count += accepted,
            }
        }
        count
    }

    /// Begins to stop: how many calls that took.
    fn drain(&mut self) -> usize {
        if self.state.draining_until.is_some() {
            return 0;
        }
        // Connections that were made before the listener closes are served: closing it would reset them.
        for accepting in &self.listeners {
            let _ = accepting.listener.shut_out();
        }
        let count = self.accept_all();
        self.state.draining_until = Some(
            self.state
                .now
                .millis
                .saturating_add(self.state.drain_millis),
        );
        // Closing the descriptor would not end the registration of a listener that workers share.
        for accepting in self.listeners.drain(..) {
            let fd = accepting.listener.as_fd().as_raw_fd();
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        self.with_context(|service, cx| service.drain(cx));
        count + 1
    }

    fn is_finished(&self) -> bool {
        self.state
            .draining_until
            .is_some_and(|until| until <= self.state.now.millis || self.service.is_drained())
    }

    fn expire(&mut self) -> usize {
        self.state
            .timers
            .advance(self.state.now.millis, &mut self.due);
        if self.due.is_empty() {
            return 0;
        }
        let mut due = std::mem::take(&mut self.due);
        let count = due.len();
        self.with_context(|service, cx| {
            for token in due.drain(..) {
                service.expired(cx, token);
            }
        });
        due.shrink_to(TOKENS_KEPT);
        self.due = due;
        count
    }

    fn with_context(&mut self, call: impl FnOnce(&mut S, &mut Context<'_>)) {
        let registry = self.poll.registry();
        call(
            &mut self.service,
            &mut Context {
                state: &mut self.state,
                registry,
            },
        );
    }
}

impl<S> Drop for Reactor<S> {
    fn drop(&mut self) {
        self.state.shared.gone();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long a listener that goes still takes connections that have begun: time for the round trips of a handshake, and one
/// retransmission.
const LEAVING_MILLIS: u64 = 1500;
/// Events taken in one call.
const EVENTS_MAX: usize = 512;
/// Batches before the runtime's other tasks get their turn.
const BATCHES_PER_TURN: usize = 32;
/// Calls before the runtime's other tasks get their turn; one turn exceeds it by less than a batch.
const CALLS_PER_TURN: u64 = 1024;
/// From so many calls in a batch on, more events are likely at hand after it.
const BUSY_MIN: usize = 2;
/// Connections accepted from the queues of closing listeners.
const CONNECTIONS_LEFT_MAX: usize = 4096;
/// Room for tokens that stays after a crowd.
const TOKENS_KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Control, ListenOptions, Peer, Stream, bind_all};
    use std::net::TcpStream;
    use std::thread;

    struct Nothing;

    impl Service for Nothing {
        fn accepted(&mut self, _: &mut Context<'_>, _: usize, _: Stream, _: Peer) {}
        fn ready(&mut self, _: &mut Context<'_>, _: Token, _: Readiness) {}
        fn woken(&mut self, _: &mut Context<'_>, _: Token) {}
        fn expired(&mut self, _: &mut Context<'_>, _: Token) {}
        fn batch_done(&mut self, _: &mut Context<'_>) {}
        fn drain(&mut self, _: &mut Context<'_>) {}

        fn is_drained(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_listener_that_cannot_be_watched_is_told_and_the_others_are_listened_on() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let control = Control::new();
        let start = control.attach(bind_all(&[], 1).unwrap()).pop().unwrap();
        let channel = (start.shared, start.orders);
        let mut reactor = Reactor::new(0, channel, Duration::ZERO, Nothing).unwrap();

        let address: Address = "127.0.0.1:0".parse().unwrap();
        let wanted = [(); 2].map(|()| (address.clone(), ListenOptions::default()));
        let rebound = control.bind(&wanted).unwrap();
        let added = rebound.added().to_vec();
        // The system refuses to watch what it watches.
        let fd = rebound.fresh[0].1.listeners[0].as_fd().as_raw_fd();
        let registry = reactor.poll.registry();
        registry
            .register(&mut SourceFd(&fd), mio::Token(9), Interest::READABLE)
            .unwrap();

        let ordering = control.clone();
        let applied = thread::spawn(move || ordering.apply(rebound, Duration::ZERO, |_, _| ()));
        while !applied.is_finished() {
            reactor.hear();
            thread::yield_now();
        }
        let unwatched = applied.join().unwrap();
        assert_eq!(unwatched.len(), 1);
        assert_eq!(unwatched[0].listener, added[0]);
        assert!(!unwatched[0].is_served);
        let port = |it: &crate::Reachable| it.address.port().unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port(&added[0]))).is_err());
        assert!(TcpStream::connect(("127.0.0.1", port(&added[1]))).is_ok());
        // The next time it is bound anew, as if it had not been asked for.
        let again = control.bind(&wanted).unwrap();
        assert_eq!((again.kept().len(), again.added().len()), (1, 1));
    }
}
