//! TLS over one socket: octets in the clear on one side, records on the other.
//!
//! ```text
//!   socket ──recv──▶ worker's scratch ──rustls──▶ caller's buffer
//!   socket ◀──send── worker's scratch ◀──rustls── caller's slices, or a piece of a file
//! ```
//!
//! Where to look next: `hello.rs` (the rules are chosen), `outward.rs` (we are the client), `transmit.rs` (the other direction),
//! `side.rs` (what both sides do alike), `scratch.rs` (shared memory).
//!
//! Invariant: an idle session holds no octets. A record that is cut is kept until its rest comes, and what the socket did
//! not take until it does.

mod hello;
mod outward;
mod scratch;
mod side;
mod transmit;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::facts::{TlsFacts, TlsVersion};
use super::rules::with_server_name;
use super::{OutboundTlsFacts, Tls, TlsFailure, TlsFault};
use crate::stream::{More, Received, Rest};
use hello::Hello;
use outward::Outward;
use rustix::io::retry_on_intr;
use rustix::net::RecvFlags;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use scratch::{HELD_OCTETS_MAX, RECEIVE_OCTETS, RECEIVE_OCTETS_MIN, SCRATCH, Scratch};
use side::{Processed, Sinks, Step, go_on, last_words};

/// TLS over one socket.
pub(crate) struct Session {
    state: State,
    /// Received octets of a record, or of a message of the handshake, whose end has not come.
    held: Vec<u8>,
    /// Octets in the clear for which the caller had no room.
    clear: Vec<u8>,
    /// Records that the socket has not taken.
    unsent: Vec<u8>,
    /// Octets of the caller that are in `unsent`, and not reported as transmitted.
    owed_octets: usize,
    /// The socket took less than it was given.
    is_blocked: bool,
    /// The peer has ended its side.
    is_ended: bool,
    /// Our side is ended, or must not be as if all had been said.
    is_closed: bool,
}

enum State {
    /// The first message has not come whole.
    Hello {
        tls: Arc<Tls>,
        acceptor: Option<Box<Acceptor>>,
    },
    /// The rules are chosen.
    Begun(Box<Begun>),
    /// We are the client.
    Outward(Box<Outward>),
    Failed,
}

struct Begun {
    connection: UnbufferedServerConnection,
    tls: Arc<Tls>,
    facts: Arc<TlsFacts>,
    /// The handshake is complete.
    is_open: bool,
}

impl Session {
    pub(crate) fn new(tls: Arc<Tls>) -> Self {
        Self::with(State::Hello {
            tls,
            acceptor: None,
        })
    }

    fn with(state: State) -> Self {
        Self {
            state,
            held: Vec::new(),
            clear: Vec::new(),
            unsent: Vec::new(),
            owed_octets: 0,
            is_blocked: false,
            is_ended: false,
            is_closed: false,
        }
    }

    /// What was negotiated, once the handshake is complete.
    #[inline]
    pub(crate) fn facts(&self) -> Option<&Arc<TlsFacts>> {
        match &self.state {
            State::Begun(begun) if begun.is_open => Some(&begun.facts),
            _ => None,
        }
    }

    /// What was negotiated with a server, once the handshake is complete.
    pub(crate) fn outbound_facts(&self) -> Option<OutboundTlsFacts> {
        match &self.state {
            State::Outward(outward) => outward.facts(),
            _ => None,
        }
    }

    /// Whether octets of the caller can be transmitted.
    fn is_open(&self) -> bool {
        match &self.state {
            State::Begun(begun) => begun.is_open,
            State::Outward(outward) => outward.is_open(),
            State::Hello { .. } | State::Failed => false,
        }
    }

    /// Whether records wait for the socket to take them.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Octets of records that the socket has not taken.
    pub(crate) fn unsent_octets(&self) -> usize {
        self.unsent.len()
    }

    /// What is closed was not said to its end: the peer must not take it for the end.
    pub(crate) fn cut(&mut self) {
        self.is_closed = true;
    }

    /// Receives once, goes on with the handshake, and gives what is in the clear.
    pub(crate) fn receive(&mut self, socket: &OwnedFd, octets: &mut [u8]) -> io::Result<Received> {
        if !self.clear.is_empty() {
            return Ok(self.take_clear(octets));
        }
        if self.is_ended {
            return Ok(Received::ENDED);
        }
        SCRATCH.with_borrow_mut(|scratch| self.receive_once(socket, octets, scratch))
    }

    fn take_clear(&mut self, octets: &mut [u8]) -> Received {
        let len = self.clear.len().min(octets.len());
        if let (Some(to), Some(from)) = (octets.get_mut(..len), self.clear.get(..len)) {
            to.copy_from_slice(from);
        }
        self.clear.drain(..len);
        if self.clear.is_empty() {
            self.clear = Vec::new();
        }
        // Whether the socket has more was not asked.
        Received {
            octets: len,
            rest: Rest::More,
        }
    }

    fn receive_once(
        &mut self,
        socket: &OwnedFd,
        octets: &mut [u8],
        scratch: &mut Scratch,
    ) -> io::Result<Received> {
        let held = self.held.len();
        let wanted = octets
            .len()
            .saturating_sub(held)
            .clamp(RECEIVE_OCTETS_MIN, RECEIVE_OCTETS);
        let Some(room) = scratch.incoming.get_mut(held..held + wanted) else {
            return Err(self.fail(TlsFailure::HandshakeOctets));
        };
        let (_, received) =
            retry_on_intr(|| rustix::net::recv(socket, &mut *room, RecvFlags::empty()))?;
        if received == 0 {
            return self.cut_by_peer();
        }
        if let Some(start) = scratch.incoming.get_mut(..held) {
            start.copy_from_slice(&self.held);
        }
        let len = held + received;
        if let State::Hello { .. } = self.state {
            match self.begin(socket, scratch, held, len)? {
                Hello::Incomplete => {
                    self.hold(scratch.incoming.get(..len).unwrap_or_default())?;
                    return Ok(Received::nothing(received == wanted));
                }
                Hello::ClearText => {
                    return Ok(Received {
                        octets: 0,
                        rest: Rest::ClearText,
                    });
                }
                Hello::Begun => {}
            }
        }
        let processed = self.process(socket, scratch, len, octets)?;
        self.reply(socket, scratch, &processed)?;
        let rest = if received == wanted || !self.clear.is_empty() || self.is_ended {
            Rest::More
        } else {
            Rest::Drained
        };
        Ok(Received {
            octets: processed.clear_octets,
            rest,
        })
    }

    /// The peer closed without saying so (RFC 8446 §6.1). Requests have their own ends, so nothing is lost by it; an answer may be one that
    /// ends with the connection (RFC 9112 §9.8).
    fn cut_by_peer(&mut self) -> io::Result<Received> {
        self.is_ended = true;
        if let State::Outward(outward) = &self.state {
            let fault = match outward.is_open() {
                true => TlsFault::Cut,
                false => TlsFault::ClosedInHandshake,
            };
            self.is_closed = true;
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, fault));
        }
        if let State::Begun(begun) = &self.state
            && begun.is_open
        {
            begun.tls.count(|counters| &counters.truncated);
            return Ok(Received::ENDED);
        }
        self.count_failed();
        self.state = State::Failed;
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// Decrypts what came, and gathers what is to be said to it.
    fn process(
        &mut self,
        socket: &OwnedFd,
        scratch: &mut Scratch,
        len: usize,
        octets: &mut [u8],
    ) -> io::Result<Processed> {
        let mut done = Processed::default();
        let mut start = 0;
        loop {
            let incoming = scratch.incoming.get_mut(start..len).unwrap_or_default();
            let step = self.step(incoming, &mut scratch.outgoing, octets, &mut done);
            match step {
                Some(Step::On { discard }) => start += discard,
                Some(Step::Last { discard }) => {
                    start += discard;
                    break;
                }
                Some(Step::Failed) => {
                    let mut filled = done.outgoing_octets;
                    self.say_alert(&mut scratch.outgoing, &mut filled);
                    self.unsent
                        .extend_from_slice(scratch.outgoing.get(..filled).unwrap_or_default());
                    // Best effort: the connection is over.
                    let _ = self.flush(socket);
                    return Err(self.failed());
                }
                None => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        self.hold(scratch.incoming.get(start..len).unwrap_or_default())?;
        Ok(done)
    }

    /// Lets rustls go on until it has something for us; `None` after a failure.
    fn step(
        &mut self,
        incoming: &mut [u8],
        outgoing: &mut [u8],
        octets: &mut [u8],
        done: &mut Processed,
    ) -> Option<Step> {
        let mut sinks = Sinks {
            outgoing,
            octets,
            done,
            clear: &mut self.clear,
            unsent: &mut self.unsent,
            is_ended: &mut self.is_ended,
        };
        match &mut self.state {
            State::Begun(begun) => Some(begun.step(incoming, &mut sinks)),
            State::Outward(outward) => Some(outward.step(incoming, &mut sinks)),
            State::Hello { .. } | State::Failed => None,
        }
    }

    /// Keeps octets whose rest has not come.
    fn hold(&mut self, rest: &[u8]) -> io::Result<()> {
        if rest.is_empty() {
            if self.held.capacity() > 0 {
                self.held = Vec::new();
            }
            return Ok(());
        }
        if rest.len() > HELD_OCTETS_MAX {
            return Err(self.fail(TlsFailure::HandshakeOctets));
        }
        self.held.clear();
        self.held.extend_from_slice(rest);
        Ok(())
    }

    /// Sends what the handshake has to say. What follows the handshake, such as tickets, goes with the answer if a request is there.
    fn reply(
        &mut self,
        socket: &OwnedFd,
        scratch: &Scratch,
        processed: &Processed,
    ) -> io::Result<()> {
        let outgoing = scratch
            .outgoing
            .get(..processed.outgoing_octets)
            .unwrap_or_default();
        if outgoing.is_empty() && self.unsent.is_empty() {
            return Ok(());
        }
        let may_wait = processed.clear_octets > 0
            && self
                .facts()
                .is_some_and(|facts| facts.version == TlsVersion::Tls13);
        if may_wait || self.is_blocked {
            self.unsent.extend_from_slice(outgoing);
            return Ok(());
        }
        if self.unsent.is_empty() {
            let sent = self.send(socket, outgoing, More::No)?;
            self.unsent
                .extend_from_slice(outgoing.get(sent..).unwrap_or_default());
            return Ok(());
        }
        self.unsent.extend_from_slice(outgoing);
        self.flush(socket).map(drop)
    }

    /// Sends until all is taken or the socket takes no more: how many octets were taken.
    fn send(&mut self, socket: &OwnedFd, records: &[u8], more: More) -> io::Result<usize> {
        let mut sent = 0;
        while let Some(rest) = records.get(sent..).filter(|rest| !rest.is_empty()) {
            match retry_on_intr(|| rustix::net::send(socket, rest, more.flags())) {
                Ok(octets) => sent += octets,
                Err(rustix::io::Errno::AGAIN) => {
                    self.is_blocked = true;
                    return Ok(sent);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.is_blocked = false;
        Ok(sent)
    }

    /// Sends the records that wait: whether all were taken.
    pub(crate) fn flush(&mut self, socket: &OwnedFd) -> io::Result<bool> {
        let unsent = std::mem::take(&mut self.unsent);
        let sent = self.send(socket, &unsent, More::No)?;
        if sent < unsent.len() {
            self.unsent = unsent;
            self.unsent.drain(..sent);
            return Ok(false);
        }
        Ok(true)
    }

    /// Appends to `outgoing` why the connection ends (RFC 8446 §6.2).
    fn say_alert(&mut self, outgoing: &mut [u8], filled: &mut usize) {
        let unsent = &mut self.unsent;
        match &mut self.state {
            State::Begun(begun) => last_words(&mut begun.connection, outgoing, filled, unsent),
            State::Outward(outward) => outward.last_words(outgoing, filled, unsent),
            State::Hello { .. } | State::Failed => {}
        }
    }

    /// The peer broke a rule.
    fn failed(&mut self) -> io::Error {
        let fault = match &self.state {
            State::Outward(outward) => outward.fault(),
            _ => None,
        };
        let error = self.fail(TlsFailure::Peer);
        fault.map_or(error, |fault| {
            io::Error::new(io::ErrorKind::InvalidData, fault)
        })
    }

    fn fail(&mut self, why: TlsFailure) -> io::Error {
        self.is_closed = true;
        self.is_ended = true;
        match &self.state {
            State::Hello { tls, .. } => tls.count(|counters| &counters.failed),
            _ => self.count_failed(),
        }
        self.state = State::Failed;
        io::Error::new(io::ErrorKind::InvalidData, why)
    }

    fn count_failed(&self) {
        match &self.state {
            State::Begun(begun) if !begun.is_open => begun.tls.count(|counters| &counters.failed),
            State::Hello { tls, .. } if !self.held.is_empty() => {
                tls.count(|counters| &counters.failed);
            }
            _ => {}
        }
    }
}

impl Begun {
    fn step(&mut self, incoming: &mut [u8], sinks: &mut Sinks<'_>) -> Step {
        let was_open = self.is_open;
        let connection = &mut self.connection;
        let (step, name) = match was_open {
            true => (go_on(connection, incoming, sinks), None),
            false => with_server_name(|| go_on(connection, incoming, sinks)),
        };
        let Ok(step) = step else {
            return Step::Failed;
        };
        if name.is_some()
            && let Some(facts) = Arc::get_mut(&mut self.facts)
        {
            facts.server_name = name;
        }
        if !was_open {
            self.note_open();
        }
        step
    }

    /// The handshake may be complete.
    fn note_open(&mut self) {
        if self.connection.is_handshaking() {
            return;
        }
        self.is_open = true;
        // Nobody else has them before the handshake is complete.
        if let Some(facts) = Arc::get_mut(&mut self.facts) {
            facts.negotiated(&self.connection);
        }
        self.tls.count(|counters| &counters.handshakes);
        if self.facts.is_resumed {
            self.tls.count(|counters| &counters.resumed);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.count_failed();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("facts", &self.facts())
            .field("held", &self.held.len())
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}
