//! Servers that gateways ask.

use std::time::Duration;

/// Servers among which one is chosen for each request, and under which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// By which routes refer to it.
    pub name: String,
    /// Servers of which nothing more is said: `http://HOST:PORT` or `unix:PATH`.
    pub to: Vec<String>,
    /// Servers of which more is said.
    pub servers: Vec<PoolServer>,
    /// How one of them is chosen.
    pub balance: String,
    /// Bounds connecting to a server, waiting for the head of its answer, and silence within its content, each.
    pub outbound_timeout: Duration,
    /// Connections to each server, of all workers; `None` is unlimited.
    pub connections_max: Option<u64>,
    /// Requests that wait for a connection; beyond it 503.
    pub queue_max: u64,
    /// How long one waits; after it 503.
    pub queue_time: Duration,
    /// Idle connections to each server that a worker keeps.
    pub idle_connections_max: u64,
    /// How long a connection may be idle.
    pub idle_time: Duration,
    /// The age at which a connection is closed after its exchange; `None` is unlimited.
    pub connection_age: Option<Duration>,
    /// How long a server that came back, or is new beside others, takes to its whole share.
    pub slow_start: Duration,
    /// Failures in a row after which a server is out.
    pub failures_max: u64,
    /// How long it is out the first time.
    pub out_time: Duration,
    /// How long at most, when it fails again and again.
    pub out_time_max: Duration,
    /// An answer whose head takes longer is a failure; `None` is never.
    pub slow_answer_time: Option<Duration>,
    /// Servers that are asked for one request, at most.
    pub tries_max: u64,
    /// Requests of a hundred that may be sent again.
    pub retries_percent: u64,
    /// Requests that may be sent again each second however few come.
    pub retries_per_second: u64,
    /// Whether clients come back to the server that they were with.
    pub sticky: Option<Sticky>,
    /// Whether servers are asked how they do.
    pub check: Option<Check>,
    /// Whether a server that fails is left alone for a while, also the last.
    pub breaker: Option<Breaker>,
}

/// A server of which more is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolServer {
    /// Where it is.
    pub to: String,
    /// Its share beside the others'; with 0 it gets only those who stick to it.
    pub weight: u64,
    /// Whether it is asked only where no other may be.
    pub backup: bool,
    /// Connections to it, of all workers; `None` is what its pool says.
    pub connections_max: Option<u64>,
}

/// A cookie by which clients come back to the server that they were with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sticky {
    /// Its name.
    pub cookie: String,
    /// For how long; `None` is as long as the user agent's own session.
    pub time: Option<Duration>,
}

/// How servers are asked how they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is asked for.
    pub path: String,
    /// By which method.
    pub method: String,
    /// With which Host; `None` is the server's own.
    pub host: Option<String>,
    /// Statuses that are good, from and to.
    pub status: Vec<(u16, u16)>,
    /// How long after one check the next is made.
    pub interval: Duration,
    /// How long connecting and answering may take, each.
    pub timeout: Duration,
    /// Good checks in a row that bring a server in.
    pub rise: u64,
    /// Bad checks in a row that take it out.
    pub fall: u64,
}

/// When a server is left alone, also the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row; `None` is not by that.
    pub failures_max: Option<u64>,
    /// Failures of a hundred requests within `window`; `None` is not by that.
    pub failures_percent: Option<u64>,
    /// Fewer requests within `window` tell nothing.
    pub requests_min: u64,
    /// How long requests are counted until the count begins anew.
    pub window: Duration,
    /// How long a server is left alone until one request is let through.
    pub open_time: Duration,
}

/// Which fields tell a server of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFields {
    /// RFC 7239.
    Forwarded,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
}

/// What becomes of `Expect: 100-continue` (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// We say 100 when the content is wanted.
    #[default]
    Answer,
    /// The server does.
    Pass,
}

impl Pool {
    /// Its servers, those of which nothing more is said among them.
    pub fn all_servers(&self) -> impl Iterator<Item = PoolServer> {
        let plain = self.to.iter().map(|to| PoolServer {
            to: to.clone(),
            ..PoolServer::default()
        });
        plain.chain(self.servers.iter().cloned())
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            name: String::new(),
            to: Vec::new(),
            servers: Vec::new(),
            balance: "round-robin".to_owned(),
            outbound_timeout: Duration::from_secs(60),
            connections_max: None,
            queue_max: 1000,
            queue_time: Duration::from_secs(10),
            idle_connections_max: 64,
            idle_time: Duration::from_secs(45),
            connection_age: None,
            slow_start: Duration::from_secs(10),
            failures_max: 3,
            out_time: Duration::from_secs(5),
            out_time_max: Duration::from_secs(60),
            slow_answer_time: None,
            tries_max: 3,
            retries_percent: 20,
            retries_per_second: 10,
            sticky: None,
            check: None,
            breaker: None,
        }
    }
}

impl Default for PoolServer {
    fn default() -> Self {
        Self {
            to: String::new(),
            weight: 1,
            backup: false,
            connections_max: None,
        }
    }
}

impl Default for Check {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            method: "GET".to_owned(),
            host: None,
            status: vec![(200, 399)],
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures_max: Some(5),
            failures_percent: None,
            requests_min: 20,
            window: Duration::from_secs(10),
            open_time: Duration::from_secs(10),
        }
    }
}
