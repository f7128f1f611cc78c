//! What a worker runs, and what it is offered.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::Waker;

use mio::unix::SourceFd;
use mio::{Interest, Registry};

use crate::wake::Shared;
use crate::{Now, Peer, Stream, Timers, Token};

/// What a worker runs: the owner of its connections.
///
/// Every call happens on the worker's own thread and inside its runtime; none may wait. A panic in one ends the worker, and with it
/// the program (see docs/decisions/0002-reactor.md), so a service catches those of code it does not trust.
pub trait Service {
    /// A connection was accepted by the listener of that number: its place among those that were bound at first, or what
    /// [`Control::bind`](crate::Control::bind) gave it. It is not registered: the service may read from it at once, and registers it with
    /// [`Context::register`] only if it stays open. Dropping the stream closes it.
    fn accepted(&mut self, cx: &mut Context<'_>, listener: usize, stream: Stream, peer: Peer);

    /// A registered connection changed. Edge triggered: receive until `WouldBlock` or a short read, transmit until `WouldBlock`.
    /// With [`Readiness::is_read_closed`] receive on after a short read too: the end was told by this call. The token may be of a connection that is gone.
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

    /// The worker ends although connections are left: the time to drain is over, or it was told to end at once. It is the last call.
    fn cut_off(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// A listener goes, by [`Control::apply`](crate::Control::apply). Its connections are to end, but none before it answered what
    /// was sent on it. It may still bring some that had begun.
    fn drain_listener(&mut self, cx: &mut Context<'_>, listener: usize) {
        let _ = (cx, listener);
    }

    /// Whether no connection of a listener is left. Asked after each batch from when the listener was closed until it says yes;
    /// then another listener may get its number.
    fn is_listener_drained(&self, listener: usize) -> bool {
        let _ = listener;
        true
    }
}

/// What the reactor offers to its service.
pub struct Context<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) registry: &'a Registry,
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

    /// How long connections may take to end once they are asked to, in milliseconds.
    #[must_use]
    pub fn drain_millis(&self) -> u64 {
        self.state.drain_millis
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

    pub(crate) fn of(event: &mio::event::Event) -> Self {
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

/// The part of the reactor that services reach through [`Context`].
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Now,
    pub(crate) worker: usize,
    pub(crate) timers: Timers,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Counters,
    /// When draining ends by force; `None` while the worker runs.
    pub(crate) draining_until: Option<u64>,
    pub(crate) drain_millis: u64,
}

fn mio_token(token: Token) -> mio::Token {
    mio::Token((token.0 & !LISTENER_FLAG) as usize)
}

/// The top bit of a token, which [`Token::new`] never sets, marks those of listeners, and with [`OUTBOUND_FLAG`] those of connections that we made.
pub(crate) const LISTENER_FLAG: u64 = 1 << 63;
/// The bit below, which [`Token::new`] never sets either.
pub(crate) const OUTBOUND_FLAG: u64 = 1 << 62;
