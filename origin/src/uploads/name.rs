//! Which names may be given to what is uploaded.

use semantics::fields::list::trim_ows;

use super::denial::Denial;
use crate::files::has_hidden_segment;

/// Where a path leads, by its form alone. Paths here are below the root, without slashes around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// A path that ends in a slash, or that is empty.
    Folder {
        /// The folder; empty for the root.
        folder: &'a [u8],
    },
    /// Another.
    File {
        /// The folder that has it.
        folder: &'a [u8],
        /// Its name there.
        name: &'a [u8],
    },
}

impl<'a> Place<'a> {
    /// The place of a path in normal form, if something may be changed there.
    pub(super) fn of(path: &'a [u8]) -> Result<Self, Denial> {
        if has_hidden_segment(path) {
            return Err(Denial::HIDDEN);
        }
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        if Self::is_folder(path) {
            let folder = relative.strip_suffix(b"/").unwrap_or(relative);
            return Ok(Self::Folder { folder });
        }
        let (folder, name) = split_last(relative);
        // The one name with a dot that is served is that of a folder.
        if name.starts_with(b".") {
            return Err(Denial::HIDDEN);
        }
        judge(name)?;
        Ok(Self::File { folder, name })
    }

    /// The place of a file by its path below the root.
    pub(super) fn file(relative: &'a [u8]) -> Self {
        let (folder, name) = split_last(relative);
        Self::File { folder, name }
    }

    pub(super) fn is_folder(path: &[u8]) -> bool {
        path.is_empty() || path.ends_with(b"/")
    }
}

/// The folder of a path and the name in it.
pub(super) fn split_last(relative: &[u8]) -> (&[u8], &[u8]) {
    match relative.iter().rposition(|&b| b == b'/') {
        Some(slash) => (
            relative.get(..slash).unwrap_or_default(),
            relative.get(slash + 1..).unwrap_or_default(),
        ),
        None => (b"", relative),
    }
}

/// Whether a name, which is one segment, may be stored.
pub(super) fn judge(name: &[u8]) -> Result<(), Denial> {
    match name {
        b"" => Err(Denial::NAME),
        [b'.', ..] => Err(Denial::HIDDEN),
        name if name.len() > NAME_OCTETS_MAX => Err(Denial::NAME_TOO_LONG),
        name if name.iter().any(|&b| b < 0x20 || b == 0x7f || b == b'/') => Err(Denial::NAME),
        _ => Ok(()),
    }
}

/// The name for the file of a form: what stands behind the last separator of either kind, since some user agents send
/// a whole path (RFC 7578 §4.2: "the receiving application [...] should not use the file name blindly").
pub(super) fn of_part(filename: &[u8]) -> Result<Vec<u8>, Denial> {
    let last = filename.rsplit(|&b| b == b'/' || b == b'\\').next();
    let name = trim_ows(last.unwrap_or_default());
    judge(name).map_err(|denial| match denial {
        // The target is not what is too long.
        Denial::NAME_TOO_LONG => Denial::PART_NAME_TOO_LONG,
        denial => denial,
    })?;
    Ok(name.to_vec())
}

/// The name that is tried when `name` stands for something: `a (2).txt`. At most [`NAME_OCTETS_MAX`] octets, cut between
/// characters.
pub(super) fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    let dot = name.iter().rposition(|&b| b == b'.').filter(|&at| at > 0);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let number = format!(" ({number})");
    // An extension of more than a few octets is none.
    let (stem, extension) = match extension.len() <= EXTENSION_OCTETS_MAX {
        true => (stem, extension),
        false => (name, &b""[..]),
    };
    let mut end = stem
        .len()
        .min(NAME_OCTETS_MAX - number.len() - extension.len());
    while end > 0 && end < stem.len() && stem.get(end).is_some_and(|&b| b & 0xc0 == 0x80) {
        end -= 1;
    }
    [
        stem.get(..end).unwrap_or(stem),
        number.as_bytes(),
        extension,
    ]
    .concat()
}

/// What file systems take for a name.
const NAME_OCTETS_MAX: usize = 255;
const EXTENSION_OCTETS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_folder_with_a_slash_and_a_file_without() {
        let file = |folder, name| Ok(Place::File { folder, name });
        assert_eq!(Place::of(b"/a/b"), file(b"a", b"b"));
        assert_eq!(Place::of(b"/b"), file(b"", b"b"));
        assert_eq!(Place::of(b"/a/"), Ok(Place::Folder { folder: b"a" }));
        for root in [&b"/"[..], b""] {
            assert_eq!(Place::of(root), Ok(Place::Folder { folder: b"" }));
        }
    }

    #[test]
    fn what_is_not_served_is_not_stored() {
        for path in [&b"/.a"[..], b"/.git/a", b"/a/.b/", b"/.well-known"] {
            assert_eq!(Place::of(path), Err(Denial::HIDDEN));
        }
        assert!(Place::of(b"/.well-known/security.txt").is_ok());
        assert_eq!(Place::of(b"/a\n"), Err(Denial::NAME));
        assert_eq!(Place::of(&[b'a'; 256]), Err(Denial::NAME_TOO_LONG));
    }

    #[test]
    fn a_name_from_a_form_loses_its_folders() {
        for (given, name) in [
            (&b"a.txt"[..], &b"a.txt"[..]),
            (b"C:\\Users\\x\\a.txt", b"a.txt"),
            (b"../../etc/passwd", b"passwd"),
            (b"d/e\\f", b"f"),
            (b" a b ", b"a b"),
            ("文.txt".as_bytes(), "文.txt".as_bytes()),
            (b"\xff", b"\xff"),
        ] {
            assert_eq!(of_part(given).unwrap(), name);
        }
        for given in [
            &b""[..],
            b"a/",
            b"..",
            ".\\..".as_bytes(),
            b".htaccess",
            b"a\0",
            b"a\r\nb",
            b"/",
        ] {
            assert!(of_part(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_told_by_where_it_stands() {
        let long = [b'a'; NAME_OCTETS_MAX + 1];
        assert_eq!(judge(&long).unwrap_err().status.code(), 414);
        assert_eq!(of_part(&long).unwrap_err().status.code(), 400);
    }

    #[test]
    fn a_numbered_name_keeps_its_extension_and_the_bound() {
        assert_eq!(numbered(b"a.txt", 2), b"a (2).txt");
        assert_eq!(numbered(b"a", 10), b"a (10)");
        assert_eq!(numbered(b"a.tar.gz", 2), b"a.tar (2).gz");
        let long = "é".repeat(127);
        let name = numbered(long.as_bytes(), 2);
        assert!(name.len() <= 255 && std::str::from_utf8(&name).is_ok());
        let no_extension = [&b"a."[..], &[b'b'; 250]].concat();
        assert!(numbered(&no_extension, 3).len() <= 255);
    }
}
