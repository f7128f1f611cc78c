//! Structured items, as far as the fields of resumable uploads need them (RFC 9651 §4.2.3).

use semantics::fields::list::trim_ows;

/// A boolean item; `None` for whatever else there is.
pub(super) fn boolean(value: &[u8]) -> Option<bool> {
    let (boolean, rest) = trim(value).split_at_checked(2)?;
    let boolean = match boolean {
        b"?0" => false,
        b"?1" => true,
        _ => return None,
    };
    are_parameters(rest).then_some(boolean)
}

/// An integer item that is not negative: at most 15 digits (RFC 9651 §3.3.1).
pub(super) fn integer(value: &[u8]) -> Option<u64> {
    let value = trim(value);
    let end = value.iter().position(|b| !b.is_ascii_digit());
    let (digits, rest) = value.split_at(end.unwrap_or(value.len()));
    if !(1..=15).contains(&digits.len()) || !are_parameters(rest) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// SP alone stands around an item.
fn trim(value: &[u8]) -> &[u8] {
    let trimmed = trim_ows(value);
    match value.contains(&b'\t') {
        true => b"",
        false => trimmed,
    }
}

/// Parameters, which mean nothing here: `;key` or `;key=value`, where the value is a boolean, an integer or a token.
fn are_parameters(mut rest: &[u8]) -> bool {
    while let Some(after) = rest.strip_prefix(b";") {
        let key = trim(after);
        let end = key.iter().position(|&b| b == b';').unwrap_or(key.len());
        let (parameter, others) = key.split_at(end);
        rest = others;
        let mut parts = parameter.splitn(2, |&b| b == b'=');
        let name = parts.next().unwrap_or_default();
        let is_name = name
            .first()
            .is_some_and(|b| b.is_ascii_lowercase() || *b == b'*')
            && name
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(b));
        let is_value = parts.next().is_none_or(|value| {
            !value.is_empty()
                && value
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"?*:/._-".contains(b))
        });
        if !is_name || !is_value {
            return false;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boolean_is_spelled_in_one_way() {
        for (text, value) in [
            ("?1", Some(true)),
            (" ?0 ", Some(false)),
            ("?1;a=b;c", Some(true)),
            ("?2", None),
            ("true", None),
            ("1", None),
            ("?1, ?1", None),
            ("?1;", None),
            ("?1;A=b", None),
            ("", None),
        ] {
            assert_eq!(boolean(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn an_integer_has_at_most_fifteen_digits_and_no_sign() {
        for (text, value) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("1000000000000000", None),
            ("-1", None),
            ("+1", None),
            ("1.0", None),
            ("1 2", None),
            ("\"1\"", None),
            ("\t1", None),
            ("", None),
        ] {
            assert_eq!(integer(text.as_bytes()), value, "{text}");
        }
    }
}
