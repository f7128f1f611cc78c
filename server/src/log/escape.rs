//! Octets of a peer as text that is safe to show, with secrets blanked.

use super::number;
use memchr::{memchr, memchr2};

/// What an escaped text stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for eyes: `\` is doubled, the rest is `\xNN`.
    Line,
    /// Between quotation marks, as Apache does: `"` and `\` get a backslash, the rest is `\xNN`.
    Quoted,
    /// A JSON string without its quotation marks (RFC 8259 §7). Octets that are not
    /// UTF-8 have no spelling in JSON and stand as the text `\xNN`.
    Json,
}

/// Appends octets, escaped: runs of plain ones in one go, others one at a time.
pub(super) fn append(out: &mut Vec<u8>, octets: &[u8], form: Form) {
    let mut rest = octets;
    loop {
        let (plain, odd) = rest.split_at(plain_length(rest));
        out.extend_from_slice(plain);
        if odd.is_empty() {
            return;
        }
        rest = append_odd(out, odd, form);
    }
}

/// Appends the first character, or the octets that are none, and gives the rest.
fn append_odd<'o>(out: &mut Vec<u8>, octets: &'o [u8], form: Form) -> &'o [u8] {
    let first = octets.get(..4).unwrap_or(octets);
    let Some(chunk) = first.utf8_chunks().next() else {
        return &[];
    };
    let length = match chunk.valid().chars().next() {
        Some(character) => {
            append_character(out, character, form);
            character.len_utf8()
        }
        None => {
            chunk
                .invalid()
                .iter()
                .for_each(|octet| append_octet(out, *octet, form));
            chunk.invalid().len()
        }
    };
    octets.get(length..).unwrap_or_default()
}

/// How many octets from the first are visible ASCII or space, without `"` and `\`.
///
/// Plainly: `octets.iter().take_while(|octet| is_plain(**octet)).count()`. Departures:
/// 1. Eight octets are looked at together. In each mask below the highest bit of an
///    octet is set if it is odd; a borrow can set one wrongly only above a right one,
///    so the lowest is right, and with the first octet lowest that is the first one.
fn plain_length(octets: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let (words, tail) = octets.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
        let equal = |octet: u8| below(word ^ (ONES * u64::from(octet)), 1);
        let odd = word | below(word, b' ') | equal(0x7f) | equal(b'"') | equal(b'\\');
        if odd & HIGHS != 0 {
            return number * 8 + (odd & HIGHS).trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + tail.iter().take_while(|octet| is_plain(**octet)).count()
}

fn is_plain(octet: u8) -> bool {
    matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\'
}

/// Appends a target or a URI: escaped, without the secrets of its query and userinfo.
pub(super) fn append_uri(out: &mut Vec<u8>, uri: &[u8], form: Form) {
    let (userinfo_start, userinfo_end) = userinfo(uri);
    let (before, rest) = uri.split_at(userinfo_start);
    let (secret, rest) = rest.split_at(userinfo_end - userinfo_start);
    append(out, before, form);
    if !secret.is_empty() {
        out.extend_from_slice(BLANK);
    }
    let query = memchr2(b'?', b'#', rest).unwrap_or(rest.len());
    let (path, query) = rest.split_at(query);
    append(out, path, form);
    append_query(out, query, form);
}

/// Appends a query, with or without its `?`: escaped, without its secrets.
pub(super) fn append_query(out: &mut Vec<u8>, query: &[u8], form: Form) {
    let is_separator = |octet: &u8| matches!(octet, b'&' | b';' | b'?' | b'#');
    let mut rest = query;
    while !rest.is_empty() {
        let end = rest.iter().position(is_separator).unwrap_or(rest.len());
        let (pair, behind) = rest.split_at(end);
        let taken = match secret_at(pair) {
            Some(at) => append_secret(out, rest, at, form),
            None => {
                append(out, pair, form);
                pair.len()
            }
        };
        let behind = rest.get(taken..).unwrap_or(behind);
        let (separator, behind) = behind.split_at(behind.len().min(1));
        append(out, separator, form);
        rest = behind;
    }
}

/// Where the value of a `key=value` begins, if it is secret.
fn secret_at(pair: &[u8]) -> Option<usize> {
    let at = memchr(b'=', pair)?;
    is_secret(pair.get(..at)?).then_some(at + 1)
}

/// Appends a key and what stands for its secret, and gives how many octets that were. Only `&` and `#` end a value for certain (RFC 3986 §3.4;
/// WHATWG URL §5.1): `;` and `?` may be part of it.
fn append_secret(out: &mut Vec<u8>, rest: &[u8], at: usize, form: Form) -> usize {
    let (key, value) = rest.split_at_checked(at).unwrap_or((rest, &[]));
    let length = memchr2(b'&', b'#', value).unwrap_or(value.len());
    append(out, key, form);
    if length > 0 {
        out.extend_from_slice(BLANK);
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

fn append_character(out: &mut Vec<u8>, character: char, form: Form) {
    let mut buffer = [0; 4];
    let octets = character.encode_utf8(&mut buffer).as_bytes();
    match (character, form) {
        ('"', Form::Quoted | Form::Json) => out.extend_from_slice(b"\\\""),
        ('\\', _) => out.extend_from_slice(b"\\\\"),
        (hidden, Form::Json) if is_hidden(hidden) => {
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                unit.to_be_bytes()
                    .into_iter()
                    .for_each(|octet| number::append_hex(out, octet));
            }
        }
        (hidden, _) if is_hidden(hidden) => {
            octets
                .iter()
                .for_each(|octet| append_octet(out, *octet, form));
        }
        _ => out.extend_from_slice(octets),
    }
}

fn append_octet(out: &mut Vec<u8>, octet: u8, form: Form) {
    out.extend_from_slice(if form == Form::Json { b"\\\\x" } else { b"\\x" });
    number::append_hex(out, octet);
}

/// Characters that act on the text around them instead of being seen: controls (also
/// those of C1, which terminals obey), direction marks, joiners, line separators, tags.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

const BLANK: &[u8] = b"***";
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
    fn eight_octets_at_a_time_give_what_one_at_a_time_gives() {
        let octets = [
            0, 0x1f, b' ', b'!', b'"', b'#', b'[', b'\\', b']', b'~', 0x7f, 0x80, 0xa2, 0xdc, 0xff,
        ];
        let mut state = 1_u64;
        for round in 0..100_000 {
            let mut sample = [b'a'; 24];
            for place in &mut sample {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let random = usize::try_from(state >> 40).unwrap_or_default();
                // Mostly plain, so that odd octets are found at every place.
                if random.is_multiple_of(1 + round % 20) {
                    *place = octets[random / 32 % octets.len()];
                }
            }
            let plainly = sample.iter().take_while(|octet| is_plain(**octet)).count();
            assert_eq!(plain_length(&sample), plainly, "{sample:?}");
        }
    }
}
