//! `Expect` (RFC 9110 §10.1.1).

use super::list::members_of;

/// What a request expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `100-continue` and nothing else.
    Continue,
    /// Something else, also beside it or malformed: a server may answer with 417.
    Other,
}

/// Reads all lines of the field; `None` when they expect nothing.
///
/// The value is compared in any case (RFC 9110 §10.1.1).
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Expectation> {
    let mut seen = None;
    for member in members_of(lines) {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Some(Expectation::Other);
        }
        seen = Some(Expectation::Continue);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continue_is_read_in_any_case() {
        for line in [
            &b"100-continue"[..],
            b"100-Continue",
            b" 100-CONTINUE\t",
            b"100-continue, 100-continue",
        ] {
            assert_eq!(parse([line]), Some(Expectation::Continue));
        }
    }

    #[test]
    fn anything_else_is_another_expectation_also_beside_continue() {
        for line in [
            &b"200-ok"[..],
            b"100-continue;a=b",
            b"100-continue=1",
            b"100 continue",
            b"\"100-continue\"",
            b"100-continue\x0b",
            b"x, 100-continue",
            b"100-continue, x",
        ] {
            assert_eq!(parse([line]), Some(Expectation::Other), "{line:?}");
        }
        assert_eq!(
            parse([&b"100-continue"[..], b"x"]),
            Some(Expectation::Other)
        );
    }

    #[test]
    fn an_absent_or_empty_field_expects_nothing() {
        assert_eq!(parse([]), None);
        assert_eq!(parse([&b""[..], b" , "]), None);
    }
}
