//! What is remembered of an exchange when it is over.

use std::time::Duration;

use net::{Peer, Stopwatch, TlsFacts};
use semantics::{CloseReason, ContentEnd, Fate, Known, RequestHead, Span, Status, Version};

use crate::note::Note;

/// One exchange that is over, for logs and statistics.
#[derive(Debug)]
pub struct Record<'a> {
    /// When its head was complete, in milliseconds since 1970.
    pub unix_millis: u64,
    /// The connection; unique in this process.
    pub connection: u64,
    /// Which request on the connection it was, from 1.
    pub number: u32,
    /// Who sent it, or whom a trusted gateway sent it for.
    pub client: Peer,
    /// Who was signed in.
    pub user: Option<&'a str>,
    /// The server that was asked last for the answer.
    pub server: Option<&'a str>,
    /// How many servers were asked.
    pub tries: usize,
    /// By what the handler marked it.
    pub mark: Option<u64>,
    /// What was negotiated, if it came by TLS.
    pub tls: Option<&'a TlsFacts>,
    /// What is kept of its head; empty when the head was not readable.
    pub request: &'a Capture,
    /// The status of the final response; `None` if none was given.
    pub status: Option<Status>,
    /// Octets of content handed to the transport.
    pub octets: u64,
    /// From the complete head to the last octet handed to the transport.
    pub duration: Duration,
    /// Octets of content received.
    pub request_octets: u64,
    /// Why the content of the request ended.
    pub request_end: ContentEnd,
    /// What became of the connection.
    pub fate: Fate,
    /// Whether the response was handed to the transport whole.
    pub is_complete: bool,
}

/// Told of exchanges that are over.
pub trait Recorder {
    /// Whether anybody wants records; asked when a request begins.
    fn is_on(&self) -> bool;

    /// An exchange is over.
    fn record(&mut self, record: &Record<'_>);

    /// A batch of work is done: what was gathered may be handed on.
    fn flush(&mut self) {}
}

/// Records nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    fn is_on(&self) -> bool {
        false
    }

    fn record(&mut self, _: &Record<'_>) {}
}

/// The parts of a request head that records need, in one allocation that is used again.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    octets: Vec<u8>,
    /// Method, target, host, referer, user agent.
    parts: [Option<Span>; 5],
    /// The version of the request.
    pub version: Version,
}

impl Capture {
    /// Takes what is needed from a head; a part longer than [`PART_OCTETS_MAX`] is cut.
    pub(crate) fn fill(&mut self, head: RequestHead<'_>) {
        self.clear();
        self.version = head.version();
        let parts = [
            Some(head.method_octets()),
            Some(head.target()),
            head.first(Known::Host),
            head.first(Known::Referer),
            head.first(Known::UserAgent),
        ];
        for (kept, part) in self.parts.iter_mut().zip(parts) {
            let Some(part) = part else { continue };
            let start = self.octets.len();
            self.octets
                .extend_from_slice(part.get(..PART_OCTETS_MAX).unwrap_or(part));
            *kept = Some(Span::between(start, self.octets.len()));
        }
    }

    /// What is kept of `head`, for tests of recorders.
    #[doc(hidden)]
    pub fn for_test(head: RequestHead<'_>) -> Self {
        let mut capture = Self::default();
        capture.fill(head);
        capture
    }

    /// Forgets everything; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.octets.clear();
        self.parts = [None; 5];
        self.version = Version::HTTP_11;
    }

    fn part(&self, part: usize) -> Option<&[u8]> {
        let span = self.parts.get(part).copied().flatten()?;
        Some(span.of(&self.octets))
    }

    /// The method as spelled; empty when the head was not readable.
    pub fn method(&self) -> &[u8] {
        self.part(0).unwrap_or_default()
    }

    /// The target as received.
    pub fn target(&self) -> &[u8] {
        self.part(1).unwrap_or_default()
    }

    /// Host.
    pub fn host(&self) -> Option<&[u8]> {
        self.part(2)
    }

    /// Referer.
    pub fn referer(&self) -> Option<&[u8]> {
        self.part(3)
    }

    /// User-Agent.
    pub fn user_agent(&self) -> Option<&[u8]> {
        self.part(4)
    }
}

/// Octets kept of each part.
pub const PART_OCTETS_MAX: usize = 2048;

/// A record in the making.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) capture: Capture,
    pub(crate) client: Option<Peer>,
    pub(crate) note: Option<Note>,
    pub(crate) mark: Option<u64>,
    pub(crate) unix_millis: u64,
    pub(crate) started: Stopwatch,
    pub(crate) number: u32,
    pub(crate) status: Option<Status>,
    pub(crate) octets: u64,
    /// Octets of its answer that were queued, with those of its framing: in a pipeline, how many lie before the next answer.
    pub(crate) queued_octets: u64,
    pub(crate) request_octets: u64,
    pub(crate) request_end: ContentEnd,
    pub(crate) fate: Option<Fate>,
    /// Nothing of its answer is known to be missing.
    pub(crate) is_complete: bool,
}

impl Default for Current {
    fn default() -> Self {
        Self {
            capture: Capture::default(),
            client: None,
            note: None,
            mark: None,
            unix_millis: 0,
            started: Stopwatch::start(),
            number: 0,
            status: None,
            octets: 0,
            queued_octets: 0,
            request_octets: 0,
            request_end: ContentEnd::NoFraming,
            fate: None,
            is_complete: true,
        }
    }
}

/// The connection ends while `unsent_octets` of these exchanges, oldest first, are not handed to the transport.
pub(crate) fn cut(exchanges: &mut [Box<Current>], unsent_octets: u64, reason: CloseReason) {
    let mut left = unsent_octets;
    for (i, current) in exchanges.iter_mut().enumerate().rev() {
        // What is before the oldest was reported, so the rest is its own, also where its content was queued piece by piece.
        let own = match i {
            0 => left,
            _ => left.min(current.queued_octets),
        };
        left -= own;
        if own > 0 || !current.is_complete {
            current.octets = current.octets.saturating_sub(own);
            current.fate = Some(Fate::Closed(reason));
            current.is_complete = false;
        }
    }
}
