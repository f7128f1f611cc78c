//! Numbers as text, appended without allocating.

/// Appends a number in decimal.
pub(super) fn append(out: &mut Vec<u8>, number: u64) {
    append_padded(out, number, 1);
}

/// Appends a number in decimal with leading zeros up to a width.
pub(super) fn append_padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = out.len();
    while number > 0 || out.len() - start < width {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// Appends an octet as two hexadecimal digits.
pub(super) fn append_hex(out: &mut Vec<u8>, octet: u8) {
    for digit in [octet >> 4, octet & 15] {
        out.push(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        });
    }
}
