//! `Negotiate`: how a user agent asks for the list of variants (RFC 2295 §8.4).

use super::list::members_of;

/// What a user agent that knows transparent negotiation asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: it has not sent the field, or nothing in it that is known.
    #[default]
    Nothing,
    /// The list, to choose for itself.
    List,
    /// A choice by whatever rules the server has.
    Choice {
        /// With the list beside it.
        with_list: bool,
    },
}

/// Reads the field. `trans`, `vlist` and `guess-small` let the server choose only by a rule that the field names, and
/// `*` is every rule; versions of rules (RFC 2296) are none of ours.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Asked {
    let (mut is_known, mut with_list, mut may_choose) = (false, false, false);
    for member in members_of(lines) {
        let is = |name: &str| member.eq_ignore_ascii_case(name.as_bytes());
        with_list |= is("vlist");
        may_choose |= is("*");
        is_known |= is("trans") || is("vlist") || is("guess-small");
    }
    match (may_choose, is_known) {
        (true, _) => Asked::Choice { with_list },
        (false, true) => Asked::List,
        (false, false) => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_asked_for_unless_the_server_may_choose() {
        let of = |line: &'static str| parse([line.as_bytes()]);
        assert_eq!(parse([]), Asked::Nothing);
        assert_eq!(of("1.0, x"), Asked::Nothing);
        assert_eq!(of("vlist"), Asked::List);
        assert_eq!(of("Trans, 1.0"), Asked::List);
        assert_eq!(of("guess-small"), Asked::List);
        assert_eq!(of("*"), Asked::Choice { with_list: false });
        assert_eq!(of("vlist, *"), Asked::Choice { with_list: true });
    }
}
