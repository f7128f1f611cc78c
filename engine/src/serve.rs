//! Exchanges of a connection: what its machine says to the handler, and back.

use std::task::Poll;

use bytes::Bytes;
use http1::Delivery;
use net::{Context, Stream, Token};
use semantics::{
    CloseReason, ContentEnd, ContentLength, Event, Fate, Limits, OwnedRequest, Payload, Refusal,
    RequestHead, ResponseHead, Status,
};

use crate::connection::{Busy, Connection, Next, Work};
use crate::core::Core;
use crate::handler::Lent;
use crate::transmit::Outgoing;
use crate::{
    Answer, Content, Exchange, FilePart, Handler, Incoming, Interims, Interrupted, Piece, Recorder,
    Response, Streamed,
};

// What comes in.
impl Connection {
    /// Hands octets to the machine, and what it makes of them to the handler; gives how many octets are left.
    #[inline]
    pub(crate) fn process<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
        octets: &[u8],
    ) -> usize {
        let mut input = octets;
        let now = cx.now();
        // The end of a message needs no room, and must not wait for octets that may never come.
        while self.machine.has_event() || self.may_process(core) {
            let kept = self.kept_policy();
            let Some(policy) = kept.as_ref().or(core.listeners.policy(self.listener)) else {
                break;
            };
            let number = self.machine.requests().saturating_add(1);
            let Some(event) = self
                .machine
                .poll_event(policy, &mut core.scratch, &mut input)
            else {
                break;
            };
            match event {
                Event::Head { head, content, .. } => {
                    let mut lent = Lent::default();
                    let mut exchange = Exchange {
                        head,
                        content,
                        client: self.peer,
                        listener: self.listener,
                        connection: self.number,
                        number,
                        now,
                        is_secured: self.stream.is_secured(),
                        tls: self.stream.tls(),
                        lent: &mut lent,
                        window_octets: policy.limits.window_octets,
                    };
                    if core.is_recording {
                        // Before the handler is asked: its time counts, and so does an exchange in which it panics.
                        self.current = Some(core.captures.begin(head, now.unix_millis));
                    }
                    let answer = core.handler.handle(&mut exchange);
                    if let Some(current) = &mut self.current {
                        current.client = Some(exchange.client);
                        current.note = lent.note;
                        current.mark = lent.mark;
                    }
                    if content != ContentLength::None {
                        self.busy.get_or_insert_default().head = Some(head.to_owned());
                    }
                    if let Some(octets_max) = lent.content_octets_max {
                        self.machine.limit_content(octets_max);
                    }
                    let is_last = is_last(content, input);
                    let goes_until = core.listeners.goes_until(self.listener);
                    self.limit_life(number, &policy.limits, goes_until, is_last, cx);
                    self.begin(core, answer, lent.incoming, lent.interims);
                }
                Event::Content { octets, .. } => {
                    let len = octets.len();
                    let incoming = self.busy.as_ref().and_then(|busy| busy.incoming.as_ref());
                    let wanting = incoming.filter(|incoming| !incoming.is_abandoned());
                    let is_wanted = wanting.is_some();
                    if let Some(incoming) = wanting {
                        incoming.push(octets);
                    }
                    self.content_came(core, len, is_wanted);
                }
                // RFC 9110 §6.5.1: a recipient may drop trailers that it has no use for.
                Event::Trailers { section, .. } => {
                    let incoming = self.busy.as_ref().and_then(|busy| busy.incoming.as_ref());
                    if let Some(incoming) = incoming {
                        incoming.trailed(section);
                    }
                }
                Event::End { why, .. } => self.ended(core, why),
                Event::Refused { refusal, head } => {
                    let held = self.busy.as_ref().and_then(|busy| busy.head.as_ref());
                    let known = head.or(held.map(OwnedRequest::head));
                    let response = refusal_answer(&core.handler, &self.stream, refusal, known);
                    if let Some(head) = head.filter(|_| core.is_recording) {
                        self.current = Some(core.captures.begin(head, now.unix_millis));
                    }
                    self.refused(core, response);
                }
            }
        }
        if !self.may_read() {
            self.await_room(cx, token);
        }
        input.len()
    }

    /// Whether there is room for what more octets may lead to. Nothing is gained by queueing answers behind a file, and
    /// a client that does not read would make them pile up.
    #[inline]
    fn may_process<H, R>(&self, core: &Core<H, R>) -> bool {
        core.outbox.framing_octets().len() < OUTBOX_OCTETS_MAX
            && core.outbox.payloads() < OUTBOX_PAYLOADS_MAX
            && !core.has_file
            && self.may_read()
    }

    /// Whether the answer to this request is the connection's last.
    #[inline]
    fn limit_life(
        &mut self,
        number: u32,
        limits: &Limits,
        goes_until: Option<u64>,
        is_last: bool,
        cx: &Context<'_>,
    ) {
        // What is pipelined behind it was sent before the client could know, so it is answered too, for a while.
        let goes = || goes_until.is_some_and(|until| is_last || cx.now().millis >= until);
        if limits.requests_max > 0 && number >= limits.requests_max {
            self.machine.close_after(CloseReason::RequestsMax);
        } else if self.is_old(cx.now().millis, limits) {
            self.machine.close_after(CloseReason::AgeMax);
        } else if self.is_leaving || (cx.is_draining() && is_last) || goes() {
            self.machine.close_after(CloseReason::Drain);
        }
    }

    #[inline]
    fn begin<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        answer: Answer,
        incoming: Option<Incoming>,
        interims: Option<Interims>,
    ) {
        if let Some(interims) = &interims {
            self.submit_interims(core, interims);
        }
        match answer {
            Answer::Later(future) => {
                let busy = self.busy();
                busy.work = Work::Future(future);
                busy.incoming = incoming;
                busy.interims = interims;
                busy.discarded_octets = 0;
            }
            ready => self.answer(core, ready),
        }
    }

    fn content_came<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        octets: usize,
        is_wanted: bool,
    ) {
        self.moved_octets += octets as u64;
        if let Some(current) = &mut self.current {
            current.request_octets += octets as u64;
        }
        if is_wanted {
            return;
        }
        let discard_octets_max = core.limits(self.listener).discard_octets_max;
        let busy = self.busy();
        busy.discarded_octets += octets as u64;
        if busy.discarded_octets > discard_octets_max {
            self.content_unwanted(core);
        }
    }

    /// More content came than is dropped for nobody: the answer that is ready is given, and nothing more is read.
    fn content_unwanted<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        self.machine.close_after(CloseReason::ContentUnread);
        self.machine.abandon_content();
        self.is_content_unread = true;
        if let Some(current) = &mut self.current {
            current.request_end = ContentEnd::Abandoned;
        }
        self.submit_held(core);
        self.settle(core);
    }

    #[inline]
    fn ended<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>, why: ContentEnd) {
        if let Some(current) = &mut self.current {
            current.request_end = why;
        }
        if let Some(busy) = &mut self.busy {
            busy.policy = None;
            if let Some(incoming) = &busy.incoming {
                incoming.end(Ok(why));
            }
            self.submit_held(core);
        }
        self.settle(core);
    }

    /// Gives the answer that waited for the rest of the request, if it is ready.
    fn submit_held<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        let Some(busy) = &mut self.busy else { return };
        match std::mem::take(&mut busy.work) {
            Work::Held(answer) => self.submit(core, answer),
            work => busy.work = work,
        }
    }

    /// The request is refused: answered by `response` where an answer may still be given.
    pub(crate) fn refused<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        response: Response,
    ) {
        if let Some(busy) = &mut self.busy {
            busy.work = Work::None;
            if let Some(incoming) = busy.incoming.take() {
                incoming.end(Err(Interrupted));
            }
        }
        if let Some(current) = &mut self.current {
            current.request_end = ContentEnd::Abandoned;
        } else if core.is_recording && self.machine.is_awaiting_answer() {
            let mut current = core.captures.blank(core.unix_millis);
            current.request_end = ContentEnd::Abandoned;
            self.current = Some(current);
        }
        if self.machine.is_awaiting_answer() {
            self.submit(core, Answer::Ready(response));
        }
        self.settle(core);
    }

    /// When the handler's window is full, it wakes the connection as soon as there is room.
    fn await_room(&mut self, cx: &Context<'_>, token: Token) {
        let Some(busy) = &mut self.busy else { return };
        if let Some(incoming) = &busy.incoming {
            let waker = busy.waker.get_or_insert_with(|| cx.waker(token));
            incoming.await_room(waker);
        }
    }
}

// What goes out.
impl Connection {
    /// Gives an answer: at once, or when the rest of the request was read, so that one that turns out malformed is
    /// refused and the connection can stay.
    #[inline]
    pub(crate) fn answer<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        answer: Answer,
    ) {
        if self.machine.content_octets_left() == Some(0) {
            self.submit(core, answer);
            self.settle(core);
            return;
        }
        let discard_octets_max = core.limits(self.listener).discard_octets_max;
        let content = match &answer {
            Answer::Ready(response) => Some(&response.content),
            Answer::Kept { .. } | Answer::Later(_) => None,
        };
        let is_tunnel = matches!(content, Some(Content::Tunnel(_)));
        if is_tunnel && self.machine.is_continue_expected() {
            // RFC 9110 §7.8: 100 comes before 101, and the content before another protocol.
            self.submit_continue(core);
        }
        let left = self.machine.content_octets_left();
        let is_too_long = !is_tunnel && left.is_some_and(|left| left > discard_octets_max);
        if self.machine.is_continue_expected() || is_too_long {
            let reason = if is_too_long {
                CloseReason::ContentUnread
            } else {
                CloseReason::ExpectationUnmet
            };
            self.machine.close_after(reason);
            self.submit(core, answer);
            self.machine.abandon_content();
            self.is_content_unread = true;
            if let Some(current) = &mut self.current {
                current.request_end = ContentEnd::Abandoned;
            }
            self.settle(core);
        } else {
            let busy = self.busy();
            busy.work = Work::Held(answer);
            busy.discarded_octets = 0;
        }
    }

    /// Asks the client for its content (RFC 9110 §10.1.1).
    pub(crate) fn submit_continue<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        let delivery = Delivery {
            stamp: &core.stamp,
            keep_alive_seconds: core.keep_alive_seconds,
        };
        let head = ResponseHead::new(Status::CONTINUE);
        self.machine
            .submit_head(delivery, &head, ContentLength::None, core.outbox.framing());
    }

    /// Gives the interim answers that a handler has put there.
    #[cold]
    pub(crate) fn submit_interims<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        interims: &Interims,
    ) {
        let delivery = Delivery {
            stamp: &core.stamp,
            keep_alive_seconds: core.keep_alive_seconds,
        };
        for head in interims.take() {
            self.machine
                .submit_head(delivery, &head, ContentLength::None, core.outbox.framing());
        }
    }

    #[inline]
    pub(crate) fn submit<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        answer: Answer,
    ) {
        let delivery = Delivery {
            stamp: &core.stamp,
            keep_alive_seconds: core.keep_alive_seconds,
        };
        let framed_octets = core.outbox.framing_octets().len();
        let (status, octets) = match answer {
            Answer::Kept { rendition, content } => {
                self.machine
                    .submit_rendition(delivery, &rendition, core.outbox.framing());
                let octets = self.submit_octets(core, content);
                (rendition.head().status(), octets)
            }
            Answer::Ready(Response {
                head,
                content: Content::Tunnel(tunnel),
            }) => return self.submit_tunnel(core, head, tunnel),
            Answer::Ready(Response { head, content }) => {
                let length = match (&content, content.octets()) {
                    (Content::Stream(Streamed { octets: None, .. }), _) => ContentLength::Unknown,
                    (_, 0) => ContentLength::None,
                    (_, octets) => ContentLength::Exactly(octets),
                };
                self.machine
                    .submit_head(delivery, &head, length, core.outbox.framing());
                let octets = match content {
                    Content::Empty => 0,
                    Content::Octets(octets) => self.submit_octets(core, octets),
                    Content::File(part) => self.submit_file(core, part),
                    Content::Pieces(pieces) => pieces
                        .into_iter()
                        .map(|piece| self.submit_piece(core, piece))
                        .sum(),
                    // What the client does not want is not made.
                    Content::Tunnel(_) => 0,
                    Content::Stream(_) if !self.machine.is_content_awaited() => 0,
                    Content::Stream(streamed) => {
                        self.busy().work = Work::Stream(streamed.source);
                        if let Some(current) = &mut self.current {
                            current.status = Some(head.status());
                            let framed = core.outbox.framing_octets().len() - framed_octets;
                            current.queued_octets += framed as u64;
                        }
                        return;
                    }
                };
                (head.status(), octets)
            }
            // Only what is ready is submitted.
            Answer::Later(_) => return,
        };
        self.machine.submit_end(None, core.outbox.framing());
        if let Some(current) = &mut self.current {
            current.status = Some(status);
            current.octets = octets;
            current.queued_octets += (core.outbox.framing_octets().len() - framed_octets) as u64;
        }
    }

    #[inline]
    fn submit_octets<H, R>(&mut self, core: &mut Core<H, R>, octets: Bytes) -> u64 {
        let allowed = self
            .machine
            .submit_content(octets.len() as u64, core.outbox.framing());
        if allowed < octets.len() as u64 {
            // The request is HEAD, or the status has no content.
            return 0;
        }
        if octets.len() <= COPY_OCTETS_MAX {
            core.outbox.framing().extend_from_slice(&octets);
        } else {
            self.queue(core, Outgoing::Octets(octets));
        }
        allowed
    }

    fn submit_file<H, R>(&mut self, core: &mut Core<H, R>, part: FilePart) -> u64 {
        let allowed = self
            .machine
            .submit_content(part.octets, core.outbox.framing());
        if allowed < part.octets {
            return 0;
        }
        if part.octets >= LARGE_OCTETS && !self.is_buffer_bounded && self.peer.is_local() {
            // A peer on this machine has no distance to fill. With a small queue each write is taken whole while its
            // pages are in the cache, and the peer is woken less often. Best effort.
            self.is_buffer_bounded = true;
            let _ = self.stream.set_transmit_buffer(LOCAL_BUFFER_OCTETS);
        }
        let file = Outgoing::File {
            part,
            resident_to: 0,
        };
        self.queue(core, file);
        core.has_file = true;
        allowed
    }

    /// Queues content that is not copied behind its head.
    fn queue<H, R>(&mut self, core: &mut Core<H, R>, content: Outgoing) {
        if let Some(current) = &mut self.current {
            current.queued_octets += content.octets_left();
        }
        core.outbox.push(content);
    }

    /// Takes from a source of content until a window is queued. `None` goes on with the connection.
    pub(crate) fn pump<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
    ) -> Option<Next> {
        let mut queued_octets = 0;
        while queued_octets < STREAM_OCTETS {
            let busy = self.busy.as_mut()?;
            let Work::Stream(source) = &mut busy.work else {
                return None;
            };
            let waker = busy.waker.get_or_insert_with(|| cx.waker(token)).clone();
            match source.poll_next(&mut std::task::Context::from_waker(&waker)) {
                Poll::Pending => return None,
                Poll::Ready(Some(Ok(octets))) => {
                    let wanted = octets.len();
                    let taken = self.stream_octets(core, octets);
                    queued_octets += wanted;
                    if taken < wanted as u64 {
                        // More than was announced: what follows would be read as the next answer.
                        self.machine.close_after(CloseReason::AnswerIncomplete);
                        self.break_off();
                        self.end_stream(core);
                        return None;
                    }
                }
                Poll::Ready(None) => {
                    self.end_stream(core);
                    return None;
                }
                Poll::Ready(Some(Err(Interrupted))) => {
                    // What was made before is the client's.
                    return match self.flush(core, cx, token) {
                        Next::Keep => Some(self.cut_stream(core)),
                        next => Some(next),
                    };
                }
            }
        }
        None
    }

    fn stream_octets<H, R>(&mut self, core: &mut Core<H, R>, mut octets: Bytes) -> u64 {
        let allowed = self
            .machine
            .submit_content(octets.len() as u64, core.outbox.framing());
        octets.truncate(usize::try_from(allowed).unwrap_or(usize::MAX));
        if !octets.is_empty() {
            core.outbox.push(Outgoing::Octets(octets));
        }
        if let Some(current) = &mut self.current {
            current.octets += allowed;
        }
        allowed
    }

    fn end_stream<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        let is_ended_by_close = self.machine.is_content_ended_by_close();
        if self.machine.is_content_missing() {
            self.break_off();
        }
        let busy = self.busy();
        busy.is_ended_by_close = is_ended_by_close;
        let work = std::mem::take(&mut busy.work);
        let trailers = match &work {
            Work::Stream(source) => source.trailers(),
            _ => None,
        };
        self.machine.submit_end(trailers, core.outbox.framing());
        self.settle(core);
    }

    /// The content under way is not what was announced.
    fn break_off(&mut self) {
        if let Some(current) = &mut self.current {
            current.is_complete = false;
        }
    }

    fn cut_stream<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) -> Next {
        let next = self.cut();
        self.abandon(core, CloseReason::AnswerIncomplete);
        next
    }

    /// What is under way will not come to its end, and the client must see that. Where only the end of the connection ends
    /// its content, an orderly end would tell the client that it is complete (RFC 9112 §8).
    pub(crate) fn cut(&mut self) -> Next {
        self.stream.cut();
        if self.is_tunnel() {
            return Next::Reset;
        }
        let is_queued = |busy: &Busy| busy.is_ended_by_close && !busy.outbox.is_empty();
        if self.machine.is_content_ended_by_close() || self.busy.as_deref().is_some_and(is_queued) {
            Next::Reset
        } else {
            Next::Close
        }
    }

    fn submit_piece<H, R>(&mut self, core: &mut Core<H, R>, piece: Piece) -> u64 {
        match piece {
            Piece::Octets(octets) => self.submit_octets(core, octets),
            Piece::File(part) => self.submit_file(core, part),
        }
    }

    /// When request and answer are complete: what becomes of the connection.
    #[inline]
    pub(crate) fn settle<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>) {
        let Some(fate) = self.machine.settle() else {
            return;
        };
        if let Some(busy) = &mut self.busy {
            busy.head = None;
        }
        if self.current.is_some() {
            self.finish_record(core, fate);
        }
    }

    fn finish_record<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>, fate: Fate) {
        if let Some(mut current) = self.current.take() {
            current.fate = Some(fate);
            current.number = self.machine.requests();
            core.finished.push(current);
        }
    }
}

/// What the handler says to a request that is refused.
pub(crate) fn refusal_answer<H: Handler>(
    handler: &H,
    stream: &Stream,
    refusal: Refusal,
    head: Option<RequestHead<'_>>,
) -> Response {
    match stream.is_secured() {
        true => handler.refuse_secured(refusal, head),
        false => handler.refuse(refusal, head),
    }
}

/// Whether nothing that came with a request's head can be another request. Empty lines are none (RFC 9112 §2.2).
fn is_last(content: ContentLength, input: &[u8]) -> bool {
    let behind = match content {
        ContentLength::None => input,
        ContentLength::Exactly(octets) => usize::try_from(octets)
            .ok()
            .and_then(|octets| input.get(octets..))
            .unwrap_or_default(),
        ContentLength::Unknown => &[],
    };
    behind.iter().all(|octet| matches!(octet, b'\r' | b'\n'))
}

/// Framing and copied content that one turn may gather before it is transmitted.
const OUTBOX_OCTETS_MAX: usize = 256 * 1024;
/// Pieces of content that one turn may gather.
const OUTBOX_PAYLOADS_MAX: usize = 64;
/// Octets of streamed content that are queued before the transport is asked to take them.
const STREAM_OCTETS: usize = 64 * 1024;
/// Content up to this long is copied behind its head, which is cheaper than a piece of its own.
const COPY_OCTETS_MAX: usize = 4096;
/// From this length on the queue matters: shorter files are over before it has grown.
const LARGE_OCTETS: u64 = 8 << 20;
/// What may be queued for a peer on this machine.
const LOCAL_BUFFER_OCTETS: usize = 48 * 1024;
