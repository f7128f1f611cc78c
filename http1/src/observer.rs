//! Both directions of one connection as somebody sees them who takes no part: never refuses, never transmits.
//!
//! ```text
//!  client's octets ─▶ requests  ─┐ outstanding requests ┌─▶ pairs each answer with its request
//!  server's octets ─▶ responses ─┘ (method, fate)       └─▶ Sightings: heads, spans, content, ends, fates
//!
//!  each direction:   Head ──▶ Content ──▶ Head          in step
//!                     │          │
//!                     └──▶ Lost ◀┘                      says so, skips to the next plausible head
//!                     └──▶ Tunnel                       after 101, or 2xx to CONNECT
//! ```
//!
//! It reads with the scanner, the framing and the chunk reader of the machines that do take part, so it sees what they
//! would. Where a rule is broken it notes the anomaly and reads on as a lenient recipient would.
//!
//! One direction waits for the other where it cannot know how to read on: responses wait for their request, whose
//! method decides how they are framed, and octets after CONNECT or an Upgrade wait for the answer.

mod direction;
mod message;
mod pairing;

use std::time::Duration;

use semantics::{
    Anomalies, ContentEnd, ContentLength, ExchangeId, Fate, Refusal, RequestHead, RequestIndex,
    ResponseIndex, ResponseView, Section, SpanKind,
};

use crate::Policy;
use direction::{Context, Direction};
use pairing::Pairing;

/// Watches one connection.
#[derive(Debug)]
pub struct Observer {
    requests: Direction<RequestIndex>,
    responses: Direction<ResponseIndex>,
    pairing: Pairing,
    policy: Policy,
    limits: ObserverLimits,
}

/// How much an observer holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserverLimits {
    /// Octets of one direction that wait for the other. Over it they are read as they come.
    pub waiting_octets_max: usize,
    /// Requests whose exchange is not complete. Over it the oldest is given up.
    pub outstanding_max: usize,
    /// Octets of a head. Over it the direction is lost.
    pub head_octets_max: usize,
}

impl Default for ObserverLimits {
    fn default() -> Self {
        Self {
            waiting_octets_max: 256 * 1024,
            outstanding_max: 1024,
            head_octets_max: 1 << 20,
        }
    }
}

/// Who transmitted what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Requests.
    Client,
    /// Responses.
    Server,
}

/// Something seen on the wire, and where.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// When the octets came that made it known.
    pub now: Duration,
    /// Whose octets they are.
    pub side: Side,
    /// The exchange, counted by requests from 1; `None` where there is none.
    pub exchange: Option<ExchangeId>,
    /// Where it begins, in octets from the start of that side's stream.
    pub offset: u64,
    /// How many octets it covers.
    pub octets: u64,
    /// What it is.
    pub what: What<'a>,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// A request head as it came; its spans count from the sighting's offset.
    Request {
        /// Continued lines are as they came.
        head: RequestHead<'a>,
        /// The length of its content.
        content: ContentLength,
    },
    /// A response head as it came; an interim one (1xx) has no end of its own.
    Response {
        /// Continued lines are as they came.
        head: ResponseView<'a>,
        /// The length of its content.
        content: ContentLength,
    },
    /// A part of the chunked coding.
    Span(SpanKind),
    /// Octets of content.
    Content(&'a [u8]),
    /// Octets of content, or of something, that were transmitted and not captured.
    Missing,
    /// A trailer section.
    Trailers(Section<'a>),
    /// The message ended.
    End {
        /// Why it ended here.
        why: ContentEnd,
        /// What was odd about its content.
        anomalies: Anomalies,
    },
    /// Request and response are complete, and this becomes of the connection.
    Fate(Fate),
    /// No response will come, or none that is known to answer this request.
    Unanswered,
    /// Octets that are not HTTP/1.1 any more (RFC 9110 §7.8, §9.3.6).
    Tunnel(&'a [u8]),
    /// What follows cannot be read, for this reason.
    Lost(Refusal),
    /// Octets that belong to no message.
    Skipped(&'a [u8]),
}

/// One who is told.
pub type Sink<'s> = dyn FnMut(Sighting<'_>) + 's;

impl Default for Observer {
    fn default() -> Self {
        Self::new(ObserverLimits::default())
    }
}

impl Observer {
    /// A connection of which nothing was seen.
    pub fn new(limits: ObserverLimits) -> Self {
        let mut policy = Policy::observe();
        policy.limits.head_octets_max = limits.head_octets_max;
        Self {
            requests: Direction::default(),
            responses: Direction::default(),
            pairing: Pairing::default(),
            policy,
            limits,
        }
    }

    /// Octets that the client transmitted.
    pub fn client_octets(&mut self, now: Duration, octets: &[u8], sink: &mut Sink<'_>) {
        for piece in octets.chunks(PIECE_OCTETS) {
            let (requests, mut context) = self.requests(now, sink);
            requests.receive(piece, &mut context);
            self.read_on(now, sink);
        }
    }

    /// Octets that the server transmitted.
    pub fn server_octets(&mut self, now: Duration, octets: &[u8], sink: &mut Sink<'_>) {
        for piece in octets.chunks(PIECE_OCTETS) {
            let (responses, mut context) = self.responses(now, sink);
            responses.receive(piece, &mut context);
            self.read_on(now, sink);
        }
    }

    /// Octets that the client transmitted and that were not captured.
    pub fn client_gap(&mut self, now: Duration, octets: u64, sink: &mut Sink<'_>) {
        let (requests, mut context) = self.requests(now, sink);
        requests.miss(octets, &mut context);
        self.read_on(now, sink);
    }

    /// Octets that the server transmitted and that were not captured.
    pub fn server_gap(&mut self, now: Duration, octets: u64, sink: &mut Sink<'_>) {
        let (responses, mut context) = self.responses(now, sink);
        responses.miss(octets, &mut context);
        self.read_on(now, sink);
    }

    /// The client transmits nothing more.
    pub fn client_end(&mut self, now: Duration, sink: &mut Sink<'_>) {
        self.requests.is_ended = true;
        self.read_on(now, sink);
    }

    /// The server transmits nothing more.
    pub fn server_end(&mut self, now: Duration, sink: &mut Sink<'_>) {
        self.responses.is_ended = true;
        self.read_on(now, sink);
    }

    /// Octets held: those that wait, and those of incomplete heads.
    pub fn octets_held(&self) -> usize {
        self.requests.pending.len() + self.responses.pending.len()
    }

    /// Lets each direction go on as far as the other allows.
    fn read_on(&mut self, now: Duration, sink: &mut Sink<'_>) {
        loop {
            let (requests, mut context) = self.requests(now, sink);
            let mut has_moved = requests.read_pending(&mut context);
            let (responses, mut context) = self.responses(now, sink);
            has_moved |= responses.read_pending(&mut context);
            if !has_moved && !self.stop_waiting() && !self.finish(now, sink) {
                return;
            }
        }
    }

    /// Ends a wait that is too long, or for nothing.
    fn stop_waiting(&mut self) -> bool {
        let max = self.limits.waiting_octets_max;
        let is_quiet = self.responses.state.is_ended();
        let stops_requests =
            self.requests.is_waiting && (is_quiet || self.requests.pending.len() > max);
        let is_quiet = self.requests.state.is_ended();
        let stops_responses = self.responses.is_waiting
            && (is_quiet || self.responses.is_ended || self.responses.pending.len() > max);
        self.requests.is_impatient |= stops_requests;
        self.responses.is_impatient |= stops_responses;
        self.requests.is_waiting &= !stops_requests;
        self.responses.is_waiting &= !stops_responses;
        self.requests.has_news |= stops_requests;
        self.responses.has_news |= stops_responses;
        stops_requests || stops_responses
    }

    /// Ends each direction whose stream ended and that waits for nothing.
    fn finish(&mut self, now: Duration, sink: &mut Sink<'_>) -> bool {
        let (requests, mut context) = self.requests(now, sink);
        let mut has_moved = requests.finish(&mut context);
        let (responses, mut context) = self.responses(now, sink);
        if responses.finish(&mut context) {
            has_moved = true;
        }
        if has_moved && responses.state.is_ended() {
            let offset = responses.offset;
            context.tell_unanswered(offset);
        }
        has_moved
    }

    fn requests<'s, 'k>(
        &'s mut self,
        now: Duration,
        sink: &'s mut Sink<'k>,
    ) -> (&'s mut Direction<RequestIndex>, Context<'s, 'k>) {
        let context = Context {
            now,
            side: Side::Client,
            policy: &self.policy,
            limits: &self.limits,
            pairing: &mut self.pairing,
            sink,
        };
        (&mut self.requests, context)
    }

    fn responses<'s, 'k>(
        &'s mut self,
        now: Duration,
        sink: &'s mut Sink<'k>,
    ) -> (&'s mut Direction<ResponseIndex>, Context<'s, 'k>) {
        let context = Context {
            now,
            side: Side::Server,
            policy: &self.policy,
            limits: &self.limits,
            pairing: &mut self.pairing,
            sink,
        };
        (&mut self.responses, context)
    }
}

/// Octets taken in at once, so that what is held stays within its bounds however much comes.
const PIECE_OCTETS: usize = 64 * 1024;

#[cfg(test)]
mod tests;
