//! The configuration: what `hansom.toml` says, as plain values.
//!
//! ```text
//!  hansom.toml --load/parse--> Config --to_toml--> hansom.toml
//!                    |
//!                    +--all errors at once--> ConfigErrors
//! ```
//!
//! Every key is known in one table (`keys.rs`); the reader, its suggestions, the
//! printer and the reference document `docs/hansom.toml.md` are made from it.
//!
//! Invariant: nothing here opens a socket, reads a clock or the environment. What
//! is known only at start (cores, open files) is left open as `None`.

mod checks;
mod error;
mod file;
mod findings;
mod json;
mod keys;
mod kinds;
mod law;
mod model;
mod node;
mod places;
mod read;
mod reference;
mod report;
mod rules;
mod schema;
mod slot;
mod suggest;
mod templates;
mod texts;
mod write;

pub use error::{ConfigError, ConfigErrors, Place};
pub use json::Json;
#[doc(hidden)]
pub use law::law;
pub use model::{
    Auth, AuthMethod, Breaker, Check, ClientCertificate, ClientFields, CodingName, Config, Cors,
    Expect, HandlerName, Lenient, Limits, Listener, Log, LogFormat, Output, Pool, PoolServer,
    Route, SameSite, Server, Sessions, Settings, Site, Sticky, Tls, TlsVersion, WhenAway,
};
pub use places::Places;
pub use read::{Loaded, load, load_with_places, parse, parse_with_places};
pub use reference::reference;
pub use schema::schema;
pub use suggest::{nearest, nearest_path};

pub use net::{Address, AddressError};

use keys::Key;
use node::{Node, Value};
use read::Reader;
use std::path::Path;

/// Where a key stands when it is set by name, as a flag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `[server]`.
    Server,
    /// `[limits]`.
    Limits,
    /// `[log]`.
    Log,
}

/// Why a key could not be set by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetError {
    /// What is wrong.
    pub message: String,
    /// What to try instead.
    pub suggestion: Option<String>,
}

impl Config {
    /// Sets one key of a section from a text, by the same rules as in the file; paths are relative to `base_dir`.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn set(
        &mut self,
        section: Section,
        name: &str,
        text: &str,
        base_dir: &Path,
    ) -> Result<(), SetError> {
        let given = Given {
            name,
            text,
            base_dir,
        };
        match section {
            Section::Server => given.set(keys::SERVER, &mut self.server, "[server]"),
            Section::Limits => given.set(keys::LIMITS, &mut self.limits, "[limits]"),
            Section::Log => given.set(keys::LOG, &mut self.log, "[log]"),
        }
    }
}

/// A key as a flag gives it.
struct Given<'a> {
    name: &'a str,
    text: &'a str,
    base_dir: &'a Path,
}

impl Given<'_> {
    fn set<T>(
        &self,
        keys: &'static [Key<T>],
        section: &mut T,
        title: &str,
    ) -> Result<(), SetError> {
        let plain = self.name.replace('-', "_");
        let Some(key) = keys.iter().find(|key| key.name == plain) else {
            let names = keys.iter().map(|key| key.name);
            return Err(SetError {
                message: format!("there is no such key in {title}"),
                suggestion: Some(match nearest(&plain, names.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", names.collect::<Vec<_>>().join(", ")),
                }),
            });
        };
        let mut node = Node::of_flag(self.text);
        if key.slot.is_text() && node.value != Value::Switch(false) {
            node.value = Value::Text(self.text.to_owned());
        }
        let mut reader = Reader::new(self.base_dir);
        key.slot.read(section, &node, &mut reader, key.name);
        reader.into_first().map_or(Ok(()), |error| {
            Err(SetError {
                message: error.sentence(),
                suggestion: error
                    .suggestion
                    .or_else(|| Some(format!("give {}", key.slot.allowed()))),
            })
        })
    }
}

/// Whether a text names a server that a gateway can ask.
///
/// # Errors
/// Why not.
pub fn server_is_named(text: &str) -> Result<(), String> {
    crate::sites::server_of(text).map(drop)
}

/// The ways in which a gateway chooses among servers, by name.
pub fn balances() -> Vec<&'static str> {
    intermediary::Balance::names().collect()
}
