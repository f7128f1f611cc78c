//! Representations, selected and produced: files, listings, errors, echoes.
//!
//! It is the role of an origin server (RFC 9110 §3.6): what a target identifies, which representation of it is
//! selected, whether preconditions hold, which ranges are sent. It is *not* a router: whoever composes a server decides
//! which of these answers a request. It knows no connection and no version of the protocol.
//!
//! ```text
//!  Exchange ──▶ Files::answer ──▶ cache hit ──────────────────────────▶ Answer::Kept
//!                    │
//!                    ├─▶ in the system's memory: open, read ───────────▶ Answer::Ready
//!                    └─▶ on a disk: net::blocking, then the same ──────▶ Answer::Later
//! ```
//!
//! ```
//! use std::rc::Rc;
//!
//! use engine::{Answer, Content, Exchange, Handler, Response};
//! use hansom_origin::{Cache, CacheLimits, Files, FilesConfig, error_response, refusal_response};
//! use semantics::{NormalPath, Refusal, RequestHead, Status, Target};
//!
//! /// The files of one folder, for every host.
//! struct Folder(Files);
//!
//! impl Handler for Folder {
//!     fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
//!         let target = Target::parse(exchange.head.target(), exchange.head.method());
//!         match target.map(|target| NormalPath::of(target.path)) {
//!             Some(Ok(path)) => self.0.answer(exchange, &path),
//!             _ => error_response(Status::BAD_REQUEST, "No path", "RFC 9112 §3.2", Some(exchange.head)).into(),
//!         }
//!     }
//!
//!     fn refuse(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
//!         refusal_response(refusal, head)
//!     }
//! }
//!
//! // One cache for all files of a worker.
//! let cache = Rc::new(Cache::new(CacheLimits::default()));
//! let config = FilesConfig { root: ".".into(), index: vec!["index.html".into()], ..FilesConfig::default() };
//! let folder = Folder(Files::new(config, cache)?);
//! assert_eq!(folder.0.allow(), "GET, HEAD, OPTIONS");
//!
//! // An error says what is wrong, and by which rule: as text, HTML or JSON, whichever is preferred.
//! let response = error_response(Status::NOT_FOUND, "There is nothing at this path", "RFC 9110 §15.5.5", None);
//! let Content::Octets(text) = response.content else { panic!() };
//! assert_eq!(text, "404 Not Found\n\nThere is nothing at this path.\n(RFC 9110 §15.5.5)\n");
//! # Ok::<(), hansom_origin::FilesError>(())
//! ```
//!
//! Where to look next: [`Files`], the [`Cache`] that a worker's files share, [`echo`], [`wire`], [`error_response`].
//!
//! Invariant: nothing here waits on a worker's own thread, and nothing reads a clock, time is `Exchange::now`; but for what is
//! decided when the content of an upload has come, which may be hours later.

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

mod cache;
mod changes;
mod coded;
pub mod echo;
mod encode;
mod errors;
mod fences;
mod files;
mod json;
mod listing;
mod media_type;
mod methods;
mod representation;
#[cfg(test)]
mod testing;
mod uploads;
mod variants;
pub mod wire;

pub use cache::{Cache, CacheLimits};
pub use coded::coded_content_refused;
pub use coding::Coding;
pub use encode::{push_html, push_path, push_query};
pub use errors::{RETRY_SECONDS, error_response, refusal_response};
pub use fences::Fences;
pub use files::{Files, FilesConfig, FilesError, Page};
pub use listing::LISTING_ENTRIES_MAX;
pub use methods::{
    method_not_allowed, method_unknown, options_answer, trace_answer, unsupported_method,
};
#[doc(hidden)]
pub use uploads::law as law_of_forms;
pub use uploads::{UploadLimits, Uploads, UploadsConfig};
pub use variants::{NegotiateConfig, variant_names};
