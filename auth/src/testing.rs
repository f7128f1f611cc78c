//! Exchanges without connections, for the tests of this crate.

use engine::{Exchange, Incoming, Lent};
use net::{Now, Peer};
use semantics::{RequestHead, RequestIndex};

/// Calls `act` with the exchange that a request's head makes, at the present time.
pub(crate) fn with_exchange<T>(request: &str, act: impl FnOnce(&mut Exchange<'_>) -> T) -> T {
    with_content(request, None, act)
}

/// The same for a request whose content has come.
pub(crate) fn with_content<T>(
    request: &str,
    incoming: Option<Incoming>,
    act: impl FnOnce(&mut Exchange<'_>) -> T,
) -> T {
    let mut index = RequestIndex::default();
    let scan = http1::scan::request_head(request.as_bytes(), &mut Default::default(), &mut index);
    assert_eq!(
        scan,
        http1::scan::Scan::Complete,
        "the test's own request is incomplete"
    );
    let client = Peer::from(std::net::SocketAddr::from(([127, 0, 0, 1], 4711)));
    let head = RequestHead::new(request.as_bytes(), &index);
    let mut lent = Lent {
        incoming,
        ..Lent::default()
    };
    act(&mut Exchange::for_test(
        head,
        client,
        Now::read(),
        &mut lent,
    ))
}
