// table
//! Every key of `hansom.toml`, one table a section.

mod proxy;

use super::kinds::{
    Empty, Existing, List, Map, NUMBER_MAX, Named, NetworkKind, Number, Octets, OneOf, OrNobody,
    PathTo, Place, Section, Switch, Text, Time, TimePositive, UserNames,
};
mod pools;

pub(crate) use pools::{BREAKER, CHECK, POOL, SERVERS, STICKY};

use super::model::{
    Auth, AuthMethod, ClientCertificate, ClientFields, CodingName, Cors, Expect, HandlerName,
    Lenient, Limits, Listener, Log, LogFormat, Outbound, ProxyProtocol, Role, Route, SameSite,
    Server, Sessions, Settings, Site, TellsProxy, Tls, TlsVersion, WhenAway,
};
use super::read::{Group, Keys};
use super::slot::{Is, May, Must, OrFalse, Slot, Unlimited};
use super::texts::*;
use std::fmt;

pub(crate) use proxy::PROXY;

/// One key.
pub(crate) struct Key<T: 'static> {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it fills, and with that what it may hold.
    pub(crate) slot: &'static dyn Slot<T>,
    /// One line for the reference.
    pub(crate) about: &'static str,
}

/// A section, for what is made from all of them.
pub(crate) struct Described {
    /// As it is written.
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Its keys, with their defaults.
    pub(crate) keys: Box<dyn Group>,
}

/// The sections at the top of a file: name and title.
pub(crate) const TOP: &[(&str, &str)] = &[
    ("server", "[server]"),
    ("limits", "[limits]"),
    ("log", "[log]"),
    ("listen", "[[listen]]"),
    ("tls", "[[tls]]"),
    ("auth", "[[auth]]"),
    ("sessions", "[sessions]"),
    ("pool", "[[pool]]"),
    ("proxy", "[proxy]"),
    ("site", "[[site]]"),
];

/// Keys that stood elsewhere: section and key, and where they stand.
pub(crate) const MOVED: &[([&str; 2], [&str; 2])] =
    &[(["server", "access_log"], ["log", "format"])];

/// All sections.
pub(crate) fn sections() -> Vec<Described> {
    fn section<T: Default + 'static>(
        title: &'static str,
        keys: &'static [Key<T>],
        about: &'static str,
    ) -> Described {
        Described {
            title,
            about,
            keys: Box::new(Keys(keys, T::default())),
        }
    }
    vec![
        section(
            "[server]",
            SERVER,
            "The process and the life of its connections.",
        ),
        section(
            "[limits]",
            LIMITS,
            "A bound, with its name, for whatever a peer can make grow.",
        ),
        section("[log]", LOG, "The access log."),
        section(
            "[[listen]]",
            LISTEN,
            "Where connections are accepted; may be repeated. Without any, `127.0.0.1:8080`.",
        ),
        section(
            "[listen.lenient]",
            LENIENT,
            "What is let pass on the listener above although RFC 9112 would have it refused; for one listener, directly below it.",
        ),
        section(
            "[[tls]]",
            TLS,
            "A certificate and the rules under which it is used, for listeners with `tls`; may be repeated. The first is also for clients that name no server.",
        ),
        section(
            "[[auth]]",
            AUTH,
            "A way of knowing who asks, which sites and routes name by `auth`; may be repeated.",
        ),
        section("[sessions]", SESSIONS, "Where the sessions of `form` live."),
        section(
            "[[pool]]",
            POOL,
            "Servers that gateways ask, which routes name by `pool`; may be repeated.",
        ),
        section(
            "[[pool.server]]",
            SERVERS,
            "A server of the pool above of which more is to be said; may be repeated, directly below it.",
        ),
        section(
            "[pool.sticky]",
            STICKY,
            "A cookie by which clients come back to the server that they were with.",
        ),
        section(
            "[pool.check]",
            CHECK,
            "How servers are asked how they do; without it they are not.",
        ),
        section(
            "[pool.breaker]",
            BREAKER,
            "When a server that fails is left alone for a while, each worker for itself; without it never.",
        ),
        section(
            "[[site]]",
            SITE,
            "What is served to requests for certain hosts; may be repeated. Settings may stand here too: they hold for all routes that do not say otherwise.",
        ),
        section(
            "[[site.route]]",
            ROUTE,
            "What differs below one path of the site above; may be repeated. The longest path that fits counts. Settings may stand here too: they count more than the site's.",
        ),
        section(
            "[site.route.outbound]",
            OUTBOUND,
            "How the servers of the route above are connected to; directly below it.",
        ),
        section(
            "settings",
            SETTINGS,
            "What may be said in `[[site]]`, and otherwise in `[[site.route]]`. A table such as `set_fields` is a section of its own, `[site.set_fields]` or `[site.route.set_fields]`, directly below.",
        ),
        section(
            "[site.cors]",
            CORS,
            "Who may read responses from pages of other origins, as the Fetch standard has it; `[site.route.cors]` for a route.",
        ),
        section(
            "[proxy]",
            PROXY,
            "Where the forward proxy lets its clients go, for listeners with `role = \"proxy\"`.",
        ),
    ]
}

pub(crate) const SERVER: &[Key<Server>] = &[
    Key {
        name: "workers",
        slot: &May(
            |s: &mut Server| &mut s.workers,
            Number(1, 1024),
            "one a core",
        ),
        about: "Threads that serve, each with its own connections.",
    },
    Key {
        name: "server_field",
        slot: &OrFalse(|s: &mut Server| &mut s.server_field, Text(&FIELD_VALUE)),
        about: "The value of the `Server` field (RFC 9110 §10.2.4).",
    },
    Key {
        name: "keep_alive",
        slot: &Is(|s: &mut Server| &mut s.keep_alive, Time),
        about: "How long a connection may be idle; 0 closes after every response.",
    },
    Key {
        name: "keep_alive_requests",
        slot: &Unlimited(
            |s: &mut Server| &mut s.keep_alive_requests,
            Number(0, NUMBER_MAX),
        ),
        about: "Requests a connection may carry.",
    },
    Key {
        name: "connection_age",
        slot: &Unlimited(|s: &mut Server| &mut s.connection_age, Time),
        about: "The age at which a connection is closed after its response.",
    },
    Key {
        name: "allow_trace",
        slot: &Is(|s: &mut Server| &mut s.allow_trace, Switch),
        about: "Whether TRACE is answered (RFC 9110 §9.3.8).",
    },
    Key {
        name: "drain_time",
        slot: &Is(|s: &mut Server| &mut s.drain_time, Time),
        about: "How long a stop waits for exchanges that are under way.",
    },
    Key {
        name: "trusted_gateways",
        slot: &Is(
            |s: &mut Server| &mut s.trusted_gateways,
            List {
                of: NetworkKind,
                empty: Empty::Fits,
                allowed: NETWORKS,
            },
        ),
        about: "Gateways in front of this server, whose `Forwarded` and `X-Forwarded-*` are believed (RFC 7239 §8.1).",
    },
    Key {
        name: "name_servers",
        slot: &Is(
            |s: &mut Server| &mut s.name_servers,
            List {
                of: Text(&NAME_SERVER),
                empty: Empty::Fits,
                allowed: "a list of addresses and ports, as \"192.0.2.53:53\"; an empty one is /etc/resolv.conf",
            },
        ),
        about: "Who is asked for the addresses of servers that gateways ask by name. Answers are known for as long as they say, five minutes at most.",
    },
    Key {
        name: "state",
        slot: &May(
            |s: &mut Server| &mut s.state,
            PathTo(Existing::NewFolder),
            "`hansom` in the user's state folder",
        ),
        about: "The folder for what must survive a restart, such as sessions.",
    },
];

pub(crate) const LIMITS: &[Key<Limits>] = &[
    Key {
        name: "head_octets_max",
        slot: &Is(
            |l: &mut Limits| &mut l.head_octets_max,
            Octets(64, 16 * MIB),
        ),
        about: "Octets of a request head; beyond it 431.",
    },
    Key {
        name: "target_octets_max",
        slot: &Is(
            |l: &mut Limits| &mut l.target_octets_max,
            Octets(1, 16 * MIB),
        ),
        about: "Octets of a request target; beyond it 414. It counts for `head_octets_max` too.",
    },
    Key {
        name: "field_lines_max",
        slot: &Is(|l: &mut Limits| &mut l.field_lines_max, Number(1, 10_000)),
        about: "Field lines of a header or trailer section; beyond it 431.",
    },
    Key {
        name: "content_octets_max",
        slot: &Is(
            |l: &mut Limits| &mut l.content_octets_max,
            Octets(0, 1 << 50),
        ),
        about: "Octets of request content; beyond it 413.",
    },
    Key {
        name: "head_time",
        slot: &Is(|l: &mut Limits| &mut l.head_time, TimePositive),
        about: "The time in which a head must be complete; after it 408.",
    },
    Key {
        name: "content_octets_per_second_min",
        slot: &Is(
            |l: &mut Limits| &mut l.content_octets_per_second_min,
            Number(0, NUMBER_MAX),
        ),
        about: "The slowest pace of request content; 0 is any pace.",
    },
    Key {
        name: "transmit_octets_per_second_min",
        slot: &Is(
            |l: &mut Limits| &mut l.transmit_octets_per_second_min,
            Number(0, NUMBER_MAX),
        ),
        about: "The slowest pace at which a response is taken; 0 is any pace.",
    },
    Key {
        name: "rate_grace",
        slot: &Is(|l: &mut Limits| &mut l.rate_grace, TimePositive),
        about: "How long a transfer may be slow before the two paces count.",
    },
    Key {
        name: "tunnel_idle_time",
        slot: &Is(|l: &mut Limits| &mut l.tunnel_idle_time, TimePositive),
        about: "How long both ends of a tunnel, such as a WebSocket, may be silent before it is reset.",
    },
    Key {
        name: "connections_max",
        slot: &May(
            |l: &mut Limits| &mut l.connections_max,
            Number(1, NUMBER_MAX),
            "the open files less 200, or half of them",
        ),
        about: "Connections in all; beyond it 503 or no accept.",
    },
    Key {
        name: "connections_per_client_max",
        slot: &Unlimited(
            |l: &mut Limits| &mut l.connections_per_client_max,
            Number(0, NUMBER_MAX),
        ),
        about: "Connections of one client, which is an IPv4 address or an IPv6 /64; loopback is not counted.",
    },
    Key {
        name: "cached_file_octets_max",
        slot: &Is(
            |l: &mut Limits| &mut l.cached_file_octets_max,
            Octets(0, 64 * MIB),
        ),
        about: "The largest file held in memory, ready to send; 0 holds none.",
    },
    Key {
        name: "cache_octets_max",
        slot: &Is(|l: &mut Limits| &mut l.cache_octets_max, Octets(0, 1 << 40)),
        about: "Memory for held files in the whole server.",
    },
    Key {
        name: "open_files_max",
        slot: &May(
            |l: &mut Limits| &mut l.open_files_max,
            Number(1, NUMBER_MAX),
            "the hard limit of the system",
        ),
        about: "Open files of the process.",
    },
    Key {
        name: "coders_max",
        slot: &Is(|l: &mut Limits| &mut l.coders_max, Number(0, 10_000)),
        about: "Contents that a worker codes at one time; beyond it they are sent without a coding.",
    },
    Key {
        name: "uploads_max",
        slot: &Is(|l: &mut Limits| &mut l.uploads_max, Number(1, 1_000_000)),
        about: "Uploads under way; beyond it 503.",
    },
    Key {
        name: "upload_files_max",
        slot: &Is(
            |l: &mut Limits| &mut l.upload_files_max,
            Number(1, 1_000_000),
        ),
        about: "Files in the making by uploads; beyond it 503. A form may have many.",
    },
    Key {
        name: "form_parts_max",
        slot: &Is(|l: &mut Limits| &mut l.form_parts_max, Number(1, 1_000_000)),
        about: "Parts of a form that is uploaded; beyond it 413.",
    },
    Key {
        name: "form_part_head_octets_max",
        slot: &Is(
            |l: &mut Limits| &mut l.form_part_head_octets_max,
            Octets(64, 16 * MIB),
        ),
        about: "Octets of the head of one part; beyond it 400.",
    },
    Key {
        name: "form_fields_octets_max",
        slot: &Is(
            |l: &mut Limits| &mut l.form_fields_octets_max,
            Octets(0, 1 << 30),
        ),
        about: "Octets of the parts of a form that are no files; beyond it 413.",
    },
    Key {
        name: "resumable_uploads_max",
        slot: &Is(
            |l: &mut Limits| &mut l.resumable_uploads_max,
            Number(1, 1_000_000),
        ),
        about: "Uploads that may be resumed, in one folder and below; beyond it 503.",
    },
    Key {
        name: "resumable_upload_age",
        slot: &Is(|l: &mut Limits| &mut l.resumable_upload_age, TimePositive),
        about: "How long an upload that nobody resumes is kept.",
    },
];

pub(crate) const LISTEN: &[Key<Listener>] = &[
    Key {
        name: "address",
        slot: &Must(|l: &mut Listener| &mut l.address, Place),
        about: "Where to listen. A bare port means loopback.",
    },
    Key {
        name: "role",
        slot: &Is(|l: &mut Listener| &mut l.role, Named(Role::NAMES)),
        about: "What answers: the sites, or the forward proxy of [proxy].",
    },
    Key {
        name: "defer_accept",
        slot: &Is(|l: &mut Listener| &mut l.defer_accept, Switch),
        about: "Whether the kernel holds a connection back until its first octets arrive.",
    },
    Key {
        name: "tls",
        slot: &Is(|l: &mut Listener| &mut l.tls, Switch),
        about: "Whether connections speak TLS, by the rules of [[tls]].",
    },
    Key {
        name: "proxy_protocol",
        slot: &Is(
            |l: &mut Listener| &mut l.proxy_protocol,
            Named(ProxyProtocol::NAMES),
        ),
        about: "Whether `trusted_gateways` begin each connection by saying whose it is, in version 1 or 2 of the PROXY protocol: not, they must, or they must and nobody else may connect.",
    },
    Key {
        name: "lenient",
        slot: &Is(|l: &mut Listener| &mut l.lenient, Section(LENIENT)),
        about: "What is let pass although RFC 9112 would have it refused: a section with the keys below.",
    },
];

pub(crate) const LENIENT: &[Key<Lenient>] = &[
    Key {
        name: "allow_cl_with_te",
        slot: &Is(|l: &mut Lenient| &mut l.allow_cl_with_te, Switch),
        about: "Content-Length beside Transfer-Encoding: the latter counts, then the connection is closed (RFC 9112 §6.3).",
    },
    Key {
        name: "allow_bare_lf_head",
        slot: &Is(|l: &mut Lenient| &mut l.allow_bare_lf_head, Switch),
        about: "A bare LF ends a line of a head (RFC 9112 §2.2).",
    },
    Key {
        name: "collapse_equal_cl",
        slot: &Is(|l: &mut Lenient| &mut l.collapse_equal_cl, Switch),
        about: "Equal repeated Content-Length values count as one (RFC 9110 §8.6).",
    },
    Key {
        name: "unfold_requests",
        slot: &Is(|l: &mut Lenient| &mut l.unfold_requests, Switch),
        about: "A folded field line is joined by a space (RFC 9112 §5.2).",
    },
    Key {
        name: "allow_ctl_values",
        slot: &Is(|l: &mut Lenient| &mut l.allow_ctl_values, Switch),
        about: "Control octets in field values, except NUL, CR and LF (RFC 9110 §5.5).",
    },
    Key {
        name: "allow_multi_space",
        slot: &Is(|l: &mut Lenient| &mut l.allow_multi_space, Switch),
        about: "Several spaces between the parts of a request line (RFC 9112 §3).",
    },
    Key {
        name: "allow_missing_host",
        slot: &Is(|l: &mut Lenient| &mut l.allow_missing_host, Switch),
        about: "An HTTP/1.1 request without Host (RFC 9112 §3.2).",
    },
    Key {
        name: "strict_target",
        slot: &Is(|l: &mut Lenient| &mut l.strict_target, Switch),
        about: "Stricter, not laxer: ``{ } | ^ ` [ ]`` in a target are refused too (RFC 3986 §2).",
    },
    Key {
        name: "skip_crlf",
        slot: &Is(|l: &mut Lenient| &mut l.skip_crlf, Number(0, 100)),
        about: "Empty lines skipped before a request line (RFC 9112 §2.2).",
    },
];

pub(crate) const LOG: &[Key<Log>] = &[
    Key {
        name: "format",
        slot: &May(
            |l: &mut Log| &mut l.format,
            Named(LogFormat::NAMES),
            "\"own\" with `own`, \"human\" on a terminal, else \"json\"",
        ),
        about: "How each request is logged.",
    },
    Key {
        name: "own",
        slot: &May(|l: &mut Log| &mut l.own, Text(&LOG_TEXT), "none"),
        about: "An own format, with `{name}` for what is known of an exchange.",
    },
    Key {
        name: "file",
        slot: &May(
            |l: &mut Log| &mut l.file,
            PathTo(Existing::NewFile),
            "standard output",
        ),
        about: "The file that lines are appended to; SIGUSR1 has it opened again.",
    },
];

pub(crate) const TLS: &[Key<Tls>] = &[
    Key {
        name: "names",
        slot: &Is(
            |t: &mut Tls| &mut t.names,
            List {
                of: Text(&SERVER_NAME),
                empty: Empty::Fits,
                allowed: "a list of host names; \"*.example.com\" is every name one label below",
            },
        ),
        about: "Server names (SNI, RFC 6066 §3); none are those in the certificate.",
    },
    Key {
        name: "cert",
        slot: &May(
            |t: &mut Tls| &mut t.cert,
            PathTo(Existing::File),
            "made at start and signed by itself",
        ),
        about: "The certificate chain as PEM, the server's own first. Read again when it changes.",
    },
    Key {
        name: "key",
        slot: &May(|t: &mut Tls| &mut t.key, PathTo(Existing::File), "none"),
        about: "Its private key as PEM, unless it stands in the same file.",
    },
    Key {
        name: "client_certificate",
        slot: &Is(
            |t: &mut Tls| &mut t.client_certificate,
            Named(ClientCertificate::NAMES),
        ),
        about: "Whether clients show a certificate: not asked, asked, or no connection without.",
    },
    Key {
        name: "client_ca",
        slot: &May(
            |t: &mut Tls| &mut t.client_ca,
            PathTo(Existing::File),
            "none",
        ),
        about: "The authorities that sign certificates of clients, as PEM.",
    },
    Key {
        name: "version_min",
        slot: &Is(|t: &mut Tls| &mut t.version_min, Named(TlsVersion::NAMES)),
        about: "The lowest version of TLS (RFC 5246, RFC 8446).",
    },
];

pub(crate) const AUTH: &[Key<Auth>] = &[
    Key {
        name: "name",
        slot: &Must(|a: &mut Auth| &mut a.name, Text(&AUTH_NAME)),
        about: "By which sites and routes refer to it.",
    },
    Key {
        name: "method",
        slot: &Is(|a: &mut Auth| &mut a.method, Named(AuthMethod::NAMES)),
        about: "How people say who they are: with every request (RFC 7617), or once by a form, for a session with a cookie (RFC 6265).",
    },
    Key {
        name: "users",
        slot: &Must(|a: &mut Auth| &mut a.users, PathTo(Existing::File)),
        about: "The users with the hashes of their passwords, as `hansom htpasswd` writes them.",
    },
    Key {
        name: "realm",
        slot: &Is(|a: &mut Auth| &mut a.realm, Text(&REALM)),
        about: "Shown to people, and the scope of their password (RFC 9110 §11.5).",
    },
    Key {
        name: "attempts_max",
        slot: &Is(|a: &mut Auth| &mut a.attempts_max, Number(1, 1_000_000)),
        about: "Failed attempts in `attempts_time` for one name from one network (an IPv4 address, an IPv6 /64), five times as many for the network; beyond it 429.",
    },
    Key {
        name: "attempts_time",
        slot: &Is(|a: &mut Auth| &mut a.attempts_time, TimePositive),
        about: "The time in which they count.",
    },
    Key {
        name: "login",
        slot: &Is(|a: &mut Auth| &mut a.login, Text(&LOCAL_PATH)),
        about: "For `form`: where the form is, and where it is sent.",
    },
    Key {
        name: "logout",
        slot: &Is(|a: &mut Auth| &mut a.logout, Text(&LOCAL_PATH)),
        about: "For `form`: where POST ends the session.",
    },
    Key {
        name: "page",
        slot: &May(
            |a: &mut Auth| &mut a.page,
            PathTo(Existing::File),
            "the one that comes with the program",
        ),
        about: "For `form`: an own page, with `{csrf}`, `{next}` and `{error}`.",
    },
    Key {
        name: "cookie",
        slot: &Is(|a: &mut Auth| &mut a.cookie, Text(&COOKIE_NAME)),
        about: "For `form`: the name of the cookie.",
    },
    Key {
        name: "same_site",
        slot: &Is(|a: &mut Auth| &mut a.same_site, Named(SameSite::NAMES)),
        about: "For `form`: whether links from other sites lead here signed in (`lax`) or not (`strict`).",
    },
    Key {
        name: "idle_time",
        slot: &Is(|a: &mut Auth| &mut a.idle_time, TimePositive),
        about: "For `form`: how long a session may be idle.",
    },
    Key {
        name: "session_time",
        slot: &Is(|a: &mut Auth| &mut a.session_time, TimePositive),
        about: "For `form`: how long a session may last.",
    },
];

pub(crate) const SESSIONS: &[Key<Sessions>] = &[
    Key {
        name: "store",
        slot: &May(
            |s: &mut Sessions| &mut s.store,
            Text(&STORE),
            "a file in `server.state`",
        ),
        about: "A Redis or Valkey that several machines share, as `redis://host:6379/0`; `rediss://` is by TLS.",
    },
    Key {
        name: "when_away",
        slot: &Is(|s: &mut Sessions| &mut s.when_away, Named(WhenAway::NAMES)),
        about: "While the store is away: 503 for all that need a session, or only for sessions that this process does not know.",
    },
    Key {
        name: "sessions_max",
        slot: &Is(|s: &mut Sessions| &mut s.sessions_max, Number(1, 1 << 32)),
        about: "Sessions kept at most by the file; the oldest goes first.",
    },
];

pub(crate) const SITE: &[Key<Site>] = &[
    Key {
        name: "hosts",
        slot: &Is(
            |s: &mut Site| &mut s.hosts,
            List {
                of: Text(&HOST),
                empty: Empty::Refused(None),
                allowed: "a list of host names without ports; \"*.example.com\" is any name below, \"*\" any other host",
            },
        ),
        about: "The hosts the site answers for. A whole name counts before a wildcard, the longest wildcard before a shorter one.",
    },
    Key {
        name: "root",
        slot: &May(|s: &mut Site| &mut s.root, PathTo(Existing::Folder), "none"),
        about: "The folder whose files are served. Needed where a route serves files and has none of its own.",
    },
    Key {
        name: "index",
        slot: &Is(
            |s: &mut Site| &mut s.index,
            List {
                of: Text(&FILE_NAME),
                empty: Empty::Refused(None),
                allowed: "a list of file names",
            },
        ),
        about: "File names that answer for a folder, in order of preference.",
    },
    Key {
        name: "browse",
        slot: &Is(|s: &mut Site| &mut s.browse, Switch),
        about: "Whether a folder without an index file is listed; 403 otherwise.",
    },
    Key {
        name: "to_https",
        slot: &Is(|s: &mut Site| &mut s.to_https, Switch),
        about: "Whether requests that did not come by TLS are redirected to `https` (RFC 9110 §4.2.2).",
    },
    Key {
        name: "hsts",
        slot: &May(|s: &mut Site| &mut s.hsts, Time, "no field"),
        about: "For how long user agents ask by `https` alone (RFC 6797).",
    },
    Key {
        name: "hsts_subdomains",
        slot: &Is(|s: &mut Site| &mut s.hsts_subdomains, Switch),
        about: "Whether that is so for all hosts below (RFC 6797 §6.1.2).",
    },
];

pub(crate) const ROUTE: &[Key<Route>] = &[
    Key {
        name: "path",
        slot: &Must(|r: &mut Route| &mut r.path, Text(&ROUTE_PATH)),
        about: "A prefix of whole segments: `/a` fits `/a` and `/a/b`, not `/ab`.",
    },
    Key {
        name: "handler",
        slot: &Is(|r: &mut Route| &mut r.handler, Named(HandlerName::NAMES)),
        about: "What answers: `files`; `redirect`; `gateway`, another server; `fastcgi`, `scgi` and `cgi`, programs; `echo`, the request itself; `wire`, what happened on the connection.",
    },
    Key {
        name: "cache_control",
        slot: &May(
            |r: &mut Route| &mut r.cache_control,
            Text(&CACHE_CONTROL),
            "no field",
        ),
        about: "The value of the `Cache-Control` field (RFC 9111 §5.2).",
    },
    Key {
        name: "expires",
        slot: &May(|r: &mut Route| &mut r.expires, Time, "no field"),
        about: "How long after its date a response is fresh, said by `Expires` (RFC 9111 §5.3).",
    },
    Key {
        name: "root",
        slot: &May(
            |r: &mut Route| &mut r.root,
            PathTo(Existing::Folder),
            "the site's",
        ),
        about: "Another folder than the site's, for what is below the path.",
    },
    Key {
        name: "redirect",
        slot: &May(|r: &mut Route| &mut r.redirect, Text(&REDIRECT), "none"),
        about: "Where `handler = \"redirect\"` leads: a URI reference with `{path}`, `{rest}` (the path below the route's), `{query}` and `{host}`.",
    },
    Key {
        name: "redirect_status",
        slot: &Is(
            |r: &mut Route| &mut r.redirect_status,
            OneOf(&[301, 302, 303, 307, 308]),
        ),
        about: "Its status (RFC 9110 §15.4): 301 and 308 for good, 302 and 307 for a while, 303 to be fetched by GET.",
    },
    Key {
        name: "rewrite",
        slot: &May(|r: &mut Route| &mut r.rewrite, Text(&LOCAL_TARGET), "none"),
        about: "The path that is looked for instead, with the same words; the client sees nothing of it.",
    },
    Key {
        name: "try_files",
        slot: &Is(
            |r: &mut Route| &mut r.try_files,
            List {
                of: Text(&TRY_FILE),
                empty: Empty::Fits,
                allowed: "a list of paths with {path}, {rest}, {query} or {host}; the last may be \"=404\" or another status",
            },
        ),
        about: "Paths tried in order until one is a file or folder, as `[\"{path}\", \"/index.html\"]` for a single-page application.",
    },
    Key {
        name: "to",
        slot: &Is(
            |r: &mut Route| &mut r.to,
            List {
                of: Text(&ASKED_URL),
                empty: Empty::Fits,
                allowed: "a list of \"http://HOST:PORT\", \"https://HOST:PORT\" and \"unix:PATH\", for applications of \"tcp://HOST:PORT\" and \"unix:PATH\"",
            },
        ),
        about: "The servers that `gateway`, `fastcgi` and `scgi` ask. One that fails is asked less, and the last never not at all.",
    },
    Key {
        name: "balance",
        slot: &Is(|r: &mut Route| &mut r.balance, Text(&BALANCE)),
        about: "Which of several servers is asked: in turn, the better of two at random, the one with the fewest exchanges, the quickest, or the same for a client or a target.",
    },
    Key {
        name: "outbound_timeout",
        slot: &Is(|r: &mut Route| &mut r.outbound_timeout, TimePositive),
        about: "Bounds connecting to a server, waiting for the head of its answer, and silence within its content, each; 504 before a head, a cut after it.",
    },
    Key {
        name: "scripts",
        slot: &May(
            |r: &mut Route| &mut r.scripts,
            List {
                of: Text(&SCRIPT_SUFFIX),
                empty: Empty::Fits,
                allowed: "a list of ends of names, as [\".php\"]; an empty one is one application for the whole route",
            },
            "[\".php\"] for `fastcgi`, [] for `scgi`",
        ),
        about: "How the names of scripts end. Only files below `root` that are there are run; other files are served beside them.",
    },
    Key {
        name: "front",
        slot: &May(|r: &mut Route| &mut r.front, Text(&SCRIPT), "none"),
        about: "The script below `root` that answers for what is not there, as `index.php` of many applications.",
    },
    Key {
        name: "script_root",
        slot: &May(
            |r: &mut Route| &mut r.script_root,
            Text(&SEEN_FOLDER),
            "`root`",
        ),
        about: "The same folder as the application sees it, as in a container.",
    },
    Key {
        name: "idle_connections",
        slot: &Is(|r: &mut Route| &mut r.idle_connections, Number(0, 10_000)),
        about: "Connections to an application that each core keeps for its next request. Each holds one of the processes of PHP.",
    },
    Key {
        name: "processes_max",
        slot: &Is(|r: &mut Route| &mut r.processes_max, Number(1, 10_000)),
        about: "Programs of `cgi` that each core runs at once; beyond it 503.",
    },
    Key {
        name: "pool",
        slot: &May(|r: &mut Route| &mut r.pool, Text(&POOL_NAME), "none"),
        about: "The `name` of the [[pool]] that `handler = \"gateway\"` asks, where more is to be said of the servers than `to` can.",
    },
    Key {
        name: "strip_prefix",
        slot: &May(
            |r: &mut Route| &mut r.strip_prefix,
            Text(&PATH_PREFIX),
            "none",
        ),
        about: "What paths begin with that servers do not see. Location, Content-Location and the paths of cookies in answers get it back.",
    },
    Key {
        name: "add_prefix",
        slot: &May(
            |r: &mut Route| &mut r.add_prefix,
            Text(&PATH_PREFIX),
            "none",
        ),
        about: "What paths begin with for servers, in place of what is stripped; answers lose it again.",
    },
    Key {
        name: "outbound_host",
        slot: &Is(|r: &mut Route| &mut r.outbound_host, Text(&HOST_RULE)),
        about: "The `Host` that servers are asked with: the client's, the server's own, or another. Location and the domains of cookies that name it are told as the client knows them.",
    },
    Key {
        name: "client_fields",
        slot: &Is(
            |r: &mut Route| &mut r.client_fields,
            List {
                of: Named(ClientFields::NAMES),
                empty: Empty::Fits,
                allowed: "a list of \"forwarded\" and \"x-forwarded\"; an empty one tells nothing",
            },
        ),
        about: "Which fields tell servers of the client: `Forwarded` (RFC 7239), and `X-Forwarded-For`, `-Proto` and `-Host`. Those of a client that is no trusted gateway are removed in any case.",
    },
    Key {
        name: "via_answers",
        slot: &Is(|r: &mut Route| &mut r.via_answers, Switch),
        about: "Whether answers have `Via` too; requests always do (RFC 9110 §7.6.3).",
    },
    Key {
        name: "expect",
        slot: &Is(|r: &mut Route| &mut r.expect, Named(Expect::NAMES)),
        about: "Whether we answer `Expect: 100-continue` as soon as the content is wanted, or the server does (RFC 9110 §10.1.1).",
    },
    Key {
        name: "upgrade",
        slot: &Is(
            |r: &mut Route| &mut r.upgrade,
            List {
                of: Text(&PROTOCOL),
                empty: Empty::Fits,
                allowed: "a list of protocols, as \"websocket\"",
            },
        ),
        about: "Protocols that a client may ask a server of the gateway to go over to, as `[\"websocket\"]`; of others nothing is told to the server (RFC 9110 §7.8).",
    },
    Key {
        name: "outbound",
        slot: &Is(|r: &mut Route| &mut r.outbound, Section(OUTBOUND)),
        about: "How the servers are connected to: a section with the keys below.",
    },
];

pub(crate) const OUTBOUND: &[Key<Outbound>] = &[
    Key {
        name: "ca",
        slot: &May(
            |o: &mut Outbound| &mut o.ca,
            PathTo(Existing::File),
            "those that the system trusts",
        ),
        about: "The authorities that sign certificates of servers, as PEM, and no others.",
    },
    Key {
        name: "server_name",
        slot: &May(
            |o: &mut Outbound| &mut o.server_name,
            Text(&TLS_NAME),
            "the host in `to`",
        ),
        about: "Whom certificates must name, and which name servers are asked by in TLS (SNI, RFC 6066 §3).",
    },
    Key {
        name: "client_cert",
        slot: &May(
            |o: &mut Outbound| &mut o.client_cert,
            PathTo(Existing::File),
            "none",
        ),
        about: "The certificate chain that is shown to servers which ask for one, as PEM.",
    },
    Key {
        name: "client_key",
        slot: &May(
            |o: &mut Outbound| &mut o.client_key,
            PathTo(Existing::File),
            "none",
        ),
        about: "Its private key as PEM, unless it stands in the same file.",
    },
    Key {
        name: "tls_version_min",
        slot: &Is(
            |o: &mut Outbound| &mut o.tls_version_min,
            Named(TlsVersion::NAMES),
        ),
        about: "The lowest version of TLS that is spoken to servers.",
    },
    Key {
        name: "danger_accept_any_certificate",
        slot: &Is(
            |o: &mut Outbound| &mut o.danger_accept_any_certificate,
            Switch,
        ),
        about: "Whether any certificate is believed: then whoever stands between can read and change everything.",
    },
    Key {
        name: "proxy_protocol",
        slot: &Is(
            |o: &mut Outbound| &mut o.proxy_protocol,
            Named(TellsProxy::NAMES),
        ),
        about: "Whether each connection begins by saying whose it is, in this version of the PROXY protocol. A connection is then used for one client alone.",
    },
    Key {
        name: "via",
        slot: &May(|o: &mut Outbound| &mut o.via, Text(&PARENT), "none"),
        about: "The proxy that is asked to go on to the servers: by CONNECT for https://, else by the whole URL, with the Host of that.",
    },
    Key {
        name: "via_auth",
        slot: &May(
            |o: &mut Outbound| &mut o.via_auth,
            PathTo(Existing::File),
            "none",
        ),
        about: "The file with the name and the password that this proxy asks for, as NAME:PASSWORD in its first line.",
    },
];

pub(crate) const SETTINGS: &[Key<Settings>] = &[
    Key {
        name: "negotiate",
        slot: &May(|s: &mut Settings| &mut s.negotiate, Switch, "false"),
        about: "Whether variants of a file, such as `page.en.html`, are negotiated (RFC 9110 §12.1).",
    },
    Key {
        name: "negotiate_strict",
        slot: &May(|s: &mut Settings| &mut s.negotiate_strict, Switch, "false"),
        about: "Whether who accepts none of the languages gets 406, although `language` has a variant (RFC 9110 §12.5.4).",
    },
    Key {
        name: "language",
        slot: &May(|s: &mut Settings| &mut s.language, Text(&LANGUAGE), "none"),
        about: "The language of files that name none, and what is chosen when nothing else decides (RFC 9110 §8.5.1).",
    },
    Key {
        name: "codings",
        slot: &May(
            |s: &mut Settings| &mut s.codings,
            List {
                of: Named(CodingName::NAMES),
                empty: Empty::Fits,
                allowed: "a list of \"zstd\", \"br\", \"gzip\", best first; an empty one offers none",
            },
            "[\"zstd\", \"br\", \"gzip\"]",
        ),
        about: "Content codings offered (RFC 9110 §8.4).",
    },
    Key {
        name: "coding_octets_min",
        slot: &May(
            |s: &mut Settings| &mut s.coding_octets_min,
            Octets(0, 1 << 40),
            "\"1KiB\"",
        ),
        about: "Shorter content is not coded.",
    },
    Key {
        name: "uploads",
        slot: &May(|s: &mut Settings| &mut s.uploads, Switch, "false"),
        about: "Whether PUT, DELETE and POST change the folder.",
    },
    Key {
        name: "durable_uploads",
        slot: &May(|s: &mut Settings| &mut s.durable_uploads, Switch, "true"),
        about: "Whether the answer waits until what was uploaded is on the disk, so that a loss of power does not take it.",
    },
    Key {
        name: "resumable_uploads",
        slot: &May(|s: &mut Settings| &mut s.resumable_uploads, Switch, "false"),
        about: "Whether uploads may be resumed.",
    },
    Key {
        name: "content_octets_max",
        slot: &May(
            |s: &mut Settings| &mut s.content_octets_max,
            Octets(0, 1 << 50),
            "`limits.content_octets_max`",
        ),
        about: "Octets of request content; beyond it 413 (RFC 9110 §15.5.14).",
    },
    Key {
        name: "auth",
        slot: &May(
            |s: &mut Settings| &mut s.auth,
            OrNobody(Text(&AUTH_NAME)),
            "false",
        ),
        about: "The `name` of the [[auth]] that says who asks; false asks nobody, although the site does.",
    },
    Key {
        name: "users",
        slot: &May(
            |s: &mut Settings| &mut s.users,
            UserNames(List {
                of: Text(&USER_NAME),
                empty: Empty::Refused(Some("write [\"*\"] for every user")),
                allowed: "a list of names, or [\"*\"] for every one",
            }),
            "[\"*\"]",
        ),
        about: "Who of its users may come in; 403 otherwise.",
    },
    Key {
        name: "allow",
        slot: &May(
            |s: &mut Settings| &mut s.allow,
            List {
                of: NetworkKind,
                empty: Empty::Refused(Some("write [\"0.0.0.0/0\", \"::/0\"] for every client")),
                allowed: NETWORKS,
            },
            "every network",
        ),
        about: "Networks whose clients may ask; 403 otherwise.",
    },
    Key {
        name: "deny",
        slot: &May(
            |s: &mut Settings| &mut s.deny,
            List {
                of: NetworkKind,
                empty: Empty::Fits,
                allowed: NETWORKS,
            },
            "[]",
        ),
        about: "Networks whose clients may not, whatever `allow` says.",
    },
    Key {
        name: "params",
        slot: &May(
            |s: &mut Settings| &mut s.params,
            Map {
                key: param_name,
                of: Text(&PARAM_VALUE),
                allowed: "a table of variables and their values",
                pattern: "^[A-Z_][A-Z0-9_]*$",
            },
            "none",
        ),
        about: "Variables that applications get as they are, in place of those of the same name (RFC 3875 §4.1).",
    },
    Key {
        name: "set_fields",
        slot: &May(
            |s: &mut Settings| &mut s.set_fields,
            Map {
                key: set_field,
                of: Text(&FIELD_VALUE),
                allowed: FIELDS,
                pattern: TOKEN_PATTERN,
            },
            "none",
        ),
        about: "Fields set on responses, also on errors, replacing those there are; Vary keeps what the server itself says.",
    },
    Key {
        name: "add_fields",
        slot: &May(
            |s: &mut Settings| &mut s.add_fields,
            Map {
                key: added_field,
                of: Text(&FIELD_VALUE),
                allowed: FIELDS,
                pattern: TOKEN_PATTERN,
            },
            "none",
        ),
        about: "Fields added to responses, also to errors.",
    },
    Key {
        name: "remove_fields",
        slot: &May(
            |s: &mut Settings| &mut s.remove_fields,
            List {
                of: Text(&RESPONSE_FIELD),
                empty: Empty::Fits,
                allowed: "a list of field names",
            },
            "[]",
        ),
        about: "Fields removed from responses.",
    },
    Key {
        name: "set_request_fields",
        slot: &May(
            |s: &mut Settings| &mut s.set_request_fields,
            Map {
                key: request_field,
                of: Text(&FIELD_VALUE),
                allowed: FIELDS,
                pattern: TOKEN_PATTERN,
            },
            "none",
        ),
        about: "Fields set on requests before anything else sees them.",
    },
    Key {
        name: "remove_request_fields",
        slot: &May(
            |s: &mut Settings| &mut s.remove_request_fields,
            List {
                of: Text(&REQUEST_FIELD),
                empty: Empty::Fits,
                allowed: "a list of field names",
            },
            "[]",
        ),
        about: "Fields removed from requests before anything else sees them.",
    },
    Key {
        name: "nosniff",
        slot: &May(|s: &mut Settings| &mut s.nosniff, Switch, "true"),
        about: "Whether `X-Content-Type-Options: nosniff` is sent (Fetch standard §3.6).",
    },
    Key {
        name: "error_pages",
        slot: &May(
            |s: &mut Settings| &mut s.error_pages,
            Map {
                key: error_status,
                of: Text(&PAGE),
                allowed: "a table of statuses and files below the root, as 404 = \"errors/404.html\" or 5xx = \"errors/5xx.html\"",
                pattern: "^([45][0-9][0-9]|[45]xx)$",
            },
            "none",
        ),
        about: "Files that answer for a status: `404 = \"errors/404.html\"`, below the root; `5xx` is for those of its class that are not named.",
    },
    Key {
        name: "cors",
        slot: &May(|s: &mut Settings| &mut s.cors, Section(CORS), "none"),
        about: "Who may read responses from pages of other origins: a section with the keys below.",
    },
];

pub(crate) const CORS: &[Key<Cors>] = &[
    Key {
        name: "origins",
        slot: &Must(
            |c: &mut Cors| &mut c.origins,
            List {
                of: Text(&ORIGIN),
                empty: Empty::Refused(None),
                allowed: "a list of origins, as \"https://example.com\"; \"*\" is every one",
            },
        ),
        about: "Origins whose pages may read (RFC 6454 §6.2).",
    },
    Key {
        name: "methods",
        slot: &Is(
            |c: &mut Cors| &mut c.methods,
            List {
                of: Text(&METHOD),
                empty: Empty::Fits,
                allowed: "a list of methods, as \"PUT\"",
            },
        ),
        about: "Methods beyond GET, HEAD and POST.",
    },
    Key {
        name: "request_fields",
        slot: &Is(
            |c: &mut Cors| &mut c.request_fields,
            List {
                of: Text(&ANY_FIELD),
                empty: Empty::Fits,
                allowed: "a list of field names",
            },
        ),
        about: "Request fields beyond the safe ones.",
    },
    Key {
        name: "exposed_fields",
        slot: &Is(
            |c: &mut Cors| &mut c.exposed_fields,
            List {
                of: Text(&ANY_FIELD),
                empty: Empty::Fits,
                allowed: "a list of field names",
            },
        ),
        about: "Response fields that pages may see.",
    },
    Key {
        name: "credentials",
        slot: &Is(|c: &mut Cors| &mut c.credentials, Switch),
        about: "Whether cookies and passwords go along; not with `*`.",
    },
    Key {
        name: "preflight_time",
        slot: &May(
            |c: &mut Cors| &mut c.preflight_time,
            Time,
            "5 s by most user agents",
        ),
        about: "How long the answer to a preflight holds.",
    },
];

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

const NETWORKS: &str = "a list of networks, as \"192.0.2.0/24\" or \"2001:db8::/32\", or addresses";
const FIELDS: &str = "a table of field names and values, as X-Frame-Options = \"DENY\"";
const TOKEN_PATTERN: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
const MIB: u64 = 1024 * 1024;
