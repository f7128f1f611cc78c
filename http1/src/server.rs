//! The server's half of HTTP/1.1: requests in, responses out (RFC 9112).
//!
//! ```text
//!  receiving:  Head ──empty line──▶ Content ──last octet──▶ Ended ─┐
//!               ▲ │                                                │ answer complete, connection kept
//!               │ └─refused──▶ Closed ◀──────answer complete, closing
//!               └──────────────────────────────────────────────────┘
//!
//!  answering:  Idle ──request head──▶ Awaiting ──final head──▶ Content ──end──▶ Idle
//!
//!  both:       Ended, Awaiting ──101, or 2xx to CONNECT──▶ Tunnel ──end──▶ Closed
//! ```
//!
//! The next request is read when the answer to this one is complete: so answers leave in order, and what a client
//! sends ahead waits in the transport.

use semantics::{
    Anomalies, CloseReason, ContentEnd, ContentLength, Event, ExchangeId, Fate, KeepReason, Method,
    PeerError, Refusal, RequestHead, RequestIndex, Stamp,
};

use crate::Policy;
use crate::chunked::Chunked;
use crate::content::{self, Read};
use crate::framing::{Framing, Persistence};
use crate::scan::Progress;

mod answer;
mod head;

use head::{asks_head, examine, judge};

/// The server's half of one connection. Small while idle: whatever a request needs comes with its octets.
#[derive(Debug, Default)]
pub struct Server {
    /// A head that came in pieces.
    held: Option<Box<Held>>,
    state: State,
}

#[derive(Debug)]
struct State {
    receiving: Receiving,
    answering: Answering,
    /// Requests so far.
    requests: u32,
    request: Request,
    keep: KeepReason,
    closing: Option<CloseReason>,
    /// Chunked content of the current request so far.
    content_octets: u64,
    /// Its limit, where that is lower than the policy's.
    content_octets_max: u64,
}

/// What of the current request matters for its answer.
#[derive(Clone, Copy, Debug)]
struct Request {
    is_head: bool,
    is_11: bool,
    /// The client asks to be told that the connection is kept.
    wants_keep_alive: bool,
    /// The client waits for 100 before it sends content.
    expects_continue: bool,
    switch: Switch,
}

/// Which answer ends the use of HTTP/1.1 on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    None,
    /// 101 (RFC 9110 §7.8).
    Upgrade,
    /// A successful one (RFC 9110 §9.3.6).
    Connect,
}

#[derive(Debug)]
enum Receiving {
    Head,
    Length(u64),
    Chunked(Box<Chunked>),
    /// The message is complete and its end is to be told.
    Ending(ContentEnd),
    /// The message is complete: awaiting the end of its answer.
    Ended,
    /// What follows in both directions is not HTTP/1.1.
    Tunnel,
    /// Nothing more is read.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    Idle,
    Awaiting,
    /// Content of this many octets is to come.
    Length(u64),
    /// Chunks are to come; whether the last one's data still lacks its CRLF.
    Chunked {
        is_open: bool,
    },
    /// Content ends with the connection.
    Close,
    /// The response has no content.
    Bare,
}

/// A head that came in pieces, and what is known of it.
#[derive(Debug, Default)]
struct Held {
    octets: Vec<u8>,
    progress: Progress,
    index: RequestIndex,
}

/// What a connection lends a machine while it reads: memory that is used again for every head.
#[derive(Debug, Default)]
pub struct Scratch {
    index: RequestIndex,
}

/// How an answer is delivered.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Date and Server.
    pub stamp: &'a Stamp,
    /// Seconds of silence after which the connection closes, for `Keep-Alive: timeout=N`.
    pub keep_alive_seconds: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            receiving: Receiving::Head,
            answering: Answering::Idle,
            requests: 0,
            request: Request {
                is_head: false,
                is_11: true,
                wants_keep_alive: false,
                expects_continue: false,
                switch: Switch::None,
            },
            keep: KeepReason::PersistentByDefault,
            closing: None,
            content_octets: 0,
            content_octets_max: u64::MAX,
        }
    }
}

impl Server {
    /// A connection on which nothing was received.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on, up to one event, and takes what it reads off the front of `input`. `None` when it needs more octets,
    /// or will not read more before the current answer is complete.
    #[inline]
    pub fn poll_event<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        scratch: &'a mut Scratch,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, RequestHead<'a>>> {
        match &self.state.receiving {
            Receiving::Head => self.read_head(policy, scratch, input),
            Receiving::Ending(why) => {
                let why = *why;
                self.state.receiving = Receiving::Ended;
                Some(Event::End {
                    id: self.state.id(),
                    why,
                })
            }
            Receiving::Length(left) => {
                let left = *left;
                self.state.read_length(left, input)
            }
            Receiving::Chunked(chunked) if chunked.is_done() => {
                self.state.receiving = Receiving::Ended;
                Some(Event::End {
                    id: self.state.id(),
                    why: ContentEnd::LastChunk,
                })
            }
            Receiving::Chunked(_) => self.state.read_chunk(policy, input),
            Receiving::Ended | Receiving::Tunnel | Receiving::Closed => None,
        }
    }

    #[inline]
    fn read_head<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        scratch: &'a mut Scratch,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, RequestHead<'a>>> {
        if self.held.is_some() {
            return self.read_held(policy, input);
        }
        if input.is_empty() {
            return None;
        }
        let all = *input;
        let octets = all.get(..policy.limits.head_octets_max + 1).unwrap_or(all);
        let mut progress = Progress::default();
        let index = &mut scratch.index;
        let outcome = match examine(octets, &mut progress, index, policy) {
            Ok(true) if !index.section.anomalies.contains(Anomalies::OBS_FOLD) => {
                judge(octets, index, policy)
            }
            Ok(_) => {
                self.held = Some(Box::default());
                return self.read_held(policy, input);
            }
            Err(refusal) => {
                index.octets = octets.len();
                Err(refusal)
            }
        };
        match outcome {
            Ok(framing) => {
                *input = all.get(index.octets..).unwrap_or_default();
                Some(self.state.begin(RequestHead::new(octets, index), framing))
            }
            Err(refusal) => {
                *input = &[];
                let is_head = asks_head(octets, progress, index, refusal);
                let head = progress
                    .has_start_line()
                    .then(|| RequestHead::new(octets, index));
                Some(self.state.refuse_head(refusal, is_head, head))
            }
        }
    }

    /// Reads a head that comes in pieces, or that has to be changed before it is handed out.
    #[cold]
    fn read_held<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, RequestHead<'a>>> {
        let held = self.held.as_mut()?;
        if input.is_empty() {
            return None;
        }
        let before = held.octets.len();
        let room = (policy.limits.head_octets_max + 1)
            .saturating_sub(before)
            .min(input.len());
        held.octets.extend_from_slice(input.get(..room)?);
        let outcome = match held.examine(policy) {
            Ok(false) => {
                *input = input.get(room..).unwrap_or_default();
                return None;
            }
            Ok(true) => held.judge(policy),
            Err(refusal) => {
                held.index.octets = held.octets.len();
                Err(refusal)
            }
        };
        match outcome {
            Ok(framing) => {
                *input = input
                    .get(held.index.octets.saturating_sub(before)..)
                    .unwrap_or_default();
                let held = self.held.as_ref()?;
                Some(
                    self.state
                        .begin(RequestHead::new(&held.octets, &held.index), framing),
                )
            }
            Err(refusal) => {
                *input = &[];
                let held = self.held.as_ref()?;
                let is_head = asks_head(&held.octets, held.progress, &held.index, refusal);
                let has_head = held.progress.has_start_line();
                let head = has_head.then(|| RequestHead::new(&held.octets, &held.index));
                Some(self.state.refuse_head(refusal, is_head, head))
            }
        }
    }

    /// The client's side of the transport ended. An event when it ended within a message (RFC 9112 §8).
    pub fn end_of_input(&mut self) -> Option<Refusal> {
        let is_within = match &self.state.receiving {
            Receiving::Head => self.has_begun_head(),
            Receiving::Length(_) | Receiving::Chunked(_) => true,
            Receiving::Ending(_) | Receiving::Ended | Receiving::Tunnel | Receiving::Closed => {
                false
            }
        };
        if is_within {
            let refusal = Refusal::Peer(PeerError::Truncated);
            self.state.stop_reading(refusal);
            return Some(refusal);
        }
        if matches!(self.state.receiving, Receiving::Head) {
            self.state.receiving = Receiving::Closed;
        }
        None
    }

    /// Lowers the limit of the current request's content where its length is not known.
    pub fn limit_content(&mut self, octets_max: u64) {
        self.state.content_octets_max = octets_max;
    }

    /// Refuses whatever is being received, for a reason that the machine does not see itself, such as a time limit.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.state.stop_reading(refusal);
    }
}

impl Server {
    /// Requests received so far.
    #[inline]
    pub fn requests(&self) -> u32 {
        self.state.requests
    }

    /// Whether no request is under way and none has begun to arrive.
    #[inline]
    pub fn is_idle(&self) -> bool {
        matches!(self.state.receiving, Receiving::Head) && !self.has_begun_head()
    }

    /// Whether a head has begun to arrive and is not complete.
    #[inline]
    pub fn is_in_head(&self) -> bool {
        matches!(self.state.receiving, Receiving::Head) && self.has_begun_head()
    }

    /// What has come of a head whose request line is complete, for whoever gives up waiting for its end.
    pub fn begun_head(&self) -> Option<RequestHead<'_>> {
        let held = self.held.as_ref()?;
        let has_line = held.progress.has_start_line();
        has_line.then(|| RequestHead::new(&held.octets, &held.index))
    }

    /// Empty lines do not begin a request (RFC 9112 §2.2).
    #[inline]
    fn has_begun_head(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.has_begun())
    }

    /// Whether content of the current request is still to come.
    #[inline]
    pub fn is_in_content(&self) -> bool {
        matches!(
            self.state.receiving,
            Receiving::Length(_) | Receiving::Chunked(_) | Receiving::Ending(_)
        )
    }

    /// Whether an event is at hand without further octets: the end of a message.
    pub fn has_event(&self) -> bool {
        match &self.state.receiving {
            Receiving::Ending(_) => true,
            Receiving::Chunked(chunked) => chunked.is_done(),
            _ => false,
        }
    }

    /// Whether what follows in both directions is not HTTP/1.1: what was not read belongs to the tunnel.
    #[inline]
    pub fn is_tunnel(&self) -> bool {
        matches!(self.state.receiving, Receiving::Tunnel)
    }

    /// Whether nothing more will be read.
    pub fn is_closed(&self) -> bool {
        matches!(self.state.receiving, Receiving::Closed)
    }

    /// Whether a final response head may still be written.
    pub fn is_awaiting_answer(&self) -> bool {
        self.state.answering == Answering::Awaiting
    }

    /// Octets of content that are to come, where the length is known.
    pub fn content_octets_left(&self) -> Option<u64> {
        match self.state.receiving {
            Receiving::Length(left) => Some(left),
            Receiving::Chunked(_) => None,
            _ => Some(0),
        }
    }

    /// Whether the client waits for 100 (RFC 9110 §10.1.1).
    pub fn is_continue_expected(&self) -> bool {
        self.state.request.expects_continue
    }

    /// Why the connection will close after this exchange, when it will.
    pub fn closing(&self) -> Option<CloseReason> {
        self.state.closing
    }
}

impl State {
    fn id(&self) -> ExchangeId {
        ExchangeId(u64::from(self.requests))
    }

    #[inline]
    fn begin<'a>(&mut self, head: RequestHead<'a>, framing: Framing) -> Event<'a, RequestHead<'a>> {
        self.requests = self.requests.saturating_add(1);
        let is_11 = head.version().is_at_least_11();
        let persistence = Persistence::of(head);
        self.request = Request {
            is_head: head.method() == Method::Head,
            is_11,
            wants_keep_alive: persistence.wants_keep_alive,
            expects_continue: is_11
                && framing.expects_continue
                && !matches!(
                    framing.content,
                    ContentLength::None | ContentLength::Exactly(0)
                ),
            switch: match head.method() {
                Method::Connect => Switch::Connect,
                _ if framing.asks_upgrade => Switch::Upgrade,
                _ => Switch::None,
            },
        };
        match persistence.fate {
            Fate::Kept(reason) => self.keep = reason,
            Fate::Closed(reason) => {
                self.closing.get_or_insert(reason);
            }
        }
        if head.anomalies().contains(Anomalies::FRAMING_CONFLICT) {
            // RFC 9112 §6.1: whoever lets both fields pass closes after the answer.
            self.closing.get_or_insert(CloseReason::Refused(
                PeerError::Syntax(Anomalies::FRAMING_CONFLICT).into(),
            ));
        }
        self.receiving = match framing.content {
            ContentLength::None => Receiving::Ending(ContentEnd::NoFraming),
            ContentLength::Exactly(0) => Receiving::Ending(ContentEnd::Length),
            ContentLength::Exactly(octets) => Receiving::Length(octets),
            ContentLength::Unknown => Receiving::Chunked(Box::default()),
        };
        self.content_octets = 0;
        self.content_octets_max = u64::MAX;
        self.answering = Answering::Awaiting;
        Event::Head {
            id: self.id(),
            head,
            content: framing.content,
        }
    }

    fn read_length<'a, 'i: 'a>(
        &mut self,
        mut left: u64,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, RequestHead<'a>>> {
        let octets = content::take(&mut left, input)?;
        self.receiving = match left {
            0 => Receiving::Ending(ContentEnd::Length),
            left => Receiving::Length(left),
        };
        self.request.expects_continue = false;
        Some(Event::Content {
            id: self.id(),
            octets,
        })
    }

    fn read_chunk<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, RequestHead<'a>>> {
        let id = self.id();
        let Receiving::Chunked(chunked) = &mut self.receiving else {
            return None;
        };
        self.request.expects_continue &= input.is_empty();
        let octets_max = self
            .content_octets_max
            .min(policy.limits.content_octets_max);
        let octets = &mut self.content_octets;
        match content::read_chunks(chunked, octets, octets_max, policy, input)? {
            Read::Content(octets) => Some(Event::Content { id, octets }),
            Read::End if chunked.trailers().is_some() => self.trailers(),
            Read::End => {
                self.receiving = Receiving::Ended;
                Some(Event::End {
                    id,
                    why: ContentEnd::LastChunk,
                })
            }
            Read::Refused(refusal) => Some(self.refuse(refusal)),
        }
    }

    /// Hands out the trailer section; the end of the message is told next.
    fn trailers<'a>(&'a mut self) -> Option<Event<'a, RequestHead<'a>>> {
        let id = self.id();
        let Receiving::Chunked(chunked) = &self.receiving else {
            return None;
        };
        chunked
            .trailers()
            .map(|section| Event::Trailers { id, section })
    }

    fn refuse<'a>(&mut self, refusal: Refusal) -> Event<'a, RequestHead<'a>> {
        self.stop_reading(refusal);
        Event::Refused {
            refusal,
            head: None,
        }
    }

    /// RFC 9110 §9.3.2: also an answer that refuses a HEAD request has no content.
    #[cold]
    fn refuse_head<'a>(
        &mut self,
        refusal: Refusal,
        is_head: bool,
        head: Option<RequestHead<'a>>,
    ) -> Event<'a, RequestHead<'a>> {
        self.stop_reading(refusal);
        self.request.is_head = is_head;
        Event::Refused { refusal, head }
    }

    /// Nothing more is read. An answer may be given unless one was begun, or was complete before its request was.
    fn stop_reading(&mut self, refusal: Refusal) {
        self.closing = Some(CloseReason::Refused(refusal));
        let is_in_head = matches!(self.receiving, Receiving::Head);
        self.receiving = Receiving::Closed;
        if is_in_head && self.answering == Answering::Idle {
            self.requests = self.requests.saturating_add(1);
            self.request.is_head = false;
            self.answering = Answering::Awaiting;
        }
    }
}

#[cfg(test)]
mod tests;
