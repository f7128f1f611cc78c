//! The values a configuration consists of.

use net::Address;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything the server is told before it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[server]`: the process and its connections.
    pub server: Server,
    /// `[limits]`: a bound for whatever a peer can make grow.
    pub limits: Limits,
    /// `[[listen]]`: where connections are accepted.
    pub listeners: Vec<Listener>,
    /// `[[site]]`: what is served, by host.
    pub sites: Vec<Site>,
    /// What the program knows of its standard output; not part of the file.
    pub output: Output,
}

/// The process and the life of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Threads that serve, each with its own connections; `None` is one a core.
    pub workers: Option<u64>,
    /// The access log; `None` is human on a terminal and JSON when piped.
    pub access_log: Option<LogFormat>,
    /// The value of the `Server` field (RFC 9110 §10.2.4); `None` leaves it out.
    pub server_field: Option<String>,
    /// How long a connection may be idle; zero closes after every response.
    pub keep_alive: Duration,
    /// Requests a connection may carry; `None` is unlimited.
    pub keep_alive_requests: Option<u64>,
    /// The age at which a connection is closed after its response; `None` is unlimited.
    pub connection_age: Option<Duration>,
    /// Whether TRACE is answered (RFC 9110 §9.3.8).
    pub allow_trace: bool,
    /// How long a drain waits for exchanges that are under way.
    pub drain_time: Duration,
}

/// A bound, with its name, for whatever a peer can make grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a request head; beyond it 431 (RFC 6585 §5).
    pub head_octets_max: u64,
    /// Octets of a request target; beyond it 414 (RFC 9110 §15.5.15).
    pub target_octets_max: u64,
    /// Field lines of a header or trailer section; beyond it 431 (RFC 6585 §5).
    pub field_lines_max: u64,
    /// Octets of request content; beyond it 413 (RFC 9110 §15.5.14).
    pub content_octets_max: u64,
    /// The time in which a head must be complete; after it 408 (RFC 9110 §15.5.9).
    pub head_time: Duration,
    /// The slowest pace of request content, after `rate_grace`; 0 is any pace.
    pub content_octets_per_second_min: u64,
    /// The slowest pace at which a response is taken, after `rate_grace`; 0 is any pace.
    pub transmit_octets_per_second_min: u64,
    /// How long a transfer may be slow before the paces above count.
    pub rate_grace: Duration,
    /// Connections in all; `None` is the open files less 200, or half of them.
    pub connections_max: Option<u64>,
    /// Connections of one client address (loopback is not counted); `None` is unlimited.
    pub connections_per_client_max: Option<u64>,
    /// The largest file held in memory, ready to send; 0 holds none.
    pub cached_file_octets_max: u64,
    /// Memory for held files in the whole server.
    pub cache_octets_max: u64,
    /// Open files of the process; `None` is the hard limit of the system.
    pub open_files_max: Option<u64>,
}

/// One address at which connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where to listen.
    pub address: Address,
    /// Whether the kernel holds a connection back until its first octets arrive.
    pub defer_accept: bool,
    /// What is let pass although the RFC would have it refused.
    pub lenient: Lenient,
}

/// Named relaxations of RFC 9112 for the clients of one listener; all are off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// Content-Length beside Transfer-Encoding: the latter counts, then close (RFC 9112 §6.3).
    pub allow_cl_with_te: bool,
    /// A bare LF ends a line of a head (RFC 9112 §2.2).
    pub allow_bare_lf_head: bool,
    /// Equal repeated Content-Length values count as one (RFC 9110 §8.6).
    pub collapse_equal_cl: bool,
    /// A folded field line is joined by a space (RFC 9112 §5.2).
    pub unfold_requests: bool,
    /// Control octets in field values, except NUL, CR and LF (RFC 9110 §5.5).
    pub allow_ctl_values: bool,
    /// Several spaces between the parts of a request line (RFC 9112 §3).
    pub allow_multi_space: bool,
    /// An HTTP/1.1 request without Host (RFC 9112 §3.2).
    pub allow_missing_host: bool,
    /// Stricter, not laxer: ``{ } | ^ ` [ ]`` in targets are refused too (RFC 3986 §2).
    pub strict_target: bool,
    /// Empty lines skipped before a request line (RFC 9112 §2.2).
    pub skip_crlf: u64,
}

/// What is served to requests for certain hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Exact host names in lower case without port; `*` is any other host.
    pub hosts: Vec<String>,
    /// The folder whose files are served.
    pub root: PathBuf,
    /// File names that answer for a folder, in order of preference.
    pub index: Vec<String>,
    /// Whether a folder without an index file is listed.
    pub browse: bool,
    /// Exceptions by path, in the order of the file.
    pub routes: Vec<Route>,
}

/// What differs below one path of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// A prefix of whole segments, in normal form.
    pub path: String,
    /// What answers.
    pub handler: HandlerName,
    /// The value of `Cache-Control` (RFC 9111 §5.2) on what the route answers.
    pub cache_control: Option<String>,
    /// How long after its date a response is fresh, said by `Expires` (RFC 9111 §5.3).
    pub expires: Option<Duration>,
    /// Another folder than the site's.
    pub root: Option<PathBuf>,
}

/// What answers below a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandlerName {
    /// The files of the folder.
    #[default]
    Files,
    /// The request itself: its content for POST, a description for GET.
    Echo,
    /// What happened on the wire of this connection, as JSON.
    Wire,
}

/// How the access log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// No access log.
    Off,
    /// One aligned line a request.
    Human,
    /// Apache's combined format.
    Combined,
    /// One JSON object a line.
    Json,
}

/// What the program knows of its standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Whether a person looks at it.
    pub is_terminal: bool,
    /// Whether it may be coloured.
    pub has_colour: bool,
    /// Its width; 0 is unknown.
    pub columns: usize,
}

impl Config {
    /// One listener on the default address and one site for any host.
    pub fn for_folder(root: PathBuf) -> Self {
        Self {
            listeners: vec![Listener::default()],
            sites: vec![Site {
                root,
                ..Site::default()
            }],
            ..Self::default()
        }
    }

    /// The format of the access log, with the choice for the output made.
    pub fn log_format(&self) -> LogFormat {
        self.server
            .access_log
            .unwrap_or(match self.output.is_terminal {
                true => LogFormat::Human,
                false => LogFormat::Json,
            })
    }

    /// The size of it in words: `1 listener, 1 site, 2 routes`.
    pub fn summary(&self) -> String {
        let routes = self.sites.iter().map(|site| site.routes.len()).sum();
        [
            (self.listeners.len(), "listener"),
            (self.sites.len(), "site"),
            (routes, "route"),
        ]
        .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
        .join(", ")
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            workers: None,
            access_log: None,
            server_field: Some("hansom".to_owned()),
            keep_alive: Duration::from_secs(75),
            keep_alive_requests: None,
            connection_age: None,
            allow_trace: false,
            drain_time: Duration::from_secs(10),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_octets_max: 64 * KIB,
            target_octets_max: 16 * KIB,
            field_lines_max: 100,
            content_octets_max: KIB * KIB * KIB,
            head_time: Duration::from_secs(10),
            content_octets_per_second_min: 100,
            transmit_octets_per_second_min: 100,
            rate_grace: Duration::from_secs(10),
            connections_max: None,
            connections_per_client_max: Some(1000),
            cached_file_octets_max: 64 * KIB,
            cache_octets_max: 64 * KIB * KIB,
            open_files_max: None,
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: Address::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            defer_accept: false,
            lenient: Lenient::default(),
        }
    }
}

impl Default for Lenient {
    fn default() -> Self {
        Self {
            allow_cl_with_te: false,
            allow_bare_lf_head: false,
            collapse_equal_cl: false,
            unfold_requests: false,
            allow_ctl_values: false,
            allow_multi_space: false,
            allow_missing_host: false,
            strict_target: false,
            skip_crlf: 2,
        }
    }
}

impl Default for Site {
    fn default() -> Self {
        Self {
            hosts: vec!["*".to_owned()],
            root: PathBuf::new(),
            index: vec!["index.html".to_owned()],
            browse: false,
            routes: Vec::new(),
        }
    }
}

impl Default for Route {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            handler: HandlerName::default(),
            cache_control: None,
            expires: None,
            root: None,
        }
    }
}

impl HandlerName {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("files", Self::Files),
        ("echo", Self::Echo),
        ("wire", Self::Wire),
    ];
}

impl LogFormat {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("off", Self::Off),
        ("human", Self::Human),
        ("combined", Self::Combined),
        ("json", Self::Json),
    ];
}

impl fmt::Display for HandlerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "files",
            Self::Echo => "echo",
            Self::Wire => "wire",
        })
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Human => "human",
            Self::Combined => "combined",
            Self::Json => "json",
        })
    }
}

const KIB: u64 = 1024;
