//! TLS over one socket: octets in the clear on one side, records on the other.
//!
//! ```text
//!   socket ──recv──▶ worker's scratch ──rustls──▶ caller's buffer
//!   socket ◀──send── worker's scratch ◀──rustls── caller's slices, or a piece of a file
//! ```
//!
//! Invariant: an idle session holds no octets. A record that is cut is kept until its rest comes, and what the socket did
//! not take until it does.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags};
use rustls::server::ServerConnectionData;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};

use super::facts::{TlsFacts, TlsVersion};
use super::rules::with_server_name;
use super::{Tls, TlsFailure};
use crate::stream::{More, Received, Rest};

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

    /// Chooses the rules by the first message, if it has come whole.
    fn begin(
        &mut self,
        socket: &OwnedFd,
        scratch: &Scratch,
        held: usize,
        len: usize,
    ) -> io::Result<Hello> {
        let State::Hello { tls, acceptor } = &mut self.state else {
            return Ok(Hello::Begun);
        };
        if scratch.incoming.first().is_some_and(u8::is_ascii_uppercase) {
            tls.count(|counters| &counters.clear_text);
            return Ok(Hello::ClearText);
        }
        let sets = tls.current();
        let set = if sets.is_single() {
            0
        } else {
            let acceptor = acceptor.get_or_insert_default();
            let mut fresh = scratch.incoming.get(held..len).unwrap_or_default();
            match hello_name(acceptor, &mut fresh) {
                Ok(None) => return Ok(Hello::Incomplete),
                Ok(Some(name)) => name.map_or(0, |name| sets.find(&name)),
                Err(alert) => {
                    // Best effort: the connection is over.
                    let _ = rustix::net::send(socket, &alert, SendFlags::NOSIGNAL);
                    return Err(self.fail(TlsFailure::Peer));
                }
            }
        };
        let Some(config) = sets.config(set) else {
            return Err(self.fail(TlsFailure::Peer));
        };
        let Ok(connection) = UnbufferedServerConnection::new(config) else {
            return Err(self.fail(TlsFailure::Peer));
        };
        let tls = Arc::clone(tls);
        self.state = State::Begun(Box::new(Begun {
            connection,
            tls,
            facts: Arc::new(TlsFacts::begun(sets, set)),
            is_open: false,
        }));
        Ok(Hello::Begun)
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
                None => {
                    self.say_alert(socket, scratch, done.outgoing_octets);
                    return Err(self.fail(TlsFailure::Peer));
                }
            }
        }
        self.hold(scratch.incoming.get(start..len).unwrap_or_default())?;
        Ok(done)
    }

    /// Lets rustls go on until it has something for us; `None` when the peer broke a rule.
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
        let is_last = match state.ok()? {
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

    /// Encrypts and sends octets: how many of them were sent. After `WouldBlock` the same octets must be given again.
    pub(crate) fn transmit(
        &mut self,
        socket: &OwnedFd,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> io::Result<usize> {
        if let Some(octets) = self.settle_owed(socket)? {
            return Ok(octets);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch {
                gathered, outgoing, ..
            } = scratch;
            let clear = match slices {
                [only] => only.get(..PIECE_OCTETS).unwrap_or(only),
                several => {
                    gathered.clear();
                    for slice in several {
                        let room = PIECE_OCTETS - gathered.len();
                        gathered.extend_from_slice(slice.get(..room).unwrap_or(slice));
                    }
                    gathered
                }
            };
            self.seal(socket, clear, outgoing, more)
        })
    }

    /// As [`transmit`](Self::transmit), for a piece of a file. 0 is the end of the file.
    pub(crate) fn transmit_file(
        &mut self,
        socket: &OwnedFd,
        file: &File,
        offset: u64,
        octets: usize,
    ) -> io::Result<usize> {
        if let Some(octets) = self.settle_owed(socket)? {
            return Ok(octets);
        }
        if self.facts().is_none() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch {
                gathered, outgoing, ..
            } = scratch;
            gathered.resize(octets.min(PIECE_OCTETS), 0);
            let read = file.read_at(gathered, offset)?;
            let clear = gathered.get(..read).unwrap_or_default();
            let more = if read < octets { More::Yes } else { More::No };
            self.seal(socket, clear, outgoing, more)
        })
    }

    /// Sends what waits. If octets of the caller are part of it, they are reported when they are gone.
    fn settle_owed(&mut self, socket: &OwnedFd) -> io::Result<Option<usize>> {
        if (self.is_blocked || self.owed_octets > 0) && !self.flush(socket)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match std::mem::take(&mut self.owed_octets) {
            0 => Ok(None),
            octets => Ok(Some(octets)),
        }
    }

    /// Encrypts octets behind what waits, and sends all.
    fn seal(
        &mut self,
        socket: &OwnedFd,
        clear: &[u8],
        outgoing: &mut [u8],
        more: More,
    ) -> io::Result<usize> {
        if clear.is_empty() {
            return Ok(0);
        }
        let mut filled = 0;
        if !self.encrypt(Some(clear), outgoing, &mut filled)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let records = outgoing.get(..filled).unwrap_or_default();
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(records);
            if self.flush(socket)? {
                return Ok(clear.len());
            }
        } else {
            let sent = self.send(socket, records, more)?;
            if sent == records.len() {
                return Ok(clear.len());
            }
            self.unsent
                .extend_from_slice(records.get(sent..).unwrap_or_default());
        }
        self.owed_octets = clear.len();
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Appends records with these octets, or that there are no more, to `outgoing`: whether the handshake allows it.
    fn encrypt(
        &mut self,
        clear: Option<&[u8]>,
        outgoing: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<bool> {
        let failed = || io::Error::from(io::ErrorKind::InvalidData);
        let unsent = &mut self.unsent;
        let State::Begun(begun) = &mut self.state else {
            return Ok(false);
        };
        if !begun.is_open {
            return Ok(false);
        }
        loop {
            match begun.connection.process_tls_records(&mut []).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let room = outgoing.get_mut(*filled..).unwrap_or_default();
                    let sealed = match clear {
                        Some(clear) => traffic.encrypt(clear, room),
                        None => traffic.queue_close_notify(room),
                    };
                    *filled += sealed.map_err(|_: EncryptError| failed())?;
                    return Ok(true);
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, outgoing, filled, unsent);
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.is_ended = true,
                Ok(_) | Err(_) => return Err(failed()),
            }
        }
    }

    /// Says that our side ends (RFC 8446 §6.1), unless what was said is incomplete.
    pub(crate) fn end(&mut self, socket: &OwnedFd) {
        if std::mem::replace(&mut self.is_closed, true) || self.owed_octets > 0 {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut filled = 0;
            if matches!(
                self.encrypt(None, &mut scratch.outgoing, &mut filled),
                Ok(true)
            ) {
                self.unsent
                    .extend_from_slice(scratch.outgoing.get(..filled).unwrap_or_default());
                // Best effort: who does not take it learns of the end by the transport.
                let _ = self.flush(socket);
            }
        });
    }

    /// Tells the peer why, if rustls has a word for it.
    fn say_alert(&mut self, socket: &OwnedFd, scratch: &mut Scratch, mut filled: usize) {
        let State::Begun(begun) = &mut self.state else {
            return;
        };
        while let Ok(ConnectionState::EncodeTlsData(mut data)) =
            begun.connection.process_tls_records(&mut []).state
        {
            let room = scratch.outgoing.get_mut(filled..).unwrap_or_default();
            filled += data.encode(room).unwrap_or(0);
        }
        self.unsent
            .extend_from_slice(scratch.outgoing.get(..filled).unwrap_or_default());
        // Best effort: the connection is over.
        let _ = self.flush(socket);
    }

    fn fail(&mut self, why: TlsFailure) -> io::Error {
        self.is_closed = true;
        self.is_ended = true;
        self.count_failed();
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

/// How far the first message came.
enum Hello {
    Incomplete,
    ClearText,
    Begun,
}

/// How far received octets were processed.
enum Step {
    On { discard: usize },
    Last { discard: usize },
}

/// Feeds what came to `acceptor`: the server name, if any, once the first message is whole; the alert if it is malformed.
fn hello_name(
    acceptor: &mut Acceptor,
    fresh: &mut &[u8],
) -> Result<Option<Option<String>>, Vec<u8>> {
    while !fresh.is_empty() {
        if acceptor.read_tls(fresh).is_err() {
            return Err(Vec::new());
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                return Ok(Some(
                    accepted.client_hello().server_name().map(str::to_owned),
                ));
            }
            Err((_, mut alert)) => {
                let mut records = Vec::new();
                // A vector takes all.
                let _ = alert.write_all(&mut records);
                return Err(records);
            }
        }
    }
    Ok(None)
}

/// Gives octets in the clear to the caller, and keeps those for which it has no room.
fn take(from: &[u8], to: &mut [u8], filled: &mut usize, rest: &mut Vec<u8>) {
    let room = to.get_mut(*filled..).unwrap_or_default();
    let len = room.len().min(from.len());
    match (room.get_mut(..len), from.split_at_checked(len)) {
        (Some(room), Some((now, later))) if rest.is_empty() => {
            room.copy_from_slice(now);
            *filled += len;
            rest.extend_from_slice(later);
        }
        _ => rest.extend_from_slice(from),
    }
}

/// Appends a message of the handshake to `outgoing`; what it holds goes to `unsent` if there is no room.
fn encode(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    outgoing: &mut [u8],
    filled: &mut usize,
    unsent: &mut Vec<u8>,
) {
    for _ in 0..2 {
        match data.encode(outgoing.get_mut(*filled..).unwrap_or_default()) {
            Ok(octets) => {
                *filled += octets;
                return;
            }
            Err(EncodeError::AlreadyEncoded) => return,
            Err(EncodeError::InsufficientSize(_)) => {
                unsent.extend_from_slice(outgoing.get(..*filled).unwrap_or_default());
                *filled = 0;
            }
        }
    }
}

/// What all sessions of a thread share, since each call leaves nothing in it.
struct Scratch {
    incoming: Box<[u8]>,
    gathered: Vec<u8>,
    outgoing: Box<[u8]>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        incoming: vec![0; HELD_OCTETS_MAX + RECEIVE_OCTETS].into_boxed_slice(),
        gathered: Vec::new(),
        outgoing: vec![0; OUTGOING_OCTETS].into_boxed_slice(),
    });
}

/// The most that is received in one call.
const RECEIVE_OCTETS: usize = 64 * 1024;
/// What is received at least if it is there, however little room the caller has: records are taken whole.
const RECEIVE_OCTETS_MIN: usize = 2048;
/// Octets kept of what is not complete: a record has 16 KiB and some, a message of the handshake is as long as here.
const HELD_OCTETS_MAX: usize = 72 * 1024;
/// Octets that are encrypted in one turn.
const PIECE_OCTETS: usize = 64 * 1024;
/// Room for a piece in records of 16 KiB, for what goes before it, and for the largest message of a handshake.
const OUTGOING_OCTETS: usize = PIECE_OCTETS + 32 * 1024;
