//! A forward proxy: it passes requests on to whomever the client names, as far as its rules let it (RFC 9110 §3.7).
//!
//! ```text
//!  request ──▶ Destination ──▶ ProxyRules ──▶ Onward ──▶ waiting line ──────────────▶ exchange ──▶ back ──▶ response
//!                 │               │             │            │ none                      │
//!              400, 501          403         Stop         resolve ──▶ each address ──▶ connect ──▶ Fault
//!                                                                      └── 403
//! ```
//!
//! Invariant: a connection is made to an address that the rules have seen, and a name is not resolved a second time.

mod destination;
mod lines;
mod pattern;
mod rules;
mod special;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use engine::outbound::{Line, LineOptions, OutboundContent, OutboundError, OutboundRequest};
use engine::{Answer, Content, Exchange, Incoming, Interims, Response, Tunnel};
use http1::Policy;
use net::{Address, Now, Outbound};
use semantics::fields::proxy_status::{ProxyError, ProxyStatus};
use semantics::{
    ContentLength, Form, Known, Method, OwnedRequest, RequestHead, ResponseHead, ResponseView,
    Status, Target,
};

use crate::gateway::{CameBy, Failed};
use crate::retry::{Blame, KEPT_OCTETS_MAX};
use crate::via::Via;
use crate::{
    Attempt, Fault, Onward, Passage, Reached, Repeatable, Scheme, Scratch, Stop, Trust, back,
    may_trail,
};

pub use destination::{Destination, DestinationError};
use lines::Lines;
pub use lines::LinesRules;
pub use pattern::{Pattern, PatternError};
pub use rules::{Allowed, By, Denied, ProxyRules};
pub use special::Special;

/// What a proxy is told.
#[derive(Debug)]
pub struct ProxyConfig {
    /// What it calls itself in Via and Proxy-Status: a token.
    pub name: String,
    /// Where it lets its clients go.
    pub rules: ProxyRules,
    /// Bounds resolving, connecting, waiting for the head of an answer, and silence within its content, each; milliseconds.
    pub outbound_millis: u64,
    /// Lines that wait.
    pub lines: LinesRules,
    /// Where this process listens for clients of the proxy: nobody is led back there.
    pub own: Vec<SocketAddr>,
    /// Words an answer of our own.
    pub words: ProxyWords,
}

/// Words an answer of our own for a request.
pub type ProxyWords = fn(&Telling<'_>, RequestHead<'_>) -> Response;

/// What an answer of our own tells.
#[derive(Debug)]
pub struct Telling<'a> {
    /// The head, with the fields that it has in any case.
    pub head: ResponseHead,
    /// Why, for people, without a full stop.
    pub because: &'a str,
    /// The section that says so.
    pub rule: &'static str,
}

/// A forward proxy, for one worker. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Proxy(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    passage: Passage,
    rules: ProxyRules,
    options: Rc<LineOptions>,
    lines: Lines,
    own: Vec<SocketAddr>,
    words: ProxyWords,
    scratches: RefCell<Vec<Scratch>>,
}

/// A request on its way.
struct Asking {
    request: OwnedRequest,
    content: ContentLength,
    incoming: Option<Incoming>,
    interims: Interims,
    scheme: Scheme,
    to: Rc<Destination>,
    /// Only a network that is allowed lets it pass.
    is_by_address: bool,
    /// Whether the client was told anything.
    is_told: Cell<bool>,
}

/// Why there is no answer of the server.
enum Refused {
    /// The rules, in their words.
    Denied { because: String, details: String },
    /// It would come back here.
    Loop,
    /// The server, or the way to it.
    Failed(Failed),
}

impl Proxy {
    /// A proxy that has asked nobody yet; `None` if its name is no token.
    #[must_use]
    pub fn new(config: ProxyConfig) -> Option<Self> {
        Some(Self(Rc::new(Inner {
            passage: Passage::forward(&config.name)?,
            rules: config.rules,
            options: Rc::new(LineOptions {
                policy: Policy::responses(),
                wait_millis: Some(config.outbound_millis),
                may_trail,
            }),
            lines: Lines::new(config.lines),
            own: config.own,
            words: config.words,
            scratches: RefCell::default(),
        })))
    }

    /// Whether a request is for a proxy at all: one in origin-form is for whoever listens here (RFC 9112 §3.2.1, §3.2.2).
    #[must_use]
    pub fn is_meant(head: RequestHead<'_>) -> bool {
        let target = Target::parse(head.target(), head.method());
        let form = target.map(|target| target.form);
        matches!(form, Some(Form::Absolute { .. } | Form::Authority(_)))
    }

    /// Answers a request by what the server answers that it names. `None` where TRACE or OPTIONS came as far as it may (RFC 9110
    /// §7.6.2), or the request names no server: whoever asks answers itself.
    pub fn answer(&self, exchange: &mut Exchange<'_>) -> Option<Answer> {
        let head = exchange.head;
        let form = Target::parse(head.target(), head.method())?.form;
        let (authority, port, by) = match form {
            Form::Absolute { scheme, authority } if scheme.eq_ignore_ascii_case(b"http") => {
                (authority, Some(HTTP_PORT), By::Request)
            }
            Form::Absolute { scheme, .. } => return Some(self.0.other_scheme(scheme, head).into()),
            // RFC 9110 §9.3.6: there is no port that stands for none.
            Form::Authority(authority) => (authority, None, By::Tunnel),
            Form::Origin | Form::Asterisk => return None,
        };
        let to = match Destination::parse(authority, port) {
            Ok(to) => to,
            Err(error) => return Some(self.0.odd(error, head).into()),
        };
        let is_by_address = match self.0.rules.judge(head.method_octets(), by, &to) {
            Ok(allowed) => allowed == Allowed::ByAddress,
            Err(denied) => {
                return Some(
                    self.0
                        .denied(&denied.to_string(), &denied.details(), head)
                        .into(),
                );
            }
        };
        if by == By::Tunnel {
            let request = head.to_owned();
            let inner = Rc::clone(&self.0);
            return Some(Answer::Later(Box::pin(async move {
                inner.tunnel(&request, &to, is_by_address).await
            })));
        }
        let scheme = match exchange.tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        };
        if self.is_last(exchange, scheme) {
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
            is_told: Cell::new(false),
            interims: exchange.interims(),
            scheme,
            to: Rc::new(to),
            is_by_address,
        };
        let inner = Rc::clone(&self.0);
        Some(Answer::Later(Box::pin(async move {
            inner.respond(asking).await
        })))
    }

    /// Closes lines that have waited for too long, until the proxy is gone.
    pub fn sweep(&self) -> impl Future<Output = ()> + use<> {
        let inner = Rc::downgrade(&self.0);
        async move {
            loop {
                net::sleep(SWEEP_TIME).await;
                let Some(inner) = inner.upgrade() else { return };
                inner.lines.sweep(Now::of_batch().millis);
            }
        }
    }

    fn is_last(&self, exchange: &Exchange<'_>, scheme: Scheme) -> bool {
        let head = exchange.head;
        if !matches!(head.method(), Method::Options | Method::Trace)
            || !head.has(Known::MaxForwards)
        {
            return false;
        }
        let mut scratch = Scratch::default();
        let came = came_by(scheme).with(head, exchange.content);
        let stop = Onward::new(&came, &self.0.passage, &mut scratch).err();
        stop == Some(Stop::LastForward)
    }
}

/// What clients tell of those behind them goes on as it came: a proxy is not the one who knows better, and who is asked does
/// not take its word for it (RFC 9110 §7.7).
fn came_by(scheme: Scheme) -> CameBy {
    CameBy {
        peer: None,
        trust: Trust::Passed,
        scheme,
    }
}

impl Inner {
    async fn respond(self: Rc<Self>, asking: Asking) -> Response {
        let mut scratch = self.scratches.borrow_mut().pop().unwrap_or_default();
        let response = self.pass_on(asking, &mut scratch).await;
        let mut scratches = self.scratches.borrow_mut();
        if scratches.len() < SCRATCHES_MAX {
            scratches.push(scratch);
        }
        response
    }

    /// Opens a tunnel (RFC 9110 §9.3.6): what both ends say in it is theirs.
    async fn tunnel(
        &self,
        request: &OwnedRequest,
        to: &Destination,
        is_by_address: bool,
    ) -> Response {
        let head = request.head();
        let mut made = Vec::new();
        if Via::of(head.section(), head.version(), &self.passage, &mut made).is_loop {
            return self.stopped(Stop::Loop, head);
        }
        match self.reach(to, is_by_address).await {
            Ok(outbound) => Response {
                head: ResponseHead::new(Status::OK),
                content: Content::Tunnel(Tunnel::new(outbound, Default::default())),
            },
            Err(refused) => self.refused(refused, head, to),
        }
    }

    /// A connection for a tunnel, to one of the addresses of a destination that may be asked.
    async fn reach(&self, to: &Destination, is_by_address: bool) -> Result<Outbound, Refused> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.addresses(to, is_by_address).await? {
            match Outbound::connect(&address, self.options.wait_millis).await {
                Ok(outbound) => return Ok(outbound),
                Err(error) => last = error,
            }
        }
        Err(match last.kind() {
            io::ErrorKind::TimedOut => failed_before(Fault::ConnectTimeout),
            _ => Refused::Failed(Failed::of(&OutboundError::connect(last), false)),
        })
    }

    /// Asks the server; once more where a line that had waited turns out to be closed and the request may be sent again.
    async fn pass_on(self: &Rc<Self>, asking: Asking, scratch: &mut Scratch) -> Response {
        let head = asking.request.head();
        let came = came_by(asking.scheme).with(head, asking.content);
        let onward = match Onward::new(&came, &self.passage, scratch) {
            Ok(onward) => onward,
            Err(stop) => return self.stopped(stop, head),
        };
        let mut waiting = self.lines.take(&asking.to, Now::of_batch().millis);
        let refused = loop {
            let is_fresh = waiting.is_none();
            match self.ask(waiting.take(), &asking, &onward).await {
                Ok(response) => {
                    let lines = onward.into_lines();
                    scratch.give_back(lines);
                    return response;
                }
                Err(Refused::Failed(Failed::Server {
                    reached,
                    blame: Blame::Connection,
                    ..
                })) if !is_fresh && asking.may_repeat(reached) => {}
                Err(refused) => break refused,
            }
        };
        self.refused(refused, head, &asking.to)
    }

    /// Asks the server on one line.
    async fn ask(
        self: &Rc<Self>,
        waiting: Option<Box<Line>>,
        asking: &Asking,
        onward: &Onward<'_>,
    ) -> Result<Response, Refused> {
        let mut line = match waiting {
            Some(line) => line,
            None => Box::pin(self.connect(asking)).await?,
        };
        let is_used = line.exchanges() > 0;
        let content = match &asking.incoming {
            None => OutboundContent::None,
            // Whether it is whole was asked before.
            Some(incoming) if !incoming.rewind() => return Err(failed_before(Fault::Internal)),
            Some(incoming) => OutboundContent::Incoming {
                length: asking.content,
                incoming: incoming.clone(),
            },
        };
        let request = OutboundRequest {
            head: onward.parts(),
            content,
        };
        let on_interim = |view: ResponseView<'_>| {
            if let Ok(head) = back(view, &self.passage, onward.host()) {
                let is_told = asking.interims.push(head);
                asking.is_told.set(is_told || asking.is_told.get());
            }
        };
        let on_head = |view: ResponseView<'_>, _| back(view, &self.passage, onward.host());
        let answered = line
            .exchange(&self.options, request, on_interim, on_head)
            .await;
        let failed = |fault| {
            Refused::Failed(Failed::Server {
                fault,
                reached: Reached::Server,
                blame: Blame::Server,
            })
        };
        let head = answered
            .map_err(|error| Refused::Failed(Failed::of(&error, is_used)))?
            .map_err(failed)?;
        if head.status() == Status::SWITCHING_PROTOCOLS {
            return Err(failed(Fault::Upgrade));
        }
        let (inner, to) = (Rc::clone(self), Rc::clone(&asking.to));
        let content = line.into_content(move |end| {
            if let Ok(line) = end {
                inner.lines.keep(&to, line, Now::of_batch().millis);
            }
        });
        Ok(Response { head, content })
    }

    /// A connection to one of the addresses of a destination that may be asked.
    async fn connect(&self, asking: &Asking) -> Result<Box<Line>, Refused> {
        let addresses = self.addresses(&asking.to, asking.is_by_address).await?;
        let mut last = OutboundError::connect(io::ErrorKind::AddrNotAvailable.into());
        for address in addresses {
            match Line::connect(&address, &self.options).await {
                Ok(line) => return Ok(line),
                Err(error) => last = error,
            }
        }
        Err(Refused::Failed(Failed::of(&last, false)))
    }

    /// The addresses of a destination that may be asked, one at least.
    async fn addresses(
        &self,
        to: &Destination,
        is_by_address: bool,
    ) -> Result<Vec<Address>, Refused> {
        let found = match to.ip() {
            Some(ip) => vec![Address::Inet(SocketAddr::new(ip, to.port()))],
            None => self.resolve(to).await?,
        };
        let allowed = match is_by_address {
            true => Allowed::ByAddress,
            false => Allowed::Name(None),
        };
        let (mut addresses, mut why_not) = (Vec::new(), None);
        for address in found {
            let Address::Inet(inet) = &address else {
                continue;
            };
            let judged = self.rules.judge_address(allowed, inet.ip(), inet.port());
            match judged {
                Ok(()) if self.is_own(*inet) => why_not = Some(Refused::Loop),
                Ok(()) => addresses.push(address),
                Err(denied) => {
                    why_not.get_or_insert(Refused::Denied {
                        because: denied.to_string(),
                        details: denied.details(),
                    });
                }
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        match addresses.is_empty() {
            false => Ok(addresses),
            true => Err(why_not.unwrap_or_else(|| failed_before(Fault::ResolveFailed))),
        }
    }

    async fn resolve(&self, to: &Destination) -> Result<Vec<Address>, Refused> {
        let resolved = net::resolve(to.host().to_owned(), to.port());
        let Some(millis) = self.options.wait_millis else {
            return resolved
                .await
                .map_err(|_| failed_before(Fault::ResolveFailed));
        };
        let (mut resolved, mut late) = (
            pin!(resolved),
            pin!(net::sleep(Duration::from_millis(millis))),
        );
        poll_fn(|cx| match resolved.as_mut().poll(cx) {
            Poll::Ready(Ok(addresses)) => Poll::Ready(Ok(addresses)),
            Poll::Ready(Err(_)) => Poll::Ready(Err(failed_before(Fault::ResolveFailed))),
            Poll::Pending => late
                .as_mut()
                .poll(cx)
                .map(|()| Err(failed_before(Fault::ResolveTimeout))),
        })
        .await
    }

    /// Whether it is where clients of this proxy come in, by any address of this machine that is known.
    fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            let is_here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
            let (ip, own_ip) = (address.ip().to_canonical(), own.ip().to_canonical());
            let is_same = ip == own_ip || (is_here(ip) && is_here(own_ip));
            is_same && address.port() == own.port()
        })
    }
}

// What is told instead of an answer.
impl Inner {
    fn refused(&self, refused: Refused, head: RequestHead<'_>, to: &Destination) -> Response {
        match refused {
            Refused::Denied { because, details } => self.denied(&because, &details, head),
            Refused::Loop => self.stopped(Stop::Loop, head),
            Refused::Failed(Failed::Stopped(stop)) => self.stopped(stop, head),
            Refused::Failed(Failed::Interrupted) => self.tell(
                ResponseHead::new(Status::BAD_REQUEST),
                "The content did not come to its end",
                "RFC 9112 §8",
                head,
            ),
            Refused::Failed(Failed::Server { fault, .. }) => {
                let next_hop = to.to_string();
                let told = fault.head(&self.passage, Some(&next_hop));
                self.tell(told, fault.because(), rule_of(fault.status()), head)
            }
        }
    }

    /// The rules do not let it pass; which of them is told.
    fn denied(&self, because: &str, details: &str, head: RequestHead<'_>) -> Response {
        let status = ProxyStatus::new(self.passage.name(), ProxyError::HttpRequestDenied);
        let mut told = ResponseHead::new(Status::FORBIDDEN);
        told.add_named("Proxy-Status", status.details(details).to_string());
        self.tell(told, because, "RFC 9110 §15.5.4", head)
    }

    fn odd(&self, error: DestinationError, head: RequestHead<'_>) -> Response {
        let told = ResponseHead::new(Status::BAD_REQUEST);
        self.tell(told, error.because(), error.rule(), head)
    }

    /// What is asked for by https is meant to be read by nobody on the way, and this proxy would.
    fn other_scheme(&self, scheme: &[u8], head: RequestHead<'_>) -> Response {
        let because = match scheme.eq_ignore_ascii_case(b"https") {
            true => {
                "This proxy reaches https by CONNECT alone, so that it cannot read what is said"
            }
            false => "This proxy asks by http alone, and opens tunnels by CONNECT",
        };
        let told = ResponseHead::new(Status::NOT_IMPLEMENTED);
        self.tell(told, because, "RFC 9110 §15.6.2", head)
    }

    fn stopped(&self, stop: Stop, head: RequestHead<'_>) -> Response {
        match (stop.answer(), stop.head(&self.passage)) {
            (Some(answer), Some(told)) => self.tell(told, answer.because, answer.rule, head),
            _ => {
                let fault = Fault::Internal;
                let told = fault.head(&self.passage, None);
                self.tell(told, fault.because(), rule_of(fault.status()), head)
            }
        }
    }

    fn tell(
        &self,
        told: ResponseHead,
        because: &str,
        rule: &'static str,
        head: RequestHead<'_>,
    ) -> Response {
        let telling = Telling {
            head: told,
            because,
            rule,
        };
        (self.words)(&telling, head)
    }
}

impl Asking {
    /// Whether it may be sent again after a try that came so far.
    fn may_repeat(&self, reached: Reached) -> bool {
        let is_whole = self.incoming.as_ref().is_none_or(Incoming::is_whole);
        let attempt = Attempt {
            method: self.request.head().method(),
            content: match is_whole {
                true => Repeatable::Whole,
                false => Repeatable::Lost,
            },
            reached: match self.is_told.get() {
                true => Reached::Client,
                false => reached,
            },
        };
        attempt.may_repeat()
    }
}

/// A failure before anything was transmitted.
fn failed_before(fault: Fault) -> Refused {
    Refused::Failed(Failed::Server {
        fault,
        reached: Reached::Nothing,
        blame: Blame::Server,
    })
}

fn rule_of(status: Status) -> &'static str {
    match status.code() {
        502 => "RFC 9110 §15.6.3",
        503 => "RFC 9110 §15.6.4",
        504 => "RFC 9110 §15.6.5",
        _ => "RFC 9110 §15.6.1",
    }
}

/// The port of http (RFC 9110 §4.2.1).
const HTTP_PORT: u16 = 80;
/// Addresses of one destination that are tried: each may take as long as connecting may.
const ADDRESSES_MAX: usize = 8;
/// Memory for requests on their way that is kept.
const SCRATCHES_MAX: usize = 64;
/// How often it is looked whether lines wait for too long.
const SWEEP_TIME: Duration = Duration::from_secs(15);
