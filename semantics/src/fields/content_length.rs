//! `Content-Length` (RFC 9110 §8.6). What becomes of a doubtful one is for the framing to
//! decide (RFC 9112 §6.3).

use super::list::trim_ows;

/// What the field lines of `Content-Length` say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// One value.
    Valid(u64),
    /// The same value several times, in a list or on several lines. A recipient may take it
    /// for one value or refuse it (RFC 9110 §8.6).
    Repeated(u64),
    /// Valid values that differ: invalid as a whole, and to be refused (RFC 9112 §6.3 rule 5).
    Differing,
    /// At least one value is none.
    Invalid(Invalid),
}

/// Why a value is not a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// There is nothing, on a line or between commas. This field is not a list, so empty
    /// members are not skipped.
    Empty,
    /// An octet that is no digit (RFC 9110 §8.6): a sign, a space, a prefix, a fraction.
    NotDigits,
    /// More than a `u64` holds. Never wrapped (RFC 9110 §8.6).
    TooLarge,
}

/// Reads all lines of the field; `None` when there is none.
///
/// The first invalid value decides, and differing values only count when all are valid.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<ContentLength> {
    let mut seen: Option<ContentLength> = None;
    for value in lines
        .into_iter()
        .flat_map(|line| line.split(|&octet| octet == b','))
    {
        let value = match parse_one(trim_ows(value)) {
            Ok(value) => value,
            Err(why) => return Some(ContentLength::Invalid(why)),
        };
        seen = Some(match seen {
            None => ContentLength::Valid(value),
            Some(ContentLength::Valid(held) | ContentLength::Repeated(held)) if held == value => {
                ContentLength::Repeated(value)
            }
            Some(_) => ContentLength::Differing,
        });
    }
    seen
}

/// Reads a single value: digits and nothing else (RFC 9110 §8.6).
///
/// # Errors
///
/// Says why the octets are not a length.
pub fn parse_one(octets: &[u8]) -> Result<u64, Invalid> {
    if octets.is_empty() {
        return Err(Invalid::Empty);
    }
    if !octets.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::NotDigits);
    }
    octets
        .iter()
        .try_fold(0_u64, |sum, octet| {
            sum.checked_mul(10)?.checked_add(u64::from(octet - b'0'))
        })
        .ok_or(Invalid::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &[u8]) -> ContentLength {
        parse([line]).unwrap()
    }

    #[test]
    fn digits_are_a_length() {
        assert_eq!(one(b"0"), ContentLength::Valid(0));
        assert_eq!(one(b"42"), ContentLength::Valid(42));
        assert_eq!(one(b"0000000000000000000000042"), ContentLength::Valid(42));
        assert_eq!(one(b"18446744073709551615"), ContentLength::Valid(u64::MAX));
    }

    #[test]
    fn a_tab_around_a_length_is_whitespace() {
        assert_eq!(one(b"\t5 "), ContentLength::Valid(5));
    }

    #[test]
    fn no_line_is_no_length() {
        assert_eq!(parse([]), None);
    }

    #[test]
    fn more_than_sixty_four_bits_is_too_large_and_never_wraps() {
        for line in [
            &b"18446744073709551616"[..],
            b"18446744073709551621",
            b"99999999999999999999999999999999",
        ] {
            assert_eq!(one(line), ContentLength::Invalid(Invalid::TooLarge));
        }
    }

    #[test]
    fn anything_but_digits_is_refused() {
        for line in [
            &b"-1"[..],
            b"+5",
            b"5.0",
            b"0x5",
            b"5a",
            b"a",
            b"5 5",
            b"\"5\"",
            b"5;",
            b"1e3",
            b"5\x00",
            b"\x0b5",
            b"5\x0c",
            b"\xb5",
            b"5_0",
            b"5\r",
            b"\xd9\xa5",
            b"99999999999999999999a",
        ] {
            assert_eq!(
                one(line),
                ContentLength::Invalid(Invalid::NotDigits),
                "{line:?}"
            );
        }
    }

    #[test]
    fn empty_values_are_refused_also_beside_others() {
        for line in [&b""[..], b" ", b",", b"5,", b",5", b"5,,5"] {
            assert_eq!(
                one(line),
                ContentLength::Invalid(Invalid::Empty),
                "{line:?}"
            );
        }
        assert_eq!(
            parse([&b"5"[..], b""]),
            Some(ContentLength::Invalid(Invalid::Empty))
        );
    }

    #[test]
    fn equal_values_are_told_from_a_single_one() {
        assert_eq!(one(b"5, 5"), ContentLength::Repeated(5));
        assert_eq!(one(b"5,5,05"), ContentLength::Repeated(5));
        assert_eq!(parse([&b"5"[..], b"5"]), Some(ContentLength::Repeated(5)));
    }

    #[test]
    fn two_different_lengths_are_told_from_equal_ones() {
        assert_eq!(one(b"5, 6"), ContentLength::Differing);
        assert_eq!(one(b"5,6,5"), ContentLength::Differing);
        assert_eq!(one(b"6,5,5"), ContentLength::Differing);
        assert_eq!(parse([&b"5"[..], b"6"]), Some(ContentLength::Differing));
    }

    #[test]
    fn an_invalid_value_outweighs_a_difference() {
        assert_eq!(one(b"5, 6, x"), ContentLength::Invalid(Invalid::NotDigits));
    }
}
