//! Messages passed on: what becomes of a request on its way to a server, and of the answer on its way back.
//!
//! These are the rules of an intermediary as functions over heads (RFC 9110 §7.6): what ends here, what is added, what is
//! rewritten, what may be sent again, whom to ask: without a connection, a clock or a random source; time comes in as `now`,
//! chance as a number. [`Pools`] alone have lines to servers, and [`Gateway`] puts the rules together.
//!
//! ```text
//!  client ──▶ RequestHead ──▶ Onward ──▶ RequestParts ──▶ server
//!                 │              │
//!                Stop          Passage: names, host, paths, what is told
//!                                │
//!  client ◀── ResponseHead ◀── back ◀── ResponseView ◀─── server
//!                 │
//!               Fault ──▶ Attempt: may it be sent again?
//! ```
//!
//! ```
//! use hansom_intermediary::{Came, Onward, Passage, PathMap, Scheme, Scratch, back};
//! use http1::scan::{Progress, request_head, response_head};
//! use semantics::{Known, RequestHead, RequestIndex, ResponseIndex, ResponseView};
//!
//! // Once a route.
//! let passage = Passage::new("edge-1", Scheme::Http, "127.0.0.1:3000")
//!     .unwrap()
//!     .paths(PathMap::new("/shop", "").unwrap());
//! // Once an exchange, and kept for others.
//! let mut scratch = Scratch::default();
//!
//! # let octets = b"GET /shop/a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
//! # let mut index = RequestIndex::default();
//! # request_head(octets, &mut Progress::default(), &mut index);
//! # let head = RequestHead::new(octets, &index);
//! // GET /shop/a HTTP/1.1
//! // Host: a.example
//! // Connection: close
//! let came = Came { peer: "192.0.2.1".parse().ok(), ..Came::new(head) };
//! let onward = Onward::new(&came, &passage, &mut scratch).unwrap();
//! let parts = onward.parts();
//! assert_eq!(parts.target, b"/a");
//! let lines: Vec<_> = parts.lines.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
//! assert_eq!(lines, ["Host", "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"]);
//!
//! # let octets = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:3000/b\r\n\r\n";
//! # let mut index = ResponseIndex::default();
//! # response_head(octets, &mut Progress::default(), &mut index);
//! # let view = ResponseView::new(octets, &index);
//! // HTTP/1.1 302 Found
//! // Location: http://127.0.0.1:3000/b
//! let answer = back(view, &passage, onward.host()).unwrap();
//! assert_eq!(answer.section().first(Known::Location), Some(&b"/shop/b"[..]));
//! assert_eq!(answer.section().first(Known::Via), Some(&b"1.1 edge-1"[..]));
//!
//! let lines = onward.into_lines();
//! scratch.give_back(lines);
//! ```
//!
//! Where to look next: [`Passage`] (what is configured), [`Onward`], [`back`], [`Fault`] and [`Stop`] (what is told instead),
//! [`Attempt`] and [`Budget`] (what may be sent again), [`Balance`] (whom to ask), [`Health`], [`Breaker`], [`Checked`] and [`Latency`] (what is
//! known of a server), [`PoolConfig`] (servers, and under which limits they are asked).
//!
//! Invariant: what a client sent is never told to a server as if we had seen it.

// What a peer sends must not panic here.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod authority;
mod back;
mod balance;
mod breaker;
mod budget;
mod check;
mod commons;
mod cookie;
mod event;
mod fault;
mod forwarding;
mod gateway;
mod health;
mod hop;
mod keeper;
mod latency;
mod law;
mod location;
mod passage;
mod path;
mod place;
mod pool;
mod probe;
mod request;
mod retry;
mod seats;
mod sticky;
mod stop;
#[cfg(test)]
mod testing;
mod trailers;
mod upstream;
mod via;

pub use authority::Scheme;
pub use back::{back, length_told};
pub use balance::{Balance, Key, Server, Standing, key_of_client, key_of_target};
pub use breaker::{Breaker, BreakerRules};
pub use budget::{Budget, BudgetRules};
pub use check::{CheckRules, Checked};
pub use commons::Commons;
pub use event::{Change, Event, Tell};
pub use fault::Fault;
pub use forwarding::Trust;
pub use gateway::{CameBy, Gateway, GatewayConfig, Words};
pub use health::{Health, HealthRules, Turn};
pub use hop::NOMINATED_MAX;
pub use keeper::{Checks, Pools};
pub use latency::Latency;
#[doc(hidden)]
pub use law::{law_of_answers, law_of_requests};
pub use passage::{ExpectRule, HostRule, Passage, Told};
pub use path::{PathMap, PrefixError};
pub use pool::{Pool, PoolConfig, PoolServer};
pub use request::{Came, Lines, Onward, Scratch};
pub use retry::{Attempt, Reached, Repeatable};
pub use sticky::Sticky;
pub use stop::Stop;
pub use trailers::may_trail;
pub use upstream::{IdleRules, Place};
