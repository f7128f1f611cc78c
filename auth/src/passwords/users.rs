//! The users of an htpasswd file.

use crate::passwords::hash::{Hash, HashError};
use crate::secret::sha256;
use std::collections::HashMap;
use std::fmt;

/// Who may sign in, with what their passwords are checked against.
#[derive(Debug, Default)]
pub(crate) struct Users {
    by_name: HashMap<Box<str>, User>,
    /// The hash that takes longest to check.
    strongest: Option<Hash>,
}

#[derive(Debug)]
struct User {
    hash: Hash,
    mark: u64,
    line: usize,
}

impl Users {
    /// Reads lines of `name:hash`. Empty lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// The first line that cannot be used, and why.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, UsersError> {
        let mut users = Self::default();
        users.lines(octets).try_for_each(|line| line)?;
        Ok(users)
    }

    /// Reads on past lines that cannot be used; says what is wrong with each.
    pub(crate) fn errors(octets: &[u8]) -> Vec<UsersError> {
        let mut users = Self::default();
        users.lines(octets).filter_map(Result::err).collect()
    }

    /// Takes in one line after the other.
    fn lines(&mut self, octets: &[u8]) -> impl Iterator<Item = Result<(), UsersError>> {
        // Some editors begin a text so; it would be a part of the first name that nobody sees.
        let octets = octets.strip_prefix(BYTE_ORDER_MARK).unwrap_or(octets);
        let lines = (1..).zip(octets.split(|octet| *octet == b'\n'));
        lines.map(|(number, line)| {
            self.line(number, line).map_err(|problem| UsersError {
                line: number,
                problem,
            })
        })
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Problem> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| Problem::NotUtf8)?;
        if text.trim().is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let (name, hash) = text.split_once(':').ok_or(Problem::NoColon)?;
        if !is_name(name) {
            return Err(Problem::Name);
        }
        // Other programs keep more fields behind a second colon, such as a group; no hash has one.
        let hash = hash.split(':').next().unwrap_or_default();
        let mark = mark_of(name, hash);
        let hash = Hash::parse(hash).map_err(Problem::Hash)?;
        let user = User {
            hash,
            mark,
            line: number,
        };
        self.add(name, user)
    }

    fn add(&mut self, name: &str, user: User) -> Result<(), Problem> {
        if let Some(first) = self.by_name.get(name) {
            return Err(Problem::Twice { line: first.line });
        }
        let is_stronger = |strongest: &Hash| user.hash.micros() > strongest.micros();
        if self.strongest.as_ref().is_none_or(is_stronger) {
            self.strongest = Some(user.hash.clone());
        }
        self.by_name.insert(name.into(), user);
        Ok(())
    }

    /// Whether this is the user's password. It may take seconds, and takes about as long for a name that nobody has: the
    /// strongest hash of the file is computed for every one, so time does not tell who is a user.
    pub(crate) fn is_password(&self, name: &str, password: &[u8]) -> bool {
        let user = self.by_name.get(name);
        let is_right = user.is_some_and(|user| user.hash.is_of(password));
        if let Some(strongest) = &self.strongest
            && user.is_none_or(|user| user.hash.micros() < strongest.micros())
        {
            std::hint::black_box(strongest.is_of(password));
        }
        is_right
    }

    /// What changes when the user's password does; `None` for a name that nobody has.
    pub(crate) fn mark(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).map(|user| user.mark)
    }
}

/// Whether a user can be called so: no colon, which ends the name (RFC 7617 §2), and nothing that cannot be seen.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_OCTETS_MAX
        && !name.starts_with('#')
        && name.trim() == name
        && !name.contains(|letter: char| letter == ':' || letter.is_control())
}

fn mark_of(name: &str, hash: &str) -> u64 {
    let digest = sha256(format!("{name}:{hash}").as_bytes());
    digest
        .first_chunk()
        .map_or(0, |octets| u64::from_le_bytes(*octets))
}

/// A line of a file of users that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line of a file of users.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is not text in UTF-8.
    NotUtf8,
    /// It has no colon.
    NoColon,
    /// No user can be called so.
    Name,
    /// Another line has the same name.
    Twice {
        /// Its number.
        line: usize,
    },
    /// The hash.
    Hash(HashError),
}

impl std::error::Error for UsersError {}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            Problem::NotUtf8 => f.write_str("this is not UTF-8"),
            Problem::NoColon => f.write_str("a name, a colon and a hash are expected"),
            Problem::Name => write!(
                f,
                "no user can be called so: a name has 1 to {NAME_OCTETS_MAX} octets, no colon, no control character, \
                 no `#` at its begin and no space at its ends"
            ),
            Problem::Twice { line } => write!(f, "line {line} has this name already"),
            Problem::Hash(error) => error.fmt(f),
        }
    }
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Octets of a name.
pub const NAME_OCTETS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "{SHA}4V440WL1axDf+F+S9kVPLU2lu4E=";

    fn problem(text: &str) -> (usize, Problem) {
        let error = Users::parse(text.as_bytes()).unwrap_err();
        (error.line, error.problem)
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        let text = format!("# users\r\n\n  \nanna:{HASH}\r\nbär:{HASH}");
        let users = Users::parse(text.as_bytes()).unwrap();
        assert!(users.is_password("anna", "grün und blau!".as_bytes()));
        assert!(users.is_password("bär", "grün und blau!".as_bytes()));
        assert!(!users.is_password("anna", b"x"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        let users = Users::parse(format!("\u{feff}anna:{HASH}\n").as_bytes()).unwrap();
        assert!(users.is_password("anna", "grün und blau!".as_bytes()));
    }

    #[test]
    fn fields_behind_the_hash_are_for_others() {
        let users = Users::parse(format!("anna:{HASH}:staff").as_bytes()).unwrap();
        assert!(users.is_password("anna", "grün und blau!".as_bytes()));
    }

    #[test]
    fn nobody_is_in_an_empty_file() {
        let users = Users::parse(b"").unwrap();
        assert!(!users.is_password("", b""));
        assert_eq!(users.mark("anna"), None);
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        assert_eq!(problem("\nanna"), (2, Problem::NoColon));
        assert_eq!(problem(&format!(":{HASH}")), (1, Problem::Name));
        assert_eq!(problem(&format!("an\tna:{HASH}")), (1, Problem::Name));
        assert_eq!(
            problem(&format!("a:{HASH}\nb:{HASH}\na:{HASH}")),
            (3, Problem::Twice { line: 1 })
        );
        assert_eq!(
            problem("anna:secret"),
            (1, Problem::Hash(HashError::Unknown))
        );
        assert_eq!(
            Users::parse(b"a\xff:x").unwrap_err().problem,
            Problem::NotUtf8
        );
    }

    #[test]
    fn what_is_wrong_is_said_of_every_line() {
        let text = format!("anna\nb:{HASH}\nc:plain\nb:{HASH}\n");
        let lines = Users::errors(text.as_bytes());
        let lines: Vec<_> = lines.iter().map(|error| error.line).collect();
        assert_eq!(lines, [1, 3, 4]);
        assert!(Users::errors(format!("b:{HASH}").as_bytes()).is_empty());
    }

    #[test]
    fn plain_text_is_refused_without_being_told() {
        let error = Users::parse(b"anna:open sesame").unwrap_err().to_string();
        assert!(
            error.contains("line 1") && error.contains("plain text"),
            "{error}"
        );
        assert!(!error.contains("sesame"), "{error}");
    }

    #[test]
    fn a_mark_changes_with_the_password() {
        let other = "$apr1$rFUfFiKy$KNPLrC3CcXs6Rq8xxBIll/";
        let before = Users::parse(format!("anna:{HASH}\nbert:{HASH}").as_bytes()).unwrap();
        let after = Users::parse(format!("anna:{other}\nbert:{HASH}").as_bytes()).unwrap();
        assert_ne!(before.mark("anna"), after.mark("anna"));
        assert_eq!(before.mark("bert"), after.mark("bert"));
    }
}
