//! Our parser.

use std::cell::RefCell;

use http1::scan::{Progress, Scan, request_head};
use semantics::RequestIndex;

thread_local! {
    static INDEX: RefCell<RequestIndex> = RefCell::default();
}

/// Reads one request head as the server does, up to the spans, known fields and anomalies; the number of octets it took.
#[inline(never)]
pub fn ours(octets: &[u8]) -> usize {
    INDEX.with_borrow_mut(
        |index| match request_head(octets, &mut Progress::default(), index) {
            Scan::Complete => index.octets,
            Scan::Partial => 0,
        },
    )
}

/// The same through the server's machine, which also judges Host and framing and applies its policy.
#[inline(never)]
pub fn machine(octets: &[u8]) -> usize {
    thread_local! {
        static SCRATCH: RefCell<http1::Scratch> = RefCell::default();
        static POLICY: http1::Policy = http1::Policy::strict();
    }
    SCRATCH.with_borrow_mut(|scratch| {
        POLICY.with(|policy| {
            let mut input = octets;
            match http1::Server::new().poll_event(policy, scratch, &mut input) {
                Some(semantics::Event::Head { .. }) => octets.len() - input.len(),
                _ => 0,
            }
        })
    })
}
