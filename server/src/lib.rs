//! The server: configuration, sites and routes, the access log.
//!
//! It composes the roles below it: a [`Config`] becomes listeners, policies, sites and a log, and [`serve()`] runs them until a
//! signal. It is *not* a parser of messages and opens no sockets itself.
//!
//! ```text
//!  hansom.toml, flags ──▶ Config ──▶ serve ──▶ net::run ──▶ engine::Worker ──▶ Sites: host → site, path → route → origin
//!                                                                └──▶ AccessLog ──▶ standard output
//! ```
//!
//! ```
//! use std::path::Path;
//!
//! use hansom_server::config;
//!
//! let text = "[[listen]]\naddress = \"8080\"\n[[site]]\nroot = \".\"\n";
//! let config = config::parse(text, "hansom.toml", Path::new("/")).unwrap();
//! assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:8080");
//!
//! // All errors of one run, each with its place and what was probably meant.
//! let wrong = "[server]\nworker = 2\n[[site]]\nroot = \".\"\n";
//! let errors = config::parse(wrong, "hansom.toml", Path::new("/")).unwrap_err();
//! let error = &errors.errors[0];
//! assert_eq!(error.place.as_ref().unwrap().line, 2);
//! assert_eq!(error.message, "`worker` is not a key of [server]");
//! assert!(error.suggestion.as_ref().unwrap().contains("workers"));
//! ```
//!
//! Where to look next: [`config`] (the keys and their table), [`log`] (formats, escaping, the writer), `sites/` (from a request
//! to its answer), `plan.rs` (what a worker is made from), `reload.rs` (going over to another configuration).
//!
//! Invariant: a worker never waits for the log, and a configuration that cannot be gone over to whole changes nothing.

pub mod config;
mod explain;
pub mod log;
mod marks;
mod plan;
mod proxy;
mod recorder;
mod reload;
mod serve;
mod signing;
mod sites;
mod tls;

pub use config::Config;
pub use explain::{Explanation, Other, Spot, Step, UrlError, explain};
pub use plan::ServeError;
pub use serve::{Source, serve};
pub use signing::SigningError;
pub use sites::SiteError;
