//! Numbers as text, appended without allocating.

use std::io::Write as _;
use std::net::IpAddr;

/// Appends a number in decimal.
pub(super) fn append(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; DIGITS_MAX];
    let mut left = number;
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
        count += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - count..).unwrap_or_default());
}

/// The last `N` digits of a number.
pub(super) fn digits<const N: usize>(number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    let mut left = number;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
    digits
}

/// Appends an IP address; that of version 4 without the formatting machinery.
pub(super) fn append_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets().map(u64::from);
            append(out, a);
            for octet in [b, c, d] {
                out.push(b'.');
                append(out, octet);
            }
        }
        // Writing to a vector does not fail.
        IpAddr::V6(ip) => drop(write!(out, "{ip}")),
    }
}

/// Of `u64::MAX`.
const DIGITS_MAX: usize = 20;

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
