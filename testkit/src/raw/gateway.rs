//! A raw-socket conformance suite for gateways: cases as data, and the runner that plays them between a client and a server of
//! its own, of which both say what no client or server may say.
//!
//! ```text
//!            >>>                                  recorded, read strictly and laxly
//!  client ────────▶ the gateway that is judged ────────▶ server
//!         ◀────────                            ◀────────
//!            judged                               answer, then, then-close, ...
//! ```
//!
//! A gateway that is judged listens at one address and asks one server, which is the runner's: a [`Lane`]. Several lanes play side by
//! side. What reached the server is read by a strict parser and by many lax ones ([`request`]): all must find the same requests.
//!
//! The format of a case is told in `corpus/gateway/README.md`.

pub mod judge;
pub mod play;
pub mod report;
pub mod request;
pub mod script;
pub mod server;
pub mod suite;

pub use script::Case;
pub use server::Recorder;
pub use suite::{Lane, Options, Summary};
