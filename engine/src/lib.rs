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
//! Where to look next: [`Handler`] (what to implement), [`Worker`] (what `net` runs), `connection.rs` (one turn).

mod admission;
mod connection;
mod core;
mod handler;
mod incoming;
mod record;
mod serve;
mod transmit;
mod worker;

pub use admission::Admission;
pub use handler::{Answer, Content, Exchange, FilePart, Handler, Piece, Response};
pub use incoming::{Incoming, Interrupted};
pub use record::{Capture, NoRecorder, PART_OCTETS_MAX, Record, Recorder};
pub use worker::{Worker, WorkerOptions};
