//! Running a server.

use crate::config::Config;
use std::fmt;

/// Why serving did not start or ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// This build cannot serve.
    NotLinked,
}

/// Serves until it is told to stop.
pub fn serve(_config: Config) -> Result<(), ServeError> {
    Err(ServeError::NotLinked)
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("serving is not linked into this build")
    }
}

impl std::error::Error for ServeError {}
