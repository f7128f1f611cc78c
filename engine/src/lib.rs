//! Protocol machines driven over transports.
//!
//! The engine moves octets between `net` and a machine, and parts of messages between the machine and a [`Handler`].
//! It is *not* a policy: it knows no route, file or field value, and no configuration but limits.
mod handler;
mod incoming;
mod record;
pub use handler::{Answer, Content, Exchange, FilePart, Handler, Piece, Response};
pub use incoming::{Incoming, Interrupted};
pub use record::{Capture, NoRecorder, PART_OCTETS_MAX, Record, Recorder};
