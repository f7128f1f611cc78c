//! "Did you mean": the known name nearest to a misspelled one.

use std::path::{Path, PathBuf};

/// The nearest of some names: one within two edits, else one that shares a beginning.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    let edits = |other: &str| strsim::damerau_levenshtein(&name, &other.to_lowercase());
    // Two edits turn any three-letter word into another: short names get fewer.
    let bound = (name.chars().count() / 2).min(EDITS_MAX);
    let close = known.clone().map(|other| (edits(other), other));
    let close = close
        .filter(|(edits, _)| *edits <= bound)
        .min_by_key(|(edits, _)| *edits);
    let begins = |other: &str| {
        name.len() >= PREFIX_OCTETS_MIN && (other.starts_with(&name) || name.starts_with(other))
    };
    close
        .map(|(_, other)| other)
        .or_else(|| known.clone().find(|other| begins(other)))
}

/// The neighbour of a path whose name is nearest to its own, of those that fit.
pub fn nearest_path(path: &Path, is_fit: fn(&Path) -> bool) -> Option<PathBuf> {
    let parent = path.parent()?;
    let folder = if parent == Path::new("") {
        Path::new(".")
    } else {
        parent
    };
    let entries = folder.read_dir().ok()?.take(ENTRIES_MAX).flatten();
    let entries = entries.filter(|entry| is_fit(&entry.path()));
    let names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let near = nearest(
        path.file_name()?.to_str()?,
        names.iter().map(String::as_str),
    )?;
    Some(parent.join(near))
}

const EDITS_MAX: usize = 2;
const PREFIX_OCTETS_MIN: usize = 3;
/// Neighbours looked at.
const ENTRIES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn near(name: &str) -> Option<&'static str> {
        nearest(
            name,
            ["workers", "access_log", "keep_alive", "root", "hosts"].into_iter(),
        )
    }

    #[test]
    fn two_edits_are_near() {
        assert_eq!(near("wrokers"), Some("workers"));
        assert_eq!(near("keepalive"), Some("keep_alive"));
        assert_eq!(near("keep-alive"), Some("keep_alive"));
        assert_eq!(near("Host"), Some("hosts"));
    }

    #[test]
    fn a_shared_beginning_is_near() {
        assert_eq!(near("access"), Some("access_log"));
        assert_eq!(near("worker_processes"), None);
        assert_eq!(near("workers_per_core"), Some("workers"));
    }

    #[test]
    fn a_short_name_is_near_to_nothing() {
        assert_eq!(near("a"), None);
        assert_eq!(near("xyz"), None);
    }
}
