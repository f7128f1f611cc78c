//! The exchange vocabulary: what every protocol version says to the engine, and hears from it.
//!
//! ```text
//!  octets ─▶ machine ─▶ Event: Head · Content* · Trailers? · End      (what the peer says)
//!  octets ◀─ Outbox  ◀─ machine ◀─ head, content, end                 (what we say)
//! ```

use std::collections::VecDeque;

use crate::{ContentEnd, Refusal, Section};

/// One exchange on one connection. HTTP/1.1 counts from 1; other versions use their stream ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub u64);

/// How long the content of a message is, as far as its head tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentLength {
    /// There is no content.
    #[default]
    None,
    /// This many octets.
    Exactly(u64),
    /// Known only when it ends.
    Unknown,
}

/// What a peer's octets say. `H` is the head: of requests to a server, of responses to a client.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a, H> {
    /// A message begins.
    Head {
        /// Its exchange.
        id: ExchangeId,
        /// Its head.
        head: H,
        /// The length of its content.
        content: ContentLength,
    },
    /// Octets of its content.
    Content {
        /// Its exchange.
        id: ExchangeId,
        /// Never empty.
        octets: &'a [u8],
    },
    /// Its trailer section.
    Trailers {
        /// Its exchange.
        id: ExchangeId,
        /// The lines.
        section: Section<'a>,
    },
    /// The message is complete.
    End {
        /// Its exchange.
        id: ExchangeId,
        /// Why it ended here.
        why: ContentEnd,
    },
    /// The peer broke a rule or a limit: nothing more will be read. The answer, if one may still be given, is up to
    /// whoever drives the machine.
    Refused {
        /// What was refused.
        refusal: Refusal,
        /// What could be read of the head that was refused, from its start line on. `None` when there was less, and
        /// when the head was accepted before.
        head: Option<H>,
    },
}

/// Octets on their way out: what a machine framed, and content that it never reads.
#[derive(Debug)]
pub struct Outbox<P> {
    /// What the machine wrote since the last payload.
    framing: Vec<u8>,
    /// Where the framing that is not yet in `segments` begins.
    framed: usize,
    segments: VecDeque<Segment<P>>,
}

/// A piece of what is to be transmitted.
#[derive(Debug)]
pub enum Segment<P> {
    /// This range of `Outbox::framing_octets`.
    Framing {
        /// First octet.
        start: usize,
        /// After the last octet.
        end: usize,
    },
    /// Content that goes out as it is.
    Payload(P),
}

/// Content that a machine frames by its length alone.
pub trait Payload {
    /// Octets left in it.
    fn octets_left(&self) -> u64;
}

impl<P> Default for Outbox<P> {
    fn default() -> Self {
        Self {
            framing: Vec::new(),
            framed: 0,
            segments: VecDeque::new(),
        }
    }
}

impl<P> Outbox<P> {
    /// Where a machine appends framing.
    #[inline]
    pub fn framing(&mut self) -> &mut Vec<u8> {
        &mut self.framing
    }

    /// Appends content.
    pub fn push(&mut self, payload: P) {
        self.seal();
        self.segments.push_back(Segment::Payload(payload));
    }

    /// Turns the framing written last into a segment.
    pub fn seal(&mut self) {
        if self.framed < self.framing.len() {
            self.segments.push_back(Segment::Framing {
                start: self.framed,
                end: self.framing.len(),
            });
            self.framed = self.framing.len();
        }
    }

    /// All framing octets, for the ranges in the segments.
    #[inline]
    pub fn framing_octets(&self) -> &[u8] {
        &self.framing
    }

    /// The segments, sealed.
    #[inline]
    pub fn segments(&mut self) -> &mut VecDeque<Segment<P>> {
        self.seal();
        &mut self.segments
    }

    /// The framing octets and the segments together.
    pub fn parts(&mut self) -> (&[u8], &mut VecDeque<Segment<P>>) {
        self.seal();
        (&self.framing, &mut self.segments)
    }

    /// The framing alone, when nothing else is queued.
    #[inline]
    pub fn only_framing(&self) -> Option<&[u8]> {
        if self.segments.is_empty() {
            Some(&self.framing)
        } else {
            None
        }
    }

    /// Drops the first `octets` of the framing when nothing else is queued.
    pub fn drop_framing(&mut self, octets: usize) {
        self.framing.drain(..octets.min(self.framing.len()));
        self.framed = 0;
    }

    /// Pieces queued, framing written last not counted.
    #[inline]
    pub fn payloads(&self) -> usize {
        self.segments.len()
    }

    /// The last piece queued, framing written last not counted.
    #[inline]
    pub fn last(&self) -> Option<&Segment<P>> {
        self.segments.back()
    }

    /// Whether nothing is queued.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.framed == self.framing.len()
    }

    /// Forgets everything; keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.framing.clear();
        self.framed = 0;
        self.segments.clear();
    }

    /// Octets queued.
    pub fn octets_left(&self) -> u64
    where
        P: Payload,
    {
        let queued: u64 = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Framing { start, end } => (end - start) as u64,
                Segment::Payload(payload) => payload.octets_left(),
            })
            .sum();
        queued + (self.framing.len() - self.framed) as u64
    }
}

/// What every response is stamped with on delivery (RFC 9110 §6.6.1, §10.2.4).
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The current time as an HTTP-date; rendered once a second.
    pub date: [u8; 29],
    /// The Server field's value; none is sent without it.
    pub server: Option<Box<[u8]>>,
}
