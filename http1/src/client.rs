//! The client's half of HTTP/1.1: requests out, responses in (RFC 9112).
//!
//! ```text
//!  sending:    Idle ──submit_request──▶ Content ──submit_end──▶ Idle
//!
//!  receiving:  Head ──final head──▶ Content ──last octet──▶ Head, with the next outstanding request
//!               ▲ │ │                  │                     │
//!               └─┘ │                  └─close-delimited──┐  └─answer says close──▶ Closed
//!              1xx  └─101, 2xx to CONNECT──▶ Tunnel       └─end of input──▶ Closed
//! ```
//!
//! Several requests may be outstanding: which of them a response answers is their order alone (RFC 9112 §9.3.2), and
//! how its content is framed depends on the method asked. What comes when nothing is outstanding belongs to no
//! exchange, so the connection is not used again (RFC 9112 §9.2).

use std::collections::VecDeque;

use semantics::fields::connection::Connection;
use semantics::{
    Anomalies, CloseReason, ContentEnd, ContentLength, Event, ExchangeId, Fate, KeepReason, Known,
    LimitError, Method, PeerError, Refusal, ResponseIndex, ResponseView, Section, Status,
};

use crate::chunked::Chunked;
use crate::content::{self, Read};
use crate::framing::{self, ResponseFraming};
use crate::scan::{self, Progress, Scan};
use crate::{Policy, write};

mod request;

pub use request::{Misuse, RequestParts};

/// The client's half of one connection.
#[derive(Debug, Default)]
pub struct Client {
    /// A head that came in pieces.
    held: Option<Box<Held>>,
    state: State,
}

#[derive(Debug)]
struct State {
    receiving: Receiving,
    sending: Sending,
    /// Requests submitted so far.
    requests: u64,
    outstanding: VecDeque<Outstanding>,
    /// Whether no further request may follow the last one.
    is_last_submitted: bool,
    /// What becomes of the connection after the response that is being received.
    fate: Fate,
    /// What became of it after the last complete one, until it is asked.
    settled: Option<Fate>,
    closing: Option<CloseReason>,
    /// Chunked or close-delimited content of the current response so far.
    content_octets: u64,
}

#[derive(Debug)]
enum Receiving {
    /// Awaiting the head of the response to the first outstanding request.
    Head,
    Length(u64),
    Chunked(Box<Chunked>),
    /// Content up to the end of the connection.
    Close,
    /// The message is complete and its end is to be told.
    Ending(ContentEnd),
    /// What follows is not HTTP/1.1.
    Tunnel,
    /// Nothing more is read.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Idle,
    /// The request has no content, and its end is awaited.
    Bare,
    /// Content of this many octets is to come.
    Length(u64),
    /// Chunks are to come; whether the last one's data still lacks its CRLF.
    Chunked {
        is_open: bool,
    },
}

/// A request whose final response is not complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    pub(crate) id: ExchangeId,
    pub(crate) method: Method,
    /// What the request says of the connection.
    pub(crate) fate: Fate,
    /// Whether it asks for another protocol.
    pub(crate) has_upgrade: bool,
}

/// A head that came in pieces.
#[derive(Debug, Default)]
struct Held {
    octets: Vec<u8>,
    progress: Progress,
    index: ResponseIndex,
    /// Whether it was handed out.
    is_told: bool,
}

/// What a connection lends a client while it reads.
#[derive(Debug, Default)]
pub struct ResponseScratch {
    index: ResponseIndex,
}

impl Default for State {
    fn default() -> Self {
        Self {
            receiving: Receiving::Head,
            sending: Sending::Idle,
            requests: 0,
            outstanding: VecDeque::new(),
            is_last_submitted: false,
            fate: Fate::Kept(KeepReason::PersistentByDefault),
            settled: None,
            closing: None,
            content_octets: 0,
        }
    }
}

// What we say.
impl Client {
    /// Requests that may await their responses at once.
    pub const OUTSTANDING_MAX: usize = 128;

    /// A connection on which nothing was transmitted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a request head. The content announced and [`Client::submit_end`] must follow.
    ///
    /// # Errors
    /// What the caller may not do; nothing was written.
    pub fn submit_request(
        &mut self,
        request: RequestParts<'_>,
        content: ContentLength,
        out: &mut Vec<u8>,
    ) -> Result<ExchangeId, Misuse> {
        let state = &mut self.state;
        if state.sending != Sending::Idle {
            return Err(Misuse::Unfinished);
        }
        let may_follow = matches!(
            state.receiving,
            Receiving::Head | Receiving::Length(_) | Receiving::Chunked(_) | Receiving::Ending(_)
        );
        // What follows CONNECT or Upgrade may not be HTTP/1.1, so nothing is sent ahead of the answer (RFC 9110 §7.8).
        let last = state.outstanding.back();
        if last.is_some_and(|last| last.has_upgrade || last.method == Method::Connect) {
            return Err(Misuse::SwitchPending);
        }
        if !may_follow || state.is_last_submitted || state.closing.is_some() {
            return Err(Misuse::Closing);
        }
        if state.outstanding.len() >= Self::OUTSTANDING_MAX {
            return Err(Misuse::OutstandingMax);
        }
        let present = request.check(content)?;
        write::request_head(&request, out);
        state.sending = match content {
            ContentLength::None => Sending::Bare,
            ContentLength::Exactly(octets) => {
                write::content_length(octets, out);
                Sending::Length(octets)
            }
            ContentLength::Unknown => {
                write::line(b"Transfer-Encoding", b"chunked", out);
                Sending::Chunked { is_open: false }
            }
        };
        out.extend_from_slice(b"\r\n");
        state.requests += 1;
        let outstanding = Outstanding {
            id: ExchangeId(state.requests),
            method: Method::from_octets(request.method),
            fate: request.fate(present),
            has_upgrade: present.contains(Known::Upgrade),
        };
        state.is_last_submitted = !outstanding.fate.is_kept();
        state.outstanding.push_back(outstanding);
        Ok(outstanding.id)
    }

    /// Writes what stands before content; gives how many of its octets may follow.
    pub fn submit_content(&mut self, octets: u64, out: &mut Vec<u8>) -> u64 {
        match &mut self.state.sending {
            Sending::Length(left) => {
                let octets = octets.min(*left);
                *left -= octets;
                octets
            }
            Sending::Chunked { is_open } => {
                // A chunk of no octets would be the last one.
                if octets > 0 {
                    if std::mem::replace(is_open, true) {
                        out.extend_from_slice(b"\r\n");
                    }
                    write::chunk_start(octets, out);
                }
                octets
            }
            Sending::Idle | Sending::Bare => 0,
        }
    }

    /// Ends the request.
    ///
    /// # Errors
    /// Content that is missing closes the connection, so that the server sees it (RFC 9112 §8); trailers need chunks.
    pub fn submit_end(
        &mut self,
        trailers: Option<Section<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        match self.state.sending {
            Sending::Length(1..) => {
                self.close(CloseReason::TransportError);
                return Err(Misuse::ContentIncomplete);
            }
            Sending::Chunked { is_open } => {
                out.extend_from_slice(if is_open { b"\r\n0\r\n" } else { b"0\r\n" });
                for (name, value) in trailers.iter().flat_map(|section| section.iter()) {
                    write::line(name, value, out);
                }
                out.extend_from_slice(b"\r\n");
            }
            Sending::Length(0) | Sending::Bare if trailers.is_some() => {
                return Err(Misuse::Trailers);
            }
            Sending::Length(0) | Sending::Bare | Sending::Idle => {}
        }
        self.state.sending = Sending::Idle;
        Ok(())
    }

    /// Nothing more is read or submitted. The first reason stays.
    pub fn close(&mut self, reason: CloseReason) {
        self.state.closing.get_or_insert(reason);
        self.state.receiving = Receiving::Closed;
        self.state.sending = Sending::Idle;
    }
}

// What the server says.
impl Client {
    /// Reads on, up to one event, and takes what it reads off the front of `input`. `None` when it needs more octets,
    /// when nothing more will be read, or when the rest of `input` is a tunnel's.
    ///
    /// A head of an interim response (1xx) is an event without an end; the final one follows it.
    pub fn poll_event<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        scratch: &'a mut ResponseScratch,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, ResponseView<'a>>> {
        match &self.state.receiving {
            Receiving::Head if self.state.outstanding.is_empty() => {
                if !input.is_empty() {
                    // RFC 9112 §9.2: it answers nothing.
                    *input = &[];
                    self.close(CloseReason::SurplusOctets);
                }
                None
            }
            Receiving::Head => self.read_head(policy, scratch, input),
            Receiving::Ending(why) => {
                let why = *why;
                Some(self.end(why))
            }
            Receiving::Length(left) => {
                let left = *left;
                self.state.read_length(left, input)
            }
            Receiving::Chunked(chunked) if chunked.is_done() => {
                Some(self.end(ContentEnd::LastChunk))
            }
            Receiving::Chunked(_) => self.read_chunk(policy, input),
            Receiving::Close => self.state.read_to_close(policy, input),
            Receiving::Tunnel | Receiving::Closed => None,
        }
    }

    /// The server's side of the transport ended (RFC 9112 §8, §9.5).
    pub fn end_of_input(&mut self) -> Option<Event<'static, ResponseView<'static>>> {
        let truncated = Refusal::Peer(PeerError::Truncated);
        match self.state.receiving {
            Receiving::Close => Some(self.end(ContentEnd::ConnectionClose)),
            Receiving::Ending(why) => Some(self.end(why)),
            Receiving::Chunked(ref chunked) if chunked.is_done() => {
                Some(self.end(ContentEnd::LastChunk))
            }
            Receiving::Length(_) | Receiving::Chunked(_) => {
                self.state.fate = Fate::Closed(CloseReason::Refused(truncated));
                Some(self.end(ContentEnd::Truncated))
            }
            Receiving::Head if self.state.outstanding.is_empty() => {
                self.close(CloseReason::ServerClosed);
                None
            }
            Receiving::Head => Some(self.refuse(truncated)),
            Receiving::Tunnel | Receiving::Closed => None,
        }
    }

    fn read_head<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        scratch: &'a mut ResponseScratch,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, ResponseView<'a>>> {
        if input.is_empty() {
            return None;
        }
        if self.held.as_ref().is_some_and(|held| held.is_told) {
            // An interim head that was handed out.
            self.held = None;
        }
        if self.held.is_some() {
            return self.read_held(policy, input);
        }
        let all = *input;
        let octets = all.get(..policy.limits.head_octets_max + 1).unwrap_or(all);
        let method = self.state.outstanding.front()?.method;
        let index = &mut scratch.index;
        let outcome = match examine(octets, &mut Progress::default(), index, policy) {
            Ok(true) if !index.section.anomalies.contains(Anomalies::OBS_FOLD) => {
                judge(octets, index, policy, method)
            }
            Ok(_) => {
                self.held = Some(Box::default());
                return self.read_held(policy, input);
            }
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(framing) => {
                *input = all.get(index.octets..).unwrap_or_default();
                self.state
                    .begin(ResponseView::new(octets, index), framing, policy)
            }
            Err(refusal) => {
                *input = &[];
                Some(self.refuse(refusal))
            }
        }
    }

    /// Reads a head that comes in pieces, or whose continued lines have to be joined (RFC 9112 §5.2).
    fn read_held<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, ResponseView<'a>>> {
        let method = self.state.outstanding.front()?.method;
        let held = self.held.as_mut()?;
        let before = held.octets.len();
        let room = (policy.limits.head_octets_max + 1)
            .saturating_sub(before)
            .min(input.len());
        held.octets.extend_from_slice(input.get(..room)?);
        let outcome = match examine(&held.octets, &mut held.progress, &mut held.index, policy) {
            Ok(false) => {
                *input = input.get(room..).unwrap_or_default();
                return None;
            }
            Ok(true) => held.judge(policy, method),
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(framing) => {
                let taken = held.index.octets.saturating_sub(before);
                *input = input.get(taken..).unwrap_or_default();
                held.is_told = true;
                let held = self.held.as_ref()?;
                let view = ResponseView::new(&held.octets, &held.index);
                self.state.begin(view, framing, policy)
            }
            Err(refusal) => {
                *input = &[];
                Some(self.refuse(refusal))
            }
        }
    }

    fn read_chunk<'a, 'i: 'a>(
        &'a mut self,
        policy: &Policy,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, ResponseView<'a>>> {
        let id = self.state.id();
        let Receiving::Chunked(chunked) = &mut self.state.receiving else {
            return None;
        };
        match content::read_chunks(
            chunked,
            &mut self.state.content_octets,
            policy.limits.content_octets_max,
            policy,
            input,
        )? {
            Read::Content(octets) => Some(Event::Content { id, octets }),
            Read::End if chunked.trailers().is_some() => self.state.trailers(),
            Read::End => Some(self.end(ContentEnd::LastChunk)),
            Read::Refused(refusal) => Some(self.refuse(refusal)),
        }
    }

    /// The response is complete: the next one answers the next request.
    fn end<'a>(&mut self, why: ContentEnd) -> Event<'a, ResponseView<'a>> {
        let state = &mut self.state;
        let id = state.id();
        self.held = None;
        state.outstanding.pop_front();
        state.content_octets = 0;
        state.receiving = Receiving::Head;
        if why == ContentEnd::Tunnel {
            // The rest of the request is still its own (RFC 9110 §7.8).
            state.receiving = Receiving::Tunnel;
            return Event::End { id, why };
        }
        let fate = state.fate;
        state.settled = Some(fate);
        if let Fate::Closed(reason) = fate {
            self.close(reason);
        }
        Event::End { id, why }
    }

    fn refuse<'a>(&mut self, refusal: Refusal) -> Event<'a, ResponseView<'a>> {
        self.close(CloseReason::Refused(refusal));
        Event::Refused {
            refusal,
            head: None,
        }
    }
}

// What can be asked.
impl Client {
    /// What became of the connection with the response that ended last; told once. A tunnel has no fate.
    pub fn settle(&mut self) -> Option<Fate> {
        self.state.settled.take()
    }

    /// What becomes of the connection, as far as is known.
    pub fn fate(&self) -> Fate {
        match self.state.closing {
            Some(reason) => Fate::Closed(reason),
            None => self.state.fate,
        }
    }

    /// Whether the connection waits for a next request.
    pub fn is_reusable(&self) -> bool {
        let state = &self.state;
        matches!(state.receiving, Receiving::Head)
            && state.sending == Sending::Idle
            && state.outstanding.is_empty()
            && !state.is_last_submitted
    }

    /// Whether what follows in both directions is not HTTP/1.1 (RFC 9112 §6.3, rule 2; RFC 9110 §7.8).
    pub fn is_tunnel(&self) -> bool {
        matches!(self.state.receiving, Receiving::Tunnel)
    }

    /// Whether nothing more will be read.
    pub fn is_closed(&self) -> bool {
        matches!(self.state.receiving, Receiving::Closed)
    }

    /// Requests that have no complete final response, oldest first. After a close those that are idempotent, and those
    /// the server cannot have seen, may be retried (RFC 9110 §9.2.2).
    pub fn unanswered(&self) -> impl Iterator<Item = ExchangeId> + '_ {
        self.state.outstanding.iter().map(|request| request.id)
    }
}

impl State {
    /// The exchange of the response that is being received.
    fn id(&self) -> ExchangeId {
        let first = self.outstanding.front();
        first.map_or(ExchangeId(self.requests), |request| request.id)
    }

    fn begin<'a>(
        &mut self,
        head: ResponseView<'a>,
        framing: ResponseFraming,
        policy: &Policy,
    ) -> Option<Event<'a, ResponseView<'a>>> {
        let request = *self.outstanding.front()?;
        let is_switch = head.status() == Status::SWITCHING_PROTOCOLS;
        if is_switch && !request.has_upgrade {
            // RFC 9110 §15.2.2: nobody asked for another protocol.
            return Some(self.refuse(PeerError::Syntax(Anomalies::UPGRADE).into()));
        }
        let content = match framing {
            ResponseFraming::None(_) => ContentLength::None,
            ResponseFraming::Length(octets) => ContentLength::Exactly(octets),
            ResponseFraming::Chunked | ResponseFraming::Close => ContentLength::Unknown,
        };
        if matches!(content, ContentLength::Exactly(octets) if octets > policy.limits.content_octets_max)
        {
            return Some(self.refuse(LimitError::ContentOctets.into()));
        }
        if !head.status().is_interim() {
            self.fate = fate_of_answer(request.fate, head, framing);
        }
        self.receiving = match framing {
            ResponseFraming::None(_) if is_switch => Receiving::Ending(ContentEnd::Tunnel),
            ResponseFraming::None(_) if head.status().is_interim() => Receiving::Head,
            ResponseFraming::None(why) => Receiving::Ending(why),
            ResponseFraming::Length(0) => Receiving::Ending(ContentEnd::Length),
            ResponseFraming::Length(octets) => Receiving::Length(octets),
            ResponseFraming::Chunked => Receiving::Chunked(Box::default()),
            ResponseFraming::Close => Receiving::Close,
        };
        Some(Event::Head {
            id: request.id,
            head,
            content,
        })
    }

    fn read_length<'a, 'i: 'a>(
        &mut self,
        mut left: u64,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, ResponseView<'a>>> {
        let octets = content::take(&mut left, input)?;
        self.receiving = match left {
            0 => Receiving::Ending(ContentEnd::Length),
            left => Receiving::Length(left),
        };
        Some(Event::Content {
            id: self.id(),
            octets,
        })
    }

    fn read_to_close<'a, 'i: 'a>(
        &mut self,
        policy: &Policy,
        input: &mut &'i [u8],
    ) -> Option<Event<'a, ResponseView<'a>>> {
        if input.is_empty() {
            return None;
        }
        let octets_max = policy.limits.content_octets_max;
        let mut left = octets_max.saturating_sub(self.content_octets);
        let Some(octets) = content::take(&mut left, input) else {
            *input = &[];
            return Some(self.refuse(LimitError::ContentOctets.into()));
        };
        self.content_octets += octets.len() as u64;
        Some(Event::Content {
            id: self.id(),
            octets,
        })
    }

    /// Hands out the trailer section; the end of the message is told next.
    fn trailers<'a>(&'a mut self) -> Option<Event<'a, ResponseView<'a>>> {
        let id = self.id();
        let Receiving::Chunked(chunked) = &self.receiving else {
            return None;
        };
        let section = chunked.trailers()?;
        Some(Event::Trailers { id, section })
    }

    fn refuse<'a>(&mut self, refusal: Refusal) -> Event<'a, ResponseView<'a>> {
        self.closing = Some(CloseReason::Refused(refusal));
        self.receiving = Receiving::Closed;
        self.sending = Sending::Idle;
        Event::Refused {
            refusal,
            head: None,
        }
    }
}

/// What becomes of a connection after a final response, given what its request says (RFC 9112 §9.3, §9.6).
pub(crate) fn fate_of_answer(
    request: Fate,
    head: ResponseView<'_>,
    framing: ResponseFraming,
) -> Fate {
    if head.anomalies().contains(Anomalies::FRAMING_CONFLICT) {
        // RFC 9112 §6.1: whoever lets both fields pass closes after the response.
        let refusal = PeerError::Syntax(Anomalies::FRAMING_CONFLICT).into();
        return Fate::Closed(CloseReason::Refused(refusal));
    }
    if !request.is_kept() {
        return request;
    }
    let options = Connection::parse(head.section().all(Known::Connection));
    if options.close {
        Fate::Closed(CloseReason::ServerOption)
    } else if framing == ResponseFraming::Close {
        Fate::Closed(CloseReason::AnswerFraming)
    } else if head.version().is_at_least_11() {
        Fate::Kept(KeepReason::PersistentByDefault)
    } else if options.keep_alive {
        Fate::Kept(KeepReason::KeepAliveOption)
    } else {
        Fate::Closed(CloseReason::NotPersistent)
    }
}

impl Held {
    fn judge(&mut self, policy: &Policy, method: Method) -> Result<ResponseFraming, Refusal> {
        if self.index.section.anomalies.contains(Anomalies::OBS_FOLD) {
            scan::unfold(&mut self.octets, &mut self.index.section);
        }
        judge(&self.octets, &mut self.index, policy, method)
    }
}

/// Reads as much of a head as is there, up to one octet more than a head may have: whether it is complete.
///
/// Invariant: what is refused does not depend on how the octets were cut; as for requests.
fn examine(
    octets: &[u8],
    progress: &mut Progress,
    index: &mut ResponseIndex,
    policy: &Policy,
) -> Result<bool, Refusal> {
    let limits = &policy.limits;
    let scan = scan::response_head(octets, progress, index);
    if progress.blank_lines() > policy.blank_lines_max
        && policy.refuse.contains(Anomalies::BLANK_LINES_MANY)
    {
        return Err(PeerError::Syntax(Anomalies::BLANK_LINES_MANY).into());
    }
    let start = if progress.has_start_line() {
        index.version_span.start as usize
    } else {
        progress.line_start()
    };
    let line = octets.get(start..).unwrap_or_default();
    if is_bad_start(line) && policy.refuse.contains(Anomalies::STATUS_LINE_INVALID) {
        return Err(PeerError::Syntax(Anomalies::STATUS_LINE_INVALID).into());
    }
    if progress.has_start_line() {
        let refused = index.start_anomalies.intersection(policy.refuse);
        if !refused.is_empty() {
            return Err(PeerError::Syntax(refused).into());
        }
        if index.section.lines.len() > limits.field_lines_max {
            return Err(LimitError::FieldLines.into());
        }
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

/// Whether a line cannot begin a response. A CR may yet begin an empty line.
fn is_bad_start(line: &[u8]) -> bool {
    const NAME: &[u8] = b"HTTP/";
    let begins = line.iter().zip(NAME).all(|(octet, wanted)| octet == wanted);
    !begins && line != b"\r"
}

/// Judges a head that is complete, and says how its content is framed.
fn judge(
    octets: &[u8],
    index: &mut ResponseIndex,
    policy: &Policy,
    method: Method,
) -> Result<ResponseFraming, Refusal> {
    let framing = framing::of_response(octets, index, method);
    let refused = index.section.anomalies.intersection(policy.refuse);
    if refused.is_empty() {
        Ok(framing)
    } else {
        Err(PeerError::Syntax(refused).into())
    }
}

#[cfg(test)]
mod tests;
