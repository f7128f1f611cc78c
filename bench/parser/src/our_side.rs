//! Our parser.

/// Parses one request head; the number of octets it took.
#[inline(never)]
pub fn ours(octets: &[u8]) -> usize {
    let _ = octets;
    0
}
