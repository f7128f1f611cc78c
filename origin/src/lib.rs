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
//! Where to look next: [`Files`], the [`Cache`] that a worker's files share, [`echo`], [`wire`], [`error_response`].
//!
//! Invariant: nothing here waits on a worker's own thread, and nothing reads a clock: time is `Exchange::now`.

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
pub mod echo;
mod encode;
mod errors;
mod files;
mod json;
mod listing;
mod media_type;
mod methods;
mod representation;
#[cfg(test)]
mod testing;
pub mod wire;

pub use cache::{Cache, CacheLimits};
pub use errors::{RETRY_SECONDS, error_response, refusal_response};
pub use files::{Files, FilesConfig, FilesError};
pub use listing::LISTING_ENTRIES_MAX;
pub use methods::{
    method_not_allowed, method_unknown, options_answer, trace_answer, unsupported_method,
};
