//! httparse at its best: headers not initialised, SIMD chosen at run time.

use std::mem::MaybeUninit;

/// Parses one request head; the number of octets it took.
#[inline(never)]
pub fn theirs(octets: &[u8]) -> usize {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(octets, &mut headers) {
        Ok(httparse::Status::Complete(consumed)) => {
            std::hint::black_box(&request);
            consumed
        }
        _ => 0,
    }
}

const HEADERS_MAX: usize = 100;
