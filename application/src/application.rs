//! A request answered by an application: whom to ask, and what the client gets.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use engine::{Answer, Exchange, Incoming, Interrupted, Response, Source, Streamed};
use net::{Now, Peer};
use semantics::{ContentLength, Method, OwnedRequest, RequestHead, ResponseHead, Status};

use crate::content::{Content, ContentError};
use crate::head::AnswerHead;
use crate::records::{Keep, Records};
use crate::server::{Place, Server};
use crate::talk::{Failed, Speech, Talk};
use crate::variables::{Asked, Script, Variables};
use crate::{Fault, Programs};

/// Words for an answer of our own: what is told, its head so far, and the request.
pub type Words = fn(semantics::Answer, &ResponseHead, RequestHead<'_>) -> Response;

/// What an [`Application`] is.
#[derive(Clone, Debug)]
pub struct ApplicationConfig {
    /// Who answers.
    pub speaker: Speaker,
    /// Variables that are set as they are.
    pub own: Vec<(String, String)>,
    /// Bounds connecting, waiting for the head of the answer, and silence within its content, each.
    pub outbound_millis: u64,
    /// What we call ourselves in Proxy-Status.
    pub name: String,
    /// How answers of our own are worded.
    pub words: Words,
    /// Whom to tell what applications say for the people who run them: who said it, and a text that may have several lines.
    pub tell: fn(&str, &str),
}

/// Who answers, and how it is spoken with them.
#[derive(Clone, Debug)]
pub enum Speaker {
    /// One of these servers in turn, by FastCGI.
    FastCgi {
        /// Where they are.
        places: Vec<Place>,
        /// Connections to each that are kept for the next request, in one worker. Each holds a process of an application that has one for a
        /// connection, as PHP has.
        idle_connections_max: usize,
    },
    /// One of these servers in turn, by SCGI.
    Scgi(Vec<Place>),
    /// A program that is started for each request.
    Cgi(Programs),
}

/// An application, for one worker. Clones are the same.
#[derive(Clone, Debug)]
pub struct Application(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ApplicationConfig,
    servers: Vec<Rc<Server>>,
    next: Cell<usize>,
}

/// A request on its way.
struct Asking {
    request: OwnedRequest,
    content: ContentLength,
    incoming: Option<Incoming>,
    query: Option<Box<[u8]>>,
    host: Option<String>,
    client: Peer,
    is_secured: bool,
    is_told: bool,
    user: Option<Rc<str>>,
    script: Script,
}

/// What is looked for within an application.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What the path leads to.
    pub script: Script,
    /// The query.
    pub query: Option<&'a [u8]>,
    /// The host, without port.
    pub host: Option<&'a str>,
    /// Whether the client is a gateway whose word is believed.
    pub is_told: bool,
}

impl Application {
    /// An application that was asked nothing yet.
    #[must_use]
    pub fn new(config: ApplicationConfig) -> Self {
        let places = match &config.speaker {
            Speaker::FastCgi { places, .. } | Speaker::Scgi(places) => places.clone(),
            Speaker::Cgi(_) => Vec::new(),
        };
        Self(Rc::new(Inner {
            servers: places
                .into_iter()
                .map(|place| Rc::new(Server::new(place)))
                .collect(),
            config,
            next: Cell::new(0),
        }))
    }

    /// Answers a request by what the application answers.
    pub fn answer(&self, exchange: &mut Exchange<'_>, wanted: Wanted<'_>) -> Answer {
        let asking = Asking {
            request: exchange.head.to_owned(),
            content: exchange.content,
            incoming: (exchange.content != ContentLength::None).then(|| exchange.receive()),
            query: wanted.query.map(Box::from),
            host: wanted.host.map(str::to_owned),
            client: exchange.client,
            is_secured: exchange.is_secured,
            is_told: wanted.is_told,
            user: exchange.user(),
            script: wanted.script,
        };
        let inner = Rc::clone(&self.0);
        Answer::Later(Box::pin(async move { inner.respond(asking).await }))
    }
}

impl Inner {
    async fn respond(self: Rc<Self>, mut asking: Asking) -> Response {
        let content = match (asking.content, asking.incoming.take()) {
            (_, None) => Ok(Content::None),
            (ContentLength::Exactly(octets), Some(incoming)) => {
                Ok(Content::incoming(incoming, octets))
            }
            (_, Some(incoming)) => Content::keep(&incoming).await,
        };
        let content = match content {
            Ok(content) => content,
            Err(error) => return self.lost(error, &asking),
        };
        match &self.config.speaker {
            Speaker::Cgi(programs) => self.run(programs, content, &asking).await,
            Speaker::FastCgi { .. } | Speaker::Scgi(_) => self.ask_one(content, &asking).await,
        }
    }

    /// Asks until a server answers, or nothing more may be tried.
    async fn ask_one(self: &Rc<Self>, mut content: Content, asking: &Asking) -> Response {
        let variables = self.variables(&content, asking);
        let method = asking.request.head().method();
        let mut fault = (Fault::ConnectRefused, None);
        let count = self.servers.len();
        let mut tried = 0;
        while tried < count {
            let place = self.next.get().wrapping_add(tried) % count.max(1);
            let Some(server) = self.servers.get(place) else {
                break;
            };
            let now = Now::read().millis;
            let (outbound, is_used) = match server.take_idle(now) {
                Some(outbound) => (outbound, true),
                None => match server.connect(Some(self.config.outbound_millis)).await {
                    Ok(outbound) => (outbound, false),
                    Err(error) => {
                        fault = (Fault::of_connecting(&error), Some(place));
                        tried += 1;
                        continue;
                    }
                },
            };
            let again = content.again();
            let taken = std::mem::replace(&mut content, again);
            let wait_millis = Some(self.config.outbound_millis);
            let mut talk = Talk::new(outbound, self.speech(), &variables, taken, wait_millis);
            let answered = poll_fn(|cx| talk.poll_answer(cx)).await;
            self.tell(&server.name, talk.take_errors());
            match answered {
                Ok(()) => {
                    self.next.set(place.wrapping_add(1));
                    let side = Side::Server(Rc::clone(self), place);
                    return self.response(talk, side, method);
                }
                Err(Failed { fault: None, .. }) => {
                    return self.lost(ContentError::Interrupted, asking);
                }
                Err(Failed {
                    fault: Some(failed),
                    is_transmitted,
                    is_answered,
                }) => {
                    fault = (failed, Some(place));
                    // A connection that waited may have been closed at that very moment (RFC 9112 §9.3.1).
                    let is_stale = is_used && !is_answered && failed == Fault::ClosedBeforeHead;
                    let is_kept = !matches!(content, Content::Lost);
                    let may = is_kept && (!is_transmitted || method.is_idempotent());
                    if !(is_stale && may) {
                        break;
                    }
                }
            }
        }
        let name = fault.1.and_then(|place| self.servers.get(place));
        self.fault(fault.0, name.map(|server| &*server.name), asking)
    }

    fn speech(&self) -> Speech {
        match &self.config.speaker {
            Speaker::FastCgi {
                idle_connections_max: 0,
                ..
            } => Speech::FastCgi(Records::default(), Keep::No),
            Speaker::FastCgi { .. } => Speech::FastCgi(Records::default(), Keep::Yes),
            Speaker::Scgi(_) => Speech::Scgi,
            Speaker::Cgi(_) => Speech::Program,
        }
    }

    fn variables(&self, content: &Content, asking: &Asking) -> Variables {
        let asked = Asked {
            head: asking.request.head(),
            content_octets: content.octets(),
            query: asking.query.as_deref(),
            host: asking.host.as_deref(),
            client: (asking.client.ip(), asking.client.port()),
            is_secured: asking.is_secured,
            is_told: asking.is_told,
            user: asking.user.as_deref(),
            script: &asking.script,
        };
        Variables::new(&asked, &self.config.own)
    }

    fn response(&self, mut talk: Talk, side: Side, method: Method) -> Response {
        let Some(AnswerHead {
            head,
            content_octets,
        }) = talk.take_answer()
        else {
            return Response::new(Status::INTERNAL_SERVER_ERROR);
        };
        if method == Method::Head || head.status().is_without_content() {
            // What is not sent is read all the same, so that the application comes to its end.
            net::spawn(drained(talk, side));
            let content = engine::Content::Stream(Streamed {
                octets: content_octets.filter(|_| method == Method::Head),
                source: Box::new(Nothing),
            });
            return Response { head, content };
        }
        if let Some(octets) = talk.take_whole(content_octets) {
            side.done(talk);
            return Response::with_octets(head, octets);
        }
        let source = Box::new(Rest {
            talk: Some((talk, side)),
            left: content_octets,
        });
        let content = engine::Content::Stream(Streamed {
            octets: content_octets,
            source,
        });
        Response { head, content }
    }

    fn tell(&self, who: &str, said: Vec<u8>) {
        if !said.is_empty() {
            (self.config.tell)(who, &String::from_utf8_lossy(&said));
        }
    }

    fn fault(&self, fault: Fault, next_hop: Option<&str>, asking: &Asking) -> Response {
        let told = semantics::Answer {
            status: Some(fault.status()),
            name: "application",
            because: fault.because(),
            rule: match fault.status().code() {
                502 => "RFC 9110 §15.6.3",
                503 => "RFC 9110 §15.6.4",
                504 => "RFC 9110 §15.6.5",
                _ => "RFC 9110 §15.6.1",
            },
        };
        let head = fault.head(&self.config.name, next_hop);
        (self.config.words)(told, &head, asking.request.head())
    }

    /// The content of the request did not come.
    fn lost(&self, error: ContentError, asking: &Asking) -> Response {
        if error == ContentError::File {
            return self.fault(Fault::Spool, None, asking);
        }
        let told = semantics::Answer {
            status: Some(Status::BAD_REQUEST),
            name: "interrupted",
            because: "The content did not come to its end",
            rule: "RFC 9112 §8",
        };
        let head = ResponseHead::new(Status::BAD_REQUEST);
        (self.config.words)(told, &head, asking.request.head())
    }

    async fn run(
        self: &Rc<Self>,
        programs: &Programs,
        content: Content,
        asking: &Asking,
    ) -> Response {
        let variables = self.variables(&content, asking);
        let method = asking.request.head().method();
        let started = programs.start(&asking.script, &variables);
        let (outbound, running) = match started.await {
            Ok(started) => started,
            Err(fault) => return self.fault(fault, None, asking),
        };
        let wait_millis = Some(self.config.outbound_millis);
        let mut talk = Talk::new(outbound, Speech::Program, &variables, content, wait_millis);
        let answered = poll_fn(|cx| talk.poll_answer(cx)).await;
        match answered {
            Ok(()) => self.response(talk, Side::Program(running), method),
            Err(Failed { fault: None, .. }) => self.lost(ContentError::Interrupted, asking),
            Err(Failed {
                fault: Some(fault), ..
            }) => self.fault(fault, None, asking),
        }
    }
}

/// Who answers, until the answer is over.
enum Side {
    Server(Rc<Inner>, usize),
    Program(crate::Running),
}

impl Side {
    /// What the application said in between.
    fn tell(&self, talk: &mut Talk) {
        if let Self::Server(inner, place) = self
            && let Some(server) = inner.servers.get(*place)
        {
            inner.tell(&server.name, talk.take_errors());
        }
    }

    /// The answer is over.
    fn done(self, mut talk: Talk) {
        self.tell(&mut talk);
        match self {
            Self::Server(inner, place) => {
                let connections_max = match &inner.config.speaker {
                    Speaker::FastCgi {
                        idle_connections_max,
                        ..
                    } => *idle_connections_max,
                    Speaker::Scgi(_) | Speaker::Cgi(_) => 0,
                };
                if let (Some(server), Some(outbound)) = (inner.servers.get(place), talk.into_kept())
                {
                    server.keep(outbound, connections_max, Now::read().millis);
                }
            }
            Self::Program(running) => running.ended(),
        }
    }
}

/// Reads what is not sent, up to a bound.
async fn drained(mut talk: Talk, side: Side) {
    let mut octets = 0;
    while octets < DRAINED_OCTETS_MAX {
        match poll_fn(|cx| talk.poll_content(cx)).await {
            Some(Ok(piece)) => octets += piece.len(),
            Some(Err(_)) => return,
            None => return side.done(talk),
        }
    }
}

/// Content that is not sent.
struct Nothing;

impl Source for Nothing {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        Poll::Ready(None)
    }
}

/// Content as it comes from an application.
struct Rest {
    talk: Option<(Talk, Side)>,
    /// What is still to come of the length that the application told.
    left: Option<u64>,
}

impl Source for Rest {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        let Some((talk, side)) = &mut self.talk else {
            return Poll::Ready(None);
        };
        let next = ready!(talk.poll_content(cx));
        side.tell(talk);
        match next {
            Some(Ok(octets)) => {
                let length = octets.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(length));
                Poll::Ready(Some(Ok(octets.into())))
            }
            Some(Err(_)) => {
                self.talk = None;
                Poll::Ready(Some(Err(Interrupted)))
            }
            None => {
                let taken = self.talk.take();
                if self.left.is_some_and(|left| left > 0) {
                    // It is shorter than it was told: the client must see that (RFC 9112 §8).
                    return Poll::Ready(Some(Err(Interrupted)));
                }
                if let Some((talk, side)) = taken {
                    side.done(talk);
                }
                Poll::Ready(None)
            }
        }
    }
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(_, place) => f.debug_tuple("Server").field(place).finish(),
            Self::Program(_) => f.write_str("Program"),
        }
    }
}

/// Octets of content that is not sent and still read, so that an application may come to its end.
pub const DRAINED_OCTETS_MAX: usize = 1 << 20;
