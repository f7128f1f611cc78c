//! Heads for tests, as the machines read them.

use http1::scan;
use semantics::{RequestHead, RequestIndex, ResponseIndex, ResponseView};

/// Calls with a request head.
pub(crate) fn with_request<R>(octets: &str, call: impl FnOnce(RequestHead<'_>) -> R) -> R {
    let mut index = RequestIndex::default();
    scan::request_head(
        octets.as_bytes(),
        &mut scan::Progress::default(),
        &mut index,
    );
    call(RequestHead::new(octets.as_bytes(), &index))
}

/// Calls with a response head.
pub(crate) fn with_response<R>(octets: &str, call: impl FnOnce(ResponseView<'_>) -> R) -> R {
    let mut index = ResponseIndex::default();
    scan::response_head(
        octets.as_bytes(),
        &mut scan::Progress::default(),
        &mut index,
    );
    call(ResponseView::new(octets.as_bytes(), &index))
}
