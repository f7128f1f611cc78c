//! RFC 9112: octets to message parts and back, without I/O.
//!
//! It is three machines over one scanner: a [`Server`] that reads requests and frames responses, a [`Client`] that does the
//! opposite, and an [`Observer`] of both directions that takes no part. They hold what a connection needs between two calls, and
//! an idle one holds almost nothing.
//!
//! It is *not* a server: it knows no socket, no clock and no handler. It never sees content either, but tells how much of
//! it may be sent: so whoever drives it can send a file without reading it.
//!
//! ```text
//!  octets ──▶ scan ──▶ spans + Anomalies ──▶ Policy: refuse? ──▶ framing ──▶ Event: Head · Content* · Trailers? · End
//!  octets ◀── write ◀── submit_head, submit_content, submit_end                     or Refused
//! ```
//!
//! The scanner reports and never refuses; a [`Policy`] says what its user will not have. One parser thus serves a strict
//! server, a client that must repair, and an observer that reads on.
//!
//! ```
//! use hansom_http1::{Delivery, Policy, Scratch, Server};
//! use semantics::{ContentLength, Event, Known, ResponseHead, Stamp, Status};
//!
//! let (mut machine, policy, mut scratch) = (Server::new(), Policy::strict(), Scratch::default());
//! let stamp = Stamp { date: *b"Sat, 06 Jan 2024 10:00:00 GMT", server: None };
//! let delivery = Delivery { stamp: &stamp, keep_alive_seconds: 75 };
//! let mut out = Vec::new();
//!
//! let mut input: &[u8] = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
//! while let Some(event) = machine.poll_event(&policy, &mut scratch, &mut input) {
//!     match event {
//!         Event::Head { head, .. } => {
//!             assert_eq!((head.target(), head.first(Known::Host)), (&b"/a"[..], Some(&b"a.example"[..])));
//!         }
//!         Event::End { why, .. } => {
//!             assert_eq!(why.because().rule, "RFC 9112 §6.3, rule 7");
//!             let content = b"Hello";
//!             machine.submit_head(delivery, &ResponseHead::new(Status::OK), ContentLength::Exactly(5), &mut out);
//!             assert_eq!(machine.submit_content(5, &mut out), 5);
//!             out.extend_from_slice(content);
//!             machine.submit_end(None, &mut out);
//!             // Why the connection stays.
//!             assert_eq!(machine.settle().unwrap().because().rule, "RFC 9112 §9.3");
//!         }
//!         _ => {}
//!     }
//! }
//! assert!(out.starts_with(b"HTTP/1.1 200 OK\r\nDate: Sat, 06 Jan 2024 10:00:00 GMT\r\n"));
//!
//! // What may be read in two ways is refused, and the refusal names its rule.
//! let mut machine = Server::new();
//! let mut input: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
//! let Some(Event::Refused { refusal, .. }) = machine.poll_event(&policy, &mut scratch, &mut input) else { panic!() };
//! assert_eq!(refusal.answer().name, "framing-conflict");
//! ```
//!
//! Where to look next: [`scan`] (the parser), [`Policy`] and [`Leniency`] (what is refused), [`Server`], [`Client`],
//! [`Observer`], [`Chunked`] (the chunked coding alone).
//!
//! Invariant: the same octets give the same events, however they are cut; the work is linear however they drip.

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

mod block;
mod chunked;
mod client;
mod content;
mod framing;
mod observer;
mod octets;
mod policy;
pub mod scan;
mod server;
mod write;
pub use chunked::{Chunk, Chunked, Watch};
pub use client::{Client, Misuse, RequestParts, ResponseScratch};
pub use observer::{Observer, ObserverLimits, Side, Sighting, Sink, What};
pub use policy::{Leniency, Policy, UpstreamLeniency};
pub use server::{Delivery, Scratch, Server};
