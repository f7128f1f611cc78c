//! Connections that we make, on the worker's own reactor.
//!
//! ```text
//!  holder ──receive, transmit──▶ Outbound ──▶ socket
//!    ▲                              │
//!    │                            Watch: what is known of the socket, who waits
//!    │                              │
//!    └──────────── wakers ◀───── Outside ◀── events, time ── reactor
//! ```
//!
//! The holder is any future on the worker's thread: one that a service polls, a task of the runtime. It needs no
//! [`Context`](crate::Context), since the worker leaves what it takes in a place of the thread.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, sockopt};

use crate::service::{LISTENER_FLAG, OUTBOUND_FLAG};
use crate::stream::StreamKind;
use crate::wake::Shared;
use crate::{
    Address, End, More, Now, OutboundTls, OutboundTlsFacts, Peer, Readiness, Received, Rest, Slots,
    Stream, Timers, TlsFault, TlsServerName, Token,
};

/// A connection that we made. Dropping it closes it.
///
/// One future at a time waits to receive, and one to transmit: of each, the last that asked is woken.
#[derive(Debug)]
pub struct Outbound {
    stream: Stream,
    watched: Watched,
}

impl Outbound {
    /// Connects, which takes up to `wait_millis` where that is said. What is sent leaves at once (TCP_NODELAY).
    ///
    /// # Errors
    /// `TimedOut`; `Unsupported` outside a worker of [`run`](crate::run()); else what the system says.
    pub async fn connect(address: &Address, wait_millis: Option<u64>) -> io::Result<Self> {
        let outside = Outside::here()?;
        let since = Now::read().millis;
        let mut begun = begin(address)?;
        while begun.is_none() {
            let waited = Now::read().millis.saturating_sub(since);
            if wait_millis.is_some_and(|wait| waited >= wait) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            crate::sleep(FULL_QUEUE_WAIT).await;
            begun = begin(address)?;
        }
        let Some((stream, is_complete)) = begun else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let watched = outside.watch(&stream, is_complete)?;
        let mut outbound = Self { stream, watched };
        outbound.limit_wait(wait_millis);
        poll_fn(|cx| outbound.poll_connected(cx, address)).await?;
        outbound.limit_wait(None);
        Ok(outbound)
    }

    /// Makes a handshake of TLS as the client, which takes up to `wait_millis` where that is said. The server must show a
    /// certificate for `name`.
    ///
    /// # Errors
    /// `TimedOut`; what the system says; else an error with a [`TlsFault`](crate::TlsFault) inside.
    pub async fn secure(
        mut self,
        tls: &OutboundTls,
        name: &TlsServerName,
        wait_millis: Option<u64>,
    ) -> io::Result<Self> {
        self.stream.begin_tls(tls, name)?;
        self.limit_wait(wait_millis);
        poll_fn(|cx| self.poll_handshake(cx)).await?;
        self.limit_wait(None);
        Ok(self)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.stream.outbound_tls().is_none() {
            let received = ready!(self.poll_receive(cx, &mut []))?;
            if received.rest == Rest::Ended {
                let fault = TlsFault::ClosedInHandshake;
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, fault)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What was negotiated; `None` without TLS.
    #[must_use]
    pub fn tls(&self) -> Option<OutboundTlsFacts> {
        self.stream.outbound_tls()
    }

    /// A connection that is there already, with a socket of this machine.
    ///
    /// # Errors
    /// `Unsupported` outside a worker of [`run`](crate::run()); else what the system says.
    pub(crate) fn of(socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let stream = Stream::new(socket.into(), StreamKind::Unix);
        let watched = Outside::here()?.watch(&stream, true)?;
        Ok(Self { stream, watched })
    }

    fn poll_connected(&mut self, cx: &mut Context<'_>, address: &Address) -> Poll<io::Result<()>> {
        ready!(self.watched.watch.poll_writable(cx))?;
        sockopt::socket_error(&self.stream)??;
        if meets_itself(&self.stream, address) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        Poll::Ready(Ok(()))
    }

    /// Receives what has come. With TLS there may be no octets although something was received.
    ///
    /// # Errors
    /// `TimedOut` if nothing has come in the time of [`limit_wait`](Self::limit_wait); else as [`Stream::try_receive`], never `WouldBlock`.
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        loop {
            if self.stream.is_blocked() {
                self.poll_flush(cx)?;
            }
            ready!(self.watched.watch.poll_readable(cx))?;
            match self.try_receive(octets) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Lets go what TLS has to say of its own, such as the end of the handshake or other keys: whoever only receives would never send it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.stream.is_blocked() {
            let watch = &self.watched.watch;
            match watch.poll(&watch.is_writable, &watch.flusher, cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
            self.stream.flush()?;
            if self.stream.is_blocked() {
                watch.is_writable.set(false);
            }
        }
        Ok(())
    }

    fn try_receive(&mut self, octets: &mut [u8]) -> io::Result<Received> {
        let watch = &self.watched.watch;
        let done = self.stream.try_receive(octets);
        match &done {
            // Nothing is left, unless the peer has ended its side: then the end is left.
            Ok(received) if received.rest == Rest::Drained => {
                watch.is_readable.set(watch.is_read_closed.get());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => watch.is_readable.set(false),
            Ok(_) | Err(_) => {}
        }
        done
    }

    /// Transmits as many of the octets as the system takes, at least one unless there are none.
    ///
    /// # Errors
    /// `TimedOut` if it takes none in the time of [`limit_wait`](Self::limit_wait); else as [`Stream::try_transmit`], never `WouldBlock`.
    pub fn poll_transmit(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
        more: More,
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, |stream| stream.try_transmit(octets, more))
    }

    /// As [`poll_transmit`](Self::poll_transmit), for several slices in one call.
    ///
    /// # Errors
    /// As there.
    pub fn poll_transmit_vectored(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[IoSlice<'_>],
        more: More,
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, |stream| stream.try_transmit_vectored(octets, more))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&mut Stream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.watched.watch.poll_writable(cx))?;
            match write(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.watched.watch.is_writable.set(false);
                }
                done => return Poll::Ready(done),
            }
        }
    }

    /// Bounds how long receiving and transmitting are pending from here on, up to about 150 ms more: what would be pending after that is
    /// `TimedOut`. `None` takes the bound away. It costs no timer of the runtime.
    pub fn limit_wait(&mut self, millis: Option<u64>) {
        let Watched {
            watch,
            token,
            outside,
        } = &self.watched;
        watch.is_late.set(false);
        let Some(millis) = millis else {
            watch.deadline.set(u64::MAX);
            return;
        };
        let now = Now::of_batch().millis;
        let deadline = now.saturating_add(millis);
        watch.deadline.set(deadline);
        outside.set_timer(*token, watch, now);
    }

    /// Whether nothing has come and the peer has not closed, as it must be before an idle connection is used again. Asks the system only if an event
    /// has left doubt; what was received then is lost, since the connection is of no use.
    pub fn is_quiet(&mut self) -> bool {
        if !self.watched.watch.is_readable.get() {
            return true;
        }
        match self.try_receive(&mut [0]) {
            Ok(received) => received.octets == 0 && received.rest == Rest::Drained,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Whether it rests: nobody waits for anything on it, and what comes unasked is told to who waits in [`poll_disturbed`].
    #[inline]
    pub fn set_resting(&mut self, is_resting: bool) {
        self.watched.watch.is_resting.set(is_resting);
    }

    /// This connection as an end of a relay.
    pub fn end(&mut self) -> End<'_> {
        let watch = &self.watched.watch;
        End::new(
            &mut self.stream,
            &watch.is_readable,
            &watch.is_writable,
            watch.is_read_closed.get(),
            watch.has_failed.get(),
        )
    }

    /// Lets `cx` be woken when it becomes readable, or writable, where it is not.
    pub fn await_change(&self, cx: &mut Context<'_>) {
        let watch = &self.watched.watch;
        // A bound that has passed is told to who receives or transmits.
        let _ = watch.poll_readable(cx);
        let _ = watch.poll_writable(cx);
    }

    /// Ends the outgoing half: the peer sees the end once it has all octets. The incoming half stays.
    ///
    /// # Errors
    /// What the system says, such as `NotConnected`.
    pub fn shutdown_transmit(&mut self) -> io::Result<()> {
        self.stream.shutdown_transmit()
    }

    /// Closes in good order.
    pub fn close(self) {
        self.stream.close();
    }

    /// Closes at once and drops what is not delivered; a TCP peer sees a reset.
    pub fn reset(self) {
        self.stream.reset();
    }

    /// The other end, asked of the system.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.stream.peer()
    }

    /// The address of this end; `None` for a unix socket.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.stream.local()
    }
}

/// Ready when octets or an end came on a connection of this worker that [rests](Outbound::set_resting), once for all since the last time. One
/// task of each worker waits for it: of several the last that asked is woken.
///
/// It is never ready outside a worker of [`run`](crate::run()).
pub fn poll_disturbed(cx: &mut Context<'_>) -> Poll<()> {
    let Ok(outside) = Outside::here() else {
        return Poll::Pending;
    };
    if outside.is_disturbed.replace(false) {
        return Poll::Ready(());
    }
    outside.keeper.set(Some(cx.waker().clone()));
    Poll::Pending
}

/// A place in the table of the worker, given back when it is dropped.
struct Watched {
    watch: Rc<Watch>,
    token: Token,
    outside: Rc<Outside>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Closing the socket ends what the system watches.
        let gone = self.outside.watches.borrow_mut().remove(self.token);
        drop(gone);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.token).finish()
    }
}

/// What is known of a socket by its events, and who waits for the next.
struct Watch {
    is_readable: Cell<bool>,
    is_writable: Cell<bool>,
    /// The peer has ended its side; there may be octets before the end.
    is_read_closed: Cell<bool>,
    /// The system says that it failed.
    has_failed: Cell<bool>,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    /// Who receives while something waits to be sent.
    flusher: Cell<Option<Waker>>,
    /// When waiting ends, in [`Now::millis`]; `u64::MAX` is never.
    deadline: Cell<u64>,
    /// When the timer that is set fires at the latest; `u64::MAX` if none is.
    timer: Cell<u64>,
    /// The deadline has passed.
    is_late: Cell<bool>,
    /// Nobody waits, and what happens is told to who looks after those that rest.
    is_resting: Cell<bool>,
}

impl Watch {
    fn new(is_writable: bool) -> Self {
        Self {
            is_readable: Cell::new(false),
            is_writable: Cell::new(is_writable),
            is_read_closed: Cell::new(false),
            has_failed: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
            flusher: Cell::new(None),
            deadline: Cell::new(u64::MAX),
            timer: Cell::new(u64::MAX),
            is_late: Cell::new(false),
            is_resting: Cell::new(false),
        }
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(&self.is_readable, &self.reader, cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(&self.is_writable, &self.writer, cx)
    }

    fn poll(
        &self,
        is_ready: &Cell<bool>,
        waiting: &Cell<Option<Waker>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if is_ready.get() {
            return Poll::Ready(Ok(()));
        }
        if self.is_late.get() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let waker = match waiting.take() {
            Some(waker) if waker.will_wake(cx.waker()) => waker,
            _ => cx.waker().clone(),
        };
        waiting.set(Some(waker));
        Poll::Pending
    }

    /// What the system says of the socket. An error is met by whoever receives or transmits next.
    fn note(&self, readiness: Readiness) {
        self.is_read_closed
            .set(self.is_read_closed.get() | readiness.is_read_closed());
        self.has_failed
            .set(self.has_failed.get() | readiness.is_error());
        if readiness.is_readable() | readiness.is_read_closed() | readiness.is_error() {
            self.is_readable.set(true);
            wake(&self.reader);
        }
        if readiness.is_writable() | readiness.is_error() {
            self.is_writable.set(true);
            wake(&self.writer);
            wake(&self.flusher);
        }
    }
}

fn wake(waiting: &Cell<Option<Waker>>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// All connections that a worker has made: what its reactor and its futures share.
pub(crate) struct Outside {
    registry: Registry,
    watches: RefCell<Slots<Rc<Watch>>>,
    timers: RefCell<Timers>,
    /// When [`expire`](Self::expire) is due; `u64::MAX` while no timer is set.
    due_millis: Cell<u64>,
    /// The reactor sleeps until what it knew of was due.
    is_asleep: Cell<bool>,
    /// Something happened on a connection that rests, and nobody was told.
    is_disturbed: Cell<bool>,
    /// Who looks after those that rest.
    keeper: Cell<Option<Waker>>,
    shared: Arc<Shared>,
}

impl Outside {
    /// The table of a worker whose thread this is; futures find it until the place is dropped.
    pub(crate) fn place(registry: &Registry, shared: Arc<Shared>) -> io::Result<Place> {
        let outside = Rc::new(Self {
            registry: registry.try_clone()?,
            watches: RefCell::default(),
            timers: RefCell::new(Timers::new(Now::read().millis)),
            due_millis: Cell::new(u64::MAX),
            is_asleep: Cell::new(false),
            is_disturbed: Cell::new(false),
            keeper: Cell::new(None),
            shared,
        });
        HERE.set(Some(Rc::clone(&outside)));
        Ok(Place(outside))
    }

    fn here() -> io::Result<Rc<Self>> {
        HERE.with_borrow(Clone::clone)
            .ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn watch(self: &Rc<Self>, stream: &Stream, is_writable: bool) -> io::Result<Watched> {
        let watch = Rc::new(Watch::new(is_writable));
        let token = self
            .watches
            .borrow_mut()
            .insert(Rc::clone(&watch))
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        let watched = Watched {
            watch,
            token,
            outside: Rc::clone(self),
        };
        self.registry.register(
            &mut SourceFd(&stream.as_fd().as_raw_fd()),
            mio::Token((token.0 | LISTENER_FLAG | OUTBOUND_FLAG) as usize),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(watched)
    }

    /// An event came, with a token that has [`OUTBOUND_FLAG`].
    pub(crate) fn ready(&self, token: u64, readiness: Readiness) {
        let token = Token(token & !(LISTENER_FLAG | OUTBOUND_FLAG));
        // Whoever is woken may close a connection at once, so nothing stays borrowed.
        let watch = self.watches.borrow().get(token).map(Rc::clone);
        if let Some(watch) = watch {
            watch.note(readiness);
            if watch.is_resting.get() && watch.is_readable.get() {
                self.is_disturbed.set(true);
                wake(&self.keeper);
            }
        }
    }

    /// Lets the watch be looked at when its deadline has come, or before.
    fn set_timer(&self, token: Token, watch: &Watch, now: u64) {
        let at = watch
            .deadline
            .get()
            .min(now.saturating_add(TIMER_MILLIS_MAX));
        if at >= watch.timer.get() {
            return;
        }
        watch.timer.set(at);
        let mut timers = self.timers.borrow_mut();
        timers.schedule(token, at);
        let due = timers.next_millis().unwrap_or(u64::MAX);
        if due < self.due_millis.replace(due) && self.is_asleep.get() {
            self.shared.nudge();
        }
    }

    /// Ends the waiting of those whose deadline has passed; says how many timers fired.
    pub(crate) fn expire(&self, now: u64) -> usize {
        let mut due = Vec::new();
        self.timers.borrow_mut().advance(now, &mut due);
        for &token in &due {
            let watch = self.watches.borrow().get(token).map(Rc::clone);
            let Some(watch) = watch else { continue };
            watch.timer.set(u64::MAX);
            if watch.deadline.get() <= now {
                watch.is_late.set(true);
                wake(&watch.reader);
                wake(&watch.writer);
            } else if watch.deadline.get() < u64::MAX {
                self.set_timer(token, &watch, now);
            }
        }
        let next = self.timers.borrow().next_millis();
        self.due_millis.set(next.unwrap_or(u64::MAX));
        due.len()
    }

    /// When [`expire`](Self::expire) is to be called.
    #[inline]
    pub(crate) fn due_millis(&self) -> u64 {
        self.due_millis.get()
    }

    /// Whether the reactor sleeps: then it has to be told of what is due earlier than all it knew.
    #[inline]
    pub(crate) fn set_asleep(&self, is_asleep: bool) {
        self.is_asleep.set(is_asleep);
    }
}

/// Holds the place where the futures of this thread find the table.
pub(crate) struct Place(Rc<Outside>);

impl std::ops::Deref for Place {
    type Target = Outside;

    #[inline]
    fn deref(&self) -> &Outside {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

thread_local! {
    static HERE: RefCell<Option<Rc<Outside>>> = const { RefCell::new(None) };
}

/// Begins to connect: the stream, and whether that is complete. `None` if the queue of the other end is full, which a unix socket tells by
/// refusing to wait (Linux unix(7), connect(2)).
fn begin(address: &Address) -> io::Result<Option<(Stream, bool)>> {
    let (fd, kind, done) = match address {
        Address::Inet(inet) => {
            let family = match inet {
                SocketAddr::V4(_) => AddressFamily::INET,
                SocketAddr::V6(_) => AddressFamily::INET6,
            };
            let fd = socket(family)?;
            sockopt::set_tcp_nodelay(&fd, true)?;
            let done = rustix::net::connect(&fd, inet);
            (fd, StreamKind::Tcp, done)
        }
        Address::Unix(path) => {
            let fd = socket(AddressFamily::UNIX)?;
            let done = rustix::net::connect(&fd, &SocketAddrUnix::new(path)?);
            (fd, StreamKind::Unix, done)
        }
    };
    match done {
        Ok(()) => Ok(Some((Stream::new(fd, kind), true))),
        // An interrupted call goes on as one that does not wait.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Some((Stream::new(fd, kind), false))),
        Err(Errno::AGAIN) if kind == StreamKind::Unix => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Where nobody listens on a port that the system gives out, a connection can be given that port and meet itself (RFC 9293 §3.5, simultaneous
/// open).
fn meets_itself(stream: &Stream, address: &Address) -> bool {
    matches!(address, Address::Inet(inet) if inet.ip().is_loopback() && stream.local() == Some(*inet))
}

/// A socket that never blocks and that programs which are started do not inherit.
fn socket(family: AddressFamily) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    let fd = {
        use rustix::net::SocketFlags;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        rustix::net::socket_with(family, SocketType::STREAM, flags, None)?
    };
    #[cfg(not(target_os = "linux"))]
    let fd = {
        let fd = rustix::net::socket(family, SocketType::STREAM, None)?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        fd
    };
    Ok(fd)
}

/// How long a full queue of a unix socket is left alone: nothing tells when there is room.
const FULL_QUEUE_WAIT: Duration = Duration::from_millis(5);
/// No timer is set further away: it outlives its connection.
const TIMER_MILLIS_MAX: u64 = 15_000;

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};

    #[test]
    fn a_connection_that_meets_itself_is_told_apart() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&loopback.into()).unwrap();
        let own = socket.local_addr().unwrap();
        socket.connect(&own).unwrap();
        let address = Address::Inet(own.as_socket().unwrap());
        let stream = Stream::new(socket.into(), StreamKind::Tcp);
        assert!(meets_itself(&stream, &address));
        assert!(!meets_itself(&stream, &Address::Inet(loopback)));
    }
}
