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

use std::collections::VecDeque;
use std::time::Duration;

use semantics::{
    Anomalies, CloseReason, ContentEnd, ContentLength, ExchangeId, Fate, Known, LimitError, Method,
    PeerError, Refusal, RequestHead, RequestIndex, ResponseIndex, ResponseView, Section, SpanKind,
    Status,
};

use crate::Policy;
use crate::chunked::{Chunk, Chunked, Watch};
use crate::client::fate_of_answer;
use crate::framing::{self, Persistence, ResponseFraming};
use crate::scan::{self, Progress, Scan};

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

/// What a direction needs from outside of it.
struct Context<'s, 'k> {
    now: Duration,
    side: Side,
    policy: &'s Policy,
    limits: &'s ObserverLimits,
    pairing: &'s mut Pairing,
    sink: &'s mut Sink<'k>,
}

impl Context<'_, '_> {
    fn tell(&mut self, exchange: Option<ExchangeId>, offset: u64, octets: u64, what: What<'_>) {
        (self.sink)(Sighting {
            now: self.now,
            side: self.side,
            exchange,
            offset,
            octets,
            what,
        });
    }

    /// Tells the fates of exchanges that are complete, in their order.
    fn tell_fates(&mut self, offset: u64) {
        while let Some(pair) = self.pairing.pop_complete() {
            if let Some(fate) = pair.settled {
                self.tell(Some(pair.id), offset, 0, What::Fate(fate));
            }
        }
    }

    fn tell_unanswered(&mut self, offset: u64) {
        while let Some(pair) = self.pairing.pop_unanswered() {
            self.tell(Some(pair.id), offset, 0, What::Unanswered);
        }
    }
}

/// Requests and how far their exchanges are, oldest first.
#[derive(Debug, Default)]
struct Pairing {
    pairs: VecDeque<Pair>,
    requests: u64,
    is_tunnel: bool,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    id: ExchangeId,
    method: Method,
    /// What the request says of the connection.
    fate: Fate,
    /// What becomes of the connection, once the response head is known; `None` for a tunnel.
    settled: Option<Fate>,
    may_switch: bool,
    is_request_complete: bool,
    has_final_head: bool,
    is_answered: bool,
}

impl Pairing {
    /// The request that the next response answers.
    fn awaiting(&mut self) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| !pair.is_answered)
    }

    fn of(&mut self, id: Option<ExchangeId>) -> Option<&mut Pair> {
        let at = self.pairs.binary_search_by_key(&id?, |pair| pair.id).ok()?;
        self.pairs.get_mut(at)
    }

    /// Whether what the client sends next depends on an answer that is not known.
    fn is_switch_pending(&self) -> bool {
        let last = self.pairs.back();
        last.is_some_and(|pair| pair.may_switch && !pair.has_final_head)
    }

    fn pop_complete(&mut self) -> Option<Pair> {
        let is_complete = |pair: &Pair| pair.is_request_complete && pair.is_answered;
        if self.pairs.front().is_some_and(is_complete) {
            self.pairs.pop_front()
        } else {
            None
        }
    }

    fn pop_unanswered(&mut self) -> Option<Pair> {
        let at = self.pairs.iter().position(|pair| !pair.is_answered)?;
        self.pairs.remove(at)
    }
}

/// One direction of the connection.
#[derive(Debug, Default)]
struct Direction<I> {
    state: State,
    /// Where in the stream the first octet lies that is not read.
    offset: u64,
    /// Octets that are not read: of an incomplete head, or waiting.
    pending: Vec<u8>,
    progress: Progress,
    index: I,
    /// The exchange of the message that is being read.
    exchange: Option<ExchangeId>,
    /// Where its content begins.
    content_at: u64,
    /// While lost: octets of `pending` in which no head begins.
    searched: usize,
    is_waiting: bool,
    /// Reads on without what it should wait for.
    is_impatient: bool,
    /// Whether `pending` is worth another look.
    has_news: bool,
    is_ended: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Length(u64),
    Chunked(Box<Chunked>),
    Close,
    /// Nothing can be read before the next plausible head, which lies this many octets ahead or more.
    Lost {
        ahead: usize,
    },
    Tunnel,
    Ended,
}

impl State {
    fn is_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

/// What distinguishes requests and responses.
trait Message {
    /// What is odd about octets that cannot begin a head.
    const NO_BEGINNING: Anomalies;

    fn scan(&mut self, octets: &[u8], progress: &mut Progress) -> Scan;

    fn len(&self) -> usize;

    /// Whether these octets can begin a head.
    fn may_begin(octets: &[u8]) -> bool;

    /// Whether the start line looks like one.
    fn is_plausible(&self, octets: &[u8]) -> bool;

    /// Where the start line begins.
    fn start(&self) -> usize;

    /// The oddities of the start line.
    fn start_anomalies(&self) -> Anomalies;

    /// Whether the next message must wait for the other direction.
    fn must_wait(pairing: &Pairing) -> bool;

    /// Tells a complete head; gives its exchange and how its content is read.
    fn begin(
        &mut self,
        octets: &[u8],
        offset: u64,
        context: &mut Context<'_, '_>,
    ) -> (Option<ExchangeId>, Begun);

    /// Notes that the message is complete.
    fn complete(exchange: Option<ExchangeId>, why: ContentEnd, pairing: &mut Pairing);

    /// Looks for a head that begins at `floor` or after it, and whose start line ends at `from` or after it.
    fn search(octets: &[u8], from: usize, floor: usize) -> Search;
}

/// How a message goes on after its head.
enum Begun {
    /// An interim response: the next head follows.
    Interim,
    /// It ended, for this reason.
    Ended(ContentEnd),
    Length(u64),
    Chunked,
    Close,
}

enum Search {
    /// A head begins here.
    Found(usize),
    /// None begins before `keep`, and none that is complete is in the octets before `searched`.
    None { keep: usize, searched: usize },
}

impl<I: Message> Direction<I> {
    fn receive(&mut self, octets: &[u8], context: &mut Context<'_, '_>) {
        if self.pending.is_empty() && !self.is_waiting {
            let read = self.read(octets, context);
            self.pending
                .extend_from_slice(octets.get(read..).unwrap_or_default());
        } else {
            self.pending.extend_from_slice(octets);
            self.has_news = true;
        }
    }

    /// Whether anything was read.
    fn read_pending(&mut self, context: &mut Context<'_, '_>) -> bool {
        if self.is_waiting && !I::must_wait(context.pairing) {
            self.is_waiting = false;
            self.has_news = true;
        }
        if self.is_waiting || !std::mem::take(&mut self.has_news) {
            return false;
        }
        let mut pending = std::mem::take(&mut self.pending);
        let read = self.read(&pending, context);
        pending.drain(..read);
        self.pending = pending;
        // Whoever stopped waiting goes on until all is read that had waited.
        self.is_impatient &= !self.pending.is_empty();
        read > 0
    }

    /// Reads as much as can be read; gives how many octets that is.
    fn read(&mut self, octets: &[u8], context: &mut Context<'_, '_>) -> usize {
        let mut input = octets;
        loop {
            let before = input.len();
            let may_go_on = self.step(&mut input, context);
            self.offset += (before - input.len()) as u64;
            if !may_go_on {
                return octets.len() - input.len();
            }
        }
    }

    /// Takes one step; `false` when more octets are needed, or the other direction.
    fn step(&mut self, input: &mut &[u8], context: &mut Context<'_, '_>) -> bool {
        match &mut self.state {
            State::Head => self.read_head(input, context),
            State::Length(left) => {
                let take = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                *left -= take as u64;
                let is_end = *left == 0;
                self.tell_content(take, input, context);
                if is_end {
                    self.end(ContentEnd::Length, Anomalies::NONE, take, context);
                }
                is_end
            }
            State::Chunked(_) => self.read_chunk(input, context),
            State::Close => {
                self.tell_content(input.len(), input, context);
                false
            }
            State::Lost { ahead } => {
                let ahead = *ahead;
                self.read_lost(ahead, input, context)
            }
            State::Tunnel => {
                let octets = std::mem::take(input);
                if !octets.is_empty() {
                    let what = What::Tunnel(octets);
                    context.tell(self.exchange, self.offset, octets.len() as u64, what);
                }
                false
            }
            State::Ended => {
                *input = &[];
                false
            }
        }
    }

    fn tell_content(&mut self, take: usize, input: &mut &[u8], context: &mut Context<'_, '_>) {
        let (octets, rest) = input.split_at_checked(take).unwrap_or((input, &[]));
        *input = rest;
        if !octets.is_empty() {
            let what = What::Content(octets);
            context.tell(self.exchange, self.offset, take as u64, what);
        }
    }

    fn read_head(&mut self, input: &mut &[u8], context: &mut Context<'_, '_>) -> bool {
        if context.pairing.is_tunnel {
            self.state = State::Tunnel;
            return true;
        }
        if input.is_empty() {
            return false;
        }
        if !self.is_impatient && I::must_wait(context.pairing) {
            self.is_waiting = true;
            return false;
        }
        // One octet more than a head may have tells that it has too many.
        let room = context.limits.head_octets_max.saturating_add(1);
        let octets = input.get(..room).unwrap_or(input);
        let scan = self.index.scan(octets, &mut self.progress);
        let has_start_line = self.progress.has_start_line();
        let start = if has_start_line {
            self.index.start()
        } else {
            self.progress.line_start()
        };
        let line = octets.get(start..).unwrap_or_default();
        let may_begin = I::may_begin(line);
        if !may_begin || (has_start_line && !self.index.is_plausible(octets)) {
            let odd = if may_begin {
                self.index.start_anomalies()
            } else {
                I::NO_BEGINNING
            };
            self.lose(PeerError::Syntax(odd).into(), start + 1, 0, context);
            return true;
        }
        let head_octets = match scan {
            Scan::Complete => self.index.len(),
            Scan::Partial => octets.len(),
        };
        if head_octets > context.limits.head_octets_max {
            let line_octets = memchr::memchr(b'\n', line).unwrap_or(0) + 1;
            self.lose(
                LimitError::HeadOctets.into(),
                start + line_octets,
                0,
                context,
            );
            return true;
        }
        if scan == Scan::Partial {
            return false;
        }
        self.begin(input, context);
        true
    }

    fn begin(&mut self, input: &mut &[u8], context: &mut Context<'_, '_>) {
        let len = self.index.len();
        let (exchange, begun) = self.index.begin(input, self.offset, context);
        *input = input.get(len..).unwrap_or_default();
        self.exchange = exchange;
        self.progress = Progress::default();
        self.content_at = self.offset + len as u64;
        match begun {
            Begun::Interim => {}
            Begun::Ended(why) => self.end(why, Anomalies::NONE, len, context),
            Begun::Length(0) => self.end(ContentEnd::Length, Anomalies::NONE, len, context),
            Begun::Length(octets) => self.state = State::Length(octets),
            Begun::Chunked => self.state = State::Chunked(Box::default()),
            Begun::Close => self.state = State::Close,
        }
    }

    fn read_chunk(&mut self, input: &mut &[u8], context: &mut Context<'_, '_>) -> bool {
        let State::Chunked(chunked) = &mut self.state else {
            return false;
        };
        let before = input.len();
        let policy = context.policy;
        let mut spans = Spans {
            context,
            exchange: self.exchange,
            content_at: self.content_at,
        };
        let result = chunked.read(input, policy.refuse, &policy.limits, &mut spans);
        let taken = before - input.len();
        match result {
            Ok(Chunk::NeedMore) => false,
            Ok(Chunk::Content(octets)) => {
                let at = self.offset + (taken - octets.len()) as u64;
                let what = What::Content(octets);
                context.tell(self.exchange, at, octets.len() as u64, what);
                true
            }
            Ok(Chunk::End) => {
                let anomalies = chunked.anomalies();
                if let Some(section) = chunked.trailers() {
                    let octets = section.octets().len() as u64;
                    let at = (self.offset + taken as u64).saturating_sub(octets);
                    context.tell(self.exchange, at, octets, What::Trailers(section));
                }
                self.end(ContentEnd::LastChunk, anomalies, taken, context);
                true
            }
            Err(refusal) => {
                let anomalies = chunked.anomalies();
                self.lose(refusal, 0, taken, context);
                self.tell_end(ContentEnd::Abandoned, anomalies, taken, context);
                true
            }
        }
    }

    /// The message ends `taken` octets after what was read before.
    fn end(
        &mut self,
        why: ContentEnd,
        anomalies: Anomalies,
        taken: usize,
        context: &mut Context<'_, '_>,
    ) {
        self.state = State::Head;
        self.tell_end(why, anomalies, taken, context);
    }

    fn tell_end(
        &mut self,
        why: ContentEnd,
        anomalies: Anomalies,
        taken: usize,
        context: &mut Context<'_, '_>,
    ) {
        let at = self.offset + taken as u64;
        context.tell(self.exchange, at, 0, What::End { why, anomalies });
        I::complete(self.exchange, why, context.pairing);
        context.tell_fates(at);
    }

    fn lose(
        &mut self,
        refusal: Refusal,
        ahead: usize,
        taken: usize,
        context: &mut Context<'_, '_>,
    ) {
        self.state = State::Lost { ahead };
        self.progress = Progress::default();
        self.searched = 0;
        let at = self.offset + taken as u64;
        context.tell(None, at, 0, What::Lost(refusal));
    }

    fn read_lost(
        &mut self,
        ahead: usize,
        input: &mut &[u8],
        context: &mut Context<'_, '_>,
    ) -> bool {
        let octets = *input;
        let (skip, is_found) = match I::search(octets, self.searched.max(ahead), ahead) {
            Search::Found(at) => (at, true),
            Search::None { keep, searched } => {
                self.searched = searched;
                // What may yet be the beginning of a head is kept, within bounds, and skipped in large pieces.
                let kept = octets.len() - keep.min(octets.len());
                let keep = if kept > 2 * LINE_OCTETS_MAX {
                    LINE_OCTETS_MAX
                } else {
                    kept
                };
                (octets.len() - keep, false)
            }
        };
        let (skipped, rest) = octets.split_at_checked(skip).unwrap_or((octets, &[]));
        *input = rest;
        if !skipped.is_empty() {
            let what = What::Skipped(skipped);
            context.tell(None, self.offset, skip as u64, what);
        }
        self.searched = self.searched.saturating_sub(skip);
        self.state = if is_found {
            State::Head
        } else {
            State::Lost {
                ahead: ahead.saturating_sub(skip),
            }
        };
        is_found
    }

    /// Octets are missing here.
    fn miss(&mut self, octets: u64, context: &mut Context<'_, '_>) {
        let is_within = match &mut self.state {
            State::Length(left) if octets < *left => {
                *left -= octets;
                true
            }
            State::Close | State::Tunnel => true,
            State::Length(left) if octets == *left => {
                self.tell_missing(octets, context);
                self.end(ContentEnd::Length, Anomalies::NONE, 0, context);
                return;
            }
            State::Length(_) | State::Chunked(_) => {
                self.tell_end(ContentEnd::Abandoned, Anomalies::NONE, 0, context);
                false
            }
            State::Head | State::Lost { .. } | State::Ended => false,
        };
        if !is_within && !self.state.is_ended() {
            self.skip_pending(context);
            self.state = State::Lost { ahead: 0 };
            self.progress = Progress::default();
            self.searched = 0;
            self.exchange = None;
            self.is_waiting = false;
        }
        self.tell_missing(octets, context);
    }

    fn tell_missing(&mut self, octets: u64, context: &mut Context<'_, '_>) {
        context.tell(self.exchange, self.offset, octets, What::Missing);
        self.offset += octets;
    }

    fn skip_pending(&mut self, context: &mut Context<'_, '_>) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            let octets = pending.len() as u64;
            context.tell(None, self.offset, octets, What::Skipped(&pending));
            self.offset += octets;
        }
    }

    /// The stream ended; `false` when it did not, or when it is known already, or not yet.
    fn finish(&mut self, context: &mut Context<'_, '_>) -> bool {
        if !self.is_ended || self.is_waiting || self.state.is_ended() {
            return false;
        }
        match &self.state {
            State::Length(_) | State::Chunked(_) => {
                self.end(ContentEnd::Truncated, Anomalies::NONE, 0, context);
            }
            State::Close => self.end(ContentEnd::ConnectionClose, Anomalies::NONE, 0, context),
            State::Head if self.pending.iter().any(|b| !b"\r\n".contains(b)) => {
                let refusal = PeerError::Truncated.into();
                context.tell(None, self.offset, 0, What::Lost(refusal));
            }
            State::Head | State::Lost { .. } | State::Tunnel | State::Ended => {}
        }
        self.skip_pending(context);
        self.state = State::Ended;
        true
    }
}

/// Passes on where the parts of a chunked message lie.
struct Spans<'c, 's, 'k> {
    context: &'c mut Context<'s, 'k>,
    exchange: Option<ExchangeId>,
    content_at: u64,
}

impl Watch for Spans<'_, '_, '_> {
    fn span(&mut self, kind: SpanKind, start: u64, octets: u64) {
        let at = self.content_at + start;
        self.context
            .tell(self.exchange, at, octets, What::Span(kind));
    }
}

impl Message for RequestIndex {
    const NO_BEGINNING: Anomalies = Anomalies::METHOD_NOT_TOKEN;

    fn start(&self) -> usize {
        self.method_span.start as usize
    }

    fn scan(&mut self, octets: &[u8], progress: &mut Progress) -> Scan {
        scan::request_head(octets, progress, self)
    }

    fn len(&self) -> usize {
        self.octets
    }

    fn may_begin(octets: &[u8]) -> bool {
        let is_text = |b: &u8| b.is_ascii_graphic() || b" \t\r\n".contains(b);
        octets.first().is_none_or(is_text)
    }

    /// It names a version, or is HTTP/0.9's with a method that is known.
    fn is_plausible(&self, octets: &[u8]) -> bool {
        let version = self.version_span.of(octets);
        has_name(version) || (version.is_empty() && self.method != Method::Other)
    }

    fn start_anomalies(&self) -> Anomalies {
        self.start_anomalies
    }

    fn must_wait(pairing: &Pairing) -> bool {
        pairing.is_switch_pending()
    }

    fn begin(
        &mut self,
        octets: &[u8],
        offset: u64,
        context: &mut Context<'_, '_>,
    ) -> (Option<ExchangeId>, Begun) {
        let framing = if self.section.anomalies.contains(Anomalies::OBS_FOLD) {
            let head = octets.get(..self.octets).unwrap_or(octets);
            let (mut octets, mut index) = (head.to_vec(), self.clone());
            scan::unfold(&mut octets, &mut index.section);
            let framing = framing::of_request(&octets, &mut index);
            self.section.anomalies = index.section.anomalies;
            framing
        } else {
            framing::of_request(octets, self)
        };
        let head = RequestHead::new(octets, self);
        if context.pairing.pairs.len() >= context.limits.outstanding_max
            && let Some(oldest) = context.pairing.pairs.pop_front()
        {
            context.tell(Some(oldest.id), offset, 0, What::Unanswered);
        }
        context.pairing.requests += 1;
        let id = ExchangeId(context.pairing.requests);
        context.pairing.pairs.push_back(Pair {
            id,
            method: self.method,
            fate: Persistence::of(head).fate,
            settled: None,
            may_switch: self.method == Method::Connect || head.has(Known::Upgrade),
            is_request_complete: false,
            has_final_head: false,
            is_answered: false,
        });
        let content = framing.content;
        let what = What::Request { head, content };
        context.tell(Some(id), offset, self.octets as u64, what);
        let begun = match content {
            ContentLength::None => Begun::Ended(ContentEnd::NoFraming),
            ContentLength::Exactly(octets) => Begun::Length(octets),
            ContentLength::Unknown => Begun::Chunked,
        };
        (Some(id), begun)
    }

    fn complete(exchange: Option<ExchangeId>, why: ContentEnd, pairing: &mut Pairing) {
        if let Some(pair) = pairing.of(exchange) {
            pair.is_request_complete = true;
            if why == ContentEnd::Truncated {
                pair.fate = Fate::Closed(CloseReason::ClientClosed);
                pair.settled = pair.settled.map(|_| pair.fate);
            }
        }
    }

    /// A line that ends in ` HTTP/1.` DIGIT, from its method on.
    fn search(octets: &[u8], from: usize, floor: usize) -> Search {
        let (mut line_at, mut searched) = (0, from);
        while let Some(lf) = octets
            .get(searched..)
            .and_then(|rest| memchr::memchr(b'\n', rest))
            .map(|i| searched + i)
        {
            let line = octets.get(line_at..lf).unwrap_or_default();
            match request_line(line) {
                Some(at) if line_at + at >= floor => return Search::Found(line_at + at),
                _ => {}
            }
            (line_at, searched) = (lf + 1, lf + 1);
        }
        let searched = octets.len();
        Search::None {
            keep: line_at,
            searched,
        }
    }
}

impl Message for ResponseIndex {
    const NO_BEGINNING: Anomalies = Anomalies::STATUS_LINE_INVALID;

    fn start(&self) -> usize {
        self.version_span.start as usize
    }

    fn scan(&mut self, octets: &[u8], progress: &mut Progress) -> Scan {
        scan::response_head(octets, progress, self)
    }

    fn len(&self) -> usize {
        self.octets
    }

    fn may_begin(octets: &[u8]) -> bool {
        let begins = |(octet, wanted): (&u8, &u8)| octet.eq_ignore_ascii_case(wanted);
        octets == b"\r" || octets.iter().zip(NAME).all(begins)
    }

    fn is_plausible(&self, octets: &[u8]) -> bool {
        has_name(self.version_span.of(octets))
    }

    fn start_anomalies(&self) -> Anomalies {
        self.start_anomalies
    }

    fn must_wait(pairing: &Pairing) -> bool {
        pairing.pairs.iter().all(|pair| pair.is_answered)
    }

    fn begin(
        &mut self,
        octets: &[u8],
        offset: u64,
        context: &mut Context<'_, '_>,
    ) -> (Option<ExchangeId>, Begun) {
        let asked = context
            .pairing
            .awaiting()
            .map(|pair| (pair.id, pair.method));
        let method = asked.map_or(Method::Other, |(_, method)| method);
        let framing = if self.section.anomalies.contains(Anomalies::OBS_FOLD) {
            let head = octets.get(..self.octets).unwrap_or(octets);
            let (mut octets, mut index) = (head.to_vec(), self.clone());
            scan::unfold(&mut octets, &mut index.section);
            let framing = framing::of_response(&octets, &mut index, method);
            self.section.anomalies = index.section.anomalies;
            framing
        } else {
            framing::of_response(octets, self, method)
        };
        let head = ResponseView::new(octets, self);
        let content = match framing {
            ResponseFraming::None(_) => ContentLength::None,
            ResponseFraming::Length(octets) => ContentLength::Exactly(octets),
            ResponseFraming::Chunked | ResponseFraming::Close => ContentLength::Unknown,
        };
        let exchange = asked.map(|(id, _)| id);
        let what = What::Response { head, content };
        context.tell(exchange, offset, self.octets as u64, what);
        let is_switch = head.status() == Status::SWITCHING_PROTOCOLS;
        if head.status().is_interim() && !is_switch {
            return (exchange, Begun::Interim);
        }
        let is_tunnel = is_switch || framing == ResponseFraming::None(ContentEnd::Tunnel);
        context.pairing.is_tunnel |= is_tunnel;
        if let Some(pair) = context.pairing.of(exchange) {
            pair.has_final_head = true;
            pair.settled = (!is_tunnel).then(|| fate_of_answer(pair.fate, head, framing));
        }
        let begun = match framing {
            ResponseFraming::None(_) if is_switch => Begun::Ended(ContentEnd::Tunnel),
            ResponseFraming::None(why) => Begun::Ended(why),
            ResponseFraming::Length(octets) => Begun::Length(octets),
            ResponseFraming::Chunked => Begun::Chunked,
            ResponseFraming::Close => Begun::Close,
        };
        (exchange, begun)
    }

    fn complete(exchange: Option<ExchangeId>, why: ContentEnd, pairing: &mut Pairing) {
        if let Some(pair) = pairing.of(exchange) {
            pair.has_final_head = true;
            pair.is_answered = true;
            if matches!(why, ContentEnd::Truncated | ContentEnd::Abandoned) {
                pair.settled = Some(Fate::Closed(CloseReason::AnswerIncomplete));
            }
        }
    }

    /// `HTTP/1.` DIGIT SP 3DIGIT, and then what may follow a status code.
    fn search(octets: &[u8], from: usize, _: usize) -> Search {
        let mut at = from.min(octets.len());
        while let Some(begin) = octets
            .get(at..)
            .and_then(|rest| memchr::memchr(b'H', rest))
            .map(|i| at + i)
        {
            let rest = octets.get(begin..).unwrap_or_default();
            match rest.first_chunk() {
                Some(
                    [
                        b'H',
                        b'T',
                        b'T',
                        b'P',
                        b'/',
                        b'1',
                        b'.',
                        b'0'..=b'9',
                        b' ',
                        b'1'..=b'9',
                        b'0'..=b'9',
                        b'0'..=b'9',
                        b' ' | b'\r' | b'\n',
                    ],
                ) => return Search::Found(begin),
                Some(_) => at = begin + 1,
                None if rest.iter().zip(NAME).all(|(octet, wanted)| octet == wanted) => {
                    return Search::None {
                        keep: begin,
                        searched: begin,
                    };
                }
                None => at = begin + 1,
            }
        }
        let searched = octets.len();
        Search::None {
            keep: searched,
            searched,
        }
    }
}

/// Whether a version names HTTP, in any case.
fn has_name(version: &[u8]) -> bool {
    version
        .get(..NAME.len())
        .is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// Where in a line without its LF a request line begins that ends with it.
fn request_line(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (line, version) = line.split_at_checked(line.len().checked_sub(9)?)?;
    if !matches!(
        version,
        [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9']
    ) {
        return None;
    }
    let space = memchr::memrchr(b' ', line)?;
    let (method, target) = line.split_at_checked(space)?;
    let begin = method
        .iter()
        .rposition(|b| !b.is_ascii_uppercase())
        .map_or(0, |i| i + 1);
    let is_method = method.len() - begin >= METHOD_OCTETS_MIN;
    let is_target =
        matches!(target, [b' ', b'/' | b'*', ..]) || memchr::memchr(b':', target).is_some();
    let is_target = is_target && memchr::memchr(b'\n', target).is_none();
    (is_method && is_target).then_some(begin)
}

/// How versions begin.
const NAME: &[u8] = b"HTTP/";
/// Shortest method that is believed after a place that could not be read.
const METHOD_OCTETS_MIN: usize = 3;
/// Longest line in which a request line is looked for after a place that could not be read.
const LINE_OCTETS_MAX: usize = 16 * 1024;
/// Octets taken in at once, so that what is held stays within its bounds however much comes.
const PIECE_OCTETS: usize = 64 * 1024;

#[cfg(test)]
mod tests;
