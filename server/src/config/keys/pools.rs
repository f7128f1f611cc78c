// table
//! The keys of `[[pool]]` and of what is below it.

use super::Key;
use crate::config::kinds::{
    Empty, List, NUMBER_MAX, Number, Section, StatusRange, Switch, Text, Time, TimePositive,
};
use crate::config::model::{Breaker, Check, Pool, PoolServer, Sticky};
use crate::config::slot::{Is, May, Must, Unlimited};
use crate::config::texts::*;

pub(crate) const POOL: &[Key<Pool>] = &[
    Key {
        name: "name",
        slot: &Must(|p: &mut Pool| &mut p.name, Text(&POOL_NAME)),
        about: "By which routes refer to it. It tells the pool from others across reloads too.",
    },
    Key {
        name: "to",
        slot: &Is(
            |p: &mut Pool| &mut p.to,
            List {
                of: Text(&SERVER_URL),
                empty: Empty::Fits,
                allowed: "a list of \"http://HOST:PORT\" and \"unix:PATH\"",
            },
        ),
        about: "Its servers, as far as nothing more is to be said of them; others are a [[pool.server]] each.",
    },
    Key {
        name: "balance",
        slot: &Is(|p: &mut Pool| &mut p.balance, Text(&BALANCE)),
        about: "Which of them is asked: in turn, the better of two at random, the one with the fewest exchanges, the quickest, or the same for a client or a target.",
    },
    Key {
        name: "outbound_timeout",
        slot: &Is(|p: &mut Pool| &mut p.outbound_timeout, TimePositive),
        about: "Bounds connecting to a server, waiting for the head of its answer, and silence within its content, each; 504 before a head, a cut after it.",
    },
    Key {
        name: "connections_max",
        slot: &Unlimited(|p: &mut Pool| &mut p.connections_max, Number(0, NUMBER_MAX)),
        about: "Connections to each server, of all workers together and with the idle ones. Requests for which there is none wait, first come, first served.",
    },
    Key {
        name: "queue_max",
        slot: &Is(|p: &mut Pool| &mut p.queue_max, Number(0, NUMBER_MAX)),
        about: "Requests of all workers that wait; beyond it 503.",
    },
    Key {
        name: "queue_time",
        slot: &Is(|p: &mut Pool| &mut p.queue_time, TimePositive),
        about: "How long a request waits; after it 503.",
    },
    Key {
        name: "idle_connections_max",
        slot: &Is(
            |p: &mut Pool| &mut p.idle_connections_max,
            Number(0, 100_000),
        ),
        about: "Idle connections to each server that a worker keeps; 0 uses none again.",
    },
    Key {
        name: "idle_time",
        slot: &Is(|p: &mut Pool| &mut p.idle_time, TimePositive),
        about: "How long a connection may be idle: less than the servers themselves wait.",
    },
    Key {
        name: "connection_age",
        slot: &Unlimited(|p: &mut Pool| &mut p.connection_age, Time),
        about: "The age at which a connection is closed after its exchange.",
    },
    Key {
        name: "slow_start",
        slot: &Is(|p: &mut Pool| &mut p.slow_start, Time),
        about: "How long a server that came back, or that a reload added, takes to its whole share.",
    },
    Key {
        name: "failures_max",
        slot: &Is(|p: &mut Pool| &mut p.failures_max, Number(1, 1_000_000)),
        about: "Failures in a row after which a worker has a server out: it is asked only where there is no other.",
    },
    Key {
        name: "out_time",
        slot: &Is(|p: &mut Pool| &mut p.out_time, TimePositive),
        about: "How long it is out until one request tries it; twice as long each time that fails.",
    },
    Key {
        name: "out_time_max",
        slot: &Is(|p: &mut Pool| &mut p.out_time_max, TimePositive),
        about: "How long at most.",
    },
    Key {
        name: "slow_answer_time",
        slot: &Unlimited(|p: &mut Pool| &mut p.slow_answer_time, Time),
        about: "An answer whose head takes longer counts as a failure of the server; the client gets it all the same.",
    },
    Key {
        name: "tries_max",
        slot: &Is(|p: &mut Pool| &mut p.tries_max, Number(1, 100)),
        about: "Servers that are asked for one request, if it may be sent again (RFC 9110 §9.2.2).",
    },
    Key {
        name: "retries_percent",
        slot: &Is(|p: &mut Pool| &mut p.retries_percent, Number(0, 100)),
        about: "How many of a hundred requests a worker may send again, so that servers that fail are not asked twice as much.",
    },
    Key {
        name: "retries_per_second",
        slot: &Is(
            |p: &mut Pool| &mut p.retries_per_second,
            Number(0, 1_000_000),
        ),
        about: "How many it may send again each second beside those.",
    },
    Key {
        name: "sticky",
        slot: &May(|p: &mut Pool| &mut p.sticky, Section(STICKY), "none"),
        about: "Clients come back to the server that they were with: a section with the keys below.",
    },
    Key {
        name: "check",
        slot: &May(|p: &mut Pool| &mut p.check, Section(CHECK), "none"),
        about: "Servers are asked how they do: a section with the keys below.",
    },
    Key {
        name: "breaker",
        slot: &May(|p: &mut Pool| &mut p.breaker, Section(BREAKER), "none"),
        about: "A server that fails is left alone for a while: a section with the keys below.",
    },
];

pub(crate) const SERVERS: &[Key<PoolServer>] = &[
    Key {
        name: "to",
        slot: &Must(|s: &mut PoolServer| &mut s.to, Text(&SERVER_URL)),
        about: "Where it is.",
    },
    Key {
        name: "weight",
        slot: &Is(|s: &mut PoolServer| &mut s.weight, Number(0, 10_000)),
        about: "Its share beside the others'. With 0 it gets those who stick to it and nobody else, until they are gone.",
    },
    Key {
        name: "backup",
        slot: &Is(|s: &mut PoolServer| &mut s.backup, Switch),
        about: "Whether it is asked only where no other server is in.",
    },
    Key {
        name: "connections_max",
        slot: &May(
            |s: &mut PoolServer| &mut s.connections_max,
            Number(1, NUMBER_MAX),
            "the pool's",
        ),
        about: "Connections to it, of all workers together.",
    },
];

pub(crate) const STICKY: &[Key<Sticky>] = &[
    Key {
        name: "cookie",
        slot: &Must(|s: &mut Sticky| &mut s.cookie, Text(&COOKIE_NAME)),
        about: "The name of the cookie (RFC 6265). Its value stands for a server; one that stands for none, or for one that is out, counts as none.",
    },
    Key {
        name: "time",
        slot: &May(
            |s: &mut Sticky| &mut s.time,
            TimePositive,
            "as long as the user agent's own session",
        ),
        about: "How long a user agent keeps it.",
    },
];

pub(crate) const CHECK: &[Key<Check>] = &[
    Key {
        name: "path",
        slot: &Is(|c: &mut Check| &mut c.path, Text(&CHECK_PATH)),
        about: "What is asked for.",
    },
    Key {
        name: "method",
        slot: &Is(|c: &mut Check| &mut c.method, Text(&METHOD)),
        about: "By which method.",
    },
    Key {
        name: "host",
        slot: &May(
            |c: &mut Check| &mut c.host,
            Text(&OUTBOUND_HOST),
            "the server's own",
        ),
        about: "The value of `Host`.",
    },
    Key {
        name: "status",
        slot: &Is(
            |c: &mut Check| &mut c.status,
            List {
                of: StatusRange,
                empty: Empty::Refused(None),
                allowed: "a list of statuses, as 200, \"2xx\" or \"200-399\"",
            },
        ),
        about: "Which answers are good.",
    },
    Key {
        name: "interval",
        slot: &Is(|c: &mut Check| &mut c.interval, TimePositive),
        about: "How long after one check of a server the next is made. One worker checks for all.",
    },
    Key {
        name: "timeout",
        slot: &Is(|c: &mut Check| &mut c.timeout, TimePositive),
        about: "How long connecting and answering may take, each.",
    },
    Key {
        name: "rise",
        slot: &Is(|c: &mut Check| &mut c.rise, Number(1, 1000)),
        about: "Good checks in a row that bring a server in.",
    },
    Key {
        name: "fall",
        slot: &Is(|c: &mut Check| &mut c.fall, Number(1, 1000)),
        about: "Bad checks in a row that take it out. It is not asked then, also where it is the last: 503.",
    },
];

pub(crate) const BREAKER: &[Key<Breaker>] = &[
    Key {
        name: "failures_max",
        slot: &Unlimited(|b: &mut Breaker| &mut b.failures_max, Number(0, 1_000_000)),
        about: "Failures in a row that open it. While it is open the server is not asked, also where it is the last: 503.",
    },
    Key {
        name: "failures_percent",
        slot: &Unlimited(|b: &mut Breaker| &mut b.failures_percent, Number(0, 100)),
        about: "Failures of a hundred requests within `window` that open it.",
    },
    Key {
        name: "requests_min",
        slot: &Is(|b: &mut Breaker| &mut b.requests_min, Number(1, 1_000_000)),
        about: "Fewer requests within `window` tell nothing for `failures_percent`.",
    },
    Key {
        name: "window",
        slot: &Is(|b: &mut Breaker| &mut b.window, TimePositive),
        about: "How long requests are counted until the count begins anew.",
    },
    Key {
        name: "open_time",
        slot: &Is(|b: &mut Breaker| &mut b.open_time, TimePositive),
        about: "How long it is open until one request is let through: if that succeeds it closes.",
    },
];
