//! A gateway: it answers requests as their origin, by what one of several servers answers (RFC 9110 §3.7).
//!
//! ```text
//!  request ──▶ Stop? ──▶ choose a server ──▶ Onward ──▶ line ──▶ back ──▶ response
//!                             ▲                           │
//!                             └── may be repeated ◀── failed ──▶ Fault
//! ```

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

use engine::outbound::{
    Awaited, Fault as LineFault, OutboundContent, OutboundError, OutboundRequest,
};
use engine::{Answer, Content, Exchange, Incoming, Interims, Note, Response, Tunnel};
use net::{Now, Stopwatch};
use semantics::{
    Answer as Told, ContentLength, Known, Method, OwnedRequest, RequestHead, ResponseHead, Status,
};

use crate::pool::{Pool, Taken, Way, Wish};
use crate::retry::{Blame, KEPT_OCTETS_MAX, Next, Tries};
use crate::upstream::{Held, Ongoing, Upstream};
use crate::{
    Attempt, Came, Fault, Onward, Passage, Reached, Repeatable, Scheme, Scratch, Stop, Trust, back,
};

/// Whom a gateway asks, and how.
#[derive(Debug)]
pub struct GatewayConfig {
    /// The servers.
    pub pool: Rc<Pool>,
    /// How messages pass to each of them, in the order of the pool. Not empty.
    pub passages: Vec<Passage>,
    /// Words an answer of our own for a request. The head has what is to be told beside what the words say.
    pub words: Words,
    /// Whether records tell which server answered.
    pub is_recording: bool,
}

/// Words an answer of our own: why, and the fields that it has in any case.
pub type Words = fn(Told, &ResponseHead, RequestHead<'_>) -> Response;

/// How a request came, beside what its exchange says.
#[derive(Clone, Copy, Debug)]
pub struct CameBy {
    /// Who made the connection.
    pub peer: Option<IpAddr>,
    /// Whether that is a gateway whose word is believed.
    pub trust: Trust,
    /// By which scheme it came.
    pub scheme: Scheme,
}

/// A gateway, for one worker. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Gateway(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Rc<Pool>,
    passages: Vec<Passage>,
    words: Words,
    is_recording: bool,
    scratches: RefCell<Vec<Scratch>>,
}

/// A request on its way, whichever server it goes to.
struct Asking {
    request: OwnedRequest,
    content: ContentLength,
    incoming: Option<Incoming>,
    client: Option<IpAddr>,
    came: CameBy,
    interims: Interims,
    /// Whether the client was told anything.
    is_told: Cell<bool>,
    /// Where it is noted which server answered.
    note: Option<Note>,
    /// Whether the client asks by TLS, be it before another gateway.
    is_secured: bool,
}

/// Why a try brought no answer.
enum Failed {
    /// The request goes no further, whatever server is asked.
    Stopped(Stop),
    /// The server, or the way to it.
    Server {
        fault: Fault,
        reached: Reached,
        blame: Blame,
    },
    /// The client's content broke off.
    Interrupted,
}

impl Gateway {
    /// A gateway that has asked nobody yet.
    #[must_use]
    pub fn new(config: GatewayConfig) -> Self {
        Self(Rc::new(Inner {
            pool: config.pool,
            passages: config.passages,
            words: config.words,
            is_recording: config.is_recording,
            scratches: RefCell::default(),
        }))
    }

    /// Answers a request by what a server answers. `None` where TRACE or OPTIONS came as far as it may (RFC 9110 §7.6.2): whoever
    /// asks answers as if there were no server behind.
    ///
    /// `finish` has the last word about the answer.
    #[inline]
    pub fn answer<F: FnOnce(&mut Response) + 'static>(
        &self,
        exchange: &mut Exchange<'_>,
        came: CameBy,
        finish: F,
    ) -> Option<Answer> {
        let head = exchange.head;
        if matches!(head.method(), Method::Options | Method::Trace)
            && head.has(Known::MaxForwards)
            && self.is_last(head, exchange.content, came)
        {
            return None;
        }
        let asking = Asking {
            request: head.to_owned(),
            content: exchange.content,
            incoming: (exchange.content != ContentLength::None).then(|| {
                let incoming = exchange.receive();
                incoming.keep(KEPT_OCTETS_MAX);
                incoming
            }),
            client: exchange.client.ip(),
            came,
            interims: exchange.interims(),
            is_told: Cell::new(false),
            note: self.0.is_recording.then(|| exchange.note()),
            is_secured: exchange.is_secured,
        };
        let inner = Rc::clone(&self.0);
        // All in one, since a future within another is moved once more for each.
        Some(Answer::Later(Box::pin(async move {
            let mut response = inner.respond(&asking).await;
            finish(&mut response);
            response
        })))
    }

    fn is_last(&self, head: RequestHead<'_>, content: ContentLength, came: CameBy) -> bool {
        let Some(passage) = self.0.passages.first() else {
            return false;
        };
        let mut scratch = Scratch::default();
        let came = came.with(head, content);
        let stop = Onward::new(&came, passage, &mut scratch).err();
        stop == Some(Stop::LastForward)
    }
}

impl CameBy {
    fn with(self, head: RequestHead<'_>, content: ContentLength) -> Came<'_> {
        Came {
            head,
            content,
            peer: self.peer,
            trust: self.trust,
            scheme: self.scheme,
        }
    }
}

impl Inner {
    /// Asks until a server answers, or nothing more may be tried.
    async fn respond(&self, asking: &Asking) -> Response {
        let pool = &self.pool;
        pool.budget.borrow_mut().requested();
        let mut scratch = self.scratches.borrow_mut().pop().unwrap_or_default();
        let mut tries = Tries::new(pool.rules.tries_max, pool.members.len());
        let mut last = Fault::NoServer;
        let response = loop {
            let now = Now::of_batch().millis;
            let mut taken = match pool.take(asking.wish(), tries.tried(), now).await {
                Ok(taken) => taken,
                Err(fault) => break self.fault(fault, None, asking),
            };
            let place = taken.place;
            if tries.is_hopeless(place) {
                break self.fault(last, Some(place), asking);
            }
            taken.way = match taken.way {
                Way::Line(held) if tries.wants_new(place) => Way::Seat(held.into_seat()),
                way => way,
            };
            if let (Some(note), Some(name)) = (&asking.note, pool.shown(place)) {
                note.set_server(name, tries.tried().len() + 1);
            }
            match self.ask(taken, asking, &mut scratch).await {
                Ok(response) => break response,
                Err(Failed::Stopped(stop)) => break self.stopped(stop, place, asking),
                Err(Failed::Interrupted) => break self.interrupted(asking),
                Err(Failed::Server {
                    fault,
                    reached,
                    blame,
                }) => {
                    let now = Now::of_batch().millis;
                    if blame != Blame::Connection
                        && let Some(upstream) = pool.upstream(place)
                    {
                        pool.failed(upstream, fault.because(), now);
                    }
                    last = fault;
                    let may = match tries.failed(place, blame, asking.attempt(reached)) {
                        Next::Again => true,
                        Next::AgainByBudget => pool.budget.borrow_mut().take(now),
                        Next::Over => false,
                    };
                    if !may {
                        break self.fault(fault, Some(place), asking);
                    }
                }
            }
        };
        let mut scratches = self.scratches.borrow_mut();
        if scratches.len() < SCRATCHES_MAX {
            scratches.push(scratch);
        }
        response
    }

    /// Asks one server once.
    async fn ask(
        &self,
        taken: Taken,
        asking: &Asking,
        scratch: &mut Scratch,
    ) -> Result<Response, Failed> {
        let pool = &self.pool;
        let place = taken.place;
        let (Some(server), Some(passage)) = (pool.upstream(place), self.passages.get(place)) else {
            return Err(Failed::of_ours());
        };
        let now = Now::of_batch().millis;
        pool.asked(server, now);
        let mut held = match taken.way {
            Way::Line(held) => held,
            Way::Seat(seat) => {
                // What is rarely needed takes no room in what is made for each request.
                let made = Box::pin(server.connect(&pool.options, seat, now)).await;
                made.map_err(|error| Failed::of(&error, false))?
            }
        };
        let is_used = held.line.exchanges() > 0;
        let content = match &asking.incoming {
            None => OutboundContent::None,
            // Whether it is whole was asked before.
            Some(incoming) if !incoming.rewind() => return Err(Failed::of_ours()),
            Some(incoming) => OutboundContent::Incoming {
                length: asking.content,
                incoming: incoming.clone(),
            },
        };
        let came = asking.came.with(asking.request.head(), asking.content);
        let onward = Onward::new(&came, passage, scratch).map_err(Failed::Stopped)?;
        let request = OutboundRequest {
            head: onward.parts(),
            content,
        };
        let started = pool.uses_time().then(Stopwatch::start);
        let on_interim = |view: semantics::ResponseView<'_>| {
            if let Ok(head) = back(view, passage, onward.host()) {
                let is_told = asking.interims.push(head);
                asking.is_told.set(is_told || asking.is_told.get());
            }
        };
        let on_head = |view: semantics::ResponseView<'_>, _| {
            if view.status() == Status::SWITCHING_PROTOCOLS && !onward.offers(view) {
                return Err(Fault::Upgrade);
            }
            back(view, passage, onward.host())
        };
        let answered = held
            .line
            .exchange(&pool.options, request, on_interim, on_head)
            .await;
        let head = answered.map_err(|error| Failed::of(&error, is_used))?;
        let lines = onward.into_lines();
        scratch.give_back(lines);
        let refused = |fault| Failed::Server {
            fault,
            reached: Reached::Server,
            blame: Blame::Server,
        };
        let mut head = head.map_err(refused)?;
        let is_switch = head.status() == Status::SWITCHING_PROTOCOLS;
        if is_switch && !held.line.is_tunnel() {
            // RFC 9110 §7.8: nobody changes what is spoken within a message.
            return Err(refused(Fault::Upgrade));
        }
        let micros =
            started.map(|started| u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        pool.succeeded(server, micros, Now::of_batch().millis);
        let request = asking.request.head();
        if let Some(cookie) = pool.set_sticky(place, request, asking.is_secured) {
            head.add(Known::SetCookie, cookie);
        }
        if is_switch {
            return Ok(tunnel(head, held, taken.ongoing));
        }
        Ok(self.response(server, taken.ongoing, head, held))
    }

    fn response(
        &self,
        server: &Rc<Upstream>,
        ongoing: Ongoing,
        head: ResponseHead,
        held: Held,
    ) -> Response {
        let (server, pool) = (Rc::clone(server), Rc::clone(&self.pool));
        let (line, stub) = held.split();
        let content = line.into_content(move |end| {
            let _until_here = ongoing;
            let now = Now::of_batch().millis;
            match end {
                Ok(line) => pool.keep(&server, stub.with(line), now),
                Err(_) => pool.failed(&server, Fault::ClosedWithin.because(), now),
            }
        });
        Response { head, content }
    }
}

/// The server has gone over to what was asked for: the two go on alone, as an exchange of that server until their end.
fn tunnel(head: ResponseHead, held: Held, ongoing: Ongoing) -> Response {
    // It has its place among the server's connections until it ends.
    let (line, seat) = held.split();
    let (outbound, received) = line.into_tunnel();
    let tunnel = Tunnel::new(outbound, received).with_end(move |_| drop((ongoing, seat)));
    Response {
        head,
        content: Content::Tunnel(tunnel),
    }
}

// What is told instead of an answer.
impl Inner {
    fn fault(&self, fault: Fault, place: Option<usize>, asking: &Asking) -> Response {
        let passage = place.and_then(|place| self.passages.get(place));
        let Some(passage) = passage.or(self.passages.first()) else {
            return Response::new(fault.status());
        };
        let server = place.and_then(|place| self.pool.upstream(place));
        let mut head = fault.head(passage, server.map(|server| server.name()));
        if let Some(seconds) = self.pool.retry_after(fault) {
            head.add_named("Retry-After", seconds.to_string());
        }
        let told = Told {
            status: Some(fault.status()),
            name: "server",
            because: fault.because(),
            rule: match fault.status().code() {
                502 => "RFC 9110 §15.6.3",
                503 => "RFC 9110 §15.6.4",
                504 => "RFC 9110 §15.6.5",
                _ => "RFC 9110 §15.6.1",
            },
        };
        (self.words)(told, &head, asking.request.head())
    }

    fn stopped(&self, stop: Stop, place: usize, asking: &Asking) -> Response {
        let passage = self.passages.get(place);
        let head = passage.and_then(|passage| stop.head(passage));
        match (stop.answer(), head) {
            (Some(told), Some(head)) => (self.words)(told, &head, asking.request.head()),
            _ => self.fault(Fault::Internal, None, asking),
        }
    }

    fn interrupted(&self, asking: &Asking) -> Response {
        let told = Told {
            status: Some(Status::BAD_REQUEST),
            name: "interrupted",
            because: "The content did not come to its end",
            rule: "RFC 9112 §8",
        };
        let head = ResponseHead::new(Status::BAD_REQUEST);
        (self.words)(told, &head, asking.request.head())
    }
}

impl Asking {
    fn wish(&self) -> Wish<'_> {
        Wish {
            head: self.request.head(),
            client: self.client,
            interims: Some(&self.interims),
        }
    }

    /// What is to be known of a try that came so far.
    fn attempt(&self, reached: Reached) -> Attempt {
        let is_whole = self.incoming.as_ref().is_none_or(Incoming::is_whole);
        Attempt {
            method: self.request.head().method(),
            content: match is_whole {
                true => Repeatable::Whole,
                false => Repeatable::Lost,
            },
            reached: match self.is_told.get() {
                true => Reached::Client,
                false => reached,
            },
        }
    }
}

impl Failed {
    fn of(error: &OutboundError, is_used: bool) -> Self {
        let Some(fault) = fault_of(error) else {
            return Self::Interrupted;
        };
        Self::Server {
            fault,
            reached: match error.is_transmitted {
                true => Reached::Server,
                false => Reached::Nothing,
            },
            blame: match fault {
                // It was closed unseen: the server is not to blame.
                Fault::ClosedBeforeHead if is_used => Blame::Connection,
                Fault::ClosedBeforeHead => Blame::Closing,
                _ => Blame::Server,
            },
        }
    }

    /// What cannot be.
    fn of_ours() -> Self {
        Self::Server {
            fault: Fault::Internal,
            reached: Reached::Server,
            blame: Blame::Server,
        }
    }
}

/// What of the server an error tells; `None` where it was the client that broke off.
pub(crate) fn fault_of(error: &OutboundError) -> Option<Fault> {
    Some(match &error.fault {
        LineFault::Connect(error) => match error.kind() {
            // A socket of this machine that is not there has nobody who listens.
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => {
                Fault::ConnectRefused
            }
            std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
                Fault::Unroutable
            }
            std::io::ErrorKind::AddrNotAvailable => Fault::ResolveFailed,
            _ => Fault::ConnectFailed,
        },
        LineFault::Timeout(Awaited::Connection) => Fault::ConnectTimeout,
        LineFault::Timeout(Awaited::Transmit) => Fault::TransmitTimeout,
        LineFault::Timeout(Awaited::Head) => Fault::HeadTimeout,
        LineFault::Timeout(Awaited::Content) => Fault::ContentTimeout,
        LineFault::Refused(refusal) => Fault::Refused(*refusal),
        LineFault::Closed | LineFault::Transport(_) if error.is_answered => Fault::ClosedWithin,
        LineFault::Closed | LineFault::Transport(_) => Fault::ClosedBeforeHead,
        LineFault::Interrupted => return None,
        _ => Fault::Internal,
    })
}

/// Memory for requests on their way that is kept.
const SCRATCHES_MAX: usize = 64;
