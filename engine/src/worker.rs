//! The service that `net` drives on each core: all connections of one worker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http1::Policy;
use net::{Context, Peer, Readiness, Service, Slots, Stream, Token};
use semantics::CloseReason;

use crate::connection::{Connection, Next};
use crate::core::Core;
use crate::listeners::Listeners;
use crate::{Admission, Handler, Recorder};

/// How a worker behaves.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// What is refused, and the limits, for each listener in the order in which they were bound. Not empty.
    pub policies: Vec<Policy>,
    /// The value of the Server field; `None` leaves it out (RFC 9110 §10.2.4).
    pub server_field: Option<String>,
}

/// What replaces the handler and all that goes with it while a worker runs.
#[derive(Debug)]
pub struct Change<H, R> {
    /// The policies of listeners that stay or come, each with the number that `net` gave it.
    pub policies: Vec<(usize, Policy)>,
    /// Those of these listeners that speak TLS. Connections that came before a listener began or ceased to do so are let go: what
    /// is said to be served by TLS alone is not served on one that is in the clear.
    pub secured: Vec<usize>,
    /// As in [`WorkerOptions`].
    pub server_field: Option<String>,
    /// Answers the requests whose heads come after the change.
    pub handler: H,
    /// Is told of the exchanges that end after the change.
    pub recorder: R,
}

/// All connections of one worker.
#[derive(Debug)]
pub struct Worker<H, R> {
    connections: Slots<Connection>,
    core: Core<H, R>,
    /// What comes next, once all workers have theirs.
    prepared: Option<Box<Change<H, R>>>,
    /// Where octets are received; shared by all connections, since each is processed at once.
    buffer: Box<[u8]>,
}

impl<H: Handler, R: Recorder> Worker<H, R> {
    /// A worker without connections.
    pub fn new(options: WorkerOptions, handler: H, recorder: R, admission: Arc<Admission>) -> Self {
        let mut policies = options.policies;
        if policies.is_empty() {
            policies.push(Policy::strict());
        }
        let listeners = Listeners::new(policies);
        let server = options.server_field.map(octets);
        Self {
            connections: Slots::default(),
            core: Core::new(handler, recorder, listeners, server, admission),
            prepared: None,
            buffer: vec![0; RECEIVE_OCTETS].into_boxed_slice(),
        }
    }

    /// Keeps a change until [`Self::commit`]; another one replaces it.
    pub fn prepare(&mut self, change: Change<H, R>) {
        self.prepared = Some(Box::new(change));
    }

    /// Forgets what was prepared.
    pub fn discard(&mut self) {
        self.prepared = None;
    }

    /// Goes over to what was prepared, if anything was. To be called between two batches, as [`net::Control`] does.
    ///
    /// Connections stay, and their next request meets what is new. Exchanges under way keep the future that answers them, and
    /// requests that have begun to arrive the policy by which they began.
    pub fn commit(&mut self) {
        let Some(change) = self.prepared.take() else {
            return;
        };
        let change = *change;
        for connection in self.connections.values_mut() {
            connection.keep_policy(&self.core.listeners);
        }
        let mut outdated = Vec::new();
        for token in self.connections.tokens() {
            let Some(connection) = self.connections.get(token) else {
                continue;
            };
            let number = connection.listener;
            let stays = change.policies.iter().any(|(stays, _)| *stays == number);
            if stays && connection.stream.is_secured() != change.secured.contains(&number) {
                outdated.push(token);
            }
        }
        for token in outdated {
            match self.connections.get_mut(token) {
                Some(connection) if !connection.is_idle() => connection.leave(),
                _ => self.remove(token, Next::Close),
            }
        }
        for (number, policy) in change.policies {
            self.core.listeners.set(number, policy);
        }
        let server = change.server_field.map(octets);
        self.core.replace(change.handler, change.recorder, server);
    }

    /// Connections that are tunnels.
    pub fn tunnels(&mut self) -> usize {
        self.connections
            .values_mut()
            .filter(|connection| connection.is_tunnel())
            .count()
    }

    /// The handler.
    pub fn handler(&self) -> &H {
        &self.core.handler
    }

    /// Gives a connection its turn, and takes it out when that was its last.
    #[inline]
    fn with(
        &mut self,
        cx: &mut Context<'_>,
        token: Token,
        turn: impl FnOnce(&mut Connection, &mut Core<H, R>, &mut [u8], &mut Context<'_>) -> Next,
    ) {
        self.core.refresh(cx.now());
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let (core, buffer) = (&mut self.core, &mut self.buffer);
        // A handler that panics costs its connection, not the server.
        let next = catch_unwind(AssertUnwindSafe(|| turn(connection, core, buffer, cx)));
        let cut = next.is_err().then(|| give_up(connection, core));
        let next = self.core.checked(next.ok());
        match cut.unwrap_or(next) {
            Next::Keep => {}
            next => self.remove(token, next),
        }
    }

    fn remove(&mut self, token: Token, next: Next) {
        let Some(connection) = self.connections.remove(token) else {
            return;
        };
        self.core.listeners.leave(connection.listener);
        self.let_out(&connection);
        end(connection.stream, next);
    }

    fn let_out(&mut self, connection: &Connection) {
        if connection.is_admitted {
            self.core.admission.leave(connection.peer.ip());
        } else {
            self.core.admission.leave_turned_away();
        }
    }
}

impl<H: Handler, R: Recorder> Service for Worker<H, R> {
    fn accepted(&mut self, cx: &mut Context<'_>, listener: usize, stream: Stream, peer: Peer) {
        self.core.refresh(cx.now());
        let number = self.core.admission.number();
        let mut connection = Connection::new(stream, peer, number, listener, cx.now().millis);
        let token = self.connections.next_token();
        let admitted = self
            .core
            .admission
            .enter(peer.ip(), self.core.limits(listener));
        if admitted.is_err() {
            // A handshake for nothing but to say no would cost more than what is refused.
            if connection.stream.is_secured() || !self.core.admission.turn_away() {
                return;
            }
            connection.is_admitted = false;
        }
        let (core, buffer) = (&mut self.core, &mut self.buffer);
        // Often the request came with the connection: if it is answered and over, the reactor never hears of it.
        let next = catch_unwind(AssertUnwindSafe(|| match admitted {
            Ok(()) => connection.turn(core, buffer, cx, token),
            Err(limit) => connection.refuse(limit, core, buffer, cx, token),
        }));
        let cut = next.is_err().then(|| give_up(&mut connection, core));
        let next = self.core.checked(next.ok());
        let next = cut.unwrap_or(next);
        if next == Next::Keep && cx.register(&connection.stream, token).is_ok() {
            match self.connections.insert(connection) {
                Ok(_) => self.core.listeners.enter(listener),
                Err(connection) => self.let_out(&connection),
            }
        } else {
            self.let_out(&connection);
            end(connection.stream, next);
        }
    }

    #[inline]
    fn ready(&mut self, cx: &mut Context<'_>, token: Token, readiness: Readiness) {
        self.with(cx, token, |connection, core, buffer, cx| {
            connection.note(readiness);
            connection.turn(core, buffer, cx, token)
        });
    }

    fn woken(&mut self, cx: &mut Context<'_>, token: Token) {
        self.with(cx, token, |connection, core, buffer, cx| {
            connection.turn(core, buffer, cx, token)
        });
    }

    fn expired(&mut self, cx: &mut Context<'_>, token: Token) {
        self.with(cx, token, |connection, core, buffer, cx| {
            connection.expired(core, buffer, cx, token)
        });
    }

    fn batch_done(&mut self, _cx: &mut Context<'_>) {
        self.core.batch_done();
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        let tokens: Vec<Token> = self.connections.tokens().collect();
        for token in tokens {
            self.with(cx, token, |connection, core, buffer, cx| {
                if connection.is_idle() {
                    return connection.end_idle(core, buffer, cx, token);
                }
                connection.drain();
                connection.turn(core, buffer, cx, token)
            });
        }
    }

    fn is_drained(&self) -> bool {
        self.connections.is_empty()
    }

    fn cut_off(&mut self, cx: &mut Context<'_>) {
        self.core.refresh(cx.now());
        let tokens: Vec<Token> = self.connections.tokens().collect();
        for token in tokens {
            let Some(connection) = self.connections.get_mut(token) else {
                continue;
            };
            let next = connection.cut();
            connection.abandon(&mut self.core, CloseReason::Drain);
            self.remove(token, next);
        }
        self.core.batch_done();
    }

    fn drain_listener(&mut self, cx: &mut Context<'_>, listener: usize) {
        self.core
            .listeners
            .go(listener, cx.now().millis, cx.drain_millis());
        let tokens: Vec<Token> = self.connections.tokens().collect();
        for token in tokens {
            self.with(cx, token, |connection, core, buffer, cx| {
                if connection.listener == listener {
                    connection.turn(core, buffer, cx, token)
                } else {
                    Next::Keep
                }
            });
        }
    }

    fn is_listener_drained(&self, listener: usize) -> bool {
        self.core.listeners.is_empty(listener)
    }
}

/// A turn panicked: what it was to answer is recorded as cut short, and the client sees that it is.
fn give_up<H: Handler, R: Recorder>(connection: &mut Connection, core: &mut Core<H, R>) -> Next {
    let next = connection.cut();
    // It may be the recorder that panics.
    let abandon = || connection.abandon(core, CloseReason::AnswerIncomplete);
    let _ = catch_unwind(AssertUnwindSafe(abandon));
    next
}

fn octets(text: String) -> Box<[u8]> {
    text.into_bytes().into_boxed_slice()
}

fn end(stream: Stream, next: Next) {
    match next {
        Next::Reset => stream.reset(),
        Next::Close | Next::Keep => stream.close(),
    }
}

/// Octets received in one call.
const RECEIVE_OCTETS: usize = 64 * 1024;
