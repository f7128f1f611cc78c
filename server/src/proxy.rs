//! The forward proxy: who may use it, before it goes where they ask.
//!
//! | phase | is | where |
//! |---|---|---|
//! | meant | whether the request is for a proxy at all; 400 | here |
//! | access | the client's network; 403 | here |
//! | authorize | who asks; 407 | `auth::Gate` |
//! | go | where, by the rules; then what the server says | `intermediary::Proxy` |

use std::net::SocketAddr;

use auth::{Gate, Outcome, Verdict};
use engine::{Answer, Exchange, Response, SocksMethod};
use intermediary::{LinesRules, Pattern, Proxy, ProxyConfig, ProxyRules, Telling};
use net::{Address, Network};
use origin::{error_response, options_answer};
use semantics::{Method, RequestHead, Status};

use crate::config::{Config, Role};
use crate::sites::{SiteError, forbidden, last_forward, own_name};

/// The forward proxy, for one worker.
#[derive(Debug)]
pub(crate) struct Forward {
    /// The numbers of its listeners.
    listeners: Vec<usize>,
    /// Networks of clients; none is every one.
    clients: Vec<Network>,
    gate: Option<Gate>,
    has_socks: bool,
    users: Vec<String>,
    proxy: Proxy,
}

impl Forward {
    /// The proxy of a configuration, if it has one. `numbers` are those of its listeners; `gate` knows gates by name.
    pub(crate) fn new(
        config: &Config,
        numbers: &[usize],
        gate: impl Fn(&str) -> Option<Gate>,
    ) -> Result<Option<Self>, SiteError> {
        if !config.has_proxy() {
            return Ok(None);
        }
        let own = numbers.iter().zip(&config.listeners);
        let own = own.filter(|(_, listener)| listener.role == Role::Proxy);
        let set = &config.proxy;
        let gate = match &set.auth {
            Some(name) => Some(gate(name).ok_or_else(|| SiteError::Auth(name.clone()))?),
            None => None,
        };
        let proxy = ProxyConfig {
            name: own_name().to_owned(),
            rules: rules(config)?,
            outbound_millis: u64::try_from(set.outbound_timeout.as_millis()).unwrap_or(u64::MAX),
            lines: LinesRules::default(),
            own: own
                .clone()
                .filter_map(|(_, listener)| inet(&listener.address))
                .collect(),
            words,
        };
        Ok(Some(Self {
            listeners: own.map(|(number, _)| *number).collect(),
            clients: set.clients.clone(),
            gate,
            has_socks: set.socks,
            users: set.users.clone(),
            // The name is our own.
            proxy: Proxy::new(proxy)
                .ok_or_else(|| SiteError::Template(own_name().to_owned(), "no token".to_owned()))?,
        }))
    }

    /// How clients of SOCKS5 say who they are, where they may come.
    pub(crate) fn socks(&self) -> Option<SocksMethod> {
        self.has_socks.then_some(match self.gate {
            Some(_) => SocksMethod::Password,
            None => SocksMethod::Nobody,
        })
    }

    pub(crate) fn answers_on(&self, listener: usize) -> bool {
        self.listeners.contains(&listener)
    }

    /// Has lines closed that wait for too long. Only on a worker's thread.
    pub(crate) fn begin(&self) {
        net::spawn(self.proxy.sweep());
    }

    pub(crate) fn answer(&self, exchange: &mut Exchange<'_>) -> Answer {
        if !Proxy::is_meant(exchange.head) {
            return not_meant(exchange.head).into();
        }
        if !self.admits(exchange) {
            let because = "This proxy does not answer your network";
            return forbidden(exchange.head, because).into();
        }
        let Some(gate) = &self.gate else {
            return go(&self.proxy, exchange);
        };
        match gate.check(exchange, &self.users) {
            Verdict::Ready(outcome) => match refused(outcome, exchange.head) {
                None => go(&self.proxy, exchange),
                Some(response) => response.into(),
            },
            Verdict::Later(outcome) => {
                let mut owned = exchange.detach();
                let proxy = self.proxy.clone();
                Answer::Later(Box::pin(async move {
                    let outcome = outcome.await;
                    match refused(outcome, owned.head()) {
                        None => go(&proxy, &mut owned.exchange()).response().await,
                        Some(response) => response,
                    }
                }))
            }
        }
    }

    fn admits(&self, exchange: &Exchange<'_>) -> bool {
        let client = exchange.client.ip();
        // Who comes by a unix socket has no network; its file says who may.
        self.clients.is_empty()
            || client.is_none_or(|ip| self.clients.iter().any(|network| network.contains(ip)))
    }
}

fn go(proxy: &Proxy, exchange: &mut Exchange<'_>) -> Answer {
    proxy
        .answer(exchange)
        .unwrap_or_else(|| last_forward(exchange))
}

/// The answer in place of the server's, unless the request goes on.
fn refused(outcome: Outcome, head: RequestHead<'_>) -> Option<Response> {
    match outcome {
        Outcome::Pass(_) => None,
        Outcome::Refuse(denial) => {
            let mut response =
                error_response(denial.status, denial.because, denial.rule, Some(head));
            denial.add_to(&mut response.head);
            Some(response)
        }
        Outcome::Answer(response) => Some(response),
    }
}

/// A request that names no server (RFC 9112 §3.2.1): whoever sent it took the proxy for one.
fn not_meant(head: RequestHead<'_>) -> Response {
    if head.method() == Method::Options {
        return options_answer("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT");
    }
    error_response(
        Status::BAD_REQUEST,
        "This is a forward proxy: name it as such, as `curl -x http://HOST:PORT http://example.com/` does",
        "RFC 9112 §3.2.2",
        Some(head),
    )
}

/// The rules of a configuration, whose patterns were read before.
pub(crate) fn rules(config: &Config) -> Result<ProxyRules, SiteError> {
    let set = &config.proxy;
    let patterns = |texts: &[String]| -> Result<Vec<Pattern>, SiteError> {
        let pattern = |text: &String| {
            let pattern = text.parse();
            pattern.map_err(|error: intermediary::PatternError| {
                SiteError::Template(text.clone(), error.to_string())
            })
        };
        texts.iter().map(pattern).collect()
    };
    let ports = set.allow_ports.iter();
    Ok(ProxyRules {
        allow: patterns(&set.allow)?,
        deny: patterns(&set.deny)?,
        allow_ports: ports.filter_map(|port| u16::try_from(*port).ok()).collect(),
        allow_private: set.allow_private,
        methods: set.methods.clone(),
    })
}

fn inet(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Inet(address) => Some(*address).filter(|address| address.port() != 0),
        Address::Unix(_) => None,
    }
}

/// An answer of our own, in the words of all others.
fn words(telling: &Telling<'_>, request: RequestHead<'_>) -> Response {
    let status = telling.head.status();
    let mut response = error_response(status, telling.because, telling.rule, Some(request));
    for (name, value) in telling.head.section().iter() {
        let name = String::from_utf8_lossy(name);
        response.head.add_named(&name, value);
    }
    response
}
