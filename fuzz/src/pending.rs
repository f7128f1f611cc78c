//! Laws that hold for any octets, where testkit has none.

/// Any octets are a number of lines.
pub fn request_head(data: &[u8]) {
    let _ = data.split(|octet| *octet == b'\n').count();
}

pub use request_head as response_head;
pub use request_head as chunks;
pub use request_head as server_machine;
pub use request_head as target;
pub use request_head as fields;
pub use request_head as config;
