//! What in a target may be a secret, for whoever shows targets: logs, and pages that tell of exchanges.
//!
//! A target is cut into pieces to be shown and secrets to be blanked. Whether a query's value is a secret is told by its key.

use memchr::{memchr, memchr2};

/// What is shown in the place of a secret.
pub const BLANK: &str = "***";

/// A piece of a target, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// To be shown as it is. May be empty.
    Plain(&'a [u8]),
    /// Not to be shown.
    Secret,
}

/// Gives a target or a URI piece by piece, its secrets being in its query, its fragment and its userinfo.
pub fn of_uri<'a>(uri: &'a [u8], mut each: impl FnMut(Piece<'a>)) {
    let (userinfo_start, userinfo_end) = userinfo(uri);
    let (before, rest) = uri.split_at(userinfo_start);
    let (secret, rest) = rest.split_at(userinfo_end - userinfo_start);
    each(Piece::Plain(before));
    if !secret.is_empty() {
        each(Piece::Secret);
    }
    let query = memchr2(b'?', b'#', rest).unwrap_or(rest.len());
    let (path, query) = rest.split_at(query);
    each(Piece::Plain(path));
    of_query(query, &mut each);
}

/// Gives a query, with or without its `?`, piece by piece.
pub fn of_query<'a>(query: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    let is_separator = |octet: &u8| matches!(octet, b'&' | b';' | b'?' | b'#');
    let mut rest = query;
    while !rest.is_empty() {
        let end = rest.iter().position(is_separator).unwrap_or(rest.len());
        let (pair, behind) = rest.split_at(end);
        let taken = match secret_at(pair) {
            Some(at) => secret(rest, at, each),
            None => {
                each(Piece::Plain(pair));
                pair.len()
            }
        };
        let behind = rest.get(taken..).unwrap_or(behind);
        let (separator, behind) = behind.split_at(behind.len().min(1));
        each(Piece::Plain(separator));
        rest = behind;
    }
}

/// A target or a URI as it may be shown.
#[must_use]
pub fn blanked(uri: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(uri.len());
    of_uri(uri, |piece| match piece {
        Piece::Plain(octets) => shown.extend_from_slice(octets),
        Piece::Secret => shown.extend_from_slice(BLANK.as_bytes()),
    });
    shown
}

/// Where the value of a `key=value` begins, if it is secret.
fn secret_at(pair: &[u8]) -> Option<usize> {
    let at = memchr(b'=', pair)?;
    is_secret(pair.get(..at)?).then_some(at + 1)
}

/// Gives a key and its secret, and says how many octets that were. Only `&` and `#` end a value for certain (RFC 3986 §3.4;
/// WHATWG URL §5.1): `;` and `?` may be part of it.
fn secret<'a>(rest: &'a [u8], at: usize, each: &mut impl FnMut(Piece<'a>)) -> usize {
    let (key, value) = rest.split_at_checked(at).unwrap_or((rest, &[]));
    let length = memchr2(b'&', b'#', value).unwrap_or(value.len());
    each(Piece::Plain(key));
    if length > 0 {
        each(Piece::Secret);
    }
    key.len() + length
}

/// Where the userinfo of an absolute form is (RFC 3986 §3.2.1).
fn userinfo(uri: &[u8]) -> (usize, usize) {
    let is_end = |octet: &u8| matches!(octet, b'/' | b'?' | b'#');
    if uri.first().is_none_or(is_end) {
        return (0, 0);
    }
    // A scheme has no colon (RFC 3986 §3.1), so the first one ends it.
    let start = memchr(b':', uri).map_or(0, |at| at + 3);
    let (scheme, rest) = uri.split_at_checked(start).unwrap_or_default();
    if !scheme.ends_with(b"://")
        || scheme
            .strip_suffix(b"://")
            .is_none_or(|s| s.iter().any(is_end))
    {
        return (0, 0);
    }
    let authority = rest.split(is_end).next().unwrap_or_default();
    authority
        .iter()
        .rposition(|octet| *octet == b'@')
        .map_or((0, 0), |at| (start, start + at))
}

/// Whether the values of a query key are secrets, whatever its case and punctuation.
fn is_secret(key: &[u8]) -> bool {
    let mut letters = [0_u8; KEY_LETTERS_MAX];
    let mut count = 0;
    let mut rest = key;
    while let Some((&octet, tail)) = rest.split_first() {
        let decoded = (octet == b'%')
            .then(|| tail.get(..2).and_then(hex))
            .flatten();
        rest = if decoded.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
        let letter = decoded.unwrap_or(octet).to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            // A key longer than all that is known: rather blank than tell.
            let Some(place) = letters.get_mut(count) else {
                return true;
            };
            *place = letter;
            count += 1;
        }
    }
    let word = letters.get(..count).unwrap_or_default();
    let has = |part: &&str| {
        word.windows(part.len())
            .any(|window| window == part.as_bytes())
    };
    let is = |whole: &&str| word == whole.as_bytes();
    word.ends_with(b"key") || SECRET_PARTS.iter().any(has) || SECRET_WORDS.iter().any(is)
}

fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16);
    match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    }
}

/// Letters of a key that are looked at.
const KEY_LETTERS_MAX: usize = 128;
/// A key is secret if its letters contain one of these, or end in `key`.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "signature",
    "credential",
    "session",
    "authorization",
    "apikey",
    "accesskey",
    "privatekey",
];
/// A key is secret if its letters are one of these.
const SECRET_WORDS: &[&str] = &[
    "pw", "pwd", "pass", "sig", "auth", "jwt", "otp", "pin", "sid",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_target_are_blanked_and_nothing_else() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"/a?x=1&token=abc&z", b"/a?x=1&token=***&z"),
            (b"/a?to%6ben=abc#sid=1", b"/a?to%6ben=***#sid=***"),
            (b"/a?pw=a;b?c&d=e", b"/a?pw=***&d=e"),
            (b"/token=abc", b"/token=abc"),
            (b"/a?token=", b"/a?token="),
            (
                b"http://user:pass@a.example/b@c",
                b"http://***@a.example/b@c",
            ),
            (b"*", b"*"),
        ];
        for (target, shown) in cases {
            assert_eq!(blanked(target), shown, "{}", target.escape_ascii());
        }
    }
}
