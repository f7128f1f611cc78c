//! One direction of a connection: from octets to messages, with what lies between them.

use std::time::Duration;

use semantics::{Anomalies, ContentEnd, ExchangeId, LimitError, PeerError, Refusal, SpanKind};

use super::message::{Begun, Message, Search};
use super::pairing::Pairing;
use super::{ObserverLimits, Side, Sighting, Sink, What};
use crate::Policy;
use crate::chunked::{Chunk, Chunked, Watch};
use crate::scan::{Progress, Scan};

/// One direction of the connection.
#[derive(Debug, Default)]
pub(super) struct Direction<I> {
    pub(super) state: State,
    /// Where in the stream the first octet lies that is not read.
    pub(super) offset: u64,
    /// Octets that are not read: of an incomplete head, or waiting.
    pub(super) pending: Vec<u8>,
    progress: Progress,
    index: I,
    /// The exchange of the message that is being read.
    exchange: Option<ExchangeId>,
    /// Where its content begins.
    content_at: u64,
    /// While lost: octets of `pending` in which no head begins.
    searched: usize,
    pub(super) is_waiting: bool,
    /// Reads on without what it should wait for.
    pub(super) is_impatient: bool,
    /// Whether `pending` is worth another look.
    pub(super) has_news: bool,
    pub(super) is_ended: bool,
}

#[derive(Debug, Default)]
pub(super) enum State {
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
    pub(super) fn is_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

/// What a direction needs from outside of it.
pub(super) struct Context<'s, 'k> {
    pub(super) now: Duration,
    pub(super) side: Side,
    pub(super) policy: &'s Policy,
    pub(super) limits: &'s ObserverLimits,
    pub(super) pairing: &'s mut Pairing,
    pub(super) sink: &'s mut Sink<'k>,
}

impl Context<'_, '_> {
    pub(super) fn tell(
        &mut self,
        exchange: Option<ExchangeId>,
        offset: u64,
        octets: u64,
        what: What<'_>,
    ) {
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
    pub(super) fn tell_fates(&mut self, offset: u64) {
        while let Some(pair) = self.pairing.pop_complete() {
            if let Some(fate) = pair.settled {
                self.tell(Some(pair.id), offset, 0, What::Fate(fate));
            }
        }
    }

    pub(super) fn tell_unanswered(&mut self, offset: u64) {
        while let Some(pair) = self.pairing.pop_unanswered() {
            self.tell(Some(pair.id), offset, 0, What::Unanswered);
        }
    }
}

impl<I: Message> Direction<I> {
    pub(super) fn receive(&mut self, octets: &[u8], context: &mut Context<'_, '_>) {
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
    pub(super) fn read_pending(&mut self, context: &mut Context<'_, '_>) -> bool {
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
    pub(super) fn miss(&mut self, octets: u64, context: &mut Context<'_, '_>) {
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
    pub(super) fn finish(&mut self, context: &mut Context<'_, '_>) -> bool {
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
pub(super) struct Spans<'c, 's, 'k> {
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

/// Longest line in which a request line is looked for after a place that could not be read.
const LINE_OCTETS_MAX: usize = 16 * 1024;
