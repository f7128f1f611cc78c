//! White space and tokens, as the scanner needs them.

pub(crate) use semantics::fields::list::{is_token, is_token_octet};

/// SP or HTAB.
#[inline]
pub(crate) fn is_space(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
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
