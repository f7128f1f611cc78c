//! TLS over one socket: octets in the clear on one side, records on the other.
//!
//! ```text
//!   socket ──recv──▶ worker's scratch ──rustls──▶ caller's buffer
//!   socket ◀──send── worker's scratch ◀──rustls── caller's slices, or a piece of a file
//! ```
//!
//! Where to look next: `hello.rs` (the rules are chosen), `transmit.rs` (the other direction), `scratch.rs` (shared memory).
//!
//! Invariant: an idle session holds no octets. A record that is cut is kept until its rest comes, and what the socket did
//! not take until it does.

mod hello;
mod scratch;
mod transmit;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::retry_on_intr;
use rustix::net::RecvFlags;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::facts::{TlsFacts, TlsVersion};
use super::rules::with_server_name;
use super::{Tls, TlsFailure};
use crate::stream::{More, Received, Rest};
use hello::Hello;
use scratch::{
    HELD_OCTETS_MAX, RECEIVE_OCTETS, RECEIVE_OCTETS_MIN, SCRATCH, Scratch, UNEXPECTED_MESSAGE,
    encode, take,
};

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
    Failed,
}

struct Begun {
    connection: UnbufferedServerConnection,
    tls: Arc<Tls>,
    facts: Arc<TlsFacts>,
    /// The handshake is complete.
    is_open: bool,
}

/// What processing of received octets came to.
#[derive(Default)]
struct Processed {
    /// Octets in the clear that the caller got.
    clear_octets: usize,
    /// Octets of records that are ready to be sent.
    outgoing_octets: usize,
}

impl Session {
    pub(crate) fn new(tls: Arc<Tls>) -> Self {
        Self {
            state: State::Hello {
                tls,
                acceptor: None,
            },
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

    /// The peer closed without saying so (RFC 8446 §6.1). Requests have their own ends, so nothing is lost by it (RFC 9112 §9.8).
    fn cut_by_peer(&mut self) -> io::Result<Received> {
        self.is_ended = true;
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
                    return Err(self.fail(TlsFailure::Peer));
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
        let State::Begun(begun) = &mut self.state else {
            return None;
        };
        let (len, was_open) = (incoming.len(), begun.is_open);
        let connection = &mut begun.connection;
        let (UnbufferedStatus { discard, state }, name) = if was_open {
            (connection.process_tls_records(incoming), None)
        } else {
            with_server_name(|| connection.process_tls_records(incoming))
        };
        let Ok(state) = state else {
            return Some(Step::Failed);
        };
        let is_last = match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(Ok(record)) = traffic.next_record() {
                    take(
                        record.payload,
                        octets,
                        &mut done.clear_octets,
                        &mut self.clear,
                    );
                }
                discard == len
            }
            ConnectionState::EncodeTlsData(data) => {
                encode(data, outgoing, &mut done.outgoing_octets, &mut self.unsent);
                false
            }
            ConnectionState::TransmitTlsData(data) => {
                data.done();
                false
            }
            ConnectionState::PeerClosed => {
                self.is_ended = true;
                false
            }
            _ => true,
        };
        if name.is_some()
            && let Some(facts) = Arc::get_mut(&mut begun.facts)
        {
            facts.server_name = name;
        }
        if !was_open {
            begun.note_open();
        }
        Some(if is_last {
            Step::Last { discard }
        } else {
            Step::On { discard }
        })
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
        let State::Begun(begun) = &mut self.state else {
            return;
        };
        let mut has_word = false;
        // Only for as long as it has words: it must not look at octets again after it failed on some.
        while begun.connection.wants_write() {
            match begun.connection.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, outgoing, filled, &mut self.unsent);
                    has_word = true;
                }
                // Octets that came before the failure: nobody answers them.
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while traffic.next_record().is_some() {}
                }
                _ => break,
            }
        }
        if !has_word && begun.connection.negotiated_cipher_suite().is_none() {
            self.unsent
                .extend_from_slice(outgoing.get(..*filled).unwrap_or_default());
            *filled = 0;
            self.unsent.extend_from_slice(UNEXPECTED_MESSAGE);
        }
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

/// How far received octets were processed.
enum Step {
    /// There may be more in what is left.
    On { discard: usize },
    /// What is left is not complete.
    Last { discard: usize },
    /// The peer broke a rule.
    Failed,
}
