// table
//! Every key of `hansom.toml`, one table a section.

use super::model::{Lenient, Limits, Listener, Route, Server, Site};
use super::slot::{NUMBER_MAX, Slot};

/// One key.
#[derive(Debug)]
pub(crate) struct Key<T: 'static> {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it fills, and with that what it may hold.
    pub(crate) slot: Slot<T>,
    /// One line for the reference.
    pub(crate) about: &'static str,
}

/// The sections, as they are written, and what they are for.
pub(crate) const SECTIONS: &[(&str, &str)] = &[
    ("[server]", "The process and the life of its connections."),
    (
        "[limits]",
        "A bound, with its name, for whatever a peer can make grow.",
    ),
    (
        "[[listen]]",
        "Where connections are accepted; may be repeated. Without any, `127.0.0.1:8080`.",
    ),
    (
        "[listen.lenient]",
        "What is let pass on the listener above although RFC 9112 would have it refused; for one listener, directly below it.",
    ),
    (
        "[[site]]",
        "What is served to requests for certain hosts; may be repeated.",
    ),
    (
        "[[site.route]]",
        "What differs below one path of the site above; may be repeated. The longest path that fits counts.",
    ),
];

pub(crate) const SERVER: &[Key<Server>] = &[
    Key {
        name: "workers",
        slot: Slot::Auto(|s| &mut s.workers, 1024, "one a core"),
        about: "Threads that serve, each with its own connections.",
    },
    Key {
        name: "access_log",
        slot: Slot::LogFormat(|s| &mut s.access_log),
        about: "How requests are logged on standard output.",
    },
    Key {
        name: "server_field",
        slot: Slot::FieldOrFalse(|s| &mut s.server_field),
        about: "The value of the `Server` field (RFC 9110 §10.2.4).",
    },
    Key {
        name: "keep_alive",
        slot: Slot::Time(|s| &mut s.keep_alive),
        about: "How long a connection may be idle; 0 closes after every response.",
    },
    Key {
        name: "keep_alive_requests",
        slot: Slot::Unlimited(|s| &mut s.keep_alive_requests),
        about: "Requests a connection may carry.",
    },
    Key {
        name: "connection_age",
        slot: Slot::TimeUnlimited(|s| &mut s.connection_age),
        about: "The age at which a connection is closed after its response.",
    },
    Key {
        name: "allow_trace",
        slot: Slot::Switch(|s| &mut s.allow_trace),
        about: "Whether TRACE is answered (RFC 9110 §9.3.8).",
    },
    Key {
        name: "drain_time",
        slot: Slot::Time(|s| &mut s.drain_time),
        about: "How long a stop waits for exchanges that are under way.",
    },
];

pub(crate) const LIMITS: &[Key<Limits>] = &[
    Key {
        name: "head_octets_max",
        slot: Slot::Octets(|l| &mut l.head_octets_max, 64, 16 * MIB),
        about: "Octets of a request head; beyond it 431.",
    },
    Key {
        name: "target_octets_max",
        slot: Slot::Octets(|l| &mut l.target_octets_max, 1, 16 * MIB),
        about: "Octets of a request target; beyond it 414. It counts for `head_octets_max` too.",
    },
    Key {
        name: "field_lines_max",
        slot: Slot::Number(|l| &mut l.field_lines_max, 1, 10_000),
        about: "Field lines of a header or trailer section; beyond it 431.",
    },
    Key {
        name: "content_octets_max",
        slot: Slot::Octets(|l| &mut l.content_octets_max, 0, 1 << 50),
        about: "Octets of request content; beyond it 413.",
    },
    Key {
        name: "head_time",
        slot: Slot::TimePositive(|l| &mut l.head_time),
        about: "The time in which a head must be complete; after it 408.",
    },
    Key {
        name: "content_octets_per_second_min",
        slot: Slot::Number(|l| &mut l.content_octets_per_second_min, 0, NUMBER_MAX),
        about: "The slowest pace of request content; 0 is any pace.",
    },
    Key {
        name: "transmit_octets_per_second_min",
        slot: Slot::Number(|l| &mut l.transmit_octets_per_second_min, 0, NUMBER_MAX),
        about: "The slowest pace at which a response is taken; 0 is any pace.",
    },
    Key {
        name: "rate_grace",
        slot: Slot::TimePositive(|l| &mut l.rate_grace),
        about: "How long a transfer may be slow before the two paces count.",
    },
    Key {
        name: "connections_max",
        slot: Slot::Auto(
            |l| &mut l.connections_max,
            NUMBER_MAX,
            "the open files less 200, or half of them",
        ),
        about: "Connections in all; beyond it 503 or no accept.",
    },
    Key {
        name: "connections_per_client_max",
        slot: Slot::Unlimited(|l| &mut l.connections_per_client_max),
        about: "Connections of one client address; loopback is not counted.",
    },
    Key {
        name: "cached_file_octets_max",
        slot: Slot::Octets(|l| &mut l.cached_file_octets_max, 0, 64 * MIB),
        about: "The largest file held in memory, ready to send; 0 holds none.",
    },
    Key {
        name: "cache_octets_max",
        slot: Slot::Octets(|l| &mut l.cache_octets_max, 0, 1 << 40),
        about: "Memory for held files in the whole server.",
    },
    Key {
        name: "open_files_max",
        slot: Slot::Auto(
            |l| &mut l.open_files_max,
            NUMBER_MAX,
            "the hard limit of the system",
        ),
        about: "Open files of the process.",
    },
];

pub(crate) const LISTEN: &[Key<Listener>] = &[
    Key {
        name: "address",
        slot: Slot::Address(|l| &mut l.address),
        about: "Where to listen. A bare port means loopback.",
    },
    Key {
        name: "defer_accept",
        slot: Slot::Switch(|l| &mut l.defer_accept),
        about: "Whether the kernel holds a connection back until its first octets arrive.",
    },
];

pub(crate) const LENIENT: &[Key<Lenient>] = &[
    Key {
        name: "allow_cl_with_te",
        slot: Slot::Switch(|l| &mut l.allow_cl_with_te),
        about: "Content-Length beside Transfer-Encoding: the latter counts, then the connection is closed (RFC 9112 §6.3).",
    },
    Key {
        name: "allow_bare_lf_head",
        slot: Slot::Switch(|l| &mut l.allow_bare_lf_head),
        about: "A bare LF ends a line of a head (RFC 9112 §2.2).",
    },
    Key {
        name: "collapse_equal_cl",
        slot: Slot::Switch(|l| &mut l.collapse_equal_cl),
        about: "Equal repeated Content-Length values count as one (RFC 9110 §8.6).",
    },
    Key {
        name: "unfold_requests",
        slot: Slot::Switch(|l| &mut l.unfold_requests),
        about: "A folded field line is joined by a space (RFC 9112 §5.2).",
    },
    Key {
        name: "allow_ctl_values",
        slot: Slot::Switch(|l| &mut l.allow_ctl_values),
        about: "Control octets in field values, except NUL, CR and LF (RFC 9110 §5.5).",
    },
    Key {
        name: "allow_multi_space",
        slot: Slot::Switch(|l| &mut l.allow_multi_space),
        about: "Several spaces between the parts of a request line (RFC 9112 §3).",
    },
    Key {
        name: "allow_missing_host",
        slot: Slot::Switch(|l| &mut l.allow_missing_host),
        about: "An HTTP/1.1 request without Host (RFC 9112 §3.2).",
    },
    Key {
        name: "strict_target",
        slot: Slot::Switch(|l| &mut l.strict_target),
        about: "Stricter, not laxer: ``{ } | ^ ` [ ]`` in a target are refused too (RFC 3986 §2).",
    },
    Key {
        name: "skip_crlf",
        slot: Slot::Number(|l| &mut l.skip_crlf, 0, 100),
        about: "Empty lines skipped before a request line (RFC 9112 §2.2).",
    },
];

pub(crate) const SITE: &[Key<Site>] = &[
    Key {
        name: "hosts",
        slot: Slot::Hosts(|s| &mut s.hosts),
        about: "The hosts the site answers for.",
    },
    Key {
        name: "root",
        slot: Slot::FolderOptional(|s| &mut s.root),
        about: "The folder whose files are served.",
    },
    Key {
        name: "index",
        slot: Slot::FileNames(|s| &mut s.index),
        about: "File names that answer for a folder, in order of preference.",
    },
    Key {
        name: "browse",
        slot: Slot::Switch(|s| &mut s.browse),
        about: "Whether a folder without an index file is listed; 403 otherwise.",
    },
];

pub(crate) const ROUTE: &[Key<Route>] = &[
    Key {
        name: "path",
        slot: Slot::RoutePath(|r| &mut r.path),
        about: "A prefix of whole segments: `/a` fits `/a` and `/a/b`, not `/ab`.",
    },
    Key {
        name: "handler",
        slot: Slot::Handler(|r| &mut r.handler),
        about: "What answers: `files`; `echo`, the request itself; `wire`, what happened on the connection.",
    },
    Key {
        name: "cache_control",
        slot: Slot::Field(|r| &mut r.cache_control),
        about: "The value of the `Cache-Control` field (RFC 9111 §5.2).",
    },
    Key {
        name: "expires",
        slot: Slot::TimeOptional(|r| &mut r.expires),
        about: "How long after its date a response is fresh, said by `Expires` (RFC 9111 §5.3).",
    },
    Key {
        name: "root",
        slot: Slot::FolderOptional(|r| &mut r.root),
        about: "Another folder than the site's.",
    },
];

const MIB: u64 = 1024 * 1024;
