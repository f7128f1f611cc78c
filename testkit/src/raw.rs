//! A raw-socket conformance suite for origin servers: cases as data, and the runner that plays them.
//!
//! It is a black box's judge: it talks to any server at an address, and its [`response`] parser is its own, so that a
//! mistake in the workspace's parser cannot excuse itself. It is not a client: it sends what no client may send.
//!
//! ```text
//!  corpus/origin/AREA/*.case --script--> Case --dialogue--> Outcome --report--> table
//!                                          ^ octets: escapes, {a*8000}, bindings
//! ```
//!
//! TLS is between them when a [`relay`] is: cases are played on it as on the server itself.
//!
//! The format of a case is told in `corpus/origin/README.md`.

pub mod date;
pub mod dialogue;
pub mod gateway;
pub mod octets;
pub mod relay;
pub mod report;
pub mod response;
pub mod rules;
pub mod script;
pub mod suite;
pub mod world;

pub use dialogue::{Delivery, Failure, Outcome, Server};
pub use relay::Relay;
pub use script::{Case, Level};
pub use suite::{Options, Summary};
