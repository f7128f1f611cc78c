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

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker, ready};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Registry};
use rustix::io::Errno;
use tokio::time::Sleep;

use crate::clock::LAG_MILLIS;
use crate::listen::Listener;
use crate::stream::accept;
use crate::sys::WatchedPoll;
use crate::wake::{self, Shared, Stop, TokenWaker};
use crate::{Now, Peer, Stream, Timers, Token};

/// What a worker runs: the owner of its connections.
///
/// Every call happens on the worker's own thread and inside its runtime; none may wait. A panic in one ends the worker, and with it
/// the program (see docs/decisions/0002-reactor.md), so a service catches those of code it does not trust.
pub trait Service {
    /// A connection was accepted. It is not registered: the service may read from it at once, and registers it with
    /// [`Context::register`] only if it stays open. Dropping the stream closes it.
    fn accepted(&mut self, cx: &mut Context<'_>, listener: usize, stream: Stream, peer: Peer);

    /// A registered connection changed. Edge triggered: receive until `WouldBlock` or a short read, transmit until `WouldBlock`.
    /// The token may be of a connection that is gone.
    fn ready(&mut self, cx: &mut Context<'_>, token: Token, readiness: Readiness);

    /// A waker of [`Context::waker`] was woken, once or more often. The token may be of a connection that is gone.
    fn woken(&mut self, cx: &mut Context<'_>, token: Token);

    /// A timer of [`Context::schedule`] fired. It may be one that is not wanted any more.
    fn expired(&mut self, cx: &mut Context<'_>, token: Token);

    /// All calls of a batch of events were made: the place to write out logs.
    fn batch_done(&mut self, cx: &mut Context<'_>);

    /// The worker stops: its listeners are closed. Idle connections are to be closed, the others when they are done.
    fn drain(&mut self, cx: &mut Context<'_>);

    /// Whether no connection is left. Asked after [`drain`](Self::drain).
    fn is_drained(&self) -> bool;
}

/// What the reactor offers to its service.
pub struct Context<'a> {
    state: &'a mut State,
    registry: &'a Registry,
}

impl Context<'_> {
    /// The time, read once for this batch.
    #[must_use]
    pub fn now(&self) -> Now {
        self.state.now
    }

    /// The number of this worker, from 0.
    #[must_use]
    pub fn worker(&self) -> usize {
        self.state.worker
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state.counters
    }

    /// Whether the worker was told to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.draining_until.is_some()
    }

    /// Calls [`Service::ready`] for the stream from here on, both directions, edge triggered. If it is ready already, that call
    /// follows in a later batch. Dropping the stream ends the registration.
    ///
    /// # Errors
    /// What the system says, such as that memory or watches are used up.
    pub fn register(&mut self, stream: &Stream, token: Token) -> io::Result<()> {
        let fd = stream.as_fd().as_raw_fd();
        self.registry.register(
            &mut SourceFd(&fd),
            mio_token(token),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Ends the calls for the stream while it stays open.
    ///
    /// # Errors
    /// What the system says, such as that it is not registered.
    pub fn deregister(&mut self, stream: &Stream) -> io::Result<()> {
        self.registry
            .deregister(&mut SourceFd(&stream.as_fd().as_raw_fd()))
    }

    /// A waker that leads to [`Service::woken`] with `token`, from any thread. It is an allocation, so keep it while it is of use.
    #[must_use]
    pub fn waker(&self, token: Token) -> Waker {
        self.state.shared.waker(token)
    }

    /// Calls [`Service::expired`] with `token` once [`Now::millis`] is `at_millis` or up to about 150 ms more. It cannot be
    /// cancelled.
    pub fn schedule(&mut self, token: Token, at_millis: u64) {
        self.state.timers.schedule(token, at_millis);
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What a worker counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Batches of events.
    pub batches: u64,
    /// Calls made in them: events, connections, wakes and timers.
    pub calls: u64,
    /// Times the worker slept.
    pub sleeps: u64,
    /// Connections that were closed at once because no descriptor was left.
    pub refused: u64,
}

/// How a connection changed. Several may hold at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Readiness(u8);

impl Readiness {
    const READABLE: u8 = 1;
    const WRITABLE: u8 = 2;
    const READ_CLOSED: u8 = 4;
    const ERROR: u8 = 8;

    /// Octets or an end can be received.
    #[must_use]
    pub fn is_readable(self) -> bool {
        self.0 & Self::READABLE != 0
    }

    /// The system takes octets.
    #[must_use]
    pub fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE != 0
    }

    /// The peer has ended its half, or all of the connection: what is received ends.
    #[must_use]
    pub fn is_read_closed(self) -> bool {
        self.0 & Self::READ_CLOSED != 0
    }

    /// The connection has failed.
    #[must_use]
    pub fn is_error(self) -> bool {
        self.0 & Self::ERROR != 0
    }

    fn of(event: &mio::event::Event) -> Self {
        let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
        Self(
            flag(event.is_readable(), Self::READABLE)
                | flag(event.is_writable(), Self::WRITABLE)
                | flag(event.is_read_closed(), Self::READ_CLOSED)
                | flag(event.is_error(), Self::ERROR),
        )
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            (self.is_readable(), "readable"),
            (self.is_writable(), "writable"),
            (self.is_read_closed(), "read closed"),
            (self.is_error(), "error"),
        ];
        f.debug_set()
            .entries(flags.iter().filter(|flag| flag.0).map(|flag| flag.1))
            .finish()
    }
}

/// A worker's reactor with its service. Lives on the worker's thread, inside the runtime.
pub(crate) struct Reactor<S> {
    poll: WatchedPoll,
    events: Events,
    listeners: Vec<Accepting>,
    state: State,
    drain_millis: u64,
    /// Held so that a connection can still be accepted, and closed, when no descriptor is left.
    spare: Option<OwnedFd>,
    alarm: Alarm,
    woken: Vec<Arc<TokenWaker>>,
    due: Vec<Token>,
    service: S,
}

/// The part of the reactor that services reach through [`Context`].
#[derive(Debug)]
struct State {
    now: Now,
    worker: usize,
    timers: Timers,
    shared: Arc<Shared>,
    counters: Counters,
    /// When draining ends by force; `None` while the worker runs.
    draining_until: Option<u64>,
}

#[derive(Debug)]
struct Accepting {
    listener: Listener,
    queue: Queue,
}

/// What is known of the connections that wait at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    /// None waits: an event will tell.
    Empty,
    /// Some may wait: ask without an event.
    Unknown,
    /// Some wait, but the system has no room before that time.
    Blocked(u64),
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
        listeners: Vec<Listener>,
        shared: Arc<Shared>,
        drain: Duration,
        service: S,
    ) -> io::Result<Self> {
        let poll = WatchedPoll::new()?;
        for (index, listener) in listeners.iter().enumerate() {
            let fd = listener.as_fd().as_raw_fd();
            let token = mio::Token(LISTENER_FLAG as usize | index);
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        }
        let now = Now::read();
        let state = State {
            now,
            worker,
            timers: Timers::new(now.millis),
            shared,
            counters: Counters::default(),
            draining_until: None,
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            listeners: listeners
                .into_iter()
                .map(|listener| Accepting {
                    listener,
                    queue: Queue::Unknown,
                })
                .collect(),
            state,
            drain_millis: u64::try_from(drain.as_millis()).unwrap_or(u64::MAX),
            spare: spare(),
            alarm: Alarm::new(now),
            woken: Vec::new(),
            due: Vec::new(),
            service,
        })
    }

    /// Runs batches until the service is drained. Never takes the runtime's other tasks more than a few batches' time.
    pub(crate) fn poll_run(&mut self, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        // What woke the task is answered by the first look for events; asking here saves an empty look before the next sleep.
        if let Poll::Ready(Err(error)) = self.poll.poll_changed(task) {
            return Poll::Ready(Err(error));
        }
        let last_call = self.state.counters.calls.saturating_add(CALLS_PER_TURN);
        for _ in 0..BATCHES_PER_TURN {
            let pace = self.batch()?;
            if self.is_finished() {
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
        self.state.counters.batches += 1;
        let mut count = self.dispatch();
        count += self.accept_unknown();
        count += self.hear();
        count += self.expire();
        if count > 0 {
            self.state.counters.calls += count as u64;
            self.with_context(|service, cx| service.batch_done(cx));
        }
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
            .min()
    }

    fn dispatch(&mut self) -> usize {
        let Self {
            poll,
            events,
            listeners,
            state,
            service,
            ..
        } = self;
        let registry = poll.registry();
        let mut count = 0;
        for event in &*events {
            count += 1;
            let token = event.token().0 as u64;
            if token & LISTENER_FLAG == 0 {
                service.ready(
                    &mut Context { state, registry },
                    Token(token),
                    Readiness::of(event),
                );
            } else if let Some(accepting) = listeners.get_mut((token & !LISTENER_FLAG) as usize)
                && accepting.queue == Queue::Empty
            {
                accepting.queue = Queue::Unknown;
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
        for (index, accepting) in listeners.iter_mut().enumerate() {
            if matches!(accepting.queue, Queue::Blocked(until) if until <= state.now.millis) {
                accepting.queue = Queue::Unknown;
            }
            if accepting.queue == Queue::Unknown {
                let mut cx = Context {
                    state,
                    registry: poll.registry(),
                };
                accepting.queue = accept_some(
                    index,
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

    fn hear(&mut self) -> usize {
        let Some(stop) = self.state.shared.hear(&mut self.woken) else {
            return 0;
        };
        let mut woken = std::mem::take(&mut self.woken);
        let count = woken.len();
        self.with_context(|service, cx| {
            for waker in woken.drain(..) {
                service.woken(cx, waker.taken());
            }
        });
        woken.shrink_to(TOKENS_KEPT);
        self.woken = woken;
        match stop {
            Stop::Run => {}
            Stop::Drain => self.drain(),
            Stop::End => self.state.draining_until = Some(0),
        }
        count
    }

    fn drain(&mut self) {
        if self.state.draining_until.is_some() {
            return;
        }
        // Connections that were made before the listener closes are served: closing it would reset them.
        let turns = CONNECTIONS_LEFT_MAX / ACCEPTS_PER_TURN;
        for _ in 0..turns {
            if self.accept_unknown() == 0 {
                break;
            }
            for accepting in &mut self.listeners {
                accepting.queue = Queue::Unknown;
            }
        }
        self.state.draining_until = Some(self.state.now.millis.saturating_add(self.drain_millis));
        // Closing the descriptor would not end the registration of a listener that workers share.
        for accepting in self.listeners.drain(..) {
            let fd = accepting.listener.as_fd().as_raw_fd();
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        self.with_context(|service, cx| service.drain(cx));
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

fn accept_some<S: Service>(
    index: usize,
    listener: &Listener,
    spare: &mut Option<OwnedFd>,
    cx: &mut Context<'_>,
    service: &mut S,
    count: &mut usize,
) -> Queue {
    for _ in 0..ACCEPTS_PER_TURN {
        match accept(listener.as_fd(), listener.kind) {
            Ok((stream, peer)) => {
                *count += 1;
                service.accepted(cx, index, stream, peer);
            }
            Err(Errno::AGAIN) => return Queue::Empty,
            Err(Errno::MFILE | Errno::NFILE) => match refuse_one(listener, spare) {
                Ok(()) => {
                    *count += 1;
                    cx.state.counters.refused += 1;
                }
                // The system looks for a descriptor before it looks for a connection.
                Err(Errno::AGAIN) => return Queue::Empty,
                Err(_) => return Queue::Blocked(cx.state.now.millis + BLOCKED_MILLIS),
            },
            Err(Errno::NOBUFS | Errno::NOMEM) => {
                return Queue::Blocked(cx.state.now.millis + BLOCKED_MILLIS);
            }
            // The error of one connection that has failed since (Linux accept(2)), or an interruption.
            Err(_) => {}
        }
    }
    Queue::Unknown
}

/// Accepts and closes one connection by giving up the spare descriptor for a moment. Without it the connection would wait for as
/// long as others last, and a peer could not tell that from a dead server.
fn refuse_one(listener: &Listener, spare: &mut Option<OwnedFd>) -> Result<(), Errno> {
    let had_spare = spare.take().is_some();
    let accepted = if had_spare {
        accept(listener.as_fd(), listener.kind)
    } else {
        Err(Errno::MFILE)
    };
    let accepted = accepted.map(drop);
    *spare = self::spare();
    accepted
}

fn spare() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

fn mio_token(token: Token) -> mio::Token {
    mio::Token((token.0 & !LISTENER_FLAG) as usize)
}

/// Wakes the task at the deadline nearest in time, and touches the runtime's timer only when that changes.
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<u64>,
    epoch: Instant,
    epoch_millis: u64,
}

impl Alarm {
    fn new(now: Now) -> Self {
        Self {
            sleep: None,
            armed: None,
            epoch: Instant::now(),
            epoch_millis: now.millis,
        }
    }

    fn poll(&mut self, deadline: Option<u64>, now: Now, task: &mut TaskContext<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if deadline <= now.millis {
            return Poll::Ready(());
        }
        if self.armed == Some(deadline) {
            // It has not fired, since that is after the deadline, and it holds the task's waker.
            return Poll::Pending;
        }
        let wait = deadline
            .saturating_sub(self.epoch_millis)
            .saturating_add(LAG_MILLIS);
        let at = tokio::time::Instant::from_std(
            self.epoch
                .checked_add(Duration::from_millis(wait))
                .unwrap_or(self.epoch),
        );
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        sleep.as_mut().reset(at);
        let fired = sleep.as_mut().poll(task);
        self.armed = if fired.is_ready() {
            None
        } else {
            Some(deadline)
        };
        fired
    }
}

/// The top bit of a token, which [`Token::new`] never sets, marks those of listeners.
const LISTENER_FLAG: u64 = 1 << 63;
/// Events taken in one call.
const EVENTS_MAX: usize = 512;
/// Batches before the runtime's other tasks get their turn.
const BATCHES_PER_TURN: usize = 32;
/// Calls before the runtime's other tasks get their turn; one turn exceeds it by less than a batch.
const CALLS_PER_TURN: u64 = 1024;
/// From so many calls in a batch on, more events are likely at hand after it.
const BUSY_MIN: usize = 2;
/// Connections accepted from one listener before others get their turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Connections accepted from the queues of closing listeners.
const CONNECTIONS_LEFT_MAX: usize = 4096;
/// How long accepting rests when the system has no room.
const BLOCKED_MILLIS: u64 = 100;
/// Room for tokens that stays after a crowd.
const TOKENS_KEPT: usize = 1024;
