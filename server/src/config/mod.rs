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
mod findings;
mod keys;
mod law;
mod model;
mod read;
mod reference;
mod slot;
mod suggest;
mod write;

pub use error::{ConfigError, ConfigErrors, Place};
#[doc(hidden)]
pub use law::law;
pub use model::{
    Auth, AuthMethod, ClientCertificate, CodingName, Config, Cors, HandlerName, Lenient, Limits,
    Listener, Log, LogFormat, Output, Route, SameSite, Server, Sessions, Settings, Site, Tls,
    TlsVersion, WhenAway,
};
pub use read::{load, parse};
pub use reference::reference;
pub use suggest::{nearest, nearest_path};

pub use net::{Address, AddressError};

use keys::Key;

/// Where a key stands when it is set by name, as a flag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `[server]`.
    Server,
    /// `[limits]`.
    Limits,
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
    /// Sets one key of a section from a text, by the same rules as in the file.
    pub fn set(&mut self, section: Section, name: &str, text: &str) -> Result<(), SetError> {
        match section {
            Section::Server => set_key(keys::SERVER, &mut self.server, "[server]", name, text),
            Section::Limits => set_key(keys::LIMITS, &mut self.limits, "[limits]", name, text),
        }
    }
}

fn set_key<T>(
    keys: &'static [Key<T>],
    section: &mut T,
    title: &str,
    name: &str,
    text: &str,
) -> Result<(), SetError> {
    let plain = name.replace('-', "_");
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
    key.slot
        .store_flag(section, text)
        .map_err(|complaint| SetError {
            message: complaint.message,
            suggestion: complaint
                .suggestion
                .or_else(|| Some(format!("give {}", key.slot.allowed()))),
        })
}
