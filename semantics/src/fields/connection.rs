//! `Connection`: options for this connection alone, and the names of fields that concern it
//! alone (RFC 9110 §7.6.1).

use super::list::{Malformed, is_token, members_of};

/// What all lines of `Connection` say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `close` (RFC 9112 §9.6). It outweighs `keep-alive` (RFC 9112 §9.3).
    pub close: bool,
    /// `keep-alive` (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// `upgrade` (RFC 9110 §7.8).
    pub upgrade: bool,
    /// `te` (RFC 9110 §10.1.4).
    pub te: bool,
    /// How many other options.
    pub others: usize,
    /// How many members that are no token.
    pub malformed: usize,
}

impl Connection {
    /// Reads all lines of the field, which may be none.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut seen = Self::default();
        for line in lines {
            // Nearly every line is one of the first two.
            match line.len() {
                10 if line.eq_ignore_ascii_case(b"keep-alive") => seen.keep_alive = true,
                5 if line.eq_ignore_ascii_case(b"close") => seen.close = true,
                _ => seen.read(line),
            }
        }
        seen
    }

    fn read(&mut self, line: &[u8]) {
        for option in options([line]) {
            match option {
                Ok(option) if option.eq_ignore_ascii_case(b"close") => self.close = true,
                Ok(option) if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                Ok(option) if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                Ok(option) if option.eq_ignore_ascii_case(b"te") => self.te = true,
                Ok(_) => self.others += 1,
                Err(Malformed) => self.malformed += 1,
            }
        }
    }
}

/// The options, each a token in any case; an intermediary removes the fields they name
/// (RFC 9110 §7.6.1).
pub fn options<'a, I>(lines: I) -> impl Iterator<Item = Result<&'a [u8], Malformed>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    members_of(lines).map(|member| {
        if is_token(member) {
            Ok(member)
        } else {
            Err(Malformed)
        }
    })
}

/// Whether the field names this option or field.
pub fn names<'a>(lines: impl IntoIterator<Item = &'a [u8]>, option: &[u8]) -> bool {
    options(lines).any(|named| named.is_ok_and(|named| named.eq_ignore_ascii_case(option)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_case_over_all_lines() {
        let seen = Connection::parse([&b"Keep-Alive, TE"[..], b"\tCLOSE\t", b"uPgrade, x-a, x-b"]);
        let wanted = Connection {
            close: true,
            keep_alive: true,
            upgrade: true,
            te: true,
            others: 2,
            malformed: 0,
        };
        assert_eq!(seen, wanted);
    }

    #[test]
    fn no_lines_and_empty_ones_say_nothing() {
        assert_eq!(Connection::parse([]), Connection::default());
        assert_eq!(
            Connection::parse([&b""[..], b" , ,"]),
            Connection::default()
        );
    }

    #[test]
    fn only_the_whole_token_is_an_option() {
        let seen = Connection::parse([&b"closed, xclose, close-"[..]]);
        assert_eq!(
            seen,
            Connection {
                others: 3,
                ..Connection::default()
            }
        );
    }

    #[test]
    fn malformed_members_are_counted_and_are_no_option() {
        let seen = Connection::parse([&b"close\x0b, \"close\", clo se, close;a=b, keep-alive"[..]]);
        assert_eq!(
            seen,
            Connection {
                keep_alive: true,
                malformed: 4,
                ..Connection::default()
            }
        );
    }

    #[test]
    fn a_named_field_is_found() {
        let lines: [&[u8]; 2] = [b"close", b"X-Trace"];
        assert!(names(lines, b"x-trace"));
        assert!(!names(lines, b"x-tra"));
    }
}
