//! One connection: its machine, its transport, and what it waits for.
//!
//! ```text
//!            readable ──▶ receive ─▶ process ─▶ flush ──┐
//!  turn:     answer ready ─▶ submit ─▶ flush            ├─▶ finish? ─▶ arm the deadline
//!            writable ──▶ flush                        ─┘
//! ```
//!
//! Invariant: an idle connection holds no buffer. What it needs while octets are in flight is in [`Busy`], which is
//! allocated only for what cannot be done within one turn.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::{Buf, Bytes};
use http1::{Policy, Server};
use net::{Context, Now, Peer, Readiness, Stream, Token};
use semantics::{CloseReason, Limits, Outbox, OwnedRequest, PeerError, TunnelEnd};

use crate::core::Core;
use crate::listeners::Listeners;
use crate::record::{self, Current};
use crate::serve::refusal_answer;
use crate::transmit::Outgoing;
use crate::tunnel::Tunnelling;
use crate::{Answer, Handler, Incoming, Interims, Interrupted, Recorder, Response, Source};

mod deadline;
mod sending;
mod tunnelling;

/// One connection of a worker.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) machine: Server,
    pub(crate) peer: Peer,
    pub(crate) number: u64,
    pub(crate) listener: usize,
    accepted_millis: u64,
    /// What the connection waits for, and since when.
    phase: Phase,
    since: u64,
    /// Requests there had been then: each waits for its own head and content.
    requests: u32,
    /// Octets that moved since then.
    pub(crate) moved_octets: u64,
    /// When to act if nothing happens, and when the timer set for that fires at the latest.
    due: u64,
    timer: u64,
    is_readable: bool,
    is_writable: bool,
    /// The peer has ended its side; there may be octets before the end.
    is_read_closed: bool,
    /// The system says that the transport has failed.
    has_failed: bool,
    /// Its next answer is its last.
    pub(crate) is_leaving: bool,
    /// Its transmit buffer was made small.
    pub(crate) is_buffer_bounded: bool,
    /// It was counted in, and is to be counted out.
    pub(crate) is_admitted: bool,
    /// The rest of a request's content is not read: the client may still be sending it.
    pub(crate) is_content_unread: bool,
    /// The exchange under way, when it is to be recorded.
    pub(crate) current: Option<Box<Current>>,
    pub(crate) busy: Option<Box<Busy>>,
}

/// What a connection needs while something takes longer than one turn.
#[derive(Default)]
pub(crate) struct Busy {
    /// Received and not read by the machine.
    pub(crate) input: Bytes,
    pub(crate) outbox: Outbox<Outgoing>,
    /// The content at its end is ended by the connection's end alone.
    pub(crate) is_ended_by_close: bool,
    pub(crate) work: Work,
    pub(crate) incoming: Option<Incoming>,
    /// Interim answers of whoever makes the answer.
    pub(crate) interims: Option<Interims>,
    /// The head of a request with content, for the answer if the content is refused.
    pub(crate) head: Option<OwnedRequest>,
    /// Unwanted content read and dropped, of the current request.
    pub(crate) discarded_octets: u64,
    /// By what the request that is being received began, if its listener's policy was replaced since.
    pub(crate) policy: Option<Rc<Policy>>,
    /// Exchanges whose answers are not transmitted whole.
    finished: VecDeque<Box<Current>>,
    warming: Option<Pin<Box<net::Blocking<()>>>>,
    /// Octets that the client had not acknowledged when the present wait for it began.
    unacknowledged_octets: u64,
    /// Set once our side is closed.
    lingering: Option<Lingering>,
    pub(crate) waker: Option<Waker>,
}

/// The answer that is waited for.
#[derive(Default)]
pub(crate) enum Work {
    #[default]
    None,
    /// It is ready, and given once the rest of the request was read.
    Held(Answer),
    /// It is being made.
    Future(Pin<Box<dyn Future<Output = Response>>>),
    /// Its head was given, and its content is being made.
    Stream(Box<dyn Source>),
    /// Its head was given, and what follows is not HTTP.
    Tunnel(Box<Tunnelling>),
}

/// Waiting for the client to close its side (RFC 9112 §9.6).
#[derive(Clone, Copy, Debug)]
struct Lingering {
    dropped_octets: u64,
    /// When it ends, however much still comes.
    until: u64,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The next request.
    Idle,
    /// The end of a head; also the first octet of the first one, and before it the handshake of TLS.
    Head,
    /// Content of a request.
    Content,
    /// The client to take an answer.
    Transmit,
    /// A handler, or a disk.
    Answer,
    /// The client to close.
    Linger,
    /// Either end of a tunnel.
    Tunnel,
}

/// What becomes of a connection after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Keep,
    Close,
    Reset,
}

/// What a try to get input brought.
enum Input {
    Processed,
    Nothing,
    Failed,
}

impl Connection {
    pub(crate) fn new(
        stream: Stream,
        peer: Peer,
        number: u64,
        listener: usize,
        now_millis: u64,
    ) -> Self {
        Self {
            stream,
            machine: Server::new(),
            peer,
            number,
            listener,
            accepted_millis: now_millis,
            phase: Phase::Head,
            since: now_millis,
            requests: 0,
            moved_octets: 0,
            due: u64::MAX,
            timer: u64::MAX,
            is_readable: true,
            is_writable: true,
            is_read_closed: false,
            has_failed: false,
            is_leaving: false,
            is_buffer_bounded: false,
            is_admitted: true,
            is_content_unread: false,
            current: None,
            busy: None,
        }
    }

    /// What the system says of the transport.
    #[inline]
    pub(crate) fn note(&mut self, readiness: Readiness) {
        self.is_readable |=
            readiness.is_readable() | readiness.is_read_closed() | readiness.is_error();
        self.is_writable |= readiness.is_writable() | readiness.is_error();
        self.is_read_closed |= readiness.is_read_closed();
        self.has_failed |= readiness.is_error();
        if self.is_writable && self.stream.is_blocked() {
            // Best effort: whoever transmits or receives next meets the error.
            let _ = self.stream.flush();
        }
    }

    /// Does all that can be done at once.
    #[inline]
    pub(crate) fn turn<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        let mut rounds = 0;
        loop {
            if self.busy.is_some() {
                match self.go_on(core, buffer, cx, token) {
                    Some(Next::Keep) => break,
                    Some(next) => return next,
                    None => {}
                }
            }
            if self.machine.is_closed() && !self.is_answer_awaited() {
                match self.finish(core.limits(self.listener), cx.now().millis) {
                    Some(next) => return next,
                    None => {
                        if self.drop_input(core, buffer, cx, token) == Next::Close {
                            return Next::Close;
                        }
                        break;
                    }
                }
            }
            let input = if self.may_read() {
                self.receive(core, buffer, cx, token)
            } else {
                Input::Nothing
            };
            match input {
                Input::Failed => {
                    self.abandon(core, CloseReason::TransportError);
                    return Next::Close;
                }
                Input::Processed => match self.flush(core, cx, token) {
                    Next::Keep => {}
                    next => return next,
                },
                Input::Nothing => break,
            }
            if self.busy.is_none() && !self.is_readable && !self.machine.is_closed() {
                break;
            }
            rounds += 1;
            if rounds >= TURN_ROUNDS_MAX {
                self.go_on_later(cx, token);
                break;
            }
        }
        if cx.is_draining() && self.machine.requests() > 0 && self.is_idle() {
            return Next::Close;
        }
        self.arm(cx, token, core.limits(self.listener));
        Next::Keep
    }

    /// Goes on with what an earlier turn left. `None` when the turn may go on to read.
    fn go_on<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Option<Next> {
        if !self.is_outbox_empty() {
            match self.transmit_queued(core, cx, token) {
                Next::Keep if self.is_outbox_empty() => {}
                next => return Some(next),
            }
        }
        let busy = self.busy.as_mut()?;
        if let Work::Future(future) = &mut busy.work {
            let waker = busy.waker.get_or_insert_with(|| cx.waker(token)).clone();
            if (self.is_read_closed || self.has_failed)
                && let Some(interims) = &busy.interims
            {
                interims.client_ended();
            }
            let polled = future
                .as_mut()
                .poll(&mut std::task::Context::from_waker(&waker));
            let interims = busy.interims.clone();
            if let Some(interims) = &interims {
                interims.await_more(&waker);
                self.submit_interims(core, interims);
            }
            if let Poll::Ready(response) = polled {
                let busy = self.busy();
                busy.work = Work::None;
                busy.incoming = None;
                busy.interims = None;
                // Date must not lie before what the future found at its time, such as Last-Modified (RFC 9110 §8.8.2.1).
                core.refresh(Now::read());
                self.answer(core, Answer::Ready(response));
                match self.flush(core, cx, token) {
                    Next::Keep => {}
                    next => return Some(next),
                }
            } else {
                if self.is_content_awaited() && self.machine.is_continue_expected() {
                    self.submit_continue(core);
                }
                if !core.outbox.is_empty() {
                    match self.flush(core, cx, token) {
                        Next::Keep => {}
                        next => return Some(next),
                    }
                }
            }
        }
        if self.is_outbox_empty() {
            if self.is_tunnel() {
                return Some(self.relay(core, buffer, cx, token));
            }
            if let Some(next) = self.stream_on(core, cx, token) {
                return Some(next);
            }
        }
        self.tidy();
        if self.is_outbox_empty() {
            None
        } else {
            Some(Next::Keep)
        }
    }

    /// Transmits content that is made meanwhile, for as long as the client takes it.
    fn stream_on<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
    ) -> Option<Next> {
        let mut rounds = 0;
        while self.is_streaming() && self.is_outbox_empty() {
            if rounds >= TURN_ROUNDS_MAX {
                self.go_on_later(cx, token);
                return Some(Next::Keep);
            }
            rounds += 1;
            if let Some(next) = self.pump(core, cx, token) {
                return Some(next);
            }
            if core.outbox.is_empty() {
                // An end that no octet tells is an end all the same.
                core.report_finished(self);
                break;
            }
            match self.flush(core, cx, token) {
                Next::Keep => {}
                next => return Some(next),
            }
        }
        // While nothing is made nothing is transmitted or received that would meet the error.
        if self.has_failed && self.is_streaming() {
            return Some(self.transport_failed(core));
        }
        None
    }

    /// Whether a handler has asked for content.
    fn is_content_awaited(&self) -> bool {
        let incoming = self.busy.as_ref().and_then(|busy| busy.incoming.as_ref());
        incoming.is_some_and(Incoming::is_awaited)
    }

    fn is_streaming(&self) -> bool {
        self.busy
            .as_ref()
            .is_some_and(|busy| matches!(busy.work, Work::Stream(_)))
    }

    /// Frees what is not in use.
    fn tidy(&mut self) {
        let is_unused = self.busy.as_ref().is_some_and(|busy| {
            busy.input.is_empty()
                && busy.outbox.is_empty()
                && matches!(busy.work, Work::None)
                && busy.incoming.is_none()
                && busy.policy.is_none()
                && busy.warming.is_none()
                && busy.lingering.is_none()
                && busy.finished.is_empty()
                && !self.machine.is_in_content()
        });
        if is_unused {
            self.busy = None;
        }
    }

    pub(crate) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    fn is_outbox_empty(&self) -> bool {
        self.busy.as_ref().is_none_or(|busy| busy.outbox.is_empty())
    }

    fn is_answer_awaited(&self) -> bool {
        self.busy
            .as_ref()
            .is_some_and(|busy| !matches!(busy.work, Work::None))
    }

    /// Whether octets may be read, or those at hand be processed. Not while the handler's window is full.
    pub(crate) fn may_read(&self) -> bool {
        let Some(busy) = &self.busy else { return true };
        let is_full = busy
            .incoming
            .as_ref()
            .is_some_and(|incoming| incoming.is_full() && !incoming.is_abandoned());
        let awaits_answer = match busy.work {
            Work::Future(_) => !self.machine.is_in_content(),
            Work::Stream(_) | Work::Tunnel(_) => true,
            Work::None | Work::Held(_) => false,
        };
        !is_full && !awaits_answer && busy.outbox.is_empty()
    }

    /// Reads once and processes what came, or what was left over.
    #[inline]
    fn receive<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Input {
        if let Some(busy) = &mut self.busy
            && !busy.input.is_empty()
        {
            let mut octets = std::mem::take(&mut busy.input);
            let left = self.process(core, cx, token, &octets);
            let is_stuck = left == octets.len();
            octets.advance(octets.len() - left);
            self.busy().input = octets;
            return if is_stuck && core.outbox.is_empty() && !self.machine.is_closed() {
                Input::Nothing
            } else {
                Input::Processed
            };
        }
        if !self.is_readable {
            return Input::Nothing;
        }
        let received = match self.stream.try_receive(buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_readable = false;
                return Input::Nothing;
            }
            Err(_) => return Input::Failed,
        };
        match received.rest {
            net::Rest::More => self.is_readable = true,
            // Nothing is left, unless the peer has ended its side: then the end is left.
            net::Rest::Drained => self.is_readable = self.is_read_closed,
            net::Rest::Ended => {
                self.is_readable = false;
                self.is_read_closed = true;
                self.input_ended(core);
                return Input::Processed;
            }
            net::Rest::ClearText => {
                self.refuse_clear_text(core);
                return Input::Processed;
            }
        }
        let octets = buffer.get(..received.octets).unwrap_or_default();
        let left = self.process(core, cx, token, octets);
        if left > 0 {
            let rest = octets.get(octets.len() - left..).unwrap_or_default();
            self.busy().input = Bytes::copy_from_slice(rest);
        }
        Input::Processed
    }

    /// The client does not speak TLS where it must: it is told so, in the clear.
    fn refuse_clear_text<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        let refusal = PeerError::ClearText.into();
        self.machine.refuse(refusal);
        let response = core.handler.refuse(refusal, None);
        self.refused(core, response);
    }

    /// The client ended its side. What it asked for before is still answered (RFC 9112 §9.6).
    fn input_ended<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        match self.machine.end_of_input() {
            Some(refusal) => {
                let held = self.busy.as_ref().and_then(|busy| busy.head.as_ref());
                let response = refusal_answer(
                    &core.handler,
                    &self.stream,
                    refusal,
                    held.map(OwnedRequest::head),
                );
                self.refused(core, response);
            }
            None => self.machine.close_after(CloseReason::ClientClosed),
        }
    }

    /// Gives up whatever is under way, and reports it.
    pub(crate) fn abandon<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        reason: CloseReason,
    ) {
        self.stream.cut();
        let mut unsent_octets = core.outbox.octets_left();
        core.outbox.clear();
        core.has_file = false;
        if self.is_tunnel() {
            self.end_tunnel(
                core,
                match reason {
                    CloseReason::Drain => TunnelEnd::Drain,
                    _ => TunnelEnd::ClientFailed,
                },
            );
            return;
        }
        unsent_octets += match &mut self.busy {
            Some(busy) => {
                if let Some(incoming) = busy.incoming.take() {
                    incoming.end(Err(Interrupted));
                }
                busy.work = Work::None;
                let finished = std::mem::take(&mut busy.finished);
                core.finished.extend(finished);
                semantics::Outbox::octets_left(&busy.outbox)
            }
            None => 0,
        };
        self.machine.abort_answer(reason);
        if let Some(mut current) = self.current.take() {
            current.number = self.machine.requests();
            current.is_complete = false;
            core.finished.push(current);
        }
        record::cut(&mut core.finished, unsent_octets, reason);
        core.report_finished(self);
    }

    /// The machine is closed and nothing is awaited: closes, or goes over to lingering, which gives `None`.
    fn finish(&mut self, limits: &Limits, now_millis: u64) -> Option<Next> {
        if self
            .busy
            .as_ref()
            .is_some_and(|busy| busy.lingering.is_some())
        {
            return None;
        }
        let has_input = self
            .busy
            .as_ref()
            .is_some_and(|busy| !busy.input.is_empty());
        let is_expected = !self.is_content_unread
            && matches!(
                self.machine.closing(),
                None | Some(
                    CloseReason::ClientOption
                        | CloseReason::NotPersistent
                        | CloseReason::ClientClosed
                )
            );
        let has_ended = self.is_read_closed && !self.is_readable;
        if has_ended || (is_expected && !has_input && !self.is_readable) {
            return Some(Next::Close);
        }
        // RFC 9112 §9.6: closing at once would reset the connection, and the client might lose the answer.
        if self.stream.shutdown_transmit().is_err() {
            return Some(Next::Close);
        }
        let busy = self.busy();
        busy.input = Bytes::new();
        busy.lingering = Some(Lingering {
            dropped_octets: 0,
            until: now_millis.saturating_add(limits.linger_millis_max),
        });
        None
    }

    /// Reads and drops what still comes while the connection closes.
    fn drop_input<H: Handler, R: Recorder>(
        &mut self,
        core: &Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        let limits = core.limits(self.listener);
        let Some(lingering) = self.busy.as_mut().and_then(|busy| busy.lingering.as_mut()) else {
            return Next::Close;
        };
        let mut rounds = 0;
        while self.is_readable {
            if rounds >= TURN_ROUNDS_MAX {
                self.go_on_later(cx, token);
                break;
            }
            rounds += 1;
            match self.stream.try_receive(buffer) {
                Ok(received) => {
                    lingering.dropped_octets += received.octets as u64;
                    if received.rest == net::Rest::Ended
                        || lingering.dropped_octets > limits.linger_octets_max
                    {
                        return Next::Close;
                    }
                    self.since = cx.now().millis;
                    self.is_readable = received.rest == net::Rest::More || self.is_read_closed;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Err(_) => return Next::Close,
            }
        }
        Next::Keep
    }

    /// Whether it can be closed at once when the server stops.
    pub(crate) fn is_idle(&self) -> bool {
        self.machine.is_idle() && self.busy.is_none()
    }

    /// The server stops: an idle connection ends, unless a request has come that was not read. It was sent before the client could
    /// know, and closing would reset the connection.
    pub(crate) fn end_idle<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        self.is_readable = true;
        match self.turn(core, buffer, cx, token) {
            Next::Keep if self.is_idle() => Next::Close,
            next => next,
        }
    }

    /// The server stops: the exchange under way is the last, unless more was pipelined behind it. A head that has begun to arrive
    /// becomes one.
    pub(crate) fn drain(&mut self) {
        let has_input = self
            .busy
            .as_ref()
            .is_some_and(|busy| !busy.input.is_empty());
        if !self.machine.is_in_head() && !has_input {
            self.machine.close_after(CloseReason::Drain);
        }
    }

    /// The exchange under way, or the request that has begun to arrive, is the last.
    pub(crate) fn leave(&mut self) {
        self.is_leaving = true;
        self.drain();
    }

    /// The policies are about to be replaced: a request that has begun to arrive goes on by its own.
    pub(crate) fn keep_policy(&mut self, listeners: &Listeners) {
        if !(self.machine.is_in_head() || self.machine.is_in_content()) {
            return;
        }
        let listener = self.listener;
        let busy = self.busy();
        if busy.policy.is_none() {
            busy.policy = listeners.policy(listener).map(Rc::clone);
        }
    }

    /// By what the request that is being received began, if that is not its listener's policy.
    #[inline]
    pub(crate) fn kept_policy(&self) -> Option<Rc<Policy>> {
        self.busy.as_ref()?.policy.clone()
    }

    /// Whether it is as old as connections may get.
    pub(crate) fn is_old(&self, now_millis: u64, limits: &Limits) -> bool {
        limits.age_millis_max > 0
            && now_millis.saturating_sub(self.accepted_millis) >= limits.age_millis_max
    }
}

/// Times that one connection reads before others get their turn: a client that sends as fast as it is read would else
/// have its worker for itself.
const TURN_ROUNDS_MAX: usize = 8;

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Busy")
            .field("input", &self.input.len())
            .field("outbox", &self.outbox)
            .field("lingering", &self.lingering)
            .finish_non_exhaustive()
    }
}
