//! What concerns one connection alone and ends here (RFC 9110 §7.6.1).

use semantics::fields::connection::options;
use semantics::{FieldSet, Known, Section};

/// The fields that the lines of `Connection` name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nominated<'a> {
    /// Those with an id.
    pub(crate) known: FieldSet,
    others: [&'a [u8]; NOMINATED_MAX],
    count: usize,
}

/// `Connection` names more fields than [`NOMINATED_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Different fields without an id that one message may name in `Connection`: each line of it is compared with all.
pub const NOMINATED_MAX: usize = 16;

impl<'a> Nominated<'a> {
    /// Reads all lines of `Connection`. What is no token names no field, and a name that is named again counts once.
    #[inline]
    pub(crate) fn of(section: Section<'a>) -> Result<Self, TooMany> {
        let mut nominated = Self {
            known: FieldSet::EMPTY,
            others: [&[]; NOMINATED_MAX],
            count: 0,
        };
        if section.has(Known::Connection) {
            nominated.read(section)?;
        }
        Ok(nominated)
    }

    fn read(&mut self, section: Section<'a>) -> Result<(), TooMany> {
        // The commonest option names no field that would not end here in any case.
        let lines = section.all(Known::Connection);
        let lines = lines.filter(|line| !line.eq_ignore_ascii_case(b"keep-alive"));
        for option in options(lines).flatten() {
            if let Some(field) = Known::from_name(option) {
                self.known.insert(field);
            } else if !is_plain_option(option) && !self.names(option) {
                *self.others.get_mut(self.count).ok_or(TooMany)? = option;
                self.count += 1;
            }
        }
        Ok(())
    }

    /// Whether a field without an id is named.
    #[inline]
    pub(crate) fn names(&self, name: &[u8]) -> bool {
        let others = self.others.get(..self.count).unwrap_or_default();
        others.iter().any(|other| other.eq_ignore_ascii_case(name))
    }
}

/// `close` is no field: a field of that name would not be meant (RFC 9110 §7.6.1). `Keep-Alive` is known as a field.
fn is_plain_option(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"close")
}

/// Fields that never go further, named or not: of the connection (RFC 9110 §7.6.1), of framing, which is made anew
/// (RFC 9112 §6), and what a client and its next proxy have between them (RFC 9110 §11.7).
pub(crate) const ENDS_HERE: FieldSet = FieldSet::of(&[
    Known::Connection,
    Known::ContentLength,
    Known::Http2Settings,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyAuthorization,
    Known::ProxyConnection,
    Known::Te,
    Known::TransferEncoding,
    Known::Upgrade,
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_request;

    /// How many fields without an id are named, and whether `x-a` is one of them.
    fn nominated(fields: &str) -> (Result<usize, TooMany>, bool) {
        with_request(
            &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
            |head| match Nominated::of(head.section()) {
                Ok(nominated) => (Ok(nominated.count), nominated.names(b"X-A")),
                Err(TooMany) => (Err(TooMany), false),
            },
        )
    }

    #[test]
    fn fields_are_named_in_any_case_over_all_lines() {
        // table
        for (fields, count, is_named) in [
            ("", 0, false),
            ("Connection: close\r\n", 0, false),
            ("Connection: keep-alive, te\r\n", 0, false),
            ("Connection: x-a\r\n", 1, true),
            ("connection: CLOSE, X-a\r\nConnection: x-b\r\n", 2, true),
            ("Connection: x-a,x-a, X-A ,,x-a\r\n", 1, true),
            ("Connection: x a, \"x-a\", x-a;b\r\n", 0, false),
            ("Connection: x-a\u{b}\r\n", 0, false),
            (
                "Connection: Connection, connection, CONNECTION\r\n",
                0,
                false,
            ),
        ] {
            assert_eq!(nominated(fields), (Ok(count), is_named), "{fields}");
        }
    }

    #[test]
    fn more_names_than_are_kept_are_an_error() {
        let line = |count: usize| {
            let names: Vec<_> = (0..count).map(|i| format!("x-{i}")).collect();
            format!("Connection: {}\r\n", names.join(","))
        };
        assert_eq!(nominated(&line(NOMINATED_MAX)).0, Ok(NOMINATED_MAX));
        assert_eq!(nominated(&line(NOMINATED_MAX + 1)).0, Err(TooMany));
    }

    #[test]
    fn one_name_many_times_is_one_name() {
        let fields = format!("Connection: {}\r\n", "x-a,".repeat(10_000));
        assert_eq!(nominated(&fields), (Ok(1), true));
    }
}
