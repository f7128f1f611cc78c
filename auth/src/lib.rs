//! Knowing who asks: passwords (RFC 7617), a form with sessions (RFC 6265), and who may come in.
//!
//! It stands before what answers and says of each request whether it goes on, with whose name, and what is answered otherwise. It
//! is *not* a router and words no errors: whoever composes a server asks a [`Gate`] and turns a [`Denial`] into a response.
//!
//! ```text
//!  Exchange ──▶ Gate::check ──▶ Pass      the user's name, and fields for the response
//!                   │
//!                   ├─────────▶ Refuse    401, 403, 429, 503
//!                   └─────────▶ Answer    303 to the form
//!  Exchange ──▶ Gate::answer ─▶ the form, and what it is sent to
//! ```
//!
//! ```
//! use hansom_auth::htpasswd::{self, Form};
//! use hansom_auth::{Gate, Outcome, Password, Registry, SharedConfig, Verdict};
//! use std::time::Duration;
//!
//! # let folder = tempfile::tempdir()?;
//! let users = folder.path().join("users");
//! htpasswd::set(&users, "anna", &Password::new(b"open sesame".to_vec()), Form::Bcrypt)?;
//!
//! // One registry for the process, what is shared for each `[[auth]]`, and a gate for each worker.
//! let registry = Registry::new(net::cores(), |complaint| eprintln!("{complaint}"));
//! let config = SharedConfig {
//!     name: "staff".to_owned(),
//!     users,
//!     attempts_max: 10,
//!     attempts_time: Duration::from_secs(300),
//! };
//! let shared = registry.shared(&config)?;
//! let gate = Gate::basic("Staff", shared);
//!
//! /// What a handler does before it answers.
//! fn may_go_on(gate: &Gate, exchange: &mut engine::Exchange<'_>) -> bool {
//!     match gate.check(exchange, &[]) {
//!         Verdict::Ready(Outcome::Pass(pass)) => !pass.user.is_empty(),
//!         _ => false,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to look next: [`Gate`], [`FormConfig`], [`Sessions`], [`Registry`] (what outlives a reload), [`htpasswd`] (files of users,
//! written).
//!
//! Invariant: no password is kept, printed or compared in a time that depends on it; nothing waits or computes long on a worker's own
//! thread.

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

mod basic;
mod bounded;
mod credentials;
mod flight;
mod form;
mod gate;
mod law;
mod passwords;
mod room;
mod secret;
mod sessions;
mod shared;
#[cfg(test)]
mod testing;
mod verdict;

pub use credentials::basic_credentials;
pub use form::{FormConfig, PAGE_OCTETS_MAX, Page, PageError, SameSite};
pub use gate::Gate;
#[doc(hidden)]
pub use law::law;
pub use passwords::file::{FILE_OCTETS_MAX, UsersFileError, users_errors};
pub use passwords::hash::{
    ARGON2_MEMORY_KIB_MAX, ARGON2_WORK_KIB_MAX, BCRYPT_COST_MAX, HashError, SHA_CRYPT_ROUNDS_MAX,
};
pub use passwords::users::{NAME_OCTETS_MAX, Problem, UsersError, is_name};
pub use passwords::{PASSWORD_OCTETS_MAX, htpasswd};
pub use secret::{NoRandom, Password};
pub use sessions::file::SessionsFileError;
pub use sessions::redis::{RedisUrlError, is_redis_url};
pub use sessions::{Sessions, SharedSessions, WhenAway};
pub use shared::{
    HASHINGS_WAITING_MAX, Registry, SessionsConfig, SessionsError, Shared, SharedConfig,
    SharedError, StoreConfig,
};
pub use verdict::{Denial, Outcome, Pass, Verdict};

use std::sync::Arc;

/// Tells an operator something while the server runs, on any thread.
type Complain = Arc<dyn Fn(&str) + Send + Sync>;
