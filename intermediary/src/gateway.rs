//! A gateway: it answers requests as their origin, by what one of several servers answers (RFC 9110 §3.7).
//!
//! ```text
//!  request ──▶ Stop? ──▶ choose a server ──▶ Onward ──▶ line ──▶ back ──▶ response
//!                             ▲                           │
//!                             └── may be repeated ◀── failed ──▶ Fault
//! ```

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::rc::Rc;

use engine::outbound::{
    Awaited, Fault as LineFault, Line, LineOptions, OutboundContent, OutboundError,
    OutboundRequest, Place, Way,
};
use engine::{Answer, Exchange, Incoming, Interims, Response};
use http1::Policy;
use net::{Now, Stopwatch};
use semantics::{
    Answer as Told, ContentLength, Known, Method, OwnedRequest, RequestHead, ResponseHead, Status,
};

use crate::balance::Key;
use crate::upstream::{IdleRules, Ongoing, Upstream};
use crate::{
    Attempt, Balance, Budget, BudgetRules, Came, Fault, Onward, Passage, Reached, Repeatable,
    Scheme, Scratch, Stop, Trust, back, key_of_client, key_of_target, may_trail,
};

/// Whom a gateway asks, and how.
#[derive(Debug)]
pub struct GatewayConfig {
    /// The servers.
    pub servers: Vec<GatewayServer>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// Bounds connecting, waiting for the head of an answer, and silence within its content, each; milliseconds.
    pub outbound_millis: u64,
    /// How many connections wait for the next request, and for how long.
    pub idle: IdleRules,
    /// Words an answer of our own for a request. The head has what is to be told beside what the words say.
    pub words: Words,
}

/// Words an answer of our own: why, and the fields that it has in any case.
pub type Words = fn(Told, &ResponseHead, RequestHead<'_>) -> Response;

/// A server that a gateway asks.
#[derive(Clone, Debug)]
pub struct GatewayServer {
    /// Where it is.
    pub place: Place,
    /// By which rules it is connected to.
    pub way: Way,
    /// How messages pass to it.
    pub passage: Passage,
    /// Its share beside the others'.
    pub weight: u32,
}

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
    servers: Vec<Rc<Upstream>>,
    balance: RefCell<Balance>,
    key: Key,
    budget: RefCell<Budget>,
    options: Rc<LineOptions>,
    idle: IdleRules,
    words: Words,
    scratches: RefCell<Vec<Scratch>>,
    chance: RandomState,
    asked: Cell<u64>,
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
}

/// Why a try brought no answer.
enum Failed {
    /// The request goes no further, whatever server is asked.
    Stopped(Stop),
    /// The server, or the way to it.
    Server {
        fault: Fault,
        reached: Reached,
        /// The line had been used before and was closed unseen: the server is not to blame.
        is_stale: bool,
    },
    /// The client's content broke off.
    Interrupted,
}

impl Gateway {
    /// A gateway that has asked nobody yet.
    #[must_use]
    pub fn new(config: GatewayConfig, now: Now) -> Self {
        let upstream = |server: GatewayServer| {
            let GatewayServer {
                place,
                way,
                passage,
                weight,
            } = server;
            Rc::new(Upstream::new(place, way, passage, weight))
        };
        Self(Rc::new(Inner {
            servers: config.servers.into_iter().map(upstream).collect(),
            key: config.balance.key(),
            balance: RefCell::new(config.balance),
            budget: RefCell::new(Budget::new(BudgetRules::default(), now.millis)),
            options: Rc::new(LineOptions {
                policy: Policy::responses(),
                wait_millis: Some(config.outbound_millis),
                may_trail,
            }),
            idle: config.idle,
            words: config.words,
            scratches: RefCell::default(),
            chance: RandomState::new(),
            asked: Cell::new(0),
        }))
    }

    /// Answers a request by what a server answers. `None` where TRACE or OPTIONS came as far as it may (RFC 9110 §7.6.2): whoever
    /// asks answers as if there were no server behind.
    pub fn answer(&self, exchange: &mut Exchange<'_>, came: CameBy) -> Option<Answer> {
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
            incoming: (exchange.content != ContentLength::None).then(|| exchange.receive()),
            client: exchange.client.ip(),
            came,
            interims: exchange.interims(),
            is_told: Cell::new(false),
        };
        let inner = Rc::clone(&self.0);
        Some(Answer::Later(Box::pin(async move {
            inner.respond(asking).await
        })))
    }

    fn is_last(&self, head: RequestHead<'_>, content: ContentLength, came: CameBy) -> bool {
        let Some(server) = self.0.servers.first() else {
            return false;
        };
        let mut scratch = Scratch::default();
        let came = came.with(head, content);
        let stop = Onward::new(&came, &server.passage, &mut scratch).err();
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
    async fn respond(self: Rc<Self>, mut asking: Asking) -> Response {
        self.budget.borrow_mut().requested();
        let mut scratch = self.scratches.borrow_mut().pop().unwrap_or_default();
        let mut tried: Vec<usize> = Vec::new();
        let response = loop {
            let now = Now::read().millis;
            let Some((place, server)) = self.choose(&asking, &tried, now) else {
                break self.fault(Fault::NoServer, None, &asking);
            };
            match self.ask(server, &mut asking, &mut scratch, now).await {
                Ok(response) => break response,
                Err(Failed::Stopped(stop)) => break self.stopped(stop, server, &asking),
                Err(Failed::Interrupted) => break self.interrupted(&asking),
                Err(Failed::Server {
                    fault,
                    reached,
                    is_stale,
                }) => {
                    let now = Now::read().millis;
                    if !is_stale {
                        server.health.borrow_mut().failed(now);
                        tried.push(place);
                    }
                    let attempt = Attempt {
                        method: asking.request.head().method(),
                        content: asking.repeatable(),
                        reached: match asking.is_told.get() {
                            true => Reached::Client,
                            false => reached,
                        },
                    };
                    let is_left = tried.len() < TRIES_MAX;
                    let may = is_left && attempt.may_repeat();
                    if !(may && (is_stale || self.budget.borrow_mut().take(now))) {
                        break self.fault(fault, Some(server), &asking);
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

    fn choose(&self, asking: &Asking, tried: &[usize], now: u64) -> Option<(usize, &Rc<Upstream>)> {
        let place = match self.servers.as_slice() {
            [_] => 0,
            servers => {
                let seen: Vec<_> = (servers.iter().enumerate())
                    .map(|(place, server)| server.seen(now, tried.contains(&place)))
                    .collect();
                let head = asking.request.head();
                let key = match self.key {
                    Key::None => 0,
                    Key::Client => key_of_client(asking.client),
                    Key::Target => {
                        let host = head.first(Known::Host).unwrap_or_default();
                        key_of_target(host, head.target())
                    }
                };
                let asked = self.asked.get().wrapping_add(1);
                self.asked.set(asked);
                let random = self.chance.hash_one(asked);
                self.balance.borrow_mut().choose(&seen, key, random)?
            }
        };
        self.servers.get(place).map(|server| (place, server))
    }

    /// Asks one server once.
    async fn ask(
        &self,
        server: &Rc<Upstream>,
        asking: &mut Asking,
        scratch: &mut Scratch,
        now: u64,
    ) -> Result<Response, Failed> {
        let ongoing = server.begin();
        server.health.borrow_mut().asked(now);
        let mut line = match server.take_idle(self.idle, now) {
            Some(line) => line,
            None => {
                let made = server.connect(&self.options).await;
                made.map_err(|error| Failed::of(&error, false))?
            }
        };
        let is_used = line.exchanges() > 0;
        let content = match asking.incoming.take() {
            None => OutboundContent::None,
            Some(incoming) => OutboundContent::Incoming {
                length: asking.content,
                incoming,
            },
        };
        let asking = &*asking;
        let came = asking.came.with(asking.request.head(), asking.content);
        let onward = Onward::new(&came, &server.passage, scratch).map_err(Failed::Stopped)?;
        let request = OutboundRequest {
            head: onward.parts(),
            content,
        };
        let started = Stopwatch::start();
        let on_interim = |view: semantics::ResponseView<'_>| {
            if let Ok(head) = back(view, &server.passage, onward.host()) {
                let is_told = asking.interims.push(head);
                asking.is_told.set(is_told || asking.is_told.get());
            }
        };
        let on_head =
            |view: semantics::ResponseView<'_>, _| back(view, &server.passage, onward.host());
        let answered = line
            .exchange(&self.options, request, on_interim, on_head)
            .await;
        let head = answered.map_err(|error| Failed::of(&error, is_used))?;
        let lines = onward.into_lines();
        scratch.give_back(lines);
        let refused = |fault| Failed::Server {
            fault,
            reached: Reached::Server,
            is_stale: false,
        };
        let head = head.map_err(refused)?;
        if head.status() == Status::SWITCHING_PROTOCOLS {
            return Err(refused(Fault::Upgrade));
        }
        let now = Now::read().millis;
        server.health.borrow_mut().succeeded(now);
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        server.latency.borrow_mut().took(micros, now);
        Ok(self.response(server, ongoing, head, line))
    }

    fn response(
        &self,
        server: &Rc<Upstream>,
        ongoing: Ongoing,
        head: ResponseHead,
        line: Line,
    ) -> Response {
        let (server, idle) = (Rc::clone(server), self.idle);
        let content = line.into_content(move |end| {
            let _until_here = ongoing;
            let now = Now::read().millis;
            match end {
                Ok(line) => server.keep(line, idle, now),
                Err(_) => server.health.borrow_mut().failed(now),
            }
        });
        Response { head, content }
    }
}

// What is told instead of an answer.
impl Inner {
    fn fault(&self, fault: Fault, server: Option<&Rc<Upstream>>, asking: &Asking) -> Response {
        let Some(known) = server.or(self.servers.first()) else {
            return Response::new(fault.status());
        };
        let next_hop = server.map(|server| server.name.as_str());
        let head = fault.head(&known.passage, next_hop);
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

    fn stopped(&self, stop: Stop, server: &Rc<Upstream>, asking: &Asking) -> Response {
        match (stop.answer(), stop.head(&server.passage)) {
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
    fn repeatable(&self) -> Repeatable {
        // What was taken from the client is gone with the try that took it.
        match (self.content, &self.incoming) {
            (ContentLength::None, _) | (_, Some(_)) => Repeatable::Whole,
            (_, None) => Repeatable::Lost,
        }
    }
}

impl Failed {
    fn of(error: &OutboundError, is_used: bool) -> Self {
        let fault = match &error.fault {
            LineFault::Connect(error) => match error.kind() {
                // A socket of this machine that is not there has nobody who listens.
                std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => {
                    Fault::ConnectRefused
                }
                std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
                    Fault::Unroutable
                }
                _ => Fault::ConnectFailed,
            },
            LineFault::Resolve(_) => Fault::ResolveFailed,
            LineFault::Prohibited => Fault::AddressProhibited,
            LineFault::Tls(fault) => Fault::Tls(*fault),
            LineFault::Timeout(Awaited::Connection) => Fault::ConnectTimeout,
            LineFault::Timeout(Awaited::Transmit) => Fault::TransmitTimeout,
            LineFault::Timeout(Awaited::Head) => Fault::HeadTimeout,
            LineFault::Timeout(Awaited::Content) => Fault::ContentTimeout,
            LineFault::Refused(refusal) => Fault::Refused(*refusal),
            LineFault::Closed | LineFault::Transport(_) if error.is_answered => Fault::ClosedWithin,
            LineFault::Closed | LineFault::Transport(_) => Fault::ClosedBeforeHead,
            LineFault::Interrupted => return Self::Interrupted,
            _ => Fault::Internal,
        };
        Self::Server {
            fault,
            reached: match error.is_transmitted {
                true => Reached::Server,
                false => Reached::Nothing,
            },
            is_stale: is_used && !error.is_answered && fault == Fault::ClosedBeforeHead,
        }
    }
}

/// Servers that are asked for one request, at most.
const TRIES_MAX: usize = 3;
/// Memory for requests on their way that is kept.
const SCRATCHES_MAX: usize = 64;
