//! Requests without connections, for the tests of this folder.

use engine::{Exchange, Lent};
use net::{Now, Peer};
use semantics::{RequestHead, RequestIndex};
use std::net::SocketAddr;

/// Calls `act` with the head of a request.
pub(crate) fn with_head<T>(request: &str, act: impl FnOnce(RequestHead<'_>) -> T) -> T {
    let mut index = RequestIndex::default();
    let scan = http1::scan::request_head(request.as_bytes(), &mut Default::default(), &mut index);
    assert_eq!(
        scan,
        http1::scan::Scan::Complete,
        "the test's own request is incomplete"
    );
    act(RequestHead::new(request.as_bytes(), &index))
}

/// What an exchange is marked by when `act` is done with it.
pub(crate) fn with_mark(request: &str, act: impl FnOnce(&mut Exchange<'_>)) -> Option<u64> {
    with_head(request, |head| {
        let client = Peer::from(SocketAddr::from(([127, 0, 0, 1], 4711)));
        let mut lent = Lent::default();
        act(&mut Exchange::for_test(
            head,
            client,
            Now::read(),
            &mut lent,
        ));
        lent.mark
    })
}

/// Calls `act` with the exchange of a request from 127.0.0.1.
pub(crate) fn with_exchange<T>(request: &str, act: impl FnOnce(&mut Exchange<'_>) -> T) -> T {
    with_head(request, |head| {
        let client = Peer::from(SocketAddr::from(([127, 0, 0, 1], 4711)));
        let mut lent = Lent::default();
        act(&mut Exchange::for_test(
            head,
            client,
            Now::read(),
            &mut lent,
        ))
    })
}
