//! What distinguishes requests and responses for an observer: where one begins, and what follows its head.

use semantics::{
    Anomalies, CloseReason, ContentEnd, ContentLength, ExchangeId, Fate, Known, Method,
    RequestHead, RequestIndex, ResponseIndex, ResponseView, Status,
};

use super::What;
use super::direction::Context;
use super::pairing::{Pair, Pairing};
use crate::client::fate_of_answer;
use crate::framing::{self, Persistence, ResponseFraming};
use crate::scan::{self, Progress, Scan};

/// What distinguishes requests and responses.
pub(super) trait Message {
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
pub(super) enum Begun {
    /// An interim response: the next head follows.
    Interim,
    /// It ended, for this reason.
    Ended(ContentEnd),
    Length(u64),
    Chunked,
    Close,
}

pub(super) enum Search {
    /// A head begins here.
    Found(usize),
    /// None begins before `keep`, and none that is complete is in the octets before `searched`.
    None { keep: usize, searched: usize },
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
