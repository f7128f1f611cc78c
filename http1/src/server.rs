//! The server's half of HTTP/1.1: requests in, responses out (RFC 9112).
//!
//! ```text
//!  receiving:  Head ──empty line──▶ Content ──last octet──▶ Ended ─┐
//!               ▲ │                                                │ answer complete, connection kept
//!               │ └─refused──▶ Closed ◀──────answer complete, closing
//!               └──────────────────────────────────────────────────┘
//!
//!  answering:  Idle ──request head──▶ Awaiting ──final head──▶ Content ──end──▶ Idle
//! ```
//!
//! The next request is read when the answer to this one is complete: so answers leave in order, and what a client
//! sends ahead waits in the transport.

use semantics::{
    Anomalies, CloseReason, ContentEnd, ContentLength, Event, ExchangeId, Fate, KeepReason,
    LimitError, Method, PeerError, Refusal, Rendition, RequestHead, RequestIndex, ResponseHead,
    Section, Stamp, Status,
};

use crate::chunked::{Chunk, Chunked};
use crate::framing::{self, Framing, Persistence};
use crate::octets::TOKEN;
use crate::scan::{self, Progress, Scan};
use crate::{Policy, write};

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
            },
            keep: KeepReason::PersistentByDefault,
            closing: None,
            content_octets: 0,
        }
    }
}

// What the client says.
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
            Receiving::Ended | Receiving::Closed => None,
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
            Receiving::Ending(_) | Receiving::Ended | Receiving::Closed => false,
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

    /// Refuses whatever is being received, for a reason that the machine does not see itself, such as a time limit.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.state.stop_reading(refusal);
    }
}

// What we say.
impl Server {
    /// Writes a response head. Interim responses (1xx) leave the exchange as it is; a final one must be followed by
    /// the content announced and by [`Server::submit_end`].
    pub fn submit_head(
        &mut self,
        delivery: Delivery<'_>,
        head: &ResponseHead,
        content: ContentLength,
        out: &mut Vec<u8>,
    ) {
        let status = head.status();
        if status.is_interim() {
            self.submit_interim(delivery, head, out);
            return;
        }
        write::response_head(head, delivery.stamp, out);
        let state = &mut self.state;
        let is_without_content = status.is_without_content();
        state.answering = match content {
            // RFC 9110 §8.6: no Content-Length in 204; in 304 it is optional.
            _ if is_without_content => Answering::Bare,
            ContentLength::None => {
                write::content_length(0, out);
                Answering::Bare
            }
            ContentLength::Exactly(octets) => {
                write::content_length(octets, out);
                if state.request.is_head {
                    Answering::Bare
                } else {
                    Answering::Length(octets)
                }
            }
            ContentLength::Unknown if state.request.is_head => Answering::Bare,
            ContentLength::Unknown if state.request.is_11 => {
                write::line(b"Transfer-Encoding", b"chunked", out);
                Answering::Chunked { is_open: false }
            }
            ContentLength::Unknown => {
                state.closing.get_or_insert(CloseReason::AnswerFraming);
                Answering::Close
            }
        };
        state.end_head(delivery, out);
    }

    /// Writes the head of an answer that is given often. The whole content is to follow, unless the request is HEAD.
    #[inline]
    pub fn submit_rendition(
        &mut self,
        delivery: Delivery<'_>,
        rendition: &Rendition,
        out: &mut Vec<u8>,
    ) {
        write::rendition(rendition, delivery.stamp, out);
        let state = &mut self.state;
        state.answering = if state.request.is_head {
            Answering::Bare
        } else {
            Answering::Length(rendition.content_octets())
        };
        state.end_head(delivery, out);
    }

    fn submit_interim(&mut self, delivery: Delivery<'_>, head: &ResponseHead, out: &mut Vec<u8>) {
        // RFC 9110 §15.2: a server must not send 1xx to an HTTP/1.0 client.
        if !self.state.request.is_11 || self.state.answering != Answering::Awaiting {
            return;
        }
        write::response_head(head, delivery.stamp, out);
        out.extend_from_slice(b"\r\n");
        if head.status() == Status::CONTINUE {
            self.state.request.expects_continue = false;
        }
    }

    /// Writes what stands before content; gives how many of its octets may follow.
    ///
    /// Fewer than asked for when the answer has no content, or has all that its head announced.
    #[inline]
    pub fn submit_content(&mut self, octets: u64, out: &mut Vec<u8>) -> u64 {
        match &mut self.state.answering {
            Answering::Length(left) => {
                let octets = octets.min(*left);
                *left -= octets;
                octets
            }
            Answering::Chunked { is_open } => {
                // A chunk of no octets would be the last one.
                if octets > 0 {
                    if std::mem::replace(is_open, true) {
                        out.extend_from_slice(b"\r\n");
                    }
                    write::chunk_start(octets, out);
                }
                octets
            }
            Answering::Close => octets,
            Answering::Idle | Answering::Awaiting | Answering::Bare => 0,
        }
    }

    /// Ends the answer. Content that is missing closes the connection, so that the client sees it (RFC 9112 §8).
    #[inline]
    pub fn submit_end(&mut self, trailers: Option<Section<'_>>, out: &mut Vec<u8>) {
        match self.state.answering {
            Answering::Length(0) | Answering::Bare | Answering::Close => {}
            Answering::Length(_) => self.close_after(CloseReason::AnswerIncomplete),
            Answering::Chunked { is_open } => {
                out.extend_from_slice(if is_open { b"\r\n0\r\n" } else { b"0\r\n" });
                for (name, value) in trailers.iter().flat_map(|section| section.iter()) {
                    write::line(name, value, out);
                }
                out.extend_from_slice(b"\r\n");
            }
            Answering::Idle | Answering::Awaiting => return,
        }
        self.state.answering = Answering::Idle;
    }

    /// Gives up an answer whose head was written: the connection closes without a proper end of its content.
    pub fn abort_answer(&mut self, reason: CloseReason) {
        self.state.closing = Some(reason);
        self.state.receiving = Receiving::Closed;
        self.state.answering = Answering::Idle;
    }

    /// The rest of the request's content will not be read. The connection must close: [`Server::close_after`] says why.
    pub fn abandon_content(&mut self) {
        if self.is_in_content() {
            self.state.receiving = Receiving::Closed;
        }
    }

    /// The connection closes after the current answer, or at once when there is none. The first reason stays.
    pub fn close_after(&mut self, reason: CloseReason) {
        self.state.closing.get_or_insert(reason);
        if matches!(self.state.receiving, Receiving::Head) {
            self.state.receiving = Receiving::Closed;
        }
    }

    /// What becomes of the connection, once the message and its answer are both complete. A kept connection awaits
    /// the next request from then on.
    #[inline]
    pub fn settle(&mut self) -> Option<Fate> {
        let state = &mut self.state;
        if state.answering != Answering::Idle
            || !matches!(state.receiving, Receiving::Ended | Receiving::Closed)
        {
            return None;
        }
        self.held = None;
        if matches!(state.receiving, Receiving::Ended) && state.closing.is_none() {
            state.receiving = Receiving::Head;
            return Some(Fate::Kept(state.keep));
        }
        state.receiving = Receiving::Closed;
        Some(Fate::Closed(
            state.closing.unwrap_or(CloseReason::ClientClosed),
        ))
    }
}

// What can be asked.
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
    /// Ends a final head: what the client is told about the connection, and the empty line (RFC 9112 §9.3, §9.6).
    #[inline]
    fn end_head(&mut self, delivery: Delivery<'_>, out: &mut Vec<u8>) {
        if self.closing.is_some() {
            out.extend_from_slice(b"Connection: close\r\n\r\n");
        } else if self.request.wants_keep_alive {
            out.extend_from_slice(b"Connection: keep-alive\r\nKeep-Alive: timeout=");
            write::number(delivery.keep_alive_seconds, out);
            out.extend_from_slice(b"\r\n\r\n");
        } else {
            out.extend_from_slice(b"\r\n");
        }
    }

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
        self.answering = Answering::Awaiting;
        Event::Head {
            id: self.id(),
            head,
            content: framing.content,
        }
    }

    fn read_length<'a, 'i: 'a>(
        &mut self,
        left: u64,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, RequestHead<'a>>> {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        if take == 0 {
            return None;
        }
        let (octets, rest) = input.split_at_checked(take)?;
        *input = rest;
        let left = left - take as u64;
        self.receiving = if left == 0 {
            Receiving::Ending(ContentEnd::Length)
        } else {
            Receiving::Length(left)
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
        while !input.is_empty() {
            self.request.expects_continue = false;
            let Receiving::Chunked(chunked) = &mut self.receiving else {
                return None;
            };
            // Content up to the limit is handed out however it is cut; what follows is looked at an octet at a time.
            let allowed = policy
                .limits
                .content_octets_max
                .saturating_sub(self.content_octets)
                .max(1);
            let take = usize::try_from(allowed)
                .unwrap_or(usize::MAX)
                .min(input.len());
            let mut piece = input.get(..take)?;
            let result = chunked.read(&mut piece, policy.refuse, &policy.limits, &mut ());
            *input = input.get(take - piece.len()..)?;
            match result {
                Ok(Chunk::NeedMore) => {}
                Ok(Chunk::Content(octets)) => {
                    self.content_octets += octets.len() as u64;
                    if self.content_octets > policy.limits.content_octets_max {
                        *input = &[];
                        return Some(self.refuse(LimitError::ContentOctets.into()));
                    }
                    return Some(Event::Content { id, octets });
                }
                Ok(Chunk::End) if chunked.trailers().is_some() => return self.trailers(),
                Ok(Chunk::End) => {
                    self.receiving = Receiving::Ended;
                    return Some(Event::End {
                        id,
                        why: ContentEnd::LastChunk,
                    });
                }
                Err(refusal) => {
                    *input = &[];
                    return Some(self.refuse(refusal));
                }
            }
        }
        None
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

impl Held {
    /// Whether there is more than empty lines; a CR alone may yet be one.
    fn has_begun(&self) -> bool {
        let rest = self.octets.get(self.progress.line_start()..);
        self.progress.has_start_line() || rest.is_some_and(|rest| !rest.is_empty() && rest != b"\r")
    }

    fn examine(&mut self, policy: &Policy) -> Result<bool, Refusal> {
        examine(&self.octets, &mut self.progress, &mut self.index, policy)
    }

    fn judge(&mut self, policy: &Policy) -> Result<Framing, Refusal> {
        if self.index.section.anomalies.contains(Anomalies::OBS_FOLD) {
            scan::unfold(&mut self.octets, &mut self.index.section);
        }
        judge(&self.octets, &mut self.index, policy)
    }
}

/// Reads as much of a head as is there, up to one octet more than a head may have: whether it is complete.
///
/// Invariant: the status of a refusal does not depend on how the octets were cut. So whatever can be refused early is
/// looked at in the order in which its octets come.
#[inline(always)]
fn examine(
    octets: &[u8],
    progress: &mut Progress,
    index: &mut RequestIndex,
    policy: &Policy,
) -> Result<bool, Refusal> {
    let limits = &policy.limits;
    let scan = scan::request_head(octets, progress, index);
    if progress.blank_lines() > policy.blank_lines_max
        && policy.refuse.contains(Anomalies::BLANK_LINES_MANY)
    {
        return Err(PeerError::Syntax(Anomalies::BLANK_LINES_MANY).into());
    }
    if !progress.has_start_line() {
        return examine_start(octets, *progress, policy).map(|()| false);
    }
    if index.target_span.len as usize > limits.target_octets_max
        || !index.start_anomalies.is_empty()
    {
        examine_odd_start(octets, index, policy)?;
    }
    if index.section.lines.len() > limits.field_lines_max {
        return Err(LimitError::FieldLines.into());
    }
    let is_complete = scan == Scan::Complete;
    let head_octets = if is_complete {
        index.octets
    } else {
        octets.len()
    };
    if head_octets > limits.head_octets_max {
        return Err(LimitError::HeadOctets.into());
    }
    Ok(is_complete)
}

/// Whether a head that was refused, perhaps before its start line was whole, asks HEAD.
#[cold]
fn asks_head(octets: &[u8], progress: Progress, index: &RequestIndex, refusal: Refusal) -> bool {
    let start = match progress.has_start_line() {
        true => index.method_span.start as usize,
        false => progress.line_start(),
    };
    let is_known = refusal != PeerError::Syntax(Anomalies::BLANK_LINES_MANY).into();
    is_known
        && octets
            .get(start..)
            .is_some_and(|line| line.starts_with(b"HEAD "))
}

/// Judges a head that is complete, and says how its content is framed.
#[inline(always)]
fn judge(octets: &[u8], index: &mut RequestIndex, policy: &Policy) -> Result<Framing, Refusal> {
    let framing = framing::of_request(octets, index);
    let refused = index.section.anomalies.intersection(policy.refuse);
    if !refused.is_empty() {
        return Err(PeerError::Syntax(refused).into());
    }
    if matches!(framing.content, ContentLength::Exactly(octets) if octets > policy.limits.content_octets_max)
    {
        return Err(LimitError::ContentOctets.into());
    }
    Ok(framing)
}

/// Judges a start line that is not complete.
#[cold]
fn examine_start(octets: &[u8], progress: Progress, policy: &Policy) -> Result<(), Refusal> {
    let line = octets.get(progress.line_start()..).unwrap_or_default();
    if is_bad_start(line) && policy.refuse.contains(Anomalies::METHOD_NOT_TOKEN) {
        return Err(PeerError::Syntax(Anomalies::METHOD_NOT_TOKEN).into());
    }
    if is_long_start(line, policy) {
        return Err(LimitError::TargetOctets.into());
    }
    if octets.len() > policy.limits.head_octets_max {
        return Err(LimitError::HeadOctets.into());
    }
    Ok(())
}

/// Judges a complete start line that is too long or odd, as [`examine_start`] would have judged its beginning.
#[cold]
fn examine_odd_start(octets: &[u8], index: &RequestIndex, policy: &Policy) -> Result<(), Refusal> {
    let refused = index.start_anomalies.intersection(policy.refuse);
    let start = octets
        .get(index.method_span.start as usize..)
        .unwrap_or_default();
    if refused.contains(Anomalies::METHOD_NOT_TOKEN) && is_bad_start(start) {
        return Err(PeerError::Syntax(Anomalies::METHOD_NOT_TOKEN).into());
    }
    let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
    let is_long = index.target_span.len as usize > policy.limits.target_octets_max;
    if is_long || is_long_start(line, policy) {
        return Err(LimitError::TargetOctets.into());
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(PeerError::Syntax(refused).into())
    }
}

/// Whether the line, without its LF, is longer than its method, the longest target and a version make it.
///
/// A method without end runs into the limit of the head; known methods are far shorter than what is looked at here.
fn is_long_start(line: &[u8], policy: &Policy) -> bool {
    let method_len = line.iter().take(METHOD_LOOKED_AT).position(|&b| b == b' ');
    method_len.is_some_and(|len| {
        line.len() - len > policy.limits.target_octets_max + b"  HTTP/1.1\r".len()
    })
}

/// Whether a line cannot begin a request, such as the first octet of TLS. A CR may yet begin an empty line.
fn is_bad_start(line: &[u8]) -> bool {
    line.first()
        .is_some_and(|&octet| !TOKEN[octet as usize] && octet != b'\r')
}

/// How many octets of a start line are searched for the end of the method.
const METHOD_LOOKED_AT: usize = 64;

#[cfg(test)]
mod tests;
