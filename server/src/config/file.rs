//! The file itself: its octets, and what keeps it from being read.

use super::error::{ConfigError, ConfigErrors};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The text of a file, if it is one.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(path)?
        .take(FILE_OCTETS_MAX + 1)
        .read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        let message = format!("it has more than {FILE_OCTETS_MAX} octets");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let octets = error.as_bytes().iter().take(valid);
        let line = octets.filter(|octet| **octet == b'\n').count() + 1;
        let message = format!("line {line} is not UTF-8");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// What is said of a file that cannot be read.
pub(super) fn unreadable(file: &str, error: &io::Error) -> ConfigErrors {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let suggestion = (error.kind() == io::ErrorKind::IsADirectory)
        .then(|| format!("`hansom serve {file}` serves a folder"));
    ConfigErrors {
        file: file.to_owned(),
        errors: vec![ConfigError {
            suggestion,
            ..ConfigError::of_file(message)
        }],
        warnings: Vec::new(),
        unreadable: Some(error.kind()),
    }
}

/// A configuration is written by hand: a larger file is another one.
const FILE_OCTETS_MAX: u64 = 1024 * 1024;
