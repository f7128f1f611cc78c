//! Protocol machines driven over transports.
//!
//! The engine moves octets between `net` and a machine, and parts of messages between the machine and a [`Handler`].
//! It is *not* a policy: it knows no route, file or field value, and no configuration but limits.
//!
//! ```text
//!   net ──octets──▶ Connection ──octets──▶ machine ──head, content──▶ Handler
//!    ▲                  │                    │                           │
//!    └──── transmit ◀── Outbox ◀── framing ──┴◀────── Answer ◀───────────┘
//! ```
//!
//! A server that answers with the target:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::sync::Arc;
//!
//! use hansom_engine::{Admission, Answer, Exchange, Handler, NoRecorder, Response, Worker, WorkerOptions};
//! use http1::Policy;
//! use net::{ListenOptions, RunOptions, Shutdown, Signals};
//! use semantics::{Known, Refusal, RequestHead, ResponseHead, Status};
//!
//! struct Hello;
//!
//! impl Handler for Hello {
//!     fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
//!         let head = ResponseHead::new(Status::OK).with(Known::ContentType, "text/plain");
//!         Response::with_octets(head, exchange.head.target().to_vec()).into()
//!     }
//!
//!     fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
//!         Response::new(refusal.status())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listeners = net::bind_all(&[("127.0.0.1:0".parse()?, ListenOptions::default())], 1)?;
//! let admission = Arc::new(Admission::new());
//! let make = move |_| {
//!     let options = WorkerOptions { policies: vec![Policy::strict()], server_field: None };
//!     Worker::new(options, Hello, NoRecorder, Arc::clone(&admission))
//! };
//! let options = RunOptions { signals: Signals::Ignore, ..RunOptions::default() };
//! let shutdown = Shutdown::new();
//! let mut client = None;
//! net::run(listeners, options, &shutdown, make, |bound| {
//!     let (port, shutdown) = (bound[0].port().unwrap(), shutdown.clone());
//!     client = Some(std::thread::spawn(move || {
//!         let mut text = String::new();
//!         let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
//!         stream.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
//!         stream.read_to_string(&mut text).unwrap();
//!         shutdown.drain();
//!         text
//!     }));
//! })?;
//! let text = client.unwrap().join().unwrap();
//! assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n/a"), "{text}");
//! # Ok(())
//! # }
//! ```
//!
//! A handler answers at once, or with a future that may await the content of the request by [`Exchange::receive`]. An answer is
//! given when the request's content was read to its end, or when it is clear that it will not be: so a message that
//! turns out malformed is refused, whatever the handler says.
//!
//! Where to look next: [`Handler`] (what to implement), [`Answer`] (how), [`outbound`] (asking other servers), [`Worker`] (what `net` runs), [`Recorder`] (who is told when
//! an exchange is over), `connection.rs` (one turn).
//!
//! Invariant: an idle connection holds no buffer.

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

mod admission;
mod connection;
mod core;
mod handler;
mod incoming;
mod interims;
mod listeners;
mod note;
pub mod outbound;
mod record;
mod serve;
mod transmit;
mod tunnel;
mod worker;

pub use admission::Admission;
#[doc(hidden)]
pub use handler::Lent;
pub use handler::{
    Answer, Content, Exchange, FilePart, Handler, OwnedExchange, Piece, Response, Source, Streamed,
};
pub use incoming::{Incoming, Interrupted};
pub use interims::Interims;
pub use note::Note;
pub use record::{Capture, NoRecorder, PART_OCTETS_MAX, Record, Recorder};
pub use tunnel::{Tunnel, Tunnelled};
pub use worker::{Change, Worker, WorkerOptions};
