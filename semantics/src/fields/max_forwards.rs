//! `Max-Forwards` of TRACE and OPTIONS (RFC 9110 §7.6.2).

/// Reads the value: digits and nothing else; `None` for anything else.
///
/// More than a `u32` counts as the largest one: a recipient forwards with the lesser of the
/// value less one and the largest it supports (RFC 9110 §7.6.2).
#[must_use]
pub fn parse(octets: &[u8]) -> Option<u32> {
    if octets.is_empty() {
        return None;
    }
    octets.iter().try_fold(0_u32, |sum, octet| {
        let digit = octet.is_ascii_digit().then(|| u32::from(octet - b'0'))?;
        Some(sum.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_count() {
        assert_eq!(parse(b"0"), Some(0));
        assert_eq!(parse(b"0010"), Some(10));
        assert_eq!(parse(b"4294967295"), Some(u32::MAX));
    }

    #[test]
    fn a_huge_count_is_the_largest_one() {
        assert_eq!(parse(b"4294967296"), Some(u32::MAX));
        assert_eq!(parse(b"99999999999999999999999999999999"), Some(u32::MAX));
    }

    #[test]
    fn anything_but_digits_is_refused() {
        for octets in [
            &b""[..],
            b"-1",
            b"+1",
            b"1 ",
            b" 1",
            b"1,1",
            b"a",
            b"0x1",
            b"1\x00",
            b"99999999999a",
        ] {
            assert_eq!(parse(octets), None, "{octets:?}");
        }
    }
}
