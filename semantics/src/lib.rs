//! What an HTTP message means: RFC 9110 as values and pure functions.
//!
//! This crate is the vocabulary that every other crate speaks: methods, statuses, field sections, targets, authorities,
//! anomalies, limits, the errors that blame a peer, the reasons for which a message or a connection ended, and the
//! exchange events that all protocol versions share.
//!
//! It is *not* a parser of HTTP/1.1 syntax (that is `http1`), and it never touches a socket, a file, a clock, a thread,
//! a log or a random source. Time comes in as `now`.
//!
//! ```text
//!   octets ──http1──▶ RequestHead ──target/site/fields──▶ decisions
//!                          │
//!                          └── Anomalies: what was seen and is odd; who asked decides what is refused
//! ```
//!
//! ```
//! use hansom_semantics::fields::range::{self, RangeRequest};
//! use hansom_semantics::{Anomalies, Known, Method, NormalPath, PeerError, Refusal};
//!
//! assert_eq!(Method::from_octets(b"GET"), Method::Get);
//! assert_eq!(Known::from_name(b"content-LENGTH"), Some(Known::ContentLength));
//!
//! // A path is decoded once, and what could mean two things is refused.
//! assert_eq!(NormalPath::of(b"/a/./b/../c%20d").unwrap().octets(), b"/a/c d");
//! assert!(NormalPath::of(b"/a%2Fb").is_err());
//!
//! // The last 5 of 26 octets.
//! let ranges = range::parse(b"bytes=-5", 26, &range::Limits::default());
//! let RangeRequest::Satisfiable(ranges) = ranges else { panic!("{ranges:?}") };
//! assert_eq!((ranges.as_slice()[0].first, ranges.as_slice()[0].last), (21, 25));
//!
//! // Every refusal knows its status and names its rule.
//! let answer = Refusal::from(PeerError::Syntax(Anomalies::FRAMING_CONFLICT)).answer();
//! assert_eq!(answer.status.unwrap().code(), 400);
//! assert_eq!((answer.name, answer.rule), ("framing-conflict", "RFC 9112 §6.1"));
//! ```
//!
//! Where to look next: [`RequestHead`] and [`Section`] (what was read), [`Anomalies`] and [`Refusal`] (what is odd, and what
//! that is answered), [`ContentEnd`] and [`Fate`] (why something ended), [`Event`] (what machines say), [`fields`] (each field),
//! [`negotiation`] (which of several representations is selected),
//! [`Limits`].
//!
//! Invariant: nothing here waits, allocates without a bound, or depends on where it runs.

#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod anomalies;
mod errors;
mod exchange;
mod explain;
mod field_rules;
pub mod fields;
mod head;
mod known;
mod limits;
mod method;
pub mod negotiation;
mod response;
pub mod secrets;
mod section;
mod status;
mod target;
mod version;

pub use anomalies::Anomalies;
pub use errors::{Answer, LimitError, PeerError, Refusal};
pub use exchange::{ContentLength, Event, ExchangeId, Outbox, Payload, Segment, Stamp};
pub use explain::{Because, CloseReason, ContentEnd, Fate, KeepReason, TunnelEnd};
pub use field_rules::{FieldRuleError, FieldRules, with_host, with_target};
pub use head::{OwnedRequest, RequestHead, RequestIndex, ResponseIndex, ResponseView};
pub use known::{FieldSet, Known};
pub use limits::Limits;
pub use method::Method;
pub use response::{Pass, Rendition, ResponseHead};
pub use section::{FieldLine, OwnedSection, Section, SectionIndex, Span, SpanKind};
pub use status::Status;
pub use target::{Form, NormalPath, PathError, Target};
pub use version::Version;
