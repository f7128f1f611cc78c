//! The server: configuration, sites and routes, the access log.
//!
//! It composes the roles below it; it does not parse messages and opens no sockets
//! itself.

pub mod config;
pub mod log;
mod recorder;
mod serve;
mod sites;

pub use config::Config;
pub use serve::{ServeError, serve};
