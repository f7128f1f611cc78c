//! Laws that hold for any octets, where testkit has none.

/// Any octets are a number of lines.
pub fn config(data: &[u8]) {
    let _ = data.split(|octet| *octet == b'\n').count();
}
