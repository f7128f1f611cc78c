//! Connections to servers: exchanges that we begin, one at a time on each.
//!
//! ```text
//!  exchange ──▶ Upload ──▶ machine ──▶ transmit ──┐
//!     │                                           ├── net::Outbound ── server
//!     └── heads, content ◀── machine ◀── receive ─┘
//! ```
//!
//! A [`Line`] is driven by whoever holds it: the future that answers a request, or the source of its answer's content. It transmits
//! what comes of the request's content while it already listens for the answer. It is *not* a pool, and knows no rule of intermediaries: what is asked
//! is said as it is given.
//!
//! Where to look next: [`Line::exchange`], [`Line::into_content`], [`OutboundError`] (what may be done after a failure).
//!
//! Invariant: an idle line holds no buffer. What is received is read in memory that all lines of a worker share.

use std::fmt;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http1::{Client, Policy, RequestParts};
use net::{Address, Outbound, Rest};
use semantics::fields::content_length::{self, ContentLength as Declared};
use semantics::{
    CloseReason, ContentEnd, ContentLength, Event, Fate, Known, OwnedSection, ResponseView,
    Section, Status,
};

use crate::Incoming;

mod content;
mod error;
mod scratch;
mod upload;

pub use error::{Awaited, Fault, OutboundError};

use scratch::{Gathered, Scratch};
use upload::{Sending, Upload};

/// How exchanges on lines go.
#[derive(Clone, Debug)]
pub struct LineOptions {
    /// What of answers is refused, and the limits of their heads.
    pub policy: Policy,
    /// Bounds connecting, waiting for the head once the request is transmitted, and silence while the request is not taken or the answer's content not
    /// sent, each. `None` waits for ever.
    pub wait_millis: Option<u64>,
    /// Whether a line of this name may be in a trailer section that is handed on (RFC 9110 §6.5.1), in either direction.
    pub may_trail: fn(&[u8]) -> bool,
}

/// What is asked of a server.
#[derive(Debug)]
pub struct OutboundRequest<'a> {
    /// Method, target and field lines, without those of framing. With an Expect line content is held back until the server says 100, for a second
    /// at most (RFC 9110 §10.1.1).
    pub head: RequestParts<'a>,
    /// Its content.
    pub content: OutboundContent,
}

/// The content of a request to a server.
#[derive(Debug)]
pub enum OutboundContent {
    /// None.
    None,
    /// All of it, so that it can be sent again. Its length is told, also where that is 0.
    Octets(Bytes),
    /// What a client sends, as it comes.
    Incoming {
        /// The length that the client announced.
        length: ContentLength,
        /// Where it comes from.
        incoming: Incoming,
    },
}

/// A connection to a server.
pub struct Line {
    outbound: Outbound,
    machine: Client,
    options: Rc<LineOptions>,
    exchanges: u64,
    upload: Upload,
    answer: Answer,
    is_transmitted: bool,
    is_answered: bool,
    /// What the present bound on waiting is for.
    bounded: Option<Sending>,
}

/// What has come of the answer to the present request.
#[derive(Debug, Default)]
struct Answer {
    status: Option<Status>,
    length: ContentLength,
    is_to_head: bool,
    /// What HEAD is told of the length of content that is not sent.
    declared_octets: Option<u64>,
    /// Content that nobody has taken.
    ready: Bytes,
    trailers: OwnedSection,
    end: Option<ContentEnd>,
    /// Why there is no more, to be told once.
    fault: Option<Fault>,
    /// What came behind the head that ended the use of HTTP.
    tunnel: Bytes,
}

/// Who is told of heads, interim ones and the final one.
type Told<'a> = &'a mut dyn FnMut(ResponseView<'_>, ContentLength);

impl Line {
    /// Connects. The line stays where it is when it changes hands, as it does several times for each exchange.
    ///
    /// # Errors
    /// [`Fault::Connect`], or [`Fault::Timeout`].
    pub async fn connect(
        address: &Address,
        options: &Rc<LineOptions>,
    ) -> Result<Box<Self>, OutboundError> {
        match Outbound::connect(address, options.wait_millis).await {
            Ok(outbound) => Ok(Box::new(Self::new(outbound, Rc::clone(options)))),
            Err(error) => Err(OutboundError {
                fault: match error.kind() {
                    ErrorKind::TimedOut => Fault::Timeout(Awaited::Connection),
                    _ => Fault::Connect(error),
                },
                is_transmitted: false,
                is_answered: false,
            }),
        }
    }

    fn new(outbound: Outbound, options: Rc<LineOptions>) -> Self {
        Self {
            outbound,
            machine: Client::new(),
            options,
            exchanges: 0,
            upload: Upload::default(),
            answer: Answer::default(),
            is_transmitted: false,
            is_answered: false,
            bounded: None,
        }
    }

    /// Asks, and gives what `on_head` makes of the head of the final answer; content that came with it is at hand. Interim answers (RFC 9110 §15.2)
    /// are told as they come, 100 too. 101 is final: what follows is a tunnel.
    ///
    /// An answer that comes before all of the request was transmitted waits until it is, if the server seems to want it: else the rest is not
    /// transmitted, and the line not used again (RFC 9112 §9.5).
    ///
    /// # Errors
    /// An [`OutboundError`]; the line is of no further use, unless it is [`Fault::Misuse`]. A line that was not quiet fails before anything is
    /// transmitted.
    pub async fn exchange<T>(
        &mut self,
        options: &Rc<LineOptions>,
        request: OutboundRequest<'_>,
        mut on_interim: impl FnMut(ResponseView<'_>),
        on_head: impl FnOnce(ResponseView<'_>, ContentLength) -> T,
    ) -> Result<T, OutboundError> {
        self.begin(options, request)?;
        let (mut on_head, mut made) = (Some(on_head), None);
        let mut tell = |head: ResponseView<'_>, content: ContentLength| match on_head.take() {
            Some(on_head) if is_final(head.status()) => made = Some(on_head(head, content)),
            unused => {
                on_head = unused;
                on_interim(head);
            }
        };
        poll_fn(|cx| self.poll_exchange(cx, &mut tell)).await?;
        self.unbound();
        made.ok_or_else(|| self.failed(Fault::Closed))
    }

    fn begin(
        &mut self,
        options: &Rc<LineOptions>,
        request: OutboundRequest<'_>,
    ) -> Result<(), OutboundError> {
        self.options = Rc::clone(options);
        self.answer = Answer {
            is_to_head: request.head.method == b"HEAD",
            ..Answer::default()
        };
        (self.is_transmitted, self.is_answered) = (false, false);
        self.outbound.set_resting(false);
        self.unbound();
        if !self.outbound.is_quiet() {
            // RFC 9112 §9.2: what comes unasked answers nothing.
            return Err(self.failed(Fault::Closed));
        }
        match Upload::begin(&mut self.machine, request) {
            Ok(upload) => self.upload = upload,
            Err(misuse) => {
                return Err(OutboundError {
                    fault: Fault::Misuse(misuse),
                    is_transmitted: false,
                    is_answered: false,
                });
            }
        }
        self.exchanges += 1;
        Ok(())
    }

    /// Ready when the final head is there and nothing more is to be transmitted.
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        tell: Told<'_>,
    ) -> Poll<Result<(), OutboundError>> {
        loop {
            let sending = self.poll_send(cx)?;
            if self.answer.status.is_some() {
                if sending != Sending::Done && !self.is_rest_wanted(sending) {
                    self.upload.give_up();
                }
                if self.upload.is_over() {
                    return Poll::Ready(Ok(()));
                }
            }
            let awaited = match sending {
                Sending::Blocked => Awaited::Transmit,
                Sending::Done | Sending::Content | Sending::Held => Awaited::Head,
            };
            match self.poll_read(cx, awaited, tell) {
                Poll::Ready(Ok(Read::On)) => {}
                Poll::Ready(Ok(Read::Interim)) => {
                    self.unbound();
                    // Whoever was told hands it on before more comes.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Err(fault)) => self.survive(fault, sending)?,
                Poll::Pending => {
                    self.bound_wait(sending);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Transmits what there is of the request.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<Sending, OutboundError> {
        loop {
            let gathered = self
                .upload
                .gather(cx, &mut self.machine, self.options.may_trail);
            if let Err(fault) = gathered {
                return Err(self.failed(fault));
            }
            if self.upload.is_transmitted() {
                return Ok(self.upload.awaits());
            }
            match self.upload.poll_transmit(cx, &mut self.outbound) {
                Poll::Pending => return Ok(Sending::Blocked),
                Poll::Ready(Ok(octets)) => {
                    self.is_transmitted |= octets > 0;
                    self.unbound();
                }
                Poll::Ready(Err(error))
                    if error.kind() == ErrorKind::TimedOut && self.answer.status.is_none() =>
                {
                    return Err(self.failed(Fault::Timeout(Awaited::Transmit)));
                }
                // The server may have said why before it closed (RFC 9112 §9.5).
                Poll::Ready(Err(_)) => self.upload.give_up(),
            }
        }
    }

    /// Whether the rest of the request is transmitted although the head of the final answer is there.
    fn is_rest_wanted(&self, sending: Sending) -> bool {
        // RFC 9110 §7.8: who asked for another protocol finishes the request before.
        if self.machine.is_tunnel() {
            return sending != Sending::Held;
        }
        sending != Sending::Held
            && self.answer.ready.len() < EARLY_OCTETS_MAX
            && self.answer.status.is_some_and(|status| !status.is_error())
    }

    /// What a failure to read leaves of the exchange.
    fn survive(&mut self, fault: Fault, sending: Sending) -> Result<(), OutboundError> {
        let is_late = matches!(fault, Fault::Timeout(_));
        if self.answer.status.is_some() {
            // The answer goes as far as it came.
            self.upload.give_up();
            if !is_late {
                self.machine.close(CloseReason::TransportError);
                self.answer.fault = Some(fault);
            }
            Ok(())
        } else if is_late && sending == Sending::Held {
            self.upload.release();
            self.unbound();
            Ok(())
        } else {
            Err(self.failed(fault))
        }
    }

    /// Sets how long may be waited for what is awaited, unless that was done when it began to be.
    fn bound_wait(&mut self, sending: Sending) {
        if self.bounded == Some(sending) {
            return;
        }
        self.bounded = Some(sending);
        let wait_millis = self.options.wait_millis;
        self.outbound.limit_wait(match sending {
            Sending::Done | Sending::Blocked => wait_millis,
            Sending::Held => Some(wait_millis.map_or(HELD_MILLIS, |wait| wait.min(HELD_MILLIS))),
            // It is the client that keeps the server waiting.
            Sending::Content => None,
        });
    }

    /// Something moved: waiting begins anew, or is over.
    fn unbound(&mut self) {
        self.bounded = None;
        self.outbound.limit_wait(None);
    }

    /// Receives once.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        awaited: Awaited,
        tell: Told<'_>,
    ) -> Poll<Result<Read, Fault>> {
        if self.answer.end.is_some() {
            return Poll::Pending;
        }
        let mut scratch = Scratch::take();
        let read = match self.outbound.poll_receive(cx, scratch.room()) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(received)) if received.rest == Rest::Ended => {
                Poll::Ready(self.input_ended())
            }
            Poll::Ready(Ok(received)) => {
                self.is_answered |= received.octets > 0;
                Poll::Ready(self.process(&mut scratch, received.octets, tell))
            }
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::TimedOut => {
                Poll::Ready(Err(Fault::Timeout(awaited)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(Fault::Transport(error))),
        };
        scratch.give_back();
        read
    }

    /// The server ended its side.
    fn input_ended(&mut self) -> Result<Read, Fault> {
        match self.machine.end_of_input() {
            Some(Event::End { why, .. }) if why != ContentEnd::Truncated => {
                self.answer.end = Some(why);
                Ok(Read::On)
            }
            _ => Err(Fault::Closed),
        }
    }

    /// Lets the machine read all that was received.
    fn process(
        &mut self,
        scratch: &mut Scratch,
        octets: usize,
        tell: Told<'_>,
    ) -> Result<Read, Fault> {
        let (received, index) = scratch.received(octets);
        let mut input = received;
        let mut read = Read::On;
        let (mut content, mut refused) = (Gathered::default(), None);
        let answer = &mut self.answer;
        let policy = &self.options.policy;
        while let Some(event) = self.machine.poll_event(policy, index, &mut input) {
            match event {
                Event::Head {
                    head,
                    content: length,
                    ..
                } => {
                    if is_final(head.status()) {
                        read = Read::On;
                        answer.begin(head, length);
                    } else {
                        read = Read::Interim;
                        self.upload.told(head.status());
                    }
                    tell(head, length);
                }
                Event::Content { octets, .. } => {
                    let end = received.len() - input.len();
                    content.add(received, end - octets.len()..end);
                }
                Event::Trailers { section, .. } => {
                    answer.trailers = trailing(section.iter(), self.options.may_trail);
                }
                Event::End { why, .. } => answer.end = Some(why),
                Event::Refused { refusal, .. } => {
                    refused = Some(Fault::Refused(refusal));
                }
            }
        }
        if self.machine.is_tunnel() {
            answer.tunnel = Bytes::copy_from_slice(input);
        }
        let more = content.finish(scratch, octets);
        answer.ready = match answer.ready.is_empty() {
            true => more,
            false => [&answer.ready[..], &more[..]].concat().into(),
        };
        refused.map_or(Ok(read), Err)
    }

    /// The next piece of the answer's content, never empty; `None` after the last. Then [`is_reusable`](Self::is_reusable) tells whether
    /// the line may be used again.
    ///
    /// An error means that the content is not complete: it must not look so to anybody (RFC 9112 §8).
    pub fn poll_content(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, OutboundError>>> {
        loop {
            if let Some(ready) = self.take_ready() {
                return Poll::Ready(Some(Ok(ready)));
            }
            if self.answer.end.is_some() {
                return Poll::Ready(None);
            }
            if self.machine.is_closed() {
                let fault = self.answer.fault.take().unwrap_or(Fault::Closed);
                return Poll::Ready(Some(Err(self.failed(fault))));
            }
            match self.poll_read(cx, Awaited::Content, &mut |_, _| {}) {
                Poll::Ready(Ok(_)) => self.unbound(),
                Poll::Ready(Err(fault)) => {
                    self.machine.close(CloseReason::TransportError);
                    self.answer.fault = Some(fault);
                }
                Poll::Pending => {
                    self.bound_wait(Sending::Done);
                    return Poll::Pending;
                }
            }
        }
    }

    fn take_ready(&mut self) -> Option<Bytes> {
        let ready = std::mem::take(&mut self.answer.ready);
        (!ready.is_empty()).then_some(ready)
    }

    /// What came of the content, if that is all of it.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        self.answer
            .end
            .is_some()
            .then(|| std::mem::take(&mut self.answer.ready))
    }

    fn failed(&mut self, fault: Fault) -> OutboundError {
        self.machine.close(CloseReason::TransportError);
        OutboundError {
            fault,
            is_transmitted: self.is_transmitted,
            is_answered: self.is_answered,
        }
    }
}

// What can be asked.
impl Line {
    /// The trailer section of the answer, once its content has ended: the lines that may be handed on.
    pub fn trailers(&self) -> Section<'_> {
        self.answer.trailers.section()
    }

    /// Why the content of the answer ended, once it has.
    pub fn end(&self) -> Option<ContentEnd> {
        self.answer.end
    }

    /// What becomes of the connection, as far as is known.
    pub fn fate(&self) -> Fate {
        self.machine.fate()
    }

    /// Whether another exchange may begin on it: all was said by both sides, and both keep the connection.
    pub fn is_reusable(&self) -> bool {
        self.machine.is_reusable() && self.upload.is_complete()
    }

    /// Whether nothing has come, and the server has not closed, since it was used last. An idle line that is not quiet is of no use.
    pub fn is_quiet(&mut self) -> bool {
        self.outbound.is_quiet()
    }

    /// Lets it rest until the next exchange: what comes meanwhile is told in [`net::poll_disturbed`].
    pub fn rest(&mut self) {
        self.outbound.set_resting(true);
    }

    /// Exchanges that have begun on it. A failure in the first tells more of the server than one in a later.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Whether the answer ended the use of HTTP, and the request was transmitted whole.
    pub fn is_tunnel(&self) -> bool {
        self.machine.is_tunnel() && self.upload.is_complete()
    }

    /// The connection, and what came behind the head that ended the use of HTTP (RFC 9110 §7.8, §9.3.6).
    pub fn into_tunnel(self) -> (Outbound, Bytes) {
        (self.outbound, self.answer.tunnel)
    }
}

impl Answer {
    fn begin(&mut self, head: ResponseView<'_>, length: ContentLength) {
        self.status = Some(head.status());
        self.length = length;
        if self.is_to_head {
            let declared = content_length::parse(head.section().all(Known::ContentLength));
            self.declared_octets = match declared {
                Some(Declared::Valid(octets) | Declared::Repeated(octets)) => Some(octets),
                _ => None,
            };
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("outbound", &self.outbound)
            .field("exchanges", &self.exchanges)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    On,
    /// Heads of interim answers, and not the final one.
    Interim,
}

/// 101 ends the use of HTTP/1.1, so nothing follows it (RFC 9110 §15.2.2).
fn is_final(status: Status) -> bool {
    !status.is_interim() || status == Status::SWITCHING_PROTOCOLS
}

/// The lines that may be in a trailer section.
fn trailing<'a>(
    lines: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    may_trail: fn(&[u8]) -> bool,
) -> OwnedSection {
    let mut section = OwnedSection::default();
    for (name, value) in lines.filter(|(name, _)| may_trail(name)) {
        section.add(name, value);
    }
    section
}

/// Octets of an answer's content that are held while its request is still transmitted.
const EARLY_OCTETS_MAX: usize = 64 * 1024;
/// How long content is held back for a server that does not say 100.
const HELD_MILLIS: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_line_is_small() {
        assert!(size_of::<Line>() <= 512);
    }
}
