//! White space and tokens, as the scanner needs them.

pub(crate) use semantics::fields::list::{is_token, is_token_octet};

/// SP or HTAB.
#[inline]
pub(crate) fn is_space(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// Whether there is an octet that may not stand in a field value: a control but HTAB (RFC 9110 §5.5). Eight at a time, for
/// nearly every value has none.
#[inline]
pub(crate) fn has_control(octets: &[u8]) -> bool {
    let (words, rest) = octets.as_chunks::<8>();
    let mut suspects = 0;
    for word in words {
        suspects |= suspect(u64::from_le_bytes(*word));
    }
    // What lies behind the last whole word, filled up by what is none.
    let mut last = [b' '; 8];
    if let Some(place) = last.get_mut(..rest.len()) {
        place.copy_from_slice(rest);
    }
    suspects |= suspect(u64::from_le_bytes(last));
    suspects != 0 && octets.iter().any(|&octet| is_control(octet))
}

/// Not zero if a word may have a control: HTAB too, and never where there is none below 0x80.
#[inline]
fn suspect(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word ^ (ONES * 0x7f);
    (below_space | (delete.wrapping_sub(ONES) & !delete)) & TOPS
}

#[inline]
fn is_control(octet: u8) -> bool {
    (octet < 0x20 && octet != b'\t') || octet == 0x7f
}

/// The octets without SP and HTAB at the end.
#[inline]
pub(crate) fn trim_end(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., last] = octets
        && is_space(*last)
    {
        octets = rest;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_found_at_every_place_and_nothing_else_is() {
        for len in 0..40 {
            for place in 0..len {
                for octet in 0..=255 {
                    let mut octets = vec![b'a'; len];
                    octets[place] = octet;
                    assert_eq!(has_control(&octets), is_control(octet), "{octets:?}");
                    octets[len - 1 - place] = b'\t';
                    let is_left = octets[place] == octet && octet != b'\t';
                    assert_eq!(has_control(&octets), is_left && is_control(octet));
                }
            }
        }
    }
}
