//! The values a configuration consists of.

mod names;
mod pools;
mod proxy;
mod settings;

pub use pools::{Breaker, Check, ClientFields, Expect, Pool, PoolServer, Sticky};
pub use proxy::{Proxy, Role};

use net::{Address, Network};
use std::collections::BTreeMap;
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
    /// `[[tls]]`: certificates and the rules under which they are used, by server name.
    pub tls: Vec<Tls>,
    /// `[[auth]]`: ways of knowing who asks, which routes name.
    pub auth: Vec<Auth>,
    /// `[sessions]`: where sessions live.
    pub sessions: Sessions,
    /// `[log]`: the access log.
    pub log: Log,
    /// `[[pool]]`: servers that gateways ask.
    pub pools: Vec<Pool>,
    /// `[proxy]`: where the forward proxy lets its clients go.
    pub proxy: Proxy,
    /// `[[site]]`: what is served, by host.
    pub sites: Vec<Site>,
    /// What the program knows of its standard output; not part of the file.
    pub output: Output,
    /// Whether it was read from a file, so that what is odd in it was told with its place.
    pub is_of_file: bool,
}

/// The process and the life of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Threads that serve, each with its own connections; `None` is one a core.
    pub workers: Option<u64>,
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
    /// Gateways in front of this server whose `Forwarded` and `X-Forwarded-*` are believed (RFC 7239 §8.1).
    pub trusted_gateways: Vec<Network>,
    /// Name servers that are asked, as `IP:PORT`; none are those of the system.
    pub name_servers: Vec<String>,
    /// The folder for what must survive a restart; `None` is `hansom` in the user's state folder.
    pub state: Option<PathBuf>,
}

/// The access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The format; `None` is own where `own` is given, else human on a terminal and JSON when piped.
    pub format: Option<LogFormat>,
    /// The format when that is [`LogFormat::Own`]: text with `{name}` for what is known of an exchange.
    pub own: Option<String>,
    /// The file that lines are appended to; `None` is standard output. Opened again on SIGUSR1.
    pub file: Option<PathBuf>,
}

/// A certificate and the rules under which it is used, for listeners with TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Server names (SNI); empty means those in the certificate. The first `[[tls]]` is also for clients that name none.
    pub names: Vec<String>,
    /// The certificate chain as PEM; `None` is one that is made at start for these names and signed by itself.
    pub cert: Option<PathBuf>,
    /// Its private key as PEM.
    pub key: Option<PathBuf>,
    /// Whether clients show a certificate.
    pub client_certificate: ClientCertificate,
    /// The authorities that sign certificates of clients, as PEM.
    pub client_ca: Option<PathBuf>,
    /// The lowest version of TLS.
    pub version_min: TlsVersion,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificate {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked, and may have none.
    Request,
    /// Without one there is no connection.
    Require,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// A way of knowing who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// By which routes refer to it.
    pub name: String,
    /// How people say who they are.
    pub method: AuthMethod,
    /// The users with their password hashes, as `hansom htpasswd` writes them.
    pub users: PathBuf,
    /// Shown to people, and the scope of their password (RFC 9110 §11.5).
    pub realm: String,
    /// Failed attempts in `attempts_time` for one name from one network, five times as many for the network; beyond it 429.
    pub attempts_max: u64,
    /// The time in which they count.
    pub attempts_time: Duration,
    /// For `form`: where the form is, and where it is sent.
    pub login: String,
    /// For `form`: where POST ends the session.
    pub logout: String,
    /// For `form`: an own page with `{csrf}`, `{next}` and `{error}`; `None` is the one that comes with the program.
    pub page: Option<PathBuf>,
    /// For `form`: the name of the cookie.
    pub cookie: String,
    /// For `form`: whether other sites may lead here signed in.
    pub same_site: SameSite,
    /// For `form`: how long a session may be idle.
    pub idle_time: Duration,
    /// For `form`: how long a session may last.
    pub session_time: Duration,
}

/// How people say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMethod {
    /// With every request (RFC 7617).
    #[default]
    Basic,
    /// Once, by a form; a cookie then stands for a session (RFC 6265).
    Form,
}

/// The SameSite attribute of a cookie (RFC 6265bis).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Links from elsewhere find the person signed in.
    #[default]
    Lax,
    /// Nothing from elsewhere does.
    Strict,
}

/// Where sessions live.
#[derive(Clone, PartialEq, Eq)]
pub struct Sessions {
    /// `None` is a file in the state folder; else `redis://…` or `rediss://…`, also for Valkey.
    pub store: Option<String>,
    /// What happens while the store is away.
    pub when_away: WhenAway,
    /// Sessions kept at most by the file; the oldest goes first.
    pub sessions_max: u64,
}

/// What happens to requests that need a session while its store is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenAway {
    /// 503 with Retry-After.
    #[default]
    Refuse,
    /// Sessions known to this process go on for as long as they may be idle; others get 503.
    Remember,
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
    /// How long both ends of a tunnel may be silent.
    pub tunnel_idle_time: Duration,
    /// Connections in all; `None` is the open files less 200, or half of them.
    pub connections_max: Option<u64>,
    /// Connections of one client, by its IPv4 address or IPv6 /64 (loopback is not counted); `None` is unlimited.
    pub connections_per_client_max: Option<u64>,
    /// The largest file held in memory, ready to send; 0 holds none.
    pub cached_file_octets_max: u64,
    /// Memory for held files in the whole server.
    pub cache_octets_max: u64,
    /// Open files of the process; `None` is the hard limit of the system.
    pub open_files_max: Option<u64>,
    /// Contents that a worker codes at one time; beyond it they are sent without a coding.
    pub coders_max: u64,
    /// Uploads under way in the process; beyond it 503.
    pub uploads_max: u64,
    /// Files in the making by uploads in the process; beyond it 503.
    pub upload_files_max: u64,
    /// Parts of a form that is uploaded; beyond it 413.
    pub form_parts_max: u64,
    /// Octets of the head of one part; beyond it 400.
    pub form_part_head_octets_max: u64,
    /// Octets of the parts of a form that are no files; beyond it 413.
    pub form_fields_octets_max: u64,
    /// Uploads that may be resumed, in one folder and below; beyond it 503.
    pub resumable_uploads_max: u64,
    /// How long an upload that nobody resumes is kept.
    pub resumable_upload_age: Duration,
}

/// One address at which connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where to listen.
    pub address: Address,
    /// What answers there.
    pub role: Role,
    /// Whether the kernel holds a connection back until its first octets arrive.
    pub defer_accept: bool,
    /// Whether connections speak TLS, by the rules of `[[tls]]`.
    pub tls: bool,
    /// Whether it is told by the PROXY protocol whose connections are.
    pub proxy_protocol: ProxyProtocol,
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
    /// Host names in lower case without port; `*.example.com` is any name below, `*` any other host.
    pub hosts: Vec<String>,
    /// The folder whose files are served. Needed where a route serves files and has none of its own.
    pub root: Option<PathBuf>,
    /// File names that answer for a folder, in order of preference.
    pub index: Vec<String>,
    /// Whether a folder without an index file is listed.
    pub browse: bool,
    /// Whether requests that did not come by TLS are redirected to `https` (RFC 9110 §4.2.2).
    pub to_https: bool,
    /// For how long user agents ask by `https` alone (RFC 6797); `None` says nothing.
    pub hsts: Option<Duration>,
    /// Whether that is so for all hosts below.
    pub hsts_subdomains: bool,
    /// What holds for all routes that do not say otherwise.
    pub settings: Settings,
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
    /// Where `redirect` leads: a URI reference, with `{path}`, `{rest}` (the path below the route's), `{query}` and `{host}`.
    pub redirect: Option<String>,
    /// Its status: 301, 302, 303, 307 or 308.
    pub redirect_status: u64,
    /// The path that is looked for instead, with the same words; the client sees nothing of it.
    pub rewrite: Option<String>,
    /// Paths tried in order until one is a file or folder; the last may be `=404` or another status.
    pub try_files: Vec<String>,
    /// The servers that `gateway` asks: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
    pub to: Vec<String>,
    /// How one of them is chosen.
    pub balance: String,
    /// Bounds connecting to a server, waiting for the head of its answer, and silence within its content, each.
    pub outbound_timeout: Duration,
    /// How the names of scripts end; empty: all below the route is one application.
    pub scripts: Option<Vec<String>>,
    /// The root as the application sees it.
    pub script_root: Option<String>,
    /// The script that answers for what is not there.
    pub front: Option<String>,
    /// Connections to an application that are kept.
    pub idle_connections: u64,
    /// Programs that run at once.
    pub processes_max: u64,
    /// The name of the `[[pool]]` that it asks instead.
    pub pool: Option<String>,
    /// What paths begin with that the servers do not see.
    pub strip_prefix: Option<String>,
    /// What they begin with for the servers.
    pub add_prefix: Option<String>,
    /// With which Host servers are asked: `client`, `server`, or another.
    pub outbound_host: String,
    /// Which fields tell servers of the client.
    pub client_fields: Vec<ClientFields>,
    /// Whether answers have Via too (RFC 9110 §7.6.3).
    pub via_answers: bool,
    /// What becomes of Expect.
    pub expect: Expect,
    /// How they are connected to.
    pub outbound: Outbound,
    /// Protocols that a client may ask one of them to go over to.
    pub upgrade: Vec<String>,
    /// What differs from the site.
    pub settings: Settings,
}

/// How servers are connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// The authorities that sign certificates of servers, as PEM; without, those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Whom certificates must name, and which name servers are asked by in TLS; without, the host in `to`.
    pub server_name: Option<String>,
    /// The certificate that is shown to servers which ask for one, as PEM.
    pub client_cert: Option<PathBuf>,
    /// Its private key as PEM, unless it stands in the same file.
    pub client_key: Option<PathBuf>,
    /// The lowest version of TLS.
    pub tls_version_min: TlsVersion,
    /// Whether any certificate is believed, so that anybody may be the server.
    pub danger_accept_any_certificate: bool,
    /// Whether servers are told by the PROXY protocol whose connections are.
    pub proxy_protocol: TellsProxy,
    /// The proxy that is asked to go on: `http://HOST:PORT`.
    pub via: Option<String>,
    /// The file with the name and the password that it asks for, as `NAME:PASSWORD`.
    pub via_auth: Option<PathBuf>,
}

/// Whether a listener is told by the PROXY protocol whose connections are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// It is not.
    #[default]
    Off,
    /// Trusted gateways must tell it; others speak for themselves.
    Trusted,
    /// Trusted gateways must tell it; others are turned away.
    Require,
}

/// Whether servers are told by the PROXY protocol whose connections are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TellsProxy {
    /// They are not.
    #[default]
    Off,
    /// By a line of text.
    V1,
    /// In binary.
    V2,
}

/// What may be said of a site, and otherwise of one of its routes. `None` is what the site says, then the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether variants of a file, such as `page.en.html`, are negotiated (RFC 9110 §12.1). Default: no.
    pub negotiate: Option<bool>,
    /// Whether who accepts none of the languages gets 406, although `language` has a variant. Default: no.
    pub negotiate_strict: Option<bool>,
    /// The language of files that name none, and what is chosen when nothing else decides.
    pub language: Option<String>,
    /// Content codings offered, best first (RFC 9110 §8.4). Default: `zstd`, `br`, `gzip`; empty offers none.
    pub codings: Option<Vec<CodingName>>,
    /// Shorter content is not coded. Default: 1 KiB.
    pub coding_octets_min: Option<u64>,
    /// Whether PUT, DELETE and POST change the folder. Default: no.
    pub uploads: Option<bool>,
    /// Whether the answer waits until what was uploaded is on the disk. Default: yes.
    pub durable_uploads: Option<bool>,
    /// Whether uploads may be resumed. Default: no.
    pub resumable_uploads: Option<bool>,
    /// Octets of request content; beyond it 413. Default: `limits.content_octets_max`.
    pub content_octets_max: Option<u64>,
    /// The name of the `[[auth]]` that says who asks; empty is nobody.
    pub auth: Option<String>,
    /// Who of its users may come in; empty is every one.
    pub users: Option<Vec<String>>,
    /// Networks that may ask; empty is every one.
    pub allow: Option<Vec<Network>>,
    /// Networks that may not, whatever `allow` says.
    pub deny: Option<Vec<Network>>,
    /// Variables that applications get as they are.
    pub params: Option<BTreeMap<String, String>>,
    /// Fields set on responses, replacing those there are.
    pub set_fields: Option<BTreeMap<String, String>>,
    /// Fields added to responses.
    pub add_fields: Option<BTreeMap<String, String>>,
    /// Fields removed from responses.
    pub remove_fields: Option<Vec<String>>,
    /// Fields set on requests before anything else sees them.
    pub set_request_fields: Option<BTreeMap<String, String>>,
    /// Fields removed from requests before anything else sees them.
    pub remove_request_fields: Option<Vec<String>>,
    /// Whether `X-Content-Type-Options: nosniff` is sent. Default: yes.
    pub nosniff: Option<bool>,
    /// Files answering for a status, by path below the root: `404 = "errors/404.html"`. The keys 4 and 5 are for all of their
    /// class that are not named; see [`Settings::error_page`].
    pub error_pages: Option<BTreeMap<u16, String>>,
    /// Who may read responses from pages of other origins (Fetch standard).
    pub cors: Option<Cors>,
}

/// A content coding by its registered name (RFC 9110 §18.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodingName {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Br,
    /// RFC 1952.
    Gzip,
}

/// Cross-origin resource sharing (Fetch standard).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins, as `https://example.com`; `*` is every one.
    pub origins: Vec<String>,
    /// Methods beyond GET, HEAD and POST.
    pub methods: Vec<String>,
    /// Request fields beyond the safe ones.
    pub request_fields: Vec<String>,
    /// Response fields that pages may see.
    pub exposed_fields: Vec<String>,
    /// Whether cookies and passwords go along; not with `*`.
    pub credentials: bool,
    /// How long a preflight answer holds.
    pub preflight_time: Option<Duration>,
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
    /// A redirect to [`Route::redirect`].
    Redirect,
    /// What one of the servers of [`Route::to`] answers.
    Gateway,
    /// What an application answers by FastCGI, and the files beside its scripts.
    Fastcgi,
    /// What an application answers by SCGI.
    Scgi,
    /// What a program answers that is started for the request.
    Cgi,
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
    /// The format that [`Log::own`] describes.
    Own,
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
                root: Some(root),
                ..Site::default()
            }],
            ..Self::default()
        }
    }

    /// One listener on the default address, and a gateway for any host that asks nobody yet.
    pub fn for_gateway() -> Self {
        Self {
            listeners: vec![Listener::default()],
            sites: vec![Site {
                routes: vec![Route {
                    handler: HandlerName::Gateway,
                    upgrade: vec!["websocket".to_owned()],
                    ..Route::default()
                }],
                ..Site::default()
            }],
            ..Self::default()
        }
    }

    /// One listener for a forward proxy.
    pub fn for_proxy() -> Self {
        Self {
            listeners: vec![Listener {
                address: Address::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, PROXY_PORT))),
                role: Role::Proxy,
                ..Listener::default()
            }],
            ..Self::default()
        }
    }

    /// Whether a forward proxy answers on some listener.
    pub fn has_proxy(&self) -> bool {
        (self.listeners.iter()).any(|listener| listener.role == Role::Proxy)
    }

    /// The format of the access log, with the choice for the output made.
    pub fn log_format(&self) -> LogFormat {
        self.log
            .format
            .unwrap_or(match (&self.log.own, self.output.is_terminal) {
                (Some(_), _) => LogFormat::Own,
                (None, true) => LogFormat::Human,
                (None, false) => LogFormat::Json,
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
            server_field: Some("hansom".to_owned()),
            keep_alive: Duration::from_secs(75),
            keep_alive_requests: None,
            connection_age: None,
            allow_trace: false,
            drain_time: Duration::from_secs(10),
            trusted_gateways: Vec::new(),
            name_servers: Vec::new(),
            state: None,
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            name: String::new(),
            method: AuthMethod::default(),
            users: PathBuf::new(),
            realm: "Sign in".to_owned(),
            attempts_max: 10,
            attempts_time: Duration::from_secs(5 * 60),
            login: "/login".to_owned(),
            logout: "/logout".to_owned(),
            page: None,
            cookie: "session".to_owned(),
            same_site: SameSite::default(),
            idle_time: Duration::from_secs(30 * 60),
            session_time: Duration::from_secs(12 * 3600),
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
            tunnel_idle_time: Duration::from_secs(3600),
            connections_max: None,
            connections_per_client_max: Some(1000),
            cached_file_octets_max: 64 * KIB,
            cache_octets_max: 64 * KIB * KIB,
            open_files_max: None,
            coders_max: 8,
            uploads_max: 256,
            upload_files_max: 512,
            form_parts_max: 256,
            form_part_head_octets_max: 8 * KIB,
            form_fields_octets_max: KIB * KIB,
            resumable_uploads_max: 1000,
            resumable_upload_age: Duration::from_secs(24 * 3600),
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: Address::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            role: Role::Server,
            defer_accept: false,
            proxy_protocol: ProxyProtocol::default(),
            tls: false,
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
            root: None,
            index: vec!["index.html".to_owned()],
            browse: false,
            to_https: false,
            hsts: None,
            hsts_subdomains: false,
            settings: Settings::default(),
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
            redirect: None,
            redirect_status: 308,
            rewrite: None,
            try_files: Vec::new(),
            to: Vec::new(),
            balance: "round-robin".to_owned(),
            outbound_timeout: Duration::from_secs(60),
            scripts: None,
            script_root: None,
            front: None,
            idle_connections: 0,
            processes_max: 16,
            pool: None,
            strip_prefix: None,
            add_prefix: None,
            outbound_host: "client".to_owned(),
            client_fields: vec![ClientFields::Forwarded, ClientFields::XForwarded],
            via_answers: true,
            expect: Expect::default(),
            outbound: Outbound::default(),
            upgrade: Vec::new(),
            settings: Settings::default(),
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            store: None,
            when_away: WhenAway::default(),
            sessions_max: 1_000_000,
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may have a password.
        let store = self.store.as_deref().map(super::write::without_password);
        f.debug_struct("Sessions")
            .field("store", &store)
            .field("when_away", &self.when_away)
            .field("sessions_max", &self.sessions_max)
            .finish()
    }
}

const KIB: u64 = 1024;
/// Where forward proxies listen by custom.
const PROXY_PORT: u16 = 3128;
